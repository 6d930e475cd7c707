"""Tables of all forms as columns of distinct cells."""

from array import array
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from apg.capabilities.esg.bulk.columns import moment_of_cell
from apg.capabilities.esg.bulk.tables import Plain, read_file
from apg.kernel.file_kinds import Kind, Unreadable


def rows(found: Plain) -> list[tuple[int, dict[str, Any]]]:
	"""The rows again, with the place of each."""
	places, columns, _wide = found
	numbers = array("q", places)
	told: list[tuple[int, dict[str, Any]]] = [(n, {}) for n in numbers]
	for name, (words, codes) in columns.items():
		for (_n, row), code in zip(told, array("i", codes), strict=True):
			if code >= 0:
				row[name] = words[code]
	return told


def read(tmp_path: Path, content: bytes, kind: Kind) -> Plain:
	path = tmp_path / "file"
	path.write_bytes(content)
	return read_file(str(path), kind.value)


@pytest.mark.parametrize(
	"content",
	[
		b"a,b\r\n1,'=x\r\n\r\n2,\r\n",
		b"sep=;\na;b\n1;'=x\n2;",
		"\ufeffa\tb\n1\t'=x\n;\t\n2\t \n".replace(";\t\n", "\t\n").encode(),
		"a|b\n1|'=x\n\n2|\n".encode("utf-16"),
	],
)
def test_tables_of_any_delimiter(tmp_path: Path, content: bytes) -> None:
	found = [row for _n, row in rows(read(tmp_path, content, Kind.TEXT))]
	assert found == [{"a": "1", "b": "=x"}, {"a": "2"}]


def test_a_place_is_the_line_where_the_row_begins(tmp_path: Path) -> None:
	content = b'Export of today\na,b\n1,"two\nlines"\n\n3,4,5\n'
	found = read(tmp_path, content, Kind.TEXT)
	assert [n for n, _row in rows(found)] == [3, 6]
	assert found[2] == [(1, 3)]  # the second row has three cells


@pytest.mark.parametrize(
	("content", "kind"),
	[
		(b"", Kind.TEXT),
		(b"only one cell\n", Kind.TEXT),
		(b"a,a\n1,2\n", Kind.TEXT),
		(b'a,b\n"' + b"x" * 70_000 + b'",1\n', Kind.TEXT),
		(b'{"a": 1}\n[1]\n', Kind.JSONL),
		(b'{"a": NaN}\n', Kind.JSONL),
		(b"PK\x03\x04 no archive", Kind.XLSX),
	],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes, kind: Kind) -> None:
	with pytest.raises(Unreadable) as refused:
		read(tmp_path, content, kind)
	assert refused.value.reason
	assert refused.value.remedy


def test_json_keeps_every_digit(tmp_path: Path) -> None:
	for content, kind in (
		(b'{"value": 0.10000000000000000001, "m": {"x": 1}}\n\n{"value": 2}\n', Kind.JSONL),
		(b'{"rows": [{"value": 0.10000000000000000001, "m": {"x": 1}}, {"value": 2}]}', Kind.JSON),
	):
		found = [row for _n, row in rows(read(tmp_path, content, kind))]
		assert str(found[0]["value"]) == "0.10000000000000000001"
		assert found == [{"value": found[0]["value"], "m": {"x": 1}}, {"value": 2}]


def test_a_workbook_says_what_its_cells_hold(tmp_path: Path) -> None:
	book = Workbook()
	sheet: Any = book.active
	sheet.append(["value", "date", "moment"])
	sheet.append([1250.75, date(2024, 1, 31), datetime(2024, 1, 31, 12, 30)])  # noqa: DTZ001 - cells know no zone
	sheet.append([None, None, None])
	sheet.append([3, None, "text"])
	book.save(tmp_path / "x.xlsx")
	found = rows(read_file(str(tmp_path / "x.xlsx"), Kind.XLSX.value))
	assert found == [
		(2, {"value": "1250.75", "date": "2024-01-31", "moment": "2024-01-31T12:30:00"}),
		(4, {"value": "3", "moment": "text"}),
	]


def test_a_day_is_its_midnight_and_as_an_end_the_next_one() -> None:
	assert moment_of_cell("2024-01-31") == datetime(2024, 1, 31, tzinfo=UTC)
	assert moment_of_cell("2024-01-31", end=True) == datetime(2024, 2, 1, tzinfo=UTC)
	assert moment_of_cell("2024-01-31T12:30:00") == datetime(2024, 1, 31, 12, 30, tzinfo=UTC)
	assert moment_of_cell("31.01.2024") == "31.01.2024"
	assert moment_of_cell("9999-12-31", end=True) == "9999-12-31"
