"""The select behind every answer about revisions."""

from sqlalchemy import func, select

from apg.capabilities.plm.products.models import Item, Revision
from apg.capabilities.plm.structures.models import Line
from apg.kernel.database import AnySelect


def select_revisions(product_id: str) -> AnySelect:
	"""All revisions of a product, the newest first."""
	lines = (
		select(func.count())
		.select_from(Line)
		.where(Line.parent_revision_id == Revision.id)
		.correlate(Revision)
		.scalar_subquery()
	)
	return (
		select(
			Revision.id.label("revision_id"),
			Revision.item_id.label("product_id"),
			Item.number.label("product_number"),
			Revision.label.label("revision"),
			Revision.ordinal.label("ordinal"),
			Revision.state.label("state"),
			(Revision.id == Item.current_revision_id).label("current"),
			Revision.name.label("product_name"),
			Revision.description.label("product_description"),
			Revision.material.label("material"),
			Revision.mass.label("mass"),
			Revision.mass_unit.label("mass_unit"),
			Revision.attributes.label("custom_attributes"),
			lines.label("line_count"),
			Revision.content_hash.label("content_hash"),
			Revision.change_id.label("change_id"),
			Revision.supersedes_id.label("supersedes_id"),
			Revision.released_at.label("released_at"),
			Revision.released_by.label("released_by"),
			Revision.created_at.label("created_at"),
			Revision.updated_at.label("updated_at"),
			Revision.created_by.label("created_by"),
			Revision.updated_by.label("updated_by"),
			func.concat(Item.version, "-", Revision.version).label("etag"),
		)
		.join(Item, Item.id == Revision.item_id)
		.where(Revision.item_id == product_id, ~Item.is_deleted)
		.order_by(Revision.ordinal.desc())
	)
