"""What keeps a change from being submitted or released: every gap, named with where to mend it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import aliased

from apg.capabilities.plm.changes.models import Change, ChangeItem
from apg.capabilities.plm.documents.requirements import PREFIX, unmet_requirements
from apg.capabilities.plm.products.models import Item, Revision
from apg.capabilities.plm.revisions.obstacles import obstacles_of
from apg.capabilities.plm.shared.change_states import ChangeKind, ItemAction
from apg.capabilities.plm.shared.errors import DomainError
from apg.capabilities.plm.shared.lifecycle import LifecyclePhase, RevisionState, check_phase
from apg.capabilities.plm.structures.cycles import refuse_cycles
from apg.capabilities.plm.structures.models import Line
from apg.capabilities.plm.structures.plain_sql import mapped
from apg.capabilities.plm.structures.snapshots import StructureCycle
from apg.kernel.errors import Conflict, Problem
from apg.kernel.rows import ids
from apg.kernel.stamps import utc_now
from apg.kernel.texts import _
from apg.kernel.work import Work

MOST_PARENTS = 20


class NotSubmittable(Conflict):
	"""The change is not complete; the problems name every gap."""

	code = "NOT_SUBMITTABLE"


class RebaseNeeded(Conflict):
	"""Another change released an affected product meanwhile."""

	code = "REBASE_NEEDED"


async def gaps(work: Work, change: Change, items: Sequence[ChangeItem]) -> list[Problem]:
	"""Everything that is missing or wrong, each with the product and the page that mends it.

	`items.<number>.…` is the field; the sentence ends with the page. Call it with the structures
	locked, so that nothing changes meanwhile.
	"""
	found = _of_itself(change, items)
	if change.kind != ChangeKind.CHANGE_ORDER or not items:
		return found
	numbers = await _numbers(work, [item.item_id for item in items])
	found += await moved_bases(work, items, numbers)
	found += await _of_revisions(work, change, items, numbers)
	found += await _of_phases(work, items, numbers)
	found += await _still_used(work, items, numbers)
	return found


def _of_itself(change: Change, items: Sequence[ChangeItem]) -> list[Problem]:
	found: list[Problem] = []
	here = f"/plm/changes/{change.id}"
	if change.kind in (ChangeKind.CHANGE_ORDER, ChangeKind.DEVIATION) and not items:
		text = _("No product is affected; add one. {page}", page=f"{here}?tab=redline")
		found.append(Problem("items", text, "missing"))
	if change.kind == ChangeKind.DEVIATION:
		if change.valid_until is None:
			text = _("A deviation ends some day; say on which. {page}", page=f"{here}/edit")
			found.append(Problem("valid_until", text, "missing"))
		elif change.valid_until <= utc_now():
			text = _(
				"The deviation would have ended already; give a later day. {page}",
				page=f"{here}/edit",
			)
			found.append(Problem("valid_until", text, "past"))
	return found


async def _numbers(work: Work, item_ids: Sequence[str]) -> dict[str, str]:
	rows = await work.execute(select(Item.id, Item.number).where(Item.id == ids(item_ids)))
	return dict(rows.all())


async def moved_bases(
	work: Work, items: Sequence[ChangeItem], numbers: dict[str, str]
) -> list[Problem]:
	"""Affected products whose released revision is not the one the change began with."""
	rows = await work.execute(
		select(Revision.item_id, Revision.id, Revision.label).where(
			Revision.item_id == ids([item.item_id for item in items]),
			Revision.state == RevisionState.RELEASED,
		)
	)
	released = {row.item_id: row for row in rows}
	found: list[Problem] = []
	for item in items:
		now = released.get(item.item_id)
		if (now.id if now is not None else None) == item.from_revision_id:
			continue
		text = _(
			"{number}: revision {label} was released meanwhile; bring the change onto it. {page}",
			number=numbers[item.item_id],
			label=now.label if now is not None else "–",
			page=f"/plm/changes/{item.change_id}/items/{item.id}/rebase",
		)
		found.append(Problem(f"items.{numbers[item.item_id]}.base", text, "rebase"))
	return found


async def _of_revisions(
	work: Work, change: Change, items: Sequence[ChangeItem], numbers: dict[str, str]
) -> list[Problem]:
	by_revision = {item.to_revision_id: item for item in items if item.to_revision_id}
	wanted = sorted(by_revision)
	found: list[Problem] = []

	def place(revision_id: str, field: str) -> tuple[str, str]:
		item = by_revision[revision_id]
		page = f"/plm/products/{item.item_id}?revision={revision_id}"
		return f"items.{numbers[item.item_id]}.{field}", page

	for revision_id, problems in (await obstacles_of(work, wanted)).items():
		for one in problems:
			field, page = place(revision_id, one.field)
			number = numbers[by_revision[revision_id].item_id]
			found.append(Problem(field, f"{number}: {one.message} {page}", one.code))
	for gap in await unmet_requirements(work, wanted):
		field, page = place(gap.revision_id, gap.problem.field)
		if gap.problem.field.startswith(PREFIX):
			page = page.replace("?", "/documents?")
		found.append(Problem(field, f"{gap.problem.message} {page}", gap.problem.code))
	leaving = {i.item_id for i in items if i.action == ItemAction.OBSOLETE}
	if leaving and wanted:
		rows = await work.execute(
			select(Line.parent_revision_id, Line.find_number, Line.child_item_id).where(
				Line.parent_revision_id == ids(wanted), Line.child_item_id == ids(sorted(leaving))
			)
		)
		for row in rows:
			field, page = place(row.parent_revision_id, f"lines.{row.find_number}")
			text = _(
				"{number} becomes obsolete by this change and is still on line {n}; take it out. {page}",
				number=numbers[row.child_item_id],
				n=row.find_number,
				page=page,
			)
			found.append(Problem(field, text, "retired"))
	if wanted:
		children = await work.scalars(
			select(Line.child_item_id).where(Line.parent_revision_id == ids(wanted)).distinct()
		)
		try:
			await refuse_cycles(work, set(children))
		except StructureCycle as error:
			found.append(Problem("items", error.message, "cycle"))
	return found


async def _of_phases(
	work: Work, items: Sequence[ChangeItem], numbers: dict[str, str]
) -> list[Problem]:
	moving = {item.item_id: item for item in items if item.new_phase is not None}
	if not moving:
		return []
	rows = await work.execute(
		select(Item.id, Item.lifecycle_phase).where(Item.id == ids(sorted(moving)))
	)
	found: list[Problem] = []
	for item_id, phase in rows:
		try:
			check_phase(LifecyclePhase(phase), LifecyclePhase(str(moving[item_id].new_phase)))
		except DomainError as error:
			field = f"items.{numbers[item_id]}.new_phase"
			found.append(Problem(field, f"{numbers[item_id]}: {error.reason}.", error.code))
	return found


async def _still_used(
	work: Work, items: Sequence[ChangeItem], numbers: dict[str, str]
) -> list[Problem]:
	"""Products that become obsolete while released parents outside of the change contain them."""
	leaving = sorted(i.item_id for i in items if i.action == ItemAction.OBSOLETE)
	if not leaving:
		return []
	replaced = sorted(item.item_id for item in items if item.to_revision_id)
	parent, line = aliased(Revision), aliased(Line)
	rows = await work.execute(
		select(line.child_item_id, Item.number, Item.id)
		.join(parent, parent.id == line.parent_revision_id)
		.join(Item, Item.id == parent.item_id)
		.where(
			line.child_item_id == ids(leaving),
			parent.state == RevisionState.RELEASED,
			~Item.is_deleted,
			~(Item.id == ids(replaced)),
			~(Item.id == ids(leaving)),
		)
		.distinct()
		.order_by(Item.number)
		.limit(MOST_PARENTS)
	)
	return [
		Problem(
			f"items.{numbers[child]}.action",
			_(
				"{number} is still used in {parent}; add that to the change, or keep the part. {page}",
				number=numbers[child],
				parent=above,
				page=f"/plm/products/{parent_id}",
			),
			"still_used",
		)
		for child, above, parent_id in rows
	]


_OTHERS = """
	select i.number, array_agg(distinct c.number order by c.number) as others
	from plm_change_items mine
	join plm_change_items theirs on theirs.item_id = mine.item_id
		and theirs.change_id <> mine.change_id and theirs.to_revision_id is not null
	join plm_changes c on c.id = theirs.change_id and c.kind = 'change_order'
		and c.status in ('draft', 'submitted', 'under_review', 'approved', 'on_hold')
	join plm_items i on i.id = mine.item_id
	where mine.change_id = $1::uuid and mine.to_revision_id is not null
	group by i.number order by i.number limit 200
"""


async def concurrent(work: Work, change: Change) -> list[dict[str, Any]]:
	"""Products that other open orders change too: whoever is released second has to rebase."""
	return await mapped(work, _OTHERS, change.id)
