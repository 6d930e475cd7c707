"""What is given of an entry."""

from typing import Any

from apg.kernel.web.lists import Column, Filter, ListSpec
from apg.kernel.web.wire import IdText, Moment, WireModel

OPERATIONS = (
	("insert", "Created"),
	("update", "Changed"),
	("delete", "Deleted"),
	("bulk", "Many rows"),
)
COLUMNS = (
	Column("occurred_at", "When", kind="datetime"),
	Column("user_name", "Who"),
	Column("operation", "What", kind="state"),
	Column("table", "Kind of row"),
	Column("row_id", "Row"),
	Column("changes", "Changes"),
	Column("action", "Action", default_visible=False),
	Column("origin", "Through", default_visible=False),
	Column("request_id", "Request", default_visible=False),
	Column("seq", "Number", sortable=True, kind="number", default_visible=False),
)
FILTERS = (
	Filter("table", "Kind of row"),
	Filter("row_id", "Id of the row"),
	Filter("user", "Id of the person"),
	Filter("action", "Action"),
	Filter("operation", "Operation", "choice", OPERATIONS, many=True),
	Filter("from", "From", "date"),
	Filter("to", "To", "date"),
	Filter("request_id", "Id of the request"),
	Filter("before", "Before number", "number"),
)
# The page goes on by page numbers; `before` is for programs.
TRAIL = ListSpec(
	COLUMNS, tuple(one for one in FILTERS if one.name != "before"), default_sort="-seq"
)
TRAIL_API = ListSpec(
	COLUMNS, FILTERS, default_sort="-seq", page_sizes=(50,), max_page_size=500, paging="offset"
)

FORMATS = (("zip", "CSV, JSON lines and proofs"), ("csv", "CSV"), ("jsonl", "JSON lines"))
TRAIL_EXPORT = ListSpec(
	COLUMNS,
	(
		*FILTERS,
		Filter("format", "Format", "choice", FORMATS),
		Filter("raw", "For programs: no guard against formulas", "bool"),
	),
	default_sort="-seq",
	page_sizes=(50,),
	max_page_size=500,
	paging="offset",
)


class EntryOut(WireModel):
	"""One change of one row, or one bulk change.

	`before` and `after` hold the changed columns of an update, all of them of an insert or delete;
	secrets and personal data read "redacted". `user_id` null is the system.
	"""

	seq: int
	occurred_at: Moment
	user_id: IdText | None
	user_name: str | None
	action: str
	operation: str
	table: str
	row_id: str | None
	before: dict[str, Any] | None
	after: dict[str, Any] | None
	origin: str
	request_id: str
