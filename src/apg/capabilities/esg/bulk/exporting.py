"""Rows as a file that the import takes back unchanged: the headings are the names of the fields."""

import io
from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any

from fastapi import Response

from apg.kernel.errors import Invalid
from apg.kernel.tabular import Cell, write_csv, write_xlsx
from apg.kernel.texts import _
from apg.kernel.web.wire import amount_text

MOST_ROWS = 100_000


class Format(StrEnum):
	CSV = "csv"
	XLSX = "xlsx"


MEDIA = {
	Format.CSV: "text/csv; charset=utf-8",
	Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
FILES: dict[int | str, dict[str, Any]] = {
	200: {"content": {kind.partition(";")[0]: _BINARY for kind in MEDIA.values()}}
}


def exact(value: Decimal) -> Decimal:
	"""The amount without the zeros that the database adds."""
	return Decimal(amount_text(value))


def as_file(
	rows: Sequence[Iterable[Cell]], headings: Sequence[str], form: Format, name: str
) -> Response:
	"""The whole file. Raises Invalid where it has more rows than an export holds."""
	if len(rows) > MOST_ROWS:
		raise Invalid.one("from", _("More than {n} rows; choose a shorter time.", n=MOST_ROWS))
	cells = [tuple(row) for row in rows]
	if form is Format.CSV:
		content = "".join(write_csv(cells, headings)).encode()
	else:
		book = io.BytesIO()
		write_xlsx(cells, headings, book, title=name)
		content = book.getvalue()
	plain = "".join(each if each.isascii() and each.isalnum() else "-" for each in name)
	return Response(
		content,
		media_type=MEDIA[form],
		headers={"Content-Disposition": f'attachment; filename="{plain}.{form}"'},
	)
