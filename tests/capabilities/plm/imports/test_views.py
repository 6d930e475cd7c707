"""Pages of imports: what they show and to whom, what their forms do, and what a page never runs."""

import html
import re
from importlib.resources import files
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import update
from tests.people import Person, make_person

from apg.capabilities.plm.imports.models import Import

SET = (
	files("apg.demo").joinpath("inventree", "inventree_demo_2024-02-28_parts_bom.json").read_bytes()
)
PAGES = "/plm/imports"
HOSTILE = "<script>alert('stored')</script>"
PUMP = "Teilenummer;Bezeichnung;Menge;Oberteil;Preis\nPMP-100;Pumpe;;;\nPMP-110;Gehäuse;1;PMP-100;42,50\n"


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

	async def upload(self, content: str | bytes, name: str = "pump.csv", **options: str) -> str:
		"""Uploads through the form; answers the address it leads to."""
		raw = content.encode() if isinstance(content, str) else content
		answer = await self.send(f"{PAGES}/new", files={"file": (name, raw)}, data=options)
		assert answer.status_code == 204, answer.text
		return answer.headers["HX-Redirect"]


@pytest.fixture
def desk(client: httpx.AsyncClient, alice: Person) -> Desk:
	return Desk(client, alice)


async def test_an_empty_list_offers_the_first_step_and_the_sample(desk: Desk) -> None:
	text = await desk.read(PAGES)
	assert "No imports yet" in text
	assert "Load the InvenTree demo set" in text


async def test_the_sample_is_compared_accepted_and_then_nothing_to_change(desk: Desk) -> None:
	answer = await desk.send(f"{PAGES}/sample")
	page = answer.headers["HX-Redirect"]
	text = await desk.read(page)
	assert "This is what would change." in text
	assert "+ 414 added" in text
	assert "+ 1,259 added" in text
	assert "Accept all changes" in text
	assert "414 parts and 228 lines were read." in text
	lines = await desk.read(f"{page}?tab=lines")
	assert "1–50 of 255 entries" in lines
	answer = await desk.send(f"{page}/accept")
	assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, page)
	text = await desk.read(page)
	assert "All of it is taken over" in text
	assert "Accept all changes" not in text
	again = (await desk.send(f"{PAGES}/sample")).headers["HX-Redirect"]
	text = await desk.read(again)
	assert "Nothing to change" in text
	assert "414 unchanged" in text
	assert "Accept all changes" not in text
	assert "+414 added" in await desk.read(PAGES)


async def test_problems_are_listed_and_columns_corrected(desk: Desk) -> None:
	page = await desk.upload(PUMP)
	text = await desk.read(page)
	assert "1 problem Nothing is taken over while problems are left." in text
	assert "Error 3 Preis 42,50 The price has no known currency." in text
	assert "Accept all changes" not in text
	columns = (await desk.open(f"{page}?tab=columns")).text
	assert re.search(r'name="column_4".*?<option value="price" selected>', columns, re.DOTALL)
	answer = await desk.send(
		f"{page}/columns",
		data={
			**{f"column_{n}": f for n, f in enumerate(("number", "name", "quantity", "parent"))},
			"column_4": "price",
			"decimal": "comma",
			"currency": "EUR",
			"parent": "",
			"source": "erp",
		},
	)
	assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, page)
	text = await desk.read(page)
	assert "Accept all changes" in text
	assert "Price 42.5 EUR / 1" in text
	chosen = (await desk.open(f"{page}?tab=columns")).text
	assert '<option value="EUR" selected>' in chosen
	assert 'value="erp"' in chosen


async def test_a_refused_correction_keeps_what_was_chosen(desk: Desk) -> None:
	page = await desk.upload(PUMP)
	answer = await desk.send(
		f"{page}/columns",
		data={"column_1": "description", "source": "Not A Word", "decimal": "point"},
	)
	assert answer.status_code == 422
	assert 'value="Not A Word"' in answer.text
	assert re.search(
		r'name="column_1".*?<option value="description" selected>', answer.text, re.DOTALL
	)
	assert 'href="#field-source"' in answer.text


@pytest.mark.parametrize(
	("content", "words"),
	[
		(
			b"%PDF-1.7",
			"By its content this is a PDF file. Give one of these: JSON, STEP, TEXT, XLSX, XML.",
		),
		(b"", "The file is empty."),
	],
)
async def test_an_unreadable_file_is_told_at_its_field(
	desk: Desk, content: bytes, words: str
) -> None:
	answer = await desk.send(
		f"{PAGES}/new", files={"file": ("a.csv", content)}, data={"parent": "TOP-1"}
	)
	assert answer.status_code == 422
	assert words in html.unescape(answer.text)
	assert 'value="TOP-1"' in answer.text
	assert 'href="#field-file"' in answer.text
	assert "No imports yet" in await desk.read(PAGES)


async def test_a_file_must_be_chosen(desk: Desk) -> None:
	answer = await desk.send(f"{PAGES}/new", data={"decimal": "auto"})
	assert answer.status_code == 422
	assert "Choose a file." in answer.text


async def test_what_a_file_says_is_text_on_every_page(desk: Desk) -> None:
	content = (
		f"Number;Name;{HOSTILE};Quantity;Parent\n"
		f'TOP-1;{HOSTILE};{HOSTILE};;\nSUB-1;"x {HOSTILE}";b;{HOSTILE};TOP-1\n'
		f"SUB-2;y {HOSTILE};b;2;TOP-1\n"
	)
	page = await desk.upload(content, "<img src=x onerror=alert(1)>.csv")
	for path in (
		PAGES,
		page,
		*(f"{page}?tab={t}" for t in ("problems", "parts", "lines", "columns")),
	):
		text = (await desk.open(path)).text
		assert HOSTILE not in text
		assert "<img" not in text
		assert "&lt;img src=x" in text
		assert "&lt;script&gt;" in text or path in (PAGES, f"{page}?tab=lines")


async def test_given_up_imports_show_it(desk: Desk) -> None:
	page = await desk.upload(PUMP, currency="EUR")
	await desk.send(f"{page}/cancel")
	text = await desk.read(page)
	assert "The import was given up; nothing was changed." in text
	assert "Accept all changes" not in text


async def test_a_stale_preview_leads_to_a_new_one(desk: Desk) -> None:
	page = await desk.upload("Number;Name\nTOP-1;Top part\n")
	other = await desk.upload("Number;Name\nTOP-1;Another name\n")
	await desk.send(f"{other}/accept")
	answer = await desk.send(f"{page}/accept")
	assert answer.headers["HX-Redirect"] == page
	assert "Products%20changed%20since%20the%20preview" in answer.headers["set-cookie"]
	text = await desk.read(page)
	assert "~ changed TOP-1 · Top part Name Another name → becomes Top part" in text
	await desk.send(f"{page}/accept")
	assert "All of it is taken over" in await desk.read(page)


async def test_a_large_file_shows_its_progress(desk: Desk) -> None:
	rows = "".join(f"PRT-{n:05};Part {n}\n" for n in range(2_100))
	page = await desk.upload(f"Number;Name\n{rows}")
	text = (await desk.open(page)).text
	assert f'hx-get="{page}/progress"' in text
	bar = await desk.client.get(
		f"{page}/progress", headers=desk.who.headers | {"HX-Request": "true"}
	)
	assert bar.status_code == 200
	assert "<progress" in bar.text
	assert "<main" not in bar.text


async def test_readers_see_imports_and_change_nothing(
	app: FastAPI, client: httpx.AsyncClient, desk: Desk
) -> None:
	page = await desk.upload(PUMP, currency="EUR")
	viewer = await make_person(app.state.runtime, desk.who.tenant_id, "vera", ("plm_viewer",))
	reader = Desk(client, viewer)
	text = await reader.read(page)
	assert "This is what would change." in text
	assert "Accept all changes" not in text
	assert "Give up" not in text
	assert "Import a file" not in await reader.read(PAGES)
	assert "disabled" in (await reader.open(f"{page}?tab=columns")).text
	for path in (f"{page}/accept", f"{page}/cancel", f"{page}/columns", f"{PAGES}/sample"):
		assert (await reader.send(path)).status_code == 403
	assert (await reader.open(f"{PAGES}/new")).status_code == 403


async def test_another_company_sees_none_of_it(
	client: httpx.AsyncClient, charlie: Person, desk: Desk
) -> None:
	page = await desk.upload(PUMP, currency="EUR")
	stranger = Desk(client, charlie)
	assert "No imports yet" in await stranger.read(PAGES)
	for path in (page, f"{page}/progress", f"{page}/report.csv"):
		assert (await stranger.open(path)).status_code == 404
	assert (await stranger.send(f"{page}/accept")).status_code == 404


async def test_the_report_is_a_table_for_spreadsheets(desk: Desk) -> None:
	page = await desk.upload("Number;Name\nTOP-1;=cmd()\n")
	answer = await desk.open(f"{page}/report.csv")
	assert answer.headers["content-disposition"].startswith("attachment;")
	assert "part,added,2,TOP-1 · =cmd(),,name,,'=cmd(),," in answer.text


async def test_the_first_page_names_imports_that_wait_or_failed(desk: Desk, work: Any) -> None:
	before = await desk.read("/")
	assert "Imports that need you" not in before
	place = await desk.upload("Number,Name\nA-1,Pump\n", "waiting.csv")
	text = await desk.read("/")
	assert "Imports that need you" in text
	assert "Failed imports none Compared, not taken over 1" in text
	await work.execute(
		update(Import)
		.where(Import.id == place.rpartition("/")[2])
		.values(state="failed")
		.execution_options(bulk=True)
	)
	await work.finish()
	text = await desk.read("/")
	assert "Failed imports 1 Compared, not taken over none waiting.csv" in text
