"""Readings go when their days are over, of the company that has them, and the trail tells it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import ValidationError
from sqlalchemy import text
from tests.capabilities.esg.conftest import METRICS
from tests.people import Person

from apg.app import make_runtime
from apg.cli.doctor import _retention  # pyright: ignore[reportPrivateUsage]
from apg.kernel import retention
from apg.kernel.principal import Principal
from apg.kernel.settings import Settings
from apg.kernel.work import Origin, open_work
from apg.kernel.worker import Run

DAYS = 400


async def removed(settings: Settings, person: Person, days: dict[str, int]) -> None:
	"""One night of the company."""
	chosen = settings.model_copy(update={"retention_days": days})
	runtime = make_runtime(chosen, role="apg_worker")
	try:
		system = Principal.system(person.tenant_id)
		await retention.remove_expired(Run(runtime, system, retention.remove_expired, "all", 1, 1))
	finally:
		await runtime.engine.dispose()


async def readings(client: httpx.AsyncClient, person: Person, metric: dict[str, Any]) -> list[str]:
	answer = await client.get(f"{METRICS}/{metric['id']}/measurements", headers=person.headers)
	return sorted(one["measurement_date"] for one in answer.json())


@pytest.fixture
async def dates(client: httpx.AsyncClient, alice: Person, metric: dict[str, Any]) -> list[str]:
	"""Three readings: two beyond the days, one within."""
	now = datetime.now(UTC).replace(microsecond=0)
	moments = [now - timedelta(days=n) for n in (1_500, DAYS + 1, DAYS - 1)]
	for moment in moments:
		body = {"value": 1, "measurement_date": moment.isoformat()}
		path = f"{METRICS}/{metric['id']}/measurements"
		made = await client.post(path, headers=alice.headers, json=body)
		assert made.status_code == 201, made.text
	return [moment.isoformat().replace("+00:00", "Z") for moment in moments]


async def test_only_what_is_older_goes_and_the_trail_tells(
	app: FastAPI,
	settings: Settings,
	client: httpx.AsyncClient,
	alice: Person,
	charlie: Person,
	metric: dict[str, Any],
	dates: list[str],
	monkeypatch: pytest.MonkeyPatch,
) -> None:
	monkeypatch.setattr(retention, "CHUNK", 1)
	await removed(settings, charlie, {"esg.measurements": DAYS})
	assert await readings(client, alice, metric) == dates
	await removed(settings, alice, {})
	await removed(settings, alice, {"esg.nothing": DAYS})
	assert await readings(client, alice, metric) == dates
	await removed(settings, alice, {"esg.measurements": DAYS})
	assert await readings(client, alice, metric) == dates[2:]
	system = Principal.system(alice.tenant_id)
	async with open_work(app.state.runtime, system, action="tests", origin=Origin("task")) as work:
		told = await (await work.connection()).execute(
			text(
				"select action, (after ->> 'rows')::int from audit_entries "
				"where table_name = 'esg_measurements' and after ->> 'verb' = 'delete' order by seq"
			)
		)
		entries = [tuple(row) for row in told]
	assert entries == [("kernel.retention.remove_expired", 1)] * 2


def test_the_doctor_names_a_class_that_nobody_declares(app: FastAPI) -> None:
	whole = app.state.runtime.composition
	days = {"esg.measurements": DAYS, "esg.nothing": DAYS}
	found = _retention(Settings(retention_days=days), whole)
	assert [(one.state, one.found) for one in found] == [
		("ok", "esg.measurements: 400 days"),
		("bad", "no class esg.nothing"),
	]


def test_less_than_a_month_is_taken_for_a_mistake() -> None:
	with pytest.raises(ValidationError, match="retention_days"):
		Settings(retention_days={"esg.measurements": 29})
