"""An affected product brought onto what another change released meanwhile, line by line."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, select

from apg.capabilities.plm.changes.models import Change, ChangeItem
from apg.capabilities.plm.documents.carrying import editions_of, links_of, set_documents
from apg.capabilities.plm.products.models import Item, Revision
from apg.capabilities.plm.shared import compare
from apg.capabilities.plm.shared.lifecycle import RevisionState
from apg.capabilities.plm.shared.merge import Choices, Clash, Merged, differing, merge
from apg.capabilities.plm.structures.cycles import refuse_cycles
from apg.capabilities.plm.structures.models import Line, LineSubstitute
from apg.kernel.errors import Conflict
from apg.kernel.rows import delete_rows, ids, insert_rows, update_rows
from apg.kernel.stamps import new_id, utc_now
from apg.kernel.texts import _
from apg.kernel.work import Work

REVISION = "revision"
"""The name under which the revision's own fields take part in a merge."""
ATTRIBUTE = "custom_attributes."
DOCUMENTS = "documents."
OWN = ("name", "description", "material")
LINE_FIELDS = (
	"child_revision_id",
	"quantity",
	"quantity_kind",
	"unit",
	"attrition",
	"setup_quantity",
	"rounding_multiple",
	"view",
	"note",
	"is_optional",
	"is_consumable",
	"allow_variants",
	"source",
)


class NothingToRebase(Conflict):
	"""The product stands on the released revision already."""

	code = "NOTHING_TO_REBASE"


@dataclass(frozen=True, slots=True)
class Rebased:
	"""What a rebase did, or would do as long as there are clashes."""

	item: ChangeItem
	onto: Revision
	merged: Merged
	own: Merged

	@property
	def clashes(self) -> tuple[Clash, ...]:
		return (*self.own.clashes, *self.merged.clashes)

	@property
	def done(self) -> bool:
		return not self.clashes


async def released_of(work: Work, item_id: str) -> Revision | None:
	"""The revision of a product that is released now."""
	return await work.session.scalar(
		select(Revision).where(
			Revision.item_id == item_id, Revision.state == RevisionState.RELEASED
		)
	)


async def look(work: Work, item: ChangeItem, choices: Choices) -> Rebased:
	"""What the merge gives with these choices; nothing is changed. Raises NothingToRebase."""
	onto = await released_of(work, item.item_id)
	if item.to_revision_id is None or onto is None or onto.id == item.from_revision_id:
		raise NothingToRebase(_("The product stands on the released revision already."))
	mine = await work.get(Revision, item.to_revision_id)
	base = await work.find(Revision, item.from_revision_id) if item.from_revision_id else None
	wanted = [each.id for each in (base, mine, onto) if each is not None]
	lines = await _lines_of(work, wanted)
	merged = merge(
		lines.get(base.id, []) if base is not None else [],
		lines.get(mine.id, []),
		lines.get(onto.id, []),
		choices,
	)
	documents = await links_of(work, wanted)

	def own_of(revision: Revision) -> compare.Line:
		return _own(revision, documents.get(revision.id, {}))

	own = merge([own_of(base)] if base is not None else [], [own_of(mine)], [own_of(onto)], choices)
	return Rebased(item, onto, merged, own)


async def apply(work: Work, change: Change, found: Rebased) -> None:
	"""Writes a merge without clashes into the order's working revision. The caller holds the
	structure lock and the change; raises StructureCycle."""
	item, revision_id = found.item, str(found.item.to_revision_id)
	revision = await work.edit(Revision, revision_id, compare=False)
	revision.must_be_working()
	_write_own(revision, found.own.lines[0])
	await work.flush()
	await set_documents(
		work,
		revision_id,
		[
			document_id
			for name, ids_ in found.own.lines[0].fields.items()
			if name.startswith(DOCUMENTS)
			for document_id in ids_ or ()
		],
	)
	present = (await _lines_of(work, [revision_id])).get(revision_id, [])
	await _write_lines(work, revision_id, present, found.merged.lines)
	item.from_revision_id = found.onto.id
	revision.updated_at = utc_now()
	await work.flush()
	await refuse_cycles(work, {line.child for line in found.merged.lines})


async def _lines_of(work: Work, revision_ids: list[str]) -> dict[str, list[compare.Line]]:
	table = Line.__table__
	substitutes: dict[str, list[tuple[str, int, Decimal]]] = {}
	rows = await work.execute(
		select(
			LineSubstitute.line_id,
			LineSubstitute.item_id,
			LineSubstitute.rank,
			LineSubstitute.quantity_ratio,
		)
		.join(Line, Line.id == LineSubstitute.line_id)
		.where(Line.parent_revision_id == ids(revision_ids))
	)
	for line_id, item_id, rank, ratio in rows:
		substitutes.setdefault(line_id, []).append((item_id, rank, ratio))
	found: dict[str, list[compare.Line]] = {}
	for row in await work.execute(
		select(table).where(table.c.parent_revision_id == ids(revision_ids))
	):
		fields: dict[str, Any] = {name: getattr(row, name) for name in LINE_FIELDS}
		fields["substitutes"] = tuple(sorted(substitutes.get(row.id, ()))) or None
		found.setdefault(row.parent_revision_id, []).append(
			compare.Line(
				uid=row.line_uid,
				child=row.child_item_id,
				find_number=row.find_number,
				designators=frozenset(row.designators),
				fields=fields,
			)
		)
	return found


def _own(revision: Revision, documents: Mapping[str, tuple[str, ...]]) -> compare.Line:
	mass = None if revision.mass is None else (revision.mass, revision.mass_unit)
	return compare.Line(
		uid=REVISION,
		child=revision.item_id,
		fields={
			**{name: getattr(revision, name) for name in OWN},
			"mass": mass,
			**{f"{ATTRIBUTE}{name}": value for name, value in revision.attributes.items()},
			**{f"{DOCUMENTS}{name}": ids_ for name, ids_ in documents.items()},
		},
	)


def _write_own(revision: Revision, merged: compare.Line) -> None:
	for name in OWN:
		setattr(revision, name, merged.value(name))
	mass, unit = merged.value("mass") or (None, None)
	revision.mass, revision.mass_unit = mass, unit
	revision.attributes = {
		name.removeprefix(ATTRIBUTE): value
		for name, value in merged.fields.items()
		if name.startswith(ATTRIBUTE)
	}


async def _write_lines(
	work: Work,
	revision_id: str,
	present: list[compare.Line],
	wanted: tuple[compare.Line, ...],
) -> None:
	"""Only rows that differ are touched, so that the trail says what the rebase changed."""
	held = {line.uid: line for line in present}
	rows = dict(
		(
			await work.execute(
				select(Line.line_uid, Line.id).where(Line.parent_revision_id == revision_id)
			)
		).all()
	)
	keep = {line.uid for line in wanted}
	changed = [line for line in wanted if line.uid in held and differing(held[line.uid], line)]
	gone = [rows[uid] for uid in held if uid not in keep]
	touched = [rows[line.uid] for line in changed]
	await work.execute(
		delete(LineSubstitute)
		.where(LineSubstitute.line_id == ids(gone + touched))
		.execution_options(bulk=True, synchronize_session=False)
	)
	await delete_rows(work, Line, gone)
	# Two steps, because two lines may swap their find numbers.
	await update_rows(
		work, Line, {rows[line.uid]: {"find_number": 1_000_000_000 + n}
		for n, line in enumerate(changed)}
	)  # fmt: skip
	await update_rows(work, Line, {rows[line.uid]: _columns(line) for line in changed})
	added = [line for line in wanted if line.uid not in held]
	fresh = {line.uid: new_id() for line in added}
	await insert_rows(
		work,
		Line,
		[
			{
				"id": fresh[line.uid],
				"parent_revision_id": revision_id,
				"line_uid": line.uid,
				**_columns(line),
			}
			for line in added
		],
	)
	await insert_rows(
		work,
		LineSubstitute,
		[
			{
				"line_id": (fresh | rows)[line.uid],
				"item_id": item_id,
				"rank": rank,
				"quantity_ratio": ratio,
			}
			for line in (*changed, *added)
			for item_id, rank, ratio in line.value("substitutes") or ()
		],
	)


_EMPTY: Mapping[str, Any] = {
	"attrition": Decimal(0),
	"setup_quantity": Decimal(0),
	"is_optional": False,
	"is_consumable": False,
	"allow_variants": False,
	"source": "",
}


def _columns(line: compare.Line) -> dict[str, Any]:
	return {
		"child_item_id": line.child,
		"find_number": line.find_number,
		"designators": sorted(line.designators),
		**{name: line.value(name) for name in LINE_FIELDS},
		**{name: empty for name, empty in _EMPTY.items() if line.value(name) is None},
	}


async def told(work: Work, found: Rebased) -> dict[str, Any]:
	"""The wire form, products by their numbers."""
	wanted = {
		value
		for clash in found.clashes
		for value in _ids_in(clash)
	}  # fmt: skip
	rows = await work.execute(select(Item.id, Item.number).where(Item.id == ids(sorted(wanted))))
	numbers = dict(rows.all())
	numbers |= await editions_of(
		work,
		[
			document_id
			for clash in found.clashes
			if clash.field.startswith(DOCUMENTS)
			for side in (clash.base, clash.mine, clash.theirs)
			for document_id in side or ()
		],
	)
	return {
		"product_id": found.item.item_id,
		"from_revision_id": found.item.from_revision_id,
		"onto_revision_id": found.onto.id,
		"rebased": False,
		"clashes": [
			{
				"line_uid": clash.uid,
				"field": clash.field,
				**{
					side: _shown(getattr(clash, side), numbers)
					for side in ("base", "mine", "theirs")
				},
			}
			for clash in found.clashes
		],
		"moved": [
			{"line_uid": uid, "before": before, "after": after}
			for uid, before, after in found.merged.moved
		],
	}


def _ids_in(clash: Clash) -> set[str]:
	found: set[str] = set()
	for value in (clash.base, clash.mine, clash.theirs):
		if isinstance(value, compare.Line):
			found.add(value.child)
		elif clash.field == "child" and isinstance(value, str):
			found.add(value)
	return found


def _shown(value: Any, numbers: Mapping[str, str]) -> Any:
	if isinstance(value, compare.Line):
		return {
			"product": numbers.get(value.child, value.child),
			"find_number": value.find_number,
			"quantity": value.value("quantity"),
			"unit": value.value("unit"),
			"designators": sorted(value.designators),
		}
	if isinstance(value, (frozenset, tuple, list)):
		return [numbers.get(str(one), str(one)) for one in value]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
	return numbers.get(value, value) if isinstance(value, str) else value
