"""The wizard as a program sees it: forms of files, sheets, matches, memory, lines made by hand."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from openpyxl import Workbook
from sqlalchemy import text
from tests.people import Person

from apg.capabilities.plm.imports import service
from apg.kernel.work import open_work

IMPORTS = "/api/v1/plm/imports"
PRODUCTS = "/api/v1/plm/products"
DATA = Path(__file__).resolve().parents[4].parent / "shared" / "data" / "plm"
given = pytest.mark.skipif(not DATA.exists(), reason="the given data is not beside the checkout")


class Door:
	"""One person at the interface."""

	def __init__(self, client: httpx.AsyncClient, who: Person) -> None:
		self.client, self.who = client, who

	async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
		return await self.client.request(method, path, headers=self.who.headers, **options)

	async def upload(self, content: bytes | str, name: str = "a.csv", **options: str) -> Any:
		raw = content.encode() if isinstance(content, str) else content
		answer = await self.ask("POST", IMPORTS, files={"file": (name, raw)}, data=options)
		assert answer.status_code == 201, answer.text
		return answer.json()["data"]

	async def patch(self, import_id: str, **body: Any) -> Any:
		answer = await self.ask("PATCH", f"{IMPORTS}/{import_id}", json=body)
		assert answer.status_code == 200, answer.text
		return answer.json()["data"]

	async def accept(self, import_id: str) -> Any:
		answer = await self.ask("POST", f"{IMPORTS}/{import_id}/accept")
		assert answer.status_code == 200, answer.text
		return answer.json()["data"]

	async def taken(self, content: bytes | str, **options: str) -> Any:
		return await self.accept((await self.upload(content, **options))["import_id"])

	async def rows(self, import_id: str, what: str, **query: str) -> list[Any]:
		answer = await self.ask("GET", f"{IMPORTS}/{import_id}/{what}", params=query)
		assert answer.status_code == 200, answer.text
		return answer.json()["data"]

	async def id_of(self, number: str) -> str:
		answer = await self.ask("GET", PRODUCTS, params={"search": number})
		return next(
			one["product_id"] for one in answer.json()["data"] if one["product_number"] == number
		)


@pytest.fixture
def door(client: httpx.AsyncClient, alice: Person) -> Door:
	return Door(client, alice)


def lines_of(changes: Sequence[Any]) -> list[tuple[str, str, str]]:
	"""Parent, part and quantity of lines that are added."""
	return sorted(
		(
			one["parent"],
			one["label"],
			next(c["new"] for c in one["changes"] if c["field"] == "quantity"),
		)
		for one in changes
	)


# -- forms of files ------------------------------------------------------------------------------


@given
async def test_a_step_assembly_comes_in_and_again_changes_nothing(door: Door) -> None:
	content = (DATA / "step" / "as1-oc-214.stp").read_bytes()
	expected = json.loads((DATA / "step" / "as1_expected.json").read_text())
	made = await door.upload(content, "as1.stp")
	assert (made["kind"], made["problem_count"], made["options"]["source"]) == ("step", 0, "step")
	lines = await door.rows(made["import_id"], "diff", subject="line")
	assert lines_of(lines) == sorted((p, c, str(n)) for p, c, n in expected["lines"])
	done = await door.accept(made["import_id"])
	assert (done["state"], done["counts"]["parts"]["added"]) == ("done", expected["products"])
	product = await door.id_of("as1")
	flat = await door.ask("GET", f"{PRODUCTS}/{product}/structure", params={"flat": "true"})
	assert flat.status_code == 200
	again = await door.upload(content)
	assert again["counts"]["parts"] == {"added": 0, "changed": 0, "removed": 0, "unchanged": 9}
	assert again["counts"]["lines"] == {"added": 0, "changed": 0, "removed": 0, "unchanged": 9}


@given
async def test_a_kicad_netlist_comes_in_and_again_changes_nothing(door: Door) -> None:
	content = (DATA / "kicad" / "kibom-test.xml").read_bytes()
	made = await door.upload(content, "kibom-test.xml", parent="PCB-100")
	assert (made["kind"], made["problem_count"], made["warning_count"]) == ("kicad", 0, 1)
	lines = await door.rows(made["import_id"], "diff", subject="line")
	assert lines_of(lines) == [
		("PCB-100", "C 10 nF C_0603_1608Metric", "4"),
		("PCB-100", "R 10 kΩ R_0805_2012Metric", "5"),
		("PCB-100", "R 4.7 kΩ R_0603_1608Metric", "2"),
		("PCB-100", "R 4.7 kΩ R_0805_2012Metric", "2"),
	]
	await door.accept(made["import_id"])
	again = await door.upload(content, parent="PCB-100")
	assert again["counts"]["lines"] == {"added": 0, "changed": 0, "removed": 0, "unchanged": 4}
	fewer = content.replace(b'<comp ref="C4">', b'<comp ref="">')
	changed = await door.upload(fewer, parent="PCB-100")
	(line,) = await door.rows(changed["import_id"], "diff", subject="line")
	assert {c["field"]: (c["old"], c["new"]) for c in line["changes"]} == {
		"quantity": ("4", "3"),
		"designators": ("C1, C2, C3, C4", "C1, C2, C3"),
	}


def workbook(**sheets: Sequence[Sequence[Any]]) -> bytes:
	book, kept = Workbook(), io.BytesIO()
	book.remove(book.worksheets[0])
	for name, rows in sheets.items():
		sheet = book.create_sheet(name)
		for row in rows:
			sheet.append(list(row))
	book.save(kept)
	return kept.getvalue()


async def test_the_sheet_and_the_row_of_headings_are_chosen(door: Door) -> None:
	rows = [
		["Number", "Name", "Quantity", "Parent"],
		["TOP-1", "Top"],
		["SUB-1", "Sub", 2, "TOP-1"],
	]
	content = workbook(Cover=[["Our machine", "x"], ["a", 1]], Lines=[["Export"], [], *rows])
	made = await door.upload(content, "book.xlsx")
	known = (await door.ask("GET", f"{IMPORTS}/{made['import_id']}/columns")).json()["data"]
	assert (made["kind"], known["sheet"], known["sheets"]) == ("xlsx", "Cover", ["Cover", "Lines"])
	held = await door.patch(made["import_id"], sheet="Lines")
	assert (held["problem_count"], held["counts"]["lines"]["added"]) == (0, 1)
	held = await door.patch(made["import_id"], header_row=4)
	known = (await door.ask("GET", f"{IMPORTS}/{made['import_id']}/columns")).json()["data"]
	assert (known["header_row"], known["columns"][0]["heading"]) == (4, "TOP-1")
	wrong = await door.ask("PATCH", f"{IMPORTS}/{made['import_id']}", json={"sheet": "Other"})
	assert wrong.status_code == 400
	assert "Choose one of Cover, Lines" in wrong.text


RAGGED = """Bill of materials;;;;;
Drawn by;somebody;;;;
;;;;;
Pos;Teilenummer;Bezeichnung;Menge;Referenz;Alternativteile
10;RES-100;Widerstand 10k;6;R1-R4, R7..R8;RES-200
20;CAP-100;Kondensator;"2,5"
30;RES-200;Widerstand 10k Reserve;0,5;;
;;;;;
Summe;;;9;;
Gedruckt am 1.2.2026
"""


async def test_a_ragged_table_with_ranges_and_footers(door: Door) -> None:
	made = await door.upload(RAGGED.encode("cp1252"), parent="PCB-1")
	assert (made["problem_count"], made["warning_count"]) == (0, 3)
	rows = await door.rows(made["import_id"], "problems")
	assert sorted(one["row"] for one in rows) == [6, 9, 10]
	lines = {
		one["label"]: {c["field"]: c["new"] for c in one["changes"]}
		for one in await door.rows(made["import_id"], "diff", subject="line")
	}
	assert lines["RES-100"]["designators"] == "R1, R2, R3, R4, R7, R8"
	assert lines["RES-100"]["substitutes"] == "RES-200"
	assert (lines["CAP-100"]["quantity"], lines["RES-200"]["quantity"]) == ("2.5", "0.5")


async def test_a_substitute_is_found_in_the_record_or_told(door: Door) -> None:
	await door.taken("Number,Name\nALT-1,Alternate\n")
	head = "Number,Name,Quantity,Parent,Substitutes\nTOP-1,Top,,,\n"
	made = await door.upload(f"{head}SUB-1,Sub,1,TOP-1,ALT-1\n")
	assert (made["problem_count"], made["counts"]["parts"]["added"]) == (0, 2)
	assert (await door.accept(made["import_id"]))["counts"]["substitutes"]["added"] == 1
	missing = await door.upload(f"{head}SUB-1,Sub,1,TOP-1,ALT-9\n")
	(problem,) = await door.rows(missing["import_id"], "problems")
	assert (problem["row"], problem["reason"]) == (
		3,
		"“ALT-9” is neither in the file nor recorded.",
	)


# -- matches -------------------------------------------------------------------------------------


async def test_matches_are_shown_chosen_and_taken_back(door: Door) -> None:
	await door.taken("Number,Name\nSCR-1,Screw\nSCR-2,Screw\nNUT-1,Nut\n")
	first, nut = await door.id_of("SCR-1"), await door.id_of("NUT-1")
	made = await door.upload("Name,Description\nScrew,steel\nWasher,flat\nNut,hex\n")
	import_id = made["import_id"]
	assert made["problem_count"] == 1
	matches = await door.rows(import_id, "matches")
	assert [(m["label"], m["outcome"], m["matched_by"]) for m in matches] == [
		("Screw", "ambiguous", None),
		("Washer", "new", None),
		("Nut", "matched", "name"),
	]
	assert sorted(c["label"] for c in matches[0]["candidates"]) == [
		"SCR-1 · Screw",
		"SCR-2 · Screw",
	]
	assert matches[2]["product_id"] == nut
	held = await door.patch(import_id, matches={"Screw": first, "Nut": "new"})
	assert (held["problem_count"], held["counts"]["parts"]["added"]) == (0, 2)
	chosen = {m["label"]: m for m in await door.rows(import_id, "matches")}
	assert (chosen["Screw"]["product_id"], chosen["Screw"]["matched_by"]) == (first, "chosen")
	assert (chosen["Nut"]["outcome"], chosen["Nut"]["matched_by"]) == ("new", "chosen")
	assert await door.rows(import_id, "matches", outcome="ambiguous") == []
	held = await door.patch(import_id, matches={"Nut": None})
	assert held["counts"]["parts"] == {"added": 1, "changed": 2, "removed": 0, "unchanged": 0}
	await door.accept(import_id)
	read = (await door.ask("GET", f"{PRODUCTS}/{first}")).json()["data"]
	assert read["product_description"] == "steel"
	other = (await door.ask("GET", f"{PRODUCTS}/{await door.id_of('SCR-2')}")).json()["data"]
	assert other["product_description"] in (None, "")


async def test_a_wrong_choice_is_refused(door: Door, charlie: Person) -> None:
	made = await door.upload("Name\nScrew\n")
	answer = await door.ask(
		"PATCH", f"{IMPORTS}/{made['import_id']}", json={"matches": {"Screw": "SCR-1"}}
	)
	assert answer.status_code == 400
	assert "is no product" in answer.json()["details"]["matches"][0]
	foreign = Door(door.client, charlie)
	await foreign.taken("Number,Name\nSCR-1,Screw\n")
	theirs = await foreign.id_of("SCR-1")
	held = await door.patch(made["import_id"], matches={"Screw": theirs})
	assert held["counts"]["parts"]["added"] == 1  # another company's product is not there


async def test_two_parts_cannot_be_the_same_product(door: Door) -> None:
	await door.taken("Number,Name\nSCR-1,Screw\n")
	made = await door.upload("Name\nBolt A\nBolt B\n")
	same = await door.id_of("SCR-1")
	held = await door.patch(made["import_id"], matches={"Bolt A": same, "Bolt B": same})
	assert held["problem_count"] == 2


# -- memory, lines by hand, files ----------------------------------------------------------------


async def test_corrected_columns_are_remembered_for_the_company(
	door: Door, charlie: Person
) -> None:
	first = "Code,Title,Weight kg\nABC-1,Frame,2\n"
	made = await door.upload(first)
	columns = {"Code": "number", "Title": "name", "Weight kg": None}
	await door.patch(made["import_id"], columns=columns)
	next_one = await door.upload(first.replace("ABC-1", "ABC-2"))
	known = (await door.ask("GET", f"{IMPORTS}/{next_one['import_id']}/columns")).json()["data"]
	assert not any("earlier file" in note for note in known["notes"])  # not taken over yet
	await door.accept(made["import_id"])
	later = await door.upload("Title,Code,Weight kg\nFrame two,ABC-3,2\n")
	known = (await door.ask("GET", f"{IMPORTS}/{later['import_id']}/columns")).json()["data"]
	assert "Columns are read as in an earlier file with these headings." in known["notes"]
	assert {c["heading"]: c["field"] for c in known["columns"]} == columns
	foreign = Door(door.client, charlie)
	other = await foreign.upload(first)
	known = (await foreign.ask("GET", f"{IMPORTS}/{other['import_id']}/columns")).json()["data"]
	assert not any("earlier file" in note for note in known["notes"])


async def test_lines_made_by_hand_stay_or_go_as_chosen(door: Door) -> None:
	head = "Number,Name,Quantity,Parent\nTOP-1,Top,,\nSUB-1,Sub one,1,TOP-1\n"
	await door.taken(head + "SUB-2,Sub two,1,TOP-1\n")
	await door.taken("Number,Name\nHAND-1,By hand\n")
	top, by_hand = await door.id_of("TOP-1"), await door.id_of("HAND-1")
	added = await door.ask(
		"POST",
		f"{PRODUCTS}/{top}/structure/lines",
		json={"product_id": by_hand, "quantity": "3", "unit": "each"},
	)
	assert added.status_code == 201, added.text
	made = await door.upload(head)
	assert made["counts"]["lines"] == {
		"added": 0, "changed": 0, "removed": 1, "unchanged": 1, "kept": 1,
	}  # fmt: skip
	(kept,) = await door.rows(made["import_id"], "diff", kind="kept")
	assert (kept["label"], kept["parent"]) == ("HAND-1", "TOP-1")
	held = await door.patch(made["import_id"], hand_lines="remove")
	assert held["counts"]["lines"]["removed"] == 2
	held = await door.patch(made["import_id"], hand_lines="keep")
	await door.accept(made["import_id"])
	tree = await door.ask("GET", f"{PRODUCTS}/{top}/structure")
	assert "HAND-1" in tree.text
	assert "SUB-2" not in tree.text
	gone = await door.upload(head, hand_lines="remove")
	await door.accept(gone["import_id"])
	assert "HAND-1" not in (await door.ask("GET", f"{PRODUCTS}/{top}/structure")).text


async def test_the_file_of_an_import_can_be_fetched_by_who_may_read_it(
	app: FastAPI, door: Door, bob: Person, charlie: Person
) -> None:
	content = b"Number,Name\nTOP-1,Top\n"
	done = await door.taken(content)
	place = f"/files/{done['file_sha256']}"
	answer = await door.ask("GET", place)
	assert (answer.status_code, answer.content) == (200, content)
	assert answer.headers["content-disposition"] == 'attachment; filename="a.csv"'
	assert answer.headers["x-content-type-options"] == "nosniff"
	assert answer.headers["content-security-policy"].startswith("sandbox")
	async with open_work(
		app.state.runtime, door.who.principal, action="test", origin="task"
	) as work:
		told = "select kind, times from security_events where route = 'GET /files/{sha}'"
		assert [tuple(row) for row in await work.execute(text(told))] == [("download", 1)]
	for who in (bob, charlie):
		refused = await door.client.get(place, headers=who.headers)
		unknown = await door.client.get("/files/" + "0" * 64, headers=who.headers)
		assert (refused.status_code, unknown.status_code) == (404, 404)
	assert (await door.client.get(place)).status_code == 401


async def test_what_nobody_accepts_ends_after_two_weeks(app: FastAPI, door: Door) -> None:
	old = await door.upload("Number,Name\nTOP-1,Top\n")
	young = await door.upload("Number,Name\nTOP-2,Top\n")
	runtime, principal = app.state.runtime, door.who.principal
	async with open_work(runtime, principal, action="test", origin="task") as work:
		await work.execute(
			text("update plm_imports set updated_at = now() - interval '15 days' where id = :id"),
			{"id": old["import_id"]},
		)
	async with open_work(runtime, principal, action="test", origin="task") as work:
		await service.end_abandoned(work)
	held = (await door.ask("GET", f"{IMPORTS}/{old['import_id']}")).json()["data"]
	assert (held["state"], held["failure"]) == ("cancelled", "Nobody accepted it within 14 days.")
	folder = runtime.settings.home / "files" / door.who.tenant_id
	assert [p.name for p in folder.rglob("*") if p.is_file()] == [young["file_sha256"]]


# -- out and in again ----------------------------------------------------------------------------

FORMULAS = ("=1+1", '=HYPERLINK("http://x","y")', "+1+1", "-2+3", "@SUM(A1)", "'=1", "''x", "'quoted'", "O'Brien", "1,5", "007", "1e5", "TRUE")  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "xlsx"])
async def test_what_is_exported_comes_back_as_no_change(door: Door, form: str) -> None:
	ids: list[str] = []
	for n, name in enumerate(("Whole", *FORMULAS)):
		made = await door.ask(
			"POST",
			PRODUCTS,
			json={
				"product_number": f"EXP-{n:03}",
				"product_name": name if len(name) > 2 else f"{name}__",
				"product_description": name,
				"product_type": "manufactured",
			},
		)
		assert made.status_code == 201, made.text
		ids.append(made.json()["data"]["product_id"])
	for n, child in enumerate(ids[1:], start=1):
		added = await door.ask(
			"POST",
			f"{PRODUCTS}/{ids[0]}/structure/lines",
			json={
				"product_id": child,
				"quantity": f"{n}.25",
				"unit": "each",
				"note": FORMULAS[n - 1],
			},
		)
		assert added.status_code == 201, added.text
	answer = await door.ask("GET", f"{PRODUCTS}/{ids[0]}/structure/export", params={"format": form})
	assert answer.status_code == 200
	made = await door.upload(answer.content, f"a.{form}")
	rows = await door.rows(made["import_id"], "diff")
	assert (made["problem_count"], rows) == (0, [])
	assert made["counts"]["lines"]["unchanged"] == len(FORMULAS)
