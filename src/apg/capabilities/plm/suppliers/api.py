"""`/api/v1/plm/manufacturers`, `/suppliers`, and the sources of a product, for programs."""

from typing import Annotated

from fastapi import Query, Response
from pydantic import Field

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.suppliers import reading, service
from apg.capabilities.plm.suppliers.schemas import (
	ApprovedPartIn,
	ApprovedPartOut,
	ApprovedPartPatch,
	ManufacturerIn,
	ManufacturerOut,
	ManufacturerPartIn,
	ManufacturerPartOut,
	ManufacturerPartPatch,
	ManufacturerPatch,
	OfferIn,
	OfferOut,
	OfferPatch,
	SupplierIn,
	SupplierOut,
	SupplierPatch,
)
from apg.kernel.texts import _
from apg.kernel.web.envelopes import Ok, OkPage, ok, ok_page
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.work import Work

router = Router(tags=["PLM sources"])
Reading = Annotated[Work, allow(may.PRODUCTS_READ)]
CostsReading = Annotated[Work, allow(may.COSTS_READ)]
CostsUpdating = Annotated[Work, allow(may.COSTS_UPDATE)]
Updating = Annotated[Work, allow(may.SUPPLIERS_UPDATE)]
Approving = Annotated[Work, allow(may.PRODUCTS_UPDATE)]
Product = Annotated[str, Field(max_length=100)]
Number = Annotated[int, Query(ge=1, le=1_000_000)]
Size = Annotated[int, Query(ge=1, le=500)]
HERE = "/api/v1/plm"


@router.get("/manufacturers", response_model=OkPage[ManufacturerOut], summary="List manufacturers")
async def list_manufacturers(work: Reading, page: Number = 1, page_size: Size = 100) -> Response:
	found = await service.page(work, reading.select_manufacturers(), number=page, size=page_size)
	return ok_page(work, found, number=page, size=page_size)


@router.post(
	"/manufacturers",
	response_model=Ok[ManufacturerOut],
	status_code=201,
	summary="Add a manufacturer",
)
async def add_manufacturer(body: ManufacturerIn, work: Updating) -> Response:
	made = await service.add_manufacturer(work, body)
	place = {"Location": f"{HERE}/manufacturers/{made.id}"}
	shown = await service.read_manufacturer(work, made.id)
	return ok(work, shown, status=201, message=_("Recorded"), headers=place)


@router.get(
	"/manufacturers/{manufacturer_id}",
	response_model=Ok[ManufacturerOut],
	summary="Read a manufacturer",
)
async def read_manufacturer(manufacturer_id: str, work: Reading) -> Response:
	return ok(work, await service.read_manufacturer(work, manufacturer_id))


@router.patch(
	"/manufacturers/{manufacturer_id}",
	response_model=Ok[ManufacturerOut],
	summary="Change a manufacturer",
)
async def change_manufacturer(
	manufacturer_id: str, body: ManufacturerPatch, work: Updating
) -> Response:
	await service.change_manufacturer(work, manufacturer_id, body)
	return ok(work, await service.read_manufacturer(work, manufacturer_id))


@router.delete("/manufacturers/{manufacturer_id}", status_code=204, summary="Remove a manufacturer")
async def remove_manufacturer(manufacturer_id: str, work: Updating) -> Response:
	await service.remove_manufacturer(work, manufacturer_id)
	return Response(status_code=204)


@router.get(
	"/manufacturers/{manufacturer_id}/parts",
	response_model=OkPage[ManufacturerPartOut],
	summary="List manufacturer parts",
)
async def list_manufacturer_parts(
	manufacturer_id: str, work: Reading, page: Number = 1, page_size: Size = 100
) -> Response:
	found = await service.list_parts(work, manufacturer_id, number=page, size=page_size)
	return ok_page(work, found, number=page, size=page_size)


@router.post(
	"/manufacturers/{manufacturer_id}/parts",
	response_model=Ok[ManufacturerPartOut],
	status_code=201,
	summary="Add a manufacturer part",
)
async def add_manufacturer_part(
	manufacturer_id: str, body: ManufacturerPartIn, work: Updating
) -> Response:
	made = await service.add_part(work, manufacturer_id, body)
	place = {"Location": f"{HERE}/manufacturers/{manufacturer_id}/parts/{made.id}"}
	shown = await service.read_part(work, manufacturer_id, made.id)
	return ok(work, shown, status=201, message=_("Recorded"), headers=place)


@router.get(
	"/manufacturers/{manufacturer_id}/parts/{manufacturer_part_id}",
	response_model=Ok[ManufacturerPartOut],
	summary="Read a manufacturer part",
)
async def read_manufacturer_part(
	manufacturer_id: str, manufacturer_part_id: str, work: Reading
) -> Response:
	return ok(work, await service.read_part(work, manufacturer_id, manufacturer_part_id))


@router.patch(
	"/manufacturers/{manufacturer_id}/parts/{manufacturer_part_id}",
	response_model=Ok[ManufacturerPartOut],
	summary="Change a manufacturer part",
)
async def change_manufacturer_part(
	manufacturer_id: str, manufacturer_part_id: str, body: ManufacturerPartPatch, work: Updating
) -> Response:
	await service.change_part(work, manufacturer_id, manufacturer_part_id, body)
	return ok(work, await service.read_part(work, manufacturer_id, manufacturer_part_id))


@router.delete(
	"/manufacturers/{manufacturer_id}/parts/{manufacturer_part_id}",
	status_code=204,
	summary="Remove a manufacturer part",
)
async def remove_manufacturer_part(
	manufacturer_id: str, manufacturer_part_id: str, work: Updating
) -> Response:
	await service.remove_part(work, manufacturer_id, manufacturer_part_id)
	return Response(status_code=204)


@router.get("/suppliers", response_model=OkPage[SupplierOut], summary="List suppliers")
async def list_suppliers(work: Reading, page: Number = 1, page_size: Size = 100) -> Response:
	found = await service.page(work, reading.select_suppliers(), number=page, size=page_size)
	return ok_page(work, found, number=page, size=page_size)


@router.post(
	"/suppliers", response_model=Ok[SupplierOut], status_code=201, summary="Add a supplier"
)
async def add_supplier(body: SupplierIn, work: Updating) -> Response:
	made = await service.add_supplier(work, body)
	place = {"Location": f"{HERE}/suppliers/{made.id}"}
	shown = await service.read_supplier(work, made.id)
	return ok(work, shown, status=201, message=_("Recorded"), headers=place)


@router.get("/suppliers/{supplier_id}", response_model=Ok[SupplierOut], summary="Read a supplier")
async def read_supplier(supplier_id: str, work: Reading) -> Response:
	return ok(work, await service.read_supplier(work, supplier_id))


@router.patch(
	"/suppliers/{supplier_id}", response_model=Ok[SupplierOut], summary="Change a supplier"
)
async def change_supplier(supplier_id: str, body: SupplierPatch, work: Updating) -> Response:
	await service.change_supplier(work, supplier_id, body)
	return ok(work, await service.read_supplier(work, supplier_id))


@router.delete("/suppliers/{supplier_id}", status_code=204, summary="Remove a supplier")
async def remove_supplier(supplier_id: str, work: Updating) -> Response:
	await service.remove_supplier(work, supplier_id)
	return Response(status_code=204)


@router.get(
	"/products/{product_id}/approved-parts",
	response_model=Ok[list[ApprovedPartOut]],
	summary="List approved parts",
)
async def list_approved_parts(product_id: Product, work: Reading) -> Response:
	return ok(work, await service.approved(work, product_id))


@router.post(
	"/products/{product_id}/approved-parts",
	response_model=Ok[ApprovedPartOut],
	status_code=201,
	summary="Add an approved part",
)
async def add_approved_part(product_id: Product, body: ApprovedPartIn, work: Approving) -> Response:
	made = await service.approve(work, product_id, body)
	place = {"Location": f"{HERE}/products/{product_id}/approved-parts/{made.id}"}
	shown = await service.read_approved(work, product_id, made.id)
	return ok(work, shown, status=201, message=_("Recorded"), headers=place)


@router.get(
	"/products/{product_id}/approved-parts/{approved_part_id}",
	response_model=Ok[ApprovedPartOut],
	summary="Read an approved part",
)
async def read_approved_part(product_id: Product, approved_part_id: str, work: Reading) -> Response:
	return ok(work, await service.read_approved(work, product_id, approved_part_id))


@router.patch(
	"/products/{product_id}/approved-parts/{approved_part_id}",
	response_model=Ok[ApprovedPartOut],
	summary="Change an approved part",
)
async def change_approved_part(
	product_id: Product, approved_part_id: str, body: ApprovedPartPatch, work: Approving
) -> Response:
	await service.change_approved(work, product_id, approved_part_id, body)
	return ok(work, await service.read_approved(work, product_id, approved_part_id))


@router.delete(
	"/products/{product_id}/approved-parts/{approved_part_id}",
	status_code=204,
	summary="Remove an approved part",
)
async def remove_approved_part(
	product_id: Product, approved_part_id: str, work: Approving
) -> Response:
	await service.remove_approved(work, product_id, approved_part_id)
	return Response(status_code=204)


@router.get(
	"/products/{product_id}/offers", response_model=Ok[list[OfferOut]], summary="List offers"
)
async def list_offers(product_id: Product, work: CostsReading) -> Response:
	return ok(work, await service.offers(work, product_id))


@router.post(
	"/products/{product_id}/offers",
	response_model=Ok[OfferOut],
	status_code=201,
	summary="Add an offer",
)
async def add_offer(product_id: Product, body: OfferIn, work: CostsUpdating) -> Response:
	made = await service.add_offer(work, product_id, body)
	place = {"Location": f"{HERE}/products/{product_id}/offers/{made.id}"}
	shown = await service.read_offer(work, product_id, made.id)
	return ok(work, shown, status=201, message=_("Recorded"), headers=place)


@router.get(
	"/products/{product_id}/offers/{offer_id}", response_model=Ok[OfferOut], summary="Read an offer"
)
async def read_offer(product_id: Product, offer_id: str, work: CostsReading) -> Response:
	return ok(work, await service.read_offer(work, product_id, offer_id))


@router.patch(
	"/products/{product_id}/offers/{offer_id}",
	response_model=Ok[OfferOut],
	summary="Change an offer",
)
async def change_offer(
	product_id: Product, offer_id: str, body: OfferPatch, work: CostsUpdating
) -> Response:
	await service.change_offer(work, product_id, offer_id, body)
	return ok(work, await service.read_offer(work, product_id, offer_id))


@router.delete(
	"/products/{product_id}/offers/{offer_id}", status_code=204, summary="Remove an offer"
)
async def remove_offer(product_id: Product, offer_id: str, work: CostsUpdating) -> Response:
	await service.remove_offer(work, product_id, offer_id)
	return Response(status_code=204)


@router.post(
	"/products/{product_id}/approved-parts/from-identifiers",
	response_model=Ok[list[ApprovedPartOut]],
	summary="List what files named as maker and number",
)
async def take_from_identifiers(product_id: Product, work: Approving) -> Response:
	await service.take_from_identifiers(work, product_id)
	return ok(work, await service.approved(work, product_id))
