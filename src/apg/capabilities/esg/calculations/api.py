"""`/api/v1/esg/calculations` for programs."""

from typing import Annotated

from fastapi import Query, Request, Response

from apg.capabilities.esg import permissions as may
from apg.capabilities.esg.activities.schemas import ActivityCode
from apg.capabilities.esg.calculations import service
from apg.capabilities.esg.calculations.schemas import (
	CalculationIn,
	CalculationOut,
	ComparisonOut,
	LineOut,
	RerunIn,
	TraceOut,
)
from apg.kernel.web.envelopes import bare, bare_page
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.wire import IdText
from apg.kernel.work import Work

router = Router(prefix="/calculations", tags=["ESG calculations"])
Reading = Annotated[Work, allow(may.CALCULATIONS_READ)]
Calculating = Annotated[Work, allow(may.CALCULATIONS_CREATE)]
Limit = Annotated[int, Query(ge=1, le=1000)]
Offset = Annotated[int, Query(ge=0, le=10_000_000)]


@router.get("", response_model=list[CalculationOut], summary="List calculations")
async def list_calculations(
	request: Request, work: Reading, limit: Limit = 50, offset: Offset = 0
) -> Response:
	page = await service.page(work, limit=limit, offset=offset)
	return bare_page(request, page, limit=limit, offset=offset)


@router.post("", response_model=CalculationOut, status_code=201, summary="Calculate")
async def create_calculation(body: CalculationIn, work: Calculating) -> Response:
	"""Done at once up to 2,000 records; more are calculated by a worker, `state` says when."""
	run = await service.start(work, body)
	headers = {"Location": f"/api/v1/esg/calculations/{run.id}"}
	return bare(work, await service.read(work, run.id), status=201, headers=headers)


@router.get("/{calculation_id}", response_model=CalculationOut, summary="Read a calculation")
async def read_calculation(calculation_id: str, work: Reading) -> Response:
	return bare(work, await service.read(work, calculation_id))


@router.post(
	"/{calculation_id}/rerun",
	response_model=CalculationOut,
	status_code=201,
	summary="Calculate again",
)
async def rerun_calculation(calculation_id: str, body: RerunIn, work: Calculating) -> Response:
	run = await service.rerun(work, calculation_id, body.mode)
	headers = {"Location": f"/api/v1/esg/calculations/{run.id}"}
	return bare(work, await service.read(work, run.id), status=201, headers=headers)


@router.get("/{calculation_id}/lines", response_model=list[LineOut], summary="List lines")
async def list_lines(
	calculation_id: str,
	request: Request,
	work: Reading,
	activity_code: ActivityCode | None = None,
	missing: bool | None = None,
	limit: Limit = 100,
	offset: Offset = 0,
) -> Response:
	page = await service.lines(
		work,
		calculation_id,
		limit=limit,
		offset=offset,
		activity_code=activity_code,
		missing=missing,
	)
	return bare_page(request, page, limit=limit, offset=offset)


@router.get(
	"/{calculation_id}/lines/{line_id}/trace", response_model=TraceOut, summary="Trace a line"
)
async def trace_line(calculation_id: str, line_id: str, work: Reading) -> Response:
	return bare(work, await service.trace(work, calculation_id, line_id))


@router.get(
	"/{calculation_id}/comparison", response_model=ComparisonOut, summary="Compare with another"
)
async def compare_calculations(
	calculation_id: str,
	work: Reading,
	other: Annotated[IdText, Query(description="the later calculation")],
	limit: Limit = 100,
	offset: Offset = 0,
) -> Response:
	return bare(
		work, await service.compare(work, calculation_id, other, limit=limit, offset=offset)
	)
