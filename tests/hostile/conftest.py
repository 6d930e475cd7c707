"""A real socket in front of the whole product, and what must be as it was afterwards."""

from collections.abc import AsyncIterator, Callable

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from apg.kernel.migrating import admin_engine
from tests.hostile.wire import serving
from tests.people import People, make_people

# Everything that a refused request must leave alone. Security events are written on purpose.
BUSINESS = (
	"audit_entries",
	"esg_measurements",
	"esg_metrics",
	"event_log",
	"idempotency_keys",
	"memberships",
	"notifications",
	"plm_imports",
	"plm_items",
	"plm_lines",
	"plm_revisions",
	"procrastinate_jobs",
	"roles",
	"users",
)


@pytest.fixture(scope="module")
async def port(app: FastAPI) -> AsyncIterator[int]:
	async with serving(app) as number:
		yield number


@pytest.fixture(scope="module")
async def crowd(app: FastAPI) -> People:
	"""The same people for a whole file: what is refused changes nothing."""
	return await make_people(app.state.runtime)


@pytest.fixture(scope="session")
def counted(admin_url: str) -> Callable[[], dict[str, int]]:
	"""How many rows each business table holds, of all companies."""
	engine = admin_engine(admin_url)

	def count() -> dict[str, int]:
		with engine.connect() as connection:
			connection.execute(text("set row_security = off"))
			known = set(
				connection.scalars(
					text("select tablename from pg_tables where schemaname='public'")
				)
			)
			return {
				table: connection.scalar(text(f'select count(*) from "{table}"'))
				for table in BUSINESS
				if table in known
			}

	return count
