"""PostgreSQL migrated once per state of the code, the app, and the three people of every test."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from apg.app import composition, make_app, make_runtime
from apg.embedded import launcher
from apg.kernel.observe import configure_logging
from apg.kernel.runtime import Runtime
from apg.kernel.settings import Settings
from apg.kernel.testing import TEST_SECRET, database, database_name

configure_logging("ERROR")
HOME = Path(__file__).resolve().parent.parent / ".apg-test"


@pytest.fixture(scope="session")
def admin_url() -> Iterator[str]:
	"""A superuser's address of this worker's own database."""
	HOME.mkdir(exist_ok=True)
	with (HOME / "starting.lock").open("w") as lock:
		import fcntl

		fcntl.flock(lock, fcntl.LOCK_EX)
		server = launcher.start(HOME, fast=True, settings={"max_connections": "400"})
	with database(server.admin_url, composition(), database_name(), HOME / "template.lock") as url:
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


def pytest_sessionfinish(session: pytest.Session) -> None:
	"""The last run to end stops the server that the runs share."""
	if os.environ.get("PYTEST_XDIST_WORKER") or not HOME.exists():
		return
	from apg.kernel.migrating import admin_engine

	try:
		server = launcher.start(HOME, fast=True)
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
