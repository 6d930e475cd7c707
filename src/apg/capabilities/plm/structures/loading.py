"""A structure out of the database as columns: below one revision, or the tenant's whole one.

Below a revision: one recursive query that meets every revision once, whatever the number of ways to
it, and gives up beyond `MOST_LINES`. Whole: three scans of fixed rows; most lines are plain (so
many of a floating child, nothing else), of which three columns are enough.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from apg.capabilities.plm.shared.levels import BoolArray, IntArray
from apg.capabilities.plm.shared.lifecycle import ProductType, RevisionState
from apg.capabilities.plm.shared.lines import KIND_CODES
from apg.capabilities.plm.structures.fixed_rows import (
	THREADS,
	Keys,
	Places,
	SharedKey,
	fixed_blocks,
	fixed_rows,
	whole,
	words,
)
from apg.capabilities.plm.structures.plain_sql import fetched
from apg.capabilities.plm.structures.rules import AnyRule, Demand, Rule, View, pick_of, source_of
from apg.kernel.later import numpy as np
from apg.kernel.work import Work

if TYPE_CHECKING:
	import numpy.typing as npt

MOST_LINES = 30_000
"""Larger structures are read with the whole tenant: a scan is then cheaper than a walk."""

NOT_GIVEN = -1
TYPES = tuple(ProductType)
STATES = tuple(RevisionState)
Pairs: TypeAlias = "npt.NDArray[np.uint64]"

_KINDS = "array[{}]".format(", ".join(f"'{kind}'" for kind in KIND_CODES))
_TYPES = "array[{}]".format(", ".join(f"'{each}'" for each in TYPES))


def _key(column: str) -> str:
	return f"uuid_hash_extended({column}, 0)"


def _micro(column: str, absent: int = NOT_GIVEN) -> str:
	return f"coalesce(({column} * 1000000)::int8, {absent})"


LINE = f"""
	l.quantity_micro, (array_position({_KINDS}, l.quantity_kind) - 1)::int2,
	{_micro("l.attrition")}, {_micro("l.setup_quantity")}, {_micro("l.rounding_multiple", 0)},
	hashtextextended(l.unit, 0)
"""
LINE_COLUMNS = {
	"quantity": "int8",
	"kind": "int2",
	"attrition": "int8",
	"setup": "int8",
	"rounding": "int8",
	"unit": "int8",
}
ITEM = f"""
	hashtextextended(i.unit_of_measure, 0), (array_position({_TYPES}, i.product_type) - 1)::int2
"""
MASS = f"{_micro('r.mass')}, coalesce(hashtextextended(r.mass_unit, 0), 0)"
_NODE_COLUMNS = {"base": "int8", "type": "int2", "mass": "int8", "mass_unit": "int8"}


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
	"""n nodes (revisions; an item stands for itself where a rule finds none) of k items, m lines.

	Quantities and masses in 10⁻⁶, NOT_GIVEN where there is none; units as hashes, see units.py.
	"""

	nodes: Pairs  # (n, 2)
	items: Pairs  # (k, 2), each once
	item: IntArray  # (n,) places in items
	base: IntArray  # (n,)
	type: IntArray  # (n,) places in TYPES
	mass: IntArray  # (n,)
	mass_unit: IntArray  # (n,)
	parent: IntArray  # (m,) places in nodes
	child: IntArray  # (m,)
	quantity: IntArray  # (m,)
	kind: IntArray  # (m,)
	attrition: IntArray  # (m,)
	setup: IntArray  # (m,)
	rounding: IntArray  # (m,)
	unit: IntArray  # (m,)
	lines: Pairs | None  # (m, 2), where lines were named
	standing: BoolArray | None = None  # (n,) stands for its item; None: not known


@lru_cache(256)
def _below(rule: AnyRule, start: str = "$1::uuid") -> str:
	picked = f"coalesce(l.child_revision_id, {pick_of(rule)}, i.id)"
	source = source_of(rule)
	# `offset 0` keeps each step a look into an index, whatever the planner thinks of the table.
	return f"""
		with recursive reach(id) as (
			select {start}
			union
			select step.id from reach cross join lateral (
				select {picked} as id
				from {source.lines} l join {source.items} i on i.id = l.child_item_id
				where l.parent_revision_id = reach.id and l.view = $2 offset 0
			) step
		)
		select reach.id, found.* from reach cross join lateral (
			select stands.id, l.child_item_id, l.id, {LINE}, {ITEM}, {MASS}
			from {source.lines} l join {source.items} i on i.id = l.child_item_id
			cross join lateral (select {picked} as id offset 0) stands
			left join lateral (
				select r.mass, r.mass_unit from {source.revisions} r where r.id = stands.id offset 0
			) r on true
			where l.parent_revision_id = reach.id and l.view = $2 offset 0
		) found
	"""  # noqa: S608 - constants of ours


_BELOW_COLUMNS = {
	"parent": "uuid",
	"child": "uuid",
	"item": "uuid",
	"line": "uuid",
	**LINE_COLUMNS,
	**_NODE_COLUMNS,
}


_TOP_COLUMNS = {"child": "uuid", "item": "uuid", **_NODE_COLUMNS}


def _root(rule: AnyRule, which: str = "$1::uuid") -> str:
	source = source_of(rule)
	return f"""
		select r.id, r.item_id, {ITEM}, {MASS}
		from {source.revisions} r join {source.items} i on i.id = r.item_id where r.id = {which}
	"""  # noqa: S608


async def load_below(work: Work, root: str, rule: AnyRule, view: View) -> Columns | None:
	"""All that is below a revision, each revision once; None when that is too much for a walk.

	What a demand or a baseline resolves is always walked: only plain rules are known to scans.
	"""
	limit = None if isinstance(rule, Demand) else MOST_LINES
	return await _walk(work, root, rule, view, limit=limit)


async def _walk(
	work: Work, root: str, rule: AnyRule, view: View, *, limit: int | None
) -> Columns | None:
	most = "" if limit is None else f" limit {limit + 1}"
	rows = await fixed_rows(work, _below(rule) + most, _BELOW_COLUMNS, root, str(view))
	if limit is not None and rows.size > limit:
		return None
	top = await fixed_rows(work, _root(rule), _TOP_COLUMNS, root)
	return _walked(top, rows)


async def load_below_many(work: Work, roots: Sequence[str], rule: AnyRule, view: View) -> Columns:
	"""All that is below several revisions, each revision once, however many they share."""
	wanted = list(roots)
	many = _below(rule, "unnest($1::uuid[])")
	rows = await fixed_rows(work, many, _BELOW_COLUMNS, wanted, str(view))
	top = await fixed_rows(work, _root(rule, "any($1::uuid[])"), _TOP_COLUMNS, wanted)
	return _walked(top, rows)


def _walked(top: Any, rows: Any) -> Columns:
	delivered = words(np.concatenate([top["child"], rows["child"]]))
	first = _distinct(delivered)
	place = Places(nodes := delivered[first])

	def of_node(name: str) -> npt.NDArray[Any]:
		return np.concatenate([top[name], rows[name]])[first]

	named = words(of_node("item"))
	items = named[_distinct(named)]
	node: Any = {name: whole(of_node(name)) for name in _NODE_COLUMNS}
	line: Any = {name: whole(rows[name]) for name in LINE_COLUMNS}
	return Columns(
		nodes=nodes,
		items=items,
		item=Places(items).of(named),
		**node,
		parent=place.of(words(rows["parent"])),
		child=place.of(words(rows["child"])),
		**line,
		lines=words(rows["line"]),
	)


def _distinct(pairs: Pairs) -> IntArray:
	"""Where each id stands first, in the order of the ids."""
	order = np.lexsort((pairs[:, 1], pairs[:, 0]))
	in_order = pairs[order]
	fresh = np.ones(order.size, np.bool_)
	fresh[1:] = (in_order[1:] != in_order[:-1]).any(axis=1)
	return order[fresh]


# Between each other the rows of a tenant name ids by a 64-bit key, half of what the ids would cost.
# Foreign keys see to it that a line names nothing outside, and `_Nodes` that no two ids of the tenant
# share a key.
_PLAIN = f"""
	select {_key("l.parent_revision_id")}, {_key("l.child_item_id")}, l.quantity_micro
	from plm_lines l where l.is_plain
"""  # noqa: S608
_PLAIN_COLUMNS = {"parent": "int8", "child": "int8", "quantity": "int8"}
_SPECIAL = f"""
	select {_key("l.parent_revision_id")}, {_key("l.child_item_id")},
		(l.child_revision_id is not null)::int::int2, coalesce({_key("l.child_revision_id")}, 0), {LINE}
	from plm_lines l where not l.is_plain and l.view = $1
"""  # noqa: S608
_SPECIAL_COLUMNS = {
	"parent": "int8",
	"child": "int8",
	"is_pinned": "int2",
	"pinned": "int8",
	**LINE_COLUMNS,
}
_ITEMS = f"""
	select i.id, {_key("i.id")}, {_key("i.current_revision_id")},
		hashtextextended(i.unit_of_measure, 0), hashtextextended(i.product_type, 0) from plm_items i
"""  # noqa: S608
_ITEM_COLUMNS = {"id": "uuid", "key": "int8", "current": "int8", "base": "int8", "type": "int8"}
_REVISIONS = f"""
	select r.id, {_key("r.id")}, {_key("r.item_id")}, {MASS}{{chosen_by}} from plm_revisions r
"""  # noqa: S608
_REVISION_COLUMNS = {
	"id": "uuid",
	"key": "int8",
	"item": "int8",
	"mass": "int8",
	"mass_unit": "int8",
}
# What a rule other than the default chooses by.
_CHOSEN_BY = ", hashtextextended(r.state, 0), r.ordinal"
_CHOSEN_BY_COLUMNS = {"state": "int8", "ordinal": "int4"}


async def load_whole(work: Work, root: str | None, rule: AnyRule, view: View) -> Columns:
	"""The tenant's structure: the revision of every item under the rule, pinned ones, and `root`.

	Keys are turned into places in threads while the server sends the next rows. Should two ids share
	a key, what is below the root is walked instead. Raises ValueError for that without a root.
	"""
	loop = asyncio.get_running_loop()
	items = await fixed_rows(work, _ITEMS, _ITEM_COLUMNS)
	plainly = rule is Rule.DEFAULT
	revisions = await fixed_rows(
		work,
		_REVISIONS.format(chosen_by="" if plainly else _CHOSEN_BY),
		_REVISION_COLUMNS if plainly else {**_REVISION_COLUMNS, **_CHOSEN_BY_COLUMNS},
	)
	codes = await _codes(work)
	making = THREADS.submit(_Nodes, items, revisions, codes, rule, root)
	special = await fixed_rows(work, _SPECIAL, _SPECIAL_COLUMNS, str(view))
	plain: list[_Ends] = []
	try:
		if view is View.ENGINEERING:
			plain = await fixed_blocks(
				work, _PLAIN, _PLAIN_COLUMNS, lambda rows: making.result().ends_of(rows)
			)
		nodes = await asyncio.wrap_future(making)
		return await loop.run_in_executor(THREADS, _joined, nodes, special, plain)
	except SharedKey:
		if root is None:
			raise
		walked = await _walk(work, root, rule, view, limit=None)
		assert walked is not None
		return walked


async def _codes(work: Work) -> dict[str, int]:
	"""The hashes of the words that rows are full of."""
	names = ["each", *TYPES, *STATES]
	query = "select hashtextextended(name, 0) from unnest($1::text[]) with ordinality u (name, n) order by n"
	hashes = await fetched(work, query, names)
	return {name: int(row[0]) for name, row in zip(names, hashes, strict=True)}


@dataclass(frozen=True, slots=True, eq=False)
class _Ends:
	"""Some lines: places of the parent among revisions and of the child among items, and quantities."""

	parent: IntArray
	child_item: IntArray
	quantity: IntArray


class _Nodes:
	"""Items and revisions of a tenant, and which revision stands for which item."""

	def __init__(
		self, items: Any, revisions: Any, codes: dict[str, int], rule: AnyRule, root: str | None
	) -> None:
		self.items, self.revisions, self.codes = items, revisions, codes
		self.item_key, self.revision_key = Keys(items["key"]), Keys(revisions["key"])
		self.item_of = self.item_key.of(revisions["item"])
		self.picked = _picked(self, rule)
		self.kept = np.zeros(revisions.size, np.bool_)
		self.kept[self.picked[self.picked >= 0]] = True
		self.standing = self.kept.copy()
		self.ids = words(revisions["id"])
		if root is not None:
			top = words(np.frombuffer(bytes.fromhex(root.replace("-", "")), "V16"))
			self.kept |= (self.ids == top).all(axis=1)

	def ends_of(self, rows: Any) -> _Ends:
		# Lines of one parent lie together more often than not: each run is looked up once.
		parent = whole(rows["parent"])
		begins = np.ones(parent.size, np.bool_)
		begins[1:] = parent[1:] != parent[:-1]
		first = np.flatnonzero(begins)
		run = np.diff(first, append=parent.size)
		return _Ends(
			np.repeat(self.revision_key.of(parent[first]), run),
			self.item_key.of(whole(rows["child"])),
			whole(rows["quantity"]),
		)


def _joined(nodes: _Nodes, special: Any, plain: list[_Ends]) -> Columns:
	ends = [*plain, nodes.ends_of(special)]
	parent = np.concatenate([some.parent for some in ends])
	child_item = np.concatenate([some.child_item for some in ends])
	quantity = np.concatenate([some.quantity for some in ends])
	child = nodes.picked[child_item]
	start = child.size - special.size
	pins = nodes.revision_key.of(whole(special["pinned"]))
	pins[special["is_pinned"] == 0] = -1
	child[start:] = np.where(pins >= 0, pins, child[start:])
	# Revisions that stand for nothing (superseded, not pinned) are left out with their lines.
	kept = nodes.kept
	_keep_pinned(kept, parent, pins, start)
	chosen = np.flatnonzero(kept)
	used: Any = slice(None) if chosen.size == kept.size else kept[parent]
	parent, child, child_item, quantity = (
		column[used] for column in (parent, child, child_item, quantity)
	)
	bare = np.zeros(0, np.int64)
	if rule_leaves_out := bool((nodes.picked < 0).any()):
		bare = np.unique(child_item[child < 0])
	number = np.full(kept.size, -1, np.int64)
	number[chosen] = np.arange(chosen.size)
	if chosen.size < kept.size:
		parent, child = number[parent], np.where(child >= 0, number[child], child)
	if rule_leaves_out:
		stand_in = np.full(nodes.items.size, -1, np.int64)
		stand_in[bare] = chosen.size + np.arange(bare.size)
		child = np.where(child >= 0, child, stand_in[child_item])
	owner = np.concatenate([nodes.item_of[chosen], bare])
	taken = np.zeros(nodes.items.size, np.bool_)
	taken[owner] = True
	items_used = np.flatnonzero(taken)
	item_number = np.cumsum(taken) - 1

	def of_revision(name: str, absent: int) -> IntArray:
		found = whole(nodes.revisions[name])[chosen]
		return np.concatenate([found, np.full(bare.size, absent, np.int64)])

	def of_line(name: str, neutral: int) -> IntArray:
		if not special.size:
			return np.broadcast_to(np.int64(neutral), parent.shape)
		return np.concatenate([np.full(start, neutral, np.int64), whole(special[name])])[used]

	return Columns(
		nodes=np.concatenate([nodes.ids[chosen], words(nodes.items["id"][bare])]),
		items=words(nodes.items["id"][items_used]),
		item=item_number[owner],
		base=whole(nodes.items["base"])[owner],
		type=_types(nodes, owner),
		mass=of_revision("mass", NOT_GIVEN),
		mass_unit=of_revision("mass_unit", 0),
		parent=parent,
		child=child,
		quantity=quantity,
		kind=of_line("kind", 0),
		attrition=of_line("attrition", 0),
		setup=of_line("setup", 0),
		rounding=of_line("rounding", 0),
		unit=of_line("unit", nodes.codes["each"]),
		lines=None,
		standing=np.concatenate([nodes.standing[chosen], np.zeros(bare.size, np.bool_)]),
	)


def _picked(nodes: _Nodes, rule: AnyRule) -> IntArray:
	"""The place of the revision that stands for each item under the rule, -1 for none."""
	picked = nodes.revision_key.of(whole(nodes.items["current"]))
	if rule is Rule.DEFAULT:
		return picked
	state, codes = nodes.revisions["state"], nodes.codes
	if rule is Rule.LATEST_RELEASED:
		picked[:] = -1
		chosen = np.flatnonzero(state == codes[RevisionState.RELEASED])
	else:
		working, review = codes[RevisionState.WORKING], codes[RevisionState.IN_REVIEW]
		chosen = np.flatnonzero((state == working) | (state == review))
		chosen = chosen[np.argsort(nodes.revisions["ordinal"][chosen], kind="stable")]
	picked[nodes.item_of[chosen]] = chosen  # the highest ordinal is assigned last
	return picked


def _types(nodes: _Nodes, owner: IntArray) -> IntArray:
	"""Places in TYPES."""
	hashes = np.array([nodes.codes[each] for each in TYPES], np.int64)
	order = np.argsort(hashes)
	return order[np.searchsorted(hashes[order], whole(nodes.items["type"])[owner])]


def _keep_pinned(kept: npt.NDArray[np.bool_], parent: IntArray, pins: IntArray, start: int) -> None:
	"""Adds the revisions that kept ones pin, and so on; in place."""
	pinning = np.flatnonzero(pins >= 0)
	above, below = parent[start:][pinning], pins[pinning]
	while pinning.size:
		fresh = below[(above >= 0) & kept[above] & ~kept[below]]
		if not fresh.size:
			return
		kept[fresh] = True
