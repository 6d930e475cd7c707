"""An order from its draft to the release: numbers, working revisions, redline, approvals."""

import asyncio
from typing import Any

from tests.capabilities.plm.changes.conftest import CHANGES, Company


async def test_from_the_draft_to_the_release(stocked: Company):
	author, manager = stocked.author, stocked.manager
	made = await author.call(
		"POST",
		CHANGES,
		{
			"change_title": "Four screws hold better",
			"change_type": "design",
			"affected_products": [author.ids["bracket"]],
			"reason_for_change": "It bends",
		},
	)
	assert made.status == 201, made.response.text
	change = made.data
	assert change["change_number"] == "ECO-000001"
	assert change["status"] == "draft"
	assert change["allowed_actions"] == ["edit", "redline", "submit", "cancel"]
	assert change["affected_products"] == [author.ids["bracket"]]
	assert change["created_by"] == author.user_id
	assert change["package_hash"] is None
	change_id = change["change_id"]
	[item] = await author.seen(change_id, "/items")
	assert (item["action"], item["from_revision"], item["to_revision"]) == ("revise", "A", "B")
	assert (item["to_state"], item["base_moved"]) == ("working", False)

	# The existing structure calls change the order's own revision and no other.
	answer = await author.redlined(change_id, "bracket", "screw", quantity=4)
	assert answer.status == 200, answer.response.text
	assert answer.data["quantity"] == 4
	assert (await author.order_line(change_id, "bracket", "washer", 4)).status == 201
	current = (await author.get("bracket", "/structure/lines", revision="A")).data
	assert [(row["product_number"], row["quantity"]) for row in current] == [
		("N-screw", 2),
		("N-plate", 1),
	]
	redline = await author.seen(change_id, "/redline")
	[one] = redline["items"]
	told = [
		(line["change"], line["product_number"], [f["field"] for f in line["fields"]])
		for line in one["difference"]["lines"]
	]
	assert told == [
		("changed", "N-screw", ["quantity"]),
		("added", "N-washer", ["quantity", "unit"]),
	]

	submitted = await author.do(change_id, "submit")
	assert submitted.status == 200, submitted.response.text
	assert submitted.data["status"] == "submitted"
	assert len(submitted.data["package_hash"]) == 64
	asked = sorted([stocked.ada.user_id, stocked.ben.user_id])
	assert sorted(submitted.data["approvers"]) == sorted(submitted.data["waiting_for"]) == asked
	# Frozen: nobody changes what is in review.
	refused = await author.redlined(change_id, "bracket", "screw", quantity=5)
	assert (refused.status, refused.code) == (409, "REVISION_NOT_WORKING")
	early = await manager.do(change_id, "implement")
	assert (early.status, early.code) == (409, "CHANGE_NOT_OPEN")

	first = await stocked.ada.sign(change_id, "looks right")
	assert first.status == 200, first.response.text
	assert first.data["status"] == "under_review"
	assert first.data["approved_by"] == [stocked.ada.user_id]
	assert first.data["approval_comments"] == {stocked.ada.user_id: "looks right"}
	assert first.data["waiting_for"] == [stocked.ben.user_id]
	last = await stocked.ben.sign(change_id)
	assert last.data["status"] == "approved"
	assert last.data["approved_at"].endswith("Z")

	done = await manager.do(change_id, "implement")
	assert done.status == 200, done.response.text
	assert done.data["status"] == "implemented"
	rows = (await author.get("bracket", "/revisions")).data
	assert [(row["revision"], row["state"], row["current"]) for row in rows] == [
		("B", "released", True),
		("A", "superseded", False),
	]
	assert rows[0]["change_id"] == change_id
	lines = (await author.get("bracket", "/structure/lines", revision="B")).data
	assert [(row["product_number"], row["quantity"]) for row in lines] == [
		("N-screw", 4),
		("N-plate", 1),
		("N-washer", 4),
	]
	closed = await manager.do(change_id, "close")
	assert closed.data["status"] == "closed"
	assert closed.data["allowed_actions"] == []


async def test_each_kind_has_numbers_of_its_own_and_no_two_get_the_same(company: Company):
	async def raised(kind: str) -> str:
		body = {"change_title": "Something", "kind": kind}
		return (await company.author.call("POST", CHANGES, body)).data["change_number"]

	orders = await asyncio.gather(*(raised("change_order") for _ in range(8)))
	assert sorted(orders) == [f"ECO-00000{n}" for n in range(1, 9)]
	assert await raised("problem_report") == "PR-000001"
	assert await raised("change_request") == "ECR-000001"
	assert await raised("deviation") == "DEV-000001"


async def test_a_first_revision_becomes_the_orders_and_is_given_back(company: Company):
	author = company.author
	await author.parts("screw")
	await author.lines({"box": {"screw": 1}})
	change_id = await author.raised("screw", "box")
	items = await author.seen(change_id, "/items")
	assert [(i["action"], i["from_revision"], i["to_revision"]) for i in items] == [
		("add", None, "A"),
		("add", None, "A"),
	]
	assert (await author.redlined(change_id, "box", "screw", quantity=3)).status == 200
	cancelled = await author.do(change_id, "cancel", {"comments": "not now"})
	assert cancelled.data["status"] == "cancelled"
	# It stands alone again: changed by the plain call, released by hand.
	rows = (await author.get("box", "/revisions")).data
	assert [(row["state"], row["change_id"]) for row in rows] == [("working", None)]
	assert (await author.line("box", "screw", 1)).status == 201
	await company.manager.release("screw", "box")


async def test_what_the_order_opened_is_cancelled_with_it(stocked: Company):
	author = stocked.author
	change_id = await author.raised("bracket")
	await author.do(change_id, "cancel")
	rows = (await author.get("bracket", "/revisions")).data
	assert [(row["revision"], row["state"]) for row in rows] == [
		("B", "cancelled"),
		("A", "released"),
	]
	again = await author.raised("bracket")
	[item] = await author.seen(again, "/items")
	assert item["to_revision"] == "B"


async def test_parent_and_new_child_in_one_order(stocked: Company):
	author = stocked.author
	await author.product("clip")
	change_id = await author.raised("clip", "bracket", "frame")
	assert (await author.order_line(change_id, "bracket", "clip", 2)).status == 201
	await stocked.released(change_id)
	for name, label in (("clip", "A"), ("bracket", "B"), ("frame", "B")):
		row = (await author.get(name, "/revisions")).data[0]
		assert (row["revision"], row["state"]) == (label, "released"), name


async def test_every_gap_is_named_with_its_page(stocked: Company):
	author = stocked.author
	await author.product("clip")
	change_id = await author.raised("bracket")
	await author.order_line(change_id, "bracket", "clip", 2)
	refused = await author.do(change_id, "submit")
	assert (refused.status, refused.code) == (409, "NOT_SUBMITTABLE")
	[(field, texts)] = refused.details.items()
	assert field == "items.N-bracket.lines.30"
	assert "N-clip is not released" in texts[0]
	assert f"/plm/products/{author.ids['bracket']}?revision=" in texts[0]
	assert (await author.seen(change_id))["status"] == "draft"
	row = (await author.get("bracket", "/revisions")).data[0]
	assert row["state"] == "working"
	added = await author.call(
		"POST", f"{CHANGES}/{change_id}/items", {"product_id": author.ids["clip"]}
	)
	assert added.status == 201
	assert (await author.do(change_id, "submit")).status == 200


async def test_obsolete_needs_every_parent_in_the_order(stocked: Company):
	author = stocked.author
	body = [{"product_id": author.ids["washer"], "action": "obsolete"}]
	free = await author.raised(items=body)
	await stocked.released(free)
	product = (await author.get("washer")).data
	assert product["lifecycle_phase"] == "obsolete"
	assert (await author.get("washer", "/revisions")).data[0]["state"] == "obsolete"
	body = [{"product_id": author.ids["screw"], "action": "obsolete"}]
	used = await author.raised(items=body)
	refused = await author.do(used, "submit")
	assert list(refused.details) == ["items.N-screw.action"]
	assert "N-bracket" in refused.words
	# With the parent in the order the line itself is named, until another part stands there.
	path = f"{CHANGES}/{used}/items"
	assert (await author.call("POST", path, {"product_id": author.ids["bracket"]})).status == 201
	refused = await author.do(used, "submit")
	assert list(refused.details) == ["items.N-bracket.lines.10"]
	swapped = await author.redlined(used, "bracket", "screw", product_id=author.ids["bolt"])
	assert swapped.status == 200, swapped.response.text
	await stocked.released(used)
	assert (await author.get("screw")).data["lifecycle_phase"] == "obsolete"


async def test_phases_move_with_the_release(stocked: Company):
	author = stocked.author
	entry = {"product_number": "N-frame", "action": "phase_change", "new_phase": "production"}
	change_id = await author.raised(items=[entry])
	await stocked.approved(change_id)
	assert (await author.get("frame")).data["lifecycle_phase"] == "concept"
	await stocked.manager.do(change_id, "implement")
	assert (await author.get("frame")).data["lifecycle_phase"] == "production"
	back = [{"product_number": "N-frame", "action": "phase_change", "new_phase": "design"}]
	refused = await author.do(await author.raised(items=back), "submit")
	assert list(refused.details) == ["items.N-frame.new_phase"]


async def test_close_needs_the_dispositions(stocked: Company):
	author, manager = stocked.author, stocked.manager
	entry = {
		"product_id": author.ids["bracket"],
		"dispositions": {"stock": "rework", "field": "none", "on_order": "use_up"},
	}
	change_id = await author.raised(items=[entry])
	item = f"{CHANGES}/{change_id}/items/{author.ids['bracket']}"
	early = await author.call("PATCH", item, {"done": ["stock"]})
	assert (early.status, early.code) == (409, "CHANGE_NOT_OPEN")
	await stocked.released(change_id)
	refused = await manager.do(change_id, "close")
	assert (refused.status, refused.code) == (409, "DISPOSITIONS_OPEN")
	assert len(refused.details) == 2
	late = await author.call("PATCH", item, {"dispositions": {"stock": "scrap"}})
	assert (late.status, late.code) == (409, "CHANGE_NOT_OPEN")
	done = await author.call("PATCH", item, {"done": ["stock", "on_order"]})
	assert done.status == 200, done.response.text
	assert done.data["dispositions"]["stock"]["done_by"] == author.user_id
	assert (await manager.do(change_id, "close")).data["status"] == "closed"


async def test_a_request_becomes_an_order(stocked: Company):
	author = stocked.author
	request = await author.raised("bracket", kind="change_request")
	[item] = await author.seen(request, "/items")
	assert item["to_revision_id"] is None
	assert (await author.get("bracket", "/revisions")).data[0]["state"] == "released"
	await stocked.released(request)
	rows = (await author.call("GET", f"{CHANGES}?kind=change_order")).data
	assert [(row["origin_id"], row["status"]) for row in rows] == [(request, "draft")]
	assert rows[0]["affected_products"] == [author.ids["bracket"]]
	assert (await author.seen(request))["status"] == "implemented"


async def test_a_deviation_ends(stocked: Company):
	from datetime import timedelta

	from apg.capabilities.plm.changes import tasks
	from apg.kernel.stamps import utc_now
	from apg.kernel.work import open_work

	author = stocked.author
	without_end = await author.raised("bracket", kind="deviation")
	refused = await author.do(without_end, "submit")
	assert list(refused.details) == ["valid_until"]
	soon = utc_now() + timedelta(seconds=2)
	change_id = await author.raised(
		"bracket", kind="deviation", valid_until=soon.isoformat(), valid_for="batch 17"
	)
	await stocked.released(change_id)
	system = await stocked.runtime.state["authenticator"].principal_of(stocked.tenant_id, None)

	async def tick() -> str:
		async with open_work(stocked.runtime, system, action="test", origin="task") as work:
			await tasks.end_deviations(work)
		return (await author.seen(change_id))["status"]

	assert await tick() == "implemented" or utc_now() >= soon
	await asyncio.sleep(max(0.0, (soon - utc_now()).total_seconds()) + 0.05)
	assert await tick() == "closed"


async def test_the_list_finds(stocked: Company):
	author, ada = stocked.author, stocked.ada
	first = await author.raised("bracket", change_title="A 100 % better bracket")
	second = await author.raised("frame", change_title="Another frame", priority="low")
	await author.do(first, "submit")

	async def found(who: Any, **query: str) -> list[str]:
		asked = "&".join(f"{name}={value}" for name, value in query.items())
		return [row["change_id"] for row in (await who.call("GET", f"{CHANGES}?{asked}")).data]

	assert await found(ada, waiting="true") == [first]
	assert await found(author, waiting="true") == []
	assert await found(author, status="draft") == [second]
	assert await found(author, search="100 %25") == [first]
	assert await found(author, search="ECO-000002") == [second]
	assert await found(author, product_id=author.ids["frame"]) == [second]
	assert await found(ada, mine="true") == []
	assert await found(author, sort_by="priority", sort_order="desc") == [first, second]
	assert await found(author, overdue="true") == []
	assert await found(stocked.outsider) == []
