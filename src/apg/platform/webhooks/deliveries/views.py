"""`/admin/webhooks/deliveries`."""

from typing import Annotated

from fastapi import Request, Response

from apg.kernel.database import load_json
from apg.kernel.errors import Conflict
from apg.kernel.texts import _
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import ListState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work
from apg.platform.webhooks.deliveries import service
from apg.platform.webhooks.deliveries.schemas import LIST, ReplayIn
from apg.platform.webhooks.permissions import (
	DELIVERIES_READ,
	DELIVERIES_REPLAY,
	ENDPOINTS_UPDATE,
)

PLACE = "/admin/webhooks/deliveries"
router = Router(include_in_schema=False)
tests = Router(include_in_schema=False)


@router.get("")
async def list_page(request: Request, work: Annotated[Work, allow(DELIVERIES_READ)]) -> Response:
	state = ListState.of(LIST, request)
	page = await service.listed(work, state)
	return show(
		work,
		"webhooks/deliveries/list.html",
		state=state,
		rows=load_json(page.body),
		total=page.total,
		tab="deliveries",
		dead=await service.count_dead(work),
		may_replay=work.principal.may(DELIVERIES_REPLAY),
	)


@router.post("/replay")
async def replay_dead(work: Annotated[Work, allow(DELIVERIES_REPLAY)]) -> Response:
	count = await service.replay_dead(work, ReplayIn())
	return lead_to(work, PLACE, text=_("{n} deliveries are sent again", n=count))


@router.post("/{delivery_id}/replay")
async def replay(delivery_id: str, work: Annotated[Work, allow(DELIVERIES_REPLAY)]) -> Response:
	try:
		await service.replay(work, delivery_id)
	except Conflict as refused:
		return lead_to(work, PLACE, text=refused.message, kind="bad")
	return lead_to(work, PLACE, text=_("It is sent again"))


@tests.post("/{webhook_id}/test")
async def test(webhook_id: str, work: Annotated[Work, allow(ENDPOINTS_UPDATE)]) -> Response:
	try:
		await service.test(work, webhook_id)
	except Conflict as refused:
		return lead_to(work, f"/admin/webhooks/{webhook_id}", text=refused.message, kind="bad")
	return lead_to(work, f"{PLACE}?webhook_id={webhook_id}", text=_("A test is on its way"))
