"""The release of an order: everything it holds, in one transaction, or nothing of it."""

from collections.abc import Sequence

from sqlalchemy import select

from apg.capabilities.plm.changes import package, submission
from apg.capabilities.plm.changes.approvals import PackageChanged
from apg.capabilities.plm.changes.models import Change, ChangeItem
from apg.capabilities.plm.changes.submission import NotSubmittable, RebaseNeeded
from apg.capabilities.plm.effectivity.ranges import Kind, Span
from apg.capabilities.plm.effectivity.service import Wanted, make_effective
from apg.capabilities.plm.products.models import Item
from apg.capabilities.plm.revisions import moves
from apg.capabilities.plm.shared.change_states import ChangeKind, ItemAction
from apg.capabilities.plm.shared.lifecycle import LifecyclePhase
from apg.contracts.plm import ProductUpdated
from apg.kernel.errors import NotFound
from apg.kernel.rows import ids, update_rows
from apg.kernel.texts import _
from apg.kernel.work import Work


async def release(work: Work, change: Change) -> int:
	"""Releases every revision of the order, ends what becomes obsolete, moves phases; answers how
	many revisions were released. The caller holds the structure lock and the change.

	Raises PackageChanged, RebaseNeeded, NotSubmittable, and what a release of revisions raises.
	"""
	items = await package.items_of(work, change.id)
	if await package.hash_of(work, change, items) != change.package_hash:
		raise PackageChanged(
			_("{number} is not what was approved; return it and submit it again.",
			number=change.number)
		)  # fmt: skip
	if change.kind != ChangeKind.CHANGE_ORDER:
		return 0
	await refuse_gaps(work, change, items)
	revision_ids = [item.to_revision_id for item in items if item.to_revision_id]
	if revision_ids:
		await moves.release(work, revision_ids)
		await _make_effective(work, change, items)
	await _end(work, items)
	await _move_phases(work, items)
	return len(revision_ids)


async def refuse_gaps(work: Work, change: Change, items: Sequence[ChangeItem]) -> None:
	"""Raises RebaseNeeded or NotSubmittable with every gap."""
	problems = await submission.gaps(work, change, items)
	if any(one.code == "rebase" for one in problems):
		text = _("Another change was released meanwhile; bring {number} onto it first.")
		raise RebaseNeeded(text.format(number=change.number), problems=problems)
	if problems:
		text = _("{number} is not complete.", number=change.number)
		raise NotSubmittable(text, problems=problems)


async def _make_effective(work: Work, change: Change, items: Sequence[ChangeItem]) -> None:
	wanted = [
		Wanted(item.to_revision_id, Span(Kind.DATES, start))
		for item in items
		if item.to_revision_id
		and (start := item.effective_from or change.effective_from) is not None
	]
	if wanted:
		await make_effective(work, wanted, change_id=change.id)


async def _end(work: Work, items: Sequence[ChangeItem]) -> None:
	ending = [item for item in items if item.action == ItemAction.OBSOLETE]
	if not ending:
		return
	await moves.obsolete(work, [i.from_revision_id for i in ending if i.from_revision_id])
	phase = {"lifecycle_phase": LifecyclePhase.OBSOLETE}
	await update_rows(work, Item, {item.item_id: phase for item in ending})
	_tell(work, ending)


async def _move_phases(work: Work, items: Sequence[ChangeItem]) -> None:
	moving = [item for item in items if item.new_phase is not None]
	if not moving:
		return
	found = await work.scalars(
		select(Item.id).where(Item.id == ids([i.item_id for i in moving])).with_for_update()
	)
	if len(found) < len(moving):
		raise NotFound(_("{what} not found", what=_("product")))
	await update_rows(
		work, Item, {item.item_id: {"lifecycle_phase": item.new_phase} for item in moving}
	)
	_tell(work, moving)


def _tell(work: Work, items: Sequence[ChangeItem]) -> None:
	for item in items:
		work.publish(
			ProductUpdated(product_id=item.item_id, revision_id=None, fields=["lifecycle_phase"])
		)
