"""What any reader of a file of factors answers, and the reading of tables and numbers."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from apg.capabilities.esg.shared.factor_cells import slug
from apg.capabilities.esg.shared.factor_draft import Draft
from apg.capabilities.esg.shared.factor_lint import Reading
from apg.kernel.file_kinds import Unreadable
from apg.kernel.tabular import plain
from apg.kernel.texts import _

MOST_ROWS, MOST_COLUMNS, LONGEST_FIELD = 1_000_000, 1_000, 65_536


@dataclass(frozen=True, slots=True)
class Skipped:
	"""Rows that are no factor, with the reason: none of them stands for zero."""

	rows: tuple[int, ...]
	name: str
	code: str
	values: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Given:
	"""What the person who brings a file may say about it; empty where the file says it."""

	publisher: str = ""
	title: str = ""
	edition: str = ""
	licence: str = ""
	url: str = ""
	gas_basis: str = ""
	gwp_set: str = ""
	published_on: date | None = None


@dataclass(slots=True)
class FactorFile:
	"""A file that was read: where it is from, its factors before the lint, what was left out.

	`series` stays the same from edition to edition. `declared` is the reading of gas columns where
	it is known beforehand; None lets the figures say it.
	"""

	kind: str
	series: str
	title: str
	publisher: str
	edition: str
	licence: str
	redistributable: bool
	url: str
	rows: int
	drafts: list[Draft]
	skipped: list[Skipped] = field(default_factory=list[Skipped])
	declared: Reading | None = None
	gwp_set: str = ""
	remarks: list[str] = field(default_factory=list[str])


def text_of(content: bytes) -> str:
	"""The text of a file: UTF-8, UTF-16 with its mark, else Windows-1252."""
	if content.startswith((b"\xff\xfe", b"\xfe\xff")):
		return content.decode("utf-16", errors="replace")
	try:
		return content.decode("utf-8-sig")
	except UnicodeDecodeError:
		return content.decode("cp1252", errors="replace")


def table_of(text: str) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
	"""Headings and rows with the number of the line they end on; the first row with two cells or
	more is the heading. Raises Unreadable."""
	sample = text[:16_384]
	delimiter = max(",;\t|", key=sample.count)
	csv.field_size_limit(LONGEST_FIELD)
	lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
	rows = _rows(lines)
	for _number, row in rows:
		if sum(bool(cell) for cell in row) > 1:
			if len(row) > MOST_COLUMNS:
				raise Unreadable(
					_("The table has {n} columns.", n=len(row)),
					_("Give at most {n}.", n=MOST_COLUMNS),
				)
			return row, rows
	raise Unreadable(_("The file holds no table."), _("Give a CSV file with a row of headings."))


def _rows(lines: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
	number = 0
	while True:
		try:
			cells = next(lines)
		except StopIteration:
			return
		except csv.Error as error:
			raise Unreadable(
				_("Row {row} cannot be read as CSV ({reason}).", row=number + 1, reason=str(error)),
				_("Export the table again; a cell may have at most {n} signs.", n=LONGEST_FIELD),
			) from None
		number += 1
		if number > MOST_ROWS:
			raise Unreadable(_("The file has more than {n} rows.", n=MOST_ROWS), _("Split it."))
		yield number, [_clean(cell) for cell in cells]


def _clean(cell: str) -> str:
	text = plain(cell).replace("\u00a0", " ").strip()
	return "".join(char for char in text if char.isprintable())[:2_000]


def table_headings(headings: list[str]) -> list[str]:
	return [slug(heading) for heading in headings]
