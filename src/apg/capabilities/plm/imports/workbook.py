"""One sheet of an Excel workbook as rows of text, exact to what the cells hold."""

import datetime
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from python_calamine import (
	CalamineError,
	CalamineWorkbook,
	PasswordError,
	SheetTypeEnum,
	SheetVisibleEnum,
)

from apg.capabilities.plm.imports.readers import LIMITS, Limits, Unreadable
from apg.kernel.texts import _


@dataclass(frozen=True, slots=True)
class Sheet:
	"""`records` are (row of the sheet from 1, cells); `names` all sheets that hold a table."""

	name: str
	names: tuple[str, ...]
	records: list[tuple[int, tuple[str, ...]]]


def read_sheet(
	path: Path, wanted: str | None, *, comma: bool = False, limits: Limits = LIMITS
) -> Sheet:
	"""The sheet of that name, else the first visible one that is not empty. Raises Unreadable.

	Numbers are written with a point, or with a comma where the texts of the file are.
	"""
	try:
		book = CalamineWorkbook.from_path(str(path))
		names = tuple(
			each.name for each in book.sheets_metadata if each.typ == SheetTypeEnum.WorkSheet
		)
		visible = {
			each.name for each in book.sheets_metadata if each.visible == SheetVisibleEnum.Visible
		}
		if wanted is not None and wanted not in names:
			raise Unreadable(
				_("There is no sheet “{name}”.", name=wanted[:80]),
				_("Choose one of {names}.", names=", ".join(names)[:500]),
			)
		chosen = [wanted] if wanted is not None else [n for n in names if n in visible] or names
		for name in chosen:
			sheet = book.get_sheet_by_name(name)
			end = sheet.end or (0, 0)
			if end[0] > limits.rows or end[1] >= limits.columns:
				raise Unreadable(
					_(
						"The sheet “{name}” reaches to row {row} and column {column}.",
						name=name, row=end[0] + 1, column=end[1] + 1,
					),
					_(
						"A table may have {rows} rows and {columns} columns. Remove what stands beside "
						"it, also formats of empty cells.",
						rows=limits.rows, columns=limits.columns,
					),
				)  # fmt: skip
			records = [
				(number, tuple(_text(cell, comma) for cell in row))
				for number, row in enumerate(sheet.to_python(skip_empty_area=False), start=1)
			]
			if any(cell for _n, cells in records for cell in cells):
				return Sheet(name, names, _checked(records, limits))
	except PasswordError as error:
		raise Unreadable(
			_("The workbook is protected by a password."), _("Save it without one.")
		) from error
	except (CalamineError, ValueError) as error:
		raise Unreadable(
			_("The workbook is damaged."), _("Save it again, or save the sheet as CSV.")
		) from error
	raise Unreadable(_("The workbook holds no rows."), _("Choose another sheet or file."))


def _checked(
	records: list[tuple[int, tuple[str, ...]]], limits: Limits
) -> list[tuple[int, tuple[str, ...]]]:
	for number, cells in records:
		if any(len(cell) > limits.field for cell in cells):
			raise Unreadable(
				_("Row {row} has a field of more than {n} characters.", row=number, n=limits.field),
				_("Shorten it."),
			)
	return records


def _text(value: Any, comma: bool) -> str:
	match value:
		case str():
			return value
		case bool():
			return "true" if value else "false"
		case int() | float():
			return _number(value, comma)
		case datetime.datetime() if value.time() == datetime.time():
			return value.date().isoformat()
		case _:
			return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _number(value: float, comma: bool) -> str:
	"""The shortest digits that mean the same number, without an exponent."""
	if value == int(value):
		return str(int(value))
	text = f"{Decimal(repr(value)):f}"
	return text.replace(".", ",") if comma else text
