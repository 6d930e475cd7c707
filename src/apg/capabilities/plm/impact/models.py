"""What was calculated for a package, with everything it rests on."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Boolean, CheckConstraint, Date, Index, Integer, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from apg.kernel.database import Base, Id, id_type, reference
from apg.kernel.tenancy import Protect, TenantOwned

RENEWED = (
	"prices",
	"rates",
	"factors",
	"materials",
	"footprints",
	"compliance",
	"structure",
	"day",
)
"""Why the impact of an open order is calculated again although nobody edited the order."""
CAUSES = ("edited", *RENEWED, "asked", "released")
STATES = ("done", "failed")
METRICS = ("cost", "mass", "co2e", "compliance", "lead_time")


class Impact(TenantOwned, Base):
	"""One calculation for one package: its inputs, the sums it began with, and what moved since the
	one before it. Rows are only added; the last run of a package is the one that is shown.

	`run` counts the calculations of a change; `cause` says what asked for it, `released` being that
	of what was really released. `headline` holds the three numbers, `lines` the causing lines,
	`moved` the difference to the run before of the same package.
	"""

	__tablename__ = "plm_impacts"
	__human__ = "impact"
	__protect__ = Protect(audited=False, app="select, insert")

	change_id: Mapped[Id] = reference("plm_changes", ondelete="CASCADE")
	package_hash: Mapped[str] = mapped_column()
	run: Mapped[int] = mapped_column(Integer)
	cause: Mapped[str] = mapped_column()
	state: Mapped[str] = mapped_column()
	reason: Mapped[str | None] = mapped_column()
	calculated_at: Mapped[datetime] = mapped_column()
	currency: Mapped[str] = mapped_column()
	price_day: Mapped[date] = mapped_column(Date)
	inputs: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
	headline: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
	lines: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))
	moved: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))
	substances: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))

	__table_args__ = (
		UniqueConstraint("tenant_id", "change_id", "run", name="uq_plm_impacts_run"),
		CheckConstraint(f"cause in {CAUSES}", name="cause"),
		CheckConstraint(f"state in {STATES}", name="state"),
		CheckConstraint("(state = 'failed') = (reason is not null)", name="reason"),
		Index("ix_plm_impacts_package", "tenant_id", "change_id", "package_hash", "run"),
	)


class ImpactFigure(TenantOwned, Base):
	"""One end item in one metric: before, after, difference, and how much of it is known.

	Amounts are of one unit of the end item; compliance stands in `before_word` and `after_word`.
	`certain`: the difference does not hang on anything that is missing. Coverage is 0 to 1.
	"""

	__tablename__ = "plm_impact_figures"
	__human__ = "impact figure"
	__protect__ = Protect(audited=False, app="select, insert")

	impact_id: Mapped[Id] = reference("plm_impacts", ondelete="CASCADE")
	item_id: Mapped[Id] = reference("plm_items")
	before_revision_id: Mapped[Id | None] = mapped_column(id_type)
	after_revision_id: Mapped[Id | None] = mapped_column(id_type)
	metric: Mapped[str] = mapped_column()
	unit: Mapped[str] = mapped_column()
	before: Mapped[Decimal | None] = mapped_column()
	after: Mapped[Decimal | None] = mapped_column()
	delta: Mapped[Decimal | None] = mapped_column()
	before_word: Mapped[str | None] = mapped_column()
	after_word: Mapped[str | None] = mapped_column()
	certain: Mapped[bool] = mapped_column(Boolean)
	estimated: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
	before_coverage: Mapped[Decimal | None] = mapped_column()
	after_coverage: Mapped[Decimal | None] = mapped_column()
	missing_before: Mapped[int] = mapped_column(Integer, server_default="0")
	missing_after: Mapped[int] = mapped_column(Integer, server_default="0")
	missing: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))

	__table_args__ = (
		UniqueConstraint(
			"tenant_id", "impact_id", "item_id", "metric", name="uq_plm_impact_figures_metric"
		),
		CheckConstraint(f"metric in {METRICS}", name="metric"),
	)
