"""The level column of an indented bill of materials, in the ways systems write it."""

import re

from apg.capabilities.plm.imports.cells import Cells
from apg.capabilities.plm.imports.columns import ColumnMapping, Field
from apg.capabilities.plm.imports.readers import Table
from apg.kernel.texts import _

_PLAIN = re.compile(r"\d{1,3}")
_LED = re.compile(r"[.\s>+\-_]+(\d{1,3})")
_DOTTED = re.compile(r"\d{1,5}(?:\.\d{1,5})+\.?|\d{1,5}\.")


class Levels:
	"""Reads level after level. `2` and `..2` are the level itself; where any row has a path like
	`1.4.2`, every row is a path and its depth the level."""

	def __init__(self, table: Table, mapping: ColumnMapping) -> None:
		column = mapping.column(Field.LEVEL)
		self._paths = column is not None and any(
			_DOTTED.fullmatch(row.cells[column.index].strip()) for row in table.data
		)

	def read(self, cells: Cells) -> int | None:
		text = cells.text(Field.LEVEL) or ""
		if self._paths:
			if _DOTTED.fullmatch(text) or _PLAIN.fullmatch(text):
				return len(text.strip(".").split("."))
		elif match := _LED.fullmatch(text) or _PLAIN.fullmatch(text):
			return int(match[match.lastindex or 0])
		cells.problem(
			Field.LEVEL,
			_("“{text}” is not a level of the kind the other rows have.", text=text),
			_("Write levels as 0, 1, 2 or as 1, 1.1, 1.1.1 in all rows."),
		)
		return None
