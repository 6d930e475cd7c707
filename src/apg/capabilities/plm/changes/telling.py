"""Who is told what about a change; the words of all messages."""

from collections.abc import Iterable

from apg.capabilities.plm.changes.models import Change
from apg.contracts.identity import Identity
from apg.contracts.notifications import Message, Notifications, Priority
from apg.kernel.texts import _
from apg.kernel.work import Work

LONGEST = 200


def _priority(change: Change) -> Priority:
	return Priority.HIGH if change.priority in ("high", "critical") else Priority.NORMAL


def _url(change: Change, tab: str = "") -> str:
	return f"/plm/changes/{change.id}" + (f"/{tab}" if tab else "")


async def _send(work: Work, change: Change, people: Iterable[str | None], **words: str) -> None:
	"""One message to each; the caller himself is not told what he did."""
	wanted = sorted({one for one in people if one and one != work.principal.user_id})
	known = await work.port(Identity).people(work, wanted)
	messages = [
		Message(
			recipient_id=one,
			kind=words["kind"],
			subject=words["subject"][:LONGEST],
			message=words["message"],
			action_url=words.get("url", _url(change)),
			priority=_priority(change),
			key=words.get("key"),
		)
		for one in wanted
		if one in known and known[one].is_active
	]
	if messages:
		await work.port(Notifications).send(work, *messages)


async def asked(work: Work, change: Change, people: Iterable[str]) -> None:
	"""Somebody's approval is needed."""
	await _send(
		work,
		change,
		people,
		kind="change_approval_request",
		subject=_("Approval required: {title}", title=change.title),
		message=_("Engineering change {number} requires your approval.", number=change.number),
		url=_url(change, "approve"),
	)


async def reminded(work: Work, change: Change, people: Iterable[str], day: str) -> None:
	"""The day is near or past; at most one such message a day."""
	await _send(
		work,
		change,
		people,
		kind="change_approval_reminder",
		subject=_("Your approval is due: {title}", title=change.title),
		message=_("Engineering change {number} still waits for you.", number=change.number),
		url=_url(change, "approve"),
		key=f"reminder/{change.id}/{change.round}/{day}",
	)


async def escalated(work: Work, change: Change, people: Iterable[str], stage: str) -> None:
	"""Nobody decided in time: those who run changes are told, once a stage."""
	await _send(
		work,
		change,
		people,
		kind="change_approval_overdue",
		subject=_("Overdue: {title}", title=change.title),
		message=_(
			"The approval “{stage}” of engineering change {number} is overdue.",
			stage=stage,
			number=change.number,
		),
		key=f"overdue/{change.id}/{change.round}/{stage}"[:200],
	)


async def decided(work: Work, change: Change) -> None:
	"""The author and the owner learn what became of it."""
	words = {
		"approved": _("Engineering change {number} is approved.", number=change.number),
		"rejected": _("Engineering change {number} is rejected.", number=change.number),
		"draft": _("Engineering change {number} was returned.", number=change.number),
		"implemented": _("Engineering change {number} is released.", number=change.number),
	}
	await _send(
		work,
		change,
		(change.created_by, change.submitted_by, change.owner_id),
		kind=f"change_{'returned' if change.status == 'draft' else change.status}",
		subject=change.title,
		message=words[change.status],
	)


async def release_refused(work: Work, change: Change, reason: str) -> None:
	"""A release at its time was not possible."""
	await _send(
		work,
		change,
		(change.scheduled_by, change.created_by, change.owner_id),
		kind="change_release_refused",
		subject=_("Not released: {title}", title=change.title),
		message=_("{number}: {reason}", number=change.number, reason=reason[:1000]),
		key=f"refused/{change.id}/{change.version}",
	)
