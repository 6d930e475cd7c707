"""The least and the most of one quantity, when other items may stand in on some lines.

Each line takes whichever of its child and the stand-ins gives the least (or the most); what is chosen
on one line does not bind another. The child itself is always among the choices, so the least is never
above the total of the roll-up, nor the most below it. A stand-in with gaps is no choice: its known part
is not its figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from apg.capabilities.plm.shared.bom_math import roll_up
from apg.capabilities.plm.shared.figures import Figures
from apg.capabilities.plm.shared.levels import BoolArray, FloatArray, IntArray
from apg.capabilities.plm.shared.structure import Lots, Structure
from apg.kernel.later import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Options:
	"""(k,) each: on `line` so many (`ratio`, base units for one of the child) of `node` may stand in."""

	line: IntArray
	node: IntArray
	ratio: tuple[Fraction, ...]

	@property
	def size(self) -> int:
		return self.line.size


@dataclass(frozen=True, slots=True)
class Reach:
	"""Least and most of one root; `skipped` choices lack figures."""

	least: Fraction
	most: Fraction
	skipped: int


def reach_of(
	structure: Structure, figures: Figures, options: Options, root: str, *, lots: Lots = 1
) -> Reach:
	"""Exact, in one walk over the distinct nodes below the root; a few microseconds a line."""
	top = structure.index(root)
	lot = structure.lot_of(lots)
	stopped = figures.stopped
	complete = _complete(structure, figures, lots)
	on_line: dict[int, list[int]] = {}
	for place, line in enumerate(options.line.tolist()):
		on_line.setdefault(line, []).append(place)
	least: dict[int, Fraction] = {}
	most: dict[int, Fraction] = {}
	skipped = 0
	for node in structure.descendants(np.array([top])).tolist():
		low = high = figures.exact(node)
		if stopped is None or not stopped[node]:
			for line in structure.line_range(node):
				required = structure.required(line, int(lot[node]))
				if not required:
					continue
				child = int(structure.child[line])
				lows, highs = [least[child]], [most[child]]
				for place in on_line.get(line, ()):
					other = int(options.node[place])
					if not complete[other]:
						skipped += 1
						continue
					lows.append(least[other] * options.ratio[place])
					highs.append(most[other] * options.ratio[place])
				low += required * min(lows)
				high += required * max(highs)
		least[node], most[node] = low, high
	return Reach(least[top], most[top], skipped)


def reaches(
	structure: Structure, figures: Figures, options: Options, *, lots: Lots = 1
) -> tuple[FloatArray, FloatArray]:
	"""Least and most of every node, (n,) each, in floats: for structures too large for the walk."""
	weight = structure.per_unit(lots)
	stopped = figures.stopped
	usable = _complete(structure, figures, lots)[options.node]
	order = np.flatnonzero(usable)
	order = order[np.argsort(options.line[order], kind="stable")]
	line, node = options.line[order], options.node[order]
	ratio = np.array([float(options.ratio[place]) for place in order.tolist()])
	own = np.where(figures.known, figures.values, 0.0)
	found: list[FloatArray] = []
	for choose in (np.minimum, np.maximum):
		total = own.copy()
		bounds = structure.level_first.tolist()
		for low, high in pairwise(bounds[1:]):
			first = structure.line_first[low : high + 1]
			begin, end = int(first[0]), int(first[-1])
			each = total[structure.child[begin:end]]
			some = slice(*np.searchsorted(line, [begin, end]).tolist())
			choose.at(each, line[some] - begin, total[node[some]] * ratio[some])
			sums = np.add.reduceat(each * weight[begin:end], first[:-1] - begin)
			if stopped is not None:
				sums[stopped[low:high]] = 0.0
			total[low:high] += sums
		found.append(total)
	return found[0], found[1]


def _complete(structure: Structure, figures: Figures, lots: Lots) -> BoolArray:
	return roll_up(structure, {"it": figures}, lots=lots)["it"].complete
