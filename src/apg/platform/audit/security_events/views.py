"""`/admin/security-events`."""

from typing import Annotated

from fastapi import Request, Response

from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import ListState
from apg.kernel.web.show import show
from apg.kernel.work import Work
from apg.platform.audit.permissions import SECURITY_READ
from apg.platform.audit.security_events import service
from apg.platform.audit.security_events.schemas import EVENTS

router = Router(include_in_schema=False)


@router.get("")
async def events(request: Request, work: Annotated[Work, allow(SECURITY_READ)]) -> Response:
	state = ListState.of(EVENTS, request)
	found = await service.listed(work, state)
	return show(work, "audit/security_events/list.html", state=state, found=found)
