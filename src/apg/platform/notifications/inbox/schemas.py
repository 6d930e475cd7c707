"""What is given of a message, and what may be asked of it."""

from pydantic import ConfigDict

from apg.contracts.notifications import Priority
from apg.kernel.web.lists import Column, Filter, ListSpec
from apg.kernel.web.wire import IdText, Moment, WireModel

PRIORITIES = tuple((one.value, one.value.capitalize()) for one in Priority)
COLUMNS = (
	Column("subject", "Subject"),
	Column("kind", "Kind", default_visible=False),
	Column("priority", "Priority", sortable=True, kind="state"),
	Column("created_at", "When", sortable=True, kind="datetime"),
)
FILTERS = (
	Filter("unread", "Unread", "bool"),
	Filter("kind", "Kind"),
	Filter("priority", "Priority", "choice", PRIORITIES, many=True),
)
# The page asks for what matters to a person; kinds are words for programs.
INBOX = ListSpec(
	COLUMNS, tuple(one for one in FILTERS if one.name != "kind"), default_sort="-created_at"
)
INBOX_API = ListSpec(
	COLUMNS,
	FILTERS,
	default_sort="-created_at",
	page_sizes=(50,),
	max_page_size=250,
	paging="offset",
)


class MessageOut(WireModel):
	"""A message to the caller."""

	id: IdText
	kind: str
	subject: str
	message: str
	action_url: str | None
	priority: Priority
	read_at: Moment | None
	created_at: Moment
	version: int


class MessagePatch(WireModel):
	"""Read, or unread again."""

	model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"read": True}]})

	read: bool


class MarkedOut(WireModel):
	"""How many messages were unread before."""

	marked: int
