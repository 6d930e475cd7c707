"""What counts as the content of a revision, and its hash."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from apg.capabilities.plm.documents.carrying import contents_of
from apg.capabilities.plm.products.models import Revision
from apg.capabilities.plm.shared.content_hash import content_hash
from apg.capabilities.plm.structures.models import Line, LineSubstitute
from apg.capabilities.plm.structures.plain_sql import fetched
from apg.kernel.rows import ids
from apg.kernel.work import Work


async def hash_of(work: Work, revision: Revision) -> str:
	"""SHA-256 of the revision's own fields and lines; a pinned child by the hash of its content.

	Floating children count by product, because which revision they mean is not content.
	"""
	return (await hashes_of(work, [revision]))[revision.id]


async def hashes_of(work: Work, revisions: Sequence[Revision]) -> dict[str, str]:
	"""The hashes of several revisions by their ids, in four queries; where one pins another of
	them, it carries the hash computed here."""
	await work.flush()
	wanted = ids([revision.id for revision in revisions])
	lines: dict[str, list[Any]] = {}
	for row in await fetched(work, _LINES, [revision.id for revision in revisions]):
		lines.setdefault(row.parent_revision_id, []).append(row)
	substitutes: dict[str, list[dict[str, Any]]] = {}
	for each in await work.scalars(
		select(LineSubstitute)
		.join(Line, Line.id == LineSubstitute.line_id)
		.where(Line.parent_revision_id == wanted)
	):
		substitutes.setdefault(each.line_id, []).append(
			{"product": each.item_id, "rank": each.rank, "ratio": each.quantity_ratio}
		)
	documents = await contents_of(work, [revision.id for revision in revisions])
	held = {revision.id: revision for revision in revisions}
	found: dict[str, str] = {}

	def hashed(revision: Revision) -> str:
		if revision.id in found:
			return found[revision.id]
		written: list[dict[str, Any]] = []
		for line in lines.get(revision.id, ()):
			below = held.get(line.child_revision_id)  # no cycle: a structure never has one
			pinned = line.content_hash if below is None else hashed(below)
			written.append(_line(line, pinned, substitutes.get(line.id, [])))
		fields = fields_of(revision)
		if revision.id in documents:  # without any, the hash is that of before there were documents
			fields["documents"] = documents[revision.id]
		found[revision.id] = content_hash(written, fields)
		return found[revision.id]

	for revision in revisions:
		hashed(revision)
	return found


# Written as SQL, and only what counts: the rows of an order come by the ten thousand.
_LINES = """
	select l.id::text as id, l.parent_revision_id::text as parent_revision_id,
		l.line_uid::text as line_uid, l.find_number, l.child_item_id::text as child_item_id,
		l.child_revision_id::text as child_revision_id, l.quantity, l.quantity_kind, l.unit,
		l.attrition, l.setup_quantity, l.rounding_multiple, l.view, l.note, l.is_optional,
		l.is_consumable, l.allow_variants, r.content_hash,
		nullif(l.designators, '[]'::jsonb)::text as designators
	from plm_lines l left join plm_revisions r on r.id = l.child_revision_id
	where l.parent_revision_id = any($1::uuid[])
"""


def fields_of(revision: Any) -> dict[str, Any]:
	"""The revision's own content, beside its lines."""
	return {
		"product": revision.item_id,
		"name": revision.name,
		"description": revision.description,
		"attributes": revision.attributes,
		"mass": revision.mass,
		"mass_unit": revision.mass_unit,
		"material": revision.material,
	}


def _line(line: Any, pinned: str | None, substitutes: list[dict[str, Any]]) -> dict[str, Any]:
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
		"designators": frozenset(json.loads(line.designators or "[]")),
		"note": line.note,
		"optional": line.is_optional,
		"consumable": line.is_consumable,
		"variants": line.allow_variants,
		"substitutes": sorted(substitutes, key=lambda each: (each["rank"], each["product"])),
	}
