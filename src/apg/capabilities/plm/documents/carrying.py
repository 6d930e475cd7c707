"""Documents go along with what is copied from a revision, and count as its content."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select

from apg.capabilities.plm.documents.models import Document, RevisionDocument
from apg.kernel import uploads
from apg.kernel.rows import delete_rows, ids, insert_rows
from apg.kernel.work import Work

HOLDER = Document.__tablename__
"""Under this name files of documents are held."""


async def copy_documents(work: Work, copied: Mapping[str, str]) -> None:
	"""The new revisions have the documents of those they are copied from: source → copy."""
	rows = await work.execute(
		select(RevisionDocument.revision_id, RevisionDocument.document_id)
		.where(RevisionDocument.revision_id == ids(list(copied)))
		.order_by(RevisionDocument.id)
	)
	fresh = [
		{"revision_id": copied[row.revision_id], "document_id": row.document_id} for row in rows
	]
	await insert_rows(work, RevisionDocument, fresh)


async def contents_of(work: Work, revision_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
	"""What counts as content of each revision that has documents, in a total order."""
	found: dict[str, list[dict[str, Any]]] = {}
	for row in await work.execute(
		select(
			RevisionDocument.revision_id,
			Document.kind,
			Document.title,
			Document.label,
			Document.file_name,
			Document.sha256,
		)
		.join(Document, Document.id == RevisionDocument.document_id)
		.where(RevisionDocument.revision_id == ids(revision_ids))
		.order_by(Document.kind, Document.title, Document.label, Document.sha256)
	):
		found.setdefault(row.revision_id, []).append(
			{
				"kind": row.kind,
				"title": row.title,
				"revision": row.label,
				"file": row.file_name,
				"sha256": row.sha256,
			}
		)
	return found


async def differences(work: Work, before: str | None, after: str) -> list[dict[str, Any]]:
	"""Documents as fields of a redline: `documents.<kind> <title>`, old and new edition."""
	held = await contents_of(work, [one for one in (before, after) if one])
	sides = [_editions(held.get(one or "", [])) for one in (before, after)]
	return [
		{"field": f"documents.{name}", "old": sides[0].get(name), "new": sides[1].get(name)}
		for name in sorted(sides[0].keys() | sides[1].keys())
		if sides[0].get(name) != sides[1].get(name)
	]


def _editions(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
	found: dict[str, list[str]] = {}
	for row in rows:
		edition = f"{row['revision'] or '–'} · {row['file']} · {row['sha256'][:8]}"
		found.setdefault(f"{row['kind']} {row['title']}", []).append(edition)
	return {name: ", ".join(editions) for name, editions in found.items()}


async def links_of(
	work: Work, revision_ids: Sequence[str]
) -> dict[str, dict[str, tuple[str, ...]]]:
	"""Ids of the documents of each revision by `<kind> <title>`: what a merge compares."""
	found: dict[str, dict[str, tuple[str, ...]]] = {}
	for row in await work.execute(
		select(RevisionDocument.revision_id, Document.id, Document.kind, Document.title)
		.join(Document, Document.id == RevisionDocument.document_id)
		.where(RevisionDocument.revision_id == ids(revision_ids))
		.order_by(Document.id)
	):
		held = found.setdefault(row.revision_id, {})
		name = f"{row.kind} {row.title}"
		held[name] = (*held.get(name, ()), row.id)
	return found


async def set_documents(work: Work, revision_id: str, document_ids: Sequence[str]) -> None:
	"""The working revision has these documents and no others; the caller holds it."""
	rows = await work.execute(
		select(RevisionDocument.document_id, RevisionDocument.id).where(
			RevisionDocument.revision_id == revision_id
		)
	)
	held: dict[str, str] = dict(rows.all())
	dropped = [one for one in held if one not in document_ids]
	await delete_rows(work, RevisionDocument, [held[one] for one in dropped])
	await drop_unused(work, dropped)
	fresh = [one for one in dict.fromkeys(document_ids) if one not in held]
	await insert_rows(
		work,
		RevisionDocument,
		[{"revision_id": revision_id, "document_id": one} for one in fresh],
	)


async def editions_of(work: Work, document_ids: Sequence[str]) -> dict[str, str]:
	"""What a person reads for each document."""
	rows = await work.execute(
		select(Document.id, Document.label, Document.file_name, Document.sha256).where(
			Document.id == ids(document_ids)
		)
	)
	return {row.id: f"{row.label or '–'} · {row.file_name} · {row.sha256[:8]}" for row in rows}


async def drop_unused(work: Work, document_ids: Sequence[str]) -> None:
	"""Documents that no revision has any longer go, and their files with them."""
	for document in await work.scalars(
		select(Document).where(
			Document.id == ids(document_ids),
			~select(RevisionDocument.id)
			.where(RevisionDocument.document_id == Document.id)
			.exists(),
		)
	):
		await work.delete(document)
		await work.flush()
		await uploads.release(work, HOLDER, document.id)
