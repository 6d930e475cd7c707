"""`/files/{sha}`: the bytes of a kept file, never shown in the page's own origin."""

from typing import Annotated

from fastapi import Request
from fastapi.responses import FileResponse

from apg.kernel import observe, security_events, uploads
from apg.kernel.file_kinds import MEDIA_TYPES
from apg.kernel.web.guarded_route import Router, signed_in
from apg.kernel.work import Work

router = Router(include_in_schema=False)
# A file is opened beside the product, never inside: without scripts, forms, or our origin.
_SANDBOX = "sandbox; default-src 'none'"


@router.get("/{sha}")
async def fetch(sha: str, request: Request, work: Annotated[Work, signed_in()]) -> FileResponse:
	"""The file, to those who may read a row that holds it; the download is recorded."""
	file = await uploads.fetchable(work, sha)
	path = await uploads.place(work, file.sha256)
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
		media_type=MEDIA_TYPES[file.kind],
		filename=file.filename,
		content_disposition_type="attachment",
		headers={
			"Content-Security-Policy": _SANDBOX,
			"X-Content-Type-Options": "nosniff",
			"Cache-Control": "private, no-store",
		},
	)
