"""Readings over the API: exact values, the state, corrections, rules, aggregation."""

from decimal import Decimal
from typing import Any

import httpx
from tests.capabilities.esg.conftest import METRICS, reading
from tests.people import Person


async def test_a_value_as_text_stays_exact_and_moves_the_state(
	client: httpx.AsyncClient, alice: Person, metric: dict[str, Any]
) -> None:
	path = f"{METRICS}/{metric['id']}/measurements"
	made = await client.post(
		path, headers=alice.headers, json=reading("1250.75", "2024-01-15T10:30:00Z")
	)
	assert made.status_code == 201, made.text
	assert b'"value":1250.75,' in made.content
	now = await client.get(f"{METRICS}/{metric['id']}", headers=alice.headers)
	assert Decimal(str(now.json()["current_value"])) == Decimal("1250.75")
	assert now.json()["current_date"] == "2024-01-15T10:30:00Z"
	assert now.headers["etag"] == '"1"'
	assert now.json()["updated_at"] == metric["updated_at"]


async def test_a_late_reading_never_moves_the_current_value_back(
	client: httpx.AsyncClient, alice: Person, metric: dict[str, Any]
) -> None:
	path = f"{METRICS}/{metric['id']}/measurements"
	for value, date in (
		(200, "2024-03-31T00:00:00Z"),
		(100, "2024-02-29T00:00:00Z"),
		(-5, "2024-01-31T00:00:00Z"),
	):
		made = await client.post(path, headers=alice.headers, json=reading(value, date))
		assert made.status_code == 201, made.text
	assert (await client.get(f"{METRICS}/{metric['id']}", headers=alice.headers)).json()[
		"current_value"
	] == 200
	listed = await client.get(path, headers=alice.headers)
	assert [m["value"] for m in listed.json()] == [200, 100, -5]
	some = await client.get(
		path + "?from=2024-02-01T00:00:00Z&to=2024-03-01T00:00:00Z", headers=alice.headers
	)
	assert [m["value"] for m in some.json()] == [100]


async def test_a_correction_supersedes_with_its_reason(
	client: httpx.AsyncClient, alice: Person, metric: dict[str, Any]
) -> None:
	path = f"{METRICS}/{metric['id']}/measurements"
	old = (
		await client.post(path, headers=alice.headers, json=reading(200, "2024-03-31T00:00:00Z"))
	).json()
	again = await client.post(
		path, headers=alice.headers, json=reading(201, "2024-03-31T00:00:00Z")
	)
	assert (again.status_code, again.json()["code"]) == (409, "MEASUREMENT_EXISTS")
	assert (
		await client.patch(f"{path}/{old['id']}", headers=alice.headers, json={"value": 150})
	).status_code == 422
	new = await client.patch(
		f"{path}/{old['id']}", headers=alice.headers, json={"value": 150, "reason": "read wrongly"}
	)
	assert new.status_code == 200, new.text
	assert (new.json()["revision"], new.json()["supersedes"]) == (2, old["id"])
	was = (await client.get(f"{path}/{old['id']}", headers=alice.headers)).json()
	assert (was["status"], was["superseded_by"], was["value"]) == (
		"superseded",
		new.json()["id"],
		200,
	)
	assert (await client.get(f"{METRICS}/{metric['id']}", headers=alice.headers)).json()[
		"current_value"
	] == 150
	late = await client.patch(
		f"{path}/{old['id']}", headers=alice.headers, json={"value": 1, "reason": "why not"}
	)
	assert (late.status_code, late.json()["code"]) == (409, "MEASUREMENT_SUPERSEDED")
	gone = await client.delete(f"{path}/{new.json()['id']}", headers=alice.headers)
	assert gone.status_code == 204
	assert (await client.get(f"{METRICS}/{metric['id']}", headers=alice.headers)).json()[
		"current_value"
	] is None
	assert (await client.get(path, headers=alice.headers)).json() == []
	everything = await client.get(path + "?include_superseded=true", headers=alice.headers)
	assert len(everything.json()) == 2


async def test_rules_of_the_metric_are_enforced(
	client: httpx.AsyncClient, alice: Person, metric: dict[str, Any]
) -> None:
	changed = await client.patch(
		f"{METRICS}/{metric['id']}",
		headers=alice.headers,
		json={"validation_rules": ["value between 0 and 1000"]},
	)
	assert changed.status_code == 200, changed.text
	path = f"{METRICS}/{metric['id']}/measurements"
	refused = await client.post(
		path, headers=alice.headers, json=reading(-1, "2024-03-31T00:00:00Z")
	)
	assert refused.status_code == 422
	assert refused.json()["details"][0]["field"] == "value"
	assert (await client.get(path, headers=alice.headers)).json() == []
	fine = await client.post(path, headers=alice.headers, json=reading(0, "2024-03-31T00:00:00Z"))
	assert (fine.status_code, fine.json()["validation_score"]) == (201, 100)


async def test_aggregation_names_what_is_missing(
	client: httpx.AsyncClient, alice: Person, metric: dict[str, Any]
) -> None:
	path = f"{METRICS}/{metric['id']}/measurements"
	for value, month in (("0.1", 1), ("0.2", 2), ("0.4", 5)):
		await client.post(
			path,
			headers=alice.headers,
			json=reading(
				value,
				f"2024-{month:02d}-28T00:00:00Z",
				period_start=f"2024-{month:02d}-01T00:00:00Z",
				period_end=f"2024-{month + 1:02d}-01T00:00:00Z",
			),
		)
	found = await client.get(path + "/aggregate?by=quarter", headers=alice.headers)
	assert found.status_code == 200, found.text
	first, second = found.json()
	assert (first["value"], first["covered"], first["expected"]) == (0.3, 2, 3)
	assert b'"value":0.3,' in found.content
	assert (second["value"], second["covered"]) == (0.4, 1)
	assert first["missing"] == ["2024-03"]


async def test_another_company_sees_and_changes_nothing(
	client: httpx.AsyncClient, alice: Person, charlie: Person, metric: dict[str, Any]
) -> None:
	path = f"{METRICS}/{metric['id']}/measurements"
	assert (await client.get(path, headers=charlie.headers)).status_code == 404
	made = await client.post(path, headers=charlie.headers, json=reading(1, "2024-03-31T00:00:00Z"))
	assert made.status_code == 404
	assert (await client.get(path, headers=alice.headers)).json() == []
