"""Manufacturers and their parts, which of them may be used, suppliers and what they offer.

Prices are rows of `plm_item_costs` (kind purchase) under the supplier's name and number: what files
bring and what people record is one list.
"""

from decimal import Decimal

from sqlalchemy import CheckConstraint, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from apg.kernel.database import Base, Id, reference
from apg.kernel.errors import human
from apg.kernel.tenancy import Protect, TenantOwned

PART_LIFECYCLES = ("unknown", "active", "not_recommended", "last_time_buy", "obsolete")
APPROVALS = ("approved", "potential", "blocked")


class Manufacturer(TenantOwned, Base):
	"""Who makes parts under numbers of his own."""

	__tablename__ = "plm_manufacturers"
	__human__ = "manufacturer"
	__protect__ = Protect()

	name: Mapped[str] = mapped_column()
	website: Mapped[str | None] = mapped_column()
	note: Mapped[str | None] = mapped_column()

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"name",
			name="uq_plm_manufacturers_name",
			info=human("MANUFACTURER_EXISTS", "There is a manufacturer of this name.", "name"),
		),
	)


class ManufacturerPart(TenantOwned, Base):
	"""What a manufacturer sells under one number (MPN), and whether he goes on making it."""

	__tablename__ = "plm_manufacturer_parts"
	__human__ = "manufacturer part"
	__protect__ = Protect()

	manufacturer_id: Mapped[Id] = reference("plm_manufacturers")
	number: Mapped[str] = mapped_column()
	description: Mapped[str | None] = mapped_column()
	lifecycle: Mapped[str] = mapped_column(default="unknown", server_default="unknown")

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"manufacturer_id",
			"number",
			name="uq_plm_manufacturer_parts_number",
			info=human(
				"MANUFACTURER_PART_EXISTS", "The manufacturer already has this number.", "number"
			),
		),
		CheckConstraint(f"lifecycle in {PART_LIFECYCLES}", name="lifecycle"),
	)


class ApprovedPart(TenantOwned, Base):
	"""A manufacturer part that may be bought for a product, might be, or must not be (AML)."""

	__tablename__ = "plm_approved_parts"
	__human__ = "approved part"
	__protect__ = Protect()

	item_id: Mapped[Id] = reference("plm_items")
	manufacturer_part_id: Mapped[Id] = reference("plm_manufacturer_parts")
	status: Mapped[str] = mapped_column(default="potential", server_default="potential")
	rank: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
	note: Mapped[str | None] = mapped_column()

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"item_id",
			"manufacturer_part_id",
			name="uq_plm_approved_parts_part",
			info=human(
				"APPROVED_PART_EXISTS", "The product already lists this part.", "part_number"
			),
		),
		CheckConstraint(f"status in {APPROVALS}", name="status"),
		CheckConstraint("rank between 1 and 1000", name="rank"),
	)


class Supplier(TenantOwned, Base):
	"""Who sells parts; `name` is what prices and numbers of sale (`sku`) are recorded under."""

	__tablename__ = "plm_suppliers"
	__human__ = "supplier"
	__protect__ = Protect()

	name: Mapped[str] = mapped_column()
	currency: Mapped[str | None] = mapped_column()
	lead_time_days: Mapped[int | None] = mapped_column(Integer)
	website: Mapped[str | None] = mapped_column()
	note: Mapped[str | None] = mapped_column()

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"name",
			name="uq_plm_suppliers_name",
			info=human("SUPPLIER_EXISTS", "There is a supplier of this name.", "name"),
		),
		CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
		CheckConstraint("lead_time_days between 0 and 3650", name="lead_time_days"),
	)


class Offer(TenantOwned, Base):
	"""A product at a supplier under his number: how long it takes and in which quantities it comes."""

	__tablename__ = "plm_offers"
	__human__ = "offer"
	__protect__ = Protect()

	item_id: Mapped[Id] = reference("plm_items")
	supplier_id: Mapped[Id] = reference("plm_suppliers")
	manufacturer_part_id: Mapped[Id | None] = reference("plm_manufacturer_parts", nullable=True)
	sku: Mapped[str] = mapped_column(default="", server_default="")
	lead_time_days: Mapped[int | None] = mapped_column(Integer)
	minimum_quantity: Mapped[Decimal | None] = mapped_column()
	order_multiple: Mapped[Decimal | None] = mapped_column()

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"item_id",
			"supplier_id",
			"sku",
			name="uq_plm_offers_sku",
			info=human("OFFER_EXISTS", "The supplier already offers it under this number.", "sku"),
		),
		CheckConstraint("lead_time_days between 0 and 3650", name="lead_time_days"),
		CheckConstraint("minimum_quantity > 0", name="minimum_quantity"),
		CheckConstraint("order_multiple > 0", name="order_multiple"),
	)
