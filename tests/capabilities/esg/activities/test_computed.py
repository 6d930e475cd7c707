"""Metrics that are computed from records: entered once, shown by month, never typed in."""

from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from tests.people import Person

from apg.capabilities.esg.activities import computed
from apg.contracts import esg as contract
from apg.kernel.work import open_work

ESG = "/api/v1/esg"
METRIC: dict[str, Any] = {
	"name": "Electricity, all sites",
	"code": "ELECTRICITY",
	"metric_type": "environmental",
	"category": "energy",
	"unit": "MWh",
	"source": "activity",
	"automation_config": {"activity": {"code": "electricity.grid"}},
}
CLASSES = {one.name: one for one in computed.EVENTS}


class Office:
	"""Alice's calls, and the consumer of the log run by hand over what was published."""

	def __init__(self, app: FastAPI, client: httpx.AsyncClient, person: Person, log: str) -> None:
		self.app, self.client, self.person, self.log = app, client, person, log
		self.read: set[int] = set()

	async def call(self, method: str, path: str, body: Any = None, status: int = 0) -> Any:
		answer = await self.client.request(
			method, ESG + path, headers=self.person.headers, json=body
		)
		assert answer.status_code == status or (not status and answer.status_code < 300), (
			answer.text
		)
		return answer.json() if answer.content else None

	async def follow(self) -> None:
		"""What the relay does with the company's new events."""
		reader = await asyncpg.connect(self.log)
		rows = await reader.fetch(
			"select seq, name, body::text from event_log where tenant_id = $1 order by xid, seq",
			self.person.tenant_id,
		)
		await reader.close()
		runtime = self.app.state.runtime
		async with open_work(runtime, self.person.principal, action="test", origin="task") as work:
			for seq, name, body in rows:
				if seq in self.read:
					continue
				self.read.add(seq)
				if name in CLASSES:
					await computed.follow(work, CLASSES[name].model_validate_json(body))
					await work.flush()

	async def months(self, metric: dict[str, Any]) -> dict[str, Any]:
		rows = await self.call("GET", f"/metrics/{metric['id']}/measurements")
		return {row["period_start"][:7]: row["value"] for row in rows}


@pytest.fixture
async def office(app: FastAPI, client: httpx.AsyncClient, alice: Person, admin_url: str) -> Office:
	made = Office(app, client, alice, admin_url)
	await made.call("POST", "/sites", {"code": "LEEDS", "name": "Leeds", "country": "GB"})
	return made


def bill(month: int, quantity: float, **more: Any) -> dict[str, Any]:
	return {
		"site_code": "LEEDS",
		"activity_code": "electricity.grid",
		"quantity": quantity,
		"unit": "kWh",
		"period_start": f"2024-{month:02d}-01T00:00:00Z",
		"period_end": f"2024-{month + 1:02d}-01T00:00:00Z",
	} | more


async def test_records_become_months_and_corrections_follow(office: Office) -> None:
	metric = await office.call("POST", "/metrics", METRIC)
	first = await office.call("POST", "/activities", bill(1, 1500))
	await office.call("POST", "/activities", bill(1, 500, meter="E-2"))
	await office.call("POST", "/activities/batch", {"records": [bill(2, 700), bill(3, 300)]})
	await office.call("POST", "/activities", bill(2, 9, activity_code="fuels.diesel", unit="L"))
	await office.follow()
	assert await office.months(metric) == {"2024-01": 2, "2024-02": 0.7, "2024-03": 0.3}
	now = await office.call("GET", f"/metrics/{metric['id']}")
	assert now["current_value"] == 0.3
	await office.call(
		"POST", f"/activities/{first['id']}/correct", {"quantity": 1600, "reason": "typo"}
	)
	await office.follow()
	assert (await office.months(metric))["2024-01"] == 2.1
	every = await office.call(
		"GET", f"/metrics/{metric['id']}/measurements?include_superseded=true"
	)
	january = [row for row in every if row["period_start"].startswith("2024-01")]
	told = {(row["status"], row["value"]) for row in january}
	assert told >= {("standing", 2.1), ("superseded", 2)}
	assert [row["status"] for row in january].count("standing") == 1
	await office.call("POST", f"/activities/{first['id']}/withdraw", {"reason": "not ours"})
	await office.follow()
	assert (await office.months(metric))["2024-01"] == 0.5


async def test_a_month_without_records_has_no_value(office: Office) -> None:
	metric = await office.call("POST", "/metrics", METRIC)
	only = await office.call("POST", "/activities", bill(1, 1500))
	await office.follow()
	assert await office.months(metric) == {"2024-01": 1.5}
	await office.call("POST", f"/activities/{only['id']}/withdraw", {"reason": "not ours"})
	await office.follow()
	assert await office.months(metric) == {}
	assert (await office.call("GET", f"/metrics/{metric['id']}"))["current_value"] is None
	await office.call("POST", "/activities", bill(1, 800))
	await office.follow()
	assert await office.months(metric) == {"2024-01": 0.8}


async def test_what_is_there_already_is_computed_when_the_metric_comes(office: Office) -> None:
	await office.call("POST", "/activities", bill(1, 1500))
	crossing = bill(2, 600, period_end="2024-04-01T00:00:00Z")
	await office.call("POST", "/activities", crossing)
	await office.follow()
	metric = await office.call("POST", "/metrics", METRIC)
	await office.follow()
	# 600 kWh over 29 and 31 days.
	assert await office.months(metric) == {"2024-01": 1.5, "2024-02": 0.29, "2024-03": 0.31}
	rows = await office.call("GET", f"/metrics/{metric['id']}/measurements")
	told = {row["period_start"][:7]: row for row in rows}
	assert told["2024-02"]["metadata"]["split"] == 1
	assert told["2024-02"]["collection_method"] == "estimated"
	assert told["2024-01"]["collection_method"] == "calculated"


async def test_a_site_filter_leaves_the_others_out(office: Office) -> None:
	york = await office.call("POST", "/sites", {"code": "YORK", "name": "York", "country": "GB"})
	config = {"activity": {"code": "electricity.grid", "site_ids": [york["id"]]}}
	metric = await office.call("POST", "/metrics", METRIC | {"automation_config": config})
	await office.call("POST", "/activities", bill(1, 1000))
	await office.call("POST", "/activities", bill(1, 50, site_code="YORK"))
	await office.follow()
	assert await office.months(metric) == {"2024-01": 0.05}


async def test_events_that_come_again_change_nothing(office: Office) -> None:
	metric = await office.call("POST", "/metrics", METRIC)
	await office.call("POST", "/activities", bill(1, 1500))
	await office.follow()
	path = f"/metrics/{metric['id']}/measurements?include_superseded=true"
	before = await office.call("GET", path)
	office.read.clear()
	await office.follow()
	assert await office.call("GET", path) == before


async def test_nobody_types_a_computed_value(office: Office) -> None:
	metric = await office.call("POST", "/metrics", METRIC)
	await office.call("POST", "/activities", bill(1, 1500))
	await office.follow()
	path = f"/metrics/{metric['id']}/measurements"
	(row,) = await office.call("GET", path)
	reading = {"value": 1, "measurement_date": "2024-05-31T00:00:00Z"}
	refused = await office.call("POST", path, reading, 409)
	assert refused["code"] == "METRIC_IS_COMPUTED"
	await office.call("PATCH", f"{path}/{row['id']}", {"value": 2, "reason": "better"}, 409)
	await office.call("DELETE", f"{path}/{row['id']}", None, 409)
	assert await office.months(metric) == {"2024-01": 1.5}


@pytest.mark.parametrize(
	("change", "field"),
	[
		({"automation_config": {}}, "automation_config"),
		({"automation_config": {"activity": {"code": "no code"}}}, "activity_code"),
		({"unit": "EUR"}, "unit"),
		({"measurement_period": "yearly"}, "measurement_period"),
	],
)
async def test_a_computed_metric_says_what_it_is_made_of(
	office: Office, change: dict[str, Any], field: str
) -> None:
	refused = await office.call("POST", "/metrics", METRIC | change, 422)
	assert field in {detail["field"] for detail in refused["details"]}
	assert await office.call("GET", "/metrics") == []


async def test_the_page_says_so_and_leads_to_the_records(office: Office) -> None:
	metric = await office.call("POST", "/metrics", METRIC)
	await office.call("POST", "/activities", bill(1, 1500))
	await office.follow()
	headers = office.person.headers | {"accept": "text/html"}
	page = await office.client.get(f"/esg/metrics/{metric['id']}", headers=headers)
	assert "Computed metric" in page.text
	assert "/esg/activities?activity_code=electricity.grid" in page.text
	trace = await office.client.get(f"/esg/metrics/{metric['id']}/trace/value", headers=headers)
	assert "The sum of 1 activity records" in trace.text
	assert "from=2024-01-01" in trace.text


def test_every_event_that_moves_records_is_followed() -> None:
	moving = {
		contract.ActivityRecorded,
		contract.ActivitiesRecorded,
		contract.ActivityCorrected,
		contract.ActivityWithdrawn,
	}
	assert moving <= set(computed.EVENTS)
