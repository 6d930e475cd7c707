"""`/api/v1/plm/products/{id}/alternates` for programs."""

from typing import Annotated

from fastapi import Response
from pydantic import Field

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.alternates import service
from apg.capabilities.plm.alternates.schemas import AlternateIn, AlternateOut, AlternatePatch
from apg.kernel.texts import _
from apg.kernel.web.envelopes import Ok, ok
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.work import Work

router = Router(prefix="/products/{product_id}", tags=["PLM alternates"])
Reading = Annotated[Work, allow(may.PRODUCTS_READ)]
Updating = Annotated[Work, allow(may.PRODUCTS_UPDATE)]
Product = Annotated[str, Field(max_length=100)]


@router.get("/alternates", response_model=Ok[list[AlternateOut]], summary="List alternates")
async def list_alternates(product_id: Product, work: Reading) -> Response:
	return ok(work, await service.listed(work, product_id))


@router.post(
	"/alternates", response_model=Ok[AlternateOut], status_code=201, summary="Add an alternate"
)
async def add_alternate(product_id: Product, body: AlternateIn, work: Updating) -> Response:
	made = await service.add(work, product_id, body)
	place = f"/api/v1/plm/products/{product_id}/alternates/{made.id}"
	shown = await service.read(work, product_id, made.id)
	return ok(work, shown, status=201, message=_("Alternate added"), headers={"Location": place})


@router.get(
	"/alternates/{alternate_id}", response_model=Ok[AlternateOut], summary="Read an alternate"
)
async def read_alternate(product_id: Product, alternate_id: str, work: Reading) -> Response:
	return ok(work, await service.read(work, product_id, alternate_id))


@router.patch(
	"/alternates/{alternate_id}", response_model=Ok[AlternateOut], summary="Change an alternate"
)
async def change_alternate(
	product_id: Product, alternate_id: str, body: AlternatePatch, work: Updating
) -> Response:
	await service.change(work, product_id, alternate_id, body)
	return ok(work, await service.read(work, product_id, alternate_id))


@router.delete("/alternates/{alternate_id}", status_code=204, summary="Take an alternate away")
async def remove_alternate(product_id: Product, alternate_id: str, work: Updating) -> Response:
	await service.remove(work, product_id, alternate_id)
	return Response(status_code=204)
