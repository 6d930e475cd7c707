"""`/api/v1/esg/activities/bulk` for programs: records by the thousand."""

from typing import Annotated, Any

from fastapi import File, Form, Request, Response, UploadFile

from apg.capabilities.esg import permissions as may
from apg.capabilities.esg.activities import ingest
from apg.capabilities.esg.activities.schemas import ActivitiesBulk
from apg.capabilities.esg.bulk import routes, service
from apg.capabilities.esg.bulk.schemas import BadRowOut, BulkOut
from apg.kernel.bulk import Mode
from apg.kernel.web.envelopes import bare, bare_page
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.work import Work

PLACE = "/api/v1/esg/activities/bulk"
router = Router(prefix="/activities/bulk", tags=["ESG activities"])
Reading = Annotated[Work, allow(may.ACTIVITIES_READ)]
Creating = Annotated[Work, allow(may.ACTIVITIES_CREATE)]
Taking = Annotated[Work, allow(may.ACTIVITIES_CREATE, body_limit=routes.BODY, rate_class="bulk")]
Uploading = Annotated[
	Work,
	allow(
		may.ACTIVITIES_CREATE,
		body_limit=routes.UPLOAD + 100_000,
		form=True,
		rate_class="bulk",
	),
]
ACCEPTED: dict[int | str, Any] = {202: {"model": BulkOut, "description": "Kept; a task takes it"}}


@router.post("", response_model=BulkOut, responses=ACCEPTED, summary="Record many activities")
async def record_activities(body: ActivitiesBulk, work: Taking) -> Response:
	"""Up to 5,000 rows are taken at once (200), more by a task (202). With `mode` all a bad row lets
	nothing be taken; with valid the good ones are taken and the others listed."""
	held = await ingest.take(work, body.rows, body.mode)
	return await routes.answered(work, held, PLACE)


@router.post(
	"/files", response_model=BulkOut, status_code=202, summary="Import a file of activities"
)
async def import_activities(
	work: Uploading,
	file: Annotated[UploadFile, File(description="CSV, XLSX, or JSON with one object a line")],
	mode: Annotated[Mode, Form()] = Mode.ALL,
) -> Response:
	"""Keeps the file; a task reads, checks and takes it."""
	name = file.filename or "file"
	held = await ingest.keep(work, routes.pieces(file), name, mode)
	return await routes.answered(work, held, PLACE)


@router.get("", response_model=list[BulkOut], summary="List imports of activities")
async def list_imports(
	request: Request, work: Reading, limit: routes.Limit = 50, offset: routes.Offset = 0
) -> Response:
	page = await service.page(work, ingest.KIND, limit=limit, offset=offset)
	return bare_page(request, page, limit=limit, offset=offset)


@router.get("/{records_import_id}", response_model=BulkOut, summary="Read an import of activities")
async def read_import(records_import_id: str, work: Reading) -> Response:
	return bare(work, await service.read(work, ingest.KIND, records_import_id))


@router.get(
	"/{records_import_id}/problems", response_model=list[BadRowOut], summary="List bad rows"
)
async def list_problems(
	records_import_id: str,
	request: Request,
	work: Reading,
	limit: routes.Limit = 100,
	offset: routes.Offset = 0,
) -> Response:
	page = await service.problems(work, ingest.KIND, records_import_id, limit=limit, offset=offset)
	return bare_page(request, page, limit=limit, offset=offset)


@router.get("/{records_import_id}/report.csv", summary="Bad rows as CSV", responses=routes.REPORT)
async def read_report(records_import_id: str, work: Reading) -> Response:
	text = await service.report(work, ingest.KIND, records_import_id)
	return routes.csv_file(text, "bad-rows.csv")


@router.post(
	"/{records_import_id}/stop", response_model=BulkOut, summary="Stop an import of activities"
)
async def stop_import(records_import_id: str, work: Creating) -> Response:
	"""What was taken is removed by the task; nobody has seen it."""
	await service.stop(work, ingest.KIND, ingest.TASK, records_import_id)
	return bare(work, await service.read(work, ingest.KIND, records_import_id))
