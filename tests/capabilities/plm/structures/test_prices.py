"""Prices of many items at once equal prices of one list at a time."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apg.capabilities.plm.shared.pricing import (
	PriceBreak,
	Priced,
	PriceGapReason,
	Rate,
	Rates,
	price,
)
from apg.capabilities.plm.structures.prices import EPOCH_OF_DATES, REASONS, _arranged, _currencies
from apg.contracts.reference import RateOn

TODAY = date(2026, 3, 1)
RATES = {
	code: RateOn(code, Decimal(units), TODAY, "test")
	for code, units in (("EUR", "1"), ("USD", "1.0823"), ("JPY", "162.55"))
}
FORM = np.dtype(
	[
		("rank", "i8"),
		("supplier", "i8"),
		("day", "i8"),
		("least", "i8"),
		("amount", "i8"),
		("currency", "S3"),
	]
)

costs = st.lists(
	st.tuples(
		st.integers(0, 3),  # item
		st.integers(0, 2),  # rank
		st.integers(0, 1),  # supplier
		st.integers(-3, 2),  # days from today
		st.sampled_from([1, 10, 50, 1000]),
		st.integers(0, 10**7),  # amount in millionths
		st.sampled_from(["EUR", "USD", "JPY", "XAF"]),
	),
	max_size=40,
	unique_by=lambda row: (row[0], row[1], row[2], row[3], row[4]),
)


def _one_by_one(rows: list[Any], item: int, quantity: int) -> Priced | PriceGapReason:
	"""The rule in words: the best kind that holds, of its lists the cheapest that can be priced."""
	mine = [row for row in rows if row[0] == item]
	valid = [row for row in mine if row[3] <= 0]
	if not mine:
		return PriceGapReason.NO_PRICE
	if not valid:
		return PriceGapReason.NOT_YET_VALID
	rank = min(row[1] for row in valid)
	rates = Rates(
		[Rate(each.currency, each.units_per_eur, TODAY, "test") for each in RATES.values()]
	)
	found: list[Priced] = []
	for supplier in (0, 1):
		breaks = [
			PriceBreak(
				Decimal(row[4]), Decimal(row[5]) / 10**6, row[6], TODAY + timedelta(days=row[3])
			)
			for row in valid
			if (row[1], row[2]) == (rank, supplier)
		]
		if breaks:
			answer = price(breaks, quantity, currency="EUR", day=TODAY, rates=rates)
			if isinstance(answer, Priced):
				found.append(answer)
	if not found:
		return PriceGapReason.NO_RATE
	return min(found, key=lambda each: each.amount)


@given(costs, st.lists(st.integers(1, 2000), min_size=4, max_size=4))
def test_all_at_once_as_one_by_one(rows: list[Any], quantities: list[int]):
	held = np.array(
		[
			(rank, supplier, TODAY.toordinal() - EPOCH_OF_DATES + day, least * 10**6, amount, code)
			for _item, rank, supplier, day, least, amount, code in rows
		],
		FORM,
	)
	codes, code = _currencies(held["currency"])
	assert [codes[each] for each in code] == [row[6] for row in rows]
	lists = _arranged(
		held, np.array([row[0] for row in rows], np.int64), code, 4, "EUR", TODAY, codes, RATES
	)
	chosen = lists.choose(np.array(quantities, np.float64))
	for item, quantity in enumerate(quantities):
		wanted = _one_by_one(rows, item, quantity)
		if isinstance(wanted, Priced):
			assert chosen.known[item]
			# The reference divides to 50 digits.
			assert abs(chosen.exact(item) - Fraction(wanted.amount)) < Fraction(1, 10**40)
			assert chosen.values[item] == pytest.approx(float(wanted.amount), rel=1e-14)
		else:
			assert not chosen.known[item]
			assert chosen.values[item] == 0
			assert REASONS[int(chosen.reason[item])] == wanted
	foreign = {lists.codes[int(chosen._code[item])] for item in range(4) if chosen.known[item]} - {
		"EUR"
	}
	assert {rate.currency for rate in chosen.used} == foreign


def test_a_quantity_that_equals_a_break_reaches_it():
	"""Three times 0.1 in floats is a hair more than 0.3; 0.7 + 0.1 + 0.2 a hair less than 1."""
	held = np.array([(0, 0, 0, 10**6, 5, "EUR"), (0, 0, 0, 300_000, 7, "EUR")], FORM)
	lists = _arranged(
		held, np.zeros(2, np.int64), np.zeros(2, np.int64), 1, "EUR", TODAY, ("EUR",), RATES
	)
	for quantity, amount in (
		(0.7 + 0.1 + 0.2, 5),
		(0.1 + 0.1 + 0.1, 7),
		(0.999999, 7),
		(1.0, 5),
		(0.1, 7),
	):
		assert lists.choose(np.array([quantity])).exact(0) == Fraction(amount, 10**6)


def test_no_costs_at_all():
	lists = _arranged(np.zeros(0, FORM), *[np.zeros(0, np.int64)] * 2, 2, "EUR", TODAY, (), {})
	chosen = lists.choose(np.ones(2))
	assert not chosen.known.any()
	assert [REASONS[int(each)] for each in chosen.reason] == [PriceGapReason.NO_PRICE] * 2
