"""Pages of products: what they show and to whom, what they save, and what they must not lose."""

import html
import json
import re
from typing import Any

import httpx
import pytest
from tests.capabilities.plm.workshop import Workshop
from tests.platform.cast import Cast, by

HOSTILE = "<script>alert('stored')</script>"


class Desk:
	"""Somebody who reads pages and sends forms as htmx does."""

	def __init__(self, shop: Workshop, who: str = "alice") -> None:
		self.shop, self.who = shop, who

	def path(self, name: str, rest: str = "") -> str:
		return f"/plm/products/{self.shop.ids.get(name, name)}{rest}"

	async def open(self, path: str, **headers: str) -> httpx.Response:
		names = {name.replace("_", "-"): value for name, value in headers.items()}
		return await self.shop.api.get(path, headers=by(self.who, Accept="text/html", **names))

	async def send(self, path: str, fields: dict[str, Any], **headers: str) -> httpx.Response:
		names = {name.replace("_", "-"): value for name, value in headers.items()}
		told = by(self.who, **{"Accept": "text/html", "HX-Request": "true", **names})
		return await self.shop.api.post(path, data=fields, headers=told)

	async def form(self, name: str) -> dict[str, str]:
		"""The fields of the edit form as it stands, with what it saw and its entity tag."""
		text = (await self.open(self.path(name, "/edit"))).text
		seen = re.search(r'name="seen" value="([^"]*)"', text)
		etag = re.search(r'name="if_match" value="([^"]*)"', text)
		assert seen is not None
		assert etag is not None
		raw = html.unescape(seen[1])
		return {**json.loads(raw), "seen": raw, "if_match": etag[1]}


@pytest.fixture
def desk(shop: Workshop) -> Desk:
	return Desk(shop)


# -- the list ----------------------------------------------------------------------------------


async def test_the_list_shows_what_the_address_asks_for(desk: Desk, shop: Workshop) -> None:
	await shop.product("bolt", kind="purchased", price="0.12", tags=["steel"])
	await shop.product("pump", lifecycle_phase="design", product_name="Pump, size 2")
	page = await desk.open("/plm/products")
	assert page.status_code == 200
	assert "N-bolt" in page.text
	assert "Pump, size 2" in page.text
	for query, found, hidden in (
		("search=size", "N-pump", "N-bolt"),
		("product_type=purchased", "N-bolt", "N-pump"),
		("product_type=purchased&product_type=kit", "N-bolt", "N-pump"),
		("lifecycle_phase=design", "N-pump", "N-bolt"),
		("tags=steel", "N-bolt", "N-pump"),
		("cost_min=0.1&cost_max=0.2", "N-bolt", "N-pump"),
		("lacking=cost", "N-pump", "N-bolt"),
	):
		text = (await desk.open(f"/plm/products?{query}")).text
		assert found in text, query
		assert hidden not in text, query
	both = (await desk.open("/plm/products?sort=product_number")).text
	assert both.index("N-bolt") < both.index("N-pump")
	turned = (await desk.open("/plm/products?sort=-product_number")).text
	assert turned.index("N-pump") < turned.index("N-bolt")


async def test_an_unreadable_address_is_refused(desk: Desk) -> None:
	for query in ("sort=mass", "cost_min=cheap", "product_type=ship", "page=0"):
		assert (await desk.open(f"/plm/products?{query}")).status_code == 422, query


async def test_a_page_of_nothing_offers_the_first_steps(desk: Desk, cast: Cast) -> None:
	page = (await desk.open("/plm/products")).text
	assert "No products yet" in page
	assert "/plm/imports" in page
	cast.allow("bob", "plm.products.read")
	page = (await Desk(desk.shop, "bob").open("/plm/products")).text
	assert "No products yet" in page
	assert "/plm/products/new" not in page


async def test_the_export_holds_the_columns_and_rows_shown(desk: Desk, shop: Workshop) -> None:
	await shop.product("bolt", kind="purchased", price="0.125", mass="1.5", product_name="=Bolt")
	await shop.product("nut", kind="purchased")
	path = "/plm/products/export.csv?columns=product_number,product_name,current_cost,mass"
	answer = await desk.open(f"{path}&sort=product_number")
	assert answer.headers["content-type"].startswith("text/csv")
	assert answer.text.removeprefix("\ufeff").splitlines() == [
		'Number,Name,Cost of one,"Cost of one, unit",Mass of one,"Mass of one, unit"',
		"N-bolt,'=Bolt,0.125,EUR,1.5,g",
		"N-nut,Part nut,,,,",
	]
	assert "N-nut" not in (await desk.open(f"{path}&search=bolt")).text


async def test_who_may_not_see_costs_sees_none(desk: Desk, shop: Workshop, cast: Cast) -> None:
	await shop.product("bolt", kind="purchased", price="7.77")
	cast.allow("bob", "plm.products.read")
	bob = Desk(shop, "bob")
	assert "7.77" in (await desk.open("/plm/products")).text
	assert "7.77" not in (await bob.open("/plm/products")).text
	assert "7.77" not in (await bob.open("/plm/products/export.csv")).text
	assert (await bob.open("/plm/products?cost_min=1")).status_code == 200
	assert (await bob.open(bob.path("bolt", "/costs"))).status_code == 403
	page = (await bob.open(bob.path("bolt", "/facts"))).text
	assert "/costs" not in page
	assert "7.77" not in (await bob.open(bob.path("bolt", "/history"))).text


async def test_another_company_sees_nothing(desk: Desk, shop: Workshop) -> None:
	await shop.product("bolt")
	charlie = Desk(shop, "charlie")
	assert "N-bolt" not in (await charlie.open("/plm/products")).text
	for rest in ("", "/facts", "/edit", "/costs", "/history", "/identifiers", "/delete"):
		assert (await charlie.open(charlie.path("bolt", rest))).status_code == 404, rest


# -- forms -------------------------------------------------------------------------------------


async def test_create_keeps_what_was_typed_and_says_what_is_wrong(desk: Desk) -> None:
	typed = {"product_name": "Pu", "product_type": "manufactured", "tags": "a, b", "mass": "x"}
	refused = await desk.send("/plm/products/new", typed)
	assert refused.status_code == 422
	assert 'value="Pu"' in refused.text
	assert 'value="a, b"' in refused.text
	assert refused.text.count("is-wrong") == 2
	assert "Give at least 3 characters." in refused.text
	assert 'href="#field-mass"' in refused.text
	assert "<html" not in refused.text  # the form alone
	listed = await desk.shop.call("GET", "/api/v1/plm/products")
	assert listed.data == []


async def test_create_leads_to_the_product(desk: Desk) -> None:
	fields = {
		"product_name": HOSTILE,
		"product_number": "",
		"product_type": "purchased",
		"lifecycle_phase": "design",
		"unit_of_measure": "m",
		"mass": "",
		"mass_unit": "kg",
		"target_cost": "12.50",
		"current_cost": "13",
		"currency": "USD",
		"tags": "cable, red",
		"custom_attributes": 'cores: 3\ncolour: red\ncode: "007"',
	}
	answer = await desk.send("/plm/products/new", fields)
	assert answer.status_code == 204
	place = answer.headers["hx-redirect"]
	made = (await desk.shop.call("GET", f"/api/v1{place}")).data
	assert made["product_number"].startswith("P-")
	assert made["custom_attributes"] == {"cores": 3, "colour": "red", "code": "007"}
	assert (made["tags"], made["mass"], made["mass_unit"]) == (["cable", "red"], None, None)
	assert str(made["target_cost"]) == "12.5"
	assert (str(made["current_cost"]), made["currency"]) == ("13", "USD")
	page = (await desk.open(f"{place}/facts")).text
	assert HOSTILE not in page
	assert "&lt;script&gt;" in page


async def test_a_taken_number_is_named_at_its_field(desk: Desk, shop: Workshop) -> None:
	await shop.product("bolt")
	fields = {
		"product_name": "Another",
		"product_number": "N-bolt",
		"product_type": "kit",
		"unit_of_measure": "each",
	}
	refused = await desk.send("/plm/products/new", fields)
	assert refused.status_code == 422
	assert "Another product has this number." in refused.text
	assert len((await shop.call("GET", "/api/v1/plm/products")).data) == 1


async def test_saving_the_form_untouched_changes_nothing(desk: Desk, shop: Workshop) -> None:
	before = await shop.product("bolt", price="1", mass="2", tags=["a"], custom_attributes={"n": 1})
	form = await desk.form("bolt")
	assert form["is_active"] == "true"
	answer = await desk.send(desk.path("bolt", "/edit"), form)
	assert answer.status_code == 204
	after = (await shop.get("bolt")).data
	assert {k: v for k, v in after.items() if k != "updated_at"} == {
		k: v for k, v in before.items() if k != "updated_at"
	}


async def test_edit_changes_what_was_changed_only(desk: Desk, shop: Workshop) -> None:
	await shop.product("bolt", target_cost="5", currency="USD", material="steel")
	form = await desk.form("bolt")
	assert form["currency"] == "USD"
	form |= {"material": "brass", "custom_attributes": "thread: M8", "is_active": "false"}
	assert (await desk.send(desk.path("bolt", "/edit"), form)).status_code == 204
	after = (await shop.get("bolt")).data
	assert (after["material"], after["custom_attributes"]) == ("brass", {"thread": "M8"})
	assert (after["status"], str(after["target_cost"]), after["currency"]) == (
		"inactive",
		"5",
		"USD",
	)


async def test_a_refused_edit_saves_nothing(desk: Desk, shop: Workshop) -> None:
	await shop.product("bolt", mass="2", material="steel")
	form = await desk.form("bolt") | {"material": "brass", "mass_unit": ""}
	refused = await desk.send(desk.path("bolt", "/edit"), form)
	assert refused.status_code == 422
	assert 'value="brass"' in refused.text
	assert "Give the unit of the mass" in refused.text
	assert (await shop.get("bolt")).data["material"] == "steel"


async def test_a_stale_form_asks_and_then_merges(desk: Desk, shop: Workshop) -> None:
	await shop.product("bolt", material="steel")
	form = await desk.form("bolt")
	await shop.call("PATCH", shop.path("bolt"), {"material": "brass", "product_description": "new"})
	form |= {"material": "copper", "tags": "mine"}
	asked = await desk.send(desk.path("bolt", "/edit"), form)
	assert asked.status_code == 412
	assert 'value="copper" checked' in asked.text
	assert 'name="material" value="brass"' in asked.text
	assert "product_description" not in asked.text  # only theirs: there is nothing to choose
	assert (await shop.get("bolt")).data["material"] == "brass"
	etag = re.search(r'name="if_match" value="([^"]*)"', asked.text)
	assert etag is not None
	fields = {"material": "copper", "tags": "mine", "if_match": etag[1]}
	assert (await desk.send(desk.path("bolt", "/edit"), fields)).status_code == 204
	after = (await shop.get("bolt")).data
	assert (after["material"], after["tags"]) == ("copper", ["mine"])
	assert after["product_description"] == "new"


async def test_a_form_without_an_entity_tag_is_a_conflict(desk: Desk, shop: Workshop) -> None:
	await shop.product("bolt", material="steel")
	answer = await desk.send(desk.path("bolt", "/edit"), {"material": "brass"})
	assert answer.status_code == 412
	assert (await shop.get("bolt")).data["material"] == "steel"


async def test_the_content_of_a_released_revision_is_not_offered(
	desk: Desk, shop: Workshop
) -> None:
	await shop.product("bolt", material="steel")
	await shop.release("bolt")
	page = (await desk.open(desk.path("bolt", "/edit"))).text
	assert 'name="material"' not in page
	assert 'name="target_cost"' in page
	await shop.revise("bolt")
	page = (await desk.open(desk.path("bolt", "/edit"))).text
	assert 'name="material"' in page


# -- costs, identifiers, deletion --------------------------------------------------------------


async def test_a_cost_is_recorded_and_leads_back(desk: Desk, shop: Workshop) -> None:
	await shop.product("bolt", kind="purchased")
	fields = {
		"kind": "purchase",
		"amount": "0.125",
		"currency": "EUR",
		"quantity_break": "100",
		"valid_from": "2026-01-01",
		"supplier": "Nordwind",
		"source": "",
		"back": "/plm/products?lacking=cost",
	}
	answer = await desk.send(desk.path("bolt", "/costs"), fields)
	assert (answer.status_code, answer.headers["hx-redirect"]) == (204, fields["back"])
	page = (await desk.open(desk.path("bolt", "/costs"))).text
	assert "0.125" in page
	assert "Nordwind" in page
	twice = await desk.send(desk.path("bolt", "/costs"), fields)
	assert twice.status_code == 422
	assert "There is a cost of this kind and supplier for this date and quantity" in twice.text
	for hostile in ("https://evil.example", "//evil.example", "javascript:alert(1)"):
		fields |= {"back": hostile, "quantity_break": "1", "valid_from": "2025-01-01"}
		answer = await desk.send(desk.path("bolt", "/costs"), fields)
		place = answer.headers.get("hx-redirect", desk.path("bolt", "/costs"))
		assert place == desk.path("bolt", "/costs")


async def test_a_cost_is_taken_away(desk: Desk, shop: Workshop) -> None:
	await shop.product("bolt", kind="purchased")
	cost = (await shop.cost("bolt", "3")).data
	path = desk.path("bolt", f"/costs/{cost['cost_id']}/remove")
	assert (await Desk(shop, "charlie").send(path, {})).status_code == 404
	assert len((await shop.get("bolt", "/costs")).data) == 1
	assert (await desk.send(path, {})).status_code == 204
	assert (await shop.get("bolt", "/costs")).data == []


async def test_identifiers_come_and_go(desk: Desk, shop: Workshop) -> None:
	await shop.product("bolt")
	path = desk.path("bolt", "/identifiers")
	bad = await desk.send(path, {"scheme": "gtin", "value": "4006381333932"})
	assert bad.status_code == 422
	assert 'value="4006381333932"' in bad.text
	assert (await desk.send(path, {"scheme": "erp", "value": "400-1"})).status_code == 204
	assert "400-1" in (await desk.open(path)).text
	held = (await shop.get("bolt", "/identifiers")).data[0]
	assert (await desk.send(f"{path}/{held['identifier_id']}/remove", {})).status_code == 204
	assert (await shop.get("bolt", "/identifiers")).data == []


async def test_deletion_says_what_goes_and_restores(desk: Desk, shop: Workshop) -> None:
	await shop.product("bolt", price="2")
	page = (await desk.open(desk.path("bolt", "/delete"))).text
	assert "costs: 1" in page
	etag = re.search(r'name="if_match" value="([^"]*)"', page)
	assert etag is not None
	stale = await desk.send(desk.path("bolt", "/delete"), {"if_match": "0-0"})
	assert stale.status_code == 409
	assert (await shop.get("bolt")).status == 200
	answer = await desk.send(desk.path("bolt", "/delete"), {"if_match": etag[1]})
	assert answer.status_code == 204
	assert (await shop.get("bolt")).status == 404
	facts = (await desk.open(desk.path("bolt", "/facts"))).text
	assert "This product is deleted" in facts
	assert "/edit" not in facts
	assert "N-bolt" not in (await desk.open("/plm/products")).text
	assert "N-bolt" in (await desk.open("/plm/products?status=deleted")).text
	assert (await desk.send(desk.path("bolt", "/restore"), {})).status_code == 204
	assert (await shop.get("bolt")).status == 200


async def test_a_used_product_stays(desk: Desk, shop: Workshop) -> None:
	await shop.lines({"pump": {"bolt": 4}})
	page = (await desk.open(desk.path("bolt", "/delete"))).text
	etag = re.search(r'name="if_match" value="([^"]*)"', page)
	assert etag is not None
	refused = await desk.send(desk.path("bolt", "/delete"), {"if_match": etag[1]})
	assert refused.status_code == 409
	assert "N-pump still uses this product" in refused.text
	assert (await shop.get("bolt")).status == 200


async def test_history_tells_who_changed_what(desk: Desk, shop: Workshop) -> None:
	await shop.product("bolt", material="steel")
	await shop.call("PATCH", shop.path("bolt"), {"material": "brass"})
	text = (await desk.open(desk.path("bolt", "/history"))).text
	assert "created the product N-bolt" in text
	assert "<del>steel</del>" in text
	assert "<ins>brass</ins>" in text


async def test_what_one_may_not_do_is_refused(desk: Desk, shop: Workshop, cast: Cast) -> None:
	await shop.product("bolt")
	cast.allow("bob", "plm.products.read", "plm.structures.read", "plm.costs.read")
	bob = Desk(shop, "bob")
	for rest in ("/edit", "/delete", "/restore", "/costs", "/identifiers"):
		assert (await bob.send(bob.path("bolt", rest), {})).status_code == 403, rest
	assert (await bob.send("/plm/products/new", {})).status_code == 403
	cast.allow("bob")
	assert (await bob.open("/plm/products")).status_code == 403
