"""Fields of an order's revision: changed in the order, shown old → new, fixed by the release, merged."""

import html
from typing import Any

from tests.capabilities.plm.changes.conftest import CHANGES, Company, Desk
from tests.capabilities.plm.changes.test_views import opened, place, sent
from tests.capabilities.plm.documents.test_documents import PDF, attached


async def described(desk: Desk, change_id: str, name: str, **fields: Any) -> Any:
	revision = await desk.working(change_id, name)
	return await desk.call("PATCH", desk.path(name, f"?revision={revision}"), fields)


async def shown(desk: Desk, change_id: str) -> list[tuple[str, Any, Any]]:
	[one] = (await desk.seen(change_id, "/redline"))["items"]
	fields = one["difference"]["attributes"]
	return [(each["field"], each["old"], each["new"]) for each in fields]


async def test_fields_are_redlined_and_a_released_revision_stays(stocked: Company):
	author = stocked.author
	change_id = await author.raised("bracket")
	fields = {
		"product_name": "Bracket, stiffer",
		"mass": "12.5",
		"mass_unit": "g",
		"custom_attributes": {"coating": "zinc"},
	}
	saved = await described(author, change_id, "bracket", **fields)
	assert saved.status == 200, saved.response.text
	assert (saved.data["product_name"], saved.data["revision_state"]) == (
		"Bracket, stiffer",
		"working",
	)
	assert await shown(author, change_id) == [
		("product_name", "Part bracket", "Bracket, stiffer"),
		("mass", None, 12.5),
		("mass_unit", None, "g"),
		("custom_attributes.coating", None, "zinc"),
	]
	assert (await author.get("bracket")).data["product_name"] == "Part bracket"
	# What belongs to the product is refused there, and nothing of it is kept.
	mixed = await described(author, change_id, "bracket", tags=["x"], product_name="Other")
	assert (mixed.status, list(mixed.details)) == (400, ["tags"])
	revision = await author.working(change_id, "bracket")
	path = author.path("bracket", f"?revision={revision}")
	stale = await author.call("PATCH", path, {"product_name": "Other"}, If_Match='"1-1"')
	assert stale.status == 412
	fixed = await author.call("PATCH", author.path("bracket", "?revision=A"), {"mass": None})
	assert (fixed.status, fixed.code) == (409, "REVISION_NOT_WORKING")
	assert (await stocked.ada.call("PATCH", path, {"product_name": "Other"})).status == 403
	await stocked.approved(change_id)
	frozen = await author.call("PATCH", path, {"product_name": "Other"})
	assert (frozen.status, frozen.code) == (409, "REVISION_NOT_WORKING")
	assert (await stocked.manager.do(change_id, "implement")).status == 200
	assert (await author.get("bracket")).data["product_name"] == "Bracket, stiffer"
	assert (await author.get("bracket", revision="A")).data["product_name"] == "Part bracket"


async def test_the_form_saves_what_was_changed_and_asks_where_two_did(stocked: Company):
	author = stocked.author
	change_id = await author.raised("bracket")
	[item] = await author.seen(change_id, "/items")
	page = f"/plm/changes/{change_id}/items/{item['item_id']}/fields"
	assert "Change fields" in await opened(author, f"/plm/changes/{change_id}?tab=redline")
	first = await opened(author, page)
	seen = html.unescape(first.split('name="seen" value="')[1].split('">')[0])
	# While the form is open, somebody else gives the material.
	assert (await described(author, change_id, "bracket", material="steel")).status == 200
	both = await sent(author, page, {"seen": seen, "material": "brass", "product_name": "Holder"})
	assert both.status_code == 422
	assert "steel" in both.text
	assert ("product_name", "Part bracket", "Holder") not in await shown(author, change_id)
	mine = {"seen": seen, "material": "", "product_name": "Holder", "custom_attributes": "pitch: 2"}
	assert place(await sent(author, page, mine)).endswith("tab=redline")
	assert await shown(author, change_id) == [
		("product_name", "Part bracket", "Holder"),
		("material", None, "steel"),
		("custom_attributes.pitch", None, 2),
	]
	wrong = await sent(author, page, {"seen": "{}", "product_name": "x"})
	assert wrong.status_code == 422


async def test_a_rebase_merges_fields_and_documents(stocked: Company):
	author = stocked.author
	await attached_at(stocked, "bracket")
	first, second = await author.raised("bracket"), await stocked.second.raised("bracket")
	assert (await described(author, first, "bracket", material="steel")).status == 200
	for change_id, label in ((first, "2"), (second, "2x")):
		revision = await author.working(change_id, "bracket")
		[drawing] = (await author.get("bracket", "/documents", revision=revision)).data
		path = author.path("bracket", f"/documents/{drawing['document_id']}?revision={revision}")
		assert (await author.call("DELETE", path)).status == 204
		made = await attached(
			author, "bracket", PDF + label.encode(), kind="drawing", title="Bracket",
			document_revision=label, revision=revision,
		)  # fmt: skip
		assert made.status == 201
	await attached(
		author, "bracket", b"bent\n", kind="test_report", title="Bend",
		revision=await author.working(second, "bracket"),
	)  # fmt: skip
	assert (await described(author, second, "bracket", mass=3, mass_unit="kg")).status == 200
	await stocked.released(first)
	path = f"{CHANGES}/{second}/items/{author.ids['bracket']}/rebase"
	told = (await author.call("POST", path, {})).data
	[clash] = told["clashes"]
	assert (clash["line_uid"], clash["field"]) == ("revision", "documents.drawing Bracket")
	assert [clash[side][0].split(" · ")[0] for side in ("base", "mine", "theirs")] == [
		"1",
		"2x",
		"2",
	]
	choice = {"line_uid": "revision", "field": clash["field"], "side": "theirs"}
	assert (await author.call("POST", path, {"choices": [choice]})).data["rebased"] is True
	assert await shown(author, second) == [
		("mass", None, 3),
		("mass_unit", None, "kg"),
		("documents.test_report Bend", None, clash_free(await shown(author, second))),
	]
	revision = await author.working(second, "bracket")
	rows = (await author.get("bracket", "/documents", revision=revision)).data
	assert [(row["kind"], row["revision"]) for row in rows] == [
		("drawing", "2"),
		("test_report", ""),
	]
	assert (await author.get("bracket", revision=revision)).data["material"] == "steel"


def clash_free(fields: list[tuple[str, Any, Any]]) -> Any:
	return next(new for name, _old, new in fields if name.startswith("documents."))


async def attached_at(company: Company, name: str) -> None:
	"""A released revision of the product with a drawing of edition 1."""
	await company.manager.revise(name)
	made = await attached(
		company.manager, name, kind="drawing", title="Bracket", document_revision="1"
	)
	assert made.status == 201, made.response.text
	await company.manager.release(name)
