"""The impact of changes of a small structure, counted by hand."""

from decimal import Decimal
from typing import Any

import pytest
from tests.capabilities.plm.changes.conftest import CHANGES, Company
from tests.capabilities.plm.impact.conftest import Tasks

from apg.capabilities.plm.impact import jobs

D = Decimal


@pytest.fixture
async def plant(company: Company) -> Company:
	"""motor = 4 × screw + case; pump = 2 × motor, fan = 1 × motor + 3 × screw, lamp = 1 × screw.

	One screw costs 0.50 EUR and weighs 10 g, a bolt 2.00 EUR and 25 g, a case 10 EUR and 1 kg.
	"""
	manager = company.manager
	await manager.product("screw", kind="purchased", price="0.50", mass=10)
	await manager.product("bolt", kind="purchased", price="2.00", mass=25)
	await manager.product("case", kind="purchased", price="10", mass=1000)
	await manager.lines(
		{
			"motor": {"screw": 4, "case": 1},
			"pump": {"motor": 2},
			"fan": {"motor": 1, "screw": 3},
			"lamp": {"screw": 1},
		}
	)
	await manager.release("screw", "bolt", "case", "motor", "pump", "fan", "lamp")
	return company


def by_number(impact: dict[str, Any]) -> dict[str, dict[str, Any]]:
	return {one["product_number"]: one["figures"] for one in impact["end_items"]}


async def opened(plant: Company, path: str) -> str:
	headers = plant.author.headers | {"Accept": "text/html"}
	answer = await plant.author.api.get(path, headers=headers)
	assert answer.status_code == 200, answer.text[:2000]
	return answer.text


async def repriced(plant: Company, name: str, price: int) -> None:
	body = {"current_cost": price, "currency": "EUR"}
	answer = await plant.manager.call("PATCH", plant.manager.path(name), body)
	assert answer.status == 200, answer.response.text


async def test_deltas_as_counted_by_hand(plant: Company, background: Tasks):
	author = plant.author
	change = await author.raised("motor")
	assert (await author.redlined(change, "motor", "screw", quantity=3)).status == 200
	assert (await author.order_line(change, "motor", "bolt", 2)).status == 201
	await background.impact(plant, change)
	impact = await author.seen(change, "/impact")
	assert (impact["status"], impact["stale"], impact["cause"]) == ("calculated", False, "edited")
	# motor: −1 screw +2 bolts = −0.50 + 4.00 = +3.50 EUR, −10 g + 50 g = +0.040 kg
	# pump has two of it: 2 × 12.00 = 24.00 → 31.00; fan: 12 + 3 × 0.50 = 13.50 → 17.00
	figures = by_number(impact)
	assert sorted(figures) == ["N-fan", "N-pump"]  # the lamp has no motor
	pump, fan = figures["N-pump"], figures["N-fan"]
	assert (pump["cost"]["before"], pump["cost"]["after"], pump["cost"]["delta"]) == (24, 31, 7)
	assert (fan["cost"]["before"], fan["cost"]["after"], fan["cost"]["delta"]) == (
		D("13.5"),
		17,
		D("3.5"),
	)
	assert pump["mass"]["delta"] == D("0.08")
	assert pump["mass"]["before"] == D("2.08")
	assert fan["mass"]["delta"] == D("0.04")
	assert pump["cost"]["certain"] is True
	assert pump["cost"]["after_coverage"] == 1
	assert impact["headline"]["cost"]["delta"] == "7.000000"
	assert impact["headline"]["cost"]["product"]["product_number"] == "N-pump"
	told = [(row["kind"], row["product_number"], row["deltas"]["cost"]) for row in impact["lines"]]
	assert told == [("added", "N-bolt", 4), ("changed", "N-screw", D("-0.5"))]
	amounts = {
		one["product"]["product_number"]: one["amount"] for one in impact["lines"][0]["amounts"]
	}
	assert amounts == {"N-pump": 2, "N-fan": 1}
	base = f"/plm/changes/{change}"
	page = await opened(plant, f"{base}?tab=impact")
	assert "N-pump" in page
	assert "▲" in page
	assert "impact-waterfall" in page
	assert "N-fan" in await opened(
		plant, f"{base}/impact/trace?product={author.ids['fan']}&of=cost"
	)
	assert "N-pump" in await opened(plant, f"{base}/impact")
	# The same as two roll-ups of the product page.
	before = (await author.get("pump", "/rollup")).data
	assert before["cost"]["total"] == 24
	# Carbon is for who may see it; nobody recorded a material, and that is named, not a zero.
	assert impact["absent"] == {"co2e": "You may not see carbon figures."}
	seen = by_number(await plant.admin.seen(change, "/impact"))["N-pump"]["co2e"]
	assert (seen["before"], seen["after"], seen["delta"], seen["certain"]) == (None,) * 3 + (False,)
	assert (seen["missing_before"], seen["missing_after"]) == (2, 3)


async def test_what_is_missing_is_named_and_never_counts_as_nothing(
	plant: Company, background: Tasks
):
	author = plant.author
	await plant.manager.product("seal", kind="purchased", mass=1)
	await plant.manager.release("seal")
	change = await author.raised("motor")
	assert (await author.order_line(change, "motor", "seal", 1)).status == 201
	await background.impact(plant, change)
	pump = by_number(await author.seen(change, "/impact"))["N-pump"]
	assert pump["cost"]["certain"] is False
	assert pump["cost"]["delta"] == 0
	assert pump["cost"]["missing_after"] == 1
	assert pump["cost"]["missing_before"] == 0
	[missing] = pump["cost"]["missing"]
	assert missing["product_number"] == "N-seal"
	assert pump["cost"]["after_coverage"] == D("0.666667")
	assert pump["mass"]["certain"] is True
	assert pump["mass"]["delta"] == D("0.002")


async def test_another_price_is_another_impact_with_the_difference_shown(
	plant: Company, background: Tasks
):
	author = plant.author
	change = await author.raised("motor")
	assert (await author.order_line(change, "motor", "bolt", 1)).status == 201
	await background.impact(plant, change)
	await repriced(plant, "bolt", 3)
	await background.impact(plant, change, "prices")
	impact = await author.seen(change, "/impact")
	assert (impact["run"], impact["cause"]) == (2, "prices")
	moved = [
		(row["product"]["product_number"], row["metric"], row["was"], row["now"])
		for row in impact["moved"]
	]
	assert ("N-pump", "cost", "4.000000", "6.000000") in moved
	# The same edit told twice is calculated once.
	await background.impact(plant, change)
	assert (await author.seen(change, "/impact"))["run"] == 2


async def test_what_came_of_it_stands_beside_what_was_predicted(plant: Company, background: Tasks):
	author = plant.author
	change = await author.raised("motor")
	assert (await author.order_line(change, "motor", "bolt", 1)).status == 201
	await background.impact(plant, change)
	await plant.released(change)
	await repriced(plant, "case", 11)
	await background.run(jobs.compare, plant.tenant_id, change_id=change)
	impact = await author.seen(change, "/impact")
	assert by_number(impact)["N-pump"]["cost"]["delta"] == 4
	actual = by_number(impact["actual"])["N-pump"]["cost"]
	# 2 × (4 × 0.50 + 11 + 2.00) = 30 against the 24 before
	assert (actual["before"], actual["after"], actual["delta"]) == (24, 30, 6)


async def test_nobody_else_sees_it(plant: Company, background: Tasks):
	change = await plant.author.raised("motor")
	await background.impact(plant, change)
	answer = await plant.outsider.call("GET", f"{CHANGES}/{change}/impact")
	assert answer.status == 404
	# Figures of another tenant's change are not even counted.
	await background.run(
		jobs.calculate,
		plant.outsider.tenant_id,
		change_id=change,
		cause="asked",
	)
	assert (await plant.author.seen(change, "/impact"))["run"] == 1
