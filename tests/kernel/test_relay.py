"""The relay: each event takes effect once, failures wait their turn, order holds where promised."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from apg.kernel import observe
from apg.kernel.events import Consumer, Event, GiveUp, Retry, on
from apg.kernel.relay import Hints, describe
from apg.kernel.tasks import task
from apg.kernel.work import Work
from tests.kernel.machinery import ALPHA, BETA, GAMMA, Happened, Machine, Renamed, effect, until


async def keep(work: Work, event: Happened) -> None:
	await effect(work, "keep", f"{event.number}")


KEEP = on(Happened, keep, name="keep")


async def fails(machine: Machine) -> list[tuple[Any, ...]]:
	rows = await machine.admin.fetch(
		"select (select (l.body ->> 'number')::int from event_log l where (l.epoch, l.xid, l.seq) = "
		"(f.epoch, f.xid, f.seq)) as number, state, attempts from event_failures f order by xid, seq"
	)
	return [tuple(row) for row in rows]


async def make_due(machine: Machine) -> None:
	await machine.admin.execute("update event_failures set next_at = now() where state = 'waiting'")


class Stubborn:
	"""Fails for some numbers until it is told to stop."""

	def __init__(self, *numbers: int, error: Exception | None = None) -> None:
		self.numbers, self.error = set(numbers), error or RuntimeError("out of order")
		self.calls: list[int] = []

	async def __call__(self, work: Work, event: Happened) -> None:
		self.calls.append(event.number)
		await effect(work, "stubborn", f"{event.number}")
		if event.number in self.numbers:
			raise self.error


async def test_each_consumer_handles_each_event_once(machine: Machine) -> None:
	async def other(work: Work, event: Event) -> None:
		assert event.recorded is not None
		await effect(work, "other", f"{event.name}/{event.recorded.tenant_id[-2:]}")

	web = machine.runtime("apg_app")
	relay = machine.relay(KEEP, on(Event, other, name="other"))
	for number, tenant in enumerate([ALPHA, BETA, GAMMA, ALPHA]):
		await machine.publish(web, tenant, Happened(number=number))
	await machine.publish(web, BETA, Renamed(number=9))
	await machine.drain(relay)
	await machine.drain(relay)
	assert sorted(await machine.effects("keep")) == ["0", "1", "2", "3"]
	assert Counter(await machine.effects("other")) == {
		"test.thing.happened.v1/0a": 2, "test.thing.happened.v1/0b": 1,
		"test.thing.happened.v1/ba": 1, "test.thing.renamed.v1/0b": 1,
	}  # fmt: skip
	bound = await machine.admin.fetch(
		"select distinct tenant_id::text, action from effects where who = 'keep' order by 1"
	)
	assert [tuple(row) for row in bound] == [(ALPHA, "keep"), (BETA, "keep"), (GAMMA, "keep")]


async def test_a_failed_event_leaves_nothing_and_the_others_go_on(
	machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
	told: list[observe.Observed] = []
	monkeypatch.setattr(observe, "_observed", told.append)
	stubborn = Stubborn(2)
	relay = machine.relay(on(Happened, stubborn, name="stubborn"))
	web = machine.runtime("apg_app")
	await machine.publish(web, ALPHA, *(Happened(number=n) for n in (1, 2, 3)))
	await machine.drain(relay)
	assert await machine.effects() == ["1", "3"]
	assert await fails(machine) == [(2, "waiting", 1)]
	assert [one.status for one in told if one.kind == "event"] == [0, 500, 0]
	assert await machine.admin.fetchval("select next_at > now() from event_failures")
	await machine.drain(relay)
	assert stubborn.calls == [1, 2, 3]  # its time has not come
	stubborn.numbers.clear()
	await make_due(machine)
	await machine.drain(relay)
	assert await machine.effects() == ["1", "3", "2"]
	assert await fails(machine) == []


async def test_an_event_is_tried_so_often_and_then_stands_for_a_person(machine: Machine) -> None:
	stubborn = Stubborn(1)
	relay = machine.relay(on(Happened, stubborn, name="stubborn"), tries=3)
	await machine.publish(machine.runtime("apg_app"), ALPHA, Happened(number=1))
	for _ in range(5):
		await machine.drain(relay)
		await make_due(machine)
	assert stubborn.calls == [1, 1, 1]
	assert await fails(machine) == [(1, "exhausted", 3)]
	row = await machine.admin.fetchrow("select error, next_at from event_failures")
	assert tuple(row) == ("RuntimeError: out of order", None)


async def test_giving_up_and_asking_for_a_pause(machine: Machine) -> None:
	giving, pausing = Stubborn(1, error=GiveUp("no such part")), Stubborn(1, error=Retry(3600))
	relay = machine.relay(
		on(Happened, giving, name="giving"), on(Happened, pausing, name="pausing")
	)
	await machine.publish(machine.runtime("apg_app"), ALPHA, Happened(number=1))
	await machine.drain(relay)
	rows = await machine.admin.fetch(
		"select consumer, state, next_at > now() + interval '59 minutes' from event_failures order by 1"
	)
	assert [tuple(row) for row in rows] == [
		("giving", "exhausted", None),
		("pausing", "waiting", True),
	]
	assert await machine.effects() == []


async def test_a_strict_consumer_parks_what_comes_behind_a_failure(machine: Machine) -> None:
	stubborn = Stubborn(2)
	relay = machine.relay(on(Happened, stubborn, name="stubborn", strict=True))
	web = machine.runtime("apg_app")
	await machine.publish(web, ALPHA, *(Happened(number=n) for n in (1, 2, 3)))
	await machine.publish(web, GAMMA, Happened(number=10))
	await machine.drain(relay)
	await machine.publish(web, ALPHA, Happened(number=4))
	await machine.publish(web, GAMMA, Happened(number=11))
	await machine.drain(relay)
	assert await machine.effects() == ["1", "10", "11"]  # another tenant is not held up
	assert await fails(machine) == [(2, "waiting", 1), (3, "parked", 0), (4, "parked", 0)]
	assert stubborn.calls == [1, 2, 10, 11]
	stubborn.numbers = {3}
	await make_due(machine)
	await machine.drain(relay)
	assert await machine.effects() == ["1", "10", "11", "2"]
	assert await fails(machine) == [(3, "waiting", 1), (4, "parked", 0)]
	stubborn.numbers.clear()
	await make_due(machine)
	await machine.drain(relay)
	await machine.publish(web, ALPHA, Happened(number=5))
	await machine.drain(relay)
	assert await machine.effects() == ["1", "10", "11", "2", "3", "4", "5"]
	assert await fails(machine) == []


async def test_an_exhausted_event_of_a_strict_consumer_keeps_its_tenant_waiting(
	machine: Machine,
) -> None:
	relay = machine.relay(on(Happened, Stubborn(1), name="stubborn", strict=True), tries=1)
	web = machine.runtime("apg_app")
	await machine.publish(web, ALPHA, Happened(number=1), Happened(number=2))
	await machine.drain(relay)
	assert await fails(machine) == [(1, "exhausted", 1), (2, "parked", 0)]
	await machine.admin.execute("delete from event_failures where state = 'exhausted'")
	await machine.drain(relay)
	assert await machine.effects() == ["2"]


async def test_only_enabled_capabilities_see_a_tenants_events(machine: Machine) -> None:
	machine.enabled[BETA] = frozenset()
	relay = machine.relay(KEEP)
	web = machine.runtime("apg_app")
	await machine.publish(web, ALPHA, Happened(number=1))
	await machine.publish(web, BETA, Happened(number=2))
	await machine.drain(relay)
	assert await machine.effects() == ["1"]
	assert await fails(machine) == []


async def test_a_refused_row_spoils_its_own_event_only(machine: Machine) -> None:
	await machine.admin.execute("create unique index one_two on effects (what) where what = 'same'")

	async def clash(work: Work, event: Happened) -> None:
		if event.number == 2:
			await work.session.execute(
				text("insert into effects values (:t, default, 'x', 'same')"), {"t": ALPHA}
			)
		await effect(work, "clash", "same" if event.number < 3 else "3")

	relay = machine.relay(on(Happened, clash, name="clash"))
	web = machine.runtime("apg_app")
	try:
		await machine.publish(web, ALPHA, *(Happened(number=n) for n in (1, 2, 3)))
		await machine.drain(relay)
		assert await machine.effects() == ["same", "3"]
		assert await fails(machine) == [(2, "waiting", 1)]
	finally:
		await machine.admin.execute("drop index one_two")


async def test_a_consumer_cannot_write_into_another_tenant(machine: Machine) -> None:
	async def stray(work: Work, event: Happened) -> None:
		await (await work.connection()).exec_driver_sql(
			"insert into effects (tenant_id, who, what) values ($1, 'stray', 'x')", (BETA,)
		)

	relay = machine.relay(on(Happened, stray, name="stray"))
	await machine.publish(machine.runtime("apg_app"), ALPHA, Happened(number=1))
	await machine.drain(relay)
	assert await machine.effects() == []
	assert await fails(machine) == [(1, "waiting", 1)]


async def test_what_a_consumer_publishes_and_enqueues_stands_or_falls_with_its_event(
	machine: Machine,
) -> None:
	@task(name="test.follow_up", key="{number}")
	async def follow_up(work: Work, number: int) -> None: ...

	told: list[int] = []

	async def chain(work: Work, event: Happened) -> None:
		work.publish(Renamed(number=event.number))
		work.enqueue(follow_up, number=event.number)

		async def tell() -> None:
			told.append(event.number)

		work.after_commit(tell)
		await work.flush()
		if event.number == 2:
			await work.finish()
			raise RuntimeError("too late")

	async def renamed(work: Work, event: Renamed) -> None:
		await effect(work, "renamed", f"{event.number}")

	relay = machine.relay(on(Happened, chain, name="chain"), on(Renamed, renamed, name="renamed"))
	await machine.publish(machine.runtime("apg_app"), ALPHA, Happened(number=1), Happened(number=2))
	await machine.drain(relay)
	assert await machine.effects() == ["1"]
	assert await machine.admin.fetchval(
		"select array_agg(args -> 'ids' ->> 'number') from procrastinate_jobs"
	) == ["1"]
	assert told == [1]


async def test_two_relays_share_the_work_and_repeat_nothing(machine: Machine) -> None:
	relays = [machine.relay(KEEP) for _ in range(2)]
	await relays[0].register()
	web = machine.runtime("apg_app")
	stop = asyncio.Event()
	running = [asyncio.create_task(relay.run(stop)) for relay in relays]
	for number in range(60):
		await machine.publish(web, (ALPHA, BETA, GAMMA)[number % 3], Happened(number=number))

	async def all_there() -> bool:
		return len(await machine.effects()) >= 60

	await until(all_there)
	stop.set()
	await asyncio.gather(*running)
	assert sorted(map(int, await machine.effects())) == list(range(60))


async def test_a_batch_ends_in_time_and_goes_on_where_it_stopped(
	machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
	monkeypatch.setattr("apg.kernel.relay.BATCH_SECONDS", 0.0)
	relay = machine.relay(KEEP)
	await relay.register()
	await machine.publish(
		machine.runtime("apg_app"), ALPHA, *(Happened(number=n) for n in range(3))
	)
	assert await relay.drain() == 1
	assert await machine.effects() == ["0"]
	await machine.drain(relay)
	assert await machine.effects() == ["0", "1", "2"]


async def test_a_hint_wakes_the_relay_long_before_its_poll(
	machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
	monkeypatch.setattr("apg.kernel.relay.POLL_SECONDS", 3600.0)
	relay, web, stop = machine.relay(KEEP), machine.runtime("apg_app"), asyncio.Event()
	await relay.register()
	near, far = Hints(machine.role("apg_worker")), Hints(machine.role("apg_app"))
	web.state["log_hint"] = far.send
	running = [asyncio.create_task(one) for one in (relay.run(stop, near), far.run(stop))]
	await asyncio.sleep(0)
	running.append(asyncio.create_task(near.run(stop)))

	async def listening() -> bool:
		return bool(
			await machine.admin.fetchval(
				"select count(*) from pg_stat_activity where query ilike 'listen%' and datname = current_database()"
			)
		)

	await until(listening)
	await machine.publish(web, ALPHA, Happened(number=1))

	async def there() -> bool:
		far.send()  # another run's open transaction may have hidden the event from the first one
		return await machine.effects() == ["1"]

	await until(there)
	stop.set()
	await asyncio.gather(*running)


async def test_a_relay_ends_when_it_is_cancelled_in_the_middle_of_a_statement(
	machine: Machine,
) -> None:
	running = asyncio.Event()

	async def slow(work: Work, event: Happened) -> None:
		running.set()
		await (await work.connection()).exec_driver_sql("select pg_sleep(5)")

	relay = machine.relay(on(Happened, slow, name="slow"))
	await relay.register()
	await machine.publish(machine.runtime("apg_app"), ALPHA, Happened(number=1))
	task_of_relay = asyncio.create_task(relay.run(asyncio.Event()))
	await asyncio.wait_for(running.wait(), 60)
	await asyncio.sleep(0.05)
	task_of_relay.cancel()
	await asyncio.wait({task_of_relay}, timeout=20)
	assert task_of_relay.cancelled()
	assert await fails(machine) == []


async def test_a_relay_that_lost_its_database_goes_on_when_it_is_back(machine: Machine) -> None:
	relay, stop = machine.relay(KEEP), asyncio.Event()
	web = machine.runtime("apg_app")
	await relay.register()
	await machine.publish(web, ALPHA, Happened(number=1))
	running = asyncio.create_task(relay.run(stop))

	async def first_is_there() -> bool:
		return await machine.effects() == ["1"]

	await until(first_is_there, 60)
	await machine.admin.execute(
		"select pg_terminate_backend(pid) from pg_stat_activity "
		"where datname = current_database() and usename = 'apg_worker'"
	)
	await machine.publish(web, ALPHA, Happened(number=2))

	async def both_are_there() -> bool:
		return await machine.effects() == ["1", "2"]

	await until(both_are_there, 60)
	stop.set()
	await running


def test_what_is_written_down_of_an_error_holds_no_values() -> None:
	origin = Exception("duplicate key value\nDETAIL: Key (email)=(ann@example.org) exists")
	told = describe(IntegrityError("insert …", {"email": "ann@example.org"}, origin))
	assert told == "Exception: duplicate key value"


KILLED = Path(__file__).with_name("killed_relay.py")


async def test_a_relay_killed_in_the_middle_repeats_nothing_that_took_effect(
	machine: Machine,
) -> None:
	web = machine.runtime("apg_app")
	await machine.drain(machine.relay(KEEP))
	total = 400
	for start in range(0, total, 20):
		await machine.publish(web, ALPHA, *(Happened(number=n) for n in range(start, start + 20)))
	for at_least in (1, 120):
		child = subprocess.Popen(
			[sys.executable, str(KILLED), machine.url],
			env={**os.environ, "PYTHONPATH": str(KILLED.parents[2])},
			stdout=subprocess.PIPE,
		)
		assert child.stdout is not None
		try:
			for _ in range(
				at_least + 5
			):  # it tells each event it runs; these are not committed yet
				assert await asyncio.to_thread(child.stdout.readline)
		finally:
			child.send_signal(signal.SIGKILL)
			child.communicate()
	some = len(await machine.effects("keep"))
	assert 0 < some < total
	await machine.drain(machine.relay(KEEP))
	assert sorted(map(int, await machine.effects("keep"))) == list(range(total))


def test_consumers_are_frozen() -> None:
	assert isinstance(KEEP, Consumer)
	with pytest.raises(AttributeError):
		KEEP.strict = True  # pyright: ignore
