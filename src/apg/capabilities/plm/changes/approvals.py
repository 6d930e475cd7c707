"""Stages and signatures of one submission: opened step by step, decided once, bound to the package."""

from collections.abc import Collection, Sequence
from datetime import timedelta

from sqlalchemy import select

from apg.capabilities.plm.changes import approvers, telling
from apg.capabilities.plm.changes.approvers import Asked
from apg.capabilities.plm.changes.models import Approval, ApprovalStage, Change
from apg.capabilities.plm.permissions import CHANGES_APPROVE
from apg.capabilities.plm.shared.approval_rules import needed
from apg.contracts.identity import Confirmations, Identity
from apg.kernel.errors import Conflict, Invalid, PermissionDenied, Problem
from apg.kernel.stamps import utc_now
from apg.kernel.texts import _
from apg.kernel.work import Work

LIVE = ("waiting", "open", "done")


class NotAnApprover(PermissionDenied):
	"""Only people who are asked decide, each for himself."""

	code = "NOT_AN_APPROVER"


class AuthorMayNotApprove(PermissionDenied):
	code = "AUTHOR_MAY_NOT_APPROVE"


class PersonRequired(PermissionDenied):
	"""Programs, operators and the machinery sign nothing."""

	code = "PERSON_REQUIRED"


class SignatureRequired(PermissionDenied):
	"""The proof of presence is missing or does not hold for this package."""

	code = "SIGNATURE_REQUIRED"


class AlreadyDecided(Conflict):
	code = "ALREADY_DECIDED"


class PackageChanged(Conflict):
	"""What is there is not what was submitted."""

	code = "PACKAGE_CHANGED"


def signer(work: Work) -> str:
	"""The person acting in his own name. Raises PersonRequired for everybody else."""
	principal = work.principal
	if principal.kind != "user" or principal.user_id is None or principal.api_key_id is not None:
		raise PersonRequired(_("Approving is for the person who is asked, signed in as himself."))
	return principal.user_id


async def start(work: Work, change: Change, asked: Sequence[Asked]) -> None:
	"""A new round: all stages are written down, those of the first step are opened."""
	for one in asked:
		stage = work.add(
			ApprovalStage(
				change_id=change.id,
				round=change.round,
				step=one.rule.step,
				name=one.rule.name,
				role=one.rule.role,
				reasons=list(one.reasons),
				quorum=one.rule.quorum,
				due_days=one.rule.due_days,
			)
		)
		await work.flush()
		for user_id, stands_in_for in one.people:
			work.add(
				Approval(
					change_id=change.id,
					stage_id=stage.id,
					user_id=user_id,
					delegated_by=stands_in_for,
				)
			)
	await work.flush()
	await _open_next(work, change)


async def void(work: Work, change: Change) -> None:
	"""Stages and signatures of the present round count no more; who signed what stays readable."""
	stages: list[ApprovalStage] = await work.scalars(
		select(ApprovalStage)
		.where(ApprovalStage.change_id == change.id, ApprovalStage.state != "void")
		.with_for_update()
	)
	for stage in stages:
		stage.state = "void"
	for one in await _approvals(work, change.id):
		if one.decision == "pending":
			one.decision = "void"
	await work.flush()


async def stages_of(work: Work, change: Change) -> list[ApprovalStage]:
	"""Stages of the present round that count, locked."""
	return await work.scalars(
		select(ApprovalStage)
		.where(
			ApprovalStage.change_id == change.id,
			ApprovalStage.round == change.round,
			ApprovalStage.state.in_(LIVE),
		)
		.order_by(ApprovalStage.step, ApprovalStage.name)
		.with_for_update()
	)


async def _approvals(
	work: Work, change_id: str, stage_ids: Collection[str] | None = None
) -> list[Approval]:
	statement = select(Approval).where(Approval.change_id == change_id).order_by(Approval.id)
	if stage_ids is not None:
		statement = statement.where(Approval.stage_id.in_(list(stage_ids)))
	return await work.scalars(statement.with_for_update())


async def _open_next(work: Work, change: Change) -> bool:
	"""Opens the first step that is not through. Answers whether nothing is left to be asked.

	Whoever signed this very package in an earlier step is not asked again: his signature counts.
	"""
	stages = await stages_of(work, change)
	approvals = await _approvals(work, change.id, [stage.id for stage in stages])
	while True:
		left = [stage for stage in stages if stage.state != "done"]
		if not left:
			return True
		step = left[0].step
		present = [stage for stage in left if stage.step == step]
		for stage in present:
			if stage.state == "waiting":
				await _open(work, change, stage, approvals)
		if any(stage.state != "done" for stage in present):
			return False


async def _open(
	work: Work, change: Change, stage: ApprovalStage, approvals: Sequence[Approval]
) -> None:
	now = utc_now()
	stage.state, stage.opened_at = "open", now
	stage.due_at = now + timedelta(days=stage.due_days)
	signed = {
		one.user_id: one
		for one in approvals
		if one.decision == "approved" and one.package_hash == change.package_hash
	}
	asked: list[str] = []
	for one in approvals:
		if one.stage_id != stage.id or one.decision != "pending":
			continue
		earlier = signed.get(one.user_id)
		if earlier is None:
			asked.append(one.user_id)
			continue
		one.decision, one.decided_at = "approved", earlier.decided_at
		one.method, one.package_hash = earlier.method, earlier.package_hash
	settle(stage, [one for one in approvals if one.stage_id == stage.id])
	await work.flush()
	if stage.state == "open":
		await telling.asked(work, change, asked)


def settle(stage: ApprovalStage, approvals: Sequence[Approval]) -> None:
	"""The stage is through once enough people of it approved; the others need not any more."""
	counting = [one for one in approvals if one.decision in ("pending", "approved")]
	given = [one for one in counting if one.decision == "approved"]
	if stage.state != "open" or not counting or len(given) < needed(stage.quorum, len(counting)):
		return
	stage.state, stage.done_at = "done", utc_now()
	for one in counting:
		if one.decision == "pending":
			one.decision = "not_needed"


async def mine(work: Work, change: Change, user_id: str) -> list[Approval]:
	"""What this person is asked now. Raises NotAnApprover, AlreadyDecided."""
	stages = await stages_of(work, change)
	open_ones = {stage.id for stage in stages if stage.state == "open"}
	all_of_mine = [
		one
		for one in await _approvals(work, change.id, [stage.id for stage in stages])
		if one.user_id == user_id
	]
	pending = [
		one for one in all_of_mine if one.decision == "pending" and one.stage_id in open_ones
	]
	if pending:
		return pending
	if any(one.decision in ("approved", "rejected") for one in all_of_mine):
		raise AlreadyDecided(_("You have decided about {number} already.", number=change.number))
	if any(one.decision == "pending" for one in all_of_mine):
		text = _("You are asked about {number} in a later step.", number=change.number)
		raise NotAnApprover(text)
	raise NotAnApprover(_("You are not asked about {number}.", number=change.number))


async def decide(
	work: Work,
	change: Change,
	*,
	granted: bool,
	comments: str | None,
	proof: str | None,
	present_hash: str,
) -> bool:
	"""Records the caller's decision in every open stage he is asked in. Answers whether all is
	approved. The caller holds the change.

	Raises PersonRequired, NotAnApprover, AlreadyDecided, AuthorMayNotApprove, PackageChanged,
	SignatureRequired.
	"""
	user_id = signer(work)
	pending = await mine(work, change, user_id)
	if user_id in (change.created_by, change.submitted_by) and not change.single_person:
		raise AuthorMayNotApprove(_("Nobody approves a change of his own; somebody else has to."))
	if present_hash != change.package_hash:
		raise PackageChanged(
			_("{number} is not what was submitted; return it and submit it again.",
			number=change.number)
		)  # fmt: skip
	method = None
	if proof is not None or granted:
		method = await work.port(Confirmations).take(work, proof or "", present_hash)
		if method is None:
			raise _signature_required(change)
	now = utc_now()
	for one in pending:
		one.decision = "approved" if granted else "rejected"
		one.comments, one.decided_at = comments, now
		one.method, one.package_hash = method, present_hash
	await work.flush()
	stages = {stage.id: stage for stage in await stages_of(work, change)}
	if not granted:
		for one in pending:
			stages[one.stage_id].state, stages[one.stage_id].done_at = "rejected", now
		await work.flush()
		return False
	approvals = await _approvals(work, change.id, list(stages))
	for one in pending:
		of_stage = [each for each in approvals if each.stage_id == one.stage_id]
		settle(stages[one.stage_id], of_stage)
	await work.flush()
	return await _open_next(work, change)


def _signature_required(change: Change) -> SignatureRequired:
	text = _(
		"Confirm with your password or a code first: POST /api/v1/auth/confirm with the subject "
		"{hash}; its proof is good once, for five minutes.",
		hash=change.package_hash,
	)
	return SignatureRequired(text, problems=[Problem("proof", text, "signature")])


async def delegate(work: Work, change: Change, to: str, comments: str | None) -> None:
	"""Hands what the caller is asked now to somebody who may approve and is not the author.

	Raises PersonRequired, NotAnApprover, Invalid.
	"""
	user_id = signer(work)
	pending = await mine(work, change, user_id)
	may = await work.port(Identity).members_with(work, CHANGES_APPROVE)
	authors = () if change.single_person else (change.created_by, change.submitted_by)
	if to == user_id or to not in may or to in authors:
		text = _("Choose another member who may approve changes and did not write this one.")
		raise Invalid.one("to", text, "not_eligible")
	held = await _approvals(work, change.id, [one.stage_id for one in pending])
	by_stage = {(one.stage_id, one.user_id) for one in held}
	if any((one.stage_id, to) in by_stage for one in pending):
		raise Invalid.one("to", _("This person is asked already."), "asked")
	now = utc_now()
	for one in pending:
		one.decision, one.decided_at, one.comments = "delegated", now, comments
		work.add(
			Approval(change_id=change.id, stage_id=one.stage_id, user_id=to, delegated_by=user_id)
		)
	await work.flush()
	await telling.asked(work, change, [to])


async def refill(work: Work, change: Change) -> bool:
	"""People who left the role are asked no more, those who have it now are; answers whether all is
	approved with that. What was delegated stays with whom it was given to, while he may approve."""
	stages = [stage for stage in await stages_of(work, change) if stage.state != "done"]
	approvals = await _approvals(work, change.id, [stage.id for stage in stages])
	may = set(await work.port(Identity).members_with(work, CHANGES_APPROVE))
	changed = 0
	for stage in stages:
		wanted = dict(await approvers.people_in(work, change, stage.role))
		of_stage = [one for one in approvals if one.stage_id == stage.id]
		present = {one.user_id for one in of_stage}
		fresh: list[str] = []
		for one in of_stage:
			by_hand = one.delegated_by is not None and one.user_id in may
			if one.decision == "pending" and one.user_id not in wanted and not by_hand:
				one.decision = "void"
				changed += 1
		given_away = {
			one.delegated_by for one in of_stage if one.decision in ("pending", "approved")
		}
		for user_id, stands_in_for in wanted.items():
			if user_id in present or user_id in given_away:
				continue
			work.add(
				Approval(
					change_id=change.id,
					stage_id=stage.id,
					user_id=user_id,
					delegated_by=stands_in_for,
				)
			)
			fresh.append(user_id)
			changed += 1
		await work.flush()
		if stage.state == "open":
			await telling.asked(work, change, fresh)
			held = await _approvals(work, change.id, [stage.id])
			settle(stage, held)
	await work.flush()
	return changed > 0 and await _open_next(work, change)


async def is_asked(
	work: Work, change: Change, user_id: str, stages: Sequence[ApprovalStage]
) -> bool:
	"""Whether the person has or had a part in the present round."""
	return any(
		one.user_id == user_id and one.decision in ("pending", "approved", "rejected")
		for one in await _approvals(work, change.id, [stage.id for stage in stages])
	)
