"""Questions to the queue and to failed events, through what the tenant may see of them."""

from typing import Any

from sqlalchemy import (
	BigInteger,
	Boolean,
	DateTime,
	Double,
	Integer,
	Text,
	and_,
	case,
	cast,
	column,
	func,
	literal,
	or_,
	select,
	table,
)
from sqlalchemy.dialects.postgresql import JSONB

SEEN = 10_000  # of the latest jobs of a tenant; they are kept for seven days
STATES = {
	"todo": "waiting",
	"doing": "running",
	"succeeded": "done",
	"failed": "failed",
	"cancelled": "cancelled",
	"aborting": "cancelled",
	"aborted": "cancelled",
}
_time = DateTime(timezone=True)

PROGRESS = table(
	"task_progress",
	column("task_key", Text()),
	column("task_name", Text()),
	column("done", BigInteger()),
	column("total", BigInteger()),
	column("rate", Double()),
	column("report", JSONB()),
	column("cancel_requested", Boolean()),
	column("started_at", _time),
	column("updated_at", _time),
)
FAILURES = table(
	"event_failures",
	column("consumer", Text()),
	column("epoch", BigInteger()),
	column("xid", Text()),
	column("seq", BigInteger()),
	column("name", Text()),
	column("state", Text()),
	column("attempts", Integer()),
	column("next_at", _time),
	column("error", Text()),
	column("occurred_at", _time),
	column("failed_at", _time),
)


def select_jobs() -> Any:
	"""The tenant's jobs in their wire form, progress joined where the task tells it."""
	listed: Any = func.task_list(SEEN).table_valued(
		column("id", BigInteger()),
		column("task", Text()),
		column("state", Text()),
		column("attempts", Integer()),
		column("ids", JSONB()),
		column("key", Text()),
		column("scheduled_at", _time),
		column("asked_at", _time),
		column("changed_at", _time),
		name="jobs",
	)
	j, p = listed.c, PROGRESS.c
	# The lock reads <tenant>/<task>/<key>; a task without a key tells its progress under its number.
	key = func.coalesce(func.substr(j.key, func.length(j.task) + 39), cast(j.id, Text()))
	# One row per key tells of its latest run: a job that ended before that run began has none.
	latest = or_(
		j.state == "todo", j.state == "doing", p.started_at.is_(None), j.changed_at >= p.started_at
	)
	same = and_(p.task_key == key, p.task_name == j.task, latest)
	return select(
		j.id.label("id"),
		j.task.label("task"),
		case(STATES, value=j.state).label("state"),
		j.attempts.label("attempts"),
		j.ids.label("ids"),
		j.asked_at.label("asked_at"),
		j.scheduled_at.label("scheduled_at"),
		j.changed_at.label("changed_at"),
		p.done.label("done"),
		p.total.label("total"),
		p.rate.label("rate"),
		p.report.label("report"),
		func.coalesce(p.cancel_requested, literal(False)).label("cancel_requested"),
	).select_from(listed.outerjoin(PROGRESS, same))


def select_failures() -> Any:
	"""The tenant's failed events in their wire form; the id names consumer and place in the log."""
	f = FAILURES.c
	place = func.concat(f.epoch, "-", f.xid, "-", f.seq)
	return select(
		func.concat(f.consumer, ":", place).label("id"),
		f.consumer.label("consumer"),
		f.name.label("event"),
		place.label("position"),
		f.state.label("state"),
		f.attempts.label("attempts"),
		f.next_at.label("next_at"),
		f.error.label("error"),
		f.occurred_at.label("occurred_at"),
		f.failed_at.label("failed_at"),
	)
