"""Manufacturers, approved parts, suppliers and offers; prices stay one list with the costs."""

import asyncio
from decimal import Decimal

from tests.capabilities.plm.workshop import Workshop
from tests.platform.cast import Cast, by

PLM = "/api/v1/plm"


async def test_an_approved_part_makes_its_maker_once(shop: Workshop):
	await shop.parts("r", "s")
	body = {"manufacturer": "Vishay", "part_number": "CRCW", "status": "approved"}
	answers = await asyncio.gather(
		*(shop.call("POST", shop.path(name, "/approved-parts"), body) for name in ("r", "s"))
	)
	assert [each.status for each in answers] == [201, 201]
	assert answers[0].data["manufacturer_part_id"] == answers[1].data["manufacturer_part_id"]
	makers = (await shop.call("GET", f"{PLM}/manufacturers")).data
	assert [(row["name"], row["part_count"]) for row in makers] == [("Vishay", 1)]
	again = await shop.call("POST", shop.path("r", "/approved-parts"), body)
	assert (again.status, again.code) == (409, "APPROVED_PART_EXISTS")
	await shop.call(
		"POST", shop.path("r", "/approved-parts"), {"manufacturer": "Yageo", "part_number": "RC"}
	)
	row = answers[0].data["approved_part_id"]
	path = shop.path("r", f"/approved-parts/{row}")
	assert (await shop.call("PATCH", path, {"status": "blocked"})).data["status"] == "blocked"
	listed = (await shop.get("r", "/approved-parts")).data
	assert [(r["manufacturer"], r["status"]) for r in listed] == [
		("Yageo", "potential"),
		("Vishay", "blocked"),
	]
	maker = makers[0]["manufacturer_id"]
	used = await shop.call("DELETE", f"{PLM}/manufacturers/{maker}")
	assert (used.status, used.code) == (409, "STILL_USED")
	lacking = await shop.call("POST", shop.path("r", "/approved-parts"), {"manufacturer": "X"})
	assert list(lacking.details) == ["part_number"]


async def test_what_files_named_is_listed(shop: Workshop):
	await shop.parts("r")
	for value, issuer in (("CRCW", "Vishay"), ("RC", "Yageo"), ("NN", "")):
		body = {"scheme": "mpn", "value": value, "issuer": issuer}
		assert (await shop.call("POST", shop.path("r", "/identifiers"), body)).status == 201
	place = shop.path("r", "/approved-parts/from-identifiers")
	rows = (await shop.call("POST", place)).data
	assert [(r["manufacturer"], r["part_number"], r["status"]) for r in rows] == [
		("Vishay", "CRCW", "potential"),
		("Yageo", "RC", "potential"),
	]
	assert len((await shop.call("POST", place)).data) == 2


async def test_an_offer_writes_the_prices_that_roll_up(shop: Workshop):
	await shop.parts("r")
	await shop.call(
		"POST", f"{PLM}/suppliers", {"name": "Mouser", "currency": "EUR", "lead_time_days": 9}
	)
	body = {
		"supplier": "Mouser",
		"sku": "71-R",
		"minimum_quantity": 10,
		"prices": [
			{"quantity_break": 1, "amount": "0.10"},
			{"quantity_break": 100, "amount": "0.04"},
			{"quantity_break": 100, "amount": "9", "valid_from": "2199-01-01"},
		],
	}
	made = await shop.call("POST", shop.path("r", "/offers"), body)
	assert made.status == 201, made.response.text
	assert made.data["lead_time_days"] == 9
	assert [(p["quantity_break"], p["amount"]) for p in made.data["prices"]] == [
		(1, Decimal("0.1")),
		(100, Decimal("0.04")),
	]
	costs = (await shop.get("r", "/costs")).data
	assert sorted((c["supplier"], c["kind"], c["amount"]) for c in costs) == [
		("Mouser", "purchase", Decimal("0.04")),
		("Mouser", "purchase", Decimal("0.1")),
		("Mouser", "purchase", 9),
	]
	await shop.lines({"box": {"r": 200}})
	assert (await shop.get("box", "/rollup")).data["cost"]["total"] == 8
	path = shop.path("r", f"/offers/{made.data['offer_id']}")
	changed = await shop.call(
		"PATCH", path, {"prices": [{"quantity_break": 100, "amount": "0.05"}]}
	)
	assert [p["amount"] for p in changed.data["prices"]] == [Decimal("0.1"), Decimal("0.05")]
	assert len((await shop.get("r", "/costs")).data) == 3
	assert (await shop.get("box", "/rollup")).data["cost"]["total"] == 10


async def test_a_new_name_takes_the_prices_along(shop: Workshop):
	await shop.parts("r")
	await shop.call(
		"POST", shop.path("r", "/offers"), {"supplier": "Old", "prices": [{"amount": 2}]}
	)
	await shop.call(
		"POST", shop.path("r", "/offers"), {"supplier": "Taken", "prices": [{"amount": 3}]}
	)
	rows = {r["name"]: r for r in (await shop.call("GET", f"{PLM}/suppliers")).data}
	path = f"{PLM}/suppliers/{rows['Old']['supplier_id']}"
	done = await shop.call("PATCH", path, {"name": "New"})
	assert (done.data["name"], done.data["product_count"]) == ("New", 1)
	offers = {o["supplier"]: o for o in (await shop.get("r", "/offers")).data}
	assert offers["New"]["prices"][0]["amount"] == 2
	clash = await shop.call("PATCH", path, {"name": "Taken"})
	assert (clash.status, clash.code) == (409, "SUPPLIER_EXISTS")
	assert (await shop.call("DELETE", path)).code == "STILL_USED"


async def test_identifiers_by_scheme(shop: Workshop):
	await shop.parts("r", "s")

	async def add(name: str, **body: str) -> int:
		return (await shop.call("POST", shop.path(name, "/identifiers"), body)).status

	assert await add("r", scheme="gtin", value="4006381333931") == 201
	assert await add("r", scheme="gtin", value="4006381333932") == 400
	assert await add("s", scheme="gtin", value="04006381333931") == 409  # the same trade item
	assert await add("r", scheme="gtin", value="4006381-33393-1") == 409
	assert await add("r", scheme="customer", value="77", issuer="ACME") == 201
	assert await add("r", scheme="customer", value="77", issuer="Beta") == 201
	assert await add("s", scheme="erp", value="400-1") == 201
	rows = (await shop.get("r", "/identifiers")).data
	assert [(r["scheme"], r["value"], r["issuer"]) for r in rows] == [
		("customer", "77", "ACME"),
		("customer", "77", "Beta"),
		("gtin", "4006381333931", ""),
	]


async def test_rights_and_companies(shop: Workshop, other: Workshop, cast: Cast):
	await shop.parts("r")
	made = await shop.call(
		"POST", shop.path("r", "/offers"), {"supplier": "Mouser", "prices": [{"amount": 1}]}
	)
	part = await shop.call(
		"POST", shop.path("r", "/approved-parts"), {"manufacturer": "V", "part_number": "1"}
	)
	other.ids = dict(shop.ids)
	for path in (
		shop.path("r", f"/offers/{made.data['offer_id']}"),
		shop.path("r", f"/approved-parts/{part.data['approved_part_id']}"),
		f"{PLM}/suppliers/{made.data['supplier_id']}",
		f"{PLM}/manufacturers/{part.data['manufacturer_id']}",
	):
		assert (await other.call("GET", path)).status == 404
		assert (await other.call("DELETE", path)).status == 404
	await other.parts("x")
	stolen = {"manufacturer_part_id": part.data["manufacturer_part_id"]}
	answer = await other.call("POST", other.path("x", "/approved-parts"), stolen)
	assert (answer.status, list(answer.details)) == (400, ["manufacturer_part_id"])
	bob = Workshop(shop.api, "bob", shop.ids)
	cast.allow("bob", "plm.products.read")
	assert (await bob.get("r", "/offers")).status == 403  # prices are a right of their own
	assert (await bob.get("r", "/approved-parts")).status == 200


async def test_pages(shop: Workshop):
	await shop.parts("r")
	told = by("alice", Accept="text/html")
	sent = by("alice", Accept="text/html", **{"HX-Request": "true"})
	base = f"/plm/products/{shop.ids['r']}/sources"
	part = {"manufacturer": "Vishay", "part_number": "CRCW", "status": "approved", "note": ""}
	assert (await shop.api.post(f"{base}/parts", data=part, headers=sent)).status_code == 204
	offer = {"supplier": "Mouser", "sku": "71", "prices": "1: 0.10\n100: 0.04", "currency": "EUR"}
	wrong = await shop.api.post(f"{base}/offers", data={**offer, "prices": "cheap"}, headers=sent)
	assert wrong.status_code == 422
	assert "quantity: price" in wrong.text
	assert (await shop.api.post(f"{base}/offers", data=offer, headers=sent)).status_code == 204
	page = (await shop.api.get(base, headers=told)).text
	for word in ("Vishay", "CRCW", "Mouser", "0.04"):
		assert word in page
	await shop.cost("r", 5, kind="purchase", supplier="By a file")
	sellers = (await shop.api.get("/plm/suppliers", headers=told)).text
	assert "Mouser" in sellers
	assert "By a file" in sellers
	maker = (await shop.call("GET", f"{PLM}/manufacturers")).data[0]["manufacturer_id"]
	page = (await shop.api.get(f"/plm/manufacturers/{maker}", headers=told)).text
	assert "CRCW" in page
	seller = (await shop.call("GET", f"{PLM}/suppliers")).data[0]["supplier_id"]
	assert "N-r" in (await shop.api.get(f"/plm/suppliers/{seller}", headers=told)).text
