"""Fixtures for our own suite and for authors of third-party capabilities.

A run shares one PostgreSQL below `.apg-test/`; the migrated database is made once per state of the
code and copied for each worker, so a run starts in seconds and several may run side by side.
"""

import fcntl
import hashlib
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from apg.kernel.composition import Composition
from apg.kernel.keys import RootKey
from apg.kernel.migrating import admin_engine, histories, migrate

TEST_SECRET = "Lr6Xf7HkATfwTmsZRQObRU6BtFFN0s7CvKzivwiNDyE"  # tests alone use it


SHAPING = frozenset({"tenancy", "roles", "search", "0001_kernel"})


def state_of_code(composition: Composition) -> str:
	"""A hash over everything that shapes the database."""
	digest = hashlib.sha256()
	kernel = Path(__file__).resolve().parent
	folders = [kernel, *(history.folder for history in histories(composition))]
	for folder in folders:
		for path in sorted(folder.glob("**/*.py")):
			content = path.read_bytes()
			if folder != kernel or b"DDL" in content or path.stem in SHAPING:
				digest.update(content)
	return digest.hexdigest()[:16]


@contextmanager
def database(admin_url: str, composition: Composition, name: str, lock: Path) -> Generator[str]:
	"""The administrator's address of a fresh copy of the migrated database; dropped at the end."""
	template = f"apg_template_{state_of_code(composition)}"
	base = admin_url.rsplit("/", 1)[0]
	engine = admin_engine(admin_url)
	with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
		with lock.open("w") as held:
			fcntl.flock(held, fcntl.LOCK_EX)
			known = {
				row[0] for row in connection.exec_driver_sql("select datname from pg_database")
			}
			if template not in known:
				for old in known:
					if old.startswith(("apg_template_", "apg_half_")):
						connection.exec_driver_sql(f'drop database if exists "{old}" with (force)')
				half = template.replace("template", "half")
				connection.exec_driver_sql(f'create database "{half}"')
				migrate(f"{base}/{half}", composition, RootKey.parse(TEST_SECRET))
				connection.exec_driver_sql(f'alter database "{half}" rename to "{template}"')
			connection.exec_driver_sql(f'create database "{name}" template "{template}"')
		try:
			yield f"{base}/{name}"
		finally:
			connection.exec_driver_sql(f'drop database if exists "{name}" with (force)')
	engine.dispose()


def database_name() -> str:
	"""A name no other run or worker takes."""
	worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
	return f"apg_run_{os.getpid()}_{worker}"
