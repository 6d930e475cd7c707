"""Many activity records at once are what the same records one by one are."""

import csv
import io
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.people import Person

from apg.app import make_runtime
from apg.capabilities.esg.activities import tasks
from apg.kernel import bulk
from apg.kernel.database import role_url
from apg.kernel.roles import role_password
from apg.kernel.runtime import Runtime
from apg.kernel.settings import Settings
from apg.kernel.work import Origin, open_work
from apg.kernel.worker import TaskWorker

PLACE = "/api/v1/esg/activities"
BULK = f"{PLACE}/bulk"
OWN = {"id", "batch_id", "created_at", "updated_at", "site_id", "content_hash"}


@pytest.fixture
async def worker(settings: Settings, app: FastAPI) -> AsyncIterator[TaskWorker]:
	"""A worker with the rights of workers; each job is run by hand."""
	runtime: Runtime = make_runtime(settings, role="apg_worker")
	runtime.state.update(app.state.runtime.state)
	url = role_url(settings, "apg_worker", role_password(runtime.root_key, "apg_worker"))
	yield TaskWorker(runtime, runtime.state["authenticator"].principal_of, url)
	await runtime.engine.dispose()


async def run_job(worker: TaskWorker, who: Person, import_id: str) -> None:
	context: Any = SimpleNamespace(job=SimpleNamespace(id=1, attempts=0))
	ids = {"import_id": import_id}
	await worker.run_job(tasks.take_bulk, context, tenant=who.tenant_id, user=who.user_id, ids=ids)


async def sites(client: httpx.AsyncClient, person: Person, *codes: str) -> None:
	for code in codes:
		body = {"code": code, "name": code.title(), "country": "GB"}
		made = await client.post("/api/v1/esg/sites", headers=person.headers, json=body)
		assert made.status_code == 201, made.text


def bill(month: int, **more: Any) -> dict[str, Any]:
	return {
		"site_code": "LEEDS",
		"activity_code": "fuels.natural_gas",
		"quantity": "18250.40",
		"unit": "kWh (gross CV)",
		"period_start": f"2024-{month:02}-01T00:00:00Z",
		"period_end": f"2024-{month + 1:02}-01T00:00:00Z",
		"meter": "G-1",
	} | more


async def listed(client: httpx.AsyncClient, who: Person, **query: Any) -> list[dict[str, Any]]:
	params = {"limit": 1000} | query
	found = await client.get(PLACE, headers=who.headers, params=params)
	assert found.status_code == 200, found.text
	return sorted(found.json(), key=lambda row: row["period_start"])


async def test_the_same_records_singly_and_in_bulk_are_the_same(
	client: httpx.AsyncClient, alice: Person, charlie: Person
) -> None:
	rows = [
		bill(1),
		bill(2, quality="estimated", estimate_method="as in January", is_primary=True),
		bill(3, region="FR", note="  moved  "),
		{
			"kind": "reported_total",
			"activity_code": "reported.heat",
			"quantity": 12.5,
			"unit": "tCO2e",
			"period_start": "2024-04-01T00:00:00Z",
			"period_end": "2024-05-01T00:00:00Z",
		},
	]
	for who in (alice, charlie):
		await sites(client, who, "LEEDS")
	for row in rows:
		made = await client.post(PLACE, headers=alice.headers, json=row)
		assert made.status_code == 201, made.text
	done = await client.post(BULK, headers=charlie.headers, json={"rows": rows})
	assert (done.status_code, done.json()["taken"]) == (200, 4)
	single, many = await listed(client, alice), await listed(client, charlie)
	users = {"created_by", "updated_by"}

	def plain(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
		return [{k: v for k, v in row.items() if k not in OWN | users} for row in found]

	assert plain(many) == plain(single)
	assert many[3]["content_hash"] == single[3]["content_hash"]
	assert {row["batch_id"] for row in many} == {done.json()["id"]}
	# A correction of what came in bulk is the next version of a single record.
	corrected = await client.post(
		f"{PLACE}/{many[0]['id']}/correct",
		headers=charlie.headers,
		json={"quantity": 18000, "reason": "misread"},
	)
	assert (corrected.status_code, corrected.json()["version"]) == (200, 2)


async def test_each_bad_row_is_named_and_the_good_ones_are_taken(
	client: httpx.AsyncClient, alice: Person
) -> None:
	await sites(client, alice, "LEEDS")
	assert (await client.post(PLACE, headers=alice.headers, json=bill(1))).status_code == 201
	rows = [
		bill(2),
		bill(1),
		bill(2),
		bill(3, site_code="YORK"),
		bill(3, quantity=-1),
		bill(3, unit="bananas"),
		bill(3, quality="estimated"),
		bill(3, period_end="2024-02-01T00:00:00Z"),
		{"activity_code": "fuels.natural_gas", "quantity": 1, "unit": "kWh"},
		bill(2, meter="G-1", quantity=7),
	]
	refused = await client.post(BULK, headers=alice.headers, json={"rows": rows})
	assert refused.status_code == 422, refused.text
	found = {detail["field"] for detail in refused.json()["details"]}
	assert found >= {
		"rows.1.distinct_because",
		"rows.2.distinct_because",
		"rows.3.site_code",
		"rows.4.quantity",
		"rows.5.unit",
		"rows.6.estimate_method",
		"rows.7.period_end",
		"rows.8.period_start",
		"rows.9.period_start",
	}
	assert not any(field.startswith("rows.0.") for field in found)
	assert len(await listed(client, alice)) == 1
	body = {"mode": "valid", "rows": rows}
	told = (await client.post(BULK, headers=alice.headers, json=body)).json()
	assert (told["taken"], told["refused"]) == (1, 9)
	assert len(await listed(client, alice)) == 2


async def test_an_export_is_taken_back_unchanged(
	client: httpx.AsyncClient, alice: Person, charlie: Person, worker: TaskWorker
) -> None:
	rows = [
		bill(1, data_source="=1+1", note="'-2", is_primary=True),
		bill(2, quality="estimated", estimate_method="@mean", quantity="12345678901234.654321"),
	]
	for who in (alice, charlie):
		await sites(client, who, "LEEDS")
	assert (await client.post(BULK, headers=alice.headers, json={"rows": rows})).status_code == 200
	for form in ("csv", "xlsx"):
		first = await client.get(f"{PLACE}/export?format={form}", headers=alice.headers)
		file = {"file": (f"again.{form}", first.content)}
		made = (await client.post(f"{BULK}/files", headers=charlie.headers, files=file)).json()
		await run_job(worker, charlie, made["id"])
		told = (await client.get(f"{BULK}/{made['id']}", headers=charlie.headers)).json()
		# What came by the CSV is known when the same rows come by the workbook.
		assert (told["taken"], told["refused"]) == ((2, 0) if form == "csv" else (0, 2)), told
		assert {bad["field"] for bad in told["problems"]} <= {"distinct_because", "period_start"}
	exported = [
		(await client.get(f"{PLACE}/export", headers=who.headers)).text for who in (alice, charlie)
	]
	assert exported[0] == exported[1]
	assert "'=1+1" in exported[0]
	assert "''-2" in exported[0]


async def test_a_stopped_file_leaves_no_record_and_a_standing_one_stays_for_good(
	client: httpx.AsyncClient,
	alice: Person,
	worker: TaskWorker,
	monkeypatch: pytest.MonkeyPatch,
) -> None:
	monkeypatch.setattr(bulk, "CHUNK", 4)
	await sites(client, alice, "LEEDS")
	buffer = io.StringIO()
	writer = csv.DictWriter(buffer, list(bill(1)))
	writer.writeheader()
	writer.writerows(bill(month) for month in range(1, 12))
	file = {"file": ("bills.csv", buffer.getvalue().encode())}
	made = await client.post(f"{BULK}/files", headers=alice.headers, files=file)
	import_id, taken, take = made.json()["id"], 0, bulk._take

	async def killed(*given: Any) -> None:
		nonlocal taken
		taken += 1
		if taken == 3:
			raise RuntimeError("killed")
		await take(*given)

	monkeypatch.setattr(bulk, "_take", killed)
	with pytest.raises(RuntimeError):
		await run_job(worker, alice, import_id)
	assert await listed(client, alice) == []
	await client.post(f"{BULK}/{import_id}/stop", headers=alice.headers)
	await run_job(worker, alice, import_id)
	told = (await client.get(f"{BULK}/{import_id}", headers=alice.headers)).json()
	assert (told["state"], told["taken"]) == ("cancelled", 0)
	monkeypatch.setattr(bulk, "_take", take)
	made = await client.post(f"{BULK}/files", headers=alice.headers, files=file)
	await run_job(worker, alice, made.json()["id"])
	assert len(await listed(client, alice, batch_id=made.json()["id"])) == 11
	with pytest.raises(DBAPIError, match="is kept; withdraw it"):
		async with open_work(
			worker.runtime, alice.principal, action="test", origin=Origin("task")
		) as work:
			await work.execute(text("delete from esg_activity_records"))
