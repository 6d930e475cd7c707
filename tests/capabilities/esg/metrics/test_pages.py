"""The form of a metric: where its values come from."""

from typing import Any

import httpx
from tests.people import Person

METRICS = "/api/v1/esg/metrics"
FORM = {
	"name": "Grid electricity",
	"code": "GRID",
	"metric_type": "environmental",
	"category": "energy",
	"unit": "kwh",
	"measurement_period": "monthly",
	"aggregation": "sum",
	"polarity": "lower_is_better",
	"source": "activity",
	"activity": "electricity.grid",
	"is_active": "true",
}


async def test_a_computed_metric_is_defined_on_the_page_and_keeps_its_records(
	client: httpx.AsyncClient, alice: Person
) -> None:
	site = await client.post(
		"/api/v1/esg/sites",
		headers=alice.headers,
		json={"code": "LEEDS", "name": "Leeds works", "country": "GB"},
	)
	fields: dict[str, Any] = FORM | {"site_ids[]": [site.json()["id"]]}
	made = await client.post("/esg/metrics/new", headers=alice.headers, data=fields)
	assert made.status_code in (200, 204, 303), made.text
	(metric,) = (await client.get(METRICS, headers=alice.headers)).json()
	assert metric["source"] == "activity"
	assert metric["automation_config"] == {
		"activity": {"code": "electricity.grid", "site_ids": [site.json()["id"]]}
	}
	page = await client.get(f"/esg/metrics/{metric['id']}/edit", headers=alice.headers)
	assert f'value="{site.json()["id"]}" checked' in page.text
	shown = await client.get(f"/esg/metrics/{metric['id']}", headers=alice.headers)
	assert 'id="record"' not in shown.text  # nothing to enter by hand


async def test_a_computed_metric_without_an_activity_says_so_at_the_field(
	client: httpx.AsyncClient, alice: Person
) -> None:
	refused = await client.post(
		"/esg/metrics/new", headers=alice.headers, data=FORM | {"activity": ""}
	)
	assert refused.status_code == 422
	assert 'href="#field-activity"' in refused.text
	assert (await client.get(METRICS, headers=alice.headers)).json() == []


async def test_everything_is_searched_for_sites_and_records(
	client: httpx.AsyncClient, alice: Person
) -> None:
	site = await client.post(
		"/api/v1/esg/sites",
		headers=alice.headers,
		json={"code": "LEEDS", "name": "Leeds works", "country": "GB"},
	)
	record = await client.post(
		"/api/v1/esg/activities",
		headers=alice.headers,
		json={
			"site_id": site.json()["id"],
			"activity_code": "electricity.grid",
			"quantity": "1200",
			"unit": "kWh",
			"period_start": "2026-01-01T00:00:00Z",
			"period_end": "2026-02-01T00:00:00Z",
			"meter": "E-4471",
		},
	)
	assert record.status_code == 201, record.text
	found = await client.get("/search", headers=alice.headers, params={"q": "leeds"})
	assert f"/esg/sites/{site.json()['id']}" in found.text
	found = await client.get("/search", headers=alice.headers, params={"q": "E-4471"})
	assert f"/esg/activities/{record.json()['id']}" in found.text


async def test_the_list_of_metrics_without_their_last_value_leaves_out_computed_ones(
	client: httpx.AsyncClient, alice: Person
) -> None:
	for fields in (
		FORM | {"name": "Read by hand", "code": "HAND", "source": "manual", "activity": ""},
		FORM | {"name": "Worked out", "code": "COMPUTED"},
	):
		made = await client.post("/esg/metrics/new", headers=alice.headers, data=fields)
		assert made.status_code in (200, 204, 303), made.text
	due = await client.get("/esg/metrics?due=true", headers=alice.headers)
	assert due.status_code == 200, due.text
	assert "Read by hand" in due.text
	assert "Worked out" not in due.text
	others = await client.get("/esg/metrics?due=false", headers=alice.headers)
	assert "Worked out" in others.text
	assert "Read by hand" not in others.text
