"""Cells of a table of factors: numbers, units, and activity codes made of names."""

import re
import unicodedata
from decimal import Decimal, InvalidOperation

from apg.platform.reference.unit_table import Dimension
from apg.platform.reference.units import AmbiguousUnit, UnitError, unit

_NUMBER = re.compile(r"[+-]?\d{1,30}(\.\d{0,40})?([eE][+-]?\d{1,3})?\Z", re.ASCII)
FUELS = ("fuels", "bioenergy", "wtt.fuels", "wtt.bioenergy")


def number_of(text: str) -> Decimal | None:
	"""The number a cell holds, with all its digits; None where it is no number."""
	if not _NUMBER.match(text):
		return None
	try:
		value = Decimal(text)
	except InvalidOperation:
		return None
	return value if value.is_finite() and (not value or abs(value.adjusted()) <= 60) else None


def slug(text: str) -> str:
	"""A part of an activity code: lower-case letters, digits and low lines."""
	folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
	return re.sub(r"[^a-z0-9]+", "_", folded).strip("_")[:80]


def code_of(*parts: str) -> str:
	"""An activity code from names, general to special; one that repeats the last is left out."""
	found: list[str] = []
	for word in map(slug, parts):
		if word and (not found or found[-1] != word):
			found.append(word)
	return ".".join(found)


def unit_of(text: str, *, fuel: bool) -> tuple[str, str]:
	"""The symbol, and why the unit is refused: `unit_unknown`, `unit_ambiguous`, or `calorific_basis`
	for energy of a fuel that is neither gross nor net; empty where it is not."""
	try:
		held = unit(text)
	except UnitError as error:
		ambiguous = isinstance(error, AmbiguousUnit)
		return text[:64], "unit_ambiguous" if ambiguous else "unit_unknown"
	if fuel and held.dimension == Dimension.ENERGY:
		return held.symbol, "calorific_basis"
	return held.symbol, ""


def is_fuel(activity_code: str) -> bool:
	"""Whether energy under the code is burnt, so that its calorific basis matters."""
	return any(activity_code == code or activity_code.startswith(f"{code}.") for code in FUELS)
