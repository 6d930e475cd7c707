"""A metric of Alice's, and how readings are written."""

from typing import Any

import httpx
import pytest
from tests.people import Person

METRICS = "/api/v1/esg/metrics"
METRIC: dict[str, Any] = {
	"name": "Electricity",
	"code": "ENERGY",
	"metric_type": "environmental",
	"category": "energy",
	"unit": "kwh",
}


def reading(value: object, date: str, **more: Any) -> dict[str, Any]:
	return {"value": value, "measurement_date": date, **more}


@pytest.fixture
async def metric(client: httpx.AsyncClient, alice: Person) -> dict[str, Any]:
	made = await client.post(METRICS, headers=alice.headers, json=METRIC)
	assert made.status_code == 201, made.text
	return made.json()
