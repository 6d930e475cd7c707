"""The item (master) and its revisions; what lives on which is plm_domain §3.9."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
	Boolean,
	CheckConstraint,
	Date,
	Index,
	Integer,
	Text,
	UniqueConstraint,
	text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from apg.capabilities.plm.shared.lifecycle import (
	LifecyclePhase,
	ProductType,
	RevisionState,
)
from apg.kernel.database import Base, Id, id_type, reference
from apg.kernel.errors import Conflict, human
from apg.kernel.tenancy import Protect, TenantOwned
from apg.kernel.texts import _


def one_of(column: str, values: Any) -> str:
	"""The condition of a CHECK that keeps a text column to an enum's values."""
	return f"{column} in ({', '.join(repr(str(value)) for value in values)})"


class RevisionNotWorking(Conflict):
	"""Content may change in a working revision only."""

	code = "REVISION_NOT_WORKING"


class Item(TenantOwned, Base):
	"""A part or product under one number for life; its content lives in revisions.

	`current_revision_id` is what the default view picks: the latest released revision, else the
	latest working one. Kept here so that a list joins one row by its key.
	"""

	__tablename__ = "plm_items"
	__human__ = "product"
	__protect__ = Protect()

	number: Mapped[str] = mapped_column()
	product_type: Mapped[str] = mapped_column()
	class_path: Mapped[str | None] = mapped_column()
	unit_of_measure: Mapped[str] = mapped_column(default="each")
	lifecycle_phase: Mapped[str] = mapped_column(default=LifecyclePhase.CONCEPT)
	traceability: Mapped[str] = mapped_column(default="none", server_default="none")
	manufacturing_status: Mapped[str | None] = mapped_column()
	target_cost: Mapped[Decimal | None] = mapped_column()
	target_currency: Mapped[str | None] = mapped_column()
	tags: Mapped[list[str]] = mapped_column(default=list, server_default=text("'[]'"))
	is_active: Mapped[bool] = mapped_column(Boolean, default=True, server_default=text("true"))
	current_revision_id: Mapped[Id] = reference("plm_revisions", deferred=True)
	scope_id: Mapped[Id] = mapped_column(id_type)
	is_deleted: Mapped[bool] = mapped_column(Boolean, default=False, server_default=text("false"))
	deleted_at: Mapped[datetime | None] = mapped_column()
	deleted_by: Mapped[Id | None] = mapped_column(id_type)

	__table_args__ = (
		Index(
			"uq_plm_items_number",
			"tenant_id",
			"number",
			unique=True,
			postgresql_where=text("not is_deleted"),
			info=human(
				"PRODUCT_NUMBER_TAKEN", "Another product has this number.", "product_number"
			),
		),
		CheckConstraint(one_of("product_type", ProductType), name="product_type"),
		CheckConstraint(one_of("lifecycle_phase", LifecyclePhase), name="lifecycle_phase"),
		CheckConstraint("traceability in ('none', 'lot', 'serial')", name="traceability"),
		CheckConstraint("target_cost >= 0", name="target_cost"),
		Index("ix_plm_items_created", "tenant_id", "created_at", "id"),
		Index("ix_plm_items_updated", "tenant_id", "updated_at", "id"),
		Index("ix_plm_items_phase", "tenant_id", "lifecycle_phase"),
		Index("ix_plm_items_type", "tenant_id", "product_type"),
		Index("ix_plm_items_tags", "tenant_id", "tags", postgresql_using="gin"),
	)


class Revision(TenantOwned, Base):
	"""The unit of release: name, description, attributes, mass, material and structure."""

	__tablename__ = "plm_revisions"
	__human__ = "revision"
	__protect__ = Protect()

	item_id: Mapped[Id] = reference("plm_items")
	ordinal: Mapped[int] = mapped_column(Integer)
	label: Mapped[str] = mapped_column()
	state: Mapped[str] = mapped_column(default=RevisionState.WORKING)
	name: Mapped[str] = mapped_column()
	description: Mapped[str | None] = mapped_column()
	attributes: Mapped[dict[str, Any]] = mapped_column(
		JSONB, default=dict, server_default=text("'{}'")
	)
	mass: Mapped[Decimal | None] = mapped_column()
	mass_unit: Mapped[str | None] = mapped_column()
	material: Mapped[str | None] = mapped_column()
	content_hash: Mapped[str | None] = mapped_column()
	change_id: Mapped[Id | None] = mapped_column(id_type)
	supersedes_id: Mapped[Id | None] = reference("plm_revisions", nullable=True)
	released_at: Mapped[datetime | None] = mapped_column()
	released_by: Mapped[Id | None] = mapped_column(id_type)

	__table_args__ = (
		UniqueConstraint("tenant_id", "item_id", "ordinal"),
		Index(
			"uq_plm_revisions_label",
			"tenant_id",
			"item_id",
			"label",
			unique=True,
			postgresql_where=text("state in ('released', 'superseded', 'obsolete')"),
			info=human("REVISION_LABEL_TAKEN", "A released revision has this label.", "revision"),
		),
		Index(
			"uq_plm_revisions_released",
			"tenant_id",
			"item_id",
			unique=True,
			postgresql_where=text("state = 'released'"),
			info=human("ALREADY_RELEASED", "Another revision of the product is released."),
		),
		Index(
			"uq_plm_revisions_working",
			"tenant_id",
			"item_id",
			"change_id",
			unique=True,
			postgresql_nulls_not_distinct=True,
			postgresql_where=text("state in ('working', 'in_review')"),
			info=human("WORKING_EXISTS", "The product already has a working revision."),
		),
		CheckConstraint(one_of("state", RevisionState), name="state"),
		CheckConstraint("mass >= 0 and mass < 9000000000000", name="mass"),
		CheckConstraint("(mass is null) = (mass_unit is null)", name="mass_unit"),
	)

	def must_be_working(self) -> None:
		"""Raises RevisionNotWorking, naming the way out."""
		if self.state != RevisionState.WORKING:
			raise RevisionNotWorking(
				_(
					"Revision {label} is {state}; its content cannot change. "
					"Make a new revision and change that.",
					label=self.label,
					state=self.state,
				)
			)


class ItemCost(TenantOwned, Base):
	"""A price or cost of one unit of an item from a date on, for quantities from a break on.

	A price list is all rows of one item, kind, supplier and `sku` (the supplier's number of what is
	sold: a reel and a bag are two lists). `source` names the system whose file brought the price.
	"""

	__tablename__ = "plm_item_costs"
	__human__ = "cost"
	__protect__ = Protect()

	item_id: Mapped[Id] = reference("plm_items")
	kind: Mapped[str] = mapped_column()
	valid_from: Mapped[datetime] = mapped_column(Date)
	quantity_break: Mapped[Decimal] = mapped_column(default=Decimal(1))
	amount: Mapped[Decimal] = mapped_column()
	currency: Mapped[str] = mapped_column()
	supplier: Mapped[str] = mapped_column(default="", server_default="")
	sku: Mapped[str] = mapped_column(default="", server_default="")
	source: Mapped[str] = mapped_column(default="", server_default="")

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"item_id",
			"kind",
			"supplier",
			"sku",
			"valid_from",
			"quantity_break",
			name="uq_plm_item_costs_break",
			info=human(
				"COST_EXISTS",
				"There is a cost of this kind and supplier for this date and quantity; take it away"
				" first, or give another date.",
				"valid_from",
			),
		),
		CheckConstraint("kind in ('manual', 'internal', 'purchase', 'current')", name="kind"),
		CheckConstraint("amount >= 0 and amount < 9000000000000", name="amount"),
		CheckConstraint(
			"quantity_break > 0 and quantity_break < 9000000000000", name="quantity_break"
		),
		CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
	)


class Identifier(TenantOwned, Base):
	"""A name another system or trade uses for an item: GTIN, customer or ERP number, source key."""

	__tablename__ = "plm_identifiers"
	__human__ = "identifier"
	__protect__ = Protect()

	item_id: Mapped[Id] = reference("plm_items", ondelete="CASCADE")
	scheme: Mapped[str] = mapped_column()
	value: Mapped[str] = mapped_column()
	# Whose number it is, where several give such numbers: the maker of an `mpn`, the seller of a `sku`.
	issuer: Mapped[str] = mapped_column(default="", server_default="")

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"scheme",
			"value",
			"issuer",
			"item_id",
			name="uq_plm_identifiers_value",
			info=human("IDENTIFIER_TAKEN", "The product already has this identifier.", "value"),
		),
		# A GTIN names one trade item, whichever of its lengths it is written in.
		Index(
			"uq_plm_identifiers_gtin",
			"tenant_id",
			text("lpad(value, 14, '0')"),
			unique=True,
			postgresql_where=text("scheme = 'gtin'"),
			info=human("GTIN_TAKEN", "Another product has this GTIN.", "value"),
		),
	)


class NumberSeries(TenantOwned, Base):
	"""A counter per class; `UPDATE … RETURNING` hands out a number once, whoever asks."""

	__tablename__ = "plm_number_series"
	__human__ = "number series"
	__protect__ = Protect(audited=False)

	class_path: Mapped[str] = mapped_column(Text, default="")
	prefix: Mapped[str] = mapped_column()
	width: Mapped[int] = mapped_column(Integer, default=6)
	next_number: Mapped[int] = mapped_column(Integer, default=1)

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"class_path",
			name="uq_plm_number_series_class",
			info=human("SERIES_EXISTS", "The class already has a number series.", "class_path"),
		),
	)
