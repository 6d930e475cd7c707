"""What a change would do, as one hash: what is submitted, signed and released is the same thing."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select

from apg.capabilities.plm.changes.models import Change, ChangeItem
from apg.capabilities.plm.products.models import Revision
from apg.capabilities.plm.revisions.content import hashes_of
from apg.capabilities.plm.shared.change_states import ChangeStatus
from apg.capabilities.plm.shared.content_hash import content_hash
from apg.capabilities.plm.shared.lifecycle import RevisionState
from apg.contracts.changes import ChangePackageEdited
from apg.kernel.rows import ids
from apg.kernel.stamps import utc_now
from apg.kernel.work import Work

REFRESH_TASK = "plm.changes.refresh_package"
RELEASE_TASK = "plm.changes.release_scheduled"
# Fields of the change that are part of what is decided; when it is due and who minds it are not.
DECIDED = (
	"kind",
	"title",
	"description",
	"change_type",
	"priority",
	"urgency",
	"track",
	"reason",
	"business_impact",
	"cost_impact",
	"currency",
	"valid_until",
	"valid_for",
	"effective_from",
)


async def items_of(work: Work, change_id: str) -> list[ChangeItem]:
	"""The affected products in their order."""
	return await work.scalars(
		select(ChangeItem)
		.where(ChangeItem.change_id == change_id)
		.order_by(ChangeItem.ordinal, ChangeItem.id)
		.execution_options(populate_existing=True)
	)


async def hash_of(work: Work, change: Change, items: Sequence[ChangeItem] | None = None) -> str:
	"""SHA-256 of what the change would do, content of its revisions included.

	Revisions in review and released ones carry the hash of their content, which nobody can change;
	of working ones it is computed.
	"""
	await work.flush()
	items = await items_of(work, change.id) if items is None else items
	contents = await _contents(work, [item.to_revision_id for item in items if item.to_revision_id])
	return content_hash(
		[_written(item, contents) for item in items],
		{"change": change.id, **{name: getattr(change, name) for name in DECIDED}},
	)


async def _contents(work: Work, revision_ids: Sequence[str]) -> dict[str, str]:
	revisions: list[Revision] = await work.scalars(
		select(Revision)
		.where(Revision.id == ids(revision_ids))
		.execution_options(populate_existing=True)
	)
	found = {
		each.id: each.content_hash
		for each in revisions
		if each.content_hash is not None and each.state != RevisionState.WORKING
	}
	rest = [each for each in revisions if each.id not in found]
	return found | (await hashes_of(work, rest) if rest else {})


def _written(item: ChangeItem, contents: Mapping[str, str]) -> dict[str, Any]:
	decided = {place: held.get("decision") for place, held in item.dispositions.items()}
	return {
		"product": item.item_id,
		"action": item.action,
		"from": item.from_revision_id,
		"to": item.to_revision_id,
		"content": contents.get(item.to_revision_id or ""),
		"replaces": item.replaces_item_id,
		"phase": item.new_phase,
		"effective_from": item.effective_from,
		"interchangeable": item.interchangeable,
		"dispositions": decided,
	}


async def refresh(work: Work, change: Change) -> bool:
	"""Computes the hash again; where it is another one it is told. Answers whether it was."""
	fresh = await hash_of(work, change)
	if fresh == change.package_hash:
		return False
	change.package_hash = fresh
	work.publish(ChangePackageEdited(change_id=change.id, package_hash=fresh))
	return True


async def touched(work: Work, change: Change) -> None:
	"""Something of a draft changed: its version moves, and its hash is computed in a task, because
	an order of fifty thousand lines takes a second."""
	change.updated_at = utc_now()
	if change.status == ChangeStatus.DRAFT:
		work.enqueue(REFRESH_TASK, change_id=change.id)
