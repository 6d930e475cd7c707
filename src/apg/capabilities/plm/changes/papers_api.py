"""`/api/v1/plm/changes/{id}/pdf` and `/notice`: a change on paper, for archives and for customers."""

from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import Field

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.changes import notices, papers
from apg.capabilities.plm.exports import as_file
from apg.capabilities.plm.paper.printing import MEDIA
from apg.kernel.web.describing import answers_file
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.work import Work

router = Router(prefix="/changes/{change_id}", tags=["PLM changes"])
Reading = Annotated[Work, allow(may.CHANGES_READ)]
Id = Annotated[str, Field(max_length=100)]


@router.get(
	"/pdf",
	summary="Print a change, with its redline and signatures",
	responses=answers_file(MEDIA),
)
async def print_change(change_id: Id, request: Request, work: Reading) -> Response:
	name, content = await papers.pdf_of(work, change_id)
	return await as_file(work, request, name, content, MEDIA)


@router.get(
	"/notice",
	summary="Print the notice for customers",
	responses=answers_file(MEDIA) | {409: {}},
)
async def print_notice(
	change_id: Id,
	request: Request,
	work: Reading,
	customer: Annotated[
		str | None,
		Query(max_length=200, description="issuer of customers' numbers; without, for all of them"),
	] = None,
) -> Response:
	"""Of an approved change order: products, interchangeability, dates; nothing of the inside."""
	name, content = await notices.pdf_of(work, change_id, customer)
	return await as_file(work, request, name, content, MEDIA)
