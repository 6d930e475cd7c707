"""Bytes of a file to a table of text: any delimiter, usual encodings, limits, nothing dropped."""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from apg.capabilities.plm.imports.neutral import Problem, Problems
from apg.kernel import tabular
from apg.kernel.file_kinds import Unreadable
from apg.kernel.texts import _

__all__ = ["LIMITS", "Limits", "Row", "RowKind", "Table", "Unreadable", "read_csv", "table_of"]
MEGABYTE = 1024 * 1024
Record = tuple[int, tuple[str, ...]]  # the line it starts in, and its cells


@dataclass(frozen=True, slots=True)
class Limits:
	"""Bounds of one file (security, section 6): bytes, columns, rows, characters of a field."""

	size: int = 100 * MEGABYTE
	columns: int = 1_000
	rows: int = 1_000_000
	field: int = 64 * 1024
	problems: int = 10_000


LIMITS = Limits()
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252")
_SAMPLE = 64 * 1024
_BAD = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_FOOTER = re.compile(
	r"(?:total|subtotal|sum|summe|gesamt|somme|page|seite|printed|generated|created|erstellt|"
	r"component count|number of|confidential|end of)\b|--|==|\*\*\*",
	re.IGNORECASE,
)
_NUMBER = re.compile(r"[+-]?\d[\d.,' ]*%?")


class RowKind(StrEnum):
	DATA = "data"
	BLANK = "blank"
	FOOTER = "footer"


@dataclass(frozen=True, slots=True)
class Row:
	"""`number` is the line of the file where the row starts, counted from 1."""

	number: int
	cells: tuple[str, ...]
	kind: RowKind = RowKind.DATA


@dataclass(frozen=True, slots=True)
class Table:
	"""Headers and rows of equal width; `guesses` says how the file was understood."""

	headers: tuple[str, ...]
	rows: tuple[Row, ...]
	encoding: str
	delimiter: str
	header_row: int
	problems: tuple[Problem, ...]
	guesses: tuple[str, ...]

	@property
	def data(self) -> Iterator[Row]:
		return (row for row in self.rows if row.kind is RowKind.DATA)


def read_csv(
	content: bytes,
	*,
	encoding: str | None = None,
	delimiter: str | None = None,
	header_row: int | None = None,
	limits: Limits = LIMITS,
) -> Table:
	"""Reads the whole table; a given encoding, delimiter or header row (line, from 1) wins over the
	guess. Rows of another width are reported one by one, blank and footer rows are marked."""
	if len(content) > limits.size:
		raise Unreadable(
			_("The file has {n} MB.", n=len(content) // MEGABYTE),
			_("Split it into files of at most {n} MB.", n=limits.size // MEGABYTE),
		)
	text, used, why = _decode(content, encoding)
	guesses = [why]
	text = text.removeprefix("\ufeff")
	if match := re.match(r"sep=(.)\r?\n", text):
		delimiter = delimiter or match[1]
		text = "\n" + text[match.end() :]
	if delimiter is None:
		delimiter, why = _guess_delimiter(text[:_SAMPLE])
		guesses.append(why)
	elif len(delimiter) != 1 or delimiter in '"\r\n\0':
		raise Unreadable(
			_("“{text}” cannot separate columns.", text=delimiter[:10]),
			_("Choose comma, semicolon, tab or bar."),
		)
	records = _records(text, delimiter, limits)
	return table_of(records, header_row, guesses, encoding=used, delimiter=delimiter, limits=limits)


def table_of(
	records: Sequence[Record],
	header_row: int | None,
	guesses: Sequence[str],
	*,
	encoding: str,
	delimiter: str = "",
	limits: Limits = LIMITS,
	guarded: bool = True,
) -> Table:
	"""Headings found, rows made equally wide, footers marked; `guarded` takes off the mark that
	exports of text put before a formula. Raises Unreadable."""
	guesses = list(guesses)
	if not any(cell.strip() for _line, cells in records for cell in cells):
		raise Unreadable(_("The file holds no rows."), _("Export the table again and check it."))
	at = _header_index(records, header_row)
	if header_row is None and at:
		guesses.append(_("The headings are in line {line}.", line=records[at][0]))
	if guarded:
		records = [(n, tuple(tabular.plain(cell) for cell in cells)) for n, cells in records]
	problems = Problems(limits.problems)
	headers = _headers(records[at], problems)
	rows = _rows(records[at + 1 :], headers, problems)
	return Table(
		headers=headers,
		rows=tuple(rows),
		encoding=encoding,
		delimiter=delimiter,
		header_row=records[at][0],
		problems=problems.listed(),
		guesses=tuple(guesses),
	)


def _decode(content: bytes, encoding: str | None) -> tuple[str, str, str]:
	"""Text, encoding and the sentence that states how sure that is."""
	if encoding is not None:
		if encoding not in ENCODINGS:
			raise Unreadable(
				_("The encoding “{name}” is not offered.", name=encoding[:30]),
				_("Choose one of {names}.", names=", ".join(ENCODINGS)),
			)
		return _strict(content, encoding), encoding, _("Encoding {name}, as given.", name=encoding)
	for mark, name in (
		(codecs.BOM_UTF8, "utf-8-sig"),
		(codecs.BOM_UTF16_LE, "utf-16"),
		(codecs.BOM_UTF16_BE, "utf-16"),
	):
		if content.startswith(mark):
			text = _strict(content, name)
			return text, name, _("Encoding {name}: the file says so.", name=name)
	head = content[:2_000]
	for name, nulls in (("utf-16-le", head[1::2]), ("utf-16-be", head[0::2])):
		if len(nulls) > 4 and nulls.count(0) > 0.7 * len(nulls):
			text = _strict(content, name)
			return text, name, _("Encoding {name}: guessed from its zero bytes.", name=name)
	try:
		text = content.decode("utf-8")
	except UnicodeDecodeError:
		text = _strict(content, "cp1252")
		return text, "cp1252", _("Encoding cp1252: guessed, since the file is not UTF-8.")
	return text, "utf-8", _("Encoding utf-8: every byte fits.")


def _strict(content: bytes, encoding: str) -> str:
	try:
		return content.decode(encoding)
	except UnicodeDecodeError as error:
		line = content.count(b"\n", 0, error.start) + 1
		raise Unreadable(
			_("Line {line} holds bytes that are not {name}.", line=line, name=encoding),
			_("Save the file as UTF-8, or choose its encoding."),
		) from error


def _guess_delimiter(sample: str) -> tuple[str, str]:
	"""The delimiter that splits most lines into the same number of columns, more than one."""
	best, best_score = ",", 0.0
	for delimiter in DELIMITERS:
		try:
			widths = [
				len(row) for row in csv.reader(io.StringIO(sample), delimiter=delimiter) if row
			]
		except csv.Error:
			continue
		width, rows = (
			Counter(each for each in widths if each > 1).most_common(1)[0]
			if any(each > 1 for each in widths)
			else (1, 0)
		)
		score = rows / max(len(widths), 1) * (1 + min(width, 20) / 100)
		if score > best_score:
			best, best_score = delimiter, score
	if not best_score:
		return best, _("No delimiter found: one column.")
	return best, _("Delimiter {name}: guessed from the first lines.", name=DELIMITERS[best])


def _records(text: str, delimiter: str, limits: Limits) -> list[Record]:
	"""All records with the line each starts in; the limits end the reading."""
	reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
	records: list[Record] = []
	start = 1
	try:
		for cells in reader:
			if len(cells) > limits.columns:
				raise Unreadable(
					_("Line {line} has {n} columns.", line=start, n=len(cells)),
					_("A table may have {n}. Check the delimiter.", n=limits.columns),
				)
			if len(records) > limits.rows:
				raise Unreadable(
					_("The file has more than {n} rows.", n=limits.rows),
					_("Split it into several files."),
				)
			if any(len(cell) > limits.field for cell in cells):
				raise _field_too_long(start, limits)
			records.append((start, tuple(cells)))
			start = reader.line_num + 1
	except csv.Error as error:
		if "field larger than" in str(error):
			raise _field_too_long(start, limits) from error
		raise Unreadable(
			_("Line {line}: a quotation mark is not closed or stands inside a field.", line=start),
			_('Put the field in "…" and double each " inside it.'),
		) from error
	return records


def _field_too_long(line: int, limits: Limits) -> Unreadable:
	return Unreadable(
		_("Line {line} has a field of more than {n} characters.", line=line, n=limits.field),
		_("Shorten it; a quotation mark that is never closed also makes such fields."),
	)


def _header_index(records: Sequence[Record], wanted: int | None) -> int:
	"""The given line, else the first row that is as full as the table and holds no numbers."""
	if wanted is not None:
		for index, (line, cells) in enumerate(records):
			if line == wanted and any(cells):
				return index
		raise Unreadable(
			_("Line {line} holds no headings.", line=wanted), _("Name the line of the headings.")
		)
	filled = [(index, [c for c in cells if c.strip()]) for index, (_l, cells) in enumerate(records)]
	filled = [(index, cells) for index, cells in filled if cells]
	usual = sorted(len(cells) for _i, cells in filled[:200])[len(filled[:200]) // 2]
	for index, cells in filled[:30]:
		if len(cells) >= usual and not any(_NUMBER.fullmatch(each.strip()) for each in cells):
			return index
	return filled[0][0]


def _headers(record: Record, problems: Problems) -> tuple[str, ...]:
	line, cells = record
	cells = tuple(each.strip() for each in cells)
	while len(cells) > 1 and not cells[-1]:
		cells = cells[:-1]
	seen: Counter[str] = Counter()
	names: list[str] = []
	for number, cell in enumerate(cells, start=1):
		name = _BAD.sub("\ufffd", cell) or _("column {n}", n=number)
		seen[name] += 1
		if seen[name] > 1:
			problems.warn(
				_("Two columns have the heading “{name}”.", name=name),
				_("This one is called “{name} ({n})” here.", name=name, n=seen[name]),
				row=line,
				column=name,
			)
			name = f"{name} ({seen[name]})"
		names.append(name)
	return tuple(names)


def _rows(
	records: Sequence[Record],
	headers: tuple[str, ...],
	problems: Problems,
) -> list[Row]:
	rows = [Row(line, _cells(line, cells, headers, problems)) for line, cells in records]
	width = len(headers)
	in_tail = True
	for index in range(len(rows) - 1, -1, -1):
		row = rows[index]
		filled = [each for each in row.cells if each.strip()]
		if not filled:
			rows[index] = Row(row.number, row.cells, RowKind.BLANK)
		elif in_tail and _is_footer(filled, width, index > 0 and not any(records[index - 1][1])):
			rows[index] = Row(row.number, row.cells, RowKind.FOOTER)
			problems.warn(
				_("This row at the end looks like a footer and is left out."),
				_("Fill in the row if it is meant to be read."),
				row=row.number,
				value=" ".join(filled),
			)
		else:
			in_tail = False
			_check_width(row, records[index][1], width, problems)
	return rows


def _is_footer(filled: Sequence[str], width: int, after_blank: bool) -> bool:
	"""A keyword in a row that is not full, or one lone sentence below the table."""
	first = filled[0].strip()
	if len(filled) < width and _FOOTER.match(first):
		return True
	return width > 2 and len(filled) == 1 and (after_blank or " " in first)


def _cells(
	line: int, cells: tuple[str, ...], headers: tuple[str, ...], problems: Problems
) -> tuple[str, ...]:
	"""Cells filled or cut to the width of the headings."""
	width = len(headers)
	for column, cell in enumerate(cells[:width]):
		if bad := _BAD.search(cell):
			problems.add(
				_("The cell holds the control character U+{code:04X}.", code=ord(bad[0])),
				_("Remove it in the source and export again."),
				row=line,
				column=headers[column],
				value=_BAD.sub("\ufffd", cell),
			)
	taken = cells[:width]
	return taken + ("",) * (width - len(taken))


def _check_width(row: Row, cells: tuple[str, ...], width: int, problems: Problems) -> None:
	extra = [each for each in cells[width:] if each.strip()]
	if extra:
		problems.add(
			_("The row has {n} columns, the headings have {width}.", n=len(cells), width=width),
			_("Quote fields that contain the delimiter, or add the missing headings."),
			row=row.number,
			value=" | ".join(extra),
		)
	elif len(cells) < width:
		problems.warn(
			_("The row has {n} of {width} columns.", n=len(cells), width=width),
			_("The missing ones are taken as empty; check that no line is broken."),
			row=row.number,
		)
