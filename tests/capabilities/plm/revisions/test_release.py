"""New revisions, release, supersession, cancellation; and that a release stays what it is."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError
from tests.capabilities.plm.workshop import Workshop
from tests.platform.cast import Cast

from apg.capabilities.plm.products.models import Item, Revision
from apg.capabilities.plm.structures.models import Line, LineSubstitute
from apg.contracts.plm import ProductReleased, Structures
from apg.kernel.migrating import admin_engine
from apg.kernel.settings import Settings


async def _states(shop: Workshop, name: str) -> list[tuple[str, str, bool]]:
	rows = (await shop.get(name, "/revisions")).data
	return [(row["revision"], row["state"], row["current"]) for row in rows]


async def test_from_the_first_to_the_third_revision(shop: Workshop):
	await shop.parts("screw")
	await shop.lines({"box": {"screw": 4}})
	await shop.release("screw")
	released = (await shop.release("box")).data
	assert (released["revision"], released["state"], released["current"]) == ("A", "released", True)
	assert released["released_by"] is not None
	assert released["released_at"].endswith("Z")
	assert len(released["content_hash"]) == 64
	assert released["line_count"] == 1
	made = (await shop.revise("box")).data
	assert (made["revision"], made["state"], made["current"]) == ("B", "working", False)
	assert made["product_name"] == "Part box"
	assert (await shop.get("box")).data["revision"] == "A"  # the release is in force meanwhile
	await shop.release("box")
	assert await _states(shop, "box") == [("B", "released", True), ("A", "superseded", False)]
	second = (await shop.get("box", "/revisions/B")).data
	assert second["supersedes_id"] == released["revision_id"]
	assert second["content_hash"] == released["content_hash"]  # the same content
	await shop.revise("box")
	assert [row[0] for row in await _states(shop, "box")] == ["C", "B", "A"]


async def test_lines_keep_their_identity_through_revisions(shop: Workshop):
	await shop.parts("screw", "bolt")
	await shop.product("box")
	made = await shop.line(
		"box", "screw", 4, note="n", substitutes=[{"product_number": "N-bolt", "quantity_ratio": 2}]
	)
	await shop.release("screw", "bolt", "box")
	opened = (await shop.revise("box")).data
	old = (await shop.get("box", "/structure/lines", revision="A")).data
	new = (await shop.get("box", "/structure/lines", revision="B")).data
	moved = {"parent_revision_id", "parent_revision", "created_at", "updated_at"}
	assert [{k: v for k, v in line.items() if k not in moved} for line in new] == [
		{k: v for k, v in line.items() if k not in moved} for line in old
	]
	assert new[0]["line_uid"] == made.data["line_uid"]
	assert new[0]["parent_revision_id"] == opened["revision_id"]
	assert new[0]["substitutes"][0]["quantity_ratio"] == 2
	# The copy changes, the release does not.
	path = shop.path("box", f"/structure/lines/{made.data['line_uid']}")
	await shop.call("PATCH", path, {"quantity": 5})
	assert (await shop.get("box", "/structure/lines", revision="A")).data == old
	assert (await shop.get("box", "/structure/lines")).data[0]["quantity"] == 5


async def test_one_open_revision_at_a_time(shop: Workshop):
	await shop.product("box")
	again = await shop.call("POST", shop.path("box", "/revisions"), {})
	assert (again.status, again.code) == (409, "REVISION_OPEN")
	await shop.release("box")
	answers = await asyncio.gather(
		*(shop.call("POST", shop.path("box", "/revisions"), {}) for _ in range(4))
	)
	assert sorted(each.status for each in answers) == [201, 409, 409, 409]
	assert await _states(shop, "box") == [("B", "working", False), ("A", "released", True)]


async def test_labels(shop: Workshop):
	await shop.product("box", revision="1")
	await shop.release("box")
	assert (await shop.revise("box")).data["revision"] == "2"
	taken = await shop.call("POST", shop.path("box", "/release"), {"revision": "1"})
	assert (taken.status, taken.code) == (409, "REVISION_LABEL_TAKEN")
	assert await _states(shop, "box") == [("2", "working", False), ("1", "released", True)]
	named = await shop.call("POST", shop.path("box", "/release"), {"revision": "B.1"})
	assert named.data["revision"] == "B.1"
	unclear = await shop.call("POST", shop.path("box", "/revisions"), {})
	assert (unclear.status, list(unclear.details)) == (400, ["revision"])
	old = await shop.call("POST", shop.path("box", "/revisions"), {"revision": "1"})
	assert (old.status, list(old.details)) == (400, ["revision"])
	fine = await shop.call("POST", shop.path("box", "/revisions"), {"revision": "C"})
	assert fine.data["revision"] == "C"


async def test_every_child_is_released_or_pinned_to_a_release(shop: Workshop):
	await shop.parts("screw", "nut", "old", "gone")
	await shop.release("old")
	await shop.revise("old")
	await shop.release("gone")
	await shop.product("box")
	await shop.line("box", "screw", 1)
	await shop.line("box", "nut", 1, revision="A")
	await shop.line("box", "old", 1, revision="B")
	await shop.line("box", "gone", 1)
	phase = await shop.call("PATCH", shop.path("gone"), {"lifecycle_phase": "obsolete"})
	assert phase.status == 200
	listed = (await shop.get("box", "/structure/lines")).data
	assert listed[3]["warnings"] == ["product_obsolete"]
	refused = await shop.call("POST", shop.path("box", "/release"), {})
	assert (refused.status, refused.code) == (409, "NOT_RELEASABLE")
	assert set(refused.details) == {"lines.10", "lines.20", "lines.30", "lines.40"}
	for place, word in (
		("lines.10", "N-screw is not released"),
		("lines.20", "pinned to revision A, which is working"),
		("lines.30", "pinned to revision B, which is working"),
		("lines.40", "N-gone is obsolete"),
	):
		assert word in refused.details[place][0]
	assert await _states(shop, "box") == [("A", "working", True)]
	await shop.release("screw", "nut", "old")
	still = await shop.call("POST", shop.path("box", "/release"), {})
	assert set(still.details) == {"lines.40"}
	await shop.call("DELETE", shop.path("box", f"/structure/lines/{listed[3]['line_uid']}"))
	await shop.release("box")
	assert await _states(shop, "box") == [("A", "released", True)]


async def test_a_release_publishes_the_hash_that_the_port_gives(
	shop: Workshop, cast: Cast, settings: Settings
):
	await shop.parts("screw")
	await shop.lines({"arm": {"screw": 2}, "robot": {"arm": 3}})
	await shop.release("screw", "arm")
	released = (await shop.release("robot")).data
	async with cast.work() as work:
		snapshot = await work.port(Structures).snapshot(work, released["revision_id"])
	assert snapshot is not None
	assert _published(settings, shop.ids["robot"]) == [
		{
			"product_id": shop.ids["robot"],
			"revision_id": released["revision_id"],
			"snapshot_hash": snapshot.hash,
		}
	]


def _published(settings: Settings, product_id: str) -> list[Any]:
	engine = admin_engine(settings.database_admin_url)
	query = "select body from event_log where name = :name and body ->> 'product_id' = :id"
	with engine.connect() as connection:
		rows = connection.execute(text(query), {"name": ProductReleased.name, "id": product_id})
		found = [row[0] for row in rows]
	engine.dispose()
	return found


async def test_of_two_releases_at_once_one_counts(shop: Workshop, settings: Settings):
	await shop.parts("screw")
	await shop.lines({"box": {"screw": 1}})
	await shop.release("screw")
	path = shop.path("box", "/release")
	answers = await asyncio.gather(*(shop.call("POST", path, {}) for _ in range(4)))
	assert sorted(each.status for each in answers) == [200, 409, 409, 409]
	assert {each.code for each in answers if each.status == 409} == {"REVISION_NOT_WORKING"}
	assert len(_published(settings, shop.ids["box"])) == 1
	assert await _states(shop, "box") == [("A", "released", True)]


async def test_a_release_and_a_line_at_once(shop: Workshop):
	"""Whoever comes second: a line after the release is refused, one before it is part of it."""
	await shop.parts("screw")
	await shop.release("screw")
	for turn in range(5):
		name = f"box{turn}"
		await shop.product(name)
		released, line = await asyncio.gather(
			shop.call("POST", shop.path(name, "/release"), {}), shop.line(name, "screw", 1)
		)
		assert released.status == 200
		kept = (await shop.get(name, "/structure/lines", revision="A")).data
		assert len(kept) == (1 if line.status == 201 else 0)
		if line.status != 201:
			assert line.code == "REVISION_NOT_WORKING"


async def test_if_match_protects_release_and_revision(shop: Workshop):
	await shop.parts("screw")
	await shop.lines({"box": {"screw": 1}})
	await shop.release("screw")
	stale = (await shop.get("box")).etag
	await shop.call("PATCH", shop.path("box"), {"product_name": "Another box"})
	refused = await shop.call("POST", shop.path("box", "/release"), {}, If_Match=stale)
	assert refused.status == 412
	fresh = (await shop.get("box")).etag
	done = await shop.call("POST", shop.path("box", "/release"), {}, If_Match=fresh)
	assert done.status == 200
	assert (
		await shop.call("POST", shop.path("box", "/revisions"), {}, If_Match=fresh)
	).status == 412
	assert (
		await shop.call("POST", shop.path("box", "/revisions"), {}, If_Match=done.etag)
	).status == 201


async def test_cancelling(shop: Workshop):
	await shop.product("box")
	only = await shop.call("POST", shop.path("box", "/revisions/A/cancel"), {})
	assert (only.status, only.code) == (409, "ONLY_REVISION")
	await shop.release("box")
	fixed = await shop.call("POST", shop.path("box", "/revisions/A/cancel"), {})
	assert (fixed.status, fixed.code) == (409, "REVISION_NOT_WORKING")
	await shop.revise("box")
	done = await shop.call("POST", shop.path("box", "/revisions/B/cancel"), {})
	assert done.data["state"] == "cancelled"
	assert await _states(shop, "box") == [("B", "cancelled", False), ("A", "released", True)]
	again = await shop.revise("box")
	assert (again.data["revision"], again.data["ordinal"]) == ("B", 3)
	assert (await shop.get("box", "/revisions/B")).data["revision_id"] == again.data["revision_id"]


async def _sql(cast: Cast, statement: str) -> None:
	async with cast.work() as work:
		await (await work.connection()).exec_driver_sql(statement)


async def test_a_body_is_not_needed(shop: Workshop):
	await shop.product("box")
	assert (await shop.call("POST", shop.path("box", "/release"))).status == 200
	assert (await shop.call("POST", shop.path("box", "/revisions"))).data["revision"] == "B"
	unknown = await shop.call("POST", shop.path("box", "/release"), {"colour": "red"})
	assert (unknown.status, list(unknown.details)) == (400, ["colour"])


async def test_a_revision_of_a_change_is_released_by_the_change(shop: Workshop, cast: Cast):
	await shop.parts("screw")
	await shop.lines({"box": {"screw": 1}})
	revision = (await shop.get("box")).data["revision_id"]
	await _sql(
		cast, f"update plm_revisions set change_id = gen_random_uuid() where id = '{revision}'"
	)
	for path in ("/release", "/revisions/A/cancel"):
		refused = await shop.call("POST", shop.path("box", path), {})
		assert (refused.status, "belongs to a change" in refused.words) == (409, True)
	assert await _states(shop, "box") == [("A", "working", True)]


async def test_what_is_in_review_is_frozen(shop: Workshop, cast: Cast):
	await shop.parts("screw")
	await shop.lines({"box": {"screw": 1}})
	revision = (await shop.get("box")).data["revision_id"]
	await _sql(cast, f"update plm_revisions set state = 'in_review' where id = '{revision}'")
	assert (await shop.line("box", "screw", 2)).code == "REVISION_NOT_WORKING"
	assert (
		await shop.call("POST", shop.path("box", "/release"), {})
	).code == "REVISION_NOT_WORKING"
	for statement in (
		f"update plm_lines set quantity = 9 where parent_revision_id = '{revision}'",
		f"update plm_revisions set name = 'x' where id = '{revision}'",
	):
		with pytest.raises(DBAPIError):
			await _sql(cast, statement)
	assert (await shop.get("box", "/structure")).data["lines"][0]["quantity"] == 1


async def test_rights_and_companies(shop: Workshop, other: Workshop, cast: Cast):
	await shop.product("box")
	bob = Workshop(shop.api, "bob", shop.ids)
	other.ids = shop.ids
	calls = [
		("GET", shop.path("box", "/revisions")),
		("GET", shop.path("box", "/revisions/A")),
		("POST", shop.path("box", "/revisions")),
		("POST", shop.path("box", "/revisions/A/cancel")),
		("POST", shop.path("box", "/release")),
	]
	for method, path in calls:
		body = {} if method == "POST" else None
		assert (await bob.call(method, path, body)).status == 403
		assert (await other.call(method, path, body)).status == 404
	cast.allow("bob", "plm.products.update", "plm.products.read")
	assert (
		await bob.call("POST", calls[4][1], {})
	).status == 403  # releasing is a right of its own
	assert await _states(shop, "box") == [("A", "working", True)]


# A release stays what it is


async def _released(shop: Workshop) -> dict[str, str]:
	await shop.parts("screw", "bolt")
	await shop.product("box", mass=5)
	line = await shop.line("box", "screw", 4, substitutes=[{"product_number": "N-bolt"}])
	await shop.release("screw", "bolt")
	released = await shop.release("box")
	return {"revision": released.data["revision_id"], "line": line.data["line_uid"]}


async def test_no_way_through_the_api(shop: Workshop):
	held = await _released(shop)
	before = [
		(await shop.get("box", "/structure/lines")).data,
		(await shop.get("box", "/revisions/A")).data,
	]
	path = shop.path("box", f"/structure/lines/{held['line']}")
	for method, place, body in (
		("POST", shop.path("box", "/structure/lines"), {"product_number": "N-bolt", "quantity": 1}),
		("PATCH", path, {"quantity": 9}),
		("PATCH", path, {"substitutes": []}),
		("DELETE", path, None),
		("PATCH", shop.path("box"), {"product_name": "Renamed"}),
		("PATCH", shop.path("box"), {"mass": 9, "mass_unit": "g"}),
		("PATCH", shop.path("box"), {"revision": "Z"}),
		("POST", shop.path("box", "/release"), {}),
	):
		refused = await shop.call(method, place, body)
		assert (refused.status, refused.code) == (409, "REVISION_NOT_WORKING"), place
		assert "A" in refused.words
	assert [
		(await shop.get("box", "/structure/lines")).data,
		(await shop.get("box", "/revisions/A")).data,
	] == before


async def test_no_way_through_the_orm(shop: Workshop, cast: Cast):
	held = await _released(shop)

	async def refused(change: Any) -> None:
		with pytest.raises(DBAPIError) as caught:
			async with cast.work() as work:
				await change(work)
		assert "P0001" in str(getattr(caught.value.orig, "sqlstate", ""))

	async def rename(work: Any) -> None:
		(await work.get(Revision, held["revision"])).name = "Renamed"

	async def reopen(work: Any) -> None:
		(await work.get(Revision, held["revision"])).state = "working"

	async def forget(work: Any) -> None:
		await work.delete(await work.get(Revision, held["revision"]))

	async def more(work: Any) -> None:
		line = await work.session.scalar(select(Line).where(Line.line_uid == held["line"]))
		line.quantity = Decimal(9)

	async def less(work: Any) -> None:
		line = await work.session.scalar(select(Line).where(Line.line_uid == held["line"]))
		await work.delete(line)

	async def substitute(work: Any) -> None:
		for each in await work.scalars(select(LineSubstitute)):
			await work.delete(each)

	async def bulk(work: Any) -> None:
		await work.execute(
			update(Line).values(note="x").execution_options(bulk=True, synchronize_session=False)
		)

	for change in (rename, reopen, forget, more, less, substitute, bulk):
		await refused(change)
	assert (await shop.get("box", "/structure/lines")).data[0]["quantity"] == 4


async def test_no_way_through_sql_as_the_application(
	shop: Workshop, cast: Cast, settings: Settings
):
	held = await _released(shop)
	working = (await shop.revise("box")).data["revision_id"]
	revision, line = held["revision"], held["line"]
	statements = [
		f"update plm_revisions set name = 'x' where id = '{revision}'",
		f"update plm_revisions set mass = 9 where id = '{revision}'",
		f"update plm_revisions set state = 'working' where id = '{revision}'",
		f"update plm_revisions set content_hash = 'x' where id = '{revision}'",
		f"update plm_revisions set released_at = now() where id = '{revision}'",
		f"update plm_revisions set released_by = null where id = '{revision}'",
		f"update plm_revisions set label = 'Z' where id = '{revision}'",
		f"delete from plm_revisions where id = '{revision}'",
		f"update plm_lines set quantity = 9 where parent_revision_id = '{revision}'",
		f"update plm_lines set parent_revision_id = '{working}' "
		f"where parent_revision_id = '{revision}' and line_uid = '{line}'",
		f"update plm_lines set parent_revision_id = '{revision}', find_number = 77 "
		f"where parent_revision_id = '{working}'",
		f"delete from plm_lines where parent_revision_id = '{revision}'",
		"insert into plm_lines (id, tenant_id, parent_revision_id, line_uid, find_number, "
		"child_item_id, quantity, unit, created_at, updated_at) select gen_random_uuid(), tenant_id, "
		"parent_revision_id, gen_random_uuid(), 99, child_item_id, 1, unit, now(), now() "
		f"from plm_lines where parent_revision_id = '{revision}'",
		"delete from plm_line_substitutes where line_id in "
		f"(select id from plm_lines where parent_revision_id = '{revision}')",
		"update plm_line_substitutes set quantity_ratio = 3 where line_id in "
		f"(select id from plm_lines where parent_revision_id = '{revision}')",
		f"update plm_revisions set state = 'released' where id = '{working}'",  # without its hash
		"insert into plm_revisions (id, tenant_id, item_id, ordinal, label, state, name, created_at, "
		"updated_at) select gen_random_uuid(), tenant_id, item_id, 9, 'X', 'released', 'x', now(), "
		f"now() from plm_revisions where id = '{revision}'",
	]
	for statement in statements:
		with pytest.raises(DBAPIError) as caught:
			async with cast.work() as work:
				await (await work.connection()).exec_driver_sql(statement)
		assert getattr(caught.value.orig, "sqlstate", "") == "P0001", statement
	async with cast.work() as work:
		role = await work.scalar(text("select current_user"))
	assert role == "apg_app"
	for trick in (
		"set session_replication_role = replica",
		"alter table plm_lines disable trigger guard",
		"truncate plm_lines",
	):
		with pytest.raises(DBAPIError) as caught:
			async with cast.work() as work:
				await (await work.connection()).exec_driver_sql(trick)
		assert getattr(caught.value.orig, "sqlstate", "") == "42501", trick
	engine = admin_engine(settings.database_admin_url)
	with engine.connect() as connection:
		row = connection.execute(
			text("select name, mass, state, label from plm_revisions where id = :id"),
			{"id": revision},
		).one()
	engine.dispose()
	assert tuple(row) == ("Part box", Decimal("5.000000"), "released", "A")


async def test_costs_phase_and_tags_are_not_content(shop: Workshop):
	await _released(shop)
	before = (await shop.get("box", "/revisions/A")).data["content_hash"]
	assert (await shop.cost("box", 5)).status == 201
	changed = await shop.call(
		"PATCH", shop.path("box"), {"tags": ["x"], "lifecycle_phase": "production"}
	)
	assert changed.status == 200
	assert (await shop.get("box", "/revisions/A")).data["content_hash"] == before


async def test_item_points_at_the_release(shop: Workshop, cast: Cast):
	held = await _released(shop)
	async with cast.work() as work:
		item = await work.get(Item, shop.ids["box"])
		assert item.current_revision_id == held["revision"]
