"""Declarations of parts, status of products, and what a change does to both."""

from datetime import timedelta
from typing import Any

from tests.capabilities.plm.changes.conftest import Company
from tests.capabilities.plm.impact.conftest import Tasks
from tests.capabilities.plm.impact.test_impact import by_number

from apg.capabilities.plm.compliance import jobs
from apg.kernel.stamps import utc_now

REGULATIONS = "/api/v1/plm/regulations"


async def started(plant: Company) -> dict[str, str]:
	"""What a company starts with: RoHS and REACH SVHC are in force; ids by code."""
	rows = (await plant.manager.call("GET", REGULATIONS)).data
	assert [row["code"] for row in rows if row["is_active"]] == ["reach", "rohs"]
	return {row["code"]: row["regulation_id"] for row in rows}


async def declared(plant: Company, name: str, regulation: str, **fields: Any) -> None:
	body = {
		"regulation": regulation,
		"evidence": "Certificate 4711",
		"declared_on": "2026-01-02",
		**fields,
	}
	path = plant.manager.path(name, "/declarations")
	answer = await plant.manager.call("POST", path, body)
	assert answer.status == 201, answer.response.text


async def status(plant: Company, name: str) -> dict[str, dict[str, Any]]:
	rows = (await plant.author.get(name, "/compliance")).data
	return {row["regulation"]: row for row in rows}


async def test_the_worst_below_decides_and_is_never_diluted(plant: Company):
	await started(plant)
	assert (await status(plant, "pump"))["rohs"]["whole"] == "unknown"
	for name in ("screw", "case"):
		for code in ("rohs", "reach"):
			await declared(plant, name, code)
	found = await status(plant, "pump")
	assert (found["rohs"]["whole"], found["reach"]["whole"]) == ("compliant", "compliant")
	# 0.2 % of lead in a screw of 10 g inside of a pump of 2 kg: the article counts, not the pump.
	await declared(plant, "screw", "reach", substance="Lead", share=0.002)
	found = await status(plant, "pump")
	assert found["reach"]["whole"] == "non_compliant"
	assert [one["product_number"] for one in found["reach"]["because"]] == ["N-screw"]
	assert found["rohs"]["whole"] == "compliant"
	page = await plant.author.api.get(
		"/plm/compliance", headers=plant.author.headers | {"Accept": "text/html"}
	)
	assert page.status_code == 200
	assert "N-pump" in page.text


async def test_a_new_list_asks_everybody_again(plant: Company):
	ids = await started(plant)
	for name in ("screw", "case"):
		await declared(plant, name, "rohs")
	assert (await status(plant, "fan"))["rohs"]["whole"] == "compliant"
	body = {"list_version": "2", "substances": [{"substance": "Lead", "limit_share": 0.0005}]}
	answer = await plant.manager.call("PUT", f"{REGULATIONS}/{ids['rohs']}/list", body)
	assert answer.status == 200
	assert (await status(plant, "fan"))["rohs"]["whole"] == "unknown"
	again = await plant.manager.call("PUT", f"{REGULATIONS}/{ids['rohs']}/list", body)
	assert (again.status, again.code) == (409, "LIST_EXISTS")


async def test_a_new_revision_is_pending_again_and_a_change_says_so(
	plant: Company, background: Tasks
):
	await started(plant)
	for name in ("screw", "case", "bolt"):
		for code in ("rohs", "reach"):
			await declared(plant, name, code)
	body = {"status": "compliant", "evidence": "Report 14", "valid_until": "2099-12-31"}
	path = plant.manager.path("motor", "/compliance/rohs")
	assert (await plant.manager.call("PUT", path, body)).status == 200
	assert (await status(plant, "pump"))["rohs"]["whole"] == "compliant"
	change = await plant.author.raised("motor")
	assert (await plant.author.order_line(change, "motor", "bolt", 1)).status == 201
	await background.impact(plant, change)
	impact = await plant.author.seen(change, "/impact")
	figure = by_number(impact)["N-pump"]["compliance"]
	assert (figure["before_word"], figure["after_word"]) == ("compliant", "unknown")
	rules = {row["regulation"]: (row["before"], row["after"]) for row in figure["missing"]}
	assert rules == {"rohs": ("compliant", "unknown"), "reach": ("compliant", "compliant")}
	assert impact["headline"]["compliance"]["worse"] == 2


async def test_a_substance_that_comes_in_is_told(plant: Company, background: Tasks):
	await started(plant)
	await declared(plant, "bolt", "reach", substance="Lead", share=0.01)
	change = await plant.author.raised("motor")
	assert (await plant.author.order_line(change, "motor", "bolt", 1)).status == 201
	await background.impact(plant, change)
	impact = await plant.author.seen(change, "/impact")
	[found] = impact["substances"]
	assert (found["substance"], found["regulation"]) == ("Lead", "reach")
	assert sorted(one["product_number"] for one in found["end_items"]) == ["N-fan", "N-pump"]
	assert by_number(impact)["N-pump"]["compliance"]["after_word"] == "non_compliant"


async def test_evidence_that_ends_is_told_in_time_and_once(plant: Company, background: Tasks):
	await started(plant)
	day = (utc_now().date() + timedelta(days=60)).isoformat()
	body = {"status": "compliant", "evidence": "Report 14", "valid_until": day}
	path = plant.manager.path("motor", "/compliance/rohs")
	assert (await plant.manager.call("PUT", path, body)).status == 200
	for _n in range(2):
		await background.run(jobs.remind, plant.tenant_id)
	answer = await plant.manager.call("GET", "/api/v1/notifications")
	kinds = [one["kind"] for one in answer.json if one["kind"] == "compliance_evidence_ends"]
	assert len(kinds) == 1


async def test_nobody_else_sees_or_writes(plant: Company):
	ids = await started(plant)
	assert (await plant.outsider.call("GET", f"{REGULATIONS}/{ids['rohs']}")).status == 404
	path = plant.manager.path("motor", "/compliance")
	assert (await plant.outsider.call("GET", path)).status == 404
	body = {"status": "compliant", "evidence": "x"}
	assert (await plant.outsider.call("PUT", f"{path}/rohs", body)).status == 404
	assert (await plant.ada.call("PUT", f"{path}/rohs", body)).status == 403
