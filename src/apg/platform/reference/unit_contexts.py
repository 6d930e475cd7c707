"""Conversions that need to know what is measured: each by name, with its ratio and its source.

Gross and net calorific value differ by the heat of the water a fuel's hydrogen burns to, so the
ratio belongs to the fuel, never to the unit. A context is stated by whoever records the figure,
and stands in the record of every conversion it made.
"""

from dataclasses import dataclass
from fractions import Fraction

from apg.kernel.texts import N_, _
from apg.platform.reference.unit_table import Dimension
from apg.platform.reference.units import IncompatibleUnits, UnitError, factor, unit


@dataclass(frozen=True, slots=True)
class Context:
	"""One base unit of `source` is `ratio` base units of `target`; the way back is the inverse."""

	name: str
	title: str
	source: Dimension
	target: Dimension
	ratio: Fraction
	reference: str


_IPCC = "2006 IPCC Guidelines for National Greenhouse Gas Inventories, volume 2, section 1.4.1.2"
CONTEXTS: dict[str, Context] = {
	context.name: context
	for context in (
		Context(
			"natural_gas_calorific_basis",
			N_("Natural gas: net is 90 % of gross"),
			Dimension.ENERGY_GROSS,
			Dimension.ENERGY_NET,
			Fraction(9, 10),
			_IPCC,
		),
		Context(
			"liquid_fuel_calorific_basis",
			N_("Oil and its products: net is 95 % of gross"),
			Dimension.ENERGY_GROSS,
			Dimension.ENERGY_NET,
			Fraction(19, 20),
			_IPCC,
		),
		Context(
			"coal_calorific_basis",
			N_("Coal: net is 95 % of gross"),
			Dimension.ENERGY_GROSS,
			Dimension.ENERGY_NET,
			Fraction(19, 20),
			_IPCC,
		),
	)
}


@dataclass(frozen=True, slots=True)
class Conversion:
	"""One step as it is recorded: one `source` is exactly `factor` of `target`, by which context."""

	source: str
	target: str
	factor: Fraction
	context: str | None = None


def context_of(name: str, *, field: str = "conversion_context") -> Context:
	"""The context of this name. Raises UnitError that names them all."""
	if found := CONTEXTS.get(name):
		return found
	raise UnitError(
		_("There is no conversion “{name}”.", name=name[:40]),
		_("Use one of {names}.", names=", ".join(CONTEXTS)),
		field=field,
	)


def conversion(source: str, target: str, context: str | None = None) -> Conversion | None:
	"""The step from one unit to another, or None where they are one unit.

	Units of one dimension need no context and use none. Raises IncompatibleUnits where no context
	leads from the one to the other, UnknownUnit, AmbiguousUnit.
	"""
	old, new = unit(source), unit(target)
	if old is new:
		return None
	if old.dimension == new.dimension or context is None:
		return Conversion(old.symbol, new.symbol, factor(source, target))
	held = context_of(context)
	if (old.dimension, new.dimension) == (held.source, held.target):
		ratio = held.ratio
	elif (old.dimension, new.dimension) == (held.target, held.source):
		ratio = 1 / held.ratio
	else:
		raise IncompatibleUnits(
			_(
				"{context} does not lead from {source} to {target}.",
				context=held.name,
				source=old.symbol,
				target=new.symbol,
			),
			_(
				"Choose the conversion that fits the fuel, or record the quantity in the other unit."
			),
		)
	return Conversion(old.symbol, new.symbol, old.factor * ratio / new.factor, held.name)


def ways_from(symbol: str, context: str | None) -> tuple[str, ...]:
	"""A unit of each dimension the quantity can be turned into: its own, and by the context another."""
	own = unit(symbol)
	if context is None:
		return (own.symbol,)
	held = context_of(context)
	other = {held.source: held.target, held.target: held.source}.get(own.dimension)
	return (own.symbol,) if other is None else (own.symbol, _BASES[other])


_BASES = {Dimension.ENERGY_GROSS: "kWh (gross CV)", Dimension.ENERGY_NET: "kWh (net CV)"}
