"""A proof is made for one thing and taken once."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import update

from apg.kernel.stamps import utc_now
from apg.kernel.tokens import new_secret, secret_hash
from apg.kernel.work import Work
from apg.platform.auth.accounts import service as accounts
from apg.platform.auth.confirmations.models import Confirmation
from apg.platform.auth.confirmations.schemas import ConfirmIn

LIFETIME = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Proof:
	"""A fresh proof; `text` is known to nobody but its owner."""

	text: str
	confirmation: Confirmation


async def confirm(work: Work, given: ConfirmIn) -> Proof:
	"""Asks for password or code again and gives a proof of five minutes for one signature.

	Raises OwnAccountOnly for programs, Invalid for a wrong answer, TooManyRequests.
	"""
	user_id = accounts.person(work)
	if given.password is not None:
		await accounts.check_password(work, given.password, "password")
		method = "password"
	else:
		await accounts.check_code(work, given.code or "", "code")
		method = "totp"
	text, digest = new_secret()
	made = work.add(
		Confirmation(
			user_id=user_id,
			secret_hash=digest,
			subject=given.subject,
			method=method,
			expires_at=utc_now() + LIFETIME,
		)
	)
	await work.flush()
	return Proof(text, made)


async def take(work: Work, proof: str, subject: str) -> str | None:
	"""Uses the caller's proof for the subject up; how he proved himself, None where it does not hold.

	Of two that take the same proof at once one gets None: the row is locked until the first commits.
	"""
	if work.principal.kind != "user" or work.principal.user_id is None:
		return None
	now = utc_now()
	taken = await work.execute(
		update(Confirmation)
		.where(
			Confirmation.secret_hash == secret_hash(proof),
			Confirmation.user_id == work.principal.user_id,
			Confirmation.subject == subject,
			Confirmation.used_at.is_(None),
			Confirmation.expires_at > now,
		)
		.values(used_at=now, version=Confirmation.version + 1)
		.returning(Confirmation.method)
		.execution_options(bulk=True, synchronize_session=False)
	)
	return taken.scalar_one_or_none()
