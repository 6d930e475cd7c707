"""Numbers of people: exact, in both ways of writing, and never guessed where two are possible."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apg.capabilities.plm.imports import numbers
from apg.capabilities.plm.imports.numbers import NotANumber, NumberFormat, Quantity

AUTO, POINT, COMMA = NumberFormat.AUTO, NumberFormat.POINT, NumberFormat.COMMA


@pytest.mark.parametrize(
	("text", "style", "value"),
	[
		("12", AUTO, "12"),
		("-3", AUTO, "-3"),
		("+3", AUTO, "3"),
		("1,5", AUTO, "1.5"),
		("1.5", AUTO, "1.5"),
		("0.250", AUTO, "0.250"),
		("0,250", AUTO, "0.250"),
		("3.00000", AUTO, "3.00000"),
		("1234.567", AUTO, "1234.567"),
		("1.234,5", AUTO, "1234.5"),
		("1,234.5", AUTO, "1234.5"),
		("1 234,5", AUTO, "1234.5"),
		("1\u202f234,567", AUTO, "1234.567"),
		("1'234.50", AUTO, "1234.50"),
		("1.234.567", AUTO, "1234567"),
		(".5", AUTO, "0.5"),
		(",5", AUTO, "0.5"),
		("1.234", POINT, "1.234"),
		("1.234", COMMA, "1234"),
		("1,234", POINT, "1234"),
		("1,234", COMMA, "1.234"),
		("1e3", AUTO, "1000"),
		("1.5E-3", POINT, "0.0015"),
		("12345678901234567890", AUTO, "12345678901234567890"),
	],
)
def test_meaning_of_a_number(text: str, style: NumberFormat, value: str) -> None:
	assert numbers.number(text, style) == Decimal(value)


@pytest.mark.parametrize("text", ["1.234", "1,234", "12.345", "-999,000"])
def test_what_may_be_two_numbers_is_refused(text: str) -> None:
	with pytest.raises(NotANumber, match="thousands separator") as caught:
		numbers.number(text)
	assert "point or with a comma" in caught.value.remedy


@pytest.mark.parametrize(
	"text",
	[
		"",
		" ",
		"abc",
		"--1",
		"1-",
		"1.2.3",
		"1,2,3",
		"12,34.5",
		"12 5",
		"1.234'5",
		"1/2",
		"NaN",
		"Infinity",
		"1e9999",
		"0x10",
		"1_000",
		"９x",
		"=1",
		"1" * 21,
	],
)
def test_what_is_no_number_is_refused(text: str) -> None:
	with pytest.raises(NotANumber) as caught:
		numbers.number(text)
	assert caught.value.remedy


@pytest.mark.parametrize(
	("text", "style"), [("1.5", COMMA), ("1,5", POINT), ("3.00000", COMMA), ("1.234.567", POINT)]
)
def test_a_stated_format_is_kept_to(text: str, style: NumberFormat) -> None:
	with pytest.raises(NotANumber, match="does not fit the stated way"):
		numbers.number(text, style)


@given(
	st.decimals(
		allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=6
	)
)
def test_both_ways_of_writing_are_read_back(value: Decimal) -> None:
	grouped = f"{value:,f}"
	swapped = grouped.translate(str.maketrans(",.", ".,"))
	assert numbers.number(grouped, POINT) == value
	assert numbers.number(swapped, COMMA) == value
	assert numbers.number(grouped) == value
	assert numbers.number(swapped) == value


@given(st.text(max_size=20))
def test_any_text_is_a_number_or_refused(text: str) -> None:
	try:
		found = numbers.number(text)
	except NotANumber:
		return
	assert found.is_finite()
	assert any(each.isdigit() for each in text)


@pytest.mark.parametrize(
	("texts", "style"),
	[
		(["1.234", "1,5"], COMMA),
		(["1,234", "0.5"], POINT),
		(["1.234", "2.345"], AUTO),
		(["1,5", "1.5"], AUTO),
		(["1", "2"], AUTO),
		(["x", "", "1,25 kg"], COMMA),
		([], AUTO),
	],
)
def test_the_way_of_a_whole_file(texts: list[str], style: NumberFormat) -> None:
	assert numbers.format_of(texts) is style


@pytest.mark.parametrize(
	("text", "number", "unit"),
	[
		("250 ml", "250", "ml"),
		("3.5cm", "3.5", "cm"),
		("12", "12", None),
		("1 234,5 kg", "1234.5", "kg"),
		("5%", "5", "%"),
	],
)
def test_quantities(text: str, number: str, unit: str | None) -> None:
	assert numbers.quantity(text) == Quantity(Decimal(number), unit)


@pytest.mark.parametrize(
	("text", "given_", "amount", "currency"),
	[
		("1.20", None, "1.20", None),
		("1.20", "EUR", "1.20", "EUR"),
		("€ 1,20", None, "1.20", "EUR"),
		("1,20 €", None, "1.20", "EUR"),
		("USD 3", None, "3", "USD"),
		("3.10 NZD", None, "3.10", "NZD"),
		("NZ$3", None, "3", "NZD"),
		("$3", "CAD", "3", "CAD"),
		("5 kr", "SEK", "5", "SEK"),
	],
)
def test_money(text: str, given_: str | None, amount: str, currency: str | None) -> None:
	assert numbers.money(text, AUTO, given_) == (Decimal(amount), currency)


@pytest.mark.parametrize(
	("text", "given_"),
	[
		("$3", None),
		("¥3", None),
		("5 kr", None),
		("€3", "USD"),
		("3 EUR", "USD"),
		("€", None),
		("three", "EUR"),
	],
)
def test_money_that_is_unclear_is_refused(text: str, given_: str | None) -> None:
	with pytest.raises(NotANumber):
		numbers.money(text, AUTO, given_)


@pytest.mark.parametrize(
	("text", "value"),
	[
		("True", True),
		("ja", True),
		("x", True),
		("non", False),
		("", False),
		("0", False),
		("maybe", None),
	],
)
def test_truth(text: str, value: bool | None) -> None:
	assert numbers.truth(text) is value
