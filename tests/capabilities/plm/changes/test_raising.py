"""A change raised from a line; histories that remember what was removed; files that left, recorded."""

from sqlalchemy import text
from tests.capabilities.plm.changes.conftest import Company
from tests.capabilities.plm.changes.test_views import opened

from apg.kernel.stamps import new_id
from apg.kernel.work import open_work


async def test_a_line_of_a_released_structure_leads_to_its_change(stocked: Company):
	author = stocked.author
	product = (await author.get("bracket")).data
	rows = (await author.get("bracket", "/structure/lines", revision="A")).data
	line = next(row for row in rows if row["product_number"] == "N-plate")
	address = f"/plm/changes/new?revision={product['revision_id']}&line={line['line_uid']}"
	page = await opened(author, f"/plm/products/{author.ids['bracket']}")
	assert address in page
	assert "Raise a change about line 20 with N-plate" in page
	form = await opened(author, address)
	assert 'value="N-bracket"' in form
	assert "About line 20 of N-bracket revision A, N-plate Part plate: " in form
	# Of another company, and of nothing, it is the same: not there. Who raises none sees no way.
	for path in (address, f"/plm/changes/new?revision={new_id()}&line=x"):
		answer = await stocked.outsider.api.get(path, headers=stocked.outsider.headers)
		assert answer.status_code == 404
	assert address not in await opened(stocked.ada, f"/plm/products/{author.ids['bracket']}")


async def test_histories_remember_what_was_removed(stocked: Company):
	author = stocked.author
	cost = (await stocked.manager.cost("screw", "0.25")).data["cost_id"]
	path = author.path("screw", f"/costs/{cost}")
	assert (await stocked.manager.call("DELETE", path)).status == 204
	page = await opened(author, f"/plm/products/{author.ids['screw']}/history")
	assert "created the cost 0.25 EUR" in page
	assert "removed the cost 0.25 EUR" in page
	other = await opened(author, f"/plm/products/{author.ids['plate']}/history")
	assert "removed the cost" not in other
	change_id = await author.raised("bracket", "frame")
	item = f"/api/v1/plm/changes/{change_id}/items/{author.ids['frame']}"
	assert (await author.call("DELETE", item)).status == 204
	told = [one["what"] for one in await author.seen(change_id, "/history")]
	assert told.count("added the affected product") == 2
	assert told.count("removed the affected product") == 1


async def test_what_leaves_as_a_file_is_recorded(stocked: Company):
	author = stocked.author
	for path in (
		author.path("frame", "/structure/export?format=csv"),
		"/plm/products/export.csv",
	):
		answer = await author.api.get(path, headers=author.headers)
		assert answer.status_code == 200, answer.text
		assert "N-frame" in answer.text
		assert answer.headers["content-disposition"].startswith("attachment; filename=")
	async with open_work(
		stocked.runtime, stocked.admin.principal, action="test", origin="task", read_only=True
	) as work:
		rows = await work.execute(
			text("select route, user_id::text from security_events where kind = 'export'")
		)
	assert sorted(tuple(row) for row in rows) == [
		("GET /api/v1/plm/products/{product_id}/structure/export", author.user_id),
		("GET /plm/products/export.csv", author.user_id),
	]


async def test_lines_of_every_view_are_in_the_redline(stocked: Company):
	author = stocked.author
	change_id = await author.raised("bracket")
	made = await author.order_line(change_id, "bracket", "washer", 3, view="manufacturing")
	assert made.status == 201, made.response.text
	[one] = (await author.seen(change_id, "/redline"))["items"]
	difference = one["difference"]
	assert (difference["identical"], difference["added"]) == (False, 1)
	assert [(line["product_number"], line["view"]) for line in difference["lines"]] == [
		("N-washer", "manufacturing")
	]
	page = await opened(author, f"/plm/changes/{change_id}?tab=redline")
	assert "N-washer" in page
	assert "manufacturing" in page


async def test_a_company_may_let_changes_alone_release_what_was_released_before(stocked: Company):
	author, manager = stocked.author, stocked.manager
	await stocked.settings(only_by_change=True)
	await author.product("clip")
	await manager.release("clip")
	await manager.revise("clip")
	refused = await manager.call("POST", author.path("clip", "/release"), {})
	assert (refused.status, refused.code) == (409, "NOT_RELEASABLE")
	assert "a change releases what comes next" in refused.words
	rows = (await author.get("clip", "/revisions")).data
	assert [(row["revision"], row["state"]) for row in rows] == [
		("B", "working"),
		("A", "released"),
	]
	await stocked.released(await author.raised("clip"))
	rows = (await author.get("clip", "/revisions")).data
	assert [(row["revision"], row["state"]) for row in rows] == [
		("B", "released"),
		("A", "superseded"),
	]
