"""What can be done with changes: written, submitted, decided, held, given up."""

from typing import Any

from sqlalchemy import text, update

from apg.capabilities.plm.changes import (
	affected,
	approvals,
	approvers,
	package,
	reading,
	rebasing,
	releasing,
	replacing,
	telling,
)
from apg.capabilities.plm.changes.assessment import Assessment
from apg.capabilities.plm.changes.models import (
	Change,
	ChangeComment,
	ChangeItem,
	ChangeSeries,
)
from apg.capabilities.plm.changes.schemas import (
	AffectedIn,
	AffectedPatch,
	ApproveIn,
	ChangeIn,
	ChangePatch,
	CommentIn,
	DelegateIn,
	NoteIn,
	RebaseIn,
	RejectIn,
	ReplaceIn,
)
from apg.capabilities.plm.changes.submission import NotSubmittable
from apg.capabilities.plm.locks import lock_structures
from apg.capabilities.plm.permissions import CHANGES_IMPLEMENT
from apg.capabilities.plm.products.service import check_identity, default_currency
from apg.capabilities.plm.revisions import moves
from apg.capabilities.plm.shared.change_states import (
	IN_REVIEW,
	PREFIXES,
	ChangeAction,
	ChangeKind,
	ChangeStatus,
)
from apg.capabilities.plm.shared.merge import Side
from apg.capabilities.plm.shared.numbering import NumberFormat
from apg.contracts.changes import (
	ChangeApproved,
	ChangeClosed,
	ChangeCreated,
	ChangeRejected,
	ChangeReturned,
	ChangeSubmitted,
)
from apg.contracts.identity import Identity
from apg.kernel.errors import Conflict, Invalid, NotFound, PermissionDenied, Problem
from apg.kernel.json_rows import One
from apg.kernel.stamps import is_id, new_id, utc_now
from apg.kernel.texts import _
from apg.kernel.work import Work

ON_CHANGE = {
	"change_title": "title",
	"change_description": "description",
	"change_type": "change_type",
	"priority": "priority",
	"urgency": "urgency",
	"track": "track",
	"cost_impact": "cost_impact",
	"currency": "currency",
	"reason_for_change": "reason",
	"business_impact": "business_impact",
	"owner_id": "owner_id",
	"due_at": "due_at",
	"valid_until": "valid_until",
	"valid_for": "valid_for",
	"effective_from": "effective_from",
}
NEVER_EMPTY = ("change_title", "change_type", "priority", "urgency", "track")


class ChangeNotFound(NotFound):
	code = "CHANGE_NOT_FOUND"


class NotYours(PermissionDenied):
	"""Who may take a change back: its author, its owner, who is asked, and who runs changes."""

	code = "NOT_YOUR_CHANGE"


# -- found and read -----------------------------------------------------------------------------


async def held(work: Work, change_id: str, *, structures: bool = False) -> Change:
	"""The change, locked; with the structures of the tenant locked before. Raises ChangeNotFound."""
	if not is_id(change_id) or await work.find(Change, change_id) is None:
		raise ChangeNotFound(_("{what} not found", what=_("change")))
	if structures:
		await lock_structures(work)
	return await work.edit(Change, change_id)


async def found(work: Work, change_id: str) -> Change:
	"""The change, for reading. Raises ChangeNotFound."""
	change = await work.find(Change, change_id) if is_id(change_id) else None
	if change is None:
		raise ChangeNotFound(_("{what} not found", what=_("change")))
	return change


async def read(work: Work, change_id: str) -> One:
	"""The change as JSON. Raises ChangeNotFound."""
	if not is_id(change_id):
		raise ChangeNotFound(_("{what} not found", what=_("change")))
	try:
		return await work.read_one(reading.select_changes().where(Change.id == change_id), Change)
	except NotFound as error:
		raise ChangeNotFound(error.message) from error


# -- written ------------------------------------------------------------------------------------


async def create(work: Work, new: ChangeIn) -> Change:
	"""A draft under the next number of its kind. Raises Invalid, Conflict."""
	check_identity(work, new)  # pyright: ignore[reportArgumentType]
	if new.origin_id is not None:
		await found(work, new.origin_id)
	await _known_people(work, new.owner_id)
	given = new.model_dump()
	change = work.add(
		Change(
			id=new_id(),
			kind=new.kind,
			number=await _next_number(work, new.kind),
			origin_id=new.origin_id,
			**{attribute: given[name] for name, attribute in ON_CHANGE.items()},
		)
	)
	_settle_cost(work, change)
	change.status = ChangeStatus.DRAFT
	await work.flush()
	entries = [AffectedIn(product_id=one) for one in dict.fromkeys(new.affected_products)]
	await affected.add(work, change, [*entries, *new.items])
	await package.touched(work, change)
	work.publish(ChangeCreated(change_id=change.id, kind=change.kind))
	await work.flush()
	return change


def _settle_cost(work: Work, change: Change) -> None:
	if change.cost_impact is None:
		change.currency = None
	elif change.currency is None:
		change.currency = default_currency(work)


async def _known_people(work: Work, user_id: str | None) -> None:
	if user_id is not None and user_id not in await work.port(Identity).people(work, [user_id]):
		raise Invalid.one("owner_id", _("There is no such member."), "unknown")


async def _next_number(work: Work, kind: ChangeKind) -> str:
	"""The next number of the kind; the row is locked until the transaction ends."""
	await work.execute(
		text(
			"insert into plm_change_series (id, tenant_id, kind, prefix, width, next_number, "
			"created_at, updated_at) values (:id, :tenant, :kind, :prefix, 6, 1, now(), now()) "
			"on conflict (tenant_id, kind) do nothing"
		),
		{
			"id": new_id(),
			"tenant": work.principal.tenant_id,
			"kind": str(kind),
			"prefix": PREFIXES[kind],
		},
	)
	row = (
		await work.execute(
			update(ChangeSeries)
			.where(ChangeSeries.kind == str(kind))
			.values(next_number=ChangeSeries.next_number + 1)
			.returning(ChangeSeries.prefix, ChangeSeries.width, ChangeSeries.next_number)
			.execution_options(bulk=True, synchronize_session=False)
		)
	).one()
	return NumberFormat(row.prefix, row.width).render(row.next_number - 1)


async def edit(work: Work, change_id: str, patch: ChangePatch) -> Change:
	"""Changes what the patch names. After the submission everybody is asked again.

	Raises ChangeNotFound, PreconditionFailed, ChangeNotOpen, Invalid.
	"""
	change = await held(work, change_id, structures=True)
	change.check(ChangeAction.EDIT)
	given = patch.model_dump(exclude_unset=True)
	empty = [name for name in NEVER_EMPTY if name in given and given[name] is None]
	if empty:
		raise Invalid(
			problems=[Problem(name, _("This field cannot be emptied.")) for name in empty]
		)
	await _known_people(work, given.get("owner_id"))
	for name, value in given.items():
		setattr(change, ON_CHANGE[name], value)
	_settle_cost(work, change)
	await work.flush()
	if change.status == ChangeStatus.DRAFT:
		await package.touched(work, change)
	elif await package.refresh(work, change):
		change.move(ChangeAction.EDIT, ChangeStatus.SUBMITTED)
		await approvals.void(work, change)
		await _ask(work, change)
	await work.flush()
	return change


# -- what it affects ----------------------------------------------------------------------------


async def _draft(work: Work, change_id: str) -> Change:
	change = await held(work, change_id, structures=True)
	change.check(ChangeAction.REDLINE)
	return change


async def add_items(work: Work, change_id: str, given: list[AffectedIn]) -> list[ChangeItem]:
	"""Adds affected products to a draft. Raises as affected.add."""
	change = await _draft(work, change_id)
	made = await affected.add(work, change, given)
	await package.touched(work, change)
	await work.flush()
	return made


async def change_item(work: Work, change_id: str, item_id: str, patch: AffectedPatch) -> ChangeItem:
	"""Changes decisions about an affected product, or notes what is carried out."""
	change = await held(work, change_id)
	item = await affected.item_of(work, change, item_id)
	affected.apply(change, item, patch, work.principal.user_id)
	await package.touched(work, change)
	await work.flush()
	return item


async def remove_item(work: Work, change_id: str, item_id: str) -> None:
	"""Takes a product out of a draft, its working revision with it."""
	change = await _draft(work, change_id)
	await affected.remove(work, await affected.item_of(work, change, item_id))
	await package.touched(work, change)


async def replace_everywhere(work: Work, change_id: str, given: ReplaceIn) -> list[dict[str, Any]]:
	"""One part in place of another in every parent; with `preview` nothing changes."""
	if given.preview:
		change = await found(work, change_id)
		change.check(ChangeAction.REDLINE)
		return await replacing.uses(work, change, *(await replacing.pair(work, given)))
	change = await _draft(work, change_id)
	if change.kind != ChangeKind.CHANGE_ORDER:
		raise Conflict(_("Only a change order has working revisions."), code="NOT_AN_ORDER")
	done = await replacing.replace(work, change, given)
	await package.touched(work, change)
	await work.flush()
	return done


async def rebase(work: Work, change_id: str, item_id: str, given: RebaseIn) -> dict[str, Any]:
	"""Brings a product of a draft onto the released revision; with open clashes nothing changes.

	Raises ChangeNotOpen, NothingToRebase, StructureCycle.
	"""
	change = await _draft(work, change_id)
	item = await affected.item_of(work, change, item_id)
	choices = {(one.line_uid, one.field): Side(one.side) for one in given.choices}
	result = await rebasing.look(work, item, choices)
	told = await rebasing.told(work, result)
	if result.done:
		await rebasing.apply(work, change, result)
		await package.touched(work, change)
		await work.flush()
		told |= {"rebased": True, "from_revision_id": result.onto.id}
	return told


async def look_at_rebase(work: Work, change_id: str, item_id: str) -> dict[str, Any]:
	"""What a rebase without any choice would give. Raises ChangeNotOpen, NothingToRebase."""
	change = await found(work, change_id)
	change.check(ChangeAction.REDLINE)
	item = await affected.item_of(work, change, item_id, lock=False)
	return await rebasing.told(work, await rebasing.look(work, item, {}))


async def product_named(work: Work, number: str) -> str:
	"""The id behind a product's number. Raises Invalid."""
	return await replacing.id_of(work, number.strip())


# -- submitted and decided ----------------------------------------------------------------------


async def submit(work: Work, change_id: str) -> Change:
	"""Checks, freezes and hashes the package and asks the approvers.

	Raises ChangeNotOpen, RebaseNeeded, NotSubmittable with every gap.
	"""
	change = await held(work, change_id, structures=True)
	change.check(ChangeAction.SUBMIT)
	items = await package.items_of(work, change.id)
	change.submitted_by, change.submitted_at = work.principal.user_id, utc_now()
	change.single_person = approvers.single_person(work)
	await approvers.seed_rules(work)
	asked, missing = await approvers.asked_of(work, change)
	try:
		await releasing.refuse_gaps(work, change, items)
	except Conflict as refused:
		problems = [*refused.problems, *missing]
		raise type(refused)(refused.message, problems=problems) from refused
	if missing:
		raise NotSubmittable(_("{number} is not complete.", number=change.number), problems=missing)
	revision_ids = [item.to_revision_id for item in items if item.to_revision_id]
	if revision_ids:
		await moves.freeze(work, revision_ids)
	await package.refresh(work, change)
	change.move(ChangeAction.SUBMIT, ChangeStatus.SUBMITTED)
	change.round += 1
	await work.flush()
	await approvals.start(work, change, asked)
	work.publish(ChangeSubmitted(change_id=change.id, package_hash=str(change.package_hash)))
	return change


async def _ask(work: Work, change: Change) -> None:
	"""A new round of approvals for a package that was edited. Raises NotSubmittable."""
	asked, missing = await approvers.asked_of(work, change)
	if missing:
		raise NotSubmittable(_("{number} is not complete.", number=change.number), problems=missing)
	change.round += 1
	change.approved_at, change.scheduled_at, change.scheduled_by = None, None, None
	await work.flush()
	await approvals.start(work, change, asked)
	work.publish(ChangeSubmitted(change_id=change.id, package_hash=str(change.package_hash)))


async def approve(work: Work, change_id: str, given: ApproveIn) -> Change:
	"""The caller's signature under the package. Raises as approvals.decide, and ChangeNotOpen."""
	change = await held(work, change_id)
	change.check(ChangeAction.APPROVE)
	await work.port(Assessment).refuse_blocked(work, change)
	complete = await approvals.decide(
		work,
		change,
		granted=True,
		comments=given.comments,
		proof=given.proof,
		present_hash=await package.hash_of(work, change),
	)
	await _decided(work, change, complete)
	return change


async def _decided(work: Work, change: Change, complete: bool) -> None:
	if not complete:
		change.move(ChangeAction.APPROVE, ChangeStatus.UNDER_REVIEW)
		change.updated_at = utc_now()
		await work.flush()
		return
	change.move(ChangeAction.APPROVE, ChangeStatus.APPROVED)
	change.approved_at = utc_now()
	await work.flush()
	work.publish(ChangeApproved(change_id=change.id, package_hash=str(change.package_hash)))
	await telling.decided(work, change)


async def refill(work: Work, change_id: str) -> None:
	"""Asks who has the roles now; where everybody left has approved already, it is approved."""
	change = await held(work, change_id)
	if change.status in IN_REVIEW and await approvals.refill(work, change):
		await _decided(work, change, complete=True)


async def reject(work: Work, change_id: str, given: RejectIn) -> Change:
	"""Decided against: everything stands still until it is returned or cancelled."""
	change = await held(work, change_id)
	change.check(ChangeAction.REJECT)
	await approvals.decide(
		work,
		change,
		granted=False,
		comments=given.comments,
		proof=given.proof,
		present_hash=await package.hash_of(work, change),
	)
	change.move(ChangeAction.REJECT, ChangeStatus.REJECTED)
	await work.flush()
	work.publish(ChangeRejected(change_id=change.id))
	await telling.decided(work, change)
	return change


async def delegate(work: Work, change_id: str, given: DelegateIn) -> Change:
	"""The caller hands what he is asked to somebody else."""
	change = await held(work, change_id)
	change.check(ChangeAction.DELEGATE)
	await approvals.delegate(work, change, given.to, given.comments)
	change.updated_at = utc_now()
	return change


async def send_back(work: Work, change_id: str, given: RejectIn) -> Change:
	"""Back to a draft: the revisions can be changed again, every signature is void.

	For the author, the owner, whoever is asked, and whoever runs changes. Raises NotYours.
	"""
	change = await held(work, change_id, structures=True)
	change.check(ChangeAction.RETURN)
	await _may_take_back(work, change)
	await approvals.void(work, change)
	await _thaw(work, change)
	change.move(ChangeAction.RETURN, ChangeStatus.DRAFT)
	change.approved_at, change.scheduled_at, change.scheduled_by = None, None, None
	change.refused = None
	await say(work, change, given.comments)
	work.publish(ChangeReturned(change_id=change.id))
	await telling.decided(work, change)
	return change


async def _may_take_back(work: Work, change: Change) -> None:
	me = work.principal.user_id
	if work.principal.kind == "system" or work.principal.may(CHANGES_IMPLEMENT):
		return
	if me in (change.created_by, change.submitted_by, change.owner_id):
		return
	stages = await approvals.stages_of(work, change)
	if me is not None and await approvals.is_asked(work, change, me, stages):
		return
	raise NotYours(_("Only its author, its owner and its approvers decide this."))


async def _thaw(work: Work, change: Change) -> None:
	items = await package.items_of(work, change.id)
	revision_ids = [item.to_revision_id for item in items if item.to_revision_id]
	if revision_ids:
		await moves.thaw(work, revision_ids)


async def hold(work: Work, change_id: str, given: NoteIn) -> Change:
	"""Nothing goes on until it is resumed; signatures stay."""
	change = await held(work, change_id)
	change.check(ChangeAction.HOLD)
	await _may_take_back(work, change)
	change.move(ChangeAction.HOLD, ChangeStatus.ON_HOLD)
	await say(work, change, given.comments)
	return change


async def resume(work: Work, change_id: str, given: NoteIn) -> Change:
	"""Goes on where it stood."""
	change = await held(work, change_id)
	change.check(ChangeAction.RESUME)
	await _may_take_back(work, change)
	change.move(ChangeAction.RESUME, ChangeStatus(str(change.resume_to)))
	await say(work, change, given.comments)
	return change


async def cancel(work: Work, change_id: str, given: NoteIn) -> Change:
	"""Given up: its working revisions are cancelled, adopted ones stand alone again."""
	change = await held(work, change_id, structures=True)
	change.check(ChangeAction.CANCEL)
	await _may_take_back(work, change)
	items = await package.items_of(work, change.id)
	await approvals.void(work, change)
	revisions = [(item.to_revision_id, item.adopted) for item in items if item.to_revision_id]
	for item in items:
		if item.adopted:  # it is the product's own again, and another change may take it
			item.to_revision_id = None
	await work.flush()
	await affected.give_back(work, revisions)
	change.move(ChangeAction.CANCEL, ChangeStatus.CANCELLED)
	change.closed_at = utc_now()
	await say(work, change, given.comments)
	work.publish(ChangeClosed(change_id=change.id, cancelled=True))
	return change


# -- said ---------------------------------------------------------------------------------------


async def comment(work: Work, change_id: str, new: CommentIn) -> ChangeComment:
	"""One contribution to the conversation. Raises ChangeNotFound, Invalid."""
	change = await found(work, change_id)
	if new.product_id is not None:
		try:
			await affected.item_of(work, change, new.product_id)
		except NotFound as error:
			text_ = _("The change does not affect this product.")
			raise Invalid.one("product_id", text_, "unknown") from error
	made = work.add(
		ChangeComment(
			id=new_id(),
			change_id=change.id,
			author_id=work.principal.user_id,
			body=new.body,
			item_id=new.product_id,
		)
	)
	await work.flush()
	return made


async def say(work: Work, change: Change, words: str | None) -> None:
	"""Keeps what was said with a move in the conversation."""
	change.updated_at = utc_now()
	if words:
		work.add(ChangeComment(change_id=change.id, author_id=work.principal.user_id, body=words))
	await work.flush()
