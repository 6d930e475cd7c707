"""Links that let a person in once: invitations, and the reset of a forgotten password."""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update

from apg.contracts.notifications import Letter, Mail
from apg.kernel.errors import Gone, Invalid, NotFound
from apg.kernel.json_rows import Page
from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime
from apg.kernel.stamps import is_id, utc_now
from apg.kernel.texts import N_, _, translate
from apg.kernel.tokens import new_secret, secret_hash
from apg.kernel.work import Origin, Work, open_work
from apg.platform.auth.accounts import sign_in
from apg.platform.auth.accounts.models import AccountLink
from apg.platform.auth.accounts.schemas import AcceptIn, InvitationIn
from apg.platform.auth.passwords import hash_password, password_problem
from apg.platform.auth.roles import service as roles
from apg.platform.auth.sessions import service as sessions
from apg.platform.auth.sessions.service import ask, sessions_of
from apg.platform.auth.users import service as users

RESET_SECONDS = 0.4  # every request for a reset takes this long, whoever is asked for


class LinkGone(Gone):
	"""Used, ended, withdrawn or never there: nothing tells them apart."""

	code = "LINK_GONE"


@dataclass(frozen=True, slots=True)
class Link:
	"""A link just made; `text` is the address, known now and never again."""

	id: str
	text: str
	expires_at: datetime
	mailed: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
	"""What a link that is still good leads to."""

	id: str
	tenant_id: str
	tenant_name: str
	kind: str
	username: str
	display_name: str
	user_id: str | None
	has_account: bool


async def open_link(runtime: Runtime, text: str, kind: str) -> Opened:
	"""Raises LinkGone."""
	row = await ask(runtime, "select * from invitation_lookup($1)", secret_hash(text))
	if row is None or row["kind"] != kind:
		raise LinkGone(_("This link was used or has ended; ask for a new one."))
	return Opened(
		str(row["id"]),
		str(row["tenant_id"]),
		row["tenant_name"],
		row["kind"],
		row["username"],
		row["display_name"] or "",
		str(row["user_id"]) if row["user_id"] else None,
		row["has_account"],
	)


async def _take(work: Work, link_id: str) -> AccountLink:
	"""Uses the link up; two at once wait for each other. Raises LinkGone for the second."""
	taken = await work.scalar(
		update(AccountLink)
		.where(
			AccountLink.id == link_id,
			AccountLink.used_at.is_(None),
			AccountLink.expires_at > func.clock_timestamp(),
		)
		.values(used_at=utc_now(), updated_at=utc_now())
		.returning(AccountLink.id)
		.execution_options(bulk=True, synchronize_session=False)
	)
	if taken is None:
		raise LinkGone(_("This link was used or has ended; ask for a new one."))
	return await work.get(AccountLink, link_id)


# -- invitations ------------------------------------------------------------------------------


async def invite(work: Work, new: InvitationIn) -> Link:
	"""A link for somebody to become a member with these roles; an older open one of his ends.

	Raises Invalid for unknown roles, CannotGrant, and Conflict for who is a member already.
	"""
	await roles.check_roles(work, new.roles)
	if await users.is_member(work, new.username):
		raise users.AlreadyMember(_("{name} is a member already.", name=new.username))
	await _withdraw(work, AccountLink.username == new.username)
	text, digest = new_secret()
	link = work.add(
		AccountLink(
			kind="invitation",
			secret_hash=digest,
			username=new.username,
			display_name=new.display_name,
			email=new.email,
			roles=sorted(set(new.roles)),
			valid_until=new.valid_until,
			expires_at=utc_now()
			+ timedelta(hours=sessions_of(work.runtime).settings.invitation_hours),
		)
	)
	await work.flush()
	# Built from the configured address, never from the Host somebody sent.
	address = f"{work.runtime.settings.base_url}/invitation/{text}"
	mailed = bool(new.email) and await work.port(Mail).send(
		work,
		Letter(
			to=new.email or "",
			kind="invitation",
			subject=_("Invitation to {tenant}", tenant=work.principal.tenant_name),
			paragraphs=(_("Open this link to join; it ends by itself:"),),
			link=address,
			link_text=_("Join"),
			locale=work.principal.locale,
			expires_at=link.expires_at,
		),
	)
	return Link(link.id, address, link.expires_at, mailed)


async def _withdraw(work: Work, condition: Any) -> int:
	gone = await work.execute(
		update(AccountLink)
		.where(condition, AccountLink.used_at.is_(None))
		.values(used_at=utc_now(), updated_at=utc_now(), updated_by=work.principal.user_id)
		.returning(AccountLink.id)
		.execution_options(bulk=True, synchronize_session=False)
	)
	return len(gone.all())


def select_invitations() -> Any:
	"""Open invitations in their wire form."""
	return select(
		AccountLink.id,
		AccountLink.username,
		AccountLink.display_name,
		AccountLink.email,
		AccountLink.roles,
		AccountLink.valid_until,
		AccountLink.created_at,
		AccountLink.expires_at,
	).where(
		AccountLink.kind == "invitation",
		AccountLink.used_at.is_(None),
		AccountLink.expires_at > func.clock_timestamp(),
	)


async def list_invitations(work: Work, *, limit: int, offset: int) -> Page:
	"""Open invitations, the newest first."""
	ordered = select_invitations().order_by(AccountLink.created_at.desc(), AccountLink.id)
	return await work.read_list(ordered, limit=limit, offset=offset)


async def read_invitation(work: Work, link: Link) -> dict[str, Any]:
	"""The invitation just made, with its address unless that was mailed."""
	statement = select_invitations().where(AccountLink.id == link.id)
	told = (await work.execute(statement)).mappings().one()
	return {**told, "link": None if link.mailed else link.text}


async def withdraw(work: Work, link_id: str) -> None:
	"""Ends an open invitation. Raises NotFound."""
	known = is_id(link_id) and await _withdraw(
		work, (AccountLink.id == link_id) & (AccountLink.kind == "invitation")
	)
	if not known:
		raise NotFound(_("{what} not found", what=_("invitation")))


async def accept(runtime: Runtime, given: AcceptIn, origin: Origin) -> tuple[str, str]:
	"""Makes the invited person a member; answers the tenant's id and his.

	Who has an account shows its password (and code); who has none chooses one. Raises LinkGone,
	SignInRefused, SecondFactorNeeded, Invalid for a weak password.
	"""
	opened = await open_link(runtime, given.token, "invitation")
	user_id = password_hash = None
	if opened.has_account:
		known = await sign_in.by_password(runtime, opened.username, given.password, origin)
		await sign_in.second(runtime, known, given.totp, origin)
		user_id = known.user_id
	else:
		await sign_in.spend(runtime, opened.username, origin)
		if (problem := password_problem(given.password)) is not None:
			raise Invalid.one("password", problem, "password")
		password_hash = await hash_password(given.password)
	system = Principal.system(opened.tenant_id)
	async with open_work(runtime, system, action="auth.users.join", origin=origin) as work:
		link = await _take(work, opened.id)
		if user_id is None:
			user = await users.add_user(
				work,
				opened.username,
				password_hash=password_hash,
				display_name=given.display_name or opened.display_name,
				email=link.email,
			)
			user_id = user.id
		# A role that was removed meanwhile is simply not given.
		known_roles = {name for name, _title in await roles.choices(work)}
		await users.join(
			work, user_id, [name for name in link.roles if name in known_roles], link.valid_until
		)
		sessions.noticed(work)
	return opened.tenant_id, user_id


# -- reset ------------------------------------------------------------------------------------


async def request_reset(runtime: Runtime, username: str, origin: Origin) -> None:
	"""Mails a link if there is such an account with an address; the answer is always the same."""
	started = time.monotonic()
	name = sign_in.plain(username).replace("\0", "")
	await sign_in.spend(runtime, f"reset:{name}", origin)
	mail = runtime.composition.port(Mail, frozenset())
	found = await ask(runtime, "select * from reset_lookup($1)", name)
	if found is not None and mail.is_on(runtime):
		system = Principal.system(str(found["tenant_id"]))
		locale = found["locale"] or "en"
		async with open_work(runtime, system, action="auth.reset.request", origin=origin) as work:
			link = await _new_reset(work, str(found["id"]))
			letter = Letter(
				to=found["email"],
				kind="reset",
				subject=translate(N_("A new password"), locale),
				paragraphs=(
					translate(N_("Open this link to choose a new password; it ends soon:"), locale),
				),
				link=link.text,
				link_text=translate(N_("Choose a password"), locale),
				locale=locale,
				recipient_id=str(found["id"]),
				expires_at=link.expires_at,
			)
			await mail.send(work, letter)
	await asyncio.sleep(max(0.0, RESET_SECONDS - (time.monotonic() - started)))


async def _new_reset(work: Work, user_id: str) -> Link:
	await _withdraw(work, AccountLink.user_id == user_id)
	text, digest = new_secret()
	minutes = sessions_of(work.runtime).settings.reset_minutes
	link = work.add(
		AccountLink(
			kind="reset",
			secret_hash=digest,
			user_id=user_id,
			expires_at=utc_now() + timedelta(minutes=minutes),
		)
	)
	await work.flush()
	return Link(link.id, f"{work.runtime.settings.base_url}/reset/{text}", link.expires_at)


async def reset_for(work: Work, user_id: str) -> Link:
	"""A link an administrator hands over, for an account that is at home here.

	Raises NotFound, NotAtHome, CannotGrant for people with rights the caller does not hold.
	"""
	member = await users.membership_of(work, user_id)
	user = await users.user_of(work, user_id)
	if user.home_tenant_id != work.principal.tenant_id:
		raise users.NotAtHome(_("The password of this account is kept by another company."))
	# Whoever sets a password can act as the person: the same rule as for giving his roles.
	await roles.check_roles(work, await roles.role_names(work, member.id))
	return await _new_reset(work, user_id)


async def complete_reset(runtime: Runtime, text: str, password: str, origin: Origin) -> str:
	"""A new password for a link; every session of the person ends. Answers the user name."""
	await sign_in.spend(runtime, f"link:{secret_hash(text).hex()[:16]}", origin)
	opened = await open_link(runtime, text, "reset")
	assert opened.user_id is not None
	if (problem := password_problem(password)) is not None:
		raise Invalid.one("password", problem, "password")
	digest = await hash_password(password)
	actor = Principal("user", opened.tenant_id, opened.user_id)
	async with open_work(runtime, actor, action="auth.reset.complete", origin=origin) as work:
		await _take(work, opened.id)
		await users.set_password_hash(work, opened.user_id, digest, changed=True)
		await sessions.end_all(work, opened.user_id, "password_reset")
		sessions.noticed(work)
	return opened.username
