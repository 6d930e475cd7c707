"""Which products a change affects, and the working revisions an order opens for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from apg.capabilities.plm.changes.models import Change, ChangeItem
from apg.capabilities.plm.changes.schemas import AffectedIn, AffectedPatch
from apg.capabilities.plm.classes.inheritance import schemes
from apg.capabilities.plm.documents.carrying import copy_documents
from apg.capabilities.plm.locks import lock_structures
from apg.capabilities.plm.products.models import Item, Revision
from apg.capabilities.plm.revisions import moves
from apg.capabilities.plm.shared.change_states import (
	RELEASING,
	ChangeKind,
	ChangeStatus,
	Disposition,
	ItemAction,
)
from apg.capabilities.plm.shared.errors import DomainError
from apg.capabilities.plm.shared.label_schemes import label_after
from apg.capabilities.plm.shared.lifecycle import RevisionState
from apg.capabilities.plm.structures.copying import STAMPS, copy_lines
from apg.contracts.plm import RevisionOpened
from apg.kernel.errors import Conflict, Invalid, NotFound, Problem
from apg.kernel.rows import ids, insert_rows, texts, update_rows
from apg.kernel.stamps import new_id, utc_now
from apg.kernel.texts import _
from apg.kernel.web.wire import moment_text
from apg.kernel.work import Work

LIVE = (RevisionState.WORKING, RevisionState.IN_REVIEW, RevisionState.RELEASED)
FIXED = (RevisionState.RELEASED, RevisionState.SUPERSEDED, RevisionState.OBSOLETE)


class NothingReleased(Conflict):
	"""The action needs a released revision."""

	code = "NOTHING_RELEASED"


@dataclass(slots=True)
class Standing:
	"""The revisions of one product that count for a change."""

	item: Item
	released: Revision | None = None
	loose: Revision | None = None
	last_ordinal: int = 0
	fixed: tuple[str, ...] = ()


async def add(work: Work, change: Change, given: Sequence[AffectedIn]) -> list[ChangeItem]:
	"""Adds products to the change; an order opens a working revision of each that it releases.

	The caller holds the change. Raises Invalid with the place of each bad entry (`items.2.action`),
	Conflict for a product that is affected already.
	"""
	if not given:
		return []
	await lock_structures(work)
	named = await _named(work, given)
	standing = await standing_of(work, [item.id for item in named])
	present = int(
		await work.scalar(
			select(func.coalesce(func.max(ChangeItem.ordinal), 0)).where(
				ChangeItem.change_id == change.id
			)
		)
	)
	problems: list[Problem] = []
	made: list[ChangeItem] = []
	for place, (each, item) in enumerate(zip(given, named, strict=True)):
		try:
			row = _row(change, each, standing[item.id])
		except (Invalid, Conflict) as error:
			problems += [
				Problem(f"items.{place}.{p.field}", p.message, p.code)
				for p in error.problems or (Problem("action", error.message, error.code.lower()),)
			]
			continue
		row.ordinal = present + place + 1
		made.append(row)
	if len({item.id for item in named}) < len(named):
		problems.append(Problem("items", _("A product stands in the list twice."), "twice"))
	if problems:
		raise Invalid(_("Some products cannot be affected this way."), problems=problems)
	if change.kind == ChangeKind.CHANGE_ORDER:
		opening = [row for row in made if ItemAction(row.action) in RELEASING]
		await _open(work, change, opening, standing)
	work.session.add_all(made)
	await work.flush()
	return made


async def _named(work: Work, given: Sequence[AffectedIn]) -> list[Item]:
	"""The items in the order of the entries, locked. Raises Invalid for unknown ones."""
	wanted_ids = [each.product_id for each in given if each.product_id]
	numbers = [each.product_number for each in given if each.product_number]
	wanted_ids += [each.replaces_product_id for each in given if each.replaces_product_id]
	rows: list[Item] = await work.scalars(
		select(Item)
		.where((Item.id == ids(wanted_ids)) | (Item.number == texts(numbers)), ~Item.is_deleted)
		.order_by(Item.id)
		.with_for_update()
		.execution_options(populate_existing=True)
	)
	by_id, by_number = {row.id: row for row in rows}, {row.number: row for row in rows}
	problems: list[Problem] = []
	found: list[Item] = []
	for place, each in enumerate(given):
		item = by_id.get(each.product_id or "") or by_number.get(each.product_number or "")
		if item is None:
			field = "product_id" if each.product_id else "product_number"
			name = each.product_id or each.product_number
			text = _("There is no product {name}; create it first.", name=name)
			problems.append(Problem(f"items.{place}.{field}", text, "unknown"))
		elif each.replaces_product_id and each.replaces_product_id not in by_id:
			text = _("There is no product {name}.", name=each.replaces_product_id)
			problems.append(Problem(f"items.{place}.replaces_product_id", text, "unknown"))
		else:
			found.append(item)
	if problems:
		raise Invalid(_("Some products are not there."), problems=problems)
	return found


async def standing_of(work: Work, item_ids: Sequence[str]) -> dict[str, Standing]:
	"""Released and standalone working revision of each product, in three queries."""
	wanted = ids(item_ids)
	items: list[Item] = await work.scalars(select(Item).where(Item.id == wanted))
	found = {item.id: Standing(item) for item in items}
	rows: list[Revision] = await work.scalars(
		select(Revision)
		.where(Revision.item_id == wanted, Revision.state.in_(LIVE))
		.execution_options(populate_existing=True)
	)
	for row in rows:
		if row.state == RevisionState.RELEASED:
			found[row.item_id].released = row
		elif row.change_id is None:
			found[row.item_id].loose = row
	labels = await work.execute(
		select(Revision.item_id, Revision.ordinal, Revision.label, Revision.state)
		.where(Revision.item_id == wanted)
		.order_by(Revision.item_id, Revision.ordinal)
	)
	for item_id, ordinal, label, state in labels:
		held = found[item_id]
		held.last_ordinal = max(held.last_ordinal, ordinal)
		held.fixed += (label,) if state in FIXED else ()
	return found


def _row(change: Change, given: AffectedIn, held: Standing) -> ChangeItem:
	number = held.item.number
	action = given.action or (ItemAction.REVISE if held.released else ItemAction.ADD)
	if action == ItemAction.ADD and held.released is not None:
		text = _("{number} is released already; revise it.", number=number)
		raise Invalid.one("action", text, "released")
	needs_release = (
		action in (ItemAction.REVISE, ItemAction.OBSOLETE)
		and change.kind == ChangeKind.CHANGE_ORDER
	)
	if needs_release and held.released is None:
		text = _("{number} was never released; add it instead.", number=number)
		raise Invalid.one("action", text, "not_released")
	if action == ItemAction.REPLACE and given.replaces_product_id is None:
		text = _("Name the product that {number} stands in for.", number=number)
		raise Invalid.one("replaces_product_id", text, "missing")
	if given.replaces_product_id == held.item.id:
		text = _("{number} cannot replace itself.", number=number)
		raise Invalid.one("replaces_product_id", text, "itself")
	return ChangeItem(
		id=new_id(),
		change_id=change.id,
		item_id=held.item.id,
		ordinal=0,
		action=action,
		from_revision_id=held.released.id if held.released is not None else None,
		replaces_item_id=given.replaces_product_id,
		new_phase=given.new_phase,
		effective_from=given.effective_from,
		interchangeable=given.interchangeable,
		dispositions={
			str(place): {"decision": str(decision)}
			for place, decision in given.dispositions.items()
		},
		note=given.note,
	)


async def _open(
	work: Work, change: Change, rows: Sequence[ChangeItem], standing: Mapping[str, Standing]
) -> None:
	"""A working revision of the order for each product, copied from the released one.

	One that stands alone (a first revision, or one opened by hand) becomes the order's, and what it
	was opened from is its base.
	"""
	scheme = await schemes(work)
	fresh: list[dict[str, Any]] = []
	copied: dict[str, str] = {}
	for row in rows:
		held = standing[row.item_id]
		if held.loose is not None:
			row.to_revision_id, row.adopted = held.loose.id, True
			if held.released is not None:
				row.from_revision_id = await _base_of(work, held.loose) or held.released.id
			continue
		source = held.released
		if source is None:  # its only working revision belongs to another change
			text = _("{number} belongs to another open change.", number=held.item.number)
			raise Conflict(text, code="REVISION_IN_CHANGE")
		try:
			label = label_after(
				scheme.of(held.item.class_path, held.item.lifecycle_phase), held.fixed
			)
		except DomainError as error:
			text = f"{held.item.number}: {error.reason}. {error.remedy}"
			raise Invalid.one("revision", text, error.code) from error
		revision_id = row.to_revision_id = new_id()
		copied[source.id] = revision_id
		fresh.append(
			{
				"id": revision_id,
				"item_id": row.item_id,
				"ordinal": held.last_ordinal + 1,
				"label": label,
				"state": RevisionState.WORKING,
				"change_id": change.id,
				**{name: getattr(source, name) for name in CONTENT},
			}
		)
	await _adopt(work, change, [str(row.to_revision_id) for row in rows if row.adopted])
	await insert_rows(work, Revision, fresh)
	await copy_content(work, copied)
	for source_id, revision_id in copied.items():
		product_id = next(row.item_id for row in rows if row.to_revision_id == revision_id)
		work.publish(
			RevisionOpened(product_id=product_id, revision_id=revision_id, copied_from=source_id)
		)


async def _adopt(work: Work, change: Change, revision_ids: Sequence[str]) -> None:
	"""Revisions that stood alone become the order's, all in one statement."""
	if not revision_ids:
		return
	await update_rows(work, Revision, {one: {"change_id": change.id} for one in revision_ids})
	again = select(Revision).where(Revision.id == ids(revision_ids))
	await work.scalars(again.execution_options(populate_existing=True))


CONTENT = tuple(
	column.key
	for column in Revision.__table__.columns
	if column.computed is None
	and column.key
	not in STAMPS
	| {"item_id", "ordinal", "label", "state", "content_hash", "change_id", "supersedes_id"}
	| {"released_at", "released_by"}
)


async def _base_of(work: Work, loose: Revision) -> str | None:
	"""The revision that was released when the loose one was opened."""
	return await work.scalar(
		select(Revision.id)
		.where(
			Revision.item_id == loose.item_id,
			Revision.state.in_(FIXED),
			Revision.released_at <= loose.created_at,
		)
		.order_by(Revision.released_at.desc(), Revision.ordinal.desc())
		.limit(1)
	)


async def copy_content(work: Work, copied: Mapping[str, str]) -> int:
	"""Lines, substitutes and documents of many revisions at once, `line_uid` kept; answers how many
	lines."""
	if not copied:
		return 0
	await copy_documents(work, copied)
	return await copy_lines(work, copied)


async def item_of(work: Work, change: Change, item_id: str, *, lock: bool = True) -> ChangeItem:
	"""One affected product of the change, by its row or its product. Raises NotFound."""
	query = select(ChangeItem).where(
		ChangeItem.change_id == change.id,
		(func.text(ChangeItem.id) == item_id) | (func.text(ChangeItem.item_id) == item_id),
	)
	found = await work.session.scalar(query.with_for_update() if lock else query)
	if found is None:
		raise NotFound(_("{what} not found", what=_("affected product")))
	return found


def apply(change: Change, item: ChangeItem, patch: AffectedPatch, user_id: str | None) -> None:
	"""Changes what the patch names: decisions in a draft, what is done after the release."""
	given = patch.model_dump(exclude_unset=True)
	decides = given.keys() - {"done"}
	if decides and change.status != ChangeStatus.DRAFT:
		raise Conflict(
			_("{number} is {status}; return it to change this.", number=change.number,
			status=change.status),
			code="CHANGE_NOT_OPEN",
		)  # fmt: skip
	if given.get("new_phase") is not None and item.action != ItemAction.PHASE_CHANGE:
		raise Invalid.one("new_phase", _("The action of this product is another one."))
	for name in ("new_phase", "effective_from", "interchangeable", "note"):
		if name in given and (name != "new_phase" or given[name] is not None):
			setattr(item, name, given[name])
	if patch.dispositions is not None:
		item.dispositions = {
			str(place): {"decision": str(decision)}
			for place, decision in patch.dispositions.items()
		}
	if patch.done is not None:
		_carry_out(change, item, [str(place) for place in patch.done], user_id)


def _carry_out(
	change: Change, item: ChangeItem, places: Sequence[str], user_id: str | None
) -> None:
	if change.status != ChangeStatus.IMPLEMENTED:
		raise Conflict(
			_("{number} is {status}; dispositions are carried out after the release.",
			number=change.number, status=change.status),
			code="CHANGE_NOT_OPEN",
		)  # fmt: skip
	unknown = [place for place in places if place not in item.dispositions]
	if unknown:
		raise Invalid.one("done", _("Nothing was decided about {place}.", place=unknown[0]))
	now = moment_text(utc_now())
	item.dispositions = {
		place: held | {"done_at": now, "done_by": user_id}
		if place in places and "done_at" not in held
		else held
		for place, held in item.dispositions.items()
	}


def open_dispositions(item: ChangeItem) -> list[str]:
	"""Places where something was decided and is not carried out yet."""
	return [
		place
		for place, held in item.dispositions.items()
		if held.get("decision") != Disposition.NONE and "done_at" not in held
	]


async def remove(work: Work, item: ChangeItem) -> None:
	"""Takes a product out of a draft; its working revision is given up, an adopted one given back."""
	revision_id, adopted = item.to_revision_id, item.adopted
	await work.delete(item)
	await work.flush()
	await give_back(work, [(revision_id, adopted)] if revision_id else [])


async def give_back(work: Work, revisions: Sequence[tuple[str, bool]]) -> None:
	"""What becomes of an order's revisions without the order: (id, adopted)."""
	await work.flush()
	own = [revision_id for revision_id, adopted in revisions if not adopted]
	if own:
		await moves.cancel(work, own)
	for revision_id, adopted in revisions:
		if adopted:
			revision = await work.edit(Revision, revision_id, compare=False)
			if revision.state == RevisionState.IN_REVIEW:
				await moves.thaw(work, [revision_id])
			revision.change_id = None
	await work.flush()
