"""What a reading may be, what is kept of it, and what must not happen to the others."""

from decimal import Decimal
from typing import Any

import asyncpg
import httpx
import pytest
from tests.capabilities.esg.conftest import METRIC, METRICS, reading
from tests.people import Person

JANUARY = "2024-01-31T00:00:00Z"


async def sent(client: httpx.AsyncClient, person: Person, path: str, body: str) -> httpx.Response:
	"""A body as it is, digit by digit."""
	headers = person.headers | {"content-type": "application/json"}
	return await client.post(path, headers=headers, content=body)


@pytest.mark.parametrize(
	"value", ["99999999999999.999999", "-99999999999999.999999", "0.000001", "-0.1", "0", "12e3"]
)
async def test_every_digit_of_twenty_is_kept(
	client: httpx.AsyncClient, alice: Person, metric: dict[str, Any], value: str
) -> None:
	path = f"{METRICS}/{metric['id']}/measurements"
	made = await sent(client, alice, path, f'{{"value":{value},"measurement_date":"{JANUARY}"}}')
	assert made.status_code == 201, made.text
	listed = await client.get(path, headers=alice.headers)
	written = listed.text.split('"value":')[1].split(",")[0]
	assert Decimal(written) == Decimal(value)
	assert "e" not in written.lower()


@pytest.mark.parametrize(
	("body", "status", "field"),
	[
		('{"value":NaN,"measurement_date":"%s"}', 400, None),
		('{"value":"NaN","measurement_date":"%s"}', 422, "value"),
		('{"value":"Infinity","measurement_date":"%s"}', 422, "value"),
		('{"value":true,"measurement_date":"%s"}', 422, "value"),
		('{"value":"1,250.75","measurement_date":"%s"}', 422, "value"),
		('{"value":123456789012345678901,"measurement_date":"%s"}', 422, "value"),
		('{"value":0.0000001,"measurement_date":"%s"}', 422, "value"),
		('{"value":1,"measurement_date":"%s","metadata":{"x":1e999999999}}', 400, None),
		('{"value":1,"measurement_date":"%s","metadata":{"quality":{"time":1}}}', 422, "metadata.quality"),
		('{"value":1,"measurement_date":"%s","period_start":"2024-01-01T00:00:00Z"}', 422, "period_end"),
		('{"value":1,"measurement_date":"%s","surprise":1}', 422, "surprise"),
		('{"value":1,"measurement_date":"1989-12-31T23:59:59Z"}', 422, "measurement_date"),
		('{"value":1,"measurement_date":"0001-01-01T00:00:00+10:00"}', 422, "measurement_date"),
		('{"value":1,"measurement_date":"9999-12-31T23:00:00-10:00"}', 422, "measurement_date"),
		('{"value":1,"measurement_date":"2024-01-31T00:00:00"}', 422, "measurement_date"),
	],
)  # fmt: skip
async def test_what_cannot_be_a_reading_is_refused_at_its_field(
	client: httpx.AsyncClient,
	alice: Person,
	metric: dict[str, Any],
	body: str,
	status: int,
	field: str | None,
) -> None:
	path = f"{METRICS}/{metric['id']}/measurements"
	refused = await sent(client, alice, path, body % JANUARY if "%s" in body else body)
	assert refused.status_code == status, refused.text
	if field:
		assert field in {detail["field"] for detail in refused.json()["details"]}
	assert (await client.get(path, headers=alice.headers)).json() == []


async def test_metadata_is_bounded_and_kept_as_it_is(
	client: httpx.AsyncClient, alice: Person, metric: dict[str, Any]
) -> None:
	path = f"{METRICS}/{metric['id']}/measurements"
	kept = {"meter": "E-1", "list": [1, "x", None], "number": 1250.75}
	made = await client.post(path, headers=alice.headers, json=reading(1, JANUARY, metadata=kept))
	assert made.json()["metadata"] == kept
	large = reading(1, "2024-02-29T00:00:00Z", metadata={"x": "y" * 16_384})
	refused = await client.post(path, headers=alice.headers, json=large)
	assert (refused.status_code, refused.json()["details"][0]["field"]) == (422, "metadata")


async def test_a_late_reading_is_judged_by_the_one_before_it(
	client: httpx.AsyncClient, alice: Person, metric: dict[str, Any]
) -> None:
	"""Also where it lies before all that the trend looks at."""
	path = f"{METRICS}/{metric['id']}/measurements"
	await client.post(path, headers=alice.headers, json=reading(100, "2020-01-01T00:00:00Z"))
	for day in range(1, 41):
		date = f"2024-{1 + day // 28:02d}-{1 + day % 28:02d}T00:00:00Z"
		made = await client.post(path, headers=alice.headers, json=reading(500, date))
		assert made.status_code == 201, made.text
	await client.patch(
		f"{METRICS}/{metric['id']}",
		headers=alice.headers,
		json={"validation_rules": ["change(value) <= 20 %"]},
	)
	refused = await client.post(
		path, headers=alice.headers, json=reading(500, "2020-02-01T00:00:00Z")
	)
	assert refused.status_code == 422, refused.text
	assert "previous: 100" in refused.json()["details"][0]["message"]
	fine = await client.post(path, headers=alice.headers, json=reading(110, "2020-02-01T00:00:00Z"))
	assert (fine.status_code, fine.json()["quality_flags"].count("rule_unknown:0")) == (201, 0)


async def test_a_correction_needs_the_version_that_was_seen(
	client: httpx.AsyncClient, alice: Person, metric: dict[str, Any]
) -> None:
	path = f"{METRICS}/{metric['id']}/measurements"
	made = await client.post(path, headers=alice.headers, json=reading(1, JANUARY))
	own, tag = f"{path}/{made.json()['id']}", made.headers["etag"]
	change = {"value": 2, "reason": "read wrongly"}
	stale = await client.patch(own, headers=alice.by(If_Match='"7"'), json=change)
	assert stale.status_code == 412
	assert (await client.get(own, headers=alice.headers)).json()["status"] == "standing"
	new = await client.patch(own, headers=alice.by(If_Match=tag), json=change)
	assert new.status_code == 200, new.text
	assert (await client.get(own, headers=alice.headers)).headers["etag"] != tag
	gone = f"{path}/{new.json()['id']}"
	assert (await client.delete(gone, headers=alice.by(If_Match='"9"'))).status_code == 412
	assert (await client.delete(gone, headers=alice.by(If_Match='"1"'))).status_code == 204


async def test_put_replaces_all_and_patch_only_what_is_named(
	client: httpx.AsyncClient, alice: Person, metric: dict[str, Any]
) -> None:
	path = f"{METRICS}/{metric['id']}/measurements"
	body = reading(1, JANUARY, data_source="meter", notes="kept", metadata={"a": 1})
	old = (await client.post(path, headers=alice.headers, json=body)).json()
	patched = await client.patch(
		f"{path}/{old['id']}", headers=alice.headers, json={"value": 2, "reason": "wrong digit"}
	)
	assert (patched.json()["notes"], patched.json()["metadata"]) == ("kept", {"a": 1})
	put = await client.put(
		f"{path}/{patched.json()['id']}",
		headers=alice.headers,
		json=reading(3, JANUARY, reason="all anew"),
	)
	assert put.status_code == 200, put.text
	assert (put.json()["notes"], put.json()["metadata"], put.json()["data_source"]) == (
		None,
		{},
		None,
	)
	half = await client.patch(
		f"{path}/{put.json()['id']}",
		headers=alice.headers,
		json={"period_start": "2024-01-01T00:00:00Z", "reason": "half a period"},
	)
	assert (half.status_code, half.json()["details"][0]["field"]) == (422, "period_end")
	emptied = await client.patch(
		f"{path}/{put.json()['id']}", headers=alice.headers, json={"value": None, "reason": "empty"}
	)
	assert (emptied.status_code, emptied.json()["details"][0]["field"]) == (422, "value")


async def test_a_place_that_was_withdrawn_can_be_taken_again(
	client: httpx.AsyncClient, alice: Person, metric: dict[str, Any]
) -> None:
	path = f"{METRICS}/{metric['id']}/measurements"
	old = (await client.post(path, headers=alice.headers, json=reading(1, JANUARY))).json()
	assert (await client.delete(f"{path}/{old['id']}", headers=alice.headers)).status_code == 204
	again = await client.delete(f"{path}/{old['id']}", headers=alice.headers)
	assert again.status_code == 404
	new = await client.post(path, headers=alice.headers, json=reading(2, JANUARY))
	assert (new.status_code, new.json()["revision"]) == (201, 2)


async def test_a_deleted_metric_keeps_its_readings_and_frees_its_code(
	client: httpx.AsyncClient, alice: Person, metric: dict[str, Any], admin_url: str
) -> None:
	path = f"{METRICS}/{metric['id']}/measurements"
	await client.post(path, headers=alice.headers, json=reading(1, JANUARY))
	assert (
		await client.delete(f"{METRICS}/{metric['id']}", headers=alice.headers)
	).status_code == 204
	assert (await client.get(path, headers=alice.headers)).status_code == 404
	late = await client.post(path, headers=alice.headers, json=reading(2, "2024-02-29T00:00:00Z"))
	assert late.status_code == 404
	assert (await client.post(METRICS, headers=alice.headers, json=METRIC)).status_code == 201
	connection = await asyncpg.connect(admin_url)
	try:
		kept = await connection.fetch(
			"select value, is_deleted from esg_measurements where metric_id = $1", metric["id"]
		)
	finally:
		await connection.close()
	assert [(row["value"], row["is_deleted"]) for row in kept] == [(Decimal(1), False)]


async def test_each_statement_leaves_one_entry_with_the_hash_of_its_rows(
	client: httpx.AsyncClient, alice: Person, metric: dict[str, Any], admin_url: str
) -> None:
	path = f"{METRICS}/{metric['id']}/measurements"
	old = (await client.post(path, headers=alice.headers, json=reading(1, JANUARY))).json()
	new = await client.patch(
		f"{path}/{old['id']}", headers=alice.headers, json={"value": 2, "reason": "wrong digit"}
	)
	connection = await asyncpg.connect(admin_url)
	try:
		entries = await connection.fetch(
			"select after::json ->> 'verb' as verb, after::json ->> 'rows' as rows, after::json ->> 'sha256' as "
			"hash, after::json -> 'ids' ->> 0 as id, action from audit_entries where tenant_id = $1 and "
			"table_name = 'esg_measurements' order by seq",
			alice.tenant_id,
		)
		hashed = await connection.fetchval(
			"select encode(sha256(convert_to(to_jsonb(m)::text, 'UTF8')), 'hex') from "
			"esg_measurements m where id = $1",
			new.json()["id"],
		)
	finally:
		await connection.close()
	told = [(e["verb"], e["rows"], e["id"]) for e in entries]
	assert told == [
		("insert", "1", old["id"]),
		("insert", "1", new.json()["id"]),
		("update", "1", old["id"]),
	]
	assert entries[1]["hash"] == hashed
	assert len({e["hash"] for e in entries}) == 3
