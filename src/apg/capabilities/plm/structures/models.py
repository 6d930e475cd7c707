"""The lines of a bill of materials: content of a revision, one row per line."""

from datetime import datetime
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

QUANTITY_KINDS = ("per", "fixed", "as_required", "bulk", "reference")
VIEWS = ("engineering", "manufacturing", "service")
PLAIN = (
	"quantity_kind = 'per' and attrition = 0 and setup_quantity = 0 and rounding_multiple is null "
	"and child_revision_id is null and unit = 'each' and view = 'engineering'"
)
MICRO = "coalesce((quantity * 1000000)::bigint, -1)"


class Line(TenantOwned, Base):
	"""One line of a revision's structure; `line_uid` is its identity through all revisions.

	`child_revision_id` empty floats to the revision that a view rule picks; set, it is pinned.
	"""

	__tablename__ = "plm_lines"
	__human__ = "line"
	__protect__ = Protect()

	parent_revision_id: Mapped[Id] = reference("plm_revisions")
	line_uid: Mapped[Id] = mapped_column(id_type)
	find_number: Mapped[int] = mapped_column(Integer)
	child_item_id: Mapped[Id] = reference("plm_items")
	child_revision_id: Mapped[Id | None] = reference("plm_revisions", nullable=True)
	quantity: Mapped[Decimal | None] = mapped_column()
	quantity_kind: Mapped[str] = mapped_column(default="per", server_default="per")
	unit: Mapped[str] = mapped_column(default="each")
	attrition: Mapped[Decimal] = mapped_column(default=Decimal(0), server_default="0")
	setup_quantity: Mapped[Decimal] = mapped_column(default=Decimal(0), server_default="0")
	rounding_multiple: Mapped[Decimal | None] = mapped_column()
	view: Mapped[str] = mapped_column(default="engineering", server_default="engineering")
	designators: Mapped[list[Any]] = mapped_column(JSONB, default=list, server_default=text("'[]'"))
	note: Mapped[str | None] = mapped_column()
	is_optional: Mapped[bool] = mapped_column(Boolean, default=False, server_default=text("false"))
	is_consumable: Mapped[bool] = mapped_column(
		Boolean, default=False, server_default=text("false")
	)
	allow_variants: Mapped[bool] = mapped_column(
		Boolean, default=False, server_default=text("false")
	)
	# The system whose file made the line; empty: made by hand, so no file removes it.
	source: Mapped[str] = mapped_column(default="", server_default="")
	# Most lines are so many of a floating child: a tenant's whole structure is read without their
	# other columns, see loading.py.
	is_plain: Mapped[bool] = mapped_column(Boolean, Computed(PLAIN, persisted=True))
	# In whole numbers, as the arithmetic takes it: dividing a million of them would cost as much as
	# reading them.
	quantity_micro: Mapped[int] = mapped_column(BigInteger, Computed(MICRO, persisted=True))

	__table_args__ = (
		UniqueConstraint("tenant_id", "parent_revision_id", "line_uid"),
		UniqueConstraint(
			"tenant_id",
			"parent_revision_id",
			"view",
			"find_number",
			name="uq_plm_lines_find_number",
			info=human("FIND_NUMBER_TAKEN", "Another line has this find number.", "find_number"),
		),
		CheckConstraint(
			"quantity_kind in ('per', 'fixed', 'as_required', 'bulk', 'reference')",
			name="quantity_kind",
		),
		CheckConstraint("view in ('engineering', 'manufacturing', 'service')", name="view"),
		# 10^12 so that a quantity in millionths fits the 64 bits of the arithmetic.
		CheckConstraint("quantity > 0 and quantity < 1000000000000", name="quantity"),
		CheckConstraint(
			"quantity is not null or quantity_kind in ('as_required', 'reference')",
			name="quantity_given",
		),
		CheckConstraint("attrition >= 0 and attrition < 10", name="attrition"),
		CheckConstraint(
			"setup_quantity >= 0 and setup_quantity < 1000000000000", name="setup_quantity"
		),
		CheckConstraint(
			"rounding_multiple > 0 and rounding_multiple < 1000000000000", name="rounding_multiple"
		),
		CheckConstraint("find_number > 0", name="find_number"),
		Index("ix_plm_lines_where_used", "tenant_id", "child_item_id", "parent_revision_id"),
		Index("ix_plm_lines_special", "tenant_id", "view", postgresql_where=text("not is_plain")),
	)


class LineSubstitute(TenantOwned, Base):
	"""A part that may stand in for the child, on this line only."""

	__tablename__ = "plm_line_substitutes"
	__human__ = "substitute"
	__protect__ = Protect()

	line_id: Mapped[Id] = reference("plm_lines", ondelete="CASCADE")
	item_id: Mapped[Id] = reference("plm_items")
	rank: Mapped[int] = mapped_column(Integer, default=1)
	quantity_ratio: Mapped[Decimal] = mapped_column(default=Decimal(1), server_default="1")

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"line_id",
			"item_id",
			name="uq_plm_line_substitutes_item",
			info=human("SUBSTITUTE_EXISTS", "The line already has this substitute.", "product_id"),
		),
		CheckConstraint("quantity_ratio > 0", name="quantity_ratio"),
	)


class StructureChange(Base):
	"""One row for each transaction that changed what a structure or its prices are computed from.

	Triggers write it, and rows are only ever added: whoever knows which of them he has seen knows
	what is new without a counter that writers would have to wait for; see versions.py.
	"""

	__tablename__ = "plm_structure_changes"
	__human__ = "structure change"
	__protect__ = Protect(audited=False, keep="2 days", app="select, insert")

	tenant_id: Mapped[Id] = mapped_column(id_type, primary_key=True)
	xid: Mapped[int] = mapped_column(BigInteger, primary_key=True)
	created_at: Mapped[datetime] = mapped_column(server_default=text("now()"))


class StructureTouched(Base):
	"""What such a transaction touched: the revision whose `lines` or the `revision` that changed, the
	`item`, or the item with another `cost`; `all`: too much to be listed."""

	__tablename__ = "plm_structure_touched"
	__human__ = "structure change"
	__protect__ = Protect(audited=False, keep="2 days", app="select, insert")

	tenant_id: Mapped[Id] = mapped_column(id_type, primary_key=True)
	xid: Mapped[int] = mapped_column(BigInteger, primary_key=True)
	kind: Mapped[str] = mapped_column(primary_key=True)
	id: Mapped[Id] = mapped_column(id_type, primary_key=True)
	created_at: Mapped[datetime] = mapped_column(server_default=text("now()"))

	__table_args__ = (
		CheckConstraint("kind in ('lines', 'revision', 'item', 'cost', 'all')", name="kind"),
	)
