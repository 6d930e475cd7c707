"""A snapshot follows what others changed: what they touched is read again, and nothing else.

What cannot be followed is said so by None, and the structure is read anew: another revision stands
for an item, a unit of an item changed, lines of a small structure changed, or a pinned revision may
have come or gone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from apg.capabilities.plm.shared.levels import IntArray
from apg.capabilities.plm.shared.revising import NewLines, Revised, Ring, revised
from apg.capabilities.plm.shared.structure import UNKNOWN_QUANTITY, Structure
from apg.capabilities.plm.structures.contents import ESTIMATED
from apg.capabilities.plm.structures.fixed_rows import Rows, fixed_rows, whole, words
from apg.capabilities.plm.structures.loading import (
	ITEM,
	LINE,
	LINE_COLUMNS,
	MASS,
	Pairs,
)
from apg.capabilities.plm.structures.plain_sql import fetched
from apg.capabilities.plm.structures.rules import Demand, Rule, pick_of
from apg.capabilities.plm.structures.unit_codes import factors
from apg.capabilities.plm.structures.versions import News
from apg.kernel.later import numpy as np
from apg.kernel.work import Work

if TYPE_CHECKING:
	from apg.capabilities.plm.structures.snapshots import Snapshot

MATERIALS = "materials"
_NOTHING = "00000000-0000-0000-0000-000000000000"

# The hash of a revision's material, 0 for none, and whether anything of it is an estimate.
MATERIAL = f"""
	coalesce(hashtextextended(nullif(r.material, ''), 0), 0), (r.attributes ? '{ESTIMATED}')::int::int2
"""
_REVISIONS = f"""
	select r.id::text, r.item_id::text, {MASS}, {MATERIAL}
	from plm_revisions r where r.id = any($1::uuid[])
"""  # noqa: S608 - constants of ours
_LINES = f"""
	select l.parent_revision_id, l.child_item_id,
		coalesce(l.child_revision_id, '{_NOTHING}'::uuid), {LINE}
	from plm_lines l where l.parent_revision_id = any($1::uuid[]) and l.view = $2
"""  # noqa: S608
_LINES_COLUMNS = {"parent": "uuid", "child": "uuid", "pinned": "uuid", **LINE_COLUMNS}


@lru_cache
def _items(rule: Rule) -> str:
	return f"""
		select i.id::text, {pick_of(rule)}::text, {ITEM} from plm_items i where i.id = any($1::uuid[])
	"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class _Revision:
	item: str
	mass: int
	mass_unit: int
	material: int
	estimated: bool


@dataclass(frozen=True, slots=True)
class _Item:
	pick: str | None
	base: int
	type: int


async def _revisions(work: Work, ids: Collection[str]) -> dict[str, _Revision]:
	rows = await fetched(work, _REVISIONS, sorted(ids)) if ids else []
	return {
		row[0]: _Revision(row[1], int(row[2]), int(row[3]), int(row[4]), bool(row[5]))
		for row in rows
	}


class _Anew(Exception):
	"""The structure has to be read anew."""


async def updated(work: Work, snapshot: Snapshot, news: News) -> Snapshot | None:
	"""The snapshot as it is now; itself where nothing of it was touched, None: it is to be read anew."""
	if news.touched is None or isinstance(snapshot.rule, Demand):
		return None
	lines, named = news.of("lines"), news.of("revision") | news.of("lines")
	if not named and not news.of("item"):
		return snapshot
	revisions = await _revisions(work, named)
	wanted = news.of("item") | {one.item for one in revisions.values()}
	rows = await fetched(work, _items(snapshot.rule), sorted(wanted))
	items = {row[0]: _Item(row[1], int(row[2]), int(row[3])) for row in rows}
	try:
		_nothing_gone(snapshot, named - revisions.keys(), wanted - items.keys())
		step = _Step(snapshot)
		for item, now in items.items():
			step.item(item, now)
		revisions |= await _revisions(work, set(step.fresh) - revisions.keys())
		step.revisions(revisions)
		await step.lines(work, lines)
	except _Anew:
		return None
	return step.snapshot


def _nothing_gone(snapshot: Snapshot, revisions: Iterable[str], items: Collection[str]) -> None:
	if any(one in snapshot.structure for one in revisions):
		raise _Anew
	if items and bool((snapshot.places.of(_pairs(items)) >= 0).any()):
		raise _Anew


def _pairs(ids: Iterable[str]) -> Pairs:
	raw = b"".join(bytes.fromhex(one.replace("-", "")) for one in ids)
	return words(np.frombuffer(raw, "V16"))


class _Step:
	"""One snapshot on its way to the next. Nothing of the old one is changed."""

	def __init__(self, snapshot: Snapshot) -> None:
		self.snapshot = snapshot
		self.fresh: dict[str, tuple[str, _Item]] = {}  # revisions of new items

	def item(self, name: str, now: _Item) -> None:
		"""What an item says now. Raises _Anew when another revision stands for it."""
		held = self.snapshot
		place = int(held.places.of(_pairs([name]))[0])
		if place < 0:
			# New: of no account in the structure below a root until a line of it names it.
			if held.root is None and now.pick is not None:
				self.fresh[now.pick] = (name, now)
			return
		nodes = np.flatnonzero(held.item == place)
		standing = self._standing(nodes)
		name_now = now.pick or name
		if standing is None or held.structure.name(standing) != name_now:
			raise _Anew
		if int(held.base[standing]) != now.base:
			raise _Anew
		if int(held.type[standing]) != now.type:
			changed = held.type.copy()
			changed[nodes] = now.type
			self._keep(type=changed)

	def _standing(self, nodes: IntArray) -> int | None:
		"""The node that stands for the item whose nodes these are; None: not known."""
		if self.snapshot.standing is None or nodes.size == 1:
			return int(nodes[0]) if nodes.size == 1 else None
		found = nodes[self.snapshot.standing[nodes]]
		return int(found[0]) if found.size == 1 else None

	def _keep(self, **columns: Any) -> None:
		"""Other facts of the same nodes."""
		old = self.snapshot
		new = replace(old, **columns)
		new.__dict__.update(
			{name: old.__dict__[name] for name in _OF_STRUCTURE if name in old.__dict__}
		)
		new.derived.update(old.derived)
		self.snapshot = new

	def revisions(self, now: Mapping[str, _Revision]) -> None:
		"""Masses and materials of revisions that the structure holds."""
		held = self.snapshot
		some = {
			held.structure.index(name): one for name, one in now.items() if name in held.structure
		}
		self._now = now
		if not some:
			return
		nodes = np.fromiter(some, np.int64)
		mass, unit = held.mass.copy(), held.mass_unit.copy()
		mass[nodes] = [one.mass for one in some.values()]
		unit[nodes] = [one.mass_unit for one in some.values()]
		self._keep(mass=mass, mass_unit=unit)
		if MATERIALS in held.derived:
			codes, marked = (column.copy() for column in held.derived[MATERIALS])
			codes[nodes] = [one.material for one in some.values()]
			marked[nodes] = [one.estimated for one in some.values()]
			self.snapshot.derived[MATERIALS] = (codes, marked)

	async def lines(self, work: Work, parents: Collection[str]) -> None:
		"""The lines of these revisions, as they are now. Raises _Anew."""
		held = self.snapshot
		structure = held.structure
		changed = [name for name in parents if name in structure]
		if not changed and not self.fresh:
			return
		if held.root is not None or held.standing is None:
			raise _Anew
		for name in self.fresh:
			if name not in self._now or name in structure:
				raise _Anew
		parents = [*changed, *self.fresh]
		numbers = [structure.index(name) for name in changed]
		before = structure.child[structure.lines_of(np.array(sorted(numbers), np.int64))]
		if not bool(held.standing[before].all()):
			raise _Anew  # what was pinned may be of no use any more
		rows = await fixed_rows(work, _LINES, _LINES_COLUMNS, parents, str(held.view))
		n = structure.node_count
		numbers += [n + place for place in range(len(self.fresh))]
		by_revision = _Lookup(_pairs(parents), np.array(numbers, np.int64))
		child = self._children(rows)
		fresh = np.array([now.base for _name, now in self.fresh.values()], np.int64)
		base = np.concatenate([held.base, fresh])
		up, down, lacking = await factors(work, whole(rows["unit"]), base[child])
		quantity = np.where(lacking, UNKNOWN_QUANTITY, whole(rows["quantity"]))
		new = NewLines(
			by_revision.of(words(rows["parent"])),
			child,
			quantity,
			whole(rows["kind"]),
			whole(rows["attrition"]),
			whole(rows["setup"]),
			whole(rows["rounding"]),
			np.array(up, np.int64),
			np.array(down, np.int64),
		)
		more = np.array([name.encode() for name in self.fresh], structure.ids.dtype)
		try:
			found = revised(structure, np.array(sorted(numbers), np.int64), new, more)
		except Ring:
			raise _Anew from None
		self._renumbered(found, lacking)

	def _children(self, rows: Rows) -> IntArray:
		"""The node of each line's child, new ones counted on. Raises _Anew for one that is not there."""
		held, structure = self.snapshot, self.snapshot.structure
		n = structure.node_count
		place = held.places.of(words(rows["child"]))
		by_item = np.full(held.item_words.shape[0] + 1, -1, np.int64)
		assert held.standing is not None
		standing = np.flatnonzero(held.standing)
		by_item[held.item[standing]] = standing
		child = by_item[np.where(place >= 0, place, held.item_words.shape[0])]
		pins = words(rows["pinned"])
		names = {item: n + at for at, (item, _now) in enumerate(self.fresh.values())}
		pinned = (pins != 0).any(axis=1)
		if bool(pinned.any()):
			raise _Anew
		missing = np.flatnonzero(child < 0)
		if missing.size:
			fresh = _Lookup(_pairs(names), np.array(list(names.values()), np.int64))
			child[missing] = fresh.of(words(rows["child"])[missing])
		if bool((child < 0).any()):
			raise _Anew
		return child

	def _renumbered(self, found: Revised, lacking: Any) -> None:
		"""The facts of the nodes in their new order, the new ones among them."""
		held, number = self.snapshot, found.number
		structure: Structure = found.structure
		order = np.empty_like(number)
		order[number] = np.arange(number.size)
		fresh = [(item, now, self._now[name]) for name, (item, now) in self.fresh.items()]
		k = held.item_words.shape[0]

		def put(column: Any, values: list[Any]) -> Any:
			if not values:
				return column[order] if structure is not held.structure else column
			return np.concatenate([column, np.array(values, column.dtype)])[order]

		new = replace(
			held,
			structure=structure,
			item_words=np.concatenate([held.item_words, _pairs(one[0] for one in fresh)])
			if fresh
			else held.item_words,
			item=put(held.item, [k + place for place in range(len(fresh))]),
			base=put(held.base, [now.base for _item, now, _revision in fresh]),
			type=put(held.type, [now.type for _item, now, _revision in fresh]),
			mass=put(held.mass, [one.mass for _item, _now, one in fresh]),
			mass_unit=put(held.mass_unit, [one.mass_unit for _item, _now, one in fresh]),
			unconvertible=np.concatenate([held.unconvertible, lacking])[found.line_from],
			standing=put(held.standing, [True for _one in fresh]),
		)
		if MATERIALS in held.derived:
			codes, marked = held.derived[MATERIALS]
			new.derived[MATERIALS] = (
				put(codes, [one.material for _item, _now, one in fresh]),
				put(marked, [one.estimated for _item, _now, one in fresh]),
			)
		if not fresh and "places" in held.__dict__:
			new.__dict__["places"] = held.places
		self.snapshot = new


_OF_STRUCTURE = ("places", "items", "_hashes")


class _Lookup:
	"""Numbers of a few ids, -1 for others."""

	def __init__(self, pairs: Pairs, numbers: IntArray) -> None:
		self._numbers = {
			(int(a), int(b)): int(number)
			for (a, b), number in zip(pairs.tolist(), numbers, strict=True)
		}

	def of(self, pairs: Pairs) -> IntArray:
		found = [self._numbers.get((a, b), -1) for a, b in pairs.tolist()]
		return np.array(found, np.int64)
