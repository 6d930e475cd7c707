"""`/api/v1/esg/activities` and `/api/v1/esg/source-documents` for programs."""

from typing import Annotated, Any

from fastapi import Depends, File, Query, Request, Response, UploadFile

from apg.capabilities.esg import permissions as may
from apg.capabilities.esg.activities import evidence, exporting, service
from apg.capabilities.esg.activities.schemas import (
	ActivityBatch,
	ActivityCode,
	ActivityCorrection,
	ActivityIn,
	ActivityOut,
	BatchOut,
	DocumentOut,
	Moved,
	MovedOut,
	Withdrawal,
)
from apg.capabilities.esg.bulk.exporting import FILES, Format
from apg.capabilities.esg.shared.activity_words import Kind, Quality, State
from apg.kernel.web.envelopes import bare, bare_page
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.wire import IdText, Moment, WireModel
from apg.kernel.work import Work

BATCH = 10_000_000
router = Router(prefix="/activities", tags=["ESG activities"])
documents = Router(prefix="/source-documents", tags=["ESG activities"])
Reading = Annotated[Work, allow(may.ACTIVITIES_READ)]
Creating = Annotated[Work, allow(may.ACTIVITIES_CREATE)]
Batching = Annotated[Work, allow(may.ACTIVITIES_CREATE, body_limit=BATCH, rate_class="bulk")]
Updating = Annotated[Work, allow(may.ACTIVITIES_UPDATE)]
Approving = Annotated[Work, allow(may.ACTIVITIES_APPROVE)]
Uploading = Annotated[
	Work,
	allow(
		may.ACTIVITIES_CREATE, body_limit=evidence.UPLOAD + 100_000, form=True, rate_class="bulk"
	),
]
Limit = Annotated[int, Query(ge=1, le=1000)]
Offset = Annotated[int, Query(ge=0, le=10_000_000)]


class Wanted(WireModel):
	"""The filters of the list."""

	kind: Kind | None = None
	site_id: IdText | None = None
	product_id: IdText | None = None
	revision_id: IdText | None = None
	activity_code: ActivityCode | None = None
	state: State | None = None
	quality: Quality | None = None
	meter: str | None = None
	document_id: IdText | None = None
	batch_id: IdText | None = None
	start: Moment | None = None
	end: Moment | None = None
	search: str | None = None

	def narrowing(self) -> dict[str, Any]:
		given = self.model_dump(exclude={"start", "end"})
		return given | {"from": self.start, "to": self.end}


async def wanted(
	kind: Kind | None = None,
	site_id: IdText | None = None,
	product_id: IdText | None = None,
	revision_id: IdText | None = None,
	activity_code: ActivityCode | None = None,
	state: State | None = None,
	quality: Quality | None = None,
	meter: Annotated[str | None, Query(max_length=128)] = None,
	document_id: IdText | None = None,
	batch_id: IdText | None = None,
	start: Annotated[Moment | None, Query(description="periods that reach past it")] = None,
	end: Annotated[Moment | None, Query(description="periods that begin before it")] = None,
	search: Annotated[str | None, Query(max_length=200)] = None,
) -> Wanted:
	return Wanted(
		kind=kind,
		site_id=site_id,
		product_id=product_id,
		revision_id=revision_id,
		activity_code=activity_code,
		state=state,
		quality=quality,
		meter=meter,
		document_id=document_id,
		batch_id=batch_id,
		start=start,
		end=end,
		search=search,
	)


@router.get("", response_model=list[ActivityOut], summary="List activity records")
async def list_activities(
	request: Request,
	work: Reading,
	narrowed: Annotated[Wanted, Depends(wanted)],
	include_superseded: bool = False,
	limit: Limit = 50,
	offset: Offset = 0,
) -> Response:
	statement = service.matching(everything=include_superseded, **narrowed.narrowing())
	page = await service.page(work, statement, limit=limit, offset=offset)
	return bare_page(request, page, limit=limit, offset=offset)


@router.post("", response_model=ActivityOut, status_code=201, summary="Record an activity")
async def create_activity(body: ActivityIn, work: Creating) -> Response:
	row = await service.record(work, body)
	headers = {"Location": f"/api/v1/esg/activities/{row.record_id}"}
	return bare(work, await service.read(work, row.record_id), status=201, headers=headers)


@router.post("/batch", response_model=BatchOut, status_code=201, summary="Record up to 5,000")
async def create_activities(body: ActivityBatch, work: Batching) -> Response:
	"""All of them are recorded, or none; each problem names its row."""
	return bare(work, (await service.record_many(work, body.records)).model_dump(), status=201)


@router.post("/moves/submit", response_model=MovedOut, summary="Submit drafts")
async def submit_activities(body: Moved, work: Creating) -> Response:
	return await _moved(work, body, State.SUBMITTED)


@router.post("/moves/validate", response_model=MovedOut, summary="Validate what was submitted")
async def validate_activities(body: Moved, work: Approving) -> Response:
	return await _moved(work, body, State.VALIDATED)


@router.post("/moves/approve", response_model=MovedOut, summary="Approve records")
async def approve_activities(body: Moved, work: Approving) -> Response:
	return await _moved(work, body, State.APPROVED)


@router.post("/moves/lock", response_model=MovedOut, summary="Lock approved records")
async def lock_activities(body: Moved, work: Approving) -> Response:
	return await _moved(work, body, State.LOCKED)


@router.post("/moves/return", response_model=MovedOut, summary="Make records drafts again")
async def return_activities(body: Moved, work: Approving) -> Response:
	return await _moved(work, body, State.DRAFT)


async def _moved(work: Work, body: Moved, to: State) -> Response:
	count = await service.move(work, body.activity_ids, to, body.reason)
	return bare(work, {"state": to, "moved": count})


@router.get("/export", summary="Export records", responses=FILES)
async def export_activities(
	work: Reading,
	narrowed: Annotated[Wanted, Depends(wanted)],
	form: Annotated[Format, Query(alias="format")] = Format.CSV,
) -> Response:
	"""The standing records as a file that `/activities/bulk/files` takes back unchanged."""
	return await exporting.records(work, form, narrowed.narrowing())


@router.get("/{activity_id}", response_model=ActivityOut, summary="Read an activity record")
async def read_activity(
	activity_id: str,
	work: Reading,
	version: Annotated[int | None, Query(ge=1, le=1_000_000)] = None,
) -> Response:
	return bare(work, await service.read(work, activity_id, version))


@router.get("/{activity_id}/versions", response_model=list[ActivityOut], summary="All versions")
async def list_versions(activity_id: str, request: Request, work: Reading) -> Response:
	page = await service.versions(work, activity_id)
	return bare_page(request, page, limit=1000, offset=0)


@router.post("/{activity_id}/correct", response_model=ActivityOut, summary="Correct a record")
async def correct_activity(activity_id: str, body: ActivityCorrection, work: Updating) -> Response:
	await service.correct(work, activity_id, body)
	return bare(work, await service.read(work, activity_id))


@router.post("/{activity_id}/withdraw", response_model=ActivityOut, summary="Withdraw a record")
async def withdraw_activity(activity_id: str, body: Withdrawal, work: Updating) -> Response:
	await service.withdraw(work, activity_id, body.reason)
	return bare(work, await service.read(work, activity_id))


@documents.get("", response_model=list[DocumentOut], summary="List source documents")
async def list_documents(
	request: Request, work: Reading, limit: Limit = 50, offset: Offset = 0
) -> Response:
	page = await evidence.page(work, limit=limit, offset=offset)
	return bare_page(request, page, limit=limit, offset=offset)


@documents.post(
	"",
	response_model=DocumentOut,
	status_code=201,
	summary="Hand in a document",
	responses={200: {"model": DocumentOut, "description": "The same content is kept already."}},
)
async def create_document(
	work: Uploading,
	file: Annotated[UploadFile, File(description="PDF, picture, table or text")],
) -> Response:
	"""The same content is one document: handed in again, the first one is answered, with 200."""
	document, is_new = await evidence.take(work, evidence.pieces(file), file.filename or "file")
	headers = {"Location": f"/api/v1/esg/source-documents/{document.id}"}
	found = await evidence.read(work, document.id)
	return bare(work, found, status=201 if is_new else 200, headers=headers)


@documents.get("/{document_id}", response_model=DocumentOut, summary="Read a source document")
async def read_document(document_id: str, work: Reading) -> Response:
	return bare(work, await evidence.read(work, document_id))
