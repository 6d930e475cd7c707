"""Calculations of many records: by a worker in pieces, and going on where a piece ended."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.capabilities.esg.calculations.test_api import FACTOR, Alice, api

from apg.app import make_runtime
from apg.capabilities.esg.calculations import running, service, tasks
from apg.capabilities.esg.calculations.models import CalculationRun
from apg.kernel.database import role_url
from apg.kernel.roles import role_password
from apg.kernel.runtime import Runtime
from apg.kernel.settings import Settings
from apg.kernel.work import open_work
from apg.kernel.worker import TaskWorker

__all__ = ["api"]


@pytest.fixture
async def worker(settings: Settings, app: FastAPI) -> AsyncIterator[TaskWorker]:
	"""A worker with the rights of workers; each job is run by hand."""
	runtime: Runtime = make_runtime(settings, role="apg_worker")
	runtime.state.update(app.state.runtime.state)
	url = role_url(settings, "apg_worker", role_password(runtime.root_key, "apg_worker"))
	yield TaskWorker(runtime, runtime.state["authenticator"].principal_of, url)
	await runtime.engine.dispose()


async def run_job(worker: TaskWorker, api: Alice, run_id: str) -> None:
	context: Any = SimpleNamespace(job=SimpleNamespace(id=1, attempts=0))
	who = api.person
	await worker.run_job(
		tasks.calculate, context, tenant=who.tenant_id, user=who.user_id, ids={"run_id": run_id}
	)


async def test_many_records_are_calculated_by_a_worker_and_sealed_alike(
	api: Alice, worker: TaskWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
	await api.approve(FACTOR)
	for n in range(1, 8):
		await api.record(n)
	direct = await api.calculate()
	monkeypatch.setattr(service, "DIRECT", 3)
	monkeypatch.setattr(running.advance, "__defaults__", (2,))
	waiting = await api.calculate()
	assert (waiting["state"], waiting["record_count"], waiting["line_count"]) == ("running", 7, 0)
	refused = await api.post(f"/calculations/{waiting['id']}/rerun", {"mode": "same"}, 409)
	assert refused["code"] == "CALCULATION_NOT_DONE"
	# A record that comes meanwhile is none of this run.
	await api.record(8)
	await run_job(worker, api, waiting["id"])
	done = await api.get(f"/calculations/{waiting['id']}")
	assert (done["state"], done["line_count"]) == ("done", 7)
	assert done["seal"] == direct["seal"]
	assert done["co2e"] == direct["co2e"]


async def test_a_run_that_was_stopped_goes_on_where_it_was(
	api: Alice, app: FastAPI, worker: TaskWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
	await api.approve(FACTOR)
	for n in range(1, 6):
		await api.record(n)
	direct = await api.calculate()
	monkeypatch.setattr(service, "DIRECT", 3)
	run = await api.calculate()
	async with open_work(
		app.state.runtime, api.person.principal, action="test", origin="task"
	) as work:
		held = await work.edit(CalculationRun, run["id"])
		assert await running.advance(work, held, 2) == 2
	assert len(await api.get(f"/calculations/{run['id']}/lines")) == 2
	await run_job(worker, api, run["id"])
	done = await api.get(f"/calculations/{run['id']}")
	assert (done["state"], done["line_count"], done["seal"]) == ("done", 5, direct["seal"])


@pytest.mark.parametrize(
	("statement", "told"),
	[
		("update esg_calculation_runs set co2e = 1 where id = :id", "does not change"),
		("update esg_calculation_runs set state = 'running' where id = :id", "does not change"),
		("delete from esg_calculation_runs where id = :id", "permission denied"),
		("update esg_calculation_lines set co2e = 1 where run_id = :id", "permission denied"),
		("delete from esg_calculation_lines where run_id = :id", "permission denied"),
		(
			"insert into esg_calculation_lines select (jsonb_populate_record(l, jsonb_build_object("
			"'id', gen_random_uuid(), 'record_id', gen_random_uuid()))).* "
			"from esg_calculation_lines l where run_id = :id",
			"takes no more lines",
		),
	],
)
async def test_the_database_refuses_to_change_what_is_sealed(
	api: Alice, app: FastAPI, statement: str, told: str
) -> None:
	await api.approve(FACTOR)
	await api.record(1)
	run = await api.calculate()
	async with open_work(
		app.state.runtime, api.person.principal, action="test", origin="task"
	) as work:
		with pytest.raises(DBAPIError, match=told):
			await work.execute(text(statement), {"id": run["id"]})
		await work.close()
	assert await api.get(f"/calculations/{run['id']}") == run
