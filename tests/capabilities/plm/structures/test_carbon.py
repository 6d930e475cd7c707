"""CO2e of large structures, asked by material in columns, equals what is asked node by node."""

from decimal import Decimal

import pytest
from tests.capabilities.esg.footprints.conftest import CarbonShop
from tests.capabilities.esg.footprints.test_footprints import a_bicycle

from apg.capabilities.plm.structures import carbon, exact
from apg.capabilities.plm.structures.kept_rollups import rollup_cache

D = Decimal


@pytest.fixture
def shop(api) -> CarbonShop:
	return CarbonShop(api)


async def test_by_material_gives_the_same_as_one_by_one(
	shop: CarbonShop, monkeypatch: pytest.MonkeyPatch
) -> None:
	await a_bicycle(shop)
	await shop.factor("energy.grid", "0.4", unit="kWh")
	await shop.material("Guess", "metal.steel", is_estimate=True)
	await shop.product("label", kind="purchased", mass=1, material="Papyrus")
	await shop.product("magic", kind="purchased", mass=1)
	await shop.product("ghost", kind="purchased", material="Steel")
	await shop.product("bell", kind="purchased", mass=30, material="Guess")
	await shop.product("saddle", kind="purchased", mass=300, material="Steel")
	for name in ("label", "magic", "ghost", "bell", "saddle"):
		assert (await shop.line("bike", name, 2)).status == 201
	said = {
		"product_number": "N-saddle",
		"supplier": "Sitters",
		"carbon": 3,
		"unit": "each",
		"gwp_set": "AR5",
		"valid_from": "2020-01-01",
	}
	await shop.esg("POST", "/supplier-footprints", said)
	wheel = (await shop.get("wheel")).data
	record = {
		"kind": "product",
		"product_id": wheel["product_id"],
		"revision_id": wheel["revision_id"],
		"activity_code": "energy.grid",
		"quantity": "1.5",
		"unit": "kWh",
		"period_start": "2026-01-01T00:00:00Z",
		"period_end": "2027-01-01T00:00:00Z",
		"stage": "processes",
	}
	await shop.esg("POST", "/activities", record)
	whole = (await shop.get("bike", "/rollup")).data["co2e"]
	rows = (await shop.get("bike", "/structure", depth=9, rollup="true")).data["lines"]
	assert whole["unit_total"] == D("25.068") + 2 * D("0.6") + 2 * D("0.06") + 2 * 3
	assert {one["reason"] for one in whole["missing"]} == {
		"material_unknown",
		"no_material",
		"no_mass",
	}
	assert whole["estimated"] is True
	monkeypatch.setattr(carbon, "MANY", 0)
	assert (await shop.get("bike", "/rollup")).data["co2e"] == whole
	assert (await shop.get("bike", "/structure", depth=9, rollup="true")).data["lines"] == rows


async def test_a_large_total_is_not_walked_in_fractions_for_want_of_digits(
	shop: CarbonShop, monkeypatch: pytest.MonkeyPatch
) -> None:
	"""In a structure of a million lines that would take seconds."""
	await a_bicycle(shop)
	await shop.product("saddle", kind="purchased", mass=300, material="Steel")
	await shop.product("hoard")
	assert (await shop.line("hoard", "saddle", 1_234_567)).status == 201
	exactly = (await shop.get("hoard", "/rollup")).data["co2e"]["unit_total"]
	assert exactly > 100_000

	def refuse(*_given: object) -> None:
		raise AssertionError("walked in fractions")

	monkeypatch.setattr(exact, "MOST_LINES", 0)
	monkeypatch.setattr(exact.ExactWalk, "totals", refuse)
	rollup_cache().clear()
	large = (await shop.get("hoard", "/rollup")).data["co2e"]["unit_total"]
	assert abs(large - exactly) <= exactly * D("1e-9")
