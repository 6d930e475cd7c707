"""Scores of many readings at once: the same figures as one after the other in the order of dates.

Rows are grouped by all that their flags and scores depend on, and one of each group is assessed by
`shared/quality.py`; only the anomaly score is worked out in columns, in whole numbers of millionths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from apg.capabilities.esg.bulk.columns import EPOCH
from apg.capabilities.esg.measurements.states import HISTORY
from apg.capabilities.esg.shared import quality, rules
from apg.capabilities.esg.shared.quality import LEAST_HISTORY, LENGTHS, OUTLIER, Recorded
from apg.capabilities.esg.shared.rule_nodes import Rule
from apg.capabilities.esg.shared.rules import Finding
from apg.capabilities.esg.shared.vocabulary import MeasurementPeriod
from apg.kernel.database import dump_json
from apg.kernel.later import numpy as np

if TYPE_CHECKING:
	from numpy.typing import NDArray

Whole: TypeAlias = "NDArray[np.int64]"
BLOCK = 16_384
UNKNOWN = -1  # of an anomaly score: too little to judge by
_ROOM = 1 << 59  # sums of four figures below it fit 63 bits
_FAR = 2**63 - 1
_CAP = 10_000  # hundredths: quality.MOST_ANOMALY


@dataclass(slots=True)
class Series:
	"""Readings sorted by metric and date, those on record before new ones of the same date.

	`rows` is the number of the new row, -1 for one on record; `run` the first place with the same
	metric and date, `start` the first of the metric.
	"""

	metrics: Whole
	dates: Whole
	values: list[Decimal]
	rows: Whole
	start: Whole
	run: Whole


def series(metrics: Whole, dates: Whole, values: Sequence[Decimal], rows: Whole) -> Series:
	"""Sorts; new rows of one metric and date keep their order."""
	order = np.lexsort((rows, rows >= 0, dates, metrics))
	metrics, dates, rows = metrics[order], dates[order], rows[order]
	return Series(
		metrics,
		dates,
		[values[n] for n in order.tolist()],
		rows,
		_firsts(metrics[1:] != metrics[:-1]),
		_firsts((metrics[1:] != metrics[:-1]) | (dates[1:] != dates[:-1])),
	)


def _firsts(changes: NDArray[np.bool_]) -> Whole:
	"""For each place the first one of its group."""
	at = np.concatenate(([0], np.where(changes, np.arange(1, len(changes) + 1), 0)))
	return np.maximum.accumulate(at)


def judged(
	found: Series, rules_of: Sequence[Sequence[Rule]], observed: Any
) -> dict[int, tuple[Finding, ...]]:
	"""What the rules say of each new row; a refused one is nobody's previous value.

	`observed(row, value, previous)` makes what a rule sees.
	"""
	told: dict[int, tuple[Finding, ...]] = {}
	for metric in np.unique(found.metrics[found.rows >= 0]).tolist():
		if not rules_of[metric]:
			continue
		first, last = np.searchsorted(found.metrics, (metric, metric + 1)).tolist()
		before: Decimal | None = None
		newest: Decimal | None = None
		for at in range(first, last):
			if found.run[at] == at:
				before = newest
			row, value = int(found.rows[at]), found.values[at]
			if row >= 0:
				told[row] = rules.check(rules_of[metric], observed(row, value, before))
				if any(finding.rejects for finding in told[row]):
					continue
			newest = value
	return told


def anomalies(found: Series) -> Whole:
	"""Hundredths of the anomaly score of each place, UNKNOWN where there is none."""
	scores = np.full(len(found.rows), UNKNOWN, np.int64)
	wanted = np.flatnonzero((found.rows >= 0) & (found.run - found.start >= LEAST_HISTORY))
	millionths = [int(value.scaleb(6)) for value in found.values]
	fits = max(map(abs, millionths), default=0) < _ROOM
	figures = np.array(millionths, np.int64) if fits else np.zeros(1, np.int64)
	for start in range(0, len(wanted), BLOCK):
		places = wanted[start : start + BLOCK]
		if fits:
			scores[places] = _block(found, figures, places)
		else:
			scores[places] = [_exact(found, at) for at in places.tolist()]
	return scores


def _block(found: Series, figures: Whole, places: Whole) -> Whole:
	# Window n reaches back from the run of its place; what lies before the metric counts as far.
	back = found.run[places][:, None] - np.arange(1, HISTORY + 1)
	there = back >= found.start[places][:, None]
	count = there.sum(axis=1)
	window = np.where(there, figures[np.maximum(back, 0)], _FAR)
	twice = _twice_median(window, count)
	spread = np.where(there, np.abs(2 * window * there - twice[:, None]), _FAR)
	scale = _twice_median(spread, count)  # four times the median deviation
	distance = np.abs(2 * figures[places] - twice)
	with np.errstate(divide="ignore", invalid="ignore"):
		score = 0.6745 * 100 * 2 * distance / scale
	capped = np.minimum(np.nan_to_num(score, posinf=_CAP), _CAP)
	settled = np.rint(capped).astype(np.int64)
	near = np.abs(np.abs(capped - np.floor(capped)) - 0.5) < 1e-6
	for n in np.flatnonzero(near | (scale == 0)).tolist():
		settled[n] = _exact(found, int(places[n]))
	return settled


def _twice_median(values: Whole, count: Whole) -> Whole:
	"""Twice the median of the first `count` of each sorted row."""
	values = np.sort(values, axis=1)
	rows = np.arange(len(values))
	return values[rows, (count - 1) // 2] + values[rows, count // 2]


def _exact(found: Series, at: int) -> int:
	first = max(int(found.start[at]), int(found.run[at]) - HISTORY)
	score = quality.anomaly_score(found.values[at], found.values[first : int(found.run[at])])
	return UNKNOWN if score is None else int(score.scaleb(2))


@dataclass(slots=True)
class Told:
	"""What is known of the new rows, one entry a row: moments in microseconds since 1970, 0 where
	there is none; `sources` and `evidence` whether there is one; the rest are numbers of `methods`,
	`stated`, `periods` and `findings`."""

	dates: Whole
	starts: Whole
	ends: Whole
	sources: Whole
	evidence: Whole
	method: Whole
	stating: Whole
	period: Whole
	finding: Whole
	methods: Sequence[str | None]
	stated: Sequence[Any]
	periods: Sequence[MeasurementPeriod]
	findings: Sequence[tuple[Finding, ...]]


@dataclass(slots=True)
class Scores:
	validation: list[str | None]
	quality: list[str | None]
	flags: list[str]


def assessed(told: Told, anomaly: Whole, now: datetime) -> Scores:
	"""Scores and flags of each row, recorded now."""
	moment = _micro(now)
	lengths = np.array([LENGTHS[each] // _MICRO for each in told.periods], np.int64)[told.period]
	with_period = told.ends != 0
	lag = moment - np.where(with_period, told.ends, told.dates)
	covers = _closed(told.ends) - told.starts
	mismatch = with_period & ((2 * covers < lengths) | (2 * covers > 3 * lengths))
	late = np.zeros(len(lag), np.int64)
	for n in (1, 2, 3, 6):
		late += lag > n * lengths
	outlier = anomaly > int(OUTLIER * 100)
	key = np.zeros(len(lag), np.int64)
	for part, size in (
		(told.finding, len(told.findings)),
		(told.stating, len(told.stated)),
		(told.method, len(told.methods)),
		(told.period, len(told.periods)),
		(late, 5),
		*((each, 2) for each in (told.sources, told.evidence, with_period, mismatch, outlier)),
		(told.dates > moment, 2),
	):
		key = key * size + part
	_keys, first, group = np.unique(key, return_index=True, return_inverse=True)
	found = [
		quality.assess(
			_recorded(told, n, now),
			told.findings[int(told.finding[n])],
			period=told.periods[int(told.period[n])],
			anomaly=Decimal(100) if outlier[n] else None,
		)
		for n in first.tolist()
	]
	groups = group.tolist()

	def each(texts: list[Any]) -> list[Any]:
		return [texts[n] for n in groups]

	return Scores(
		each([_text(one.validation_score) for one in found]),
		each([_text(one.quality.score) for one in found]),
		each([dump_json(list(one.flags)) for one in found]),
	)


def _text(score: Decimal | None) -> str | None:
	return None if score is None else str(score)


def _recorded(told: Told, n: int, now: datetime) -> Recorded:
	stated = told.stated[int(told.stating[n])]
	has_period = bool(told.ends[n])
	return Recorded(
		date=moment(told.dates[n]),
		recorded_at=now,
		source="source" if told.sources[n] else None,
		method=told.methods[int(told.method[n])],
		has_evidence=bool(told.evidence[n]),
		period_start=moment(told.starts[n]) if has_period else None,
		period_end=moment(told.ends[n]) if has_period else None,
		stated=quality.stated_indicators(stated) if stated else None,
	)


_MICRO = timedelta(microseconds=1)
_SECOND, _DAY = 1_000_000, 86_400_000_000


def _closed(ends: Whole) -> Whole:
	"""An end in the last second of a day counts as the next midnight (`periods.Point.covers`)."""
	last = ends % _DAY >= _DAY - _SECOND
	return np.where(last, ends - ends % _SECOND + _SECOND, ends)


def _micro(moment: datetime) -> int:
	return (moment - EPOCH) // _MICRO


def moment(micro: Any) -> datetime:
	return EPOCH + int(micro) * _MICRO
