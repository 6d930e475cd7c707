"""The selects behind every answer about measurements."""

from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, case, select

from apg.capabilities.esg.measurements.models import Measurement
from apg.kernel.database import AnySelect
from apg.kernel.json_rows import Prepared


def select_measurements() -> AnySelect:
	"""Readings as the wire shows them."""
	return select(
		Measurement.id.label("id"),
		Measurement.metric_id.label("metric_id"),
		Measurement.value.label("value"),
		Measurement.measurement_date.label("measurement_date"),
		Measurement.period_start.label("period_start"),
		Measurement.period_end.label("period_end"),
		Measurement.data_source.label("data_source"),
		Measurement.collection_method.label("collection_method"),
		Measurement.evidence.label("evidence"),
		Measurement.meta.label("metadata"),
		Measurement.validation_score.label("validation_score"),
		Measurement.anomaly_score.label("anomaly_score"),
		Measurement.quality_score.label("quality_score"),
		Measurement.quality_flags.label("quality_flags"),
		Measurement.notes.label("notes"),
		Measurement.revision.label("revision"),
		Measurement.supersedes_id.label("supersedes"),
		Measurement.superseded_by_id.label("superseded_by"),
		Measurement.correction_reason.label("correction_reason"),
		Measurement.withdrawal_reason.label("withdrawal_reason"),
		case(
			(Measurement.is_deleted, "withdrawn"),
			(Measurement.superseded_at.is_not(None), "superseded"),
			else_="standing",
		).label("status"),
		Measurement.created_at.label("created_at"),
		Measurement.updated_at.label("updated_at"),
		Measurement.created_by.label("created_by"),
		Measurement.updated_by.label("updated_by"),
		Measurement.version.label("etag"),
	)


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
