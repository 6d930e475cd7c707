"""`/api/v1/plm/imports` for programs."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import File, Query, Request, Response, UploadFile

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.exports import as_file, file_name
from apg.capabilities.plm.imports import service
from apg.capabilities.plm.imports.files import KINDS
from apg.capabilities.plm.imports.report import report_rows
from apg.capabilities.plm.imports.schemas import (
	ChangeOut,
	ColumnsOut,
	ImportOptions,
	ImportOut,
	ImportPatch,
	MatchOut,
	ProblemOut,
)
from apg.kernel import uploads
from apg.kernel.file_kinds import LIMITS
from apg.kernel.tabular import write_csv
from apg.kernel.texts import _
from apg.kernel.web.describing import answers_file
from apg.kernel.web.envelopes import Ok, OkPage, ok, ok_page
from apg.kernel.web.forms import blank_as_none, checked, field_of
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.wire import Line
from apg.kernel.work import Work

UPLOAD = max(LIMITS[kind] for kind in KINDS)
router = Router(prefix="/imports", tags=["PLM imports"])
Reading = Annotated[Work, allow(may.IMPORTS_READ)]
Creating = Annotated[Work, allow(may.IMPORTS_CREATE)]
Uploading = Annotated[
	Work, allow(may.IMPORTS_CREATE, body_limit=UPLOAD + 100_000, form=True, rate_class="bulk")
]
PageNumber = Annotated[int, Query(ge=1, le=1_000_000)]
PageSize = Annotated[int, Query(ge=1, le=500)]


async def pieces(file: UploadFile) -> AsyncIterator[bytes]:
	"""The upload chunk by chunk; a large one was never whole in memory."""
	while chunk := await file.read(uploads.CHUNK):
		yield chunk


@router.get("", response_model=OkPage[ImportOut], summary="List imports")
async def list_imports(work: Reading, page: PageNumber = 1, page_size: PageSize = 20) -> Response:
	found = await service.page(work, number=page, size=page_size)
	return ok_page(work, found, number=page, size=page_size)


@router.post("", response_model=Ok[ImportOut], status_code=201, summary="Upload a file")
async def create_import(
	work: Uploading,
	file: Annotated[
		UploadFile, File(description="CSV, XLSX, KiCad netlist, STEP, or InvenTree's export")
	],
	parent: Annotated[Line | None, field_of(ImportOptions, "parent")] = None,
	decimal: Annotated[Line | None, field_of(ImportOptions, "decimal")] = None,
	currency: Annotated[Line | None, field_of(ImportOptions, "currency")] = None,
	delimiter: Annotated[Line | None, field_of(ImportOptions, "delimiter")] = None,
	encoding: Annotated[Line | None, field_of(ImportOptions, "encoding")] = None,
	header_row: Annotated[
		Line | None, field_of(ImportOptions, "header_row", pattern="^[1-9][0-9]{0,5}$")
	] = None,
	source: Annotated[Line | None, field_of(ImportOptions, "source")] = None,
	sheet: Annotated[Line | None, field_of(ImportOptions, "sheet")] = None,
	hand_lines: Annotated[Line | None, field_of(ImportOptions, "hand_lines")] = None,
) -> Response:
	"""Keeps the file and compares it with the record; nothing is taken over before `accept`."""
	given: dict[str, Any] = {
		"parent": parent,
		"decimal": decimal,
		"currency": currency,
		"delimiter": delimiter,
		"encoding": encoding,
		"header_row": header_row,
		"source": source,
		"sheet": sheet,
		"hand_lines": hand_lines,
	}
	options = checked(
		ImportOptions, {n: v for n, v in blank_as_none(given).items() if v is not None}
	)
	made = await service.create(work, file.filename or "file", pieces(file), options)
	return ok(
		work,
		await service.read(work, made.id),
		status=201,
		message=_("File compared; nothing is taken over yet"),
		headers={"Location": f"/api/v1/plm/imports/{made.id}"},
	)


@router.get("/{import_id}", response_model=Ok[ImportOut], summary="Read an import")
async def read_import(import_id: str, work: Reading) -> Response:
	return ok(work, await service.read(work, import_id))


@router.patch("/{import_id}", response_model=Ok[ImportOut], summary="Correct how a file is read")
async def patch_import(import_id: str, body: ImportPatch, work: Creating) -> Response:
	await service.correct(work, import_id, body)
	return ok(work, await service.read(work, import_id))


@router.get("/{import_id}/columns", response_model=Ok[ColumnsOut], summary="How it was understood")
async def read_columns(import_id: str, work: Reading) -> Response:
	return ok(work, await service.columns(work, import_id))


@router.get("/{import_id}/problems", response_model=OkPage[ProblemOut], summary="List problems")
async def list_problems(
	import_id: str,
	work: Reading,
	severity: Literal["error", "warning"] | None = None,
	page: PageNumber = 1,
	page_size: PageSize = 100,
) -> Response:
	found = await service.problems(work, import_id, severity=severity, number=page, size=page_size)
	return ok_page(work, found, number=page, size=page_size)


@router.get("/{import_id}/matches", response_model=OkPage[MatchOut], summary="List matches")
async def list_matches(
	import_id: str,
	work: Reading,
	outcome: Literal["new", "matched", "ambiguous"] | None = None,
	page: PageNumber = 1,
	page_size: PageSize = 100,
) -> Response:
	found = await service.matches(work, import_id, outcome=outcome, number=page, size=page_size)
	return ok_page(work, found, number=page, size=page_size)


@router.get("/{import_id}/diff", response_model=OkPage[ChangeOut], summary="List what changes")
async def list_changes(
	import_id: str,
	work: Reading,
	subject: Literal["part", "line"] | None = None,
	kind: Literal["added", "changed", "removed", "kept"] | None = None,
	page: PageNumber = 1,
	page_size: PageSize = 100,
) -> Response:
	found = await service.changes(
		work, import_id, subject=subject, kind=kind, number=page, size=page_size
	)
	return ok_page(work, found, number=page, size=page_size)


@router.get(
	"/{import_id}/report.csv", summary="The report as CSV", responses=answers_file("text/csv")
)
async def read_report(import_id: str, request: Request, work: Reading) -> Response:
	headings, rows = await report_rows(work, import_id)
	content = "".join(write_csv(rows, headings))
	name = file_name("import", import_id, form="csv")
	return await as_file(work, request, name, content, "text/csv; charset=utf-8")


@router.post("/{import_id}/accept", response_model=Ok[ImportOut], summary="Take the file over")
async def accept_import(import_id: str, work: Creating) -> Response:
	"""All of it or nothing; 409 while problems remain. A second call changes nothing."""
	await service.accept(work, import_id)
	return ok(work, await service.read(work, import_id))


@router.post("/{import_id}/cancel", response_model=Ok[ImportOut], summary="Give the import up")
async def cancel_import(import_id: str, work: Creating) -> Response:
	await service.cancel(work, import_id)
	return ok(work, await service.read(work, import_id))
