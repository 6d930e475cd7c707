"""CSV and XLSX: no cell becomes a formula, numbers keep their digits, our reader gives it all back."""

import io
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from apg.capabilities.plm.imports.readers import read_csv
from apg.kernel.errors import Invalid
from apg.kernel.tabular import Column, guarded, plain, write_csv, write_xlsx

FORMULAS = [
	"=1+1",
	"+1",
	"-1",
	"@SUM(A1)",
	"\tx",
	"\rx",
	"  =1",
	" \t=1",
	"=cmd|' /C calc'!A0",
	'=HYPERLINK("http://example.org")',
	"-",
	"'=1",
	"''+x",
	"\u00a0=1",
	"\n=1",
]
HARMLESS = ["", "a=b", "O'Brien", "'quoted'", "1-2", "'", "''", "R&D <b>", "100 %", "a\tb", " x"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_would_run_is_guarded(text: str) -> None:
	assert guarded(text) == f"'{text}"
	assert plain(guarded(text)) == text


@pytest.mark.parametrize("text", HARMLESS)
def test_other_texts_are_left_alone(text: str) -> None:
	assert guarded(text) == text
	assert plain(text) == text


@given(st.text())
def test_guard_and_back_is_the_same_text(text: str) -> None:
	assert plain(guarded(text)) == text


@given(st.text(max_size=30))
def test_a_guarded_text_never_begins_like_a_formula(text: str) -> None:
	assert not guarded(text).lstrip().startswith(("=", "+", "-", "@"))
	assert not guarded(text).startswith(("\t", "\r"))


def test_csv_guards_texts_and_never_numbers() -> None:
	rows = [("=1+1", Decimal("-1.50"), -3, True, None, date(2026, 1, 2))]
	text = "".join(write_csv(rows, [Column("Name"), Column("Mass", "kg"), "n", "b", "-", "d"]))
	assert text == "\ufeffName,Mass [kg],n,b,'-,d\r\n'=1+1,-1.50,-3,true,,2026-01-02\r\n"


def test_raw_csv_is_for_machines() -> None:
	assert (
		"".join(write_csv([("=1", Decimal("1E+3"))], ["a", "b"], raw=True)) == "a,b\r\n=1,1000\r\n"
	)


def test_times_leave_in_utc() -> None:
	moment = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))
	assert "".join(write_csv([(moment,)], ["t"], raw=True)) == "t\r\n2026-03-01T10:00:00Z\r\n"


def test_rows_are_streamed() -> None:
	asked: list[int] = []

	def rows():
		for number in range(3):
			asked.append(number)
			yield (number,)

	stream = write_csv(rows(), ["n"])
	next(stream)
	assert asked == []
	next(stream)
	assert asked == [0]


def test_export_and_import_again_gives_the_same_table() -> None:
	rows = [
		(text.replace("\r", " "), f"line {n}\nnext", Decimal("-0.10"))
		for n, text in enumerate(FORMULAS + HARMLESS)
	]
	content = "".join(write_csv(rows, ["Name", 'Text, quoted "', Column("Mass", "kg")])).encode()
	table = read_csv(content)
	assert table.headers == ("Name", 'Text, quoted "', "Mass [kg]")
	assert [row.cells for row in table.rows] == [(a, b, str(c)) for a, b, c in rows]
	assert table.problems == ()


def test_a_number_that_a_spreadsheet_would_round_leaves_as_text() -> None:
	target = io.BytesIO()
	numbers = [Decimal("99999999999999.999999"), Decimal("-0.123456789012345"), 10**15, 10**15 - 1]
	write_xlsx([numbers], ["a", "b", "c", "d"], target)
	row = next(load_workbook(target).active.iter_rows(min_row=2))
	assert [cell.value for cell in row] == [
		"99999999999999.999999",
		-0.123456789012345,
		"1000000000000000",
		999999999999999,
	]


def test_xlsx_cells_are_typed_strings() -> None:
	target = io.BytesIO()
	moment = datetime(2026, 3, 1, tzinfo=UTC)
	write_xlsx(
		[
			("=1+1", Decimal("-1.50"), -3, True, None, moment),
			("a\x00b", Decimal(0), 1, False, None, moment),
		],
		[Column("=Name"), Column("Mass", "kg"), "n", "b", "x", "t"],
		target,
		title="a/b",
	)
	sheet = load_workbook(target)["a b"]
	found = [[(cell.value, cell.data_type) for cell in row] for row in sheet.iter_rows()]
	assert found[0][:2] == [("=Name", "s"), ("Mass [kg]", "s")]
	assert found[1][:4] == [("=1+1", "s"), (-1.5, "n"), (-3, "n"), (True, "b")]
	assert found[1][4][0] is None
	assert found[1][5] == ("2026-03-01T00:00:00Z", "s")
	assert found[2][0] == ("a\ufffdb", "s")


def test_xlsx_refuses_a_text_that_a_cell_cannot_hold() -> None:
	with pytest.raises(Invalid) as caught:
		write_xlsx([("x" * 32_768,)], ["a"], io.BytesIO())
	assert "Row 2" in caught.value.problems[0].message
