"""The list of changes: what it offers, for pages and API alike."""

from typing import Any

from apg.capabilities.plm.changes import reading
from apg.capabilities.plm.changes.models import Change
from apg.capabilities.plm.shared.change_states import (
	OPEN,
	ChangeKind,
	ChangeStatus,
	ChangeType,
	Priority,
)
from apg.kernel.database import AnySelect
from apg.kernel.json_rows import Page
from apg.kernel.rows import texts
from apg.kernel.search import found_by
from apg.kernel.web.lists import Column, Filter, ListSpec, ListState
from apg.kernel.work import Work


def _choices(values: Any) -> list[tuple[str, str]]:
	return [(str(one), str(one).replace("_", " ").capitalize()) for one in values]


FILTERS = (
	Filter("search", "Find a change"),
	Filter("status", "State", "choice", _choices(ChangeStatus), many=True),
	Filter("kind", "Kind", "choice", _choices(ChangeKind), many=True),
	Filter("change_type", "Reason", "choice", _choices(ChangeType)),
	Filter("priority", "Priority", "choice", _choices(Priority), many=True),
	Filter("waiting", "Waiting for me", "bool"),
	Filter("overdue", "Overdue", "bool"),
	Filter("open", "Open", "bool"),
	Filter("mine", "Raised by me", "bool"),
	Filter("product_id", "Number of a product"),
)
CHANGES = ListSpec(
	columns=(
		Column("change_number", "Number", sortable=True),
		Column("change_title", "Title", sortable=True),
		Column("status", "State", sortable=True, kind="state"),
		Column("kind", "Kind"),
		Column("change_type", "Reason"),
		Column("priority", "Priority", sortable=True),
		Column("item_count", "Products", kind="number"),
		Column("waiting_for", "Waits for"),
		Column("cost_impact", "Cost", kind="money", default_visible=False),
		Column("due_at", "Due", sortable=True, kind="date"),
		Column("created_at", "Raised", sortable=True, kind="datetime", default_visible=False),
		Column("updated_at", "Changed", sortable=True, kind="datetime"),
	),
	filters=FILTERS,
	default_sort="-updated_at",
	max_page_size=100,
)
API = ListSpec(
	columns=CHANGES.columns,
	filters=FILTERS,
	default_sort="-created_at",
	page_sizes=(20, 50, 100),
	max_page_size=100,
)


def matching(work: Work, state: ListState) -> AnySelect:
	"""The changes a list asks for."""
	query = reading.select_changes()
	for name in ("status", "kind", "priority"):
		if wanted := state.values(name):
			query = query.where(getattr(Change, name) == texts(wanted))
	if state["change_type"] is not None:
		query = query.where(Change.change_type == state["change_type"])
	if (text := state["search"]) is not None:
		query = query.where(Change.id.in_(found_by("plm_changes", {"q": str(text)})))
	if (waiting := state["waiting"]) is not None:
		mine = reading.waits_for(work.principal.user_id)
		query = query.where(mine if waiting else ~mine)
	if (late := state["overdue"]) is not None:
		query = query.where(reading.overdue() if late else ~reading.overdue())
	if (is_open := state["open"]) is not None:
		inside = Change.status == texts(str(one) for one in OPEN)
		query = query.where(inside if is_open else ~inside)
	if state["mine"] is not None:
		own = Change.created_by == work.principal.user_id
		query = query.where(own if state["mine"] else ~own)
	if state["product_id"] is not None:
		query = query.where(reading.affects(str(state["product_id"])))
	return query


async def page(work: Work, state: ListState) -> Page:
	"""One page of changes."""
	query = state.window(matching(work, state), reading.SORTABLE, Change.id)
	return await work.read_list(
		query.limit(None).offset(None), limit=state.page_size, offset=state.offset
	)
