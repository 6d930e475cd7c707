"""How good a measurement and a metric are, in figures whose making is printed beside them.

Indicators run from 1 (very good) to 5 (poor) after the five data quality indicators of the GHG
Protocol (Corporate Value Chain Standard, 2011, section 7.3, table 7.6) with the steps of the
pedigree matrix (Weidema and Wesnæs, Journal of Cleaner Production 4, 1996). They stay separate;
`data_quality_score` is only their printed mean: 100 × Σ wᵢ(5 − qᵢ) / 4Σ wᵢ over the indicators that
could be assessed, all weights 1, since neither source gives weights. Technological and geographical
fit cannot be seen from a series; they count only where a person stated them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum
from statistics import median

from apg.capabilities.esg.shared.periods import Aggregate, Point, aware
from apg.capabilities.esg.shared.rule_nodes import Severity
from apg.capabilities.esg.shared.rules import Finding, Outcome
from apg.capabilities.esg.shared.vocabulary import (
	CollectionMethod,
	MeasurementPeriod,
	collection_method,
)
from apg.kernel.errors import Invalid
from apg.kernel.texts import _

HUNDREDTH = Decimal("0.01")
REJECT_WEIGHT = Decimal(2)
WARN_WEIGHT = Decimal(1)
LEAST_HISTORY = 8
LONGEST_HISTORY = 500
OUTLIER = Decimal("3.5")
MOST_ANOMALY = Decimal(100)
_EXACT = Context(prec=60)
# 0.6745 is the upper quartile of the standard normal distribution, 1.253314 is √(π/2).
_MAD_SCALE, _MEAN_SCALE = Decimal("0.6745"), Decimal("1.253314")


class Indicator(StrEnum):
	TECHNOLOGY = "technology"
	TIME = "time"
	GEOGRAPHY = "geography"
	COMPLETENESS = "completeness"
	RELIABILITY = "reliability"


WEIGHTS: Mapping[Indicator, Decimal] = dict.fromkeys(Indicator, Decimal(1))
STATED_BY_PEOPLE = (Indicator.TECHNOLOGY, Indicator.GEOGRAPHY)


class Flag(StrEnum):
	"""What a reader of the figure should know; a rule's flag carries the rule's place behind it."""

	NO_SOURCE = "no_source"
	NO_METHOD = "no_method"
	UNKNOWN_METHOD = "unknown_method"
	NO_EVIDENCE = "no_evidence"
	NO_PERIOD = "no_period"
	PERIOD_MISMATCH = "period_mismatch"
	ESTIMATED = "estimated"
	LATE = "late"
	FUTURE = "future"
	OUTLIER = "outlier"
	RULE_WARNING = "rule_warning"
	RULE_UNKNOWN = "rule_unknown"


@dataclass(frozen=True, slots=True)
class Recorded:
	"""What is known of one measurement besides its value; `stated` are indicators a person gave."""

	date: datetime
	recorded_at: datetime
	source: str | None = None
	method: str | None = None
	has_evidence: bool = False
	period_start: datetime | None = None
	period_end: datetime | None = None
	stated: Mapping[Indicator, int] | None = None


@dataclass(frozen=True, slots=True)
class Quality:
	"""The score 0 to 100 with its parts: an indicator of None was not assessed and does not count."""

	score: Decimal | None
	indicators: Mapping[Indicator, int | None]

	@property
	def assessed(self) -> tuple[Indicator, ...]:
		return tuple(each for each, value in self.indicators.items() if value is not None)


@dataclass(frozen=True, slots=True)
class Assessment:
	"""Everything that is stored with one measurement."""

	validation_score: Decimal | None
	anomaly_score: Decimal | None
	flags: tuple[str, ...]
	quality: Quality


def assess(
	recorded: Recorded,
	findings: Sequence[Finding],
	*,
	period: MeasurementPeriod = MeasurementPeriod.MONTHLY,
	anomaly: Decimal | None = None,
	completeness: int | None = None,
) -> Assessment:
	"""Scores and flags of one measurement from what was checked."""
	return Assessment(
		validation_score=validation_score(findings),
		anomaly_score=anomaly,
		flags=quality_flags(recorded, findings, period=period, anomaly=anomaly),
		quality=measurement_quality(recorded, period=period, completeness=completeness),
	)


def validation_score(findings: Sequence[Finding]) -> Decimal | None:
	"""100 × weight of the rules that hold / weight of all rules; a reject rule weighs 2, a warning 1.

	A rule that could not be checked does not hold. Without rules nothing was checked: None.
	"""
	if not findings:
		return None
	weights = [
		REJECT_WEIGHT if each.rule.severity is Severity.REJECT else WARN_WEIGHT for each in findings
	]
	held = sum(
		(w for w, each in zip(weights, findings, strict=True) if each.outcome is Outcome.HOLDS),
		Decimal(0),
	)
	return _rounded(100 * held / sum(weights))


def quality_flags(
	recorded: Recorded,
	findings: Sequence[Finding],
	*,
	period: MeasurementPeriod = MeasurementPeriod.MONTHLY,
	anomaly: Decimal | None = None,
) -> tuple[str, ...]:
	"""All that applies, in a fixed order; `rule_warning:2` means the third rule of the metric."""
	method = collection_method(recorded.method)
	lag = recorded.recorded_at - _reached(recorded)
	conditions = (
		(Flag.NO_SOURCE, not recorded.source),
		(Flag.NO_METHOD, not recorded.method),
		(Flag.UNKNOWN_METHOD, bool(recorded.method) and method is None),
		(Flag.NO_EVIDENCE, not recorded.has_evidence),
		(Flag.NO_PERIOD, recorded.period_start is None or recorded.period_end is None),
		(Flag.PERIOD_MISMATCH, _period_mismatch(recorded, period)),
		(Flag.ESTIMATED, method is CollectionMethod.ESTIMATED),
		(Flag.LATE, lag > 2 * LENGTHS[period]),
		(Flag.FUTURE, aware(recorded.date) > aware(recorded.recorded_at)),
		(Flag.OUTLIER, anomaly is not None and anomaly > OUTLIER),
	)
	flags = [flag.value for flag, applies in conditions if applies]
	for each in findings:
		if each.outcome is Outcome.BROKEN:
			flags.append(f"{Flag.RULE_WARNING}:{each.index}")
		elif each.outcome is Outcome.UNKNOWN:
			flags.append(f"{Flag.RULE_UNKNOWN}:{each.index}")
	return tuple(flags)


LENGTHS: Mapping[MeasurementPeriod, timedelta] = {
	MeasurementPeriod.HOURLY: timedelta(hours=1),
	MeasurementPeriod.DAILY: timedelta(days=1),
	MeasurementPeriod.WEEKLY: timedelta(days=7),
	MeasurementPeriod.MONTHLY: timedelta(days=31),
	MeasurementPeriod.QUARTERLY: timedelta(days=92),
	MeasurementPeriod.YEARLY: timedelta(days=366),
}


def _reached(recorded: Recorded) -> datetime:
	"""The moment up to which the measurement tells."""
	return aware(recorded.period_end or recorded.date)


def _period_mismatch(recorded: Recorded, period: MeasurementPeriod) -> bool:
	"""Whether the covered time is under half or over one and a half of what the metric expects."""
	covers = Point(Decimal(0), recorded.date, recorded.period_start, recorded.period_end).covers
	if covers is None:
		return recorded.period_start is not None and recorded.period_end is not None
	length, expected = covers[1] - covers[0], LENGTHS[period]
	return not expected / 2 <= length <= expected * 3 / 2


def measurement_quality(
	recorded: Recorded,
	*,
	period: MeasurementPeriod = MeasurementPeriod.MONTHLY,
	completeness: int | None = None,
) -> Quality:
	"""The five indicators of one measurement. Time: recorded within 1, 2, 3 or 6 periods after the
	time it tells about is 1 to 4, later 5. Completeness is that of its series, where known."""
	stated = dict(recorded.stated or {})
	lag = (aware(recorded.recorded_at) - _reached(recorded)) / LENGTHS[period]
	found: dict[Indicator, int | None] = {
		Indicator.TECHNOLOGY: stated.get(Indicator.TECHNOLOGY),
		Indicator.TIME: next((n for n, most in ((1, 1), (2, 2), (3, 3), (4, 6)) if lag <= most), 5),
		Indicator.GEOGRAPHY: stated.get(Indicator.GEOGRAPHY),
		Indicator.COMPLETENESS: completeness,
		Indicator.RELIABILITY: reliability(recorded.method, recorded.has_evidence),
	}
	return Quality(score(found), found)


def reliability(method: str | None, has_evidence: bool) -> int:
	"""The reliability row of the pedigree matrix: 1 measured and verified, 2 measured without proof
	or partly assumed with proof, 3 partly assumed without proof, 4 a reasoned estimate, 5 unknown.
	A calculation or survey rests partly on assumptions; an estimate with evidence is reasoned."""
	match collection_method(method):
		case CollectionMethod.MEASURED | CollectionMethod.AUTOMATED | CollectionMethod.INVOICED:
			return 1 if has_evidence else 2
		case (
			CollectionMethod.MANUAL
			| CollectionMethod.IMPORTED
			| CollectionMethod.CALCULATED
			| CollectionMethod.SURVEY
		):
			return 2 if has_evidence else 3
		case CollectionMethod.ESTIMATED:
			return 4 if has_evidence else 5
		case None:
			return 4 if has_evidence else 5


def completeness(aggregates: Sequence[Aggregate]) -> int | None:
	"""1 for every expected part there, 2 from 80 %, 3 from 50 %, 4 for any, 5 for none."""
	expected = sum(each.expected for each in aggregates)
	if not expected:
		return None
	share = Decimal(sum(each.covered for each in aggregates)) / expected
	steps = ((1, Decimal(1)), (2, Decimal("0.8")), (3, Decimal("0.5")))
	return next((step for step, least in steps if share >= least), 4 if share else 5)


def metric_quality(
	measurements: Sequence[Recorded],
	aggregates: Sequence[Aggregate],
	*,
	now: datetime,
	period: MeasurementPeriod = MeasurementPeriod.MONTHLY,
) -> Quality:
	"""The indicators of a series: reliability and stated ones are the mean of its measurements,
	rounded up to the worse step; time is the age of the newest one (as above, against now);
	completeness is that of the given buckets, usually the last twelve periods. Nothing → no score."""
	empty: dict[Indicator, int | None] = dict.fromkeys(Indicator)
	if not measurements:
		return Quality(None, empty)
	newest = max(measurements, key=_reached)
	age = Recorded(newest.date, aware(now), period_end=newest.period_end)
	found = {
		**empty,
		Indicator.TIME: measurement_quality(age, period=period).indicators[Indicator.TIME],
		Indicator.COMPLETENESS: completeness(aggregates),
		Indicator.RELIABILITY: _worse_mean(
			[reliability(each.method, each.has_evidence) for each in measurements]
		),
	}
	for indicator in STATED_BY_PEOPLE:
		given = [
			each.stated[indicator]
			for each in measurements
			if each.stated and indicator in each.stated
		]
		found[indicator] = _worse_mean(given) if given else None
	return Quality(score(found), found)


def _worse_mean(values: Sequence[int]) -> int:
	return -(-sum(values) // len(values))


def score(indicators: Mapping[Indicator, int | None]) -> Decimal | None:
	"""100 × Σ wᵢ(5 − qᵢ) / 4Σ wᵢ over what was assessed: all 1 is 100, all 5 is 0."""
	weight = sum((WEIGHTS[each] for each, q in indicators.items() if q is not None), Decimal(0))
	if not weight:
		return None
	points = sum(
		(WEIGHTS[each] * (5 - q) for each, q in indicators.items() if q is not None), Decimal(0)
	)
	return _rounded(100 * points / (4 * weight))


def stated_indicators(given: object) -> dict[Indicator, int]:
	"""Technology and geography as a person states them: `{"technology": 2, "geography": 1}`."""
	if given is None:
		return {}
	if not isinstance(given, Mapping):
		raise Invalid.one(
			"metadata.quality", _("Write an object, as {example}.", example='{"technology": 2}')
		)
	found: dict[Indicator, int] = {}
	for name, value in given.items():
		if name not in STATED_BY_PEOPLE or isinstance(value, bool) or value not in (1, 2, 3, 4, 5):
			raise Invalid.one(
				"metadata.quality",
				_(
					"Only {names} can be stated, from 1 (very good) to 5 (poor).",
					names=", ".join(STATED_BY_PEOPLE),
				),
			)
		found[Indicator(name)] = int(value)
	return found


def anomaly_score(value: Decimal, history: Sequence[Decimal]) -> Decimal | None:
	"""The size of the modified z-score of a value against earlier ones, at most 100.00; above 3.5 it
	is an outlier (Iglewicz and Hoaglin, How to Detect and Handle Outliers, ASQC 1993, section 3.2).

	0.6745 × |x − median| / MAD; where more than half of the history is equal (MAD 0), the mean
	absolute deviation with the factor 1.253314 takes its place. None with fewer than 8 values, or
	where all are equal and the value is not: there is no scale to judge by.
	"""
	if len(history) < LEAST_HISTORY:
		return None
	recent = list(history[-LONGEST_HISTORY:])
	middle = median(recent)
	spread = [_EXACT.abs(_EXACT.subtract(each, middle)) for each in recent]
	distance = _EXACT.abs(_EXACT.subtract(value, middle))
	scale = median(spread)
	if scale:
		found = _EXACT.divide(_EXACT.multiply(_MAD_SCALE, distance), scale)
	else:
		total = Decimal(0)
		for each in spread:
			total = _EXACT.add(total, each)
		mean = _EXACT.divide(total, Decimal(len(spread)))
		if not mean:
			return Decimal("0.00") if not distance else None
		found = _EXACT.divide(distance, _EXACT.multiply(_MEAN_SCALE, mean))
	return _rounded(min(found, MOST_ANOMALY))


def _rounded(value: Decimal) -> Decimal:
	"""DECIMAL(5,2), half to even."""
	return value.quantize(HUNDREDTH, rounding=ROUND_HALF_EVEN)
