"""Token buckets per (tenant, principal, class), local to a process and leased from one row each.

Tokens leave the row before they are spent and unused ones go back, so over all processes no more
is spent than the row held; what a process may sit on at a time is one second's worth. A request
waits for a lease only when its bucket is new or empty here, and then all that wait share one.
"""

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from hashlib import blake2b
from ipaddress import IPv6Address, ip_address, ip_network
from time import monotonic
from typing import Any, NamedTuple, Protocol

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from apg.kernel.errors import TooManyRequests
from apg.kernel.log import definer
from apg.kernel.principal import Principal
from apg.kernel.texts import _

WINDOW = 60  # seconds; every limit is per minute, and a full bucket holds one minute's worth
LEASE_SECONDS = 1.0
_PATIENCE = 0.5  # seconds a request waits for a lease before this process decides alone
_BATCH = 500

# Tokens per minute (security.md §10). The classes of callers without a principal follow the platform's tier alone.
ANONYMOUS = frozenset({"login_account", "login_address", "public"})
_DEFAULT = {"read": 6_000, "write": 1_200, "bulk": 60}
_DEFAULT.update(login_account=10, login_address=60, public=120)
TIERS: dict[str, dict[str, int]] = {
	"default": _DEFAULT,
	# tightens and never loosens
	"strict": {name: min(100, n) if name not in ANONYMOUS else n for name, n in _DEFAULT.items()},
	"wide": {name: 100 * n for name, n in _DEFAULT.items()},
}

DDL: tuple[str, ...] = (
	"""
	create unlogged table rate_buckets (
		bucket text primary key,
		tokens double precision not null,
		refilled_at timestamptz not null
	) with (fillfactor = 50)
	""",
	"comment on table rate_buckets is 'keep=1 day after refilled_at'",
	"grant select, insert, update, delete on rate_buckets to apg_system",
	*definer(
		"lease_tokens(bucket text, want int, rate double precision, burst double precision, "
		"out granted int, out remaining int)",
		"record",
		"""
		declare
			held double precision;
			since timestamptz;
		begin
			insert into rate_buckets values (lease_tokens.bucket, burst, clock_timestamp())
				on conflict do nothing;
			select b.tokens, b.refilled_at into held, since from rate_buckets b
				where b.bucket = lease_tokens.bucket for update;
			-- the clock is read again, because the lock may have taken a while
			held := held + rate * greatest(0, extract(epoch from clock_timestamp() - since));
			held := least(burst, held + greatest(0, -want));
			granted := greatest(0, least(want, floor(held)::int));
			held := held - granted;
			remaining := floor(held)::int;
			update rate_buckets b set tokens = held, refilled_at = clock_timestamp()
				where b.bucket = lease_tokens.bucket;
		end""",
		to="apg_app, apg_worker",
	),
)
LEASE_SQL = """
	select l.granted, l.remaining
	from unnest(cast(:buckets as text[]), cast(:wants as int[]), cast(:rates as float8[]),
		cast(:bursts as float8[])) with ordinality as w(bucket, want, rate, burst, place),
		lateral lease_tokens(w.bucket, w.want, w.rate, w.burst) l
	order by w.place
"""


class BucketKey(NamedTuple):
	"""Whose budget of which class; `limit` per minute belongs to it, so a new tier is a new bucket."""

	rate_class: str
	limit: int
	tenant: str
	subject: str

	@property
	def name(self) -> str:
		"""The row's key; hashed, because a subject may be an account name or an address."""
		whole = "\0".join((self.tenant, self.subject, str(self.limit)))
		return f"{self.rate_class}:{blake2b(whole.encode(), digest_size=16).hexdigest()}"


class Decision(NamedTuple):
	"""Whether to go on; `remaining` is what all processes have left, as far as known here."""

	allowed: bool
	remaining: int
	limit: int
	reset_seconds: int
	retry_after: int


class LeaseRequest(NamedTuple):
	"""Asks for `want` tokens; a negative figure gives tokens back. `rate` in tokens per second."""

	bucket: str
	want: int
	rate: float
	burst: float


class Lease(NamedTuple):
	granted: int
	remaining: int


class StoreUnavailable(Exception):
	"""The store of leases does not answer; the process goes on with buckets of its own."""


class LeaseStore(Protocol):
	"""Where the buckets of all processes are. One call, one round trip. Raises StoreUnavailable."""

	async def lease(self, requests: Sequence[LeaseRequest]) -> Sequence[Lease]: ...


class LocalLeases:
	"""Buckets in memory: for one process alone, and for the time when the database is away."""

	def __init__(self, clock: Callable[[], float] = monotonic) -> None:
		self._clock = clock
		self._held: dict[str, tuple[float, float]] = {}

	async def lease(self, requests: Sequence[LeaseRequest]) -> Sequence[Lease]:
		return [self._lease(request) for request in requests]

	def _lease(self, request: LeaseRequest) -> Lease:
		now = self._clock()
		held, since = self._held.get(request.bucket, (request.burst, now))
		held += request.rate * (now - since) + max(0, -request.want)
		held = min(request.burst, held)
		granted = max(0, min(request.want, math.floor(held)))
		if len(self._held) > 20_000:
			idle = now - 2 * WINDOW
			self._held = {name: pair for name, pair in self._held.items() if pair[1] > idle}
		self._held[request.bucket] = (held - granted, now)
		return Lease(granted, math.floor(held - granted))


Execute = Callable[[str, dict[str, list[Any]]], Awaitable[Sequence[Any]]]


class DatabaseLeases:
	"""Rows of `rate_buckets`, by a callable that runs one statement in a transaction of its own."""

	def __init__(self, execute: Execute) -> None:
		self._execute = execute

	@classmethod
	def on(cls, engine: AsyncEngine) -> "DatabaseLeases":
		"""By connections borrowed from the engine's pool."""
		alone = engine.execution_options(isolation_level="AUTOCOMMIT")

		async def execute(sql: str, values: dict[str, list[Any]]) -> Sequence[Any]:
			async with alone.connect() as connection:
				return (await connection.execute(text(sql), values)).all()

		return cls(execute)

	async def lease(self, requests: Sequence[LeaseRequest]) -> Sequence[Lease]:
		# Rows are locked in one order everywhere, so that two processes cannot block each other.
		order = sorted(range(len(requests)), key=lambda place: requests[place].bucket)
		columns = zip(*(requests[place] for place in order), strict=True)
		values = {
			f"{name}s": list(column)
			for name, column in zip(LeaseRequest._fields, columns, strict=True)
		}
		try:
			async with asyncio.timeout(_PATIENCE):
				rows = await self._execute(LEASE_SQL, values)
		except (SQLAlchemyError, OSError, TimeoutError) as error:
			raise StoreUnavailable from error
		found = {place: Lease(*row) for place, row in zip(order, rows, strict=True)}
		return [found[place] for place in range(len(requests))]


class _Bucket:
	__slots__ = (
		"chunk",
		"dry_until",
		"elsewhere",
		"key",
		"leasing",
		"rate",
		"tokens",
		"used",
		"wanted",
	)

	def __init__(self, key: BucketKey) -> None:
		self.key, self.rate = key, key.limit / WINDOW
		self.chunk = math.ceil(self.rate * LEASE_SECONDS)
		self.tokens, self.elsewhere, self.wanted = 0, 0, 0
		self.dry_until, self.used = 0.0, True
		self.leasing: asyncio.Future[None] | None = None


class RateLimiter:
	"""The buckets of one process; `running()` keeps their leases fresh once a second."""

	def __init__(self, store: LeaseStore, clock: Callable[[], float] = monotonic) -> None:
		self._store, self._clock = store, clock
		self._alone = LocalLeases(clock)
		self._is_alone = False
		self._buckets: dict[BucketKey, _Bucket] = {}

	def take(self, key: BucketKey, cost: int = 1) -> Decision:
		"""Spends from what is leased, without waiting; an empty or new bucket answers no."""
		return self._take(self._bucket(key), cost)

	async def admit(self, key: BucketKey, cost: int = 1) -> Decision:
		"""As `take`, but leases first when this process holds too little and there may be more."""
		bucket = self._bucket(key)
		decision = self._take(bucket, cost)
		if decision.allowed or cost > key.limit:
			return decision
		bucket.wanted += cost
		try:
			while not decision.allowed and self._clock() >= bucket.dry_until:
				if bucket.leasing is not None:
					await asyncio.shield(bucket.leasing)
				else:
					await self._lease([bucket])
				decision = self._take(bucket, cost)
		finally:
			bucket.wanted -= cost
		return decision

	def _bucket(self, key: BucketKey) -> _Bucket:
		bucket = self._buckets.get(key)
		if bucket is None:
			bucket = self._buckets[key] = _Bucket(key)
		return bucket

	def _take(self, bucket: _Bucket, cost: int) -> Decision:
		bucket.used = True
		allowed = bucket.tokens >= cost
		if allowed:
			bucket.tokens -= cost
		limit, rate = bucket.key.limit, bucket.rate
		left = min(limit, bucket.tokens + bucket.elsewhere)
		lacking = 0.0 if allowed else max(1.0, (min(cost, limit) - left) / rate)
		return Decision(allowed, left, limit, math.ceil((limit - left) / rate), math.ceil(lacking))

	async def _lease(self, buckets: list[_Bucket]) -> None:
		done = asyncio.get_running_loop().create_future()
		for bucket in buckets:
			bucket.leasing = done
		try:
			wants = [max(bucket.chunk, bucket.wanted) - bucket.tokens for bucket in buckets]
			leases = await self._ask(buckets, wants)
			for bucket, want, lease in zip(buckets, wants, leases, strict=True):
				bucket.tokens += lease.granted
				bucket.elsewhere = lease.remaining
				if lease.granted < want:
					bucket.dry_until = self._clock() + LEASE_SECONDS
		finally:
			for bucket in buckets:
				bucket.leasing = None
			done.set_result(None)

	async def _ask(self, buckets: list[_Bucket], wants: list[int]) -> Sequence[Lease]:
		requests = [
			LeaseRequest(bucket.key.name, want, bucket.rate, float(bucket.key.limit))
			for bucket, want in zip(buckets, wants, strict=True)
		]
		try:
			leases, alone = await self._store.lease(requests), False
		except StoreUnavailable:
			leases, alone = await self._alone.lease(requests), True
		if alone != self._is_alone:
			self._is_alone = alone
			structlog.get_logger().warning("rate limits", counted="alone" if alone else "together")
		return leases

	async def refresh(self) -> None:
		"""Tops up what was used since the last time, gives back and forgets what was not."""
		now = self._clock()
		short: list[_Bucket] = []
		idle: list[_Bucket] = []
		for bucket in list(self._buckets.values()):
			if bucket.leasing is not None or bucket.wanted:
				continue
			if not bucket.used:
				idle.append(bucket)
			elif bucket.tokens < bucket.chunk and now >= bucket.dry_until:
				short.append(bucket)
			bucket.used = False
		for bucket in idle:
			del self._buckets[bucket.key]
		owed = [bucket for bucket in idle if bucket.tokens]
		for start in range(0, len(owed), _BATCH):
			part = owed[start : start + _BATCH]
			await self._ask(part, [-bucket.tokens for bucket in part])
		for start in range(0, len(short), _BATCH):
			part = [bucket for bucket in short[start : start + _BATCH] if bucket.leasing is None]
			if part:
				await self._lease(part)

	@asynccontextmanager
	async def running(self) -> AsyncGenerator["RateLimiter"]:
		"""Refreshes each second; gives everything back at the end."""

		async def go_on() -> None:
			while True:
				await asyncio.sleep(LEASE_SECONDS)
				await self.refresh()

		task = asyncio.create_task(go_on(), name="rate-limits")
		try:
			yield self
		finally:
			task.cancel()
			await asyncio.gather(task, return_exceptions=True)
			for bucket in self._buckets.values():
				bucket.used = False
			await self.refresh()


def address_subject(address: str) -> str:
	"""What one caller without an account can hold: an IPv4 address, or the /64 of an IPv6 one."""
	try:
		found = ip_address(address.partition("%")[0])
	except ValueError:
		return "unknown"
	if isinstance(found, IPv6Address):
		if found.ipv4_mapped:
			return str(found.ipv4_mapped)
		return str(ip_network((found, 64), strict=False))
	return str(found)


def rate_headers(key: BucketKey, decision: Decision) -> dict[str, str]:
	"""RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-10), Retry-After on refusal."""
	name = f'"{key.rate_class}"'
	headers = {
		"RateLimit-Policy": f"{name};q={decision.limit};w={WINDOW}",
		"RateLimit": f"{name};r={decision.remaining};t={decision.reset_seconds}",
	}
	if not decision.allowed:
		headers["Retry-After"] = str(decision.retry_after)
	return headers


class RateBudget:
	"""Which bucket a request spends from; refusals are raised as 429 with all headers."""

	def __init__(self, limiter: RateLimiter, tier: str = "default") -> None:
		self.limiter, self.tier = limiter, tier

	async def spend(
		self, principal: Principal | None, address: str, rate_class: str
	) -> dict[str, str]:
		"""The headers of the answer. A principal's own tier counts where the platform's is default."""
		if principal is None or rate_class in ANONYMOUS:
			name = rate_class if rate_class in ANONYMOUS else "public"
			return await self._spend_anonymous(name, address_subject(address))
		tier = principal.tier if self.tier == "default" else self.tier
		limit = TIERS.get(tier, _DEFAULT)[rate_class]
		return await self._spend(
			BucketKey(rate_class, limit, principal.tenant_id, principal.actor_key)
		)

	async def spend_login(self, account: str, address: str) -> dict[str, str]:
		"""One attempt to log in, reset or confirm: per address, then per account in any spelling."""
		await self._spend_anonymous("login_address", address_subject(address))
		return await self._spend_anonymous("login_account", account.strip().casefold())

	async def _spend_anonymous(self, name: str, subject: str) -> dict[str, str]:
		return await self._spend(BucketKey(name, TIERS[self.tier][name], "", subject))

	async def _spend(self, key: BucketKey) -> dict[str, str]:
		decision = await self.limiter.admit(key)
		headers = rate_headers(key, decision)
		if not decision.allowed:
			raise TooManyRequests(
				_("Too many requests; try again in {seconds} s.", seconds=decision.retry_after),
				headers=headers,
			)
		return headers
