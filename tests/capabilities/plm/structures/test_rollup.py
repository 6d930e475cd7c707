"""Cost and mass against sums done by hand and against fractions; what is missing is named."""

import random
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from tests.capabilities.plm.workshop import Workshop
from tests.platform.cast import Cast

from apg.capabilities.plm.structures import exact, snapshots

D = Decimal


async def test_a_bicycle_by_hand(shop: Workshop):
	"""2 wheels of 32 spokes (0.25 EUR, 6 g), 1 rim (18.50, 0.45 kg); 1 frame (120.10, 1.8 kg)."""
	await shop.product("spoke", kind="purchased", price="0.25", mass=6)
	await shop.product("rim", kind="purchased", price="18.50", mass="0.45", mass_unit="kg")
	await shop.product("frame", kind="purchased", price="120.10", mass="1.8", mass_unit="kg")
	await shop.lines({"wheel": {"spoke": 32, "rim": 1}, "bike": {"wheel": 2, "frame": 1}})
	found = (await shop.get("bike", "/rollup", currency="EUR")).data
	wheel_cost = 32 * D("0.25") + D("18.50")
	assert found["cost"]["unit_total"] == 2 * wheel_cost + D("120.10") == D("173.10")
	assert found["mass"]["unit_total"] == 2 * (32 * D("0.006") + D("0.45")) + D("1.8") == D("3.084")
	for name in ("cost", "mass"):
		assert found[name]["complete"] is True
		assert found[name]["coverage"] == found[name]["item_coverage"] == 1
		assert found[name]["missing"] == []
		assert found[name]["needed"] == 3
	assert found["cost"]["currency"] == "EUR"
	assert found["mass"]["unit"] == "kg"
	assert found["cost"]["rates"] == []
	assert (found["lines"], found["products"]) == (4, 4)
	assert [each["product_number"] for each in found["cost"]["contributions"]] == [
		"N-frame",
		"N-rim",
		"N-spoke",
	]
	rows = (await shop.get("bike", "/structure", depth=9, rollup="true")).data["lines"]
	wheel = next(row for row in rows if row["product_number"] == "N-wheel")
	assert (wheel["rolled_cost"], wheel["total_cost"]) == (wheel_cost, 2 * wheel_cost)
	assert wheel["own_cost"] is None
	spoke = next(row for row in rows if row["product_number"] == "N-spoke")
	assert (spoke["total_quantity"], spoke["quantity_per_parent"]) == (64, 32)
	assert (spoke["own_cost"], spoke["total_cost"]) == (D("0.25"), 16)
	assert (spoke["own_mass"], spoke["total_mass"]) == (D("0.006"), D("0.384"))


async def test_a_mended_price_moves_every_parent(shop: Workshop):
	await shop.parts("chip", "board_top")
	await shop.product("screw", kind="purchased", price="0.02")
	await shop.lines({"pcb": {"chip": 3}, "unit": {"pcb": 2, "screw": 8}, "rack": {"unit": 5}})
	gap = (await shop.get("rack", "/rollup")).data["cost"]
	assert gap["complete"] is False
	assert gap["unit_total"] == 5 * 8 * D("0.02")  # what is known, and nothing for the chips
	assert gap["missing_count"] == 1
	assert gap["missing"] == [
		{
			"product_id": shop.ids["chip"],
			"product_number": "N-chip",
			"product_name": "Part chip",
			"revision": "A",
			"quantity": 30,
			"unit": "each",
			"reason": "no_price",
			"message": "No price is recorded; record one.",
			"parent_product_id": None,
			"parent_product_number": None,
			"remedy": None,
		}
	]
	assert gap["coverage"] == gap["item_coverage"] == D("0.5")
	assert (await shop.get("pcb", "/rollup")).data["cost"]["unit_total"] is None  # nothing is known
	assert (await shop.cost("chip", "1.25")).status == 201
	for name, total in (("pcb", D("3.75")), ("unit", D("7.66")), ("rack", D("38.30"))):
		found = (await shop.get(name, "/rollup")).data["cost"]
		assert (found["unit_total"], found["complete"]) == (total, True)
		assert found["missing"] == []


async def test_missing_is_named_with_its_reason_and_never_zero(shop: Workshop):
	await shop.product(
		"kg", kind="raw_material", price=2, unit_of_measure="kg", mass=1, mass_unit="kg"
	)
	await shop.parts("bare", "glue", "late", "yen")
	await shop.product("odd", kind="purchased", price=1, mass=3, mass_unit="each")
	await shop.cost("late", 5, valid_from="2999-01-01")
	await shop.cost("yen", 5, currency="XAF")
	await shop.lines({"box": {"kg": "0.5", "bare": 1, "late": 1, "yen": 2, "odd": 4}})
	await shop.line("box", "glue", None, quantity_kind="as_required")
	found = (await shop.get("box", "/rollup", currency="EUR")).data
	reasons = {each["product_number"]: each["reason"] for each in found["cost"]["missing"]}
	assert reasons == {
		"N-bare": "no_price",
		"N-late": "price_not_yet_valid",
		"N-yen": "no_rate",
		"N-glue": "as_required",
	}
	glue = next(each for each in found["cost"]["missing"] if each["reason"] == "as_required")
	assert (glue["quantity"], glue["parent_product_number"]) == (None, "N-box")
	assert found["cost"]["unit_total"] == 5
	assert found["cost"]["missing_count"] == 4
	assert all(each["message"] for each in found["cost"]["missing"])
	masses = {each["product_number"]: each["reason"] for each in found["mass"]["missing"]}
	assert masses == {
		"N-bare": "no_mass",
		"N-late": "no_mass",
		"N-yen": "no_mass",
		"N-odd": "mass_unit_not_convertible",
		"N-glue": "as_required",
	}
	rows = (await shop.get("box", "/structure", rollup="true", currency="EUR")).data["lines"]
	for row in rows:
		if row["product_number"] in reasons:
			assert row["rolled_cost"] is None
			assert row["total_cost"] is None
			assert row["cost_complete"] is (row["product_number"] == "N-x")
		if row["product_number"] in ("N-bare", "N-late", "N-yen"):
			assert row["cost_lack"] == reasons[row["product_number"]]
	empty = (await shop.get("bare", "/rollup")).data
	assert (empty["cost"]["unit_total"], empty["mass"]["unit_total"]) == (None, None)
	assert (empty["cost"]["coverage"], empty["cost"]["complete"]) == (0, False)


async def test_price_breaks_follow_the_whole_demand(shop: Workshop):
	"""The screw is used in two places: 10 + 2 × 20 = 50 of it for one, 500 for ten."""
	await shop.parts("screw")
	for quantity, amount in ((1, "0.10"), (50, "0.08"), (500, "0.051234")):
		await shop.cost("screw", amount, quantity_break=quantity, kind="purchase", supplier="S")
	await shop.lines({"arm": {"screw": 20}, "robot": {"arm": 2, "screw": 10}})
	one = (await shop.get("robot", "/rollup")).data["cost"]
	assert one["unit_total"] == 50 * D("0.08")
	ten = (await shop.get("robot", "/rollup", quantity=10)).data["cost"]
	assert ten["unit_total"] == 50 * D("0.051234")
	assert ten["total"] == 500 * D("0.051234")
	arm = (await shop.get("arm", "/rollup")).data["cost"]
	assert arm["unit_total"] == 20 * D("0.10")
	in_robot = (await shop.get("robot", "/structure", rollup="true")).data["lines"]
	assert next(r for r in in_robot if r["product_number"] == "N-arm")["rolled_cost"] == D("1.6")


async def test_which_of_several_lists_counts(shop: Workshop):
	await shop.parts("chip")
	await shop.lines({"pcb": {"chip": 10}})

	async def total() -> Decimal:
		return (await shop.get("pcb", "/rollup", currency="EUR")).data["cost"]["unit_total"]

	await shop.cost("chip", 3, kind="purchase", supplier="A")
	await shop.cost("chip", 2, kind="purchase", supplier="B")
	assert await total() == 20  # the cheapest supplier
	await shop.cost("chip", 9, kind="purchase", supplier="B", valid_from="2021-01-01")
	assert await total() == 30  # B's newer list replaces the older one as a whole
	await shop.cost("chip", 4, kind="internal")
	assert await total() == 40  # an internal cost comes before offers
	await shop.cost("chip", 5, kind="manual")
	assert await total() == 50
	await shop.cost("chip", 1, kind="manual", valid_from="2999-01-01")
	assert await total() == 50  # not yet
	later = (await shop.get("pcb", "/rollup", currency="EUR", date="2999-06-01")).data["cost"]
	assert (later["unit_total"], later["day"]) == (10, "2999-06-01")


async def test_currencies_by_dated_rates(shop: Workshop, cast: Cast):
	day = "2024-05-15"
	await shop.parts("chip", "nut")
	await shop.cost("chip", "10.00", currency="USD")
	await shop.cost("nut", 1)
	await shop.lines({"pcb": {"chip": 3, "nut": 1}})
	found = (await shop.get("pcb", "/rollup", currency="EUR", date=day)).data["cost"]
	assert [rate["currency"] for rate in found["rates"]] == ["USD"]
	rate = found["rates"][0]
	assert rate["source"]
	assert rate["day"] <= day
	exactly = 3 * Fraction(10) / Fraction(rate["units_per_eur"]) + 1
	assert found["unit_total"] == exact.decimal_of(exactly, 6)
	dollars = (await shop.get("pcb", "/rollup", currency="USD", date=day)).data["cost"]
	assert dollars["unit_total"] == exact.decimal_of(30 + Fraction(rate["units_per_eur"]), 6)
	refused = await shop.get("pcb", "/rollup", currency="QQQ")
	assert (refused.status, list(refused.details)) == (400, ["currency"])


async def test_what_is_bought_with_a_price_ends_the_descent(shop: Workshop):
	await shop.product("motor", kind="purchased")
	await shop.product("coil", kind="purchased", price=7, mass=100)
	await shop.lines({"motor": {"coil": 3}, "fan": {"motor": 2}})
	assert (await shop.get("fan", "/rollup")).data["cost"]["unit_total"] == 42
	await shop.cost("motor", 15)
	found = (await shop.get("fan", "/rollup")).data
	assert found["cost"]["unit_total"] == 30
	assert found["cost"]["needed"] == 1
	assert found["mass"]["unit_total"] == D("0.6")  # no mass of its own: from below
	# What is made here is the sum of its lines; what was recorded for it is shown beside.
	await shop.cost("fan", 999)
	found = (await shop.get("fan", "/rollup")).data
	assert (found["cost"]["unit_total"], found["cost"]["recorded"]) == (30, 999)


async def test_attrition_setup_rounding_and_units(shop: Workshop):
	await shop.parts("wire", price="0.30", unit_of_measure="m", mass=20)
	await shop.parts("nut", price="0.01", mass=2)
	await shop.product("set", kind="purchased", price=6, mass=1)
	await shop.product("loom")
	await shop.line("loom", "wire", 250, unit="mm", attrition="0.04")
	await shop.line("loom", "nut", 7, attrition="0.1", setup_quantity=3, rounding_multiple=5)
	await shop.line("loom", "set", 1, quantity_kind="fixed")
	await shop.line("loom", "nut", 100, quantity_kind="reference")
	wire, nuts = D("0.26") * D("0.30"), 15 * D("0.01")  # 7.7 + 3 = 10.7, up to 15
	found = (await shop.get("loom", "/rollup")).data
	assert found["cost"]["unit_total"] == wire + nuts + 6
	assert found["mass"]["unit_total"] == D("0.26") * D("0.02") + 15 * D("0.002") + D("0.001")
	# Four built together: 30.8 + 3 = 33.8, up to 35 for four; the set once for all four.
	four = (await shop.get("loom", "/rollup", lot=4)).data["cost"]
	assert four["unit_total"] == wire + D("8.75") * D("0.01") + D("1.5")
	rows = (await shop.get("loom", "/structure")).data["lines"]
	assert [row["quantity_per_parent"] for row in rows] == [D("0.26"), 15, 1, 0]


async def test_a_service_weighs_nothing(shop: Workshop):
	await shop.product("paint", kind="service", price=3)
	await shop.product("part", kind="purchased", price=1, mass=5)
	await shop.lines({"done": {"paint": 1, "part": 1}})
	found = (await shop.get("done", "/rollup")).data
	assert (found["mass"]["unit_total"], found["mass"]["complete"]) == (D("0.005"), True)


async def test_a_unit_that_no_longer_fits_is_a_gap(shop: Workshop):
	await shop.parts("wire", price=1, unit_of_measure="m", mass=1)
	await shop.product("box")
	await shop.line("box", "wire", 2, unit="m")
	changed = await shop.call("PATCH", shop.path("wire"), {"unit_of_measure": "kg"})
	assert changed.status == 200
	found = (await shop.get("box", "/rollup")).data["cost"]
	assert found["missing"][0]["reason"] == "unit_not_convertible"
	assert found["unit_total"] is None
	row = (await shop.get("box", "/structure")).data["lines"][0]
	assert (row["quantity_per_parent"], row["total_quantity"]) == (None, None)


async def test_costs_are_for_those_who_may_see_them(shop: Workshop, cast: Cast):
	await shop.parts("screw", price=3, mass=1)
	await shop.lines({"box": {"screw": 1}})
	cast.allow("bob", "plm.structures.read")
	bob = Workshop(shop.api, "bob", shop.ids)
	found = (await bob.get("box", "/rollup")).data
	assert found["cost"] is None
	assert found["mass"]["unit_total"] == D("0.001")
	tree = await bob.get("box", "/structure", rollup="true")
	assert "cost" not in tree.response.text.replace('"cost":null', "")


def _random_dag(seed: int) -> tuple[dict[str, dict[str, int]], dict[str, tuple[int, int]]]:
	"""Ten levels with shared sub-assemblies, and for the leaves price and mass in thousandths."""
	chance = random.Random(seed)
	levels = [[f"l{level}x{n}" for n in range(4)] for level in range(10)]
	lines: dict[str, dict[str, int]] = {}
	for level in range(9):
		for name in levels[level]:
			below = [each for deeper in levels[level + 1 :] for each in deeper]
			chosen = {chance.choice(levels[level + 1])} | set(chance.sample(below, 2))
			lines[name] = {each: chance.randint(1, 5) for each in sorted(chosen)}
	leaves = {name: (chance.randint(1, 9999), chance.randint(1, 9999)) for name in levels[9]}
	return lines, leaves


async def test_ten_levels_of_shared_assemblies_against_fractions(shop: Workshop):
	lines, leaves = _random_dag(7)
	for name, (price, mass) in leaves.items():
		await shop.product(
			name, kind="purchased", price=str(D(price) / 1000), mass=str(D(mass) / 1000)
		)
	await shop.lines(lines)

	def total(name: str, place: int) -> Fraction:
		if name in leaves:
			return Fraction(leaves[name][place], 1000)
		return sum((q * total(child, place) for child, q in lines[name].items()), Fraction(0))

	def takes(name: str, part: str) -> int:
		if name == part:
			return 1
		return sum(q * takes(child, part) for child, q in lines.get(name, {}).items())

	root = "l0x0"
	found = (await shop.get(root, "/rollup")).data
	assert Fraction(found["cost"]["unit_total"]) == total(root, 0)
	assert Fraction(found["mass"]["unit_total"]) == exact_mass(total(root, 1))
	flat = (await shop.get(root, "/structure", flat="true", rollup="true")).data["products"]
	for row in flat:
		name = shop.name_of(row["product_id"])
		assert row["total_quantity"] == takes(root, name), name
		assert Fraction(row["rolled_cost"]) == total(name, 0)
	assert {shop.name_of(row["product_id"]) for row in flat} == {
		name for name in leaves if takes(root, name)
	}
	part = shop.name_of(flat[0]["product_id"])
	used = (await shop.get(part, "/where-used")).data
	for row in used["uses"]:
		assert row["quantity"] == takes(shop.name_of(row["product_id"]), part)
	assert {shop.name_of(row["product_id"]) for row in used["uses"]} == {
		name for name in lines if takes(name, part)
	}
	ends = {shop.name_of(row["product_id"]) for row in used["uses"] if row["is_end"]}
	inner = {child for children in lines.values() for child in children}
	assert ends == {name for name in lines if takes(name, part)} - inner
	assert used["end_count"] == len(ends)


def exact_mass(grams: Fraction) -> Fraction:
	return Fraction(exact.decimal_of(grams / 1000, 6))


async def test_large_structures_give_the_same_within_their_digits(
	shop: Workshop, monkeypatch: pytest.MonkeyPatch
):
	"""The way taken beyond 20,000 lines, on a small one: floats, the root's ties decided exactly."""
	lines, leaves = _random_dag(3)
	for name, (price, _mass) in leaves.items():
		await shop.product(name, kind="purchased", price=str(D(price) / 1000), mass=1)
	await shop.lines(lines)
	small = (await shop.get("l0x1", "/structure", depth=50, rollup="true", flat="true")).data
	monkeypatch.setattr(exact, "MOST_LINES", 0)
	monkeypatch.setattr("apg.capabilities.plm.structures.loading.MOST_LINES", 3)
	monkeypatch.setattr(snapshots, "snapshot_cache", lambda: snapshots.SnapshotCache(0, 0))
	large = (await shop.get("l0x1", "/structure", depth=50, rollup="true", flat="true")).data
	assert large["rollup"]["structure_hash"] is None
	for before, after in zip(small["products"], large["products"], strict=True):
		assert before["product_id"] == after["product_id"]
		assert before["total_quantity"] == after["total_quantity"]
		assert abs(before["total_cost"] - after["total_cost"]) <= before["total_cost"] * D("1e-9")
	assert large["rollup"]["cost"]["missing"] == small["rollup"]["cost"]["missing"] == []
	total: Any = small["rollup"]["cost"]["unit_total"]
	assert abs(large["rollup"]["cost"]["unit_total"] - total) <= total * D("1e-9")
