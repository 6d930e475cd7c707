"""What a single line of a structure asks for: quantity kinds and the required quantity, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from apg.capabilities.plm.shared.errors import DomainError

MICRO = 1_000_000
"""Quantities, attrition, setup and rounding are NUMERIC(18,6): whole numbers of 10⁻⁶."""

LARGEST = 10**18 - 1
"""The largest number of 10⁻⁶ that NUMERIC(18,6) holds; it fits 64 bits."""


class QuantityKind(StrEnum):
	"""How the quantity of a line is meant.

	per: for each unit of the parent.
	fixed: once for each build lot of the parent, however large the lot.
	as_required: decided on the shop floor; whatever number stands beside it, the quantity is unknown.
	bulk: for each unit of the parent, drawn from floor stock: no setup and no rounding.
	reference: shown, never counted (a drawing, a tool, a related product).
	"""

	PER = "per"
	FIXED = "fixed"
	AS_REQUIRED = "as_required"
	BULK = "bulk"
	REFERENCE = "reference"


KIND_CODES: dict[QuantityKind, int] = {kind: code for code, kind in enumerate(QuantityKind)}
"""Small integers for arrays, in the order of the enum: per 0 … reference 4."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BomLine:
	"""One line as people write it; arrays for a million of them are `Structure.from_arrays`.

	`quantity`, `setup` and `rounding` are in the line's unit, `attrition` is a fraction (0.02 = 2 %),
	`conversion` is the number of the child's base units in one line unit. None as quantity: unknown.
	"""

	parent: str
	child: str
	quantity: Decimal | int | None
	line: str | None = None
	kind: QuantityKind = QuantityKind.PER
	attrition: Decimal | int = 0
	setup: Decimal | int = 0
	rounding: Decimal | int = 0
	conversion: Fraction | Decimal | int = 1


def to_micro(field: str, value: Decimal | int) -> int:
	"""The value as a whole number of 10⁻⁶; refuses what NUMERIC(18,6) would round or overflow."""
	scaled = (
		Fraction(value) * MICRO if not isinstance(value, Decimal) or value.is_finite() else None
	)
	if scaled is None or scaled.denominator != 1:
		raise DomainError(field, f"{value} has more than 6 decimals", "Round it to 6 decimals.")
	if not 0 <= scaled.numerator <= LARGEST:
		raise DomainError(field, f"{value} is out of range", "Give 0 up to 999,999,999,999.999999.")
	return scaled.numerator


def required_quantity(
	kind: QuantityKind,
	quantity: int | None,
	*,
	attrition: int = 0,
	setup: int = 0,
	rounding: int = 0,
	conversion: Fraction = Fraction(1),
	lot: int = 1,
) -> Fraction | None:
	"""Child base units that one parent unit takes when `lot` units are built together.

	For the lot: quantity·lot (per, bulk) or quantity (fixed), times 1 + attrition, plus setup, rounded
	up to a whole multiple of `rounding` when that is set; then divided by the lot and converted.
	All integers are numbers of 10⁻⁶. A quantity of 0 takes nothing, setup included. None: unknown.
	"""
	if kind is QuantityKind.REFERENCE or (quantity == 0 and kind is not QuantityKind.AS_REQUIRED):
		return Fraction(0)
	if kind is QuantityKind.AS_REQUIRED or quantity is None:
		return None
	if kind is QuantityKind.BULK:
		setup = rounding = 0
	base = quantity if kind is QuantityKind.FIXED else quantity * lot
	# In units of 10⁻¹², so that quantity times attrition stays a whole number.
	needed = base * (MICRO + attrition) + setup * MICRO
	if rounding:
		step = rounding * MICRO
		needed = -(-needed // step) * step
	return Fraction(needed, MICRO * MICRO * lot) * conversion
