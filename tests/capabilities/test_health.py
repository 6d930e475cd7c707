"""Health of the two capabilities in the forms of their guides, and the collector's figures."""

import httpx
from fastapi import FastAPI
from tests.people import Person


async def test_esg(client: httpx.AsyncClient) -> None:
	answer = await client.get("/api/v1/esg/health")
	assert answer.status_code == 200, answer.text
	body = answer.json()
	assert set(body) == {"status", "checks", "timestamp"}
	assert body["checks"]["database"]["details"]["response_time_ms"] > 0
	assert set(body["checks"]["database"]) == {"status", "message", "details"}


async def test_plm(client: httpx.AsyncClient) -> None:
	body = (await client.get("/api/v1/plm/health")).json()
	assert {"status", "timestamp", "dependencies", "integrations", "error_counts"} <= set(body)
	assert body["dependencies"]["auth_rbac"] == {"status": "available", "required": True}
	assert body["dependencies"]["manufacturing"]["status"] == "absent"
	assert body["error_counts"] == {}


async def test_active_metrics_are_counted(
	client: httpx.AsyncClient, app: FastAPI, alice: Person
) -> None:
	body = {
		"name": "Water",
		"code": "WATER",
		"metric_type": "environmental",
		"category": "water",
		"unit": "count",
	}
	assert (
		await client.post("/api/v1/esg/metrics", headers=alice.headers, json=body)
	).status_code == 201
	told, _kind = await app.state.observer.render()
	lines = [
		line for line in told.decode().splitlines() if line.startswith("esg_active_metrics_total{")
	]
	assert any(
		'metric_type="environmental"' in line and float(line.split()[-1]) >= 1 for line in lines
	)
	assert "esg_requests_total{" in told.decode()
	assert "esg_request_duration_seconds_bucket{" in told.decode()
