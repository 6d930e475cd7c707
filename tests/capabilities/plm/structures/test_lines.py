"""Lines of a working revision through the API."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from tests.capabilities.plm.workshop import Workshop
from tests.platform.cast import Cast


async def test_a_line_reads_the_same_everywhere(shop: Workshop):
	await shop.product("box")
	await shop.parts("screw", "bolt")
	made = await shop.line(
		"box",
		"screw",
		"4.500000",
		quantity_kind="per",
		designators="R1-R4",
		attrition=0.02,
		setup_quantity=3,
		rounding_multiple=5,
		note="Torque 8 Nm",
		substitutes=[{"product_number": "N-bolt", "quantity_ratio": "1.5"}],
	)
	line = made.data
	assert made.status == 201
	assert line["find_number"] == 10
	assert line["quantity"] == Decimal("4.5")
	assert line["unit"] == line["base_unit"] == "each"
	assert line["designators"] == ["R1", "R2", "R3", "R4"]
	assert line["attrition"] == Decimal("0.02")
	assert (line["setup_quantity"], line["rounding_multiple"]) == (3, 5)
	assert line["pinned"] is False
	assert line["revision"] is None
	assert line["warnings"] == ["designators_differ_from_quantity"]
	assert line["substitutes"] == [
		{
			"product_id": shop.ids["bolt"],
			"product_number": "N-bolt",
			"product_name": "Part bolt",
			"rank": 1,
			"quantity_ratio": Decimal("1.5"),
		}
	]
	one = await shop.get("box", f"/structure/lines/{line['line_uid']}")
	every = await shop.get("box", "/structure/lines")
	assert one.data == line
	assert every.data == [line]
	assert one.etag == made.etag == (await shop.get("box")).etag
	assert made.response.headers["location"] == shop.path(
		"box", f"/structure/lines/{line['line_uid']}"
	)


async def test_find_numbers_go_on_in_tens_and_are_taken_once(shop: Workshop):
	await shop.product("box")
	await shop.parts("screw")
	assert (await shop.line("box", "screw")).data["find_number"] == 10
	assert (await shop.line("box", "screw", find_number=17)).data["find_number"] == 17
	assert (await shop.line("box", "screw")).data["find_number"] == 20
	# Another view counts for itself.
	assert (await shop.line("box", "screw", view="service")).data["find_number"] == 10
	twice = await shop.line("box", "screw", find_number=17)
	assert (twice.status, twice.code) == (409, "FIND_NUMBER_TAKEN")
	assert len((await shop.get("box", "/structure/lines")).data) == 4


@pytest.mark.parametrize(
	("body", "field"),
	[
		({"quantity": 0}, "quantity"),
		({"quantity": -1}, "quantity"),
		({"quantity": "1e12"}, "quantity"),
		({"quantity": "0.0000001"}, "quantity"),
		({"quantity": "NaN"}, "quantity"),
		({}, "quantity"),
		({"quantity": 1, "quantity_kind": "often"}, "quantity_kind"),
		({"quantity": 1, "unit": "kg"}, "unit"),
		({"quantity": 1, "unit": "furlongs"}, "unit"),
		({"quantity": 1, "attrition": 10}, "attrition"),
		({"quantity": 1, "attrition": -0.1}, "attrition"),
		({"quantity": 1, "setup_quantity": -1}, "setup_quantity"),
		({"quantity": 1, "rounding_multiple": 0}, "rounding_multiple"),
		({"quantity": 1, "find_number": 0}, "find_number"),
		({"quantity": 1, "view": "side"}, "view"),
		({"quantity": 1, "revision": "Q"}, "revision"),
		({"quantity": 2, "designators": "R1, R1"}, "designators"),
		({"quantity": 2, "designators": "R4-R1"}, "designators"),
		({"quantity": 1, "note": "x" * 2001}, "note"),
		({"quantity": 1, "colour": "red"}, "colour"),
	],
)
async def test_bad_lines_name_the_field_and_leave_nothing(
	shop: Workshop, body: dict[str, Any], field: str
):
	await shop.product("box")
	await shop.parts("screw")
	before = (await shop.get("box")).etag
	refused = await shop.call(
		"POST", shop.path("box", "/structure/lines"), {"product_id": shop.ids["screw"], **body}
	)
	assert refused.status == 400, refused.response.text
	assert field in refused.details
	assert (await shop.get("box", "/structure/lines")).data == []
	assert (await shop.get("box")).etag == before


async def test_a_wrong_unit_names_both(shop: Workshop):
	await shop.product("box")
	await shop.parts("wire", unit_of_measure="m")
	refused = await shop.line("box", "wire", 3, unit="kg")
	assert "kg" in refused.words
	assert "in m" in refused.words
	assert "N-wire" in refused.words
	assert (await shop.line("box", "wire", 3, unit="mm")).data["unit"] == "mm"
	assert (await shop.line("box", "wire", 3)).data["unit"] == "m"


async def test_the_child_is_named_once_and_must_exist(shop: Workshop, other: Workshop):
	await shop.product("box")
	await other.product("theirs")
	path = shop.path("box", "/structure/lines")
	neither = await shop.call("POST", path, {"quantity": 1})
	assert neither.status == 400
	unknown = "019a2f31-7c55-7d3e-9b1a-000000000001"
	answers = [
		await shop.call("POST", path, {"product_id": id, "quantity": 1})
		for id in (unknown, other.ids["theirs"])
	]
	assert [each.status for each in answers] == [400, 400]
	texts = [
		each.response.text.replace(unknown, "?")
		.replace(other.ids["theirs"], "?")
		.split('"meta"')[0]
		for each in answers
	]
	assert texts[0] == texts[1]  # another company's product cannot be told from an unknown one
	by_number = await shop.call("POST", path, {"product_number": "N-theirs", "quantity": 1})
	assert "product_number" in by_number.details


async def test_designators_stand_on_one_line_only(shop: Workshop):
	await shop.product("board")
	await shop.parts("r1k", "c1u")
	assert (await shop.line("board", "r1k", 3, designators="R1-R3")).status == 201
	refused = await shop.line("board", "c1u", 2, designators=["C1", "R3"])
	assert refused.status == 400
	assert "R3" in refused.details["designators"][0]
	assert "10" in refused.details["designators"][0]
	# The manufacturing view is another list.
	assert (
		await shop.line("board", "r1k", 1, designators="R3", view="manufacturing")
	).status == 201
	fine = await shop.line("board", "c1u", 2, designators=["C1", "C2"])
	assert fine.data["warnings"] == []


async def test_changing_a_line(shop: Workshop):
	await shop.product("box")
	await shop.parts("screw", "bolt")
	await shop.parts("oil", unit_of_measure="L")
	line = (await shop.line("box", "screw", 4, designators="A1-A4", note="old")).data
	path = shop.path("box", f"/structure/lines/{line['line_uid']}")
	changed = (await shop.call("PATCH", path, {"quantity": 6, "note": None})).data
	assert (changed["quantity"], changed["note"]) == (6, None)
	assert changed["designators"] == ["A1", "A2", "A3", "A4"]
	assert changed["line_uid"] == line["line_uid"]
	same = (await shop.call("PATCH", path, {"designators": "A1-A6"})).data
	assert same["warnings"] == []
	other = (await shop.call("PATCH", path, {"product_number": "N-bolt"})).data
	assert other["product_id"] == shop.ids["bolt"]
	with_substitutes = {"substitutes": [{"product_id": shop.ids["screw"]}]}
	assert len((await shop.call("PATCH", path, with_substitutes)).data["substitutes"]) == 1
	assert (await shop.call("PATCH", path, {"substitutes": []})).data["substitutes"] == []
	for body, field in (
		({"unit": None}, "unit"),
		({"quantity": None}, "quantity"),
		({"product_id": shop.ids["oil"], "unit": "each"}, "unit"),
		({"product_id": shop.ids["box"]}, "product_id"),
		({"substitutes": [{"product_id": shop.ids["bolt"]}]}, "substitutes"),
	):
		refused = await shop.call("PATCH", path, body)
		assert refused.status in (400, 409), body
		assert field in refused.details, refused.response.text
	assert (await shop.get("box", "/structure/lines")).data == [
		(await shop.call("PATCH", path, {})).data
		| {"updated_at": (await shop.get("box", "/structure/lines")).data[0]["updated_at"]}
	]
	assert (await shop.call("DELETE", path)).status == 204
	assert (await shop.call("DELETE", path)).status == 404
	assert (await shop.get("box", "/structure/lines")).data == []


async def test_as_required_and_reference_need_no_quantity(shop: Workshop):
	await shop.product("box")
	await shop.parts("glue", "drawing")
	made = await shop.line("box", "glue", None, quantity_kind="as_required")
	assert made.data["quantity"] is None
	assert (await shop.line("box", "drawing", None, quantity_kind="reference")).status == 201
	path = shop.path("box", f"/structure/lines/{made.data['line_uid']}")
	assert "quantity" in (await shop.call("PATCH", path, {"quantity_kind": "per"})).details


async def test_if_match_protects_the_structure(shop: Workshop):
	await shop.product("box")
	await shop.parts("screw")
	start = (await shop.get("box")).etag
	path = shop.path("box", "/structure/lines")
	body = {"product_id": shop.ids["screw"], "quantity": 1}
	first = await shop.call("POST", path, body, If_Match=start)
	assert first.status == 201
	assert first.etag != start
	stale = await shop.call("POST", path, body, If_Match=start)
	assert stale.status == 412
	line = shop.path("box", f"/structure/lines/{first.data['line_uid']}")
	assert (await shop.call("PATCH", line, {"quantity": 2}, If_Match=start)).status == 412
	assert (await shop.call("DELETE", line, If_Match=start)).status == 412
	kept = await shop.call("PATCH", line, {"quantity": 2}, If_Match=first.etag)
	assert kept.status == 200
	tree = await shop.get("box", "/structure")
	assert tree.etag == f"W/{kept.etag}"
	assert (await shop.call("DELETE", line, If_Match=tree.etag)).status == 204


async def test_a_ring_is_refused_and_named(shop: Workshop):
	await shop.lines({"a": {"b": 1}, "b": {"c": 1}, "c": {"d": 1}})
	for parent, child, way in (
		("d", "a", ("N-a", "N-b", "N-c", "N-d")),
		("b", "a", ("N-a", "N-b")),
	):
		refused = await shop.line(parent, child)
		assert (refused.status, refused.code) == (409, "STRUCTURE_CYCLE")
		assert all(number in refused.words for number in way)
	itself = await shop.line("a", "a")
	assert "contain itself" in itself.words
	assert len((await shop.get("d", "/structure/lines")).data) == 0
	# By way of a changed line too.
	await shop.lines({"d": {"e": 1}})
	line = (await shop.get("d", "/structure/lines")).data[0]["line_uid"]
	moved = await shop.call(
		"PATCH", shop.path("d", f"/structure/lines/{line}"), {"product_id": shop.ids["a"]}
	)
	assert moved.code == "STRUCTURE_CYCLE"
	assert (await shop.get("d", "/structure/lines")).data[0]["product_id"] == shop.ids["e"]


async def test_a_ring_through_a_revision_that_is_not_released_yet(shop: Workshop):
	"""B waits in an open revision of A: releasing A later must not close a ring."""
	await shop.lines({"a": {"x": 1}, "b": {"y": 1}})
	await shop.release("x", "y", "a", "b")
	await shop.revise("a")
	assert (await shop.line("a", "b")).status == 201
	await shop.revise("b")
	refused = await shop.line("b", "a")
	assert refused.code == "STRUCTURE_CYCLE"


async def test_two_people_cannot_close_a_ring_together(shop: Workshop):
	for turn in range(6):
		a, b = f"a{turn}", f"b{turn}"
		await shop.product(a)
		await shop.product(b)
		answers = await asyncio.gather(shop.line(a, b), shop.line(b, a))
		assert sorted(each.status for each in answers) == [201, 409]
		refused = next(each for each in answers if each.status == 409)
		assert refused.code == "STRUCTURE_CYCLE"


async def test_three_people_cannot_either(shop: Workshop):
	for name in "abc":
		await shop.product(name)
	answers = await asyncio.gather(shop.line("a", "b"), shop.line("b", "c"), shop.line("c", "a"))
	assert sorted(each.status for each in answers) == [201, 201, 409]


async def test_lines_added_at_once_get_different_find_numbers(shop: Workshop):
	await shop.product("box")
	await shop.parts("screw")
	answers = await asyncio.gather(*(shop.line("box", "screw") for _ in range(8)))
	assert sorted(each.data["find_number"] for each in answers) == [*range(10, 90, 10)]


async def test_rights_and_companies(shop: Workshop, other: Workshop, cast: Cast):
	await shop.lines({"box": {"screw": 2}})
	line = (await shop.get("box", "/structure/lines")).data[0]
	bob = Workshop(shop.api, "bob", shop.ids)
	other.ids = shop.ids
	path = shop.path("box", f"/structure/lines/{line['line_uid']}")
	calls = [
		("GET", shop.path("box", "/structure"), None),
		("GET", shop.path("box", "/structure/lines"), None),
		("GET", path, None),
		("GET", shop.path("box", "/rollup"), None),
		("GET", shop.path("box", "/where-used"), None),
		("GET", shop.path("box", "/compare?with=A"), None),
		("GET", shop.path("box", "/structure/export"), None),
		(
			"POST",
			shop.path("box", "/structure/lines"),
			{"product_number": "N-screw", "quantity": 1},
		),
		("PATCH", path, {"quantity": 3}),
		("DELETE", path, None),
	]
	for method, place, body in calls:
		assert (await bob.call(method, place, body)).status == 403, place
		theirs = await other.call(method, place, body)
		assert theirs.status == 404, place
		assert "N-box" not in theirs.response.text
	cast.allow("bob", "plm.structures.read")
	assert (await bob.call("GET", calls[0][1])).status == 200
	assert (await bob.call("POST", calls[7][1], calls[7][2])).status == 403
	assert (await shop.get("box", "/structure/lines")).data == [line]
