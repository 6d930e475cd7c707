"""A structure as it stands, ready to be computed with; kept while the tenant's structures stand.

A kept one follows the changes of others: what they touched is read and put in its place
(`updating.py`); when that is too much, or changes which revisions stand for which items, it is read
anew. What is new is known by marks, see versions.py. A snapshot is trusted for an hour after the last
look, far less than the two days for which changes are remembered.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from apg.capabilities.plm.settings import PlmSettings
from apg.capabilities.plm.shared.content_hash import structure_hash
from apg.capabilities.plm.shared.errors import CycleFound
from apg.capabilities.plm.shared.levels import BoolArray, IntArray
from apg.capabilities.plm.shared.node_ids import IdArray
from apg.capabilities.plm.shared.structure import UNKNOWN_QUANTITY, Structure
from apg.capabilities.plm.structures.fixed_rows import Places, as_text, aside
from apg.capabilities.plm.structures.loading import Columns, load_below, load_whole
from apg.capabilities.plm.structures.plain_sql import fetched
from apg.capabilities.plm.structures.rules import AnyRule, Rule, View
from apg.capabilities.plm.structures.unit_codes import factors
from apg.capabilities.plm.structures.updating import updated
from apg.capabilities.plm.structures.versions import Mark, mark_of, since
from apg.kernel.errors import Conflict
from apg.kernel.later import numpy as np
from apg.kernel.texts import _
from apg.kernel.work import Work

if TYPE_CHECKING:
	import numpy.typing as npt

TRUSTED_SECONDS = 3_600.0
MOST_BELOW = 8


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
	standing: BoolArray | None = None  # (n,) stands for its item under the rule; None: not known

	@cached_property
	def places(self) -> Places:
		"""Finds items by their ids."""
		return Places(self.item_words)

	@cached_property
	def derived(self) -> dict[str, Any]:
		"""What others read or worked out for it once; kept with it."""
		return {}

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

	def below(self, root: str) -> IntArray:
		"""The root and all that it contains, ascending; kept while the structure stands."""
		held: OrderedDict[str, IntArray] = self.derived.setdefault("below", OrderedDict())
		if root not in held:
			held[root] = self.structure.descendants(np.array([self.structure.index(root)]))
			if len(held) > MOST_BELOW:
				held.popitem(last=False)
		return held[root]

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


Key = tuple[str, str | None, AnyRule, View]
"""Tenant, root (None: the tenant's whole structure), rule and view."""


@dataclass(frozen=True, slots=True)
class Held:
	"""A snapshot, the mark of the state it shows, and when that was last looked at."""

	mark: Mark
	snapshot: Snapshot
	at: float


@dataclass(slots=True)
class SnapshotCache:
	"""Snapshots of this process, the least recently used ones dropped first; bounded by number and
	by lines."""

	most: int
	most_lines: int
	_held: OrderedDict[Key, Held] = field(default_factory=OrderedDict[Key, Held])

	def find(self, key: Key) -> Held | None:
		held = self._held.get(key)
		if held is None:
			return None
		if monotonic() - held.at > TRUSTED_SECONDS:
			del self._held[key]
			return None
		self._held.move_to_end(key)
		return held

	def keep(self, key: Key, mark: Mark, snapshot: Snapshot) -> None:
		if snapshot.weight > self.most_lines:
			self._held.pop(key, None)
			return
		self._held[key] = Held(mark, snapshot, monotonic())
		self._held.move_to_end(key)
		while len(self._held) > self.most or self.lines > self.most_lines:
			self._held.popitem(last=False)

	@property
	def lines(self) -> int:
		return sum(held.snapshot.weight for held in self._held.values())

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
	cache, tenant = snapshot_cache(), work.principal.tenant_id
	small, everything = (tenant, root, rule, view), (tenant, None, rule, view)
	key, held = small, cache.find(small)
	if held is None:
		key, held = everything, _holding(cache.find(everything), root)
	mark: Mark | None = None
	while held is not None:
		mark, news = await since(work, held.mark)
		found = held.snapshot
		if not news.any:
			if not mark.own:
				cache.keep(key, mark, found)
			return found
		followed = await updated(work, found, news)
		if followed is None or root not in followed.structure:
			break
		# Looked at once more: somebody may have gone on while that was read.
		held = Held(mark, followed, held.at)
	mark = mark or await mark_of(work)
	while True:
		columns = await load_below(work, root, rule, view)
		key = everything if columns is None else small
		if columns is None:
			columns = await load_whole(work, root, rule, view)
		after, news = await since(work, mark)
		if not news.any:
			snapshot = await build(work, columns, key[1], rule, view, meanwhile)
			if not after.own:
				cache.keep(key, after, snapshot)
			return snapshot
		mark = after


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


def _holding(held: Held | None, root: str) -> Held | None:
	return held if held is not None and root in held.snapshot.structure else None


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
		None if columns.standing is None else columns.standing[order],
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
