"""What the address of a list says, and the addresses a list writes."""

from datetime import date
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column as SqlColumn
from sqlalchemy import Integer, MetaData, Numeric, String, Table, select
from sqlalchemy.dialects import postgresql

from apg.kernel.errors import Invalid
from apg.kernel.web.lists import Column, Filter, ListSpec, ListState, Sort, TreeRow

SPEC = ListSpec(
	columns=(
		Column("number", "Number", sortable=True),
		Column("name", "Name", sortable=True),
		Column("cost", "Cost", sortable=True, kind="money"),
		Column("notes", "Notes", default_visible=False),
	),
	filters=(
		Filter("search", "Search"),
		Filter(
			"state", "State", "choice", [("draft", "Draft"), ("released", "Released")], many=True
		),
		Filter("kind", "Kind", "choice", [("part", "Part"), ("assembly", "Assembly")]),
		Filter("tags", "Tags", "choice", many=True),
		Filter("bought", "Bought", "bool"),
		Filter("since", "Since", "date"),
		Filter("cost_min", "Cost from", "number"),
	),
	default_sort="-number",
	page_sizes=(50, 25, 100),
)


def parsed(query: str) -> ListState:
	return ListState.parse(SPEC, parse_qsl(query, keep_blank_values=True), "/products")


def problems(query: str, spec: ListSpec = SPEC) -> dict[str, str]:
	with pytest.raises(Invalid) as refused:
		ListState.parse(spec, parse_qsl(query, keep_blank_values=True), "/products")
	return {one.field: one.message for one in refused.value.problems}


def test_an_empty_address_means_the_defaults() -> None:
	state = parsed("")
	assert state.sort == (Sort("number", descending=True),)
	assert (state.page, state.page_size, state.offset) == (1, 50, 0)
	assert state.columns == ("number", "name", "cost")
	assert state.filters == {}
	assert state.url() == "/products"


def test_everything_at_once() -> None:
	state = parsed(
		"sort=-cost,name&page=3&page_size=25&columns=notes,number&search=%20bolt%20&state=draft"
		"&state=released&kind=part&bought=no&since=2026-03-31&cost_min=0.10&tab=x"
	)
	assert state.sort == (Sort("cost", descending=True), Sort("name"))
	assert (state.page, state.page_size, state.offset) == (3, 25, 50)
	assert state.columns == ("number", "notes")
	assert state.filters == {
		"search": "bolt",
		"state": ("draft", "released"),
		"kind": "part",
		"bought": False,
		"since": date(2026, 3, 31),
		"cost_min": Decimal("0.10"),
	}
	assert state["kind"] == "part"
	assert state["tags"] is None
	assert state.values("state") == ("draft", "released")
	assert state.extra == (("tab", "x"),)


@pytest.mark.parametrize(
	("query", "field", "words"),
	[
		("page=0", "page", "whole number from 1"),
		("page=-1", "page", "whole number"),
		("page=1.5", "page", "whole number"),
		("page=٣", "page", "whole number"),
		("page=99999999999999999999", "page", "whole number"),
		("page=999999999", "page", "too far"),
		("page_size=many", "page_size", "whole number"),
		("sort=colour", "sort", "it can by: number, name, cost"),
		("sort=notes", "sort", "cannot sort by “notes”"),
		("sort_by=colour", "sort_by", "cannot sort"),
		("sort_by=name&sort_order=up", "sort_order", "asc or desc"),
		("columns=number,colour", "columns", "“colour”"),
		("state=lost", "state", "“lost” is not one of: draft, released"),
		("kind=part&kind=assembly", "kind", "once only"),
		("search=a&search=b", "search", "once only"),
		("search=a%00b", "search", "readable text"),
		("search=" + "x" * 201, "search", "at most 200"),
		("bought=perhaps", "bought", "true or false"),
		("since=31.3.2026", "since", "2026-03-31"),
		("since=2026-02-30", "since", "2026-03-31"),
		("cost_min=NaN", "cost_min", "12.5"),
		("cost_min=1e999999", "cost_min", "12.5"),
		("cost_min=Infinity", "cost_min", "12.5"),
		("cost_min=123456789012345678901", "cost_min", "12.5"),
		("cost_min=cheap", "cost_min", "12.5"),
	],
)
def test_what_cannot_be_read_is_named(query: str, field: str, words: str) -> None:
	found = problems(query)
	assert list(found) == [field]
	assert words in found[field]


def test_every_problem_is_told_at_once() -> None:
	assert set(problems("page=x&state=lost&since=never&sort=colour")) == {
		"page",
		"state",
		"since",
		"sort",
	}


def test_a_page_larger_than_allowed_is_cut() -> None:
	assert parsed("page_size=5000").page_size == 100
	capped = ListSpec(columns=SPEC.columns, page_sizes=(20, 50, 200), max_page_size=100)
	assert ListState.parse(capped, [("page_size", "200")]).page_size == 100


def test_limit_and_offset() -> None:
	spec = ListSpec(columns=SPEC.columns, page_sizes=(50,), max_page_size=1000, paging="offset")
	state = ListState.parse(spec, [("limit", "30"), ("offset", "7"), ("page", "9")], "/m")
	assert (state.page_size, state.offset) == (30, 7)
	assert ListState.parse(spec, [("limit", "9999")]).page_size == 1000
	assert problems("limit=0", spec) == {"limit": "must be a whole number from 1 on"}
	assert problems("offset=-1", spec) == {"offset": "must be a whole number from 0 on"}


def test_the_guide_s_way_to_sort() -> None:
	assert parsed("sort_by=cost&sort_order=desc").sort == (Sort("cost", descending=True),)
	assert parsed("sort_by=cost").sort == (Sort("cost"),)
	assert parsed("sort=name&sort_by=cost").sort == (Sort("name"),)


def test_links_keep_the_rest() -> None:
	state = parsed("search=bolt%20%26%20nut&state=draft&sort=cost&page=4&page_size=25&tab=x")
	assert state.url(page=5) == (
		"/products?tab=x&search=bolt+%26+nut&state=draft&sort=cost&page_size=25&page=5"
	)
	assert "page=" not in state.url(page=1).replace("page_size=", "")
	assert "page=4" not in state.url(state=("draft", "released"))
	assert state.url(state=("draft", "released")).endswith("&state=draft&state=released")
	assert "state" not in state.url(state=None)
	assert state.at("/products.csv").url().startswith("/products.csv?tab=x&search=")


def test_a_header_sorts_up_then_down_then_not() -> None:
	state = parsed("")
	assert state.direction("cost") == "none"
	assert state.sort_url("cost") == "/products?sort=cost"
	up = parsed("sort=cost")
	assert up.direction("cost") == "ascending"
	assert up.sort_url("cost") == "/products?sort=-cost"
	down = parsed("sort=-cost")
	assert down.direction("cost") == "descending"
	assert down.sort_url("cost") == "/products"
	assert up.sort_url("name", add=True) == "/products?sort=cost%2Cname"
	assert parsed("sort=cost,name").sort_url("cost", add=True) == "/products?sort=name%2C-cost"


def test_active_filters_can_be_lifted_one_by_one() -> None:
	active = parsed("state=draft&state=released&bought=true&search=x").active
	assert [(one.filter.name, one.text) for one in active] == [
		("search", "x"),
		("state", "Draft, Released"),
		("bought", "yes"),
	]
	assert active[1].remove_url == "/products?search=x&bought=true"


ANY_STATE = st.fixed_dictionaries(
	{},
	optional={
		"search": st.text(
			st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40
		),
		"state": st.lists(st.sampled_from(["draft", "released"]), unique=True, max_size=2),
		"kind": st.sampled_from(["part", "assembly"]),
		"bought": st.sampled_from(["true", "false", "yes", "0"]),
		"since": st.dates().map(date.isoformat),
		"cost_min": st.decimals(-(10**9), 10**9, places=4).map(lambda d: format(d, "f")),
		"sort": st.lists(
			st.sampled_from(["number", "-number", "name", "-cost"]), unique=True, max_size=3
		).map(",".join),
		"page": st.integers(1, 1000).map(str),
		"page_size": st.integers(1, 100).map(str),
		"columns": st.lists(st.sampled_from(["number", "notes"]), unique=True).map(",".join),
		"other": st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
	},
)


@given(ANY_STATE)
def test_what_a_link_says_is_read_back_the_same(asked: dict[str, str | list[str]]) -> None:
	pairs = [
		(name, one)
		for name, value in asked.items()
		for one in (value if isinstance(value, list) else [value])
	]
	state = ListState.parse(SPEC, pairs, "/p")
	again = ListState.parse(
		SPEC, parse_qsl(urlsplit(state.url()).query, keep_blank_values=True), "/p"
	)
	assert again == state


def test_the_window_has_a_total_order_and_no_value_in_its_text() -> None:
	items = Table(
		"items",
		MetaData(),
		SqlColumn("id", Integer, primary_key=True),
		SqlColumn("number", String, nullable=False),
		SqlColumn("cost", Numeric, nullable=True),
	)
	state = parsed("sort=-cost,number&page=3&page_size=20")
	query = state.window(
		select(items.c.id), {"number": items.c.number, "cost": items.c.cost}, items.c.id
	)
	sql = " ".join(str(query.compile(dialect=postgresql.dialect())).split()).replace(
		"::INTEGER", ""
	)
	assert sql.endswith(
		"ORDER BY items.cost DESC NULLS LAST, items.number ASC, items.id LIMIT %(param_1)s OFFSET %(param_2)s"
	)
	assert list(query.compile(dialect=postgresql.dialect()).params.values()) == [20, 40]


def test_pages_are_counted() -> None:
	state = parsed("page_size=25")
	assert [state.page_count(total) for total in (0, 1, 25, 26, 130)] == [1, 1, 1, 2, 6]


def test_a_row_of_a_tree_gives_its_values_by_name() -> None:
	row = TreeRow("1", "Bolt", values={"mass": Decimal("0.1")})
	assert row["mass"] == Decimal("0.1")
	with pytest.raises(KeyError):
		row["cost"]
