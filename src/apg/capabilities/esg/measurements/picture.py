"""The chart of a metric: buckets up to the present, gaps by name, partial sums set apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from apg.capabilities.esg.measurements import reading, service
from apg.capabilities.esg.measurements.models import Measurement
from apg.capabilities.esg.shared import periods
from apg.capabilities.esg.shared.periods import Aggregate, Method, Series, Span
from apg.capabilities.esg.shared.vocabulary import MeasurementPeriod
from apg.kernel.stamps import utc_now
from apg.kernel.texts import _
from apg.kernel.web.wire import amount_text
from apg.kernel.work import Work

SHOWN = {Span.MONTH: 36, Span.QUARTER: 40, Span.YEAR: 40}
MOST_NOTES = 6
OWN_SPAN = {
	MeasurementPeriod.MONTHLY: Span.MONTH,
	MeasurementPeriod.QUARTERLY: Span.QUARTER,
	MeasurementPeriod.YEARLY: Span.YEAR,
}


@dataclass(frozen=True, slots=True)
class Picture:
	"""`chart` is what `ui.chart` draws; the rest is said under it in words."""

	span: Span
	chart: dict[str, Any]
	missing: tuple[str, ...]
	partial: tuple[str, ...]
	overlapping: tuple[str, ...]
	spanning: int
	lines_apply: bool


def own_span(metric: Mapping[str, Any]) -> Span:
	"""The span in which one reading is one bucket, or months for what is due more often."""
	return OWN_SPAN.get(MeasurementPeriod(metric["measurement_period"]), Span.MONTH)


async def picture(work: Work, metric: Mapping[str, Any], span: Span) -> Picture:
	"""The last three years by month, or as many as there are by quarter and year."""
	now = utc_now()
	series = await service.series(work, metric["id"], span, start=_first(now, span))
	found = _upto_present(series, span, now, still_due=bool(metric["is_active"]))
	unfinished = {periods.bucket_of(now, each).label for each in Span}
	summed = metric["aggregation"] == Method.SUM
	partial = [one for one in found if summed and one.value is not None and one.missing]
	lines_apply = not summed or (
		span is own_span(metric) and metric["measurement_period"] in OWN_SPAN
	)
	labels = [one.bucket.label for one in found]
	return Picture(
		span=span,
		chart={
			"type": "line",
			"unit": metric["symbol"],
			"x": labels,
			"series": _lines(metric, found, {one.bucket.label for one in partial}, lines_apply),
			"notes": await _restatements(work, metric["id"], span, labels),
		},
		missing=tuple(name for one in found for name in one.missing if name not in unfinished),
		partial=tuple(one.bucket.label for one in partial),
		overlapping=tuple(name for one in found for name in one.overlapping),
		spanning=len(series.spanning),
		lines_apply=lines_apply,
	)


def _first(now: datetime, span: Span) -> datetime:
	months = SHOWN[span] * periods.MONTHS[span]
	month = now.year * 12 + now.month - 1 - months
	return periods.bucket_of(now.replace(year=month // 12, month=month % 12 + 1, day=1), span).start


def _upto_present(series: Series, span: Span, now: datetime, *, still_due: bool) -> list[Aggregate]:
	"""Without the empty buckets before the first value, with those since the last one, up to the
	last complete one."""
	found = list(series.aggregates)
	while found and not found[0].count:
		found.pop(0)
	if found and still_due:
		complete = periods.bucket_of(now, span).start
		since = max(found[-1].bucket.end, found[0].bucket.start)
		for bucket in periods.buckets(since, complete, span):
			found.append(Aggregate(bucket, None, 0, 0, 1, (bucket.label,)))
	return found


def _lines(
	metric: Mapping[str, Any], found: list[Aggregate], partial: set[str], lines_apply: bool
) -> list[dict[str, Any]]:
	"""Values as text, so that their table keeps every digit."""
	values = [None if one.value is None else amount_text(one.value) for one in found]
	labels = [one.bucket.label for one in found]
	pairs = list(zip(labels, values, strict=True))
	lines: list[dict[str, Any]] = [
		{
			"label": _("Value"),
			"kind": "actual",
			"values": [None if label in partial else value for label, value in pairs],
		}
	]
	if partial:
		whole = [value if label in partial else None for label, value in pairs]
		lines.append({"label": _("Incomplete"), "kind": "actual", "values": whole})
	for field, label in (("target_value", _("Target")), ("baseline_value", _("Baseline"))):
		if metric[field] is not None and lines_apply:
			lines.append(
				{"label": label, "kind": "target", "values": [str(metric[field])] * len(found)}
			)
	return lines


async def _restatements(
	work: Work, metric_id: str, span: Span, labels: list[str]
) -> list[dict[str, str]]:
	"""Marks where a standing value is a correction, newest first, at most a few."""
	if not labels:
		return []
	statement = (
		reading.standing(
			select(Measurement.measurement_date, Measurement.period_start).where(
				Measurement.metric_id == metric_id, Measurement.supersedes_id.is_not(None)
			)
		)
		.order_by(Measurement.measurement_date.desc())
		.limit(MOST_NOTES)
	)
	rows = (await work.execute(statement)).all()
	marked = {periods.bucket_of(start or date, span).label for date, start in rows}
	return [{"x": label, "text": _("corrected")} for label in labels if label in marked]


def period_text(start: datetime | None, end: datetime | None) -> str:
	"""`2026-03`, `2026-Q1`, `2026`, or the first and last day; empty without a period."""
	if start is None or end is None:
		return ""
	for span in Span:
		bucket = periods.bucket_of(start, span)
		if bucket.start == start and bucket.end in (end, end + timedelta(seconds=1)):
			return bucket.label
	last = end - timedelta(microseconds=1)
	return f"{start.date().isoformat()} – {last.date().isoformat()}"


def next_period(metric: Mapping[str, Any], reached: datetime | None) -> dict[str, str]:
	"""What a person will most likely record next, as days: the first period without a value that is
	over, else the present day."""
	now, span = utc_now(), own_span(metric)
	today = now.date().isoformat()
	if metric["measurement_period"] not in OWN_SPAN:
		return {"measurement_date": today}
	present = periods.bucket_of(now, span)
	bucket = periods.bucket_of(reached, span) if reached else periods.preceding(present)
	if bucket.start >= present.start:
		return {"measurement_date": today}
	last = (bucket.end - timedelta(days=1)).date().isoformat()
	return {
		"measurement_date": last,
		"period_start": bucket.start.date().isoformat(),
		"period_end": last,
	}
