"""Languages: `_()` for every text a person reads, the locale of the moment, the catalogues."""

import gettext
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path

DEFAULT_LOCALE = "en"
locale_of_moment: ContextVar[str] = ContextVar("locale_of_moment", default=DEFAULT_LOCALE)
_folders: list[Path] = []


def add_catalogue(folder: Path) -> None:
	"""Adds a `locales` folder (`<locale>/LC_MESSAGES/apg.mo`); mounting calls it per capability."""
	if folder.is_dir() and folder not in _folders:
		_folders.append(folder)
		forget()


def forget() -> None:
	"""Reads the catalogues again when they are next asked for."""
	_catalogue.cache_clear()
	known_locale.cache_clear()


@lru_cache(maxsize=64)
def known_locale(text: str) -> str:
	"""A language that somebody asked for, if there is a catalogue of it; else the default."""
	if not (text.isascii() and text.isalpha() and len(text) <= 3):
		return DEFAULT_LOCALE
	found = any((folder / text / "LC_MESSAGES" / "apg.mo").is_file() for folder in _folders)
	return text if found else DEFAULT_LOCALE


@lru_cache(maxsize=64)
def _catalogue(locale: str) -> gettext.NullTranslations:
	found: gettext.NullTranslations = gettext.NullTranslations()
	for folder in _folders:
		loaded = gettext.translation("apg", folder, languages=[locale], fallback=True)
		loaded.add_fallback(found)
		found = loaded
	return found


def N_(message: str) -> str:
	"""Marks a text of a table for the catalogue; it is translated where it is shown."""
	return message


def translate(message: str, locale: str | None = None) -> str:
	"""The message in the given locale, or in that of the request being answered."""
	return _catalogue(locale or locale_of_moment.get()).gettext(message)


def _(message: str, /, **values: object) -> str:
	"""Translates, then fills in `{named}` values: `_("{n} items", n=3)`."""
	text = translate(message)
	return text.format(**values) if values else text
