"""What changed between two structures, through the API."""

from typing import Any

from tests.capabilities.plm.workshop import Workshop


def _told(found: dict[str, Any]) -> list[tuple[Any, ...]]:
	return [
		(
			row["change"],
			row["product_number"],
			{each["field"]: (each["old"], each["new"]) for each in row["fields"]},
		)
		for row in found["lines"]
	]


async def _two_revisions(shop: Workshop) -> dict[str, str]:
	await shop.parts("r1k", "c1u", "led", "glue", "pin")
	await shop.product("pcb", mass=3, custom_attributes={"layers": 2})
	uids: dict[str, str] = {}
	for child, quantity, more in (
		("r1k", 4, {"designators": "R1-R4"}),
		("c1u", 2, {"designators": "C1, C2"}),
		("led", 1, {}),
		("glue", 1, {}),
	):
		uids[child] = (await shop.line("pcb", child, quantity, **more)).data["line_uid"]
	await shop.release("r1k", "c1u", "led", "glue", "pin", "pcb")
	await shop.revise("pcb")
	return uids


async def test_a_revision_equals_itself_and_its_copy(shop: Workshop):
	await _two_revisions(shop)
	for query in ({"with_": "A"}, {"with_": "A", "revision": "B"}, {"with_": "B", "revision": "A"}):
		found = (await shop.get("pcb", "/compare", **query)).data
		assert found["identical"] is True
		assert (found["lines"], found["attributes"]) == ([], [])


async def test_added_removed_and_changed_lines(shop: Workshop):
	uids = await _two_revisions(shop)
	lines = shop.path("pcb", "/structure/lines/")
	await shop.call("PATCH", lines + uids["r1k"], {"quantity": 5, "designators": "R1-R5"})
	await shop.call("PATCH", lines + uids["led"], {"product_id": shop.ids["pin"]})
	await shop.call("DELETE", lines + uids["glue"])
	await shop.line("pcb", "glue", 2, unit="each", find_number=99)
	await shop.line("pcb", "led", 7, note="new")
	await shop.call(
		"PATCH", shop.path("pcb"), {"mass": 4, "mass_unit": "g", "custom_attributes": {"layers": 4}}
	)
	found = (await shop.get("pcb", "/compare", with_="A", revision="B")).data
	assert (found["before"]["revision"], found["after"]["revision"]) == ("A", "B")
	told = _told(found)
	assert (
		"changed",
		"N-r1k",
		{
			"quantity": (4, 5),
			"designators": (["R1", "R2", "R3", "R4"], ["R1", "R2", "R3", "R4", "R5"]),
		},
	) in told
	# The part was replaced on its line, and the glue found again although its line is a new one.
	assert ("changed", "N-pin", {"product": ("N-led", "N-pin")}) in told
	assert ("changed", "N-glue", {"find_number": (40, 99), "quantity": (1, 2)}) in told
	assert ("added", "N-led", {"quantity": (None, 7), "unit": (None, "each")}) in told
	assert (found["added"], found["removed"], found["changed"]) == (1, 0, 3)
	matched = {row["product_number"]: row["matched_by"] for row in found["lines"]}
	assert matched == {"N-r1k": "lineage", "N-pin": "lineage", "N-glue": "child", "N-led": None}
	assert found["attributes"] == [
		{"field": "mass", "old": 3, "new": 4},
		{"field": "custom_attributes.layers", "old": 2, "new": 4},
	]
	back = (await shop.get("pcb", "/compare", with_="B", revision="A")).data
	assert (back["added"], back["removed"], back["changed"]) == (0, 1, 3)


async def test_one_child_on_several_lines_is_kept_apart(shop: Workshop):
	await shop.parts("screw")
	await shop.product("box")
	uids = [(await shop.line("box", "screw", n)).data["line_uid"] for n in (1, 2, 3)]
	await shop.release("screw", "box")
	await shop.revise("box")
	await shop.call("PATCH", shop.path("box", f"/structure/lines/{uids[1]}"), {"quantity": 9})
	found = (await shop.get("box", "/compare", with_="A", revision="B")).data
	assert [row["line_uid"] for row in found["lines"]] == [uids[1]]
	assert _told(found) == [("changed", "N-screw", {"quantity": (2, 9)})]


async def test_substitutes_and_pins_are_content(shop: Workshop):
	await shop.parts("chip", "clone")
	await shop.lines({"pcb": {"chip": 1}})
	await shop.release("chip", "clone", "pcb")
	await shop.revise("pcb")
	line = (await shop.get("pcb", "/structure/lines")).data[0]["line_uid"]
	body = {"revision": "A", "substitutes": [{"product_id": shop.ids["clone"]}]}
	await shop.call("PATCH", shop.path("pcb", f"/structure/lines/{line}"), body)
	found = (await shop.get("pcb", "/compare", with_="A", revision="B")).data
	assert _told(found) == [
		("changed", "N-chip", {"revision": (None, "A"), "substitutes": (None, ["N-clone"])})
	]


async def test_levels_below_by_occurrence(shop: Workshop):
	await shop.parts("screw", "nut")
	await shop.lines({"arm": {"screw": 1}, "left": {"arm": 1}, "robot": {"left": 1, "arm": 2}})
	await shop.release("screw", "nut", "arm", "left", "robot")
	await shop.revise("arm")
	await shop.line("arm", "nut", 4)
	query = {"with_": "A", "rule": "latest_working", "with_rule": "latest_released"}
	near = (await shop.get("robot", "/compare", **query)).data
	assert near["identical"] is True  # its own lines did not change
	found = (await shop.get("robot", "/compare", depth=9, **query)).data
	places = [(row["change"], row["level"], row["path"]) for row in found["lines"]]
	assert sorted(places) == [
		("added", 2, ["N-arm"]),
		("added", 3, ["N-left", "N-arm"]),
	]


async def test_with_another_product(shop: Workshop, other: Workshop):
	await shop.parts("screw", "nut")
	await shop.lines({"box": {"screw": 1, "nut": 2}, "case": {"screw": 3}})
	await other.lines({"theirs": {"x": 1}})
	for name in (shop.ids["case"], "N-case"):
		found = (await shop.get("box", "/compare", with_=name)).data
		assert (found["before"]["product_number"], found["after"]["product_number"]) == (
			"N-case",
			"N-box",
		)
		assert (found["added"], found["removed"], found["changed"]) == (1, 0, 1)
	for name in (other.ids["theirs"], "N-theirs", "nobody"):
		assert (await shop.get("box", "/compare", with_=name)).status == 404
	assert (await shop.get("box", "/compare")).status == 400
