"""From the inbox to the mail: what is wanted at once when it comes, the rest once a day."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import any_, bindparam, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from apg.contracts.identity import Identity, Person
from apg.contracts.notifications import Letter, Mail
from apg.kernel.database import id_type
from apg.kernel.stamps import utc_now
from apg.kernel.texts import N_, translate
from apg.kernel.work import Work
from apg.platform.notifications.inbox.models import Notification
from apg.platform.notifications.preferences.models import When
from apg.platform.notifications.preferences.service import chosen_by, wanted

MAILED = ("id", "recipient_id", "kind", "subject", "message", "action_url", "priority")
LINES = 50  # of one digest; the rest is counted
DAYS = 7  # older ones were seen or do not matter any more
ROWS = 20_000


async def mail_at_once(work: Work, rows: Sequence[Any]) -> int:
	"""Letters for the messages just written whose readers want them at once; how many."""
	mail = work.port(Mail)
	if not rows or not mail.is_on(work.runtime):
		return 0
	chosen = await chosen_by(work, {row["recipient_id"] for row in rows})
	soon = [
		row
		for row in rows
		if wanted(chosen, row["recipient_id"], row["kind"], row["priority"]) is When.AT_ONCE
	]
	people = await _people(work, {row["recipient_id"] for row in soon})
	sent: list[str] = []
	for row in soon:
		if (person := people.get(row["recipient_id"])) is None:
			continue
		await mail.send(work, _letter(work, person, row))
		sent.append(row["id"])
	await _mark(work, sent)
	return len(sent)


async def mail_digests(work: Work) -> int:
	"""One letter for everybody who has unread messages that were not mailed; how many."""
	mail = work.port(Mail)
	if not mail.is_on(work.runtime):
		return 0
	n = Notification
	rows = (
		await work.execute(
			select(n.id, n.recipient_id, n.kind, n.subject, n.priority)
			.where(
				n.mailed_at.is_(None),
				n.read_at.is_(None),
				n.created_at > utc_now() - timedelta(days=DAYS),
			)
			.order_by(n.recipient_id, n.created_at)
			.limit(ROWS)
			.with_for_update(skip_locked=True)
		)
	).mappings()
	by_person: dict[str, list[Any]] = {}
	for row in rows:
		by_person.setdefault(row["recipient_id"], []).append(row)
	chosen = await chosen_by(work, by_person)
	people = await _people(work, set(by_person))
	sent = 0
	for user_id, waiting in by_person.items():
		listed = [
			row
			for row in waiting
			if wanted(chosen, user_id, row["kind"], row["priority"]) is not When.NEVER
		]
		if (person := people.get(user_id)) is None or not listed:
			continue
		await mail.send(work, _digest(work, person, listed))
		await _mark(work, [row["id"] for row in listed])
		sent += 1
	return sent


async def _people(work: Work, user_ids: set[str]) -> dict[str, Person]:
	"""Those who are still members and have an address."""
	found = await work.port(Identity).people(work, user_ids) if user_ids else {}
	return {one.id: one for one in found.values() if one.is_active and one.email}


async def _mark(work: Work, ids: list[str]) -> None:
	if ids:
		given = bindparam(None, ids, ARRAY(id_type))
		await work.execute(
			update(Notification)
			.where(Notification.id == any_(given))
			.values(mailed_at=utc_now())
			.execution_options(bulk=True, synchronize_session=False)
		)


def _letter(work: Work, person: Person, row: Any) -> Letter:
	base = work.runtime.settings.base_url
	return Letter(
		to=person.email or "",
		kind="notification",
		subject=row["subject"],
		paragraphs=tuple(filter(None, (row["subject"], row["message"]))),
		link=f"{base}{row['action_url'] or '/inbox'}",
		link_text=translate(N_("Open it"), person.locale),
		locale=person.locale,
		recipient_id=person.id,
	)


def _digest(work: Work, person: Person, rows: Sequence[Any]) -> Letter:
	def told(text: str, **values: object) -> str:
		return translate(text, person.locale).format(**values)

	lines = [f"• {row['subject']}" for row in rows[:LINES]]
	if len(rows) > LINES:
		lines.append(told(N_("and {n} more"), n=len(rows) - LINES))
	return Letter(
		to=person.email or "",
		kind="digest",
		subject=told(N_("{n} messages wait for you"), n=len(rows)),
		paragraphs=(told(N_("Unread in your inbox:")), "\n".join(lines)),
		link=f"{work.runtime.settings.base_url}/inbox",
		link_text=told(N_("Open the inbox")),
		locale=person.locale,
		recipient_id=person.id,
	)
