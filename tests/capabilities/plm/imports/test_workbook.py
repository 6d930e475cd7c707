"""Sheets of workbooks: exact numbers, the right sheet, limits before anything is unpacked."""

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from apg.capabilities.plm.imports import files, workbook
from apg.capabilities.plm.imports.files import Form, Options
from apg.capabilities.plm.imports.readers import Limits
from apg.kernel.file_kinds import Unreadable

ROWS = [
	["Number", "Name", "Quantity", "Parent"],
	["A-1", "Pump", None, None],
	["B-1", "Seal", 2, "A-1"],
]


def book(path: Path, **sheets: Sequence[Sequence[Any]]) -> Path:
	made = Workbook()
	made.remove(made.worksheets[0])
	for name, rows in sheets.items():
		sheet = made.create_sheet(name)
		for row in rows:
			sheet.append(list(row))
	made.save(path)
	return path


def test_cells_are_the_text_of_what_they_hold(tmp_path: Path) -> None:
	path = book(
		tmp_path / "a.xlsx",
		Data=[
			["h", 3, 3.0, 0.1, 1.234, 1e-7, 12345678901234, True, datetime.date(2026, 1, 2), None]
		],
	)
	((number, cells),) = workbook.read_sheet(path, None).records
	assert (number, cells[:9]) == (
		1,
		("h", "3", "3", "0.1", "1.234", "0.0000001", "12345678901234", "true", "2026-01-02"),
	)
	assert workbook.read_sheet(path, None, comma=True).records[0][1][3] == "0,1"


def test_the_first_visible_sheet_with_rows_is_read_or_the_named_one(tmp_path: Path) -> None:
	path = book(tmp_path / "a.xlsx", Empty=[], Cover=[["x"]], BOM=ROWS)
	found = workbook.read_sheet(path, None)
	assert (found.name, found.names) == ("Cover", ("Empty", "Cover", "BOM"))
	read = files.read_path(str(path), Form.XLSX, Options(sheet="BOM"), {}, {})
	assert (read.sheet, read.header_row, read.sheets) == ("BOM", 1, ("Empty", "Cover", "BOM"))
	assert [(x.parent_key, x.child_key, x.quantity) for x in read.bom.lines] == [("A-1", "B-1", 2)]
	with pytest.raises(Unreadable, match="no sheet “Other”") as told:
		workbook.read_sheet(path, "Other")
	assert "BOM" in told.value.remedy


def test_headings_below_a_cover_and_footers(tmp_path: Path) -> None:
	rows = [["Bill of materials"], [], *ROWS, [], ["Total", 2]]
	read = files.read_path(str(book(tmp_path / "a.xlsx", BOM=rows)), Form.XLSX, Options(), {}, {})
	assert read.header_row == 3
	assert len(read.bom.parts) == 2
	assert [each.row for each in read.bom.problems] == [7]
	chosen = Options(header_row=3)
	again = files.read_path(str(tmp_path / "a.xlsx"), Form.XLSX, chosen, {}, {})
	assert again.bom.lines == read.bom.lines


def test_decimals_are_read_with_a_point_and_with_a_comma(tmp_path: Path) -> None:
	rows = [["Number", "Name", "Mass [kg]"], ["A-1", "Pump", 1.234]]
	path = str(book(tmp_path / "a.xlsx", BOM=rows))
	for decimal in ("auto", "point", "comma"):
		read = files.read_path(path, Form.XLSX, Options(decimal=decimal), {}, {})
		assert (str(read.bom.parts[0].mass), read.bom.problems) == ("1.234", ())


def test_a_sheet_beyond_the_limits_is_refused(tmp_path: Path) -> None:
	wide = book(tmp_path / "wide.xlsx", A=[[f"c{n}" for n in range(1_001)]])
	with pytest.raises(Unreadable, match="reaches to row 1 and column 1001"):
		workbook.read_sheet(wide, None)
	with pytest.raises(Unreadable, match="reaches to row 3"):
		workbook.read_sheet(book(tmp_path / "b.xlsx", A=ROWS), None, limits=Limits(rows=1))
	long = book(tmp_path / "c.xlsx", A=[["a"], ["abcd"]])
	with pytest.raises(Unreadable, match="Row 2 has a field of more than 3 characters"):
		workbook.read_sheet(long, None, limits=Limits(field=3))


@pytest.mark.parametrize("content", [b"PK\x03\x04" + b"\0" * 100, b""])
def test_damaged_workbooks_are_refused(tmp_path: Path, content: bytes) -> None:
	path = tmp_path / "a.xlsx"
	path.write_bytes(content)
	with pytest.raises(Unreadable, match="damaged"):
		workbook.read_sheet(path, None)


def test_a_workbook_without_rows_is_refused(tmp_path: Path) -> None:
	with pytest.raises(Unreadable, match="holds no rows"):
		workbook.read_sheet(book(tmp_path / "a.xlsx", A=[]), None)
