"""What went wrong with approvals elsewhere, tried on changes: acts in another's name, acts after a
refusal, moves across companies, links that lead across."""

from typing import Any

from sqlalchemy import text

from apg.kernel.work import open_work
from tests.capabilities.plm.changes.conftest import (  # noqa: F401  fixtures
	CHANGES,
	Company,
	company,
	stocked,
)

ACTIONS = (
	*("submit", "approve", "reject", "return", "hold", "resume", "cancel", "implement"),
	*("close", "delegate"),
)
STORED = """
	select json_build_object(
		'changes', (select json_agg(to_jsonb(c) order by id) from plm_changes c),
		'approvals', (select json_agg(to_jsonb(a) order by id) from plm_change_approvals a),
		'stages', (select json_agg(to_jsonb(s) order by id) from plm_approval_stages s),
		'comments', (select count(*) from plm_change_comments),
		'revisions', (select json_agg(concat(id, state, version) order by id) from plm_revisions),
		'trail', (select count(*) from audit_entries))
"""


async def stored(at: Company) -> Any:
	assert at.admin.principal is not None
	async with open_work(
		at.runtime, at.admin.principal, action="t", origin="task", read_only=True
	) as work:
		return await work.scalar(text(STORED))


def body_of(action: str, to: str) -> Any:
	if action in ("approve", "reject", "return"):
		return {"comments": "never"} | ({"proof": "x"} if action != "return" else {})
	return {"to": to} if action == "delegate" else None


async def test_a_refusal_is_no_act_and_no_company_moves_anothers_change(
	stocked: Company,  # noqa: F811
) -> None:
	outsider, client = stocked.outsider, stocked.author.api
	change = await stocked.author.raised("bracket")
	assert (await stocked.author.do(change, "submit")).status == 200
	before = await stored(stocked)
	# Answered 401, and nothing was carried out: without a token, with a forged one, with one of
	# another scheme, and with a token that was good in a cookie's place.
	strangers: tuple[dict[str, str], ...] = (
		{},
		{"Authorization": "Bearer forged"},
		{"Authorization": "Basic " + "YWRtaW46YWRtaW4="},
		{"Cookie": "session=" + stocked.manager.headers["Authorization"].split()[1]},
	)
	for headers in strangers:
		for action in ACTIONS:
			answer = await client.post(
				f"{CHANGES}/{change}/{action}",
				json=body_of(action, stocked.ben.user_id),
				headers=headers,
			)
			assert answer.status_code in (401, 403), (action, headers, answer.text)
			assert headers.get("Cookie") or answer.status_code == 401
	# Another company's administrator, also when he names our company in a header.
	for given in ({}, {"X-Tenant-ID": stocked.tenant_id}):
		for action in ACTIONS:
			path = f"{CHANGES}/{change}/{action}"
			body = body_of(action, stocked.ben.user_id)
			answer = await outsider.api.post(path, json=body, headers=outsider.headers | given)
			expected = (404,) if not given else (401, 403, 404)
			assert answer.status_code in expected, (action, answer.text)
		for rest in ("", "/items", "/approvals", "/impact", "/redline", "/history"):
			answer = await outsider.api.get(
				f"{CHANGES}/{change}{rest}", headers=outsider.headers | given
			)
			assert answer.status_code in ((404,) if not given else (401, 403, 404)), rest
	assert await stored(stocked) == before


async def test_nobody_is_recorded_for_another_and_no_link_leads_across(
	stocked: Company,  # noqa: F811
) -> None:
	change = await stocked.author.raised("bracket")
	assert (await stocked.author.do(change, "submit")).status == 200
	before = await stored(stocked)
	ada, boss, author = stocked.ada, stocked.boss, stocked.author
	package = (await ada.seen(change))["package_hash"]
	path = f"{CHANGES}/{change}"
	# Somebody else as approver: in the body of a decision, of the change, of a new one.
	proof = await boss.proof(package)
	for name in ("user_id", "approver_id", "approved_by", "approvers", "on_behalf_of"):
		named = await boss.call("POST", f"{path}/approve", {"proof": proof, name: ada.user_id})
		assert named.status == 400, name
		for verb, place in (("PATCH", path), ("POST", CHANGES)):
			body = {"change_title": "Stiffer bracket", name: [ada.user_id]}
			assert (await author.call(verb, place, body)).status == 400, (verb, name)
	body = {"change_title": "Stiffer bracket", "created_by": ada.user_id}
	assert (await author.call("POST", CHANGES, body)).status in (400, 403)
	# Ada's task given away by somebody else; a proof of one person in another's hand.
	assert (await boss.do(change, "delegate", {"to": boss.user_id})).status in (403, 409)
	of_ada = await ada.proof(package)
	refused = await stocked.ben.do(change, "approve", {"proof": of_ada})
	assert (refused.status, refused.code) == (403, "SIGNATURE_REQUIRED")
	for header in ("X-User-ID", "X-On-Behalf-Of"):
		answer = await boss.api.post(
			f"{path}/approve",
			json={"proof": proof},
			headers=boss.headers | {header: ada.user_id},
		)
		assert answer.status_code in (401, 403), header
	# The link of a message opens for whom it was sent to, and is not there for another company.
	rows = (await ada.call("GET", "/api/v1/notifications")).json
	link = next(row["action_url"] for row in rows if change in (row["action_url"] or ""))
	pages = {"Accept": "text/html"}
	own = await ada.api.get(link, headers=ada.headers | pages)
	assert own.status_code == 200
	assert "Stiffer bracket" in own.text
	other = await ada.api.get(link, headers=stocked.outsider.headers | pages)
	assert other.status_code == 404
	assert "Stiffer bracket" not in other.text
	nobody = await ada.api.get(link, headers=pages, follow_redirects=False)
	assert nobody.status_code in (303, 302, 401)
	after = await stored(stocked)
	for kept in ("changes", "approvals", "stages", "revisions"):
		assert after[kept] == before[kept], kept
