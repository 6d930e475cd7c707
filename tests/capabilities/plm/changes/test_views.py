"""Pages of changes: a change raised, redlined, decided and released by forms, as htmx sends them."""

import html
from typing import Any

import httpx
from tests.capabilities.plm.changes.conftest import PASSWORD, Company, Desk

HOSTILE = "<script>alert('stored')</script>"


async def opened(desk: Desk, path: str, **more: str) -> str:
	headers = desk.headers | {"Accept": "text/html"} | more
	answer = await desk.api.get(path, headers=headers)
	assert answer.status_code == 200, (path, answer.status_code, answer.text[:2000])
	return html.unescape(answer.text)


async def sent(desk: Desk, path: str, fields: dict[str, Any] | None = None) -> httpx.Response:
	headers = desk.headers | {"Accept": "text/html", "HX-Request": "true"}
	return await desk.api.post(path, data=fields or {}, headers=headers)


def place(answer: httpx.Response) -> str:
	assert answer.status_code in (200, 204, 303), answer.text[:3000]
	return answer.headers.get("hx-redirect") or answer.headers.get("location") or ""


async def raised(company: Company, **fields: str) -> str:
	given = {
		"kind": "change_order",
		"change_title": "Stiffer bracket",
		"change_type": "design",
		"priority": "medium",
		"urgency": "normal",
		"track": "full",
		"products": "N-bracket",
		"due_at": "",
		"currency": "EUR",
		"cost_impact": "",
		**fields,
	}
	where = place(await sent(company.author, "/plm/changes/new", given))
	return where.split("/")[3].split("?")[0]


async def test_from_the_form_to_the_release(stocked: Company):
	author, ada, ben, manager = stocked.author, stocked.ada, stocked.ben, stocked.manager
	assert "No changes yet" in await opened(author, "/plm/changes")
	form = await opened(author, f"/plm/changes/new?product={author.ids['bracket']}&line=10")
	assert 'value="N-bracket"' in form
	change_id = await raised(stocked, change_description=HOSTILE)
	base = f"/plm/changes/{change_id}"
	shown = await opened(author, f"{base}?tab=redline")
	assert "Nothing is changed yet" in shown
	items = await author.seen(change_id, "/items")
	lines = f"{base}/items/{items[0]['item_id']}/lines"
	assert "N-screw" in await opened(author, lines)
	revision = items[0]["to_revision_id"]
	rows = (await author.get("bracket", "/structure/lines", revision=revision)).data
	by_number = {row["product_number"]: row["line_uid"] for row in rows}
	saved = await sent(author, f"{lines}/{by_number['N-screw']}", {"quantity": "4"})
	assert place(saved) == lines
	await sent(author, f"{lines}/{by_number['N-plate']}", {"remove": "1"})
	await sent(author, lines, {"product_number": "N-washer", "quantity": "4"})
	wrong = await sent(author, lines, {"product_number": "N-nothing", "quantity": "4"})
	assert wrong.status_code == 422
	assert "N-nothing" in wrong.text
	shown = await opened(author, f"{base}?tab=redline")
	for sign, word in (("+", "N-washer"), ("−", "N-plate"), ("±", "N-screw")):
		assert sign in shown
		assert word in shown
	assert "<del>" in shown
	assert "<ins>" in shown
	assert "Submit for approval" in shown
	assert 'id="approve-form"' not in shown
	assert "tab=approvals" in place(await sent(author, f"{base}/submit"))

	inbox = await opened(ada, "/plm/changes?waiting=true")
	assert "Stiffer bracket" in inbox
	assert "Stiffer bracket" not in await opened(author, "/plm/changes?waiting=true")
	assert f'href="/plm/changes/{change_id}"' in await opened(ada, "/")
	assert f'href="/plm/changes/{change_id}"' not in await opened(author, "/")
	product = await opened(author, f"/plm/products/{author.ids['bracket']}/facts")
	assert "/plm/changes?product_id=N-bracket" in product
	assert "Stiffer bracket" in await opened(author, "/plm/changes?product_id=n-BRACKET")
	assert "Stiffer bracket" not in await opened(author, "/plm/changes?product_id=N-screw")
	asked = await opened(ada, f"{base}/approve")
	assert 'id="approve-form"' in asked
	assert "<details open" in asked
	wrong = await sent(ada, f"{base}/approve", {"secret": "wrong", "comments": "my words"})
	assert wrong.status_code == 422
	assert "This is not your present password." in html.unescape(wrong.text)
	assert "my words" in wrong.text
	assert (await author.seen(change_id))["approved_by"] == []
	for one in (ada, ben):
		done = await sent(one, f"{base}/approve", {"secret": PASSWORD, "comments": HOSTILE})
		assert "tab=approvals" in place(done)
	page = await author.api.get(
		f"{base}?tab=approvals", headers=author.headers | {"Accept": "text/html"}
	)
	assert HOSTILE not in page.text
	assert html.escape("<script>") in page.text
	assert 'id="implement-form"' not in html.unescape(page.text)
	assert 'id="implement-form"' in await opened(manager, base)
	place(await sent(manager, f"{base}/implement"))
	assert (await author.seen(change_id))["status"] == "implemented"
	for tab in ("conversation", "redline", "impact", "approvals", "history"):
		text = await opened(author, f"{base}?tab={tab}")
		assert HOSTILE not in text.replace(html.unescape(HOSTILE), "", 0) or tab in (
			"conversation",
			"approvals",
			"history",
		)
	assert 'id="impact"' in await opened(author, f"{base}?tab=impact")
	assert "raised ECO-000001" in await opened(author, f"{base}?tab=history")


async def test_gaps_are_shown_with_their_links(stocked: Company):
	author = stocked.author
	await author.product("clip")
	change_id = await author.raised("bracket")
	await author.order_line(change_id, "bracket", "clip", 2)
	refused = await sent(author, f"/plm/changes/{change_id}/submit")
	assert refused.status_code == 409
	text = html.unescape(refused.text)
	assert "N-clip is not released" in text
	assert f'<a href="/plm/products/{author.ids["bracket"]}?revision=' in text


async def test_choosing_a_side_on_the_page(stocked: Company):
	author = stocked.author
	first, second = await author.raised("bracket"), await author.raised("bracket")
	await author.redlined(first, "bracket", "screw", quantity=3)
	await author.redlined(second, "bracket", "screw", quantity=7)
	await stocked.released(first)
	[item] = await author.seen(second, "/items")
	path = f"/plm/changes/{second}/items/{item['item_id']}/rebase"
	assert "Bring this product onto the released revision" in await opened(
		author, f"/plm/changes/{second}?tab=redline"
	)
	shown = await opened(author, path)
	name = shown.split('name="choice|', 1)[1].split('"', 1)[0]
	assert place(await sent(author, path)) == path
	assert "tab=redline" in place(await sent(author, path, {f"choice|{name}": "theirs"}))
	[item] = await author.seen(second, "/items")
	assert item["base_moved"] is False


async def test_the_other_pages_open_and_save(stocked: Company):
	author, admin, ada = stocked.author, stocked.admin, stocked.ada
	change_id = await author.raised("bracket")
	base = f"/plm/changes/{change_id}"
	assert "Stiffer bracket" in await opened(author, f"{base}/edit")
	answer = await author.api.get(f"{base}/edit", headers=author.headers | {"Accept": "text/html"})
	etag = answer.text.split('name="if_match" value="')[1].split('"')[0]
	edited = {"change_title": "A new title", "if_match": html.unescape(etag)}
	place(await sent(author, f"{base}/edit", edited))
	assert (await author.seen(change_id))["change_title"] == "A new title"
	stale = await sent(author, f"{base}/edit", edited | {"change_title": "Stale"})
	assert stale.status_code == 412
	place(await sent(author, f"{base}/comments", {"body": "What of the plate?"}))
	assert "What of the plate?" in await opened(author, base)
	await opened(author, f"{base}/items/new")
	place(await sent(author, f"{base}/items/new", {"product_number": "N-frame", "action": ""}))
	items = await author.seen(change_id, "/items")
	frame = f"{base}/items/{items[1]['item_id']}"
	await opened(author, frame)
	place(await sent(author, frame, {"stock": "rework", "interchangeable": "no"}))
	assert (await author.seen(change_id, "/items"))[1]["dispositions"] == {
		"stock": {"decision": "rework"}
	}
	place(await sent(author, f"{frame}/remove"))
	assert (await author.seen(change_id))["item_count"] == 1
	preview = await opened(author, f"{base}/replace?product=N-bracket&instead=N-plate")
	assert "N-frame" in preview
	place(
		await sent(
			author,
			f"{base}/replace",
			{
				"product_number": "N-bracket",
				"with_product_number": "N-plate",
				"parents[]": [author.ids["frame"]],
			},
		)
	)
	assert (await author.seen(change_id))["item_count"] == 2
	rules = await opened(admin, "/plm/changes/rules")
	assert "Technical approver" in rules
	assert "10,000" in rules
	place(
		await sent(
			admin,
			"/plm/changes/rules/new",
			{
				"name": "Purchasing",
				"role": "plm_manager",
				"step": "2",
				"due_days": "3",
				"quorum": "1",
				"change_types[]": ["supply", "design"],
				"is_active": "true",
			},
		)
	)
	rows = (await admin.call("GET", "/api/v1/plm/approval-rules")).data
	[made] = [row for row in rows if row["name"] == "Purchasing"]
	assert (made["change_types"], made["quorum"]) == (["supply", "design"], 1)
	edit = f"/plm/changes/rules/{made['rule_id']}/edit"
	assert 'value="supply" checked' in await opened(admin, edit)
	await opened(author, "/plm/changes/rules")
	denied = await author.api.get(edit, headers=author.headers | {"Accept": "text/html"})
	assert denied.status_code == 403
	away = {
		"substitute_id": stocked.ben.user_id,
		"starts_at": "2030-01-01",
		"ends_at": "2030-01-08",
	}
	place(await sent(ada, "/plm/changes/rules/absences", away))
	assert "Ben" in await opened(ada, "/plm/changes/rules")
	place(await sent(admin, f"/plm/changes/rules/{made['rule_id']}/remove"))


async def test_rejecting_needs_a_sentence_and_buttons_follow_rights(stocked: Company):
	change_id = await stocked.author.raised("bracket")
	base = f"/plm/changes/{change_id}"
	place(await sent(stocked.author, f"{base}/submit"))
	shown = await opened(stocked.quality, base)
	assert 'id="approve-form"' not in shown
	refused = await sent(stocked.ada, f"{base}/reject", {"comments": ""})
	assert refused.status_code == 422
	assert "<details open><summary" in refused.text
	place(await sent(stocked.ada, f"{base}/reject", {"comments": "No capacity"}))
	assert (await stocked.author.seen(change_id))["status"] == "rejected"
	place(await sent(stocked.author, f"{base}/return", {"comments": "Found some"}))
	assert "Found some" in await opened(stocked.author, base)
	place(await sent(stocked.author, f"{base}/cancel", {"comments": ""}))
	assert "decision-bar" not in await opened(stocked.author, base)
