"""`/api/v1/webhooks/deliveries`, and the test of one webhook."""

from typing import Annotated

from fastapi import Request, Response

from apg.kernel.web.envelopes import bare, bare_page
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import ListState
from apg.kernel.web.wire import IdText
from apg.kernel.work import Work
from apg.platform.webhooks.deliveries import service
from apg.platform.webhooks.deliveries.schemas import LIST_API, DeliveryOut, ReplayedOut, ReplayIn
from apg.platform.webhooks.permissions import (
	DELIVERIES_READ,
	DELIVERIES_REPLAY,
	ENDPOINTS_UPDATE,
)

router = Router(tags=["Webhooks"])
tests = Router(tags=["Webhooks"])


@router.get("", response_model=list[DeliveryOut])
async def list_deliveries(
	request: Request, work: Annotated[Work, allow(DELIVERIES_READ)]
) -> Response:
	"""Deliveries of the last 30 days, the latest first. Filters: state, event, webhook_id."""
	state = ListState.of(LIST_API, request)
	page = await service.listed(work, state)
	return bare_page(request, page, limit=state.page_size, offset=state.offset)


@router.post("/replay", response_model=ReplayedOut)
async def replay_dead(body: ReplayIn, work: Annotated[Work, allow(DELIVERIES_REPLAY)]) -> Response:
	"""Sends again what was given up, the oldest first."""
	return bare(work, {"replayed": await service.replay_dead(work, body)})


@router.get("/{delivery_id}", response_model=DeliveryOut)
async def read_delivery(
	delivery_id: IdText, work: Annotated[Work, allow(DELIVERIES_READ)]
) -> Response:
	"""One delivery."""
	return bare(work, await service.read(work, delivery_id))


@router.post("/{delivery_id}/replay", response_model=DeliveryOut, status_code=202)
async def replay_delivery(
	delivery_id: IdText, work: Annotated[Work, allow(DELIVERIES_REPLAY)]
) -> Response:
	"""Sends it again as a new delivery, which is the answer."""
	made = await service.replay(work, delivery_id)
	await work.flush()
	return bare(work, await service.read(work, made.id), status=202)


@tests.post("/{webhook_id}/test", response_model=DeliveryOut, status_code=202)
async def test_webhook(
	webhook_id: IdText, work: Annotated[Work, allow(ENDPOINTS_UPDATE)]
) -> Response:
	"""Sends an event that means nothing; the answer is its delivery, to look at again soon."""
	made = await service.test(work, webhook_id)
	await work.flush()
	return bare(work, await service.read(work, made.id), status=202)
