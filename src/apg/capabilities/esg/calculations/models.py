"""Runs and their lines; a line never changes, a run that is done neither."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Boolean, CheckConstraint, Index, Integer, Numeric, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from apg.kernel.database import Base, Id, id_type, reference
from apg.kernel.errors import Conflict
from apg.kernel.tenancy import Protect, TenantOwned

KILOGRAMS = Numeric(38, 9)
"""kg to nine digits after the point, as `shared/exact_columns.py` rounds them."""


class RunNotDone(Conflict):
	"""A run that still works, or failed, has nothing to compare or to do again."""

	code = "CALCULATION_NOT_DONE"


class NothingToCalculate(Conflict):
	code = "NOTHING_TO_CALCULATE"


class CalculationRun(TenantOwned, Base):
	"""One calculation over a selection of records, as they stood at `as_of`.

	`mode`: `new` chose records and factors; `same` did a run again with its own versions; `factors`
	with its records and the present factors; `present` with present records and factors. `reached_id`
	is how far a run in pieces has come.
	"""

	__tablename__ = "esg_calculation_runs"
	__human__ = "calculation"
	__protect__ = Protect(app="select, insert, update")

	title: Mapped[str] = mapped_column()
	mode: Mapped[str] = mapped_column(default="new")
	rerun_of_id: Mapped[Id | None] = reference("esg_calculation_runs", nullable=True)
	selection: Mapped[dict[str, Any]] = mapped_column(
		JSONB, default=dict, server_default=text("'{}'")
	)
	gwp_set: Mapped[str] = mapped_column()
	method: Mapped[str] = mapped_column()
	engine: Mapped[str] = mapped_column()
	as_of: Mapped[datetime] = mapped_column()
	state: Mapped[str] = mapped_column(default="running")
	failure: Mapped[str | None] = mapped_column()
	record_count: Mapped[int] = mapped_column(Integer, default=0)
	line_count: Mapped[int] = mapped_column(Integer, default=0)
	missing_count: Mapped[int] = mapped_column(Integer, default=0)
	estimated_count: Mapped[int] = mapped_column(Integer, default=0)
	as_published_count: Mapped[int] = mapped_column(Integer, default=0)
	unapproved_count: Mapped[int] = mapped_column(Integer, default=0)
	co2e: Mapped[Decimal | None] = mapped_column(KILOGRAMS)
	biogenic_co2: Mapped[Decimal | None] = mapped_column(KILOGRAMS)
	seal: Mapped[str | None] = mapped_column()
	reached_id: Mapped[Id | None] = mapped_column(id_type)
	finished_at: Mapped[datetime | None] = mapped_column()

	__table_args__ = (
		CheckConstraint("mode in ('new', 'same', 'factors', 'present')", name="mode"),
		CheckConstraint("state in ('running', 'done', 'failed')", name="state"),
		CheckConstraint("(mode = 'new') = (rerun_of_id is null)", name="rerun"),
		CheckConstraint(
			"state <> 'done' or (seal is not null and co2e is not null)", name="sealed"
		),
		Index("ix_esg_calculation_runs_created", "tenant_id", "created_at", "id"),
	)


class CalculationLine(TenantOwned, Base):
	"""What came of one record: figures in kg, or the reason why there is none."""

	__tablename__ = "esg_calculation_lines"
	__human__ = "line of a calculation"
	__protect__ = Protect(audited=False, app="select, insert")

	run_id: Mapped[Id] = reference("esg_calculation_runs", index=False)
	activity_row_id: Mapped[Id] = reference("esg_activity_records")
	record_id: Mapped[Id] = mapped_column(id_type)
	record_version: Mapped[int] = mapped_column(Integer)
	record_hash: Mapped[str] = mapped_column()
	activity_code: Mapped[str] = mapped_column()
	quantity: Mapped[Decimal] = mapped_column()
	unit: Mapped[str] = mapped_column()
	normalised: Mapped[Decimal | None] = mapped_column(KILOGRAMS)
	normalised_unit: Mapped[str | None] = mapped_column()
	conversions: Mapped[list[Any]] = mapped_column(JSONB, default=list, server_default=text("'[]'"))
	factor_version_id: Mapped[Id | None] = mapped_column(id_type)
	factor_sha256: Mapped[str | None] = mapped_column()
	approval_id: Mapped[Id | None] = mapped_column(id_type)
	fallback_level: Mapped[int | None] = mapped_column(Integer)
	factor_reason: Mapped[str] = mapped_column()
	masses: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=text("'{}'"))
	by_gas: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=text("'{}'"))
	co2e: Mapped[Decimal | None] = mapped_column(KILOGRAMS)
	biogenic_co2: Mapped[Decimal | None] = mapped_column(KILOGRAMS)
	low: Mapped[Decimal | None] = mapped_column(KILOGRAMS)
	high: Mapped[Decimal | None] = mapped_column(KILOGRAMS)
	per_unit: Mapped[str | None] = mapped_column()
	gwp_set: Mapped[str] = mapped_column()
	as_published: Mapped[bool] = mapped_column(Boolean, default=False)
	is_estimated: Mapped[bool] = mapped_column(Boolean, default=False)
	missing: Mapped[str | None] = mapped_column()
	seal: Mapped[str] = mapped_column()

	__table_args__ = (
		UniqueConstraint(
			"tenant_id", "run_id", "record_id", name="uq_esg_calculation_lines_record"
		),
		CheckConstraint("(missing is null) = (co2e is not null)", name="figure"),
		Index("ix_esg_calculation_lines_run", "tenant_id", "run_id", "id"),
		Index("ix_esg_calculation_lines_factor", "tenant_id", "factor_version_id"),
	)
