"""Events per second of one relay with three consumers, against the same rows written by the driver.

The reference does what three consumers must leave behind in any design, one upsert per event and
consumer under a savepoint, straight through one driver connection in transactions of 500.
"""

import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import ClassVar

import asyncpg

from apg.embedded import launcher
from apg.kernel.capability import Capability
from apg.kernel.composition import Composition
from apg.kernel.database import make_engine, role_url
from apg.kernel.events import Consumer, Event, on
from apg.kernel.keys import RootKey
from apg.kernel.log import append
from apg.kernel.migrating import admin_engine, migrate
from apg.kernel.principal import Principal
from apg.kernel.relay import Hints, Relay
from apg.kernel.roles import role_password
from apg.kernel.runtime import Runtime
from apg.kernel.settings import Settings
from apg.kernel.stamps import new_id
from apg.kernel.tenancy import protect_sql
from apg.kernel.testing import TEST_SECRET
from apg.kernel.work import Origin, Work, open_work
from benchmarks.report import Report

EVENTS = 6_000
WRITES_A_SECOND = 300
SECONDS = float(os.environ.get("APG_BENCH_RELAY_SECONDS", "60"))
TENANTS = [new_id() for _ in range(8)]
UPSERT = (
	"insert into readings (tenant_id, who, metric, total) values ($1, $2, $3, 1) "
	"on conflict (tenant_id, who, metric) do update set total = readings.total + 1"
)


class Measured(Event):
	name: ClassVar[str] = "bench.metric.measured.v1"
	metric: int
	value: str


def consumer(name: str) -> Consumer:
	async def keep(work: Work, event: Measured) -> None:
		await (await work.connection()).exec_driver_sql(
			UPSERT, (work.principal.tenant_id, name, event.metric)
		)

	return on(Measured, keep, name=name)


CONSUMERS = tuple(consumer(f"consumer_{n}") for n in range(3))


class Bench:
	"""A database of its own on the embedded server, dropped at the end."""

	def __init__(self, admin_url: str) -> None:
		self.base, self.name = admin_url.rsplit("/", 1)[0], f"apg_bench_{os.getpid()}"
		self.url, self.root = f"{self.base}/{self.name}", RootKey.parse(TEST_SECRET)
		self.settings = Settings(env="test", secret_key=TEST_SECRET, database_url=self.url)
		self.server = admin_engine(admin_url)

	def run_sql(self, statement: str) -> None:
		with self.server.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
			connection.exec_driver_sql(statement)

	def create(self) -> None:
		self.run_sql(f'create database "{self.name}"')
		migrate(self.url, Composition(()), self.root)
		inside = admin_engine(self.url)
		with inside.begin() as connection:
			for statement in (
				"create table readings (tenant_id uuid, who text, metric int, total bigint, "
				"primary key (tenant_id, who, metric))",
				*protect_sql("readings", audited=False),
			):
				connection.exec_driver_sql(statement)
		inside.dispose()

	def drop(self) -> None:
		self.run_sql(f'drop database if exists "{self.name}" with (force)')
		self.server.dispose()

	def role(self, role: str) -> str:
		return role_url(self.settings, role, role_password(self.root, role))

	def runtime(self, role: str) -> Runtime:
		capability = Capability(
			name="bench", short="bench", title="Bench", version="1", package="apg.kernel",
			publishes=(Measured,), subscribers=CONSUMERS,
		)  # fmt: skip
		engine = make_engine(self.role(role), self.settings, pool_size=5)
		return Runtime(self.settings, engine, Composition((capability,)), self.root)


async def principal_of(tenant_id: str, user_id: str | None) -> Principal:
	return Principal.system(tenant_id, frozenset({"bench"}))


async def write(runtime: Runtime, count: int) -> None:
	"""A backlog, one request id per event, as requests leave it."""
	for number in range(count):
		principal = Principal.system(TENANTS[number % len(TENANTS)])
		origin = Origin("api", f"request-{number}")
		async with open_work(runtime, principal, action="bench", origin=origin) as work:
			await append(
				await work.driver(), principal, origin.request_id,
				[Measured(metric=number % 50, value="12.5")],
			)  # fmt: skip


async def by_driver(bench: Bench, count: int) -> float:
	"""The same rows for three consumers: upserts under savepoints, 500 a transaction."""
	connection = await asyncpg.connect(bench.role("apg_worker"))
	upsert = await connection.prepare(UPSERT)
	started = time.perf_counter()
	for who in ("reference_0", "reference_1", "reference_2"):
		for start in range(0, count, 500):
			async with connection.transaction():
				await connection.execute("select set_config('app.reach', 'member', true)")
				for number in range(start, min(start + 500, count)):
					tenant = TENANTS[number % len(TENANTS)]
					await connection.execute(
						f"select set_config('app.current_tenant_id', '{tenant}', true); savepoint e"
					)
					await upsert.fetch(tenant, who, number % 50)
					await connection.execute("release savepoint e")
	took = time.perf_counter() - started
	await connection.close()
	return 3 * count / took


async def handled(admin: asyncpg.Connection) -> int:
	return int(
		await admin.fetchval(
			"select coalesce(sum(total), 0) from readings where who like 'consumer_%'"
		)
	)


async def drain(relay: Relay) -> int:
	total = 0
	while done := await relay.drain():
		total += done
	return total


async def steady(bench: Bench, relay: Relay, web: Runtime, admin: asyncpg.Connection) -> float:
	"""300 writes a second for a while; seconds after the last until nothing is left."""
	stop, near, far = asyncio.Event(), Hints(bench.role("apg_worker")), Hints(bench.role("apg_app"))
	web.state["log_hint"] = far.send
	before = await handled(admin)
	running = [
		asyncio.create_task(one) for one in (relay.run(stop, near), near.run(stop), far.run(stop))
	]
	written = 0
	started = time.perf_counter()

	async def writer() -> None:
		nonlocal written
		while (number := written) < WRITES_A_SECOND * SECONDS:
			written += 1
			await asyncio.sleep(max(0, started + number / WRITES_A_SECOND - time.perf_counter()))
			principal = Principal.system(TENANTS[number % len(TENANTS)])
			origin = Origin("api", f"steady-{number}")
			async with open_work(web, principal, action="bench", origin=origin) as work:
				work.publish(Measured(metric=number % 50, value="1"))

	try:
		await asyncio.gather(*(writer() for _ in range(4)))
		rate = written / (time.perf_counter() - started)
		if rate < 0.95 * WRITES_A_SECOND:
			raise RuntimeError(f"only {rate:.0f} writes/s were made: the backlog says nothing")
		ended = time.perf_counter()
		while await handled(admin) < before + 3 * written:
			if time.perf_counter() - ended > 120:
				raise RuntimeError("the relay did not catch up in two minutes")
			await asyncio.sleep(0.05)
		return time.perf_counter() - ended
	finally:
		stop.set()
		await asyncio.gather(*running)


async def measure(report: Report, bench: Bench) -> None:
	web, worker = bench.runtime("apg_app"), bench.runtime("apg_worker")
	admin = await asyncpg.connect(bench.url)
	try:
		relay = Relay(worker, principal_of)
		await relay.register()
		await write(web, 500)
		await drain(relay)  # warm: plans, codecs, principals
		rates: list[float] = []
		references: list[float] = []
		for _ in range(3):
			await write(web, EVENTS // 3)
			before = await handled(admin)
			started = time.perf_counter()
			await drain(relay)
			took = time.perf_counter() - started
			done = await handled(admin) - before
			if done != EVENTS:
				raise RuntimeError(f"{done} of {EVENTS} effects are there")
			rates.append(done / took)
			references.append(await by_driver(bench, EVENTS // 3))
		report.row(
			"events by one relay, three consumers", sorted(rates)[1], "/s",
			reference=sorted(references)[1], against="asyncpg, the same rows under savepoints",
			limit=1_500, more_is_better=True,
			note=f"each event counted once per consumer; {len(TENANTS)} tenants in turn",
		)  # fmt: skip
		left = await steady(bench, relay, web, admin)
		report.row(
			f"backlog after {SECONDS:.0f} s of {WRITES_A_SECOND} writes/s is gone in", left, "s",
			limit=5, note="writers, relay and hints in one process",
		)  # fmt: skip
	finally:
		await admin.close()
		for runtime in (web, worker):
			await runtime.engine.dispose()


async def run(report: Report) -> None:
	with tempfile.TemporaryDirectory(prefix="apg-bench-") as home:
		server = launcher.start(Path(home))
		try:
			bench = Bench(server.admin_url)
			try:
				bench.create()
				await measure(report, bench)
			finally:
				bench.drop()
		finally:
			launcher.stop(Path(home))
