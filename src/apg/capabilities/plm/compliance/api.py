"""`/api/v1/plm/regulations` and `/products/{id}/compliance` for programs."""

from typing import Annotated

from fastapi import Response
from pydantic import Field

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.compliance import lists, service
from apg.capabilities.plm.compliance.schemas import (
	DeclarationIn,
	DeclarationOut,
	ListIn,
	RegulationIn,
	RegulationOut,
	RegulationPatch,
	StatusIn,
	StatusOut,
)
from apg.capabilities.plm.products.models import Item
from apg.kernel.texts import _
from apg.kernel.web.envelopes import Ok, ok
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.work import Work

router = Router(tags=["PLM compliance"])
Reading = Annotated[Work, allow(may.COMPLIANCE_READ)]
Updating = Annotated[Work, allow(may.COMPLIANCE_UPDATE)]
Id = Annotated[str, Field(max_length=100)]


@router.get("/regulations", response_model=Ok[list[RegulationOut]], summary="List regulations")
async def list_regulations(work: Reading) -> Response:
	return ok(work, await work.read_json(service.select_regulations()))


@router.post(
	"/regulations", response_model=Ok[RegulationOut], status_code=201, summary="Add a regulation"
)
async def add_regulation(body: RegulationIn, work: Updating) -> Response:
	made = await service.add_regulation(work, body)
	shown = await service.read_regulation(work, made.id)
	place = f"/api/v1/plm/regulations/{made.id}"
	return ok(work, shown, status=201, message=_("Regulation added"), headers={"Location": place})


@router.get(
	"/regulations/{regulation_id}", response_model=Ok[RegulationOut], summary="Read a regulation"
)
async def read_regulation(regulation_id: Id, work: Reading) -> Response:
	return ok(work, await service.read_regulation(work, regulation_id))


@router.patch(
	"/regulations/{regulation_id}", response_model=Ok[RegulationOut], summary="Change a regulation"
)
async def change_regulation(regulation_id: Id, body: RegulationPatch, work: Updating) -> Response:
	await service.change_regulation(work, regulation_id, body)
	return ok(work, await service.read_regulation(work, regulation_id), message=_("Saved"))


@router.put(
	"/regulations/{regulation_id}/list",
	response_model=Ok[RegulationOut],
	summary="Bring a new list of substances into force",
)
async def load_list(regulation_id: Id, body: ListIn, work: Updating) -> Response:
	await lists.load_list(work, regulation_id, body)
	return ok(work, await service.read_regulation(work, regulation_id), message=_("List loaded"))


@router.get(
	"/products/{product_id}/compliance",
	response_model=Ok[list[StatusOut]],
	summary="Compliance of a product and all it contains",
)
async def read_status(product_id: Id, work: Reading, revision: Id | None = None) -> Response:
	return ok(work, await service.of_product(work, product_id, revision))


@router.put(
	"/products/{product_id}/compliance/{regulation}",
	response_model=Ok[list[StatusOut]],
	summary="Record a status with its evidence",
)
async def record_status(
	product_id: Id, regulation: Id, body: StatusIn, work: Updating, revision: Id | None = None
) -> Response:
	await service.record(work, product_id, regulation, body, revision)
	return ok(work, await service.of_product(work, product_id, revision), message=_("Recorded"))


@router.get(
	"/products/{product_id}/declarations",
	response_model=Ok[list[DeclarationOut]],
	summary="List what is declared",
)
async def list_declarations(product_id: Id, work: Reading) -> Response:
	item = await work.get(Item, product_id)
	return ok(work, await work.read_json(service.select_declarations(item.id).limit(2_000)))


@router.post(
	"/products/{product_id}/declarations",
	response_model=Ok[DeclarationOut],
	status_code=201,
	summary="Declare a substance",
)
async def declare(product_id: Id, body: DeclarationIn, work: Updating) -> Response:
	made = await service.declare(work, product_id, body)
	shown = await service.read_declaration(work, product_id, made.id)
	place = f"/api/v1/plm/products/{product_id}/declarations/{made.id}"
	return ok(work, shown, status=201, message=_("Declared"), headers={"Location": place})


@router.get(
	"/products/{product_id}/declarations/{declaration_id}",
	response_model=Ok[DeclarationOut],
	summary="Read a declaration",
)
async def read_declaration(product_id: Id, declaration_id: Id, work: Reading) -> Response:
	return ok(work, await service.read_declaration(work, product_id, declaration_id))


@router.delete(
	"/products/{product_id}/declarations/{declaration_id}",
	status_code=204,
	summary="Withdraw a declaration",
)
async def withdraw(product_id: Id, declaration_id: Id, work: Updating) -> Response:
	await service.withdraw(work, product_id, declaration_id)
	return Response(status_code=204)
