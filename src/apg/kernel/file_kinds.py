"""What a file is, told by its content; its name and what the sender says of it are never asked."""

import json
import re
import struct
import zipfile
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from apg.kernel.errors import Invalid, Problem
from apg.kernel.texts import _

HEAD, TAIL = 4_096, 66_000  # bytes read to tell a kind; the tail holds the end record of a ZIP
PIXELS = 40_000_000
XLSX_ENTRIES, XLSX_UNPACKED, XLSX_RATIO = 2_000, 200_000_000, 100
MEGABYTE = 1_000_000


class Kind(StrEnum):
	"""TEXT is any table or note; JSONL is one JSON object a line."""

	TEXT = "text"
	JSON = "json"
	JSONL = "jsonl"
	XML = "xml"
	STEP = "step"
	XLSX = "xlsx"
	PDF = "pdf"
	PNG = "png"
	JPEG = "jpeg"


# bytes of one file (security, section 6)
LIMITS: dict[Kind, int] = {
	Kind.TEXT: 100 * MEGABYTE,
	Kind.JSON: 100 * MEGABYTE,
	Kind.JSONL: 100 * MEGABYTE,
	Kind.XML: 20 * MEGABYTE,
	Kind.STEP: 300 * MEGABYTE,
	Kind.XLSX: 20 * MEGABYTE,
	Kind.PDF: 50 * MEGABYTE,
	Kind.PNG: 20 * MEGABYTE,
	Kind.JPEG: 20 * MEGABYTE,
}
MEDIA_TYPES: dict[Kind, str] = {
	Kind.TEXT: "text/plain; charset=utf-8",
	Kind.JSON: "application/json",
	Kind.JSONL: "application/jsonl",
	Kind.XML: "application/xml",
	Kind.STEP: "model/step",
	Kind.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	Kind.PDF: "application/pdf",
	Kind.PNG: "image/png",
	Kind.JPEG: "image/jpeg",
}
TEXTUAL = frozenset({Kind.TEXT, Kind.JSON, Kind.JSONL, Kind.XML, Kind.STEP})
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_JSON = re.compile(r'\{\s*["}]|\[\s*[\[{"\]\d\-tfn]')
_HTML = re.compile(r"(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|script)\b", re.I | re.S)


class Unreadable(Invalid):
	"""A file that cannot be taken as a whole; names the place, the reason and the remedy."""

	code = "FILE_UNREADABLE"

	def __init__(self, reason: str, remedy: str) -> None:
		self.reason, self.remedy = reason, remedy
		message = f"{reason} {remedy}"
		super().__init__(message, problems=[Problem("file", message, "unreadable")])


def guess(head: bytes) -> Kind | None:
	"""The kind by the first 4,096 bytes; None for what is never accepted."""
	for mark, kind in (
		(b"PK\x03\x04", Kind.XLSX),
		(b"%PDF-", Kind.PDF),
		(b"\x89PNG\r\n\x1a\n", Kind.PNG),
		(b"\xff\xd8\xff", Kind.JPEG),
	):
		if head.startswith(mark):
			return kind
	wide = head.startswith(_UTF16) or _looks_wide(head)
	if not wide and b"\0" in head:
		return None
	if head[:4] in (b"\xd0\xcf\x11\xe0", b"GIF8", b"\x7fELF") or head[:2] in (b"\x1f\x8b", b"BZ"):
		return None
	text = head.decode("utf-16" if head.startswith(_UTF16) else "utf-8-sig", "replace").lstrip()
	if text.startswith("ISO-10303-21;"):
		return Kind.STEP
	if _HTML.match(text):
		return None
	if re.match(r"<[?!A-Za-z]", text):
		return Kind.XML
	return _json_kind(text) if _JSON.match(text) else Kind.TEXT


def _looks_wide(head: bytes) -> bool:
	"""UTF-16 without its mark: nearly every second byte of a western text is zero."""
	return len(head) > 9 and any(
		head[first::2].count(0) > 0.7 * len(head) / 2 > 0 == head[1 - first :: 2].count(0)
		for first in (0, 1)
	)


def _json_kind(text: str) -> Kind:
	first, _end, rest = text.partition("\n")
	if text[0] == "{" and rest.lstrip()[:1] == "{":
		try:
			json.loads(first)
		except (ValueError, RecursionError):
			return Kind.JSON
		return Kind.JSONL
	return Kind.JSON


def check(path: Path, kind: Kind) -> None:
	"""Looks at the whole file as far as its kind asks, unpacking nothing. Raises Unreadable."""
	with path.open("rb") as file:
		size = file.seek(0, 2)
		file.seek(max(0, size - TAIL))
		tail = file.read()
		if kind is Kind.XLSX:
			_check_workbook(file, tail)
		elif b"PK\x05\x06" in tail:
			raise Unreadable(
				_("Behind the content of the file stands an archive."),
				_("Export the file anew from the program it comes from."),
			)
		elif kind is Kind.PDF and b"%%EOF" not in tail[-2_048:]:
			raise _cut("PDF")
		elif kind is Kind.PNG:
			_check_pixels(*_png_size(file, tail))
		elif kind is Kind.JPEG:
			if b"\xff\xd9" not in tail[-1_024:]:
				raise _cut("JPEG")
			_check_pixels(*_jpeg_size(file))
		elif kind in TEXTUAL:
			_check_text(file, kind)


def _cut(name: str) -> Unreadable:
	return Unreadable(
		_("The {kind} file does not end as one should.", kind=name),
		_("It may have been cut off; export or copy it again."),
	)


def _check_text(file: BinaryIO, kind: Kind) -> None:
	file.seek(0)
	head = file.read(HEAD)
	if head.startswith(_UTF16) or _looks_wide(head):
		return
	position = 0
	while head:
		if (at := head.find(0)) >= 0:
			raise Unreadable(
				_("Byte {n} is zero, so this is no text.", n=position + at + 1),
				_("Export the table as CSV.") if kind is Kind.TEXT else _("Export the file again."),
			)
		position += len(head)
		head = file.read(MEGABYTE)


def _check_workbook(file: BinaryIO, tail: bytes) -> None:
	"""Limits of what it would unpack to, by its directory. Raises Unreadable."""
	end = tail.rfind(b"PK\x05\x06")
	if end < 0 or len(tail) < end + 22:
		raise _cut("XLSX")
	if len(tail) != end + 22 + struct.unpack_from("<H", tail, end + 20)[0]:
		raise Unreadable(
			_("Behind the workbook stands other content."), _("Save the workbook again.")
		)
	if struct.unpack_from("<H", tail, end + 10)[0] > XLSX_ENTRIES:
		raise _too_many()
	try:
		entries = zipfile.ZipFile(file).infolist()
	except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
		raise Unreadable(
			_("The archive of the workbook is damaged."), _("Save the workbook again.")
		) from error
	names = {each.filename for each in entries}
	if len(entries) > XLSX_ENTRIES or len(names) < len(entries):
		raise _too_many()
	if "xl/workbook.xml" not in names:
		raise Unreadable(
			_("This is an archive, not an Excel workbook."),
			_("Unpack it and upload the file you need."),
		)
	if any(".." in name.replace("\\", "/").split("/") or name[:1] in "/\\" for name in names):
		raise Unreadable(
			_("An entry of the workbook has a path outside of it."), _("Save the workbook again.")
		)
	if min(each.header_offset for each in entries) or any(e.flag_bits & 1 for e in entries):
		raise Unreadable(
			_("The workbook is encrypted or begins with other content."),
			_("Save it again without a password."),
		)
	unpacked = sum(each.file_size for each in entries)
	packed = max(1, sum(each.compress_size for each in entries))
	if unpacked > XLSX_UNPACKED or unpacked > max(XLSX_RATIO * packed, MEGABYTE):
		raise Unreadable(
			_("Unpacked, the workbook has {n} MB.", n=unpacked // MEGABYTE),
			_(
				"At most {n} MB and {ratio} times its size are read. Save the sheet as CSV.",
				n=XLSX_UNPACKED // MEGABYTE,
				ratio=XLSX_RATIO,
			),
		)


def _too_many() -> Unreadable:
	return Unreadable(
		_("The workbook has more than {n} parts, or two of one name.", n=XLSX_ENTRIES),
		_("Save only the sheet you need, or save it as CSV."),
	)


def _png_size(file: BinaryIO, tail: bytes) -> tuple[int, int]:
	file.seek(8)
	head = file.read(16)
	if head[4:8] != b"IHDR" or not tail.endswith(b"IEND\xaeB`\x82"):
		raise _cut("PNG")
	return struct.unpack(">II", head[8:16])


def _jpeg_size(file: BinaryIO) -> tuple[int, int]:
	file.seek(2)
	while len(mark := file.read(4)) == 4 and mark[0] == 0xFF:
		kind, length = mark[1], struct.unpack(">H", mark[2:])[0]
		if kind in (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)):
			height, width = struct.unpack(">xHH", file.read(5))
			return width, height
		file.seek(length - 2, 1)
	raise _cut("JPEG")


def _check_pixels(width: int, height: int) -> None:
	if not 0 < width * height <= PIXELS:
		raise Unreadable(
			_("The image has {width} × {height} pixels.", width=width, height=height),
			_("At most {n} million are taken; scale it down.", n=PIXELS // 1_000_000),
		)
