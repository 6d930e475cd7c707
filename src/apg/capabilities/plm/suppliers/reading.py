"""The selects behind answers about manufacturers, suppliers and what they offer."""

from typing import Any

from sqlalchemy import Integer, func, literal_column, select
from sqlalchemy.dialects.postgresql import JSON

from apg.capabilities.plm.suppliers.models import (
	ApprovedPart,
	Manufacturer,
	ManufacturerPart,
	Offer,
	Supplier,
)
from apg.kernel.database import AnySelect


def _count(entity: Any, column: Any, of: Any) -> Any:
	return (
		select(func.count())
		.select_from(entity)
		.where(column == of.id)
		.correlate(of)
		.scalar_subquery()
	)


def select_manufacturers() -> AnySelect:
	return select(
		Manufacturer.id.label("manufacturer_id"),
		Manufacturer.name.label("name"),
		Manufacturer.website.label("website"),
		Manufacturer.note.label("note"),
		_count(ManufacturerPart, ManufacturerPart.manufacturer_id, Manufacturer).label(
			"part_count"
		),
		Manufacturer.created_at.label("created_at"),
		Manufacturer.updated_at.label("updated_at"),
		Manufacturer.version.label("etag"),
	).order_by(func.lower(Manufacturer.name), Manufacturer.id)


def select_parts(manufacturer_id: str) -> AnySelect:
	"""Parts of a manufacturer; `product_count`: products that list them."""
	return (
		select(
			ManufacturerPart.id.label("manufacturer_part_id"),
			ManufacturerPart.manufacturer_id.label("manufacturer_id"),
			Manufacturer.name.label("manufacturer"),
			ManufacturerPart.number.label("part_number"),
			ManufacturerPart.description.label("description"),
			ManufacturerPart.lifecycle.label("lifecycle"),
			_count(ApprovedPart, ApprovedPart.manufacturer_part_id, ManufacturerPart).label(
				"product_count"
			),
			ManufacturerPart.created_at.label("created_at"),
			ManufacturerPart.updated_at.label("updated_at"),
			ManufacturerPart.version.label("etag"),
		)
		.join(Manufacturer, Manufacturer.id == ManufacturerPart.manufacturer_id)
		.where(ManufacturerPart.manufacturer_id == manufacturer_id)
		.order_by(ManufacturerPart.number, ManufacturerPart.id)
	)


def select_approved(product_id: str) -> AnySelect:
	"""The approved list of a product: what may be bought first, blocked parts last."""
	order = func.array_position(
		literal_column("array['approved','potential','blocked']"), ApprovedPart.status
	)
	return (
		select(
			ApprovedPart.id.label("approved_part_id"),
			ApprovedPart.item_id.label("product_id"),
			ApprovedPart.manufacturer_part_id.label("manufacturer_part_id"),
			Manufacturer.id.label("manufacturer_id"),
			Manufacturer.name.label("manufacturer"),
			ManufacturerPart.number.label("part_number"),
			ManufacturerPart.lifecycle.label("lifecycle"),
			ApprovedPart.status.label("status"),
			ApprovedPart.rank.label("rank"),
			ApprovedPart.note.label("note"),
			ApprovedPart.created_at.label("created_at"),
			ApprovedPart.updated_at.label("updated_at"),
			ApprovedPart.version.label("etag"),
		)
		.join(ManufacturerPart, ManufacturerPart.id == ApprovedPart.manufacturer_part_id)
		.join(Manufacturer, Manufacturer.id == ManufacturerPart.manufacturer_id)
		.where(ApprovedPart.item_id == product_id)
		.order_by(order, ApprovedPart.rank, Manufacturer.name, ManufacturerPart.number)
	)


_PRICED = (
	"(select count(distinct c.item_id) from plm_item_costs c "
	"where c.tenant_id = plm_suppliers.tenant_id and c.supplier = plm_suppliers.name)"
)


def select_suppliers() -> AnySelect:
	return select(
		Supplier.id.label("supplier_id"),
		Supplier.name.label("name"),
		Supplier.currency.label("currency"),
		Supplier.lead_time_days.label("lead_time_days"),
		Supplier.website.label("website"),
		Supplier.note.label("note"),
		literal_column(_PRICED, Integer).label("product_count"),
		Supplier.created_at.label("created_at"),
		Supplier.updated_at.label("updated_at"),
		Supplier.version.label("etag"),
	).order_by(func.lower(Supplier.name), Supplier.id)


# The prices in force: of each quantity the latest that has begun. Prices are costs of the product.
_PRICES = """(
	select coalesce(json_agg(json_build_object('quantity_break', trim_scale(p.quantity_break),
		'amount', trim_scale(p.amount), 'currency', p.currency, 'valid_from', p.valid_from)
		order by p.quantity_break), '[]')
	from (
		select distinct on (c.quantity_break) c.* from plm_item_costs c
		where c.tenant_id = plm_offers.tenant_id and c.item_id = plm_offers.item_id
		and c.kind = 'purchase' and c.supplier = plm_suppliers.name and c.sku = plm_offers.sku
		and c.valid_from <= current_date order by c.quantity_break, c.valid_from desc
	) p
)"""


def select_offers(product_id: str) -> AnySelect:
	"""What suppliers offer of a product, with the prices in force."""
	return (
		select(
			Offer.id.label("offer_id"),
			Offer.item_id.label("product_id"),
			Offer.supplier_id.label("supplier_id"),
			Supplier.name.label("supplier"),
			Offer.sku.label("sku"),
			Offer.manufacturer_part_id.label("manufacturer_part_id"),
			ManufacturerPart.number.label("part_number"),
			func.coalesce(Offer.lead_time_days, Supplier.lead_time_days).label("lead_time_days"),
			Offer.minimum_quantity.label("minimum_quantity"),
			Offer.order_multiple.label("order_multiple"),
			literal_column(_PRICES, JSON).label("prices"),
			Offer.created_at.label("created_at"),
			Offer.updated_at.label("updated_at"),
			Offer.version.label("etag"),
		)
		.join(Supplier, Supplier.id == Offer.supplier_id)
		.join(ManufacturerPart, ManufacturerPart.id == Offer.manufacturer_part_id, isouter=True)
		.where(Offer.item_id == product_id)
		.order_by(func.lower(Supplier.name), Offer.sku, Offer.id)
	)
