"""`/api/v1/esg/measurements/bulk` for programs: readings of many metrics at once."""

from typing import Annotated, Any

from fastapi import File, Form, Request, Response, UploadFile

from apg.capabilities.esg import permissions as may
from apg.capabilities.esg.bulk import routes, service
from apg.capabilities.esg.bulk.schemas import BadRowOut, BulkOut
from apg.capabilities.esg.measurements import ingest
from apg.capabilities.esg.measurements.schemas import MeasurementsBulk
from apg.kernel.bulk import Mode
from apg.kernel.web.envelopes import bare, bare_page
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.wire import IdText
from apg.kernel.work import Work

PLACE = "/api/v1/esg/measurements/bulk"
router = Router(prefix="/measurements/bulk", tags=["ESG measurements"])
Reading = Annotated[Work, allow(may.MEASUREMENTS_READ)]
Creating = Annotated[Work, allow(may.MEASUREMENTS_CREATE)]
Taking = Annotated[Work, allow(may.MEASUREMENTS_CREATE, body_limit=routes.BODY, rate_class="bulk")]
Uploading = Annotated[
	Work,
	allow(
		may.MEASUREMENTS_CREATE,
		body_limit=routes.UPLOAD + 100_000,
		form=True,
		rate_class="bulk",
	),
]
ACCEPTED: dict[int | str, Any] = {202: {"model": BulkOut, "description": "Kept; a task takes it"}}


@router.post("", response_model=BulkOut, responses=ACCEPTED, summary="Record many measurements")
async def record_measurements(body: MeasurementsBulk, work: Taking) -> Response:
	"""Up to 5,000 rows are taken at once (200), more by a task (202). With `mode` all a bad row lets
	nothing be taken; with valid the good ones are taken and the others listed."""
	held = await ingest.take(work, body.rows, body.mode, body.metric_id)
	return await routes.answered(work, held, PLACE)


@router.post("/files", response_model=BulkOut, status_code=202, summary="Import a file of readings")
async def import_measurements(
	work: Uploading,
	file: Annotated[UploadFile, File(description="CSV, XLSX, or JSON with one object a line")],
	mode: Annotated[Mode, Form()] = Mode.ALL,
	metric_id: Annotated[IdText | None, Form(description="of rows that name no metric")] = None,
) -> Response:
	"""Keeps the file; a task reads, checks and takes it."""
	name = file.filename or "file"
	held = await ingest.keep(work, routes.pieces(file), name, mode, metric_id)
	return await routes.answered(work, held, PLACE)


@router.get("", response_model=list[BulkOut], summary="List imports of measurements")
async def list_imports(
	request: Request, work: Reading, limit: routes.Limit = 50, offset: routes.Offset = 0
) -> Response:
	page = await service.page(work, ingest.KIND, limit=limit, offset=offset)
	return bare_page(request, page, limit=limit, offset=offset)


@router.get(
	"/{readings_import_id}", response_model=BulkOut, summary="Read an import of measurements"
)
async def read_import(readings_import_id: str, work: Reading) -> Response:
	return bare(work, await service.read(work, ingest.KIND, readings_import_id))


@router.get(
	"/{readings_import_id}/problems", response_model=list[BadRowOut], summary="List bad rows"
)
async def list_problems(
	readings_import_id: str,
	request: Request,
	work: Reading,
	limit: routes.Limit = 100,
	offset: routes.Offset = 0,
) -> Response:
	page = await service.problems(work, ingest.KIND, readings_import_id, limit=limit, offset=offset)
	return bare_page(request, page, limit=limit, offset=offset)


@router.get(
	"/{readings_import_id}/report.csv",
	summary="Bad rows as CSV",
	responses=routes.REPORT,
)
async def read_report(readings_import_id: str, work: Reading) -> Response:
	text = await service.report(work, ingest.KIND, readings_import_id)
	return routes.csv_file(text, "bad-rows.csv")


@router.post(
	"/{readings_import_id}/stop", response_model=BulkOut, summary="Stop an import of measurements"
)
async def stop_import(readings_import_id: str, work: Creating) -> Response:
	"""What was taken is removed by the task; nobody has seen it."""
	await service.stop(work, ingest.KIND, ingest.TASK, readings_import_id)
	return bare(work, await service.read(work, ingest.KIND, readings_import_id))
