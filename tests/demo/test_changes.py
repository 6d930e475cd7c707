"""The change of the demo company, its deltas counted by hand, and what becomes of it."""

from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from tests.capabilities.plm.changes.conftest import (
	PASSWORD,
	Desk,
	add_person,
)
from tests.demo.conftest import Demo

from apg.capabilities.plm.baselines import service as baselines
from apg.capabilities.plm.baselines.models import Baseline
from apg.contracts.reference import ExchangeRates
from apg.demo import changes
from apg.kernel.work import open_work

D = Decimal
CHANGES = "/api/v1/plm/changes"

# -- the hand calculation -----------------------------------------------------------------------
# One wooden leg: 12.75 USD (InvenTree demo set, internal price of one), 1.02 kg of wood.
# One steel leg: 9.90 USD and 0.9 kg (estimates of the demo). One screw: 0.10 USD (same set), 5 g.
# UK Government conversion factors 2020, primary material production, kg CO2e a tonne:
WOOD = D("312.6118")  # construction, wood (row 2118)
METAL = D("3894.2234")  # construction, metals (row 2098)
LEG_CO2E = D("1.02") * WOOD / 1000  # 0.318864036 kg
STEEL_LEG_CO2E = D("0.9") * METAL / 1000  # 3.50480106 kg
SCREW_CO2E = D("0.005") * METAL / 1000  # 0.019471117 kg

# product → (before, after) of legs and screws; the round table loses a leg and three screws
SWAP = {
	"Round Table": ((4, 12), (3, 9)),
	"Square Table": ((4, 12), (4, 12)),
	"Chair": ((4, 8), (4, 8)),  # eight screws since the first order
}
# round table: 3 × 9.90 − 4 × 12.75 − 3 × 0.10; the other two: 4 × (9.90 − 12.75)
USD = {"Round Table": D("-21.60"), "Square Table": D("-11.40"), "Chair": D("-11.40")}
# 3 × 0.9 − 4 × 1.02 − 3 × 0.005; 4 × (0.9 − 1.02)
MASS = {"Round Table": D("-1.395"), "Square Table": D("-0.48"), "Chair": D("-0.48")}
# 3 × 3.50480106 − 4 × 0.318864036 − 3 × 0.019471117; 4 × 3.185937024
CO2E = {
	"Round Table": D("9.180533685"),
	"Square Table": D("12.743748096"),
	"Chair": D("12.743748096"),
}
# before, in kg CO2e: legs, screws and the top of 15.4 or 16.25 kg of wood
CO2E_BEFORE = {
	"Round Table": 4 * LEG_CO2E + 12 * SCREW_CO2E + D("15.4") * WOOD / 1000,
	"Square Table": 4 * LEG_CO2E + 12 * SCREW_CO2E + D("16.25") * WOOD / 1000,
	"Chair": 4 * LEG_CO2E + 8 * SCREW_CO2E,
}


def test_the_figures_above_are_their_own_sums() -> None:
	for name, ((legs, screws), (new_legs, new_screws)) in SWAP.items():
		more = new_screws - screws
		assert USD[name] == new_legs * D("9.90") - legs * D("12.75") + more * D("0.10")
		assert MASS[name] == new_legs * D("0.9") - legs * D("1.02") + more * D("0.005")
		exact = new_legs * STEEL_LEG_CO2E - legs * LEG_CO2E + more * SCREW_CO2E
		assert abs(CO2E[name] - exact) < D("1e-9")


@pytest.fixture
async def people(demo: Demo, client: httpx.AsyncClient) -> dict[str, Desk]:
	roles = {
		"administrator": ("tenant_admin", "plm_management_approver"),
		"engineer": ("plm_engineer", "esg_viewer"),
		"technical": ("plm_technical_approver", "esg_viewer"),
		"quality": ("esg_manager", "plm_viewer", "plm_quality_approver"),
	}
	return {
		part: await add_person(demo.runtime, client, demo.tenant_id, part, *given)
		for part, given in roles.items()
	}


def company_of(demo: Demo, people: dict[str, Desk]) -> changes.Company:
	signers = {part: changes.Signer(one.user_id, PASSWORD) for part, one in people.items()}
	return changes.Company(demo.runtime, demo.tenant_id, signers)


async def test_the_deltas_of_the_change_are_those_counted_by_hand(
	demo: Demo, people: dict[str, Desk]
) -> None:
	company = company_of(demo, people)
	assert await changes.load(company) == "2 changes, 1 baseline, 1 policy"
	assert await changes.load(company) == "no change"
	boss = people["administrator"]
	rows = (await boss.call("GET", CHANGES)).data
	assert [(row["change_title"], row["status"]) for row in rows] == [
		(changes.SECOND["change_title"], "under_review"),
		(changes.FIRST["change_title"], "implemented"),
	]
	second, first = (row["change_id"] for row in rows)
	await _check_figures(demo, await boss.seen(second, "/impact"))
	await _check_approvals(boss, second)
	held = await _baseline(demo)
	answer = await boss.sign(second, "Carbon has a price, loose legs have a higher one")
	assert answer.status == 200, answer.response.text
	assert answer.data["status"] == "approved"
	assert (await boss.do(second, "implement")).data["status"] == "implemented"
	await _check_release(boss, second)
	# The chair before both orders still opens, and is what it was.
	assert await _baseline(demo) == held
	_check_first(await boss.seen(first, "/impact"))


async def _check_figures(demo: Demo, impact: dict[str, Any]) -> None:
	system = demo.principal
	async with open_work(demo.runtime, system, action="t", origin="task", read_only=True) as work:
		day = date.fromisoformat(impact["price_day"])
		rate = (await work.port(ExchangeRates).rates_on(work, day, {"USD"}))["USD"].units_per_eur
	ends = {one["product_name"]: one["figures"] for one in impact["end_items"]}
	assert sorted(ends) == sorted(SWAP)
	for name, figures in ends.items():
		cost, mass, carbon = (figures[one] for one in ("cost", "mass", "co2e"))
		assert abs(cost["delta"] - USD[name] / rate) <= D("1e-6"), name
		assert mass["delta"] == MASS[name], name
		assert abs(carbon["delta"] - CO2E[name]) <= D("1e-6"), name
		assert abs(carbon["before"] - CO2E_BEFORE[name]) <= D("1e-6"), name
		assert all(one["certain"] and one["after_coverage"] == 1 for one in (cost, mass, carbon))
		assert carbon["estimated"] is True
	[policy] = impact["policies"]
	assert (policy["name"], policy["effect"]) == ("Carbon of what we sell", "stage")
	assert "2 %" in policy["expression"]


async def _check_approvals(boss: Desk, change_id: str) -> None:
	stages = await boss.seen(change_id, "/approvals")
	told = [
		(stage["name"], stage["state"], [one["decision"] for one in stage["approvals"]])
		for stage in stages
	]
	assert told == [
		("Quality", "done", ["approved"]),
		("Technical", "done", ["approved"]),
		("Policy: Carbon of what we sell", "open", ["pending"]),
	]
	assert len({one["user_id"] for stage in stages for one in stage["approvals"]}) == 3
	change = await boss.seen(change_id)
	assert change["waiting_for"] == [boss.user_id]


async def _check_release(boss: Desk, change_id: str) -> None:
	items = await boss.seen(change_id, "/items")
	assert {row["to_state"] for row in items} == {"released"}
	assert sorted(row["product_name"] for row in items) == sorted([*SWAP, "Leg, steel tube"])
	chair = next(row for row in items if row["product_name"] == "Chair")
	boss.ids["chair"] = chair["product_id"]
	lines = {}
	for label in ("A", "B", "C"):
		rows = (await boss.get("chair", "/structure/lines", revision=label)).data
		lines[label] = {
			row["product_name"]: (row["quantity"], row["rounding_multiple"]) for row in rows
		}
	assert lines == {
		"A": {"Leg": (4, None), "Wood Screw": (5, None)},
		"B": {"Leg": (4, None), "Wood Screw": (5, 8)},
		"C": {"Leg, steel tube": (4, None), "Wood Screw": (5, 8)},
	}


async def _baseline(demo: Demo) -> str:
	async with open_work(
		demo.runtime, demo.principal, action="t", origin="task", read_only=True
	) as work:
		held = (await work.scalars(select(Baseline)))[0]
		again = await baselines.verified(work, held.id)
	assert (held.title, again["holds"], again["lines"]) == (
		"Chair before whole bags of screws",
		True,
		2,
	)
	return again["resolved_hash"]


def _check_first(impact: dict[str, Any]) -> None:
	[chair] = impact["end_items"]
	# three screws: 15 g and 3 × 0.019471117 kg CO2e
	assert chair["figures"]["mass"]["delta"] == D("0.015")
	assert abs(chair["figures"]["co2e"]["delta"] - 3 * SCREW_CO2E) <= D("1e-6")
