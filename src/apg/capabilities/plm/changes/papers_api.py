"""`/api/v1/plm/changes/{id}/pdf`: a change as a file for people and archives."""

from typing import Annotated

from fastapi import Request, Response
from pydantic import Field

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.changes import papers
from apg.capabilities.plm.exports import as_file
from apg.capabilities.plm.paper.printing import MEDIA
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.work import Work

router = Router(prefix="/changes/{change_id}", tags=["PLM changes"])
Reading = Annotated[Work, allow(may.CHANGES_READ)]
Id = Annotated[str, Field(max_length=100)]


@router.get(
	"/pdf",
	summary="Print a change, with its redline and signatures",
	response_class=Response,
	responses={200: {"content": {MEDIA: {}}}},
)
async def print_change(change_id: Id, request: Request, work: Reading) -> Response:
	name, content = await papers.pdf_of(work, change_id)
	return await as_file(work, request, name, content, MEDIA)
