"""A structure as it stands, ready to be computed with; kept while the tenant's structures stand.

How a kept one is known to be current: each transaction that changes lines, revisions or what counts
of an item leaves one row in `plm_structure_changes`, written by triggers. Rows are only ever added
(and removed after two days), so two states of a tenant with the same number of rows and the same
sum of transaction numbers are the same state. That costs one index scan to ask and nothing to keep:
a counter would make every writer of a tenant wait for the one before, and the highest number alone
would miss a transaction that began earlier and committed later. A snapshot is trusted for an hour,
far less than the two days for which changes are remembered.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from time import monotonic

import numpy as np
import numpy.typing as npt

from apg.capabilities.plm.settings import PlmSettings
from apg.capabilities.plm.shared.content_hash import structure_hash
from apg.capabilities.plm.shared.errors import CycleFound
from apg.capabilities.plm.shared.levels import BoolArray, IntArray
from apg.capabilities.plm.shared.node_ids import IdArray
from apg.capabilities.plm.shared.structure import UNKNOWN_QUANTITY, Structure
from apg.capabilities.plm.structures.fixed_rows import as_text, aside
from apg.capabilities.plm.structures.loading import Columns, load_below, load_whole
from apg.capabilities.plm.structures.plain_sql import fetched
from apg.capabilities.plm.structures.rules import AnyRule, Rule, View
from apg.capabilities.plm.structures.unit_codes import factors
from apg.kernel.errors import Conflict
from apg.kernel.texts import _
from apg.kernel.work import Work

TRUSTED_SECONDS = 3_600.0


class StructureCycle(Conflict):
	"""A product would contain itself."""

	code = "STRUCTURE_CYCLE"


@dataclass(frozen=True, eq=False)
class Snapshot:
	"""Revisions and lines reachable from `root` (None: the tenant's), as arrays in the structure's
	order: n nodes of k items, m lines.

	A node is a revision; where a rule found none for an item, the item stands for itself.
	"""

	root: str | None
	rule: AnyRule
	view: View
	structure: Structure
	item_words: npt.NDArray[np.uint64]  # (k, 2) ids of items, each once
	item: IntArray  # (n,) places in items
	base: IntArray  # (n,) hashes of base units
	type: IntArray  # (n,) places in loading.TYPES
	mass: IntArray  # (n,) in 10⁻⁶ mass units, -1: not given
	mass_unit: IntArray  # (n,) hashes
	unconvertible: BoolArray  # (m,) lines whose unit does not lead to the child's base unit

	@cached_property
	def _hashes(self) -> dict[str, str]:
		return {}

	def hash_below(self, root: str) -> str:
		"""Of the revisions, lines and quantities below a revision: what the arithmetic sees.

		The same however the structure was read.
		"""
		if root not in self._hashes:
			part = self.structure if root == self.root else self._part(root)
			self._hashes[root] = structure_hash(part)
		return self._hashes[root]

	def _part(self, root: str) -> Structure:
		structure = self.structure
		nodes = structure.descendants(structure.indexes([root]))
		lines = structure.lines_of(nodes)
		return Structure.from_arrays(
			structure.ids[nodes],
			np.searchsorted(nodes, structure.line_parents(lines)),
			np.searchsorted(nodes, structure.child[lines]),
			structure.quantity[lines],
			kind=structure.kind[lines],
			attrition=structure.attrition[lines],
			setup=structure.setup[lines],
			rounding=structure.rounding[lines],
			numerator=structure.numerator[lines],
			denominator=structure.denominator[lines],
		)

	def item_of(self, node: int) -> str:
		return bytes(as_text(self.item_words[self.item[node] :][:1])[0]).decode()

	@cached_property
	def items(self) -> IdArray:
		"""(k,) the ids of the items as text."""
		return as_text(self.item_words)

	@property
	def weight(self) -> int:
		"""What it costs to keep, in lines."""
		return self.structure.line_count + self.structure.node_count


@dataclass(frozen=True, slots=True)
class Version:
	"""`own`: this very transaction changed something, so what it sees is nobody else's yet."""

	rows: int
	total: int
	own: bool


_VERSION = """
	select count(*), coalesce(sum(xid), 0)::text, coalesce(bool_or(
		xid = pg_current_xact_id_if_assigned()::text::bigint), false)
	from plm_structure_changes
"""


async def version_of(work: Work) -> Version:
	"""Tells two states of the tenant's structures apart."""
	row = (await fetched(work, _VERSION))[0]
	return Version(int(row[0]), int(row[1]), bool(row[2]))


@dataclass(slots=True)
class SnapshotCache:
	"""Snapshots of this process, the least recently used ones dropped first; bounded by number and
	by lines."""

	most: int
	most_lines: int
	_held: OrderedDict[tuple[object, ...], tuple[float, Snapshot]] = field(
		default_factory=OrderedDict[tuple[object, ...], tuple[float, Snapshot]]
	)

	def find(self, key: tuple[object, ...]) -> Snapshot | None:
		held = self._held.get(key)
		if held is None:
			return None
		if monotonic() - held[0] > TRUSTED_SECONDS:
			del self._held[key]
			return None
		self._held.move_to_end(key)
		return held[1]

	def keep(self, key: tuple[object, ...], snapshot: Snapshot) -> None:
		if snapshot.weight > self.most_lines:
			return
		tenant = key[0]
		# What the tenant's structures no longer are is of no use to anybody.
		for old in [each for each in self._held if each[0] == tenant and each[1:3] != key[1:3]]:
			del self._held[old]
		self._held[key] = (monotonic(), snapshot)
		while len(self._held) > self.most or self.lines > self.most_lines:
			self._held.popitem(last=False)

	@property
	def lines(self) -> int:
		return sum(snapshot.weight for _at, snapshot in self._held.values())

	def clear(self) -> None:
		self._held.clear()


@cache
def snapshot_cache() -> SnapshotCache:
	settings = PlmSettings()
	return SnapshotCache(settings.structure_cache, settings.structure_cache_lines)


async def snapshot_of(
	work: Work,
	root: str,
	rule: AnyRule,
	view: View,
	meanwhile: Callable[[], Awaitable[None]] | None = None,
) -> Snapshot:
	"""The structure below a revision. Raises StructureCycle.

	Read in one state of the database: when somebody changed a structure while it was read, it is
	read again.
	"""
	held = snapshot_cache()
	tenant = work.principal.tenant_id
	version = await version_of(work)
	while True:
		key = (tenant, version.rows, version.total, root, rule, view)
		everything = (*key[:3], None, rule, view)
		found = None if version.own else held.find(key) or _holding(held.find(everything), root)
		if found is not None:
			return found
		columns = await load_below(work, root, rule, view)
		small = columns is not None
		if columns is None:
			columns = await load_whole(work, root, rule, view)
		after = await version_of(work)
		if after == version:
			snapshot = await build(work, columns, root if small else None, rule, view, meanwhile)
			if not version.own:
				held.keep(key if small else everything, snapshot)
			return snapshot
		version = after


FEW = 4  # revisions whose structures are read one by one; for more the tenant's is read once


async def hashes_below(work: Work, roots: Sequence[str]) -> dict[str, str]:
	"""`hash_below` of several revisions, engineering view by the default rule. Raises StructureCycle."""
	if len(roots) <= FEW:
		return {
			root: (await snapshot_of(work, root, Rule.DEFAULT, View.ENGINEERING)).hash_below(root)
			for root in roots
		}
	columns = await load_whole(work, None, Rule.DEFAULT, View.ENGINEERING)
	whole = await build(work, columns, None, Rule.DEFAULT, View.ENGINEERING)
	return {root: whole.hash_below(root) for root in roots}


def _holding(snapshot: Snapshot | None, root: str) -> Snapshot | None:
	return snapshot if snapshot is not None and root in snapshot.structure else None


async def build(
	work: Work,
	columns: Columns,
	root: str | None,
	rule: AnyRule,
	view: View,
	meanwhile: Callable[[], Awaitable[None]] | None = None,
) -> Snapshot:
	"""Arrays in canonical order; a line that cannot be converted has an unknown quantity.

	What is done `meanwhile` runs while a large structure is put in order.
	"""
	numerator, denominator, lacking = await factors(work, columns.unit, columns.base[columns.child])
	quantity = columns.quantity
	if bool(lacking.any()):
		quantity = np.where(lacking, UNKNOWN_QUANTITY, quantity)
	make = partial(
		Structure.from_arrays,
		as_text(columns.nodes),
		columns.parent,
		columns.child,
		quantity,
		lines=None if columns.lines is None else as_text(columns.lines),
		kind=columns.kind,
		attrition=columns.attrition,
		setup=columns.setup,
		rounding=columns.rounding,
		numerator=numerator,
		denominator=denominator,
	)
	try:
		structure = await aside(make, columns.parent.size, meanwhile)
	except CycleFound as error:
		raise StructureCycle(
			_("A product contains itself: {way}.", way=await named_way(work, error.path))
		) from error
	order = structure.node_order
	return Snapshot(
		root,
		rule,
		view,
		structure,
		columns.items,
		columns.item[order],
		columns.base[order],
		columns.type[order],
		columns.mass[order],
		columns.mass_unit[order],
		lacking[structure.line_order],
	)


_NUMBERS = """
	select coalesce(r.id, i.id)::text, i.number, r.label from unnest($1::uuid[]) u (id)
	left join plm_revisions r on r.id = u.id
	join plm_items i on i.id = coalesce(r.item_id, u.id)
"""


async def named_way(work: Work, path: tuple[str, ...]) -> str:
	"""The way by numbers and revisions, as a person reads it."""
	rows = await fetched(work, _NUMBERS, list(dict.fromkeys(path)))
	names = {row[0]: f"{row[1]} {row[2]}" if row[2] else row[1] for row in rows}
	return " > ".join(names.get(id, id) for id in path)
