"""Signing in and out, once it is known who: sessions, their tokens, rotation, revocation."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func, literal, null, select, update

from apg.kernel import security_events
from apg.kernel.database import id_type
from apg.kernel.errors import NotFound, Unauthenticated
from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime
from apg.kernel.stamps import is_id, new_id, utc_now
from apg.kernel.texts import _
from apg.kernel.tokens import new_secret, secret_hash
from apg.kernel.work import Origin, Work, open_work
from apg.platform.auth.sessions.authenticator import Sessions, sessions_of
from apg.platform.auth.sessions.facts import Facts, ask
from apg.platform.auth.sessions.models import RefreshToken, Session

LONGEST_CLAIM = 4_000  # characters of rights in a token; beyond it they are left out
SIGN_IN = "auth.sessions.create"


class RefreshRefused(Unauthenticated):
	"""The refresh token is unknown, used, ended or of a session that was."""

	code = "REFRESH_REFUSED"


@dataclass(frozen=True, slots=True)
class Tokens:
	"""What a program gets when it signs in; `expires_in` in seconds."""

	access_token: str
	refresh_token: str
	expires_in: int
	session_id: str
	facts: Facts


@dataclass(frozen=True, slots=True)
class PageSession:
	"""What a browser gets: the text of its cookie."""

	cookie: str
	session_id: str
	seconds: int


async def member(runtime: Runtime, tenant_id: str, user_id: str) -> Facts:
	"""The facts of now. Raises Unauthenticated for whoever is no member."""
	facts = await sessions_of(runtime).facts(tenant_id, user_id, fresh=True)
	if facts is None:
		raise Unauthenticated
	return facts


def _row(work: Work, kind: str, seconds: float, secret: bytes | None) -> Session:
	return Session(
		id=new_id(),
		user_id=work.principal.user_id,
		kind=kind,
		secret_hash=secret,
		expires_at=utc_now() + timedelta(seconds=seconds),
		address=work.origin.address[:64],
		agent=work.origin.agent[:200],
		last_seen_at=utc_now(),
	)


async def open_page(runtime: Runtime, facts: Facts, origin: Origin) -> PageSession:
	"""A browser's session; its id is new at every sign-in, so that none can be planted before."""
	cookie, digest = new_secret()
	seconds = runtime.settings.session_hours * 3600
	async with open_work(
		runtime, facts.principal("default"), action=SIGN_IN, origin=origin
	) as work:
		session = work.add(_row(work, "page", seconds, digest))
	return PageSession(cookie, session.id, seconds)


async def renew_page(work: Work) -> PageSession:
	"""The same sign-in under a new id, for any rise of rights; the old id ends."""
	cookie, digest = new_secret()
	seconds = work.runtime.settings.session_hours * 3600
	session = work.add(_row(work, "page", seconds, digest))
	await work.flush()
	if work.principal.session_id is not None:
		await _end(work, work.principal.session_id, "renewed")
	noticed(work)
	return PageSession(cookie, session.id, seconds)


async def open_api(runtime: Runtime, facts: Facts, origin: Origin) -> Tokens:
	"""A program's session: an access token, and a refresh token that is good for one exchange."""
	text, digest = new_secret()
	seconds = runtime.settings.refresh_token_days * 86_400
	async with open_work(
		runtime, facts.principal("default"), action=SIGN_IN, origin=origin
	) as work:
		session = work.add(_row(work, "api", seconds, None))
		await work.flush()
		work.add(
			RefreshToken(session_id=session.id, secret_hash=digest, expires_at=session.expires_at)
		)
	return _tokens(sessions_of(runtime), facts, session.id, text)


def _tokens(sessions: Sessions, facts: Facts, session_id: str, refresh_token: str) -> Tokens:
	rights = sorted(facts.permissions)
	lifetime = timedelta(minutes=sessions.runtime.settings.access_token_minutes)
	text, _claims = sessions.issuer.issue(
		user_id=facts.user_id,
		tenant_id=facts.tenant_id,
		permissions=rights if sum(map(len, rights)) <= LONGEST_CLAIM else (),
		session_id=session_id,
		locale=facts.locale,
		lifetime=lifetime,
	)
	return Tokens(text, refresh_token, int(lifetime.total_seconds()), session_id, facts)


async def issue_tokens(runtime: Runtime, tenant_id: str, user_id: str, door: str = "cli") -> Tokens:
	"""Tokens for a member whose identity is beyond doubt: tests, the command line, the demo."""
	return await open_api(runtime, await member(runtime, tenant_id, user_id), Origin(door))


async def refresh(runtime: Runtime, text: str, origin: Origin) -> Tokens:
	"""New tokens for a refresh token; a used one ends the session. Raises RefreshRefused."""
	found = await ask(runtime, "select * from refresh_lookup($1)", secret_hash(text))
	if found is None:
		raise RefreshRefused(_("Sign in again."))
	tenant_id, user_id = str(found["tenant_id"]), str(found["user_id"])
	session_id = str(found["session_id"])
	actor = Principal("user", tenant_id, user_id)
	fresh, digest = new_secret()
	async with open_work(runtime, actor, action="auth.sessions.refresh", origin=origin) as work:
		good_until = await _take(work, str(found["id"]))
		first = good_until is not None
		in_time = first and good_until > utc_now()
		expires_at = await _prolong(work, session_id) if in_time else None
		if expires_at is not None:
			work.add(RefreshToken(session_id=session_id, secret_hash=digest, expires_at=expires_at))
		elif not first:
			await _end(work, session_id, "token_reuse")
	if not first:
		await after_revoking(runtime)
		await _record(runtime, "token_reuse", actor, origin)
	if expires_at is None:
		raise RefreshRefused(_("Sign in again."))
	return _tokens(
		sessions_of(runtime), await member(runtime, tenant_id, user_id), session_id, fresh
	)


async def _take(work: Work, token_id: str) -> Any:
	"""Marks the token used and answers until when it was good; None when somebody did before.

	Two at once wait for each other.
	"""
	taken = await work.execute(
		update(RefreshToken)
		.where(RefreshToken.id == token_id, RefreshToken.used_at.is_(None))
		.values(used_at=utc_now())
		.returning(RefreshToken.expires_at)
		.execution_options(bulk=True, synchronize_session=False)
	)
	return taken.scalar_one_or_none()


async def _prolong(work: Work, session_id: str) -> Any:
	"""The new end of the session; None when it is over."""
	settings, sessions = work.runtime.settings, sessions_of(work.runtime)
	wanted = utc_now() + timedelta(days=settings.refresh_token_days)
	longest = Session.created_at + timedelta(days=sessions.settings.session_max_days)
	row = await work.execute(
		update(Session)
		.where(
			Session.id == session_id, Session.revoked_at.is_(None), Session.expires_at > utc_now()
		)
		.values(expires_at=func.least(wanted, longest), last_seen_at=utc_now())
		.returning(Session.expires_at)
		.execution_options(bulk=True, synchronize_session=False)
	)
	return row.scalar_one_or_none()


async def _end(work: Work, session_id: str, reason: str) -> bool:
	ended = await work.execute(
		update(Session)
		.where(
			Session.id == session_id,
			Session.tenant_id == work.principal.tenant_id,
			Session.revoked_at.is_(None),
		)
		.values(revoked_at=utc_now(), revoked_reason=reason)
		.returning(Session.id)
		.execution_options(bulk=True, synchronize_session=False)
	)
	return ended.first() is not None


async def after_revoking(runtime: Runtime) -> None:
	"""This process knows at once; the others within their second."""
	await sessions_of(runtime).catch_up()


def noticed(work: Work) -> None:
	"""Rights change with this transaction: once it stands, this process looks at once."""
	if "authenticator" in work.runtime.state:
		work.after_commit(lambda: after_revoking(work.runtime))


async def _record(runtime: Runtime, kind: str, principal: Principal, origin: Origin) -> None:
	await security_events.record(
		runtime,
		kind,
		route=SIGN_IN,
		address=origin.address,
		agent=origin.agent,
		principal=principal,
	)


# -- my sessions ------------------------------------------------------------------------------


def select_sessions(user_id: str, current: str | None) -> Any:
	"""The person's open sessions in this tenant, in their wire form."""
	return select(
		Session.id,
		Session.kind,
		Session.address,
		Session.agent,
		Session.created_at,
		Session.last_seen_at,
		Session.expires_at,
		(Session.id == literal(current or null(), id_type)).label("current"),
	).where(
		Session.user_id == user_id,
		Session.revoked_at.is_(None),
		Session.expires_at > func.clock_timestamp(),
	)


async def list_mine(work: Work) -> bytes:
	"""Open sessions of the caller, the last used first, as JSON."""
	statement = select_sessions(str(work.principal.user_id), work.principal.session_id)
	return await work.read_json(
		statement.order_by(
			func.coalesce(Session.last_seen_at, Session.created_at).desc(), Session.id
		)
	)


async def end_mine(work: Work, session_id: str, reason: str = "by_owner") -> None:
	"""Ends one of the caller's sessions. Raises NotFound for anybody else's."""
	mine = is_id(session_id) and await work.scalar(
		select(Session.id).where(
			Session.id == session_id, Session.user_id == work.principal.user_id
		)
	)
	if not mine:
		raise NotFound(_("{what} not found", what=_("session")))
	await _end(work, session_id, reason)
	work.after_commit(lambda: _ended(work))


async def _ended(work: Work) -> None:
	await after_revoking(work.runtime)
	await _record(work.runtime, "session_revoked", work.principal, work.origin)


async def end_here(work: Work, user_id: str, reason: str) -> None:
	"""Ends every session of a member in the bound tenant, and in no other."""
	await work.flush()
	await work.execute(
		update(Session)
		.where(
			Session.user_id == user_id,
			Session.tenant_id == work.principal.tenant_id,
			Session.revoked_at.is_(None),
		)
		.values(revoked_at=utc_now(), revoked_reason=reason)
		.execution_options(bulk=True, synchronize_session=False)
	)


async def end_all(work: Work, user_id: str, reason: str, *, but: str | None = None) -> int:
	"""Ends every session of a person in every tenant, but for one; answers how many."""
	await work.flush()
	ended = await work.scalar(
		select(
			func.sessions_revoke_all(
				literal(user_id, id_type), literal(but, id_type), literal(reason)
			)
		)
	)
	if ended:
		work.after_commit(lambda: _ended(work))
	return int(ended)


async def switch(runtime: Runtime, principal: Principal, tenant: str) -> Facts:
	"""The same person in another of his tenants, by slug or id. Raises NotFound."""
	found = next(
		(one for one in await tenants_of(runtime, str(principal.user_id)) if tenant in one[:2]),
		None,
	)
	if found is None:
		raise NotFound(_("You are not a member of “{tenant}”.", tenant=tenant[:100]))
	return await member(runtime, found[0], str(principal.user_id))


async def tenants_of(runtime: Runtime, user_id: str) -> list[tuple[str, str, str]]:
	"""Id, slug and name of every tenant that lets the person in now."""
	raw = await runtime.engine.raw_connection()
	try:
		driver: Any = raw.driver_connection
		rows = await driver.fetch("select * from memberships_of($1)", user_id)
	finally:
		raw.close()
	return [(str(row["tenant_id"]), row["slug"], row["name"]) for row in rows]
