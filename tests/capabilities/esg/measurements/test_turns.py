"""Readings of one metric in parallel transactions: nothing is lost, the newest date stays current."""

import asyncio
from decimal import Decimal
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from tests.capabilities.esg.conftest import METRICS, reading
from tests.people import Person

from apg.capabilities.esg.measurements import service
from apg.capabilities.esg.measurements.schemas import MeasurementIn, MeasurementPatch
from apg.capabilities.esg.metrics import service as metrics
from apg.capabilities.esg.metrics.schemas import MetricPatch
from apg.kernel.errors import AppError, Conflict
from apg.kernel.work import Work, open_work


def begun(app: FastAPI, alice: Person, action: str) -> Any:
	return open_work(app.state.runtime, alice.principal, action=action, origin="task")


async def waits(task: "asyncio.Task[Any]", watcher: Work) -> None:
	"""Until the other transaction stands in front of a lock of this one."""
	for _ in range(200):
		if task.done():
			return
		held = await watcher.scalar(
			text(
				"select count(*) from pg_locks where not granted "
				"and pg_backend_pid() = any (pg_blocking_pids(pid))"
			)
		)
		if held:
			return
		await asyncio.sleep(0.01)
	raise AssertionError("the second transaction neither waits nor ends")


async def current(client: httpx.AsyncClient, alice: Person, metric: dict[str, Any]) -> Any:
	return (await client.get(f"{METRICS}/{metric['id']}", headers=alice.headers)).json()


@pytest.mark.parametrize("newer_first", [True, False])
async def test_the_newer_of_two_readings_at_once_is_current(
	app: FastAPI,
	client: httpx.AsyncClient,
	alice: Person,
	metric: dict[str, Any],
	newer_first: bool,
) -> None:
	bodies = [reading(10, "2026-01-31T00:00:00Z"), reading(20, "2026-02-28T00:00:00Z")]
	first, second = bodies[::-1] if newer_first else bodies

	async def later() -> None:
		async with begun(app, alice, "second") as work:
			await service.record(work, metric["id"], MeasurementIn.model_validate(second))

	async with begun(app, alice, "first") as work:
		await service.record(work, metric["id"], MeasurementIn.model_validate(first))
		task = asyncio.create_task(later())
		await waits(task, work)
		assert not task.done(), "the second one saw the metric without the first"
	await task
	now = await current(client, alice, metric)
	assert now["current_value"] == 20
	assert now["trend_analysis"]["periods"] == 2, "both readings count"


async def test_a_correction_and_a_new_reading_at_once(
	app: FastAPI, client: httpx.AsyncClient, alice: Person, metric: dict[str, Any]
) -> None:
	"""The correction renews the state; it must not renew it to what stood before the new reading."""
	path = f"{METRICS}/{metric['id']}/measurements"
	old = (
		await client.post(path, headers=alice.headers, json=reading(10, "2026-01-31T00:00:00Z"))
	).json()

	async def corrected() -> None:
		async with begun(app, alice, "second") as work:
			patch = MeasurementPatch(value=Decimal(11), reason="read wrongly")
			await service.correct(work, metric["id"], old["id"], patch)

	async with begun(app, alice, "first") as work:
		new = MeasurementIn.model_validate(reading(20, "2026-02-28T00:00:00Z"))
		await service.record(work, metric["id"], new)
		task = asyncio.create_task(corrected())
		await waits(task, work)
	await task
	assert (await current(client, alice, metric))["current_value"] == 20


async def test_one_of_many_equal_readings_is_taken(
	client: httpx.AsyncClient, alice: Person, metric: dict[str, Any]
) -> None:
	path = f"{METRICS}/{metric['id']}/measurements"
	answers = await asyncio.gather(
		*(
			client.post(path, headers=alice.headers, json=reading(n, "2026-01-31T00:00:00Z"))
			for n in range(8)
		)
	)
	assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
	assert len((await client.get(path, headers=alice.headers)).json()) == 1


async def test_many_readings_at_once_all_count(
	client: httpx.AsyncClient, alice: Person, metric: dict[str, Any]
) -> None:
	path = f"{METRICS}/{metric['id']}/measurements"
	bodies = [reading(n, f"2026-01-{n:02d}T00:00:00Z") for n in range(1, 21)]
	answers = await asyncio.gather(
		*(client.post(path, headers=alice.headers, json=body) for body in bodies)
	)
	assert {answer.status_code for answer in answers} == {201}
	assert (await current(client, alice, metric))["current_value"] == 20
	assert len((await client.get(path, headers=alice.headers)).json()) == 20


async def test_a_reading_holds_back_a_change_of_the_unit(
	app: FastAPI, client: httpx.AsyncClient, alice: Person, metric: dict[str, Any]
) -> None:
	async def other_unit() -> None:
		async with begun(app, alice, "second") as work:
			await metrics.change(work, metric["id"], MetricPatch(unit="MWh"))

	async with begun(app, alice, "first") as work:
		body = MeasurementIn.model_validate(reading(1, "2026-01-31T00:00:00Z"))
		await service.record(work, metric["id"], body)
		task = asyncio.create_task(other_unit())
		await waits(task, work)
	with pytest.raises(Conflict) as refused:
		await task
	assert refused.value.code == "UNIT_IN_USE"
	assert (await current(client, alice, metric))["unit"] == "kwh"


async def test_two_corrections_of_one_reading_leave_one(
	app: FastAPI, client: httpx.AsyncClient, alice: Person, metric: dict[str, Any]
) -> None:
	path = f"{METRICS}/{metric['id']}/measurements"
	old = (
		await client.post(path, headers=alice.headers, json=reading(1, "2026-01-31T00:00:00Z"))
	).json()

	async def correct(value: int) -> str:
		try:
			async with begun(app, alice, f"correct {value}") as work:
				patch = MeasurementPatch(value=Decimal(value), reason="read wrongly")
				await service.correct(work, metric["id"], old["id"], patch)
		except AppError as error:
			return error.code
		return "done"

	assert sorted(await asyncio.gather(correct(2), correct(3))) == [
		"MEASUREMENT_SUPERSEDED",
		"done",
	]
	standing = (await client.get(path, headers=alice.headers)).json()
	assert len(standing) == 1
	assert standing[0]["value"] == (await current(client, alice, metric))["current_value"]
