"""What an order changes, product by product: from the base to its working revision, by line."""

from typing import Any

from sqlalchemy import select

from apg.capabilities.plm.changes.models import Change, ChangeItem
from apg.capabilities.plm.documents.carrying import differences
from apg.capabilities.plm.shared.change_states import ItemAction
from apg.capabilities.plm.structures import answers
from apg.capabilities.plm.structures.models import Line
from apg.capabilities.plm.structures.rules import View
from apg.kernel.rows import ids
from apg.kernel.work import Work

CHANGES = ("added", "removed", "changed")
MOST = 100  # products in one answer; the others are asked for one by one


async def of_item(work: Work, item: ChangeItem) -> dict[str, Any] | None:
	"""The difference of one product; None where the change opens no revision of it."""
	if item.to_revision_id is None:
		return None
	found = await _seen(work, item, View.ENGINEERING)
	for view in await _other_views(work, item):
		more = await _seen(work, item, view)
		found["lines"] += more["lines"]
		found["identical"] = found["identical"] and not more["lines"]
		found["truncated"] = found["truncated"] or more["truncated"]
		for word in CHANGES:
			found[word] += more[word]
	documents = await differences(work, item.from_revision_id, item.to_revision_id)
	found["attributes"] += documents
	found["identical"] = found["identical"] and not documents
	return found


async def _other_views(work: Work, item: ChangeItem) -> list[View]:
	"""Views beside the engineering one that either revision has lines in: they are signed as well."""
	held = [one for one in (item.from_revision_id, item.to_revision_id) if one]
	found = await work.scalars(
		select(Line.view)
		.where(Line.parent_revision_id == ids(held), Line.view != View.ENGINEERING)
		.distinct()
	)
	return [view for view in View if view in found]


async def _seen(work: Work, item: ChangeItem, view: View) -> dict[str, Any]:
	"""The difference in one view, each line with the view it stands in."""
	found = (
		await _all_new(work, item, view)
		if item.from_revision_id is None
		else await answers.comparison(
			work,
			item.item_id,
			other=item.from_revision_id,
			revision=item.to_revision_id,
			view=view,
		)
	)
	for line in found["lines"]:
		line["view"] = str(view)
	return found


async def _all_new(work: Work, item: ChangeItem, view: View) -> dict[str, Any]:
	"""A first revision: everything in it is added."""
	found, _etag = await answers.structure(
		work, item.item_id, revision=item.to_revision_id, view=view, depth=1, limit=5_000
	)
	lines = [
		{
			"change": "added",
			"line_uid": row["line_uid"],
			"find_number": row["find_number"],
			"product_id": row["product_id"],
			"product_number": row["product_number"],
			"product_name": row["product_name"],
			"matched_by": None,
			"fields": [
				{"field": name, "old": None, "new": row[name]}
				for name in ("quantity", "unit", "designators")
				if row.get(name) not in (None, [])
			],
			"level": 1,
			"path": [],
		}
		for row in found["lines"]
	]
	return {
		"before": None,
		"after": found["product"],
		"view": str(view),
		"depth": 1,
		"identical": False,
		"truncated": bool(found["truncated"]),
		"added": len(lines),
		"removed": 0,
		"changed": 0,
		"attributes": [],
		"lines": lines,
	}


async def of_change(
	work: Work, change: Change, items: list[ChangeItem], *, offset: int = 0, limit: int = MOST
) -> dict[str, Any]:
	"""The redline of a page of affected products."""
	shown = items[offset : offset + limit]
	return {
		"change_id": change.id,
		"change_number": change.number,
		"package_hash": change.package_hash,
		"item_count": len(items),
		"offset": offset,
		"truncated": offset + limit < len(items),
		"items": [
			{
				"item_id": item.id,
				"product_id": item.item_id,
				"action": item.action,
				"new_phase": item.new_phase,
				"obsolete": item.action == ItemAction.OBSOLETE,
				"difference": await of_item(work, item),
			}
			for item in shown
		],
	}
