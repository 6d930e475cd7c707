"""Many readings at once end where the same readings one by one end, and nowhere else."""

import json
import secrets
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from tests.capabilities.esg.conftest import METRIC, METRICS
from tests.people import Person

from apg.app import make_runtime
from apg.capabilities.esg.bulk import service
from apg.capabilities.esg.bulk import tasks as bulk_tasks
from apg.capabilities.esg.measurements import tasks
from apg.kernel import bulk
from apg.kernel.database import role_url
from apg.kernel.events import GiveUp
from apg.kernel.roles import role_password
from apg.kernel.runtime import Runtime
from apg.kernel.settings import Settings
from apg.kernel.worker import TaskWorker

BULK = "/api/v1/esg/measurements/bulk"
OWN = {"id", "metric_id", "created_at", "updated_at"}


def rows_of(count: int, **more: Any) -> list[dict[str, Any]]:
	"""Readings of days one after the other, one of them far off, with all kinds of quality."""
	made: list[dict[str, Any]] = []
	for n in range(count):
		month, day = 1 + n // 28 % 12, 1 + n % 28
		row: dict[str, Any] = {
			"value": 1000 + (n * 37) % 101 + (90_000 if n == 17 else 0),
			"measurement_date": f"{2023 + n // 336}-{month:02}-{day:02}T00:00:00Z",
			"data_source": "main meter" if n % 3 else None,
			"collection_method": ("measured", "estimated", "guess", None)[n % 4],
		}
		if n % 5 == 0:
			row["evidence"] = "invoice"
		if n % 7 == 0:
			row["metadata"] = {"meter": "E-1", "quality": {"technology": 2}}
		if n % 2:
			row |= {
				"period_start": row["measurement_date"],
				"period_end": f"{2023 + n // 336}-{month:02}-{day:02}T23:59:59Z",
			}
		made.append({key: value for key, value in row.items() if value is not None} | more)
	return made


async def another(client: httpx.AsyncClient, person: Person, code: str, **more: Any) -> str:
	body = METRIC | {"code": code, "measurement_period": "daily"} | more
	made = await client.post(METRICS, headers=person.headers, json=body)
	assert made.status_code == 201, made.text
	return made.json()["id"]


async def listed(client: httpx.AsyncClient, person: Person, metric_id: str) -> list[dict[str, Any]]:
	found = await client.get(
		f"{METRICS}/{metric_id}/measurements?limit=1000&include_superseded=true",
		headers=person.headers,
	)
	assert found.status_code == 200, found.text
	return found.json()


def plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
	return [{name: value for name, value in row.items() if name not in OWN} for row in rows]


async def state_of(client: httpx.AsyncClient, person: Person, metric_id: str) -> dict[str, Any]:
	metric = (await client.get(f"{METRICS}/{metric_id}", headers=person.headers)).json()
	names = ("current_value", "current_date", "data_quality_score", "trend_analysis")
	return {name: metric[name] for name in names}


RULES = ["value >= 0", "warn: change(value) <= 5 %"]


@pytest.mark.parametrize("rules", [[], RULES])
async def test_the_same_rows_singly_and_in_bulk_end_in_the_same_state(
	client: httpx.AsyncClient, alice: Person, rules: list[str]
) -> None:
	single = await another(client, alice, "SINGLE", validation_rules=rules)
	many = await another(client, alice, "MANY", validation_rules=rules)
	rows = rows_of(60)
	for row in rows:
		made = await client.post(
			f"{METRICS}/{single}/measurements", headers=alice.headers, json=row
		)
		assert made.status_code == 201, made.text
	shuffled = rows[::2] + rows[1::2]
	done = await client.post(
		BULK, headers=alice.headers, json={"metric_id": many, "rows": shuffled}
	)
	assert done.status_code == 200, done.text
	told = done.json()
	assert (told["state"], told["rows"], told["taken"], told["refused"]) == ("done", 60, 60, 0)
	assert plain(await listed(client, alice, many)) == plain(await listed(client, alice, single))
	assert await state_of(client, alice, many) == await state_of(client, alice, single)


async def test_a_row_that_breaks_a_rule_is_nobodys_previous_value(
	client: httpx.AsyncClient, alice: Person
) -> None:
	metric = await another(client, alice, "STEADY", validation_rules=["change(value) <= 20 %"])
	rows = [
		{"value": value, "measurement_date": f"2024-01-{day:02}T00:00:00Z"}
		for day, value in enumerate((100, 500, 110, 130), 1)
	]
	body = {"metric_id": metric, "mode": "valid", "rows": rows}
	told = (await client.post(BULK, headers=alice.headers, json=body)).json()
	assert (told["taken"], told["refused"]) == (3, 1)
	bad = told["problems"][0]
	assert (bad["row"], bad["field"], bad["value"]) == (2, "value", "500")
	assert "previous: 100" in bad["reason"]
	assert bad["remedy"].startswith("Check the value")
	assert [row["value"] for row in await listed(client, alice, metric)] == [130, 110, 100]


async def test_one_bad_row_and_nothing_is_taken(
	client: httpx.AsyncClient, alice: Person, metric: dict[str, Any]
) -> None:
	date = "2024-01-31T00:00:00Z"
	rows: list[dict[str, Any]] = [
		{"metric_code": "ENERGY", "value": 1, "measurement_date": date},
		{"metric_code": "ENERGY", "value": "1,5", "measurement_date": "2024-02-01T00:00:00Z"},
		{"metric_code": "ENERGY", "measurement_date": "2024-02-02T00:00:00"},
		{"metric_code": "WATER", "value": 1, "measurement_date": date},
		{"metric_code": "ENERGY", "value": 2, "measurement_date": "2024-01-31T01:00:00+01:00"},
		{"metric_code": "ENERGY", "value": 2, "measurement_date": "1989-01-01T00:00:00Z"},
		{"metric_code": "ENERGY", "value": 2, "measurement_date": date, "period_start": date},
		{"metric_code": "ENERGY", "value": 2, "measurement_date": date, "surprise": 1},
		{"metric_code": "ENERGY", "value": 2, "measurement_date": date, "unit": "MWh"},
		{"value": 2, "measurement_date": date},
		{"metric_code": "ENERGY", "value": 2, "measurement_date": date, "metadata": {"quality": 1}},
		{"metric_code": "ENERGY", "value": 2, "measurement_date": date, "created_by": "someone"},
	]
	refused = await client.post(BULK, headers=alice.headers, json={"rows": rows})
	assert refused.status_code == 422, refused.text
	assert {detail["field"] for detail in refused.json()["details"]} >= {
		"rows.1.value",
		"rows.2.value",
		"rows.2.measurement_date",
		"rows.3.metric_code",
		"rows.4.measurement_date",
		"rows.5.measurement_date",
		"rows.6.period_end",
		"rows.7.surprise",
		"rows.8.unit",
		"rows.9.metric_code",
		"rows.10.metadata",
		"rows.11.created_by",
	}
	assert not any(one["field"].startswith("rows.0.") for one in refused.json()["details"])
	assert await listed(client, alice, metric["id"]) == []
	assert (await client.get(BULK, headers=alice.headers)).json() == []
	taken = await client.post(BULK, headers=alice.headers, json={"mode": "valid", "rows": rows})
	assert (taken.json()["taken"], taken.json()["refused"]) == (1, 11)
	assert [row["value"] for row in await listed(client, alice, metric["id"])] == [1]


async def test_what_is_recorded_already_is_no_second_reading(
	client: httpx.AsyncClient, alice: Person, metric: dict[str, Any]
) -> None:
	own = f"{METRICS}/{metric['id']}/measurements"
	body = {"metric_id": metric["id"], "rows": rows_of(3), "mode": "valid"}
	for _time in range(2):  # the same key: the same answer, nothing twice
		headers = alice.by(Idempotency_Key="once")
		told = (await client.post(BULK, headers=headers, json=body)).json()
		assert told["taken"] == 3
	again = (await client.post(BULK, headers=alice.headers, json=body)).json()
	assert (again["taken"], again["refused"]) == (0, 3)
	rows = await listed(client, alice, metric["id"])
	assert len(rows) == 3
	assert (await client.delete(f"{own}/{rows[0]['id']}", headers=alice.headers)).status_code == 204
	again = (await client.post(BULK, headers=alice.headers, json=body)).json()
	assert (again["taken"], again["refused"]) == (1, 2)
	anew = (await client.get(own, headers=alice.headers)).json()
	assert [row["revision"] for row in anew] == [2, 1, 1]


async def test_late_readings_leave_the_current_value(
	client: httpx.AsyncClient, alice: Person, metric: dict[str, Any]
) -> None:
	own = f"{METRICS}/{metric['id']}/measurements"
	newest = {"value": 7, "measurement_date": "2025-05-31T00:00:00Z"}
	await client.post(own, headers=alice.headers, json=newest)
	body = {"metric_id": metric["id"], "rows": rows_of(20)}
	assert (await client.post(BULK, headers=alice.headers, json=body)).status_code == 200
	state = await state_of(client, alice, metric["id"])
	assert (state["current_value"], state["current_date"]) == (7, "2025-05-31T00:00:00Z")
	assert state["trend_analysis"]["periods"] == 2


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


async def upload(
	client: httpx.AsyncClient, who: Person, metric_id: str, content: bytes, mode: str = "all"
) -> str:
	made = await client.post(
		f"{BULK}/files",
		headers=who.headers,
		files={"file": ("readings.csv", content)},
		data={"metric_id": metric_id, "mode": mode},
	)
	assert made.status_code == 202, made.text
	return made.json()["id"]


def lines(rows: list[dict[str, Any]]) -> bytes:
	return "\n".join(json.dumps(row) for row in rows).encode()


def new_job() -> int:
	"""The number of a job that no task of the database has."""
	return secrets.randbelow(10**9) + 10**9


class Killed(BaseException):
	"""The process is gone: nothing of the product gets to clean up."""


async def test_a_killed_worker_goes_on_where_it_stopped(
	client: httpx.AsyncClient,
	alice: Person,
	metric: dict[str, Any],
	worker: TaskWorker,
	monkeypatch: pytest.MonkeyPatch,
) -> None:
	monkeypatch.setattr(bulk, "CHUNK", 7)
	path = f"{BULK}/{await upload(client, alice, metric['id'], lines(rows_of(30)))}"
	taken, take = 0, bulk._take

	async def killed(*given: Any) -> None:
		nonlocal taken
		if taken == 2:
			raise Killed
		await take(*given)
		taken += 1

	monkeypatch.setattr(bulk, "_take", killed)
	with pytest.raises(Killed):
		await run_job(worker, alice, path.rsplit("/", 1)[1])
	told = (await client.get(path, headers=alice.headers)).json()
	assert (told["state"], told["taken"], told["progress"]["done"]) == ("running", 0, 14)
	assert await listed(client, alice, metric["id"]) == []
	assert (await state_of(client, alice, metric["id"]))["current_value"] is None
	monkeypatch.setattr(bulk, "_take", take)
	for _time in range(2):  # the second run finds it done
		await run_job(worker, alice, told["id"])
	told = (await client.get(path, headers=alice.headers)).json()
	assert (told["state"], told["taken"], told["refused"]) == ("done", 30, 0)
	rows = await listed(client, alice, metric["id"])
	assert len(rows) == len({row["measurement_date"] for row in rows}) == 30
	assert (await state_of(client, alice, metric["id"]))["current_value"] == rows[0]["value"]


async def test_a_large_body_is_kept_and_taken_by_a_task_once(
	client: httpx.AsyncClient,
	alice: Person,
	metric: dict[str, Any],
	worker: TaskWorker,
	monkeypatch: pytest.MonkeyPatch,
	admin_url: str,
) -> None:
	monkeypatch.setattr(service, "DIRECT", 10)
	rows = rows_of(12)
	rows[3]["value"] = "1000.000001"
	body = {"metric_id": metric["id"], "rows": rows}
	answers = [
		await client.post(BULK, headers=alice.by(Idempotency_Key="large"), json=body)
		for _time in range(2)
	]
	assert [answer.status_code for answer in answers] == [202, 202]
	assert answers[0].json()["id"] == answers[1].json()["id"]
	assert answers[0].headers["location"] == f"{BULK}/{answers[0].json()['id']}"
	await run_job(worker, alice, answers[0].json()["id"])
	assert len(await listed(client, alice, metric["id"])) == 12
	exact = (
		f"{METRICS}/{metric['id']}/measurements?from=2023-01-04T00:00:00Z&to=2023-01-05T00:00:00Z"
	)
	assert '"value":1000.000001' in (await client.get(exact, headers=alice.headers)).text
	connection = await asyncpg.connect(admin_url)
	try:
		names = await connection.fetch(
			"select name, count(*) from event_log where tenant_id = $1 and name like 'esg.m%ed.v1' "
			"group by 1 order by 1",
			alice.tenant_id,
		)
		trail = await connection.fetch(
			"select after::json ->> 'rows' as rows, user_id::text from audit_entries "
			"where tenant_id = $1 and table_name = 'esg_measurements'",
			alice.tenant_id,
		)
		left = await connection.fetchval("select count(*) from esg_measurements_staged")
	finally:
		await connection.close()
	assert [tuple(row) for row in names] == [
		("esg.measurements.recorded.v1", 1),
		("esg.metric.created.v1", 1),
		("esg.metric.value_changed.v1", 1),
	]
	assert [tuple(row) for row in trail] == [("12", alice.user_id)]
	assert left == 0


async def test_a_crash_that_empties_staging_costs_the_check_alone(
	client: httpx.AsyncClient,
	alice: Person,
	metric: dict[str, Any],
	worker: TaskWorker,
	monkeypatch: pytest.MonkeyPatch,
	admin_url: str,
) -> None:
	monkeypatch.setattr(bulk, "CHUNK", 7)
	import_id = await upload(client, alice, metric["id"], lines(rows_of(30)))
	taken, take = 0, bulk._take

	async def crashed(work: Any, *given: Any) -> None:
		nonlocal taken
		taken += 1
		if taken == 3:
			await bulk._sql(work, "delete from esg_measurements_staged")
		await take(work, *given)

	monkeypatch.setattr(bulk, "_take", crashed)
	await run_job(worker, alice, import_id)
	told = (await client.get(f"{BULK}/{import_id}", headers=alice.headers)).json()
	assert (told["state"], told["taken"]) == ("done", 30)
	assert len(await listed(client, alice, metric["id"])) == 30


async def test_a_stopped_import_leaves_nothing(
	client: httpx.AsyncClient,
	alice: Person,
	metric: dict[str, Any],
	worker: TaskWorker,
	monkeypatch: pytest.MonkeyPatch,
) -> None:
	monkeypatch.setattr(bulk, "CHUNK", 7)
	import_id = await upload(client, alice, metric["id"], lines(rows_of(30)))
	path, taken, take = f"{BULK}/{import_id}", 0, bulk._take

	async def stopped(*given: Any) -> None:
		nonlocal taken
		taken += 1
		if taken == 3:
			raise Killed
		await take(*given)

	monkeypatch.setattr(bulk, "_take", stopped)
	with pytest.raises(Killed):
		await run_job(worker, alice, import_id)
	assert (await client.post(f"{path}/stop", headers=alice.headers)).json()["state"] == "removing"
	await run_job(worker, alice, import_id)
	told = (await client.get(path, headers=alice.headers)).json()
	assert (told["state"], told["taken"]) == ("cancelled", 0)
	over = await client.post(f"{path}/stop", headers=alice.headers)
	assert (over.status_code, over.json()["code"]) == (409, "IMPORT_OVER")
	body = {"metric_id": metric["id"], "rows": rows_of(30)}
	assert (await client.post(BULK, headers=alice.headers, json=body)).status_code == 200


async def test_an_import_that_nobody_goes_on_with_is_ended_by_night(
	client: httpx.AsyncClient,
	alice: Person,
	metric: dict[str, Any],
	worker: TaskWorker,
	monkeypatch: pytest.MonkeyPatch,
	admin_url: str,
) -> None:
	"""Each worker that took it was killed, until its retries were used up: rows lie hidden."""
	monkeypatch.setattr(bulk, "CHUNK", 7)
	going = await another(client, alice, "GOING")
	dead, alive, fresh = [
		await upload(client, alice, metric_id, lines(rows_of(30)))
		for metric_id in (metric["id"], going, await another(client, alice, "FRESH"))
	]
	taken, take = 0, bulk._take

	async def killed(*given: Any) -> None:
		nonlocal taken
		taken += 1
		if taken % 3 == 0:
			raise Killed
		await take(*given)

	monkeypatch.setattr(bulk, "_take", killed)
	for one in (dead, alive, fresh):
		with pytest.raises(Killed):
			await run_job(worker, alice, one)
	monkeypatch.setattr(bulk, "_take", take)
	context: Any = SimpleNamespace(job=SimpleNamespace(id=new_job(), attempts=0))
	connection = await asyncpg.connect(admin_url)
	try:
		await connection.execute(
			"update procrastinate_jobs set status = 'failed' "
			"where args -> 'ids' ->> 'import_id' = any($1)", [dead, fresh],
		)  # fmt: skip
		await connection.execute(
			"update bulk_imports set updated_at = updated_at - interval '2 hours' "
			"where id = any($1::uuid[])", [dead, alive],
		)  # fmt: skip
		await worker.run_job(bulk_tasks.end_abandoned, context, tenant=alice.tenant_id)
		queued = await connection.fetch(
			"select args -> 'ids' ->> 'import_id' as id, args ->> 'user' as who "
			"from procrastinate_jobs where status = 'todo' and args ->> 'tenant' = $1 order by id",
			alice.tenant_id,
		)
		assert [tuple(row) for row in queued] == sorted([(alive, alice.user_id), (dead, None)])
		again: Any = SimpleNamespace(job=SimpleNamespace(id=new_job(), attempts=0))
		ids = {"import_id": dead}
		await worker.run_job(tasks.take_bulk, again, tenant=alice.tenant_id, ids=ids)
		left = await connection.fetchval(
			"select (select count(*) from esg_measurements where import_id = $1) + "
			"(select count(*) from esg_measurements_staged where import_id = $1) + "
			"(select count(*) from file_holds where subject_id = $1)", dead,
		)  # fmt: skip
	finally:
		await connection.close()
	assert left == 0
	told = {
		one: (await client.get(f"{BULK}/{one}", headers=alice.headers)).json()
		for one in (dead, alive, fresh)
	}
	assert [told[one]["state"] for one in (dead, alive, fresh)] == ["failed", "running", "running"]
	assert "Bring the file again" in told[dead]["failure"]
	await run_job(worker, alice, alive)
	assert len(await listed(client, alice, going)) == 30


async def test_a_row_recorded_by_somebody_meanwhile_is_not_taken_twice(
	client: httpx.AsyncClient,
	alice: Person,
	metric: dict[str, Any],
	worker: TaskWorker,
	monkeypatch: pytest.MonkeyPatch,
) -> None:
	rows, take = rows_of(5), bulk._take
	for mode, state, count in (("all", "failed", 1), ("valid", "done", 5)):
		import_id = await upload(client, alice, metric["id"], lines(rows), mode)
		meanwhile = rows[3] | {"value": 1}

		async def raced(*given: Any, body: Any = meanwhile) -> None:
			own = f"{METRICS}/{metric['id']}/measurements"
			await client.post(own, headers=alice.headers, json=body)
			await take(*given)

		monkeypatch.setattr(bulk, "_take", raced)
		await run_job(worker, alice, import_id)
		told = (await client.get(f"{BULK}/{import_id}", headers=alice.headers)).json()
		assert (told["state"], told["refused"]) == (state, 1)
		assert told["problems"][0]["row"] == 4
		kept = await listed(client, alice, metric["id"])
		kept = [row for row in kept if row["status"] == "standing"]
		assert len(kept) == count
		assert [
			row["value"] for row in kept if row["measurement_date"] == rows[3]["measurement_date"]
		] == [1]
		if mode == "all":
			gone = f"{METRICS}/{metric['id']}/measurements/{kept[0]['id']}"
			assert (await client.delete(gone, headers=alice.headers)).status_code == 204


async def test_a_table_with_bad_rows_is_reported_line_by_line(
	client: httpx.AsyncClient, alice: Person, metric: dict[str, Any], worker: TaskWorker
) -> None:
	table = (
		b"Metric;Value [kwh];Date;Period start;Period end;Source\r\n"
		b"ENERGY;10.5;2024-01-31;2024-01-01;2024-01-31;meter\r\n"
		b";;;;;\r\n"
		b"ENERGY;=1+1;2024-02-29;2024-02-01;2024-02-29;meter\r\n"
		b"ENERGY;12;29.02.2024;;;meter\r\n"
	)
	refused = await upload(client, alice, metric["id"], table)
	await run_job(worker, alice, refused)
	told = (await client.get(f"{BULK}/{refused}", headers=alice.headers)).json()
	assert (told["state"], told["rows"], told["taken"], told["refused"]) == ("failed", 3, 0, 2)
	assert await listed(client, alice, metric["id"]) == []
	report = await client.get(f"{BULK}/{refused}/report.csv", headers=alice.headers)
	rows = report.text.removeprefix("\ufeff").splitlines()
	assert rows[0] == "Row,Field,Value,Reason,Remedy"
	assert rows[1].startswith("4,value,'=1+1,\"This is not a number")
	assert rows[2].startswith("5,measurement_date,29.02.2024,")
	taken = await upload(client, alice, metric["id"], table, "valid")
	await run_job(worker, alice, taken)
	kept = await listed(client, alice, metric["id"])
	assert [(row["value"], row["period_end"]) for row in kept] == [(10.5, "2024-02-01T00:00:00Z")]
	strange = await upload(client, alice, metric["id"], b"Value,Colour\n1,red\n")
	with pytest.raises(GiveUp):
		await run_job(worker, alice, strange)
	told = (await client.get(f"{BULK}/{strange}", headers=alice.headers)).json()
	assert told["state"] == "failed"
	assert "“Colour” is not known" in told["failure"]


async def test_a_file_goes_in_by_the_page_and_its_bad_rows_are_shown(
	client: httpx.AsyncClient, alice: Person, metric: dict[str, Any], worker: TaskWorker
) -> None:
	place = "/esg/measurements/imports"
	form = await client.get(f"{place}/new?metric_id={metric['id']}", headers=alice.headers)
	assert "Electricity (ENERGY)" in form.text
	empty = await client.post(f"{place}/new", headers=alice.headers, data={"mode": "valid"})
	assert (empty.status_code, "Choose a file." in empty.text) == (422, True)
	made = await client.post(
		f"{place}/new",
		headers=alice.headers,
		data={"mode": "valid", "metric_id": metric["id"]},
		files={"file": ("meter.csv", b"value,measurement_date\n1,2024-01-31\nx<b>,2024-02-29\n")},
	)
	own = made.headers.get("hx-redirect") or made.headers["location"]
	page = await client.get(own, headers=alice.headers)
	assert "Reading and checking every row" in page.text
	assert "<progress" in (await client.get(f"{own}/progress", headers=alice.headers)).text
	await run_job(worker, alice, own.rsplit("/", 1)[1].split("?")[0])
	page = await client.get(own, headers=alice.headers)
	assert "On record: 1 rows. Left out: 1." in page.text
	assert "<code>x&lt;b&gt;</code>" in page.text
	report = await client.get(f"{own}/report.csv", headers=alice.headers)
	assert report.text.splitlines()[1].startswith("3,value,x<b>,")
	template = await client.get(f"{place}/template.csv", headers=alice.headers)
	file = {"file": ("template.csv", template.content)}
	again = await client.post(f"{BULK}/files", headers=alice.headers, files=file)
	await run_job(worker, alice, again.json()["id"])
	told = (await client.get(f"{BULK}/{again.json()['id']}", headers=alice.headers)).json()
	assert (told["state"], told["taken"]) == ("done", 1), told


@pytest.mark.parametrize("form", ["csv", "xlsx"])
async def test_an_export_is_taken_back_unchanged(
	client: httpx.AsyncClient,
	alice: Person,
	charlie: Person,
	metric: dict[str, Any],
	worker: TaskWorker,
	form: str,
) -> None:
	rows = rows_of(8)
	rows[0] |= {"value": "-99999999999999.999999", "data_source": "=cmd|' /C calc'!A0"}
	rows[1] |= {"data_source": "'=quoted", "notes": "two\nlines; and, more", "evidence": "@SUM(A1)"}
	rows[2] |= {"data_source": "-5", "metadata": {"exact": 0.1, "text": "=1+1"}}
	body = {"metric_id": metric["id"], "rows": rows}
	assert (await client.post(BULK, headers=alice.headers, json=body)).status_code == 200
	export = f"{METRICS}/{metric['id']}/measurements/export?format={form}"
	first = await client.get(export, headers=alice.headers)
	assert first.status_code == 200, first.text
	if form == "csv":
		assert ",=cmd" not in first.text
	other = await another(client, charlie, "ENERGY")
	file = {"file": (f"again.{form}", first.content)}
	made = (await client.post(f"{BULK}/files", headers=charlie.headers, files=file)).json()
	await run_job(worker, charlie, made["id"])
	told = (await client.get(f"{BULK}/{made['id']}", headers=charlie.headers)).json()
	assert (told["state"], told["taken"], told["problems"]) == ("done", 8, [])
	users = {"created_by", "updated_by", *OWN}
	before, after = [
		[{k: v for k, v in row.items() if k not in users and "score" not in k and k != "quality_flags"}
		for row in await listed(client, who, own)]
		for who, own in ((alice, metric["id"]), (charlie, other))
	]  # fmt: skip
	assert after == before


async def test_imports_of_others_do_not_exist(
	client: httpx.AsyncClient, alice: Person, charlie: Person, metric: dict[str, Any]
) -> None:
	body = {"metric_id": metric["id"], "rows": rows_of(1)}
	made = (await client.post(BULK, headers=alice.headers, json=body)).json()
	assert (await client.get(f"{BULK}/{made['id']}", headers=charlie.headers)).status_code == 404
	refused = await client.post(BULK, headers=charlie.headers, json=body)
	assert refused.status_code == 422
	assert "no such metric" in refused.text or "names no metric" in refused.text
