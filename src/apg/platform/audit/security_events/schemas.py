"""What is given of a security event."""

from apg.kernel.security_events import RISK
from apg.kernel.web.lists import Column, Filter, ListSpec
from apg.kernel.web.wire import IdText, Moment, WireModel

KINDS = tuple((kind, kind.replace("_", " ").capitalize()) for kind in RISK)
RISKS = (("low", "Low"), ("medium", "Medium"), ("high", "High"), ("critical", "Critical"))
COLUMNS = (
	Column("last_at", "Last", sortable=True, kind="datetime"),
	Column("kind", "What", kind="state"),
	Column("risk", "Risk", kind="state"),
	Column("user_name", "Who"),
	Column("route", "Where"),
	Column("times", "Times", sortable=True, kind="number"),
	Column("address", "Address"),
	Column("agent", "Program", default_visible=False),
	Column("first_at", "First", kind="datetime", default_visible=False),
)
FILTERS = (
	Filter("kind", "What", "choice", KINDS, many=True),
	Filter("risk", "Risk", "choice", RISKS, many=True),
	Filter("user", "Id of the person"),
	Filter("from", "From", "date"),
	Filter("to", "To", "date"),
)
EVENTS = ListSpec(COLUMNS, FILTERS, default_sort="-last_at")
EVENTS_API = ListSpec(
	COLUMNS, FILTERS, default_sort="-last_at", page_sizes=(50,), max_page_size=500, paging="offset"
)


class SecurityEventOut(WireModel):
	"""What one caller tried on one route in one minute, and how often."""

	id: IdText
	kind: str
	risk: str
	subject: str
	route: str
	times: int
	user_id: IdText | None
	user_name: str | None
	address: str
	agent: str
	first_at: Moment
	last_at: Moment
