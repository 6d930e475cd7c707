"""The selects behind answers about documents."""

from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from apg.capabilities.plm.documents.models import Document, RevisionDocument
from apg.capabilities.plm.products.models import Revision
from apg.kernel.database import AnySelect
from apg.kernel.file_kinds import MEDIA_TYPES


def select_documents(item_id: str) -> AnySelect:
	"""The documents of a product, by kind and title."""
	one = func.jsonb_build_object(
		"revision_id", Revision.id, "revision", Revision.label, "state", Revision.state
	)
	attached: Any = (
		select(func.jsonb_agg(aggregate_order_by(one, Revision.ordinal)))
		.select_from(RevisionDocument)
		.join(Revision, Revision.id == RevisionDocument.revision_id)
		.where(RevisionDocument.document_id == Document.id)
		.correlate(Document)
		.scalar_subquery()
	)
	media = {kind.value: media for kind, media in MEDIA_TYPES.items()}
	return (
		select(
			Document.id.label("document_id"),
			Document.item_id.label("product_id"),
			Document.kind.label("kind"),
			Document.title.label("title"),
			Document.label.label("revision"),
			Document.file_name.label("file_name"),
			case(media, value=Document.file_kind, else_="application/octet-stream").label(
				"media_type"
			),
			Document.size.label("size"),
			Document.sha256.label("sha256"),
			func.coalesce(attached, func.jsonb_build_array()).label("attached_to"),
			Document.created_at.label("created_at"),
			Document.updated_at.label("updated_at"),
			Document.created_by.label("created_by"),
			Document.version.label("etag"),
		)
		.where(Document.item_id == item_id)
		.order_by(Document.kind, Document.title, Document.label, Document.id)
	)


def of_revision(revision_id: str) -> Any:
	"""The condition that a document belongs to a revision."""
	return Document.id.in_(
		select(RevisionDocument.document_id).where(RevisionDocument.revision_id == revision_id)
	)
