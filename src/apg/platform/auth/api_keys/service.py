"""Keys for programs: made by their owner, shown once, revoked by him or an administrator."""

from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update

from apg.kernel import security_events
from apg.kernel.errors import Invalid, NotFound, PermissionDenied
from apg.kernel.json_rows import One, Page
from apg.kernel.stamps import is_id, utc_now
from apg.kernel.texts import _
from apg.kernel.tokens import new_api_key
from apg.kernel.web.lists import Column, Filter, ListSpec, ListState
from apg.kernel.work import Work
from apg.platform.auth.api_keys.models import ApiKey
from apg.platform.auth.api_keys.schemas import ApiKeyIn
from apg.platform.auth.permissions import KEYS_DELETE
from apg.platform.auth.roles.service import canonical_all
from apg.platform.auth.sessions.service import after_revoking, sessions_of

KEY_LIST = ListSpec(
	columns=(
		Column("name", "Name", sortable=True),
		Column("hint", "Begins with"),
		Column("scopes", "Rights"),
		Column("expires_at", "Ends", sortable=True, kind="datetime"),
		Column("last_used_at", "Last used", sortable=True, kind="datetime"),
		Column("created_at", "Made", sortable=True, kind="datetime", default_visible=False),
	),
	filters=(Filter("mine", "Mine", kind="bool"), Filter("revoked", "Revoked", kind="bool")),
	default_sort="-created_at",
	paging="offset",
	max_page_size=1000,
)


def select_keys() -> Any:
	"""Keys in their wire form, without any secret."""
	return select(
		ApiKey.id,
		ApiKey.name,
		ApiKey.hint,
		ApiKey.user_id,
		ApiKey.scopes,
		ApiKey.expires_at,
		ApiKey.revoked_at,
		ApiKey.last_used_at,
		ApiKey.created_at,
	)


async def list_keys(work: Work, state: ListState) -> Page:
	"""One page of the tenant's keys, or of one's own."""
	statement = select_keys()
	if state["mine"]:
		statement = statement.where(ApiKey.user_id == work.principal.user_id)
	if (revoked := state["revoked"]) is not None:
		is_over = ApiKey.revoked_at.is_not(None)
		statement = statement.where(is_over if revoked else ~is_over)
	columns: dict[str, Any] = {
		"name": ApiKey.name,
		"expires_at": ApiKey.expires_at,
		"last_used_at": ApiKey.last_used_at,
		"created_at": ApiKey.created_at,
	}
	ordered = state.window(statement, columns, ApiKey.id)
	return await work.read_list(ordered, limit=state.page_size, offset=state.offset)


async def read(work: Work, key_id: str) -> One:
	await work.get(ApiKey, key_id)
	return await work.read_one(select_keys().where(ApiKey.id == key_id), ApiKey)


async def mine(work: Work) -> list[Any]:
	"""The caller's keys that are still good, the newest first."""
	rows = await work.execute(
		select_keys()
		.where(
			ApiKey.user_id == work.principal.user_id,
			ApiKey.revoked_at.is_(None),
			ApiKey.expires_at > func.clock_timestamp(),
		)
		.order_by(ApiKey.created_at.desc(), ApiKey.id)
	)
	return list(rows.mappings())


async def create(work: Work, new: ApiKeyIn) -> tuple[str, dict[str, Any]]:
	"""The key, known now and never again, and what is kept of it.

	Raises Invalid for unknown scopes and a bad end, PermissionDenied for a key asking for a key.
	"""
	if work.principal.kind != "user" or work.principal.user_id is None:
		raise PermissionDenied(_("A key cannot make keys; sign in yourself."))
	scopes = canonical_all(new.scopes, work.runtime.composition, "scopes")
	now = utc_now()
	longest = timedelta(days=sessions_of(work.runtime).settings.api_key_max_days)
	expires_at = new.expires_at or now + min(longest, timedelta(days=90))
	if not now < expires_at <= now + longest:
		raise Invalid.one(
			"expires_at", _("must be within the next {n} days", n=longest.days), "range"
		)
	text, digest = new_api_key()
	key = work.add(
		ApiKey(
			user_id=work.principal.user_id,
			name=new.name,
			hint=text[:8],
			secret_hash=digest,
			scopes=scopes,
			expires_at=expires_at,
		)
	)
	await work.flush()
	told = (await work.execute(select_keys().where(ApiKey.id == key.id))).mappings().one()
	return text, dict(told)


async def revoke(work: Work, key_id: str) -> None:
	"""Ends a key for good: one's own, or anybody's with the right. Raises NotFound."""
	key = await work.find(ApiKey, key_id) if is_id(key_id) else None
	own = key is not None and key.user_id == work.principal.user_id
	if key is None or not (own or work.principal.may(KEYS_DELETE)):
		raise NotFound(_("{what} not found", what=_("API key")))
	key = await work.edit(ApiKey, key_id)
	if key.revoked_at is None:
		key.revoked_at = utc_now()
		work.after_commit(lambda: _revoked(work))


async def revoke_all_of(work: Work, user_id: str) -> None:
	"""Ends every key of a member, who leaves."""
	await work.flush()
	await work.execute(
		update(ApiKey)
		.where(ApiKey.user_id == user_id, ApiKey.revoked_at.is_(None))
		.values(revoked_at=utc_now(), updated_at=utc_now(), updated_by=work.principal.user_id)
		.execution_options(bulk=True, synchronize_session=False)
	)


async def _revoked(work: Work) -> None:
	await after_revoking(work.runtime)
	await security_events.record(
		work.runtime,
		"key_revoked",
		route="auth.api_keys",
		address=work.origin.address,
		agent=work.origin.agent,
		principal=work.principal,
	)
