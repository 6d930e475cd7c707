"""Tables that leave as CSV or XLSX: exact numbers, units in headers, no cell becomes a formula."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, BinaryIO

from apg.kernel.errors import Invalid
from apg.kernel.texts import _

Cell = str | int | Decimal | bool | date | datetime | None
XLSX_ROWS, XLSX_TEXT = 1_048_576, 32_767
# A text that a spreadsheet would run; further ' before it are kept apart by one more (see `plain`).
_RUNS = re.compile(r"'*(?:\s*[=+\-@]|[^\S\t\r]*[\t\r])")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Column:
	"""A heading; the unit is written behind it in brackets."""

	title: str
	unit: str | None = None

	def __str__(self) -> str:
		return f"{self.title} [{self.unit}]" if self.unit else self.title


def guarded(text: str) -> str:
	"""The text with a leading ' if a spreadsheet would take it for a formula."""
	# A letter or a digit in front, as nearly always, is no beginning of any.
	return f"'{text}" if not text[:1].isalnum() and _RUNS.match(text) else text


def plain(text: str) -> str:
	"""Takes back what `guarded` put before a text; the importer calls it on each cell."""
	return text[1:] if text.startswith("'") and _RUNS.match(text) else text


def write_csv(
	rows: Iterable[Sequence[Cell]], headers: Sequence[Column | str], *, raw: bool = False
) -> Iterator[str]:
	"""Streams RFC 4180 lines with a byte order mark for spreadsheets; `raw` for machines: neither
	mark nor guard. Numbers are written with all their digits, times in UTC."""
	buffer = io.StringIO()
	writer = csv.writer(buffer, lineterminator="\r\n")
	writer.writerow([_csv_cell(str(each), raw) for each in headers])
	yield ("" if raw else "\ufeff") + buffer.getvalue()
	for row in rows:
		buffer.seek(0)
		buffer.truncate()
		writer.writerow([_csv_cell(each, raw) for each in row])
		yield buffer.getvalue()


def _csv_cell(value: Cell, raw: bool) -> str:
	if value is None:
		return ""
	if isinstance(value, str):
		return value if raw else guarded(value)
	return _text(value)


def _text(value: Cell) -> str:
	match value:
		case None:
			return ""
		case bool():
			return "true" if value else "false"
		case Decimal():
			return f"{value:f}"
		case datetime():
			return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
		case date():
			return value.isoformat()
		case _:
			return str(value)


def write_xlsx(
	rows: Iterable[Sequence[Cell]],
	headers: Sequence[Column | str],
	target: BinaryIO,
	*,
	title: str = "Data",
) -> None:
	"""Writes one sheet row by row; every text is a typed string, times are UTC text, and so is a number
	of more than 15 digits.

	A sheet holds 1,048,576 rows and 32,767 characters a cell; what exceeds that is refused.
	"""
	from openpyxl import Workbook  # only who writes a workbook pays for loading it
	from openpyxl.cell import WriteOnlyCell

	book = Workbook(write_only=True)
	sheet: Any = book.create_sheet(re.sub(r"[\[\]:*?/\\]", " ", title)[:31] or "Data")
	complete = False
	try:
		sheet.append([_xlsx_cell(WriteOnlyCell, sheet, str(each), 1) for each in headers])
		for number, row in enumerate(rows, start=2):
			if number > XLSX_ROWS:
				raise Invalid.one(
					"format", _("An XLSX sheet holds {n} rows. Export as CSV instead.", n=XLSX_ROWS)
				)
			sheet.append([_xlsx_cell(WriteOnlyCell, sheet, each, number) for each in row])
		complete = True
	finally:
		if not complete:
			sheet.close()  # ends openpyxl's temporary file
	book.save(target)


def _is_held(value: Cell) -> bool:
	"""Whether a spreadsheet keeps the number: its cells are binary floats of 15 certain digits."""
	if isinstance(value, int):
		return abs(value) < 10**15
	return isinstance(value, Decimal) and len(value.as_tuple().digits) <= 15


def _xlsx_cell(cell_type: Any, sheet: Any, value: Cell, number: int) -> Any:
	if value is None or isinstance(value, bool) or _is_held(value):
		return value
	text = _UNPRINTABLE.sub("\ufffd", _text(value))
	if len(text) > XLSX_TEXT:
		raise Invalid.one(
			"format",
			_(
				"Row {row} has a text of {n} characters; an XLSX cell holds {most}. Export as CSV.",
				row=number,
				n=len(text),
				most=XLSX_TEXT,
			),
		)
	cell: Any = cell_type(sheet, text)
	cell.data_type = "s"
	return cell
