"""`/admin/audit`."""

from typing import Annotated

from fastapi import Request, Response

from apg.kernel.texts import _
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import ListState
from apg.kernel.web.show import show
from apg.kernel.work import Work
from apg.platform.audit.permissions import TRAIL_EXPORT, TRAIL_READ
from apg.platform.audit.trail import service
from apg.platform.audit.trail.schemas import FORMATS, TRAIL

router = Router(include_in_schema=False)


@router.get("")
async def trail(request: Request, work: Annotated[Work, allow(TRAIL_READ)]) -> Response:
	state = ListState.of(service.spec(TRAIL), request)
	found = await service.listed(work, state)
	place = state.at("/admin/audit/export")
	exports = [
		{"label": _(label), "href": place.url(page=None, format=form)} for form, label in FORMATS
	]
	return show(
		work,
		"audit/trail/list.html",
		state=state,
		found=found,
		audit=service,
		exports=exports if work.principal.may(TRAIL_EXPORT) else [],
	)


@router.get("/{seq}")
async def entry(seq: str, work: Annotated[Work, allow(TRAIL_READ)]) -> Response:
	row = await service.read(work, seq)
	return show(work, "audit/trail/detail.html", row=row, audit=service)
