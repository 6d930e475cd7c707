"""The database itself keeps companies apart: every way past the code ends at a policy."""

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from apg.capabilities.esg.metrics.models import Metric
from apg.kernel.stamps import new_id
from apg.kernel.work import Work, open_work
from tests.people import Person


def opened(app: FastAPI, person: Person):
	return open_work(app.state.runtime, person.principal, action="test", origin="task")


def metric(person: Person, code: str) -> Metric:
	return Metric(
		id=new_id(),
		scope_id=person.tenant_id,
		name=code,
		code=code,
		metric_type="social",
		category="c",
		unit="count",
	)


@pytest.fixture
async def hers(app: FastAPI, alice: Person) -> str:
	"""The id of a metric of Alice's."""
	async with opened(app, alice) as work:
		row = work.add(metric(alice, "M"))
	return row.id


# What careless or hostile SQL in Charlie's transaction could try; each must touch no row.
TRIES = (
	"update esg_metrics set name = 'taken' where id = :id",
	"update esg_metrics set name = 'taken'",
	"delete from esg_metrics where id = :id",
	"delete from esg_metrics",
)


@pytest.mark.parametrize("statement", TRIES)
async def test_another_companys_rows_cannot_be_touched(
	app: FastAPI, alice: Person, charlie: Person, hers: str, statement: str
) -> None:
	async with opened(app, charlie) as work:
		values = {"id": hers} if ":id" in statement else {}
		try:
			done = await work.execute(text(statement), values)
			assert done.rowcount == 0
		except DBAPIError as error:
			assert "permission denied" in str(error)  # noqa: PT017 - either way nothing happens
			await work.close()
	async with opened(app, alice) as work:
		assert (await work.get(Metric, hers)).name == "M"


async def test_nor_read_by_any_shape_of_a_select(app: FastAPI, charlie: Person, hers: str) -> None:
	async with opened(app, charlie) as work:
		for statement in (
			"select count(*) from esg_metrics where id = :id",
			"select count(*) from esg_metrics where id = :id or true",
			"select count(*) from (select * from esg_metrics union all select * from esg_metrics) x "
			"where id = :id",
			"select count(*) from audit_entries where :id = :id",
		):
			found = await work.scalar(text(statement), {"id": hers})
			if "audit" not in statement:
				assert found == 0, statement


async def test_a_row_cannot_be_put_into_or_moved_to_another_company(
	app: FastAPI, alice: Person, charlie: Person, hers: str
) -> None:
	with pytest.raises(DBAPIError, match="row-level security"):
		async with opened(app, alice) as work:
			await work.execute(
				text("update esg_metrics set tenant_id = :tenant where id = :id"),
				{"tenant": charlie.tenant_id, "id": hers},
			)

	async def put() -> None:
		async with opened(app, charlie) as work:
			row = work.add(metric(charlie, "X"))
			row.tenant_id = row.scope_id = alice.tenant_id

	with pytest.raises(DBAPIError, match="row-level security"):
		await put()
	async with opened(app, alice) as work:
		assert await work.scalar(text("select count(*) from esg_metrics")) == 1


@pytest.mark.parametrize(
	"statement",
	[
		"set row_security = off",
		"set role apg_owner",
		"set role apg_system",
		"set session authorization apg_owner",
		"alter table esg_metrics disable row level security",
		"alter table esg_metrics no force row level security",
		"drop policy tenant on esg_metrics",
		"create table mine (x int)",
		"create function mine() returns int language sql security definer as 'select 1'",
		"grant apg_owner to apg_app",
		"copy esg_metrics to '/tmp/x'",
		"copy esg_metrics to program 'cat'",
		"select pg_read_file('/etc/passwd')",
		"select * from pg_authid",
		"truncate esg_metrics",
		"insert into audit_entries default values",
		"delete from audit_entries",
	],
)
async def test_the_web_role_cannot_open_the_border(work: Work, hers: str, statement: str) -> None:
	try:
		await work.execute(text(statement))
		# Turning policies off makes a statement fail that they would filter; it opens nothing.
		await work.execute(text("select * from esg_metrics"))
	except DBAPIError as error:
		state = getattr(error.orig, "sqlstate", "")
		assert state in ("42501", "42809", "22P02", "25001"), (state, str(error.orig))  # noqa: PT017
		return
	pytest.fail("the web role was allowed to do this")


async def test_a_foreign_key_does_not_reach_into_another_company(
	app: FastAPI, charlie: Person, hers: str
) -> None:
	with pytest.raises(DBAPIError):
		async with opened(app, charlie) as work:
			await work.execute(
				text("insert into esg_metric_states (tenant_id, metric_id) values (:tenant, :id)"),
				{"tenant": charlie.tenant_id, "id": hers},
			)
