"""A kernel of its own for tests of the machinery: committed rows, several roles, two tenants."""

import asyncio
import fcntl
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import asyncpg
import pytest

from apg.kernel.capability import Capability
from apg.kernel.composition import Composition
from apg.kernel.database import make_engine, role_url
from apg.kernel.events import Consumer, Event
from apg.kernel.keys import RootKey
from apg.kernel.migrating import admin_engine, migrate
from apg.kernel.principal import Principal
from apg.kernel.relay import Relay
from apg.kernel.roles import role_password
from apg.kernel.runtime import Runtime
from apg.kernel.settings import Settings
from apg.kernel.tasks import Schedule, Task
from apg.kernel.tenancy import protect_sql
from apg.kernel.testing import TEST_SECRET, database_name
from apg.kernel.work import Work, open_work

ALPHA = "018f0000-0000-7000-8000-00000000000a"
BETA = "018f0000-0000-7000-8000-00000000000b"
GAMMA = "018f0000-0000-7000-8000-0000000000ba"  # in the shard of ALPHA
ROOT = RootKey.parse(TEST_SECRET)
MIGRATING = Path(__file__).resolve().parents[2] / ".apg-test" / "template.lock"

EFFECTS = (
	"create table effects (tenant_id uuid not null, seq bigserial, who text not null, "
	"what text not null, action text not null default current_setting('app.action', true))",
	*protect_sql("effects", audited=False),
	"grant usage on sequence effects_seq_seq to apg_app, apg_worker",
	"create table companies (id uuid primary key)",
	"grant select, delete on companies to apg_system",
	"create function tenant_ids() returns setof uuid language sql security definer "
	"begin atomic select id from companies; end",
	"alter function tenant_ids() owner to apg_system",
)
TABLES = (
	"event_log, log_cursors, event_failures, task_runs, task_progress, procrastinate_jobs, "
	"procrastinate_workers, procrastinate_events, procrastinate_periodic_defers, effects, companies"
)


class Happened(Event):
	name: ClassVar[str] = "test.thing.happened.v1"
	number: int = 0
	note: str = ""


class Renamed(Event):
	name: ClassVar[str] = "test.thing.renamed.v1"
	number: int = 0


@dataclass
class Machine:
	"""One database, and a Runtime per role on it."""

	url: str
	settings: Settings
	admin: asyncpg.Connection
	runtimes: list[Runtime] = field(default_factory=list[Runtime])
	enabled: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
	people: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])

	def role(self, role: str) -> str:
		return role_url(self.settings, role, role_password(ROOT, role))

	def runtime(
		self,
		role: str = "apg_worker",
		*,
		consumers: tuple[Consumer, ...] = (),
		tasks: tuple[Task, ...] = (),
		schedules: tuple[Schedule, ...] = (),
		pool: int = 5,
	) -> Runtime:
		capability = Capability(
			name="test", short="test", title="Test", version="1", package="apg.kernel",
			publishes=(Happened, Renamed), subscribers=consumers, tasks=tasks, schedules=schedules,
		)  # fmt: skip
		engine = make_engine(self.role(role), self.settings, pool_size=pool)
		made = Runtime(self.settings, engine, Composition((capability,)), ROOT)
		self.runtimes.append(made)
		return made

	async def principal_of(self, tenant_id: str, user_id: str | None) -> Principal:
		enabled = self.enabled.get(tenant_id, frozenset({"test"}))
		if user_id is None:
			return Principal.system(tenant_id, enabled)
		return Principal(
			"user", tenant_id, user_id=user_id, enabled=enabled, permissions=self.people[user_id]
		)

	def relay(self, *consumers: Consumer, **options: Any) -> Relay:
		return Relay(self.runtime(consumers=consumers), self.principal_of, **options)

	async def publish(self, runtime: Runtime, tenant: str, *events: Event) -> None:
		async with open_work(
			runtime, Principal.system(tenant), action="test", origin="test"
		) as work:
			for event in events:
				work.publish(event)

		await self.settled()

	async def settled(self) -> None:
		"""Waits until the horizon is past all that was written: other runs share the server."""
		passed = (
			"select pg_snapshot_xmin(pg_current_snapshot()) > max(xid) from event_log "
			"where epoch = (select epoch from log_epoch)"
		)

		async def is_past() -> bool:
			return await self.admin.fetchval(passed) is not False

		await until(is_past, 60)

	async def drain(self, *relays: Relay) -> None:
		"""Runs the relays until nothing is left to do now."""
		for one in relays:
			await one.register()
		while True:
			await self.settled()
			if not any([await one.drain() for one in relays]):
				return

	async def effects(self, who: str | None = None) -> list[str]:
		rows = await self.admin.fetch(
			"select what from effects where $1::text is null or who = $1 order by seq", who
		)
		return [row["what"] for row in rows]


async def effect(work: Work, who: str, what: str) -> None:
	"""What a consumer or task of these tests leaves behind."""
	await (await work.connection()).exec_driver_sql(
		"insert into effects (tenant_id, who, what) values ($1, $2, $3)",
		(work.principal.tenant_id, who, what),
	)


@pytest.fixture(scope="session")
def machine_url(server_url: str) -> Iterator[str]:
	"""A database with the kernel's tables only; shared, and emptied by each test."""
	name, base = f"{database_name()}_kernel", server_url.rsplit("/", 1)[0]
	engine = admin_engine(server_url)
	with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
		connection.exec_driver_sql(f'create database "{name}"')
		# Roles belong to the whole server, which the other runs share: one migration at a time.
		with MIGRATING.open("w") as lock:
			fcntl.flock(lock, fcntl.LOCK_EX)
			migrate(f"{base}/{name}", Composition(()), ROOT)
		inside = admin_engine(f"{base}/{name}")
		with inside.begin() as prepared:
			for statement in EFFECTS:
				prepared.exec_driver_sql(statement)
		inside.dispose()
		yield f"{base}/{name}"
		connection.exec_driver_sql(f'drop database if exists "{name}" with (force)')
	engine.dispose()


@pytest.fixture
async def machine(
	machine_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Machine]:
	settings = Settings(
		env="test",
		secret_key=TEST_SECRET,
		database_url=machine_url,
		home=tmp_path_factory.getbasetemp(),
	)
	admin = await asyncpg.connect(machine_url)
	await admin.execute(f"truncate {TABLES} restart identity cascade")
	await admin.execute("update log_epoch set epoch = 1")
	await admin.executemany("insert into companies values ($1)", [(ALPHA,), (BETA,)])
	made = Machine(machine_url, settings, admin)
	yield made
	for runtime in made.runtimes:
		await runtime.engine.dispose()
	await admin.close()


async def until(condition: Any, seconds: float = 15.0) -> Any:
	"""Waits for a condition that an awaitable function answers; fails when it never holds."""
	async with asyncio.timeout(seconds):
		while not (found := await condition()):
			await asyncio.sleep(0.02)
		return found
