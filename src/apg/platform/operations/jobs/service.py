"""Looking at tasks and failures of the own company, starting them again, calling them off."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import any_, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from apg.kernel.database import load_json
from apg.kernel.errors import Conflict, NotFound
from apg.kernel.events import Position
from apg.kernel.json_rows import Page, one
from apg.kernel.texts import _
from apg.kernel.web.lists import ListState
from apg.kernel.work import Work
from apg.platform.operations.jobs.models import FAILURES, select_failures, select_jobs

LARGEST_ID = 2**63 - 1


class NotFailed(Conflict):
	"""Only what failed can be started again."""

	code = "TASK_NOT_FAILED"


class TaskOver(Conflict):
	"""What has ended cannot be called off."""

	code = "TASK_OVER"


class CannotStop(Conflict):
	"""A short task that runs ends by itself."""

	code = "TASK_CANNOT_STOP"


def _texts(values: Sequence[str]) -> Any:
	return bindparam(None, list(values), ARRAY(Text()))


async def jobs(work: Work, state: ListState) -> Page:
	"""One page of the company's tasks, the latest first unless asked otherwise."""
	listed = select_jobs().subquery("listed")
	query = listed.select()
	if states := state.values("state"):
		query = query.where(listed.c.state == any_(_texts(states)))
	if (task := state["task"]) is not None:
		query = query.where(listed.c.task == task)
	columns: dict[str, Any] = {name: listed.c[name] for name in ("id", "task", "asked_at")}
	query = state.window(query, columns, listed.c.id.desc()).limit(None).offset(None)
	return await work.read_list(query, limit=state.page_size, offset=state.offset)


async def job(work: Work, job_id: str) -> bytes:
	"""One task. Raises NotFound, also for another company's."""
	number = _number(job_id)
	listed = select_jobs().subquery("listed")
	await work.flush()
	found = await one(work, listed.select().where(listed.c.id == number), {})
	if found is None:
		raise NotFound(_("{what} not found", what=_("task")))
	return found.body


async def retry(work: Work, job_id: str) -> bytes:
	"""Queues a failed task again, with all its tries. Raises NotFailed."""
	number, held = _number(job_id), load_json(await job(work, job_id))
	again = await (await work.connection()).exec_driver_sql("select task_retry($1)", (number,))
	if not again.scalar_one():
		text = _(
			"This task is {state}; only a failed one can be started again.", state=held["state"]
		)
		raise NotFailed(text)
	return await job(work, job_id)


async def cancel(work: Work, job_id: str) -> bytes:
	"""Takes a waiting task out of the queue, or asks a running one of many steps to stop.

	Raises TaskOver when it has ended, CannotStop when it runs in one step.
	"""
	await job(work, job_id)
	row = await (await work.connection()).exec_driver_sql(
		"select task_call_off($1)", (_number(job_id),)
	)
	verdict = row.scalar_one()
	if verdict == "over":
		raise TaskOver(_("This task has ended already."))
	if verdict == "running":
		raise CannotStop(_("This task runs in one step and ends by itself; nothing was stopped."))
	return await job(work, job_id)


def _number(job_id: str) -> int:
	if job_id.isascii() and job_id.isdigit() and int(job_id) <= LARGEST_ID:
		return int(job_id)
	raise NotFound(_("{what} not found", what=_("task")))


async def failures(work: Work, state: ListState) -> Page:
	"""One page of the company's failed events, the latest first unless asked otherwise."""
	f = FAILURES.c
	query = select_failures()
	if states := state.values("state"):
		query = query.where(f.state == any_(_texts(states)))
	for name, column in (("consumer", f.consumer), ("event", f.name)):
		if state[name] is not None:
			query = query.where(column == state[name])
	query = state.window(query, {"failed_at": f.failed_at}, f.seq).limit(None).offset(None)
	return await work.read_list(query, limit=state.page_size, offset=state.offset)


async def failure(work: Work, failure_id: str) -> bytes:
	"""One failed event. Raises NotFound, also for another company's."""
	consumer, position = _place(failure_id)
	f = FAILURES.c
	query = select_failures().where(
		f.consumer == consumer, f.epoch == position.epoch, f.seq == position.seq
	)
	found = await one(work, query, {})
	if found is None:
		raise NotFound(_("{what} not found", what=_("failure")))
	return found.body


async def retry_failure(work: Work, failure_id: str) -> bytes:
	"""Hands the event to its reader again within a second, with all its tries."""
	await failure(work, failure_id)
	await _touch(
		work,
		failure_id,
		"update event_failures set state = 'waiting', attempts = 0, next_at = clock_timestamp() "
		"where consumer = $1 and epoch = $2 and seq = $3 and state <> 'parked'",
	)
	return await failure(work, failure_id)


async def drop_failure(work: Work, failure_id: str) -> None:
	"""Gives the event up for good: its reader never handles it."""
	await failure(work, failure_id)
	await _touch(
		work,
		failure_id,
		"delete from event_failures where consumer = $1 and epoch = $2 and seq = $3",
	)


async def _touch(work: Work, failure_id: str, statement: str) -> None:
	consumer, position = _place(failure_id)
	values = (consumer, position.epoch, position.seq)
	await (await work.connection()).exec_driver_sql(statement, values)


def _place(failure_id: str) -> tuple[str, Position]:
	consumer, _colon, text = failure_id.rpartition(":")
	try:
		position = Position.parse(text)
	except ValueError:
		position = None
	if position is None or not consumer or max(position) > LARGEST_ID:
		raise NotFound(_("{what} not found", what=_("failure")))
	return consumer, position
