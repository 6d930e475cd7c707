"""Log order: no reader misses an event or sees one twice, whoever commits when."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson
import pytest

from apg.kernel import log
from apg.kernel.events import Event, Position, on
from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime
from apg.kernel.work import open_work
from tests.kernel.machinery import ALPHA, BETA, GAMMA, Happened, Machine, Renamed, effect, until

SHARD = 10  # of ALPHA and GAMMA


async def ignore(work: Any, event: Event) -> None:
	del work, event


READER = on(Happened, ignore, name="reader")


async def register(runtime: Runtime, *consumers: Any) -> None:
	async with runtime.engine.begin() as connection:
		await log.register(connection, consumers)


async def read(runtime: Runtime, limit: int = 500, name: str = "reader") -> list[tuple[int, str]]:
	"""What a reader does: lock, read, move; the number in the event and the tenant's last digit."""
	async with runtime.engine.begin() as connection:
		head = (
			await connection.exec_driver_sql("select * from log_lock($1, $2)", (name, SHARD))
		).first()
		if head is None:
			return []
		rows = (
			await connection.exec_driver_sql(
				"select * from log_read($1, $2, $3, $4, $5)", (name, SHARD, *head, limit)
			)
		).all()
		to = (rows[-1].epoch, rows[-1].xid, rows[-1].seq) if len(rows) == limit else (*head, 0)
		await connection.exec_driver_sql("select log_move($1, $2, $3, $4, $5)", (name, SHARD, *to))
		return [(orjson.loads(row.body)["number"], str(row.tenant_id)[-2:]) for row in rows]


@asynccontextmanager
async def writer(machine: Machine) -> AsyncIterator[asyncpg.Connection]:
	connection = await asyncpg.connect(machine.role("apg_app"))
	try:
		yield connection
	finally:
		await connection.close()


async def put(connection: asyncpg.Connection, number: int, tenant: str = ALPHA) -> None:
	await connection.execute("select set_config('app.current_tenant_id', $1, true)", tenant)
	await connection.execute(
		"select log_append($1, null, '', $2, $3)",
		tenant, [Happened.name], [Happened(number=number).body()],
	)  # fmt: skip


async def test_events_come_in_the_order_of_their_work(machine: Machine) -> None:
	web, worker = machine.runtime("apg_app"), machine.runtime()
	await register(worker, READER)
	await machine.publish(web, ALPHA, Happened(number=1), Renamed(number=9), Happened(number=2))
	await machine.publish(web, BETA, Happened(number=3))
	await machine.publish(web, GAMMA, Happened(number=4))
	assert await read(worker) == [(1, "0a"), (2, "0a"), (4, "ba")]
	assert await read(worker) == []
	row = await machine.admin.fetchrow("select * from event_log where tenant_id = $1", BETA)
	assert (row["shard"], row["name"], orjson.loads(row["body"])) == (
		11, Happened.name, {"number": 3, "note": ""},
	)  # fmt: skip


async def test_what_was_rolled_back_never_was(machine: Machine) -> None:
	web, worker = machine.runtime("apg_app"), machine.runtime()
	await register(worker, READER)
	with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the whole Work is what fails
		async with open_work(web, Principal.system(ALPHA), action="t", origin="t") as work:
			work.publish(Happened(number=1))
			await effect(work, "web", "written")
			raise ZeroDivisionError
	await machine.publish(web, ALPHA, Happened(number=2))
	assert await read(worker) == [(2, "0a")]
	assert await machine.effects() == []
	assert await machine.admin.fetchval("select count(*) from event_log") == 1


async def test_nothing_joins_in_before_what_was_read(machine: Machine) -> None:
	worker = machine.runtime()
	await register(worker, READER)
	async with writer(machine) as slow, writer(machine) as quick:
		async with slow.transaction():
			await put(slow, 1)
			async with quick.transaction():
				await put(quick, 2)
			# 2 is committed, but 1 stands before it and may still come.
			assert await read(worker) == []
			async with quick.transaction():
				await put(quick, 3, GAMMA)
			assert await read(worker) == []
			await put(slow, 4)
		await machine.settled()
		assert await read(worker) == [(1, "0a"), (4, "0a"), (2, "0a"), (3, "ba")]
		assert await read(worker) == []


async def test_a_long_transaction_that_is_rolled_back_frees_the_others(machine: Machine) -> None:
	web, worker = machine.runtime("apg_app"), machine.runtime()
	await register(worker, READER)
	async with writer(machine) as slow, writer(machine) as quick:
		transaction = slow.transaction()
		await transaction.start()
		await put(slow, 1)
		async with quick.transaction():
			await put(quick, 2)

		async def held_by_the_slow_one() -> bool:
			async with web.engine.connect() as connection:
				held = await log.horizon(connection)
			if held is None or held.pid != slow.get_server_pid():
				return False
			assert held.seconds is not None
			assert held.seconds > 0
			assert held.role == "apg_app"
			assert "log_append" in held.doing
			return True

		await until(held_by_the_slow_one, 60)
		assert await read(worker) == []
		await transaction.rollback()
		await machine.settled()
		assert await read(worker) == [(2, "0a")]


async def test_a_storm_of_writers_is_read_once_and_in_order(machine: Machine) -> None:
	worker = machine.runtime()
	await register(worker, READER)
	dice = random.Random(7)
	plans = [
		[(dice.randint(1, 4), dice.random() < 0.3, dice.random() * 0.01) for _ in range(25)]
		for _ in range(8)
	]
	committed: list[int] = []
	seen: list[int] = []
	writing = True

	async def write(which: int) -> None:
		async with writer(machine) as connection:
			number = which * 10_000
			for events, fails, pause in plans[which]:
				transaction = connection.transaction()
				await transaction.start()
				numbers = list(range(number + 1, number + 1 + events))
				number += events
				for one in numbers:
					await put(connection, one, dice.choice([ALPHA, GAMMA]))
					await asyncio.sleep(pause)
				if fails:
					await transaction.rollback()
				else:
					await transaction.commit()
					committed.extend(numbers)

	async def follow() -> None:
		while writing:
			seen.extend(number for number, _ in await read(worker, limit=7))
		await machine.settled()
		while found := await read(worker, limit=7):
			seen.extend(number for number, _ in found)

	reader = asyncio.create_task(follow())
	await asyncio.gather(*(write(n) for n in range(len(plans))))
	writing = False
	await reader
	assert len(committed) > 200
	assert sorted(seen) == sorted(committed)
	for which in range(len(plans)):
		own = [number for number in seen if number // 10_000 == which]
		assert own == sorted(own)


async def test_after_a_restore_transaction_numbers_start_again(machine: Machine) -> None:
	worker = machine.runtime()
	await register(worker, READER)
	insert = (
		"insert into event_log (epoch, xid, tenant_id, name, body) "
		"values ($1, $2::text::xid8, $3, $4, jsonb_build_object('number', $5::int))"
	)
	far = await machine.admin.fetchval("select pg_current_xact_id()::text::bigint + 1000000000")
	# Rows of the server before, whose transaction numbers lie far beyond this one's horizon.
	await machine.admin.execute(insert, 1, str(far), ALPHA, Happened.name, 1)
	assert await read(worker) == []
	await machine.admin.execute("update log_epoch set epoch = 2")
	assert await read(worker) == [(1, "0a")]
	await machine.publish(machine.runtime("apg_app"), ALPHA, Happened(number=2))
	assert await read(worker) == [(2, "0a")]
	assert await read(worker) == []


async def test_two_readers_of_one_cursor_never_share_an_event(machine: Machine) -> None:
	worker = machine.runtime()
	await register(worker, READER)
	await machine.publish(machine.runtime("apg_app"), ALPHA, Happened(number=1))
	async with worker.engine.begin() as connection:
		await connection.exec_driver_sql("select * from log_lock('reader', $1)", (SHARD,))
		assert await read(worker) == []
	assert await read(worker) == [(1, "0a")]


async def test_where_a_new_reader_starts(machine: Machine) -> None:
	web, worker = machine.runtime("apg_app"), machine.runtime()
	# The web process may write before the first worker ever starts.
	await machine.publish(web, ALPHA, Happened(number=1))
	await register(worker, READER)
	await machine.publish(web, ALPHA, Happened(number=2))
	await register(
		worker,
		READER,
		on(Happened, ignore, name="later"),
		on(Event, ignore, name="past", replay=True),
	)
	await machine.publish(web, ALPHA, Happened(number=3))
	assert [n for n, _ in await read(worker)] == [1, 2, 3]
	assert [n for n, _ in await read(worker, name="later")] == [3]
	assert [n for n, _ in await read(worker, name="past")] == [1, 2, 3]


async def test_the_web_role_appends_to_its_own_tenant_and_nothing_else(machine: Machine) -> None:
	await machine.publish(machine.runtime("apg_app"), ALPHA, Happened(number=1))
	async with writer(machine) as app:
		for refused in (
			"select * from event_log",
			f"insert into event_log (epoch, tenant_id, name, body) values (1, '{ALPHA}', 'a', '{{}}')",
			"update event_log set name = 'x'",
			"delete from event_log",
			"select * from log_cursors",
			"select * from log_read('reader', 10::smallint, 1, 1, 1)",
			"select log_move('reader', 10::smallint, 9, 9, 9)",
			"select nextval('log_seq')",
		):
			with pytest.raises(asyncpg.InsufficientPrivilegeError):
				await app.execute(refused)
		for bound in ("", BETA):
			with pytest.raises(  # noqa: PT012 - the binding belongs to the transaction
				asyncpg.InsufficientPrivilegeError, match="bound tenant"
			):
				async with app.transaction():
					await app.execute("select set_config('app.current_tenant_id', $1, true)", bound)
					await app.execute(
						"select log_append($1, null, '', array['a'], array['{}'])", ALPHA
					)
	assert await machine.admin.fetchval("select count(*) from event_log") == 1


async def test_numbers_follow_the_order_of_writing_over_all_connections(machine: Machine) -> None:
	async with writer(machine) as first, writer(machine) as second:
		for number in range(1, 5):
			async with (first if number % 2 else second).transaction():
				await put(first if number % 2 else second, number)
	written = await machine.admin.fetch("select body from event_log order by seq")
	assert [orjson.loads(row["body"])["number"] for row in written] == [1, 2, 3, 4]


async def test_a_temporary_table_does_not_stand_in_for_ours(machine: Machine) -> None:
	async with writer(machine) as app, app.transaction():
		await app.execute("create temporary table log_epoch (one boolean, epoch bigint)")
		await app.execute("insert into log_epoch values (true, 99)")
		await put(app, 1)
	assert await machine.admin.fetchval("select epoch from event_log") == 1


async def test_the_database_itself_refuses_a_large_body(machine: Machine) -> None:
	async with writer(machine) as app:
		for size, fits in ((8192, True), (8193, False)):
			body = '{"note":"' + "x" * (size - 11) + '"}'
			append = app.execute
			async with app.transaction():
				await app.execute("select set_config('app.current_tenant_id', $1, true)", ALPHA)
				sql = "select log_append($1, null, '', array['a'], array[$2])"
				if fits:
					await append(sql, ALPHA, body)
				else:
					with pytest.raises(asyncpg.CheckViolationError):
						async with app.transaction():
							await append(sql, ALPHA, body)
	assert await machine.admin.fetchval("select count(*) from event_log") == 1


async def test_the_tail_shows_connected_tenants_only(machine: Machine) -> None:
	web = machine.runtime("apg_app")
	await machine.publish(web, ALPHA, Happened(number=1))
	async with web.engine.begin() as connection:
		start = await log.head(connection)
	await machine.publish(web, ALPHA, Happened(number=2))
	await machine.publish(web, BETA, Happened(number=3))
	await machine.publish(web, GAMMA, Happened(number=4))
	async with web.engine.begin() as connection:
		entries = await log.tail(connection, [ALPHA, BETA], start)
		assert [(e.tenant_id, orjson.loads(e.body)["number"]) for e in entries] == [
			(ALPHA, 2), (BETA, 3),
		]  # fmt: skip
		assert await log.tail(connection, [ALPHA, BETA], entries[-1].position) == []
		assert await log.tail(connection, [], Position(0, 0, 0)) == []
		assert len(await log.tail(connection, [ALPHA, BETA], Position(0, 0, 0), limit=2)) == 2


async def test_lag_counts_what_each_reader_has_before_it(machine: Machine) -> None:
	web, worker = machine.runtime("apg_app"), machine.runtime()
	await register(worker, READER, on(Renamed, ignore, name="other"))
	await machine.publish(web, ALPHA, Happened(number=1), Happened(number=2))
	async with web.engine.begin() as connection:
		lag = {line.consumer: line for line in await log.lag(connection)}
	assert (lag["reader"].events, lag["other"].events, lag["other"].seconds) == (2, 0, None)
	assert lag["reader"].seconds is not None
	assert 0 <= lag["reader"].seconds < 60
	await read(worker)
	async with web.engine.begin() as connection:
		assert {line.events for line in await log.lag(connection)} == {0}


async def test_a_quiet_reader_is_swept_forward_past_what_it_does_not_want(machine: Machine) -> None:
	web, worker = machine.runtime("apg_app"), machine.runtime()
	await register(worker, READER, on(Renamed, ignore, name="quiet"))
	await machine.publish(web, ALPHA, Happened(number=1))
	place = "select xid::text::bigint from log_cursors where consumer = $1 and shard = 10"
	sweep = "select log_sweep(array['reader', 'quiet'])"
	await machine.admin.execute(sweep)
	assert await machine.admin.fetchval(place, "quiet") == 0  # moved less than a second ago
	await machine.admin.execute("update log_cursors set moved_at = now() - interval '1 minute'")
	await machine.admin.execute(sweep)
	assert await machine.admin.fetchval(place, "quiet") > 0
	assert await machine.admin.fetchval(place, "reader") == 0  # has something to read
	await machine.publish(web, ALPHA, Renamed(number=2))
	assert await read(worker, name="quiet") == [(2, "0a")]
	assert await read(worker) == [(1, "0a")]


async def test_functions_with_more_rights_are_closed_to_the_public(machine: Machine) -> None:
	rows = await machine.admin.fetch(
		"select p.proname, p.proacl is null or exists (select from aclexplode(p.proacl) a "
		"where a.grantee = 0) as open, array_to_string(p.proconfig, ';') as options "
		"from pg_proc p where p.pronamespace = 'public'::regnamespace and p.prosecdef "
		"and p.proname <> 'tenant_ids'"
	)
	assert {"log_append", "log_read", "enqueue_task", "growth_trim"} <= {
		row["proname"] for row in rows
	}
	assert [row["proname"] for row in rows if row["open"]] == []
	# Last, or a caller's temporary table would stand before ours.
	assert [row["proname"] for row in rows if "public, pg_temp" not in row["options"]] == []
