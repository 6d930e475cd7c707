"""What counts as the content of a revision, and its hash."""

import graphlib
import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from apg.capabilities.plm.documents.carrying import contents_of
from apg.capabilities.plm.products.models import Revision
from apg.capabilities.plm.shared.content_hash import content_hash
from apg.capabilities.plm.structures.models import Line, LineSubstitute
from apg.capabilities.plm.structures.plain_sql import fetched, named
from apg.kernel.rows import ids
from apg.kernel.work import Work


async def hash_of(work: Work, revision: Revision) -> str:
	"""SHA-256 of the revision's own fields and lines; a pinned child by the hash of its content.

	Floating children count by product, because which revision they mean is not content.
	"""
	return (await hashes_of(work, [revision]))[revision.id]


async def hashes_of(work: Work, revisions: Sequence[Revision]) -> dict[str, str]:
	"""The hashes of several revisions by their ids; where one pins another of them, it carries the
	hash computed here.

	In chunks: between them others get their turn, and the transaction is not taken for idle while
	tens of thousands of lines are hashed.
	"""
	await work.flush()
	documents = await contents_of(work, [revision.id for revision in revisions])
	found: dict[str, str] = {}
	ordered = await _pinned_first(work, revisions)
	for start in range(0, len(ordered), CHUNK):
		part = ordered[start : start + CHUNK]
		wanted = [revision.id for revision in part]
		lines: dict[str, list[Any]] = {}
		for row in await named(work, _LINES, wanted):
			lines.setdefault(row.parent_revision_id, []).append(row)
		substitutes = await _substitutes(work, wanted)
		for revision in part:
			written = [
				_line(
					line,
					found.get(line.child_revision_id) or line.content_hash,
					substitutes.get(line.id, []),
				)
				for line in lines.get(revision.id, ())
			]
			fields = fields_of(revision)
			if revision.id in documents:  # without any, as before there were documents
				fields["documents"] = documents[revision.id]
			found[revision.id] = content_hash(written, fields)
	return found


CHUNK = 40  # revisions whose lines are held at once
_PINS = """
	select l.parent_revision_id::text, l.child_revision_id::text from plm_lines l
	where l.parent_revision_id = any($1::uuid[]) and l.child_revision_id = any($1::uuid[])
"""


async def _pinned_first(work: Work, revisions: Sequence[Revision]) -> list[Revision]:
	"""The revisions, each after those of them that it pins: a structure never has a ring."""
	held = {revision.id: revision for revision in revisions}
	pins: dict[str, set[str]] = {name: set() for name in held}
	if len(held) > 1:
		for parent, child in await fetched(work, _PINS, list(held)):
			pins[parent].add(child)
	return [held[name] for name in graphlib.TopologicalSorter(pins).static_order()]


async def _substitutes(work: Work, revision_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
	found: dict[str, list[dict[str, Any]]] = {}
	for each in await work.scalars(
		select(LineSubstitute)
		.join(Line, Line.id == LineSubstitute.line_id)
		.where(Line.parent_revision_id == ids(revision_ids))
	):
		found.setdefault(each.line_id, []).append(
			{"product": each.item_id, "rank": each.rank, "ratio": each.quantity_ratio}
		)
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
