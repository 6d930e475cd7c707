"""An import of factors: one file on its way from upload to a source, and what it says row by row."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from apg.kernel.database import Base, Id, id_type, reference
from apg.kernel.errors import Conflict
from apg.kernel.tenancy import Protect, TenantOwned
from apg.kernel.texts import _


class ImportState(StrEnum):
	"""uploaded: kept, not read yet; staged: read and checked, nothing taken; running: being taken."""

	UPLOADED = "uploaded"
	STAGED = "staged"
	RUNNING = "running"
	DONE = "done"
	FAILED = "failed"
	CANCELLED = "cancelled"


OVER = frozenset({ImportState.DONE, ImportState.FAILED, ImportState.CANCELLED})


class ImportNotOpen(Conflict):
	"""The import is past the point where this can be done."""

	code = "IMPORT_NOT_OPEN"


class NothingNew(Conflict):
	"""The file holds nothing that is not there already."""

	code = "NOTHING_NEW"


class FactorImport(TenantOwned, Base):
	"""One file: what it was told to be, what the lint made of it, what it would change or changed."""

	__tablename__ = "esg_factor_imports"
	__human__ = "import"
	__protect__ = Protect(app="select, insert, update")

	file_name: Mapped[str] = mapped_column()
	file_size: Mapped[int] = mapped_column(BigInteger)
	file_sha256: Mapped[str] = mapped_column()
	state: Mapped[str] = mapped_column(default=ImportState.UPLOADED)
	kind: Mapped[str | None] = mapped_column()
	given: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=text("'{}'"))
	report: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=text("'{}'"))
	counts: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=text("'{}'"))
	source_id: Mapped[Id | None] = mapped_column(id_type)
	failure: Mapped[str | None] = mapped_column()
	checked_at: Mapped[datetime | None] = mapped_column()
	finished_at: Mapped[datetime | None] = mapped_column()

	__table_args__ = (
		CheckConstraint(
			"state in ('uploaded', 'staged', 'running', 'done', 'failed', 'cancelled')",
			name="state",
		),
		Index("ix_esg_factor_imports_created", "tenant_id", "created_at", "id"),
	)

	def must_be_open(self) -> None:
		"""Raises ImportNotOpen when the file is being taken or that is over."""
		if self.state not in (ImportState.UPLOADED, ImportState.STAGED):
			raise ImportNotOpen(
				_("The import is {state}; upload the file again.", state=_(self.state))
			)

	def must_be_acceptable(self) -> None:
		"""Raises ImportNotOpen or NothingNew; each says what to do."""
		self.must_be_open()
		if self.state == ImportState.UPLOADED:
			raise ImportNotOpen(_("The lint report is not ready yet; wait for it."))
		if not self.counts.get("added", 0) and not self.counts.get("changed", 0):
			raise NothingNew(
				_("Everything in this file is there already; there is nothing to take.")
			)


class ImportRow(TenantOwned, Base):
	"""One row, or rows of one factor, that a person should see: quarantined, skipped, changed, gone."""

	__tablename__ = "esg_factor_import_rows"
	__human__ = "import row"
	__protect__ = Protect(audited=False)

	import_id: Mapped[Id] = reference("esg_factor_imports", ondelete="CASCADE")
	place: Mapped[int] = mapped_column(Integer)
	verdict: Mapped[str] = mapped_column()
	locator: Mapped[str] = mapped_column()
	name: Mapped[str] = mapped_column()
	activity_code: Mapped[str] = mapped_column(default="", server_default="")
	unit: Mapped[str] = mapped_column(default="", server_default="")
	printed: Mapped[dict[str, Any]] = mapped_column(
		JSONB, default=dict, server_default=text("'{}'")
	)
	findings: Mapped[list[Any]] = mapped_column(JSONB, default=list, server_default=text("'[]'"))
	old_co2e: Mapped[str | None] = mapped_column()
	new_co2e: Mapped[str | None] = mapped_column()

	__table_args__ = (
		UniqueConstraint("tenant_id", "import_id", "place"),
		CheckConstraint(
			"verdict in ('quarantined', 'skipped', 'changed', 'removed')", name="verdict"
		),
	)
