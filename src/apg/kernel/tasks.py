"""Tasks: work that runs later in a worker, and schedules; what the web process needs of both.

Procrastinate keeps the queue; it is imported by `worker.py` and by the migration only.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, cast, overload

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from apg.kernel.errors import Conflict
from apg.kernel.events import dotted_name
from apg.kernel.log import definer
from apg.kernel.permissions import Permission
from apg.kernel.principal import Principal
from apg.kernel.tenancy import TENANT, protect_sql

if TYPE_CHECKING:
	from apg.kernel.work import Work

TEXT_LIMIT = 200  # characters of one argument; arguments are ids and short scalars
type_of_function = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Task:
	"""A function that a worker runs in the tenant it was asked for.

	Plain: `await function(work, **ids)`, one transaction, whose effect happens once.
	`steps`: `await function(run, **ids)` opens as many short Works as it needs (`run.open()`),
	reports progress in them and goes on where it stopped. `installation`: the same, for no tenant.
	`key` is a template over the ids: one job with this key waits, one runs. `as_user` runs with
	the rights the asking person has when it starts. `retries` counts runs after the first.
	"""

	function: type_of_function
	name: str
	queue: str = "default"
	retries: int = 5
	key: str | None = None
	as_user: bool = False
	permission: Permission | None = None
	steps: bool = False
	installation: bool = False
	capability: str = ""

	def __call__(self, work: Any, **ids: Any) -> Awaitable[Any]:
		return self.function(work, **ids)

	def key_of(self, ids: dict[str, Any]) -> str | None:
		return None if self.key is None else self.key.format(**ids)


@overload
def task(function: type_of_function, /, **options: Any) -> Task: ...
@overload
def task(**options: Any) -> Callable[[type_of_function], Task]: ...
def task(
	function: type_of_function | None = None, /, *, name: str | None = None, **options: Any
) -> Task | Callable[[type_of_function], Task]:
	"""Makes a Task of a function; the options are the fields of `Task`. Also a decorator."""

	def made(given: type_of_function) -> Task:
		return Task(given, name or dotted_name(given), **options)

	return made if function is None else made(function)


@dataclass(frozen=True, slots=True)
class Schedule:
	"""A task at times in cron notation, UTC: once for each tenant that has the capability on."""

	cron: str
	task: Task


def every(cron: str, task: Task) -> Schedule:
	"""`every("0 7 * * *", remind_approvers)`. Raises ValueError for five fields that are none."""
	if len(cron.split()) != 5 or not re.fullmatch(r"[0-9*/,\- ]+", cron):
		raise ValueError(f'{cron!r} is not a schedule: five fields, like "0 7 * * *"')
	return Schedule(cron, task)


class Cancelled(Exception):
	"""A person asked the running task to stop; it cleans up after itself and lets this pass."""


@dataclass(frozen=True, slots=True)
class Progress:
	"""How far a task is. `rate` is steps per second; `state` is waiting, running, done, failed or
	cancelled; `report` is whatever the task tells (counts, ids, reasons)."""

	key: str
	state: str
	done: int
	total: int | None
	rate: float | None
	report: dict[str, Any]
	cancel_requested: bool


def check_ids(task: Task, ids: dict[str, Any]) -> None:
	"""Raises TypeError or ValueError when an argument is more than an id or a short scalar."""
	for name, value in ids.items():
		if not isinstance(value, str | int | bool | None):
			raise TypeError(f"{task.name}: {name} must be text, a whole number or a truth value")
		if isinstance(value, str) and len(value) > TEXT_LIMIT:
			raise ValueError(f"{task.name}: {name} is longer than {TEXT_LIMIT} characters")


async def enqueue(
	connection: AsyncConnection,
	principal: Principal,
	calls: Sequence[tuple[Task, dict[str, Any]]],
	request_id: str = "",
) -> list[int | None]:
	"""Puts jobs into the queue in the bound transaction of `connection`, in one statement.

	Returns the numbers of the jobs; None where one with the same key waits already.
	"""
	jobs: list[dict[str, Any]] = []
	for asked, ids in calls:
		check_ids(asked, ids)
		key = asked.key_of(ids)
		jobs.append(
			{
				"task": asked.name,
				"queue": asked.queue,
				"key": None if key is None else f"{asked.name}/{key}",
				"progress": key if asked.steps else None,
				"ids": ids,
			}
		)
	rows = await connection.exec_driver_sql(
		"select enqueue_task($1, $2, $3, $4::text::jsonb)",
		(principal.tenant_id, principal.user_id, request_id, orjson.dumps(jobs).decode()),
	)
	return list(rows.scalar_one())


async def progress(work: "Work", key: str) -> Progress | None:
	"""How far the task with this key is, or None when it was never asked for."""
	row = (
		await (await work.connection()).exec_driver_sql(
			"select task_key, state, done, total, rate, report::text, cancel_requested "
			"from task_progress where task_key = $1",
			(key,),
		)
	).first()
	if row is None:
		return None
	name, state, done, total, rate, report, asked = cast(Any, row)
	return Progress(name, state, done, total, rate, orjson.loads(report), asked)


async def cancel(work: "Work", key: str) -> None:
	"""Asks the task to stop; it does at its next report. Raises Conflict when it is over."""
	changed = await (await work.connection()).exec_driver_sql(
		"update task_progress set cancel_requested = true, updated_at = clock_timestamp() "
		"where task_key = $1 and state in ('waiting', 'running')",
		(key,),
	)
	if changed.rowcount == 0:
		raise Conflict(code="TASK_OVER")


# The schema of Procrastinate 3.10, exactly as shipped: another version needs a migration step.
PINNED = "c70ec4b400a60ad9592787653aae5ae77ae41bf801d56b5bd2712751a07f2009"
_STATEMENT = re.compile(r"(?:--[^\n]*|'(?:[^']|'')*'|\$\$.*?\$\$|[^;])+", re.DOTALL)


def procrastinate_sql() -> tuple[str, ...]:
	"""The statements of Procrastinate's own schema. Raises RuntimeError when it is another one."""
	script = (resources.files("procrastinate.sql") / "schema.sql").read_text(encoding="utf-8")
	if hashlib.sha256(script.encode()).hexdigest() != PINNED:
		raise RuntimeError(
			"the schema of the installed Procrastinate is not the pinned one: "
			"write a migration step with its changes and pin it anew"
		)
	pieces = (piece.strip() for piece in _STATEMENT.findall(script))
	return tuple(piece for piece in pieces if re.sub(r"--[^\n]*", "", piece).strip())


def ddl() -> tuple[str, ...]:
	"""All statements of the queue, in order; run by the kernel's migration as the owner."""
	return (*procrastinate_sql(), *OURS)


_TABLES = (
	"procrastinate_jobs, procrastinate_workers, procrastinate_events, procrastinate_periodic_defers"
)

OURS: tuple[str, ...] = (
	# A NOTIFY takes one lock for the whole server at commit: with a job in each transaction 2,177
	# transactions/s become 943. Workers ask twice a second instead. Disabled rather than dropped,
	# so that Procrastinate's own upgrade scripts find what they expect.
	"alter table procrastinate_jobs disable trigger procrastinate_jobs_notify_queue_job_inserted_v1",
	"alter table procrastinate_jobs disable trigger procrastinate_jobs_notify_queue_job_aborted_v1",
	# A queueing lock is for jobs that never started. Kept by a running job, it would forbid its own
	# retry as soon as another one with the key waits.
	"""
	create function task_started() returns trigger language plpgsql as $$
	begin
		new.queueing_lock := null;
		return new;
	end $$
	""",
	"""
	create trigger task_started before update of status on procrastinate_jobs for each row
	when (old.status = 'todo' and new.status = 'doing') execute function task_started()
	""",
	"create index ix_procrastinate_jobs_tenant on procrastinate_jobs ((args ->> 'tenant'), id)",
	f"grant select, insert, update, delete on {_TABLES} to apg_worker, apg_system",
	f"grant select on {_TABLES} to apg_backup",
	"grant usage on sequence procrastinate_jobs_id_seq, procrastinate_events_id_seq, "
	"procrastinate_periodic_defers_id_seq to apg_worker, apg_system",
	# Which jobs took effect: written in the transaction of the task, so that a worker that dies
	# after the commit and before its acknowledgement repeats nothing.
	"""
	create table task_runs (
		job_id bigint primary key,
		done_at timestamptz not null default clock_timestamp()
	)
	""",
	"grant select, insert, delete on task_runs to apg_worker",
	"grant select on task_runs to apg_backup",
	"""
	create table task_progress (
		tenant_id uuid not null,
		task_key text not null,
		task_name text not null,
		state text not null check (state in ('waiting', 'running', 'done', 'failed', 'cancelled')),
		done bigint not null default 0,
		total bigint,
		rate double precision,
		report jsonb not null default '{}',
		cancel_requested boolean not null default false,
		started_at timestamptz,
		updated_at timestamptz not null default clock_timestamp(),
		primary key (tenant_id, task_key)
	)
	""",
	*protect_sql(
		"task_progress", audited=False, app="select, update", keep="90 days after updated_at"
	),
	"grant insert on task_progress to apg_worker, apg_system",
	"grant update, delete on task_progress to apg_system",
	*definer(
		"enqueue_task(p_tenant uuid, p_user uuid, p_request text, p_calls jsonb)",
		"bigint[]",
		f"""
		declare v_call jsonb; v_id bigint; v_ids bigint[] := array[]::bigint[]; v_lock text;
		begin
			if p_tenant is distinct from {TENANT} then
				raise insufficient_privilege using message = 'a task belongs to the bound tenant';
			end if;
			for v_call in select * from jsonb_array_elements(p_calls) loop
				if exists (select from jsonb_each(v_call -> 'ids') a
					where jsonb_typeof(a.value) in ('object', 'array')
					or length(a.value #>> '{{}}') > {TEXT_LIMIT})
				then
					raise check_violation using message = 'arguments of a task are ids and short scalars';
				end if;
				v_lock := p_tenant || '/' || (v_call ->> 'key');
				insert into procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args)
				values (v_call ->> 'queue', v_call ->> 'task', v_lock, v_lock, jsonb_build_object(
					'tenant', p_tenant, 'user', p_user, 'request', p_request, 'ids', v_call -> 'ids'))
				on conflict (queueing_lock) where status = 'todo' do nothing
				returning id into v_id;
				if v_id is not null and v_call ->> 'progress' is not null then
					insert into task_progress as t (tenant_id, task_key, task_name, state)
					values (p_tenant, v_call ->> 'progress', v_call ->> 'task', 'waiting')
					on conflict (tenant_id, task_key) do update set state = 'waiting', done = 0,
						total = null, rate = null, started_at = null, cancel_requested = false,
						report = '{{}}', updated_at = clock_timestamp()
					where t.state not in ('waiting', 'running');
				end if;
				v_ids := v_ids || v_id;
			end loop;
			return v_ids;
		end""",
		to="apg_app, apg_worker",
	),
	# What an administrator of a tenant sees of its jobs, and may start again.
	*definer(
		"task_list(p_limit integer)",
		"table (id bigint, task text, state text, attempts integer, ids jsonb, key text, "
		"scheduled_at timestamptz, asked_at timestamptz, changed_at timestamptz)",
		f"""
		begin
			return query select j.id, j.task_name::text, j.status::text, j.attempts,
				j.args -> 'ids', j.lock, j.scheduled_at, min(e.at), max(e.at)
			from procrastinate_jobs j left join procrastinate_events e on e.job_id = j.id
			where j.args ->> 'tenant' = {TENANT}::text
			group by j.id order by j.id desc limit p_limit;
		end""",
		to="apg_app, apg_worker",
	),
	*definer(
		"task_retry(p_job bigint)",
		"boolean",
		f"""
		begin
			update procrastinate_jobs j set status = 'todo', scheduled_at = null, attempts = 0
			where j.id = p_job and j.status = 'failed' and j.args ->> 'tenant' = {TENANT}::text;
			return found;
		end""",
		to="apg_app, apg_worker",
	),
	# Jobs whose worker was not heard of: again, until the task's retries are used up. One
	# statement, so that two workers that look at once take each job once.
	*definer(
		"task_requeue(p_seconds double precision, p_retries jsonb)",
		"bigint",
		"""
		declare v_count bigint;
		begin
			with stalled as (
				select j.id, j.attempts >= coalesce((p_retries ->> j.task_name)::integer, 5) as spent
				from procrastinate_jobs j
				where j.status = 'doing' and not exists (select from procrastinate_workers w
					where w.id = j.worker_id
					and w.last_heartbeat > clock_timestamp() - make_interval(secs => p_seconds))
				for update of j skip locked)
			update procrastinate_jobs j set attempts = j.attempts + 1, worker_id = null,
				scheduled_at = clock_timestamp(),
				status = case when s.spent then 'failed' else 'todo' end::procrastinate_job_status
			from stalled s where s.id = j.id;
			get diagnostics v_count = row_count;
			delete from procrastinate_workers w
				where w.last_heartbeat < clock_timestamp() - make_interval(secs => p_seconds);
			return v_count;
		end""",
		to="apg_worker",
	),
)
