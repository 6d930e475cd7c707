"""The selects behind every answer about measurements."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, case, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from apg.capabilities.esg.measurements.models import Measurement
from apg.kernel.database import AnySelect
from apg.kernel.json_rows import Prepared


def select_measurements(m: Any = Measurement) -> AnySelect:
	"""Readings as the wire shows them."""
	return select(
		m.id.label("id"),
		m.metric_id.label("metric_id"),
		m.value.label("value"),
		m.measurement_date.label("measurement_date"),
		m.period_start.label("period_start"),
		m.period_end.label("period_end"),
		m.data_source.label("data_source"),
		m.collection_method.label("collection_method"),
		m.evidence.label("evidence"),
		m.meta.label("metadata"),
		m.validation_score.label("validation_score"),
		m.anomaly_score.label("anomaly_score"),
		m.quality_score.label("quality_score"),
		m.quality_flags.label("quality_flags"),
		m.notes.label("notes"),
		m.revision.label("revision"),
		m.supersedes_id.label("supersedes"),
		m.superseded_by_id.label("superseded_by"),
		m.correction_reason.label("correction_reason"),
		m.withdrawal_reason.label("withdrawal_reason"),
		case(
			(m.is_deleted, "withdrawn"),
			(m.superseded_at.is_not(None), "superseded"),
			else_="standing",
		).label("status"),
		m.created_at.label("created_at"),
		m.updated_at.label("updated_at"),
		m.created_by.label("created_by"),
		m.updated_by.label("updated_by"),
		m.version.label("etag"),
	)


def _entered() -> Prepared:
	"""Writes a reading and answers it as the wire shows it; nothing where one has its place."""
	table = Measurement.__table__
	new = insert(Measurement).values({column: bindparam(column.name) for column in table.c})
	made = new.on_conflict_do_nothing().returning(*table.c).cte("made")
	return Prepared(select_measurements(aliased(Measurement, made)))


ENTER = _entered()
ONE = Prepared(
	select_measurements().where(
		Measurement.id == bindparam("measurement_id"),
		Measurement.metric_id == bindparam("metric_id"),
	)
)
ONE_AT = Prepared(
	ONE.statement.where(Measurement.measurement_date == bindparam("measurement_date"))
)


def standing(statement: AnySelect) -> AnySelect:
	"""Only readings that stand: neither corrected nor withdrawn."""
	return statement.where(Measurement.superseded_at.is_(None), ~Measurement.is_deleted)


def of_metric(
	statement: AnySelect,
	metric_id: str | ColumnElement[str],
	start: datetime | None,
	end: datetime | None,
) -> AnySelect:
	"""Readings of one metric whose date lies in `[start, end)`."""
	statement = statement.where(Measurement.metric_id == metric_id)
	if start is not None:
		statement = statement.where(Measurement.measurement_date >= start)
	if end is not None:
		statement = statement.where(Measurement.measurement_date < end)
	return statement
