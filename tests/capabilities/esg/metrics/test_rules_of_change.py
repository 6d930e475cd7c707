"""Changing a definition: what PUT resets, what stays, who may, and what errors name."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.capabilities.esg.conftest import METRIC, METRICS, reading
from tests.people import Person, make_person

JANUARY = "2024-01-31T00:00:00Z"


async def test_put_resets_what_it_does_not_name(
	client: httpx.AsyncClient, alice: Person, metric: dict[str, Any]
) -> None:
	own = f"{METRICS}/{metric['id']}"
	changed = {
		"description": "all sites",
		"target_value": 5,
		"is_kpi": True,
		"aggregation": "mean",
		"validation_rules": ["value >= 0"],
	}
	patched = await client.patch(own, headers=alice.headers, json=changed)
	assert patched.status_code == 200, patched.text
	assert {name: patched.json()[name] for name in ("description", "is_kpi", "aggregation")} == {
		"description": "all sites",
		"is_kpi": True,
		"aggregation": "mean",
	}
	put = await client.put(own, headers=alice.by(If_Match='"2"'), json=METRIC | {"name": "Power"})
	assert put.status_code == 200, put.text
	assert put.json() == metric | {"name": "Power", "updated_at": put.json()["updated_at"]}
	assert put.headers["etag"] == '"3"'
	stale = await client.put(own, headers=alice.by(If_Match='"2"'), json=METRIC)
	assert stale.status_code == 412
	assert (await client.get(own, headers=alice.headers)).json()["name"] == "Power"


async def test_the_unit_stays_once_there_are_readings(
	client: httpx.AsyncClient, alice: Person, metric: dict[str, Any]
) -> None:
	own = f"{METRICS}/{metric['id']}"
	assert (await client.patch(own, headers=alice.headers, json={"unit": "MWh"})).status_code == 200
	made = await client.post(f"{own}/measurements", headers=alice.headers, json=reading(1, JANUARY))
	gone = f"{own}/measurements/{made.json()['id']}"
	assert (await client.delete(gone, headers=alice.headers)).status_code == 204
	refused = await client.patch(own, headers=alice.headers, json={"unit": "kwh"})
	assert (refused.status_code, refused.json()["code"]) == (409, "UNIT_IN_USE")
	assert (await client.get(own, headers=alice.headers)).json()["unit"] == "MWh"


async def test_each_wrong_rule_is_named_by_its_place(
	client: httpx.AsyncClient, alice: Person, metric: dict[str, Any]
) -> None:
	rules = ["value >= 0", "value >> 2", {"require": {"all": [{"is": "integer"}, {"is": "odd"}]}}]
	refused = await client.patch(
		f"{METRICS}/{metric['id']}", headers=alice.headers, json={"validation_rules": rules}
	)
	assert refused.status_code == 422
	told = {each["field"]: each["message"] for each in refused.json()["details"]}
	assert sorted(told) == ["validation_rules.1", "validation_rules.2"]
	assert "at character 8" in told["validation_rules.1"]
	assert told["validation_rules.2"].startswith("require.all[1]")
	many = await client.patch(
		f"{METRICS}/{metric['id']}",
		headers=alice.headers,
		json={"validation_rules": ["value >= 0"] * 21},
	)
	assert (many.status_code, many.json()["details"][0]["field"]) == (422, "validation_rules")
	now = await client.get(f"{METRICS}/{metric['id']}", headers=alice.headers)
	assert now.json()["validation_rules"] == []


async def test_a_metric_that_rests_or_is_computed_takes_no_reading(
	client: httpx.AsyncClient, alice: Person, metric: dict[str, Any]
) -> None:
	own = f"{METRICS}/{metric['id']}"
	records = {"activity": {"code": "electricity.grid"}}
	for change, code in (
		({"is_active": False}, "METRIC_INACTIVE"),
		({"source": "activity", "automation_config": records}, "METRIC_IS_COMPUTED"),
	):
		assert (await client.patch(own, headers=alice.headers, json=change)).status_code == 200
		refused = await client.post(
			f"{own}/measurements", headers=alice.headers, json=reading(1, JANUARY)
		)
		assert (refused.status_code, refused.json()["code"]) == (409, code)
	assert (await client.get(f"{own}/measurements", headers=alice.headers)).json() == []


@pytest.mark.parametrize(
	("role", "may"),
	[
		(None, set[str]()),
		("esg_viewer", {"list", "read", "readings"}),
		("esg_contributor", {"list", "read", "readings", "record"}),
		("esg_manager", {"list", "read", "readings", "record", "create", "change", "correct", "withdraw", "delete"}),
	],
)  # fmt: skip
async def test_each_role_may_do_what_it_says(
	app: FastAPI,
	client: httpx.AsyncClient,
	alice: Person,
	metric: dict[str, Any],
	role: str | None,
	may: set[str],
) -> None:
	own = f"{METRICS}/{metric['id']}"
	made = await client.post(f"{own}/measurements", headers=alice.headers, json=reading(1, JANUARY))
	one = f"{own}/measurements/{made.json()['id']}"
	person = await make_person(
		app.state.runtime, alice.tenant_id, "person", (role,) if role else ()
	)
	asked: dict[str, tuple[str, str, Any]] = {
		"list": ("GET", METRICS, None),
		"read": ("GET", own, None),
		"readings": ("GET", f"{own}/measurements", None),
		"create": ("POST", METRICS, METRIC | {"code": "OTHER"}),
		"change": ("PATCH", own, {"name": "Other"}),
		"record": ("POST", f"{own}/measurements", reading(2, "2024-02-29T00:00:00Z")),
		"correct": ("PATCH", one, {"value": 3, "reason": "read wrongly"}),
		"withdraw": ("DELETE", f"{own}/measurements/{metric['id']}", None),
		"delete": ("DELETE", own, None),
	}
	allowed: set[str] = set()
	for name, (method, path, body) in asked.items():
		answer = await client.request(method, path, headers=person.headers, json=body)
		if answer.status_code != 403:
			allowed.add(name)
	assert allowed == may


async def test_strangers_do_not_see_that_it_exists(
	client: httpx.AsyncClient, charlie: Person, metric: dict[str, Any]
) -> None:
	own = f"{METRICS}/{metric['id']}"
	for method, path, body in (
		("GET", own, None),
		("PATCH", own, {"name": "Mine"}),
		("PUT", own, METRIC),
		("DELETE", own, None),
		("GET", f"{own}/measurements/aggregate?by=month", None),
		("GET", f"/esg{own.removeprefix('/api/v1/esg')}", None),
	):
		answer = await client.request(method, path, headers=charlie.headers, json=body)
		assert answer.status_code == 404, (method, path, answer.text)
	assert (await client.get(METRICS, headers=charlie.headers)).json() == []
	made = await client.post(METRICS, headers=charlie.headers, json=METRIC)
	assert made.status_code == 201, "codes are one's own"
