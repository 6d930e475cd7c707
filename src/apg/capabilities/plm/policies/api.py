"""`/api/v1/plm/policies` for programs."""

from typing import Annotated

from fastapi import Response
from pydantic import Field

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.policies import service
from apg.capabilities.plm.policies.schemas import PolicyIn, PolicyOut, PolicyPatch
from apg.kernel.texts import _
from apg.kernel.web.envelopes import Ok, ok
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.wire import IdText
from apg.kernel.work import Work

router = Router(prefix="/policies", tags=["PLM policies"])
Reading = Annotated[Work, allow(may.APPROVAL_RULES_READ)]
Updating = Annotated[Work, allow(may.APPROVAL_RULES_UPDATE)]
Id = Annotated[IdText, Field(max_length=40)]


async def _shown(work: Work, policy_id: str, status: int = 200, message: str = "") -> Response:
	found, version = await service.read(work, policy_id)
	headers = {"ETag": f'"{version}"'}
	if status == 201:
		headers["Location"] = f"/api/v1/plm/policies/{policy_id}"
	return ok(work, found, status=status, message=message, headers=headers)


@router.get("", response_model=Ok[list[PolicyOut]], summary="List policies")
async def list_policies(work: Reading) -> Response:
	return ok(work, await service.every(work))


@router.post("", response_model=Ok[PolicyOut], status_code=201, summary="Add a policy")
async def add_policy(body: PolicyIn, work: Updating) -> Response:
	made = await service.add(work, body)
	return await _shown(work, made.id, 201, _("Policy added"))


@router.get("/{policy_id}", response_model=Ok[PolicyOut], summary="Read a policy")
async def read_policy(policy_id: Id, work: Reading) -> Response:
	return await _shown(work, policy_id)


@router.patch("/{policy_id}", response_model=Ok[PolicyOut], summary="Change a policy")
async def change_policy(policy_id: Id, body: PolicyPatch, work: Updating) -> Response:
	await service.change(work, policy_id, body)
	return await _shown(work, policy_id, message=_("Policy changed"))


@router.delete("/{policy_id}", status_code=204, summary="Remove a policy")
async def remove_policy(policy_id: Id, work: Updating) -> Response:
	await service.remove(work, policy_id)
	return Response(status_code=204)
