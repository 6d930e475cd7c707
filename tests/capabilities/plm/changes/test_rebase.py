"""Two orders from one base: found at submission and at release, and brought together line by line."""

from typing import Any

import pytest
from tests.capabilities.plm.changes.conftest import CHANGES, Company


async def two(company: Company) -> tuple[str, str]:
	return await company.author.raised("bracket"), await company.second.raised("bracket")


async def rebase(company: Company, change_id: str, **choices: str) -> Any:
	author = company.author
	path = f"{CHANGES}/{change_id}/items/{author.ids['bracket']}/rebase"
	given = [
		{"line_uid": uid, "field": field, "side": side}
		for name, side in choices.items()
		for uid, field in [name.split("|", 1)]
	]
	answer = await author.call("POST", path, {"choices": given})
	assert answer.status == 200, answer.response.text
	return answer.data


async def lines(company: Company, change_id: str) -> list[tuple[int, str, Any]]:
	revision = await company.author.working(change_id, "bracket")
	rows = (await company.author.get("bracket", "/structure/lines", revision=revision)).data
	return [(row["find_number"], row["product_number"], row["quantity"]) for row in rows]


async def test_found_at_submission_and_rebased(stocked: Company):
	first, second = await two(stocked)
	rows = await stocked.author.seen(second, "/items")
	assert rows[0]["other_changes"] == ["ECO-000001"]
	await stocked.author.redlined(first, "bracket", "screw", quantity=3)
	await stocked.author.redlined(second, "bracket", "plate", quantity=2)
	await stocked.released(first)
	[item] = await stocked.author.seen(second, "/items")
	assert item["base_moved"] is True
	refused = await stocked.second.do(second, "submit")
	assert (refused.status, refused.code) == (409, "REBASE_NEEDED")
	assert list(refused.details) == ["items.N-bracket.base"]
	assert f"/plm/changes/{second}/items/" in refused.words
	done = await rebase(stocked, second)
	assert (done["rebased"], done["clashes"], done["moved"]) == (True, [], [])
	# Different lines are merged, and the redline is against the new base alone.
	assert await lines(stocked, second) == [(10, "N-screw", 3), (20, "N-plate", 2)]
	[one] = (await stocked.author.seen(second, "/redline"))["items"]
	assert [line["product_number"] for line in one["difference"]["lines"]] == ["N-plate"]
	await stocked.released(second)
	rows = (await stocked.author.get("bracket", "/revisions")).data
	assert [(row["revision"], row["state"]) for row in rows] == [
		("C", "released"),
		("B", "superseded"),
		("A", "superseded"),
	]


async def test_found_at_release_when_both_were_approved(stocked: Company):
	first, second = await two(stocked)
	await stocked.approved(first)
	await stocked.approved(second)
	assert (await stocked.manager.do(first, "implement")).status == 200
	refused = await stocked.manager.do(second, "implement")
	assert (refused.status, refused.code) == (409, "REBASE_NEEDED")
	assert (await stocked.author.seen(second))["status"] == "approved"
	rows = (await stocked.author.get("bracket", "/revisions")).data
	assert [row["state"] for row in rows] == ["in_review", "released", "superseded"]
	back = await stocked.author.do(second, "return", {"comments": "rebase"})
	assert back.status == 200
	assert (await rebase(stocked, second))["rebased"] is True
	await stocked.released(second)


@pytest.mark.parametrize(("side", "quantity"), [("mine", 7), ("theirs", 3)])
async def test_the_same_field_is_chosen(stocked: Company, side: str, quantity: int):
	first, second = await two(stocked)
	await stocked.author.redlined(first, "bracket", "screw", quantity=3)
	await stocked.author.redlined(second, "bracket", "screw", quantity=7)
	await stocked.released(first)
	looked = await rebase(stocked, second)
	assert looked["rebased"] is False
	[clash] = looked["clashes"]
	assert (clash["field"], clash["base"], clash["mine"], clash["theirs"]) == ("quantity", 2, 7, 3)
	assert await lines(stocked, second) == [(10, "N-screw", 7), (20, "N-plate", 1)]
	done = await rebase(stocked, second, **{f"{clash['line_uid']}|quantity": side})
	assert done["rebased"] is True
	assert await lines(stocked, second) == [(10, "N-screw", quantity), (20, "N-plate", 1)]
	[item] = await stocked.author.seen(second, "/items")
	assert item["base_moved"] is False


async def test_different_fields_of_one_line_are_merged(stocked: Company):
	first, second = await two(stocked)
	await stocked.author.redlined(first, "bracket", "screw", quantity=3)
	await stocked.author.redlined(second, "bracket", "screw", note="with a washer")
	await stocked.released(first)
	done = await rebase(stocked, second)
	assert (done["rebased"], done["clashes"]) == (True, [])
	revision = await stocked.author.working(second, "bracket")
	rows = (await stocked.author.get("bracket", "/structure/lines", revision=revision)).data
	assert [(row["quantity"], row["note"]) for row in rows] == [(3, "with a washer"), (1, None)]


async def test_removed_there_and_changed_here(stocked: Company):
	first, second = await two(stocked)
	await stocked.author.redlined(first, "bracket", "plate")
	await stocked.author.redlined(second, "bracket", "plate", quantity=5)
	await stocked.released(first)
	[clash] = (await rebase(stocked, second))["clashes"]
	assert (clash["field"], clash["theirs"]) == ("line", None)
	assert (clash["mine"]["product"], clash["mine"]["quantity"]) == ("N-plate", 5)
	await rebase(stocked, second, **{f"{clash['line_uid']}|line": "mine"})
	assert await lines(stocked, second) == [(10, "N-screw", 2), (20, "N-plate", 5)]


async def test_both_added_the_same_child_and_both_are_kept(stocked: Company):
	first, second = await two(stocked)
	await stocked.author.order_line(first, "bracket", "bolt", 1, note="left")
	await stocked.author.order_line(second, "bracket", "bolt", 2, note="right")
	await stocked.released(first)
	done = await rebase(stocked, second)
	assert done["rebased"] is True
	assert [(one["before"], one["after"]) for one in done["moved"]] == [(30, 40)]
	assert await lines(stocked, second) == [
		(10, "N-screw", 2),
		(20, "N-plate", 1),
		(30, "N-bolt", 1),
		(40, "N-bolt", 2),
	]


async def test_both_removed_is_nothing_to_do(stocked: Company):
	first, second = await two(stocked)
	for change_id in (first, second):
		await stocked.author.redlined(change_id, "bracket", "plate")
	await stocked.released(first)
	assert (await rebase(stocked, second))["rebased"] is True
	assert await lines(stocked, second) == [(10, "N-screw", 2)]


async def test_fields_of_the_revision_take_part(stocked: Company):
	first, second = await two(stocked)
	principal = stocked.author.principal
	assert principal is not None
	from sqlalchemy import text

	from apg.kernel.work import open_work

	for change_id, values in (
		(first, "name = 'Theirs', material = 'steel', mass = 5, mass_unit = 'g'"),
		(second, "name = 'Mine', description = 'new words'"),
	):
		async with open_work(stocked.runtime, principal, action="t", origin="task") as work:
			await work.execute(
				text(f"update plm_revisions set {values} where change_id = :id"), {"id": change_id}
			)
	await stocked.released(first)
	[clash] = (await rebase(stocked, second))["clashes"]
	assert (clash["line_uid"], clash["field"], clash["mine"]) == ("revision", "name", "Mine")
	await rebase(stocked, second, **{"revision|name": "theirs"})
	revision = await stocked.author.working(second, "bracket")
	row = (await stocked.author.get("bracket", f"/revisions/{revision}")).data
	assert (row["product_name"], row["material"], row["mass"], row["product_description"]) == (
		"Theirs",
		"steel",
		5,
		"new words",
	)


async def test_a_product_on_its_base_has_nothing_to_rebase(stocked: Company):
	change_id = await stocked.author.raised("bracket")
	path = f"{CHANGES}/{change_id}/items/{stocked.author.ids['bracket']}/rebase"
	answer = await stocked.author.call("POST", path, {})
	assert (answer.status, answer.code) == (409, "NOTHING_TO_REBASE")


# -- one part in place of another ---------------------------------------------------------------


async def test_replaced_everywhere_after_a_preview(stocked: Company):
	author, manager = stocked.author, stocked.manager
	await manager.lines({"shelf": {"screw": 8}, "crate": {"bolt": 2}})
	await manager.release("shelf")
	await manager.product("oil", unit_of_measure="kg")
	change_id = await author.raised()
	path = f"{CHANGES}/{change_id}/replace"
	body = {"product_number": "N-screw", "with_product_number": "N-bolt"}
	found = (await author.call("POST", path, body | {"preview": True})).data
	assert [(r["product_number"], r["quantity"], r["in_change"], r["skipped"]) for r in found] == [
		("N-bracket", 2, False, None),
		("N-shelf", 8, False, None),
	]
	assert await author.seen(change_id, "/items") == []
	only = await author.call("POST", path, body | {"parents": [author.ids["shelf"]]})
	assert [row["product_number"] for row in only.data] == ["N-shelf"]
	every = await author.call("POST", path, body)
	assert [row["product_number"] for row in every.data] == ["N-bracket"]
	redline = await author.seen(change_id, "/redline")
	for one in redline["items"]:
		[line] = one["difference"]["lines"]
		assert [(f["field"], f["old"], f["new"]) for f in line["fields"]] == [
			("product", "N-screw", "N-bolt")
		]
	await stocked.released(change_id)
	assert [row[1] for row in await _released(stocked, "shelf")] == ["N-bolt"]
	unfit = await author.raised()
	answer = await author.call(
		"POST",
		f"{CHANGES}/{unfit}/replace",
		{"product_number": "N-bolt", "with_product_number": "N-oil"},
	)
	assert all("kg" in row["skipped"] for row in answer.data)
	assert await author.seen(unfit, "/items") == []


async def _released(company: Company, name: str) -> list[tuple[int, str]]:
	rows = (await company.author.get(name, "/structure/lines")).data
	return [(row["find_number"], row["product_number"]) for row in rows]


async def test_a_part_is_not_put_into_itself(stocked: Company):
	author = stocked.author
	change_id = await author.raised()
	body = {"product_number": "N-bracket", "with_product_number": "N-frame"}
	answer = await author.call("POST", f"{CHANGES}/{change_id}/replace", body)
	assert answer.data[0]["skipped"] == "N-frame cannot contain itself."
