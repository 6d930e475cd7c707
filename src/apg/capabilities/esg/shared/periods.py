"""Months, quarters and years in UTC, what falls into them, what is missing, where it is heading.

Sums, means and last values are exact decimals. A value that covers a period belongs to the bucket
its whole period lies in; one that spans several buckets is named and left out of them, since
splitting it would be an estimate.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from math import lcm
from typing import NamedTuple

from apg.capabilities.esg.shared.vocabulary import MeasurementPeriod, Polarity
from apg.kernel.errors import Invalid
from apg.kernel.texts import _

EXACT = Context(prec=120)
MEAN_DIGITS = 34
LARGEST_RANGE = 12 * 400
TREND_POINTS = 60


class Span(StrEnum):
	MONTH = "month"
	QUARTER = "quarter"
	YEAR = "year"


MONTHS = {Span.MONTH: 1, Span.QUARTER: 3, Span.YEAR: 12}


class Method(StrEnum):
	"""How values of one bucket become one: flows are summed, levels averaged or the last taken."""

	SUM = "sum"
	MEAN = "mean"
	LAST = "last"


class Bucket(NamedTuple):
	"""The half-open time `[start, end)`, both in UTC."""

	start: datetime
	end: datetime
	span: Span

	@property
	def label(self) -> str:
		"""`2026-03`, `2026-Q1` or `2026`."""
		match self.span:
			case Span.MONTH:
				return f"{self.start.year:04}-{self.start.month:02}"
			case Span.QUARTER:
				return f"{self.start.year:04}-Q{(self.start.month + 2) // 3}"
			case Span.YEAR:
				return f"{self.start.year:04}"

	def __contains__(self, moment: object) -> bool:
		return isinstance(moment, datetime) and self.start <= moment < self.end


class Point(NamedTuple):
	"""One measurement: a value at a moment, with the period it covers if it covers one."""

	value: Decimal
	date: datetime
	start: datetime | None = None
	end: datetime | None = None
	id: str | None = None

	@property
	def covers(self) -> tuple[datetime, datetime] | None:
		"""The half-open period; an end at the last second of a day counts as the next midnight."""
		if self.start is None or self.end is None or self.end <= self.start:
			return None
		start, end = aware(self.start), aware(self.end)
		if end.second == 59 and end.minute == 59 and end.hour == 23:
			end = end.replace(microsecond=0) + timedelta(seconds=1)
		return start, end


@dataclass(frozen=True, slots=True)
class Aggregate:
	"""The value of one bucket and how far it is covered: `covered` of `expected` parts (months, or
	the buckets of a slower metric), the missing ones by name. A value of None is "no data", not 0.
	`overlapping` names the parts that more than one value covers: a sum may count them twice."""

	bucket: Bucket
	value: Decimal | None
	count: int
	covered: int
	expected: int
	missing: tuple[str, ...] = ()
	overlapping: tuple[str, ...] = ()

	@property
	def coverage(self) -> Decimal:
		"""Share of the expected parts that are there, 0 to 1."""
		return Decimal(self.covered) / Decimal(self.expected) if self.expected else Decimal(0)


@dataclass(frozen=True, slots=True)
class Series:
	"""Buckets in order; `spanning` are the values that fit into no single one of them."""

	aggregates: tuple[Aggregate, ...]
	spanning: tuple[Point, ...] = ()


def aware(moment: datetime) -> datetime:
	"""The moment in UTC; a time without a zone is refused, never assumed."""
	if moment.tzinfo is UTC:
		return moment
	if moment.tzinfo is None:
		raise Invalid.one(
			"measurement_date", _("The time has no zone. Write it with Z or an offset.")
		)
	return moment.astimezone(UTC)


def bucket_of(moment: datetime, span: Span) -> Bucket:
	"""The bucket a moment falls into."""
	utc = aware(moment)
	months = MONTHS[span]
	return _bucket(utc.year, (utc.month - 1) // months * months + 1, span)


@lru_cache(maxsize=4_096)
def _bucket(year: int, month: int, span: Span) -> Bucket:
	after = month + MONTHS[span]
	end = (year + 1, after - 12) if after > 12 else (year, after)
	return Bucket(datetime(year, month, 1, tzinfo=UTC), datetime(*end, 1, tzinfo=UTC), span)


def following(bucket: Bucket) -> Bucket:
	return bucket_of(bucket.end, bucket.span)


def preceding(bucket: Bucket) -> Bucket:
	return bucket_of(bucket.start - timedelta(microseconds=1), bucket.span)


def buckets(start: datetime, end: datetime, span: Span) -> tuple[Bucket, ...]:
	"""All buckets that `[start, end)` touches, at most 400 years of months."""
	first, last = aware(start), aware(end)
	if last <= first:
		return ()
	if (last.year - first.year) * 12 // MONTHS[span] > LARGEST_RANGE:
		raise Invalid.one("period", _("The period is too long. Ask for at most 400 years."))
	found = [bucket_of(first, span)]
	while found[-1].end < last:
		found.append(following(found[-1]))
	return tuple(found)


def aggregate(
	points: Iterable[Point],
	span: Span,
	method: Method,
	*,
	start: datetime | None = None,
	end: datetime | None = None,
	period: MeasurementPeriod = MeasurementPeriod.MONTHLY,
	until: datetime | None = None,
) -> Series:
	"""One aggregate per bucket of `[start, end)`, by default from the first to the last value.

	`period` is how often values are due: coverage counts months, or quarters and years for slower
	metrics. What begins at or after `until` (the present) is not expected yet.
	"""
	placed, spanning = _place(points, span)
	if start is None or end is None:
		if not placed:
			return Series((), tuple(spanning))
		start = start or min(placed)
		end = end or bucket_of(max(placed), span).end
	part = _part_of(period, span)
	found = [
		_aggregate(bucket, placed.get(bucket.start, []), method, part, until)
		for bucket in buckets(start, end, span)
	]
	return Series(tuple(found), tuple(spanning))


def _place(points: Iterable[Point], span: Span) -> tuple[dict[datetime, list[Point]], list[Point]]:
	"""The points by the start of their bucket, and those that fit into no single one."""
	placed: dict[datetime, list[Point]] = {}
	spanning: list[Point] = []
	for point in points:
		covers = point.covers
		bucket = bucket_of(covers[0] if covers else point.date, span)
		if covers and covers[1] > bucket.end:
			spanning.append(point)
		else:
			placed.setdefault(bucket.start, []).append(point)
	return placed, spanning


def _part_of(period: MeasurementPeriod, span: Span) -> Span:
	"""What is counted inside a bucket: its months, or the wider period of a slower metric."""
	due = {MeasurementPeriod.QUARTERLY: Span.QUARTER, MeasurementPeriod.YEARLY: Span.YEAR}
	part = due.get(period, Span.MONTH)
	return part if MONTHS[part] <= MONTHS[span] else span


def _aggregate(
	bucket: Bucket,
	points: Sequence[Point],
	method: Method,
	part: Span,
	until: datetime | None,
) -> Aggregate:
	parts = [
		each
		for each in buckets(bucket.start, bucket.end, part)
		if until is None or each.start < until
	]
	seen = {start for point in points for start in _touched(point, part)}
	overlaps = _overlapping(points, part)
	return Aggregate(
		bucket=bucket,
		value=_value(points, method),
		count=len(points),
		covered=sum(1 for each in parts if each.start in seen),
		expected=len(parts),
		missing=tuple(each.label for each in parts if each.start not in seen),
		overlapping=tuple(each.label for each in sorted(overlaps)),
	)


def _touched(point: Point, part: Span) -> Iterable[datetime]:
	"""The starts of the parts that the point tells of."""
	covers = point.covers
	if covers is None:
		return (bucket_of(point.date, part).start,)
	return [each.start for each in buckets(*covers, part)]


def _overlapping(points: Sequence[Point], part: Span) -> set[Bucket]:
	"""Parts in which the periods of two values meet."""
	found: set[Bucket] = set()
	periods = sorted(each for point in points if (each := point.covers))
	reached: datetime | None = None
	for start, end in periods:
		if reached is not None and start < reached:
			found.update(buckets(start, min(end, reached), part))
		reached = end if reached is None else max(reached, end)
	return found


def _value(points: Sequence[Point], method: Method) -> Decimal | None:
	if not points:
		return None
	if method is Method.LAST:
		return max(points, key=lambda each: (each.covers or (each.date, aware(each.date)))[1]).value
	total = Decimal(0)
	for point in points:
		total = EXACT.add(total, point.value)
	if method is Method.SUM:
		return total
	return Context(prec=MEAN_DIGITS).divide(total, Decimal(len(points)))


class Direction(StrEnum):
	"""Which way the values go; whether that is good is another question."""

	UP = "up"
	DOWN = "down"
	FLAT = "flat"
	UNKNOWN = "unknown"


class Assessment(StrEnum):
	IMPROVING = "improving"
	WORSENING = "worsening"
	STABLE = "stable"
	NEUTRAL = "neutral"
	UNKNOWN = "unknown"


def direction(values: Sequence[Decimal], *, tolerance: Decimal = Decimal("0.01")) -> Direction:
	"""The sign of the median slope between all pairs of the last 60 values, oldest first.

	Theil–Sen estimator (Sen, Journal of the American Statistical Association 63, 1968): one outlier
	does not turn it. A change of less than `tolerance` of the median size over the whole range is
	flat; fewer than two values have no direction.
	"""
	recent = _whole(values[-TREND_POINTS:])
	count = len(recent)
	if count < 2:
		return Direction.UNKNOWN
	# Slopes in whole numbers: over one common denominator nothing is rounded.
	common = 2 * lcm(*range(1, count))
	slopes = [
		(recent[later] - recent[earlier]) * (common // (later - earlier))
		for earlier in range(count)
		for later in range(earlier + 1, count)
	]
	change = Fraction(_middle(slopes) * (count - 1), common)
	size = Fraction(_middle([2 * abs(each) for each in recent]), 2)
	if abs(change) <= Fraction(tolerance) * size:
		return Direction.FLAT
	return Direction.UP if change > 0 else Direction.DOWN


def _whole(values: Sequence[Decimal]) -> list[int]:
	"""The values times one power of ten that leaves no fraction."""
	digits = max((-int(each.as_tuple().exponent) for each in values), default=0)
	return [int(each.scaleb(max(digits, 0), EXACT)) for each in values]


def _middle(values: list[int]) -> int:
	"""The median of even numbers."""
	ordered, half = sorted(values), len(values) // 2
	return ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) // 2


def assess(way: Direction, polarity: Polarity) -> Assessment:
	"""Good or bad: falling emissions improve, falling training hours do not."""
	if way is Direction.UNKNOWN:
		return Assessment.UNKNOWN
	if polarity is Polarity.NEUTRAL:
		return Assessment.NEUTRAL
	if way is Direction.FLAT:
		return Assessment.STABLE
	good = Direction.UP if polarity is Polarity.HIGHER_IS_BETTER else Direction.DOWN
	return Assessment.IMPROVING if way is good else Assessment.WORSENING
