"""A baseline, the revisions it holds and their lines: copies, so that nothing done later moves them.

The database refuses every change and deletion, whoever asks.
"""

from decimal import Decimal
from typing import Any

from sqlalchemy import (
	BigInteger,
	Boolean,
	CheckConstraint,
	Computed,
	Index,
	Integer,
	UniqueConstraint,
	text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from apg.kernel.database import Base, Id, id_type, reference
from apg.kernel.errors import human
from apg.kernel.tenancy import Protect, TenantOwned


class Baseline(TenantOwned, Base):
	"""A structure as one rule resolved it at one moment. `merkle_hash` is the hash of its root, which
	covers the content of every revision and line below."""

	__tablename__ = "plm_baselines"
	__human__ = "baseline"
	__protect__ = Protect(app="select, insert")

	number: Mapped[str] = mapped_column()
	title: Mapped[str] = mapped_column()
	note: Mapped[str | None] = mapped_column()
	item_id: Mapped[Id] = reference("plm_items")
	revision_id: Mapped[Id] = reference("plm_revisions")
	view: Mapped[str] = mapped_column()
	rule: Mapped[str] = mapped_column()
	# What the rule asked beside its name: moment, unit or lot, end item.
	demand: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=text("'{}'"))
	member_count: Mapped[int] = mapped_column(Integer)
	line_count: Mapped[int] = mapped_column(Integer)
	merkle_hash: Mapped[str] = mapped_column()

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"number",
			name="uq_plm_baselines_number",
			info=human("BASELINE_NUMBER_TAKEN", "Another baseline has this number.", "number"),
		),
		CheckConstraint("merkle_hash ~ '^[0-9a-f]{64}$'", name="merkle_hash"),
		CheckConstraint("view in ('engineering', 'manufacturing', 'service')", name="view"),
		Index("ix_plm_baselines_created", "tenant_id", "created_at", "id"),
	)


class BaselineMember(TenantOwned, Base):
	"""A revision as it was, each once; a product without a fitting revision stands for itself."""

	__tablename__ = "plm_baseline_members"
	__human__ = "member of a baseline"
	__protect__ = Protect(audited=False, app="select, insert")

	baseline_id: Mapped[Id] = reference("plm_baselines", index=False)
	node_id: Mapped[Id] = mapped_column(id_type)
	item_id: Mapped[Id] = reference("plm_items")
	revision_id: Mapped[Id | None] = reference("plm_revisions", nullable=True)
	number: Mapped[str] = mapped_column()
	product_type: Mapped[str] = mapped_column()
	lifecycle_phase: Mapped[str] = mapped_column()
	unit_of_measure: Mapped[str] = mapped_column()
	label: Mapped[str | None] = mapped_column()
	state: Mapped[str | None] = mapped_column()
	name: Mapped[str] = mapped_column()
	description: Mapped[str | None] = mapped_column()
	attributes: Mapped[dict[str, Any]] = mapped_column(
		JSONB, default=dict, server_default=text("'{}'")
	)
	mass: Mapped[Decimal | None] = mapped_column()
	mass_unit: Mapped[str | None] = mapped_column()
	material: Mapped[str | None] = mapped_column()
	# A product may stand in two revisions, one of them pinned: it is shown as a product by the first.
	is_first: Mapped[bool] = mapped_column(Boolean)
	merkle_hash: Mapped[str] = mapped_column()

	__table_args__ = (
		Index(
			"uq_plm_baseline_members_item",
			"tenant_id",
			"baseline_id",
			"item_id",
			unique=True,
			postgresql_where=text("is_first"),
		),
		UniqueConstraint(
			"tenant_id", "baseline_id", "node_id", name="uq_plm_baseline_members_node"
		),
	)


class BaselineLine(TenantOwned, Base):
	"""A line as it was; `child_revision_id` is the revision it meant, pinned or resolved."""

	__tablename__ = "plm_baseline_lines"
	__human__ = "line of a baseline"
	__protect__ = Protect(audited=False, app="select, insert")

	baseline_id: Mapped[Id] = reference("plm_baselines", index=False)
	parent_revision_id: Mapped[Id] = mapped_column(id_type)
	line_uid: Mapped[Id] = mapped_column(id_type)
	find_number: Mapped[int] = mapped_column(Integer)
	child_item_id: Mapped[Id] = mapped_column(id_type)
	child_revision_id: Mapped[Id | None] = mapped_column(id_type)
	is_pinned: Mapped[bool] = mapped_column(Boolean)
	quantity: Mapped[Decimal | None] = mapped_column()
	quantity_kind: Mapped[str] = mapped_column()
	unit: Mapped[str] = mapped_column()
	attrition: Mapped[Decimal] = mapped_column()
	setup_quantity: Mapped[Decimal] = mapped_column()
	rounding_multiple: Mapped[Decimal | None] = mapped_column()
	view: Mapped[str] = mapped_column()
	designators: Mapped[list[Any]] = mapped_column(JSONB)
	note: Mapped[str | None] = mapped_column()
	is_optional: Mapped[bool] = mapped_column(Boolean)
	is_consumable: Mapped[bool] = mapped_column(Boolean)
	allow_variants: Mapped[bool] = mapped_column(Boolean)
	source: Mapped[str] = mapped_column()
	substitutes: Mapped[list[Any]] = mapped_column(JSONB)
	quantity_micro: Mapped[int] = mapped_column(
		BigInteger, Computed("coalesce((quantity * 1000000)::bigint, -1)", persisted=True)
	)

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"baseline_id",
			"parent_revision_id",
			"line_uid",
			name="uq_plm_baseline_lines_uid",
		),
	)
