"""No product contains itself, in no revision that may come to be effective, and in no race.

The graph looked at joins the lines of all revisions of an item that are open or released, and of
those that are pinned. It has no cycle at any time; so no view rule and no order of releases can
show one. Who adds a line holds the tenant's structure lock until his transaction ends: of two that
would close a ring together the second sees the first one's line, or waits for it.
"""

from __future__ import annotations

from collections.abc import Collection

from apg.capabilities.plm.shared.levels import cycle_in, heights
from apg.capabilities.plm.structures.plain_sql import fetched
from apg.capabilities.plm.structures.rules import LIVE
from apg.capabilities.plm.structures.snapshots import StructureCycle, named_way
from apg.kernel.errors import Problem
from apg.kernel.later import numpy as np
from apg.kernel.texts import _
from apg.kernel.work import Work

_EDGES = f"""
	with recursive reach(item_id, revision_id) as (
		select r.item_id, r.id from plm_revisions r
		where r.item_id = any($1::uuid[]) and r.state in {LIVE}
		union
		select step.item_id, step.id from reach cross join lateral (
			select r.item_id, r.id from plm_lines l
			join plm_revisions r on r.item_id = l.child_item_id
				and (r.state in {LIVE} or r.id = l.child_revision_id)
			where l.parent_revision_id = reach.revision_id offset 0
		) step
	)
	select distinct reach.item_id::text, l.child_item_id::text
	from reach join plm_lines l on l.parent_revision_id = reach.revision_id
"""  # noqa: S608 - constants of ours


async def refuse_cycles(work: Work, children: Collection[str]) -> None:
	"""Raises StructureCycle, named by numbers, when a ring runs through one of these items.

	Call it with the lock held, after the new lines are in place: a ring that they close runs through
	one of their children.
	"""
	if not children:
		return
	edges = [(row[0], row[1]) for row in await fetched(work, _EDGES, sorted(children))]
	names = sorted({name for edge in edges for name in edge})
	place = {name: n for n, name in enumerate(names)}
	parent = np.array([place[above] for above, _below in edges], np.int64)
	child = np.array([place[below] for _above, below in edges], np.int64)
	_height, left = heights(len(names), parent, child)
	if not left.size:
		return
	ring = tuple(names[node] for node in cycle_in(len(names), parent, child, left))
	way = await named_way(work, ring)
	raise StructureCycle(
		_("A product would contain itself: {way}. Take one of these lines out first.", way=way),
		problems=[Problem("product_id", _("This closes the ring {way}.", way=way), "cycle")],
	)


async def refuse_containing(work: Work, parent_id: str, stand_ins: Collection[str]) -> None:
	"""Raises StructureCycle when what may stand in on a line of the parent is or contains the parent.

	Call it with the lock held, like `refuse_cycles`.
	"""
	if not stand_ins:
		return
	edges = await fetched(work, _EDGES, sorted(stand_ins))
	if parent_id not in stand_ins and all(row[1] != parent_id for row in edges):
		return
	raise StructureCycle(
		_("A substitute would be or contain the product it stands in; choose another."),
		problems=[
			Problem("substitutes", _("It is or contains this product; choose another."), "cycle")
		],
	)
