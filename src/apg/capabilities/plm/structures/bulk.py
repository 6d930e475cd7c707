"""Lines of many structures at once, for imports: read, followed downwards and written.

No rule of a structure stands here; a caller has checked quantities and units, and a ring is refused
as it is for single lines (cycles.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import select, text

from apg.capabilities.plm.locks import lock_structures
from apg.capabilities.plm.structures.cycles import refuse_cycles
from apg.capabilities.plm.structures.models import Line, LineSubstitute
from apg.kernel.rows import delete_rows, ids, insert_rows, update_rows
from apg.kernel.stamps import new_id
from apg.kernel.work import Work

FIND_STEP = 10
_ASIDE = 1_000_000_000  # added to a find number while others take its place
VIEW = "engineering"


@dataclass(slots=True)
class RecordedLine:
	"""A line of the engineering view, with its substitutes as (row id, item id)."""

	id: str
	revision_id: str
	child_item_id: str
	find_number: int
	quantity: Decimal | None
	unit: str
	attrition: Decimal
	setup_quantity: Decimal
	designators: list[str]
	note: str | None
	is_optional: bool
	is_consumable: bool
	allow_variants: bool
	source: str
	substitutes: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


async def load_lines(work: Work, revision_ids: Sequence[str]) -> list[RecordedLine]:
	"""All lines of these revisions."""
	rows = await work.execute(
		select(
			Line.id,
			Line.parent_revision_id,
			Line.child_item_id,
			Line.find_number,
			Line.quantity,
			Line.unit,
			Line.attrition,
			Line.setup_quantity,
			Line.designators,
			Line.note,
			Line.is_optional,
			Line.is_consumable,
			Line.allow_variants,
			Line.source,
		)
		.where(Line.parent_revision_id == ids(revision_ids), Line.view == VIEW)
		.order_by(Line.parent_revision_id, Line.find_number)
	)
	lines = {row[0]: RecordedLine(*row) for row in rows}
	substitutes = await work.execute(
		select(LineSubstitute.line_id, LineSubstitute.id, LineSubstitute.item_id)
		.where(LineSubstitute.line_id == ids(lines))
		.order_by(LineSubstitute.rank, LineSubstitute.id)
	)
	for line_id, row_id, item_id in substitutes:
		lines[line_id].substitutes.append((row_id, item_id))
	return list(lines.values())


async def uses_below(work: Work, item_ids: Sequence[str]) -> list[tuple[str, str]]:
	"""(parent item, child item) of every line at or below these items, in revisions that are open,
	released or pinned; each revision is visited once, however often it is used."""
	if not item_ids:
		return []
	rows = await work.execute(text(_BELOW), {"ids": list(item_ids)})
	return [(parent, child) for parent, child in rows]


_BELOW = """
	with recursive reach(item_id, revision_id) as (
		select r.item_id, r.id from plm_revisions r where r.item_id = any(cast(:ids as uuid[]))
			and r.state in ('working', 'in_review', 'released')
		union
		select step.item_id, step.id from reach cross join lateral (
			select r.item_id, r.id from plm_lines l
			join plm_revisions r on r.item_id = l.child_item_id and (r.id = l.child_revision_id
				or r.state in ('working', 'in_review', 'released'))
			where l.parent_revision_id = reach.revision_id offset 0
		) step
	)
	select distinct reach.item_id::text, l.child_item_id::text
	from reach join plm_lines l on l.parent_revision_id = reach.revision_id
"""


async def hold_structures(work: Work) -> None:
	"""Keeps all others of the tenant from changing structures until the transaction ends; before any
	row is locked."""
	await lock_structures(work)


@dataclass(slots=True)
class LineWrites:
	"""Everything to be written about lines; columns by their names in the record. `substitutes` says
	for a line, new or old, the whole list of items that may stand in."""

	new: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
	lines: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
	gone: list[str] = field(default_factory=list[str])
	substitutes: dict[str, list[str]] = field(default_factory=dict[str, list[str]])


async def write_lines(work: Work, writes: LineWrites, recorded: Mapping[str, RecordedLine]) -> None:
	"""Writes all of it; new lines without a find number come behind the others of their revision,
	in steps of ten. `recorded` are the lines as they were. Raises StructureCycle, and Conflict for a
	find number that is taken."""
	await delete_rows(work, Line, writes.gone)
	moved = {
		line_id: {"find_number": recorded[line_id].find_number + _ASIDE}
		for line_id, values in writes.lines.items()
		if "find_number" in values
	}
	await update_rows(work, Line, moved)
	await update_rows(work, Line, writes.lines)
	last: dict[str, int] = {}
	for line in recorded.values():
		if line.id not in writes.gone:
			number = writes.lines.get(line.id, {}).get("find_number", line.find_number)
			last[line.revision_id] = max(last.get(line.revision_id, 0), number)
	for row in writes.new:
		parent = row["parent_revision_id"]
		last[parent] = max(last.get(parent, 0), row.get("find_number") or 0)
	for row in writes.new:
		if row.get("find_number") is None:
			parent = row["parent_revision_id"]
			last[parent] = last[parent] // FIND_STEP * FIND_STEP + FIND_STEP
			row["find_number"] = last[parent]
	await insert_rows(
		work, Line, [{"line_uid": new_id(), "view": VIEW, **row} for row in writes.new]
	)
	await refuse_cycles(work, {row["child_item_id"] for row in writes.new})
	await _write_substitutes(work, writes.substitutes, recorded)


async def _write_substitutes(
	work: Work, wanted: Mapping[str, list[str]], recorded: Mapping[str, RecordedLine]
) -> None:
	gone: list[str] = []
	new: list[dict[str, Any]] = []
	ranks: dict[str, dict[str, Any]] = {}
	for line_id, items in wanted.items():
		line = recorded.get(line_id)
		held = {item: row for row, item in line.substitutes} if line else {}
		gone.extend(row for item, row in held.items() if item not in items)
		for rank, item in enumerate(dict.fromkeys(items), start=1):
			if item in held:
				ranks[held[item]] = {"rank": rank}
			else:
				new.append(
					{
						"line_id": line_id,
						"item_id": item,
						"rank": rank,
						"quantity_ratio": Decimal(1),
					}
				)
	await delete_rows(work, LineSubstitute, gone)
	await update_rows(work, LineSubstitute, ranks)
	await insert_rows(work, LineSubstitute, new)
