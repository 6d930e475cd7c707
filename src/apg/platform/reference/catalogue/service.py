"""Units for other capabilities and for programs; nothing here needs the database."""

from collections.abc import Collection, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Any

from apg.kernel.errors import Invalid
from apg.kernel.texts import _
from apg.kernel.web.wire import parse_amount
from apg.platform.reference import units
from apg.platform.reference.unit_table import UNITS, Dimension

SHOWN = Context(prec=20, rounding=ROUND_HALF_EVEN)


class Catalogue:
	"""The provider of the port Units."""

	def symbol(self, text: str, *, field: str = "unit") -> str:
		return units.unit(text, field=field).symbol

	def dimension(self, text: str, *, field: str = "unit") -> str:
		return units.unit(text, field=field).dimension.value

	def convert(self, value: Decimal, source: str, target: str) -> Decimal:
		return units.convert(value, source, target)

	def factors(self, pairs: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], Fraction]:
		found: dict[tuple[str, str], Fraction] = {}
		for pair in set(pairs):
			try:
				found[pair] = units.factor(*pair)
			except units.UnitError:
				continue
		return found


def listed(dimension: str | None = None, search: str | None = None) -> list[dict[str, Any]]:
	"""The catalogue, by dimension and symbol. Raises Invalid for a dimension that is none."""
	if dimension is not None and dimension not in set(Dimension):
		known = ", ".join(Dimension)
		raise Invalid.one("dimension", _("is not one of: {known}", known=known), "dimension")
	wanted = (search or "").casefold().strip()
	return [
		{
			"symbol": one.symbol,
			"name": one.name,
			"dimension": one.dimension.value,
			"factor": str(one.factor),
			"offset": str(one.offset),
			"aliases": list(one.aliases),
		}
		for one in UNITS
		if dimension in (None, one.dimension.value)
		and any(wanted in text.casefold() for text in (one.symbol, one.name, *one.aliases))
	]


def converted(value: str, source: str, target: str) -> dict[str, Any]:
	"""A value in another unit. Raises Invalid that names the field."""
	try:
		amount = parse_amount(value)
	except ValueError:
		raise Invalid.one("value", _("must be a number such as 12.5")) from None
	old, new = units.unit(source, field="source"), units.unit(target, field="target")
	result = units.convert(amount, source, target)
	try:
		factor = str(units.factor(source, target))
	except units.UnitError:
		factor = None
	return {
		"value": amount,
		"source": old.symbol,
		"target": new.symbol,
		"result": SHOWN.plus(result),
		"factor": factor,
	}


def dimensions() -> list[str]:
	"""What units measure, in the order of the catalogue."""
	return [one.value for one in Dimension]
