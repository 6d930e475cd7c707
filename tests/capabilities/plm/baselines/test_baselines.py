"""Baselines: what was resolved stays, whatever is done to products, revisions and structures."""

import asyncio
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError
from tests.capabilities.plm.workshop import Answer, Workshop
from tests.platform.cast import Cast

BASELINES = "/api/v1/plm/baselines"


async def baseline(shop: Workshop, name: str, **body: Any) -> Answer:
	given = {"product_id": shop.ids[name], "title": "Review", **body}
	return await shop.call("POST", BASELINES, given)


async def _robot(shop: Workshop) -> None:
	await shop.product("screw", kind="purchased", mass=2)
	await shop.product("nut", kind="purchased", mass=1)
	await shop.lines({"arm": {"screw": 3}, "robot": {"arm": 2, "nut": 1}})


async def _change_everything(shop: Workshop) -> None:
	line = (await shop.get("arm", "/structure/lines")).data[0]["line_uid"]
	await shop.call("PATCH", shop.path("arm", f"/structure/lines/{line}"), {"quantity": 9})
	await shop.line("arm", "nut", 4)
	await shop.call("PATCH", shop.path("screw"), {"mass": 50, "product_name": "Long screw"})
	await shop.call("PATCH", shop.path("robot"), {"product_name": "Another robot"})
	await shop.call("PATCH", shop.path("nut"), {"product_number": "N-other"})


async def test_a_working_structure_is_kept_as_it_was(shop: Workshop):
	await _robot(shop)
	before = (await shop.get("robot", "/structure", depth=5)).data
	made = await baseline(shop, "robot")
	assert made.status == 201, made.response.text
	assert (made.data["number"], made.data["member_count"], made.data["line_count"]) == (
		"BL-000001",
		4,
		3,
	)
	await _change_everything(shop)
	kept = (await shop.get("robot", "/structure", depth=5, baseline="BL-000001")).data
	assert kept["rule"] == "baseline"
	assert kept["baseline_id"] == made.data["baseline_id"]
	assert kept["product"]["product_name"] == "Part robot"
	assert kept["lines"] == before["lines"]
	rolled = (await shop.get("robot", "/rollup", baseline="BL-000001")).data
	assert rolled["mass"]["total"] * 1000 == 13  # 2 × 3 × 2 g + 1 g
	assert (await shop.get("robot", "/rollup")).data["mass"]["total"] * 1000 == 909
	flat = (await shop.get("robot", "/structure", flat="true", baseline="BL-000001")).data
	assert {row["product_number"]: row["total_quantity"] for row in flat["products"]} == {
		"N-nut": 1,
		"N-screw": 6,
	}
	exported = await shop.get("robot", "/structure/export", format="csv", baseline="BL-000001")
	assert "Part screw" in exported.response.text
	assert "Long screw" not in exported.response.text


async def test_the_same_hash_for_ever_and_for_equal_content(shop: Workshop):
	await _robot(shop)
	first = (await baseline(shop, "robot")).data
	again = (await baseline(shop, "robot", title="The same")).data
	assert again["merkle_hash"] == first["merkle_hash"]
	await _change_everything(shop)
	for each in (first, again):
		told = (await shop.call("GET", f"{BASELINES}/{each['baseline_id']}/verify")).data
		assert told["holds"] is True
		assert told["resolved_hash"] == told["recorded_hash"] == first["merkle_hash"]
	assert (await baseline(shop, "robot")).data["merkle_hash"] != first["merkle_hash"]
	await shop.release("screw", "nut", "arm", "robot")
	for name in ("screw", "nut", "arm", "robot"):
		await shop.revise(name)
	await _change_everything(shop)
	told = (await shop.call("GET", f"{BASELINES}/BL-000001/verify")).data
	assert (told["holds"], told["resolved_hash"]) == (True, first["merkle_hash"])
	assert (await shop.call("GET", f"{BASELINES}/BL-000001")).data == first


async def test_every_content_below_counts_in_the_hash(shop: Workshop):
	await _robot(shop)
	seen = {(await baseline(shop, "robot")).data["merkle_hash"]}
	for name, body in (
		("screw", {"mass": 3}),
		("nut", {"material": "Brass"}),
		("arm", {"custom_attributes": {"colour": "red"}}),
		("robot", {"product_description": "Walks"}),
	):
		assert (await shop.call("PATCH", shop.path(name), body)).status == 200
		seen.add((await baseline(shop, "robot")).data["merkle_hash"])
	line = (await shop.get("arm", "/structure/lines")).data[0]["line_uid"]
	for patch in ({"quantity": 4}, {"note": "tight"}, {"designators": "A1"}):
		path = shop.path("arm", f"/structure/lines/{line}")
		assert (await shop.call("PATCH", path, patch)).status == 200
		seen.add((await baseline(shop, "robot")).data["merkle_hash"])
	assert len(seen) == 8


async def test_compared_with_today_a_revision_and_another(shop: Workshop):
	await _robot(shop)
	await shop.release("screw", "nut", "arm", "robot")
	await baseline(shop, "robot")
	same = (await shop.call("GET", f"{BASELINES}/BL-000001/compare")).data
	assert (same["identical"], same["lines"]) == (True, [])
	await shop.revise("arm")
	line = (await shop.get("arm", "/structure/lines")).data[0]["line_uid"]
	await shop.call("PATCH", shop.path("arm", f"/structure/lines/{line}"), {"quantity": 5})
	await shop.release("arm")
	await baseline(shop, "robot")
	for other in ("today", "A", "BL-000002"):
		told = (await shop.call("GET", f"{BASELINES}/BL-000001/compare?with={other}")).data
		assert [(row["product_number"], row["fields"]) for row in told["lines"]] == [
			("N-arm", [{"field": "revision", "old": "A", "new": "B"}]),
			("N-screw", [{"field": "quantity", "old": 3, "new": 5}]),
		]
	told = (await shop.call("GET", f"{BASELINES}/BL-000002/compare?with=BL-000001")).data
	assert told["lines"][1]["fields"] == [{"field": "quantity", "old": 5, "new": 3}]
	itself = (await shop.call("GET", f"{BASELINES}/BL-000002/compare?with=BL-000002")).data
	assert itself["identical"] is True
	by_product = (await shop.get("robot", "/compare", with_baseline="BL-000001", depth=9)).data
	assert [row["product_number"] for row in by_product["lines"]] == ["N-arm", "N-screw"]
	unknown = await shop.call("GET", f"{BASELINES}/BL-000001/compare?with=BL-9")
	assert unknown.status == 404


async def test_a_baseline_of_what_is_effective(shop: Workshop):
	await _robot(shop)
	await shop.release("screw", "nut", "arm", "robot")
	await shop.revise("arm")
	await shop.release("arm")
	body = {"revision": "B", "kind": "units", "from": 50}
	assert (await shop.call("POST", shop.path("arm", "/effectivity"), body)).status == 201
	early = (await baseline(shop, "robot", serial=49)).data
	late = (await baseline(shop, "robot", serial=50)).data
	assert early["rule"] == "unit"
	assert early["demand"] == {"serial": 49, "context_product_id": shop.ids["robot"]}
	assert early["merkle_hash"] != late["merkle_hash"]
	for number, label in ((early["number"], "A"), (late["number"], "B")):
		tree = (await shop.get("robot", "/structure", baseline=number)).data
		assert tree["lines"][0]["revision"] == label


async def test_a_pinned_revision_and_a_floating_one_of_one_product(shop: Workshop):
	await shop.parts("screw")
	await shop.release("screw")
	await shop.revise("screw")
	await shop.release("screw")
	await shop.product("box")
	await shop.line("box", "screw", 1)
	await shop.line("box", "screw", 2, revision="A")
	made = (await baseline(shop, "box")).data
	assert (made["member_count"], made["line_count"]) == (3, 2)
	tree = (await shop.get("box", "/structure", baseline=made["number"])).data
	assert [(line["revision"], line["pinned"]) for line in tree["lines"]] == [
		("B", False),
		("A", True),
	]


async def test_what_has_no_fitting_revision_stands_for_itself(shop: Workshop):
	await shop.parts("screw")
	await shop.lines({"box": {"screw": 2}})
	made = (await baseline(shop, "box", revision="A", rule="latest_released")).data
	tree = (await shop.get("box", "/structure", baseline=made["number"])).data
	assert [(line["product_number"], line["revision"]) for line in tree["lines"]] == [
		("N-screw", None)
	]
	assert (await shop.call("GET", f"{BASELINES}/{made['number']}/verify")).data["holds"] is True


async def test_an_obsolete_product_enters_no_baseline(shop: Workshop):
	await _robot(shop)
	await shop.call("PATCH", shop.path("screw"), {"lifecycle_phase": "obsolete"})
	refused = await baseline(shop, "robot")
	assert (refused.status, refused.code) == (409, "BASELINE_REFUSED")
	assert list(refused.details) == ["N-screw"]
	assert (await shop.call("GET", BASELINES)).data == []


@pytest.mark.parametrize(
	("body", "field"),
	[
		({"product_number": "N-none"}, "product_number"),
		({}, "product_number"),
		({"product_number": "N-robot", "rule": "unit"}, "serial"),
		({"product_number": "N-robot", "title": " "}, "title"),
	],
)
async def test_what_lacks_is_named(shop: Workshop, body: dict[str, Any], field: str):
	await shop.product("robot")
	refused = await shop.call("POST", BASELINES, {"title": "Review", **body})
	assert (refused.status, list(refused.details)) == (400, [field])


async def test_a_number_is_given_once(shop: Workshop):
	await shop.product("robot")
	assert (await baseline(shop, "robot", number="BL-000002")).status == 201
	again = await baseline(shop, "robot", number="BL-000002")
	assert (again.status, again.code) == (409, "BASELINE_NUMBER_TAKEN")
	answers = await asyncio.gather(*(baseline(shop, "robot") for _ in range(4)))
	assert sorted(each.data["number"] for each in answers) == [
		"BL-000001",
		"BL-000003",
		"BL-000004",
		"BL-000005",
	]


async def test_nobody_changes_a_baseline(shop: Workshop, cast: Cast):
	await _robot(shop)
	made = (await baseline(shop, "robot")).data
	held = made["baseline_id"]
	for method in ("PUT", "PATCH", "DELETE"):
		refused = await shop.call(method, f"{BASELINES}/{held}", {"title": "x"})
		assert refused.status == 405
	statements = [
		f"update plm_baselines set title = 'x' where id = '{held}'",
		f"delete from plm_baselines where id = '{held}'",
		f"update plm_baseline_members set mass = 1 where baseline_id = '{held}'",
		f"delete from plm_baseline_members where baseline_id = '{held}'",
		f"update plm_baseline_lines set quantity = 1 where baseline_id = '{held}'",
		f"delete from plm_baseline_lines where baseline_id = '{held}'",
	]
	for statement in statements:
		with pytest.raises(DBAPIError) as caught:
			async with cast.work() as work:
				await (await work.connection()).exec_driver_sql(statement)
		assert getattr(caught.value.orig, "sqlstate", "") == "42501", statement
	columns = (
		"id, tenant_id, created_at, updated_at, baseline_id, parent_revision_id, line_uid, "
		"find_number, child_item_id, is_pinned, quantity, quantity_kind, unit, attrition, "
		"setup_quantity, view, designators, is_optional, is_consumable, allow_variants, source, "
		"substitutes"
	)
	more = (
		f"insert into plm_baseline_lines ({columns}) select gen_random_uuid(), tenant_id, now(), "
		"now(), baseline_id, parent_revision_id, gen_random_uuid(), 99, child_item_id, is_pinned, "
		"quantity, quantity_kind, unit, attrition, setup_quantity, view, designators, is_optional, "
		"is_consumable, allow_variants, source, substitutes from plm_baseline_lines "
		f"where baseline_id = '{held}' limit 1"
	)
	with pytest.raises(DBAPIError) as caught:
		async with cast.work() as work:
			await (await work.connection()).exec_driver_sql(more)
	assert getattr(caught.value.orig, "sqlstate", "") == "P0001"
	assert (await shop.call("GET", f"{BASELINES}/{held}/verify")).data["holds"] is True


async def test_even_the_owner_is_refused(shop: Workshop, settings: Any):
	from sqlalchemy import text

	from apg.kernel.migrating import admin_engine

	await _robot(shop)
	held = (await baseline(shop, "robot")).data["baseline_id"]
	engine = admin_engine(settings.database_admin_url)
	for statement in (
		f"update plm_baselines set merkle_hash = merkle_hash where id = '{held}'",
		f"delete from plm_baseline_lines where baseline_id = '{held}'",
	):
		with engine.connect() as connection, pytest.raises(DBAPIError) as caught:
			connection.execute(text(statement))
		assert "never changed" in str(caught.value)
	engine.dispose()


async def test_rights_and_companies(shop: Workshop, other: Workshop, cast: Cast):
	await _robot(shop)
	held = (await baseline(shop, "robot")).data["baseline_id"]
	bob = Workshop(shop.api, "bob", shop.ids)
	for place in ("", "/verify", "/compare"):
		assert (await bob.call("GET", f"{BASELINES}/{held}{place}")).status == 403
		assert (await other.call("GET", f"{BASELINES}/{held}{place}")).status == 404
		assert (await other.call("GET", f"{BASELINES}/BL-000001{place}")).status == 404
	assert (await other.call("GET", BASELINES)).data == []
	assert (await baseline(bob, "robot")).status == 403
	other.ids = dict(shop.ids)
	assert (await baseline(other, "robot")).status == 400
	await other.product("theirs")
	unknown = await other.get("theirs", "/structure", baseline=held)
	assert (unknown.status, list(unknown.details)) == (400, ["baseline"])
	assert (await baseline(other, "theirs")).data["number"] == "BL-000001"


async def test_another_products_baseline_does_not_hold_it(shop: Workshop):
	await _robot(shop)
	await shop.product("lamp")
	await baseline(shop, "robot")
	missing = await shop.get("lamp", "/structure", baseline="BL-000001")
	assert missing.status == 404
	assert "does not hold" in missing.words
	arm = (await shop.get("arm", "/structure", baseline="BL-000001")).data
	assert [line["product_number"] for line in arm["lines"]] == ["N-screw"]
