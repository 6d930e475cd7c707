"""A file as a whole: which form it has by its content, how large, and what it says under a mapping."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from apg.capabilities.plm.imports import columns
from apg.capabilities.plm.imports.bom_rows import read_bom
from apg.capabilities.plm.imports.columns import ColumnMapping, Field, normalised
from apg.capabilities.plm.imports.inventree import SCHEME, read_fixture
from apg.capabilities.plm.imports.neutral import ImportedBom
from apg.capabilities.plm.imports.numbers import NumberFormat
from apg.capabilities.plm.imports.readers import Table, Unreadable, read_csv, table_of
from apg.kernel.file_kinds import Kind
from apg.kernel.texts import _

SMALL_ROWS = 2_000
SAMPLE_ROWS = 6
_CELL = 80
KINDS = frozenset({Kind.TEXT, Kind.JSON, Kind.XLSX, Kind.XML, Kind.STEP})


class Form(StrEnum):
	"""What a file of parts can be."""

	CSV = "csv"
	XLSX = "xlsx"
	INVENTREE = "inventree"
	KICAD = "kicad"
	STEP = "step"


FORMS = {
	Kind.TEXT: Form.CSV,
	Kind.XLSX: Form.XLSX,
	Kind.JSON: Form.INVENTREE,
	Kind.XML: Form.KICAD,
	Kind.STEP: Form.STEP,
}
# forms whose columns a person can correct
TABLES = frozenset({Form.CSV, Form.XLSX, Form.KICAD})
# bytes up to which a file is read while the person waits
_SMALL = {
	Form.CSV: 5_000_000,
	Form.INVENTREE: 5_000_000,
	Form.XLSX: 400_000,
	Form.KICAD: 2_000_000,
	Form.STEP: 3_000_000,
}


@dataclass(frozen=True, slots=True)
class Options:
	"""How a person says a table is to be read. `source` names the system its keys come from;
	`parent` is the number of the assembly that a list of one level belongs to; `hand_lines` says
	whether lines that were made by hand and are not in the file are kept or removed."""

	parent: str | None = None
	decimal: str = "auto"
	currency: str | None = None
	delimiter: str | None = None
	encoding: str | None = None
	header_row: int | None = None
	source: str = "import"
	sheet: str | None = None
	hand_lines: str = "keep"

	@classmethod
	def of(cls, stored: Mapping[str, Any]) -> "Options":
		return cls(**{name: stored[name] for name in cls.__slots__ if stored.get(name) is not None})

	def source_of(self, form: Form) -> str:
		"""The system the lines come from: the one a person named, else that of the form."""
		if form is Form.INVENTREE:
			return SCHEME
		is_named = self.source != "import" or form in (Form.CSV, Form.XLSX)
		return self.source if is_named else form.value


@dataclass(frozen=True, slots=True)
class FileRead:
	"""What the file says, and what a person needs to see of how it was understood. `signature` is
	that of its headings; `remembered` tells that the columns were read as in an earlier file."""

	bom: ImportedBom
	source: str
	columns: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
	sample: list[list[str]] = field(default_factory=list[list[str]])
	shape: str | None = None
	sheets: tuple[str, ...] = ()
	sheet: str | None = None
	header_row: int | None = None
	signature: str | None = None
	remembered: bool = False


def is_small(path: Path, form: Form) -> bool:
	"""Whether it is read while the person waits: at most 2,000 rows, or parts and lines."""
	if path.stat().st_size > _SMALL[form]:
		return False
	if form is Form.INVENTREE:
		content = path.read_bytes()
		return content.count(b'"part.part"') + content.count(b'"part.bomitem"') <= SMALL_ROWS
	return form is not Form.CSV or path.read_bytes().count(b"\n") <= SMALL_ROWS + 1


def read_path(
	path: str,
	form: str,
	options: Options,
	choices: Mapping[str, str | None],
	remembered: Mapping[str, Mapping[str, str | None]],
) -> FileRead:
	"""Reads all of it, in a confined process. `choices` are a person's corrections, heading → field;
	`remembered` those of earlier files by the signature of their headings. Raises Unreadable."""
	# Here, so that no other process loads what reads workbooks and XML.
	from apg.capabilities.plm.imports import kicad, step, workbook

	where, kind = Path(path), Form(form)
	source = options.source_of(kind)
	if kind is Form.INVENTREE:
		return FileRead(read_fixture(where.read_bytes()), source)
	if kind is Form.STEP:
		return FileRead(step.read_step(where, scheme=source), source)
	title, number_format = None, NumberFormat(options.decimal)
	sheets, sheet = (), None
	if kind is Form.KICAD:
		if not kicad.is_netlist(_head(where)):
			raise Unreadable(
				_("This XML file is no KiCad netlist."),
				_("Give the generic netlist that KiCad writes, or a table as CSV or XLSX."),
			)
		table, title = kicad.read_netlist(where)
		number_format = NumberFormat.POINT
	elif kind is Form.XLSX:
		comma = number_format is NumberFormat.COMMA
		found = workbook.read_sheet(where, options.sheet, comma=comma)
		number_format = NumberFormat.COMMA if comma else NumberFormat.POINT
		sheets, sheet = found.names, found.name
		notes = [_("Sheet “{name}” of {n}.", name=sheet, n=len(sheets))]
		table = table_of(found.records, options.header_row, notes, encoding="xlsx", guarded=False)
	else:
		table = read_csv(
			where.read_bytes(),
			encoding=options.encoding,
			delimiter=options.delimiter,
			header_row=options.header_row,
		)
	table = kicad.with_names(table)
	mapping = columns.guess(table)
	signature = signature_of(table, kind)
	earlier = remembered.get(signature)
	if earlier:
		known = {each.heading for each in mapping.columns}
		mapping = mapping.correct({h: f for h, f in earlier.items() if h in known})
	mapping = _with_currency(mapping.correct(choices), options.currency)
	bom = read_bom(
		table,
		mapping,
		number_format=number_format,
		parent=options.parent,
		title=title,
		scheme=source,
	)
	if earlier:
		told = _("Columns are read as in an earlier file with these headings.")
		bom = replace(bom, notes=(*bom.notes, told))
	return FileRead(
		bom,
		source,
		[_shown(each) for each in mapping.columns],
		_sample(table),
		mapping.shape.value,
		sheets,
		sheet,
		table.header_row or None,
		signature,
		bool(earlier),
	)


def _head(path: Path) -> bytes:
	with path.open("rb") as file:
		return file.read(65_536)


def signature_of(table: Table, form: Form) -> str:
	"""The same for tables with the same headings, in any order."""
	words = sorted(normalised(each) for each in table.headers)
	return hashlib.sha256("\n".join((form.value, *words)).encode()).hexdigest()


def _shown(column: columns.Column) -> dict[str, Any]:
	return {
		"heading": column.heading,
		"field": column.field.value if column.field else None,
		"confidence": column.confidence,
		"unit": column.unit,
		"corrected": column.corrected,
	}


def _sample(table: Table) -> list[list[str]]:
	rows = [row.cells for row, _n in zip(table.data, range(SAMPLE_ROWS), strict=False)]
	return [[cell[:_CELL] for cell in cells] for cells in rows]


def _with_currency(mapping: ColumnMapping, currency: str | None) -> ColumnMapping:
	"""Prices without a currency of their own are in the one the person gave."""
	if not currency:
		return mapping
	return ColumnMapping(
		tuple(
			replace(each, unit=currency) if each.field is Field.PRICE and not each.unit else each
			for each in mapping.columns
		)
	)
