"""The products above what a change touches, with all that is below them, as one structure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from apg.capabilities.plm.changes.models import ChangeItem
from apg.capabilities.plm.shared.errors import CycleFound
from apg.capabilities.plm.shared.impact_math import Overlay
from apg.capabilities.plm.structures.loading import load_below_many
from apg.capabilities.plm.structures.plain_sql import fetched
from apg.capabilities.plm.structures.rules import Rule, View
from apg.capabilities.plm.structures.snapshots import Snapshot, StructureCycle, build, named_way
from apg.kernel.later import numpy as np
from apg.kernel.texts import _
from apg.kernel.work import Work

# A parent counts as its current revision (released, else working), as one somebody pins, and as the
# change's own. More than stands in the end does no harm: what hangs on no swap has no difference.
_ABOVE = """
	with recursive above(item_id) as (
		select unnest($1::uuid[])
		union
		select step.item_id from above cross join lateral (
			select p.item_id from plm_lines l
			join plm_revisions p on p.id = l.parent_revision_id
			join plm_items i on i.id = p.item_id
			where l.child_item_id = above.item_id and l.view = 'engineering' and not i.is_deleted
			and (p.id = i.current_revision_id or p.id = any($2::uuid[]) or exists (
				select from plm_lines x where x.child_revision_id = p.id)) offset 0
		) step
	)
	select i.current_revision_id::text from above join plm_items i on i.id = above.item_id
	where i.current_revision_id is not null
"""
_PINNED = """
	select id::text from plm_lines where child_revision_id = any($1::uuid[]) and view = 'engineering'
"""


_CURRENT = """
	select id::text, current_revision_id::text from plm_items
	where id = any($1::uuid[]) and current_revision_id is not null
"""


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
	"""`snapshot` is the structure as it stands, the change's revisions beside it; `overlay` what
	comes of it; `swaps` from → to, by revision; `fresh` first revisions the change releases."""

	snapshot: Snapshot
	overlay: Overlay
	swaps: dict[str, str]
	fresh: tuple[str, ...]


async def _standing(work: Work, items: Sequence[ChangeItem]) -> dict[str, str]:
	"""What each product stands as now, by product: another order may have released it since, and then
	the change takes the place of that and no longer of the base it was begun on."""
	rows = await fetched(work, _CURRENT, [item.item_id for item in items])
	own = {item.to_revision_id for item in items}
	begun = {item.item_id: item.from_revision_id for item in items if item.from_revision_id}
	return begun | {item: now for item, now in rows if item in begun and now not in own}


async def graph_of(work: Work, items: Sequence[ChangeItem]) -> Graph | None:
	"""None where the change opens no revision. Raises StructureCycle for one that closes a ring."""
	moving = [item for item in items if item.to_revision_id is not None]
	if not moving:
		return None
	standing = await _standing(work, moving)
	swaps = {
		standing[item.item_id]: item.to_revision_id
		for item in moving
		if item.from_revision_id is not None and item.to_revision_id is not None
	}
	fresh = tuple(
		item.to_revision_id
		for item in moving
		if item.from_revision_id is None and item.to_revision_id is not None
	)
	own = [*swaps.values(), *fresh]
	rows = await fetched(work, _ABOVE, [item.item_id for item in moving], own)
	roots = list(dict.fromkeys([*(row[0] for row in rows), *swaps, *own]))
	columns = await load_below_many(work, roots, Rule.DEFAULT, View.ENGINEERING)
	snapshot = await build(work, columns, None, Rule.DEFAULT, View.ENGINEERING)
	structure = snapshot.structure
	pinned = None
	if swaps:
		rows = await fetched(work, _PINNED, list(swaps))
		if rows and structure.line_ids is not None:
			names = np.array([row[0].encode() for row in rows], "S36")
			pinned = np.isin(structure.line_ids, names)[structure.line_order]
	touched = swaps | {one: one for one in fresh}
	try:
		overlay = Overlay.of(structure, touched, pinned)
	except CycleFound as error:
		way = await named_way(work, error.path)
		raise StructureCycle(_("A product would contain itself: {way}.", way=way)) from error
	return Graph(snapshot, overlay, swaps, fresh)
