"""What can be done with documents: attached to a working revision, listed, fetched, taken off."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.documents.carrying import HOLDER, drop_unused
from apg.capabilities.plm.documents.models import Document, RevisionDocument
from apg.capabilities.plm.documents.reading import of_revision, select_documents
from apg.capabilities.plm.documents.requirements import demanded, inherited
from apg.capabilities.plm.documents.schemas import DocumentIn
from apg.capabilities.plm.products.models import Item, Revision
from apg.capabilities.plm.products.service import revision_of
from apg.capabilities.plm.structures.service import open_parent
from apg.contracts.plm import ProductUpdated
from apg.kernel import uploads
from apg.kernel.errors import Conflict, NotFound
from apg.kernel.json_rows import One
from apg.kernel.stamps import is_id, new_id, utc_now
from apg.kernel.texts import _
from apg.kernel.uploads import Kind
from apg.kernel.work import Work

KINDS = frozenset(
	{Kind.PDF, Kind.PNG, Kind.JPEG, Kind.TEXT, Kind.XLSX, Kind.JSON, Kind.XML, Kind.STEP}
)


class AlreadyAttached(Conflict):
	"""The revision has such a document."""

	code = "ALREADY_ATTACHED"


async def shown_revision(work: Work, product_id: str, revision: str | None) -> str:
	"""The revision by label or id, else the current one. Raises NotFound."""
	item = await work.get(Item, product_id)
	if revision is None:
		return item.current_revision_id
	return str(await revision_of(work, product_id, label=revision))


async def listed(work: Work, product_id: str, revision: str | None = None) -> bytes:
	"""Documents of a revision as JSON. Raises NotFound."""
	chosen = await shown_revision(work, product_id, revision)
	return await work.read_json(select_documents(product_id).where(of_revision(chosen)))


async def read(work: Work, product_id: str, document_id: str) -> One:
	"""One document as JSON. Raises NotFound."""
	return await work.read_one(
		select_documents(product_id).where(func.text(Document.id) == document_id), Document
	)


async def attach(
	work: Work,
	product_id: str,
	pieces: AsyncIterator[bytes],
	filename: str,
	given: DocumentIn,
	revision: str | None = None,
) -> Document:
	"""Keeps the file as a document of the working revision: the product's own, or the one named.

	Raises NotFound, RevisionNotWorking, AlreadyAttached for kind and title that are taken there,
	UnsupportedKind, TooLarge, Unreadable.
	"""
	parent = await open_parent(work, product_id, revision)
	stored = await uploads.receive(work, pieces, filename, KINDS)
	title = given.title or stored.filename
	taken = await work.scalar(
		select(Document.id).where(
			of_revision(parent.revision.id), Document.kind == given.kind, Document.title == title
		)
	)
	if taken is not None:
		raise AlreadyAttached(
			_(
				"Revision {label} has a document “{title}” of this kind; take that off first.",
				label=parent.revision.label,
				title=title,
			)
		)
	made = work.add(
		Document(
			id=new_id(),
			item_id=parent.item.id,
			kind=given.kind,
			title=title,
			label=given.revision,
			sha256=stored.sha256,
			size=stored.size,
			file_kind=stored.kind.value,
			file_name=stored.filename,
		)
	)
	await work.flush()
	work.add(RevisionDocument(revision_id=parent.revision.id, document_id=made.id))
	await uploads.hold(work, stored, HOLDER, made.id, may.PRODUCTS_READ)
	await _touched(work, parent.revision)
	return made


async def take_off(
	work: Work, product_id: str, document_id: str, revision: str | None = None
) -> None:
	"""Takes a document off a working revision; kept is what another revision has too.

	Raises NotFound, RevisionNotWorking.
	"""
	parent = await open_parent(work, product_id, revision)
	link = (
		await work.session.scalar(
			select(RevisionDocument).where(
				RevisionDocument.revision_id == parent.revision.id,
				RevisionDocument.document_id == document_id,
			)
		)
		if is_id(document_id)
		else None
	)
	if link is None:
		raise NotFound(_("{what} not found", what=_("document")))
	await work.delete(link)
	await work.flush()
	await drop_unused(work, [document_id])
	await _touched(work, parent.revision)


async def _touched(work: Work, revision: Revision) -> None:
	revision.updated_at = utc_now()
	await work.flush()
	work.publish(
		ProductUpdated(product_id=revision.item_id, revision_id=revision.id, fields=["documents"])
	)


async def file_of(work: Work, product_id: str, document_id: str) -> tuple[Document, Path]:
	"""The document and where its bytes are. Raises NotFound, Gone."""
	await work.get(Item, product_id)
	found = await work.find(Document, document_id) if is_id(document_id) else None
	if found is None or found.item_id != product_id:
		raise NotFound(_("{what} not found", what=_("document")))
	return found, await uploads.place(work, found.sha256)


async def asked_for(work: Work, product_id: str, revision_id: str) -> list[dict[str, Any]]:
	"""Kinds that the product's class asks for, by which class, and whether the revision has one."""
	item = await work.get(Item, product_id)
	kinds = set(await work.scalars(select(Document.kind).where(of_revision(revision_id))))
	return [
		{"kind": one.kind, "class_path": one.class_path, "there": one.kind in kinds}
		for one in inherited(await demanded(work), item.class_path)
	]
