"""The moves of revisions, many at once: all or none, in the caller's Work, whatever the order."""

import asyncio
from itertools import product

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from tests.capabilities.plm.workshop import Workshop
from tests.platform.cast import Cast

from apg.capabilities.plm.products.models import Revision
from apg.capabilities.plm.revisions import moves
from apg.capabilities.plm.revisions.schemas import RevisionIn
from apg.capabilities.plm.revisions.service import open_revision
from apg.capabilities.plm.shared.lifecycle import REVISION_MOVES, RevisionState
from apg.kernel.errors import Conflict, NotFound
from apg.kernel.stamps import new_id


async def _robot(shop: Workshop) -> list[str]:
	await shop.parts("screw")
	await shop.lines({"arm": {"screw": 2}, "robot": {"arm": 1, "screw": 4}})
	return [(await shop.get(name)).data["revision_id"] for name in ("screw", "arm", "robot")]


async def _states(shop: Workshop, *names: str) -> list[str]:
	return [(await shop.get(name)).data["revision_state"] for name in names]


async def test_a_whole_structure_is_released_at_once(shop: Workshop, cast: Cast):
	ids = await _robot(shop)
	async with cast.work() as work:
		frozen = await moves.freeze(work, ids)
		hashes = {each.id: each.content_hash for each in frozen}
	assert await _states(shop, "screw", "arm", "robot") == ["in_review"] * 3
	assert all(hashes.values())
	async with cast.work() as work:
		released = await moves.release(work, list(reversed(ids)))
		assert {each.id: each.content_hash for each in released} == hashes
		assert len({each.released_at for each in released}) == 1
	assert await _states(shop, "screw", "arm", "robot") == ["released"] * 3


async def test_nothing_is_half_released(shop: Workshop, cast: Cast):
	ids = await _robot(shop)
	with pytest.raises(moves.NotReleasable) as refused:
		async with cast.work() as work:
			await moves.release(work, ids[1:])  # without the screw
	assert {problem.field for problem in refused.value.problems} == {
		"N-arm.lines.10",
		"N-robot.lines.20",
	}
	async with cast.work() as work:
		await moves.release(work, ids)
		await work.close()  # the power fails before the commit
	assert await _states(shop, "screw", "arm", "robot") == ["working"] * 3


async def test_thawed_content_may_change_and_has_no_hash(shop: Workshop, cast: Cast):
	ids = await _robot(shop)
	async with cast.work() as work:
		await moves.freeze(work, ids)
	async with cast.work() as work:
		thawed = await moves.thaw(work, ids[:1])
		assert thawed[0].content_hash is None
	assert (await shop.call("PATCH", shop.path("screw"), {"product_name": "Long"})).status == 200
	refused = await shop.call("PATCH", shop.path("arm"), {"product_name": "Long"})
	assert refused.code == "REVISION_NOT_WORKING"


async def test_a_pinned_one_of_the_same_set_counts_by_its_content(shop: Workshop, cast: Cast):
	await shop.parts("screw")
	await shop.product("box")
	await shop.line("box", "screw", 1, revision="A")
	ids = [(await shop.get(name)).data["revision_id"] for name in ("box", "screw")]
	async with cast.work() as work:
		first = {each.id: each.content_hash for each in await moves.freeze(work, ids)}
	async with cast.work() as work:
		done = {each.id: each.content_hash for each in await moves.release(work, ids)}
	assert done == first


async def test_parallel_changes_get_labels_one_after_the_other(shop: Workshop, cast: Cast):
	await shop.product("box")
	await shop.release("box")
	opened: list[str] = []
	for _turn in range(2):
		async with cast.work() as work:
			made = await open_revision(work, shop.ids["box"], RevisionIn(), change_id=new_id())
			assert made.label == "B"
			opened.append(made.id)
	labels: list[str] = []
	for each in opened:
		async with cast.work() as work:
			labels.append((await moves.release(work, [each]))[0].label)
	assert labels == ["B", "C"]
	rows = (await shop.get("box", "/revisions")).data
	assert [(row["revision"], row["state"]) for row in rows] == [
		("C", "released"),
		("B", "superseded"),
		("A", "superseded"),
	]


async def test_of_two_releases_of_overlapping_sets_both_or_one(shop: Workshop, cast: Cast):
	ids = await _robot(shop)

	async def release(wanted: list[str]) -> str:
		try:
			async with cast.work() as work:
				await moves.release(work, wanted)
		except Conflict as refused:
			return refused.code
		return "done"

	outcomes = await asyncio.gather(release(ids), release(ids[:2]))
	assert sorted(outcomes) in (["REVISION_MOVE_REFUSED", "done"], ["done", "done"])
	assert (await _states(shop, "screw", "arm")) == ["released"] * 2


REACH = {
	RevisionState.WORKING: (),
	RevisionState.IN_REVIEW: (moves.freeze,),
	RevisionState.RELEASED: (moves.release,),
	RevisionState.SUPERSEDED: (moves.release, moves.supersede),
	RevisionState.OBSOLETE: (moves.release, moves.obsolete),
	RevisionState.CANCELLED: (moves.cancel,),
}
MOVES = {
	RevisionState.IN_REVIEW: moves.freeze,
	RevisionState.WORKING: moves.thaw,
	RevisionState.RELEASED: moves.release,
	RevisionState.SUPERSEDED: moves.supersede,
	RevisionState.OBSOLETE: moves.obsolete,
	RevisionState.CANCELLED: moves.cancel,
}


async def test_every_state_against_every_move(shop: Workshop, cast: Cast):
	"""The service and the database agree on the table of moves."""
	for now, wanted in product(RevisionState, RevisionState):
		name = f"{now}-{wanted}"
		await shop.product(name)
		await shop.release(name)
		revision = (await shop.revise(name)).data["revision_id"]
		async with cast.work() as work:
			for move in REACH[now]:
				await move(work, [revision])
		allowed = wanted in REVISION_MOVES[now] or (
			# From review by way of working: what cancels a change under review does.
			now is RevisionState.IN_REVIEW and wanted is RevisionState.CANCELLED
		)
		try:
			async with cast.work() as work:
				await MOVES[wanted](work, [revision])
			outcome = True
		except Conflict:
			outcome = False
		assert outcome == allowed, (now, wanted)
		async with cast.work() as work:
			state = await work.scalar(select(Revision.state).where(Revision.id == revision))
		assert state == (wanted if allowed else now)
		if allowed or now == wanted:
			continue
		with pytest.raises(DBAPIError):
			async with cast.work() as work:
				await (await work.connection()).exec_driver_sql(
					f"update plm_revisions set state = '{wanted}' where id = '{revision}'"
				)


async def test_a_stranger_moves_nothing(shop: Workshop, cast: Cast):
	ids = await _robot(shop)
	for move in MOVES.values():
		with pytest.raises(NotFound):
			async with cast.work("charlie") as work:
				await move(work, ids)
	assert await _states(shop, "screw", "arm", "robot") == ["working"] * 3


async def test_the_only_revision_is_not_cancelled(shop: Workshop, cast: Cast):
	await shop.product("box")
	only = (await shop.get("box")).data["revision_id"]
	with pytest.raises(Conflict) as refused:
		async with cast.work() as work:
			await moves.cancel(work, [only])
	assert refused.value.code == "ONLY_REVISION"
