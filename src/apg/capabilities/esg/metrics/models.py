"""The definition of a metric, its readings, and apart from both the state they bring it to."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Boolean, CheckConstraint, Index, Integer, Numeric, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from apg.capabilities.esg.shared.periods import Method
from apg.capabilities.esg.shared.vocabulary import MetricSource, MetricType, Polarity
from apg.kernel.database import Base, Id, Versioned, id_type
from apg.kernel.errors import Conflict, human
from apg.kernel.stamps import new_id, utc_now
from apg.kernel.tenancy import Protect, TenantOwned
from apg.kernel.texts import _


def one_of(column: str, values: Any) -> str:
	"""The condition of a CHECK that keeps a text column to an enum's values."""
	return f"{column} in ({', '.join(repr(str(value)) for value in values)})"


class MetricIsComputed(Conflict):
	"""Values of a computed metric come from its records and cannot be entered."""

	code = "METRIC_IS_COMPUTED"


class MetricInactive(Conflict):
	code = "METRIC_INACTIVE"


def _empty_object() -> Any:
	return mapped_column(JSONB, default=dict, server_default=text("'{}'"))


def _empty_list() -> Any:
	return mapped_column(JSONB, default=list, server_default=text("'[]'"))


class TakesReadings:
	"""What a metric lets be entered, whether its whole row or a part of it is at hand."""

	code: Any
	source: Any
	is_active: Any

	def must_take_readings(self) -> None:
		"""Raises MetricIsComputed or MetricInactive, naming the way out."""
		self.must_not_be_computed()
		if not self.is_active:
			raise MetricInactive(_("{code} is not active; activate it first.", code=self.code))

	def must_not_be_computed(self) -> None:
		"""Raises MetricIsComputed: such values change with their records only."""
		if MetricSource(self.source).is_computed:
			raise MetricIsComputed(
				_("Values of {code} are computed from records; enter the records.", code=self.code)
			)


@dataclass(slots=True)
class Held(TakesReadings):
	"""What a reading needs of its metric, which stays as it is meanwhile."""

	id: str
	code: str
	source: str
	is_active: bool
	measurement_period: str
	aggregation: str
	polarity: str
	validation_rules: list[Any]


class Metric(TakesReadings, TenantOwned, Base):
	"""What is measured, in which unit, under which rules. A reading never changes this row."""

	__tablename__ = "esg_metrics"
	__human__ = "metric"
	__protect__ = Protect()

	framework_id: Mapped[Id | None] = mapped_column(id_type)
	name: Mapped[str] = mapped_column()
	code: Mapped[str] = mapped_column()
	metric_type: Mapped[str] = mapped_column()
	category: Mapped[str] = mapped_column()
	subcategory: Mapped[str | None] = mapped_column()
	description: Mapped[str | None] = mapped_column()
	calculation_method: Mapped[str | None] = mapped_column()
	data_sources: Mapped[list[Any]] = _empty_list()
	unit: Mapped[str] = mapped_column()
	target_value: Mapped[Decimal | None] = mapped_column()
	baseline_value: Mapped[Decimal | None] = mapped_column()
	measurement_period: Mapped[str] = mapped_column(default="monthly")
	aggregation: Mapped[str] = mapped_column(default=Method.SUM)
	polarity: Mapped[str] = mapped_column(default=Polarity.LOWER_IS_BETTER)
	source: Mapped[str] = mapped_column(default=MetricSource.MANUAL)
	is_kpi: Mapped[bool] = mapped_column(Boolean, default=False)
	is_public: Mapped[bool] = mapped_column(Boolean, default=False)
	is_automated: Mapped[bool] = mapped_column(Boolean, default=False)
	is_active: Mapped[bool] = mapped_column(Boolean, default=True)
	enable_ai_predictions: Mapped[bool] = mapped_column(Boolean, default=False)
	automation_config: Mapped[dict[str, Any]] = _empty_object()
	validation_rules: Mapped[list[Any]] = _empty_list()
	scope_id: Mapped[Id] = mapped_column(id_type)
	is_deleted: Mapped[bool] = mapped_column(Boolean, default=False, server_default=text("false"))
	deleted_at: Mapped[datetime | None] = mapped_column()
	deleted_by: Mapped[Id | None] = mapped_column(id_type)

	__table_args__ = (
		Index(
			"uq_esg_metrics_code",
			"tenant_id",
			"code",
			unique=True,
			postgresql_where=text("not is_deleted"),
			info=human("METRIC_CODE_TAKEN", "Another metric has this code.", "code"),
		),
		CheckConstraint(one_of("metric_type", MetricType), name="metric_type"),
		CheckConstraint(one_of("aggregation", Method), name="aggregation"),
		CheckConstraint(one_of("polarity", Polarity), name="polarity"),
		CheckConstraint(one_of("source", MetricSource), name="source"),
		Index("ix_esg_metrics_updated", "tenant_id", "updated_at", "id"),
		Index("ix_esg_metrics_type", "tenant_id", "metric_type", "category"),
		Index(
			"ix_esg_metrics_kpi",
			"tenant_id",
			"updated_at",
			postgresql_where=text("is_kpi and is_active"),
		),
	)


class MetricState(Base):
	"""Where a metric stands: its newest reading and what follows from it; never versioned."""

	__tablename__ = "esg_metric_states"
	__human__ = "state of a metric"
	__protect__ = Protect(audited=False)

	tenant_id: Mapped[Id] = mapped_column(id_type, primary_key=True)
	metric_id: Mapped[Id] = mapped_column(
		id_type,
		primary_key=True,
		info={"reference": "esg_metrics", "ondelete": "CASCADE", "deferred": False},
	)
	measurement_id: Mapped[Id | None] = mapped_column(id_type)
	current_value: Mapped[Decimal | None] = mapped_column()
	current_date: Mapped[datetime | None] = mapped_column()
	data_quality_score: Mapped[Decimal | None] = mapped_column(Numeric(5, 2))
	trend_analysis: Mapped[dict[str, Any]] = _empty_object()
	ai_predictions: Mapped[dict[str, Any]] = _empty_object()
	refreshed_at: Mapped[datetime] = mapped_column(default=utc_now)

	__table_args__ = (
		Index("ix_esg_metric_states_ai_predictions", "ai_predictions", postgresql_using="gin"),
	)


class Measurement(Versioned, Base):
	"""A value at a moment, for a period; partitioned by the year of its date."""

	__tablename__ = "esg_measurements"
	__human__ = "measurement"
	__protect__ = Protect(audited=False)

	tenant_id: Mapped[Id] = mapped_column(id_type, primary_key=True)
	id: Mapped[Id] = mapped_column(id_type, primary_key=True, default=new_id)
	measurement_date: Mapped[datetime] = mapped_column(primary_key=True)
	metric_id: Mapped[Id] = mapped_column(
		id_type, info={"reference": "esg_metrics", "ondelete": "RESTRICT", "deferred": False}
	)
	value: Mapped[Decimal] = mapped_column()
	period_start: Mapped[datetime | None] = mapped_column()
	period_end: Mapped[datetime | None] = mapped_column()
	data_source: Mapped[str | None] = mapped_column()
	collection_method: Mapped[str | None] = mapped_column()
	evidence: Mapped[str | None] = mapped_column()
	meta: Mapped[dict[str, Any]] = mapped_column(
		"metadata", JSONB, default=dict, server_default=text("'{}'")
	)
	validation_score: Mapped[Decimal | None] = mapped_column(Numeric(5, 2))
	anomaly_score: Mapped[Decimal | None] = mapped_column(Numeric(5, 2))
	quality_score: Mapped[Decimal | None] = mapped_column(Numeric(5, 2))
	quality_flags: Mapped[list[Any]] = mapped_column(
		JSONB, default=list, server_default=text("'[]'")
	)
	notes: Mapped[str | None] = mapped_column()
	revision: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
	supersedes_id: Mapped[Id | None] = mapped_column(id_type)
	superseded_at: Mapped[datetime | None] = mapped_column()
	superseded_by_id: Mapped[Id | None] = mapped_column(id_type)
	correction_reason: Mapped[str | None] = mapped_column()
	withdrawal_reason: Mapped[str | None] = mapped_column()
	is_deleted: Mapped[bool] = mapped_column(Boolean, default=False, server_default=text("false"))
	import_id: Mapped[Id | None] = mapped_column(id_type)

	@declared_attr.directive
	def __mapper_args__(cls) -> dict[str, Any]:
		return {"version_id_col": cls.version, "version_id_generator": lambda v: (v or 0) + 1}  # pyright: ignore

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"metric_id",
			"measurement_date",
			"data_source",
			"period_start",
			"period_end",
			"revision",
			name="uq_esg_measurements_reading",
			postgresql_nulls_not_distinct=True,
			info=human(
				"MEASUREMENT_EXISTS",
				"There is a reading for this moment, period and source; correct that one.",
				"measurement_date",
			),
		),
		CheckConstraint("period_end > period_start", name="period"),
		Index("ix_esg_measurements_metric_date", "tenant_id", "metric_id", "measurement_date"),
		{"postgresql_partition_by": "RANGE (measurement_date)"},
	)
