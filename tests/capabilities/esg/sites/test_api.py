"""Sites: what they may be, and what a site with records refuses."""

from typing import Any

import httpx
import pytest
from tests.people import Person

SITES = "/api/v1/esg/sites"
SITE: dict[str, Any] = {"code": "LEEDS", "name": "Leeds works", "country": "gb", "region": "gb-eng"}


async def test_a_site_is_kept_with_codes_in_capitals(
	client: httpx.AsyncClient, alice: Person
) -> None:
	made = await client.post(SITES, headers=alice.headers, json=SITE)
	assert made.status_code == 201, made.text
	assert (made.json()["country"], made.json()["region"]) == ("GB", "GB-ENG")
	found = await client.get(SITES, headers=alice.headers, params={"search": "leeds"})
	assert [row["id"] for row in found.json()] == [made.json()["id"]]
	other = await client.get(SITES, headers=alice.headers, params={"country": "DE"})
	assert other.json() == []


@pytest.mark.parametrize(
	("change", "field"),
	[
		({"country": "UK"}, "country"),
		({"country": "XX"}, "country"),
		({"region": "DE-BY"}, None),
		({"region": "Scotland"}, "region"),
		({"code": "has space"}, "code"),
		({"name": ""}, "name"),
		({"surprise": 1}, "surprise"),
	],
)
async def test_what_is_no_site_is_refused(
	client: httpx.AsyncClient, alice: Person, change: dict[str, Any], field: str | None
) -> None:
	refused = await client.post(SITES, headers=alice.headers, json=SITE | change)
	assert refused.status_code == 422, refused.text
	if field:
		assert field in {detail["field"] for detail in refused.json()["details"]}
	assert (await client.get(SITES, headers=alice.headers)).json() == []


async def test_a_code_is_taken_once(client: httpx.AsyncClient, alice: Person) -> None:
	await client.post(SITES, headers=alice.headers, json=SITE)
	again = await client.post(SITES, headers=alice.headers, json=SITE | {"name": "Other"})
	assert again.status_code == 409
	assert again.json()["code"] == "SITE_CODE_TAKEN"
	assert len((await client.get(SITES, headers=alice.headers)).json()) == 1


async def test_a_site_with_records_stays(client: httpx.AsyncClient, alice: Person) -> None:
	site = (await client.post(SITES, headers=alice.headers, json=SITE)).json()
	made = await client.post(
		"/api/v1/esg/activities",
		headers=alice.headers,
		json={
			"site_id": site["id"],
			"activity_code": "electricity.grid",
			"quantity": 1,
			"unit": "kWh",
			"period_start": "2024-01-01T00:00:00Z",
			"period_end": "2024-02-01T00:00:00Z",
		},
	)
	assert made.status_code == 201, made.text
	assert made.json()["region"] == "GB-ENG"
	refused = await client.delete(f"{SITES}/{site['id']}", headers=alice.headers)
	assert refused.status_code == 409
	assert refused.json()["code"] == "SITE_IN_USE"
	assert (await client.get(f"{SITES}/{site['id']}", headers=alice.headers)).status_code == 200


async def test_a_region_never_leaves_its_country(client: httpx.AsyncClient, alice: Person) -> None:
	site = (await client.post(SITES, headers=alice.headers, json=SITE)).json()
	path = f"{SITES}/{site['id']}"
	refused = await client.patch(path, headers=alice.headers, json={"country": "DE"})
	assert refused.status_code == 422
	moved = await client.patch(path, headers=alice.headers, json={"country": "DE", "region": None})
	assert (moved.json()["country"], moved.json()["region"]) == ("DE", None)
