"""Effectivity: set, closed, refused, resolved at the demand; at any place at most one revision."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.capabilities.plm.workshop import Answer, Workshop
from tests.platform.cast import Cast

from apg.capabilities.plm.effectivity.ranges import Kind, Span
from apg.capabilities.plm.effectivity.service import Wanted, make_effective
from apg.capabilities.plm.revisions import moves
from apg.kernel.errors import Conflict


async def effective(shop: Workshop, name: str, **body: Any) -> Answer:
	given = {key.rstrip("_"): value for key, value in body.items()}
	return await shop.call("POST", shop.path(name, "/effectivity"), given)


async def _two(shop: Workshop, name: str = "pump") -> None:
	"""Revisions A (superseded) and B (released)."""
	await shop.product(name)
	await shop.release(name)
	await shop.revise(name)
	await shop.release(name)


async def _picked(shop: Workshop, name: str, **query: Any) -> str:
	return (await shop.get(name, "/effective", **query)).data["revision"]


async def test_units_pick_by_the_demand_and_never_by_now(shop: Workshop):
	await _two(shop)
	made = await effective(shop, "pump", revision="B", kind="units", from_=100)
	assert (made.status, made.data["from"], made.data["to"]) == (201, 100, None)
	assert made.data["every_context"] is True
	assert await _picked(shop, "pump", serial=99) == "A"
	assert await _picked(shop, "pump", serial=100) == "B"
	assert await _picked(shop, "pump", serial=10**9) == "B"
	assert await _picked(shop, "pump") == "B"  # the default does not look at units


async def test_a_later_range_closes_the_open_one_before(shop: Workshop):
	await _two(shop)
	first = await effective(shop, "pump", revision="A", kind="lots", from_=1)
	await effective(shop, "pump", revision="B", kind="lots", from_=20, to=30)
	rows = (await shop.get("pump", "/effectivity")).data
	assert [(r["revision"], r["from"], r["to"]) for r in rows] == [("A", 1, 20), ("B", 20, 30)]
	assert await _picked(shop, "pump", lot_number=19) == "A"
	assert await _picked(shop, "pump", lot_number=29) == "B"
	over = await effective(shop, "pump", revision="A", kind="lots", from_=10, to=25)
	assert (over.status, over.code) == (409, "EFFECTIVITY_OVERLAPS")
	path = shop.path("pump", f"/effectivity/{first.data['effectivity_id']}")
	longer = await shop.call("PATCH", path, {"to": 21})
	assert (longer.status, longer.code) == (409, "EFFECTIVITY_OVERLAPS")
	assert (await shop.get("pump", "/effectivity")).data == rows


async def test_dates_are_half_open_moments_in_utc(shop: Workshop):
	await _two(shop)
	await effective(shop, "pump", revision="A", kind="dates", from_="2030-01-01", to="2031-01-01")
	made = await effective(
		shop, "pump", revision="B", kind="dates", from_="2031-01-01T01:00:00+01:00"
	)
	assert made.data["from"] == "2031-01-01T00:00:00Z"
	assert await _picked(shop, "pump", at="2030-12-31T23:59:59Z") == "A"
	assert await _picked(shop, "pump", at="2031-01-01") == "B"
	before = await shop.get("pump", "/effective", at="2029-12-31")
	assert before.status == 404  # both have dates of their own; nothing stands before them
	assert "effective" in before.words


async def test_without_ranges_the_releases_count(shop: Workshop):
	await shop.product("pump")
	early = datetime.now(UTC)
	assert (await shop.get("pump", "/effective", at="2020-01-01")).status == 404
	await shop.release("pump")
	await asyncio.sleep(0.01)
	between = datetime.now(UTC)
	await shop.revise("pump")
	await shop.release("pump")

	def asked(moment: datetime) -> str:
		return moment.isoformat().replace("+00:00", "Z")

	assert (await shop.get("pump", "/effective", at=asked(early))).status == 404
	assert await _picked(shop, "pump", at=asked(between)) == "A"
	assert await _picked(shop, "pump", at=asked(between + timedelta(days=1))) == "B"


async def test_the_end_item_beats_every_context(shop: Workshop):
	await _two(shop)
	await shop.lines({"truck": {"pump": 1}, "crane": {"pump": 1}})
	await effective(shop, "pump", revision="A", kind="units", from_=1)
	await effective(
		shop, "pump", revision="B", kind="units", from_=5, context_product_id=shop.ids["truck"]
	)
	assert await _picked(shop, "pump", serial=7) == "A"
	assert await _picked(shop, "pump", serial=7, context="N-truck") == "B"
	assert await _picked(shop, "pump", serial=4, context="N-truck") == "A"
	assert await _picked(shop, "pump", serial=7, context="N-crane") == "A"
	await shop.release("truck", "crane")
	for name, label in (("truck", "B"), ("crane", "A")):  # the root is the context
		shown = (await shop.get(name, "/structure", serial=7)).data
		assert (shown["rule"], shown["serial"]) == ("unit", 7)
		assert shown["context_product_id"] == shop.ids[name]
		assert [line["revision"] for line in shown["lines"]] == [label]


async def test_structure_totals_export_and_compare_follow_the_demand(shop: Workshop):
	await shop.product("screw", kind="purchased", mass=2)
	await shop.lines({"arm": {"screw": 3}, "robot": {"arm": 2}})
	await shop.release("screw", "arm", "robot")
	await shop.revise("arm")
	line = (await shop.get("arm", "/structure/lines")).data[0]
	await shop.call(
		"PATCH", shop.path("arm", f"/structure/lines/{line['line_uid']}"), {"quantity": 5}
	)
	await shop.release("arm")
	await effective(shop, "arm", revision="B", kind="units", from_=10)
	for serial, mass in ((9, 12), (10, 20)):
		rolled = (await shop.get("robot", "/rollup", serial=serial)).data
		assert rolled["mass"]["total"] * 1000 == mass
		tree = (await shop.get("robot", "/structure", serial=serial, depth=2)).data
		assert tree["lines"][1]["total_quantity"] == mass / 2
		flat = (await shop.get("robot", "/structure", serial=serial, flat="true")).data
		screw = next(row for row in flat["products"] if row["product_number"] == "N-screw")
		assert screw["total_quantity"] == mass / 2
	exported = await shop.get("robot", "/structure/export", serial=9, format="csv")
	assert ",6," in exported.response.text or ";6;" in exported.response.text
	told = (await shop.get("robot", "/compare", serial=10, with_serial=9, depth=5)).data
	assert [(row["change"], row["product_number"]) for row in told["lines"]] == [
		("changed", "N-arm"),
		("changed", "N-screw"),
	]
	assert told["lines"][0]["fields"] == [{"field": "revision", "old": "A", "new": "B"}]


@pytest.mark.parametrize(
	("query", "field"),
	[
		({"rule": "unit"}, "serial"),
		({"rule": "as_of"}, "at"),
		({"rule": "default", "at": "2030-01-01"}, "at"),
		({"serial": 0}, "serial"),
		({"at": "soon"}, "at"),
		({"at": "20300101"}, "at"),
		({"at": "2030-01-01", "context": "N-nowhere"}, "context"),
		({"rule": "baseline"}, "baseline"),
		({"baseline": "BL-9"}, "baseline"),
	],
)
async def test_what_a_rule_lacks_is_named(shop: Workshop, query: dict[str, Any], field: str):
	await shop.product("pump")
	refused = await shop.get("pump", "/structure", **query)
	assert (refused.status, list(refused.details)) == (400, [field])


@pytest.mark.parametrize(
	("body", "status", "field"),
	[
		({"revision": "Z", "kind": "units", "from": 1}, 400, "revision"),
		({"revision": "B", "kind": "units", "from": 5, "to": 5}, 400, "to"),
		({"revision": "B", "kind": "units", "from": 0}, 400, "from"),
		({"revision": "B", "kind": "units", "from": "2030-01-01"}, 400, "from"),
		({"revision": "B", "kind": "dates", "from": 7}, 400, "from"),
	],
)
async def test_bad_ranges(shop: Workshop, body: dict[str, Any], status: int, field: str):
	await _two(shop)
	refused = await shop.call("POST", shop.path("pump", "/effectivity"), body)
	assert (refused.status, list(refused.details)) == (status, [field])
	assert (await shop.get("pump", "/effectivity")).data == []


async def test_only_what_was_released(shop: Workshop):
	await shop.product("pump")
	refused = await effective(shop, "pump", revision="A", kind="units", from_=1)
	assert (refused.status, refused.code) == (409, "REVISION_NOT_RELEASED")


async def test_a_release_ends_the_open_dates_before_it(shop: Workshop):
	await shop.product("pump")
	await shop.release("pump")
	await effective(shop, "pump", revision="A", kind="dates", from_="2020-01-01")
	await shop.revise("pump")
	await shop.release("pump")
	rows = (await shop.get("pump", "/effectivity")).data
	released = (await shop.get("pump", "/revisions/B")).data["released_at"]
	assert [(r["revision"], r["from"], r["to"]) for r in rows] == [
		("A", "2020-01-01T00:00:00Z", released),
		("B", released, None),
	]


async def test_of_two_overlapping_at_once_one_is_refused(shop: Workshop):
	await _two(shop)
	answers = await asyncio.gather(
		effective(shop, "pump", revision="A", kind="units", from_=5, to=20),
		effective(shop, "pump", revision="B", kind="units", from_=1, to=10),
	)
	assert sorted(each.status for each in answers) in ([201, 409], [201, 201])
	ranges = [(r["from"], r["to"]) for r in (await shop.get("pump", "/effectivity")).data]
	for one, other in pairwise(ranges):
		assert one[1] <= other[0]


async def test_the_database_refuses_whatever_the_code_forgets(shop: Workshop, cast: Cast):
	await _two(shop)
	await _two(shop, "motor")
	a = (await shop.get("pump", "/revisions/A")).data["revision_id"]
	b = (await shop.get("pump", "/revisions/B")).data["revision_id"]
	working = (await shop.revise("motor")).data["revision_id"]
	pump, motor = shop.ids["pump"], shop.ids["motor"]

	async def insert(item: str, revision: str, ranges: str) -> None:
		async with cast.work() as work:
			await (await work.connection()).exec_driver_sql(
				"insert into plm_effectivities (id, tenant_id, item_id, revision_id, "
				"context_item_id, dates, units, lots, created_at, updated_at) select "
				f"gen_random_uuid(), tenant_id, '{item}', '{revision}', '{item}', {ranges}, now(), "
				f"now() from plm_items where id = '{item}'"
			)

	await insert(pump, a, "null, '[1,10)', null")
	for item, revision, ranges, state in (
		(pump, b, "null, '[9,20)', null", "23P01"),
		(pump, a, "null, '[9,20)', null", "23P01"),
		(pump, b, "null, '[10,10)', null", "23514"),
		(pump, b, "null, '[0,5)', null", "23514"),
		(pump, b, "null, null, null", "23514"),
		(pump, b, "null, '[30,40)', '[1,2)'", "23514"),
		(pump, b, "'(2030-01-01,2031-01-01]', null, null", "23514"),
		(motor, b, "null, '[1,2)', null", "P0001"),
		(motor, working, "null, '[1,2)', null", "P0001"),
	):
		with pytest.raises(DBAPIError) as caught:
			await insert(item, revision, ranges)
		assert getattr(caught.value.orig, "sqlstate", "") == state, (ranges, caught.value)
	await insert(pump, b, "null, '[10,20)', null")


async def test_rights_and_companies(shop: Workshop, other: Workshop, cast: Cast):
	await _two(shop)
	made = await effective(shop, "pump", revision="B", kind="units", from_=1)
	other.ids = shop.ids
	bob = Workshop(shop.api, "bob", shop.ids)
	path = shop.path("pump", f"/effectivity/{made.data['effectivity_id']}")
	body = {"revision": "B", "kind": "lots", "from": 1}
	for method, place, sent in (
		("GET", shop.path("pump", "/effectivity"), None),
		("POST", shop.path("pump", "/effectivity"), body),
		("PATCH", path, {"to": 9}),
		("DELETE", path, None),
		("GET", shop.path("pump", "/effective?serial=1"), None),
	):
		assert (await bob.call(method, place, sent)).status == 403
		assert (await other.call(method, place, sent)).status == 404
	await other.product("theirs")
	await other.release("theirs")
	foreign = await effective(
		other, "theirs", revision="A", kind="units", from_=1, context_product_id=shop.ids["pump"]
	)
	assert (foreign.status, list(foreign.details)) == (400, ["context_product_id"])
	assert len((await shop.get("pump", "/effectivity")).data) == 1


OPEN = 10**6


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_was_set_picks_exactly_one(shop: Workshop, cast: Cast, seed: int):
	"""Random ranges through the service; every unit resolves to what a plain list says."""
	await _two(shop)
	ids = {
		label: (await shop.get("pump", f"/revisions/{label}")).data["revision_id"] for label in "AB"
	}
	dice = random.Random(seed)
	kept: list[tuple[str, int, int]] = []
	for _turn in range(25):
		label, start = dice.choice("AB"), dice.randint(1, 30)
		end = dice.choice([None, start + dice.randint(1, 8)])
		span = Span(Kind.UNITS, start, end)
		try:
			async with cast.work() as work:
				await make_effective(work, [Wanted(ids[label], span)])
		except Conflict as refused:
			if refused.code != "EFFECTIVITY_OVERLAPS":
				raise
			continue
		last = end or OPEN
		kept = [
			(who, begin, start)
			if begin < start < stop and stop in (OPEN, min(stop, last))
			else (who, begin, stop)
			for who, begin, stop in kept
		] + [(label, start, last)]
	assert len(kept) > 2
	rows = (await shop.get("pump", "/effectivity")).data
	assert sorted((r["revision"], r["from"], r["to"] or OPEN) for r in rows) == sorted(kept)
	ranged = {who for who, _begin, _stop in kept}
	for unit in range(1, 42):
		expected = {who for who, begin, stop in kept if begin <= unit < stop}
		assert len(expected) < 2
		answer = await shop.get("pump", "/effective", serial=unit)
		if expected:
			assert answer.data["revision"] == expected.pop()
		elif ranged == {"A", "B"}:
			assert answer.status == 404


async def test_many_at_once_by_a_change(shop: Workshop, cast: Cast):
	await _two(shop)
	await _two(shop, "motor")
	wanted: list[Wanted] = []
	for name in ("pump", "motor"):
		for label, start, end in (("A", 1, 10), ("B", 10, None)):
			revision = (await shop.get(name, f"/revisions/{label}")).data["revision_id"]
			wanted.append(Wanted(revision, Span(Kind.UNITS, start, end)))
	change = shop.ids["pump"]
	async with cast.work() as work:
		await make_effective(work, wanted, change_id=change)
	for name in ("pump", "motor"):
		rows = (await shop.get(name, "/effectivity")).data
		assert [(r["from"], r["to"], r["change_id"]) for r in rows] == [
			(1, 10, change),
			(10, None, change),
		]


async def test_released_together_and_effective(shop: Workshop, cast: Cast):
	"""The seam a change uses: freeze, release, make effective in one Work."""
	await shop.parts("screw")
	await shop.lines({"arm": {"screw": 1}, "robot": {"arm": 1}})
	ids = [(await shop.get(name)).data["revision_id"] for name in ("screw", "arm", "robot")]
	async with cast.work() as work:
		await moves.freeze(work, ids)
		done = await moves.release(work, ids)
		await make_effective(work, [Wanted(each.id, Span(Kind.UNITS, 100)) for each in done])
		states = await work.scalar(
			text("select string_agg(distinct state, ',') from plm_revisions where id = any(:ids)"),
			{"ids": ids},
		)
	assert states == "released"
	tree = (await shop.get("robot", "/structure", serial=100, depth=3)).data
	assert [line["revision_state"] for line in tree["lines"]] == ["released", "released"]
