"""`/plm/changes`: the inbox of changes and the page of one, as a pull request reads."""

from typing import Annotated, Any

from fastapi import Request, Response

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.changes import (
	answers,
	framing,
	history,
	implementing,
	listing,
	service,
)
from apg.capabilities.plm.changes.assessment import Assessment
from apg.capabilities.plm.changes.schemas import (
	ApproveIn,
	ChangeIn,
	ChangePatch,
	CommentIn,
	DelegateIn,
	ImplementIn,
	NoteIn,
	RejectIn,
)
from apg.capabilities.plm.products import framing as products
from apg.capabilities.plm.shared.change_states import (
	ChangeKind,
	ChangeType,
	Disposition,
	Place,
	Priority,
	Track,
	Urgency,
)
from apg.contracts.identity import Confirmations, Identity
from apg.contracts.reference import ExchangeRates
from apg.kernel.database import load_json
from apg.kernel.errors import AppError, Conflict, Invalid, PermissionDenied, Problem
from apg.kernel.texts import _
from apg.kernel.web.forms import blank_as_none, checked, typed
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import ListState
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work

router = Router(prefix="/changes", include_in_schema=False)
Reading = Annotated[Work, allow(may.CHANGES_READ)]
Creating = Annotated[Work, allow(may.CHANGES_CREATE)]
Updating = Annotated[Work, allow(may.CHANGES_UPDATE)]
Approving = Annotated[Work, allow(may.CHANGES_APPROVE)]
Implementing = Annotated[Work, allow(may.CHANGES_IMPLEMENT)]
FIELDS = (
	*("kind", "change_title", "change_description", "change_type", "priority", "urgency"),
	*("track", "cost_impact", "currency", "reason_for_change", "business_impact"),
	*("due_at", "valid_until", "valid_for", "effective_from"),
)
MOMENTS = ("due_at", "valid_until", "effective_from")


@router.get("")
async def list_page(request: Request, work: Reading) -> Response:
	state = ListState.of(listing.CHANGES, request)
	page = await listing.page(work, state)
	rows: list[dict[str, Any]] = load_json(page.body)
	names = await framing.names_of(work, {one for row in rows for one in row["waiting_for"]})
	return show(
		work,
		"plm/changes/list.html",
		state=state,
		rows=rows,
		total=page.total,
		estimated=page.estimated,
		names=names,
		me=work.principal.user_id,
		may_create=work.principal.may(may.CHANGES_CREATE),
		may_rules=work.principal.may(may.APPROVAL_RULES_READ),
	)


# -- new and changed ----------------------------------------------------------------------------


async def _form(
	work: Work, form: FormState, change: Any = None, *, status: int = 200, **more: Any
) -> Response:
	known = await work.port(ExchangeRates).known(work)
	return show(
		work,
		"plm/changes/form.html",
		status=status,
		form=form,
		change=change,
		kinds=framing.choices(ChangeKind),
		types=framing.choices(ChangeType),
		priorities=framing.choices(Priority),
		urgencies=framing.choices(Urgency),
		tracks=framing.choices(Track),
		currencies=[(code, code) for code in sorted(known)],
		**more,
	)


@router.get("/new")
async def new_page(
	work: Creating,
	product: str | None = None,
	line: str | None = None,
	revision: str | None = None,
	kind: str = "change_order",
) -> Response:
	"""Filled in for a product, or for one line: by its revision and identity, or its find number."""
	start = {
		"kind": kind,
		"change_type": "design",
		"priority": "medium",
		"urgency": "normal",
		"track": "full",
		"currency": work.principal.settings.get("currency") or "EUR",
		"products": "",
	}
	if revision is not None and line is not None:
		start |= await framing.about_line(work, revision, line)
	elif product is not None:
		held = await products.product_of(work, product)
		start["products"] = held["product_number"]
		if line is not None:
			start["reason_for_change"] = _(
				"About line {n} of {number}: ", n=line[:10], number=held["product_number"]
			)
	return await _form(work, FormState.of(start))


def _given(values: dict[str, Any]) -> dict[str, Any]:
	given = blank_as_none({name: values[name] for name in FIELDS if name in values})
	for name in MOMENTS:
		if isinstance(given.get(name), str) and len(given[name]) == 10:
			given[name] += "T00:00:00Z"
	if given.get("cost_impact") is None and "cost_impact" in given:
		given["currency"] = None
	return given


@router.post("/new")
async def create(request: Request, work: Creating) -> Response:
	values = await typed(request, work)
	numbers = [one.strip() for one in str(values.get("products", "")).split(",") if one.strip()]
	try:
		given = {name: one for name, one in _given(values).items() if one is not None}
		given["items"] = [{"product_number": number} for number in dict.fromkeys(numbers)]
		made = await service.create(work, checked(ChangeIn, given))
	except (Invalid, Conflict) as refused:
		await work.close()
		form = FormState.refused(values, _as_invalid(refused, items="products"))
		return await _form(work, form, status=422, block="form")
	text = _("{number} is raised.", number=made.number)
	return lead_to(work, f"/plm/changes/{made.id}?tab=redline", text=text)


@router.get("/{change_id}/edit")
async def edit_page(change_id: str, work: Updating) -> Response:
	change = await framing.change_of(work, change_id)
	values = change | {name: (change[name] or "")[:10] for name in MOMENTS}
	return await _form(work, FormState.of(values), change)


@router.post("/{change_id}/edit")
async def edit(change_id: str, request: Request, work: Updating) -> Response:
	values = await typed(request, work)
	work.if_match = work.if_match or '""'
	try:
		given = _given(values)
		given.pop("kind", None)
		await service.edit(work, change_id, checked(ChangePatch, given))
	except AppError as refused:
		if refused.status == 404:
			raise
		await work.close()
		change = await framing.change_of(work, change_id)
		form = FormState.refused(values, _as_invalid(refused))
		return await _form(work, form, change, status=refused.status, block="form")
	return lead_to(work, f"/plm/changes/{change_id}", text=_("The change is saved."))


def _as_invalid(error: AppError, items: str = "") -> Invalid:
	problems = error.problems or (Problem("", error.message, error.code.lower()),)
	return Invalid(
		error.message,
		problems=[
			Problem(
				items if items and one.field.startswith("items") else one.field,
				one.message,
				one.code,
			)
			for one in problems
		],
	)


# -- one change ---------------------------------------------------------------------------------


@router.get("/{change_id}")
async def change_page(change_id: str, work: Reading, tab: str = "conversation") -> Response:
	return await _page(work, change_id, tab)


@router.get("/{change_id}/approve")
async def approve_page(change_id: str, work: Reading) -> Response:
	return await _page(work, change_id, "redline", decision="approve")


async def _page(
	work: Work,
	change_id: str,
	tab: str,
	*,
	form: FormState | None = None,
	decision: str = "",
	gaps: Any = (),
	status: int = 200,
) -> Response:
	tab = tab if tab in framing.TABS else "conversation"
	context = await framing.frame(work, change_id, tab)
	context |= await _tab(work, change_id, tab)
	if decision and decision not in context["can"]:
		decision = ""
	people = await work.port(Identity).members_with(work, may.CHANGES_APPROVE)
	names = await framing.names_of(work, people)
	return show(
		work,
		"plm/changes/detail.html",
		status=status,
		form=form or FormState.of({}),
		decision=decision,
		gaps=gaps,
		may_comment=work.principal.may(may.CHANGES_UPDATE),
		people=sorted(
			((one, name) for one, name in names.items() if one != work.principal.user_id),
			key=lambda each: each[1],
		),
		**context,
	)


async def _tab(work: Work, change_id: str, tab: str) -> dict[str, Any]:
	match tab:
		case "conversation":
			rows = load_json(await answers.comments(work, change_id))
			people = {row["author_id"] for row in rows}
			return {"comments": rows, "authors": await framing.names_of(work, people)}
		case "redline":
			rows = load_json(await answers.items(work, change_id))
			found = await answers.redline(work, change_id, offset=0, limit=25)
			differences = {one["item_id"]: one["difference"] for one in found["items"]}
			return {
				"items": rows,
				"differences": differences,
				"shown": framing.shown,
				"places": framing.choices(Place),
				"decisions": framing.choices(Disposition),
			}
		case "impact":
			return await work.port(Assessment).shown(work, change_id)
		case "approvals":
			rows = load_json(await answers.approvals(work, change_id))
			people = {one["user_id"] for row in rows for one in row["approvals"]}
			people |= {one["delegated_by"] for row in rows for one in row["approvals"]}
			return {"stages": rows, "signers": await framing.names_of(work, people)}
		case _:
			change = await service.found(work, change_id)
			return {"entries": await history.history_of(work, change)}


@router.post("/{change_id}/comments")
async def say(change_id: str, request: Request, work: Updating) -> Response:
	values = await typed(request, work)
	try:
		await service.comment(work, change_id, checked(CommentIn, {"body": values.get("body", "")}))
	except Invalid as refused:
		await work.close()
		form = FormState.refused(values, refused)
		return await _page(work, change_id, "conversation", form=form, status=422)
	return lead_to(work, f"/plm/changes/{change_id}?tab=conversation", text=_("Said."))


# -- moves --------------------------------------------------------------------------------------


@router.post("/{change_id}/submit")
async def submit(change_id: str, request: Request, work: Updating) -> Response:
	await typed(request, work)
	try:
		await service.submit(work, change_id)
	except Conflict as refused:
		await work.close()
		gaps = [_linked(one) for one in refused.problems] or [(refused.message, "")]
		return await _page(work, change_id, "redline", gaps=gaps, status=409)
	return lead_to(work, f"/plm/changes/{change_id}?tab=approvals", text=_("Submitted."))


def _linked(problem: Problem) -> tuple[str, str]:
	"""A gap and the page that mends it, which its sentence ends with."""
	words = problem.message.replace(";", " ").replace(".", " ").split()
	return problem.message, next((w for w in words if w.startswith(("/plm/", "/admin/"))), "")


@router.post("/{change_id}/approve")
async def approve(change_id: str, request: Request, work: Approving) -> Response:
	"""Password or code, and the signature, in one step."""
	values = await typed(request, work)
	try:
		change = await service.found(work, change_id)
		answer = str(values.get("secret", ""))
		code = answer.replace(" ", "")
		by_code = code.isdigit() and len(code) == 6
		proof = await work.port(Confirmations).give(
			work,
			change.package_hash or "",
			password=None if by_code else answer or None,
			code=code if by_code else None,
		)
		given = {"proof": proof, "comments": values.get("comments") or None}
		done = await service.approve(work, change_id, checked(ApproveIn, given))
	except (Invalid, Conflict, PermissionDenied) as refused:
		await work.close()
		problems = [
			Problem("secret" if one.field in ("password", "code", "body", "proof") else one.field,
				one.message, one.code)
			for one in refused.problems
		] or [Problem("secret", refused.message, refused.code.lower())]  # fmt: skip
		form = FormState.refused(
			values | {"secret": ""}, Invalid(refused.message, problems=problems)
		)
		return await _page(
			work, change_id, "redline", form=form, decision="approve", status=refused.status
		)
	text = _("Approved; {number} is {state}.", number=done.number, state=done.status)
	return lead_to(work, f"/plm/changes/{change_id}?tab=approvals", text=text)


async def _moved(request: Request, work: Work, change_id: str, action: str) -> Response:
	"""The moves that take a sentence at most."""
	values = await typed(request, work)
	words = {"comments": values.get("comments") or None}
	try:
		match action:
			case "reject":
				await service.reject(work, change_id, checked(RejectIn, words))
			case "return":
				await service.send_back(work, change_id, checked(RejectIn, words))
			case "hold":
				await service.hold(work, change_id, checked(NoteIn, words))
			case "resume":
				await service.resume(work, change_id, checked(NoteIn, words))
			case "cancel":
				await service.cancel(work, change_id, checked(NoteIn, words))
			case "close":
				await implementing.close(work, change_id, checked(NoteIn, words))
			case "delegate":
				words["to"] = values.get("to") or ""
				await service.delegate(work, change_id, checked(DelegateIn, words))
			case _:
				when = values.get("scheduled_at") or None
				if when is not None and len(when) == 16:
					when += ":00Z"
				given = words | {"scheduled_at": when}
				await implementing.implement(work, change_id, checked(ImplementIn, given))
	except Invalid as refused:
		await work.close()
		form = FormState.refused(values, refused)
		return await _page(work, change_id, "redline", form=form, decision=action, status=422)
	except Conflict as refused:
		await work.close()
		gaps = [_linked(one) for one in refused.problems] or [(refused.message, "")]
		return await _page(work, change_id, "redline", gaps=gaps, status=409)
	change = await service.found(work, change_id)
	text = _("{number} is {state}.", number=change.number, state=change.status.replace("_", " "))
	return lead_to(work, f"/plm/changes/{change_id}", text=text)


@router.post("/{change_id}/reject")
async def reject(change_id: str, request: Request, work: Approving) -> Response:
	return await _moved(request, work, change_id, "reject")


@router.post("/{change_id}/delegate")
async def delegate(change_id: str, request: Request, work: Approving) -> Response:
	return await _moved(request, work, change_id, "delegate")


@router.post("/{change_id}/return")
async def send_back(change_id: str, request: Request, work: Updating) -> Response:
	return await _moved(request, work, change_id, "return")


@router.post("/{change_id}/hold")
async def hold(change_id: str, request: Request, work: Updating) -> Response:
	return await _moved(request, work, change_id, "hold")


@router.post("/{change_id}/resume")
async def resume(change_id: str, request: Request, work: Updating) -> Response:
	return await _moved(request, work, change_id, "resume")


@router.post("/{change_id}/cancel")
async def cancel(change_id: str, request: Request, work: Updating) -> Response:
	return await _moved(request, work, change_id, "cancel")


@router.post("/{change_id}/implement")
async def implement(change_id: str, request: Request, work: Implementing) -> Response:
	return await _moved(request, work, change_id, "implement")


@router.post("/{change_id}/close")
async def close(change_id: str, request: Request, work: Implementing) -> Response:
	return await _moved(request, work, change_id, "close")
