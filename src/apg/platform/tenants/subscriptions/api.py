"""`/api/v1/tenants/current/capabilities` and `/api/v1/platform/capabilities`."""

from typing import Annotated

from fastapi import Response

from apg.kernel.web.envelopes import bare
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.work import Work
from apg.platform.tenants.permissions import CAPABILITIES_READ, CAPABILITIES_UPDATE
from apg.platform.tenants.subscriptions import service
from apg.platform.tenants.subscriptions.schemas import CapabilitiesOut, Switches

router = Router(tags=["Tenants"])
platform_router = Router(tags=["Platform"])


@router.get("/current/capabilities", response_model=dict[str, bool])
async def read_switches(work: Annotated[Work, allow(CAPABILITIES_READ)]) -> Response:
	"""Which capabilities are on for the company; those that are always on are not named."""
	return bare(work, await service.states(work))


@router.put("/current/capabilities", response_model=dict[str, bool])
async def switch(body: Switches, work: Annotated[Work, allow(CAPABILITIES_UPDATE)]) -> Response:
	"""Switches the named capabilities; the others stay as they are. Data of one that goes stays."""
	return bare(work, await service.switch(work, body.root))


@platform_router.get("", response_model=CapabilitiesOut)
async def list_capabilities(work: Annotated[Work, allow(CAPABILITIES_READ)]) -> Response:
	"""Every installed capability as its manifest describes it, and those that do not fit."""
	return bare(work, await service.overview(work))
