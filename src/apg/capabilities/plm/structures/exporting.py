"""A structure as a file: CSV or XLSX with headings that the import reads back, or JSON."""

import io
from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any

from apg.capabilities.plm.shared.designators import format_designators
from apg.capabilities.plm.structures.reading import HeadRow, Row
from apg.capabilities.plm.structures.tree import Tree
from apg.kernel.errors import Invalid
from apg.kernel.tabular import Cell, Column, write_csv, write_xlsx
from apg.kernel.texts import _
from apg.kernel.web.wire import amount_text, to_wire

MOST_ROWS = 100_000


class Format(StrEnum):
	CSV = "csv"
	XLSX = "xlsx"
	JSON = "json"


MEDIA = {
	Format.CSV: "text/csv; charset=utf-8",
	Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	Format.JSON: "application/json",
}


def as_file(head: HeadRow, tree: Tree, form: Format, *, flat: bool, raw: bool = False) -> bytes:
	"""The whole file; `raw` leaves the guard of formulas out of a CSV.

	Raises Invalid when it has more rows than an export holds.
	"""
	if tree.truncated:
		raise Invalid.one(
			"depth",
			_(
				"The structure has more than {n} rows. Export it flat, or to a smaller depth.",
				n=MOST_ROWS,
			),
		)
	if form is Format.JSON:
		name = "products" if flat else "lines"
		return to_wire({"product": head.wire(), name: tree.rows})
	headers, rows = _table(head, tree, flat)
	if form is Format.CSV:
		return "".join(write_csv(rows, headers, raw=raw)).encode()
	book = io.BytesIO()
	write_xlsx(rows, headers, book, title=head.product_number)
	return book.getvalue()


def file_name(head: HeadRow, form: Format, *, flat: bool) -> str:
	"""Letters, digits and dashes of the number, the revision, and what it is."""
	kept = "".join(
		each if each.isascii() and each.isalnum() else "-" for each in head.product_number
	)
	return f"{kept}-{head.revision}-{'parts' if flat else 'structure'}.{form}"


def _table(head: HeadRow, tree: Tree, flat: bool) -> tuple[list[Column], list[Sequence[Cell]]]:
	costed = tree.rolled is not None and tree.rolled.prices is not None
	currency = tree.rolled.prices.currency if tree.rolled and tree.rolled.prices else None
	# English headings on purpose: a file is read back, also by somebody with another language.
	headers = [Column("Number"), Column("Name"), Column("Revision"), Column("Type")]
	if flat:
		headers += [Column("Quantity"), Column("Unit")]
		rows: list[Sequence[Cell]] = [_flat_cells(row) for row in tree.rows]
	else:
		headers = [Column("Level"), Column("Find number"), *headers, Column("Quantity")]
		headers += [Column("Unit"), Column("Designators"), Column("Scrap", "%"), Column("Note")]
		headers += [Column("Quantity kind"), Column("Total quantity"), Column("State")]
		rows = [_root_cells(head), *(_tree_cells(row) for row in tree.rows)]
	if tree.rolled is not None:
		added = [Column("Mass", "kg"), Column("Total mass", "kg")]
		names = ["own_mass", "total_mass"]
		if costed:
			added = [Column("Unit cost", currency), Column("Total cost", currency), *added]
			names = ["own_cost", "total_cost", *names]
		if tree.rolled.carbon is not None:
			added += [Column("CO2e", "kg"), Column("Total CO2e", "kg")]
			names += ["rolled_co2e", "total_co2e"]
		headers += added
		figures = [_figures(row, names) for row in tree.rows]
		if not flat:
			figures.insert(0, [None] * len(names))
		rows = [[*row, *more] for row, more in zip(rows, figures, strict=True)]
	return headers, rows


def _plain(value: Any) -> Cell:
	"""Numbers without trailing zeros, so that a file says 2 and not 2.000000."""
	return _trimmed(value) if isinstance(value, Decimal) else value


@lru_cache(8_192)
def _trimmed(value: Decimal) -> Decimal:
	return Decimal(amount_text(value))


def _figures(row: Row, names: Sequence[str]) -> list[Cell]:
	return [_plain(row[name]) for name in names]


def _flat_cells(row: Row) -> Sequence[Cell]:
	names = ("product_number", "product_name", "revision", "product_type", "total_quantity")
	return [*(_plain(row[name]) for name in names), row["base_unit"]]


def _root_cells(head: HeadRow) -> Sequence[Cell]:
	start: list[Cell] = [0, None, head.product_number, head.product_name, head.revision]
	state = head.revision_state
	return [*start, head.product_type, 1, head.unit_of_measure, *[None] * 5, state]


def _tree_cells(row: Row) -> Sequence[Cell]:
	names = ("level", "find_number", "product_number", "product_name", "revision", "product_type")
	return [
		*[row[name] for name in names],
		_plain(row["quantity"]),
		row["unit"],
		format_designators(row["designators"]) if row["designators"] else "",
		_plain(row["attrition"] * 100) if row["attrition"] else None,
		row["note"],
		row["quantity_kind"],
		_plain(row["total_quantity"]),
		row["revision_state"],
	]
