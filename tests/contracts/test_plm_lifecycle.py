"""The PLM guide's integration tests (its section on testing) as calls of the API, in their order.

Each step holds the status code and the fields that the guide reads; what it leaves out, the
signature of the person who is asked, stands between its steps.
"""

from decimal import Decimal
from typing import Any

from tests.capabilities.plm.changes.conftest import (  # noqa: F401  fixtures
	CHANGES,
	Company,
	Desk,
	company,
)
from tests.capabilities.plm.workshop import PRODUCTS

D = Decimal


def sample(who: Desk, **fields: Any) -> dict[str, Any]:
	"""The guide's sample with the names of its fields; whose it is may be said, and is checked."""
	return {
		"tenant_id": who.tenant_id,
		"created_by": who.user_id,
		"product_name": "Pump, first of its kind",
		"product_number": "E2E-001",
		"product_description": "What the guide's sample describes",
		"product_type": "manufactured",
		"lifecycle_phase": "design",
		"target_cost": 1000.00,
		"current_cost": 950.00,
		"unit_of_measure": "each",
		"custom_attributes": {"colour": "blue"},
		"tags": ["test", "unit-test", "alpha"],
		**fields,
	}


async def test_from_the_product_to_its_production(company: Company) -> None:  # noqa: F811
	author = company.author
	created = await author.call("POST", PRODUCTS, sample(author))
	assert created.status == 201
	assert created.json["success"] is True
	assert created.json["message"] == "Product created successfully"
	assert set(created.json["meta"]) >= {"request_id", "created_at"}
	product = created.data
	assert len(product["product_id"]) > 20
	assert (product["product_name"], product["lifecycle_phase"], product["revision"]) == (
		"Pump, first of its kind",
		"design",
		"A",
	)
	assert (product["target_cost"], product["current_cost"]) == (1000, 950)
	assert (product["created_by"], product["tags"]) == (
		author.user_id,
		["test", "unit-test", "alpha"],
	)

	raised = await author.call(
		"POST",
		CHANGES,
		{
			"change_title": "First change of the pump",
			"change_description": "From design to production",
			"change_type": "design",
			"affected_products": [product["product_id"]],
			"reason_for_change": "It is proven",
			"business_impact": "It can be sold",
		},
	)
	assert raised.status == 201
	change = raised.data
	assert (change["status"], change["affected_products"]) == ("draft", [product["product_id"]])
	assert change["change_number"]
	assert change["created_by"] == author.user_id

	path = f"{CHANGES}/{change['change_id']}"
	submitted = await author.call("POST", f"{path}/submit")
	assert submitted.status == 200
	assert (submitted.data["status"], submitted.data["submitted_by"]) == (
		"submitted",
		author.user_id,
	)
	assert sorted(submitted.data["approvers"]) == sorted([company.ada.user_id, company.ben.user_id])
	assert submitted.data["submitted_at"]
	# Only a draft can be submitted, and only who is asked approves.
	assert (await author.call("POST", f"{path}/submit")).status == 409
	refused = await company.quality.do(
		change["change_id"], "approve", {"comments": "", "proof": "x"}
	)
	assert (refused.status, refused.json["success"]) == (403, False)
	for one, verb in ((company.ada, "PUT"), (company.ben, "POST")):
		proof = await one.proof(submitted.data["package_hash"])
		signed = await one.call(verb, f"{path}/approve", {"comments": "good", "proof": proof})
		assert signed.status == 200, signed.response.text
	assert signed.data["status"] == "approved"
	assert signed.data["approved_at"]
	assert sorted(signed.data["approved_by"]) == sorted(submitted.data["approvers"])
	assert signed.data["approval_comments"] == {
		company.ada.user_id: "good",
		company.ben.user_id: "good",
	}

	# The guide updates the product once the change is through, five per cent below the target.
	updated = await author.call(
		"PATCH",
		f"{PRODUCTS}/{product['product_id']}",
		{
			"lifecycle_phase": "production",
			"current_cost": float(D("0.95") * product["target_cost"]),
		},
	)
	assert updated.status == 200
	assert updated.json["success"] is True
	assert updated.data["lifecycle_phase"] == "production"
	assert updated.data["current_cost"] == 950
	assert updated.data["current_cost"] < updated.data["target_cost"]
	# What was signed is what was submitted: the update moved nothing of the package.
	assert (await company.manager.do(change["change_id"], "implement")).status == 200
	again = (await author.call("GET", f"{PRODUCTS}/{product['product_id']}")).data
	assert (again["lifecycle_phase"], again["revision"]) == ("production", "A")


async def test_a_search_finds_what_is_ones_own(company: Company) -> None:  # noqa: F811
	author, outsider = company.author, company.outsider
	first = (await author.call("POST", PRODUCTS, sample(author, product_name="Ours alone"))).data
	second = (
		await outsider.call("POST", PRODUCTS, sample(outsider, product_name="Theirs alone"))
	).data
	assert first["product_number"] == second["product_number"]
	assert first["product_id"] != second["product_id"]
	for who, own, other in ((author, first, second), (outsider, second, first)):
		found = await who.call("GET", f"{PRODUCTS}?page=1&page_size=100")
		assert found.status == 200
		assert found.json["success"] is True
		ids = [row["product_id"] for row in found.data]
		assert own["product_id"] in ids
		assert other["product_id"] not in ids
		assert found.json["pagination"] == {
			"page": 1,
			"page_size": 100,
			"total_pages": 1,
			"total_count": 1,
		}
		assert (await who.call("GET", f"{PRODUCTS}/{other['product_id']}")).status == 404
		by_name = await who.call("GET", f"{PRODUCTS}?search=alone")
		assert [row["product_name"] for row in by_name.data] == [own["product_name"]]


async def test_a_number_is_given_once_and_nonsense_is_named(company: Company) -> None:  # noqa: F811
	author = company.author
	assert (await author.call("POST", PRODUCTS, sample(author))).status == 201
	twice = await author.call("POST", PRODUCTS, sample(author, product_name="Another one"))
	assert (twice.status, twice.json["success"]) == (409, False)
	wrong = {"product_name": "X", "product_number": "", "product_type": "invalid_type"}
	refused = await author.call("POST", PRODUCTS, wrong)
	assert refused.status == 400
	assert (refused.json["success"], refused.code) == (False, "VALIDATION_ERROR")
	assert sorted(refused.details) == ["product_name", "product_number", "product_type"]
	assert all(isinstance(told, list) and told for told in refused.details.values())
	assert len((await author.call("GET", PRODUCTS)).data) == 1
