"""The selects behind every answer about products; their labels are the wire's field names."""

from typing import Any

from sqlalchemy import JSON, and_, bindparam, case, func, literal_column, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import aliased

from apg.capabilities.plm.products.models import Identifier, Item, ItemCost, Revision
from apg.kernel.database import AnySelect
from apg.kernel.json_rows import Prepared
from apg.kernel.stamps import is_id

NO_TWIN = "no digital twin capability is installed"
SORTABLE: dict[str, Any] = {
	"created_at": Item.created_at,
	"updated_at": Item.updated_at,
	"product_number": Item.number,
	"product_type": Item.product_type,
	"lifecycle_phase": Item.lifecycle_phase,
	"target_cost": Item.target_cost,
	"product_name": Revision.name,
	"revision": Revision.label,
}

NULLABLE = frozenset({"target_cost"})


# Documents stand above products; what is told of them here is their names and where they are.
_DOCUMENTS = """(select coalesce(jsonb_agg(jsonb_build_object('document_id', d.id, 'kind', d.kind,
	'title', d.title, 'revision', d.label, 'file_name', d.file_name, 'sha256', d.sha256)
	order by d.kind, d.title, d.id), '[]'::jsonb)
	from plm_revision_documents rd join plm_documents d on d.tenant_id = rd.tenant_id
	and d.id = rd.document_id
	where rd.tenant_id = plm_revisions.tenant_id and rd.revision_id = plm_revisions.id)"""


def current_cost(column: Any) -> Any:
	"""A column of the cost shown as current: recorded by hand before internal before purchase; then
	the latest date that has come, then the smallest quantity. A count of products drops it."""
	rank = case((ItemCost.kind == "manual", 0), (ItemCost.kind == "internal", 1), else_=2)
	return (
		select(column)
		.where(
			ItemCost.tenant_id == Item.tenant_id,
			ItemCost.item_id == Item.id,
			ItemCost.valid_from <= func.current_date(),
		)
		.order_by(rank, ItemCost.valid_from.desc(), ItemCost.quantity_break, ItemCost.id)
		.limit(1)
		.correlate(Item)
		.scalar_subquery()
	)


def select_products(revision: Any = None) -> AnySelect:
	"""Products as the wire shows them, each with its current revision or the one given."""
	joined = and_(
		Revision.tenant_id == Item.tenant_id,
		Revision.id == (Item.current_revision_id if revision is None else revision),
	)
	# A constant to the planner; a call to build it would be made for each row.
	twin = literal_column(f"""'{{"status": "unavailable", "reason": "{NO_TWIN}"}}'::json""", JSON)
	return select(
		Item.id.label("product_id"),
		Item.number.label("product_number"),
		Revision.name.label("product_name"),
		Revision.description.label("product_description"),
		Item.product_type.label("product_type"),
		Item.lifecycle_phase.label("lifecycle_phase"),
		Revision.label.label("revision"),
		Revision.id.label("revision_id"),
		Revision.state.label("revision_state"),
		case((Item.is_deleted, "deleted"), (Item.is_active, "active"), else_="inactive").label(
			"status"
		),
		Item.target_cost.label("target_cost"),
		current_cost(ItemCost.amount).label("current_cost"),
		func.coalesce(current_cost(ItemCost.currency), Item.target_currency).label("currency"),
		Item.unit_of_measure.label("unit_of_measure"),
		Item.manufacturing_status.label("manufacturing_status"),
		Item.class_path.label("class_path"),
		Revision.material.label("material"),
		Revision.mass.label("mass"),
		Revision.mass_unit.label("mass_unit"),
		literal_column("null::text").label("digital_twin_id"),
		twin.label("digital_twin"),
		literal_column("'[]'::jsonb", JSONB).label("compliance_records"),
		literal_column(_DOCUMENTS, JSONB).label("document_references"),
		Revision.attributes.label("custom_attributes"),
		Item.tags.label("tags"),
		Item.created_at.label("created_at"),
		func.greatest(Item.updated_at, Revision.updated_at, type_=Item.updated_at.type).label(
			"updated_at"
		),
		Item.created_by.label("created_by"),
		Item.updated_by.label("updated_by"),
		func.concat(Item.version, "-", Revision.version).label("etag"),
	).join(Revision, joined)


ONE = Prepared(select_products().where(Item.id == bindparam("product_id"), ~Item.is_deleted))


def select_costs(item_id: str) -> AnySelect:
	"""All costs of a product, the newest first."""
	return (
		select(
			ItemCost.id.label("cost_id"),
			ItemCost.item_id.label("product_id"),
			ItemCost.kind.label("kind"),
			ItemCost.amount.label("amount"),
			ItemCost.currency.label("currency"),
			ItemCost.quantity_break.label("quantity_break"),
			ItemCost.valid_from.label("valid_from"),
			ItemCost.supplier.label("supplier"),
			ItemCost.source.label("source"),
			ItemCost.created_at.label("created_at"),
			ItemCost.version.label("etag"),
		)
		.where(ItemCost.item_id == item_id)
		.order_by(
			ItemCost.valid_from.desc(), ItemCost.kind, ItemCost.supplier, ItemCost.quantity_break
		)
	)


def select_identifiers(item_id: str) -> AnySelect:
	"""All other names of a product."""
	return (
		select(
			Identifier.id.label("identifier_id"),
			Identifier.item_id.label("product_id"),
			Identifier.scheme.label("scheme"),
			Identifier.value.label("value"),
			Identifier.issuer.label("issuer"),
		)
		.where(Identifier.item_id == item_id)
		.order_by(Identifier.scheme, Identifier.issuer, Identifier.value)
	)


def latest_working(item_id: str) -> AnySelect:
	"""The working revision of a product, if it has one that belongs to no change."""
	working = aliased(Revision)
	return select(working).where(
		working.item_id == item_id, working.state == "working", working.change_id.is_(None)
	)


def named_revision(item_id: str, name: str) -> AnySelect:
	"""The revision of a product by id, or the latest one of a label."""
	chosen = (Revision.id == name) if is_id(name) else (Revision.label == name)
	return (
		select(Revision)
		.where(Revision.item_id == item_id, chosen)
		.order_by(Revision.state == "cancelled", Revision.ordinal.desc())
		.limit(1)
	)
