"""`/api/v1/audit/security-events`."""

from typing import Annotated

from fastapi import Request, Response

from apg.kernel.json_rows import Page
from apg.kernel.web.envelopes import bare_page
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import ListState
from apg.kernel.web.wire import to_wire
from apg.kernel.work import Work
from apg.platform.audit.permissions import SECURITY_READ
from apg.platform.audit.security_events import service
from apg.platform.audit.security_events.schemas import EVENTS_API, SecurityEventOut

router = Router(tags=["Audit"])


@router.get("/security-events", response_model=list[SecurityEventOut])
async def list_events(request: Request, work: Annotated[Work, allow(SECURITY_READ)]) -> Response:
	"""What was refused, newest first. Filters: kind, risk, user, from, to."""
	state = ListState.of(EVENTS_API, request)
	found = await service.listed(work, state)
	page = Page(to_wire(found.rows), found.total, found.estimated)
	return bare_page(request, page, limit=state.page_size, offset=state.offset)
