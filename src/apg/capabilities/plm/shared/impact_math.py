"""What swapping revisions does to everything above them, from arrays over the ancestors only.

Totals are sums over lines, so their differences are too. With b(x) the total of a node in the structure
as it stands and a(x) after each node F was swapped for its T:

	a(x) − b(x) = Σ lines of x: quantity · (a(child) − b(child))              x not swapped
	a(T) − b(F) = b(T) − b(F) + Σ lines of T: quantity · (a(child) − b(child))

b(T) is the total of the new revision in the structure as it stands. Nothing but the ancestors of what
is swapped has a difference, and what is beside them is never visited. Unrolled this reads: the
difference of an end item is the sum over the swaps of b(T) − b(F) times the amount of T that the end
item takes afterwards, which is how it is told line by line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise

from apg.capabilities.plm.shared.bom_math import Totals
from apg.capabilities.plm.shared.explosion import explode
from apg.capabilities.plm.shared.figures import Figures
from apg.capabilities.plm.shared.levels import BoolArray, FloatArray, IntArray
from apg.capabilities.plm.shared.structure import Structure
from apg.capabilities.plm.shared.sweeps import Column, sweep_up
from apg.kernel.later import numpy as np

SAME = 1e-9
"""Two sums of fingerprints nearer than this, relative, are of the same gaps."""


@dataclass(frozen=True, eq=False)
class Overlay:
	"""The ancestors of what is swapped, as they stand afterwards.

	`after` holds a nodes; `source` (a,) are their places in `base`; `swaps` maps places in base.
	A node that was swapped away stays where a line is pinned to it.
	"""

	base: Structure
	after: Structure
	source: IntArray
	swaps: Mapping[int, int]

	@classmethod
	def of(
		cls, base: Structure, swaps: Mapping[str, str], pinned: BoolArray | None = None
	) -> Overlay:
		"""`swaps` is by id, from → to; `pinned` (m,) marks lines that keep the revision they name.

		Raises CycleFound when a product would contain itself afterwards.
		"""
		old, new = base.indexes(list(swaps)), base.indexes(list(swaps.values()))
		affected = base.ancestors(np.unique(np.concatenate([old, new])))
		redirect = np.arange(base.node_count, dtype=np.int64)
		redirect[old] = new
		lines = base.lines_of(affected)
		child = base.child[lines]
		moved = redirect[child]
		if pinned is not None:
			moved = np.where(pinned[lines], child, moved)
		place = np.full(base.node_count, -1, dtype=np.int64)
		place[affected] = np.arange(affected.size)
		kept = place[moved] >= 0
		lines, moved = lines[kept], moved[kept]
		after = Structure.from_arrays(
			base.ids[affected],
			place[base.line_parents(lines)],
			place[moved],
			base.quantity[lines],
			kind=base.kind[lines],
			attrition=base.attrition[lines],
			setup=base.setup[lines],
			rounding=base.rounding[lines],
			numerator=base.numerator[lines],
			denominator=base.denominator[lines],
		)
		source = affected[after.node_order]
		return cls(base, after, source, dict(zip(old.tolist(), new.tolist(), strict=True)))

	@cached_property
	def place(self) -> IntArray:
		"""(n,) places in `after` by those in base, -1 for what is nowhere above a swap."""
		place = np.full(self.base.node_count, -1, dtype=np.int64)
		place[self.source] = np.arange(self.source.size)
		return place

	def ends(self) -> list[tuple[int, int]]:
		"""Products that nothing contains afterwards: (place in base before, place in `after`)."""
		first = self.after.uses[0]
		came_from = {new: old for old, new in self.swaps.items()}
		found: list[tuple[int, int]] = []
		for at in np.flatnonzero(first[1:] == first[:-1]).tolist():
			node = int(self.source[at])
			if self.swaps.get(node, node) == node:
				found.append((came_from.get(node, node), at))
		return found

	def deltas(self, totals: Totals, stopped: BoolArray | None = None) -> Totals:
		"""Differences of one quantity for every node of `after`; `totals` and `stopped` are of base."""
		after = self.after
		both = np.zeros(after.node_count, dtype=np.complex128)
		needed = np.zeros(after.node_count)
		place = self.place
		for old, new in self.swaps.items():
			at = int(place[new])
			both[at] = complex(
				totals.values[new] - totals.values[old], totals.missing[new] - totals.missing[old]
			)
			needed[at] = totals.needed[new] - totals.needed[old]
		ends = None if stopped is None else stopped[self.source]
		columns = [
			Column(both, after.per_unit(), after.counted, ends),
			Column(needed, after.counted, None, ends),
		]
		sweep_up(after, columns)
		return Totals(both.real.copy(), both.imag.copy(), needed)

	def sums(
		self, base: FloatArray, weight: FloatArray | None, stopped: BoolArray | None
	) -> FloatArray:
		"""Differences of any other sum over lines; `base` are its totals in base."""
		total = np.zeros(self.after.node_count)
		place = self.place
		for old, new in self.swaps.items():
			total[place[new]] = base[new] - base[old]
		ends = None if stopped is None else stopped[self.source]
		sweep_up(self.after, [Column(total, weight, None, ends)])
		return total

	def own(self, totals: Mapping[int, Fraction]) -> Mapping[int, Fraction]:
		"""What each swap brings of its own, by place in `after`: b(T) − b(F), exact."""
		place = self.place
		return {int(place[new]): totals[new] - totals[old] for old, new in self.swaps.items()}

	def amounts(self, root: int, stopped: BoolArray | None = None) -> FloatArray:
		"""How much of each node of `after` one of `root` (a place in `after`) takes."""
		ends = None if stopped is None else stopped[self.source]
		return explode(self.after, self.after.name(root), stops=ends).amounts

	def below(self, root: int) -> IntArray:
		"""Places in base of all that `root` (a place in `after`) contains afterwards, itself too."""
		reached = self.source[self.after.descendants(np.array([root]))]
		base = self.base
		redirect = np.arange(base.node_count, dtype=np.int64)
		redirect[list(self.swaps)] = list(self.swaps.values())
		children = np.unique(redirect[base.child[base.lines_of(reached)]])
		beside = children[~np.isin(children, self.source)]
		return np.unique(np.concatenate([reached, base.descendants(beside)]))


@dataclass(frozen=True, eq=False)
class Fingerprints:
	"""Tells whether the gaps of two totals are the same gaps in the same amounts.

	Each place without a figure has a number that hangs on its id; they add up over lines as amounts
	do. Equal sums mean equal gaps but for chance (about 10⁻⁹), so the difference of the totals does
	not hang on what is missing.
	"""

	structure: Structure
	figures: Figures

	@cached_property
	def totals(self) -> FloatArray:
		structure, figures = self.structure, self.figures
		need = structure.leaf if figures.required is None else structure.leaf | figures.required
		lacking = need & ~figures.known
		number = np.where(lacking, _numbers(structure), 0.0)
		for line in structure.unknown.tolist():
			parent = int(np.searchsorted(structure.line_first, line, side="right")) - 1
			number[parent] += 3.0 * _numbers(structure)[int(structure.child[line])]
		stopped = figures.stopped
		if stopped is not None:
			number[stopped] = 0.0
		sweep_up(structure, [Column(number, structure.per_unit(), None, stopped)])
		return number

	def same(self, overlay: Overlay) -> BoolArray:
		"""(a,) whether before and after lack the same."""
		totals = self.totals
		moved = overlay.sums(totals, overlay.after.per_unit(), self.figures.stopped)
		scale = np.abs(totals[overlay.source]) + 1.0
		return np.abs(moved) <= SAME * scale


def _numbers(structure: Structure) -> FloatArray:
	"""A number in [1, 2) for each node, the same wherever the id stands."""
	words = np.ascontiguousarray(structure.ids).view(np.uint8).reshape(structure.node_count, -1)
	mixed = np.zeros(structure.node_count, dtype=np.uint64)
	with np.errstate(over="ignore"):
		for column in words.T:
			mixed = (mixed ^ column.astype(np.uint64)) * np.uint64(1_099_511_628_211)
			mixed ^= mixed >> np.uint64(29)
	return 1.0 + (mixed >> np.uint64(12)).astype(np.float64) / 2.0**52


def worst(structure: Structure, own: IntArray, stopped: BoolArray | None = None) -> IntArray:
	"""The join of what nodes have of their own with all that is below: the largest number wins.

	Through every line that counts or would; nothing passes a stopped node. Numbers are ≥ 0.
	"""
	total = own.copy()
	matters = structure.matters
	bounds = structure.level_first.tolist()
	for low, high in pairwise(bounds[1:]):
		first = structure.line_first[low : high + 1]
		begin, end = int(first[0]), int(first[-1])
		brought = total[structure.child[begin:end]]
		if matters is not None:
			brought = np.where(matters[begin:end], brought, 0)
		largest = np.maximum.reduceat(brought, first[:-1] - begin)
		if stopped is not None:
			largest[stopped[low:high]] = 0
		total[low:high] = np.maximum(total[low:high], largest)
	return total


def worst_after(
	overlay: Overlay, own: IntArray, before: IntArray, stopped: BoolArray | None = None
) -> IntArray:
	"""The join afterwards for the nodes of `after`: siblings bring what they brought before.

	`before` is what `worst` gave for base. Every line of an ancestor counts here, not only those to
	other ancestors, because a join cannot be taken back by a difference.
	"""
	base, after = overlay.base, overlay.after
	place = overlay.place
	result = np.zeros(after.node_count, dtype=before.dtype)
	matters = base.matters
	for at, node in enumerate(overlay.source.tolist()):
		value = int(own[node])
		if stopped is None or not stopped[node]:
			inside = {int(after.child[line]) for line in after.line_range(at)}
			for line in base.line_range(node):
				if matters is not None and not matters[line]:
					continue
				child = int(base.child[line])
				moved = overlay.swaps.get(child, child)
				there = int(place[moved])
				if there in inside:
					value = max(value, int(result[there]))
				else:
					value = max(value, int(before[child]))
		result[at] = value
	return result
