"""Scores as their formulas say, worked by hand; a figure that cannot be honest is None."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apg.capabilities.esg.shared.periods import Method, Point, Span, aggregate
from apg.capabilities.esg.shared.quality import (
	Indicator,
	Recorded,
	anomaly_score,
	assess,
	completeness,
	measurement_quality,
	metric_quality,
	quality_flags,
	reliability,
	score,
	stated_indicators,
	validation_score,
)
from apg.capabilities.esg.shared.rule_text import read_rule
from apg.capabilities.esg.shared.rules import Observed, check
from apg.capabilities.esg.shared.vocabulary import MeasurementPeriod
from apg.kernel.errors import Invalid


def at(text: str) -> datetime:
	return datetime.fromisoformat(text).replace(tzinfo=UTC)


GOOD = Recorded(
	at("2026-01-31"),
	at("2026-02-03"),
	"meter 7",
	"measured",
	True,
	at("2026-01-01"),
	at("2026-02-01"),
)
BARE = Recorded(at("2026-01-31"), at("2026-02-03"))


def findings(*lines: str, previous: Decimal | None = None):
	return check(tuple(read_rule(each) for each in lines), Observed(Decimal(5), previous))


@pytest.mark.parametrize(
	("lines", "expected"),
	[
		([], None),
		(["value > 0"], "100.00"),
		(["value > 0", "warn: value < 0"], "66.67"),
		(["value > 0", "change(value) < 5 %"], "50.00"),
		(["warn: value < 0"], "0.00"),
	],
)
def test_validation_score(lines: list[str], expected: str | None) -> None:
	found = validation_score(findings(*lines))
	assert found == (None if expected is None else Decimal(expected))
	assert found is None or str(found) == expected


@pytest.mark.parametrize(
	("method", "evidence", "step"),
	[
		("measured", True, 1),
		("automated", False, 2),
		("invoice", True, 1),
		("manual", True, 2),
		("calculated", False, 3),
		("survey", False, 3),
		("estimated", True, 4),
		("estimated", False, 5),
		("by the moon", True, 4),
		(None, False, 5),
	],
)
def test_reliability_follows_the_pedigree_matrix(
	method: str | None, evidence: bool, step: int
) -> None:
	assert reliability(method, evidence) == step


def test_a_good_and_a_bare_measurement() -> None:
	good = measurement_quality(GOOD)
	assert good.indicators == {
		Indicator.TECHNOLOGY: None,
		Indicator.TIME: 1,
		Indicator.GEOGRAPHY: None,
		Indicator.COMPLETENESS: None,
		Indicator.RELIABILITY: 1,
	}
	assert (good.score, good.assessed) == (
		Decimal("100.00"),
		(Indicator.TIME, Indicator.RELIABILITY),
	)
	assert measurement_quality(BARE).score == Decimal("50.00")


@pytest.mark.parametrize(
	("recorded", "step"),
	[("2026-02-28", 1), ("2026-04-01", 2), ("2026-05-01", 3), ("2026-07-01", 4), ("2026-12-01", 5)],
)
def test_time_counts_periods(recorded: str, step: int) -> None:
	found = measurement_quality(replace(GOOD, recorded_at=at(recorded)))
	assert found.indicators[Indicator.TIME] == step


def test_stated_indicators_count() -> None:
	stated = stated_indicators({"technology": 3, "geography": 5})
	found = measurement_quality(replace(GOOD, stated=stated), completeness=2)
	assert found.score == Decimal("65.00")  # (4 + 2 + 0 + 3 + 4) / 20
	assert len(found.assessed) == 5


@pytest.mark.parametrize(
	"given_",
	[
		[],
		{"reliability": 1},
		{"technology": 0},
		{"technology": 6},
		{"technology": True},
		{"technology": "1"},
	],
)
def test_wrong_statements_are_refused(given_: object) -> None:
	with pytest.raises(Invalid) as caught:
		stated_indicators(given_)
	assert caught.value.problems[0].field == "metadata.quality"


def test_flags_of_a_bare_measurement() -> None:
	assert quality_flags(BARE, ()) == ("no_source", "no_method", "no_evidence", "no_period")
	assert quality_flags(GOOD, ()) == ()


@pytest.mark.parametrize(
	("recorded", "flags"),
	[
		(replace(GOOD, method="by the moon"), ("unknown_method",)),
		(replace(GOOD, method="estimated"), ("estimated",)),
		(replace(GOOD, recorded_at=at("2026-08-01")), ("late",)),
		(replace(GOOD, date=at("2026-03-01")), ("future",)),
		(replace(GOOD, period_start=at("2025-01-01")), ("period_mismatch",)),
		(replace(GOOD, period_end=at("2026-01-01")), ("period_mismatch",)),
	],
)
def test_flags(recorded: Recorded, flags: tuple[str, ...]) -> None:
	assert quality_flags(recorded, ()) == flags


def test_findings_and_outliers_are_flagged() -> None:
	found = findings("value > 0", "warn: value < 0", "warn: change(value) < 5 %")
	assert quality_flags(GOOD, found, anomaly=Decimal("3.51")) == (
		"outlier",
		"rule_warning:1",
		"rule_unknown:2",
	)
	assert quality_flags(GOOD, (), anomaly=Decimal("3.50")) == ()


def test_an_assessment_holds_everything() -> None:
	found = assess(GOOD, findings("value > 0"), anomaly=Decimal("1.00"), completeness=1)
	assert (found.validation_score, found.anomaly_score, found.flags) == (
		Decimal(100),
		Decimal(1),
		(),
	)
	assert found.quality.score == Decimal(100)


@pytest.mark.parametrize(("months", "step"), [(12, 1), (10, 2), (6, 3), (1, 4), (0, 5)])
def test_completeness(months: int, step: int) -> None:
	points = [Point(Decimal(1), datetime(2025, n, 5, tzinfo=UTC)) for n in range(1, months + 1)]
	series = aggregate(points, Span.YEAR, Method.SUM, start=at("2025-01-01"), end=at("2026-01-01"))
	assert completeness(series.aggregates) == step
	assert completeness(()) is None


def test_quality_of_a_metric() -> None:
	series = aggregate([Point(Decimal(1), at("2026-01-05"))], Span.MONTH, Method.SUM)
	found = metric_quality(
		[GOOD, replace(GOOD, method="estimated")], series.aggregates, now=at("2026-02-10")
	)
	assert found.indicators == {
		Indicator.TECHNOLOGY: None,
		Indicator.TIME: 1,
		Indicator.GEOGRAPHY: None,
		Indicator.COMPLETENESS: 1,
		Indicator.RELIABILITY: 3,
	}
	assert found.score == Decimal("83.33")  # (4 + 4 + 2) / 12


def test_a_metric_ages() -> None:
	young = metric_quality([GOOD], (), now=at("2026-02-10")).score
	old = metric_quality([GOOD], (), now=at("2027-02-10")).score
	assert (young, old) == (Decimal(100), Decimal(50))
	yearly = metric_quality([GOOD], (), now=at("2027-01-10"), period=MeasurementPeriod.YEARLY)
	assert yearly.indicators[Indicator.TIME] == 1


def test_without_measurements_there_is_no_score() -> None:
	found = metric_quality([], (), now=at("2026-01-01"))
	assert (found.score, found.assessed) == (None, ())


@given(st.dictionaries(st.sampled_from(Indicator), st.integers(1, 5), min_size=1))
def test_the_score_falls_with_each_worse_step(found: dict[Indicator, int]) -> None:
	best = score(found)
	assert best is not None
	assert 0 <= best <= 100
	for indicator, step in found.items():
		if step < 5:
			worse = score({**found, indicator: step + 1})
			assert worse is not None
			assert worse < best


# --- anomaly -------------------------------------------------------------------------------------

HISTORY = [Decimal(each) for each in (10, 11, 9, 10, 12, 8, 10, 11, 9)]


def test_modified_z_score_by_hand() -> None:
	# median 10, deviations 0 1 1 0 2 2 0 1 1 → MAD 1
	assert anomaly_score(Decimal(15), HISTORY) == Decimal("3.37")  # 0.6745 × 5 = 3.3725
	assert anomaly_score(Decimal(5), HISTORY) == Decimal("3.37")
	assert anomaly_score(Decimal(10), HISTORY) == Decimal("0.00")
	assert anomaly_score(Decimal(10_000), HISTORY) == Decimal("100.00")


def test_without_spread_the_mean_deviation_takes_its_place() -> None:
	history = [Decimal(10)] * 7 + [Decimal(18)]
	# MAD 0, mean absolute deviation 1 → 5 / 1.253314
	assert anomaly_score(Decimal(15), history) == Decimal("3.99")


def test_where_nothing_can_be_said_nothing_is_said() -> None:
	assert anomaly_score(Decimal(99), HISTORY[:7]) is None
	assert anomaly_score(Decimal(11), [Decimal(10)] * 12) is None
	assert anomaly_score(Decimal(10), [Decimal(10)] * 12) == Decimal("0.00")


@given(
	st.lists(st.decimals(min_value=-(10**6), max_value=10**6, places=3), min_size=8, max_size=40),
	st.decimals(min_value=-(10**6), max_value=10**6, places=3),
	st.decimals(min_value="0.1", max_value=1000, places=1),
)
def test_the_score_does_not_depend_on_the_unit(
	history: list[Decimal], value: Decimal, factor: Decimal
) -> None:
	plain = anomaly_score(value, history)
	scaled = anomaly_score(value * factor, [each * factor for each in history])
	assert (plain is None) == (scaled is None)
	assert plain is None or scaled is None or abs(plain - scaled) <= Decimal("0.01")
	if plain is not None and value == median(history):
		assert plain == 0
