"""What the routes of every kind of import share: limits, the answer to a beginning, a report."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Query, Response, UploadFile

from apg.capabilities.esg.bulk import service
from apg.kernel.bulk import BulkImport, State
from apg.kernel.web.envelopes import bare
from apg.kernel.work import Work

BODY = 50_000_000
UPLOAD = 100_000_000
Limit = Annotated[int, Query(ge=1, le=1000)]
Offset = Annotated[int, Query(ge=0, le=1_000_000)]
REPORT: dict[int | str, dict[str, Any]] = {
	200: {"content": {"text/csv": {"schema": {"type": "string"}}}}
}


async def pieces(file: UploadFile) -> AsyncIterator[bytes]:
	"""The upload piece by piece; a large one was never whole in memory."""
	while piece := await file.read(service.PIECE):
		yield piece


async def answered(work: Work, held: BulkImport, place: str) -> Response:
	"""200 for what is done, 202 for what a task goes on with, with the address of the import."""
	await work.flush()
	found = await service.read(work, held.kind, held.id)
	status = 200 if held.state == State.DONE else 202
	return bare(work, found, status=status, headers={"Location": f"{place}/{held.id}"})


def csv_file(text: str, name: str) -> Response:
	return Response(
		text,
		media_type="text/csv; charset=utf-8",
		headers={"Content-Disposition": f'attachment; filename="{name}"'},
	)
