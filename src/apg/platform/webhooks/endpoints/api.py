"""`/api/v1/webhooks`."""

from typing import Annotated

from fastapi import Request, Response

from apg.kernel.database import load_json
from apg.kernel.web.envelopes import bare, bare_page
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import ListState
from apg.kernel.web.wire import IdText
from apg.kernel.work import Work
from apg.platform.webhooks.endpoints import service
from apg.platform.webhooks.endpoints.schemas import (
	LIST_API,
	EventKindOut,
	NewWebhookOut,
	WebhookIn,
	WebhookOut,
	WebhookPatch,
)
from apg.platform.webhooks.permissions import (
	ENDPOINTS_CREATE,
	ENDPOINTS_DELETE,
	ENDPOINTS_READ,
	ENDPOINTS_UPDATE,
)

router = Router(tags=["Webhooks"])


@router.get("", response_model=list[WebhookOut])
async def list_webhooks(request: Request, work: Annotated[Work, allow(ENDPOINTS_READ)]) -> Response:
	"""The company's webhooks. Filter: is_active."""
	state = ListState.of(LIST_API, request)
	page = await service.listed(work, state)
	return bare_page(request, page, limit=state.page_size, offset=state.offset)


@router.post("", response_model=NewWebhookOut, status_code=201)
async def create_webhook(
	body: WebhookIn, work: Annotated[Work, allow(ENDPOINTS_CREATE)]
) -> Response:
	"""A webhook of one's own; its secret is in this answer and never again."""
	endpoint, secret = await service.create(work, body)
	return await _with_secret(work, endpoint.id, secret, 201)


@router.get("/events", response_model=list[EventKindOut])
async def list_event_kinds(work: Annotated[Work, allow(ENDPOINTS_READ)]) -> Response:
	"""The events that a webhook of the caller's may carry."""
	return bare(work, service.known_events(work))


@router.get("/{webhook_id}", response_model=WebhookOut)
async def read_webhook(
	webhook_id: IdText, work: Annotated[Work, allow(ENDPOINTS_READ)]
) -> Response:
	"""One webhook, without its secret."""
	return bare(work, await service.read(work, webhook_id))


@router.patch("/{webhook_id}", response_model=WebhookOut)
async def change_webhook(
	webhook_id: IdText, body: WebhookPatch, work: Annotated[Work, allow(ENDPOINTS_UPDATE)]
) -> Response:
	"""Changes it; whoever changes address or events becomes its owner."""
	await service.change(work, webhook_id, body)
	return bare(work, await service.read(work, webhook_id))


@router.delete("/{webhook_id}", status_code=204)
async def remove_webhook(
	webhook_id: IdText, work: Annotated[Work, allow(ENDPOINTS_DELETE)]
) -> Response:
	"""Removes it with all its deliveries."""
	await service.remove(work, webhook_id)
	return Response(status_code=204)


@router.post("/{webhook_id}/rotate", response_model=NewWebhookOut)
async def rotate_secret(
	webhook_id: IdText, work: Annotated[Work, allow(ENDPOINTS_UPDATE)]
) -> Response:
	"""A new secret, shown once; the one before signs beside it for a day."""
	secret = await service.rotate(work, webhook_id)
	return await _with_secret(work, webhook_id, secret, 200)


async def _with_secret(work: Work, webhook_id: str, secret: str, status: int) -> Response:
	one = await service.read(work, webhook_id)
	headers = {"Cache-Control": "no-store", "ETag": f'"{one.etag}"'}
	if status == 201:
		headers["Location"] = f"/api/v1/webhooks/{webhook_id}"
	return bare(work, {**load_json(one.body), "secret": secret}, status=status, headers=headers)
