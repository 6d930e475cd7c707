"""Totals and quantities without any rounding, for structures small enough to be walked in Python.

About four microseconds a line. Larger structures take the floats of shared/bom_math.py.
"""

from decimal import Decimal
from fractions import Fraction

from apg.capabilities.plm.shared.figures import Figures
from apg.capabilities.plm.shared.levels import BoolArray, IntArray
from apg.capabilities.plm.shared.structure import Structure

MOST_LINES = 20_000
DIGITS = 6
QUANTITY_DIGITS = 12

Exact = dict[int, Fraction]


def decimal_of(value: Fraction, digits: int) -> Decimal:
	"""Half-even to so many decimals."""
	return Decimal(f"{round(value * 10**digits)}e{-digits}")


def quantity_of(value: Fraction | float) -> Decimal:
	"""A quantity for the wire: exact up to 12 decimals; of a float its 12 significant digits."""
	exactly = value if isinstance(value, Fraction) else Fraction(f"{value:.12g}")
	return decimal_of(exactly, QUANTITY_DIGITS)


def exact_totals(structure: Structure, figures: Figures, nodes: IntArray, lot: int) -> Exact:
	"""The known total of each node; `nodes` (ascending) hold all that is below any of them."""
	stopped = figures.stopped
	totals: Exact = {}
	for node in nodes.tolist():
		total = figures.exact(node)
		if stopped is None or not stopped[node]:
			for line in structure.line_range(node):
				required = structure.required(line, lot)
				if required:
					total += required * totals[int(structure.child[line])]
		totals[node] = total
	return totals


def exact_amounts(
	structure: Structure, root: int, nodes: IntArray, lot: int, stopped: BoolArray | None = None
) -> Exact:
	"""How much of each node one unit of the root takes; `nodes` as `Structure.descendants` gives."""
	amounts: Exact = dict.fromkeys(nodes.tolist(), Fraction(0))
	amounts[root] = Fraction(1)
	for node in nodes[::-1].tolist():
		amount = amounts[node]
		if not amount or (stopped is not None and stopped[node]):
			continue
		for line in structure.line_range(node):
			required = structure.required(line, lot)
			if required:
				amounts[int(structure.child[line])] += required * amount
	return amounts


def exact_uses(structure: Structure, item: int, nodes: IntArray, lot: int) -> Exact:
	"""How much of the item one unit of each node takes; `nodes` as `Structure.ancestors` gives."""
	uses: Exact = {item: Fraction(1)}
	for node in nodes.tolist():
		if node == item:
			continue
		total = Fraction(0)
		for line in structure.line_range(node):
			below = uses.get(int(structure.child[line]))
			if below and (required := structure.required(line, lot)):
				total += required * below
		uses[node] = total
	return uses
