"""Countries and regions by the codes of ISO 3166; the names come from CLDR."""

import re
from functools import lru_cache

from babel import Locale

from apg.capabilities.esg.shared.factor import WORLD
from apg.kernel.errors import Invalid
from apg.kernel.texts import _

# Two letters in CLDR that are no country of ISO 3166-1: unions, the unknown, test locales.
_NO_COUNTRY = frozenset({"EU", "EZ", "QO", "UN", "XA", "XB", "XK", "ZZ", "AC", "CP", "DG", "IC"})
_REGION = re.compile(r"[A-Z]{2}-[A-Z0-9]{1,3}")


@lru_cache(maxsize=8)
def countries(locale: str = "en") -> dict[str, str]:
	"""Name by code, sorted by name in the language asked for."""
	names = Locale.parse(locale, sep="-").territories
	found = {
		code: str(name)
		for code, name in names.items()
		if len(code) == 2
		and code.isalpha()
		and code not in _NO_COUNTRY
		and not code.startswith("EA")
	}
	return dict(sorted(found.items(), key=lambda pair: pair[1]))


def country(text: str, *, field: str = "country") -> str:
	"""The country code in capitals (ISO 3166-1 alpha-2). Raises Invalid."""
	code = text.strip().upper()
	if code not in countries():
		raise Invalid.one(
			field, _("“{text}” is no country; give its two letters, as GB or DE.", text=text[:20])
		)
	return code


def region(text: str, *, field: str = "region") -> str:
	"""A country, a subdivision (ISO 3166-2, as GB-SCT) or `001`, the world. Raises Invalid."""
	code = text.strip().upper()
	if code == WORLD or code in countries():
		return code
	if _REGION.fullmatch(code) and code[:2] in countries():
		return code
	raise Invalid.one(
		field,
		_(
			"“{text}” is no region; give a code as GB, GB-SCT, or 001 for the world.",
			text=text[:20],
		),
	)
