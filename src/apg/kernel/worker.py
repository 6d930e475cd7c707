"""The worker: runs tasks in a Work of their tenant, re-queues stalled ones, keeps the schedules."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

import orjson
import procrastinate
import psycopg
import structlog
from procrastinate.exceptions import ConnectorException, JobAborted
from procrastinate.job_context import JobContext
from procrastinate.jobs import Job
from procrastinate.retry import BaseRetryStrategy, RetryDecision
from psycopg_pool import PoolTimeout
from sqlalchemy.exc import DBAPIError

from apg.kernel import growth, observe, retention, uploads
from apg.kernel.errors import PermissionDenied, Unauthenticated
from apg.kernel.events import GiveUp, Retry, backoff
from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime
from apg.kernel.stamps import utc_now
from apg.kernel.tasks import Cancelled, Task
from apg.kernel.work import Origin, Work, open_work

# (tenant, person or None) → who acts: the system inside that tenant, or the person with the rights
# and capabilities of this moment. Raises PermissionDenied when the person is no longer there.
PrincipalOf = Callable[[str, str | None], Awaitable[Principal]]

POLL_SECONDS = 0.5
HEARTBEAT_SECONDS = 10.0
STALLED_SECONDS = 60.0
STALLED_CHECK_SECONDS = 30.0
RESTART_SECONDS = 1.0
MISSED_SECONDS = 3_600.0  # a schedule missed by less than this is made up for
NOBODY = "00000000-0000-0000-0000-000000000000"  # the tenant of installation tasks: it has no rows

_log = structlog.get_logger("apg.worker")


@dataclass(frozen=True, slots=True)
class Run:
	"""What a task of several steps gets instead of one Work."""

	runtime: Runtime
	principal: Principal
	task: Task
	key: str
	job_id: int
	attempt: int
	request_id: str = ""

	def open(self, *, read_only: bool = False) -> AbstractAsyncContextManager[Work]:
		"""One step: a short transaction of the tenant."""
		return open_work(
			self.runtime,
			self.principal,
			action=self.task.name,
			origin=Origin("task", self.request_id),
			read_only=read_only,
		)

	async def report(
		self, work: Work, done: int, total: int | None = None, report: dict[str, Any] | None = None
	) -> None:
		"""Says how far the task is, seen when `work` commits. Raises Cancelled when asked to stop."""
		if await _state(work, self, "running", done, total, report):
			raise Cancelled(self.key)


async def _state(
	work: Work,
	run: Run,
	state: str,
	done: int | None = None,
	total: int | None = None,
	report: dict[str, Any] | None = None,
) -> bool:
	"""Moves the row of progress on; answers whether somebody asked to stop."""
	told = None if report is None else orjson.dumps(report, default=str).decode()
	row = await (await work.connection()).exec_driver_sql(
		"""
		insert into task_progress as p (tenant_id, task_key, task_name, state, done, total, report,
			started_at)
		values ($1, $2, $3, $4, coalesce($5, 0), $6, coalesce($7::text::jsonb, '{}'), clock_timestamp())
		on conflict (tenant_id, task_key) do update set
			state = excluded.state, done = coalesce($5, p.done), total = coalesce($6, p.total),
			report = case when $7 is null then p.report else excluded.report end,
			started_at = coalesce(p.started_at, clock_timestamp()), updated_at = clock_timestamp(),
			rate = coalesce($5, p.done) / greatest(0.001,
				extract(epoch from clock_timestamp() - coalesce(p.started_at, clock_timestamp())))
		returning p.cancel_requested
		""",
		(run.principal.tenant_id, run.key, run.task.name, state, done, total, told),
	)
	return bool(row.scalar_one())


class TaskWorker:
	"""Takes jobs from the queue until it is told to stop."""

	def __init__(
		self,
		runtime: Runtime,
		principal_of: PrincipalOf,
		database_url: str,
		*,
		concurrency: int = 4,
		stop_seconds: float = 20.0,
	) -> None:
		self.runtime = runtime
		self.principal_of = principal_of
		self.concurrency = concurrency
		self.stop_seconds = stop_seconds
		composition = runtime.composition
		owned = [
			replace(task, capability=task.capability or capability.short)
			for capability in composition.capabilities
			for task in capability.tasks
		]
		self.tasks = {
			task.name: task for task in (*growth.TASKS, *uploads.TASKS, *retention.TASKS, *owned)
		}
		self.schedules = (
			*growth.SCHEDULES,
			*uploads.SCHEDULES,
			*retention.SCHEDULES,
			*composition.schedules,
		)
		self.queue = procrastinate.App(
			connector=procrastinate.PsycopgConnector(
				conninfo=database_url, min_size=1, max_size=concurrency + 1, timeout=10
			),
			periodic_defaults={"max_delay": MISSED_SECONDS},
		)
		for task in self.tasks.values():
			self._serve(task.name, task.queue, partial(self.run_job, task), _Retries(task.retries))
		for schedule in self.schedules:
			task = self.tasks[schedule.task.name]
			served = self._serve(
				f"schedule/{task.name}/{schedule.cron}",
				task.queue,
				partial(self.start_scheduled, task),
				_Retries(10),
			)
			self.queue.periodic(cron=schedule.cron)(served)

	def _serve(
		self,
		name: str,
		queue: str,
		function: Callable[..., Awaitable[None]],
		retry: BaseRetryStrategy,
	) -> Any:
		async def call(context: JobContext, **arguments: Any) -> None:
			await function(context, **arguments)

		return self.queue.task(name=name, queue=queue, pass_context=True, retry=retry)(call)

	async def run(self, stop: asyncio.Event) -> None:
		"""Works until `stop`; running tasks get `stop_seconds` to end, then start over elsewhere.

		A worker that ends by itself, because the database went away, is started again.
		"""
		watcher = asyncio.create_task(self._requeue_stalled())
		stopped = asyncio.create_task(stop.wait())
		try:
			while not stop.is_set():
				try:
					async with self.queue.open_async():
						await self._work(stopped)
				except (ConnectorException, psycopg.Error, PoolTimeout, OSError) as error:
					_log.warning("worker paused", error=type(error).__name__)
				if not stop.is_set():
					await asyncio.wait({stopped}, timeout=RESTART_SECONDS)
		finally:
			watcher.cancel()
			stopped.cancel()

	async def _work(self, stopped: "asyncio.Task[Any]") -> None:
		worker = asyncio.create_task(
			self.queue.run_worker_async(
				concurrency=self.concurrency,
				fetch_job_polling_interval=POLL_SECONDS,
				listen_notify=False,
				install_signal_handlers=False,
				update_heartbeat_interval=HEARTBEAT_SECONDS,
				stalled_worker_timeout=STALLED_SECONDS,
				shutdown_graceful_timeout=self.stop_seconds,
			)
		)
		try:
			await asyncio.wait({worker, stopped}, return_when=asyncio.FIRST_COMPLETED)
		finally:
			if not worker.done():
				worker.cancel()  # which Procrastinate takes as the wish to stop gracefully
		with contextlib.suppress(asyncio.CancelledError):
			await worker

	async def requeue_stalled(self, seconds: float = STALLED_SECONDS) -> int:
		"""Puts back jobs whose worker has not been heard of for so long; their number."""
		retries = orjson.dumps({task.name: task.retries for task in self.tasks.values()}).decode()
		async with self.runtime.engine.begin() as connection:
			rows = await connection.exec_driver_sql(
				"select task_requeue($1, $2::text::jsonb)", (seconds, retries)
			)
			return rows.scalar_one()

	async def _requeue_stalled(self) -> None:
		# Not a job of the queue: where all slots are taken by stuck tasks it would never run.
		while True:
			await asyncio.sleep(STALLED_CHECK_SECONDS * random.uniform(0.9, 1.1))
			try:
				if count := await self.requeue_stalled():
					_log.warning("stalled jobs queued again", jobs=count)
			except (DBAPIError, OSError) as error:
				if (me := asyncio.current_task()) and me.cancelling():
					raise asyncio.CancelledError from error
				_log.warning("stalled jobs not looked for", error=str(error)[:200])

	async def run_job(
		self,
		task: Task,
		context: JobContext,
		*,
		tenant: str = NOBODY,
		user: str | None = None,
		request: str = "",
		ids: dict[str, Any] | None = None,
	) -> None:
		"""Runs one job; the effect of a plain task and the note of it commit together."""
		ids = ids or {}
		job_id = context.job.id or 0
		if task.installation:
			principal = Principal.system(NOBODY)
		else:
			principal = await self.principal_of(tenant, user if task.as_user else None)
			on = principal.enabled | self.runtime.composition.always_on
			if task.capability and task.capability not in on:
				_log.info("task left out, capability is off", task=task.name, tenant=tenant)
				return
			if task.permission is not None and not principal.may(task.permission):
				raise PermissionDenied(str(task.permission))
		key = task.key_of(ids) or str(job_id)
		run = Run(self.runtime, principal, task, key, job_id, context.job.attempts + 1, request)
		slow_ms = self.runtime.settings.slow_operation_ms
		facts = {"task": task.name, "capability": task.capability, "tenant_id": tenant}
		with observe.watched("task", f"task {task.name}", slow_ms, **facts, request_id=request):
			await self._run(run, ids)

	async def _run(self, run: Run, ids: dict[str, Any]) -> None:
		if run.task.installation:
			await run.task.function(run, **ids)
		elif run.task.steps:
			await self._run_steps(run, ids)
		else:
			async with run.open() as work:
				note = await (await work.connection()).exec_driver_sql(
					"insert into task_runs (job_id) values ($1) on conflict do nothing",
					(run.job_id,),
				)
				if note.rowcount:
					await run.task.function(work, **ids)

	async def _run_steps(self, run: Run, ids: dict[str, Any]) -> None:
		async def move(state: str, report: dict[str, Any] | None = None) -> bool:
			async with run.open() as work:
				return await _state(work, run, state, report=report)

		try:
			if await move("running"):
				raise Cancelled(run.key)
			await run.task.function(run, **ids)
		except Cancelled:
			await move("cancelled")
		except Exception as error:
			if isinstance(error, _FINAL) or run.attempt > run.task.retries:
				await move("failed", {"error": type(error).__name__})
			raise
		else:
			await move("done")

	async def start_scheduled(self, task: Task, context: JobContext, timestamp: int) -> None:
		"""Enqueues a scheduled task for each tenant, all or none and once, however often it runs."""
		async with self.runtime.engine.begin() as connection:
			note = await connection.exec_driver_sql(
				"insert into task_runs (job_id) values ($1) on conflict do nothing",
				(context.job.id,),
			)
			if note.rowcount == 0:
				return
			tenants = "select $3::uuid" if task.installation else "select * from tenant_ids()"
			await connection.exec_driver_sql(
				f"""
				insert into procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args)
				select $1::text, $2::text, k.key, k.key, jsonb_build_object(
					'tenant', t.id, 'user', null, 'request', '', 'ids', '{{}}'::jsonb)
				from ({tenants}) as t(id), lateral (
					select t.id || '/' || $2::text || '/scheduled' as key) k
				where $3::uuid is not null
				on conflict (queueing_lock) where status = 'todo' do nothing
				""",
				(task.queue, task.name, NOBODY),
			)


_FINAL = (GiveUp, PermissionDenied, Unauthenticated)


class _Retries(BaseRetryStrategy):
	"""Doubling pauses with jitter; at once after a stop; never when no retry can help."""

	def __init__(self, retries: int) -> None:
		self.retries = retries

	def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
		if isinstance(exception, asyncio.CancelledError | JobAborted):
			return RetryDecision(retry_at=utc_now())
		if isinstance(exception, _FINAL) or job.attempts >= self.retries:
			return None
		after = exception.seconds if isinstance(exception, Retry) else backoff(job.attempts + 1)
		return RetryDecision(retry_at=utc_now() + timedelta(seconds=after))
