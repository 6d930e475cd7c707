"""The same roll-up in fractions for a single root, and the rounding of recorded values."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

from apg.capabilities.plm.shared.figures import Figures
from apg.capabilities.plm.shared.structure import Lots, Structure
from apg.kernel.later import numpy as np

TIE_DISTANCE = 1e-9
"""In units of the last recorded digit: closer to a tie than this, floats do not decide."""

RELATIVE_ERROR = 1e-12
"""What the float roll-up may be off by, relative to the sum of magnitudes."""


def roll_up_exact(structure: Structure, figures: Figures, root: str, *, lots: Lots = 1) -> Fraction:
	"""The known total of one root and one quantity without any rounding.

	Walks the distinct nodes below the root once, in Python: about a microsecond per line.
	"""
	top = structure.index(root)
	lot = structure.lot_of(lots)
	stopped = figures.stopped
	totals: dict[int, Fraction] = {}
	for node in structure.descendants(np.array([top])).tolist():
		total = figures.exact(node)
		if stopped is None or not stopped[node]:
			for line in structure.line_range(node):
				required = structure.required(line, int(lot[node]))
				if required:
					total += required * totals[int(structure.child[line])]
		totals[node] = total
	return totals[top]


def quantise(
	value: float, digits: int, exact: Callable[[], Fraction], scale: float | None = None
) -> Decimal:
	"""Half-even to `digits` decimals (negative: tens, hundreds); near a tie the exact value decides.

	`scale` is the sum of magnitudes behind the value (default: its own), which bounds its error.
	"""
	unit = Fraction(10) ** -digits
	shifted = Fraction(value) / unit  # exact: a float is a fraction
	reach = abs(value if scale is None else scale) / float(unit) * RELATIVE_ERROR
	distance = abs(shifted - shifted.__floor__() - Fraction(1, 2))
	if distance <= max(TIE_DISTANCE, reach):
		shifted = exact() / unit
	return Decimal(f"{round(shifted)}e{-digits}")
