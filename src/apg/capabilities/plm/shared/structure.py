"""A product structure as immutable arrays: checked, brought into canonical order, levelled once.

Nodes are numbered by level from the leaves up and by id inside a level, so every child has a smaller
number than its parents and each level is a slice. Lines are grouped by parent (CSR) and sorted by
child, so sums run in an order that does not depend on the order of delivery.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from apg.capabilities.plm.shared.columns import (
	Whole,
	arranged,
	checked_column,
	departs,
	ends_of,
	ranks,
	twins_in_order,
)
from apg.capabilities.plm.shared.errors import CycleFound, DomainError, UnknownNode
from apg.capabilities.plm.shared.levels import (
	BoolArray,
	FloatArray,
	IntArray,
	closure,
	cycle_in,
	heights,
	path_between,
	slices,
	sorted_order,
	starts,
)
from apg.capabilities.plm.shared.lines import (
	KIND_CODES,
	LARGEST,
	MICRO,
	BomLine,
	QuantityKind,
	required_quantity,
	to_micro,
)
from apg.capabilities.plm.shared.node_ids import IdArray, Ids, as_ids, places, text, texts
from apg.capabilities.plm.shared.sweeps import Column, sweep_up
from apg.kernel.later import numpy as np

if TYPE_CHECKING:
	import numpy.typing as npt

Lots: TypeAlias = int | Mapping[str, int]
"""Units built together: one number for every parent, or a number by id (1 for those not named)."""

UNKNOWN_QUANTITY = -1
"""Marks a quantity that is not known (NULL in the table) in an array of quantities."""

_KINDS = tuple(QuantityKind)
_PER, _FIXED, _AS_REQUIRED, _BULK, _REFERENCE = (KIND_CODES[kind] for kind in _KINDS)
_INT64_SAFE = 4e18  # half of what 64 bits hold: room for a sum and a rounding step


@dataclass(frozen=True, eq=False)
class Structure:
	"""Make one with `from_arrays` or `from_lines`. All arrays are read-only.

	n nodes, m lines. `node_order[i]` and `line_order[e]` are the places of delivery, so values that
	came with the delivered nodes are brought into order by `values[structure.node_order]`.
	"""

	ids: IdArray  # (n,)
	node_order: IntArray  # (n,)
	level_first: IntArray  # (levels + 1,): nodes of level l are level_first[l]:level_first[l + 1]
	line_first: IntArray  # (n + 1,): lines of node i are line_first[i]:line_first[i + 1]
	child: IntArray  # (m,)
	line_order: IntArray  # (m,)
	line_ids: IdArray | None  # (m,) as delivered
	kind: IntArray  # (m,) codes of KIND_CODES
	quantity: IntArray  # (m,) in 10⁻⁶ line units, UNKNOWN_QUANTITY where not known
	attrition: IntArray  # (m,) in 10⁻⁶
	setup: IntArray  # (m,) in 10⁻⁶ line units
	rounding: IntArray  # (m,) in 10⁻⁶ line units, 0: none
	numerator: IntArray  # (m,) child base units in one line unit = numerator / denominator
	denominator: IntArray  # (m,)

	@classmethod
	def from_arrays(
		cls,
		nodes: Ids,
		parent: Ids | npt.NDArray[np.integer],
		child: Ids | npt.NDArray[np.integer],
		quantity: Whole,
		*,
		lines: Ids | None = None,
		kind: Whole = _PER,
		attrition: Whole = 0,
		setup: Whole = 0,
		rounding: Whole = 0,
		numerator: Whole = 1,
		denominator: Whole = 1,
	) -> Structure:
		"""From columns: distinct node ids in any order, one entry per line in all others.

		`parent` and `child` are places in `nodes` (integer arrays, fastest) or ids; a line may name
		only ids of `nodes`. Quantities, attrition, setup and rounding are whole numbers of 10⁻⁶.
		Raises CycleFound, BadLine, UnknownNode, DomainError. Fastest with `nodes` sorted by id.
		"""
		ids = as_ids("nodes", nodes)
		rank, order_by_id = ranks(ids)
		parents = ends_of("parent", ids, parent)
		children = ends_of("child", ids, child)
		if parents.size != children.size:
			raise DomainError("child", "parents and children differ in number", "Pair them.")
		n, m = ids.size, parents.size
		parents, children = rank[parents], rank[children]

		height, left = heights(n, parents, children)
		if left.size:
			ring = cycle_in(n, parents, children, left)
			raise CycleFound([text(ids, int(order_by_id[node])) for node in ring])
		by_level = sorted_order([(height, n)])
		number = np.empty(n, dtype=np.int64)
		number[by_level] = np.arange(n, dtype=np.int64)
		parents, children = number[parents], number[children]

		line_order = sorted_order([(parents, n), (children, n)])
		columns = (
			checked_column("kind", kind, m, 0, len(_KINDS) - 1),
			checked_column("quantity", quantity, m, UNKNOWN_QUANTITY, LARGEST),
			checked_column("attrition", attrition, m, 0, LARGEST),
			checked_column("setup", setup, m, 0, LARGEST),
			checked_column("rounding", rounding, m, 0, LARGEST),
			checked_column("conversion", numerator, m, 1, LARGEST),
			checked_column("conversion", denominator, m, 1, LARGEST),
		)
		line_order = twins_in_order(line_order, parents, children, columns)
		line_ids = None if lines is None else as_ids("lines", lines)
		if line_ids is not None and line_ids.size != m:
			raise DomainError("lines", "not one id per line", "Give every line its id.")
		node_order = order_by_id[by_level]
		in_order = (arranged(column, line_order) for column in columns)
		structure = cls(
			ids[node_order],
			node_order,
			starts(height, int(height.max()) + 1 if n else 0),
			starts(parents, n),
			children[line_order],
			line_order,
			line_ids,
			*in_order,
		)
		for array in vars(structure).values():
			if array is not None and array is not line_ids:
				array.flags.writeable = False
		return structure

	@classmethod
	def from_lines(cls, lines: Iterable[BomLine], nodes: Iterable[str] = ()) -> Structure:
		"""From line objects, for structures of a few thousand lines; `nodes` adds lone items."""
		rows = list(lines)
		factors = [Fraction(row.conversion) for row in rows]
		ids = {*nodes, *(row.parent for row in rows), *(row.child for row in rows)}
		unknown = UNKNOWN_QUANTITY
		return cls.from_arrays(
			sorted(ids),
			[row.parent for row in rows],
			[row.child for row in rows],
			[unknown if r.quantity is None else to_micro("quantity", r.quantity) for r in rows],
			lines=None if any(r.line is None for r in rows) else [str(r.line) for r in rows],
			kind=[KIND_CODES[row.kind] for row in rows],
			attrition=[to_micro("attrition", row.attrition) for row in rows],
			setup=[to_micro("setup", row.setup) for row in rows],
			rounding=[to_micro("rounding", row.rounding) for row in rows],
			numerator=[factor.numerator for factor in factors],
			denominator=[factor.denominator for factor in factors],
		)

	@property
	def node_count(self) -> int:
		return self.ids.size

	@property
	def line_count(self) -> int:
		return self.child.size

	@property
	def level_count(self) -> int:
		return self.level_first.size - 1

	@cached_property
	def by_id(self) -> IntArray:
		"""(n,) the numbers of the nodes in the order of their ids."""
		return np.argsort(self.ids, kind="stable")

	def index(self, node: str) -> int:
		"""The number of one node; UnknownNode when the structure does not hold it."""
		name = np.bytes_(node.encode())
		place = int(np.searchsorted(self.ids, name, sorter=self.by_id))
		if place == self.node_count or self.ids[self.by_id[place]] != name:
			raise UnknownNode("node", node)
		return int(self.by_id[place])

	def indexes(self, nodes: Ids) -> IntArray:
		"""The numbers of many nodes at once."""
		if len(nodes) * 100 < self.node_count:
			return np.array([self.index(node) for node in texts(nodes)], dtype=np.int64)
		return places("node", self.ids, as_ids("node", nodes))

	def name(self, index: int) -> str:
		return text(self.ids, index)

	def names(self, indexes: IntArray) -> list[str]:
		return [name.decode() for name in self.ids[indexes].tolist()]

	def __contains__(self, node: str) -> bool:
		try:
			self.index(node)
		except UnknownNode:
			return False
		return True

	def line_name(self, line: int) -> str | None:
		"""The id a line was delivered with, None when lines came without ids."""
		return None if self.line_ids is None else text(self.line_ids, int(self.line_order[line]))

	def line_range(self, node: int) -> range:
		"""The numbers of a node's lines."""
		return range(int(self.line_first[node]), int(self.line_first[node + 1]))

	def lines_of(self, nodes: IntArray) -> IntArray:
		"""The numbers of the lines of all these nodes, node after node."""
		return slices(self.line_first, nodes)[0]

	def line_parents(self, lines: IntArray) -> IntArray:
		return np.searchsorted(self.line_first, lines, side="right") - 1

	@cached_property
	def uses(self) -> tuple[IntArray, IntArray, IntArray]:
		"""Lines by child: where each child begins (n + 1), the lines (m) and their parents (m)."""
		order = sorted_order([(self.child, self.node_count)])
		first = starts(self.child, self.node_count)
		count = np.diff(self.line_first)
		parent = np.repeat(np.arange(self.node_count, dtype=np.int64), count)
		return first, order, parent[order]

	def ancestors(self, nodes: IntArray) -> IntArray:
		"""These nodes and all that contain them, through lines of any kind, ascending."""
		first, _, parent = self.uses
		return closure(self.node_count, first, parent, nodes)

	def descendants(self, nodes: IntArray) -> IntArray:
		"""These nodes and all that they contain, through lines of any kind, ascending."""
		return closure(self.node_count, self.line_first, self.child, nodes)

	def cycle_if_added(self, parent: str, child: str) -> tuple[str, ...] | None:
		"""The cycle that a line from parent to child would close (first id = last id), or None."""
		if parent == child:
			return parent, child
		if parent not in self or child not in self:
			return None  # a node without lines cannot close a ring
		way = path_between(
			self.node_count, self.line_first, self.child, self.index(child), self.index(parent)
		)
		return None if way is None else (parent, *(self.name(node) for node in way))

	@cached_property
	def unknown(self) -> IntArray:
		"""Lines whose quantity is unknown: as_required, or without a quantity; never references."""
		absent = (self.quantity < 0) & (self.kind != _REFERENCE)
		return np.flatnonzero(absent | (self.kind == _AS_REQUIRED))

	@cached_property
	def counts(self) -> BoolArray | None:
		"""Lines that take a known quantity above zero; None when all of them do."""
		counted = (self.quantity > 0) & (self.kind != _REFERENCE) & (self.kind != _AS_REQUIRED)
		return None if bool(counted.all()) else counted

	@cached_property
	def matters(self) -> BoolArray | None:
		"""Lines that count or would if their quantity were known; None when all do."""
		if self.counts is None:
			return None
		matters = self.counts.copy()
		matters[self.unknown] = True
		return matters

	@cached_property
	def leaf(self) -> BoolArray:
		"""Nodes with nothing below them that counts or should count: they need figures of their own."""
		if self.matters is None:
			return np.diff(self.line_first) == 0
		total = np.zeros(self.line_count + 1, dtype=np.int64)
		np.cumsum(self.matters, out=total[1:])
		return np.diff(total[self.line_first]) == 0

	@cached_property
	def counted(self) -> FloatArray | None:
		"""1 for each line that counts, else 0; None when all count."""
		return None if self.counts is None else self.counts.astype(np.float64)

	@cached_property
	def unknown_below(self) -> FloatArray | None:
		"""How many lines of unknown quantity each node has, None when there are none."""
		if not self.unknown.size:
			return None
		parents = self.line_parents(self.unknown)
		return np.bincount(parents, minlength=self.node_count).astype(np.float64)

	@cached_property
	def positions(self) -> FloatArray:
		"""Places in the full tree below each node where a figure or a quantity is needed, (n,).

		A leaf is one place wherever it stands, a line of unknown quantity is one. Counted through
		the shared structure, never by walking the tree; exact up to 2⁵³, rounded beyond.
		"""
		places = self.leaf.astype(np.float64)
		if self.unknown_below is not None:
			places += self.unknown_below
		sweep_up(self, [Column(places, self.counted)])
		places.flags.writeable = False
		return places

	@cached_property
	def _single(self) -> FloatArray:
		return self._per_unit(1)

	def per_unit(self, lots: Lots = 1) -> FloatArray:
		"""Child base units per parent unit, line by line; 0 where a line does not count.

		See `required_quantity` for the rule. Rounding up is decided in whole numbers, so a quantity
		that is a multiple already never climbs to the next one.
		"""
		return self._single if isinstance(lots, int) and lots == 1 else self._per_unit(lots)

	def lot_of(self, lots: Lots) -> IntArray:
		"""The build lot of each node, (n,); refuses lots below 1 and unknown ids."""
		sizes = [lots] if isinstance(lots, int) else lots.values()
		if any(size < 1 for size in sizes):
			raise DomainError("lots", "a lot holds less than one unit", "Give 1 or more.")
		if isinstance(lots, int):
			return np.full(self.node_count, lots, dtype=np.int64)
		lot = np.ones(self.node_count, dtype=np.int64)
		lot[self.indexes(list(lots))] = list(lots.values())
		return lot

	def _per_unit(self, lots: Lots) -> FloatArray:
		single = isinstance(lots, int) and lots == 1
		lot = None if single else np.repeat(self.lot_of(lots), np.diff(self.line_first))
		taken = self.quantity / MICRO
		if departs(self.attrition):
			taken *= 1.0 + self.attrition / MICRO
		if lot is not None:
			np.divide(taken, lot, out=taken, where=self.kind == _FIXED)
		if departs(self.setup):
			extra = self.setup / MICRO if lot is None else self.setup / MICRO / lot
			np.add(taken, extra, out=taken, where=self.kind != _BULK)
		if departs(self.rounding):
			rounded = np.flatnonzero((self.rounding > 0) & (self.kind != _BULK))
			taken[rounded] = self._rounded(rounded, None if lot is None else lot[rounded])
		if departs(self.numerator, 1) or departs(self.denominator, 1):
			taken *= self.numerator
			taken /= self.denominator
		if self.counts is not None:
			taken[~self.counts] = 0.0
		taken.flags.writeable = False
		return taken

	def _rounded(self, lines: IntArray, lot: IntArray | None) -> FloatArray:
		"""Quantities after rounding up, before conversion: 64-bit integers, where they hold them."""
		sizes = np.ones(lines.size, dtype=np.int64) if lot is None else lot
		base, attrition = self.quantity[lines], MICRO + self.attrition[lines]
		setup, step = self.setup[lines], self.rounding[lines]
		many = np.where(self.kind[lines] == _FIXED, 1, sizes)
		estimate = base.astype(np.float64) * many * attrition + setup.astype(np.float64) * MICRO
		fits = (estimate < _INT64_SAFE) & (step < _INT64_SAFE / MICRO)
		taken = np.zeros(lines.size, dtype=np.float64)
		needed = base[fits] * many[fits] * attrition[fits] + setup[fits] * MICRO
		whole = step[fits] * MICRO
		taken[fits] = -(-needed // whole) * whole / (MICRO * MICRO) / sizes[fits]
		for place in np.flatnonzero(~fits).tolist():
			exact = self.required(int(lines[place]), int(sizes[place]), converted=False)
			taken[place] = float(exact or 0)
		return taken

	def required(self, line: int, lot: int = 1, *, converted: bool = True) -> Fraction | None:
		"""The exact quantity of one line per parent unit; None when unknown."""
		quantity = int(self.quantity[line])
		factor = Fraction(int(self.numerator[line]), int(self.denominator[line]))
		return required_quantity(
			_KINDS[int(self.kind[line])],
			None if quantity < 0 else quantity,
			attrition=int(self.attrition[line]),
			setup=int(self.setup[line]),
			rounding=int(self.rounding[line]),
			conversion=factor if converted else Fraction(1),
			lot=lot,
		)
