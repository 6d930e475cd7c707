"""Large files: checked and taken by a worker, with progress, all or nothing."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.people import Person

from apg.app import make_runtime
from apg.capabilities.esg.factor_files import service, tasks
from apg.kernel.database import role_url
from apg.kernel.events import GiveUp
from apg.kernel.roles import role_password
from apg.kernel.runtime import Runtime
from apg.kernel.settings import Settings
from apg.kernel.tasks import Task
from apg.kernel.worker import TaskWorker

IMPORTS = "/api/v1/esg/imports"
HEAD = "activity_code,unit,valid_from,co2e\n"
TABLE = (HEAD + "".join(f"heat.plant_{n},kWh,2020,0.{n:04}\n" for n in range(1, 900))).encode()


@pytest.fixture(autouse=True)
def _all_files_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
	monkeypatch.setattr(service, "SMALL", 1_000)


@pytest.fixture
async def worker(settings: Settings, app: FastAPI) -> AsyncIterator[TaskWorker]:
	"""A worker with the rights of workers; each job is run by hand."""
	runtime: Runtime = make_runtime(settings, role="apg_worker")
	runtime.state.update(app.state.runtime.state)
	url = role_url(settings, "apg_worker", role_password(runtime.root_key, "apg_worker"))
	yield TaskWorker(runtime, runtime.state["authenticator"].principal_of, url)
	await runtime.engine.dispose()


async def run_job(worker: TaskWorker, task: Task, who: Person, import_id: str) -> None:
	context: Any = SimpleNamespace(job=SimpleNamespace(id=1, attempts=0))
	await worker.run_job(
		task, context, tenant=who.tenant_id, user=who.user_id, ids={"import_id": import_id}
	)


async def upload(client: httpx.AsyncClient, who: Person, content: bytes) -> dict[str, Any]:
	made = await client.post(IMPORTS, headers=who.headers, files={"file": ("x.csv", content)})
	assert made.status_code == 201, made.text
	return made.json()


async def test_a_large_file_is_worked_off_in_the_background(
	client: httpx.AsyncClient, alice: Person, worker: TaskWorker
) -> None:
	made = await upload(client, alice, TABLE)
	place = f"{IMPORTS}/{made['id']}"
	assert (made["state"], made["counts"]) == ("uploaded", {})
	held = (await client.get(place, headers=alice.headers)).json()
	assert held["progress"]["state"] == "waiting"
	early = await client.post(f"{place}/accept", headers=alice.headers)
	assert early.json()["code"] == "IMPORT_NOT_OPEN"
	await run_job(worker, tasks.check_import, alice, made["id"])
	held = (await client.get(place, headers=alice.headers)).json()
	assert (held["state"], held["counts"]["added"]) == ("staged", 899)
	accepted = await client.post(f"{place}/accept", headers=alice.headers)
	assert accepted.json()["state"] == "running"
	listed = await client.get("/api/v1/esg/factors?layer=tenant", headers=alice.headers)
	assert listed.json() == []
	for _time in range(2):  # the second run finds it done
		await run_job(worker, tasks.take_import, alice, made["id"])
	held = (await client.get(place, headers=alice.headers)).json()
	assert held["state"] == "done"
	listed = await client.get("/api/v1/esg/factors?layer=tenant&limit=1000", headers=alice.headers)
	assert len(listed.json()) == 899


async def test_a_large_file_that_cannot_be_read_fails_with_the_reason(
	client: httpx.AsyncClient, alice: Person, worker: TaskWorker
) -> None:
	made = await upload(client, alice, b"a,b\n" + b"1,2\n" * 500)
	with pytest.raises(GiveUp):
		await run_job(worker, tasks.check_import, alice, made["id"])
	held = (await client.get(f"{IMPORTS}/{made['id']}", headers=alice.headers)).json()
	assert held["state"] == "failed"
	assert "The headings belong to no file of factors that is known." in held["failure"]


async def test_a_waiting_import_is_cancelled_at_once(
	client: httpx.AsyncClient, alice: Person, worker: TaskWorker
) -> None:
	made = await upload(client, alice, TABLE)
	place = f"{IMPORTS}/{made['id']}"
	gone = await client.post(f"{place}/cancel", headers=alice.headers)
	assert gone.json()["state"] == "cancelled"
	await run_job(worker, tasks.check_import, alice, made["id"])
	held = (await client.get(place, headers=alice.headers)).json()
	assert (held["state"], held["counts"]) == ("cancelled", {})
