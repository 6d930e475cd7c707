"""`/plm/changes/{id}/pdf` and `/notice`: the papers that the page of a change offers."""

from typing import Annotated

from fastapi import Request, Response

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.changes import notices, papers
from apg.capabilities.plm.exports import as_file
from apg.capabilities.plm.paper.printing import MEDIA
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.work import Work

router = Router(prefix="/changes/{change_id}", include_in_schema=False)


@router.get("/pdf")
async def pdf(
	change_id: str, request: Request, work: Annotated[Work, allow(may.CHANGES_READ)]
) -> Response:
	name, content = await papers.pdf_of(work, change_id)
	return await as_file(work, request, name, content, MEDIA)


@router.get("/notice")
async def notice(
	change_id: str,
	request: Request,
	work: Annotated[Work, allow(may.CHANGES_READ)],
	customer: str | None = None,
) -> Response:
	name, content = await notices.pdf_of(work, change_id, customer)
	return await as_file(work, request, name, content, MEDIA)
