"""The state of a metric, moved by its readings; the newest date wins, whatever comes late."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import (
	DateTime,
	Integer,
	Text,
	all_,
	bindparam,
	cast,
	func,
	literal_column,
	or_,
	select,
	text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from apg.capabilities.esg.measurements.models import Measurement
from apg.capabilities.esg.measurements.reading import of_metric, standing
from apg.capabilities.esg.shared import periods, quality
from apg.capabilities.esg.shared.periods import Direction, Method, Point, Span
from apg.capabilities.esg.shared.quality import Recorded
from apg.capabilities.esg.shared.vocabulary import MeasurementPeriod, Polarity
from apg.kernel.database import dump_json
from apg.kernel.json_rows import Prepared
from apg.kernel.stamps import utc_now
from apg.kernel.work import Work

HISTORY = 36
_ADVANCE = Prepared(
	text("""
	insert into esg_metric_states as s (tenant_id, metric_id, measurement_id, current_value,
		"current_date", data_quality_score, trend_analysis, refreshed_at)
	values (:tenant, :metric, :measurement, :value, :date, :score, cast(:trend as jsonb), now())
	on conflict (tenant_id, metric_id) do update set
		measurement_id = excluded.measurement_id, current_value = excluded.current_value,
		"current_date" = excluded."current_date",
		data_quality_score = excluded.data_quality_score,
		trend_analysis = excluded.trend_analysis, refreshed_at = now()
	where :anyway or s."current_date" is null
		or (excluded."current_date", excluded.measurement_id) > (s."current_date", s.measurement_id)
	returning measurement_id
""")
)
_SCORE_ONLY = Prepared(
	text("""
	update esg_metric_states set data_quality_score = :score, trend_analysis = cast(:trend as jsonb),
		refreshed_at = now() where tenant_id = :tenant and metric_id = :metric
""")
)


class Known(NamedTuple):
	"""What scores, trend and state need of a reading that stands; a write reads some dozens."""

	id: str
	value: Decimal
	measurement_date: datetime
	period_start: datetime | None
	period_end: datetime | None
	created_at: datetime
	data_source: str | None
	collection_method: str | None
	has_evidence: bool
	stated: Any


_NOTHING = literal_column("array['', 'false', '0', '[]', '{}']", ARRAY(Text))
_KNOWN = Prepared(
	standing(
		of_metric(
			select(
				cast(Measurement.id, Text).label("id"),
				Measurement.value,
				Measurement.measurement_date,
				Measurement.period_start,
				Measurement.period_end,
				Measurement.created_at,
				Measurement.data_source,
				Measurement.collection_method,
				or_(
					func.coalesce(Measurement.evidence, "") != "",
					func.coalesce(Measurement.meta["evidence"].astext, "") != all_(_NOTHING),
				).label("has_evidence"),
				Measurement.meta["quality"].label("stated"),
			),
			bindparam("metric_id"),
			None,
			None,
		)
	)
	.where(
		or_(
			bindparam("before", type_=DateTime(timezone=True)).is_(None),
			Measurement.measurement_date < bindparam("before", type_=DateTime(timezone=True)),
		)
	)
	.order_by(Measurement.measurement_date.desc(), Measurement.id.desc())
	.limit(bindparam("most", type_=Integer))
)


async def history(
	work: Work, metric_id: str, before: datetime | None = None, limit: int = HISTORY
) -> list[Known]:
	"""The newest standing readings of a metric, newest first; with `before`, of an earlier date."""
	rows = await work.fetch(_KNOWN, metric_id=metric_id, before=before, most=limit)
	return [Known._make(row) for row in rows]


def known_of(row: Any) -> Known:
	"""The same of a reading at hand."""
	return Known(
		row.id,
		row.value,
		row.measurement_date,
		row.period_start,
		row.period_end,
		row.created_at or utc_now(),
		row.data_source,
		row.collection_method,
		bool(row.evidence or row.meta.get("evidence")),
		row.meta.get("quality"),
	)


async def advance(work: Work, metric: Any, row: Any, known: Sequence[Known]) -> bool:
	"""Moves the state to the new reading if it is the newest; answers whether it did."""
	new = known_of(row)
	rows = sorted([new, *known], key=lambda m: (m.measurement_date, m.id), reverse=True)
	score, trend = _told(metric, rows)
	moved = await _advanced(work, _values(work, metric, new, score, trend))
	if not moved:
		await work.fetch(_SCORE_ONLY, **_only(work, metric, score, trend))
	return moved


async def _advanced(work: Work, values: dict[str, Any], *, anyway: bool = False) -> bool:
	return bool(await work.fetch(_ADVANCE, **values, anyway=anyway))


async def renew(work: Work, metric: Any) -> Known | None:
	"""Computes the state anew from what stands, after a correction or withdrawal."""
	await work.flush()
	rows = await history(work, metric.id)
	score, trend = _told(metric, rows)
	newest = rows[0] if rows else None
	await _advanced(work, _values(work, metric, newest, score, trend), anyway=True)
	return newest


async def settle(work: Work, metric: Any) -> Known | None:
	"""The state after many new readings: that which the last one of them alone would have led to."""
	rows = await history(work, metric.id, limit=HISTORY + 1)
	score, trend = _told(metric, rows)
	if rows:
		new = _values(work, metric, rows[0], score, trend)
		if not await _advanced(work, new):
			await work.fetch(_SCORE_ONLY, **_only(work, metric, score, trend))
	return rows[0] if rows else None


def _values(
	work: Work, metric: Any, newest: Known | None, score: Any, trend: dict[str, Any]
) -> dict[str, Any]:
	return _only(work, metric, score, trend) | {
		"measurement": newest.id if newest else None,
		"value": newest.value if newest else None,
		"date": newest.measurement_date if newest else None,
	}


def _only(work: Work, metric: Any, score: Any, trend: dict[str, Any]) -> dict[str, Any]:
	return {
		"tenant": work.principal.tenant_id,
		"metric": metric.id,
		"score": score,
		"trend": dump_json(trend),
	}


def recorded_of(row: Known) -> Recorded:
	"""What the quality of one reading is computed from."""
	return Recorded(
		date=row.measurement_date,
		recorded_at=row.created_at,
		source=row.data_source,
		method=row.collection_method,
		has_evidence=row.has_evidence,
		period_start=row.period_start,
		period_end=row.period_end,
		stated=quality.stated_indicators(row.stated) if row.stated else None,
	)


def point_of(row: Known) -> Point:
	return Point(row.value, row.measurement_date, row.period_start, row.period_end, row.id)


def _told(metric: Any, rows: Sequence[Known]) -> tuple[Any, dict[str, Any]]:
	"""Score of the series and its trend, from its newest readings."""
	if not rows:
		return None, {}
	period = MeasurementPeriod(metric.measurement_period)
	span = {"quarterly": Span.QUARTER, "yearly": Span.YEAR}.get(period, Span.MONTH)
	series = periods.aggregate(
		[point_of(row) for row in rows],
		span,
		Method(metric.aggregation),
		period=period,
		until=utc_now(),
	)
	found = quality.metric_quality(
		[recorded_of(row) for row in rows[:12]],
		series.aggregates[-12:],
		now=utc_now(),
		period=period,
	)
	values = [bucket.value for bucket in series.aggregates if bucket.value is not None][-12:]
	way = periods.direction(values) if len(values) > 1 else Direction.UNKNOWN
	return found.score, {
		"direction": str(way),
		"assessment": str(periods.assess(way, Polarity(metric.polarity))),
		"span": str(span),
		"periods": len(values),
		"indicators": {str(name): value for name, value in found.indicators.items()},
	}
