"""Who decides, how he proves himself, what a signature is bound to, and every way around it."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.capabilities.plm.changes.conftest import CHANGES, Company, Desk

from apg.capabilities.plm.changes import service, tasks
from apg.capabilities.plm.changes.approvals import PersonRequired
from apg.capabilities.plm.changes.schemas import ApproveIn
from apg.kernel.stamps import new_id, utc_now
from apg.kernel.work import open_work

RULES = "/api/v1/plm/approval-rules"


async def submitted(company: Company, *names: str, **fields: Any) -> str:
	change_id = await company.author.raised(*(names or ("bracket",)), **fields)
	answer = await company.author.do(change_id, "submit")
	assert answer.status == 200, answer.response.text
	return change_id


async def stages(desk: Desk, change_id: str) -> dict[str, dict[str, Any]]:
	rows = await desk.seen(change_id, "/approvals")
	return {row["name"]: row for row in rows if row["state"] != "void"}


async def counts(company: Company) -> tuple[int, int]:
	"""Audit entries and events: what a refused call leaves as they were."""
	principal = company.admin.principal
	assert principal is not None
	async with open_work(company.runtime, principal, action="test", origin="task") as work:
		return (
			int(await work.scalar(text("select count(*) from audit_entries"))),
			int(await work.scalar(text("select count(*) from plm_change_approvals "
				"where decision <> 'pending'"))),
		)  # fmt: skip


# -- who is asked -------------------------------------------------------------------------------


async def test_the_guides_matrix_asks_the_right_people(stocked: Company):
	change_id = await submitted(
		stocked, change_type="safety", priority="critical", cost_impact=20_000, currency="EUR"
	)
	found = await stages(stocked.author, change_id)
	assert {name: row["role"] for name, row in found.items()} == {
		"Technical": "plm_technical_approver",
		"Financial": "plm_financial_approver",
		"Quality": "plm_quality_approver",
		"Management": "plm_management_approver",
	}
	people = {one["user_id"] for row in found.values() for one in row["approvals"]}
	wanted = (stocked.ada, stocked.ben, stocked.finance, stocked.quality, stocked.boss)
	assert people == {one.user_id for one in wanted}
	for one in wanted:
		[message] = [
			row
			for row in (await one.call("GET", "/api/v1/notifications")).json
			if row["kind"] == "change_approval_request"
		]
		assert message["subject"] == "Approval required: Stiffer bracket"
		assert message["message"] == "Engineering change ECO-000001 requires your approval."
		assert message["action_url"] == f"/plm/changes/{change_id}/approve"
		assert message["priority"] == "high"


async def test_the_threshold_is_the_companys(stocked: Company):
	await stocked.settings(financial_approval_threshold=100)
	above = await submitted(stocked, "bracket", cost_impact="-100.01", currency="EUR")
	assert "Financial" in await stages(stocked.author, above)
	below = await submitted(stocked, "frame", cost_impact=100, currency="EUR")
	assert "Financial" not in await stages(stocked.author, below)


async def test_a_role_without_anybody_is_named_with_its_page(stocked: Company):
	answer = await stocked.admin.call(
		"POST", RULES, {"name": "Legal", "role": "legal_approver", "step": 2}
	)
	assert answer.status == 201, answer.response.text
	change_id = await stocked.author.raised("bracket")
	refused = await stocked.author.do(change_id, "submit")
	assert (refused.status, refused.code) == (409, "NOT_SUBMITTABLE")
	assert list(refused.details) == ["approvals.legal_approver"]
	for word in ("legal_approver", "Legal", "/admin/users", "/plm/changes/rules"):
		assert word in refused.words
	assert (await stocked.author.seen(change_id))["status"] == "draft"


async def test_without_any_rule_nothing_is_approved_by_nobody(stocked: Company):
	for row in (await stocked.admin.call("GET", RULES)).data:
		path = f"{RULES}/{row['rule_id']}"
		answer = await stocked.admin.call("PATCH", path, {"is_active": False})
		assert answer.status == 200
	change_id = await stocked.author.raised("bracket")
	refused = await stocked.author.do(change_id, "submit")
	assert list(refused.details) == ["approvals"]


async def test_the_fast_track_asks_one_and_refuses_what_is_dangerous(stocked: Company):
	change_id = await submitted(stocked, "bracket", track="fast")
	found = await stages(stocked.author, change_id)
	assert list(found) == ["Technical, fast track"]
	answer = await stocked.ada.sign(change_id)
	assert answer.data["status"] == "approved"
	[row] = (await stages(stocked.author, change_id)).values()
	decisions = {one["user_id"]: one["decision"] for one in row["approvals"]}
	assert decisions == {stocked.ada.user_id: "approved", stocked.ben.user_id: "not_needed"}
	dangerous = await stocked.author.raised("frame", track="fast", change_type="safety")
	refused = await stocked.author.do(dangerous, "submit")
	assert list(refused.details) == ["change_type"]


async def test_steps_come_one_after_the_other_and_nobody_signs_twice(stocked: Company):
	admin = stocked.admin
	await admin.call(
		"POST", RULES, {"name": "Second", "role": "plm_management_approver", "step": 2}
	)
	await admin.call("POST", RULES, {"name": "Third", "role": "plm_technical_approver", "step": 3})
	change_id = await submitted(stocked)
	assert [row["state"] for row in (await stages(admin, change_id)).values()] == [
		"open",
		"waiting",
		"waiting",
	]
	early = await stocked.boss.sign(change_id)
	assert (early.status, early.code) == (403, "NOT_AN_APPROVER")
	for one in (stocked.ada, stocked.ben):
		answer = await one.sign(change_id)
	assert answer.data["status"] == "under_review"
	assert answer.data["waiting_for"] == [stocked.boss.user_id]
	# The people of the third step signed this very package in the first: that counts.
	last = await stocked.boss.sign(change_id)
	assert last.data["status"] == "approved"
	third = (await stages(admin, change_id))["Third"]
	assert [(one["decision"], one["method"]) for one in third["approvals"]] == [
		("approved", "password"),
		("approved", "password"),
	]


# -- the author ---------------------------------------------------------------------------------


async def give(company: Company, desk: Desk, *roles: str) -> None:
	answer = await company.admin.call(
		"PATCH", f"/api/v1/users/{desk.user_id}", {"roles": list(roles)}
	)
	assert answer.status == 200, answer.response.text
	await company.runtime.state["authenticator"].catch_up()


async def test_the_author_is_not_asked_about_his_own_change(stocked: Company):
	await give(stocked, stocked.author, "plm_engineer", "plm_technical_approver")
	change_id = await submitted(stocked)
	assert stocked.author.user_id not in (await stocked.author.seen(change_id))["approvers"]
	refused = await stocked.author.sign(change_id)
	assert (refused.status, refused.code) == (403, "NOT_AN_APPROVER")
	# Nor by delegation.
	body = {"to": stocked.author.user_id}
	assert (await stocked.ada.do(change_id, "delegate", body)).status == 400


async def test_a_company_of_one_person_may_say_so_and_it_is_printed(stocked: Company):
	await give(stocked, stocked.author, "plm_engineer", "plm_technical_approver")
	for one in (stocked.ada, stocked.ben):
		await give(stocked, one, "plm_viewer")
	change_id = await stocked.author.raised("bracket")
	refused = await stocked.author.do(change_id, "submit")
	assert list(refused.details) == ["approvals.plm_technical_approver"]
	await stocked.settings(single_person=True)
	answer = await stocked.author.do(change_id, "submit")
	assert answer.data["single_person"] is True
	assert (await stocked.author.sign(change_id)).data["status"] == "approved"


async def test_switching_the_setting_later_does_not_let_the_author_in(stocked: Company):
	change_id = await submitted(stocked)
	await stocked.settings(single_person=True)
	await give(stocked, stocked.author, "plm_engineer", "plm_technical_approver")
	system = await stocked.runtime.state["authenticator"].principal_of(stocked.tenant_id, None)
	async with open_work(stocked.runtime, system, action="test", origin="task") as work:
		await tasks.refill_change(work, change_id=change_id)
	assert stocked.author.user_id not in (await stocked.author.seen(change_id))["approvers"]


# -- the signature ------------------------------------------------------------------------------


async def test_without_a_proof_nothing_is_signed(stocked: Company):
	change_id = await submitted(stocked)
	package = (await stocked.ada.seen(change_id))["package_hash"]
	before = await counts(stocked)
	for body in (None, {}, {"proof": "forged"}, {"proof": await stocked.ben.proof(package)}):
		refused = await stocked.ada.do(change_id, "approve", body)
		assert (refused.status, refused.code) == (403, "SIGNATURE_REQUIRED"), body
		assert package in refused.words
	other = await stocked.ada.proof("0" * 64)
	refused = await stocked.ada.do(change_id, "approve", {"proof": other})
	assert refused.code == "SIGNATURE_REQUIRED"
	assert (await stocked.ada.seen(change_id))["approved_by"] == []
	assert (await counts(stocked))[1] == before[1] == 0


async def test_a_proof_signs_once(stocked: Company):
	first, second = await submitted(stocked, "bracket"), await submitted(stocked, "frame")
	package = (await stocked.ada.seen(first))["package_hash"]
	proof = await stocked.ada.proof(package)
	answer = await stocked.ada.do(first, "approve", {"proof": proof})
	assert answer.status == 200
	again = await stocked.ada.do(first, "approve", {"proof": proof})
	assert (again.status, again.code) == (409, "ALREADY_DECIDED")
	other = await stocked.ada.do(second, "approve", {"proof": proof})
	assert other.code == "SIGNATURE_REQUIRED"
	found = (await stages(stocked.ada, first))["Technical"]["approvals"]
	[signed] = [one for one in found if one["decision"] == "approved"]
	assert (signed["user_id"], signed["method"]) == (stocked.ada.user_id, "password")
	assert signed["package_hash"] == package
	assert signed["decided_at"].endswith("Z")


async def test_put_approves_like_post(stocked: Company):
	change_id = await submitted(stocked)
	package = (await stocked.ada.seen(change_id))["package_hash"]
	body = {"proof": await stocked.ada.proof(package), "comments": "ok"}
	answer = await stocked.ada.call("PUT", f"{CHANGES}/{change_id}/approve", body)
	assert answer.data["approval_comments"] == {stocked.ada.user_id: "ok"}


async def test_a_later_edit_voids_every_signature(stocked: Company):
	change_id = await submitted(stocked)
	await stocked.ada.sign(change_id)
	before = await stocked.ada.seen(change_id)
	renamed = await stocked.author.call(
		"PATCH", f"{CHANGES}/{change_id}", {"change_title": "Another title altogether"}
	)
	assert renamed.data["status"] == "submitted"
	assert renamed.data["package_hash"] != before["package_hash"]
	assert renamed.data["approved_by"] == []
	assert sorted(renamed.data["waiting_for"]) == sorted([stocked.ada.user_id, stocked.ben.user_id])
	old = await stocked.ada.do(
		change_id, "approve", {"proof": await stocked.ada.proof(before["package_hash"])}
	)
	assert old.code == "SIGNATURE_REQUIRED"
	for one in (stocked.ada, stocked.ben):
		answer = await one.sign(change_id)
	assert answer.data["status"] == "approved"
	# So does an edit after the last approval; what is no part of the package voids nothing.
	owner = {"owner_id": stocked.manager.user_id}
	kept = await stocked.author.call("PATCH", f"{CHANGES}/{change_id}", owner)
	assert kept.data["status"] == "approved"
	worse = {"priority": "critical"}
	edited = await stocked.author.call("PATCH", f"{CHANGES}/{change_id}", worse)
	assert (edited.data["status"], edited.data["approved_at"]) == ("submitted", None)
	assert set(await stages(stocked.author, change_id)) == {"Technical", "Management"}
	refused = await stocked.manager.do(change_id, "implement")
	assert refused.code == "CHANGE_NOT_OPEN"
	rounds = {
		row["round"]: row["state"] for row in await stocked.author.seen(change_id, "/approvals")
	}
	assert rounds == {1: "void", 2: "void", 3: "open"}


async def test_a_signature_cannot_be_rewritten(stocked: Company):
	change_id = await submitted(stocked)
	await stocked.ada.sign(change_id)
	principal = stocked.admin.principal
	assert principal is not None
	for change in ("user_id = gen_random_uuid()", "package_hash = 'x'", "decision = 'pending'"):
		with pytest.raises(DBAPIError):
			async with open_work(stocked.runtime, principal, action="test", origin="task") as work:
				await work.execute(
					text(
						f"update plm_change_approvals set {change} "
						"where change_id = :id and decision = 'approved'"
					),
					{"id": change_id},
				)


async def test_what_was_changed_behind_the_submission_is_not_approved(stocked: Company):
	change_id = await submitted(stocked)
	principal = stocked.admin.principal
	assert principal is not None
	async with open_work(stocked.runtime, principal, action="test", origin="task") as work:
		await work.execute(
			text("update plm_change_items set interchangeable = 'no' where change_id = :id"),
			{"id": change_id},
		)
	refused = await stocked.ada.sign(change_id)
	assert (refused.status, refused.code) == (409, "PACKAGE_CHANGED")


# -- ways around --------------------------------------------------------------------------------


async def test_every_way_around_is_refused_and_does_nothing(stocked: Company):
	change_id = await submitted(stocked)
	package = (await stocked.ada.seen(change_id))["package_hash"]
	path = f"{CHANGES}/{change_id}/approve"
	before = await counts(stocked)
	# Somebody who is not asked, with every right.
	refused = await stocked.admin.sign(change_id)
	assert (refused.status, refused.code) == (403, "NOT_AN_APPROVER")
	# In another's name: the body has no such field.
	proof = await stocked.boss.proof(package)
	for name in ("user_id", "approver_id", "approved_by"):
		named = await stocked.boss.call("POST", path, {"proof": proof, name: stocked.ada.user_id})
		assert named.status == 400, name
	# Without the right at all.
	refused = await stocked.author.call("POST", path, {"proof": "x"})
	assert refused.status in (403, 409)
	# Nobody, and somebody whose token is not one.
	client = stocked.author.api
	for headers in ({}, {"Authorization": "Bearer forged"}, {"Authorization": "Bearer apg_x"}):
		answer = await client.post(path, json={"proof": proof}, headers=headers)
		assert answer.status_code == 401
	# Another company, for which there is no such change.
	for verb, body in (("approve", {"proof": "x"}), ("submit", None), ("implement", {})):
		answer = await stocked.outsider.do(change_id, verb, body)
		assert (answer.status, answer.code) == (404, "CHANGE_NOT_FOUND")
		unknown = await stocked.outsider.do(new_id(), verb, body)
		assert (unknown.status, unknown.code) == (404, "CHANGE_NOT_FOUND")
	# A program with all rights of an approver.
	made = await stocked.admin.call(
		"POST", "/api/v1/api-keys", {"name": "robot", "scopes": ["plm.*"]}
	)
	answer = await client.post(
		path, json={"proof": proof}, headers={"Authorization": f"Bearer {made.json['key']}"}
	)
	assert answer.status_code == 403
	assert (await counts(stocked))[1] == before[1] == 0
	assert (await stocked.ada.seen(change_id))["status"] == "submitted"


@pytest.mark.parametrize("kind", ["operator", "system", "api_key"])
async def test_an_impersonated_person_approves_nothing(stocked: Company, kind: Any):
	change_id = await submitted(stocked)
	package = (await stocked.ada.seen(change_id))["package_hash"]
	proof = await stocked.ada.proof(package)
	assert stocked.ada.principal is not None
	posing = replace(stocked.ada.principal, kind=kind)
	with pytest.raises(PersonRequired):
		async with open_work(stocked.runtime, posing, action="test", origin="task") as work:
			await service.approve(work, change_id, ApproveIn(proof=proof))
	assert (await stocked.ada.seen(change_id))["approved_by"] == []
	# The proof was not spent on it.
	assert (await stocked.ada.do(change_id, "approve", {"proof": proof})).status == 200


# -- others decide ------------------------------------------------------------------------------


async def test_rejected_stands_still_until_it_is_returned(stocked: Company):
	change_id = await submitted(stocked)
	without = await stocked.ada.do(change_id, "reject", {})
	assert (without.status, list(without.details)) == (400, ["comments"])
	answer = await stocked.ada.do(change_id, "reject", {"comments": "Too expensive"})
	assert answer.data["status"] == "rejected"
	assert (await stocked.ben.sign(change_id)).code == "CHANGE_NOT_OPEN"
	assert (await stocked.author.redlined(change_id, "bracket", "screw", quantity=9)).status == 409
	stranger = await stocked.second.do(change_id, "return", {"comments": "let me"})
	assert (stranger.status, stranger.code) == (403, "NOT_YOUR_CHANGE")
	back = await stocked.author.do(change_id, "return", {"comments": "Cheaper now"})
	assert (back.data["status"], back.data["approvers"]) == ("draft", [])
	assert (await stocked.author.redlined(change_id, "bracket", "screw", quantity=9)).status == 200
	assert (await stocked.author.do(change_id, "submit")).status == 200
	said = [row["body"] for row in await stocked.author.seen(change_id, "/comments")]
	assert said == ["Cheaper now"]


async def test_on_hold_keeps_signatures_and_goes_on_where_it_stood(stocked: Company):
	change_id = await submitted(stocked)
	await stocked.ada.sign(change_id)
	held = await stocked.author.do(change_id, "hold", {"comments": "Samples first"})
	assert held.data["status"] == "on_hold"
	assert held.data["allowed_actions"] == ["resume", "cancel"]
	assert (await stocked.ben.sign(change_id)).code == "CHANGE_NOT_OPEN"
	resumed = await stocked.author.do(change_id, "resume")
	assert resumed.data["status"] == "under_review"
	assert resumed.data["approved_by"] == [stocked.ada.user_id]
	assert (await stocked.ben.sign(change_id)).data["status"] == "approved"


async def test_delegated_once_and_only_to_somebody_who_may(stocked: Company):
	change_id = await submitted(stocked)
	for nobody in (stocked.outsider, stocked.author, stocked.ada, stocked.ben):
		answer = await stocked.ada.do(change_id, "delegate", {"to": nobody.user_id})
		assert answer.status == 400, nobody.who
	body = {"to": stocked.boss.user_id, "comments": "On leave"}
	answer = await stocked.ada.do(change_id, "delegate", body)
	assert answer.status == 200, answer.response.text
	assert stocked.ada.user_id not in answer.data["waiting_for"]
	refused = await stocked.ada.sign(change_id)
	assert refused.code == "NOT_AN_APPROVER"
	assert (await stocked.boss.sign(change_id)).status == 200
	assert (await stocked.ben.sign(change_id)).data["status"] == "approved"
	found = (await stages(stocked.ben, change_id))["Technical"]["approvals"]
	[deputy] = [one for one in found if one["user_id"] == stocked.boss.user_id]
	assert deputy["delegated_by"] == stocked.ada.user_id


async def test_who_is_away_is_replaced(stocked: Company):
	now = utc_now()
	body = {
		"substitute_id": stocked.boss.user_id,
		"starts_at": (now - timedelta(hours=1)).isoformat(),
		"ends_at": (now + timedelta(days=3)).isoformat(),
	}
	answer = await stocked.ada.call("POST", "/api/v1/plm/absences", body)
	assert answer.status == 201, answer.response.text
	for_another = body | {"user_id": stocked.ben.user_id}
	denied = await stocked.ada.call("POST", "/api/v1/plm/absences", for_another)
	assert denied.status == 403
	change_id = await submitted(stocked)
	waiting = (await stocked.author.seen(change_id))["waiting_for"]
	assert sorted(waiting) == sorted([stocked.boss.user_id, stocked.ben.user_id])


async def test_open_tasks_of_who_left_the_role_go_to_the_role(stocked: Company):
	change_id = await submitted(stocked)
	await give(stocked, stocked.ben, "plm_viewer")
	await give(stocked, stocked.second, "plm_engineer", "plm_technical_approver")
	system = await stocked.runtime.state["authenticator"].principal_of(stocked.tenant_id, None)
	async with open_work(stocked.runtime, system, action="test", origin="task") as work:
		await tasks.refill_change(work, change_id=change_id)
	waiting = (await stocked.author.seen(change_id))["waiting_for"]
	assert sorted(waiting) == sorted([stocked.ada.user_id, stocked.second.user_id])
	# Whoever lost the right cannot sign, also in the moment before that.
	refused = await stocked.ben.do(change_id, "approve", {"proof": "x"})
	assert refused.status == 403


async def test_the_last_one_leaving_completes_the_approval(stocked: Company):
	change_id = await submitted(stocked)
	await stocked.ada.sign(change_id)
	await give(stocked, stocked.ben, "plm_viewer")
	system = await stocked.runtime.state["authenticator"].principal_of(stocked.tenant_id, None)
	async with open_work(stocked.runtime, system, action="test", origin="task") as work:
		await tasks.refill_change(work, change_id=change_id)
	assert (await stocked.author.seen(change_id))["status"] == "approved"


async def test_reminded_and_escalated_once_a_day(stocked: Company, monkeypatch: Any):
	change_id = await submitted(stocked)
	system = await stocked.runtime.state["authenticator"].principal_of(stocked.tenant_id, None)

	async def kinds(desk: Desk) -> list[str]:
		rows = (await desk.call("GET", "/api/v1/notifications")).json
		return sorted(row["kind"] for row in rows)

	async def tick(days: float) -> None:
		later = utc_now() + timedelta(days=days)
		monkeypatch.setattr("apg.capabilities.plm.changes.tasks.utc_now", lambda: later)
		async with open_work(stocked.runtime, system, action="test", origin="task") as work:
			await tasks.remind_approvers(work)

	await tick(1)
	assert await kinds(stocked.ada) == ["change_approval_request"]
	await tick(4.5)
	await tick(4.5)
	assert await kinds(stocked.ada) == ["change_approval_reminder", "change_approval_request"]
	assert await kinds(stocked.manager) == []
	await stocked.ben.sign(change_id)
	await tick(6)
	await tick(7)
	assert (await kinds(stocked.ada)).count("change_approval_reminder") == 3
	assert (await kinds(stocked.ben)).count("change_approval_reminder") == 1
	assert await kinds(stocked.manager) == ["change_approval_overdue"]


async def test_two_signatures_at_once_both_count(stocked: Company):
	for _round in range(3):
		change_id = await submitted(stocked, "bracket")
		answers = await asyncio.gather(stocked.ada.sign(change_id), stocked.ben.sign(change_id))
		assert [answer.status for answer in answers] == [200, 200]
		assert sorted(answer.data["status"] for answer in answers) == ["approved", "under_review"]
		seen = await stocked.author.seen(change_id)
		assert (seen["status"], len(seen["approved_by"])) == ("approved", 2)
		await stocked.author.do(change_id, "cancel")


async def test_one_person_signing_twice_at_once_signs_once(stocked: Company):
	change_id = await submitted(stocked)
	package = (await stocked.ada.seen(change_id))["package_hash"]
	proofs = [await stocked.ada.proof(package) for _n in range(3)]
	answers = await asyncio.gather(
		*(stocked.ada.do(change_id, "approve", {"proof": proof}) for proof in proofs)
	)
	assert sorted(answer.status for answer in answers) == [200, 409, 409]
