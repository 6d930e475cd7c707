"""`/plm/changes/policies`: what a company wants asked or refused, edited by a form."""

from typing import Annotated, Any

from fastapi import Request, Response

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.permissions import ROLES
from apg.capabilities.plm.policies import service
from apg.capabilities.plm.policies.schemas import PolicyIn, PolicyPatch
from apg.kernel.errors import Conflict, Invalid, Problem
from apg.kernel.texts import _
from apg.kernel.web.forms import blank_as_none, checked, typed
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work

router = Router(prefix="/changes/policies", include_in_schema=False)
Reading = Annotated[Work, allow(may.APPROVAL_RULES_READ)]
Updating = Annotated[Work, allow(may.APPROVAL_RULES_UPDATE)]
BASE = "/plm/changes/policies"
FIELDS = ("name", "expression", "effect", "role", "step", "due_days", "explanation")


@router.get("")
async def list_page(work: Reading) -> Response:
	return show(
		work,
		"plm/policies/list.html",
		rows=await service.every(work),
		may_update=work.principal.may(may.APPROVAL_RULES_UPDATE),
	)


def _form(work: Work, form: FormState, policy: Any = None, status: int = 200) -> Response:
	return show(
		work,
		"plm/policies/form.html",
		status=status,
		block="form" if status != 200 else None,
		form=form,
		policy=policy,
		effects=[
			("warn", _("shows a warning on the change")),
			("stage", _("asks another role as well")),
			("block", _("lets nobody submit or approve it")),
		],
		roles=[("", "–"), *((role.name, _(role.title)) for role in ROLES)],
	)


def _given(values: dict[str, Any]) -> dict[str, Any]:
	given = blank_as_none({name: values.get(name, "") for name in FIELDS})
	given["is_active"] = values.get("is_active") == "true"
	if given["effect"] != "stage":
		given["role"] = None
	return {name: one for name, one in given.items() if one is not None or name == "role"}


@router.get("/new")
async def new_page(work: Updating) -> Response:
	start = {"effect": "warn", "step": "2", "due_days": "5", "is_active": True}
	return _form(work, FormState.of(start))


@router.post("/new")
async def add(request: Request, work: Updating) -> Response:
	values = await typed(request, work)
	try:
		made = await service.add(work, checked(PolicyIn, _given(values)))
	except (Invalid, Conflict) as refused:
		await work.close()
		return _form(work, _refused(values, refused), status=422)
	return lead_to(work, BASE, text=_("“{name}” is added.", name=made.name))


@router.get("/{policy_id}/edit")
async def edit_page(policy_id: str, work: Updating) -> Response:
	found, version = await service.read(work, policy_id)
	return _form(work, FormState.of(found), found | {"etag": f'"{version}"'})


@router.post("/{policy_id}/edit")
async def edit(policy_id: str, request: Request, work: Updating) -> Response:
	values = await typed(request, work)
	try:
		await service.change(work, policy_id, checked(PolicyPatch, _given(values)))
	except (Invalid, Conflict) as refused:
		await work.close()
		found, version = await service.read(work, policy_id)
		form = _refused(values, refused)
		return _form(work, form, found | {"etag": f'"{version}"'}, 422)
	return lead_to(work, BASE, text=_("The policy is saved."))


@router.post("/{policy_id}/remove")
async def remove(policy_id: str, request: Request, work: Updating) -> Response:
	await typed(request, work)
	work.if_match = None
	await service.remove(work, policy_id)
	return lead_to(work, BASE, text=_("The policy is removed."))


def _refused(values: dict[str, Any], error: Invalid | Conflict) -> FormState:
	problems = error.problems or (Problem("", error.message, error.code.lower()),)
	return FormState.refused(values, Invalid(error.message, problems=problems))
