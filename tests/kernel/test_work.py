"""A Work is one transaction, lazily opened: all of it stands, or nothing was."""

from decimal import Decimal

import pytest
from fastapi import FastAPI
from sqlalchemy import text, update

from apg.capabilities.esg.metrics.models import Metric
from apg.contracts.plm import ProductCreated
from apg.kernel.errors import NotFound, PreconditionFailed
from apg.kernel.stamps import new_id
from apg.kernel.work import Origin, Work, open_work
from tests.people import Person


def opened(app: FastAPI, person: Person, *, read_only: bool = False):
	return open_work(
		app.state.runtime, person.principal, action="test", origin="task", read_only=read_only
	)


def metric(code: str, person: Person) -> Metric:
	return Metric(
		id=new_id(),
		scope_id=person.tenant_id,
		name=code,
		code=code,
		metric_type="social",
		category="c",
		unit="count",
	)


async def codes(app: FastAPI, person: Person) -> list[str]:
	async with opened(app, person, read_only=True) as work:
		return await work.scalars(text("select code from esg_metrics order by code"))


async def test_a_work_that_is_never_used_takes_no_connection(app: FastAPI, alice: Person) -> None:
	before = app.state.runtime.engine.pool.checkedout()
	async with opened(app, alice) as work:
		assert not work.is_open
		assert app.state.runtime.engine.pool.checkedout() == before
	assert app.state.runtime.engine.pool.checkedout() == before


async def test_leaving_the_block_commits(app: FastAPI, alice: Person) -> None:
	async with opened(app, alice) as work:
		work.add(metric("KEPT", alice))
	assert await codes(app, alice) == ["KEPT"]
	assert app.state.runtime.engine.pool.checkedout() == 0


async def test_an_error_takes_everything_back(app: FastAPI, alice: Person) -> None:
	called: list[str] = []

	async def after() -> None:
		called.append("after")

	async def fail() -> None:
		async with opened(app, alice) as work:
			work.add(metric("LOST", alice))
			await work.flush()
			work.publish(ProductCreated.model_construct(product_id=new_id()))
			work.after_commit(after)
			raise RuntimeError

	with pytest.raises(RuntimeError):
		await fail()
	assert await codes(app, alice) == []
	assert called == []
	assert app.state.runtime.engine.pool.checkedout() == 0


async def test_what_is_called_after_the_commit_sees_it(app: FastAPI, alice: Person) -> None:
	seen: list[list[str]] = []

	async def after() -> None:
		seen.append(await codes(app, alice))

	async with opened(app, alice) as work:
		work.add(metric("SEEN", alice))
		work.after_commit(after)
		assert seen == []
	assert seen == [["SEEN"]]


async def test_a_new_row_is_the_principals(app: FastAPI, alice: Person) -> None:
	async with opened(app, alice) as work:
		row = work.add(metric("MINE", alice))
		await work.flush()
		assert (row.tenant_id, row.created_by) == (alice.tenant_id, alice.user_id)


@pytest.mark.parametrize("id", ["", "x", "00000000-0000-0000-0000-000000000000", "'; --", "\0"])
async def test_what_is_no_row_is_not_found(app: FastAPI, alice: Person, id: str) -> None:
	async with opened(app, alice) as work:
		with pytest.raises(NotFound):
			await work.get(Metric, id)
		with pytest.raises(NotFound):
			await work.edit(Metric, id)


async def test_anothers_row_is_not_found(app: FastAPI, alice: Person, charlie: Person) -> None:
	async with opened(app, alice) as work:
		row = work.add(metric("HERS", alice))
	async with opened(app, charlie) as work:
		with pytest.raises(NotFound):
			await work.get(Metric, row.id)
		with pytest.raises(NotFound):
			await work.edit(Metric, row.id)


async def test_a_stale_version_is_refused_before_anything_changes(
	app: FastAPI, alice: Person
) -> None:
	async with opened(app, alice) as work:
		row = work.add(metric("OLD", alice))
	async with opened(app, alice) as work:
		work.if_match = '"7"'
		with pytest.raises(PreconditionFailed) as caught:
			await work.edit(Metric, row.id)
		assert caught.value.headers["ETag"] == '"1"'
	for accepted in ('"1"', "*", 'W/"1"', '"9", "1"'):
		async with opened(app, alice) as work:
			work.if_match = accepted
			await work.edit(Metric, row.id)


async def test_a_read_only_work_writes_nothing(app: FastAPI, alice: Person) -> None:
	with pytest.raises(Exception, match="read-only"):
		async with opened(app, alice, read_only=True) as work:
			work.add(metric("REFUSED", alice))
	assert await codes(app, alice) == []


async def test_bulk_changes_past_the_version_are_refused(work: Work) -> None:
	with pytest.raises(TypeError, match="bulk"):
		await work.execute(update(Metric).values(name="all the same"))


async def test_closing_gives_the_connection_back_unbound(app: FastAPI, alice: Person) -> None:
	runtime = app.state.runtime
	work = Work(runtime, alice.principal, "test", Origin("task"))
	assert await work.scalar(text("select current_setting('app.current_tenant_id')")) == (
		alice.tenant_id
	)
	await work.close()
	async with runtime.engine.connect() as connection:
		bound = await connection.scalar(
			text("select current_setting('app.current_tenant_id', true)")
		)
	assert not bound


async def test_amounts_stay_exact_through_a_work(app: FastAPI, alice: Person) -> None:
	digits = Decimal("98765432109876.543219")
	async with opened(app, alice) as work:
		row = work.add(metric("EXACT", alice))
		row.target_value = digits
	async with opened(app, alice, read_only=True) as work:
		assert (await work.get(Metric, row.id)).target_value == digits
