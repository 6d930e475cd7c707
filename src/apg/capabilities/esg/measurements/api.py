"""`/api/v1/esg/metrics/{id}/measurements` for programs."""

from typing import Annotated

from fastapi import Query, Request, Response

from apg.capabilities.esg import permissions as may
from apg.capabilities.esg.bulk.exporting import FILES, Format
from apg.capabilities.esg.measurements import exporting, service
from apg.capabilities.esg.measurements.schemas import (
	BucketOut,
	MeasurementIn,
	MeasurementOut,
	MeasurementPatch,
	MeasurementPut,
)
from apg.capabilities.esg.shared.periods import Aggregate, Method, Span
from apg.kernel.web.envelopes import bare, bare_page
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.wire import Moment
from apg.kernel.work import Work

router = Router(prefix="/metrics/{metric_id}/measurements", tags=["ESG measurements"])
Reading = Annotated[Work, allow(may.MEASUREMENTS_READ)]
From = Annotated[Moment | None, Query(alias="from")]
To = Annotated[Moment | None, Query(alias="to")]


@router.post("", response_model=MeasurementOut, status_code=201, summary="Record a measurement")
@router.post("/", response_model=MeasurementOut, status_code=201, include_in_schema=False)
async def record_measurement(
	metric_id: str, body: MeasurementIn, work: Annotated[Work, allow(may.MEASUREMENTS_CREATE)]
) -> Response:
	measurement_id, made = await service.record(work, metric_id, body)
	headers = {"Location": f"/api/v1/esg/metrics/{metric_id}/measurements/{measurement_id}"}
	return bare(work, made, status=201, headers=headers)


@router.get("", response_model=list[MeasurementOut], summary="List measurements")
@router.get("/", response_model=list[MeasurementOut], include_in_schema=False)
async def list_measurements(
	request: Request,
	metric_id: str,
	work: Reading,
	start: From = None,
	end: To = None,
	everything: Annotated[bool, Query(alias="include_superseded")] = False,
	limit: Annotated[int, Query(ge=1, le=1000)] = 50,
	offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Response:
	page = await service.page(
		work, metric_id, start=start, end=end, everything=everything, limit=limit, offset=offset
	)
	return bare_page(request, page, limit=limit, offset=offset)


@router.get("/aggregate", response_model=list[BucketOut], summary="Measurements by period")
async def aggregate_measurements(
	metric_id: str,
	work: Reading,
	by: Span = Span.MONTH,
	method: Method | None = None,
	start: From = None,
	end: To = None,
) -> Response:
	series = await service.series(work, metric_id, by, start=start, end=end, method=method)
	return bare(work, [_bucket(one) for one in series.aggregates])


def _bucket(one: Aggregate) -> dict[str, object]:
	return {
		"period": one.bucket.label,
		"start": one.bucket.start,
		"end": one.bucket.end,
		"value": one.value,
		"count": one.count,
		"covered": one.covered,
		"expected": one.expected,
		"missing": list(one.missing),
		"overlapping": list(one.overlapping),
	}


@router.get("/export", summary="Export measurements", responses=FILES)
async def export_measurements(
	metric_id: str,
	work: Reading,
	form: Annotated[Format, Query(alias="format")] = Format.CSV,
	start: From = None,
	end: To = None,
) -> Response:
	"""The standing readings as a file that `/measurements/bulk/files` takes back unchanged."""
	return await exporting.readings(work, metric_id, form, start=start, end=end)


@router.get("/{measurement_id}", response_model=MeasurementOut, summary="Read a measurement")
async def read_measurement(metric_id: str, measurement_id: str, work: Reading) -> Response:
	return bare(work, await service.read(work, metric_id, measurement_id))


@router.put("/{measurement_id}", response_model=MeasurementOut, summary="Correct a measurement")
async def put_measurement(
	metric_id: str,
	measurement_id: str,
	body: MeasurementPut,
	work: Annotated[Work, allow(may.MEASUREMENTS_UPDATE)],
) -> Response:
	row = await service.correct(work, metric_id, measurement_id, body)
	return bare(work, await service.read(work, metric_id, row.id, row.measurement_date))


@router.patch("/{measurement_id}", response_model=MeasurementOut, summary="Correct a part")
async def patch_measurement(
	metric_id: str,
	measurement_id: str,
	body: MeasurementPatch,
	work: Annotated[Work, allow(may.MEASUREMENTS_UPDATE)],
) -> Response:
	row = await service.correct(work, metric_id, measurement_id, body)
	return bare(work, await service.read(work, metric_id, row.id, row.measurement_date))


@router.delete("/{measurement_id}", status_code=204, summary="Withdraw a measurement")
async def delete_measurement(
	metric_id: str,
	measurement_id: str,
	work: Annotated[Work, allow(may.MEASUREMENTS_DELETE)],
) -> Response:
	await service.withdraw(work, metric_id, measurement_id)
	return Response(status_code=204)
