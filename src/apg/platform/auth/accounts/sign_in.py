"""Signing in: name and password, the second factor, the tenant. One answer for every refusal."""

import unicodedata
from dataclasses import dataclass
from typing import Any

from apg.kernel import security_events
from apg.kernel.errors import Invalid, Problem, Unauthenticated
from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime
from apg.kernel.texts import _
from apg.kernel.work import Origin, open_work
from apg.platform.auth.accounts import second_factor
from apg.platform.auth.passwords import verify_password
from apg.platform.auth.sessions import service as sessions
from apg.platform.auth.sessions.service import Facts, ask
from apg.platform.auth.users import service as users


class SignInRefused(Unauthenticated):
	"""Unknown, wrong, switched off, of no tenant: nothing tells them apart."""

	code = "LOGIN_FAILED"


class SecondFactorNeeded(Unauthenticated):
	"""The password was right; a code is missing."""

	code = "TOTP_REQUIRED"


class SecondFactorWrong(Unauthenticated):
	"""The code is wrong or was used before."""

	code = "TOTP_INVALID"


class TenantNeeded(Invalid):
	"""The person is a member of several tenants and named none."""

	code = "TENANT_REQUIRED"


@dataclass(frozen=True, slots=True)
class Known:
	"""A person whose password was right."""

	user_id: str
	totp_secret: str | None


def plain(username: str) -> str:
	"""The name as it is stored; whatever was typed, never an error."""
	return unicodedata.normalize("NFKC", username).strip().lower()[:254]


async def spend(runtime: Runtime, account: str, origin: Origin) -> None:
	"""Raises TooManyRequests when the account or the address tried too often."""
	budget = runtime.state.get("budget")
	if budget is not None:
		await budget.spend_login(account, origin.address)


async def by_password(runtime: Runtime, username: str, password: str, origin: Origin) -> Known:
	"""Raises SignInRefused, in the same time whether or not there is such a person."""
	name = plain(username)
	await spend(runtime, name, origin)
	found = await ask(runtime, "select * from login_lookup($1)", name.replace("\0", ""))
	stored = found["password_hash"] if found is not None else None
	matches, renewed = await verify_password(password, stored)
	if found is None or not matches or not found["is_active"]:
		await refused(runtime, origin, str(found["id"]) if found is not None else None)
		raise SignInRefused(_("User name or password is wrong."))
	if renewed is not None:
		await _renew(runtime, str(found["id"]), renewed)
	return Known(str(found["id"]), found["totp_secret"])


async def refused(runtime: Runtime, origin: Origin, user_id: str | None) -> None:
	"""Leaves a trace that names no name: the person when known, else the address."""
	await security_events.record(
		runtime,
		"login_failed",
		route="auth.login",
		address=origin.address,
		agent=origin.agent,
		subject=user_id or origin.address or "unknown",
	)


async def _renew(runtime: Runtime, user_id: str, password_hash: str) -> None:
	"""Keeps the password under today's parameters; the person is bound, no tenant is."""
	nowhere = Principal("user", "00000000-0000-0000-0000-000000000000", user_id)
	async with open_work(runtime, nowhere, action="auth.password.rehash", origin="api") as work:
		await users.set_password_hash(work, user_id, password_hash)


async def second(runtime: Runtime, known: Known, code: str | None, origin: Origin) -> None:
	"""Raises SecondFactorNeeded or SecondFactorWrong; does nothing for people without one."""
	if known.totp_secret is None:
		return
	if not code:
		raise SecondFactorNeeded(_("Enter the code of your authenticator app."))
	await spend(runtime, f"totp:{known.user_id}", origin)
	if not await second_factor.passes(runtime, known.user_id, known.totp_secret, code):
		await refused(runtime, origin, known.user_id)
		raise SecondFactorWrong(_("This code is wrong or was used already; wait for the next one."))


async def place(runtime: Runtime, known: Known, tenant: str | None, origin: Origin) -> Facts:
	"""The person in the tenant he named, or in his only one.

	Raises TenantNeeded with the choices, SignInRefused where he is no member.
	"""
	found = await sessions.tenants_of(runtime, known.user_id)
	if tenant is not None:
		found = [one for one in found if tenant.strip().lower() in (one[0], one[1].lower())]
	if not found:
		await refused(runtime, origin, known.user_id)
		raise SignInRefused(_("User name or password is wrong."))
	if len(found) > 1:
		slugs = ", ".join(slug for _id, slug, _name in found)
		text = _("Name the company you want to work in: {slugs}.", slugs=slugs)
		raise TenantNeeded(text, problems=[Problem("tenant", text, "required")])
	return await sessions.member(runtime, found[0][0], known.user_id)


async def sign_in(
	runtime: Runtime,
	username: str,
	password: str,
	tenant: str | None,
	code: str | None,
	origin: Origin,
) -> Facts:
	"""All steps in one, for programs."""
	known = await by_password(runtime, username, password, origin)
	await second(runtime, known, code, origin)
	return await place(runtime, known, tenant, origin)


def tokens_out(tokens: sessions.Tokens) -> dict[str, Any]:
	"""The wire form of an answer to a sign-in."""
	facts = tokens.facts
	return {
		"access_token": tokens.access_token,
		"token_type": "Bearer",
		"expires_in": tokens.expires_in,
		"refresh_token": tokens.refresh_token,
		"tenant_id": facts.tenant_id,
		"tenant": facts.tenant_slug,
		"user": {
			"id": facts.user_id,
			"username": facts.username,
			"display_name": facts.display_name,
			"locale": facts.locale,
			"roles": list(facts.roles),
		},
		"must_change_password": facts.must_change_password,
		"must_enrol_totp": facts.lacks_totp,
	}
