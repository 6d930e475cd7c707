"""`/plm/changes/rules`: who has to approve what, and who is away."""

from typing import Annotated, Any

from fastapi import Request, Response

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.changes import approvers, framing, rules
from apg.capabilities.plm.changes.rule_schemas import AbsenceIn, RuleIn, RulePatch
from apg.capabilities.plm.permissions import ROLES
from apg.capabilities.plm.products.service import default_currency
from apg.capabilities.plm.shared.change_states import (
	ChangeKind,
	ChangeType,
	Priority,
	Track,
	Urgency,
)
from apg.contracts.identity import Identity
from apg.kernel.database import load_json
from apg.kernel.errors import Conflict, Invalid, Problem
from apg.kernel.texts import _
from apg.kernel.web.forms import blank_as_none, checked, typed
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work

router = Router(prefix="/changes/rules", include_in_schema=False)
Reading = Annotated[Work, allow(may.APPROVAL_RULES_READ)]
Updating = Annotated[Work, allow(may.APPROVAL_RULES_UPDATE)]
Approving = Annotated[Work, allow(may.CHANGES_APPROVE)]
LISTS = ("kinds", "tracks", "change_types", "priorities", "urgencies")


def _choices(values: Any) -> list[tuple[str, str]]:
	return [(str(one), _(str(one).replace("_", " ").capitalize())) for one in values]


@router.get("")
async def rules_page(work: Reading) -> Response:
	return await _page(work)


async def _page(work: Work, form: FormState | None = None, status: int = 200) -> Response:
	rows: list[dict[str, Any]] = load_json(await work.read_json(rules.select_rules()))
	away = load_json(await work.read_json(rules.select_absences().limit(200)))
	identity = work.port(Identity)
	members = {row["role"]: await identity.members_in_role(work, row["role"]) for row in rows}
	able = await identity.members_with(work, may.CHANGES_APPROVE)
	wanted = {one for ids in members.values() for one in ids} | set(able)
	wanted |= {row[name] for row in away for name in ("user_id", "substitute_id")}
	names = await framing.names_of(work, wanted)
	return show(
		work,
		"plm/changes/rules.html",
		status=status,
		rows=rows,
		away=away,
		members=members,
		names=names,
		people=sorted(((one, names[one]) for one in able if one in names), key=lambda e: e[1]),
		threshold=approvers.threshold(work),
		currency=default_currency(work),
		single=approvers.single_person(work),
		form=form or FormState.of({}),
		me=work.principal.user_id,
		may_update=work.principal.may(may.APPROVAL_RULES_UPDATE),
		may_approve=work.principal.may(may.CHANGES_APPROVE),
	)


def _filled(values: Any) -> dict[str, Any]:
	"""Lists under the names their boxes have."""
	return {**values, **{f"{name}[]": values.get(name) or [] for name in LISTS}}


async def _form(work: Work, form: FormState, rule: Any = None, status: int = 200) -> Response:
	titles = {role.name: role.title for role in ROLES}
	return show(
		work,
		"plm/changes/rule.html",
		status=status,
		block="form" if status != 200 else None,
		form=form,
		rule=rule,
		roles=[(name, _(title)) for name, title in titles.items()],
		kinds=_choices(ChangeKind),
		tracks=_choices(Track),
		types=_choices(ChangeType),
		priorities=_choices(Priority),
		urgencies=_choices(Urgency),
		currency=default_currency(work),
	)


def _given(values: dict[str, Any]) -> dict[str, Any]:
	names = ("name", "role", "step", "due_days", "quorum", "cost_over")
	given = blank_as_none({name: values.get(name, "") for name in names})
	given |= {name: values.get(name) or [] for name in LISTS}
	for name in ("over_threshold", "is_active"):
		given[name] = values.get(name) == "true"
	return given


@router.get("/new")
async def new_page(work: Updating) -> Response:
	start = {"step": "1", "due_days": "5", "is_active": True, "role": "plm_manager"}
	return await _form(work, FormState.of(_filled(start)))


@router.post("/new")
async def add(request: Request, work: Updating) -> Response:
	values = await typed(request, work)
	try:
		made = await rules.add_rule(work, checked(RuleIn, _given(values)))
	except (Invalid, Conflict) as refused:
		await work.close()
		return await _form(work, _refused(values, refused), status=422)
	return lead_to(work, "/plm/changes/rules", text=_("“{name}” is added.", name=made.name))


@router.get("/{rule_id}/edit")
async def edit_page(rule_id: str, work: Updating) -> Response:
	found = await rules.read_rule(work, rule_id)
	rule = {**load_json(found.body), "etag": found.etag}
	return await _form(work, FormState.of(_filled(rule)), rule)


@router.post("/{rule_id}/edit")
async def edit(rule_id: str, request: Request, work: Updating) -> Response:
	values = await typed(request, work)
	try:
		await rules.change_rule(work, rule_id, checked(RulePatch, _given(values)))
	except (Invalid, Conflict) as refused:
		await work.close()
		found = await rules.read_rule(work, rule_id)
		rule = {**load_json(found.body), "etag": found.etag}
		return await _form(work, _refused(values, refused), rule, 422)
	return lead_to(work, "/plm/changes/rules", text=_("The rule is saved."))


@router.post("/{rule_id}/remove")
async def remove(rule_id: str, request: Request, work: Updating) -> Response:
	await typed(request, work)
	work.if_match = None
	await rules.remove_rule(work, rule_id)
	return lead_to(work, "/plm/changes/rules", text=_("The rule is removed."))


def _refused(values: dict[str, Any], error: Invalid | Conflict) -> FormState:
	problems = error.problems or (Problem("", error.message, error.code.lower()),)
	return FormState.refused(_filled(values), Invalid(error.message, problems=problems))


@router.post("/absences")
async def be_away(request: Request, work: Approving) -> Response:
	values = await typed(request, work)
	given = blank_as_none(
		{name: values.get(name, "") for name in ("substitute_id", "starts_at", "ends_at")}
	)
	for name in ("starts_at", "ends_at"):
		if given.get(name):
			given[name] = f"{given[name]}T00:00:00Z"
	try:
		await rules.add_absence(work, checked(AbsenceIn, given))
	except Invalid as refused:
		await work.close()
		return await _page(work, _refused(values, refused), 422)
	return lead_to(work, "/plm/changes/rules", text=_("Noted; your substitute is asked meanwhile."))


@router.post("/absences/{absence_id}/remove")
async def be_back(absence_id: str, request: Request, work: Approving) -> Response:
	await typed(request, work)
	work.if_match = None
	await rules.remove_absence(work, absence_id)
	return lead_to(work, "/plm/changes/rules", text=_("The absence is removed."))
