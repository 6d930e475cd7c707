"""`/admin/webhooks`."""

from typing import Annotated, Any

from fastapi import Request, Response

from apg.kernel.database import load_json
from apg.kernel.errors import Conflict, Invalid
from apg.kernel.texts import _
from apg.kernel.web.forms import checked, typed
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import ListState
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work
from apg.platform.webhooks.endpoints import service
from apg.platform.webhooks.endpoints.schemas import LIST, WebhookIn, WebhookPatch
from apg.platform.webhooks.permissions import (
	ENDPOINTS_CREATE,
	ENDPOINTS_DELETE,
	ENDPOINTS_READ,
	ENDPOINTS_UPDATE,
)

PLACE = "/admin/webhooks"
router = Router(include_in_schema=False)


@router.get("")
async def list_page(request: Request, work: Annotated[Work, allow(ENDPOINTS_READ)]) -> Response:
	state = ListState.of(LIST, request)
	page = await service.listed(work, state)
	rows = load_json(page.body)
	return show(
		work,
		"webhooks/endpoints/list.html",
		state=state,
		rows=rows,
		total=page.total,
		tab="endpoints",
		may_create=work.principal.may(ENDPOINTS_CREATE),
	)


async def _page(work: Work, webhook_id: str, status: int = 200, **context: Any) -> Response:
	"""The page of a webhook, or of a new one when the id is empty."""
	found = await service.read(work, webhook_id) if webhook_id else None
	hook: Any = load_json(found.body) if found else {"id": "", "events": ["*"], "is_active": True}
	return show(
		work,
		"webhooks/endpoints/webhook.html",
		status=status,
		**{
			"hook": hook,
			"etag": found.etag if found else "",
			"known": service.known_events(work),
			"form": FormState.of({**hook, "events": "\n".join(hook["events"])}),
			"secret": "",
			"may_change": work.principal.may(ENDPOINTS_UPDATE),
			"may_remove": work.principal.may(ENDPOINTS_DELETE),
			**context,
		},
	)


async def _typed(request: Request, work: Work) -> tuple[dict[str, Any], dict[str, Any]]:
	"""What was typed, as the form shows it again and as the schema takes it."""
	values = await typed(request, work)
	names = str(values.get("events", "")).replace(",", " ").split()
	given = {name: values[name] for name in ("name", "url") if name in values}
	return values, {**given, "events": names, "is_active": values.get("is_active") == "true"}


@router.get("/new")
async def new_page(work: Annotated[Work, allow(ENDPOINTS_CREATE)]) -> Response:
	return await _page(work, "", may_change=True)


@router.post("/new")
async def create(request: Request, work: Annotated[Work, allow(ENDPOINTS_CREATE)]) -> Response:
	values, given = await _typed(request, work)
	try:
		endpoint, secret = await service.create(work, checked(WebhookIn, given))
	except Invalid as refused:
		form = FormState.refused(values, refused)
		return await _page(work, "", 422, block="webhook", form=form, may_change=True)
	except Conflict as refused:
		return lead_to(work, PLACE, text=refused.message, kind="bad")
	return await _page(work, endpoint.id, block="webhook", secret=secret)


@router.get("/{webhook_id}")
async def webhook_page(webhook_id: str, work: Annotated[Work, allow(ENDPOINTS_READ)]) -> Response:
	return await _page(work, webhook_id)


@router.post("/{webhook_id}")
async def change(
	request: Request, webhook_id: str, work: Annotated[Work, allow(ENDPOINTS_UPDATE)]
) -> Response:
	values, given = await _typed(request, work)
	try:
		await service.change(work, webhook_id, checked(WebhookPatch, given))
	except Invalid as refused:
		form = FormState.refused(values, refused)
		return await _page(work, webhook_id, 422, block="webhook", form=form)
	return lead_to(work, f"{PLACE}/{webhook_id}", text=_("Saved"))


@router.post("/{webhook_id}/rotate")
async def rotate(webhook_id: str, work: Annotated[Work, allow(ENDPOINTS_UPDATE)]) -> Response:
	secret = await service.rotate(work, webhook_id)
	return await _page(work, webhook_id, block="webhook", secret=secret)


@router.post("/{webhook_id}/remove")
async def remove(webhook_id: str, work: Annotated[Work, allow(ENDPOINTS_DELETE)]) -> Response:
	await service.remove(work, webhook_id)
	return lead_to(work, PLACE, text=_("The webhook is removed."))
