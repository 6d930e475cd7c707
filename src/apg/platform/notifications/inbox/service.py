"""Telling people, and what they do with it. Nobody reads or marks another one's messages."""

from typing import Any

from sqlalchemy import any_, bindparam, case, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.types import Text

from apg.contracts.notifications import Message, Priority
from apg.kernel.errors import Invalid, NotFound, Problem
from apg.kernel.json_rows import One, Page
from apg.kernel.stamps import is_id, new_id, utc_now
from apg.kernel.texts import _
from apg.kernel.web.lists import ListState
from apg.kernel.web.pages import local_path
from apg.kernel.work import Work
from apg.platform.notifications.inbox import mailing
from apg.platform.notifications.inbox.mailing import MAILED
from apg.platform.notifications.inbox.models import (
	KIND_LIMIT,
	MESSAGE_LIMIT,
	SUBJECT_LIMIT,
	URL_LIMIT,
	Notification,
	select_messages,
)

ROWS = 1_000  # of one statement; the driver takes 32,767 values
_TABLE: Any = Notification.__table__
_TOLD = [_TABLE.c[name] for name in MAILED]
_RANK = {priority: rank for rank, priority in enumerate(Priority)}


class Inbox:
	"""The provider of the port."""

	async def send(self, work: Work, *messages: Message) -> int:
		return await send(work, *messages)


async def send(work: Work, *messages: Message) -> int:
	"""Puts messages into inboxes; answers how many were new. Raises Invalid before any is written."""
	problems = [problem for n, one in enumerate(messages) for problem in _problems(n, one)]
	if problems:
		raise Invalid(_("These messages cannot be sent"), problems=problems)
	sent = 0
	for start in range(0, len(messages), ROWS):
		rows = [_row(work, one) for one in messages[start : start + ROWS]]
		statement = insert(_TABLE).values(rows).on_conflict_do_nothing().returning(*_TOLD)
		new = (await work.execute(statement)).mappings().all()
		sent += len(new)
		await mailing.mail_at_once(work, new)
	return sent


def _row(work: Work, message: Message) -> dict[str, Any]:
	now, author = utc_now(), work.principal.user_id
	return {
		"id": new_id(),
		"tenant_id": work.principal.tenant_id,
		"recipient_id": message.recipient_id,
		"kind": message.kind,
		"subject": message.subject,
		"message": message.message,
		"action_url": message.action_url,
		"priority": message.priority.value,
		"key": message.key or new_id(),
		"read_at": None,
		"version": 1,
		"created_at": now,
		"updated_at": now,
		"created_by": author,
		"updated_by": author,
	}


def _problems(n: int, message: Message) -> list[Problem]:
	found: list[Problem] = []

	def wrong(field: str, text: str) -> None:
		found.append(Problem(f"messages.{n}.{field}", text))

	if not is_id(message.recipient_id):
		wrong("recipient_id", _("is not an id of a person"))
	for field, limit, least in (
		("kind", KIND_LIMIT, 1),
		("subject", SUBJECT_LIMIT, 1),
		("message", MESSAGE_LIMIT, 0),
	):
		length = len(getattr(message, field))
		if not least <= length <= limit:
			wrong(field, _("must have {least} to {limit} characters", least=least, limit=limit))
	if message.action_url is not None:
		try:
			local_path(message.action_url)
		except Invalid:
			wrong("action_url", _("must be a path of this server, such as /plm/products"))
		if len(message.action_url) > URL_LIMIT:
			wrong("action_url", _("must have at most {limit} characters", limit=URL_LIMIT))
	return found


async def listed(work: Work, state: ListState) -> Page:
	"""One page of the caller's messages."""
	n = Notification
	query = select_messages(work.principal.user_id)
	if state["unread"] is not None:
		query = query.where(n.read_at.is_(None) if state["unread"] else n.read_at.is_not(None))
	if state["kind"] is not None:
		query = query.where(n.kind == state["kind"])
	if wanted := state.values("priority"):
		query = query.where(n.priority == any_(_texts(wanted)))
	columns: dict[str, Any] = {
		"created_at": n.created_at,
		"priority": case({one.value: rank for one, rank in _RANK.items()}, value=n.priority),
	}
	query = state.window(query, columns, n.id).limit(None).offset(None)
	return await work.read_list(query, limit=state.page_size, offset=state.offset)


def _texts(values: tuple[str, ...]) -> Any:
	return bindparam(None, list(values), type_=ARRAY(Text()))


async def read(work: Work, message_id: str) -> One:
	"""One message of the caller. Raises NotFound for another one's."""
	if not is_id(message_id):
		raise NotFound
	query = select_messages(work.principal.user_id).where(Notification.id == message_id)
	return await work.read_one(query, Notification)


async def kinds(work: Work) -> list[str]:
	"""The kinds of message the caller has had."""
	mine = Notification.recipient_id == work.principal.user_id
	return await work.scalars(select(Notification.kind).where(mine).distinct())


async def unread_count(work: Work) -> int:
	"""How many of the caller's messages wait."""
	mine = Notification.recipient_id == work.principal.user_id
	query = select(func.count()).where(mine, Notification.read_at.is_(None))
	return int(await work.scalar(query))


async def mark(work: Work, message_id: str, *, read: bool) -> Notification:
	"""Marks one message of the caller. Raises NotFound for another one's."""
	found = await work.edit(Notification, message_id)
	if found.recipient_id != work.principal.user_id:
		raise NotFound(_("{what} not found", what=_("message")))
	if read != (found.read_at is not None):
		found.read_at = utc_now() if read else None
	return found


async def mark_all(work: Work) -> int:
	"""Marks all of the caller's messages as read; answers how many were not."""
	n, now = Notification, utc_now()
	statement = (
		update(n)
		.where(n.recipient_id == work.principal.user_id, n.read_at.is_(None))
		.values(read_at=now, updated_at=now, version=n.version + 1)
		.execution_options(bulk=True, synchronize_session=False)
	)
	return int((await work.execute(statement)).rowcount)
