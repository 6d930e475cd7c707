"""Source documents: the files that prove records, kept by the hash of their content."""

from collections.abc import AsyncIterator
from typing import Protocol

from sqlalchemy import select

from apg.capabilities.esg import permissions as may
from apg.capabilities.esg.activities import reading
from apg.capabilities.esg.activities.models import SourceDocument
from apg.kernel import uploads
from apg.kernel.json_rows import One, Page
from apg.kernel.uploads import Kind
from apg.kernel.work import Work

UPLOAD = 50_000_000
CHUNK = 256 * 1024
KINDS = frozenset({Kind.PDF, Kind.PNG, Kind.JPEG, Kind.TEXT, Kind.XLSX, Kind.JSON, Kind.XML})


class Readable(Protocol):
	"""An upload as the framework hands it over."""

	async def read(self, size: int) -> bytes: ...


async def pieces(file: Readable) -> AsyncIterator[bytes]:
	"""The upload chunk by chunk."""
	while chunk := await file.read(CHUNK):
		yield chunk


async def take(
	work: Work, pieces: AsyncIterator[bytes], filename: str, origin: str = "upload"
) -> tuple[SourceDocument, bool]:
	"""Keeps a file; answers its document and whether it is new. The same content is one document.

	Raises UnsupportedKind, TooLarge, Unreadable.
	"""
	stored = await uploads.receive(work, pieces, filename, KINDS)
	known = await work.session.scalar(
		select(SourceDocument).where(SourceDocument.sha256 == stored.sha256)
	)
	if known is not None:
		return known, False
	document = work.add(
		SourceDocument(
			sha256=stored.sha256,
			file_name=stored.filename,
			kind=stored.kind.value,
			size=stored.size,
			origin=origin,
		)
	)
	await work.flush()
	await uploads.hold(work, stored, "esg_source_documents", document.id, may.ACTIVITIES_READ)
	return document, True


async def read(work: Work, document_id: str) -> One:
	"""Raises NotFound."""
	return await work.read_one(
		reading.select_documents().where(SourceDocument.id == document_id), SourceDocument
	)


async def page(work: Work, *, limit: int, offset: int) -> Page:
	"""Documents, the newest first."""
	statement = reading.select_documents().order_by(
		SourceDocument.received_at.desc(), SourceDocument.id.desc()
	)
	return await work.read_list(statement, limit=limit, offset=offset)


async def choices(work: Work) -> list[tuple[str, str]]:
	"""(id, name) of the newest documents, for a form."""
	rows = await work.execute(
		select(SourceDocument.id, SourceDocument.file_name)
		.order_by(SourceDocument.received_at.desc(), SourceDocument.id.desc())
		.limit(200)
	)
	return [(row.id, row.file_name) for row in rows.all()]
