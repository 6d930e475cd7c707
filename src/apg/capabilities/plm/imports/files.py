"""A file as a whole: which kind it is by its content, how large, and what it says under a mapping."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from apg.capabilities.plm.imports import columns
from apg.capabilities.plm.imports.bom_rows import read_bom
from apg.capabilities.plm.imports.columns import ColumnMapping, Field
from apg.capabilities.plm.imports.inventree import SCHEME, read_fixture
from apg.capabilities.plm.imports.neutral import ImportedBom
from apg.capabilities.plm.imports.numbers import NumberFormat
from apg.capabilities.plm.imports.readers import Kind, Unreadable, read_csv, recognise
from apg.kernel.texts import _

SMALL_ROWS = 2_000
SMALL_BYTES = 5_000_000
SAMPLE_ROWS = 6
_CELL = 80


@dataclass(frozen=True, slots=True)
class Options:
	"""How a person says a table is to be read. `source` names the system its keys come from;
	`parent` is the number of the assembly that a list of one level belongs to."""

	parent: str | None = None
	decimal: str = "auto"
	currency: str | None = None
	delimiter: str | None = None
	encoding: str | None = None
	header_row: int | None = None
	source: str = "import"

	@classmethod
	def of(cls, stored: Mapping[str, Any]) -> "Options":
		return cls(**{name: stored[name] for name in cls.__slots__ if stored.get(name) is not None})


@dataclass(frozen=True, slots=True)
class FileRead:
	"""What the file says, and what a person needs to see of how it was understood."""

	bom: ImportedBom
	source: str
	mapping: dict[str, str | None] = field(default_factory=dict[str, str | None])
	columns: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
	sample: list[list[str]] = field(default_factory=list[list[str]])
	shape: str | None = None


def kind_of(content: bytes) -> Kind:
	"""CSV or INVENTREE, by content alone and without reading a large file whole. Raises Unreadable."""
	head = content[:4096].lstrip()
	if len(content) > SMALL_BYTES and head[:1] in (b"[", b"{"):
		return Kind.INVENTREE if b'"model"' in head and b'"fields"' in head else Kind.CSV
	match recognise(content):
		case Kind.XLSX:
			raise Unreadable(_("This is an Excel workbook."), _("Save the sheet as CSV (UTF-8)."))
		case Kind.JSON:
			raise Unreadable(
				_("This is JSON, but not an InvenTree export."),
				_("Give a CSV table, or the JSON of InvenTree's export-records."),
			)
		case Kind.OTHER:
			raise Unreadable(_("This is not a text file."), _("Export the table as CSV."))
		case kind:
			return kind


def is_small(content: bytes, kind: Kind) -> bool:
	"""Whether it is read while the person waits: at most 2,000 rows, or parts and lines."""
	if len(content) > SMALL_BYTES:
		return False
	if kind is Kind.INVENTREE:
		return content.count(b'"part.part"') + content.count(b'"part.bomitem"') <= SMALL_ROWS
	return content.count(b"\n") <= SMALL_ROWS + 1


def read_file(
	content: bytes, kind: Kind, options: Options, choices: Mapping[str, str | None]
) -> FileRead:
	"""Reads all of it; `choices` are a person's corrections, heading → field. Raises Unreadable."""
	if not content.strip():
		raise Unreadable(_("The file is empty."), _("Export it again and check it."))
	if kind is Kind.INVENTREE:
		return FileRead(read_fixture(content), SCHEME)
	table = read_csv(
		content,
		encoding=options.encoding,
		delimiter=options.delimiter,
		header_row=options.header_row,
	)
	mapping = columns.guess(table).correct(choices)
	bom = read_bom(
		table,
		_with_currency(mapping, options.currency),
		number_format=NumberFormat(options.decimal),
		parent=options.parent,
		scheme=options.source,
	)
	rows = [row.cells for row, _n in zip(table.data, range(SAMPLE_ROWS), strict=False)]
	return FileRead(
		bom,
		options.source,
		mapping.choices,
		[
			{
				"heading": each.heading,
				"field": each.field.value if each.field else None,
				"confidence": each.confidence,
				"unit": each.unit,
				"corrected": each.corrected,
			}
			for each in mapping.columns
		],
		[[cell[:_CELL] for cell in cells] for cells in rows],
		mapping.shape.value,
	)


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
