"""Time-based codes (RFC 6238) and recovery codes, each good once."""

import hmac
import secrets
import time

from pyotp.totp import TOTP

from apg.kernel.keys import KeyProblem, KeyRing, RootKey
from apg.kernel.runtime import Runtime
from apg.kernel.tokens import secret_hash
from apg.platform.auth.sessions.service import ask

COLUMN = "users.totp_secret"
STEP = 30
RECOVERY_CODES = 10
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # without i, l, o, 0, 1


def seal(root: RootKey, user_id: str, secret: str) -> str:
	"""The secret as it is stored; bound to the person, so that it cannot be moved to another."""
	return KeyRing.of(root).encrypt(user_id, COLUMN, secret)


def unseal(root: RootKey, user_id: str, sealed: str) -> str:
	"""Raises KeyProblem."""
	return KeyRing.of(root).decrypt(user_id, COLUMN, sealed)


def matching_step(secret: str, code: str, now: float | None = None) -> int | None:
	"""The time step the code belongs to, one before or after the present one included."""
	digits = code.replace(" ", "")
	if not (digits.isascii() and digits.isdigit() and len(digits) == 6):
		return None
	present = int((time.time() if now is None else now) // STEP)
	codes = TOTP(secret)
	for step in (present, present - 1, present + 1):
		if hmac.compare_digest(codes.at(step * STEP), digits):
			return step
	return None


def new_recovery_codes() -> list[str]:
	"""Codes of 16 letters, 79 random bits each, in groups of four."""
	made: list[str] = []
	for _n in range(RECOVERY_CODES):
		letters = "".join(secrets.choice(_LETTERS) for _m in range(16))
		made.append("-".join(letters[n : n + 4] for n in range(0, 16, 4)))
	return made


def recovery_hash(code: str) -> bytes:
	"""The same however the dashes and spaces were typed."""
	return secret_hash("".join(letter for letter in code.lower() if letter.isalnum()))


async def passes(runtime: Runtime, user_id: str, sealed: str, code: str) -> bool:
	"""Whether the code is right and was not used before; taking it uses it up."""
	try:
		secret = unseal(runtime.root_key, user_id, sealed)
	except KeyProblem:
		return False
	step = matching_step(secret, code)
	if step is not None:
		return bool((await ask(runtime, "select totp_take($1, $2)", user_id, step))[0])
	if len(code) < 12:
		return False
	taken = await ask(runtime, "select recovery_take($1, $2)", user_id, recovery_hash(code))
	return bool(taken[0])
