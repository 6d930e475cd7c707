"""Pages of factors and their files: the whole way of a new user, and what a page never runs."""

import html
import re
from typing import Any

import httpx
import pytest
from tests.people import Person

HOSTILE = "<script>alert('stored')</script>"
TABLE = (
	"activity_code,name,region,unit,valid_from,co2e,CO2,N2O,fuel\n"
	"heat.district,District heat,DE,kWh,2024,0.25,,,\n"
	"fuels.gas,Gas {name},DE,kWh,2024,0.2,,,yes\n"
)


class Desk:
	"""Somebody who reads pages and sends forms as htmx does."""

	def __init__(self, client: httpx.AsyncClient, who: Person) -> None:
		self.client, self.who = client, who

	async def open(self, path: str) -> httpx.Response:
		return await self.client.get(path, headers=self.who.headers | {"Accept": "text/html"})

	async def read(self, path: str) -> str:
		"""The text of a page as a person sees it, spaces joined."""
		answer = await self.open(path)
		assert answer.status_code == 200, answer.text
		inner = answer.text.partition("<main")[2]
		return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", inner)).split())

	async def send(self, path: str, **fields: Any) -> httpx.Response:
		told = self.who.headers | {"Accept": "text/html", "HX-Request": "true"}
		return await self.client.post(path, headers=told, **fields)

	async def lead(self, path: str, **fields: Any) -> str:
		answer = await self.send(path, **fields)
		assert answer.status_code == 204, answer.text
		return answer.headers["HX-Redirect"]


@pytest.fixture
def desk(client: httpx.AsyncClient, alice: Person) -> Desk:
	return Desk(client, alice)


async def test_a_new_user_takes_approves_and_finds_the_row(desk: Desk) -> None:
	assert "Import factors" in await desk.read("/esg/factors")  # other tests' packs are there
	page = await desk.lead("/esg/factor-files/shipped/uk-government-2020")
	text = await desk.read(page)
	assert "This is what the file holds. Nothing is taken yet." in text
	assert "kg CO2e of each gas 1,214 of 1,214 rows that can tell agree" in text
	assert "Sound factors 2,341 of 6,801 rows" in text
	assert "Quarantined 42" in text
	assert "“< 1” in row 520 is no number." in text
	assert "1–42 of 42 entries" in text
	assert "The figure is energy (kWh), not a greenhouse gas." in text
	assert await desk.lead(f"{page}/accept") == page
	done = await desk.open(page)
	source = re.search(r'href="(/esg/factor-sources/[^"]+)"', done.text)
	assert source is not None
	text = await desk.read(source[1])
	assert "Nobody approved this source yet" in text
	assert "OGL-UK-3.0" in text
	await desk.lead(f"{source[1]}/approve", data={})
	text = await desk.read(source[1])
	assert "Approved 2,341 factors · Alice" in text
	found = await desk.open("/esg/factors?search=steel")
	link = re.search(r'href="(/esg/factors/[0-9a-f-]{36})"', found.text)
	assert link is not None
	text = await desk.read("/esg/factors?search=steel+primary")
	assert "Metal: steel cans, Primary material production, Metal" in text
	assert "3,000.64" in text or "3,000.6364" in text
	assert "Approved" in text
	text = await desk.read(link[1])
	assert re.search(r"row 2\d\d\d|row 6\d\d\d", text)
	assert "uk_government_2020.csv" in text
	listed = await desk.read("/esg/factor-sources")
	assert "UK Government conversion factors 2020 2,341 42 AR4 OGL-UK-3.0" in listed
	files = await desk.read("/esg/factor-files")
	assert "uk_government_2020.csv Done 2,341 42" in files
	home = await desk.read("/")
	assert "Quarantined factors 42" in home


async def test_the_same_shipped_set_twice_says_nothing_new(desk: Desk) -> None:
	page = await desk.lead("/esg/factor-files/shipped/country-grid-mix")
	text = await desk.read(page)
	assert "used as published and never expressed under another set" in text
	await desk.lead(f"{page}/accept")
	again = await desk.lead("/esg/factor-files/shipped/country-grid-mix")
	text = await desk.read(again)
	assert "Everything in this file is recorded already." in text
	assert "Take the factors" not in text


async def test_markup_in_a_file_is_text(desk: Desk) -> None:
	content = TABLE.replace("{name}", HOSTILE.replace(",", "")).encode()
	page = await desk.lead("/esg/factor-files/new", files={"file": (f"{HOSTILE}.csv", content)})
	raw = (await desk.open(page)).text
	assert HOSTILE not in raw
	assert html.escape(HOSTILE).replace("&#x27;", "&#39;") in raw
	text = await desk.read(page)
	assert "kWh of a fuel, without saying whether gross or net calorific value." in text
	assert "Write kWh (Gross CV) or kWh (Net CV)" in text


async def test_a_file_that_is_none_is_refused_in_the_form(desk: Desk) -> None:
	answer = await desk.send("/esg/factor-files/new", files={"file": ("x.csv", b"a,b\n1,2\n")})
	assert answer.status_code == 422
	assert "The headings belong to no file of factors that is known." in answer.text
	answer = await desk.send("/esg/factor-files/new", data={"publisher": "x"})
	assert answer.status_code == 422
	assert "Choose a file." in answer.text


async def test_an_own_factor_by_form(desk: Desk) -> None:
	fields = {
		"name": "Hot rolled coil",
		"activity_code": "material.steel.coil",
		"region": "DE",
		"stage": "cradle_to_gate",
		"unit": "kg",
		"gases": "CO2 2.11\nCH4_fossil 0.0052",
		"native_gwp_set": "AR5",
		"citation": "Declaration EPD-2024-017, page 6",
		"valid_from": "2024-01-01",
	}
	wrong = await desk.send("/esg/factors/new", data=fields | {"unit": "kWhh", "valid_from": ""})
	assert wrong.status_code == 422
	assert "EPD-2024-017" in wrong.text  # what was typed stays
	place = await desk.lead("/esg/factors/new", data=fields)
	text = await desk.read(place)
	assert "Awaits approval" in text
	assert "Under AR6 2.26496" in text  # 2.11 + 0.0052 · 29.8
	assert "Declaration EPD-2024-017, page 6" in text
	version = re.search(r"/versions/([0-9a-f-]{36})/approve", (await desk.open(place)).text)
	assert version is not None
	await desk.lead(f"{place}/versions/{version[1]}/approve", data={})
	assert "Approved" in await desk.read(place)
	newer = await desk.lead(
		f"{place}/new-version",
		data={
			"co2e": "2.2",
			"gases": "",
			"native_gwp_set": "AR5",
			"citation": "Declaration EPD-2025-001, page 6",
			"valid_from": "2025-01-01",
		},
	)
	text = await desk.read(newer)
	assert "What the newest version changes" in text
	assert "Declaration EPD-2025-001, page 6" in text


async def test_bob_sees_no_factors(client: httpx.AsyncClient, bob: Person) -> None:
	for path in ("/esg/factors", "/esg/factor-sources", "/esg/factor-files", "/esg/factors/new"):
		assert (await Desk(client, bob).open(path)).status_code == 403
