"""The release is one transaction: at any statement it may be broken off, and nothing of it stands."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text
from tests.capabilities.plm.changes.conftest import Company

from apg.capabilities.plm.changes import implementing, tasks
from apg.capabilities.plm.changes.schemas import ImplementIn
from apg.kernel import log
from apg.kernel.stamps import utc_now
from apg.kernel.work import Origin, Work, open_work

COUNTED = """
	select json_build_object(
		'revisions', (select json_agg(state || label order by item_id, ordinal) from plm_revisions),
		'phases', (select json_agg(lifecycle_phase order by id) from plm_items),
		'current', (select json_agg(current_revision_id order by id) from plm_items),
		'changes', (select json_agg(status order by number) from plm_changes),
		'audit', (select count(*) from audit_entries))
"""


async def state(company: Company) -> Any:
	assert company.admin.principal is not None
	async with open_work(
		company.runtime, company.admin.principal, action="t", origin="task", read_only=True
	) as work:
		return await work.scalar(text(COUNTED))


async def whole_order(company: Company) -> str:
	"""New part, two revised assemblies, one part that ends, one phase."""
	author = company.author
	await author.product("clip")
	change_id = await author.raised(
		"clip",
		"bracket",
		"frame",
		items=[
			{"product_id": author.ids["washer"], "action": "obsolete"},
			{"product_id": author.ids["bolt"], "action": "phase_change", "new_phase": "production"},
		],
	)
	await author.order_line(change_id, "bracket", "clip", 2)
	await company.approved(change_id)
	return change_id


class BrokenOff(BaseException):
	"""What a killed process looks like from inside a transaction: it never comes to an end."""


async def test_broken_off_at_any_statement_nothing_stands(stocked: Company):
	change_id = await whole_order(stocked)
	before = await state(stocked)
	principal = stocked.manager.principal
	assert principal is not None
	engine = stocked.runtime.engine.sync_engine
	left = -1

	async def broken_off(*_given: Any) -> None:
		raise BrokenOff

	# The log is written by the driver itself, past the event that counts the others.
	work = Work(stocked.runtime, principal, "test", Origin("task"))
	await implementing.implement(work, change_id, ImplementIn())
	with pytest.MonkeyPatch.context() as patch:
		patch.setattr(log, "append", broken_off)
		with pytest.raises(BrokenOff):
			await work.finish()
	await work.close()
	assert await state(stocked) == before

	def count(*_given: Any) -> None:
		nonlocal left
		if left == 0:
			raise BrokenOff
		left -= 1

	event.listen(engine, "before_cursor_execute", count)
	try:
		broken = 0
		for stop in range(2, 400):
			left = stop
			work = Work(stocked.runtime, principal, "test", Origin("task"))
			try:
				await implementing.implement(work, change_id, ImplementIn())
				await work.finish()
			except BrokenOff:
				broken += 1
			else:
				break
			finally:
				left = -1
				await work.close()
			if stop % 5 == 0:
				assert await state(stocked) == before, stop
	finally:
		event.remove(engine, "before_cursor_execute", count)
	assert broken > 30
	after = await state(stocked)
	assert after["changes"] == ["implemented"]
	assert after != before
	assert sorted(set(after["phases"])) == ["concept", "obsolete", "production"]


async def test_of_two_releases_at_once_one_is_carried_out(stocked: Company):
	change_id = await whole_order(stocked)
	answers = await asyncio.gather(*(stocked.manager.do(change_id, "implement") for _n in range(3)))
	assert sorted(answer.status for answer in answers) == [200, 409, 409]
	rows = (await stocked.author.get("bracket", "/revisions")).data
	assert [row["state"] for row in rows] == ["released", "superseded"]


async def test_of_two_orders_at_once_the_second_has_to_rebase(stocked: Company):
	first = await stocked.author.raised("bracket")
	second = await stocked.author.raised("bracket")
	await stocked.approved(first)
	await stocked.approved(second)
	answers = await asyncio.gather(
		*(stocked.manager.do(one, "implement") for one in (first, second))
	)
	assert sorted(answer.status for answer in answers) == [200, 409]
	assert next(a.code for a in answers if a.status == 409) == "REBASE_NEEDED"


async def test_events_of_a_release(stocked: Company):
	change_id = await whole_order(stocked)
	await stocked.manager.do(change_id, "implement")
	from apg.kernel.migrating import admin_engine

	engine = admin_engine(stocked.runtime.settings.database_admin_url)
	with engine.connect() as connection:
		rows = connection.execute(
			text("select name, body from event_log where tenant_id = :t order by xid, seq"),
			{"t": stocked.tenant_id},
		).all()
	engine.dispose()
	names = [row.name for row in rows]
	of_change = [
		(row.name, row.body.get("package_hash"))
		for row in rows
		if row.body.get("change_id") == change_id
	]
	assert [name for name, _hash in of_change] == [
		"plm.change.created.v1",
		"plm.change.package_edited.v1",
		"plm.change.submitted.v1",
		"plm.change.approved.v1",
		"plm.change.implemented.v1",
	]
	assert len({package for _name, package in of_change if package}) == 1
	at = names.index("plm.change.approved.v1")
	released = [
		row.body["product_id"] for row in rows[at:] if row.name == "plm.product.released.v1"
	]
	ids = stocked.author.ids
	assert sorted(released) == sorted(ids[name] for name in ("clip", "bracket", "frame"))


async def test_released_at_its_time_by_the_task(stocked: Company, monkeypatch: Any):
	change_id = await whole_order(stocked)
	at = utc_now() + timedelta(hours=3)
	answer = await stocked.manager.do(change_id, "implement", {"scheduled_at": at.isoformat()})
	assert (answer.data["status"], answer.data["implemented_at"]) == ("approved", None)
	system = await stocked.runtime.state["authenticator"].principal_of(stocked.tenant_id, None)
	asked: list[str] = []

	async def due() -> list[str]:
		asked.clear()
		async with open_work(stocked.runtime, system, action="t", origin="task") as work:
			monkeypatch.setattr(
				work, "enqueue", lambda _task, **ids: asked.append(ids["change_id"])
			)
			await tasks.release_due(work)
		return list(asked)

	assert await due() == []
	monkeypatch.setattr("apg.capabilities.plm.changes.tasks.utc_now", lambda: at)
	assert await due() == [change_id]

	class Run:
		def open(self, *, read_only: bool = False) -> Any:
			return open_work(stocked.runtime, system, action="t", origin="task")

	await tasks.release_scheduled.function(Run(), change_id=change_id)
	done = await stocked.author.seen(change_id)
	assert (done["status"], done["implemented_by"]) == ("implemented", stocked.manager.user_id)
	await tasks.release_scheduled.function(Run(), change_id=change_id)  # a second time: nothing
	assert await due() == []


async def test_a_long_release_is_handed_to_a_worker(stocked: Company, monkeypatch: Any):
	change_id = await whole_order(stocked)
	monkeypatch.setattr(implementing, "MOST_IN_A_REQUEST", 2)  # it has three
	answer = await stocked.manager.do(change_id, "implement")
	assert (answer.data["status"], answer.data["implemented_at"]) == ("approved", None)
	assert answer.json["message"] == "Release scheduled"
	system = await stocked.runtime.state["authenticator"].principal_of(stocked.tenant_id, None)

	class Run:
		def open(self, *, read_only: bool = False) -> Any:
			return open_work(stocked.runtime, system, action="t", origin="task")

	await tasks.release_scheduled.function(Run(), change_id=change_id)
	done = await stocked.author.seen(change_id)
	assert (done["status"], done["implemented_by"]) == ("implemented", stocked.manager.user_id)


async def test_a_release_that_is_not_possible_at_its_time_says_so(
	stocked: Company, monkeypatch: Any
):
	first, second = await stocked.author.raised("bracket"), await stocked.author.raised("bracket")
	await stocked.approved(first)
	await stocked.approved(second)
	at = (utc_now() + timedelta(hours=1)).isoformat()
	await stocked.manager.do(second, "implement", {"scheduled_at": at})
	await stocked.manager.do(first, "implement")
	system = await stocked.runtime.state["authenticator"].principal_of(stocked.tenant_id, None)

	class Run:
		def open(self, *, read_only: bool = False) -> Any:
			return open_work(stocked.runtime, system, action="t", origin="task")

	await tasks.release_scheduled.function(Run(), change_id=second)
	seen = await stocked.author.seen(second)
	assert seen["status"] == "approved"
	assert "revision B was released meanwhile" in seen["refused"]
	rows = (await stocked.manager.call("GET", "/api/v1/notifications")).json
	assert [r["kind"] for r in rows].count("change_release_refused") == 1
	rows = (await stocked.author.get("bracket", "/revisions")).data
	assert [row["state"] for row in rows] == ["in_review", "released", "superseded"]


async def test_no_released_content_is_written_by_sql_either(stocked: Company):
	change_id = await whole_order(stocked)
	await stocked.manager.do(change_id, "implement")
	principal = stocked.admin.principal
	assert principal is not None
	for statement in (
		"update plm_lines set quantity = 99 where parent_revision_id = any(select to_revision_id "
		"from plm_change_items)",
		"delete from plm_lines where parent_revision_id = any(select to_revision_id "
		"from plm_change_items)",
		"update plm_revisions set name = 'x' where change_id is not null",
		"update plm_revisions set state = 'working' where change_id is not null",
		"update plm_revisions set change_id = null where change_id is not null",
	):
		with pytest.raises(Exception, match=r"cannot (change|go from)|not taken back"):
			async with open_work(stocked.runtime, principal, action="t", origin="task") as work:
				await work.execute(text(statement))
