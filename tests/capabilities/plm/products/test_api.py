"""Products through the API: what goes in comes out, who changed it meanwhile, what may be found."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from tests.capabilities.plm.workshop import PRODUCTS, Workshop
from tests.platform.cast import Cast

from apg.kernel.stamps import new_id

D = Decimal
WHOLE: dict[str, Any] = {
	"product_name": "Hydraulic pump",
	"product_number": "HP-1",
	"product_description": "Axial piston",
	"product_type": "manufactured",
	"lifecycle_phase": "design",
	"revision": "01",
	"target_cost": "1250.750000",
	"current_cost": 1310,
	"currency": "CHF",
	"unit_of_measure": "each",
	"manufacturing_status": "trial",
	"class_path": "pumps/axial",
	"material": "GGG-40",
	"mass": "12.5",
	"mass_unit": "kg",
	"custom_attributes": {"pressure_bar": D("280.50"), "sizes": [1, 2]},
	"tags": ["hydraulics", "a_b"],
}


def _wire(body: dict[str, Any]) -> dict[str, Any]:
	"""A body as the client sends it: exact numbers as texts."""
	return {
		**body,
		"custom_attributes": {"pressure_bar": 280.5, "sizes": [1, 2]},
	}


async def test_all_fields_go_in_and_come_out(shop: Workshop):
	made = await shop.call("POST", PRODUCTS, _wire(WHOLE))
	product = made.data
	assert made.status == 201
	assert made.json["message"] == "Product created successfully"
	assert made.json["meta"]["created_at"].endswith("Z")
	for name, value in WHOLE.items():
		expected = D(value) if name in ("target_cost", "mass") else value
		assert product[name] == expected, name
	assert (product["status"], product["revision_state"]) == ("active", "working")
	assert product["digital_twin_id"] is None
	assert product["digital_twin"]["status"] == "unavailable"
	assert product["compliance_records"] == product["document_references"] == []
	path = f"{PRODUCTS}/{product['product_id']}"
	assert made.response.headers["location"] == path
	one = await shop.call("GET", path)
	assert (one.data, one.etag) == (product, made.etag)
	listed = await shop.call("GET", PRODUCTS)
	assert listed.data == [product]
	assert listed.json["pagination"] == {
		"page": 1,
		"page_size": 20,
		"total_pages": 1,
		"total_count": 1,
	}


async def test_the_least_a_product_needs(shop: Workshop):
	body = {"product_name": "Nut", "product_type": "purchased"}
	product = (await shop.call("POST", PRODUCTS, body)).data
	assert product["product_number"] == "P-000001"
	assert (product["revision"], product["lifecycle_phase"]) == ("A", "concept")
	assert product["unit_of_measure"] == "each"
	assert product["target_cost"] is product["current_cost"] is product["mass"] is None


@pytest.mark.parametrize(
	("change", "field"),
	[
		({"product_name": "ab"}, "product_name"),
		({"product_name": "x" * 201}, "product_name"),
		({"product_name": "a\u0000bc"}, "product_name"),
		({"product_number": "ab"}, "product_number"),
		({"product_type": "gadget"}, "product_type"),
		({"lifecycle_phase": "born"}, "lifecycle_phase"),
		({"target_cost": -1}, "target_cost"),
		({"target_cost": "1.0000001"}, "target_cost"),
		({"target_cost": "9e12"}, "target_cost"),
		({"current_cost": "many"}, "current_cost"),
		({"currency": "eur"}, "currency"),
		({"mass": 5, "mass_unit": None}, "mass_unit"),
		({"mass": None, "mass_unit": "kg"}, "mass"),
		({"revision": ""}, "revision"),
		({"tags": ["x" * 65]}, "tags.0"),
		({"tenant_id": "somebody"}, "tenant_id"),
		({"created_by": "somebody"}, "created_by"),
		({"colour": "red"}, "colour"),
	],
)
async def test_bad_products_name_the_field(shop: Workshop, change: dict[str, Any], field: str):
	body = {k: v for k, v in {**_wire(WHOLE), **change}.items() if v is not None}
	refused = await shop.call("POST", PRODUCTS, body)
	assert refused.status == 400, refused.response.text
	assert field in refused.details
	assert refused.code == "VALIDATION_ERROR"
	assert (await shop.call("GET", PRODUCTS)).data == []


async def test_numbers_are_given_once_whoever_asks(shop: Workshop):
	body = {"product_name": "Nut", "product_type": "purchased"}
	answers = await asyncio.gather(*(shop.call("POST", PRODUCTS, body) for _ in range(8)))
	numbers = sorted(each.data["product_number"] for each in answers)
	assert numbers == [f"P-{n:06d}" for n in range(1, 9)]


async def test_a_typed_number_is_stepped_over_and_taken_once(shop: Workshop, other: Workshop):
	body = {"product_name": "Nut", "product_type": "purchased"}
	for number in ("P-000001", "P-000007"):
		assert (await shop.call("POST", PRODUCTS, {**body, "product_number": number})).status == 201
	assert (await shop.call("POST", PRODUCTS, body)).data["product_number"] == "P-000008"
	assert (await shop.call("POST", PRODUCTS, body)).data["product_number"] == "P-000009"
	twice = await shop.call("POST", PRODUCTS, {**body, "product_number": "P-000007"})
	assert (twice.status, twice.code) == (409, "PRODUCT_NUMBER_TAKEN")
	assert "product_number" in twice.details
	theirs = await other.call("POST", PRODUCTS, {**body, "product_number": "P-000007"})
	assert theirs.status == 201  # another company counts for itself


async def test_patch_changes_what_it_names(shop: Workshop):
	made = await shop.call("POST", PRODUCTS, _wire(WHOLE))
	path = f"{PRODUCTS}/{made.data['product_id']}"
	changed = await shop.call(
		"PATCH", path, {"product_name": "Pump 2", "mass": None, "mass_unit": None}
	)
	volatile = {"updated_at", "product_name", "mass", "mass_unit"}
	assert {k: v for k, v in changed.data.items() if k not in volatile} == {
		k: v for k, v in made.data.items() if k not in volatile
	}
	assert (changed.data["product_name"], changed.data["mass"]) == ("Pump 2", None)
	for body, field in (
		({"product_name": None}, "product_name"),
		({"product_type": None}, "product_type"),
		({"tags": None}, "tags"),
		({"mass": 3}, "mass_unit"),
		({"product_id": "x"}, "product_id"),
	):
		refused = await shop.call("PATCH", path, body)
		assert refused.status == 400
		assert field in refused.details, body
	assert (await shop.call("GET", path)).data == changed.data


async def test_put_replaces_the_whole(shop: Workshop):
	made = await shop.call("POST", PRODUCTS, _wire(WHOLE))
	path = f"{PRODUCTS}/{made.data['product_id']}"
	body = {"product_name": "Bare", "product_number": "HP-1", "product_type": "manufactured"}
	refused = await shop.call("PUT", path, body)
	assert refused.code == "PHASE_NOT_ALLOWED"  # the default phase lies behind
	done = (await shop.call("PUT", path, {**body, "lifecycle_phase": "design"})).data
	assert (done["product_name"], done["material"], done["tags"]) == ("Bare", None, [])
	assert (done["mass"], done["custom_attributes"], done["target_cost"]) == (None, {}, None)
	assert done["revision"] == "01"
	assert (await shop.call("PUT", path, {"product_name": "Bare"})).status == 400


async def test_a_lost_update_is_refused(shop: Workshop):
	made = await shop.call("POST", PRODUCTS, _wire(WHOLE))
	path = f"{PRODUCTS}/{made.data['product_id']}"
	first = await shop.call("PATCH", path, {"tags": ["x"]}, If_Match=made.etag)
	assert first.status == 200
	for method, body in (
		("PATCH", {"tags": ["y"]}),
		("PUT", {"product_name": "Bare", "product_number": "HP-1", "product_type": "kit"}),
		("DELETE", None),
	):
		stale = await shop.call(method, path, body, If_Match=made.etag)
		assert (stale.status, stale.code) == (412, "PRECONDITION_FAILED")
	assert (await shop.call("GET", path)).data["tags"] == ["x"]
	assert (await shop.call("PATCH", path, {"tags": ["y"]}, If_Match="*")).status == 200
	tag = (await shop.call("GET", path)).etag
	answers = await asyncio.gather(
		*(shop.call("PATCH", path, {"tags": [str(n)]}, If_Match=tag) for n in range(4))
	)
	assert sorted(each.status for each in answers) == [200, 412, 412, 412]


async def test_phases_go_forward_only(shop: Workshop):
	await shop.product("box", lifecycle_phase="design")
	path = shop.path("box")
	assert (await shop.call("PATCH", path, {"lifecycle_phase": "production"})).status == 200
	back = await shop.call("PATCH", path, {"lifecycle_phase": "design"})
	assert (back.status, back.code) == (409, "PHASE_NOT_ALLOWED")
	assert "declining" in back.words  # what would be allowed
	assert (await shop.call("PATCH", path, {"lifecycle_phase": "production"})).status == 200
	assert (await shop.call("PATCH", path, {"lifecycle_phase": "obsolete"})).status == 200
	end = await shop.call("PATCH", path, {"lifecycle_phase": "discontinued"})
	assert end.code == "PHASE_NOT_ALLOWED"


async def test_deleting_and_bringing_back(shop: Workshop):
	await shop.lines({"box": {"screw": 2}})
	used = await shop.call("DELETE", shop.path("screw"))
	assert (used.status, used.code) == (409, "PRODUCT_IN_USE")
	assert "N-box" in used.words
	gone = await shop.call("DELETE", shop.path("box"))
	assert gone.data["status"] == "deleted"
	assert (await shop.get("box")).status == 404
	assert [each["product_number"] for each in (await shop.call("GET", PRODUCTS)).data] == [
		"N-screw"
	]
	deleted = (await shop.call("GET", f"{PRODUCTS}?status=deleted")).data
	assert [each["product_number"] for each in deleted] == ["N-box"]
	assert (await shop.call("DELETE", shop.path("screw"))).status == 200  # nothing living uses it
	# The number is free, so coming back may be refused.
	again = await shop.call(
		"POST",
		PRODUCTS,
		{"product_name": "New box", "product_number": "N-box", "product_type": "kit"},
	)
	assert again.status == 201
	taken = await shop.call("POST", shop.path("box", "/restore"))
	assert (taken.status, taken.code) == (409, "PRODUCT_NUMBER_TAKEN")
	back = await shop.call("POST", shop.path("screw", "/restore"))
	assert back.data["status"] == "active"
	assert (await shop.call("POST", shop.path("screw", "/restore"))).code == "NOT_DELETED"


async def test_deletion_and_use_at_once(shop: Workshop):
	for turn in range(6):
		child, parent = f"c{turn}", f"p{turn}"
		await shop.product(child)
		await shop.product(parent)
		gone, used = await asyncio.gather(
			shop.call("DELETE", shop.path(child)), shop.line(parent, child)
		)
		assert sorted([gone.status < 300, used.status < 300]) == [False, True]


@pytest.mark.parametrize(
	("query", "found"),
	[
		("search=pump", "ab"),
		("search=PUMP", "ab"),
		("search=%25", "b"),
		("search=a_b", "a"),
		("search=N-a", "a"),
		("search=nothing", ""),
		("search=axial", "b"),
		("tags=a_b", "a"),
		("tags=a_b&tags=x", "a"),
		("tags=ab", ""),
		("product_type=kit", "b"),
		("lifecycle_phase=concept", "abc"),
		("lifecycle_phase=design", ""),
		("status=inactive", "c"),
		("status=active", "ab"),
		("attribute=bar:280.5", "a"),
		("attribute=bar:281", ""),
		("attribute=colour:red&attribute=bar:280.5", "a"),
		("attribute=dry:true&attribute=size:7", "a"),
		("attribute=size:7&attribute=colour:grey", ""),
		("cost_min=5", "bc"),
		("cost_max=5", "ab"),
		("cost_min=5&cost_max=5", "b"),
		("cost_min=6", "c"),
	],
)
async def test_what_is_found(shop: Workshop, query: str, found: str):
	await shop.product("a", product_name="Pump small", tags=["a_b", "x"], price=3,
		custom_attributes={"bar": 280.5, "colour": "red", "dry": True, "size": "7"})  # fmt: skip
	await shop.product(
		"b", kind="kit", product_name="Pump 100%", product_description="axial", price=5
	)
	await shop.product("c", product_name="Valve", price="7.5")
	await shop.call("PATCH", shop.path("c"), {"is_active": False})
	listed = (await shop.call("GET", f"{PRODUCTS}?{query}")).data
	assert sorted(shop.name_of(each["product_id"]) for each in listed) == list(found)


async def test_sorting_and_paging(shop: Workshop):
	for n in (3, 1, 2):
		await shop.product(str(n), target_cost=n * 10)

	async def numbers(query: str) -> list[str]:
		listed = (await shop.call("GET", f"{PRODUCTS}?{query}")).data
		return [shop.name_of(each["product_id"]) for each in listed]

	assert await numbers("sort_by=product_number&sort_order=asc") == ["1", "2", "3"]
	assert await numbers("sort_by=target_cost&sort_order=desc") == ["3", "2", "1"]
	assert await numbers("") == ["2", "1", "3"]  # the newest first
	assert await numbers("sort_by=product_number&sort_order=asc&page=2&page_size=2") == ["3"]
	page = (await shop.call("GET", f"{PRODUCTS}?page=2&page_size=2")).json["pagination"]
	assert page == {"page": 2, "page_size": 2, "total_pages": 2, "total_count": 3}
	for query in ("page=0", "page_size=101", "sort_by=password", "sort_order=up", "attribute=x"):
		assert (await shop.call("GET", f"{PRODUCTS}?{query}")).status == 400, query


async def test_costs(shop: Workshop, cast: Cast):
	await shop.product("chip", price="2.50")
	made = await shop.cost("chip", "1.75", quantity_break=100, kind="purchase", supplier="S")
	assert made.status == 201
	listed = (await shop.get("chip", "/costs")).data
	assert {(each["kind"], each["amount"]) for each in listed} == {
		("manual", D("2.5")),
		("purchase", D("1.75")),
	}
	twice = await shop.cost("chip", 1, quantity_break=100, kind="purchase", supplier="S")
	assert (twice.status, twice.code) == (409, "COST_EXISTS")
	assert (await shop.cost("chip", -1)).status == 400
	assert (await shop.cost("chip", 1, quantity_break=0)).status == 400
	# A second figure on the same day replaces the first.
	await shop.call("PATCH", shop.path("chip"), {"current_cost": 3, "currency": "EUR"})
	assert (await shop.get("chip")).data["current_cost"] == 3
	assert len((await shop.get("chip", "/costs")).data) == 2
	gone = shop.path("chip", f"/costs/{made.data['cost_id']}")
	assert (await shop.call("DELETE", gone)).status == 204
	assert (await shop.call("DELETE", gone)).status == 404
	cast.allow("bob", "plm.products.read")
	bob = Workshop(shop.api, "bob", shop.ids)
	assert (await bob.get("chip", "/costs")).status == 403


async def test_identifiers(shop: Workshop):
	await shop.product("chip")
	path = shop.path("chip", "/identifiers")
	made = await shop.call("POST", path, {"scheme": "erp", "value": "400-1"})
	assert made.status == 201
	good = await shop.call("POST", path, {"scheme": "gtin", "value": "4006381333931"})
	assert good.status == 201
	bad = await shop.call("POST", path, {"scheme": "gtin", "value": "4006381333932"})
	assert (bad.status, list(bad.details)) == (400, ["value"])
	twice = await shop.call("POST", path, {"scheme": "erp", "value": "400-1"})
	assert (twice.status, twice.code) == (409, "IDENTIFIER_TAKEN")
	listed = (await shop.get("chip", "/identifiers")).data
	assert [each["scheme"] for each in listed] == ["erp", "gtin"]
	found = (await shop.call("GET", f"{PRODUCTS}?search=400-1")).data
	assert [each["product_id"] for each in found] == [shop.ids["chip"]]
	gone = f"{path}/{listed[0]['identifier_id']}"
	assert (await shop.call("DELETE", gone)).status == 204
	assert (await shop.call("DELETE", gone)).status == 404


async def test_revisions_and_views_of_a_product(shop: Workshop):
	await shop.product("box", mass=1)
	await shop.release("box")
	await shop.revise("box")
	changed = await shop.call("PATCH", shop.path("box"), {"mass": 2, "mass_unit": "g"})
	assert (changed.data["revision"], changed.data["mass"]) == ("B", 2)
	assert (await shop.get("box")).data["mass"] == 1  # the release is in force
	assert (await shop.get("box", view="latest_working")).data["mass"] == 2
	assert (await shop.get("box", view="latest_released")).data["mass"] == 1
	assert (await shop.get("box", revision="B")).data["mass"] == 2
	assert (await shop.get("box", revision="Z")).status == 404
	assert (await shop.get("box", view="sideways")).status == 400


async def test_rights_and_companies(shop: Workshop, other: Workshop):
	await shop.product("box")
	bob = Workshop(shop.api, "bob", shop.ids)
	unknown = f"{PRODUCTS}/{new_id()}"
	body = {"product_name": "Mine", "product_type": "kit"}
	for method, path, sent in (
		("GET", shop.path("box"), None),
		("PATCH", shop.path("box"), {"tags": []}),
		("PUT", shop.path("box"), {**body, "product_number": "N-box"}),
		("DELETE", shop.path("box"), None),
		("POST", shop.path("box", "/restore"), None),
		("GET", shop.path("box", "/costs"), None),
		("GET", shop.path("box", "/identifiers"), None),
	):
		assert (await bob.call(method, path, sent)).status == 403
		theirs = await other.call(method, path, sent)
		strange = await other.call(method, path.replace(shop.path("box"), unknown), sent)
		assert (theirs.status, strange.status) == (404, 404)
		assert theirs.json["message"] == strange.json["message"]
	assert (await bob.call("GET", PRODUCTS)).status == 403
	assert (await bob.call("POST", PRODUCTS, body)).status == 403
	listed = await other.call("GET", PRODUCTS)
	assert (listed.data, listed.json["pagination"]["total_count"]) == ([], 0)
	assert (await other.call("GET", f"{PRODUCTS}?search=N-box")).data == []
	assert (await shop.api.get(PRODUCTS)).status_code == 401
