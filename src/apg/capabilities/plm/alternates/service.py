"""What can be done with alternates: say that a part may stand in for another, everywhere."""

from typing import Any

from sqlalchemy import case, or_, select, text

from apg.capabilities.plm.alternates.models import Alternate
from apg.capabilities.plm.alternates.schemas import AlternateIn, AlternatePatch
from apg.capabilities.plm.locks import lock_structures
from apg.capabilities.plm.products.models import Item, Revision
from apg.capabilities.plm.shared.replacements import Pair, contradiction
from apg.kernel.database import AnySelect, load_json
from apg.kernel.errors import Conflict, Invalid, NotFound, Problem
from apg.kernel.json_rows import One
from apg.kernel.rows import ids
from apg.kernel.stamps import is_id
from apg.kernel.texts import _
from apg.kernel.work import Work


class AlternatesContradict(Conflict):
	"""A one-way alternate would lead back to the product it replaces."""

	code = "ALTERNATES_CONTRADICT"


def select_alternates(product_id: str) -> AnySelect:
	"""Alternates of a product in both directions, seen from it."""
	other: Any = case(
		(Alternate.item_id == product_id, Alternate.alternate_id), else_=Alternate.item_id
	)
	mine: Any = case(
		(Alternate.item_id == product_id, Alternate.item_id), else_=Alternate.alternate_id
	)
	direction = case(
		(Alternate.is_two_way, "both"), (Alternate.item_id == product_id, "out"), else_="in"
	)
	return (
		select(
			Alternate.id.label("alternate_id"),
			mine.label("for_product_id"),
			Item.id.label("product_id"),
			Item.number.label("product_number"),
			Revision.name.label("product_name"),
			Item.lifecycle_phase.label("lifecycle_phase"),
			direction.label("direction"),
			Alternate.is_two_way.label("is_two_way"),
			Alternate.evidence.label("evidence"),
			Alternate.created_at.label("created_at"),
			Alternate.updated_at.label("updated_at"),
			Alternate.version.label("etag"),
		)
		.join(Item, Item.id == other)
		.join(Revision, Revision.id == Item.current_revision_id)
		.where(
			or_(Alternate.item_id == product_id, Alternate.alternate_id == product_id),
			~Item.is_deleted,
		)
		.order_by(direction.desc(), Item.number, Alternate.id)
	)


async def listed(work: Work, product_id: str) -> bytes:
	"""As JSON. Raises NotFound."""
	await work.get(Item, product_id)
	return await work.read_json(select_alternates(product_id))


async def read(work: Work, product_id: str, alternate_id: str) -> One:
	"""Raises NotFound."""
	await work.get(Item, product_id)
	found = await _named(work, product_id, alternate_id)
	return await work.read_one(
		select_alternates(product_id).where(Alternate.id == found.id), Alternate
	)


async def _named(work: Work, product_id: str, alternate_id: str) -> Alternate:
	found = await work.get(Alternate, alternate_id)
	if product_id not in (found.item_id, found.alternate_id):
		raise NotFound(_("{what} not found", what=_("alternate")))
	return found


async def add(work: Work, product_id: str, new: AlternateIn) -> Alternate:
	"""Raises NotFound, Invalid for the product itself or an unknown one, Conflict for a pair that is
	there, AlternatesContradict."""
	if await work.find(Item, product_id) is None:
		raise NotFound(_("{what} not found", what=_("product")))
	await lock_structures(work)  # of two that close a ring together the second sees the first
	item = await work.get(Item, product_id)
	other = await _product(work, new)
	if other.id == item.id:
		raise Invalid.one(
			"product_number", _("A product is no alternate of itself; choose another."), "itself"
		)
	standing = await work.session.scalar(
		select(Alternate).where(Alternate.item_id == other.id, Alternate.alternate_id == item.id)
	)
	if standing is not None:
		raise AlternatesContradict(
			_(
				"{number} is recorded the other way round already; make that one two-way.",
				number=other.number,
			)
		)
	made = work.add(
		Alternate(
			item_id=item.id,
			alternate_id=other.id,
			is_two_way=new.is_two_way,
			evidence=new.evidence or None,
		)
	)
	await work.flush()
	await _refuse_contradiction(work, item.id)
	return made


async def _product(work: Work, new: AlternateIn) -> Item:
	if (new.product_id is None) == (new.product_number is None):
		raise Invalid.one("product_number", _("Name one product by its number, or by product_id."))
	chosen = Item.id == new.product_id if new.product_id else Item.number == new.product_number
	found = await work.session.scalar(select(Item).where(chosen, ~Item.is_deleted))
	if found is None:
		name = new.product_number or new.product_id
		field = "product_number" if new.product_number else "product_id"
		raise Invalid.one(field, _("There is no product {name}.", name=name), "unknown")
	return found


_CONNECTED = text("""
	with recursive reach(id) as (
		select cast(:begin as uuid)
		union
		select case when a.item_id = reach.id then a.alternate_id else a.item_id end
		from reach join plm_alternates a on reach.id in (a.item_id, a.alternate_id)
	)
	select a.item_id::text, a.alternate_id::text, a.is_two_way from plm_alternates a
	where a.item_id in (select id from reach)
""")


async def _refuse_contradiction(work: Work, item_id: str) -> None:
	rows = await work.execute(_CONNECTED, {"begin": item_id})
	pairs: list[Pair] = [(row[0], row[1], row[2]) for row in rows]
	ring = contradiction(pairs)
	if not ring:
		return
	named = await work.execute(select(Item.id, Item.number).where(Item.id == ids(ring)))
	numbers = {row.id: row.number for row in named}
	way = " > ".join(numbers.get(each, each) for each in ring)
	raise AlternatesContradict(
		_("These would replace each other in a ring: {way}. Make them two-way instead.", way=way),
		problems=[Problem("product_number", _("This closes the ring {way}.", way=way), "cycle")],
	)


async def change(
	work: Work, product_id: str, alternate_id: str, patch: AlternatePatch
) -> Alternate:
	"""Raises NotFound, PreconditionFailed, Invalid, AlternatesContradict."""
	await work.get(Item, product_id)
	await _named(work, product_id, alternate_id)
	await lock_structures(work)
	held = await work.edit(Alternate, alternate_id)
	given = patch.model_dump(exclude_unset=True)
	if given.get("is_two_way", False) is None:
		raise Invalid.one("is_two_way", _("This field cannot be emptied."))
	if "is_two_way" in given:
		held.is_two_way = given["is_two_way"]
	if "evidence" in given:
		held.evidence = given["evidence"] or None
	await work.flush()
	await _refuse_contradiction(work, held.item_id)
	return held


async def remove(work: Work, product_id: str, alternate_id: str) -> None:
	"""Raises NotFound, PreconditionFailed."""
	await work.get(Item, product_id)
	await _named(work, product_id, alternate_id)
	await work.delete(await work.edit(Alternate, alternate_id))
	await work.flush()


# -- line substitutes beside them --------------------------------------------------------------

_SUBSTITUTES = text("""
	select p.id::text as product_id, p.number as product_number, s.quantity_ratio,
		l.find_number, child.number as for_number, child.id::text as for_id,
		owner.number as parent_number, owner.id::text as parent_id, r.label as parent_revision
	from plm_line_substitutes s join plm_lines l on l.id = s.line_id
	join plm_items p on p.id = s.item_id join plm_items child on child.id = l.child_item_id
	join plm_revisions r on r.id = l.parent_revision_id join plm_items owner on owner.id = r.item_id
	where (s.item_id = cast(:item as uuid) or l.child_item_id = cast(:item as uuid))
	and r.state in ('working', 'in_review', 'released') and not owner.is_deleted
	order by owner.number, r.ordinal desc, l.find_number, s.rank limit 200
""")


async def substitutes_for(work: Work, product_id: str) -> list[dict[str, Any]]:
	"""Lines of open and released structures on which the product is replaced or replaces another."""
	rows = await work.execute(_SUBSTITUTES, {"item": product_id})
	return [dict(row) for row in rows.mappings()]


_LINE = text("""
	select l.id::text as line_id, l.find_number, i.id::text as product_id,
		i.number as product_number, shown.name as product_name, o.number as parent_number
	from plm_lines l join plm_items i on i.id = l.child_item_id
	join plm_revisions shown on shown.id = i.current_revision_id
	join plm_revisions r on r.id = l.parent_revision_id join plm_items o on o.id = r.item_id
	where l.parent_revision_id = cast(:revision as uuid) and l.line_uid = cast(:line as uuid)
""")
_ON_LINE = text("""
	select i.id::text as product_id, i.number as product_number, r.name as product_name,
		s.rank, s.quantity_ratio, i.lifecycle_phase
	from plm_line_substitutes s join plm_items i on i.id = s.item_id
	join plm_revisions r on r.id = i.current_revision_id
	where s.line_id = cast(:line as uuid) order by s.rank, i.number
""")


async def line_with_substitutes(work: Work, revision_id: str, line_uid: str) -> dict[str, Any]:
	"""A line with what may stand in for its child: here, and everywhere. Raises NotFound."""
	found = None
	if is_id(revision_id) and is_id(line_uid):
		rows = await work.execute(_LINE, {"revision": revision_id, "line": line_uid})
		found = rows.mappings().one_or_none()
	if found is None:
		raise NotFound(_("{what} not found", what=_("line")))
	here = await work.execute(_ON_LINE, {"line": found["line_id"]})
	everywhere: list[dict[str, Any]] = load_json(await listed(work, found["product_id"]))
	return {
		**found,
		"here": [dict(row) for row in here.mappings()],
		"everywhere": [row for row in everywhere if row["direction"] != "in"],
	}
