"""`/esg/measurements/imports`: files of readings."""

from typing import Annotated, Any

from fastapi import Request, Response

from apg.capabilities.esg import permissions as may
from apg.capabilities.esg.bulk import pages
from apg.capabilities.esg.bulk.pages import Import
from apg.capabilities.esg.bulk.routes import UPLOAD
from apg.capabilities.esg.bulk.schemas import BulkOptions
from apg.capabilities.esg.measurements import ingest
from apg.capabilities.esg.metrics import service as metrics
from apg.kernel.bulk import BulkImport, Mode
from apg.kernel.texts import N_
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.pages import FormState
from apg.kernel.work import Work

router = Router(prefix="/measurements/imports", include_in_schema=False)
Reading = Annotated[Work, allow(may.MEASUREMENTS_READ)]
Creating = Annotated[Work, allow(may.MEASUREMENTS_CREATE)]
Uploading = Annotated[
	Work, allow(may.MEASUREMENTS_CREATE, body_limit=UPLOAD + 100_000, form=True, rate_class="bulk")
]
READINGS = Import(
	kind=ingest.KIND,
	task=ingest.TASK,
	place="/esg/measurements/imports",
	title=N_("Import readings"),
	back=(N_("Metrics"), "/esg/metrics"),
	columns=(
		("metric_code", N_("The code of the metric; not needed where one is chosen beside.")),
		("value", N_("A number with a decimal point, exact to six places.")),
		("measurement_date", N_("A day or a moment with its zone.")),
		("period_start, period_end", N_("The period it tells about: both or neither.")),
		("unit", N_("If given, the unit of the metric; nothing is converted.")),
		("data_source, collection_method", N_("Where the value comes from, and how.")),
		("evidence, notes, metadata", N_("What proves it, a remark, further fields as JSON.")),
	),
	template=(
		(
			"metric_code",
			"value",
			"measurement_date",
			"period_start",
			"period_end",
			"data_source",
			"collection_method",
			"evidence",
			"notes",
			"metadata",
		),
		(
			"ENERGY",
			"98250.5",
			"2026-01-31",
			"2026-01-01",
			"2026-01-31",
			"main meter",
			"automated",
			"invoice 4711",
			"",
			"",
		),
	),
	found="/esg/metrics",
)


async def _choices(work: Work) -> list[tuple[str, str]]:
	return [(one.id, f"{one.name} ({one.code})") for one in await metrics.open_for_readings(work)]


async def _keep(work: Work, pieces: Any, name: str, options: BulkOptions) -> BulkImport:
	return await ingest.keep(work, pieces, name, options.mode, options.metric_id)


@router.get("/new")
async def new_page(request: Request, work: Creating) -> Response:
	values = {"mode": str(Mode.ALL), "metric_id": request.query_params.get("metric_id", "")}
	form = FormState.of(values)
	return await pages.form_page(work, READINGS, form, metrics=await _choices(work))


@router.post("/new")
async def create(request: Request, work: Uploading) -> Response:
	return await pages.sent(request, work, READINGS, _keep, metrics=await _choices(work))


@router.get("/template.csv")
async def template(work: Reading) -> Response:
	return pages.template(READINGS, "readings-template.csv")


@router.get("/{readings_import_id}")
async def import_page(readings_import_id: str, request: Request, work: Reading) -> Response:
	may_start = work.principal.may(may.MEASUREMENTS_CREATE)
	return await pages.import_page(request, work, READINGS, readings_import_id, may_start=may_start)


@router.get("/{readings_import_id}/progress")
async def progress(readings_import_id: str, work: Reading) -> Response:
	return await pages.progress(work, READINGS, readings_import_id)


@router.get("/{readings_import_id}/report.csv")
async def report(readings_import_id: str, work: Reading) -> Response:
	return await pages.report(work, READINGS, readings_import_id)


@router.post("/{readings_import_id}/stop")
async def stop(readings_import_id: str, work: Creating) -> Response:
	return await pages.stop(work, READINGS, readings_import_id)
