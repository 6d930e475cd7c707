"""Files that come in: bounded, kept by content, gone when nothing holds them."""

import hashlib
import io
import os
import struct
import time
import zipfile
import zlib
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from apg.kernel import uploads
from apg.kernel.errors import AppError, Gone, NotFound, TooLarge
from apg.kernel.file_kinds import Kind, Unreadable, guess
from apg.kernel.permissions import Permission
from apg.kernel.stamps import new_id
from apg.kernel.work import Work, open_work
from tests.people import Person

READ = Permission("plm", "imports", "read")
ALL = frozenset(Kind)
CSV = b"Part,Quantity\nA-1,2\n"


def opened(app: FastAPI, person: Person):
	return open_work(app.state.runtime, person.principal, action="test", origin="task")


async def pieces(content: bytes, size: int = 1_000) -> AsyncIterator[bytes]:
	for start in range(0, len(content), size):
		yield content[start : start + size]


def on_disk(app: FastAPI, person: Person) -> list[Path]:
	folder = uploads.folder_of(app.state.runtime.settings.home, person.tenant_id)
	return sorted(path for path in folder.rglob("*") if path.is_file())


async def rows(app: FastAPI, person: Person) -> int:
	async with opened(app, person) as work:
		return await work.scalar(text("select count(*) from stored_files"))


async def keep(work: Work, content: bytes, name: str = "a.csv") -> uploads.StoredFile:
	return await uploads.receive(work, pieces(content), name, ALL)


async def test_a_file_is_kept_by_its_content_for_its_owner_alone(
	app: FastAPI, alice: Person
) -> None:
	async with opened(app, alice) as work:
		kept = await keep(work, CSV, "../../etc/parts.csv")
	assert kept.sha256 == hashlib.sha256(CSV).hexdigest()
	assert (kept.size, kept.kind, kept.filename) == (len(CSV), Kind.TEXT, "parts.csv")
	(path,) = on_disk(app, alice)
	assert path.read_bytes() == CSV
	assert path.stat().st_mode & 0o777 == 0o600
	assert path.parent.parent.stat().st_mode & 0o777 == 0o700
	async with opened(app, alice) as work:
		assert await uploads.place(work, kept.sha256) == path


async def test_the_same_content_is_kept_once_in_a_tenant_and_apart_in_another(
	app: FastAPI, alice: Person, charlie: Person
) -> None:
	async with opened(app, alice) as work:
		one = await keep(work, CSV, "one.csv")
	async with opened(app, alice) as work:
		two = await keep(work, CSV, "two.csv")
	assert (one.id, one.sha256) == (two.id, two.sha256)
	assert (len(on_disk(app, alice)), await rows(app, alice)) == (1, 1)
	async with opened(app, charlie) as work:
		with pytest.raises(NotFound):
			await uploads.place(work, one.sha256)
		other = await keep(work, CSV)
	assert other.id != one.id
	assert len(on_disk(app, charlie)) == 1


async def test_what_is_rolled_back_leaves_nothing(app: FastAPI, alice: Person) -> None:
	with suppress(ZeroDivisionError):
		async with opened(app, alice) as work:
			await keep(work, CSV)
			assert len(on_disk(app, alice)) == 1
			raise ZeroDivisionError
	assert (on_disk(app, alice), await rows(app, alice)) == ([], 0)


async def test_a_rolled_back_second_upload_leaves_the_first(app: FastAPI, alice: Person) -> None:
	async with opened(app, alice) as work:
		await keep(work, CSV)
	with suppress(ZeroDivisionError):
		async with opened(app, alice) as work:
			await keep(work, CSV)
			raise ZeroDivisionError
	assert (len(on_disk(app, alice)), await rows(app, alice)) == (1, 1)


async def test_an_upload_that_breaks_off_leaves_nothing(app: FastAPI, alice: Person) -> None:
	async def broken() -> AsyncIterator[bytes]:
		yield CSV
		raise ConnectionResetError

	with pytest.raises(ConnectionResetError):
		async with opened(app, alice) as work:
			await uploads.receive(work, broken(), "a.csv", ALL)
	assert (on_disk(app, alice), await rows(app, alice)) == ([], 0)


async def test_size_is_counted_while_it_is_read(
	app: FastAPI, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
	monkeypatch.setattr(app.state.runtime.settings, "file_limits", {"text": 10_000})
	given = 0

	async def endless() -> AsyncIterator[bytes]:
		nonlocal given
		while True:
			given += 1_000
			yield b"a,b\n" * 250

	with pytest.raises(TooLarge, match="TEXT"):
		async with opened(app, alice) as work:
			await uploads.receive(work, endless(), "a.csv", ALL)
	assert given == 11_000
	assert on_disk(app, alice) == []


async def test_the_quota_names_what_is_used_and_allowed(
	app: FastAPI, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
	monkeypatch.setattr(app.state.runtime.settings, "storage_quota", 1_500_000)
	first, second = b"a,b\n" * 250_000, b"c,d\n" * 250_000
	async with opened(app, alice) as work:
		await keep(work, first)
	with pytest.raises(TooLarge, match=r"keeps 1\.0 MB .* may keep 1\.5 MB.* has 1\.0 MB") as told:
		async with opened(app, alice) as work:
			await keep(work, second)
	assert told.value.code == "QUOTA_EXCEEDED"
	async with opened(app, alice) as work:
		await keep(work, first)  # the same content takes no more room
	assert len(on_disk(app, alice)) == 1


async def test_who_may_read_a_holding_row_may_fetch(
	app: FastAPI, alice: Person, bob: Person
) -> None:
	async with opened(app, alice) as work:
		kept = await keep(work, CSV, "bom.csv")
		await uploads.hold(work, kept, "plm_imports", new_id(), READ)
	async with opened(app, alice) as work:
		assert (await uploads.fetchable(work, kept.sha256)).filename == "bom.csv"
	async with opened(app, bob) as work:
		with pytest.raises(NotFound):
			await uploads.fetchable(work, kept.sha256)


async def test_a_released_file_goes_with_its_last_holder(app: FastAPI, alice: Person) -> None:
	one, two = new_id(), new_id()
	async with opened(app, alice) as work:
		kept = await keep(work, CSV)
		await uploads.hold(work, kept, "plm_imports", one, READ)
		await uploads.hold(work, kept, "plm_imports", two, READ)
	async with opened(app, alice) as work:
		await uploads.release(work, "plm_imports", one)
	assert len(on_disk(app, alice)) == 1
	async with opened(app, alice) as work:
		await uploads.release(work, "plm_imports", two)
	assert (on_disk(app, alice), await rows(app, alice)) == ([], 0)


async def test_the_nightly_task_removes_what_nothing_holds(app: FastAPI, alice: Person) -> None:
	async with opened(app, alice) as work:
		held = await keep(work, CSV)
		await uploads.hold(work, held, "plm_imports", new_id(), READ)
		await keep(work, b"x,y\n1,2\n")
	folder = uploads.folder_of(app.state.runtime.settings.home, alice.tenant_id)
	half = folder / ".0123.part"
	half.write_bytes(b"half")
	async with opened(app, alice) as work:
		await uploads.remove_orphans(work)
	assert len(on_disk(app, alice)) == 3  # none of them is old enough
	async with opened(app, alice) as work:
		await work.execute(
			text("update stored_files set received_at = now() - interval '25 hours'")
		)
	yesterday = time.time() - 25 * 3_600
	for path in on_disk(app, alice):
		os.utime(path, (yesterday, yesterday))
	async with opened(app, alice) as work:
		await uploads.remove_orphans(work)
	assert [path.name for path in on_disk(app, alice)] == [held.sha256]
	assert await rows(app, alice) == 1


async def test_lost_bytes_are_told_and_come_back_with_the_same_file(
	app: FastAPI, alice: Person
) -> None:
	async with opened(app, alice) as work:
		kept = await keep(work, CSV)
		await uploads.hold(work, kept, "plm_imports", new_id(), READ)
	on_disk(app, alice)[0].unlink()
	async with opened(app, alice) as work:
		await uploads.remove_orphans(work)
	async with opened(app, alice) as work:
		assert await work.scalar(text("select state from stored_files")) == "missing"
		with pytest.raises(Gone):
			await uploads.place(work, kept.sha256)
		await keep(work, CSV)
	async with opened(app, alice) as work:
		assert await work.scalar(text("select state from stored_files")) == "kept"
		assert (await uploads.place(work, kept.sha256)).read_bytes() == CSV


# -- kinds by content ----------------------------------------------------------------------------


def workbook(entries: dict[str, bytes]) -> bytes:
	made = io.BytesIO()
	with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
		for name, content in entries.items():
			archive.writestr(name, content)
	return made.getvalue()


def png(width: int, height: int) -> bytes:
	def chunk(name: bytes, data: bytes) -> bytes:
		check = zlib.crc32(name + data)
		return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)

	head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
	return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IEND", b"")


BOOK = workbook({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>"})
PDF = b"%PDF-1.7\n1 0 obj\nendobj\n%%EOF\n"
JPEG = b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x0b\x08\0\x10\0\x20\x01\0\0\0\xff\xd9"


@pytest.mark.parametrize(
	("content", "kind"),
	[
		(CSV, Kind.TEXT),
		("Teil;Menge\nSchräg;1\n".encode("utf-16"), Kind.TEXT),
		("Teil;Menge\nA;1\n".encode("utf-16-le"), Kind.TEXT),
		("Stück;1".encode("cp1252"), Kind.TEXT),
		(b'\xef\xbb\xbf{"a": 1}', Kind.JSON),
		(b'[{"a": 1},\n {"b": 2}]', Kind.JSON),
		(b'{"a": 1}\n{"a": 2}\n', Kind.JSONL),
		(b'[Part],"x"\n', Kind.TEXT),
		(b"<?xml version='1.0'?><export/>", Kind.XML),
		(b"ISO-10303-21;\nHEADER;\nENDSEC;\nEND-ISO-10303-21;\n", Kind.STEP),
		(BOOK, Kind.XLSX),
		(PDF, Kind.PDF),
		(png(10, 10), Kind.PNG),
		(JPEG, Kind.JPEG),
	],
)
async def test_the_kind_is_told_by_the_content(
	app: FastAPI, alice: Person, content: bytes, kind: Kind
) -> None:
	async with opened(app, alice) as work:
		assert (await keep(work, content, "whatever.exe")).kind is kind


REFUSED: list[tuple[str, bytes, str]] = [
	("empty", b" \n", "empty"),
	("html", b"<!-- x --><html><script>alert(1)</script></html>", "no kind"),
	("program", b"\x7fELF\x02\x01", "no kind"),
	("gzip", b"\x1f\x8b\x08\0", "no kind"),
	("old excel", b"\xd0\xcf\x11\xe0\xa1\xb1", "no kind"),
	("binary", b"a,b\0c\n", "no kind"),
	("binary far behind", CSV * 10_000 + b"\0", "zero"),
	("archive", workbook({"a.csv": CSV}), "not an Excel workbook"),
	("nested archive", workbook({"inner.zip": workbook({"inner.zip": BOOK})}), "not an Excel"),
	("path outside", workbook({"xl/workbook.xml": b"", "../../x.sh": b"x"}), "path outside"),
	("absolute path", workbook({"xl/workbook.xml": b"", "/etc/x": b"x"}), "path outside"),
	("too many entries", workbook({f"xl/{n}": b"" for n in range(2_001)}), "2000 parts"),
	("bomb", workbook({"xl/workbook.xml": b"\0" * 30_000_000}), "Unpacked, the workbook has 30 MB"),
	("cut archive", BOOK[:-30], "does not end"),
	("archive with a tail", BOOK + b"<script>", "other content"),
	("archive behind a program", b"PK\x03\x04" + b"\0" * 40 + BOOK, "begins with other content"),
	("pdf and archive", PDF + BOOK, "archive"),
	("picture and archive", png(1, 1) + BOOK, "archive"),
	("csv and archive", CSV + BOOK, "no kind"),
	("cut pdf", b"%PDF-1.7\n", "does not end"),
	("cut png", png(1, 1)[:-4], "does not end"),
	("pixels", png(100_000, 10_000), "100000 × 10000 pixels"),
]


@pytest.mark.parametrize(
	("content", "reason"), [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED]
)
async def test_hostile_files_are_refused_and_leave_nothing(
	app: FastAPI, alice: Person, content: bytes, reason: str
) -> None:
	with pytest.raises(Unreadable, match=reason) as told:
		async with opened(app, alice) as work:
			await keep(work, content)
	assert told.value.problems[0].field == "file"
	assert told.value.remedy
	assert (on_disk(app, alice), await rows(app, alice)) == ([], 0)


def four_gigabytes() -> bytes:
	"""A workbook whose directory tells of one sheet with 4 GB, packed into nothing."""
	book = bytearray(workbook({"xl/workbook.xml": b"<x/>", "xl/worksheets/sheet1.xml": b"<x/>"}))
	at = book.rfind(b"PK\x01\x02")
	struct.pack_into("<I", book, at + 24, 4_000_000_000)
	return bytes(book)


async def test_a_workbook_of_four_gigabytes_is_never_unpacked(app: FastAPI, alice: Person) -> None:
	with pytest.raises(Unreadable, match="Unpacked, the workbook has 4000 MB"):
		async with opened(app, alice) as work:
			await keep(work, four_gigabytes())
	assert on_disk(app, alice) == []


async def test_a_kind_that_was_not_asked_for_is_refused(app: FastAPI, alice: Person) -> None:
	with pytest.raises(Unreadable, match=r"this is a PDF file\. Give one of these: TEXT, XLSX\."):
		async with opened(app, alice) as work:
			await uploads.receive(work, pieces(PDF), "a.csv", {Kind.TEXT, Kind.XLSX})
	assert on_disk(app, alice) == []


def test_a_table_that_begins_with_a_bracket_is_a_table() -> None:
	assert guess(b"[unit],x\n") is Kind.TEXT
	assert issubclass(Unreadable, AppError)
