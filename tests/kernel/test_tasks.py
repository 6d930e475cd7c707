"""Tasks exist with their transaction, run in their tenant, and take effect once."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from apg.kernel import observe, tasks
from apg.kernel.errors import Conflict
from apg.kernel.events import GiveUp, Retry
from apg.kernel.permissions import Permission
from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime
from apg.kernel.tasks import Task, every, task
from apg.kernel.work import Work, open_work
from apg.kernel.worker import NOBODY, Run, TaskWorker
from tests.kernel.machinery import ALPHA, BETA, Machine, effect, until

ANN = "018f0000-0000-7000-8000-0000000000f1"
RUN = Permission("test", "imports", "run")
KILLED = Path(__file__).with_name("killed_worker.py")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
	monkeypatch.setattr("apg.kernel.worker.POLL_SECONDS", 0.05)


@task(name="test.note", key="{number}")
async def note(work: Work, number: int) -> None:
	await effect(work, work.principal.user_id or work.principal.kind, f"{number}")


@asynccontextmanager
async def working(machine: Machine, *chosen: Task, **options: Any) -> AsyncIterator[TaskWorker]:
	"""A worker at work for the length of the block, then stopped gracefully."""
	worker = make_worker(machine, *chosen, **options)
	stop = asyncio.Event()
	running = asyncio.create_task(worker.run(stop))
	try:
		yield worker
	finally:
		stop.set()
		await running


def make_worker(machine: Machine, *chosen: Task, **options: Any) -> TaskWorker:
	schedules = options.pop("schedules", ())
	runtime = machine.runtime(tasks=chosen, schedules=schedules)
	return TaskWorker(runtime, machine.principal_of, machine.role("apg_worker"), **options)


async def ask(
	runtime: Runtime, asked: Task, tenant: str = ALPHA, user: str | None = None, **ids: Any
) -> None:
	principal = Principal("user", tenant, user_id=user) if user else Principal.system(tenant)
	async with open_work(runtime, principal, action="test", origin="test") as work:
		work.enqueue(asked, **ids)


async def states(machine: Machine) -> list[str]:
	rows = await machine.admin.fetch("select status::text from procrastinate_jobs order by id")
	return [row["status"] for row in rows]


async def over(machine: Machine, *expected: str) -> None:
	"""Waits until the jobs stand as expected."""

	async def reached() -> bool:
		return await states(machine) == list(expected)

	await until(reached)


async def test_a_task_runs_in_its_tenant_as_the_system(
	machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
	told: list[observe.Observed] = []
	monkeypatch.setattr(observe, "_observed", told.append)
	web = machine.runtime("apg_app")
	await ask(web, note, ALPHA, number=1)
	await ask(web, note, BETA, user=ANN, number=2)
	async with working(machine, note):
		await over(machine, "succeeded", "succeeded")
	rows = await machine.admin.fetch(
		"select tenant_id::text, who, what, action from effects order by what"
	)
	assert [tuple(row) for row in rows] == [
		(ALPHA, "system", "1", "test.note"), (BETA, "system", "2", "test.note"),
	]  # fmt: skip
	spans = {(one.kind, one.operation, one.status, one.fields["tenant_id"]) for one in told}
	assert spans == {("task", "task test.note", 0, ALPHA), ("task", "task test.note", 0, BETA)}


async def test_a_task_of_a_rolled_back_transaction_does_not_exist(machine: Machine) -> None:
	web = machine.runtime("apg_app")
	async with machine.runtime("apg_app").engine.connect() as connection:
		transaction = await connection.begin()
		await connection.exec_driver_sql(
			"select set_config('app.current_tenant_id', $1, true)", (ALPHA,)
		)
		made = await tasks.enqueue(connection, Principal.system(ALPHA), [(note, {"number": 1})])
		assert [type(number) for number in made] == [int]
		await transaction.rollback()
	with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the whole Work is what fails
		async with open_work(web, Principal.system(ALPHA), action="t", origin="t") as work:
			work.enqueue(note, number=2)
			raise ZeroDivisionError
	assert await states(machine) == []
	await ask(web, note, number=3)
	async with working(machine, note):
		await over(machine, "succeeded")
	assert await machine.effects() == ["3"]


async def test_the_web_role_enqueues_for_its_own_tenant_and_sees_no_queue(machine: Machine) -> None:
	app = await asyncpg.connect(machine.role("apg_app"))
	try:
		for refused in (
			"select * from procrastinate_jobs",
			"insert into procrastinate_jobs (queue_name, task_name) values ('default', 'x')",
			"select procrastinate_defer_jobs_v1(array[]::procrastinate_job_to_defer_v1[])",
			"select * from procrastinate_fetch_job_v2(null, 1)",
			"select task_requeue(0, '{}')",
			"select * from task_runs",
			"insert into task_progress (tenant_id, task_key, task_name, state) "
			f"values ('{ALPHA}', 'a', 'b', 'done')",
		):
			with pytest.raises(asyncpg.InsufficientPrivilegeError):
				await app.execute(refused)
		for bound in ("", BETA):
			with pytest.raises(asyncpg.InsufficientPrivilegeError, match="bound"):  # noqa: PT012
				async with app.transaction():
					await app.execute("select set_config('app.current_tenant_id', $1, true)", bound)
					await app.execute("select enqueue_task($1, null, '', '[]')", ALPHA)
	finally:
		await app.close()


@pytest.mark.parametrize("value", [{"a": 1}, [1], 1.5, b"x"])
async def test_arguments_are_short_scalars(machine: Machine, value: Any) -> None:
	with pytest.raises(TypeError, match=r"test.note: number must be"):
		await ask(machine.runtime("apg_app"), note, number=value)
	assert await states(machine) == []


async def test_the_database_refuses_long_and_nested_arguments_as_well(machine: Machine) -> None:
	with pytest.raises(ValueError, match="longer than 200"):
		tasks.check_ids(note, {"number": "x" * 201})
	app = await asyncpg.connect(machine.role("apg_app"))
	call = {"task": "test.note", "queue": "default", "key": None, "progress": None}
	try:
		for ids, fits in (({"a": "x" * 200}, True), ({"a": "x" * 201}, False), ({"a": [1]}, False)):
			calls = orjson.dumps([{**call, "ids": ids}]).decode()
			async with app.transaction():
				await app.execute("select set_config('app.current_tenant_id', $1, true)", ALPHA)
				enqueue = app.transaction()
				await enqueue.start()
				if fits:
					await app.execute("select enqueue_task($1, null, '', $2)", ALPHA, calls)
					await enqueue.commit()
				else:
					with pytest.raises(asyncpg.CheckViolationError):
						await app.execute("select enqueue_task($1, null, '', $2)", ALPHA, calls)
					await enqueue.rollback()
	finally:
		await app.close()
	assert await states(machine) == ["todo"]


async def test_one_job_of_a_key_waits_and_tenants_do_not_share_keys(machine: Machine) -> None:
	web = machine.runtime("apg_app")
	for tenant, number in ((ALPHA, 1), (ALPHA, 1), (BETA, 1), (ALPHA, 2)):
		await ask(web, note, tenant, number=number)
	assert await states(machine) == ["todo"] * 3
	async with working(machine, note):
		await over(machine, *["succeeded"] * 3)
		await ask(web, note, number=1)  # over, so it may be asked for again
		await over(machine, *["succeeded"] * 4)
	assert sorted(await machine.effects()) == ["1", "1", "1", "2"]


async def test_as_user_means_the_rights_of_the_moment_it_runs(machine: Machine) -> None:
	guarded = task(note.function, name="test.guarded", as_user=True, permission=RUN, retries=0)
	machine.people[ANN] = frozenset({str(RUN)})
	web = machine.runtime("apg_app")
	await ask(web, guarded, user=ANN, number=1)
	async with working(machine, guarded):
		await over(machine, "succeeded")
		machine.people[ANN] = frozenset()
		await ask(web, guarded, user=ANN, number=2)
		await over(machine, "succeeded", "failed")
	rows = await machine.admin.fetch("select who, what from effects")
	assert [tuple(row) for row in rows] == [(ANN, "1")]


async def test_a_capability_that_was_switched_off_runs_nothing(machine: Machine) -> None:
	machine.enabled[BETA] = frozenset()
	web = machine.runtime("apg_app")
	await ask(web, note, BETA, number=1)
	await ask(web, note, ALPHA, number=2)
	async with working(machine, note):
		await over(machine, "succeeded", "succeeded")
	assert await machine.effects() == ["2"]


async def test_a_failure_is_retried_and_leaves_nothing_behind(machine: Machine) -> None:
	calls: list[int] = []

	@task(name="test.shaky", key="{number}", retries=3)
	async def shaky(work: Work, number: int) -> None:
		calls.append(number)
		await effect(work, "shaky", f"try {len(calls)}")
		if len(calls) < 3:
			raise Retry(0)

	await ask(machine.runtime("apg_app"), shaky, number=1)
	async with working(machine, shaky):
		await over(machine, "succeeded")
	assert len(calls) == 3
	assert await machine.effects() == ["try 3"]


async def test_retries_end_and_giving_up_ends_at_once(machine: Machine) -> None:
	calls: dict[str, int] = {"retry": 0, "never": 0}

	@task(name="test.retry", retries=2)
	async def retry(work: Work) -> None:
		calls["retry"] += 1
		raise Retry(0)

	@task(name="test.never", retries=5)
	async def never(work: Work) -> None:
		calls["never"] += 1
		raise GiveUp("no such file")

	web = machine.runtime("apg_app")
	await ask(web, retry)
	await ask(web, never)
	async with working(machine, retry, never):
		await over(machine, "failed", "failed")
	assert calls == {"retry": 3, "never": 1}


async def test_a_retry_is_not_blocked_by_a_newer_job_of_the_same_key(machine: Machine) -> None:
	web = machine.runtime("apg_app")
	calls = 0

	@task(name="test.twice", key="one", retries=3)
	async def twice(work: Work) -> None:
		nonlocal calls
		calls += 1
		if calls == 1:
			await ask(web, twice)
			raise Retry(0)
		await effect(work, "twice", "done")

	await ask(web, twice)
	async with working(machine, twice):
		await over(machine, "succeeded", "succeeded")
	assert await machine.effects() == ["done", "done"]


async def test_jobs_of_one_key_never_run_side_by_side(machine: Machine) -> None:
	web = machine.runtime("apg_app")
	inside, most, asked = 0, 0, False

	@task(name="test.alone", key="same")
	async def alone(work: Work) -> None:
		nonlocal inside, most, asked
		inside += 1
		most = max(most, inside)
		if not asked:
			asked = True
			await ask(web, alone)  # while the first one runs
		await asyncio.sleep(0.3)  # longer than the pause between two looks into the queue
		inside -= 1

	await ask(web, alone)
	async with working(machine, alone, concurrency=4):
		await over(machine, "succeeded", "succeeded")
	assert most == 1


async def test_an_effect_that_was_committed_is_not_repeated(machine: Machine) -> None:
	await ask(machine.runtime("apg_app"), note, number=1)
	async with working(machine, note):
		await over(machine, "succeeded")
	# As a worker leaves it that dies after the commit and before its acknowledgement.
	await machine.admin.execute("update procrastinate_jobs set status = 'doing', worker_id = null")
	async with working(machine, note) as worker:
		assert await worker.requeue_stalled() == 1
		await over(machine, "succeeded")
	assert await machine.effects() == ["1"]


async def test_the_job_of_a_killed_worker_runs_again(machine: Machine) -> None:
	await ask(machine.runtime("apg_app"), note, number=7)
	child = subprocess.Popen(
		[sys.executable, str(KILLED), machine.url],
		env={**os.environ, "PYTHONPATH": str(KILLED.parents[2])},
		stdout=subprocess.PIPE,
	)
	assert child.stdout is not None
	try:
		assert await asyncio.to_thread(child.stdout.readline) == b"in the middle\n"
	finally:
		child.send_signal(signal.SIGKILL)
		child.communicate()
	assert await states(machine) == ["doing"]
	assert await machine.effects() == []
	worker = make_worker(machine, note)
	assert await worker.requeue_stalled() == 0  # it was heard of a moment ago
	await machine.admin.execute(
		"update procrastinate_workers set last_heartbeat = now() - interval '61 seconds'"
	)
	assert await worker.requeue_stalled() == 1
	assert await worker.requeue_stalled() == 0
	async with working(machine, note):
		await over(machine, "succeeded")
	assert await machine.effects() == ["7"]
	assert await machine.admin.fetchval("select attempts from procrastinate_jobs") == 2


async def test_a_job_that_kills_its_worker_each_time_ends(machine: Machine) -> None:
	deadly = task(note.function, name="test.deadly", retries=2)
	await ask(machine.runtime("apg_app"), deadly, number=1)
	worker = make_worker(machine, deadly)
	for expected in ("todo", "todo", "failed"):
		await machine.admin.execute("update procrastinate_jobs set status = 'doing'")
		await worker.requeue_stalled()
		assert await states(machine) == [expected]


async def test_stopping_lets_a_running_task_end(machine: Machine) -> None:
	started = asyncio.Event()

	@task(name="test.slow")
	async def slow(work: Work) -> None:
		started.set()
		await asyncio.sleep(0.3)
		await effect(work, "slow", "done")

	await ask(machine.runtime("apg_app"), slow)
	async with working(machine, slow):
		await asyncio.wait_for(started.wait(), 15)
	assert await states(machine) == ["succeeded"]
	assert await machine.effects() == ["done"]
	assert await machine.admin.fetchval("select count(*) from procrastinate_workers") == 0


async def test_a_task_that_does_not_end_in_time_starts_over_elsewhere(machine: Machine) -> None:
	started = asyncio.Event()

	@task(name="test.endless")
	async def endless(work: Work) -> None:
		await effect(work, "endless", "begun")
		started.set()
		await asyncio.sleep(3600)

	await ask(machine.runtime("apg_app"), endless)
	async with working(machine, endless, stop_seconds=0.1):
		await asyncio.wait_for(started.wait(), 15)
	assert await states(machine) == ["todo"]
	assert await machine.effects() == []


async def test_a_worker_that_lost_its_database_goes_on_when_it_is_back(machine: Machine) -> None:
	web = machine.runtime("apg_app")
	await ask(web, note, number=1)
	async with working(machine, note):
		await over(machine, "succeeded")
		await machine.admin.execute(
			"select pg_terminate_backend(pid) from pg_stat_activity "
			"where datname = current_database() and usename = 'apg_worker'"
		)
		await ask(web, note, number=2)
		await over(machine, "succeeded", "succeeded")
	assert await machine.effects() == ["1", "2"]


async def test_a_schedule_runs_once_for_each_tenant_however_many_workers(machine: Machine) -> None:
	@task(name="test.daily")
	async def daily(work: Work) -> None:
		await effect(work, "daily", work.principal.tenant_id)

	machine.enabled[BETA] = frozenset()
	options: dict[str, Any] = {"schedules": (every("* * * * *", daily),)}
	async with working(machine, daily, **options), working(machine, daily, **options):

		async def all_ran() -> bool:
			return bool(await machine.effects()) and set(await states(machine)) == {"succeeded"}

		await until(all_ran)
		# Started once more after its transaction: the note of the job keeps it from repeating.
		await machine.admin.execute(
			"update procrastinate_jobs set status = 'todo' where task_name like 'schedule/test.daily/%'"
		)
		await until(all_ran)
	ticks = await machine.admin.fetch(
		"select args ->> 'timestamp' as tick, count(*) as jobs from procrastinate_jobs "
		"where task_name like 'schedule/test.daily/%' group by 1"
	)
	assert {row["jobs"] for row in ticks} == {1}
	per_tenant = await machine.admin.fetch(
		"select args ->> 'tenant' as tenant, count(*) as jobs from procrastinate_jobs "
		"where task_name = 'test.daily' group by 1"
	)
	assert {row["tenant"]: row["jobs"] for row in per_tenant} == {
		ALPHA: len(ticks),
		BETA: len(ticks),
	}
	assert await machine.effects() == [ALPHA] * len(ticks)  # off for the other one


@pytest.mark.parametrize("cron", ["", "* * * *", "* * * * * *", "soon", "0 7 * * mon;drop"])
def test_schedules_that_are_none(cron: str) -> None:
	with pytest.raises(ValueError, match="is not a schedule"):
		every(cron, note)


class Steps:
	"""Ten steps, each in a transaction of its own, that can be held at one of them."""

	def __init__(self) -> None:
		self.reached, self.go = asyncio.Event(), asyncio.Event()

	async def __call__(self, run: Run, import_id: str) -> None:
		for step in range(1, 11):
			async with run.open() as work:
				await effect(work, "steps", f"{step}")
				await run.report(work, step, 10, {"rows": step})
			if step == 4:
				self.reached.set()
				await self.go.wait()


async def show(runtime: Runtime, tenant: str, key: str) -> tasks.Progress | None:
	async with open_work(
		runtime, Principal.system(tenant), action="t", origin="t", read_only=True
	) as work:
		return await tasks.progress(work, key)


async def test_long_work_shows_how_far_it_is(machine: Machine) -> None:
	web, steps = machine.runtime("apg_app"), Steps()
	long = Task(steps, "test.steps", key="import/{import_id}", steps=True)
	await ask(web, long, import_id="a")
	waiting = await show(web, ALPHA, "import/a")
	assert waiting is not None
	assert (waiting.state, waiting.done, waiting.total) == ("waiting", 0, None)
	async with working(machine, long):
		await asyncio.wait_for(steps.reached.wait(), 15)
		half = await show(web, ALPHA, "import/a")
		assert half is not None
		assert (half.state, half.done, half.total, half.report) == ("running", 4, 10, {"rows": 4})
		assert half.rate is not None
		assert half.rate > 0
		assert await show(web, BETA, "import/a") is None
		steps.go.set()
		await over(machine, "succeeded")
	ended = await show(web, ALPHA, "import/a")
	assert ended is not None
	assert (ended.state, ended.done, ended.report) == ("done", 10, {"rows": 10})


async def test_long_work_is_cancelled_by_its_own_tenant_only(machine: Machine) -> None:
	web, steps = machine.runtime("apg_app"), Steps()
	long = Task(steps, "test.steps", key="import/{import_id}", steps=True)
	await ask(web, long, import_id="a")
	async with working(machine, long):
		await asyncio.wait_for(steps.reached.wait(), 15)
		with pytest.raises(Conflict):
			async with open_work(web, Principal.system(BETA), action="t", origin="t") as work:
				await tasks.cancel(work, "import/a")
		async with open_work(web, Principal.system(ALPHA), action="t", origin="t") as work:
			await tasks.cancel(work, "import/a")
		steps.go.set()
		await over(machine, "succeeded")
	shown = await show(web, ALPHA, "import/a")
	assert shown is not None
	assert (shown.state, shown.done) == ("cancelled", 4)
	assert await machine.effects() == ["1", "2", "3", "4"]
	with pytest.raises(Conflict) as refused:
		async with open_work(web, Principal.system(ALPHA), action="t", origin="t") as work:
			await tasks.cancel(work, "import/a")
	assert refused.value.code == "TASK_OVER"


async def test_long_work_that_fails_says_so(machine: Machine) -> None:
	async def broken(run: Run, import_id: str) -> None:
		raise GiveUp("not a table")

	web = machine.runtime("apg_app")
	long = Task(broken, "test.broken", key="{import_id}", steps=True)
	await ask(web, long, import_id="a")
	async with working(machine, long):
		await over(machine, "failed")
	shown = await show(web, ALPHA, "a")
	assert shown is not None
	assert (shown.state, shown.report) == ("failed", {"error": "GiveUp"})


async def test_an_administrator_sees_and_restarts_jobs_of_his_tenant_only(machine: Machine) -> None:
	web = machine.runtime("apg_app")
	await ask(web, note, ALPHA, number=1)
	await ask(web, note, BETA, number=2)
	await machine.admin.execute("update procrastinate_jobs set status = 'failed'")

	async def jobs(tenant: str) -> list[tuple[Any, ...]]:
		async with open_work(web, Principal.system(tenant), action="t", origin="t") as work:
			rows = await (await work.connection()).exec_driver_sql(
				"select id, task, state, ids ->> 'number' from task_list(100)"
			)
			return [tuple(row) for row in rows]

	((mine, *rest),) = await jobs(ALPHA)
	assert rest == ["test.note", "failed", "1"]
	((theirs, *_),) = await jobs(BETA)
	async with open_work(web, Principal.system(ALPHA), action="t", origin="t") as work:
		connection = await work.connection()
		again = "select task_retry($1)"
		assert (await connection.exec_driver_sql(again, (theirs,))).scalar_one() is False
		assert (await connection.exec_driver_sql(again, (mine,))).scalar_one() is True
	assert await states(machine) == ["todo", "failed"]


async def test_no_job_sends_a_notify_in_its_transaction(machine: Machine) -> None:
	rows = await machine.admin.fetch(
		"select tgname from pg_trigger t join pg_proc p on p.oid = t.tgfoid "
		"where p.prosrc ilike '%pg_notify%' and t.tgenabled <> 'D'"
	)
	assert [row["tgname"] for row in rows] == []


def test_another_schema_of_the_queue_needs_a_migration(monkeypatch: pytest.MonkeyPatch) -> None:
	statements = tasks.procrastinate_sql()
	assert sum(one.lower().lstrip("-").count("create table ") for one in statements) == 4
	assert not any(one.endswith(";") for one in statements)
	monkeypatch.setattr(tasks, "PINNED", "0" * 64)
	with pytest.raises(RuntimeError, match="write a migration step"):
		tasks.procrastinate_sql()


def test_the_web_process_does_not_load_the_queue() -> None:
	code = "import sys, apg.kernel.work; sys.exit('procrastinate' in sys.modules)"
	assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_tenant_of_installation_tasks_is_nobodys() -> None:
	assert set(NOBODY) == {"0", "-"}
