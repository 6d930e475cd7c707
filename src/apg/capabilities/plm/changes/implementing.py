"""What is approved is carried out: released, incorporated, closed."""

from sqlalchemy import func, select

from apg.capabilities.plm.changes import affected, package, releasing, telling
from apg.capabilities.plm.changes.assessment import Assessment
from apg.capabilities.plm.changes.models import Change, ChangeItem
from apg.capabilities.plm.changes.schemas import ChangeIn, ImplementIn, NoteIn
from apg.capabilities.plm.changes.service import create, held, say
from apg.capabilities.plm.shared.change_states import ChangeAction, ChangeKind, ChangeStatus
from apg.contracts.changes import ChangeClosed, ChangeImplemented
from apg.kernel.errors import Conflict, Problem
from apg.kernel.stamps import utc_now
from apg.kernel.texts import _
from apg.kernel.work import Work

# A release of more products outlives the patience of a request; a worker makes it at once.
MOST_IN_A_REQUEST = 100


class DispositionsOpen(Conflict):
	code = "DISPOSITIONS_OPEN"


async def implement(work: Work, change_id: str, given: ImplementIn) -> Change:
	"""The release, now or at `scheduled_at`: every revision of the order in this transaction.

	A request hands an order of more than MOST_IN_A_REQUEST products over to a worker.

	Of a request it makes a draft order; a deviation comes into force. Raises ChangeNotOpen,
	PackageChanged, RebaseNeeded, NotSubmittable.
	"""
	change = await held(work, change_id, structures=True)
	change.check(ChangeAction.IMPLEMENT)
	at = given.scheduled_at if given.scheduled_at and given.scheduled_at > utc_now() else None
	if at is None and await _is_too_long(work, change):
		at = utc_now()
		work.enqueue(package.RELEASE_TASK, change_id=change.id)
	if at is not None:
		change.scheduled_at, change.scheduled_by = at, work.principal.user_id
		change.refused = None
		await say(work, change, given.comments)
		return change
	await work.port(Assessment).refuse_blocked(work, change)
	released = await releasing.release(work, change)
	change.move(ChangeAction.IMPLEMENT, ChangeStatus.IMPLEMENTED)
	change.implemented_at = utc_now()
	change.implemented_by = work.principal.user_id or change.scheduled_by
	change.refused = None
	if change.kind in (ChangeKind.PROBLEM_REPORT, ChangeKind.CHANGE_REQUEST):
		await _incorporate(work, change)
	await say(work, change, given.comments)
	work.publish(
		ChangeImplemented(
			change_id=change.id,
			package_hash=str(change.package_hash),
			revision_count=released,
		)
	)
	await telling.decided(work, change)
	return change


async def _is_too_long(work: Work, change: Change) -> bool:
	if work.origin.door not in ("api", "page"):
		return False
	items = select(func.count()).select_from(ChangeItem).where(ChangeItem.change_id == change.id)
	return (await work.scalar(items) or 0) > MOST_IN_A_REQUEST


async def _incorporate(work: Work, change: Change) -> None:
	"""An approved request becomes a draft order for the same products, unless one was made of it."""
	made = await work.scalar(
		select(func.count()).select_from(Change).where(Change.origin_id == change.id)
	)
	if made:
		return
	items = await package.items_of(work, change.id)
	next_kind = (
		ChangeKind.CHANGE_REQUEST
		if change.kind == ChangeKind.PROBLEM_REPORT
		else ChangeKind.CHANGE_ORDER
	)
	await create(
		work,
		ChangeIn(
			kind=next_kind,
			change_title=change.title,
			change_description=change.description,
			change_type=change.change_type,  # pyright: ignore[reportArgumentType]
			priority=change.priority,  # pyright: ignore[reportArgumentType]
			urgency=change.urgency,  # pyright: ignore[reportArgumentType]
			track=change.track,  # pyright: ignore[reportArgumentType]
			cost_impact=change.cost_impact,
			currency=change.currency,
			reason_for_change=change.reason,
			business_impact=change.business_impact,
			affected_products=[item.item_id for item in items],
			origin_id=change.id,
		),
	)


async def close(work: Work, change_id: str, given: NoteIn) -> Change:
	"""Everything is done. Raises DispositionsOpen naming what is not."""
	change = await held(work, change_id)
	change.check(ChangeAction.CLOSE)
	problems: list[Problem] = []
	for item in await package.items_of(work, change.id):
		for place in affected.open_dispositions(item):
			told = _("Carry out “{decision}” first ({place}).", place=place.replace("_", " "),
				decision=str(item.dispositions[place]["decision"]).replace("_", " "))  # fmt: skip
			problems.append(Problem(f"items.{item.id}.dispositions.{place}", told, "open"))
	if problems:
		raise DispositionsOpen(
			_("{n} dispositions are not carried out.", n=len(problems)), problems=problems
		)
	change.move(ChangeAction.CLOSE, ChangeStatus.CLOSED)
	change.closed_at = utc_now()
	await say(work, change, given.comments)
	work.publish(ChangeClosed(change_id=change.id, cancelled=False))
	return change
