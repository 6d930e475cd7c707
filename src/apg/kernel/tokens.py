"""Access tokens (signed, read by anybody with the public key) and opaque secrets (stored as hash)."""

import hashlib
import secrets
import string
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, cast

import jwt

from apg.kernel.keys import RootKey, SigningKey, SigningPurpose
from apg.kernel.stamps import new_id, utc_now

ACCESS_LIFETIME = timedelta(minutes=10)
LEEWAY_SECONDS = 60
TYPE = "at+jwt"
_REQUIRED = ["exp", "iat", "iss", "aud", "sub", "tenant_id", "jti", "reach"]
_LONGEST = 16_384
_REMEMBERED = 4_096
_BASE62 = string.digits + string.ascii_letters

TokenCode = Literal[
	"malformed", "unknown_key", "signature", "claims", "audience", "expired", "early"
]


class TokenProblem(Exception):
	"""The token is refused; `code` is for the log and the security event, not for the caller."""

	def __init__(self, code: TokenCode) -> None:
		super().__init__(code)
		self.code: TokenCode = code


@dataclass(frozen=True, slots=True)
class AccessClaims:
	"""What a verified token says; times are UNIX seconds."""

	user_id: str
	tenant_id: str
	token_id: str
	issued_at: int
	expires_at: int
	permissions: tuple[str, ...] = ()
	reach: str = "member"
	session_id: str | None = None
	locale: str = "en"


class TokenIssuer:
	"""Signs access tokens (RFC 9068, EdDSA) with one key of the installation."""

	def __init__(self, key: SigningKey, root: RootKey, *, issuer: str, audience: str) -> None:
		self._kid, self._private = key.kid, key.unwrap(root)
		self._issuer, self._audience = issuer, audience

	def issue(
		self,
		*,
		user_id: str,
		tenant_id: str,
		permissions: Iterable[str] = (),
		reach: str = "member",
		session_id: str | None = None,
		locale: str = "en",
		lifetime: timedelta = ACCESS_LIFETIME,
		now: datetime | None = None,
	) -> tuple[str, AccessClaims]:
		issued = int((now or utc_now()).timestamp())
		expires = issued + int(lifetime.total_seconds())
		claims = AccessClaims(
			user_id,
			tenant_id,
			new_id(),
			issued,
			expires,
			tuple(sorted(permissions)),
			reach,
			session_id,
			locale,
		)
		payload: dict[str, Any] = {
			"iss": self._issuer,
			"aud": self._audience,
			"sub": user_id,
			"tenant_id": tenant_id,
			"jti": claims.token_id,
			"iat": issued,
			"nbf": issued,
			"exp": expires,
			"permissions": claims.permissions,
			"reach": reach,
			"locale": locale,
		}
		if session_id:
			payload["sid"] = session_id
		headers = {"kid": self._kid, "typ": TYPE}
		return jwt.encode(payload, self._private, algorithm="EdDSA", headers=headers), claims


class TokenVerifier:
	"""Reads access tokens under a fixed set of keys; make a new one when the keys change.

	A token that was verified is remembered until it expires, since the signature takes longer to
	check than all the rest of a request's admission. Revocation is not decided here.
	"""

	def __init__(self, keys: Iterable[SigningKey], *, issuer: str, audience: str) -> None:
		self._keys = {key.kid: key for key in keys if key.purpose == SigningPurpose.TOKEN}
		self._issuer, self._audience = issuer, audience
		self._known: dict[str, AccessClaims] = {}

	def verify(self, token: str) -> AccessClaims:
		"""The claims of a token that is ours, in time and complete. Raises TokenProblem."""
		claims = self._known.get(token)
		if claims is None:
			claims = self._read(token)
			if len(self._known) >= _REMEMBERED:
				self._known.clear()
			self._known[token] = claims
		elif claims.expires_at + LEEWAY_SECONDS <= time.time():
			del self._known[token]
			raise TokenProblem("expired")
		return claims

	def _read(self, token: str) -> AccessClaims:
		if len(token) > _LONGEST:
			raise TokenProblem("malformed")
		try:
			header = jwt.get_unverified_header(token)
		except jwt.InvalidTokenError as error:
			raise TokenProblem("malformed") from error
		if str(header.get("typ", "")).lower().removeprefix("application/") != TYPE:
			raise TokenProblem("malformed")
		key = self._keys.get(header.get("kid", ""))
		if key is None:
			raise TokenProblem("unknown_key")
		try:
			payload = jwt.decode(
				token,
				key.public,
				algorithms=[key.algorithm],
				audience=self._audience,
				issuer=self._issuer,
				leeway=LEEWAY_SECONDS,
				options={"require": _REQUIRED, "strict_aud": True},
			)
		except jwt.ExpiredSignatureError as error:
			raise TokenProblem("expired") from error
		except jwt.ImmatureSignatureError as error:
			raise TokenProblem("early") from error
		except (jwt.InvalidAudienceError, jwt.InvalidIssuerError) as error:
			raise TokenProblem("audience") from error
		except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError) as error:
			raise TokenProblem("signature") from error
		except (jwt.DecodeError, jwt.InvalidTokenError, OverflowError) as error:
			complete = not isinstance(error, jwt.DecodeError)
			raise TokenProblem("claims" if complete else "malformed") from error
		return _claims_of(payload)


def _claims_of(payload: dict[str, Any]) -> AccessClaims:
	texts = [payload.get(name) for name in ("sub", "tenant_id", "jti", "reach")]
	session_id, locale = payload.get("sid"), payload.get("locale", "en")
	permissions = payload.get("permissions", [])
	try:
		uuid.UUID(payload["tenant_id"])
	except (ValueError, TypeError, AttributeError) as error:
		raise TokenProblem("claims") from error
	if (
		not all(isinstance(text, str) and text for text in texts)
		or not isinstance(session_id, str | None)
		or not isinstance(locale, str)
		or not isinstance(permissions, list)
		or not all(isinstance(name, str) for name in cast(list[Any], permissions))
	):
		raise TokenProblem("claims")
	return AccessClaims(
		payload["sub"],
		payload["tenant_id"],
		payload["jti"],
		int(payload["iat"]),
		int(payload["exp"]),
		tuple(cast(list[str], permissions)),
		payload["reach"],
		session_id,
		locale,
	)


def secret_hash(text: str) -> bytes:
	"""What is stored of an opaque secret; plain SHA-256, since the secret has 256 random bits."""
	return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def new_secret() -> tuple[str, bytes]:
	"""A refresh token, session id or single-use link: the text to hand out, the hash to keep."""
	text = secrets.token_urlsafe(32)
	return text, secret_hash(text)


def new_api_key() -> tuple[str, bytes]:
	"""An API key (`apg_` and 43 letters of base 62, 256 bits) and the hash to keep."""
	text = "apg_" + "".join(secrets.choice(_BASE62) for _ in range(43))
	return text, secret_hash(text)
