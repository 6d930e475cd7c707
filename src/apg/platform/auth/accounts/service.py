"""What a person does with his own account: password, profile, second factor."""

from dataclasses import dataclass
from typing import Any

from pyotp import random_base32
from pyotp.totp import TOTP
from sqlalchemy import func, literal, select, text

from apg.kernel.database import id_type
from apg.kernel.errors import Conflict, Invalid, PermissionDenied
from apg.kernel.keys import KeyProblem
from apg.kernel.stamps import utc_now
from apg.kernel.texts import _
from apg.kernel.work import Work
from apg.platform.auth.accounts import second_factor
from apg.platform.auth.accounts.schemas import ProfilePatch
from apg.platform.auth.accounts.sign_in import refused, spend
from apg.platform.auth.passwords import hash_password, verify_password
from apg.platform.auth.sessions import service as sessions
from apg.platform.auth.sessions.service import ask
from apg.platform.auth.users import service as users


class OwnAccountOnly(PermissionDenied):
	"""A program with an API key has no account of its own."""

	code = "PERSON_REQUIRED"


class TotpAlreadyOn(Conflict):
	code = "TOTP_ALREADY_ON"


class TotpNotStarted(Conflict):
	code = "TOTP_NOT_STARTED"


@dataclass(frozen=True, slots=True)
class Enrolment:
	"""A secret to be put into an authenticator app, as text and as address for a QR code."""

	secret: str
	uri: str


def person(work: Work) -> str:
	"""The id of the person acting in his own name. Raises OwnAccountOnly for programs."""
	if work.principal.kind != "user" or work.principal.user_id is None:
		raise OwnAccountOnly(_("An API key cannot act on the account of its owner."))
	return work.principal.user_id


async def check_password(work: Work, password: str, field: str) -> None:
	"""Asks for the password again. Raises Invalid at the field, TooManyRequests."""
	user_id = person(work)
	await spend(work.runtime, f"password:{user_id}", work.origin)
	# Outside the transaction: argon2 takes its time, and no connection waits for it.
	found = await ask(work.runtime, "select * from login_lookup($1)", work.principal.username)
	matches, _renewed = await verify_password(
		password, found["password_hash"] if found is not None else None
	)
	if not matches:
		await refused(work.runtime, work.origin, user_id)
		raise Invalid.one(field, _("This is not your present password."), "password")


async def check_code(work: Work, code: str, field: str) -> None:
	"""Asks for a code of the authenticator app again. Raises Invalid at the field, TooManyRequests."""
	user_id = person(work)
	user = await users.user_of(work, user_id)
	await spend(work.runtime, f"totp:{user_id}", work.origin)
	sealed = (await work.execute(text("select totp_secret from own_secrets()"))).scalar_one()
	if sealed is None or user.totp_confirmed_at is None:
		raise Invalid.one(field, _("You have no second factor; give your password."), "totp")
	if not await second_factor.passes(work.runtime, user_id, sealed, code):
		await refused(work.runtime, work.origin, user_id)
		raise Invalid.one(field, _("This code is wrong or was used already."), "totp")


async def change_password(work: Work, current: str, new: str) -> int:
	"""Another password; every other session of the person ends. Answers how many did."""
	user_id = person(work)
	await check_password(work, current, "current_password")
	if current == new:
		raise Invalid.one("new_password", _("Choose another one than the present."), "same")
	digest = await hash_password(new)
	await users.set_password_hash(work, user_id, digest, changed=True)
	sessions.noticed(work)
	return await sessions.end_all(work, user_id, "password_changed", but=work.principal.session_id)


async def change_profile(work: Work, patch: ProfilePatch) -> None:
	"""Name, address and language of the own account, wherever it is at home."""
	user = await users.user_of(work, person(work), lock=True)
	for name in patch.model_fields_set:
		value = getattr(patch, name)
		setattr(user, name, value if value is not None or name != "display_name" else "")
	user.updated_by = work.principal.user_id
	sessions.noticed(work)


async def profile(work: Work) -> dict[str, Any]:
	"""The own account as its owner sees it."""
	user = await users.user_of(work, person(work))
	secrets = (await work.execute(text("select * from own_secrets()"))).one()
	return {
		"id": user.id,
		"username": user.username,
		"display_name": user.display_name,
		"email": user.email,
		"locale": user.locale,
		"roles": list(work.principal.roles),
		"has_totp": user.totp_confirmed_at is not None,
		"recovery_codes_left": secrets.recovery_left,
		"must_change_password": user.must_change_password,
		"password_changed_at": user.password_changed_at,
		"tenant_id": work.principal.tenant_id,
		"tenant": work.principal.tenant_slug,
	}


# -- second factor ----------------------------------------------------------------------------


def enrolment(work: Work, secret: str) -> Enrolment:
	"""The address an authenticator app reads from a QR code (Key URI format)."""
	uri = TOTP(secret).provisioning_uri(
		name=work.principal.username, issuer_name=f"APG {work.principal.tenant_name}".strip()
	)
	return Enrolment(secret, uri)


async def start_totp(work: Work) -> Enrolment:
	"""A fresh secret, good once it is confirmed. Raises TotpAlreadyOn."""
	user = await users.user_of(work, person(work), lock=True)
	if user.totp_confirmed_at is not None:
		raise TotpAlreadyOn(_("The second factor is on; switch it off first."))
	secret = random_base32()
	user.totp_secret = second_factor.seal(work.runtime.root_key, user.id, secret)
	return enrolment(work, secret)


async def pending_totp(work: Work) -> Enrolment | None:
	"""The secret that waits for its confirmation, if any."""
	user = await users.user_of(work, person(work))
	sealed = (await work.execute(text("select totp_secret from own_secrets()"))).scalar_one()
	if sealed is None or user.totp_confirmed_at is not None:
		return None
	return enrolment(work, second_factor.unseal(work.runtime.root_key, user.id, sealed))


async def confirm_totp(work: Work, code: str) -> list[str]:
	"""Switches the second factor on; answers the recovery codes, shown this once.

	Raises TotpAlreadyOn, TotpNotStarted, Invalid for a wrong code.
	"""
	user = await users.user_of(work, person(work), lock=True)
	if user.totp_confirmed_at is not None:
		raise TotpAlreadyOn(_("The second factor is on already."))
	await spend(work.runtime, f"totp:{user.id}", work.origin)
	await _take_code(work, user.id, code)
	codes = second_factor.new_recovery_codes()
	user.totp_confirmed_at = utc_now()
	user.recovery_hashes = [second_factor.recovery_hash(one) for one in codes]
	sessions.noticed(work)
	return codes


async def _take_code(work: Work, user_id: str, code: str) -> None:
	sealed = (await work.execute(text("select totp_secret from own_secrets()"))).scalar_one()
	if sealed is None:
		raise TotpNotStarted(_("Begin with a new secret for your authenticator app."))
	try:
		secret = second_factor.unseal(work.runtime.root_key, user_id, sealed)
	except KeyProblem:
		raise TotpNotStarted(_("This secret cannot be read any more; begin again.")) from None
	step = second_factor.matching_step(secret, code)
	taken = step is not None and await work.scalar(
		select(func.totp_take(literal(user_id, id_type), step))
	)
	if not taken:
		raise Invalid.one("code", _("This code is wrong or was used already."), "totp")


async def new_recovery_codes(work: Work, code: str) -> list[str]:
	"""Ten new codes in place of the old ones, for a present code of the app."""
	user = await users.user_of(work, person(work), lock=True)
	if user.totp_confirmed_at is None:
		raise TotpNotStarted(_("The second factor is off."))
	await spend(work.runtime, f"totp:{user.id}", work.origin)
	await _take_code(work, user.id, code)
	codes = second_factor.new_recovery_codes()
	user.recovery_hashes = [second_factor.recovery_hash(one) for one in codes]
	return codes


async def stop_totp(work: Work, password: str) -> None:
	"""Switches the second factor off, for the password."""
	user_id = person(work)
	await check_password(work, password, "password")
	user = await users.user_of(work, user_id, lock=True)
	user.totp_secret, user.totp_confirmed_at = None, None
	user.recovery_hashes = None
	sessions.noticed(work)
