"""A document, and which revisions it belongs to."""

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from apg.capabilities.plm.products.models import one_of
from apg.capabilities.plm.shared.document_kinds import DocumentKind
from apg.kernel.database import Base, Id, reference
from apg.kernel.errors import human
from apg.kernel.tenancy import Protect, TenantOwned


class Document(TenantOwned, Base):
	"""One file with what it is called; never changed: a new edition is another document.

	`label` is the document's own revision, which need not be that of the product.
	"""

	__tablename__ = "plm_documents"
	__human__ = "document"
	__protect__ = Protect(app="select, insert, delete")

	item_id: Mapped[Id] = reference("plm_items")
	kind: Mapped[str] = mapped_column()
	title: Mapped[str] = mapped_column()
	label: Mapped[str] = mapped_column(default="", server_default="")
	sha256: Mapped[str] = mapped_column()
	size: Mapped[int] = mapped_column(BigInteger)
	file_kind: Mapped[str] = mapped_column()
	file_name: Mapped[str] = mapped_column()

	__table_args__ = (
		CheckConstraint(one_of("kind", DocumentKind), name="kind"),
		CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256"),
		Index("ix_plm_documents_item", "tenant_id", "item_id"),
	)


class RevisionDocument(TenantOwned, Base):
	"""A document belongs to a revision; comes and goes while that is a working one, then stays."""

	__tablename__ = "plm_revision_documents"
	__human__ = "document of a revision"
	__protect__ = Protect(app="select, insert, delete")

	revision_id: Mapped[Id] = reference("plm_revisions")
	document_id: Mapped[Id] = reference("plm_documents")

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"revision_id",
			"document_id",
			name="uq_plm_revision_documents_once",
			info=human("ALREADY_ATTACHED", "The revision has this document already."),
		),
	)
