"""Readings that are computed: settled month by month, each change a new revision with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from apg.capabilities.esg.measurements import reading, states
from apg.capabilities.esg.measurements.models import Measurement
from apg.capabilities.esg.metrics import service as metrics
from apg.capabilities.esg.shared import quality
from apg.capabilities.esg.shared.vocabulary import CollectionMethod, MeasurementPeriod
from apg.contracts.esg import MeasurementRecorded, MetricValueChanged
from apg.kernel.stamps import utc_now
from apg.kernel.texts import _
from apg.kernel.web.wire import amount_text, moment_text
from apg.kernel.work import Work

SOURCE = "activity records"


@dataclass(frozen=True, slots=True)
class Computed:
	"""The value of `[start, end)` and what is told of how it came about."""

	start: datetime
	end: datetime
	value: Decimal
	about: Mapping[str, Any]
	estimated: bool


async def settle(
	work: Work, metric_id: str, first: datetime, last: datetime, values: list[Computed]
) -> int:
	"""Makes the computed readings in `[first, last)` exactly these; answers how many changed.

	A month that lost its value has its reading withdrawn, one with another value gets a new revision;
	what is as it was stays untouched. Raises NotFound.
	"""
	metric = await metrics.hold(work, metric_id)
	statement = reading.standing(select(Measurement)).where(
		Measurement.metric_id == metric_id,
		Measurement.data_source == SOURCE,
		Measurement.period_start >= first,
		Measurement.period_start < last,
	)
	held = {row.period_start: row for row in await work.scalars(statement)}
	changed = 0
	for new in values:
		old = held.pop(new.start, None)
		if old is not None and old.value == new.value and old.meta == dict(new.about):
			continue
		row = await _row(work, metric, new, old)
		work.add(row)
		await work.flush()
		if old is not None:
			old.superseded_at, old.superseded_by_id = utc_now(), row.id
		_told(work, row)
		changed += 1
	for old in held.values():
		old.is_deleted = True
		old.withdrawal_reason = _("no record of this month is left")
		_told(work, old, withdrawn=True)
		changed += 1
	if changed:
		newest = await states.renew(work, metric)
		work.publish(
			MetricValueChanged(
				metric_id=metric.id,
				measurement_id=newest.id if newest else None,
				current_value=amount_text(newest.value) if newest else None,
				current_date=moment_text(newest.measurement_date) if newest else None,
			)
		)
	return changed


async def _row(work: Work, metric: Any, new: Computed, old: Measurement | None) -> Measurement:
	now = utc_now()
	row = Measurement(
		tenant_id=work.principal.tenant_id,
		metric_id=metric.id,
		value=new.value,
		measurement_date=new.end - timedelta(days=1),
		period_start=new.start,
		period_end=new.end,
		data_source=SOURCE,
		collection_method=(
			CollectionMethod.ESTIMATED if new.estimated else CollectionMethod.CALCULATED
		),
		evidence=_("activity records with their documents"),
		meta=dict(new.about),
		revision=(old.revision if old else await _last_revision(work, metric.id, new)) + 1,
		created_at=now,
		updated_at=now,
		created_by=work.principal.user_id,
		updated_by=work.principal.user_id,
		is_deleted=False,
	)
	if old is not None:
		row.supersedes_id = old.id
		row.correction_reason = _("computed anew from its records")
	assessed = quality.assess(
		states.recorded_of(states.known_of(row)),
		(),
		period=MeasurementPeriod(metric.measurement_period),
	)
	row.validation_score = assessed.validation_score
	row.quality_score = assessed.quality.score
	row.quality_flags = list(assessed.flags)
	return row


async def _last_revision(work: Work, metric_id: str, new: Computed) -> int:
	"""The number of the last revision of this month, 0 where there never was one."""
	found = await work.scalars(
		select(Measurement.revision)
		.where(
			Measurement.metric_id == metric_id,
			Measurement.measurement_date == new.end - timedelta(days=1),
			Measurement.data_source == SOURCE,
			Measurement.period_start == new.start,
		)
		.order_by(Measurement.revision.desc())
		.limit(1)
	)
	return int(found[0]) if found else 0


def _told(work: Work, row: Measurement, *, withdrawn: bool = False) -> None:
	work.publish(
		MeasurementRecorded(
			metric_id=row.metric_id,
			measurement_id=row.id,
			measurement_date=moment_text(row.measurement_date),
			supersedes=None if withdrawn else row.supersedes_id,
			withdrawn=withdrawn,
		)
	)
