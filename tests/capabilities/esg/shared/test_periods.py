"""Buckets in UTC, exact aggregates with named gaps, direction apart from good and bad."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apg.capabilities.esg.shared.periods import (
	Assessment,
	Direction,
	Method,
	Point,
	Span,
	aggregate,
	assess,
	bucket_of,
	buckets,
	direction,
	following,
	preceding,
)
from apg.capabilities.esg.shared.vocabulary import MeasurementPeriod, Polarity
from apg.kernel.errors import Invalid

FIRST, LAST = datetime(1900, 1, 1), datetime(2200, 1, 1)  # noqa: DTZ001
moments = st.datetimes(FIRST, LAST, timezones=st.just(UTC))
values = st.decimals(min_value=-(10**14), max_value=10**14, places=6)


def at(text: str) -> datetime:
	return datetime.fromisoformat(text).replace(tzinfo=UTC)


def point(value: str, date: str, start: str | None = None, end: str | None = None) -> Point:
	return Point(Decimal(value), at(date), at(start) if start else None, at(end) if end else None)


@pytest.mark.parametrize(
	("moment", "span", "label", "start", "end"),
	[
		("2026-03-31T23:59:59", Span.MONTH, "2026-03", "2026-03-01", "2026-04-01"),
		("2026-12-01", Span.MONTH, "2026-12", "2026-12-01", "2027-01-01"),
		("2026-01-01", Span.QUARTER, "2026-Q1", "2026-01-01", "2026-04-01"),
		("2026-12-31", Span.QUARTER, "2026-Q4", "2026-10-01", "2027-01-01"),
		("2024-02-29", Span.YEAR, "2024", "2024-01-01", "2025-01-01"),
	],
)
def test_bucket_of_a_moment(moment: str, span: Span, label: str, start: str, end: str) -> None:
	found = bucket_of(at(moment), span)
	assert (found.label, found.start, found.end) == (label, at(start), at(end))


def test_buckets_are_those_of_utc() -> None:
	east = datetime(2026, 4, 1, 1, tzinfo=timezone(timedelta(hours=2)))
	assert bucket_of(east, Span.MONTH).label == "2026-03"


def test_a_time_without_zone_is_refused() -> None:
	with pytest.raises(Invalid) as caught:
		bucket_of(datetime(2026, 1, 1), Span.MONTH)  # noqa: DTZ001
	assert caught.value.problems[0].field == "measurement_date"


@given(moments, st.sampled_from(Span))
def test_neighbours_touch_and_hold_their_moments(moment: datetime, span: Span) -> None:
	found = bucket_of(moment, span)
	assert moment in found
	assert following(found).start == found.end
	assert preceding(found).end == found.start
	assert following(preceding(found)) == found


def test_buckets_of_a_range_are_complete() -> None:
	assert [b.label for b in buckets(at("2025-11-15"), at("2026-02-01"), Span.MONTH)] == [
		"2025-11",
		"2025-12",
		"2026-01",
	]
	assert buckets(at("2026-01-01"), at("2026-01-01"), Span.MONTH) == ()
	with pytest.raises(Invalid):
		buckets(at("0001-01-01"), at("9999-01-01"), Span.MONTH)


def test_months_of_a_quarter_with_a_gap() -> None:
	series = aggregate(
		[point("1.10", "2026-01-15"), point("2.2", "2026-03-15"), point("0.3", "2026-03-20")],
		Span.QUARTER,
		Method.SUM,
	)
	(found,) = series.aggregates
	assert (found.bucket.label, found.value, found.count) == ("2026-Q1", Decimal("3.60"), 3)
	assert (found.covered, found.expected, found.missing) == (2, 3, ("2026-02",))
	assert found.coverage == Decimal(2) / Decimal(3)
	assert found.overlapping == ()


def test_an_empty_month_is_none_and_never_zero() -> None:
	series = aggregate([point("1", "2026-01-15"), point("2", "2026-03-15")], Span.MONTH, Method.SUM)
	assert [(a.bucket.label, a.value) for a in series.aggregates] == [
		("2026-01", Decimal(1)),
		("2026-02", None),
		("2026-03", Decimal(2)),
	]


@pytest.mark.parametrize(
	("method", "value"), [(Method.SUM, "6"), (Method.MEAN, "2"), (Method.LAST, "3")]
)
def test_methods(method: Method, value: str) -> None:
	points = [point("3", "2026-01-20"), point("1", "2026-01-01"), point("2", "2026-01-10")]
	assert aggregate(points, Span.MONTH, method).aggregates[0].value == Decimal(value)


def test_the_period_decides_not_the_day_of_entry() -> None:
	january = point("5", "2026-02-03", "2026-01-01", "2026-02-01")
	by_day_end = point("5", "2026-02-03", "2026-01-01", "2026-01-31T23:59:59")
	for each in (january, by_day_end):
		(found,) = aggregate([each], Span.MONTH, Method.SUM).aggregates
		assert found.bucket.label == "2026-01"


def test_a_value_over_several_buckets_is_named_and_not_split() -> None:
	quarter = point("30", "2026-04-02", "2026-01-01", "2026-04-01")
	months = aggregate([quarter, point("1", "2026-01-15")], Span.MONTH, Method.SUM)
	assert months.spanning == (quarter,)
	assert [(a.bucket.label, a.value) for a in months.aggregates] == [("2026-01", Decimal(1))]
	(found,) = aggregate([quarter], Span.QUARTER, Method.SUM).aggregates
	assert (found.value, found.covered, found.missing) == (Decimal(30), 3, ())


def test_values_that_cover_the_same_time_are_named() -> None:
	points = [
		point("30", "2026-04-02", "2026-01-01", "2026-04-01"),
		point("9", "2026-03-01", "2026-02-01", "2026-03-01"),
	]
	assert aggregate(points, Span.QUARTER, Method.SUM).aggregates[0].overlapping == ("2026-02",)


def test_coverage_of_slower_metrics_counts_their_own_periods() -> None:
	points = [point("1", "2026-03-31"), point("1", "2026-06-30")]
	(found,) = aggregate(
		points, Span.YEAR, Method.SUM, period=MeasurementPeriod.QUARTERLY
	).aggregates
	assert (found.covered, found.expected, found.missing) == (2, 4, ("2026-Q3", "2026-Q4"))
	(found,) = aggregate(
		points[:1], Span.YEAR, Method.LAST, period=MeasurementPeriod.YEARLY
	).aggregates
	assert (found.covered, found.expected) == (1, 1)


def test_the_future_is_not_missing() -> None:
	(found,) = aggregate(
		[point("1", "2026-01-15")], Span.YEAR, Method.SUM, until=at("2026-03-10")
	).aggregates
	assert (found.covered, found.expected, found.missing) == (1, 3, ("2026-02", "2026-03"))


def test_a_stated_range_shows_what_lies_before_and_after() -> None:
	series = aggregate(
		[point("1", "2026-02-15")],
		Span.MONTH,
		Method.SUM,
		start=at("2026-01-01"),
		end=at("2026-04-01"),
	)
	assert [a.value for a in series.aggregates] == [None, Decimal(1), None]
	assert aggregate([], Span.MONTH, Method.SUM).aggregates == ()


@given(st.lists(st.tuples(values, moments), min_size=1, max_size=30))
def test_sums_are_exact_and_no_value_is_lost(rows: list[tuple[Decimal, datetime]]) -> None:
	points = [Point(value, date) for value, date in rows]
	series = aggregate(points, Span.YEAR, Method.SUM)
	total = sum((Fraction(a.value) for a in series.aggregates if a.value is not None), Fraction(0))
	assert total == sum((Fraction(value) for value, _d in rows), Fraction(0))
	assert sum(a.count for a in series.aggregates) == len(points)


@given(st.lists(values, min_size=1, max_size=20))
def test_means_agree_with_fractions(rows: list[Decimal]) -> None:
	(found,) = aggregate(
		[Point(value, at("2026-01-01")) for value in rows], Span.MONTH, Method.MEAN
	).aggregates
	exact = sum(map(Fraction, rows), Fraction(0)) / len(rows)
	assert found.value is not None
	assert abs(Fraction(found.value) - exact) <= abs(exact) / 10**30


@pytest.mark.parametrize(
	("rows", "way"),
	[
		([], Direction.UNKNOWN),
		([5], Direction.UNKNOWN),
		([5, 5], Direction.FLAT),
		([100, 100.5], Direction.FLAT),
		([100, 102], Direction.UP),
		([102, 100], Direction.DOWN),
		([1, 2, 3, 4, 0], Direction.UP),
		([0, 0, 0], Direction.FLAT),
		([-3, -2, -1], Direction.UP),
		([1, 2] * 20, Direction.FLAT),
	],
)
def test_direction(rows: list[float], way: Direction) -> None:
	assert direction([Decimal(str(each)) for each in rows]) is way


def test_one_outlier_does_not_turn_the_direction() -> None:
	rows = [Decimal(n) for n in range(1, 13)]
	assert direction([*rows[:11], Decimal(-500)]) is Direction.UP


@given(st.lists(values, min_size=2, max_size=12))
def test_the_mirror_image_goes_the_other_way(rows: list[Decimal]) -> None:
	mirror = {
		Direction.UP: Direction.DOWN,
		Direction.DOWN: Direction.UP,
		Direction.FLAT: Direction.FLAT,
	}
	assert direction([-each for each in rows]) is mirror[direction(rows)]


@pytest.mark.parametrize(
	("way", "polarity", "assessment"),
	[
		(Direction.DOWN, Polarity.LOWER_IS_BETTER, Assessment.IMPROVING),
		(Direction.UP, Polarity.LOWER_IS_BETTER, Assessment.WORSENING),
		(Direction.UP, Polarity.HIGHER_IS_BETTER, Assessment.IMPROVING),
		(Direction.DOWN, Polarity.HIGHER_IS_BETTER, Assessment.WORSENING),
		(Direction.FLAT, Polarity.HIGHER_IS_BETTER, Assessment.STABLE),
		(Direction.UP, Polarity.NEUTRAL, Assessment.NEUTRAL),
		(Direction.UNKNOWN, Polarity.NEUTRAL, Assessment.UNKNOWN),
	],
)
def test_good_and_bad_follow_the_polarity(
	way: Direction, polarity: Polarity, assessment: Assessment
) -> None:
	assert assess(way, polarity) is assessment
