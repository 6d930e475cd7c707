"""Activity records: what they refuse, how they are corrected, and what never changes."""

from typing import Any

import httpx
import pytest
from tests.people import Person

ACTIVITIES = "/api/v1/esg/activities"
SITES = "/api/v1/esg/sites"
GAS: dict[str, Any] = {
	"site_code": "LEEDS",
	"activity_code": "fuels.natural_gas",
	"quantity": 18250.4,
	"unit": "kWh gross",
	"period_start": "2024-01-01T00:00:00Z",
	"period_end": "2024-02-01T00:00:00Z",
	"meter": "G-1",
	"is_primary": True,
}


@pytest.fixture
async def site(client: httpx.AsyncClient, alice: Person) -> str:
	made = await client.post(
		SITES,
		headers=alice.headers,
		json={"code": "LEEDS", "name": "Leeds works", "country": "GB", "region": "GB-ENG"},
	)
	assert made.status_code == 201, made.text
	return made.json()["id"]


async def send(client: httpx.AsyncClient, person: Person, path: str, body: Any) -> httpx.Response:
	return await client.post(path, headers=person.headers, json=body)


async def listed(client: httpx.AsyncClient, person: Person, **params: Any) -> list[dict[str, Any]]:
	answer = await client.get(ACTIVITIES, headers=person.headers, params=params)
	assert answer.status_code == 200, answer.text
	return answer.json()


@pytest.fixture
async def gas(client: httpx.AsyncClient, alice: Person, site: str) -> dict[str, Any]:
	made = await send(client, alice, ACTIVITIES, GAS)
	assert made.status_code == 201, made.text
	return made.json()


async def test_a_record_is_a_draft_of_its_site_with_one_name_for_the_unit(
	gas: dict[str, Any], site: str
) -> None:
	assert gas["version"] == 1
	assert gas["state"] == "draft"
	assert gas["status"] == "standing"
	assert (gas["site_id"], gas["region"]) == (site, "GB-ENG")
	assert gas["unit"] == "kWh (gross CV)"
	assert gas["quantity"] == 18250.4
	assert len(gas["content_hash"]) == 64


@pytest.mark.parametrize(
	("change", "field"),
	[
		({"quantity": -1}, "quantity"),
		({"quantity": "1,250"}, "quantity"),
		({"unit": "gallon"}, "unit"),
		({"unit": "therm"}, "unit"),
		({"period_end": "2024-01-01T00:00:00Z"}, "period_end"),
		({"period_start": "1980-01-01T00:00:00Z"}, "period_start"),
		({"quality": "estimated"}, "estimate_method"),
		({"quality": "guessed"}, "quality"),
		({"locator": "page 3"}, "document_id"),
		({"document_id": "01890000-0000-7000-8000-000000000000"}, "document_id"),
		({"site_code": "NOWHERE"}, "site_code"),
		({"site_code": None}, "site_id"),
		({"region": "Yorkshire"}, "region"),
		({"activity_code": "natural gas"}, "activity_code"),
		({"conversion_context": "any"}, "conversion_context"),
		({"product_id": "01890000-0000-7000-8000-000000000000"}, "product_id"),
		({"kind": "reported_total", "site_code": None}, "unit"),
		({"kind": "product", "site_code": None}, "stage"),
		({"state": "approved"}, "state"),
	],
)
async def test_what_is_no_record_is_refused_and_nothing_is_kept(
	client: httpx.AsyncClient,
	alice: Person,
	site: str,
	change: dict[str, Any],
	field: str,
) -> None:
	refused = await send(client, alice, ACTIVITIES, GAS | change)
	assert refused.status_code == 422, refused.text
	assert field in {detail["field"] for detail in refused.json()["details"]}
	assert await listed(client, alice) == []


async def test_a_bill_entered_twice_is_refused_unless_it_says_why(
	client: httpx.AsyncClient, alice: Person, site: str
) -> None:
	bill = GAS | {"meter": None}
	assert (await send(client, alice, ACTIVITIES, bill)).status_code == 201
	again = await send(client, alice, ACTIVITIES, bill | {"note": "another note"})
	assert (again.status_code, again.json()["code"]) == (409, "ACTIVITY_DUPLICATE")
	assert again.json()["details"][0]["field"] == "distinct_because"
	other = bill | {"distinct_because": "the second of two equal boilers"}
	assert (await send(client, alice, ACTIVITIES, other)).status_code == 201
	assert len(await listed(client, alice)) == 2


async def test_a_meter_has_one_record_for_a_moment(
	client: httpx.AsyncClient, alice: Person, gas: dict[str, Any]
) -> None:
	crossing = GAS | {
		"quantity": 1,
		"period_start": "2024-01-31T00:00:00Z",
		"period_end": "2024-03-01T00:00:00Z",
	}
	refused = await send(client, alice, ACTIVITIES, crossing)
	assert (refused.status_code, refused.json()["code"]) == (409, "METER_PERIOD_TAKEN")
	# The period is half-open: the next one begins where the first one ends.
	beside = crossing | {"period_start": "2024-02-01T00:00:00Z"}
	assert (await send(client, alice, ACTIVITIES, beside)).status_code == 201
	await send(client, alice, f"{ACTIVITIES}/{gas['id']}/withdraw", {"reason": "wrong meter"})
	again = crossing | {"period_end": "2024-02-01T00:00:00Z"}
	assert (await send(client, alice, ACTIVITIES, again)).status_code == 201


async def test_a_correction_is_a_new_version_beside_the_old_one(
	client: httpx.AsyncClient, alice: Person, gas: dict[str, Any]
) -> None:
	path = f"{ACTIVITIES}/{gas['id']}"
	await send(client, alice, f"{ACTIVITIES}/moves/approve", {"activity_ids": [gas["id"]]})
	body = {"quantity": 18520.4, "reason": "digits were swapped"}
	corrected = await send(client, alice, f"{path}/correct", body)
	assert corrected.status_code == 200, corrected.text
	now = corrected.json()
	assert (now["id"], now["version"], now["state"]) == (gas["id"], 2, "draft")
	assert (now["quantity"], now["reason"]) == (18520.4, "digits were swapped")
	assert now["content_hash"] != gas["content_hash"]
	assert now["approved_by"] is None
	old = (await client.get(path, headers=alice.headers, params={"version": 1})).json()
	assert (old["status"], old["quantity"], old["state"]) == ("superseded", 18250.4, "approved")
	assert old["superseded_at"] == now["created_at"]
	versions = (await client.get(f"{path}/versions", headers=alice.headers)).json()
	assert [row["version"] for row in versions] == [2, 1]
	assert [row["version"] for row in await listed(client, alice)] == [2]
	everything = await listed(client, alice, include_superseded=True)
	assert len(everything) == 2


async def test_nothing_changed_is_no_correction(
	client: httpx.AsyncClient, alice: Person, gas: dict[str, Any]
) -> None:
	path = f"{ACTIVITIES}/{gas['id']}/correct"
	same = await send(client, alice, path, {"quantity": 18250.4, "reason": "looks nicer"})
	assert same.status_code == 422
	emptied = await send(client, alice, path, {"quantity": None, "reason": "looks nicer"})
	assert emptied.json()["details"][0]["field"] == "quantity"
	assert (await send(client, alice, path, {"quantity": 2})).status_code == 422
	assert [row["version"] for row in await listed(client, alice)] == [1]


async def test_a_stale_correction_changes_nothing(
	client: httpx.AsyncClient, alice: Person, gas: dict[str, Any]
) -> None:
	path = f"{ACTIVITIES}/{gas['id']}"
	tag = (await client.get(path, headers=alice.headers)).headers["etag"]
	body = {"quantity": 5, "reason": "first"}
	headers = alice.headers | {"If-Match": tag}
	first = await client.post(f"{path}/correct", headers=headers, json=body)
	assert first.status_code == 200
	second = await client.post(
		f"{path}/correct", headers=headers, json=body | {"quantity": 6, "reason": "second"}
	)
	assert second.status_code == 412
	assert (await client.get(path, headers=alice.headers)).json()["quantity"] == 5


async def test_a_withdrawn_record_is_kept_and_takes_nothing_more(
	client: httpx.AsyncClient, alice: Person, gas: dict[str, Any]
) -> None:
	path = f"{ACTIVITIES}/{gas['id']}"
	gone = await send(client, alice, f"{path}/withdraw", {"reason": "wrong site"})
	assert (gone.json()["status"], gone.json()["withdrawal_reason"]) == ("withdrawn", "wrong site")
	assert await listed(client, alice) == []
	kept = (await client.get(path, headers=alice.headers)).json()
	assert (kept["quantity"], kept["withdrawn_by"]) == (18250.4, alice.user_id)
	for verb, body in (
		("withdraw", {"reason": "again"}),
		("correct", {"quantity": 1, "reason": "again"}),
	):
		refused = await send(client, alice, f"{path}/{verb}", body)
		assert (refused.status_code, refused.json()["code"]) == (409, "ACTIVITY_NOT_STANDING")


async def test_states_move_forward_and_a_locked_record_stays(
	client: httpx.AsyncClient, alice: Person, gas: dict[str, Any]
) -> None:
	ids = {"activity_ids": [gas["id"]]}

	async def move(name: str, **more: str) -> httpx.Response:
		return await send(client, alice, f"{ACTIVITIES}/moves/{name}", ids | more)

	early = await move("validate")
	assert (early.status_code, early.json()["code"]) == (409, "ACTIVITY_MOVE_NOT_OPEN")
	for name, state in (
		("submit", "submitted"),
		("validate", "validated"),
		("approve", "approved"),
		("lock", "locked"),
	):
		assert (await move(name)).json() == {"state": state, "moved": 1}
		row = (await listed(client, alice, state=state))[0]
		assert row[f"{state}_by"] == alice.user_id
		assert row["version"] == 1
	body = {"quantity": 1, "reason": "too late"}
	locked = await send(client, alice, f"{ACTIVITIES}/{gas['id']}/correct", body)
	assert (locked.status_code, locked.json()["code"]) == (409, "ACTIVITY_LOCKED")
	assert (await move("return")).status_code == 422
	assert (await move("return", reason="the meter was exchanged")).json()["state"] == "draft"
	row = (await listed(client, alice))[0]
	assert (row["approved_by"], row["return_reason"]) == (None, "the meter was exchanged")
	assert (await send(client, alice, f"{ACTIVITIES}/{gas['id']}/correct", body)).status_code == 200


async def test_moves_are_all_or_nothing(
	client: httpx.AsyncClient, alice: Person, gas: dict[str, Any]
) -> None:
	ids = [gas["id"], "01890000-0000-7000-8000-000000000000"]
	refused = await send(client, alice, f"{ACTIVITIES}/moves/submit", {"activity_ids": ids})
	assert refused.json()["details"][0]["field"] == "activity_ids.1"
	assert (await listed(client, alice))[0]["state"] == "draft"


def month(n: int, **more: Any) -> dict[str, Any]:
	following = f"2024-{n + 1:02d}-01" if n < 12 else "2025-01-01"
	period = {
		"period_start": f"2024-{n:02d}-01T00:00:00Z",
		"period_end": f"{following}T00:00:00Z",
	}
	return GAS | period | {"quantity": 1000 + n} | more


async def test_a_batch_is_recorded_as_a_whole(
	client: httpx.AsyncClient, alice: Person, site: str
) -> None:
	rows = [month(n) for n in range(1, 13)]
	made = await send(client, alice, f"{ACTIVITIES}/batch", {"records": rows})
	assert made.status_code == 201, made.text
	assert made.json()["count"] == 12
	found = await listed(client, alice, batch_id=made.json()["batch_id"])
	assert {row["id"] for row in found} == set(made.json()["activity_ids"])
	single = await send(client, alice, ACTIVITIES, month(1))
	assert single.status_code == 409
	one = next(row for row in found if row["period_start"].startswith("2024-03"))
	assert (one["quantity"], one["site_id"], one["created_by"]) == (1003, site, alice.user_id)


@pytest.mark.parametrize(
	("rows", "fields"),
	[
		([month(1), month(1, meter=None, quantity=-2)], {"records.1.quantity"}),
		([month(1), month(2, site_code="NOWHERE")], {"records.1.site_code"}),
		([month(1), month(2, quality="estimated")], {"records.1.estimate_method"}),
		([month(1), month(2, period_start="1980-01-01T00:00:00Z")], {"records.1.period_start"}),
		([month(1, meter=None), month(1, meter=None)], {"records.1.distinct_because"}),
		(
			[month(2), month(3), month(1, period_end="2024-02-15T00:00:00Z")],
			{"records.0.period_start"},
		),
	],
)
async def test_a_batch_names_its_bad_rows_and_records_none(
	client: httpx.AsyncClient,
	alice: Person,
	site: str,
	rows: list[dict[str, Any]],
	fields: set[str],
) -> None:
	refused = await send(client, alice, f"{ACTIVITIES}/batch", {"records": rows})
	assert refused.status_code in (409, 422), refused.text
	assert {detail["field"] for detail in refused.json()["details"]} == fields
	assert await listed(client, alice) == []


async def test_a_batch_sees_what_stands_already(
	client: httpx.AsyncClient, alice: Person, gas: dict[str, Any]
) -> None:
	rows = [month(2), month(1, quantity=7), GAS]
	refused = await send(client, alice, f"{ACTIVITIES}/batch", {"records": rows})
	assert refused.status_code == 409, refused.text
	assert {detail["field"] for detail in refused.json()["details"]} >= {
		"records.1.period_start",
		"records.2.distinct_because",
	}
	assert [row["id"] for row in await listed(client, alice)] == [gas["id"]]


async def test_filters(client: httpx.AsyncClient, alice: Person, site: str) -> None:
	rows = [month(n) for n in (1, 2, 3)]
	rows.append(month(2, activity_code="electricity.grid", unit="kWh", meter="E-1"))
	await send(client, alice, f"{ACTIVITIES}/batch", {"records": rows})
	assert len(await listed(client, alice, activity_code="electricity.grid")) == 1
	assert len(await listed(client, alice, search="e-1")) == 1
	assert len(await listed(client, alice, meter="G-1")) == 3
	assert len(await listed(client, alice, site_id=site)) == 4
	inside = await listed(client, alice, start="2024-02-01T00:00:00Z", end="2024-03-01T00:00:00Z")
	assert len(inside) == 2
	assert await listed(client, alice, state="approved") == []


async def test_evidence_is_a_document_and_a_place_in_it(
	client: httpx.AsyncClient, alice: Person, charlie: Person, site: str
) -> None:
	file = {"file": ("bill.csv", b"meter,kWh\nG-1,18250.4\n", "text/csv")}
	path = "/api/v1/esg/source-documents"
	made = await client.post(path, headers=alice.headers, files=file)
	assert made.status_code == 201, made.text
	document = made.json()
	assert (document["file_name"], document["size"]) == ("bill.csv", 22)
	again = await client.post(path, headers=alice.headers, files=file)
	assert (again.status_code, again.json()["id"]) == (200, document["id"])
	proof = {"document_id": document["id"], "locator": "row 2"}
	recorded = await send(client, alice, ACTIVITIES, GAS | proof)
	assert recorded.status_code == 201, recorded.text
	assert recorded.json()["locator"] == "row 2"
	# Another company neither sees the document nor can name it.
	assert (
		await client.get(f"{path}/{document['id']}", headers=charlie.headers)
	).status_code == 404
	await send(client, charlie, SITES, {"code": "LEEDS", "name": "Theirs", "country": "GB"})
	stolen = await send(client, charlie, ACTIVITIES, GAS | proof)
	assert stolen.status_code == 422
	assert stolen.json()["details"][0]["field"] == "document_id"
