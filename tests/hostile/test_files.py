"""Files made to hurt: each is refused with a reason and a remedy, and nothing of it is left."""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from openpyxl import Workbook
from sqlalchemy import text

from apg.capabilities.plm.imports.files import Form, Options
from apg.capabilities.plm.imports.opening import open_file
from apg.kernel.file_kinds import Unreadable
from apg.kernel.work import open_work
from tests.people import Person

IMPORTS = "/api/v1/plm/imports"


def archive(entries: dict[str, bytes]) -> bytes:
	made = io.BytesIO()
	with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as held:
		for name, content in entries.items():
			held.writestr(name, content)
	return made.getvalue()


def workbook() -> bytes:
	book, made = Workbook(), io.BytesIO()
	book.worksheets[0].append(["Number", "Name"])
	book.worksheets[0].append(["A-100", "Pump"])
	book.save(made)
	return made.getvalue()


def nested() -> bytes:
	content = b"Number,Name\nA-100,Pump\n"
	for _level in range(50):
		content = archive({"inner.zip": content})
	return content


def quine() -> bytes:
	"""An archive whose one entry claims to be the archive itself, without end."""
	inner = bytearray(archive({"r/r.zip": b"x" * 200}))
	at = inner.find(b"PK\x01\x02")
	struct.pack_into("<I", inner, at + 42, 0)
	return archive({"r/r.zip": bytes(inner)})


def declared_large() -> bytes:
	"""A workbook that says of itself that a sheet unpacks to 4 GB."""
	book = bytearray(workbook())
	name = book.rfind(b"xl/worksheets/sheet1.xml")
	struct.pack_into("<I", book, name - 46 + 24, 4_000_000_000)
	return bytes(book)


def declared_small() -> bytes:
	"""A workbook with a sheet of 4 GB that says it has 1 kB."""
	deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
	head = (
		b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
	)
	packed = deflate.compress(head + b'<row r="1"><c r="A1" t="inlineStr"><is><t>')
	block = b" " * 10_000_000
	for _n in range(40):
		packed += deflate.compress(block)
	packed += deflate.flush(zlib.Z_FULL_FLUSH)
	repeated = zlib.compressobj(9, zlib.DEFLATED, -15)
	piece = repeated.compress(block) + repeated.flush(zlib.Z_FULL_FLUSH)
	packed += piece * 360
	return _with_sheet(packed, 1_000)


def _with_sheet(packed: bytes, size: int) -> bytes:
	"""The workbook with its sheet replaced by bytes that are deflated already."""
	entries = {
		one.filename: zipfile.ZipFile(io.BytesIO(workbook())).read(one)
		for one in zipfile.ZipFile(io.BytesIO(workbook())).infolist()
	}
	made, directory = io.BytesIO(), b""
	for name, content in entries.items():
		if name == "xl/worksheets/sheet1.xml":
			body, length, check = packed, size, 0
		else:
			deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
			body = deflate.compress(content) + deflate.flush()
			length, check = len(content), zlib.crc32(content)
		offset = made.tell()
		common = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, check, len(body), length, len(name), 0)
		made.write(b"PK\x03\x04" + common + name.encode() + body)
		directory += (
			b"PK\x01\x02" + struct.pack("<H", 20) + common
			+ struct.pack("<HHHII", 0, 0, 0, 0, offset) + name.encode()
		)  # fmt: skip
	end = made.tell()
	made.write(directory)
	tail = struct.pack("<HHHHIIH", 0, 0, len(entries), len(entries), len(directory), end, 0)
	made.write(b"PK\x05\x06" + tail)
	return made.getvalue()


def wide_workbook() -> bytes:
	book, made = Workbook(), io.BytesIO()
	book.worksheets[0].cell(1, 16_384, "x")
	book.worksheets[0].cell(1_048_576, 1, "x")
	book.save(made)
	return made.getvalue()


def laughs() -> bytes:
	entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
	return (
		f'<?xml version="1.0"?><!DOCTYPE export [<!ENTITY a0 "ha">{entities}]>'
		"<export><components><comp ref='R1'><value>&a9;</value></comp></components></export>"
	).encode()


def external() -> bytes:
	return (
		b'<?xml version="1.0"?><!DOCTYPE export [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
		b"<export><components><comp ref='R1'><value>&a;</value></comp></components></export>"
	)


def deep_step() -> bytes:
	body = "".join(
		f"#{10 * n + 1}=PRODUCT('P-{n:05}','P{n:05}','',());\n"
		f"#{10 * n + 2}=PRODUCT_DEFINITION_FORMATION('','',#{10 * n + 1});\n"
		f"#{10 * n + 3}=PRODUCT_DEFINITION('','',#{10 * n + 2},#5);\n"
		f"#{10 * n + 4}=NEXT_ASSEMBLY_USAGE_OCCURRENCE('','','',#{10 * n + 3},#{10 * n + 13},$);\n"
		for n in range(2_000)
	)
	return f"ISO-10303-21;\nHEADER;\nENDSEC;\nDATA;\n{body}ENDSEC;\nEND-ISO-10303-21;\n".encode()


def brackets() -> bytes:
	body = "#1=PRODUCT(" + "(" * 500_000 + ")" * 500_000 + ");\n"
	return f"ISO-10303-21;\nHEADER;\nENDSEC;\nDATA;\n{body}ENDSEC;\nEND-ISO-10303-21;\n".encode()


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
	"nested archive": (nested, "archive"),
	"quine archive": (quine, "archive"),
	"workbook of 4 GB, as it says": (declared_large, "Unpacked, the workbook has 4"),
	"workbook with a path outside": (
		lambda: archive({"xl/workbook.xml": b"<x/>", "../../../etc/cron.d/x": b"x"}),
		"path outside",
	),
	"workbook of nothing else": (lambda: archive({"xl/workbook.xml": b"<x/>"}), "damaged"),
	"sheet with a far corner": (wide_workbook, "Remove what stands far from the table"),
	"billion laughs": (laughs, "document type or entities"),
	"external entity": (external, "document type or entities"),
	"a million columns": (lambda: b"a," * 1_000_000, "columns"),
	"a field without end": (lambda: b'Number,Name\nA-1,"' + b"x" * 1_000_000, "quotation mark"),
	"script in front of a table": (lambda: b"<html><script>1</script>\nNumber,Name\n", "no kind"),
	"picture that is an archive": (
		lambda: b"\x89PNG\r\n\x1a\n" + b"\0" * 100 + workbook(),
		"PNG file",
	),
	"program that is a workbook": (lambda: b"MZ" + b"\0" * 100 + workbook(), "no kind"),
	"table that is an archive": (lambda: b"Number,Name\n" * 500 + workbook(), "archive|zero"),
	"STEP with a chain of 2,000 levels": (deep_step, "levels"),
	"STEP with a million brackets": (brackets, "nested deeper"),
	"STEP that is cut": (lambda: deep_step()[:-40], "ends in the middle"),
}


@pytest.mark.parametrize(("made", "reason"), HOSTILE.values(), ids=list(HOSTILE))
async def test_a_hostile_file_is_refused_and_leaves_nothing(
	app: FastAPI, client: httpx.AsyncClient, alice: Person, made: Callable[[], bytes], reason: str
) -> None:
	answer = await client.post(
		IMPORTS, headers=alice.headers, files={"file": ("../../bom.csv", made())}, timeout=120
	)
	assert answer.status_code in (400, 413), answer.text
	told = answer.json()["message"] + " ".join(
		one for each in answer.json()["details"].values() for one in each
	)
	assert re.search(reason, told), told
	folder: Path = app.state.runtime.settings.home / "files" / alice.tenant_id
	assert [path for path in folder.rglob("*") if path.is_file()] == []
	async with open_work(
		app.state.runtime, alice.principal, action="test", origin="task", read_only=True
	) as work:
		for table in ("stored_files", "file_holds", "plm_imports", "plm_items"):
			assert await work.scalar(text(f"select count(*) from {table}")) == 0, table


async def test_a_workbook_that_hides_its_size_is_stopped(tmp_path: Path) -> None:
	path = tmp_path / "a.xlsx"
	path.write_bytes(declared_small())
	with pytest.raises(Unreadable) as told:
		await open_file(path, Form.XLSX, Options(), {})
	assert "save the sheet as CSV" in told.value.remedy or "damaged" in told.value.reason


async def test_a_plain_workbook_is_taken(client: httpx.AsyncClient, alice: Person) -> None:
	"""The same workbook that the hostile ones are made of."""
	answer = await client.post(
		IMPORTS, headers=alice.headers, files={"file": ("a.xlsx", workbook())}
	)
	assert (answer.status_code, answer.json()["data"]["problem_count"]) == (201, 0)


async def test_nobody_without_the_right_leaves_a_file(
	app: FastAPI, client: httpx.AsyncClient, bob: Person
) -> None:
	for headers, status in ((bob.headers, 403), ({}, 401)):
		answer = await client.post(IMPORTS, headers=headers, files={"file": ("a.xlsx", workbook())})
		assert answer.status_code == status
	folder: Path = app.state.runtime.settings.home / "files"
	assert not (folder / bob.tenant_id).exists()
