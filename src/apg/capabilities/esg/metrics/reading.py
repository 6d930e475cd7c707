"""The selects behind every answer about metrics; their labels are the wire's field names."""

from typing import Any, cast

from sqlalchemy import (
	ColumnElement,
	and_,
	any_,
	bindparam,
	case,
	exists,
	func,
	literal_column,
	not_,
	select,
)
from sqlalchemy.dialects.postgresql import JSONB

from apg.capabilities.esg.metrics.models import Measurement, Metric, MetricState
from apg.capabilities.esg.shared.vocabulary import MetricSource
from apg.kernel.database import AnySelect
from apg.kernel.json_rows import Prepared

SORTABLE: dict[str, Any] = {
	"updated_at": Metric.updated_at,
	"created_at": Metric.created_at,
	"name": Metric.name,
	"code": Metric.code,
	"metric_type": Metric.metric_type,
	"category": Metric.category,
	"current_value": MetricState.current_value,
	"data_quality_score": MetricState.data_quality_score,
}
_UNITS = {
	"hourly": "hour",
	"daily": "day",
	"weekly": "week",
	"monthly": "month",
	"quarterly": "quarter",
	"yearly": "year",
}
_LENGTH = {"quarter": "3 months"}
_EMPTY = literal_column("'{}'::jsonb", JSONB)

NULLABLE = frozenset({"current_value", "data_quality_score"})


def select_metrics() -> AnySelect:
	"""Metrics that are not deleted, each with its state."""
	return (
		select(
			Metric.id.label("id"),
			Metric.name.label("name"),
			Metric.code.label("code"),
			Metric.metric_type.label("metric_type"),
			Metric.category.label("category"),
			Metric.subcategory.label("subcategory"),
			Metric.description.label("description"),
			Metric.calculation_method.label("calculation_method"),
			Metric.data_sources.label("data_sources"),
			Metric.unit.label("unit"),
			MetricState.current_value.label("current_value"),
			MetricState.current_date.label("current_date"),
			Metric.target_value.label("target_value"),
			Metric.baseline_value.label("baseline_value"),
			Metric.measurement_period.label("measurement_period"),
			Metric.aggregation.label("aggregation"),
			Metric.polarity.label("polarity"),
			Metric.source.label("source"),
			Metric.is_kpi.label("is_kpi"),
			Metric.is_public.label("is_public"),
			Metric.is_automated.label("is_automated"),
			Metric.is_active.label("is_active"),
			Metric.enable_ai_predictions.label("enable_ai_predictions"),
			Metric.automation_config.label("automation_config"),
			func.coalesce(MetricState.ai_predictions, _EMPTY).label("ai_predictions"),
			func.coalesce(MetricState.trend_analysis, _EMPTY).label("trend_analysis"),
			MetricState.data_quality_score.label("data_quality_score"),
			Metric.validation_rules.label("validation_rules"),
			Metric.framework_id.label("framework_id"),
			Metric.created_at.label("created_at"),
			Metric.updated_at.label("updated_at"),
			Metric.created_by.label("created_by"),
			Metric.updated_by.label("updated_by"),
			Metric.version.label("etag"),
		)
		.join(
			MetricState,
			and_(MetricState.tenant_id == Metric.tenant_id, MetricState.metric_id == Metric.id),
			isouter=True,
		)
		.where(~Metric.is_deleted)
	)


ONE = Prepared(select_metrics().where(Metric.id == bindparam("metric_id")))


def is_due() -> ColumnElement[bool]:
	"""Whether the last complete period of a metric that takes readings has none yet.

	A reading with a period reaches to its end, one without covers the period its date lies in.
	"""
	unit = case(*((Metric.measurement_period == name, word) for name, word in _UNITS.items()))
	length = case(
		*(
			(
				Metric.measurement_period == name,
				literal_column(f"interval '{_LENGTH.get(word, '1 ' + word)}'"),
			)
			for name, word in _UNITS.items()
		)
	)
	present = func.timezone("UTC", func.date_trunc(unit, func.timezone("UTC", func.now())))
	second = literal_column("interval '1 second'")
	reached = exists().where(
		Measurement.tenant_id == MetricState.tenant_id,
		Measurement.id == MetricState.measurement_id,
		Measurement.measurement_date == MetricState.current_date,
		case(
			(Measurement.period_end.is_not(None), Measurement.period_end >= present - second),
			else_=Measurement.measurement_date >= present - length,
		),
	)
	return and_(
		Metric.is_active,
		*(Metric.source != str(one) for one in MetricSource if one.is_computed),
		not_(reached.correlate(Metric, MetricState)),
	)


def select_current(metric_ids: list[str]) -> AnySelect:
	"""How the current values of some metrics came about: method, metadata, and what they cover."""
	return (
		select(
			Measurement.metric_id,
			Measurement.collection_method,
			Measurement.meta.label("metadata"),
			Measurement.period_end,
			Measurement.measurement_date,
		)
		.join(
			MetricState,
			and_(
				MetricState.tenant_id == Measurement.tenant_id,
				MetricState.measurement_id == Measurement.id,
				MetricState.current_date == Measurement.measurement_date,
			),
		)
		.where(MetricState.metric_id == any_(cast(Any, metric_ids)))
	)
