"""A file of rows as columns of distinct cells; runs in a confined process and answers plain data."""

import csv
import io
import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from apg.kernel.file_kinds import Kind, Unreadable
from apg.kernel.tabular import plain
from apg.kernel.texts import _

MOST_ROWS, MOST_COLUMNS, LONGEST_FIELD = 1_000_000, 1_000, 65_536
EMPTY = -1  # the code of a cell without content

# (places of the rows, column → distinct cells and the bytes of 32-bit codes, too wide rows)
Plain = tuple[bytes, dict[str, tuple[list[Any], bytes]], list[tuple[int, int]]]


def read_file(path: str, kind: str) -> Plain:
	"""All rows of a table (CSV, XLSX) or of JSON, one object a line or one list. Raises Unreadable.

	A place is the line or row of the file, counted from 1.
	"""
	content = Path(path)
	match Kind(kind):
		case Kind.XLSX:
			return _table(_sheet(content))
		case Kind.JSON | Kind.JSONL:
			return _objects(content.read_bytes(), kind)
		case _:
			return _table(_lines(content.read_bytes()))


def encoded(cells: Iterable[Any]) -> tuple[list[Any], "array[int]"]:
	"""The distinct cells in order of appearance, and the number of its cell for each row."""
	words: list[Any] = []
	codes = array("i")
	known: dict[Any, int] = {}
	put = codes.append
	for cell in cells:
		if cell is None:
			put(EMPTY)
			continue
		kind = type(cell)
		key = cell if kind is str else (kind, repr(cell) if kind in (dict, list) else cell)
		code = known.get(key)
		if code is None:
			code = known[key] = len(words)
			words.append(cell)
		put(code)
	return words, codes


def columns_of(rows: Sequence[dict[str, Any]]) -> dict[str, tuple[list[Any], "array[int]"]]:
	"""The rows of a body as columns; a name that one row has is a column of all."""
	names = dict.fromkeys(name for row in rows for name in row)
	return {name: encoded([row.get(name) for row in rows]) for name in names}


def _objects(content: bytes, kind: str) -> Plain:
	try:
		if kind == Kind.JSON:
			found = _json(content)
			rows = found.get("rows") if isinstance(found, dict) else found
			numbered = list(enumerate(rows if isinstance(rows, list) else [found], 1))
		else:
			lines = enumerate(content.splitlines(), 1)
			numbered = [(n, _json(line)) for n, line in lines if line.strip()]
	except (ValueError, RecursionError) as error:
		raise Unreadable(
			_("The JSON cannot be read ({reason}).", reason=str(error)[:80]),
			_("Write one object a line, or one list of objects."),
		) from error
	for number, row in numbered:
		if not isinstance(row, dict):
			raise Unreadable(_("Row {row} is no object.", row=number), _("Write {…} for each row."))
	_bounded(len(numbered), 0)
	columns = {
		name: (words, codes.tobytes())
		for name, (words, codes) in columns_of([row for _n, row in numbered]).items()
	}
	return array("q", [n for n, _row in numbered]).tobytes(), columns, []


def _json(content: bytes) -> Any:
	return json.loads(content, parse_float=Decimal, parse_constant=_refused)


def _refused(word: str) -> Any:
	raise ValueError(f"{word} is not JSON")


def _bounded(rows: int, columns: int) -> None:
	if rows > MOST_ROWS or columns > MOST_COLUMNS:
		raise Unreadable(
			_("The file has {rows} rows and {columns} columns.", rows=rows, columns=columns),
			_(
				"Give at most {rows} rows and {columns} columns.",
				rows=MOST_ROWS,
				columns=MOST_COLUMNS,
			),
		)


def _table(records: Iterator[tuple[int, Sequence[str]]]) -> Plain:
	"""The first row with two cells or more holds the headings; rows without any cell are left out."""
	headings: list[str] = []
	for _number, cells in records:
		if sum(bool(cell) for cell in cells) > 1:
			headings = list(cells)
			break
	while headings and not headings[-1]:
		headings.pop()
	if not headings:
		raise Unreadable(_("The file holds no table."), _("Give a row of headings and rows below."))
	_bounded(0, len(headings))
	if len(set(headings)) < len(headings) or "" in headings:
		raise Unreadable(
			_("A heading is empty or stands twice."), _("Give each column a heading of its own.")
		)
	places = array("q")
	columns: list[list[str | None]] = [[] for _heading in headings]
	wide: list[tuple[int, int]] = []
	for number, cells in records:
		if not any(cells):
			continue
		if any(cells[len(headings) :]):
			wide.append((len(places), len(cells)))
		places.append(number)
		_bounded(len(places), 0)
		for place, column in enumerate(columns):
			column.append((cells[place] or None) if place < len(cells) else None)
	told: dict[str, tuple[list[Any], bytes]] = {}
	for heading, column in zip(headings, columns, strict=True):
		words, codes = encoded(column)
		told[heading] = (words, codes.tobytes())
	return places.tobytes(), told, wide


def _lines(content: bytes) -> Iterator[tuple[int, Sequence[str]]]:
	text = _text(content)
	delimiter = ""
	if text[:4] == "sep=" and text[4:5]:
		delimiter, text = text[4], "\n" + text.partition("\n")[2]
	sample = text[:65_536]
	csv.field_size_limit(LONGEST_FIELD)
	reader = csv.reader(
		io.StringIO(text, newline=""), delimiter=delimiter or max(",;\t|", key=sample.count)
	)
	number = 1
	while True:
		try:
			cells = next(reader)
		except StopIteration:
			return
		except csv.Error as error:
			raise Unreadable(
				_("Row {row} cannot be read as CSV ({reason}).", row=number, reason=str(error)),
				_("Export the table again; a cell may have at most {n} signs.", n=LONGEST_FIELD),
			) from None
		yield number, [plain(cell).strip() for cell in cells]
		number = reader.line_num + 1


def _text(content: bytes) -> str:
	if content.startswith((b"\xff\xfe", b"\xfe\xff")):
		return content.decode("utf-16", errors="replace")
	try:
		return content.decode("utf-8-sig")
	except UnicodeDecodeError:
		return content.decode("cp1252", errors="replace")


def _sheet(path: Path) -> Iterator[tuple[int, Sequence[str]]]:
	"""The first visible sheet that holds something, as text."""
	from python_calamine import (
		CalamineError,
		CalamineWorkbook,
		PasswordError,
		SheetTypeEnum,
		SheetVisibleEnum,
	)

	try:
		book = CalamineWorkbook.from_path(str(path))
		for each in book.sheets_metadata:
			if each.typ != SheetTypeEnum.WorkSheet or each.visible != SheetVisibleEnum.Visible:
				continue
			sheet = book.get_sheet_by_name(each.name)
			end = sheet.end or (0, 0)
			_bounded(end[0], end[1])
			rows = sheet.to_python(skip_empty_area=False)
			if any(cell not in ("", None) for row in rows for cell in row):
				return iter([(n, [_cell(cell) for cell in row]) for n, row in enumerate(rows, 1)])
	except PasswordError as error:
		raise Unreadable(
			_("The workbook is protected by a password."), _("Save it without one.")
		) from error
	except (CalamineError, ValueError) as error:
		raise Unreadable(
			_("The workbook is damaged."), _("Save it again, or save the sheet as CSV.")
		) from error
	raise Unreadable(_("The workbook holds no rows."), _("Choose another file."))


def _cell(value: Any) -> str:
	match value:
		case str():
			return value.strip()
		case bool():
			return "true" if value else "false"
		case int() | float():
			return str(int(value)) if value == int(value) else f"{Decimal(repr(value)):f}"
		case datetime() if value.time() == time():
			return value.date().isoformat()
		case datetime() | date():
			return value.isoformat()
		case _:
			return "" if value is None else str(value)
