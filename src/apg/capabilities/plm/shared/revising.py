"""A structure after some parents got other lines: only what hangs on them is looked at again.

The result is the very structure that `Structure.from_arrays` would make of all nodes and lines: the
same numbers, the same order, the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from apg.capabilities.plm.shared.columns import departs
from apg.capabilities.plm.shared.levels import BoolArray, IntArray, sorted_order, starts
from apg.capabilities.plm.shared.node_ids import IdArray
from apg.capabilities.plm.shared.structure import Structure
from apg.kernel.later import numpy as np

_COLUMNS = ("kind", "quantity", "attrition", "setup", "rounding", "numerator", "denominator")
_NEUTRAL = {"kind": 0, "attrition": 0, "setup": 0, "rounding": 0, "numerator": 1, "denominator": 1}


@dataclass(frozen=True, slots=True, eq=False)
class NewLines:
	"""The lines that parents have now, (m,) each; ends as places: nodes of the structure first, the
	new nodes behind them. The other columns as `Structure.from_arrays` takes them."""

	parent: IntArray
	child: IntArray
	quantity: IntArray
	kind: IntArray
	attrition: IntArray
	setup: IntArray
	rounding: IntArray
	numerator: IntArray
	denominator: IntArray

	def order(self) -> IntArray:
		"""By parent, child and content, as lines of one parent to one child are told apart."""
		keys = [getattr(self, name) for name in reversed(_COLUMNS)]
		return np.lexsort([*keys, self.child, self.parent])

	def arranged(self, order: IntArray) -> NewLines:
		return NewLines(*(getattr(self, name)[order] for name in NewLines.__slots__))


@dataclass(frozen=True, slots=True, eq=False)
class Revised:
	"""`number` is the new number of each old and then each new node. `line_from` tells of each line
	which one it was, or, counted on behind the old ones, which of the new lines as they were given."""

	structure: Structure
	number: IntArray
	line_from: IntArray


class Ring(ValueError):
	"""A node would contain itself."""


def revised(
	structure: Structure, parents: IntArray, lines: NewLines, more: IdArray | None = None
) -> Revised:
	"""The structure in which `parents` (numbers, ascending; new nodes counted on behind the others)
	have these lines and no others. Lines came without ids.

	Raises Ring when a node would contain itself.
	"""
	n, m = structure.node_count, structure.line_count
	more = np.zeros(0, structure.ids.dtype) if more is None else more
	total = n + more.size
	height = np.zeros(total, np.int64)
	height[:n] = np.repeat(np.arange(structure.level_count), np.diff(structure.level_first))
	given = lines.order()
	lines = lines.arranged(given)
	parent = np.repeat(np.arange(n, dtype=np.int64), np.diff(structure.line_first))
	replaced = np.zeros(total, np.bool_)
	replaced[parents] = True
	stays = np.ones(m, np.bool_)
	for node in parents[parents < n].tolist():
		stays[structure.line_first[node] : structure.line_first[node + 1]] = False
	moved = _settle(structure, height, replaced, parents, lines)
	number, by_id, ids = _numbered(structure, height, more, moved)
	kept = np.flatnonzero(stays)
	child = np.concatenate([structure.child[kept], lines.child])
	above = np.concatenate([parent[kept], lines.parent])
	if number is not None:
		child, above = number[child], number[above]
	order = sorted_order([(above, total), (child, total)])
	line_from = np.concatenate([kept, m + given])[order]
	if number is None:
		number = np.arange(total, dtype=np.int64)
		level_first, names = structure.level_first, structure.ids
	else:
		names = np.empty(total, ids.dtype)
		names[number] = ids
		level_first = starts(height, int(height.max()) + 1)
	made = Structure(
		names,
		np.arange(total, dtype=np.int64),
		level_first,
		starts(above, total),
		child[order],
		np.arange(order.size, dtype=np.int64),
		None,
		*(_column(name, structure, kept, lines, order) for name in _COLUMNS),
	)
	for array in vars(made).values():
		if array is not None:
			array.flags.writeable = False
	made.__dict__["by_id"] = by_id
	return Revised(made, number, line_from)


def _column(
	name: str, structure: Structure, kept: IntArray, lines: NewLines, order: IntArray
) -> IntArray:
	old, new = getattr(structure, name), getattr(lines, name)
	constant = old.size == 0 or old.strides[0] == 0
	value = int(old[0]) if old.size else _NEUTRAL.get(name, int(new[0]) if new.size else 0)
	if constant and not departs(new, value):
		return np.broadcast_to(np.int64(value), order.shape)
	column = np.concatenate([old[kept], new])[order]
	if column.size and int(column.min()) == int(column.max()):
		return np.broadcast_to(np.int64(column[0]), order.shape)
	return column


def _settle(
	structure: Structure, height: IntArray, replaced: BoolArray, parents: IntArray, lines: NewLines
) -> bool:
	"""Brings heights up to date from the parents upwards, in place; whether any changed.

	Works on the lowest node first, so each is settled once or twice; a ring never settles.
	"""
	n = structure.node_count
	first = starts(lines.parent, height.size)
	by_child = np.argsort(lines.child, kind="stable")
	child_first = starts(lines.child, height.size)
	waiting = [(int(height[node]), node) for node in parents.tolist()]
	heapify(waiting)
	changed = False
	while waiting:
		node = heappop(waiting)[1]
		if replaced[node]:
			below = lines.child[first[node] : first[node + 1]]
		else:
			below = structure.child[structure.line_first[node] : structure.line_first[node + 1]]
		found = int(height[below].max()) + 1 if below.size else 0
		if found == height[node]:
			continue
		if found >= height.size:
			raise Ring
		height[node], changed = found, True
		again: list[int] = []
		if node < n:
			uses = structure.uses
			over = uses[2][uses[0][node] : uses[0][node + 1]]
			again = over[~replaced[over]].tolist()
		again += lines.parent[by_child[child_first[node] : child_first[node + 1]]].tolist()
		for above in again:
			heappush(waiting, (int(height[above]), above))
	return changed


def _numbered(
	structure: Structure, height: IntArray, more: IdArray, moved: bool
) -> tuple[IntArray | None, IntArray, IdArray]:
	"""The number of each node, None when all keep theirs; the order by id; ids in delivered order."""
	old = structure.by_id
	if not moved and not more.size:
		return None, old, structure.ids
	n, total = structure.node_count, structure.node_count + more.size
	ids = np.concatenate([structure.ids, more])
	order = np.argsort(more)
	place = np.searchsorted(structure.ids, more[order], sorter=old)
	by_id = np.insert(old, place, n + order)
	rank = np.empty(total, np.int64)
	rank[by_id] = np.arange(total)
	by_level = sorted_order([(height, int(height.max()) + 1), (rank, total)])
	number = np.empty(total, np.int64)
	number[by_level] = np.arange(total)
	return number, number[by_id], ids
