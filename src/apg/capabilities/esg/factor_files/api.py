"""`/api/v1/esg/imports` for programs: files of emission factors."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import File, Query, Request, Response, UploadFile

from apg.capabilities.esg import permissions as may
from apg.capabilities.esg.factor_files import service
from apg.capabilities.esg.factor_files.generic import TEMPLATE
from apg.capabilities.esg.factor_files.schemas import (
	FactorImportOut,
	ImportOptions,
	ImportRowOut,
)
from apg.kernel.tabular import write_csv
from apg.kernel.web.describing import answers_file
from apg.kernel.web.envelopes import bare, bare_page
from apg.kernel.web.forms import blank_as_none, checked, field_of
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.wire import Line
from apg.kernel.work import Work

UPLOAD = 100_000_000
PLACE = "/api/v1/esg/imports"
router = Router(prefix="/imports", tags=["ESG factors"])
Reading = Annotated[Work, allow(may.FACTORS_READ)]
Creating = Annotated[Work, allow(may.FACTORS_CREATE)]
Uploading = Annotated[
	Work, allow(may.FACTORS_CREATE, body_limit=UPLOAD + 100_000, form=True, rate_class="bulk")
]
Limit = Annotated[int, Query(ge=1, le=1000)]
Offset = Annotated[int, Query(ge=0, le=1_000_000)]


async def pieces(file: UploadFile) -> AsyncIterator[bytes]:
	"""The upload chunk by chunk; a large one was never whole in memory."""
	while chunk := await file.read(service.CHUNK):
		yield chunk


@router.get("", response_model=list[FactorImportOut], summary="List imports of factors")
async def list_imports(
	request: Request, work: Reading, limit: Limit = 50, offset: Offset = 0
) -> Response:
	page = await service.page(work, limit=limit, offset=offset)
	return bare_page(request, page, limit=limit, offset=offset)


@router.post("", response_model=FactorImportOut, status_code=201, summary="Upload a file")
async def create_import(
	work: Uploading,
	file: Annotated[
		UploadFile,
		File(
			description="UK flat file, US import factors or the template as CSV; grid mix as JSON"
		),
	],
	publisher: Annotated[Line | None, field_of(ImportOptions, "publisher")] = None,
	title: Annotated[Line | None, field_of(ImportOptions, "title")] = None,
	edition: Annotated[Line | None, field_of(ImportOptions, "edition")] = None,
	licence: Annotated[Line | None, field_of(ImportOptions, "licence")] = None,
	url: Annotated[Line | None, field_of(ImportOptions, "url")] = None,
	gas_basis: Annotated[Line | None, field_of(ImportOptions, "gas_basis")] = None,
	gwp_set: Annotated[Line | None, field_of(ImportOptions, "gwp_set")] = None,
	published_on: Annotated[Line | None, field_of(ImportOptions, "published_on")] = None,
) -> Response:
	"""Keeps the file and checks it; nothing is taken before `accept`, nothing used before approval."""
	given: dict[str, Any] = {
		"publisher": publisher,
		"title": title,
		"edition": edition,
		"licence": licence,
		"url": url,
		"gas_basis": gas_basis,
		"gwp_set": gwp_set,
		"published_on": published_on,
	}
	options = {name: one for name, one in blank_as_none(given).items() if one is not None}
	made = await service.create(
		work, file.filename or "file", pieces(file), checked(ImportOptions, options)
	)
	headers = {"Location": f"{PLACE}/{made.id}"}
	return bare(work, await service.read(work, made.id), status=201, headers=headers)


@router.get(
	"/template.csv",
	summary="The table that any publisher's factors fit into",
	responses=answers_file("text/csv"),
)
async def read_template(work: Reading) -> Response:
	return template()


def template() -> Response:
	headings, *rows = TEMPLATE
	return Response(
		"".join(write_csv(rows, headings)),
		media_type="text/csv; charset=utf-8",
		headers={"Content-Disposition": 'attachment; filename="factors-template.csv"'},
	)


@router.get(
	"/{factor_import_id}", response_model=FactorImportOut, summary="Read an import with its report"
)
async def read_import(factor_import_id: str, work: Reading) -> Response:
	return bare(work, await service.read(work, factor_import_id))


@router.get(
	"/{factor_import_id}/rows", response_model=list[ImportRowOut], summary="List rows of the report"
)
async def list_rows(
	factor_import_id: str,
	request: Request,
	work: Reading,
	verdict: Literal["quarantined", "skipped", "changed", "removed"] | None = None,
	limit: Limit = 100,
	offset: Offset = 0,
) -> Response:
	page = await service.rows(work, factor_import_id, verdict=verdict, limit=limit, offset=offset)
	return bare_page(request, page, limit=limit, offset=offset)


@router.post(
	"/{factor_import_id}/accept", response_model=FactorImportOut, summary="Take the factors"
)
async def accept_import(factor_import_id: str, work: Creating) -> Response:
	"""Sound ones wait for approval, the others stay in quarantine. A second call changes nothing."""
	await service.accept(work, factor_import_id)
	return bare(work, await service.read(work, factor_import_id))


@router.post(
	"/{factor_import_id}/cancel", response_model=FactorImportOut, summary="Give the import up"
)
async def cancel_import(factor_import_id: str, work: Creating) -> Response:
	await service.cancel(work, factor_import_id)
	return bare(work, await service.read(work, factor_import_id))
