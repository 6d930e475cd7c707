"""Classes: the tree, inherited attributes, values checked on write and at release, labels."""

import asyncio
from typing import Any

import pytest
from tests.capabilities.plm.workshop import PRODUCTS, Answer, Workshop
from tests.platform.cast import Cast, by

from apg.capabilities.plm.classes.inheritance import unmet_requirements

PLM = "/api/v1/plm"


async def make(shop: Workshop, name: str, parent: str | None = None) -> str:
	body = {"name": name, "parent_id": parent}
	return (await shop.call("POST", f"{PLM}/classes", body)).data["class_id"]


async def define(shop: Workshop, class_id: str, name: str, **body: Any) -> Answer:
	return await shop.call("POST", f"{PLM}/classes/{class_id}/attributes", {"name": name, **body})


async def _resistors(shop: Workshop) -> tuple[str, str]:
	top = await make(shop, "Electronics")
	below = await make(shop, "Resistors", top)
	await define(shop, top, "rohs", kind="boolean", is_required=True)
	await define(shop, below, "ohms", kind="number", unit="Ω", minimum=0, is_required=True)
	await define(shop, below, "package", kind="choice", choices=["0402", "0603"])
	return top, below


async def test_attributes_come_from_every_class_on_the_way(shop: Workshop):
	top, below = await _resistors(shop)
	template = (await shop.call("GET", f"{PLM}/classes/{below}/template")).data
	assert [(row["name"], row["class_path"]) for row in template] == [
		("rohs", "Electronics"),
		("ohms", "Electronics/Resistors"),
		("package", "Electronics/Resistors"),
	]
	own = (await shop.call("GET", f"{PLM}/classes/{top}/attributes")).data
	assert [row["name"] for row in own] == ["rohs"]
	again = await define(shop, below, "rohs", kind="text")
	assert (again.status, list(again.details)) == (400, ["name"])
	above = await define(shop, top, "ohms", kind="text")
	assert (above.status, list(above.details)) == (400, ["name"])
	twice = await define(shop, below, "ohms", kind="text")
	assert (twice.status, twice.code) == (409, "ATTRIBUTE_EXISTS")


@pytest.mark.parametrize(
	("values", "wrong"),
	[
		({"ohms": "many"}, "ohms"),
		({"ohms": -1}, "ohms"),
		({"ohms": True}, "ohms"),
		({"package": "0805"}, "package"),
		({"rohs": "perhaps"}, "rohs"),
	],
)
async def test_values_are_checked_when_written(shop: Workshop, values: dict[str, Any], wrong: str):
	await _resistors(shop)
	# A path below a recorded class inherits from it.
	body = {"class_path": "Electronics/Resistors/SMD", "custom_attributes": values}
	refused = await shop.call(
		"POST", PRODUCTS, {"product_name": "R10k", "product_type": "purchased", **body}
	)
	assert (refused.status, list(refused.details)) == (400, [f"custom_attributes.{wrong}"])
	await shop.product("r", class_path="Electronics/Resistors/SMD")
	patched = await shop.call("PATCH", shop.path("r"), {"custom_attributes": values})
	assert (patched.status, list(patched.details)) == (400, [f"custom_attributes.{wrong}"])
	assert (await shop.get("r")).data["custom_attributes"] == {}


async def test_values_are_kept_in_one_form(shop: Workshop):
	await _resistors(shop)
	given = {"ohms": "10000.50", "package": "0603", "rohs": "yes", "colour": "blue"}
	made = await shop.product("r", class_path="Electronics/Resistors", custom_attributes=given)
	assert {**made["custom_attributes"], "ohms": str(made["custom_attributes"]["ohms"])} == {
		"ohms": "10000.50",
		"package": "0603",
		"rohs": True,
		"colour": "blue",
	}


async def test_a_release_needs_what_the_class_requires(shop: Workshop, cast: Cast):
	await _resistors(shop)
	await shop.product("r", class_path="Electronics/Resistors", custom_attributes={"ohms": 0})
	await shop.product("free")
	refused = await shop.call("POST", shop.path("r", "/release"), {})
	assert (refused.status, refused.code) == (409, "NOT_RELEASABLE")
	assert list(refused.details) == ["custom_attributes.rohs"]
	ids = [(await shop.get(name)).data["revision_id"] for name in ("r", "free")]
	async with cast.work() as work:
		gaps = await unmet_requirements(work, ids)
	assert [(gap.product_number, gap.attribute, gap.problem.code) for gap in gaps] == [
		("N-r", "rohs", "required")
	]
	await shop.call("PATCH", shop.path("r"), {"custom_attributes": {"ohms": 0, "rohs": False}})
	assert (await shop.call("POST", shop.path("r", "/release"), {})).status == 200


async def test_a_value_that_the_class_came_to_refuse_is_named_at_release(shop: Workshop):
	await shop.product("r", class_path="Plain", custom_attributes={"ohms": "many"})
	plain = await make(shop, "Plain")
	await define(shop, plain, "ohms", kind="number")
	refused = await shop.call("POST", shop.path("r", "/release"), {})
	assert list(refused.details) == ["custom_attributes.ohms"]


async def test_renaming_and_moving_takes_everything_along(shop: Workshop):
	top, below = await _resistors(shop)
	await shop.product("r", class_path="Electronics/Resistors/SMD")
	await make(shop, "SMD", below)
	done = await shop.call("PATCH", f"{PLM}/classes/{below}", {"name": "R", "parent_id": None})
	assert (done.data["path"], done.data["product_count"]) == ("R", 1)
	paths = [row["path"] for row in (await shop.call("GET", f"{PLM}/classes")).data]
	assert paths == ["Electronics", "R", "R/SMD"]
	assert (await shop.get("r")).data["class_path"] == "R/SMD"
	ring = await shop.call("PATCH", f"{PLM}/classes/{below}", {"parent_id": below})
	assert list(ring.details) == ["parent_id"]
	await define(shop, top, "package", kind="text")
	twice = await shop.call("PATCH", f"{PLM}/classes/{below}", {"parent_id": top})
	assert (twice.status, list(twice.details)) == (400, ["parent_id"])
	used = await shop.call("DELETE", f"{PLM}/classes/{below}")
	assert (used.status, used.code) == (409, "CLASS_IN_USE")


async def test_of_two_same_names_at_once_one_is_made(shop: Workshop):
	top = await make(shop, "Top")
	answers = await asyncio.gather(
		*(shop.call("POST", f"{PLM}/classes", {"name": "Same", "parent_id": top}) for _ in range(3))
	)
	assert sorted(each.status for each in answers) == [201, 409, 409]
	above, below = await asyncio.gather(
		define(shop, top, "x", kind="text"),
		define(
			shop, next(a.data["class_id"] for a in answers if a.status == 201), "x", kind="text"
		),
	)
	assert sorted((above.status, below.status)) == [201, 400]


# -- labels ------------------------------------------------------------------------------------


async def test_numbers_in_prototypes_then_letters(shop: Workshop):
	body = {"phase": "prototype", "series": "numbers", "width": 2}
	assert (await shop.call("POST", f"{PLM}/label-schemes", body)).status == 201
	made = await shop.product("pump", lifecycle_phase="prototype")
	assert made["revision"] == "01"
	labels = [(await shop.release("pump")).data["revision"]]
	assert (await shop.revise("pump")).data["revision"] == "02"
	labels.append((await shop.release("pump")).data["revision"])
	assert (await shop.revise("pump")).data["revision"] == "03"
	# Planned as 03, released in production: the label is given at release.
	await shop.call("PATCH", shop.path("pump"), {"lifecycle_phase": "production"})
	every = {"series": "letters"}
	assert (await shop.call("POST", f"{PLM}/label-schemes", every)).status == 201
	labels.append((await shop.release("pump")).data["revision"])
	await shop.revise("pump")
	labels.append((await shop.release("pump")).data["revision"])
	assert labels == ["01", "02", "A", "B"]


async def test_the_nearest_class_decides(shop: Workshop):
	top = await make(shop, "Top")
	below = await make(shop, "Below", top)
	for class_id, prefix in ((top, "T"), (below, "B")):
		body = {"class_id": class_id, "series": "numbers", "prefix": prefix}
		assert (await shop.call("POST", f"{PLM}/label-schemes", body)).status == 201
	for path, label in (("Top", "T1"), ("Top/Below/Deep", "B1"), ("Top/Else", "T1"), (None, "A")):
		name = f"p-{path}"
		await shop.product(name, **({"class_path": path} if path else {}))
		assert (await shop.release(name)).data["revision"] == label
	again = await shop.call("POST", f"{PLM}/label-schemes", {"class_id": top, "series": "letters"})
	assert (again.status, again.code) == (409, "SCHEME_EXISTS")


async def test_another_company_sees_no_class_of_ours(shop: Workshop, other: Workshop):
	_top, below = await _resistors(shop)
	assert (await other.call("GET", f"{PLM}/classes")).data == []
	for method, path, body in (
		("GET", "", None),
		("PATCH", "", {"name": "Mine"}),
		("DELETE", "", None),
		("GET", "/template", None),
		("POST", "/attributes", {"name": "x", "kind": "text"}),
	):
		answer = await other.call(method, f"{PLM}/classes/{below}{path}", body)
		assert answer.status == 404
	foreign = await other.call("POST", f"{PLM}/classes", {"name": "Mine", "parent_id": below})
	assert (foreign.status, list(foreign.details)) == (400, ["parent_id"])
	scheme = {"class_id": below, "series": "letters"}
	assert (await other.call("POST", f"{PLM}/label-schemes", scheme)).status == 400
	free = await other.product(
		"r", class_path="Electronics/Resistors", custom_attributes={"ohms": "many"}
	)
	assert free["custom_attributes"] == {"ohms": "many"}


async def test_pages(shop: Workshop):
	top, below = await _resistors(shop)
	await shop.product("x", class_path="From/A file")
	told = by("alice", Accept="text/html")
	sent = by("alice", Accept="text/html", **{"HX-Request": "true"})
	index = (await shop.api.get("/plm/classes", headers=told)).text
	assert "Electronics" in index
	assert "From/A file" in index
	page = (await shop.api.get(f"/plm/classes/{below}", headers=told)).text
	for word in ("rohs", "ohms", "0402, 0603", "Define an attribute"):
		assert word in page
	wrong = await shop.api.post(
		f"/plm/classes/{below}/attributes",
		data={"name": "rohs", "kind": "text", "choices": "", "is_required": "false"},
		headers=sent,
	)
	assert wrong.status_code == 422
	assert "defines rohs already" in wrong.text
	fields = {"name": "grade", "kind": "choice", "choices": "A\nB\n", "is_required": "true"}
	done = await shop.api.post(f"/plm/classes/{below}/attributes", data=fields, headers=sent)
	assert done.status_code == 204
	assert "A, B" in (await shop.api.get(f"/plm/classes/{below}", headers=told)).text
	made = await shop.api.post("/plm/classes/record", data={"path": "From/A file"}, headers=sent)
	assert made.status_code == 204
	paths = [row["path"] for row in (await shop.call("GET", f"{PLM}/classes")).data]
	assert paths == ["Electronics", "Electronics/Resistors", "From", "From/A file"]
	assert top
