"""Periods on months: nothing is lost, nothing is made up."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apg.capabilities.esg.shared import computed
from apg.capabilities.esg.shared.computed import ActivitySource, Used, by_month, source_of, split
from apg.kernel.errors import Invalid

JANUARY = datetime(2024, 1, 1, tzinfo=UTC)
FEBRUARY, MARCH, APRIL = (datetime(2024, n, 1, tzinfo=UTC) for n in (2, 3, 4))


def test_a_month_stays_whole_and_a_crossing_bill_goes_by_days() -> None:
	assert split(Decimal("31.5"), JANUARY, FEBRUARY) == {JANUARY: Decimal("31.5")}
	middle = datetime(2024, 1, 17, tzinfo=UTC)
	found = split(Decimal(60), middle, middle + timedelta(days=30))
	assert found == {JANUARY: Decimal(30), FEBRUARY: Decimal(30)}


def test_what_rounding_leaves_goes_to_the_largest_remainder() -> None:
	# 31, 29 and 31 days of 91: thirds that do not come out even.
	found = split(Decimal("0.000002"), JANUARY, APRIL)
	assert found == {
		JANUARY: Decimal("0.000001"),
		FEBRUARY: Decimal(0),
		MARCH: Decimal("0.000001"),
	}


@given(
	st.decimals("0", "99999999999999", places=6),
	st.integers(631_152_000, 1_798_761_600).map(lambda s: datetime.fromtimestamp(s, UTC)),
	st.timedeltas(timedelta(seconds=1), timedelta(days=1200)),
)
def test_parts_add_up_to_the_whole(quantity: Decimal, start: datetime, length: timedelta) -> None:
	parts = split(quantity, start, start + length)
	assert sum(parts.values()) == quantity
	assert all(part >= 0 for part in parts.values())
	assert list(parts) == list(computed.months(start, start + length))


def test_months_are_in_the_unit_asked_for_and_gaps_stay_gaps() -> None:
	records = [
		Used(Decimal(2), "MWh", JANUARY, FEBRUARY, estimated=False),
		Used(Decimal(500), "kWh", JANUARY, FEBRUARY, estimated=True),
		Used(Decimal(7), "kg", MARCH, APRIL, estimated=False),
	]
	found = by_month(records, "kWh", JANUARY, APRIL)
	assert set(found) == {JANUARY}
	value = found[JANUARY]
	assert (value.value, value.records, value.estimated, value.split) == (Decimal(2500), 2, 1, 0)


def test_the_source_is_read_and_refused_in_words() -> None:
	assert source_of({"activity": {"code": "electricity.grid"}}) == ActivitySource(
		"electricity.grid"
	)
	bad: list[Any] = [
		{},
		{"activity": "electricity.grid"},
		{"activity": {"code": "has space"}},
		{"activity": {"code": "a", "site_ids": ["nowhere"]}},
		{"activity": {"code": "a", "sites": []}},
	]
	for config in bad:
		with pytest.raises(Invalid):
			source_of(config)
