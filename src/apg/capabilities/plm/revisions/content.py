"""What counts as the content of a revision, and its hash."""

from typing import Any

from sqlalchemy import select

from apg.capabilities.plm.products.models import Revision
from apg.capabilities.plm.shared.content_hash import content_hash
from apg.capabilities.plm.structures.models import Line, LineSubstitute
from apg.kernel.work import Work


async def hash_of(work: Work, revision: Revision) -> str:
	"""SHA-256 of the revision's own fields and lines; a pinned child by the hash of its content.

	Floating children count by product, because which revision they mean is not content.
	"""
	await work.flush()
	rows = (
		await work.execute(
			select(Line, Revision.content_hash)
			.join(Revision, Revision.id == Line.child_revision_id, isouter=True)
			.where(Line.parent_revision_id == revision.id)
		)
	).all()
	substitutes: dict[str, list[dict[str, Any]]] = {}
	for each in await work.scalars(
		select(LineSubstitute)
		.join(Line, Line.id == LineSubstitute.line_id)
		.where(Line.parent_revision_id == revision.id)
	):
		substitutes.setdefault(each.line_id, []).append(
			{"product": each.item_id, "rank": each.rank, "ratio": each.quantity_ratio}
		)
	lines = [_line(line, pinned, substitutes.get(line.id, [])) for line, pinned in rows]
	return content_hash(
		lines,
		{
			"product": revision.item_id,
			"name": revision.name,
			"description": revision.description,
			"attributes": revision.attributes,
			"mass": revision.mass,
			"mass_unit": revision.mass_unit,
			"material": revision.material,
		},
	)


def _line(line: Line, pinned: str | None, substitutes: list[dict[str, Any]]) -> dict[str, Any]:
	return {
		"line": line.line_uid,
		"find_number": line.find_number,
		"product": line.child_item_id,
		"pinned": pinned or line.child_revision_id,
		"quantity": line.quantity,
		"kind": line.quantity_kind,
		"unit": line.unit,
		"attrition": line.attrition,
		"setup": line.setup_quantity,
		"rounding": line.rounding_multiple,
		"view": line.view,
		"designators": frozenset(line.designators),
		"note": line.note,
		"optional": line.is_optional,
		"consumable": line.is_consumable,
		"variants": line.allow_variants,
		"substitutes": sorted(substitutes, key=lambda each: (each["rank"], each["product"])),
	}
