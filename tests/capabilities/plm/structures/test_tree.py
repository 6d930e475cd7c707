"""The tree, the flat list and where a product is used."""

from decimal import Decimal
from typing import Any

from tests.capabilities.plm.workshop import Workshop

from apg.kernel.stamps import new_id

D = Decimal


async def _bike(shop: Workshop) -> None:
	await shop.parts("spoke", "rim", "frame", "bolt")
	await shop.lines(
		{
			"wheel": {"spoke": 32, "rim": 1, "bolt": 2},
			"bike": {"wheel": 2, "frame": 1, "bolt": 10},
			"trailer": {"wheel": 4},
		}
	)


def _numbers(rows: list[dict[str, Any]]) -> list[str]:
	return [row["product_number"] for row in rows]


async def test_the_first_level_is_the_default(shop: Workshop):
	await _bike(shop)
	answer = await shop.get("bike", "/structure")
	found = answer.data
	assert found["product"]["product_number"] == "N-bike"
	assert found["product"]["revision"] == "A"
	assert (found["depth"], found["truncated"], found["rollup"]) == (1, False, None)
	assert _numbers(found["lines"]) == ["N-wheel", "N-frame", "N-bolt"]
	assert [row["has_children"] for row in found["lines"]] == [True, False, False]
	assert [row["level"] for row in found["lines"]] == [1, 1, 1]
	assert "rolled_cost" not in found["lines"][0]
	wheel = found["lines"][0]
	below = (await shop.get("wheel", "/structure", quantity=wheel["total_quantity"])).data
	assert [row["total_quantity"] for row in below["lines"]] == [64, 2, 4]


async def test_depth_and_order(shop: Workshop):
	await _bike(shop)
	rows = (await shop.get("bike", "/structure", depth=5, quantity=3)).data["lines"]
	assert _numbers(rows) == ["N-wheel", "N-spoke", "N-rim", "N-bolt", "N-frame", "N-bolt"]
	assert [row["level"] for row in rows] == [1, 2, 2, 2, 1, 1]
	assert [row["total_quantity"] for row in rows] == [6, 192, 6, 12, 3, 30]
	assert [row["quantity_per_parent"] for row in rows] == [2, 32, 1, 2, 1, 10]
	for row in rows[1:4]:
		assert row["path"] == [rows[0]["line_uid"], row["line_uid"]]
		assert row["parent_revision_id"] == rows[0]["revision_id"]
	cut = (await shop.get("bike", "/structure", depth=5, limit=2)).data
	assert (_numbers(cut["lines"]), cut["truncated"]) == (["N-wheel", "N-frame"], True)


async def test_the_flat_list_adds_up_all_places(shop: Workshop):
	await _bike(shop)
	found = (await shop.get("bike", "/structure", flat="true")).data
	assert {row["product_number"]: row["total_quantity"] for row in found["products"]} == {
		"N-spoke": 64,
		"N-rim": 2,
		"N-frame": 1,
		"N-bolt": 14,
	}
	kept = (await shop.get("bike", "/structure", flat="true", whole=shop.ids["wheel"])).data
	assert {row["product_number"]: row["total_quantity"] for row in kept["products"]} == {
		"N-wheel": 2,
		"N-frame": 1,
		"N-bolt": 10,
	}
	await shop.line("wheel", "bolt", None, quantity_kind="as_required")
	again = (await shop.get("bike", "/structure", flat="true")).data["products"]
	bolt = next(row for row in again if row["product_number"] == "N-bolt")
	assert (bolt["total_quantity"], bolt["uncertain"]) == (14, True)


async def test_small_factors_stay_exact(shop: Workshop):
	await shop.parts("drop", unit_of_measure="L")
	await shop.product("cap")
	await shop.product("jar")
	await shop.line("cap", "drop", "0.000001", unit="mL")
	await shop.line("jar", "cap", 3)
	row = (await shop.get("jar", "/structure", depth=2)).data["lines"][1]
	assert (row["quantity_per_parent"], row["total_quantity"]) == (D("1e-9"), D("3e-9"))


async def test_views_are_lists_of_their_own(shop: Workshop):
	await shop.parts("screw", "jig")
	await shop.product("box")
	await shop.line("box", "screw", 1)
	await shop.line("box", "jig", 2, view="manufacturing")
	default = (await shop.get("box", "/structure")).data["lines"]
	made = (await shop.get("box", "/structure", view="manufacturing")).data
	assert _numbers(default) == ["N-screw"]
	assert _numbers(made["lines"]) == ["N-jig"]
	assert made["view"] == "manufacturing"
	assert (await shop.get("box", "/rollup", view="service")).data["lines"] == 0
	assert (await shop.get("jig", "/where-used")).data["uses"] == []
	assert len((await shop.get("jig", "/where-used", view="manufacturing")).data["uses"]) == 1


async def test_revisions_that_a_line_means(shop: Workshop):
	await shop.parts("screw", "nut")
	await shop.lines({"arm": {"screw": 1}, "robot": {"arm": 2}})
	await shop.release("screw", "nut", "arm")
	await shop.revise("arm")
	await shop.line("arm", "nut", 5)

	async def below(**query: Any) -> list[str]:
		rows = (await shop.get("robot", "/structure", depth=3, **query)).data["lines"]
		return [f"{row['product_number']} {row['revision']}" for row in rows]

	assert await below() == ["N-arm A", "N-screw A"]
	assert await below(rule="latest_working") == ["N-arm B", "N-screw A", "N-nut A"]
	found = (await shop.get("arm", "/structure", revision="B")).data
	assert (found["product"]["revision"], len(found["lines"])) == ("B", 2)
	assert len((await shop.get("arm", "/structure", revision="A")).data["lines"]) == 1
	by_id = found["product"]["revision_id"]
	assert (await shop.get("arm", "/structure", revision=by_id)).data == found
	# The released view shows a product without a release, and nothing below it.
	await shop.lines({"line": {"cell": 1}, "cell": {"robot": 1}})
	rows = (await shop.get("line", "/structure", depth=9, rule="latest_released")).data["lines"]
	assert [(r["product_number"], r["revision"], r["has_children"]) for r in rows] == [
		("N-cell", None, False)
	]
	rolled = await shop.get("line", "/structure", depth=9, rule="latest_released", rollup="true")
	assert rolled.data["rollup"]["mass"]["missing"][0]["product_number"] == "N-cell"
	# A pinned line stays with its revision.
	await shop.line("robot", "arm", 1, revision="A")
	rows = (await shop.get("robot", "/structure", depth=1, rule="latest_working")).data["lines"]
	assert [(row["revision"], row["pinned"]) for row in rows] == [("B", False), ("A", True)]


async def test_where_used_to_the_end_items(shop: Workshop):
	await _bike(shop)
	await shop.lines({"tandem": {"bike": 1, "wheel": 1}})
	found = (await shop.get("bolt", "/where-used")).data
	rows = {row["product_number"]: row for row in found["uses"]}
	assert {number: row["quantity"] for number, row in rows.items()} == {
		"N-wheel": 2,
		"N-bike": 14,
		"N-trailer": 8,
		"N-tandem": 16,
	}
	assert {number: row["level"] for number, row in rows.items()} == {
		"N-wheel": 1,
		"N-bike": 1,
		"N-trailer": 2,
		"N-tandem": 2,
	}
	assert {number for number, row in rows.items() if row["is_end"]} == {"N-trailer", "N-tandem"}
	assert (found["count"], found["end_count"]) == (4, 2)
	assert [line["quantity"] for line in rows["N-bike"]["lines"]] == [10]
	assert rows["N-bike"]["via"] == [rows["N-wheel"]["revision_id"]]
	assert rows["N-trailer"]["lines"] == []
	near = (await shop.get("bolt", "/where-used", depth=1)).data
	assert [row["product_number"] for row in near["uses"]] == ["N-bike", "N-wheel"]
	assert near["uses"][0]["quantity"] == 14  # the depth bounds rows, not totals
	assert near["end_count"] == 2
	assert (await shop.get("tandem", "/where-used")).data["uses"] == []


async def test_where_used_looks_at_open_and_at_pinned_revisions(shop: Workshop):
	await shop.parts("screw", "nut")
	await shop.lines({"arm": {"screw": 3}, "robot": {"arm": 2}})
	await shop.release("screw", "nut", "arm", "robot")
	await shop.revise("arm")
	await shop.line("arm", "nut", 7)
	found = (await shop.get("nut", "/where-used")).data["uses"]
	assert [(r["product_number"], r["revision"], r["current"], r["quantity"]) for r in found] == [
		("N-arm", "B", False, 7)
	]
	used = (await shop.get("screw", "/where-used")).data["uses"]
	assert [(row["product_number"], row["revision"], row["quantity"]) for row in used] == [
		("N-arm", "A", 3),
		("N-arm", "B", 3),
		("N-robot", "A", 6),
	]
	await shop.release("arm")
	# The old revision stands for nothing any more, unless somebody pins it.
	used = (await shop.get("screw", "/where-used")).data["uses"]
	assert [(row["product_number"], row["revision"]) for row in used] == [
		("N-arm", "B"),
		("N-robot", "A"),
	]
	await shop.product("museum")
	await shop.line("museum", "arm", 1, revision="A")
	used = (await shop.get("screw", "/where-used")).data["uses"]
	assert {(row["product_number"], row["revision"]): row["quantity"] for row in used} == {
		("N-arm", "A"): 3,
		("N-arm", "B"): 3,
		("N-museum", "A"): 3,
		("N-robot", "A"): 6,
	}


async def test_unknown_products_and_revisions(shop: Workshop):
	await _bike(shop)
	for name in (new_id(), "x", "N-bike"):
		for rest in ("/structure", "/rollup", "/where-used", "/compare?with=A", "/revisions"):
			assert (await shop.get(name, rest)).status == 404, (name, rest)
	assert (await shop.get("bike", "/structure", revision="Z")).status == 404
	assert (await shop.get("bike", "/structure", depth=0)).status == 400
	assert (await shop.get("bike", "/structure", colour="red")).status == 400
	assert (await shop.get("bike", "/structure", quantity=0)).status == 400
	await shop.call("DELETE", shop.path("trailer"))
	assert (await shop.get("trailer", "/structure")).status == 404
	used = (await shop.get("wheel", "/where-used")).data["uses"]
	assert [row["product_number"] for row in used] == ["N-bike"]


async def test_a_product_without_lines(shop: Workshop):
	await shop.product("stone", price=3, mass=5)
	found = (await shop.get("stone", "/structure", rollup="true")).data
	assert found["lines"] == []
	assert found["rollup"]["cost"]["unit_total"] == 3
	assert found["rollup"]["mass"]["unit_total"] == D("0.005")
	assert (await shop.get("stone", "/structure", flat="true")).data["products"] == []
