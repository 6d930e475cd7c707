"""Pages of structures: rows and their figures, the way to a hit, what is missing, lines."""

import re
from decimal import Decimal
from html import unescape
from typing import Any

import httpx
import pytest
from tests.capabilities.plm.workshop import Workshop
from tests.platform.cast import Cast, page, part

CHILDREN = re.compile(r'data-children="([^"]+)"')


class Desk:
	"""Somebody who reads pages and sends forms as htmx does."""

	def __init__(self, shop: Workshop, who: str = "alice") -> None:
		self.shop, self.who = shop, who

	def path(self, name: str, rest: str = "") -> str:
		return f"/plm/products/{self.shop.ids[name]}{rest}"

	async def open(self, path: str) -> httpx.Response:
		return await self.shop.api.get(path, headers=page(self.who))

	async def part(self, path: str) -> httpx.Response:
		return await self.shop.api.get(path, headers=part(self.who))

	async def send(self, path: str, fields: dict[str, Any]) -> httpx.Response:
		return await self.shop.api.post(path, data=fields, headers=part(self.who))

	async def etag(self, path: str) -> str:
		found = re.search(r'name="if_match" value="([^"]*)"', (await self.part(path)).text)
		assert found is not None
		return found[1]


@pytest.fixture
def desk(shop: Workshop) -> Desk:
	return Desk(shop)


@pytest.fixture
async def pump(shop: Workshop) -> Workshop:
	"""A pump of two levels; the motor has no price and the housing no mass."""
	await shop.product("bearing", kind="purchased", price="2.50", mass=12)
	await shop.product("motor", kind="purchased", mass=350)
	await shop.product("housing", kind="purchased", price="7.20")
	await shop.product("drive")
	await shop.product("pump", target_cost="40", currency="EUR")
	await shop.line("drive", "motor", 1, designators="M1")
	await shop.line("drive", "bearing", 2, note="grease")
	await shop.line("pump", "drive", 3)
	await shop.line("pump", "housing", 2)
	return shop


def rows(text: str) -> list[tuple[int, str]]:
	"""Level and number of each row of a tree, in order."""
	found = re.findall(
		r'<tr role="row" aria-level="(\d+)".*?<code class="number">([^<]+)<', text, re.S
	)
	return [(int(level), number) for level, number in found]


def cells(text: str, number: str) -> list[str]:
	"""The plain texts of one row's cells."""
	row = next(one for one in text.split("<tr ") if f">{number}<" in one)
	plain = [re.sub(r"<[^>]+>", " ", cell) for cell in re.findall(r"<td.*?</td>", row, re.S)]
	return [" ".join(unescape(cell).replace("\u202f", " ").split()) for cell in plain]


# -- the tree ----------------------------------------------------------------------------------


async def test_the_page_shows_the_first_level_with_figures(desk: Desk, pump: Workshop) -> None:
	text = (await desk.open(desk.path("pump"))).text
	assert rows(text) == [(1, "N-drive"), (1, "N-housing")]
	find, per, total, revision, places, subs, cost, costs, masses, *_co2e = cells(text, "N-drive")
	assert (find, per, total, places, subs) == ("10", "3", "3", "", "")
	assert revision == "A Working"
	assert cost.startswith("5.00 ≥")
	assert costs == "15.00"
	assert masses.startswith("1.122")
	assert "75 % of masses known" in text or "of masses known" in text
	assert "29.40" in text  # 3 × 2 × 2.50 + 2 × 7.20


async def test_a_branch_brings_its_children_with_quantities_of_the_whole(
	desk: Desk, pump: Workshop
) -> None:
	text = (await desk.open(desk.path("pump") + "?quantity=10")).text
	address = unescape(CHILDREN.findall(text)[0])
	found = (await desk.part(address)).text
	assert rows(found) == [(2, "N-motor"), (2, "N-bearing")]
	_find, per, total, _rev, _places, _subs, cost, costs, masses, *_co2e = cells(found, "N-bearing")
	assert (per, total, costs) == ("2", "60", "150.00")
	assert cost.startswith("2.50 E")  # nobody said where the price is from
	assert masses.startswith("0.72")
	motor = cells(found, "N-motor")
	assert motor[6] == "— No price is recorded; record one."
	assert "<html" not in found
	assert CHILDREN.findall(found) == []


async def test_all_levels_and_the_way_to_a_hit(desk: Desk, pump: Workshop) -> None:
	base = desk.path("pump", "/structure/rows")
	every = [(1, "N-drive"), (2, "N-motor"), (2, "N-bearing"), (1, "N-housing")]
	assert rows((await desk.part(f"{base}?depth=99")).text) == every
	assert rows((await desk.part(f"{base}?depth=1")).text) == [every[0], every[3]]
	for text in ("bear", "N-BEARING", "grease"):
		found = (await desk.part(f"{base}?filter={text}")).text
		assert rows(found) == [(1, "N-drive"), (2, "N-bearing")], text
	found = (await desk.part(f"{base}?filter=M1")).text
	assert rows(found) == [(1, "N-drive"), (2, "N-motor")]
	assert rows((await desk.part(f"{base}?filter=nothing")).text) == []


async def test_what_an_address_cannot_ask_is_refused(desk: Desk, pump: Workshop) -> None:
	base = desk.path("pump")
	for query in (
		"quantity=0",
		"quantity=x",
		"currency=EURO",
		"currency=XXZ",
		"rule=none",
		"date=1",
	):
		assert (await desk.open(f"{base}?{query}")).status_code == 422, query
	assert (await desk.open(f"{base}?revision=Z")).status_code == 404
	assert (await desk.open(f"{base}?quantity=&currency=&date=")).status_code == 200
	children = f"{base}/structure/children?of={pump.ids['drive']}&node=A&path=x&above="
	for above in ("", "nonsense", "NaN", "1e999999", "0"):
		assert (await desk.part(children + above)).status_code == 200, above
	assert (await desk.part(f"{base}/structure/children?of=x&node=A&path=x")).status_code == 404


async def test_who_may_not_see_costs_sees_masses(desk: Desk, pump: Workshop, cast: Cast) -> None:
	cast.allow("bob", "plm.products.read", "plm.structures.read")
	bob = Desk(pump, "bob")
	for path in ("", "/structure/rows?depth=9", "/figures", "/trace?of=cost", "/missing?of=cost"):
		text = (await bob.open(bob.path("pump", path))).text
		assert "29.40" not in text, path
		assert "EUR" not in text, path
		assert "7.20" not in text, path
	assert "kg" in (await bob.open(bob.path("pump", "/figures"))).text
	cast.allow("bob", "plm.products.read")
	answer = await bob.open(bob.path("pump"))
	assert (answer.status_code, answer.headers["location"]) == (303, bob.path("pump", "/facts"))
	assert (await bob.open(bob.path("pump", "/where-used"))).status_code == 403


async def test_another_company_sees_nothing(pump: Workshop) -> None:
	charlie = Desk(pump, "charlie")
	for rest in (
		"",
		"/structure/rows",
		"/figures",
		"/trace",
		"/missing",
		"/where-used",
		"/revisions",
	):
		assert (await charlie.open(charlie.path("pump", rest))).status_code == 404, rest
	assert (await charlie.open(charlie.path("pump", "/structure/lines/new"))).status_code == 404


# -- figures and what they lack ----------------------------------------------------------------


async def test_what_is_missing_leads_to_what_mends_it(desk: Desk, pump: Workshop) -> None:
	text = (await desk.open(desk.path("pump", "/missing?of=cost"))).text
	assert "N-motor" in text
	assert "N-housing" not in text
	assert f"/plm/products/{pump.ids['motor']}/costs?back=" in text
	await pump.cost("motor", "10")
	text = (await desk.open(desk.path("pump", "/missing?of=cost"))).text
	assert "Nothing is missing" in text
	figures = (await desk.part(desk.path("pump", "/figures"))).text
	assert "59.40" in figures
	assert "+19.40" in figures  # against the target
	assert "N-housing" in (await desk.open(desk.path("pump", "/missing?of=mass"))).text


async def test_the_trace_names_what_a_figure_is_made_of(desk: Desk, pump: Workshop) -> None:
	text = (await desk.part(desk.path("pump", "/trace?of=cost"))).text
	assert text.index("N-bearing") < text.index("N-housing")  # 15.00 before 14.40
	assert "15.00" in text
	assert "14.40" in text
	assert "N-motor" not in text
	assert "N-motor" in (await desk.part(desk.path("pump", "/trace?of=mass"))).text


async def test_a_part_says_its_own_figure(desk: Desk, pump: Workshop) -> None:
	text = (await desk.part(desk.path("bearing", "/figures"))).text
	assert "2.50" in text
	assert "standing-measured" in text
	assert "standing-calculated" not in text


async def test_where_used_goes_up_with_quantities(desk: Desk, pump: Workshop) -> None:
	text = (await desk.open(desk.path("bearing", "/where-used"))).text
	assert rows(text) == [(1, "N-drive"), (2, "N-pump")]
	assert cells(text, "N-drive")[0] == "2 each"
	assert cells(text, "N-pump")[0] == "6 each"
	assert "Used nowhere" in (await desk.open(desk.path("pump", "/where-used"))).text


# -- lines -------------------------------------------------------------------------------------


async def test_lines_are_added_changed_and_taken_out(desk: Desk, pump: Workshop) -> None:
	new = desk.path("drive", "/structure/lines/new")
	fields: dict[str, Any] = {
		"product_number": "N-housing",
		"quantity": "4",
		"quantity_kind": "per",
		"find_number": "",
		"designators": "H1-H4",
		"attrition": "2.5",
		"substitutes": "N-bearing x 2",
		"if_match": await desk.etag(new),
	}
	answer = await desk.send(new, fields)
	assert (answer.status_code, answer.headers["hx-redirect"]) == (204, desk.path("drive"))
	lines = (await pump.get("drive", "/structure/lines")).data
	line = lines[-1]
	assert (line["find_number"], line["quantity"], line["attrition"]) == (30, 4, Decimal("0.025"))
	assert line["designators"] == ["H1", "H2", "H3", "H4"]
	assert [(s["product_number"], s["quantity_ratio"]) for s in line["substitutes"]] == [
		("N-bearing", 2)
	]
	place = desk.path("drive", f"/structure/lines/{line['line_uid']}")
	form = (await desk.part(place)).text
	assert 'value="2.5"' in form
	assert "N-bearing x 2" in form
	again = fields | {"quantity": "5", "substitutes": "", "if_match": await desk.etag(place)}
	again["find_number"] = "30"
	assert (await desk.send(place, again)).status_code == 204
	line = (await pump.get("drive", "/structure/lines")).data[-1]
	assert (line["quantity"], line["substitutes"]) == (5, [])
	gone = {"if_match": await desk.etag(place)}
	assert (await desk.send(f"{place}/remove", gone)).status_code == 204
	assert len((await pump.get("drive", "/structure/lines")).data) == 2


async def test_a_refused_line_keeps_what_was_typed(desk: Desk, pump: Workshop) -> None:
	new = desk.path("drive", "/structure/lines/new")
	fields = {"product_number": "N-none", "quantity": "4", "if_match": await desk.etag(new)}
	refused = await desk.send(new, fields)
	assert refused.status_code == 422
	assert 'value="N-none"' in refused.text
	assert "There is no product N-none" in refused.text
	circle = await desk.send(new, fields | {"product_number": "N-pump"})
	assert circle.status_code == 422
	assert "N-pump" in circle.text
	bad = await desk.send(new, fields | {"product_number": "N-motor", "attrition": "much"})
	assert "Give the scrap in percent" in bad.text
	assert len((await pump.get("drive", "/structure/lines")).data) == 2


async def test_a_stale_line_asks(desk: Desk, pump: Workshop) -> None:
	line = (await pump.get("drive", "/structure/lines")).data[0]
	place = desk.path("drive", f"/structure/lines/{line['line_uid']}")
	old = await desk.etag(place)
	path = f"/structure/lines/{line['line_uid']}"
	await pump.call("PATCH", pump.path("drive", path), {"quantity": 7})
	fields = {"product_number": "N-motor", "quantity": "9", "designators": "M1", "if_match": old}
	asked = await desk.send(place, fields)
	assert asked.status_code == 412
	assert 'name="quantity" value="9" checked' in asked.text
	assert 'name="quantity" value="7"' in asked.text
	new = desk.path("drive", "/structure/lines/new")
	stale = await desk.send(new, {"product_number": "N-housing", "quantity": "1", "if_match": old})
	assert stale.status_code == 412
	assert "Somebody else changed this structure meanwhile" in stale.text
	lines = (await pump.get("drive", "/structure/lines")).data
	assert [one["quantity"] for one in lines] == [7, 2]
	for path in (place, new):
		without = await desk.send(path, {"product_number": "N-housing", "quantity": "1"})
		assert without.status_code == 412


async def test_a_released_structure_is_not_offered_for_change(desk: Desk, pump: Workshop) -> None:
	assert "/structure/lines/new" in (await desk.open(desk.path("drive"))).text
	await pump.release("motor", "bearing", "drive")
	text = (await desk.open(desk.path("drive"))).text
	assert "/structure/lines/" not in text
	assert "New revision" in text


async def test_who_may_only_read_changes_nothing(desk: Desk, pump: Workshop, cast: Cast) -> None:
	cast.allow("bob", "plm.products.read", "plm.structures.read", "plm.costs.read")
	bob = Desk(pump, "bob")
	text = (await bob.open(bob.path("pump"))).text
	for word in ("/structure/lines/", "/edit", "/release", "/delete"):
		assert f"{bob.path('pump')}{word}" not in text, word
	line = (await pump.get("pump", "/structure/lines")).data[0]["line_uid"]
	for rest in (
		"/structure/lines/new",
		f"/structure/lines/{line}/remove",
		"/release",
		"/revisions",
	):
		assert (await bob.send(bob.path("pump", rest), {})).status_code == 403, rest
	assert len((await pump.get("pump", "/structure/lines")).data) == 2


# -- revisions ---------------------------------------------------------------------------------


async def test_release_and_revise_through_pages(desk: Desk, pump: Workshop) -> None:
	page_ = (await desk.part(desk.path("drive", "/release"))).text
	assert "N-motor is not released; release it first." in page_
	assert 'name="revision"' not in page_
	await pump.release("motor", "bearing")
	etag = await desk.etag(desk.path("drive", "/release"))
	stale = await desk.send(desk.path("drive", "/release"), {"revision": "A", "if_match": "0-0"})
	assert stale.status_code == 412
	assert (await pump.get("drive")).data["revision_state"] == "working"
	done = await desk.send(desk.path("drive", "/release"), {"revision": "R1", "if_match": etag})
	assert done.status_code == 204
	assert (await pump.get("drive")).data["revision"] == "R1"
	product = await pump.get("drive")
	unclear = await desk.send(desk.path("drive", "/revisions"), {"if_match": product.etag})
	assert unclear.status_code == 422  # nothing follows R1 by itself
	assert 'id="error-revision"' in unclear.text
	stale = await desk.send(desk.path("drive", "/revisions"), {"revision": "R2", "if_match": "0-0"})
	assert stale.status_code == 412
	assert len((await pump.get("drive", "/revisions")).data) == 1
	fields = {"revision": "R2", "if_match": product.etag}
	opened = await desk.send(desk.path("drive", "/revisions"), fields)
	assert opened.status_code == 204
	working = opened.headers["hx-redirect"]
	text = (await desk.open(working)).text
	assert "You are looking at revision" in text
	assert "/structure/lines/new" in text
	line = (await pump.get("drive", "/structure/lines")).data[0]
	place = f"/structure/lines/{line['line_uid']}"
	await pump.call("PATCH", pump.path("drive", place), {"quantity": 2})
	text = (await desk.open(desk.path("drive", "/revisions"))).text
	assert "<del>1</del>" in text
	assert "<ins>2</ins>" in text
	revision = working.partition("revision=")[2]
	etag = re.search(r'"If-Match": "([^"]+)"', unescape(text))
	assert etag is not None
	gone = await desk.send(
		desk.path("drive", f"/revisions/{revision}/cancel"), {"if_match": etag[1]}
	)
	assert gone.status_code == 204
	states = [one["state"] for one in (await pump.get("drive", "/revisions")).data]
	assert states == ["cancelled", "released"]


async def test_revisions_of_another_product_are_not_compared(desk: Desk, pump: Workshop) -> None:
	mine = (await pump.get("pump", "/revisions")).data[0]["revision_id"]
	other = (await pump.get("drive", "/revisions")).data[0]["revision_id"]
	path = desk.path("pump", f"/revisions?from={mine}&to={other}")
	assert (await desk.open(path)).status_code == 404
