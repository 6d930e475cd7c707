"""The moves of revisions, many at once: inside the caller's Work, all or none, never a commit.

working → in_review → released → superseded → obsolete; in_review → working; working → cancelled.
The pages and calls of one product stand in service.py; a change moves its revisions from here.
Who locks rows of his own calls `lock_structures` first: the structures of a tenant before any row.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from apg.capabilities.plm.documents.requirements import unmet_requirements
from apg.capabilities.plm.effectivity.service import follow_release
from apg.capabilities.plm.locks import lock_structures
from apg.capabilities.plm.products.models import Item, Revision
from apg.capabilities.plm.revisions.content import hashes_of
from apg.capabilities.plm.revisions.labels import labels_at_release
from apg.capabilities.plm.revisions.obstacles import obstacles_of
from apg.capabilities.plm.shared.errors import DomainError
from apg.capabilities.plm.shared.lifecycle import RevisionState, check_revision_move
from apg.capabilities.plm.structures.cycles import refuse_cycles
from apg.capabilities.plm.structures.models import Line
from apg.capabilities.plm.structures.snapshots import hashes_below
from apg.contracts.plm import ProductReleased
from apg.kernel.errors import Conflict, NotFound, Problem
from apg.kernel.rows import ids, update_rows
from apg.kernel.stamps import utc_now
from apg.kernel.texts import _
from apg.kernel.work import Work


class MoveRefused(Conflict):
	"""A revision cannot go there from where it is; the problems name each by product and label."""

	code = "REVISION_MOVE_REFUSED"


class NotReleasable(Conflict):
	"""The release is refused; the problems name every reason."""

	code = "NOT_RELEASABLE"


async def freeze(work: Work, revision_ids: Collection[str]) -> list[Revision]:
	"""Working → in review: nobody changes the content, whose hash is recorded from here on.

	Raises NotFound, MoveRefused.
	"""
	revisions = await _locked(work, revision_ids)
	await _refuse(work, revisions, RevisionState.IN_REVIEW)
	hashes = await hashes_of(work, revisions)
	in_review = RevisionState.IN_REVIEW
	values = {name: {"content_hash": one, "state": in_review} for name, one in hashes.items()}
	await _write(work, Revision, revisions, values)
	return revisions


async def thaw(work: Work, revision_ids: Collection[str]) -> list[Revision]:
	"""In review → working again. Raises NotFound, MoveRefused."""
	revisions = await _locked(work, revision_ids)
	await _refuse(work, revisions, RevisionState.WORKING)
	open_again = {"content_hash": None, "state": RevisionState.WORKING}
	await _write(work, Revision, revisions, {each.id: open_again for each in revisions})
	return revisions


async def release(
	work: Work,
	revision_ids: Collection[str],
	*,
	labels: Mapping[str, str] | None = None,
	at: datetime | None = None,
) -> list[Revision]:
	"""Working or in review → released; what was released before is superseded. In order of the ids.

	`labels` fixes labels by revision; without one the planned label stays where it fits the scheme in
	force, else the next of the scheme is given. Raises NotFound, MoveRefused, NotReleasable (every
	reason of every revision), StructureCycle, Conflict for a label that another release has.
	"""
	await lock_structures(work)
	items, revisions = await _with_items(work, revision_ids)
	await _refuse(work, revisions, RevisionState.RELEASED)
	by_item = {revision.item_id: revision for revision in revisions}
	if len(by_item) < len(revisions):
		raise MoveRefused(_("Of one product only one revision can be released at once."))
	await refuse_obstacles(work, revisions, items, labels or {})
	await refuse_cycles(work, await _children(work, [each.id for each in revisions]))
	before = await _released_of(work, list(by_item))
	superseded = {
		"state": RevisionState.SUPERSEDED
	}  # the index allows one released one at any time
	await _write(work, Revision, list(before.values()), {o.id: superseded for o in before.values()})
	fixed = await labels_at_release(work, items, revisions, labels or {})
	unhashed = [each for each in revisions if each.state == RevisionState.WORKING]
	hashes = await hashes_of(work, unhashed)
	moment = at or utc_now()
	values: dict[str, dict[str, Any]] = {
		revision.id: {
			"label": fixed[revision.id],
			"content_hash": hashes.get(revision.id) or revision.content_hash,
			"state": RevisionState.RELEASED,
			"released_at": moment,
			"released_by": work.principal.user_id,
			"supersedes_id": before[item_id].id if item_id in before else None,
		}
		for item_id, revision in by_item.items()
	}
	await _write(work, Revision, revisions, values)
	current = {name: {"current_revision_id": each.id} for name, each in by_item.items()}
	await _write(work, Item, [items[name] for name in by_item], current)
	await follow_release(work, [each.id for each in revisions], moment)
	snapshots = await hashes_below(work, [each.id for each in revisions])
	for revision in revisions:
		work.publish(
			ProductReleased(
				product_id=revision.item_id,
				revision_id=revision.id,
				snapshot_hash=snapshots[revision.id],
			)
		)
	return revisions


FEW = 20


async def _write(
	work: Work, entity: type[Any], rows: Sequence[Any], values: Mapping[str, Mapping[str, Any]]
) -> None:
	"""A handful by the session, which names a broken rule; more in one statement, and read back."""
	if len(rows) > FEW:
		await update_rows(work, entity, values)
		chosen = select(entity).where(entity.id == ids(sorted(values)))
		await work.scalars(chosen.execution_options(populate_existing=True))
		return
	for row in rows:
		for name, value in values[row.id].items():
			setattr(row, name, value)
	await work.flush()


async def supersede(work: Work, revision_ids: Collection[str]) -> list[Revision]:
	"""Released → superseded, without a successor. Raises NotFound, MoveRefused."""
	return await _moved(work, revision_ids, RevisionState.SUPERSEDED)


async def obsolete(work: Work, revision_ids: Collection[str]) -> list[Revision]:
	"""Released or superseded → obsolete, an end. Raises NotFound, MoveRefused."""
	return await _moved(work, revision_ids, RevisionState.OBSOLETE)


async def cancel(work: Work, revision_ids: Collection[str]) -> list[Revision]:
	"""Working or in review → cancelled, an end. Raises NotFound, MoveRefused, and Conflict for the
	revision that alone stands for its product."""
	items, revisions = await _with_items(work, revision_ids)
	frozen = [each for each in revisions if each.state == RevisionState.IN_REVIEW]
	await _refuse(work, [each for each in revisions if each not in frozen], RevisionState.CANCELLED)
	for revision in revisions:
		item = items[revision.item_id]
		if item.current_revision_id == revision.id:
			text = _(
				"Revision {label} alone stands for {number}; delete the product instead.",
				label=revision.label,
				number=item.number,
			)
			raise Conflict(text, code="ONLY_REVISION")
	for revision in frozen:  # by way of working: what is in review is not given up unseen
		revision.state, revision.content_hash = RevisionState.WORKING, None
	await work.flush()
	for revision in revisions:
		revision.state = RevisionState.CANCELLED
	await work.flush()
	return revisions


async def refuse_obstacles(
	work: Work,
	revisions: Sequence[Revision],
	items: Mapping[str, Item],
	labels: Mapping[str, str],
) -> None:
	"""Raises NotReleasable; with several revisions each problem's field begins with its product."""
	found = await obstacles_of(work, [each.id for each in revisions])
	for gap in await unmet_requirements(work, [each.id for each in revisions]):
		found.setdefault(gap.revision_id, []).append(gap.problem)
	if not found:
		return
	if len(revisions) == 1:
		only = revisions[0]
		label = labels.get(only.id) or only.label
		raise NotReleasable(
			_("Revision {label} cannot be released yet.", label=label), problems=found[only.id]
		)
	problems: list[Problem] = []
	for revision in revisions:
		number = items[revision.item_id].number
		for problem in found.get(revision.id, []):
			field = f"{number}.{problem.field}"
			problems.append(Problem(field, f"{number}: {problem.message}", problem.code))
	raise NotReleasable(_("Some revisions cannot be released yet."), problems=problems)


async def _moved(
	work: Work, revision_ids: Collection[str], wanted: RevisionState
) -> list[Revision]:
	revisions = await _locked(work, revision_ids)
	await _refuse(work, revisions, wanted)
	for revision in revisions:
		revision.state = wanted
	await work.flush()
	return revisions


async def _locked(work: Work, revision_ids: Collection[str]) -> list[Revision]:
	"""The revisions, locked in order of their ids. Raises NotFound."""
	await work.flush()
	wanted = sorted(set(revision_ids))
	found: list[Revision] = await work.scalars(
		select(Revision)
		.where(Revision.id == ids(wanted))
		.order_by(Revision.id)
		.with_for_update()
		.execution_options(populate_existing=True)
	)
	if len(found) < len(wanted):
		raise NotFound(_("{what} not found", what=_("revision")))
	return found


async def _with_items(
	work: Work, revision_ids: Collection[str]
) -> tuple[dict[str, Item], list[Revision]]:
	"""Items by id and revisions, all locked, items first."""
	await work.flush()
	items: list[Item] = await work.scalars(
		select(Item)
		.where(
			Item.id.in_(select(Revision.item_id).where(Revision.id == ids(sorted(revision_ids)))),
			~Item.is_deleted,
		)
		.order_by(Item.id)
		.with_for_update()
		.execution_options(populate_existing=True)
	)
	revisions = await _locked(work, revision_ids)
	held = {item.id: item for item in items}
	if any(revision.item_id not in held for revision in revisions):
		raise NotFound(_("{what} not found", what=_("product")))
	return held, revisions


async def _refuse(work: Work, revisions: Sequence[Revision], wanted: RevisionState) -> None:
	problems: list[Problem] = []
	for revision in revisions:
		try:
			check_revision_move(RevisionState(revision.state), wanted)
		except DomainError as error:
			item = await work.get(Item, revision.item_id)
			where = f"{item.number} {revision.label}"
			problems.append(Problem(where, f"{where}: {error.reason}. {error.remedy}", error.code))
	if problems:
		raise MoveRefused(problems[0].message, problems=problems)


async def _released_of(work: Work, item_ids: Collection[str]) -> dict[str, Revision]:
	found: list[Revision] = await work.scalars(
		select(Revision)
		.where(Revision.item_id == ids(item_ids), Revision.state == RevisionState.RELEASED)
		.order_by(Revision.id)
		.with_for_update()
	)
	return {each.item_id: each for each in found}


async def _children(work: Work, revision_ids: Sequence[str]) -> set[Any]:
	return set(
		await work.scalars(
			select(Line.child_item_id)
			.where(Line.parent_revision_id == ids(revision_ids))
			.distinct()
		)
	)
