"""Reads around a change for programs and pages alike."""

from typing import Any

from sqlalchemy import func

from apg.capabilities.plm.changes import history as trail
from apg.capabilities.plm.changes import package, reading, service
from apg.capabilities.plm.changes import redline as lines
from apg.capabilities.plm.changes.models import ChangeComment, ChangeItem
from apg.kernel.json_rows import One
from apg.kernel.work import Work


async def items(work: Work, change_id: str) -> bytes:
	"""Affected products as JSON, in their order. Raises ChangeNotFound."""
	await service.found(work, change_id)
	return await work.read_json(reading.select_items(change_id))


async def item(work: Work, change_id: str, item_id: str) -> One:
	"""One affected product, by its row or its product. Raises NotFound."""
	await service.found(work, change_id)
	chosen = (func.text(ChangeItem.id) == item_id) | (func.text(ChangeItem.item_id) == item_id)
	return await work.read_one(reading.select_items(change_id).where(chosen), ChangeItem)


async def redline(work: Work, change_id: str, *, offset: int, limit: int) -> dict[str, Any]:
	"""What the change does to lines and fields of its products. Raises ChangeNotFound."""
	change = await service.found(work, change_id)
	every = await package.items_of(work, change_id)
	return await lines.of_change(work, change, every, offset=offset, limit=limit)


async def approvals(work: Work, change_id: str) -> bytes:
	"""Stages and decisions, the present round first. Raises ChangeNotFound."""
	await service.found(work, change_id)
	return await work.read_json(reading.select_stages(change_id))


async def history(work: Work, change_id: str) -> list[dict[str, Any]]:
	"""The trail of the change and all that belongs to it. Raises ChangeNotFound."""
	change = await service.found(work, change_id)
	return trail.wire(await trail.history_of(work, change))


async def comments(work: Work, change_id: str) -> bytes:
	"""The conversation, the oldest first. Raises ChangeNotFound."""
	await service.found(work, change_id)
	return await work.read_json(reading.select_comments(change_id).limit(2_000))


async def comment(work: Work, change_id: str, comment_id: str) -> One:
	"""One contribution. Raises NotFound."""
	await service.found(work, change_id)
	chosen = func.text(ChangeComment.id) == comment_id
	return await work.read_one(reading.select_comments(change_id).where(chosen), ChangeComment)
