"""`/api/v1/plm/products/{id}/revisions` and `/release` for programs."""

from typing import Annotated

from fastapi import Response
from pydantic import Field

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.revisions import service
from apg.capabilities.plm.revisions.schemas import ReleaseIn, RevisionIn, RevisionOut
from apg.kernel.texts import _
from apg.kernel.web.envelopes import Ok, ok
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.work import Work

router = Router(prefix="/products/{product_id}", tags=["PLM revisions"])
Reading = Annotated[Work, allow(may.PRODUCTS_READ)]
Updating = Annotated[Work, allow(may.PRODUCTS_UPDATE)]
Releasing = Annotated[Work, allow(may.PRODUCTS_RELEASE)]
Product = Annotated[str, Field(max_length=100)]
Name = Annotated[str, Field(max_length=100)]


@router.get("/revisions", response_model=Ok[list[RevisionOut]], summary="List revisions")
async def list_revisions(product_id: Product, work: Reading) -> Response:
	return ok(work, await service.listed(work, product_id))


@router.post(
	"/revisions", response_model=Ok[RevisionOut], status_code=201, summary="Open a new revision"
)
async def open_revision(
	product_id: Product, work: Updating, body: RevisionIn | None = None
) -> Response:
	made = await service.open_revision(work, product_id, body or RevisionIn())
	place = f"/api/v1/plm/products/{product_id}/revisions/{made.id}"
	shown = await service.read(work, product_id, made.id)
	return ok(work, shown, status=201, message=_("Revision opened"), headers={"Location": place})


@router.get("/revisions/{revision}", response_model=Ok[RevisionOut], summary="Read a revision")
async def read_revision(product_id: Product, revision: Name, work: Reading) -> Response:
	return ok(work, await service.read(work, product_id, revision))


@router.post(
	"/revisions/{revision}/cancel", response_model=Ok[RevisionOut], summary="Cancel a revision"
)
async def cancel_revision(product_id: Product, revision: Name, work: Updating) -> Response:
	done = await service.cancel(work, product_id, revision)
	return ok(work, await service.read(work, product_id, done.id), message=_("Revision cancelled"))


@router.post("/release", response_model=Ok[RevisionOut], summary="Release the working revision")
async def release_revision(
	product_id: Product, work: Releasing, body: ReleaseIn | None = None
) -> Response:
	done = await service.release(work, product_id, body or ReleaseIn())
	return ok(work, await service.read(work, product_id, done.id), message=_("Revision released"))
