"""What leaves PLM as a file is told to who watches over the company."""

from fastapi import Request
from fastapi.responses import Response

from apg.kernel import observe, security_events
from apg.kernel.work import Work


async def as_file(
	work: Work, request: Request, name: str, content: bytes | str, media: str
) -> Response:
	"""The answer that a browser keeps as a file; the export is recorded. Ends the reading of `work`,
	because the record takes a connection of its own."""
	await work.close()
	await security_events.record(
		work.runtime,
		"export",
		route=f"GET {observe.endpoint_of(request.scope)}",
		address=work.origin.address,
		agent=work.origin.agent,
		principal=work.principal,
	)
	headers = {"Content-Disposition": f'attachment; filename="{name}"'}
	return Response(content, media_type=media, headers=headers)


def file_name(*parts: str, form: str) -> str:
	"""Letters, digits and dashes of the parts, so that every system takes it."""
	kept = ("".join(c if c.isascii() and c.isalnum() else "-" for c in each) for each in parts)
	return f"{'-'.join(kept)}.{form}"
