"""The journey on the pages: a site, bills, a calculation, the trace, a correction, the difference."""

import re
from typing import Any

import httpx
import pytest
from tests.capabilities.esg.calculations.test_api import ELECTRICITY, FACTOR, Alice, api
from tests.people import Person

__all__ = ["api"]


class Pages:
	"""Pages as a person opens and sends them, with the session of the API's token."""

	def __init__(self, client: httpx.AsyncClient, person: Person) -> None:
		self.client, self.person = client, person

	async def open(self, path: str, status: int = 200) -> str:
		headers = self.person.headers | {"accept": "text/html"}
		answer = await self.client.get(path, headers=headers)
		assert answer.status_code == status, (path, answer.status_code, answer.text[:400])
		return answer.text

	async def send(
		self, path: str, fields: dict[str, Any], status: int = 303, files: Any = None
	) -> httpx.Response:
		headers = self.person.headers | {"accept": "text/html"}
		answer = await self.client.post(path, headers=headers, data=fields, files=files)
		assert answer.status_code == status, (path, answer.status_code, answer.text[:600])
		return answer


@pytest.fixture
def pages(client: httpx.AsyncClient, alice: Person) -> Pages:
	return Pages(client, alice)


async def test_a_site_by_form(pages: Pages, client: httpx.AsyncClient, alice: Person) -> None:
	assert "No site yet" in await pages.open("/esg/sites")
	form = await pages.open("/esg/sites/new")
	assert "United Kingdom" in form
	fields = {"name": "Leeds works", "code": "LEEDS", "country": "GB", "is_active": "true"}
	refused = await pages.send("/esg/sites/new", fields | {"region": "DE-BY"}, 422)
	assert "must lie in the country" in refused.text
	made = await pages.send("/esg/sites/new", fields)
	place = made.headers["location"]
	assert "Leeds works" in await pages.open(place)
	assert "LEEDS" in await pages.open(f"{place}/edit")
	await pages.send(f"{place}/edit", fields | {"name": "Leeds, hall 2"})
	assert "Leeds, hall 2" in await pages.open("/esg/sites")
	await pages.send(f"{place}/delete", {})
	assert "No site yet" in await pages.open("/esg/sites")


async def test_from_a_bill_to_a_traced_figure_and_its_correction(pages: Pages, api: Alice) -> None:
	await api.approve(FACTOR)
	await api.approve(ELECTRICITY)
	(site,) = await api.get("/sites")
	entry = await pages.open(f"/esg/activities/new?site_id={site['id']}")
	assert f'value="{site["id"]}" selected' in entry
	bill = {
		"site_id": site["id"],
		"activity_code": "fuels.natural_gas",
		"quantity": "1000",
		"unit": "kWh (gross CV)",
		"first_day": "2024-01-01",
		"last_day": "2024-01-31",
		"quality": "measured",
		"locator": "page 1",
	}
	file = {"file": ("bill.txt", b"January 2024: 1000 kWh gross\n", "text/plain")}
	wrong = await pages.send("/esg/activities/new", bill | {"unit": "therm"}, 422, file)
	assert "has no single meaning" in wrong.text
	assert await api.get("/activities") == []
	made = await pages.send("/esg/activities/new", bill, files=file)
	place = made.headers["location"]
	(record,) = await api.get("/activities")
	assert record["period_end"] == "2024-02-01T00:00:00Z"
	shown = await pages.open(place)
	for words in ("1,000", "bill.txt", "page 1", "Leeds works", "Draft"):
		assert words in shown, words
	listed = await pages.open("/esg/activities?search=natural")
	assert "Approve all open records of this page (1)" in listed
	await pages.send("/esg/activities/approve", {"activity_ids[]": [record["id"]]})
	assert (await api.get("/activities"))[0]["state"] == "approved"

	assert "AR5" in await pages.open("/esg/calculations/new")
	empty = {"title": "1999", "gwp_set": "AR5", "first_day": "1999-01-01"}
	nothing = await pages.send("/esg/calculations/new", empty | {"last_day": "1999-12-31"}, 422)
	assert "No record stands in this selection" in nothing.text
	done = await pages.send(
		"/esg/calculations/new",
		{"title": "2024", "gwp_set": "AR5", "first_day": "2024-01-01", "last_day": "2024-12-31"},
	)
	run = done.headers["location"]
	whole = await pages.open(run)
	assert "180.432" in whole
	found = re.search(rf'href="({run}/lines/[0-9a-f-]+/trace)"', whole)
	assert found is not None
	trace = await pages.open(found[1])
	for words in (
		"1000 kWh (gross CV) × 0.1804325 kgCO2e/kWh (gross CV) = 180.4325 kgCO2e",
		"bill.txt",
		"page 1",
		"Invented for a test",
		"AR5",
		"version 1",
	):
		assert words in trace, words

	form = await pages.open(f"{place}/correct")
	assert 'value="1000"' in form
	fields = dict(re.findall(r'name="(to_\w+)"[^>]*value="([^"]*)"', form))
	fields |= {"to_quality": "measured", "to_note": "", "to_document_id": record["document_id"]}
	unchanged = await pages.send(f"{place}/correct", fields | {"to_reason": "no"}, 422)
	assert "Nothing is changed yet" in unchanged.text
	await pages.send(
		f"{place}/correct", fields | {"to_quantity": "1100", "to_reason": "digits swapped"}
	)
	corrected = await pages.open(place)
	for words in ("1,100", "digits swapped", "made version 2"):
		assert words in corrected, words
	assert "180.432" in await pages.open(run)
	again = await pages.send(f"{run}/rerun", {"mode": "same"})
	assert "Proved" in await pages.open(again.headers["location"])
	now = await pages.send(f"{run}/rerun", {"mode": "present"})
	beside = await pages.open(now.headers["location"])
	for words in ("180.432", "198.476", "18.0432", "the record was corrected", "version 1 → 2"):
		assert words in beside, words
	assert "2024" in await pages.open("/esg/calculations")
	await pages.open(f"{place}/withdraw")
	await pages.send(f"{place}/withdraw", {"withdraw_reason": "entered for a test"})
	assert "entered for a test" in await pages.open(place)


async def test_gaps_are_told(pages: Pages, api: Alice) -> None:
	await api.record(1, activity_code="unknown.thing")
	run = await api.calculate()
	page = await pages.open(f"/esg/calculations/{run['id']}?missing=true")
	assert "No factor knows this activity code." in page
	(line,) = await api.get(f"/calculations/{run['id']}/lines")
	trace = await pages.open(f"/esg/calculations/{run['id']}/lines/{line['id']}/trace")
	assert "a gap, not zero" in trace
