"""Columns of products equal exact fractions, rounded once, half to even."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apg.capabilities.esg.shared import exact_columns as exact

WHOLE = st.one_of(
	st.integers(-(10**9), 10**9),
	st.integers(-(2**63) + 1, 2**63 - 1),
	st.sampled_from([0, 1, -1, 5, 500, 1_000_000, 2**62, -(2**62), 10**15, 2**63 - 1]),
)
MULTIPLIER = st.one_of(
	st.fractions(-1000, 1000, max_denominator=10**9),
	st.decimals("-10", "10", places=28, allow_nan=False).map(Fraction),
	st.decimals("0", "100000", places=5, allow_nan=False).map(Fraction),
	st.sampled_from(
		[
			Fraction(0),
			Fraction(1),
			Fraction(1, 2000),
			Fraction(1, 1998),
			Fraction(1, 3),
			Fraction(105505585262, 360000000000000),
			Fraction(5, 10_000),
			Fraction(10**12),
		]
	),
)


def expected(quantity: int, multiplier: Fraction) -> int:
	return round(Fraction(quantity, 10**6) * multiplier * 10**9)


@settings(max_examples=400, deadline=None)
@given(st.lists(MULTIPLIER, min_size=1, max_size=4), st.lists(WHOLE, min_size=1, max_size=30))
def test_every_product_is_the_rounded_fraction(
	multipliers: list[Fraction], quantities: list[int]
) -> None:
	plans = np.arange(len(quantities)) % len(multipliers)
	(found,) = exact.Multipliers([multipliers]).times(np.array(quantities, np.int64), plans)
	wanted = [expected(q, multipliers[p]) for q, p in zip(quantities, plans, strict=True)]
	assert [int(one) for one in found] == wanted


@pytest.mark.parametrize(
	("quantity", "multiplier", "units"),
	[
		# 1e-6 times 5e-4 is half of the last digit: to the even one, 0; three halves go to 2.
		(1, Fraction(5, 10_000), 0),
		(3, Fraction(5, 10_000), 2),
		(5, Fraction(5, 10_000), 2),
		(-1, Fraction(5, 10_000), 0),
		(-3, Fraction(5, 10_000), -2),
		# A third never ends; neither does its nearest binary number equal it.
		(1_000_000, Fraction(1, 3), 333_333_333),
		(2_000_000, Fraction(1, 3), 666_666_667),
	],
)
def test_ties_go_to_the_even_digit(quantity: int, multiplier: Fraction, units: int) -> None:
	(found,) = exact.Multipliers([[multiplier]]).times(np.array([quantity]), np.array([0]))
	assert found.tolist() == [units]


def test_ties_are_found_among_a_hundred_thousand() -> None:
	random = np.random.default_rng(7)
	quantities = random.integers(0, 2**40, 100_000)
	multiplier = Fraction(1, 2_000)  # every odd quantity is a tie
	(found,) = exact.Multipliers([[multiplier]]).times(quantities, np.zeros(100_000, np.intp))
	assert found.tolist() == [expected(q, multiplier) for q in quantities.tolist()]


def test_a_tie_of_a_long_multiplier_is_not_taken_for_one() -> None:
	"""A multiplier a hair above a half must go up where the half itself goes to even."""
	hair = Fraction(1, 2_000) + Fraction(1, 10**30)
	(found,) = exact.Multipliers([[hair]]).times(np.array([1, 1]), np.array([0, 0]))
	assert found.tolist() == [1, 1]
	(found,) = exact.Multipliers([[Fraction(1, 2_000)]]).times(np.array([1]), np.array([0]))
	assert found.tolist() == [0]


def test_a_result_beyond_63_bits_keeps_all_digits() -> None:
	(found,) = exact.Multipliers([[Fraction(123456789)]]).times(
		np.array([2**62, 1]), np.array([0, 0])
	)
	assert [int(one) for one in found] == [
		expected(2**62, Fraction(123456789)),
		expected(1, Fraction(123456789)),
	]


def test_amounts_and_quantities() -> None:
	assert exact.amount(1_500_000_000) == Decimal("1.5")
	assert exact.micro(Decimal("1.25")) == 1_250_000
	assert exact.micro(Decimal("0.0000001")) is None
	assert exact.micro(Decimal(10) ** 13) is None
