"""The reference rates: read from the installed package, exact, and refused when they are no rates."""

import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from currency_converter import CurrencyConverter

from apg.platform.reference import ecb

SMALL = "Date,USD,JPY,CYP,\n2026-10-30,1.1172,175.68,N/A,\n2026-10-29,1.113,,N/A,\n1999-01-04,1.1789,133.73,0.58231,\n"


@pytest.fixture
def small(tmp_path: Path) -> Path:
	path = tmp_path / "eurofxref-hist.csv"
	path.write_text(SMALL, encoding="utf-8")
	return path


def test_rows_are_exact_and_absent_rates_are_absent(small: Path) -> None:
	assert list(ecb.rates(small)) == [
		ecb.Rate(date(2026, 10, 30), "USD", Decimal("1.1172"), "ECB"),
		ecb.Rate(date(2026, 10, 30), "JPY", Decimal("175.68"), "ECB"),
		ecb.Rate(date(2026, 10, 29), "USD", Decimal("1.113"), "ECB"),
		ecb.Rate(date(1999, 1, 4), "USD", Decimal("1.1789"), "ECB"),
		ecb.Rate(date(1999, 1, 4), "JPY", Decimal("133.73"), "ECB"),
		ecb.Rate(date(1999, 1, 4), "CYP", Decimal("0.58231"), "ECB"),
	]


def test_since_and_currencies_bound_the_rows(small: Path) -> None:
	found = list(ecb.rates(small, since=date(2026, 10, 29), currencies={"JPY"}))
	assert found == [ecb.Rate(date(2026, 10, 30), "JPY", Decimal("175.68"))]


def test_the_same_table_in_a_zip(small: Path, tmp_path: Path) -> None:
	packed = tmp_path / "eurofxref-hist.zip"
	with zipfile.ZipFile(packed, "w") as archive:
		archive.write(small, "eurofxref-hist.csv")
	assert list(ecb.rates(packed)) == list(ecb.rates(small))


@pytest.mark.parametrize(
	("text", "words"),
	[
		("", "no column Date"),
		("Day,USD\n", "no column Date"),
		("Date,USD\n30 Oct,1.1\n", "line 2"),
		("Date,USD\n2026-10-30,abc\n", "USD"),
		("Date,USD\n2026-10-30,0\n", "line 2"),
		("Date,USD\n2026-10-30,-1\n", "no rate"),
		("Date,USD\n2026-10-30,NaN\n", "no rate"),
	],
)
def test_what_is_no_table_of_rates_is_refused(tmp_path: Path, text: str, words: str) -> None:
	path = tmp_path / "rates.csv"
	path.write_text(text, encoding="utf-8")
	with pytest.raises(ecb.UnreadableRates) as caught:
		list(ecb.rates(path))
	assert words in caught.value.reason
	assert caught.value.remedy


def test_a_zip_of_something_else_is_refused(tmp_path: Path) -> None:
	packed = tmp_path / "other.zip"
	with zipfile.ZipFile(packed, "w") as archive:
		archive.writestr("a.txt", "x")
	with pytest.raises(ecb.UnreadableRates, match="exactly one table"):
		list(ecb.rates(packed))


def test_the_installed_edition_reaches_from_1999_and_agrees_with_the_package() -> None:
	edition = ecb.packaged()
	assert len(edition.sha256) == 64
	assert edition.sha256 == ecb.file_sha256(edition.path)
	rows = list(ecb.rates(edition.path, currencies={"USD", "NZD"}))
	assert min(row.date for row in rows) == date(1999, 1, 4)
	assert max(row.date for row in rows) >= date(2026, 10, 1)
	assert len({(row.date, row.currency) for row in rows}) == len(rows)
	converter = CurrencyConverter(decimal=True)
	for row in rows[:200]:
		assert (
			Decimal(converter.convert(1, "EUR", row.currency, date=row.date)) == row.units_per_eur
		)
