"""How figures read: digits are kept, units and currencies stated, missing never 0."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from apg.kernel.stamps import Stamps
from apg.kernel.texts import locale_of_moment
from apg.kernel.web import figures

N = figures.NARROW


@pytest.mark.parametrize(
	("value", "named", "shown"),
	[
		(Decimal("1234567.8900"), {}, "1,234,567.8900"),
		(Decimal("0.000000000000001"), {}, "0.000000000000001"),
		(12345678901234567890123456789, {}, "12,345,678,901,234,567,890,123,456,789"),
		(Decimal("-5"), {}, "−5"),
		(Decimal(0), {}, "0"),
		(0.1, {}, "0.1"),
		("18.42", {}, "18.42"),
		(Decimal("1E+3"), {}, "1,000"),
		(Decimal("18.4251"), {"digits": 3}, "18.4"),
		(Decimal("18.45"), {"digits": 3}, "18.4"),  # half to even
		(Decimal("18.55"), {"digits": 3}, "18.6"),
		(Decimal("123456"), {"digits": 3}, "123,000"),
		(Decimal("1.5"), {"digits": 3}, "1.5"),  # never more digits than the data has
		(Decimal("0.00012345"), {"digits": 2}, "0.00012"),
		(Decimal("2.5"), {"places": 0}, "2"),
		(Decimal("2"), {"places": 2}, "2.00"),
	],
)
def test_numbers(value: Any, named: dict[str, Any], shown: str) -> None:
	assert figures.number(value, **named) == shown


def test_thousands_and_point_follow_the_locale() -> None:
	token = locale_of_moment.set("de")
	try:
		assert figures.number(Decimal("1234567.50")) == "1.234.567,50"
		assert figures.date_text(date(2026, 3, 31)) == (
			'<time datetime="2026-03-31">31.03.2026</time>'
		)
	finally:
		locale_of_moment.reset(token)


def test_groups_that_are_not_thousands() -> None:
	token = locale_of_moment.set("hi")
	try:
		assert figures.number(Decimal("-1234567.50")) == "−12,34,567.50"
		assert figures.number(12345678901234567890123456789012) == (
			"1,23,45,67,89,01,23,45,67,89,01,23,45,67,89,012"
		)
	finally:
		locale_of_moment.reset(token)


def test_an_unknown_locale_falls_back() -> None:
	token = locale_of_moment.set("xx-nowhere")
	try:
		assert figures.number(1234) == "1,234"
	finally:
		locale_of_moment.reset(token)


@pytest.mark.parametrize("empty", [None, ""])
def test_missing_is_a_dash_with_its_reason_and_never_zero(empty: Any) -> None:
	for text in (
		figures.number(empty),
		figures.money(empty, "EUR"),
		figures.unit(empty, "kg"),
		figures.date_text(empty),
		figures.datetime_text(empty),
		figures.ago(empty),
	):
		assert "—" in text
		assert "not recorded" in text
		assert "0" not in text.replace('tabindex="0"', "")
	assert figures.missing("<b>").count("&lt;b&gt;") == 2


def money(text: str) -> str:
	return text.replace('<span class="unit">', "").replace("</span>", "").replace(N, " ")


@pytest.mark.parametrize(
	("amount", "currency", "named", "shown"),
	[
		(Decimal("1234.5"), "EUR", {}, "1,234.50 EUR"),
		(Decimal("1234.567"), "EUR", {}, "1,234.57 EUR"),
		(Decimal("1234.567"), "EUR", {"exact": True}, "1,234.567 EUR"),
		(Decimal("1234.5"), "JPY", {}, "1,234 JPY"),
		(Decimal("1.5"), "KWD", {}, "1.500 KWD"),
		(Decimal("0.00345678"), "EUR", {}, "0.003457 EUR"),
		(Decimal("0.5"), "EUR", {}, "0.50 EUR"),
		(Decimal("0"), "EUR", {}, "0.00 EUR"),
		(Decimal("-12.3"), "EUR", {}, "−12.30 EUR"),
		(Decimal("2"), "EUR", {"places": 0}, "2 EUR"),
	],
)
def test_money(amount: Decimal, currency: str, named: dict[str, Any], shown: str) -> None:
	assert money(figures.money(amount, currency, **named)) == shown


def test_units_are_written_as_people_write_them() -> None:
	assert money(figures.unit(Decimal("18.42"), "kgCO2e")) == "18.42 kgCO₂e"
	assert figures.unit_symbol("m3") == "m³"
	assert figures.unit_symbol("<kg>") == "<kg>"
	assert "&lt;kg&gt;" in figures.unit(1, "<kg>")


def test_moments_are_shown_where_the_person_is_and_kept_in_utc() -> None:
	token = figures.timezone_of_moment.set("Asia/Kolkata")
	try:
		assert figures.datetime_text("2026-03-31T20:15:00Z") == (
			'<time datetime="2026-03-31T20:15:00Z" title="2026-03-31 20:15:00 UTC">'
			"Apr 1, 2026 01:45</time>"
		)
		assert "Apr 1, 2026" in figures.date_text(datetime(2026, 3, 31, 20, 15, tzinfo=UTC))
		assert "Mar 31, 2026" in figures.date_text("2026-03-31")
	finally:
		figures.timezone_of_moment.reset(token)


def test_how_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
	now = datetime(2026, 3, 31, 12, tzinfo=UTC)
	monkeypatch.setitem(Stamps.sources, "clock", staticmethod(lambda: now))
	assert ">3 hours ago<" in figures.ago(now - timedelta(hours=3))
	assert ">in 2 days<" in figures.ago(now + timedelta(days=2))


@pytest.mark.parametrize(
	("part", "whole", "width"),
	[
		(Decimal("0.83"), 1, "83.00%"),
		(3, 2, "100.00%"),
		(-1, 2, "0.00%"),
		(None, 1, "0.00%"),
		(1, 0, "0.00%"),
	],
)
def test_bars_stay_within_their_frame(part: Any, whole: Any, width: str) -> None:
	assert figures.svg_percent(part, whole) == width


def test_a_text_keeps_the_markup_of_what_it_names_and_escapes_the_rest() -> None:
	moment = figures.ago(datetime(2020, 1, 1, tzinfo=UTC))
	told = figures.said("Done <{who}> {when}", who="O<b>", when=moment)
	assert told == f"Done &lt;O&lt;b&gt;&gt; {moment}"
	assert not hasattr(figures.said("{n} < 5", n=3), "__html__")  # plain: escaped where it is shown
