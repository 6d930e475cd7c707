"""What a material stands for, what suppliers state, and footprints that never change."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
	Boolean,
	CheckConstraint,
	Date,
	Index,
	Integer,
	LargeBinary,
	Numeric,
	UniqueConstraint,
	text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from apg.kernel.database import Base, Id, id_type, reference
from apg.kernel.errors import human
from apg.kernel.tenancy import Protect, TenantOwned

EXACT = Numeric()
"""As many digits as a figure has: a footprint is not rounded where it is kept."""

BOUNDARIES = ("cradle_to_gate", "cradle_to_grave", "gate_to_gate")
VERIFICATIONS = ("none", "supplier", "third_party")


def _empty_list() -> Any:
	return mapped_column(JSONB, default=list, server_default=text("'[]'"))


def _empty_object() -> Any:
	return mapped_column(JSONB, default=dict, server_default=text("'{}'"))


class Material(TenantOwned, Base):
	"""A material as the company's parts name it, and the activity whose factor stands for a kg of it."""

	__tablename__ = "esg_materials"
	__human__ = "material"
	__protect__ = Protect()

	name: Mapped[str] = mapped_column()
	activity_code: Mapped[str] = mapped_column()
	region: Mapped[str] = mapped_column()
	note: Mapped[str | None] = mapped_column()
	# Somebody assumed that this factor stands for it; every figure it touches says so.
	is_estimate: Mapped[bool] = mapped_column(Boolean, default=False, server_default=text("false"))

	__table_args__ = (Index("ix_esg_materials_name", "tenant_id", "name"),)


class MaterialName(TenantOwned, Base):
	"""A spelling of a material; each spelling means one material."""

	__tablename__ = "esg_material_names"
	__human__ = "name of a material"
	__protect__ = Protect()

	material_id: Mapped[Id] = reference("esg_materials", ondelete="CASCADE")
	name: Mapped[str] = mapped_column()
	key: Mapped[str] = mapped_column()

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"key",
			name="uq_esg_material_names_key",
			info=human("MATERIAL_NAME_TAKEN", "Another material has this name.", "name"),
		),
	)


class SupplierFootprint(TenantOwned, Base):
	"""What a supplier states for so much of a product; it is the whole figure of it.

	`carbon` is kg CO2e for `amount` `unit` of the product. A new statement is a new row; one that is
	withdrawn stays readable, since footprints that used it stand.
	"""

	__tablename__ = "esg_supplier_footprints"
	__human__ = "supplier's footprint"
	__protect__ = Protect()

	product_id: Mapped[Id] = mapped_column(id_type)
	product_number: Mapped[str] = mapped_column()
	supplier: Mapped[str] = mapped_column()
	carbon: Mapped[Decimal] = mapped_column(EXACT)
	biogenic: Mapped[Decimal | None] = mapped_column(EXACT)
	amount: Mapped[Decimal] = mapped_column(EXACT)
	unit: Mapped[str] = mapped_column()
	boundary: Mapped[str] = mapped_column(default="cradle_to_gate")
	gwp_set: Mapped[str] = mapped_column()
	valid_from: Mapped[date] = mapped_column(Date)
	valid_to: Mapped[date | None] = mapped_column(Date)
	primary_share: Mapped[Decimal] = mapped_column(EXACT, default=Decimal(1))
	low: Mapped[Decimal | None] = mapped_column(EXACT)
	high: Mapped[Decimal | None] = mapped_column(EXACT)
	verification: Mapped[str] = mapped_column(default="none")
	verified_by: Mapped[str | None] = mapped_column()
	evidence: Mapped[str | None] = mapped_column()
	withdrawn_at: Mapped[datetime | None] = mapped_column()

	__table_args__ = (
		Index("ix_esg_supplier_footprints_product", "tenant_id", "product_id", "valid_from"),
		CheckConstraint("carbon >= 0", name="carbon"),
		CheckConstraint("amount > 0", name="amount"),
		CheckConstraint("primary_share between 0 and 1", name="primary_share"),
		CheckConstraint("valid_to is null or valid_to >= valid_from", name="validity"),
		CheckConstraint(
			"boundary in ('cradle_to_gate', 'cradle_to_grave', 'gate_to_gate')", name="boundary"
		),
		CheckConstraint("verification in ('none', 'supplier', 'third_party')", name="verification"),
		CheckConstraint(
			"(low is null) = (high is null) and low <= carbon and high >= carbon", name="bounds"
		),
	)


class Footprint(TenantOwned, Base):
	"""The footprint of one revision in one view as it was recorded; the database lets nobody change it.

	Figures are kg CO2e for one declared unit. `structure` holds the packed structure, so that the
	figures can be made again when the product has long been another one. `seal` covers the structure,
	every line, the versions of factors, method and engine, and the figures.
	"""

	__tablename__ = "esg_footprints"
	__human__ = "footprint"
	# Too large for the trail, which holds the seal over them.
	__protect__ = Protect(
		app="select, insert", redact=("structure", "branches", "gaps", "product_ids")
	)

	product_id: Mapped[Id] = mapped_column(id_type)
	product_number: Mapped[str] = mapped_column()
	product_name: Mapped[str] = mapped_column()
	revision_id: Mapped[Id] = mapped_column(id_type)
	revision: Mapped[str] = mapped_column()
	view: Mapped[str] = mapped_column()
	declared_unit: Mapped[str] = mapped_column()
	day: Mapped[date] = mapped_column(Date)
	gwp_set: Mapped[str] = mapped_column()
	method: Mapped[str] = mapped_column()
	engine: Mapped[str] = mapped_column()
	snapshot_hash: Mapped[str] = mapped_column()
	choices_hash: Mapped[str | None] = mapped_column()
	structure: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
	product_ids: Mapped[list[str]] = mapped_column(ARRAY(id_type), deferred=True)
	total: Mapped[Decimal | None] = mapped_column(EXACT)
	biogenic: Mapped[Decimal] = mapped_column(EXACT)
	least: Mapped[Decimal | None] = mapped_column(EXACT)
	most: Mapped[Decimal | None] = mapped_column(EXACT)
	choice_count: Mapped[int] = mapped_column(Integer, default=0)
	choices_without_figures: Mapped[int] = mapped_column(Integer, default=0)
	low: Mapped[Decimal | None] = mapped_column(EXACT)
	high: Mapped[Decimal | None] = mapped_column(EXACT)
	uncertainty_share: Mapped[Decimal] = mapped_column(EXACT)
	primary_share: Mapped[Decimal] = mapped_column(EXACT)
	coverage: Mapped[Decimal] = mapped_column(EXACT)
	mass_coverage: Mapped[Decimal | None] = mapped_column(EXACT)
	is_complete: Mapped[bool] = mapped_column(Boolean)
	is_estimated: Mapped[bool] = mapped_column(Boolean)
	has_as_published: Mapped[bool] = mapped_column(Boolean)
	missing_count: Mapped[int] = mapped_column(Integer)
	line_count: Mapped[int] = mapped_column(Integer)
	stages: Mapped[dict[str, Any]] = _empty_object()
	gaps: Mapped[list[Any]] = _empty_list()
	branches: Mapped[list[Any]] = mapped_column(
		JSONB, default=list, server_default=text("'[]'"), deferred=True
	)
	seal: Mapped[str] = mapped_column()

	__table_args__ = (
		Index("ix_esg_footprints_product", "tenant_id", "product_id", "created_at"),
		Index("ix_esg_footprints_created", "tenant_id", "created_at", "id"),
		CheckConstraint("view in ('engineering', 'manufacturing', 'service')", name="view"),
		CheckConstraint("coverage between 0 and 1", name="coverage"),
		CheckConstraint("total is null or least <= total and most >= total", name="span"),
	)


class FootprintLine(TenantOwned, Base):
	"""One input of a footprint: `quantity` of a product, what one unit brings, and why.

	`source`: `material` and `records` stand on a version of an activity record and a version of a
	factor, `supplier` on a supplier's statement. `quantity` and `each` are exact; `co2e` is their
	product.
	"""

	__tablename__ = "esg_footprint_lines"
	__human__ = "line of a footprint"
	__protect__ = Protect(audited=False, app="select, insert")

	footprint_id: Mapped[Id] = reference("esg_footprints")
	position: Mapped[int] = mapped_column(Integer)
	product_id: Mapped[Id] = mapped_column(id_type)
	product_number: Mapped[str] = mapped_column()
	product_name: Mapped[str] = mapped_column()
	revision_id: Mapped[Id] = mapped_column(id_type)
	revision: Mapped[str] = mapped_column()
	quantity: Mapped[Decimal] = mapped_column(EXACT)
	unit: Mapped[str] = mapped_column()
	source: Mapped[str] = mapped_column()
	stage: Mapped[str] = mapped_column()
	activity_code: Mapped[str | None] = mapped_column()
	activity_name: Mapped[str | None] = mapped_column()
	activity_quantity: Mapped[Decimal | None] = mapped_column(EXACT)
	activity_unit: Mapped[str | None] = mapped_column()
	record_id: Mapped[str | None] = mapped_column()
	record_version: Mapped[int | None] = mapped_column(Integer)
	record_row_id: Mapped[Id | None] = mapped_column(id_type)
	factor_version_id: Mapped[str | None] = mapped_column()
	factor_level: Mapped[int | None] = mapped_column(Integer)
	factor_reason: Mapped[str | None] = mapped_column()
	supplier_footprint_id: Mapped[str | None] = mapped_column()
	gwp_set: Mapped[str] = mapped_column()
	by_gas: Mapped[dict[str, Any]] = _empty_object()
	each: Mapped[Decimal] = mapped_column(EXACT)
	co2e: Mapped[Decimal] = mapped_column(EXACT)
	biogenic: Mapped[Decimal] = mapped_column(EXACT)
	low: Mapped[Decimal | None] = mapped_column(EXACT)
	high: Mapped[Decimal | None] = mapped_column(EXACT)
	share: Mapped[Decimal | None] = mapped_column(EXACT)
	primary_share: Mapped[Decimal] = mapped_column(EXACT)
	is_estimated: Mapped[bool] = mapped_column(Boolean)
	as_published: Mapped[bool] = mapped_column(Boolean)
	seal: Mapped[str] = mapped_column()

	__table_args__ = (
		UniqueConstraint("tenant_id", "footprint_id", "position"),
		CheckConstraint("source in ('material', 'records', 'supplier')", name="source"),
	)


class FootprintMark(TenantOwned, Base):
	"""Since when a footprint no longer shows the product as it stands, and which event said so."""

	__tablename__ = "esg_footprint_marks"
	__human__ = "mark of a footprint"
	__protect__ = Protect(audited=False, app="select, insert")

	footprint_id: Mapped[Id] = reference("esg_footprints")
	reason: Mapped[str] = mapped_column()
	product_id: Mapped[Id] = mapped_column(id_type)
	at: Mapped[datetime] = mapped_column()

	__table_args__ = (
		UniqueConstraint("tenant_id", "footprint_id", name="uq_esg_footprint_marks_footprint"),
		CheckConstraint(
			"reason in ('structure_changed', 'product_changed', 'revision_released')",
			name="reason",
		),
	)
