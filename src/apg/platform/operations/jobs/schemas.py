"""What is given of tasks and failures."""

from typing import Any

from apg.kernel.web.lists import Column, Filter, ListSpec
from apg.kernel.web.wire import Moment, WireModel

JOB_STATES = (
	("waiting", "Waiting"),
	("running", "Running"),
	("done", "Done"),
	("failed", "Failed"),
	("cancelled", "Cancelled"),
)
FAILURE_STATES = (
	("waiting", "Tried again soon"),
	("parked", "Waits behind another"),
	("exhausted", "Given up"),
)
JOB_COLUMNS = (
	Column("task", "Task", sortable=True),
	Column("state", "State", kind="state"),
	Column("progress", "Progress"),
	Column("attempts", "Tries", kind="number"),
	Column("asked_at", "Asked", sortable=True, kind="datetime"),
	Column("changed_at", "Last change", kind="datetime"),
	Column("id", "Number", sortable=True, kind="number", default_visible=False),
)
JOB_FILTERS = (
	Filter("state", "State", "choice", JOB_STATES, many=True),
	Filter("task", "Task"),
)
JOBS = ListSpec(JOB_COLUMNS, JOB_FILTERS, default_sort="-id")
JOBS_API = ListSpec(
	JOB_COLUMNS,
	JOB_FILTERS,
	default_sort="-id",
	page_sizes=(50,),
	max_page_size=500,
	paging="offset",
)
FAILURE_COLUMNS = (
	Column("failed_at", "Failed", sortable=True, kind="datetime"),
	Column("consumer", "Reader"),
	Column("event", "Event"),
	Column("state", "State", kind="state"),
	Column("attempts", "Tries", kind="number"),
	Column("error", "Reason"),
	Column("next_at", "Next try", kind="datetime", default_visible=False),
	Column("occurred_at", "Happened", kind="datetime", default_visible=False),
)
FAILURE_FILTERS = (
	Filter("state", "State", "choice", FAILURE_STATES, many=True),
	Filter("consumer", "Reader"),
	Filter("event", "Event"),
)
FAILURES = ListSpec(FAILURE_COLUMNS, FAILURE_FILTERS, default_sort="-failed_at")
FAILURES_API = ListSpec(
	FAILURE_COLUMNS,
	FAILURE_FILTERS,
	default_sort="-failed_at",
	page_sizes=(50,),
	max_page_size=500,
	paging="offset",
)


class JobOut(WireModel):
	"""A task of the company; `done` of `total` steps at `rate` per second where it tells them."""

	id: int
	task: str
	state: str
	attempts: int
	ids: dict[str, Any]
	asked_at: Moment | None
	scheduled_at: Moment | None
	changed_at: Moment | None
	done: int | None
	total: int | None
	rate: float | None
	report: dict[str, Any] | None
	cancel_requested: bool


class FailureOut(WireModel):
	"""An event that one of its readers could not handle."""

	id: str
	consumer: str
	event: str
	position: str
	state: str
	attempts: int
	next_at: Moment | None
	error: str
	occurred_at: Moment
	failed_at: Moment
