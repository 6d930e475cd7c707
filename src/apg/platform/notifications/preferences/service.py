"""What people want mailed. Without a choice: urgent and important at once, all else once a day."""

from collections.abc import Collection, Mapping

from sqlalchemy import any_, bindparam, delete, select
from sqlalchemy.dialects.postgresql import ARRAY

from apg.contracts.notifications import Priority
from apg.kernel.database import id_type
from apg.kernel.errors import PermissionDenied
from apg.kernel.texts import _
from apg.kernel.work import Work
from apg.platform.notifications.preferences.models import (
	EVERY,
	Preference,
	When,
	select_preferences,
)
from apg.platform.notifications.preferences.schemas import PreferencesIn

Chosen = Mapping[tuple[str, str], When]


def wanted(chosen: Chosen, user_id: str, kind: str, priority: str) -> When:
	"""When a message of this kind is mailed to this person."""
	for name in (kind, EVERY):
		if (user_id, name) in chosen:
			return chosen[user_id, name]
	soon = priority in (Priority.HIGH, Priority.URGENT)
	return When.AT_ONCE if soon else When.DAILY


async def chosen_by(work: Work, user_ids: Collection[str]) -> Chosen:
	"""(person, kind) → choice, of these people."""
	p = Preference
	ids = bindparam(None, sorted(user_ids), ARRAY(id_type))
	rows = await work.execute(select(p.user_id, p.kind, p.mail).where(p.user_id == any_(ids)))
	return {(user_id, kind): When(mail) for user_id, kind, mail in rows}


async def mine(work: Work) -> bytes:
	"""The caller's choices."""
	query = select_preferences(_person(work)).order_by(Preference.kind)
	return await work.read_json(query)


async def choose(work: Work, given: PreferencesIn) -> None:
	"""Makes these the caller's choices, and no others."""
	user_id = _person(work)
	await work.execute(
		delete(Preference)
		.where(Preference.user_id == user_id)
		.execution_options(bulk=True, synchronize_session=False)
	)
	for kind, mail in given.mail.items():
		work.add(Preference(user_id=user_id, kind=kind, mail=mail))
	await work.flush()


def _person(work: Work) -> str:
	if work.principal.user_id is None:
		raise PermissionDenied(_("Only a person chooses what is mailed."))
	return work.principal.user_id
