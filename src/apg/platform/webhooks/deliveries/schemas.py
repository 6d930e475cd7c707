"""What is given of a delivery, and which may be sent again."""

from pydantic import ConfigDict, Field

from apg.kernel.web.lists import Column, Filter, ListSpec
from apg.kernel.web.wire import IdText, Moment, WireModel

STATES = (
	("waiting", "Waiting"),
	("sending", "Being sent"),
	("delivered", "Delivered"),
	("dead", "Given up"),
	("withheld", "Withheld"),
	("replayed", "Sent again"),
)
COLUMNS = (
	Column("created_at", "When", sortable=True, kind="datetime"),
	Column("webhook", "Webhook"),
	Column("event", "Event"),
	Column("state", "State", kind="state"),
	Column("attempts", "Tries", kind="number"),
	Column("status_code", "Status", kind="number"),
	Column("answer", "Answer"),
	Column("duration_ms", "Took", kind="number", unit="ms", default_visible=False),
	Column("next_at", "Next try", kind="datetime", default_visible=False),
	Column("position", "Place in the log", default_visible=False),
)
FILTERS = (
	Filter("state", "State", "choice", STATES, many=True),
	Filter("event", "Event"),
	Filter("webhook_id", "Webhook"),
)
LIST = ListSpec(COLUMNS, FILTERS, default_sort="-created_at")
LIST_API = ListSpec(
	COLUMNS,
	FILTERS,
	default_sort="-created_at",
	page_sizes=(50,),
	max_page_size=500,
	paging="offset",
)


class DeliveryOut(WireModel):
	"""One delivery: how it stands, the status and the first 200 characters of the last answer."""

	id: IdText
	webhook_id: IdText
	webhook: str
	event: str
	position: str | None
	state: str
	attempts: int
	status_code: int | None
	answer: str | None
	failure: str | None
	duration_ms: int | None
	replay_of: IdText | None
	occurred_at: Moment
	created_at: Moment
	tried_at: Moment | None
	delivered_at: Moment | None
	next_at: Moment


class ReplayIn(WireModel):
	"""Deliveries that were given up, of one webhook or all, the oldest first."""

	model_config = ConfigDict(
		extra="forbid",
		json_schema_extra={"examples": [{"event": "plm.product.created.v1", "limit": 100}]},
	)

	webhook_id: IdText | None = None
	event: str | None = Field(default=None, max_length=200)
	since: Moment | None = None
	until: Moment | None = None
	limit: int = Field(default=1_000, ge=1, le=1_000)


class ReplayedOut(WireModel):
	"""How many are on their way again."""

	replayed: int
