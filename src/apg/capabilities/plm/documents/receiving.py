"""Files of documents between the wire and the disk."""

from collections.abc import AsyncIterator
from typing import Protocol

from fastapi import Request
from fastapi.responses import FileResponse

from apg.capabilities.plm.documents import service
from apg.kernel import observe, security_events, uploads
from apg.kernel.file_kinds import LIMITS, MEDIA_TYPES
from apg.kernel.uploads import Kind
from apg.kernel.work import Work

UPLOAD = max(LIMITS[kind] for kind in service.KINDS)


class Readable(Protocol):
	"""An upload as the framework hands it over."""

	async def read(self, size: int) -> bytes: ...


async def pieces(file: Readable) -> AsyncIterator[bytes]:
	"""The upload chunk by chunk."""
	while chunk := await file.read(uploads.CHUNK):
		yield chunk


async def download(work: Work, request: Request, product_id: str, document_id: str) -> FileResponse:
	"""The file as one that is kept, never shown inside the product; the download is recorded."""
	document, path = await service.file_of(work, product_id, document_id)
	await work.close()  # its connection is free before another one is taken
	await security_events.record(
		work.runtime,
		"download",
		route=f"GET {observe.endpoint_of(request.scope)}",
		address=work.origin.address,
		agent=work.origin.agent,
		principal=work.principal,
	)
	return FileResponse(
		path,
		media_type=MEDIA_TYPES[Kind(document.file_kind)],
		filename=document.file_name,
		content_disposition_type="attachment",
		headers={
			"Content-Security-Policy": "sandbox; default-src 'none'",
			"X-Content-Type-Options": "nosniff",
			"Cache-Control": "private, no-store",
		},
	)
