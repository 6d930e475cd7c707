"""A change on paper, read back from the PDF: what is in it, and for whom."""

import io
import re
from typing import Any

from pypdf import PdfReader
from sqlalchemy import text
from tests.capabilities.plm.changes.conftest import CHANGES, Company, Desk

from apg.capabilities.plm.changes.models import Change
from apg.capabilities.plm.impact import service as impacts
from apg.kernel.work import open_work


async def printed(desk: Desk, path: str) -> tuple[str, Any]:
	answer = await desk.api.get(path, headers=desk.headers)
	assert answer.status_code == 200, answer.text
	assert answer.headers["content-type"] == "application/pdf"
	reader = PdfReader(io.BytesIO(answer.content))
	whole = "\n".join(page.extract_text() for page in reader.pages)
	return re.sub(r"\s+", " ", whole), answer


async def test_the_paper_says_what_was_changed_and_who_signed(stocked: Company):
	author = stocked.author
	await stocked.settings(single_person=True)
	change_id = await author.raised(
		"bracket", change_title="Steifer Träger 変更", reason_for_change="Ελληνικά & <b>bold</b>"
	)
	for name, price in (("screw", "0.25"), ("washer", "0.1"), ("plate", 3)):
		await stocked.manager.cost(name, price)
	assert (await author.redlined(change_id, "bracket", "screw", quantity=4)).status == 200
	assert (await author.redlined(change_id, "bracket", "plate")).status == 204
	assert (await author.order_line(change_id, "bracket", "washer", "2.5")).status == 201
	draft, _answer = await printed(author, f"{CHANGES}/{change_id}/pdf")
	assert "Nobody is asked yet" in draft
	assert (await author.do(change_id, "submit")).status == 200
	assert (await stocked.ada.sign(change_id, "Checked against the drawing")).status == 200
	await author.do(change_id, "return", {"comments": "one more screw"})
	assert (await author.redlined(change_id, "bracket", "screw", quantity=5)).status == 200
	await stocked.approved(change_id)
	async with open_work(
		stocked.runtime, stocked.manager.principal, action="test", origin="task"
	) as work:
		await impacts.record(work, await work.get(Change, change_id), "edited")
	change = await author.seen(change_id)

	told, answer = await printed(stocked.manager, f"{CHANGES}/{change_id}/pdf")
	package = change["package_hash"]
	assert answer.headers["content-disposition"] == (
		f'attachment; filename="ECO-000001-{package[:8]}.pdf"'
	)
	for words in (
		"ECO-000001 Steifer Träger 変更",
		"Ελληνικά & <b>bold</b>",
		"approved",
		package,
		"Single person: in this company an author may approve his own change.",
		"Affected products (1)",
		"N-bracket Part bracket revise A → B",
		"Redline N-bracket · A → B",
		"± 10 N-screw Part screw quantity 2 → 5",
		"− 20 N-plate Part plate quantity 1",
		"+ 20 N-washer Part washer quantity 2.5",
		"Page 1 of ",
	):
		assert words in told, (words, told)
	# A frame holds four brackets: 4 × (3 × 0.25 − 3 + 2.5 × 0.1) = −8.
	assert re.search(r"N-frame Cost 14 EUR 6 EUR ▼ −8 EUR \(−57.14 %\) 100 %", told), told
	stages = await author.seen(change_id, "/approvals")
	signed = next(one for one in stages[0]["approvals"] if one["user_id"] == stocked.ada.user_id)
	at = signed["decided_at"][:19].replace("T", " ")
	assert re.search(
		rf"Ada .*\(Tech ?nical ?approver\) round 2 approves the package of this hash {at} UTC",
		told,
	), told
	assert told.count("approves the package of this hash") == 2
	assert "void: the package was changed or returned “Checked against the drawing”" in told
	# Who may not see prices sees none on paper either; another company sees no change.
	page, _answer = await printed(stocked.ada, f"/plm/changes/{change_id}/pdf")
	assert "N-frame Cost" in page
	outside = await stocked.outsider.call("GET", f"{CHANGES}/{change_id}/pdf")
	assert outside.status == 404
	async with open_work(
		stocked.runtime, stocked.admin.principal, action="test", origin="task", read_only=True
	) as work:
		rows = await work.execute(
			text("select route, user_id::text from security_events where kind = 'export'")
		)
		assert {(row.route, row.user_id) for row in rows} >= {
			("GET /api/v1/plm/changes/{change_id}/pdf", stocked.manager.user_id),
			("GET /plm/changes/{change_id}/pdf", stocked.ada.user_id),
		}


async def test_customers_are_told_of_what_is_approved_and_of_nothing_inside(stocked: Company):
	author = stocked.author
	for name, customer, number in (
		("bracket", "Acme", "AC-77"),
		("frame", "Acme", "AC-78"),
		("frame", "Zenith", "Z/1"),
	):
		body = {"scheme": "customer", "issuer": customer, "value": number}
		path = author.path(name, "/identifiers")
		assert (await author.call("POST", path, body)).status == 201
	change_id = await author.raised("bracket", change_description="Four screws in place of two")
	path = f"{CHANGES}/{change_id}/items/{author.ids['bracket']}"
	assert (await author.call("PATCH", path, {"interchangeable": "forward"})).status == 200
	assert (await author.redlined(change_id, "bracket", "screw", quantity=4)).status == 200
	notice = f"{CHANGES}/{change_id}/notice"
	early = await author.call("GET", notice)
	assert (early.status, early.code) == (409, "NOT_YET_DECIDED")
	await stocked.approved(change_id)
	async with open_work(
		stocked.runtime, stocked.manager.principal, action="test", origin="task"
	) as work:
		await impacts.record(work, await work.get(Change, change_id), "edited")
	told, answer = await printed(author, notice)
	assert answer.headers["content-disposition"].endswith('"ECO-000001-notice.pdf"')
	for words in (
		"Product change notice ECO-000001",
		"Four screws in place of two",
		"N-bracket Part bracket A → B the new one fits for the old one",
		"Acme AC-77 N-bracket Part bracket is changed",
		"Acme AC-78 N-frame Part frame contains a changed product",
		"Zenith Z/1 N-frame",
	):
		assert words in told, (words, told)
	for inside in ("N-screw", "Ada", "EUR", "quantity"):
		assert inside not in told, (inside, told)
	page, _answer = await printed(author, f"/plm/changes/{change_id}/notice?customer=Zenith")
	assert "Z/1" in page
	for others in ("Acme", "AC-7", "N-bracket"):
		assert others not in page, (others, page)
	nobody = await author.call("GET", f"{notice}?customer=Nobody")
	assert (nobody.status, list(nobody.details)) == (400, ["customer"])
