"""The selects behind every answer about metrics; their labels are the wire's field names."""

from typing import Any

from sqlalchemy import Select, and_, func, literal_column, select
from sqlalchemy.dialects.postgresql import JSONB

from apg.capabilities.esg.metrics.models import Metric, MetricState

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
_EMPTY = literal_column("'{}'::jsonb", JSONB)


def select_metrics() -> Select[Any]:
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
