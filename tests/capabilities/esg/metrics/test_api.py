"""Metrics over the API, in the guide's forms."""

from typing import Any

import httpx
from tests.people import Person

METRICS = "/api/v1/esg/metrics"
BODY: dict[str, Any] = {
	"name": "Carbon emissions, scope 1",
	"code": "CARBON_SCOPE1",
	"metric_type": "environmental",
	"category": "emissions",
	"unit": "tonnes_co2",
	"target_value": 10000.0,
	"baseline_value": 15000.0,
	"is_kpi": True,
	"is_automated": True,
	"enable_ai_predictions": True,
}


async def test_created_listed_and_read_alike(client: httpx.AsyncClient, alice: Person) -> None:
	made = await client.post(METRICS, headers=alice.headers, json=BODY)
	assert made.status_code == 201, made.text
	body = made.json()
	assert body["current_value"] is None
	assert body["target_value"] == 10000
	assert body["ai_predictions"] == {}
	one = await client.get(f"{METRICS}/{body['id']}", headers=alice.headers)
	listed = await client.get(METRICS, headers=alice.headers)
	assert one.json() == body
	assert listed.json() == [body]
	assert listed.headers["x-total-count"] == "1"
	assert one.headers["etag"] == made.headers["etag"] == '"1"'


async def test_field_errors_are_422_with_details(client: httpx.AsyncClient, alice: Person) -> None:
	bad = {
		"name": "",
		"code": "has spaces",
		"metric_type": "unknown",
		"category": "x",
		"unit": "furlong",
	}
	refused = await client.post(METRICS, headers=alice.headers, json=bad)
	assert refused.status_code == 422
	assert {d["field"] for d in refused.json()["details"]} == {
		"name",
		"code",
		"metric_type",
		"unit",
	}
	assert (await client.get(METRICS, headers=alice.headers)).json() == []
