"""PostgreSQL migrated once per state of the code, the app, and the three people of every test."""

import gc
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from apg.app import composition, make_app, make_runtime
from apg.cli.collector import rest_the_collector
from apg.embedded import launcher
from apg.embedded.binaries import inspect
from apg.kernel.observe import configure_logging
from apg.kernel.runtime import Runtime
from apg.kernel.settings import Settings
from apg.kernel.testing import TEST_SECRET, database, database_name
from apg.kernel.work import Origin, Work
from apg.platform.auth import passwords
from tests.cli.commands import FORKING
from tests.distribution import InGroups
from tests.people import People, Person, make_admin, make_person

rest_the_collector()
configure_logging("ERROR")
# No example fails for being slow: a busy machine is no property of the mathematics.
settings.register_profile("apg", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("apg")
ROOT = Path(__file__).resolve().parent.parent
# Programs of another PostgreSQL than the one the product brings along, such as make test-pg16 uses.
PROGRAMS = os.environ.get("APG_TEST_POSTGRES", "")
HOME = ROOT / (f".apg-test-{inspect(Path(PROGRAMS)).major}" if PROGRAMS else ".apg-test")


@pytest.fixture(scope="session")
def server_url() -> str:
	"""A superuser's address of the server that all runs share."""
	HOME.mkdir(exist_ok=True)
	with (HOME / "starting.lock").open("w") as lock:
		import fcntl

		fcntl.flock(lock, fcntl.LOCK_EX)
		server = launcher.start(
			HOME,
			fast=True,
			settings={"max_connections": "400"},
			use=inspect(Path(PROGRAMS)) if PROGRAMS else None,
		)
	return server.admin_url


@pytest.fixture(scope="session")
def admin_url(server_url: str) -> Iterator[str]:
	"""A superuser's address of this worker's own database."""
	with database(server_url, composition(), database_name(), HOME / "template.lock") as url:
		yield url


@pytest.fixture(scope="session")
def settings(admin_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
	return Settings(
		env="test",
		home=tmp_path_factory.mktemp("home"),
		secret_key=TEST_SECRET,
		database_url=admin_url,
		database_admin_url=admin_url,
		rate_tier="wide",
		pool_size=5,
	)


@pytest.fixture(scope="session")
async def runtime(settings: Settings) -> AsyncIterator[Runtime]:
	"""A process's Runtime as the web role, without the app around it."""
	made = make_runtime(settings)
	yield made
	await made.engine.dispose()


@pytest.fixture(scope="session")
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
	"""The whole product in this process: authenticator, budget and all."""
	made = make_app(settings)
	async with made.router.lifespan_context(made):
		yield made


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
	"""A caller without credentials; pass `alice.headers` and the like."""
	transport = httpx.ASGITransport(app, raise_app_exceptions=False)
	async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as made:
		yield made


@pytest.fixture(scope="module", autouse=True)
def _quick_hashes() -> Iterator[None]:
	"""The real algorithm at a fraction of its cost; its parameters have tests of their own."""
	held, quick = passwords._argon2, PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64),))
	passwords._argon2 = quick
	passwords._nobodys_hash.cache_clear()
	yield
	passwords._argon2 = held
	passwords._nobodys_hash.cache_clear()


@pytest.fixture
def people(alice: Person, bob: Person, charlie: Person) -> People:
	"""Two fresh companies: Alice (administrator) and Bob (no right) in one, Charlie in another."""
	return People(alice, bob, charlie)


@pytest.fixture
async def alice(app: FastAPI) -> Person:
	"""The administrator of her company."""
	return await make_admin(app.state.runtime, "alice")


@pytest.fixture
async def bob(app: FastAPI, alice: Person) -> Person:
	"""A member of Alice's company without any role."""
	return await make_person(app.state.runtime, alice.tenant_id, "bob")


@pytest.fixture
async def charlie(app: FastAPI) -> Person:
	"""The administrator of another company."""
	return await make_admin(app.state.runtime, "charlie")


@pytest.fixture
async def work(app: FastAPI, alice: Person) -> AsyncIterator[Work]:
	"""A Work of Alice's, for service tests; it is never committed."""
	made = Work(app.state.runtime, alice.principal, "test", Origin("task"))
	yield made
	await made.close()


def pytest_collection_finish() -> None:
	gc.freeze()  # modules and tests stay: no collection looks at them any more


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> InGroups:
	return InGroups(config, log)


def pytest_sessionfinish(session: pytest.Session) -> None:
	"""The last run to end stops the server that the runs share."""
	FORKING.end()
	if os.environ.get("PYTEST_XDIST_WORKER") or not HOME.exists():
		return
	from apg.kernel.migrating import admin_engine

	try:
		server = launcher.start(HOME, fast=True, use=inspect(Path(PROGRAMS)) if PROGRAMS else None)
		engine = admin_engine(server.admin_url)
		with engine.connect() as connection:
			others = connection.exec_driver_sql(
				"select count(*) from pg_database where datname like 'apg_run_%%'"
			).scalar()
		engine.dispose()
		if not others:
			launcher.stop(HOME)
	except launcher.EmbeddedError as error:
		print(error)
