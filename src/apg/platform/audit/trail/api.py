"""`/api/v1/audit`."""

from typing import Annotated

from fastapi import Request, Response

from apg.kernel.json_rows import Page
from apg.kernel.web.envelopes import bare, bare_page
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import ListState
from apg.kernel.web.wire import to_wire
from apg.kernel.work import Work
from apg.platform.audit.permissions import TRAIL_READ
from apg.platform.audit.trail import service
from apg.platform.audit.trail.schemas import TRAIL_API, EntryOut

router = Router(tags=["Audit"])


@router.get("", response_model=list[EntryOut])
async def list_entries(request: Request, work: Annotated[Work, allow(TRAIL_READ)]) -> Response:
	"""Changes, newest first. Filters: table, row_id, user, action, operation, from, to,
	request_id, and before (a seq) to go on without counting."""
	state = ListState.of(TRAIL_API, request)
	found = await service.listed(work, state)
	page = Page(to_wire(found.rows), found.total, found.estimated)
	return bare_page(request, page, limit=state.page_size, offset=state.offset)


@router.get("/{seq}", response_model=EntryOut)
async def read_entry(seq: str, work: Annotated[Work, allow(TRAIL_READ)]) -> Response:
	"""One change."""
	return bare(work, await service.read(work, seq))
