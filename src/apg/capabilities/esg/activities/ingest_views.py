"""`/esg/activities/imports`: files of activity records."""

from typing import Annotated, Any

from fastapi import Request, Response

from apg.capabilities.esg import permissions as may
from apg.capabilities.esg.activities import ingest
from apg.capabilities.esg.bulk import pages
from apg.capabilities.esg.bulk.pages import Import
from apg.capabilities.esg.bulk.routes import UPLOAD
from apg.capabilities.esg.bulk.schemas import BulkOptions
from apg.kernel.bulk import BulkImport, Mode
from apg.kernel.texts import N_
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.pages import FormState
from apg.kernel.work import Work

router = Router(prefix="/activities/imports", include_in_schema=False)
Reading = Annotated[Work, allow(may.ACTIVITIES_READ)]
Creating = Annotated[Work, allow(may.ACTIVITIES_CREATE)]
Uploading = Annotated[
	Work, allow(may.ACTIVITIES_CREATE, body_limit=UPLOAD + 100_000, form=True, rate_class="bulk")
]
RECORDS = Import(
	kind=ingest.KIND,
	task=ingest.TASK,
	place="/esg/activities/imports",
	title=N_("Import activity records"),
	back=(N_("Activity records"), "/esg/activities"),
	columns=(
		("site_code", N_("The code of the site; not for records of a product or a total.")),
		("activity_code", N_("What was used, as factors name it: fuels.natural_gas")),
		("quantity, unit", N_("A number with a decimal point, and its unit.")),
		("period_start, period_end", N_("The period it was used in.")),
		("quality, estimate_method", N_("How the quantity was found; how it was estimated.")),
		("meter, data_source, note", N_("Which meter, where it comes from, a remark.")),
		("region, conversion_context", N_("Only where they differ from what the site says.")),
		("distinct_because", N_("Why a record that looks the same is another one.")),
	),
	template=(
		(
			"site_code",
			"activity_code",
			"quantity",
			"unit",
			"period_start",
			"period_end",
			"quality",
			"estimate_method",
			"meter",
			"data_source",
			"note",
		),
		(
			"LEEDS-1",
			"fuels.natural_gas",
			"18250.4",
			"kWh (gross CV)",
			"2026-01-01",
			"2026-01-31",
			"measured",
			"",
			"G-1",
			"invoice 4711",
			"",
		),
	),
	found="/esg/activities?batch_id={id}",
)


async def _keep(work: Work, pieces: Any, name: str, options: BulkOptions) -> BulkImport:
	return await ingest.keep(work, pieces, name, options.mode)


@router.get("/new")
async def new_page(work: Creating) -> Response:
	return await pages.form_page(work, RECORDS, FormState.of({"mode": str(Mode.ALL)}))


@router.post("/new")
async def create(request: Request, work: Uploading) -> Response:
	return await pages.sent(request, work, RECORDS, _keep)


@router.get("/template.csv")
async def template(work: Reading) -> Response:
	return pages.template(RECORDS, "activities-template.csv")


@router.get("/{records_import_id}")
async def import_page(records_import_id: str, request: Request, work: Reading) -> Response:
	may_start = work.principal.may(may.ACTIVITIES_CREATE)
	return await pages.import_page(request, work, RECORDS, records_import_id, may_start=may_start)


@router.get("/{records_import_id}/progress")
async def progress(records_import_id: str, work: Reading) -> Response:
	return await pages.progress(work, RECORDS, records_import_id)


@router.get("/{records_import_id}/report.csv")
async def report(records_import_id: str, work: Reading) -> Response:
	return await pages.report(work, RECORDS, records_import_id)


@router.post("/{records_import_id}/stop")
async def stop(records_import_id: str, work: Creating) -> Response:
	return await pages.stop(work, RECORDS, records_import_id)
