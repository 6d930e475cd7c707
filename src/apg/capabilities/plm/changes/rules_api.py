"""`/api/v1/plm/approval-rules` and `/absences` for programs."""

from typing import Annotated

from fastapi import Response
from pydantic import Field

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.changes import rules
from apg.capabilities.plm.changes.rule_schemas import (
	AbsenceIn,
	AbsenceOut,
	RuleIn,
	RuleOut,
	RulePatch,
)
from apg.kernel.texts import _
from apg.kernel.web.envelopes import Ok, ok
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.wire import IdText
from apg.kernel.work import Work

router = Router(tags=["PLM approval rules"])
Reading = Annotated[Work, allow(may.APPROVAL_RULES_READ)]
Updating = Annotated[Work, allow(may.APPROVAL_RULES_UPDATE)]
Approving = Annotated[Work, allow(may.CHANGES_APPROVE)]
Seeing = Annotated[Work, allow(may.CHANGES_READ)]
Rule = Annotated[IdText, Field(max_length=40)]


@router.get("/approval-rules", response_model=Ok[list[RuleOut]], summary="List approval rules")
async def list_rules(work: Reading) -> Response:
	return ok(work, await work.read_json(rules.select_rules()))


@router.post(
	"/approval-rules", response_model=Ok[RuleOut], status_code=201, summary="Add an approval rule"
)
async def add_rule(body: RuleIn, work: Updating) -> Response:
	made = await rules.add_rule(work, body)
	shown = await rules.read_rule(work, made.id)
	place = f"/api/v1/plm/approval-rules/{made.id}"
	return ok(work, shown, status=201, message=_("Rule added"), headers={"Location": place})


@router.get("/approval-rules/{rule_id}", response_model=Ok[RuleOut], summary="Read a rule")
async def read_rule(rule_id: Rule, work: Reading) -> Response:
	return ok(work, await rules.read_rule(work, rule_id))


@router.patch("/approval-rules/{rule_id}", response_model=Ok[RuleOut], summary="Change a rule")
async def change_rule(rule_id: Rule, body: RulePatch, work: Updating) -> Response:
	await rules.change_rule(work, rule_id, body)
	return ok(work, await rules.read_rule(work, rule_id), message=_("Rule changed"))


@router.delete("/approval-rules/{rule_id}", status_code=204, summary="Remove a rule")
async def remove_rule(rule_id: Rule, work: Updating) -> Response:
	await rules.remove_rule(work, rule_id)
	return Response(status_code=204)


@router.get("/absences", response_model=Ok[list[AbsenceOut]], summary="List absences")
async def list_absences(work: Seeing) -> Response:
	return ok(work, await work.read_json(rules.select_absences().limit(1_000)))


@router.post("/absences", response_model=Ok[AbsenceOut], status_code=201, summary="Be away")
async def add_absence(body: AbsenceIn, work: Approving) -> Response:
	made = await rules.add_absence(work, body)
	shown = await rules.read_absence(work, made.id)
	place = f"/api/v1/plm/absences/{made.id}"
	return ok(work, shown, status=201, message=_("Absence noted"), headers={"Location": place})


@router.get("/absences/{absence_id}", response_model=Ok[AbsenceOut], summary="Read an absence")
async def read_absence(absence_id: Rule, work: Seeing) -> Response:
	return ok(work, await rules.read_absence(work, absence_id))


@router.delete("/absences/{absence_id}", status_code=204, summary="Remove an absence")
async def remove_absence(absence_id: Rule, work: Approving) -> Response:
	await rules.remove_absence(work, absence_id)
	return Response(status_code=204)
