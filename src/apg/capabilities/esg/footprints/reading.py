"""The selects behind answers about footprints; their labels are the wire's field names."""

from sqlalchemy import and_, select

from apg.capabilities.esg.footprints.models import Footprint, FootprintLine, FootprintMark
from apg.kernel.database import AnySelect


def select_footprints(
	*, product_id: str | None = None, revision_id: str | None = None, outdated: bool | None = None
) -> AnySelect:
	"""Footprints with the mark of those that no longer show the product."""
	row, mark = Footprint, FootprintMark
	statement = select(
		row.id.label("id"),
		row.product_id.label("product_id"),
		row.product_number.label("product_number"),
		row.product_name.label("product_name"),
		row.revision_id.label("revision_id"),
		row.revision.label("revision"),
		row.view.label("view"),
		row.declared_unit.label("declared_unit"),
		row.day.label("day"),
		row.gwp_set.label("gwp_set"),
		row.method.label("method"),
		row.engine.label("engine"),
		row.snapshot_hash.label("snapshot_hash"),
		row.choices_hash.label("choices_hash"),
		row.total.label("total"),
		row.biogenic.label("biogenic"),
		row.least.label("least"),
		row.most.label("most"),
		row.choice_count.label("choice_count"),
		row.choices_without_figures.label("choices_without_figures"),
		row.low.label("low"),
		row.high.label("high"),
		row.uncertainty_share.label("uncertainty_share"),
		row.primary_share.label("primary_share"),
		row.coverage.label("coverage"),
		row.mass_coverage.label("mass_coverage"),
		row.is_complete.label("is_complete"),
		row.is_estimated.label("is_estimated"),
		row.has_as_published.label("has_as_published"),
		row.missing_count.label("missing_count"),
		row.line_count.label("line_count"),
		row.stages.label("stages"),
		row.gaps.label("gaps"),
		row.seal.label("seal"),
		mark.at.label("outdated_at"),
		mark.reason.label("outdated_reason"),
		row.created_at.label("created_at"),
		row.created_by.label("created_by"),
		row.version.label("etag"),
	).join(
		mark,
		and_(mark.tenant_id == row.tenant_id, mark.footprint_id == row.id),
		isouter=True,
	)
	if product_id:
		statement = statement.where(row.product_id == product_id)
	if revision_id:
		statement = statement.where(row.revision_id == revision_id)
	if outdated is not None:
		marked = mark.id.is_not(None)
		statement = statement.where(marked if outdated else ~marked)
	return statement


def select_lines(footprint_id: str) -> AnySelect:
	row = FootprintLine
	return (
		select(
			row.position.label("position"),
			row.product_id.label("product_id"),
			row.product_number.label("product_number"),
			row.product_name.label("product_name"),
			row.revision_id.label("revision_id"),
			row.revision.label("revision"),
			row.quantity.label("quantity"),
			row.unit.label("unit"),
			row.source.label("source"),
			row.stage.label("stage"),
			row.activity_code.label("activity_code"),
			row.activity_name.label("activity_name"),
			row.activity_quantity.label("activity_quantity"),
			row.activity_unit.label("activity_unit"),
			row.record_id.label("record_id"),
			row.record_version.label("record_version"),
			row.factor_version_id.label("factor_version_id"),
			row.factor_level.label("factor_level"),
			row.factor_reason.label("factor_reason"),
			row.supplier_footprint_id.label("supplier_footprint_id"),
			row.gwp_set.label("gwp_set"),
			row.by_gas.label("by_gas"),
			row.each.label("each"),
			row.co2e.label("co2e"),
			row.biogenic.label("biogenic"),
			row.low.label("low"),
			row.high.label("high"),
			row.share.label("share"),
			row.primary_share.label("primary_share"),
			row.is_estimated.label("is_estimated"),
			row.as_published.label("as_published"),
			row.seal.label("seal"),
		)
		.where(row.footprint_id == footprint_id)
		.order_by(row.position)
	)
