"""Budgets of connections, statements and locks: what exceeds one is told to come back, and may.

Each request ends as an answer or as 503 with Retry-After; nothing stays held; the next one works.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Connection, text
from sqlalchemy.connectors.asyncio import AsyncAdapt_Error as DriverError
from sqlalchemy.exc import InterfaceError, InternalError

from apg.app import make_app
from apg.kernel.migrating import admin_engine
from apg.kernel.roles import ROLES, SINCE
from apg.kernel.settings import Settings
from apg.kernel.web.envelopes import as_app_error
from tests.people import Person

PRODUCTS = "/api/v1/plm/products"
BODY = {"product_name": "Under load", "product_type": "manufactured"}


@pytest.fixture
def admin(admin_url: str) -> Iterator[Connection]:
	engine = admin_engine(admin_url)
	with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
		yield connection
	engine.dispose()


@pytest.fixture
def blocked(admin_url: str) -> Iterator[Connection]:
	"""Somebody who holds a lock on all products for as long as the test wants."""
	engine = admin_engine(admin_url)
	with engine.connect() as connection:
		yield connection
		connection.rollback()
	engine.dispose()


@contextmanager
def budgets(admin: Connection, **limits: str) -> Iterator[None]:
	"""Other limits for new connections of the web role to this database alone."""
	database = admin.scalar(text("select current_database()"))
	for name, value in limits.items():
		admin.execute(text(f"alter role apg_app in database \"{database}\" set {name} = '{value}'"))
	try:
		yield
	finally:
		admin.execute(text(f'alter role apg_app in database "{database}" reset all'))


@pytest.fixture
async def small(settings: Settings, app: FastAPI) -> AsyncIterator[FastAPI]:
	"""The whole product on one connection that it waits half a second for."""
	chosen = settings.model_copy(update={"pool_size": 1, "pool_wait_seconds": 0.5})
	made = make_app(chosen)
	async with made.router.lifespan_context(made):
		yield made


def caller(app: FastAPI) -> httpx.AsyncClient:
	transport = httpx.ASGITransport(app, raise_app_exceptions=False)
	return httpx.AsyncClient(transport=transport, base_url="http://testserver", timeout=120)


def _broken() -> Exception:
	"""As the driver's adapter tells of a connection that broke under a statement."""
	error = Exception("cannot switch to state 15; another operation (2) is in progress")
	error.__cause__ = asyncpg.InternalClientError("another operation is in progress")
	return error


def told_to_come_back(answer: httpx.Response) -> None:
	assert answer.status_code == 503, answer.text
	assert int(answer.headers["retry-after"]) >= 1
	assert answer.json()["success"] is False
	for word in ("Timeout", "asyncpg", "sqlalchemy", "QueuePool", "select "):
		assert word not in answer.text


def test_the_roles_carry_the_budgets(admin: Connection) -> None:
	assert ROLES["apg_app"][1] == {
		"statement_timeout": "10s",
		"lock_timeout": "3s",
		"idle_in_transaction_session_timeout": "30s",
		"transaction_timeout": "1min",
	}
	server = int(admin.scalar(text("show server_version_num")) or 0)
	rows = admin.execute(
		text("select rolname, rolconfig from pg_roles where rolname in ('apg_app', 'apg_worker')")
	)
	held = {row.rolname: dict(one.split("=", 1) for one in row.rolconfig) for row in rows}
	for role, limits in held.items():
		wanted = {k: v for k, v in ROLES[role][1].items() if server >= SINCE.get(k, 0)}
		assert limits.items() >= wanted.items()


async def test_all_are_answered_or_told_to_come_back_and_then_it_works(
	small: FastAPI, alice: Person, blocked: Connection
) -> None:
	async with caller(small) as client:
		assert (await client.get(PRODUCTS, headers=alice.headers)).status_code == 200
		blocked.execute(text("lock table plm_items in access exclusive mode"))
		first = asyncio.create_task(client.post(PRODUCTS, headers=alice.headers, json=BODY))
		while not small.state.runtime.engine.pool.checkedout():
			await asyncio.sleep(0.01)
		crowd = [client.get(PRODUCTS, headers=alice.headers) for _ in range(60)]
		for answer in await asyncio.gather(*crowd):  # the one connection waits for the lock
			told_to_come_back(answer)
		blocked.rollback()
		assert (await first).status_code in (201, 503)  # in time, or its own three seconds passed
		async with asyncio.timeout(10):  # the last of the crowd gives its connection back
			while small.state.runtime.engine.pool.checkedout():
				await asyncio.sleep(0.01)
		assert (await client.get(PRODUCTS, headers=alice.headers)).status_code == 200
		crowd = [client.get(PRODUCTS, headers=alice.headers) for _ in range(60)]
		answers = await asyncio.gather(*crowd)
		assert {answer.status_code for answer in answers} <= {200, 503}
		for answer in answers:
			if answer.status_code == 503:
				told_to_come_back(answer)
	assert small.state.runtime.engine.pool.checkedout() == 0


@pytest.mark.parametrize(
	"limits",
	[
		{"lock_timeout": "500ms"},
		{"lock_timeout": "0", "statement_timeout": "1500ms"},
		{"lock_timeout": "0", "statement_timeout": "0", "transaction_timeout": "1500ms"},
	],
	ids=["lock", "statement", "transaction"],
)
async def test_what_takes_too_long_is_stopped_and_leaves_nothing(
	settings: Settings,
	app: FastAPI,
	alice: Person,
	admin: Connection,
	blocked: Connection,
	limits: dict[str, str],
) -> None:
	server = int(admin.scalar(text("show server_version_num")) or 0)
	if any(server < SINCE.get(name, 0) for name in limits):
		pytest.skip("PostgreSQL 16 knows no limit of a whole transaction")
	with budgets(admin, **limits):
		made = make_app(settings.model_copy(update={"pool_size": 2}))
		async with made.router.lifespan_context(made), caller(made) as client:
			warm = await client.get("/api/v1/users", headers=alice.headers)
			assert warm.status_code == 200, warm.text
			events = text("select count(*) from event_log where tenant_id = :t")
			before = admin.scalar(events, {"t": alice.tenant_id})
			blocked.execute(text("lock table plm_items in access exclusive mode"))
			told_to_come_back(await client.get(PRODUCTS, headers=alice.headers))
			told_to_come_back(await client.post(PRODUCTS, headers=alice.headers, json=BODY))
			blocked.rollback()
			assert made.state.runtime.engine.pool.checkedout() == 0
			assert admin.scalar(events, {"t": alice.tenant_id}) == before
			listed = await client.get(PRODUCTS, headers=alice.headers)
			assert listed.json()["pagination"]["total_count"] == 0
			again = await client.post(PRODUCTS, headers=alice.headers, json=BODY)
			assert again.status_code == 201, again.text


@pytest.mark.parametrize(
	"error",
	[
		DriverError("the database system is starting up"),
		InternalError("commit", None, _broken()),
		InterfaceError("select", None, Exception("the underlying connection is closed")),
		asyncpg.InternalClientError("cannot switch to state 12; another operation is in progress"),
		ConnectionRefusedError(),
	],
	ids=["no connection", "broken while used", "closed", "just ended", "refused"],
)
def test_a_database_that_is_away_is_no_failure_of_ours(error: Exception) -> None:
	told = as_app_error(error)
	assert (told.status, told.headers["Retry-After"]) == (503, "5")


def test_what_is_wrong_in_the_program_stays_a_failure() -> None:
	assert as_app_error(InternalError("select", None, Exception("no such thing"))).status == 500


async def test_connections_that_broke_in_the_pool_are_not_lent(
	settings: Settings, alice: Person, admin: Connection
) -> None:
	"""A restarted database costs nobody an error once its end is known: reads and writes alike."""
	made = make_app(settings.model_copy(update={"pool_size": 2}))
	async with made.router.lifespan_context(made), caller(made) as client:
		both = [client.get(PRODUCTS, headers=alice.headers) for _ in range(4)]
		assert {answer.status_code for answer in await asyncio.gather(*both)} == {200}
		pool = made.state.runtime.engine.pool
		async with asyncio.timeout(10):
			while pool.checkedin() < 2:
				await asyncio.sleep(0.01)
		ended = admin.scalar(
			text(
				"select count(pg_terminate_backend(pid)) from pg_stat_activity where pid = any(:pids)"
			),
			{"pids": await pids_of(made)},
		)
		assert ended == 2
		await asyncio.sleep(0.2)  # the news of their end arrives
		for _ in range(4):
			assert (await client.get(PRODUCTS, headers=alice.headers)).status_code == 200
		made_one = await client.post(PRODUCTS, headers=alice.headers, json=BODY)
		assert made_one.status_code == 201, made_one.text


async def pids_of(made: FastAPI) -> list[int]:
	"""The servers of all connections that lie in the pool."""
	engine = made.state.runtime.engine
	held = [await engine.raw_connection() for _ in range(engine.pool.checkedin())]
	found = [one.driver_connection.get_server_pid() for one in held]
	for one in held:
		one.close()
	return found
