"""Policies of a company in force: warned, asked, blocked, explained."""

from typing import Any

from tests.capabilities.plm.changes.conftest import Company
from tests.capabilities.plm.impact.conftest import Tasks
from tests.capabilities.plm.impact.test_impact import opened

POLICIES = "/api/v1/plm/policies"


async def policy(at: Company, expression: str, effect: str = "warn", **fields: Any):
	body = {"name": f"{effect} {expression}"[:90], "expression": expression, "effect": effect}
	return await at.manager.call("POST", POLICIES, body | fields)


async def dearer(plant: Company) -> str:
	change = await plant.author.raised("motor")
	assert (await plant.author.order_line(change, "motor", "bolt", 1)).status == 201
	return change


async def test_a_blocking_policy_keeps_a_change_from_being_submitted(plant: Company):
	made = await policy(plant, "delta(cost) > 3 EUR", "block")
	assert made.status == 201, made.response.text
	change = await dearer(plant)  # pump: + 4 EUR
	answer = await plant.author.do(change, "submit")
	assert (answer.status, answer.code) == (409, "NOT_SUBMITTABLE")
	assert "delta(cost) > 3 EUR" in answer.words
	assert (await plant.author.seen(change))["status"] == "draft"
	body = {"expression": "delta(cost) > 4 EUR"}
	path = f"{POLICIES}/{made.data['policy_id']}"
	assert (await plant.manager.call("PATCH", path, body)).status == 200
	answer = await plant.author.do(change, "submit")
	assert answer.status == 200, answer.response.text


async def test_a_policy_asks_another_role_and_says_why(plant: Company, background: Tasks):
	await policy(
		plant,
		"delta(cost) > 10 %",
		"stage",
		role="plm_quality_approver",
		explanation="Dearer by a tenth needs quality.",
	)
	await policy(plant, "delta(cost) > 90 %", "stage", role="plm_management_approver")
	change = await dearer(plant)
	answer = await plant.author.do(change, "submit")
	assert answer.status == 200, answer.response.text
	assert plant.quality.user_id in answer.data["approvers"]
	assert plant.boss.user_id not in answer.data["approvers"]
	impact = await plant.author.seen(change, "/impact")
	assert impact["stale"] is False
	[fired] = impact["policies"]
	assert fired["expression"] == "delta(cost) > 10 %"
	# pump 24 → 28 is 16.67 %, fan 13.5 → 15.5 is 14.81 %
	assert any("16.67" in reason for reason in fired["because"])
	page = await opened(plant, f"/plm/changes/{change}?tab=impact")
	assert "Dearer by a tenth needs quality." in page


async def test_what_is_unknown_stops_nothing_unless_coverage_is_asked_for(plant: Company):
	await policy(plant, "delta(cost) > 0 EUR", "block")
	await plant.manager.product("seal", kind="purchased", mass=1)
	await plant.manager.release("seal")
	change = await plant.author.raised("motor")
	assert (await plant.author.order_line(change, "motor", "seal", 1)).status == 201
	answer = await plant.author.do(change, "submit")
	assert answer.status == 200, answer.response.text
	await policy(plant, "coverage(cost) < 100 %", "block")
	# It holds at the approval too.
	answer = await plant.ada.sign(change)
	assert (answer.status, answer.code) == (409, "POLICY_BLOCKS")


async def test_an_expression_without_meaning_is_refused_with_its_place(plant: Company):
	answer = await policy(plant, "delta(water) > 2 %")
	assert answer.status == 400, answer.response.text
	assert list(answer.details) == ["expression"]
	assert "character 7" in answer.words
	answer = await policy(plant, "new(substance)", "stage")
	assert list(answer.details) == ["role"]
	assert (await plant.manager.call("GET", POLICIES)).data == []


async def test_only_those_who_keep_the_rules_change_policies(plant: Company):
	body = {"name": "x", "expression": "new(substance)"}
	assert (await plant.author.call("POST", POLICIES, body)).status == 403
	made = await policy(plant, "new(substance)")
	assert (await plant.outsider.call("GET", POLICIES)).data == []
	path = f"{POLICIES}/{made.data['policy_id']}"
	assert (await plant.outsider.call("GET", path)).status == 404


async def test_pages_of_policies(plant: Company):
	await policy(plant, "delta(cost) > 3 EUR")
	base = "/plm/changes/policies"
	headers = plant.manager.headers | {"Accept": "text/html"}
	for path in (base, f"{base}/new"):
		page = await plant.manager.api.get(path, headers=headers)
		assert page.status_code == 200, page.text[:1000]
		assert "delta(cost)" in page.text
