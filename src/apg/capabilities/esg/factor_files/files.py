"""What any reader of a file of factors answers, and the reading of tables and numbers."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation

from apg.capabilities.esg.shared.factor_draft import Draft
from apg.capabilities.esg.shared.factor_lint import Reading
from apg.kernel.file_kinds import Unreadable
from apg.kernel.tabular import plain
from apg.kernel.texts import _
from apg.platform.reference.unit_table import Dimension
from apg.platform.reference.units import AmbiguousUnit, UnitError, unit

MOST_ROWS, MOST_COLUMNS, LONGEST_FIELD = 1_000_000, 1_000, 65_536
_NUMBER = re.compile(r"[+-]?\d{1,30}(\.\d{0,40})?([eE][+-]?\d{1,3})?\Z")


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


def number_of(text: str) -> Decimal | None:
	"""The number a cell holds, with all its digits; None where it is no number."""
	if not _NUMBER.match(text):
		return None
	try:
		value = Decimal(text)
	except InvalidOperation:
		return None
	return value if value.is_finite() and (not value or abs(value.adjusted()) <= 60) else None


def slug(text: str) -> str:
	"""A part of an activity code: lower-case letters, digits and low lines."""
	folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
	return re.sub(r"[^a-z0-9]+", "_", folded).strip("_")[:80]


def code_of(*parts: str) -> str:
	"""An activity code from names, general to special; one that repeats the last is left out."""
	found: list[str] = []
	for word in map(slug, parts):
		if word and (not found or found[-1] != word):
			found.append(word)
	return ".".join(found)


def unit_of(text: str, *, fuel: bool) -> tuple[str, str]:
	"""The symbol, and why the unit is refused: `unit_unknown`, `unit_ambiguous`, or `calorific_basis`
	for energy of a fuel that is neither gross nor net; empty where it is not."""
	try:
		held = unit(text)
	except UnitError as error:
		ambiguous = isinstance(error, AmbiguousUnit)
		return text[:64], "unit_ambiguous" if ambiguous else "unit_unknown"
	if fuel and held.dimension == Dimension.ENERGY:
		return held.symbol, "calorific_basis"
	return held.symbol, ""


def table_headings(headings: list[str]) -> list[str]:
	return [slug(heading) for heading in headings]
