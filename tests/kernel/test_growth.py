"""Partitions are there before they are needed, and only what outlived its time is removed."""

from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from apg.kernel import growth, log
from apg.kernel.events import Event, GiveUp, on
from apg.kernel.principal import Principal
from apg.kernel.worker import NOBODY, Run
from tests.kernel.machinery import ALPHA, Happened, Machine

MONTHS = (
	"select relname from pg_class where relispartition and relkind = 'r' "
	"and relname ~ '^event_log_' order by 1"
)


async def ignore(work: Any, event: Event) -> None:
	del work, event


async def names(machine: Machine, sql: str) -> list[str]:
	return [row[0] for row in await machine.admin.fetch(sql)]


def month(ahead: int) -> str:
	now = datetime.now(UTC)
	years, index = divmod(now.month - 1 + ahead, 12)
	return f"event_log_{now.year + years}_{index + 1:02}"


async def remove(machine: Machine) -> None:
	run = Run(machine.runtime(), Principal.system(NOBODY), growth.remove_outgrown, "all", 0, 1)
	await growth.remove_outgrown(run)


async def test_this_month_and_three_more_stand_ready(machine: Machine) -> None:
	expected = {month(ahead) for ahead in range(4)}
	assert expected <= set(await names(machine, MONTHS))
	await machine.admin.execute(f"drop table {month(3)}")
	run = Run(machine.runtime(), Principal.system(NOBODY), growth.make_room, "all", 0, 1)
	for _ in range(2):
		await growth.make_room(run)
		assert expected <= set(await names(machine, MONTHS))


async def test_partitions_have_no_door_of_their_own(machine: Machine) -> None:
	rows = await machine.admin.fetch(
		"select c.relname, c.relrowsecurity and c.relforcerowsecurity as forced, "
		"has_table_privilege('apg_app', c.oid, 'select, insert, update, delete') as app, "
		"has_table_privilege('apg_worker', c.oid, 'select, insert, update, delete') as worker, "
		"has_table_privilege('apg_system', c.oid, 'select, insert, update, delete') as machinery, "
		"pg_get_userbyid(c.relowner) as owner "
		"from pg_class c where c.relispartition and c.relkind = 'r'"
	)
	assert len(rows) >= 4
	assert {tuple(row)[1:] for row in rows} == {(True, False, False, False, "apg_owner")}


async def test_years_go_on_as_years(machine: Machine) -> None:
	await machine.admin.execute(
		"set role apg_owner; create table dated (tenant_id uuid, day date, primary key (tenant_id, day)) "
		"partition by range (day); select make_partition('dated', '2024-05-06', 'year')"
	)
	try:
		await machine.admin.execute("reset role")
		run = Run(machine.runtime(), Principal.system(NOBODY), growth.make_room, "all", 0, 1)
		await growth.make_room(run)
		year = datetime.now(UTC).year
		found = await names(
			machine,
			"select inhrelid::regclass::text from pg_inherits where inhparent = 'dated'::regclass",
		)
		assert sorted(found) == sorted({"dated_2024", *(f"dated_{year + n}" for n in range(3))})
		await machine.admin.execute("insert into dated values ($1, '2024-12-31')", ALPHA)
		with pytest.raises(asyncpg.CheckViolationError):
			await machine.admin.execute("insert into dated values ($1, '2023-12-31')", ALPHA)
	finally:
		await machine.admin.execute("reset role; drop table dated")


async def test_only_rows_beyond_their_time_are_removed(
	machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
	monkeypatch.setattr(growth, "CHUNK", 2)
	await machine.admin.execute(
		"insert into task_progress (tenant_id, task_key, task_name, state, updated_at) "
		"select $1, 'k' || n, 't', 'done', now() - n * interval '10 days' from generate_series(1, 15) n",
		ALPHA,
	)
	await remove(machine)
	assert await names(machine, "select task_key from task_progress order by updated_at") == [
		"k8", "k7", "k6", "k5", "k4", "k3", "k2", "k1",
	]  # fmt: skip


async def test_a_table_that_keeps_everything_is_left_alone(machine: Machine) -> None:
	worker = await asyncpg.connect(machine.role("apg_worker"))
	try:
		for table in (
			"effects",
			"audit_entries",
			"event_log",
			"absent",
			"effects; drop table effects",
		):
			with pytest.raises(asyncpg.InvalidParameterValueError, match="keeps everything"):
				await worker.execute("select growth_trim($1, 10)", table)
	finally:
		await worker.close()
	app = await asyncpg.connect(machine.role("apg_app"))
	try:
		for refused in (
			"select growth_trim('task_progress', 10)",
			"select log_drop_months()",
			"select make_partitions_ahead()",
			"select make_partition('event_log', '2020-01-01', 'month')",
		):
			with pytest.raises(asyncpg.InsufficientPrivilegeError):
				await app.execute(refused)
	finally:
		await app.close()


async def test_finished_jobs_go_after_a_week_and_waiting_ones_never(machine: Machine) -> None:
	await machine.admin.execute(
		"insert into procrastinate_jobs (queue_name, task_name, status) select 'default', s || n, "
		"s::procrastinate_job_status from unnest(array['todo', 'doing', 'succeeded', 'failed']) s, "
		"generate_series(1, 2) n"
	)
	await machine.admin.execute("delete from procrastinate_events")
	await machine.admin.execute(
		"insert into procrastinate_events (job_id, type, at) select id, 'deferred', "
		"now() - case when task_name like '%1' then interval '8 days' else interval '6 days' end "
		"from procrastinate_jobs"
	)
	await machine.admin.execute(
		"insert into task_runs values (1, now() - interval '9 days'), (2, now() - interval '7 days')"
	)
	await remove(machine)
	assert await names(machine, "select task_name from procrastinate_jobs order by 1") == [
		"doing1", "doing2", "failed2", "succeeded2", "todo1", "todo2",
	]  # fmt: skip
	assert await names(machine, "select job_id from task_runs") == [2]


async def test_a_month_of_the_log_goes_when_it_is_old_and_every_reader_passed_it(
	machine: Machine,
) -> None:
	worker = machine.runtime()
	old = "select make_partition('event_log', (now() - interval '6 months')::date, 'month')"
	await machine.admin.execute(f"set role apg_owner; {old}; reset role")
	gone = month(-6)
	async with worker.engine.begin() as connection:
		await log.register(connection, [on(Happened, ignore, name="reader")])
	await machine.admin.execute(
		"insert into event_log (epoch, tenant_id, name, body, occurred_at) values "
		"(1, $1, $2, '{}', now() - interval '6 months')",
		ALPHA, Happened.name,
	)  # fmt: skip
	await remove(machine)
	assert gone in await names(machine, MONTHS)  # somebody has yet to read it
	await machine.admin.execute(
		"update log_cursors set (epoch, xid, seq) = (select epoch, xid, seq from event_log)"
	)
	await machine.admin.execute(
		"insert into event_failures select tenant_id, 'reader', epoch, xid, seq, shard, name, 'waiting', "
		"1, now(), 'e', occurred_at from event_log"
	)
	await remove(machine)
	assert gone in await names(machine, MONTHS)  # it is still to be tried again
	await machine.admin.execute("update event_failures set state = 'exhausted'")
	await remove(machine)
	left = await names(machine, MONTHS)
	assert gone not in left
	assert month(0) in left


async def test_the_report_says_how_large_how_old_and_how_long(machine: Machine) -> None:
	await machine.admin.execute(
		"insert into task_progress (tenant_id, task_key, task_name, state, updated_at) "
		"values ($1, 'a', 't', 'done', '2026-01-02T03:04:05Z')",
		ALPHA,
	)
	async with machine.runtime("apg_app").engine.begin() as connection:
		lines = {line.table: line for line in await growth.report(connection)}
	kept = lines["task_progress"]
	assert (kept.keep, kept.oldest) == ("90 days", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
	assert kept.bytes > 0
	assert lines["effects"].keep is None
	assert lines["event_log"].bytes > 4 * 8192  # with its partitions
	assert not any(name.startswith("event_log_2") for name in lines)


async def test_every_bound_names_a_column_that_is_there(machine: Machine) -> None:
	rows = await machine.admin.fetch(
		"select c.relname, n.note from pg_class c, lateral (select regexp_match(obj_description(c.oid), "
		"'^keep=(.+?)(?: after ([a-z_]+))?$') as note) n where n.note is not null and c.relkind = 'r'"
	)
	assert {"task_progress", "security_events", "idempotency_keys"} <= {
		row["relname"] for row in rows
	}
	for table, (_keep, column) in rows:
		await machine.admin.execute(f"select {column or 'created_at'} > now() from {table} limit 0")


async def test_a_table_that_cannot_be_trimmed_does_not_stop_the_others(machine: Machine) -> None:
	await machine.admin.execute(
		"insert into task_progress (tenant_id, task_key, task_name, state, updated_at) "
		"values ($1, 'a', 't', 'done', now() - interval '1 year')",
		ALPHA,
	)
	await machine.admin.execute("comment on table companies is 'keep=1 day after absent'")
	try:
		with pytest.raises(GiveUp, match="nothing was removed from companies"):
			await remove(machine)
	finally:
		await machine.admin.execute("comment on table companies is null")
	assert await machine.admin.fetchval("select count(*) from task_progress") == 0
