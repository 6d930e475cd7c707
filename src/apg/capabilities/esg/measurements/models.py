"""One reading of a metric; a correction is a new row that supersedes the old one."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Boolean, CheckConstraint, Index, Integer, Numeric, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from apg.kernel.database import Base, Id, Versioned, id_type
from apg.kernel.errors import Conflict, human
from apg.kernel.stamps import new_id
from apg.kernel.tenancy import Protect


class MeasurementSuperseded(Conflict):
	"""Only the standing revision of a measurement can be corrected."""

	code = "MEASUREMENT_SUPERSEDED"


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
