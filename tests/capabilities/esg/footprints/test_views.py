"""Pages of footprints: what they show and say, driven through the mounted product."""

from decimal import Decimal

from tests.capabilities.esg.footprints.conftest import CarbonShop
from tests.capabilities.esg.footprints.test_footprints import a_bicycle
from tests.platform.cast import page, part


async def text_of(shop: CarbonShop, path: str, *, status: int = 200, of: str = "alice") -> str:
	answer = await shop.api.get(path, headers=page(of), follow_redirects=False)
	assert answer.status_code == status, answer.text[:2000]
	return answer.text


async def test_a_product_s_page_leads_to_its_carbon(shop: CarbonShop) -> None:
	await a_bicycle(shop)
	product = await text_of(shop, f"/plm/products/{shop.ids['bike']}")
	assert f"/esg/footprints/of/{shop.ids['bike']}" in product
	assert "CO2e of one" in product
	now = await text_of(shop, f"/esg/footprints/of/{shop.ids['bike']}")
	assert "25.068" in now
	assert "Record this footprint" in now
	assert "N-frame" in now
	assert "data-treemap" in now
	assert "On record" not in now
	assert "style=" not in now


async def test_recording_leads_to_a_page_that_traces_down_to_the_factor(shop: CarbonShop) -> None:
	await a_bicycle(shop)
	answer = await shop.api.post(
		f"/esg/footprints/of/{shop.ids['bike']}/record",
		headers=part("alice"),
		data={"view": "engineering"},
	)
	assert answer.status_code in (200, 204, 303), answer.text
	made = (await shop.esg("GET", "/footprints"))[0]
	shown = await text_of(shop, f"/esg/footprints/{made['id']}")
	assert made["seal"] in shown
	line = await text_of(shop, f"/esg/footprints/{made['id']}/lines/1")
	assert "Factor of metal.aluminium" in line
	assert "metal.aluminium" in line
	assert "16.2" in line
	assert "made for a test" in line or "entered by hand" in line
	every = await text_of(shop, f"/esg/footprints/{made['id']}/lines")
	assert every.count("<tr>") >= 4
	again = await text_of(shop, f"/esg/footprints/{made['id']}/verification")
	assert "the same seal" in again
	then = await text_of(shop, f"/esg/footprints/{made['id']}/comparison")
	assert "Nothing changed" in then
	listed = await text_of(shop, "/esg/footprints")
	assert "N-bike" in listed


async def test_materials_are_named_where_parts_wait_for_them(shop: CarbonShop) -> None:
	await shop.product("tube", kind="purchased", mass=5, material="Unobtainium")
	shown = await text_of(shop, "/esg/materials")
	assert "Unobtainium" in shown
	assert "/esg/materials/new?name=Unobtainium" in shown
	form = await text_of(shop, "/esg/materials/new?name=Unobtainium")
	assert 'value="Unobtainium"' in form
	answer = await shop.api.post(
		"/esg/materials/new",
		headers=part("alice"),
		data={"name": "Unobtainium", "activity_code": "metal.rare", "region": "001"},
	)
	assert answer.status_code < 400, answer.text
	held = (await shop.esg("GET", "/materials"))[0]
	assert held["activity_code"] == "metal.rare"
	assert await shop.esg("GET", "/materials/unmatched") == []
	again = await shop.api.post(
		"/esg/materials/new",
		headers=part("alice"),
		data={"name": "UNOBTAINIUM ", "activity_code": "metal.other"},
	)
	assert again.status_code == 422
	assert "Another material has this name." in again.text
	assert 'value="metal.other"' in again.text  # nothing typed is lost
	edit = await text_of(shop, f"/esg/materials/{held['id']}")
	assert "metal.rare" in edit


async def test_a_statement_is_recorded_and_withdrawn_on_its_page(shop: CarbonShop) -> None:
	await shop.product("motor", kind="purchased")
	data = {
		"product_number": "N-motor",
		"supplier": "Volt & Sons",
		"carbon": "31.5",
		"amount": "1",
		"unit": "each",
		"gwp_set": "AR5",
		"valid_from": "2026-01-01",
	}
	wrong = await shop.api.post(
		"/esg/supplier-footprints/new", headers=part("alice"), data={**data, "unit": "lightyear"}
	)
	assert wrong.status_code == 422
	assert "Volt &amp; Sons" in wrong.text
	answer = await shop.api.post("/esg/supplier-footprints/new", headers=part("alice"), data=data)
	assert answer.status_code < 400, answer.text
	shown = await text_of(shop, "/esg/supplier-footprints")
	assert "Volt &amp; Sons" in shown
	assert (await shop.footprint("motor"))["total"] == Decimal("31.5")
	held = (await shop.esg("GET", "/supplier-footprints"))[0]
	gone = await shop.api.post(
		f"/esg/supplier-footprints/{held['id']}/withdraw", headers=part("alice")
	)
	assert gone.status_code < 400
	assert (await shop.footprint("motor"))["total"] is None


async def test_gaps_lead_to_where_they_are_mended(shop: CarbonShop) -> None:
	await shop.product("tube", kind="purchased", mass=5, material="Unobtainium")
	await shop.product("cap", kind="purchased")
	await shop.lines({"pen": {"tube": 1, "cap": 1}})
	now = await text_of(shop, f"/esg/footprints/of/{shop.ids['pen']}")
	assert "/esg/materials/new?name=Unobtainium" in now
	assert f"/plm/products/{shop.ids['cap']}/edit#field-material" in now
	made = await shop.footprint("pen")
	assert made["total"] is None
	missing = await text_of(shop, f"/plm/products/{shop.ids['pen']}/missing?of=co2e")
	assert "What the CO2e lacks" in missing
	assert "/esg/materials/new?name=Unobtainium" in missing
	trace = await text_of(shop, f"/plm/products/{shop.ids['pen']}/trace?of=co2e")
	assert "Where the CO2e of N-pen comes from" in trace
	home = await text_of(shop, "/")
	assert "Product carbon" in home
	assert "The heaviest without a figure" in home


async def test_without_the_right_there_is_no_carbon_on_a_product(shop: CarbonShop, cast) -> None:
	await a_bicycle(shop)
	cast.allow("alice", "plm.*")
	product = await text_of(shop, f"/plm/products/{shop.ids['bike']}")
	assert "CO2e" not in product
	assert "/esg/footprints" not in product
	assert (await shop.get("bike", "/rollup")).data["co2e"] is None
	rows = (await shop.get("bike", "/structure", rollup="true")).data["lines"]
	assert "total_co2e" not in rows[0]
