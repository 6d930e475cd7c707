"""Footprints through the API against sums done by hand."""

from decimal import Decimal

from tests.capabilities.esg.footprints.conftest import CarbonShop

D = Decimal


async def a_bicycle(shop: CarbonShop) -> None:
	"""2 wheels of 32 spokes (6 g steel) and a rim (0.45 kg aluminium); a frame (1.8 kg aluminium)."""
	await shop.factor("metal.steel", 2, low="0.9", high="1.1")
	await shop.factor("metal.aluminium", 9, low="0.8", high="1.3")
	await shop.material("Steel", "metal.steel", "Spring steel")
	await shop.material("Aluminium", "metal.aluminium")
	await shop.product("spoke", kind="purchased", mass=6, material="spring  STEEL")
	await shop.product("rim", kind="purchased", mass="0.45", mass_unit="kg", material="Aluminium")
	await shop.product("frame", kind="purchased", mass="1.8", mass_unit="kg", material="aluminium")
	await shop.lines({"wheel": {"spoke": 32, "rim": 1}, "bike": {"wheel": 2, "frame": 1}})


async def test_a_bicycle_by_hand(shop: CarbonShop) -> None:
	await a_bicycle(shop)
	made = await shop.footprint("bike", day="2026-03-02")
	steel, rims, frame = 64 * D("0.006") * 2, 2 * D("0.45") * 9, D("1.8") * 9
	total = steel + rims + frame
	assert total == D("25.068")
	assert made["total"] == made["least"] == made["most"] == total
	assert made["coverage"] == made["mass_coverage"] == 1
	assert made["is_complete"] is True
	assert made["gaps"] == []
	assert made["stages"] == {"materials": {"CO2e_mixed": total}}
	assert (made["declared_unit"], made["gwp_set"], made["primary_share"]) == ("each", "AR5", 0)
	lines = await shop.lines_of(made)
	assert [
		(one["product_number"], one["quantity"], one["each"], one["co2e"]) for one in lines
	] == [
		("N-frame", 1, D("16.2"), D("16.2")),
		("N-rim", 2, D("4.05"), D("8.1")),
		("N-spoke", 64, D("0.012"), D("0.768")),
	]
	assert sum(one["share"] for one in lines) == 1
	# Lines on one factor move together, factors in squares (IPCC 2006, volume 1, equation 3.2).
	down = (steel * D("0.1")) ** 2 + ((rims + frame) * D("0.2")) ** 2
	assert abs(made["low"] - (total - down.sqrt())) < D("1e-11")
	assert made["uncertainty_share"] == 1


async def test_the_product_page_shows_the_same(shop: CarbonShop) -> None:
	await a_bicycle(shop)
	found = (await shop.get("bike", "/rollup")).data["co2e"]
	assert (found["unit_total"], found["complete"], found["coverage"]) == (D("25.068"), True, 1)
	assert found["estimated"] is False
	rows = (await shop.get("bike", "/structure", depth=9, rollup="true")).data["lines"]
	wheel = next(row for row in rows if row["product_number"] == "N-wheel")
	assert (wheel["own_co2e"], wheel["rolled_co2e"]) == (None, 32 * D("0.012") + D("4.05"))
	assert wheel["total_co2e"] == 2 * wheel["rolled_co2e"]
	assert wheel["co2e_complete"] is True
