"""Products against regulations: a page of both, the status of all that is below joined in."""

from typing import Any

from sqlalchemy import func, select

from apg.capabilities.plm.compliance import evaluating
from apg.capabilities.plm.products.models import Item, Revision
from apg.capabilities.plm.shared.compliance_math import Status
from apg.capabilities.plm.shared.impact_math import worst
from apg.capabilities.plm.structures.loading import load_below_many
from apg.capabilities.plm.structures.rules import Rule, View
from apg.capabilities.plm.structures.snapshots import build
from apg.kernel.stamps import utc_now
from apg.kernel.work import Work

PAGE = 50


async def page_of(work: Work, page: int, search: str = "") -> dict[str, Any]:
	"""Fifty products by number, each with its status under every regulation in force.

	One structure for the whole page, so that what several of them contain is looked at once.
	"""
	chosen = (
		select(Item.id, Item.number, Revision.id.label("revision"), Revision.name, Revision.label)
		.join(Revision, Revision.id == Item.current_revision_id)
		.where(~Item.is_deleted)
	)
	if search:
		text = f"%{search.replace('%', '').replace('_', '')}%"
		chosen = chosen.where(Item.number.ilike(text) | Revision.name.ilike(text))
	total = await work.scalar(select(func.count()).select_from(chosen.subquery()))
	rows = (
		await work.execute(chosen.order_by(Item.number).offset((page - 1) * PAGE).limit(PAGE))
	).all()
	shown = [
		{
			"product_id": row.id,
			"product_number": row.number,
			"product_name": row.name,
			"revision": row.label,
			"statuses": {},
		}
		for row in rows
	]
	rules: tuple[evaluating.Rule, ...] = ()
	if rows:
		roots = [row.revision for row in rows]
		columns = await load_below_many(work, roots, Rule.DEFAULT, View.ENGINEERING)
		snapshot = await build(work, columns, None, Rule.DEFAULT, View.ENGINEERING)
		structure = snapshot.structure
		items = [name.decode() for name in snapshot.items.tolist()]
		standing = await evaluating.standing_of(work, items)
		rules, today = standing.rules, utc_now().date()
		for rule in rules:
			nodes = evaluating.of_nodes(standing, rule, snapshot, today)
			whole = worst(structure, nodes.own, nodes.stopped)
			for one, root in zip(shown, roots, strict=True):
				one["statuses"][rule.code] = Status(int(whole[structure.index(root)])).word
	return {
		"rows": shown,
		"rules": rules,
		"total": int(total or 0),
		"page": page,
		"pages": max(1, -(-int(total or 0) // PAGE)),
		"search": search,
	}
