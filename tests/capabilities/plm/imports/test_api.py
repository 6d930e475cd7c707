"""`/api/v1/plm/imports` as a program sees it: upload, look, correct, accept; who may, and what not."""

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.people import Person, make_person

from apg.app import make_runtime
from apg.capabilities.plm.imports import opening, service, tasks
from apg.kernel.database import role_url
from apg.kernel.errors import PermissionDenied
from apg.kernel.events import GiveUp
from apg.kernel.roles import role_password
from apg.kernel.runtime import Runtime
from apg.kernel.settings import Settings
from apg.kernel.tasks import Task
from apg.kernel.work import open_work
from apg.kernel.worker import TaskWorker
from apg.platform.auth.users import service as users
from apg.platform.auth.users.schemas import UserPatch

IMPORTS = "/api/v1/plm/imports"
PUMP = (
	b"Teilenummer;Bezeichnung;Menge;Oberteil;Preis\n"
	b"PMP-100;Pumpe;;;\n"
	b"PMP-110;Geh\xc3\xa4use;1;PMP-100;42,50\n"
	b"PMP-120;Welle;2;PMP-100;17,90\n"
)


class Door:
	"""One person at the interface."""

	def __init__(self, client: httpx.AsyncClient, who: Person) -> None:
		self.client, self.who = client, who

	async def upload(self, content: bytes, name: str = "a.csv", **options: str) -> httpx.Response:
		return await self.client.post(
			IMPORTS, headers=self.who.headers, files={"file": (name, content)}, data=options
		)

	async def made(self, content: bytes, **options: str) -> dict[str, Any]:
		answer = await self.upload(content, **options)
		assert answer.status_code == 201, answer.text
		return answer.json()["data"]

	async def get(self, path: str, **query: Any) -> Any:
		answer = await self.client.get(IMPORTS + path, headers=self.who.headers, params=query)
		assert answer.status_code == 200, answer.text
		return json.loads(answer.content, parse_float=Decimal)

	async def post(self, path: str) -> httpx.Response:
		return await self.client.post(IMPORTS + path, headers=self.who.headers)

	async def patch(self, path: str, body: Any, **headers: str) -> httpx.Response:
		return await self.client.patch(
			IMPORTS + path, headers=self.who.headers | headers, json=body
		)


@pytest.fixture
def door(client: httpx.AsyncClient, alice: Person) -> Door:
	return Door(client, alice)


@pytest.fixture
def stranger(client: httpx.AsyncClient, charlie: Person) -> Door:
	return Door(client, charlie)


async def products(door: Door) -> list[str]:
	answer = await door.client.get(
		"/api/v1/plm/products?sort_by=product_number&sort_order=asc", headers=door.who.headers
	)
	return [one["product_number"] for one in answer.json()["data"]]


def spooled(app: FastAPI, who: Person) -> list[Path]:
	folder: Path = app.state.runtime.settings.home / "files" / who.tenant_id
	return sorted(path for path in folder.rglob("*") if path.is_file())


# -- the way of a file -------------------------------------------------------------------------


async def test_a_table_is_compared_corrected_and_taken_over(door: Door) -> None:
	made = await door.made(PUMP)
	import_id = made["import_id"]
	assert (made["state"], made["kind"], made["file_name"]) == ("previewed", "csv", "a.csv")
	assert (made["file_size"], made["problem_count"], made["warning_count"]) == (125, 2, 1)
	assert (await door.get(f"/{import_id}"))["data"] == made
	assert (await door.get(""))["data"] == [made]
	problems = await door.get(f"/{import_id}/problems", severity="error")
	assert problems["pagination"]["total_count"] == 2
	assert problems["data"][0] == {
		"severity": "error",
		"row": 3,
		"column": "Preis",
		"value": "42,50",
		"reason": "The price has no known currency.",
		"remedy": "Give the three letters of ISO 4217, as EUR.",
	}
	assert (await door.post(f"/{import_id}/accept")).status_code == 409
	assert await products(door) == []
	known = (await door.get(f"/{import_id}/columns"))["data"]
	assert [(one["heading"], one["field"]) for one in known["columns"]] == [
		("Teilenummer", "number"),
		("Bezeichnung", "name"),
		("Menge", "quantity"),
		("Oberteil", "parent"),
		("Preis", "price"),
	]
	assert known["sample"][1] == ["PMP-110", "Gehäuse", "1", "PMP-100", "42,50"]
	answer = await door.patch(f"/{import_id}", {"currency": "EUR"})
	assert answer.json()["data"]["problem_count"] == 0
	lines = await door.get(f"/{import_id}/diff", subject="line", kind="added")
	assert [(one["parent"], one["label"], one["row"]) for one in lines["data"]] == [
		("PMP-100", "PMP-110", 3),
		("PMP-100", "PMP-120", 4),
	]
	done = (await door.post(f"/{import_id}/accept")).json()["data"]
	assert done["state"] == "done"
	assert done["counts"]["prices"] == {"added": 2, "changed": 0, "removed": 0}
	assert await products(door) == ["PMP-100", "PMP-110", "PMP-120"]
	again = (await door.post(f"/{import_id}/accept")).json()["data"]
	assert again == done
	report = await door.client.get(f"{IMPORTS}/{import_id}/report.csv", headers=door.who.headers)
	assert report.headers["content-type"] == "text/csv; charset=utf-8"
	assert "part,added,3,PMP-110 · Gehäuse,,prices,,42.5 EUR / 1,," in report.text


async def test_a_changed_file_shows_old_and_new(door: Door) -> None:
	first = await door.made(PUMP, currency="EUR")
	await door.post(f"/{first['import_id']}/accept")
	same = await door.made(PUMP, currency="EUR")
	assert (await door.get(f"/{same['import_id']}/diff"))["data"] == []
	changed = PUMP.replace(b"Welle;2", b"Welle, kurz;3").replace(b"17,90", b"18,40")
	held = await door.made(changed, currency="EUR")
	diff = (await door.get(f"/{held['import_id']}/diff"))["data"]
	assert [(one["kind"], one["label"], one["matched_by"]) for one in diff] == [
		("changed", "PMP-120 · Welle, kurz", "number"),
		("changed", "PMP-120", None),
	]
	assert diff[0]["changes"] == [
		{"field": "name", "old": "Welle", "new": "Welle, kurz"},
		{"field": "prices", "old": "17.9 EUR / 1", "new": "18.4 EUR / 1"},
	]
	assert diff[1]["changes"] == [{"field": "quantity", "old": "2", "new": "3"}]


async def test_columns_are_corrected_by_hand(door: Door) -> None:
	made = await door.made(b"Code A,Code B,Title\nX-100,Y-100,First\n")
	answer = await door.patch(
		f"/{made['import_id']}", {"columns": {"Code B": "number", "Title": "name", "Code A": None}}
	)
	assert answer.json()["data"]["problem_count"] == 0
	diff = (await door.get(f"/{made['import_id']}/diff"))["data"]
	assert [one["label"] for one in diff] == ["Y-100 · First"]
	wrong = await door.patch(f"/{made['import_id']}", {"columns": {"Code C": "number"}})
	assert wrong.status_code == 400
	assert "There is no column “Code C”" in wrong.json()["details"]["columns"][0]
	unknown = await door.patch(f"/{made['import_id']}", {"columns": {"Title": "colour"}})
	assert unknown.status_code == 400
	stale = await door.patch(f"/{made['import_id']}", {}, **{"If-Match": '"1"'})
	assert stale.status_code == 412


async def test_a_list_of_one_level_needs_its_assembly(door: Door) -> None:
	held = await door.made(b"Part number,Name,Qty\nABC-1,First,2\n")
	assert held["problem_count"] == 1
	held = await door.made(b"Part number,Name,Qty\nABC-1,First,2\n", parent="TOP-1")
	assert (held["problem_count"], held["counts"]["lines"]["added"]) == (0, 1)


async def test_cancelled_means_nothing_is_left(app: FastAPI, door: Door) -> None:
	made = await door.made(PUMP, currency="EUR")
	assert [path.name for path in spooled(app, door.who)] == [made["file_sha256"]]
	answer = await door.post(f"/{made['import_id']}/cancel")
	assert answer.json()["data"]["state"] == "cancelled"
	assert spooled(app, door.who) == []
	assert (await door.post(f"/{made['import_id']}/accept")).status_code == 409
	assert (await door.patch(f"/{made['import_id']}", {})).json()["error_code"] == "IMPORT_NOT_OPEN"
	assert (await door.post(f"/{made['import_id']}/cancel")).status_code == 200
	assert await products(door) == []


# -- who may -----------------------------------------------------------------------------------


async def test_without_the_right_nothing_is_read_or_kept(
	app: FastAPI, client: httpx.AsyncClient, bob: Person
) -> None:
	answer = await client.post(IMPORTS, headers=bob.headers, files={"file": ("a.csv", PUMP)})
	assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED")
	answer = await client.post(IMPORTS, files={"file": ("a.csv", PUMP)})
	assert answer.status_code == 401
	assert spooled(app, bob) == []
	assert (await client.get(IMPORTS, headers=bob.headers)).status_code == 403


async def test_another_company_meets_an_unknown_id(door: Door, stranger: Door) -> None:
	made = await door.made(PUMP, currency="EUR")
	unknown = "018f0000-0000-7000-8000-000000000000"
	for method, path in (
		("GET", ""),
		("GET", "/columns"),
		("GET", "/problems"),
		("GET", "/diff"),
		("GET", "/report.csv"),
		("PATCH", ""),
		("POST", "/accept"),
		("POST", "/cancel"),
	):
		bodies: list[dict[str, Any]] = []
		for import_id in (made["import_id"], unknown):
			answer = await stranger.client.request(
				method,
				f"{IMPORTS}/{import_id}{path}",
				headers=stranger.who.headers,
				json={} if method == "PATCH" else None,
			)
			assert answer.status_code == 404, (method, path)
			bodies.append(answer.json() | {"meta": None})
		assert bodies[0] == bodies[1]
	assert (await stranger.get(""))["data"] == []
	assert (await door.get(f"/{made['import_id']}"))["data"]["state"] == "previewed"


# -- hostile files -----------------------------------------------------------------------------


def _zip() -> bytes:
	buffer = io.BytesIO()
	with zipfile.ZipFile(buffer, "w") as archive:
		archive.writestr("../../etc/passwd", "x")
	return buffer.getvalue()


@pytest.mark.parametrize(
	("content", "words"),
	[
		(b"", "The file is empty."),
		(b"\n \n", "The file is empty."),
		(_zip(), "This is an archive, not an Excel workbook."),
		(_zip().replace(b"../../etc/passwd", b"xl/workbook.xml "), "This is an archive"),
		(b"%PDF-1.7 x", "By its content this is a PDF file."),
		(b'{"a": [1, 2]}', "The file holds no parts of InvenTree."),
		(
			b'[{"model": "part.part", "pk": 1, "fields": {',
			"The file is not valid JSON.",
		),
		(",".join(f"c{n}" for n in range(1001)).encode(), "Line 1 has 1001 columns."),
		(b'Number,Name\n"A-1,open', "Line 2: a quotation mark is not closed"),
		(b"Number,Name\nA-1," + b"x" * 70_000, "Line 2 has a field of more than 65536 characters."),
	],
)
async def test_what_cannot_be_read_is_refused_and_not_kept(
	app: FastAPI, door: Door, content: bytes, words: str
) -> None:
	answer = await door.upload(content)
	assert answer.status_code == 400, answer.text
	assert answer.json()["error_code"] == "FILE_UNREADABLE"
	assert words in answer.json()["details"]["file"][0]
	assert (await door.get(""))["data"] == []
	assert spooled(app, door.who) == []


async def test_bad_cells_are_problems_of_their_rows(door: Door) -> None:
	made = await door.made(
		b"Number,Name\nAB-1,a\x01b\nAB-2,one,two,three\nAB-3,'=1+1\nAB-4,=cmd()\n"
	)
	rows = (await door.get(f"/{made['import_id']}/problems"))["data"]
	assert [(one["severity"], one["row"], one["reason"]) for one in rows] == [
		("error", 2, "The cell holds the control character U+0001."),
		("error", 3, "The row has 4 columns, the headings have 2."),
	]
	diff = (await door.get(f"/{made['import_id']}/diff"))["data"]
	# the guard that our own export puts before a formula is taken off; the text is stored as given
	assert [one["label"] for one in diff[-2:]] == ["AB-3 · =1+1", "AB-4 · =cmd()"]
	report = await door.client.get(
		f"{IMPORTS}/{made['import_id']}/report.csv", headers=door.who.headers
	)
	assert ",'=cmd()," in report.text


async def test_other_encodings_are_read(door: Door) -> None:
	made = await door.made("Number;Name\nKÖR-1;Körper\n".encode("cp1252"))
	diff = (await door.get(f"/{made['import_id']}/diff"))["data"]
	assert diff[0]["label"] == "KÖR-1 · Körper"
	assert "Encoding cp1252: guessed" in str(await door.get(f"/{made['import_id']}/columns"))


@pytest.mark.parametrize(
	"name", ["../../../etc/cron.d/x", "C:\\temp\\a.csv", "a\u202ecsv.exe", "<b>.csv", "x" * 300]
)
async def test_names_of_files_are_only_shown(app: FastAPI, door: Door, name: str) -> None:
	made = await door.upload(PUMP, name, currency="EUR")
	shown = made.json()["data"]["file_name"]
	assert "/" not in shown
	assert "\\" not in shown
	assert "\u202e" not in shown
	assert len(shown) <= 200
	assert [path.name for path in spooled(app, door.who)] == [made.json()["data"]["file_sha256"]]


@pytest.mark.parametrize(
	("options", "field"),
	[
		({"decimal": "dot"}, "decimal"),
		({"currency": "EURO"}, "currency"),
		({"encoding": "klingon"}, "encoding"),
		({"delimiter": ";;"}, "delimiter"),
		({"header_row": "0"}, "header_row"),
		({"source": "gtin"}, "source"),
		({"source": "My ERP"}, "source"),
	],
)
async def test_options_are_checked(door: Door, options: dict[str, str], field: str) -> None:
	answer = await door.upload(PUMP, **options)
	assert answer.status_code == 400
	assert list(answer.json()["details"]) == [field]


async def test_a_file_is_needed(door: Door) -> None:
	answer = await door.client.post(IMPORTS, headers=door.who.headers, data={"decimal": "auto"})
	assert answer.status_code == 400
	assert list(answer.json()["details"]) == ["file"]


# -- large files -------------------------------------------------------------------------------


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


def large(rows: int = 2_500) -> bytes:
	head = "Number,Name,Quantity,Parent\nTOP,Top part,,\n"
	return (head + "".join(f"PRT-{n:05},Part {n:05},1,TOP\n" for n in range(rows))).encode()


async def test_a_large_file_is_worked_off_in_the_background(door: Door, worker: TaskWorker) -> None:
	made = await door.made(large())
	path = f"/{made['import_id']}"
	assert (made["state"], made["counts"]) == ("uploaded", {})
	assert (await door.get(path))["data"]["progress"]["state"] == "waiting"
	assert (await door.post(f"{path}/accept")).json()["error_code"] == "IMPORT_NOT_OPEN"
	await run_job(worker, tasks.preview_import, door.who, made["import_id"])
	held = (await door.get(path))["data"]
	assert (held["state"], held["counts"]["parts"]["added"]) == ("previewed", 2501)
	for _time in range(2):
		running = (await door.post(f"{path}/accept")).json()["data"]
		assert running["state"] == "running"
	assert (await door.get(path))["data"]["progress"]["state"] == "waiting"
	assert await products(door) == []
	await run_job(worker, tasks.take_over_import, door.who, made["import_id"])
	held = (await door.get(path))["data"]
	assert (held["state"], held["progress"]["done"]) == ("done", 5001)
	assert len(await products(door)) == 20
	await run_job(worker, tasks.take_over_import, door.who, made["import_id"])
	assert (await door.get(path))["data"]["finished_at"] == held["finished_at"]


async def test_a_waiting_import_is_cancelled_at_once(door: Door, worker: TaskWorker) -> None:
	made = await door.made(large())
	path = f"/{made['import_id']}"
	await run_job(worker, tasks.preview_import, door.who, made["import_id"])
	await door.post(f"{path}/accept")
	await door.post(f"{path}/cancel")
	await run_job(worker, tasks.take_over_import, door.who, made["import_id"])
	held = (await door.get(path))["data"]
	assert (held["state"], held["progress"]["state"]) == ("cancelled", "cancelled")
	assert await products(door) == []


async def test_a_running_import_stops_at_its_next_step_and_leaves_nothing(
	door: Door, worker: TaskWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
	made = await door.made(large())
	path = f"/{made['import_id']}"
	await run_job(worker, tasks.preview_import, door.who, made["import_id"])
	await door.post(f"{path}/accept")
	take_over = service.take_over

	async def slowly(*given: Any) -> None:
		assert (await door.post(f"{path}/cancel")).json()["data"]["state"] == "running"
		await take_over(*given)

	monkeypatch.setattr(service, "take_over", slowly)
	await run_job(worker, tasks.take_over_import, door.who, made["import_id"])
	held = (await door.get(path))["data"]
	assert (held["state"], held["progress"]["state"]) == ("cancelled", "cancelled")
	assert held["progress"]["done"] == 0
	assert await products(door) == []


async def test_a_large_file_that_cannot_be_read_fails_with_the_reason(
	door: Door, worker: TaskWorker
) -> None:
	made = await door.made(large() + b'"open')
	with pytest.raises(GiveUp):
		await run_job(worker, tasks.preview_import, door.who, made["import_id"])
	held = (await door.get(f"/{made['import_id']}"))["data"]
	assert (held["state"], held["progress"]["state"]) == ("failed", "failed")
	assert "a quotation mark is not closed" in held["failure"]


async def test_what_changed_meanwhile_leads_back_to_a_new_preview(
	app: FastAPI, door: Door, worker: TaskWorker
) -> None:
	made = await door.made(large())
	path = f"/{made['import_id']}"
	await run_job(worker, tasks.preview_import, door.who, made["import_id"])
	await service.import_now(
		app.state.runtime,
		door.who.principal,
		"b.csv",
		b"Number,Name\nPRT-00001,Another name\n",
		dry_run=False,
	)
	await door.post(f"{path}/accept")
	await run_job(worker, tasks.take_over_import, door.who, made["import_id"])
	held = (await door.get(path))["data"]
	assert (held["state"], held["counts"]["parts"]["changed"]) == ("previewed", 1)
	assert held["failure"].startswith("Products changed since the preview")
	assert await products(door) == ["PRT-00001"]


async def test_a_person_who_lost_the_right_meanwhile_imports_nothing(
	app: FastAPI, client: httpx.AsyncClient, alice: Person, worker: TaskWorker
) -> None:
	dora = await make_person(app.state.runtime, alice.tenant_id, "dora", ("plm_engineer",))
	door = Door(client, dora)
	made = await door.made(large())
	async with open_work(app.state.runtime, alice.principal, action="test", origin="task") as work:
		await users.change(work, dora.user_id, UserPatch(roles=[]))
	with pytest.raises(PermissionDenied):
		await run_job(worker, tasks.preview_import, dora, made["import_id"])
	held = (await Door(client, alice).get(f"/{made['import_id']}"))["data"]
	assert (held["state"], held["counts"]) == ("uploaded", {})


async def test_a_preview_that_is_still_reading_stops_when_it_is_given_up(
	app: FastAPI, door: Door, worker: TaskWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
	made = await door.made(large())
	path = f"/{made['import_id']}"
	ended: list[str] = []

	async def endless(*_given: Any) -> None:
		try:
			assert (await door.post(f"{path}/cancel")).json()["data"]["state"] == "uploaded"
			await asyncio.sleep(60)
		finally:
			ended.append("reader")

	monkeypatch.setattr(opening, "open_kept", endless)
	monkeypatch.setattr(tasks, "ASKED_SECONDS", 0.05)
	await run_job(worker, tasks.preview_import, door.who, made["import_id"])
	held = (await door.get(path))["data"]
	assert (held["state"], held["progress"]["state"]) == ("cancelled", "cancelled")
	assert ended == ["reader"]
	assert spooled(app, door.who) == []
