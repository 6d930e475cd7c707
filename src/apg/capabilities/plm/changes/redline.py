"""What an order changes, product by product: from the base to its working revision, by line."""

from typing import Any

from apg.capabilities.plm.changes.models import Change, ChangeItem
from apg.capabilities.plm.documents.carrying import differences
from apg.capabilities.plm.shared.change_states import ItemAction
from apg.capabilities.plm.structures import answers
from apg.kernel.work import Work

MOST = 100  # products in one answer; the others are asked for one by one


async def of_item(work: Work, item: ChangeItem) -> dict[str, Any] | None:
	"""The difference of one product; None where the change opens no revision of it."""
	if item.to_revision_id is None:
		return None
	found = (
		await _all_new(work, item)
		if item.from_revision_id is None
		else await answers.comparison(
			work, item.item_id, other=item.from_revision_id, revision=item.to_revision_id
		)
	)
	documents = await differences(work, item.from_revision_id, item.to_revision_id)
	found["attributes"] += documents
	found["identical"] = found["identical"] and not documents
	return found


async def _all_new(work: Work, item: ChangeItem) -> dict[str, Any]:
	"""A first revision: everything in it is added."""
	found, _etag = await answers.structure(
		work, item.item_id, revision=item.to_revision_id, depth=1, limit=5_000
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
		"view": "engineering",
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
