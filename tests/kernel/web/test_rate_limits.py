"""Rate limits: what one caller gets from all processes together, and what it is told."""

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from apg.kernel.errors import TooManyRequests
from apg.kernel.principal import Principal
from apg.kernel.web.rate_limits import (
	DDL,
	TIERS,
	BucketKey,
	DatabaseLeases,
	Decision,
	Lease,
	LeaseRequest,
	LocalLeases,
	RateBudget,
	RateLimiter,
	StoreUnavailable,
	address_subject,
	rate_headers,
)

STRICT = BucketKey("read", 100, "t1", "u1")
READ = BucketKey("read", 6_000, "t1", "u1")


class Clock:
	now = 1_000.0

	def __call__(self) -> float:
		return self.now


class Watched(LocalLeases):
	"""A store that counts its calls and can be away."""

	def __init__(self, clock: Clock) -> None:
		super().__init__(clock)
		self.calls: list[Sequence[LeaseRequest]] = []
		self.away = False

	async def lease(self, requests: Sequence[LeaseRequest]) -> Sequence[Lease]:
		self.calls.append(requests)
		await asyncio.sleep(0)  # others run while the database thinks
		if self.away:
			raise StoreUnavailable
		return await super().lease(requests)


@pytest.fixture
def clock() -> Clock:
	return Clock()


@pytest.fixture
def store(clock: Clock) -> Watched:
	return Watched(clock)


async def spend(limiter: RateLimiter, key: BucketKey, times: int) -> int:
	return sum([(await limiter.admit(key)).allowed for _ in range(times)])


def test_the_numbers_are_those_of_the_security_document():
	anonymous = {"login_account": 10, "login_address": 60, "public": 120}
	assert TIERS["default"] == {"read": 6_000, "write": 1_200, "bulk": 60} | anonymous
	assert TIERS["strict"] == {"read": 100, "write": 100, "bulk": 60} | anonymous
	assert TIERS["wide"] == {name: 100 * limit for name, limit in TIERS["default"].items()}


async def test_a_new_bucket_needs_a_lease_and_says_so(clock: Clock, store: Watched):
	limiter = RateLimiter(store, clock)
	assert not limiter.take(STRICT).allowed
	assert store.calls == []
	assert (await limiter.admit(STRICT)).allowed
	assert [request.want for call in store.calls for request in call] == [2]
	assert limiter.take(STRICT) == Decision(True, 98, 100, 2, 0)


async def test_a_minutes_worth_at_once_and_then_the_rate(clock: Clock, store: Watched):
	limiter = RateLimiter(store, clock)
	assert await spend(limiter, STRICT, 150) == 100
	clock.now += 6.0
	assert await spend(limiter, STRICT, 50) == 10
	clock.now += 600.0
	assert await spend(limiter, STRICT, 150) == 100


async def test_an_empty_bucket_does_not_ask_again_for_a_second(clock: Clock, store: Watched):
	limiter = RateLimiter(store, clock)
	await spend(limiter, STRICT, 101)
	asked = len(store.calls)
	assert await spend(limiter, STRICT, 1_000) == 0
	assert len(store.calls) == asked
	clock.now += 1.0
	assert await spend(limiter, STRICT, 10) == 1
	assert len(store.calls) == asked + 1, "less was granted than asked for: empty again"


async def test_no_request_of_a_steady_caller_waits_for_the_store(clock: Clock, store: Watched):
	limiter = RateLimiter(store, clock)
	await limiter.admit(READ)
	for _ in range(20):
		await limiter.refresh()
		clock.now += 1.0
		assert all(limiter.take(READ).allowed for _ in range(100))
	assert len(store.calls) == 21


async def test_callers_at_the_same_moment_share_one_lease(clock: Clock, store: Watched):
	limiter = RateLimiter(store, clock)
	decisions = await asyncio.gather(*(limiter.admit(STRICT) for _ in range(130)))
	assert sum(decision.allowed for decision in decisions) == 100
	assert len(store.calls) <= 4


async def test_a_cost_above_the_limit_is_refused_without_asking(clock: Clock, store: Watched):
	limiter = RateLimiter(store, clock)
	assert not (await limiter.admit(STRICT, 101)).allowed
	assert store.calls == []
	assert (await limiter.admit(STRICT, 100)).allowed
	refused = await limiter.admit(STRICT, 50)
	assert refused == Decision(False, 0, 100, 60, 30)


async def test_what_is_not_used_goes_back(clock: Clock, store: Watched):
	first, second = RateLimiter(store, clock), RateLimiter(store, clock)
	assert await spend(first, STRICT, 1) == 1
	await first.refresh()  # used since: topped up
	await first.refresh()  # idle: given back and forgotten
	assert first._buckets == {}
	assert await spend(second, STRICT, 150) == 99


async def test_stopping_gives_everything_back(store: Watched, clock: Clock):
	async with RateLimiter(store, clock).running() as limiter:
		await limiter.admit(STRICT)
	assert await spend(RateLimiter(store, clock), STRICT, 150) == 99


@given(
	rounds=st.lists(
		st.tuples(st.integers(0, 3), st.integers(0, 80), st.booleans()), min_size=1, max_size=40
	)
)
def test_all_processes_together_never_exceed_bucket_and_rate(
	rounds: list[tuple[int, int, bool]],
):
	async def run() -> None:
		clock = Clock()
		store = Watched(clock)
		limiters = [RateLimiter(store, clock) for _ in range(4)]
		allowed = 0
		for which, times, tick in rounds:
			allowed += await spend(limiters[which], STRICT, times)
			if tick:
				clock.now += 1.0
				await asyncio.gather(*(limiter.refresh() for limiter in limiters))
			assert allowed <= 100 + (clock.now - Clock.now) * 100 / 60 + 1e-6

	asyncio.run(run())


async def test_all_processes_together_get_the_whole_limit(clock: Clock, store: Watched):
	limiters = [RateLimiter(store, clock) for _ in range(4)]
	allowed = 0
	for _ in range(60):
		clock.now += 1.0
		for limiter in limiters:
			await limiter.refresh()
			allowed += await spend(limiter, STRICT, 3)
	assert 100 + 100 - 4 * 2 <= allowed <= 100 + 100


async def test_without_the_store_each_process_limits_alone(clock: Clock, store: Watched):
	limiter, other = RateLimiter(store, clock), RateLimiter(store, clock)
	store.away = True
	assert await spend(limiter, STRICT, 150) == 100
	assert await spend(other, STRICT, 150) == 100
	store.away = False
	clock.now += 1.0
	assert await spend(limiter, STRICT, 150) == 100, "the row was never touched"
	assert await spend(other, STRICT, 150) == 0


async def test_a_cancelled_request_leaves_no_bucket_stuck(clock: Clock, store: Watched):
	limiter = RateLimiter(store, clock)
	waiting = [asyncio.create_task(limiter.admit(STRICT)) for _ in range(3)]
	await asyncio.sleep(0)
	waiting[0].cancel()
	results = await asyncio.gather(*waiting, return_exceptions=True)
	assert isinstance(results[0], asyncio.CancelledError)
	assert [getattr(result, "allowed", None) for result in results[1:]] == [True, True]
	assert limiter._bucket(STRICT).leasing is None
	assert limiter._bucket(STRICT).wanted == 0


def test_memory_is_given_back_by_the_store_too(clock: Clock):
	store = LocalLeases(clock)
	for n in range(20_001):
		store._lease(LeaseRequest(str(n), 1, 1.0, 60.0))
	clock.now += 121.0
	store._lease(LeaseRequest("x", 1, 1.0, 60.0))
	assert len(store._held) == 1


@pytest.mark.parametrize(
	("address", "subject"),
	[
		("203.0.113.5", "203.0.113.5"),
		("::ffff:203.0.113.5", "203.0.113.5"),
		("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
		("2001:DB8:1:2::", "2001:db8:1:2::/64"),
		("fe80::1%eth0", "fe80::/64"),
		("", "unknown"),
		("testclient", "unknown"),
	],
)
def test_one_caller_cannot_hop_through_his_own_network(address: str, subject: str):
	assert address_subject(address) == subject


def test_row_keys_name_nobody_and_never_collide():
	key = BucketKey("login_account", 10, "", "anna@example.org")
	assert "anna" not in key.name
	assert len(key.name) == len("login_account:") + 32
	keys = {
		key.name,
		key._replace(rate_class="read").name,
		key._replace(limit=11).name,
		key._replace(tenant="t").name,
		key._replace(tenant="anna", subject="@example.org").name,
	}
	assert len(keys) == 5


def test_headers_follow_the_draft():
	assert rate_headers(STRICT, Decision(True, 98, 100, 2, 0)) == {
		"RateLimit-Policy": '"read";q=100;w=60',
		"RateLimit": '"read";r=98;t=2',
	}
	assert rate_headers(STRICT, Decision(False, 0, 100, 60, 1))["Retry-After"] == "1"


async def spend_all(budget: RateBudget, principal: Any, address: str, name: str) -> int:
	"""How many requests pass before the first refusal, which has to say when to come back."""
	done = 0
	with pytest.raises(TooManyRequests) as refused:  # noqa: PT012
		while done < 10_000:
			await budget.spend(principal, address, name)
			done += 1
	assert int(refused.value.headers["Retry-After"]) >= 1
	assert {"RateLimit", "RateLimit-Policy"} < refused.value.headers.keys()
	return done


async def test_a_principal_spends_from_its_own_bucket_wherever_it_comes_from(
	clock: Clock, store: Watched
):
	budget = RateBudget(RateLimiter(store, clock), "strict")
	anna = Principal("user", "t1", "anna")
	assert await spend_all(budget, anna, "203.0.113.5", "read") == 100
	assert await spend_all(budget, anna, "198.51.100.7", "read") == 0
	assert await spend_all(budget, anna, "198.51.100.7", "write") == 100
	assert await spend_all(budget, Principal("user", "t2", "anna"), "", "bulk") == 60
	assert await spend_all(budget, None, "203.0.113.5", "read") == 120
	assert await spend_all(budget, None, "203.0.113.5", "write") == 0
	assert await spend_all(budget, None, "203.0.113.6", "public") == 120


async def test_a_principals_tier_counts_under_the_default_only(clock: Clock, store: Watched):
	machine = Principal("api_key", "t1", api_key_id="k1", tier="wide")
	slow = Principal("user", "t1", "bob", tier="strict")
	headers = await RateBudget(RateLimiter(store, clock)).spend(machine, "", "read")
	assert headers["RateLimit-Policy"] == '"read";q=600000;w=60'
	headers = await RateBudget(RateLimiter(store, clock)).spend(slow, "", "read")
	assert headers["RateLimit-Policy"] == '"read";q=100;w=60'
	headers = await RateBudget(RateLimiter(store, clock), "strict").spend(machine, "", "read")
	assert headers["RateLimit-Policy"] == '"read";q=100;w=60'


async def test_a_principals_tier_never_widens_what_anybody_may_do(clock: Clock, store: Watched):
	machine = Principal("api_key", "t1", api_key_id="k1", tier="wide")
	headers = await RateBudget(RateLimiter(store, clock)).spend(machine, "203.0.113.5", "public")
	assert headers["RateLimit-Policy"] == '"public";q=120;w=60'


async def test_logins_are_limited_per_account_and_per_network(clock: Clock, store: Watched):
	budget = RateBudget(RateLimiter(store, clock), "strict")
	for n in range(10):
		await budget.spend_login("anna" if n % 2 else " ANNA ", f"203.0.113.{n}")
	with pytest.raises(TooManyRequests) as refused:
		await budget.spend_login("Anna", "203.0.113.99")
	assert refused.value.headers["RateLimit-Policy"] == '"login_account";q=10;w=60'
	for n in range(60):
		await budget.spend_login(f"user {n}", f"2001:db8::{n:x}")
	with pytest.raises(TooManyRequests) as refused:
		await budget.spend_login("user 60", "2001:db8::ffff")
	assert refused.value.headers["RateLimit-Policy"] == '"login_address";q=60;w=60'


# The database's side, on real PostgreSQL.


@pytest.fixture
async def engine(admin_url: str) -> AsyncIterator[AsyncEngine]:
	"""The administrator's engine with fresh buckets; what the migration made is left as it was."""
	made = create_async_engine(admin_url.replace("postgresql://", "postgresql+asyncpg://", 1))
	async with made.begin() as connection:
		present = await connection.scalar(text("select to_regclass('public.rate_buckets')"))
		if present is None:
			for statement in DDL:
				await connection.exec_driver_sql(statement)
		await connection.execute(text("delete from rate_buckets"))
	yield made
	async with made.begin() as connection:
		await connection.execute(text("delete from rate_buckets"))
	await made.dispose()


async def test_rows_hold_the_sum_of_all_processes(engine: AsyncEngine):
	"""Eight processes race for one key: nobody blocks, nothing is spent twice."""
	slow = BucketKey("bulk", 60, "t", "u")
	limiters = [RateLimiter(DatabaseLeases.on(engine)) for _ in range(8)]
	loop = asyncio.get_running_loop()
	started = loop.time()
	counts = await asyncio.gather(*(spend(limiter, slow, 40) for limiter in limiters))
	elapsed = loop.time() - started
	assert 60 <= sum(counts) <= 60 + math.ceil(elapsed)
	assert max(counts) < 60


async def test_leases_come_back_in_the_order_they_were_asked(engine: AsyncEngine):
	store = DatabaseLeases.on(engine)
	requests = [
		LeaseRequest(name, want, 0.001, 10.0) for name, want in zip("cab", (3, 20, 0), strict=True)
	]
	assert await store.lease(requests) == [Lease(3, 7), Lease(10, 0), Lease(0, 10)]
	assert await store.lease([LeaseRequest("c", -2, 0.001, 10.0)]) == [Lease(0, 9)]
	assert await store.lease([LeaseRequest("c", -50, 0.001, 10.0)]) == [Lease(0, 10)]


async def test_rows_refill_with_time_and_never_overflow(engine: AsyncEngine):
	store = DatabaseLeases.on(engine)
	await store.lease([LeaseRequest("a", 10, 2.0, 10.0)])
	for seconds, expected in ((3.2, 6), (3_600, 10), (-3_600, 0)):
		async with engine.begin() as connection:
			await connection.execute(
				text(
					"update rate_buckets set tokens = 0, "
					"refilled_at = clock_timestamp() - cast(:back as interval)"
				),
				{"back": timedelta(seconds=seconds)},
			)
		assert (await store.lease([LeaseRequest("a", 20, 2.0, 10.0)]))[0].granted == expected


async def test_the_web_role_may_lease_but_not_touch_the_rows(engine: AsyncEngine):
	async with engine.connect() as connection:
		await connection.execute(text("set role apg_app"))
		row = (await connection.execute(text("select * from lease_tokens('x', 1, 1, 5)"))).one()
		assert tuple(row) == (1, 4)
		for verb in ("select", "insert", "update", "delete"):
			allowed = await connection.scalar(
				text("select has_table_privilege('rate_buckets', :verb)"), {"verb": verb}
			)
			assert allowed is False
		assert (
			await connection.scalar(
				text("select proowner::regrole::text from pg_proc where proname = 'lease_tokens'")
			)
			== "apg_system"
		)


async def test_a_database_that_is_away_is_told_apart_from_an_empty_bucket(engine: AsyncEngine):
	gone = create_async_engine("postgresql+asyncpg://x:y@127.0.0.1:1/none")
	with pytest.raises(StoreUnavailable):
		await DatabaseLeases.on(gone).lease([LeaseRequest("a", 1, 1.0, 1.0)])
	limiter = RateLimiter(DatabaseLeases.on(gone))
	assert (await limiter.admit(STRICT)).allowed
	await gone.dispose()


async def test_a_database_that_hangs_is_not_waited_for():
	async def hang(_sql: str, _values: dict[str, list[Any]]) -> Sequence[Any]:
		await asyncio.Event().wait()
		return []

	with pytest.raises(StoreUnavailable):
		await DatabaseLeases(hang).lease([LeaseRequest("a", 1, 1.0, 1.0)])
