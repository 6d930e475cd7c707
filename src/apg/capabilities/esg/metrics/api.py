"""`/api/v1/esg/metrics` for programs."""

from typing import Annotated

from fastapi import Query, Request, Response

from apg.capabilities.esg import permissions as may
from apg.capabilities.esg.metrics import service
from apg.capabilities.esg.metrics.schemas import MetricIn, MetricOut, MetricPatch, MetricPut
from apg.capabilities.esg.shared.vocabulary import MetricType
from apg.kernel.web.envelopes import bare, bare_page
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.work import Work

router = Router(prefix="/metrics", tags=["ESG metrics"])
Reading = Annotated[Work, allow(may.METRICS_READ)]


@router.get("", response_model=list[MetricOut], summary="List metrics")
@router.get("/", response_model=list[MetricOut], include_in_schema=False)
async def list_metrics(
	request: Request,
	work: Reading,
	metric_type: MetricType | None = None,
	is_kpi: bool | None = None,
	is_active: bool | None = None,
	category: Annotated[str | None, Query(max_length=128)] = None,
	search: Annotated[str | None, Query(max_length=200)] = None,
	limit: Annotated[int, Query(ge=1, le=1000)] = 50,
	offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Response:
	page = await service.listed(
		work,
		limit=limit,
		offset=offset,
		search=search,
		metric_type=metric_type,
		category=category,
		is_kpi=is_kpi,
		is_active=is_active,
	)
	return bare_page(request, page, limit=limit, offset=offset)


@router.post("", response_model=MetricOut, status_code=201, summary="Create a metric")
@router.post("/", response_model=MetricOut, status_code=201, include_in_schema=False)
async def create_metric(
	body: MetricIn, work: Annotated[Work, allow(may.METRICS_CREATE)]
) -> Response:
	metric = await service.create(work, body)
	headers = {"Location": f"/api/v1/esg/metrics/{metric.id}"}
	return bare(work, await service.read(work, metric.id), status=201, headers=headers)


@router.get("/{metric_id}", response_model=MetricOut, summary="Read a metric")
async def read_metric(metric_id: str, work: Reading) -> Response:
	return bare(work, await service.read(work, metric_id))


@router.put("/{metric_id}", response_model=MetricOut, summary="Replace a metric")
async def put_metric(
	metric_id: str, body: MetricPut, work: Annotated[Work, allow(may.METRICS_UPDATE)]
) -> Response:
	await service.change(work, metric_id, body)
	return bare(work, await service.read(work, metric_id))


@router.patch("/{metric_id}", response_model=MetricOut, summary="Change a metric")
async def patch_metric(
	metric_id: str, body: MetricPatch, work: Annotated[Work, allow(may.METRICS_UPDATE)]
) -> Response:
	await service.change(work, metric_id, body)
	return bare(work, await service.read(work, metric_id))


@router.delete("/{metric_id}", status_code=204, summary="Delete a metric")
async def delete_metric(
	metric_id: str, work: Annotated[Work, allow(may.METRICS_DELETE)]
) -> Response:
	await service.remove(work, metric_id)
	return Response(status_code=204)
