"""The selects behind answers about classes."""

from typing import Any

from sqlalchemy import Integer, func, literal_column, select

from apg.capabilities.plm.classes.models import ClassAttribute, LabelSchemeRow, PartClass
from apg.kernel.database import AnySelect

# A product names its class by path, and inherits from every class on the way.
_PRODUCTS = (
	"(select count(*) from plm_items i where i.tenant_id = plm_classes.tenant_id and not i.is_deleted "
	"and (i.class_path = plm_classes.path or starts_with(i.class_path, plm_classes.path || '/')))"
)


def select_classes() -> AnySelect:
	"""All classes by path, so that each stands below its parent."""
	attributes: Any = (
		select(func.count())
		.select_from(ClassAttribute)
		.where(ClassAttribute.class_id == PartClass.id)
		.correlate(PartClass)
		.scalar_subquery()
	)
	return select(
		PartClass.id.label("class_id"),
		PartClass.name.label("name"),
		PartClass.path.label("path"),
		PartClass.parent_id.label("parent_id"),
		PartClass.description.label("description"),
		PartClass.documents.label("required_documents"),
		attributes.label("attribute_count"),
		literal_column(_PRODUCTS, Integer).label("product_count"),
		PartClass.created_at.label("created_at"),
		PartClass.updated_at.label("updated_at"),
		PartClass.version.label("etag"),
	).order_by(PartClass.path)


def select_attributes(class_ids: Any) -> AnySelect:
	"""Attributes of classes, root first; `class_ids` is what `class_id` must equal."""
	return (
		select(
			ClassAttribute.id.label("attribute_id"),
			ClassAttribute.class_id.label("class_id"),
			PartClass.path.label("class_path"),
			ClassAttribute.name.label("name"),
			ClassAttribute.title.label("title"),
			ClassAttribute.kind.label("kind"),
			ClassAttribute.unit.label("unit"),
			ClassAttribute.choices.label("choices"),
			ClassAttribute.minimum.label("minimum"),
			ClassAttribute.maximum.label("maximum"),
			ClassAttribute.is_required.label("is_required"),
			ClassAttribute.position.label("position"),
			ClassAttribute.created_at.label("created_at"),
			ClassAttribute.updated_at.label("updated_at"),
			ClassAttribute.version.label("etag"),
		)
		.join(PartClass, PartClass.id == ClassAttribute.class_id)
		.where(ClassAttribute.class_id == class_ids)
		.order_by(PartClass.path, ClassAttribute.position, ClassAttribute.name)
	)


def select_schemes() -> AnySelect:
	"""All label schemes: those of every product first, then by class."""
	return (
		select(
			LabelSchemeRow.id.label("scheme_id"),
			LabelSchemeRow.class_id.label("class_id"),
			PartClass.path.label("class_path"),
			func.nullif(LabelSchemeRow.phase, "").label("phase"),
			LabelSchemeRow.series.label("series"),
			LabelSchemeRow.width.label("width"),
			LabelSchemeRow.prefix.label("prefix"),
			LabelSchemeRow.created_at.label("created_at"),
			LabelSchemeRow.updated_at.label("updated_at"),
			LabelSchemeRow.version.label("etag"),
		)
		.join(PartClass, PartClass.id == LabelSchemeRow.class_id, isouter=True)
		.order_by(PartClass.path.nulls_first(), LabelSchemeRow.phase, LabelSchemeRow.id)
	)
