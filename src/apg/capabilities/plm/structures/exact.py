"""Totals and quantities without any rounding, for structures small enough to be walked in Python.

Whole numbers over one common denominator: what a line takes is `weight / scale`, so a number that went
through h levels stands over scale^h. About half a microsecond a line. Larger structures take the
floats of shared/bom_math.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import lcm

from apg.capabilities.plm.shared.levels import BoolArray, IntArray
from apg.capabilities.plm.shared.lines import KIND_CODES, MICRO, QuantityKind
from apg.capabilities.plm.shared.structure import Structure
from apg.kernel.later import numpy as np

MOST_LINES = 20_000
DIGITS = 6
QUANTITY_DIGITS = 12
ONE = Fraction(1)


def decimal_of(value: Fraction, digits: int) -> Decimal:
	"""Half-even to so many decimals."""
	return _decimal(value.numerator, value.denominator, digits)


def _decimal(numerator: int, denominator: int, digits: int) -> Decimal:
	whole, rest = divmod(numerator * 10**digits, denominator)
	twice = 2 * rest
	if twice > denominator or (twice == denominator and whole & 1):
		whole += 1
	return Decimal(f"{whole}e-{digits}")


def quantity_of(value: Fraction | float) -> Decimal:
	"""A quantity for the wire: exact up to 12 decimals; of a float its 12 significant digits."""
	exactly = value if isinstance(value, Fraction) else Fraction(f"{value:.12g}")
	return decimal_of(exactly, QUANTITY_DIGITS)


@dataclass(frozen=True, slots=True)
class Ratios:
	"""Exact numbers of nodes: `numerators` over a denominator that depends on the node's level."""

	numerators: Mapping[int, int]
	denominator: Callable[[int], int]

	def __getitem__(self, node: int) -> Fraction:
		return Fraction(self.numerators[node], self.denominator(node))

	def decimal(self, node: int, digits: int, times: Fraction = ONE) -> Decimal:
		"""`times` the number, half-even to so many decimals."""
		return _decimal(
			self.numerators[node] * times.numerator,
			self.denominator(node) * times.denominator,
			digits,
		)


class ExactWalk:
	"""Some nodes of a structure with all that is below them (or all above), ready to be walked.

	`nodes` ascend, as `Structure.descendants` and `ancestors` give them. Lines to other nodes do not
	count.
	"""

	def __init__(self, structure: Structure, nodes: IntArray, lot: int) -> None:
		self.structure = structure
		self.nodes: list[int] = nodes.tolist()
		levels = np.searchsorted(structure.level_first, nodes, side="right") - 1
		self._level: dict[int, int] = dict(zip(self.nodes, levels.tolist(), strict=True))
		self._lines, self.scale = self._weighed(lot)
		self._powers = [self.scale**level for level in range(structure.level_count + 1)]

	def _weighed(self, lot: int) -> tuple[dict[int, list[tuple[int, int]]], int]:
		"""For each node its (child, weight), and the scale of the weights."""
		structure, inside = self.structure, self._level
		special = _special(structure)
		found: list[tuple[int, int, int | Fraction]] = []
		scale = MICRO
		for node in self.nodes:
			for line in structure.line_range(node):
				child = int(structure.child[line])
				if child not in inside:
					continue
				if special[line]:
					required = structure.required(line, lot)
					if not required:
						continue
					scale = lcm(scale, required.denominator)
					found.append((node, child, required))
				elif (quantity := int(structure.quantity[line])) > 0:
					found.append((node, child, quantity))
		lines: dict[int, list[tuple[int, int]]] = {}
		factor = scale // MICRO
		for node, child, each in found:
			if isinstance(each, int):
				weight = each * factor
			else:
				weight = each.numerator * (scale // each.denominator)
			lines.setdefault(node, []).append((child, weight))
		return lines, scale

	def totals(self, own: Callable[[int], Fraction], stopped: BoolArray | None = None) -> Ratios:
		"""What each node has of its own, plus what its lines bring, from the leaves up."""
		given = {node: own(node) for node in self.nodes}
		common = lcm(*(each.denominator for each in given.values()), 1)
		powers, level, lines = self._powers, self._level, self._lines
		totals: dict[int, int] = {}
		for node in self.nodes:
			value, height = given[node], level[node]
			total = value.numerator * (common // value.denominator) * powers[height]
			if stopped is None or not stopped[node]:
				for child, weight in lines.get(node, ()):
					total += weight * totals[child] * powers[height - 1 - level[child]]
			totals[node] = total
		return Ratios(totals, lambda node: common * powers[level[node]])

	def amounts(self, root: int, stopped: BoolArray | None = None) -> Ratios:
		"""How much of each node one unit of the root takes, from the top down."""
		powers, level, lines = self._powers, self._level, self._lines
		top = level[root]
		amounts = dict.fromkeys(self.nodes, 0)
		amounts[root] = 1
		for node in reversed(self.nodes):
			amount, height = amounts[node], level[node]
			if not amount or (stopped is not None and stopped[node]):
				continue
			for child, weight in lines.get(node, ()):
				amounts[child] += amount * weight * powers[height - 1 - level[child]]
		return Ratios(amounts, lambda node: powers[top - level[node]])


def _special(structure: Structure) -> BoolArray:
	"""Lines that take anything else than their plain quantity for each unit of the parent."""
	return (
		(structure.kind != KIND_CODES[QuantityKind.PER])
		| (structure.attrition != 0)
		| (structure.setup != 0)
		| (structure.rounding != 0)
		| (structure.numerator != 1)
		| (structure.denominator != 1)
	)
