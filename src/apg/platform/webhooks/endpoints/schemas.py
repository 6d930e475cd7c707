"""What is taken and given of a webhook."""

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from apg.kernel.texts import _
from apg.kernel.web.lists import Column, Filter, ListSpec
from apg.kernel.web.wire import IdText, Line, Moment, WireModel, formed

COLUMNS = (
	Column("name", "Name", sortable=True),
	Column("url", "Address"),
	Column("events", "Events"),
	Column("standing", "State", kind="state"),
	Column("last_success_at", "Last arrived", kind="datetime"),
	Column("created_at", "Made", sortable=True, kind="datetime", default_visible=False),
)
FILTERS = (Filter("is_active", "On", "bool"),)
LIST = ListSpec(COLUMNS, FILTERS, default_sort="name")
LIST_API = ListSpec(
	COLUMNS,
	FILTERS,
	default_sort="name",
	page_sizes=(50,),
	max_page_size=500,
	paging="offset",
)
Name = Annotated[Line, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Url = Annotated[Line, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
Pattern = Annotated[
	Line,
	StringConstraints(max_length=200),
	formed(
		r"\*|[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*(\.\*)?",
		lambda: _("Write * for all, plm.* for a part, or the whole name of an event."),
	),
]
Patterns = Annotated[list[Pattern], Field(min_length=1, max_length=50)]


class WebhookIn(WireModel):
	"""A webhook of one's own; `events` are names, beginnings such as `plm.product.*`, or `*`."""

	model_config = ConfigDict(
		extra="forbid",
		json_schema_extra={
			"examples": [
				{
					"name": "Purchasing",
					"url": "https://hooks.example.com/apg",
					"events": ["plm.product.*"],
				}
			]
		},
	)

	name: Name
	url: Url
	events: Patterns = ["*"]
	is_active: bool = True


class WebhookPatch(WireModel):
	"""Whoever changes where or what is sent becomes the owner: what goes out is what he may read."""

	model_config = ConfigDict(
		extra="forbid", json_schema_extra={"examples": [{"name": "Buyers", "is_active": False}]}
	)

	name: Name | None = None
	url: Url | None = None
	events: Patterns | None = None
	is_active: bool | None = None


class WebhookOut(WireModel):
	"""A webhook without its secrets; `standing` is ok, failing, paused (tried again later) or off."""

	id: IdText
	name: str
	url: str
	events: list[str]
	owner_id: IdText
	is_active: bool
	standing: str
	last_failure: str | None
	last_success_at: Moment | None
	previous_secret_until: Moment | None
	created_at: Moment
	updated_at: Moment
	version: int


class NewWebhookOut(WebhookOut):
	"""The secret is in this answer and never again."""

	secret: str


class EventKindOut(WireModel):
	"""An event a webhook of the caller's may carry."""

	name: str
	text: str
	needs: str
