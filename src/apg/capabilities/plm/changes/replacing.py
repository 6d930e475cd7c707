"""One part in place of another, wherever it is used: looked at first, then put into the order."""

from typing import Any

from sqlalchemy import select

from apg.capabilities.plm.changes import affected
from apg.capabilities.plm.changes.models import Change, ChangeItem
from apg.capabilities.plm.changes.schemas import AffectedIn, ReplaceIn
from apg.capabilities.plm.products.models import Item, Revision
from apg.capabilities.plm.structures.cycles import refuse_cycles
from apg.capabilities.plm.structures.models import Line
from apg.capabilities.plm.structures.plain_sql import mapped
from apg.capabilities.plm.structures.service import unit_of
from apg.kernel.errors import Invalid
from apg.kernel.rows import ids, update_rows
from apg.kernel.texts import _
from apg.kernel.work import Work

MOST = 5_000

# Lines of what stands for a parent: the order's own revision where it has one, else the released
# one, else the first working one that belongs to no change.
_USES = """
	select i.id::text as product_id, i.number as product_number, r.name as product_name,
		r.id::text as revision_id, r.label as revision, l.line_uid::text as line_uid, l.find_number,
		l.quantity, l.unit, mine.id is not null as in_change
	from plm_lines l
	join plm_revisions r on r.id = l.parent_revision_id
	join plm_items i on i.id = r.item_id and not i.is_deleted
	left join plm_change_items mine on mine.item_id = i.id and mine.change_id = $2::uuid
	where l.child_item_id = $1::uuid and r.id = coalesce(mine.to_revision_id,
		(select x.id from plm_revisions x where x.item_id = i.id and x.state = 'released'),
		(select x.id from plm_revisions x where x.item_id = i.id and x.state = 'working'
			and x.change_id is null))
	order by i.number, l.find_number, l.line_uid limit 5001
"""


async def pair(work: Work, given: ReplaceIn) -> tuple[Item, Item]:
	"""The part and what comes in its place. Raises Invalid."""
	old = await _item(work, "product", given.product_id, given.product_number)
	new = await _item(work, "with_product", given.with_product_id, given.with_product_number)
	if old.id == new.id:
		raise Invalid.one("with_product_id", _("This is the same part."), "same")
	return old, new


async def _item(work: Work, name: str, item_id: str | None, number: str | None) -> Item:
	chosen = (Item.id == item_id) if item_id else (Item.number == number)
	found = await work.session.scalar(select(Item).where(chosen, ~Item.is_deleted))
	if found is None:
		field = f"{name}_id" if item_id else f"{name}_number"
		text = _("There is no product {name}; create it first.", name=item_id or number)
		raise Invalid.one(field, text, "unknown")
	return found


async def id_of(work: Work, number: str) -> str:
	"""The id behind a product's number. Raises Invalid."""
	return (await _item(work, "product", None, number)).id


async def uses(work: Work, change: Change, old: Item, new: Item) -> list[dict[str, Any]]:
	"""Every line that would change, in order of the parents; `skipped` says why one would not."""
	rows = await mapped(work, _USES, old.id, change.id)
	if len(rows) > MOST:
		text = _("The part stands on more than {n} lines; choose parents.", n=MOST)
		raise Invalid.one("parents", text, "too_many")
	fits: dict[str, str | None] = {}
	for row in rows:
		unit = row["unit"]
		if unit not in fits:
			try:
				unit_of(work, unit, new)
				fits[unit] = None
			except Invalid as error:
				fits[unit] = error.problems[0].message
		row["skipped"] = fits[unit]
		if row["product_id"] == new.id:
			row["skipped"] = _("{number} cannot contain itself.", number=new.number)
	return rows


async def replace(work: Work, change: Change, given: ReplaceIn) -> list[dict[str, Any]]:
	"""Puts the parents into the order and the new part onto their lines; answers what was done.

	The caller holds the change, a draft. Raises Invalid, Conflict, StructureCycle.
	"""
	old, new = await pair(work, given)
	found = await uses(work, change, old, new)
	chosen = [
		row
		for row in found
		if row["skipped"] is None and (given.parents is None or row["product_id"] in given.parents)
	]
	if given.preview or not chosen:
		return found
	parents = list(dict.fromkeys(row["product_id"] for row in chosen if not row["in_change"]))
	await affected.add(work, change, [AffectedIn(product_id=one) for one in parents])
	held = await work.scalars(
		select(ChangeItem.to_revision_id).where(
			ChangeItem.change_id == change.id,
			ChangeItem.item_id == ids(sorted({row["product_id"] for row in chosen})),
			ChangeItem.to_revision_id.is_not(None),
		)
	)
	uids = sorted({row["line_uid"] for row in chosen})
	lines = await work.execute(
		select(Line.id, Line.unit, Line.parent_revision_id).where(
			Line.parent_revision_id == ids(held),
			Line.line_uid == ids(uids),
			Line.child_item_id == old.id,
		)
	)
	changes = {
		line_id: {
			"child_item_id": new.id,
			"child_revision_id": None,
			"unit": unit_of(work, unit, new),
		}
		for line_id, unit, _revision in lines
	}
	await update_rows(work, Line, changes)
	await refuse_cycles(work, {new.id})
	await update_rows(work, Revision, {one: {} for one in held})
	for row in chosen:
		row["in_change"] = True
	return chosen
