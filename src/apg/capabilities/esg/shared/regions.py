"""Names and codes of countries as publishers write them, to ISO 3166 codes (CLDR, by babel)."""

from functools import lru_cache

from babel import Locale
from babel.core import get_global

from apg.capabilities.esg.shared.factor import WORLD

# Spellings of publishers that CLDR's English names do not have.
_OTHER_NAMES = {
	"uk": "GB",
	"usa": "US",
	"turkey": "TR",
	"czech republic": "CZ",
	"slovak republic": "SK",
	"russian federation": "RU",
	"chinese taipei": "TW",
	"hong kong, china": "HK",
	"hong kong": "HK",
	"china (hong kong)": "HK",
	"people's rep. of china": "CN",
	"korea": "KR",
	"viet nam": "VN",
	"eu (average)": "EU",
	"world": WORLD,
}
_OTHER_CODES = {"XKX": "XK"}


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
	territories = Locale("en").territories
	return {
		**{name.casefold(): code for code, name in territories.items() if len(code) == 2},
		**_OTHER_NAMES,
	}


def region_named(name: str) -> str | None:
	"""The code of a country by its English name."""
	return _names().get(name.casefold().strip())


def region_coded(code: str) -> str | None:
	"""ISO 3166-1 alpha-2 for a code of two or three letters, ISO 3166-2 as it is, 001 the world."""
	text = code.strip().upper()
	if text in (WORLD, "GLO", "WORLD", "WLD"):
		return WORLD
	country, _dash, part = text.partition("-")
	if len(country) == 3:
		aliases = get_global("territory_aliases").get(country)
		country = aliases[0] if aliases else _OTHER_CODES.get(country, "")
	if len(country) != 2 or country not in Locale("en").territories:
		return None
	if part and not (part.isalnum() and len(part) <= 3):
		return None
	return f"{country}-{part}" if part else country


def region_label(code: str, locale: str = "en") -> str:
	"""The name of a region for a person; a code without one stays."""
	name = Locale.parse(locale).territories.get(code.partition("-")[0])
	return f"{name} ({code})" if name and "-" in code else name or code
