"""Every credential becomes a Principal here, or nothing: tokens, API keys and session cookies."""

import asyncio
import base64
import hmac
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson

from apg.kernel import signing
from apg.kernel.errors import PermissionDenied, Unauthenticated, Unavailable
from apg.kernel.keys import Purpose, SigningKey, SigningPurpose, jwks, signer_of, verifying
from apg.kernel.principal import Credential, Principal, Session
from apg.kernel.runtime import Runtime
from apg.kernel.stamps import is_id, utc_now
from apg.kernel.texts import _
from apg.kernel.tokens import (
	LEEWAY_SECONDS,
	AccessClaims,
	TokenIssuer,
	TokenProblem,
	TokenVerifier,
	secret_hash,
)
from apg.kernel.web.authentication import SAFE, scope_of_moment
from apg.platform.auth.sessions.facts import Facts, Remembered, ask, load_facts, narrowed
from apg.platform.auth.settings import AuthSettings

# How long after a rotation some process may still sign with the key before; they look each 30 s.
TAKEN_UP = timedelta(minutes=2)
# How much later than planned the epochs may be read before nothing remembered is believed: with
# the longest pause allowed, what was revoked is refused within two seconds whatever happens.
LATE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Standing:
	"""That a session or key is good, whose it is and until when (UNIX seconds)."""

	id: str
	tenant_id: str
	user_id: str
	expires_at: float
	scopes: tuple[str, ...] = ()


class Sessions:
	"""The Authenticator of a process, and the issuer of its access tokens.

	What it remembers is dropped as soon as an epoch says that it changed. When epochs were not read
	in time, nothing remembered is believed and the database is asked; when they have not been read
	for long (`blind_seconds`), writes are refused with 503 as well.
	"""

	def __init__(
		self, runtime: Runtime, settings: AuthSettings, keys: Sequence[SigningKey]
	) -> None:
		self.runtime = runtime
		self.settings = settings
		self.issuer_name = settings.issuer or runtime.settings.base_url
		self._facts: Remembered[Facts | None] = Remembered(settings.facts_seconds)
		self._tokens: Remembered[Standing | None] = Remembered(settings.facts_seconds)
		self._cookies: Remembered[Standing | None] = Remembered(settings.facts_seconds)
		self._keys_of_programs: Remembered[Standing | None] = Remembered(settings.facts_seconds)
		self._opened: Remembered[bool | None] = Remembered(settings.facts_seconds)
		self._csrf = runtime.root_key.derive(Purpose.CSRF)
		self._keys_read_at = 0.0
		minutes = timedelta(minutes=runtime.settings.access_token_minutes)
		self._lifetime = minutes + timedelta(seconds=LEEWAY_SECONDS) + TAKEN_UP
		self.seen_at = time.monotonic()
		self.seen_sessions: set[str] = set()
		self.seen_keys: set[str] = set()
		self._horizon = 0
		self._known: frozenset[int] = frozenset()
		self._catching_up = asyncio.Lock()
		self._reading_keys = asyncio.Lock()
		self.use_keys(keys)

	# -- keys ---------------------------------------------------------------------------------

	def use_keys(self, keys: Sequence[SigningKey]) -> None:
		"""Verifies from now on under those that tokens may still name, and signs with the newest."""
		self.keys = tuple(verifying(keys, utc_now(), self._lifetime))
		where = {"issuer": self.issuer_name, "audience": self.settings.audience}
		self._verifier = TokenVerifier(self.keys, **where)
		signer = signer_of(self.keys, SigningPurpose.TOKEN, utc_now())
		if signer is None:
			raise RuntimeError("there is no key to sign tokens with; run `apg migrate`")
		self.issuer = TokenIssuer(signer, self.runtime.root_key, **where)

	async def read_keys(self) -> None:
		"""Reads the signing keys anew, at most once a second: another process may have rotated.

		Who comes while they are read waits for them, and is not refused for a key just made.
		"""
		async with self._reading_keys:
			if time.monotonic() - self._keys_read_at < 1.0:
				return
			async with self.runtime.engine.connect() as connection:
				keys = await signing.load_keys(
					connection, SigningPurpose.TOKEN, self.runtime.root_key
				)
			self._keys_read_at = time.monotonic()
			living = verifying(keys, utc_now(), self._lifetime)
			if [key.kid for key in living] != [key.kid for key in self.keys]:
				self.use_keys(keys)

	def jwks(self) -> dict[str, list[dict[str, str]]]:
		return jwks(self.keys)

	def csrf(self, session_id: str) -> str:
		"""What every unsafe request of the session repeats; belongs to this session alone."""
		digest = hmac.digest(self._csrf, f"session/{session_id}".encode(), "sha256")
		return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

	# -- credentials --------------------------------------------------------------------------

	async def authenticate(self, credential: Credential) -> Principal:
		"""Raises Unauthenticated for whatever is not good now; never says why."""
		fresh = self._must_be_fresh()
		if credential.kind == "bearer":
			return await self._of_token(credential.text, fresh)
		if credential.kind == "api_key":
			return await self._of_key(credential.text, fresh)
		if credential.kind == "cookie":
			return await self._of_cookie(credential.text, fresh)
		raise Unauthenticated

	def _must_be_fresh(self) -> bool:
		silent = time.monotonic() - self.seen_at
		if silent <= self.settings.poll_seconds + LATE_SECONDS:
			return False
		scope = scope_of_moment.get()
		unsafe = scope is not None and scope.get("method", "GET") not in SAFE
		if unsafe and silent > self.settings.blind_seconds:
			raise Unavailable(_("Rights cannot be checked right now; try again in a moment."))
		return True

	async def _of_token(self, text: str, fresh: bool) -> Principal:
		claims = await self._claims(text)
		session = claims.session_id
		if session is None or not is_id(session) or not is_id(claims.user_id):
			raise Unauthenticated
		if claims.reach != "member":
			raise Unauthenticated

		async def load() -> Standing | None:
			until = (
				await ask(
					self.runtime,
					"select session_standing($1, $2, $3)",
					session,
					claims.tenant_id,
					claims.user_id,
				)
			)[0]
			return until and Standing(session, claims.tenant_id, claims.user_id, until.timestamp())

		standing = await self._tokens.get(
			(session, claims.tenant_id, claims.user_id), load, fresh=fresh
		)
		facts = await self._member(standing, fresh)
		self.seen_sessions.add(session)
		return facts.principal(self.runtime.settings.rate_tier, session_id=session)

	async def _claims(self, text: str) -> AccessClaims:
		try:
			return self._verifier.verify(text)
		except TokenProblem as problem:
			if problem.code != "unknown_key":
				raise Unauthenticated from problem
		await self.read_keys()
		try:
			return self._verifier.verify(text)
		except TokenProblem as problem:
			raise Unauthenticated from problem

	async def _of_cookie(self, text: str, fresh: bool) -> Principal:
		digest = secret_hash(text)
		standing = await self._cookies.get(
			digest,
			lambda: self._standing("select * from session_lookup($1)", digest),
			fresh=fresh,
		)
		facts = await self._member(standing, fresh)
		assert standing is not None
		self.seen_sessions.add(standing.id)
		return facts.principal(
			self.runtime.settings.rate_tier,
			session=Session(standing.id, self.csrf(standing.id)),
			session_id=standing.id,
		)

	async def _of_key(self, text: str, fresh: bool) -> Principal:
		digest = secret_hash(text)
		standing = await self._keys_of_programs.get(
			digest,
			lambda: self._standing("select * from api_key_lookup($1)", digest),
			fresh=fresh,
		)
		facts = await self._member(standing, fresh)
		assert standing is not None
		self.seen_keys.add(standing.id)
		known = self.runtime.composition.permissions
		return facts.principal(
			self.runtime.settings.rate_tier,
			kind="api_key",
			api_key_id=standing.id,
			permissions=narrowed(facts.permissions, standing.scopes, known),
		)

	async def _standing(self, sql: str, digest: bytes) -> Standing | None:
		row = await ask(self.runtime, sql, digest)
		if row is None:
			return None
		return Standing(
			str(row["id"]),
			str(row["tenant_id"]),
			str(row["user_id"]),
			row["expires_at"].timestamp(),
			tuple(orjson.loads(row["scopes"])) if "scopes" in row else (),
		)

	async def _member(self, standing: Standing | None, fresh: bool) -> Facts:
		now = utc_now().timestamp()
		if standing is None or standing.expires_at <= now:
			raise Unauthenticated
		facts = await self.facts(standing.tenant_id, standing.user_id, fresh=fresh)
		if facts is None or (facts.valid_until is not None and facts.valid_until <= now):
			raise Unauthenticated
		return facts

	async def facts(self, tenant_id: str, user_id: str, *, fresh: bool = False) -> Facts | None:
		"""The member, remembered; None for whoever is none."""
		return await self._facts.get(
			(tenant_id, user_id),
			lambda: load_facts(self.runtime, tenant_id, user_id),
			fresh=fresh,
		)

	async def principal_of(self, tenant_id: str, user_id: str | None) -> Principal:
		"""Who a task runs as: the system inside the tenant, or the person with his rights of now.

		Raises PermissionDenied when the person is no member any more.
		"""
		if user_id is None:
			row = await ask(self.runtime, "select enabled from tenant_facts($1)", tenant_id)
			return Principal.system(tenant_id, frozenset(row["enabled"] if row else ()))
		facts = await load_facts(self.runtime, tenant_id, user_id)
		if facts is None:
			raise PermissionDenied(_("The person who asked is no member any more."))
		return facts.principal(self.runtime.settings.rate_tier)

	async def still_stands(self, principal: Principal) -> Principal:
		"""The same caller as of now, for sockets and streams. Raises Unauthenticated when gone."""
		if principal.user_id is None:
			return principal
		fresh = self._must_be_fresh()
		tenant_id, user_id, now = principal.tenant_id, principal.user_id, utc_now().timestamp()
		named = principal.session_id or principal.api_key_id

		async def load() -> bool | None:
			row = await ask(
				self.runtime, "select credential_stands($1, $2, $3)", named, tenant_id, user_id
			)
			return row[0] or None

		if not await self._opened.get((named, tenant_id, user_id), load, fresh=fresh):
			raise Unauthenticated
		facts = await self.facts(tenant_id, user_id, fresh=fresh)
		if facts is None or (facts.valid_until is not None and facts.valid_until <= now):
			raise Unauthenticated
		return principal

	# -- changes ------------------------------------------------------------------------------

	def forget(self, tenant_id: str | None, subject: str) -> None:
		"""Drops what is remembered of a person, session or key, or (`*`) of a whole tenant."""
		if subject == "*":
			self._facts.forget(lambda key, _value: key[0] == tenant_id)
			return
		self._facts.forget(lambda key, _value: key[1] == subject)
		self._opened.forget(lambda key, _value: subject in key)
		for cache in (self._tokens, self._cookies, self._keys_of_programs):
			cache.forget(
				lambda _key, value: value is not None and subject in (value.id, value.user_id)
			)

	def forget_everything(self) -> None:
		for cache in (self._facts, self._tokens, self._cookies, self._keys_of_programs):
			cache.forget()
		self._opened.forget()

	def take(
		self,
		horizon: int,
		seqs: Collection[int],
		tenants: Sequence[str | None],
		subjects: Sequence[str],
		begun: float,
	) -> None:
		"""Takes in what one reading of the epochs, begun then, brought; what came before is left out."""
		for seq, tenant, subject in zip(seqs, tenants, subjects, strict=True):
			if seq not in self._known:
				self.forget(tenant, subject)
		self._known = frozenset(seqs)
		self._horizon = horizon
		self.seen_at = begun

	async def catch_up(self, driver: Any = None) -> None:
		"""Reads the epochs now, on the given connection or a borrowed one."""
		async with self._catching_up:
			sql, begun = "select * from auth_epochs_since($1)", time.monotonic()
			if driver is None:
				row = await ask(self.runtime, sql, self._horizon)
			else:
				row = await driver.fetchrow(sql, self._horizon)
			self.take(row["horizon"], row["seqs"], row["tenants"], row["subjects"], begun)

	async def start_reading(self, driver: Any) -> None:
		"""Begins from now with nothing remembered; after a gap nobody knows what it held."""
		begun = time.monotonic()
		row = await driver.fetchrow("select * from auth_epochs_since($1)", 2**62)
		self.forget_everything()
		self.take(row["horizon"], (), (), (), begun)


def sessions_of(runtime: Runtime) -> Sessions:
	"""The Authenticator of this process."""
	return runtime.state["authenticator"]
