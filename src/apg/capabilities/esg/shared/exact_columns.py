"""Products of many quantities with few multipliers: by columns, and exact to the last digit kept.

A float product names a candidate; what is left of the true product is computed modulo 2^64 in whole
numbers, which is exact because it is small, and settles the rounding (half to even). Rows that this
cannot prove go through Python's own whole numbers. The result equals `round(Fraction)` throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

from apg.kernel.later import numpy as np

if TYPE_CHECKING:
	from numpy.typing import NDArray


PLACES = 9
"""Digits after the point of every result."""
SCALE = 6
"""Digits after the point of every quantity that goes in."""
QUANTUM = Decimal(1).scaleb(-PLACES)

Whole: TypeAlias = "NDArray[np.int64]"
Real: TypeAlias = "NDArray[np.float64]"
_STEP = Fraction(10 ** (PLACES - SCALE))
_BLOCK = 16_384
_UNROUNDED = Context(prec=400)  # the usual one would cut a figure to 28 digits
_LARGEST = 1 << 63
_FITS = 1 << 61  # a divisor below this leaves room for the remainder
_BINARY = 52  # bits after the point of a multiplier that is too long to be held whole
_ROOM = float(1 << 62)
_ERROR = float(1 << 51)  # a candidate is wrong by at most one part in this


@dataclass(frozen=True, slots=True)
class _Column:
	"""The multipliers of one result: numerator and divisor modulo 2^64, as float, and how large a
	candidate may become before the remainder would no longer be exact."""

	exact: tuple[Fraction, ...]
	numerators: Whole
	divisors: Whole
	floats: Real
	largest: Real
	rounded: bool


def quanta(value: Fraction) -> int:
	"""The value in units of the last digit kept, half to even."""
	return round(value * 10**PLACES)


def amount(units: int) -> Decimal:
	return Decimal(units).scaleb(-PLACES, _UNROUNDED)


def micro(quantity: Decimal) -> int | None:
	"""The quantity in units of its last digit, where it has at most six and fits 63 bits."""
	scaled = quantity.scaleb(SCALE, _UNROUNDED)
	units = int(scaled)
	return units if units == scaled and -_LARGEST < units < _LARGEST else None


def _column(multipliers: Sequence[Fraction]) -> _Column:
	numerators: list[int] = []
	divisors: list[int] = []
	floats: list[float] = []
	largest: list[float] = []
	rounded = False
	for multiplier in multipliers:
		step = multiplier * _STEP
		numerator, divisor = step.numerator, step.denominator
		if divisor >= _FITS:
			numerator, divisor = round(step * (1 << _BINARY)), 1 << _BINARY
			rounded = True
		numerators.append((numerator + (1 << 63)) % (1 << 64) - (1 << 63))
		divisors.append(divisor)
		floats.append(float(step))
		largest.append(min(_ROOM, (_ROOM / divisor - 1.0) * _ERROR))
	return _Column(
		tuple(multipliers),
		np.array(numerators, np.int64),
		np.array(divisors, np.int64),
		np.array(floats, np.float64),
		np.array(largest, np.float64),
		rounded,
	)


class Multipliers:
	"""A table of multipliers: one row for each plan, one column for each result."""

	def __init__(self, columns: Sequence[Sequence[Fraction]]) -> None:
		self._columns = [_column(column) for column in columns]

	def times(self, quantities: Whole, plans: NDArray[np.intp]) -> list[NDArray[np.generic]]:
		"""For each column `quantities * multiplier[plan]` in units of 1e-9, exactly rounded.

		`quantities` in units of 1e-6. A column is int64, or of whole numbers of any size where one of
		its values needs more than 63 bits.
		"""
		found: list[NDArray[np.generic]] = []
		out = [np.empty(len(quantities), np.int64) for _column in self._columns]
		doubtful: list[list[Whole]] = [[] for _column in self._columns]
		for start in range(0, len(quantities), _BLOCK):
			rows = slice(start, start + _BLOCK)
			whole, plan = quantities[rows], plans[rows]
			real = whole.astype(np.float64)
			for number, column in enumerate(self._columns):
				doubt = _block(column, whole, real, plan, out[number][rows])
				if doubt is not None:
					doubtful[number].append(doubt + start)
		for column, values, doubts in zip(self._columns, out, doubtful, strict=True):
			found.append(_settled(column, quantities, plans, values, doubts))
		return found


def _block(
	column: _Column, whole: Whole, real: Real, plan: NDArray[np.intp], out: Whole
) -> Whole | None:
	"""Fills `out`; answers the rows it cannot prove."""
	candidate = real * column.floats[plan]
	np.rint(candidate, out=candidate)
	size = np.abs(candidate)
	beyond = None
	if size.size and size.max() >= column.largest.min():
		mask = size >= column.largest[plan]
		if mask.any():
			beyond = mask
			candidate[mask] = 0.0
	out[:] = candidate
	divisor = column.divisors[plan]
	# Whole numbers wrap around silently; what is left is small, so nothing of it is lost.
	rest = whole * column.numerators[plan]
	rest -= out * divisor
	twice = np.abs(rest)
	twice += twice
	unclear = twice >= divisor
	if unclear.any():
		_carry(out, rest, divisor, np.flatnonzero(unclear))
	doubt = beyond
	if column.rounded:
		# The multiplier itself was rounded: by less than half a unit of the divisor for each one
		# of the quantity, so a rest that comes near a half is decided by the true one.
		rest = whole * column.numerators[plan]
		rest -= out * divisor
		near = np.abs(np.abs(rest) * 2 - divisor) - 2 <= np.abs(whole)
		doubt = near if beyond is None else near | beyond
		if not doubt.any():
			return None
	return None if doubt is None else np.flatnonzero(doubt)


def _carry(out: Whole, rest: Whole, divisor: Whole, rows: NDArray[np.intp]) -> None:
	"""Moves the candidates of these rows to the nearest whole number, of two equally near to the
	even one."""
	left, by = rest[rows], divisor[rows]
	down = left // by
	over = left - down * by
	value = out[rows] + down
	half = over + over - by
	value += (half > 0) | ((half == 0) & (value & 1 == 1))
	out[rows] = value


def _settled(
	column: _Column,
	quantities: Whole,
	plans: NDArray[np.intp],
	values: Whole,
	doubts: list[Whole],
) -> NDArray[np.generic]:
	if not doubts:
		return values
	rows = np.concatenate(doubts)
	exact = [
		round(int(quantities[row]) * column.exact[plans[row]] * _STEP) for row in rows.tolist()
	]
	if any(abs(one) >= 1 << 63 for one in exact):
		large = values.astype(object)
		large[rows] = exact
		return large
	values[rows] = exact
	return values
