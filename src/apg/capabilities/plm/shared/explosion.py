"""Structures from the top down: total quantities, flat lists, where-used, the indented view."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from apg.capabilities.plm.shared.errors import DomainError
from apg.capabilities.plm.shared.levels import BoolArray, FloatArray, IntArray
from apg.capabilities.plm.shared.structure import Lots, Structure
from apg.capabilities.plm.shared.sweeps import Column, sweep_down, sweep_up_some
from apg.kernel.later import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Exploded:
	"""How much of every node some amount of a root takes; `amounts` (n,) in base units, 0: not needed.

	Lines of unknown quantity and references carry nothing.
	"""

	structure: Structure
	root: int
	amounts: FloatArray

	@property
	def nodes(self) -> IntArray:
		"""The nodes needed, ascending (leaves first, the root last)."""
		return np.flatnonzero(self.amounts)

	def __getitem__(self, node: str) -> float:
		return float(self.amounts[self.structure.index(node)])


@dataclass(frozen=True, slots=True)
class FlatRow:
	"""`level` is the deepest place below the root (level 0) where the item is used.

	`uncertain`: a line of unknown quantity asks for more of it than `amount`, which may be 0.
	"""

	item: str
	amount: float
	level: int
	uncertain: bool


@dataclass(frozen=True, slots=True, eq=False)
class WhereUsed:
	"""All products that contain an item, (u,) each, ascending by level.

	`amounts`: of the item in one unit of the product, 0 when only referred to. `uncertain`: some way
	to it has no known quantity, so the amount is a lower bound. `ends`: contained in nothing else.
	"""

	structure: Structure
	nodes: IntArray
	amounts: FloatArray
	uncertain: BoolArray
	ends: BoolArray


@dataclass(frozen=True, slots=True)
class IndentedRow:
	level: int
	line: int  # number of the line in the structure
	parent: int
	child: int
	per_parent: float
	amount: float  # in the amount of the root that was asked for, along this way


def explode(
	structure: Structure,
	root: str,
	amount: float = 1.0,
	*,
	lots: Lots = 1,
	stops: BoolArray | None = None,
) -> Exploded:
	"""Total quantity of every node in `amount` of the root, through the shared structure.

	Costs as much as the distinct lines below the root. Nothing is counted below nodes in `stops` (n,).
	"""
	top = structure.index(root)
	if not 0 < amount < float("inf"):
		raise DomainError(
			"amount", f"{amount} of a product cannot be exploded", "Give more than 0."
		)
	amounts = np.zeros(structure.node_count)
	amounts[top] = amount
	sweep_down(structure, amounts, structure.per_unit(lots), stops)
	finite = np.isfinite(amounts)
	if not finite.all():
		node = structure.name(int(np.argmin(finite)))
		raise DomainError("quantity", f"more than 1.8e308 of {node!r}", "Check its quantities.")
	amounts.flags.writeable = False
	return Exploded(structure, top, amounts)


def flatten(
	structure: Structure,
	root: str,
	amount: float = 1.0,
	*,
	lots: Lots = 1,
	whole: frozenset[str] = frozenset(),
	assemblies: bool = False,
) -> list[FlatRow]:
	"""The flat list: each item once with its total quantity, deepest level last, then by id.

	`whole` names assemblies to be kept as they are (a board bought assembled). With `assemblies` the
	ones that are opened are listed too; the root itself never is.
	"""
	stops = np.zeros(structure.node_count, dtype=np.bool_)
	stops[structure.indexes(sorted(whole))] = True
	stops[structure.index(root)] = False
	amounts = explode(structure, root, amount, lots=lots, stops=stops).amounts
	depth = low_level_codes(structure, root, stops)
	parents = structure.line_parents(structure.unknown)
	open_ended = structure.unknown[(amounts[parents] > 0) & ~stops[parents]]
	uncertain = np.zeros(structure.node_count, dtype=np.bool_)
	uncertain[structure.child[open_ended]] = True
	chosen = (amounts > 0) & (depth > 0)
	if not assemblies:
		chosen &= structure.leaf | stops
	nodes = np.flatnonzero(chosen | uncertain)
	nodes = nodes[np.lexsort((structure.ids[nodes], depth[nodes]))]
	columns = (amounts[nodes].tolist(), depth[nodes].tolist(), uncertain[nodes].tolist())
	return [FlatRow(*row) for row in zip(structure.names(nodes), *columns, strict=True)]


def low_level_codes(structure: Structure, root: str, stops: BoolArray | None = None) -> IntArray:
	"""The deepest level at which each node is used below the root, (n,); root 0, not below it -1.

	References and lines of quantity 0 do not use anything.
	"""
	depth = np.full(structure.node_count, -1, dtype=np.int64)
	depth[structure.index(root)] = 0
	bounds = structure.level_first.tolist()
	for low, high in zip(bounds[-2:0:-1], bounds[:1:-1], strict=True):
		parents = np.flatnonzero(depth[low:high] >= 0) + low
		if stops is not None:
			parents = parents[~stops[parents]]
		count = structure.line_first[parents + 1] - structure.line_first[parents]
		below = np.repeat(depth[parents] + 1, count)
		lines = structure.lines_of(parents)
		if structure.matters is not None:
			used = structure.matters[lines]
			lines, below = lines[used], below[used]
		np.maximum.at(depth, structure.child[lines], below)
	return depth


def where_used(structure: Structure, item: str, *, lots: Lots = 1) -> WhereUsed:
	"""Every product above an item, at all levels, with the total quantity of the item in one of it."""
	node = structure.index(item)
	nodes = structure.ancestors(np.array([node]))
	amounts, known, every = (np.zeros(structure.node_count) for _ in range(3))
	amounts[node] = known[node] = every[node] = 1.0
	columns = [Column(amounts, structure.per_unit(lots)), Column(known, structure.counted)]
	if structure.unknown.size:
		matters = structure.matters
		columns.append(Column(every, None if matters is None else matters.astype(np.float64)))
	sweep_up_some(structure, nodes, columns)
	nodes = nodes[nodes != node]
	first = structure.uses[0]
	uncertain = every[nodes] > known[nodes] if structure.unknown.size else nodes < 0
	return WhereUsed(structure, nodes, amounts[nodes], uncertain, first[nodes] == first[nodes + 1])


def indent(
	structure: Structure,
	root: str,
	*,
	depth: int,
	limit: int,
	amount: float = 1.0,
	lots: Lots = 1,
) -> Iterator[IndentedRow]:
	"""The tree below a root, parents before their children, to a depth and at most `limit` rows.

	A tree can be exponentially larger than its structure: that is what the limit is for. Whoever
	gets `limit` rows has to say that there is more.
	"""
	per_unit = structure.per_unit(lots)
	top = structure.index(root)
	stack = [(line, 1, top, amount) for line in structure.line_range(top)[::-1]]
	for _ in range(limit):
		if not stack:
			return
		line, level, parent, above = stack.pop()
		child, each = int(structure.child[line]), float(per_unit[line])
		yield IndentedRow(level, line, parent, child, each, above * each)
		if level < depth:
			lines = structure.line_range(child)[::-1]
			stack.extend((below, level + 1, child, above * each) for below in lines)
