from datetime import date
from decimal import Decimal

import pytest

from apg.capabilities.plm.shared.errors import DomainError
from apg.capabilities.plm.shared.pricing import (
	PriceBreak,
	PriceGap,
	PriceGapReason,
	Rate,
	Rates,
	choose_break,
	price,
	price_list_on,
)

FRIDAY, MONDAY = date(2026, 10, 30), date(2026, 11, 2)
D = Decimal


def rate(currency: str, units: str, day: date = FRIDAY, **more) -> Rate:
	return Rate(currency, D(units), day, more.pop("source", "ECB"), **more)


def step(quantity: str, amount: str, currency: str = "EUR", since: date = FRIDAY) -> PriceBreak:
	return PriceBreak(D(quantity), D(amount), currency, since, "quote 7")


RATES = Rates([rate("USD", "1.25"), rate("CHF", "0.9375"), rate("USD", "1.5", date(2026, 11, 3))])
BREAKS = [step("100", "0.8"), step("1", "1.0"), step("1000", "0.5")]


@pytest.mark.parametrize(
	("quantity", "amount", "below"),
	[
		("0.5", "1.0", True),
		("1", "1.0", False),
		("99.999999", "1.0", False),
		("100", "0.8", False),
		("999", "0.8", False),
		("1000", "0.5", False),
		("1000000", "0.5", False),
	],
)
def test_the_highest_break_not_above_the_quantity_holds(quantity, amount, below):
	chosen, flagged = choose_break(BREAKS, D(quantity))
	assert (chosen.amount, flagged) == (D(amount), below)
	assert choose_break(list(reversed(BREAKS)), D(quantity)) == (chosen, flagged)


@pytest.mark.parametrize(
	"breaks", [[], [step("1", "2"), step("1.0", "3")], [step("0", "1")], [step("-1", "1")]]
)
def test_breaks_that_contradict_themselves_are_refused(breaks):
	with pytest.raises(DomainError, match="breaks"):
		choose_break(breaks, 5)


def test_a_newer_list_replaces_the_older_one_whole():
	old = [step("1", "3", since=date(2025, 1, 1)), step("100", "1", since=date(2025, 1, 1))]
	new = [step("1", "2", since=date(2026, 1, 1))]
	assert price_list_on([*new, *old], date(2026, 6, 1)) == tuple(new)
	assert price_list_on([*new, *old], date(2025, 12, 31)) == tuple(old)
	assert price_list_on([*new, *old], date(2024, 12, 31)) == ()


@pytest.mark.parametrize(
	("source", "target", "amount"),
	[
		("USD", "EUR", "8"),
		("EUR", "USD", "12.5"),
		("USD", "CHF", "7.5"),
		("CHF", "USD", "13.33333333"),
	],
)
def test_amounts_cross_through_the_euro(source, target, amount):
	found = RATES.convert(D(10), source, target, FRIDAY)
	assert found.amount.quantize(D("1e-8")) == D(amount).quantize(D("1e-8"))
	assert (found.currency, found.rate_day, found.sources) == (target, FRIDAY, ("ECB",))
	assert {row.currency for row in found.rates} == {source, target} - {"EUR"}


def test_the_same_currency_needs_no_rate():
	found = RATES.convert(D("0.1"), "XYZ", "XYZ", FRIDAY)
	assert (found.amount, found.rates, found.rate_day) == (D("0.1"), (), None)


def test_the_last_rate_on_or_before_the_day_holds():
	assert RATES.on("USD", MONDAY).units_per_eur == D("1.25")
	assert RATES.on("USD", date(2026, 11, 3)).units_per_eur == D("1.5")
	assert RATES.on("USD", date(2026, 11, 13)).units_per_eur == D("1.5")


def test_an_old_or_absent_rate_is_a_gap_and_never_one():
	assert RATES.on("USD", date(2026, 11, 14)) == PriceGap(
		PriceGapReason.RATE_TOO_OLD, "USD", date(2026, 11, 3)
	)
	assert RATES.on("USD", date(2026, 10, 29)) == PriceGap(PriceGapReason.NO_RATE, "USD")
	for pair in (("EUR", "JPY"), ("JPY", "EUR"), ("USD", "JPY")):
		assert RATES.convert(D(1), *pair, FRIDAY) == PriceGap(PriceGapReason.NO_RATE, "JPY")


def test_a_rate_of_ones_own_comes_first_and_holds_until_the_next():
	own = rate("USD", "2", FRIDAY, source="treasury", own=True)
	for rows in ([own, rate("USD", "1.25")], [rate("USD", "1.25"), own]):
		assert Rates(rows).on("USD", FRIDAY) is own
	newer = rate("USD", "1.3", MONDAY)
	rates = Rates([own, newer])
	assert rates.on("USD", MONDAY) is newer
	assert rates.on("USD", date(2027, 6, 1)) is own


@pytest.mark.parametrize(
	"row", [rate("USD", "0"), rate("USD", "-1"), rate("USD", "NaN"), rate("EUR", "2")]
)
def test_what_is_no_rate_is_refused(row):
	with pytest.raises(DomainError, match="units_per_eur"):
		Rates([row])


def test_a_price_states_what_it_rests_on():
	found = price(
		[step("1", "10", "USD"), step("100", "8", "USD")],
		250,
		currency="CHF",
		day=MONDAY,
		rates=RATES,
	)
	assert (found.amount, found.currency) == (D(6), "CHF")
	assert (found.chosen.quantity, found.chosen.source, found.below_lowest) == (
		D(100),
		"quote 7",
		False,
	)
	assert (found.unit_price.rate_day, found.unit_price.sources) == (FRIDAY, ("ECB",))


@pytest.mark.parametrize(
	("breaks", "day", "gap"),
	[
		([], FRIDAY, PriceGap(PriceGapReason.NO_PRICE)),
		([step("1", "1", since=MONDAY)], FRIDAY, PriceGap(PriceGapReason.NOT_YET_VALID)),
		([step("1", "1", "JPY")], FRIDAY, PriceGap(PriceGapReason.NO_RATE, "JPY")),
	],
)
def test_what_cannot_be_priced_is_a_gap(breaks, day, gap):
	assert price(breaks, 1, currency="EUR", day=day, rates=RATES) == gap


def test_a_price_of_zero_is_a_price():
	assert price([step("1", "0")], 1, currency="USD", day=FRIDAY, rates=RATES).amount == 0


def test_long_amounts_keep_their_digits():
	amount = D("12345678901234567890.123456")
	back = RATES.convert(RATES.convert(amount, "EUR", "CHF", FRIDAY).amount, "CHF", "EUR", FRIDAY)
	assert back.amount == amount
