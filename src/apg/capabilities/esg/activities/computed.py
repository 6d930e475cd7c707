"""Metrics whose values follow from records are kept up to date as records come, change and go."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import func, select

from apg.capabilities.esg.activities import reading
from apg.capabilities.esg.activities.models import ActivityRecord
from apg.capabilities.esg.measurements import computed as measurements
from apg.capabilities.esg.measurements.computed import Computed
from apg.capabilities.esg.measurements.models import Measurement
from apg.capabilities.esg.metrics import service as metrics
from apg.capabilities.esg.shared import computed
from apg.capabilities.esg.shared.activity_words import Kind, Quality
from apg.capabilities.esg.shared.computed import ActivitySource, Used
from apg.contracts.esg import (
	ActivitiesRecorded,
	ActivityCorrected,
	ActivityRecorded,
	ActivityWithdrawn,
	MetricChanged,
	MetricCreated,
)
from apg.kernel.errors import Invalid
from apg.kernel.rows import ids
from apg.kernel.work import Work

EVENTS = (
	ActivityRecorded,
	ActivitiesRecorded,
	ActivityCorrected,
	ActivityWithdrawn,
	MetricCreated,
	MetricChanged,
)


async def follow(work: Work, event: Any) -> None:
	"""Computes the months an event touches, of every metric it may concern."""
	if isinstance(event, MetricCreated | MetricChanged):
		await renew(work, event.metric_id)
		return
	first = computed.month_of(_moment(event.first_day))
	last = computed.next_month(computed.month_of(_moment(event.last_day)))
	codes = _codes(event)
	for metric in await metrics.computed_from_activities(work):
		source = _source(metric)
		if source and (codes is None or source.code in codes):
			await _settle(work, metric, source, first, last)


def _moment(day: str) -> datetime:
	return datetime.combine(date.fromisoformat(day), time(), UTC)


def _codes(event: Any) -> set[str] | None:
	"""The activity codes an event may be about; None for any."""
	if isinstance(event, ActivitiesRecorded):
		return None if event.more_codes else set(event.codes)
	if isinstance(event, ActivityCorrected):
		return {event.activity_code, event.former_code}
	return {event.activity_code}


async def renew(work: Work, metric_id: str) -> None:
	"""Computes all months of a metric, if records are where its values come from."""
	found = [one for one in await metrics.computed_from_activities(work) if one.id == metric_id]
	for metric in found:
		source = _source(metric)
		reach = await _reach(work, metric.id, source) if source else None
		if source and reach:
			await _settle(work, metric, source, *reach)


def _source(metric: Any) -> ActivitySource | None:
	"""What the metric is made of; None where its definition does not say so."""
	try:
		return computed.source_of(metric.automation_config)
	except Invalid:
		return None


def _of_source(statement: Any, source: ActivitySource) -> Any:
	"""Standing records of sites that a metric is made of."""
	statement = reading.standing(statement).where(
		ActivityRecord.kind == Kind.SITE, ActivityRecord.activity_code == source.code
	)
	if source.site_ids:
		statement = statement.where(ActivityRecord.site_id == ids(source.site_ids))
	return statement


async def _reach(
	work: Work, metric_id: str, source: ActivitySource
) -> tuple[datetime, datetime] | None:
	"""The months that records touch or that have a computed reading already."""
	bounds = select(func.min(ActivityRecord.period_start), func.max(ActivityRecord.period_end))
	records = (await work.execute(_of_source(bounds, source))).one()
	held = (
		await work.execute(
			select(func.min(Measurement.period_start), func.max(Measurement.period_end)).where(
				Measurement.metric_id == metric_id,
				Measurement.data_source == measurements.SOURCE,
				Measurement.superseded_at.is_(None),
				~Measurement.is_deleted,
			)
		)
	).one()
	starts = [moment for moment in (records[0], held[0]) if moment is not None]
	ends = [moment for moment in (records[1], held[1]) if moment is not None]
	if not starts:
		return None
	return computed.month_of(min(starts)), computed.next_month(computed.month_of(max(ends)))


async def _settle(
	work: Work, metric: Any, source: ActivitySource, first: datetime, last: datetime
) -> None:
	A = ActivityRecord
	statement = _of_source(
		select(A.quantity, A.unit, A.period_start, A.period_end, A.quality, A.conversion_context),
		source,
	).where(A.period_end > first, A.period_start < last)
	rows: Sequence[Any] = (await work.execute(statement)).all()
	records = [
		Used(
			row.quantity,
			row.unit,
			row.period_start,
			row.period_end,
			row.quality == Quality.ESTIMATED,
			row.conversion_context,
		)
		for row in rows
	]
	values = [
		Computed(
			month,
			computed.next_month(month),
			found.value,
			{
				"computed": True,
				"activity_code": source.code,
				"records": found.records,
				"estimated": found.estimated,
				"split": found.split,
				"left_out": found.left_out,
			},
			estimated=bool(found.estimated or found.split),
		)
		for month, found in sorted(computed.by_month(records, metric.unit, first, last).items())
	]
	await measurements.settle(work, metric.id, first, last, values)
