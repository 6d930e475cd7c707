"""`/api/v1/esg/footprints`, `/materials` and `/supplier-footprints` for programs."""

from typing import Annotated, Any

from fastapi import Query, Request, Response

from apg.capabilities.esg import permissions as may
from apg.capabilities.esg.footprints import materials as held_materials
from apg.capabilities.esg.footprints import service, suppliers
from apg.capabilities.esg.footprints.schemas import (
	ComparisonOut,
	FootprintIn,
	FootprintLineOut,
	FootprintOut,
	MaterialIn,
	MaterialOut,
	MaterialPatch,
	PendingOut,
	SupplierFootprintIn,
	SupplierFootprintOut,
	UnmatchedOut,
	VerificationOut,
)
from apg.kernel.errors import NotFound
from apg.kernel.web.envelopes import bare, bare_page
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.wire import Day, IdText
from apg.kernel.work import Work

router = Router(prefix="/footprints", tags=["ESG footprints"])
materials = Router(prefix="/materials", tags=["ESG materials"])
statements = Router(prefix="/supplier-footprints", tags=["ESG supplier footprints"])
PLACE = "/api/v1/esg/footprints"
Reading = Annotated[Work, allow(may.FOOTPRINTS_READ)]
Naming = Annotated[Work, allow(may.MATERIALS_UPDATE)]
Limit = Annotated[int, Query(ge=1, le=1000)]
Offset = Annotated[int, Query(ge=0, le=1_000_000)]


@router.post(
	"",
	response_model=FootprintOut,
	status_code=201,
	summary="Record a footprint",
	responses={202: {"model": PendingOut, "description": "A worker computes it"}},
)
@router.post("/", response_model=FootprintOut, status_code=201, include_in_schema=False)
async def record_footprint(
	body: FootprintIn, work: Annotated[Work, allow(may.FOOTPRINTS_CREATE)]
) -> Response:
	made = await service.create(work, body)
	if isinstance(made, str):
		headers = {"Location": f"{PLACE}/{made}"}
		return bare(work, _pending(made, None), status=202, headers=headers)
	headers = {"Location": f"{PLACE}/{made.id}"}
	return bare(work, await service.read(work, made.id), status=201, headers=headers)


def _pending(footprint_id: str, progress: Any) -> dict[str, Any]:
	return {
		"id": footprint_id,
		"state": progress.state if progress else "waiting",
		"progress": {"done": progress.done, "total": progress.total} if progress else {},
	}


@router.get("", response_model=list[FootprintOut], summary="List footprints")
@router.get("/", response_model=list[FootprintOut], include_in_schema=False)
async def list_footprints(
	request: Request,
	work: Reading,
	product_id: IdText | None = None,
	revision_id: IdText | None = None,
	outdated: bool | None = None,
	limit: Limit = 50,
	offset: Offset = 0,
) -> Response:
	page = await service.page(
		work,
		product_id=product_id,
		revision_id=revision_id,
		outdated=outdated,
		limit=limit,
		offset=offset,
	)
	return bare_page(request, page, limit=limit, offset=offset)


@router.get(
	"/{footprint_id}",
	response_model=FootprintOut,
	summary="Read a footprint",
	responses={202: {"model": PendingOut, "description": "A worker computes it"}},
)
async def read_footprint(footprint_id: str, work: Reading) -> Response:
	try:
		return bare(work, await service.read(work, footprint_id))
	except NotFound:
		progress = await service.progress(work, footprint_id)
		if progress is None or progress.state == "done":
			raise
		return bare(work, _pending(footprint_id, progress), status=202)


@router.get(
	"/{footprint_id}/lines", response_model=list[FootprintLineOut], summary="Inputs of a footprint"
)
async def list_lines(
	request: Request, footprint_id: str, work: Reading, limit: Limit = 100, offset: Offset = 0
) -> Response:
	page = await service.lines_page(work, footprint_id, limit=limit, offset=offset)
	return bare_page(request, page, limit=limit, offset=offset)


@router.get("/{footprint_id}/comparison", response_model=ComparisonOut, summary="Compare with now")
async def compare_footprint(
	footprint_id: str,
	work: Reading,
	on: Annotated[Day | None, Query(description="default: today")] = None,
) -> Response:
	return bare(work, await service.compare(work, footprint_id, on=on))


@router.get("/{footprint_id}/verification", response_model=VerificationOut, summary="Make it again")
async def verify_footprint(footprint_id: str, work: Reading) -> Response:
	return bare(work, await service.verify(work, footprint_id))


# -- materials ---------------------------------------------------------------------------------


@materials.get("", response_model=list[MaterialOut], summary="List materials")
@materials.get("/", response_model=list[MaterialOut], include_in_schema=False)
async def list_materials(
	request: Request,
	work: Annotated[Work, allow(may.MATERIALS_READ)],
	search: Annotated[str | None, Query(max_length=200)] = None,
	limit: Limit = 50,
	offset: Offset = 0,
) -> Response:
	page = await held_materials.page(work, search=search, limit=limit, offset=offset)
	return bare_page(request, page, limit=limit, offset=offset)


@materials.get(
	"/unmatched", response_model=list[UnmatchedOut], summary="Materials that nobody mapped"
)
async def list_unmatched(work: Annotated[Work, allow(may.MATERIALS_READ)]) -> Response:
	return bare(work, await held_materials.unmatched(work))


@materials.post("", response_model=MaterialOut, status_code=201, summary="Add a material")
@materials.post("/", response_model=MaterialOut, status_code=201, include_in_schema=False)
async def add_material(body: MaterialIn, work: Naming) -> Response:
	made = await held_materials.create(work, body)
	headers = {"Location": f"/api/v1/esg/materials/{made.id}"}
	return bare(work, await held_materials.read(work, made.id), status=201, headers=headers)


@materials.get("/{material_id}", response_model=MaterialOut, summary="Read a material")
async def read_material(
	material_id: str, work: Annotated[Work, allow(may.MATERIALS_READ)]
) -> Response:
	return bare(work, await held_materials.read(work, material_id))


@materials.patch("/{material_id}", response_model=MaterialOut, summary="Change a material")
async def change_material(material_id: str, body: MaterialPatch, work: Naming) -> Response:
	await held_materials.change(work, material_id, body)
	return bare(work, await held_materials.read(work, material_id))


@materials.delete("/{material_id}", status_code=204, summary="Remove a material")
async def remove_material(material_id: str, work: Naming) -> Response:
	await held_materials.remove(work, material_id)
	return Response(status_code=204)


# -- suppliers ---------------------------------------------------------------------------------


@statements.get("", response_model=list[SupplierFootprintOut], summary="List suppliers' footprints")
@statements.get("/", response_model=list[SupplierFootprintOut], include_in_schema=False)
async def list_statements(
	request: Request,
	work: Annotated[Work, allow(may.SUPPLIERS_READ)],
	product_id: IdText | None = None,
	limit: Limit = 50,
	offset: Offset = 0,
) -> Response:
	page = await suppliers.page(work, product_id=product_id, limit=limit, offset=offset)
	return bare_page(request, page, limit=limit, offset=offset)


@statements.post(
	"",
	response_model=SupplierFootprintOut,
	status_code=201,
	summary="Record a supplier's footprint",
)
@statements.post("/", response_model=SupplierFootprintOut, status_code=201, include_in_schema=False)
async def record_statement(
	body: SupplierFootprintIn, work: Annotated[Work, allow(may.SUPPLIERS_CREATE)]
) -> Response:
	made = await suppliers.create(work, body)
	headers = {"Location": f"/api/v1/esg/supplier-footprints/{made.id}"}
	return bare(work, await suppliers.read(work, made.id), status=201, headers=headers)


@statements.get(
	"/{statement_id}", response_model=SupplierFootprintOut, summary="Read a supplier's footprint"
)
async def read_statement(
	statement_id: str, work: Annotated[Work, allow(may.SUPPLIERS_READ)]
) -> Response:
	return bare(work, await suppliers.read(work, statement_id))


@statements.delete("/{statement_id}", status_code=204, summary="Withdraw a supplier's footprint")
async def withdraw_statement(
	statement_id: str, work: Annotated[Work, allow(may.SUPPLIERS_DELETE)]
) -> Response:
	await suppliers.withdraw(work, statement_id)
	return Response(status_code=204)
