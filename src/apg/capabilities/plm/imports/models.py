"""An import: one file on its way from upload to a report, and what it says row by row."""

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
	"""uploaded: the file is kept; previewed: compared, nothing written; running: being taken over."""

	UPLOADED = "uploaded"
	PREVIEWED = "previewed"
	RUNNING = "running"
	DONE = "done"
	FAILED = "failed"
	CANCELLED = "cancelled"


OVER = frozenset({ImportState.DONE, ImportState.FAILED, ImportState.CANCELLED})


class ImportNotOpen(Conflict):
	"""The import is past the point where this can be done."""

	code = "IMPORT_NOT_OPEN"


class ImportHasProblems(Conflict):
	"""Rows of the file have problems, so nothing of it is taken."""

	code = "IMPORT_HAS_PROBLEMS"


class PreviewStale(Conflict):
	"""The record changed since the preview: what was shown is not what would happen."""

	code = "PREVIEW_STALE"


class Import(TenantOwned, Base):
	"""One file, how it is read, and what taking it over would change or has changed.

	`preview` holds what a person needs to correct the columns: headings, guesses, first rows.
	`fingerprint` is the hash of the diff that was shown; another one at acceptance is refused.
	`choices` are the products a person chose for parts of the file, by their keys; `signature` is
	that of the headings, by which the meaning of columns is remembered.
	"""

	__tablename__ = "plm_imports"
	__human__ = "import"
	__protect__ = Protect(redact=("preview",))

	file_name: Mapped[str] = mapped_column()
	file_size: Mapped[int] = mapped_column(BigInteger)
	file_sha256: Mapped[str] = mapped_column()
	kind: Mapped[str] = mapped_column()
	state: Mapped[str] = mapped_column(default=ImportState.UPLOADED)
	options: Mapped[dict[str, Any]] = mapped_column(
		JSONB, default=dict, server_default=text("'{}'")
	)
	mapping: Mapped[dict[str, Any]] = mapped_column(
		JSONB, default=dict, server_default=text("'{}'")
	)
	preview: Mapped[dict[str, Any]] = mapped_column(
		JSONB, default=dict, server_default=text("'{}'")
	)
	choices: Mapped[dict[str, Any]] = mapped_column(
		JSONB, default=dict, server_default=text("'{}'")
	)
	signature: Mapped[str | None] = mapped_column()
	counts: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=text("'{}'"))
	problem_count: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
	warning_count: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
	fingerprint: Mapped[str | None] = mapped_column()
	failure: Mapped[str | None] = mapped_column()
	previewed_at: Mapped[datetime | None] = mapped_column()
	finished_at: Mapped[datetime | None] = mapped_column()

	__table_args__ = (
		CheckConstraint("kind in ('csv', 'xlsx', 'inventree', 'kicad', 'step')", name="kind"),
		CheckConstraint(
			"state in ('uploaded', 'previewed', 'running', 'done', 'failed', 'cancelled')",
			name="state",
		),
		Index("ix_plm_imports_created", "tenant_id", "created_at", "id"),
	)

	def must_be_open(self) -> None:
		"""Raises ImportNotOpen when the file is being taken over or that is over."""
		if self.state not in (ImportState.UPLOADED, ImportState.PREVIEWED):
			raise ImportNotOpen(
				_("The import is {state}; upload the file again.", state=_(self.state))
			)

	def must_be_acceptable(self) -> None:
		"""Raises ImportNotOpen or ImportHasProblems; each says what to do."""
		self.must_be_open()
		if self.state == ImportState.UPLOADED:
			raise ImportNotOpen(_("The preview is not ready yet; wait for it."))
		if self.problem_count:
			raise ImportHasProblems(
				_(
					"{n} problems are left, so nothing is taken over. Mend them in the file or in "
					"the columns.",
					n=self.problem_count,
				)
			)


class ImportChange(TenantOwned, Base):
	"""One part or line that the file adds, changes or removes; `changes` lists field, old, new."""

	__tablename__ = "plm_import_changes"
	__human__ = "import change"
	__protect__ = Protect(audited=False)

	import_id: Mapped[Id] = reference("plm_imports", ondelete="CASCADE")
	place: Mapped[int] = mapped_column(Integer)
	subject: Mapped[str] = mapped_column()
	kind: Mapped[str] = mapped_column()
	source_key: Mapped[str] = mapped_column(default="", server_default="")
	label: Mapped[str] = mapped_column(default="", server_default="")
	parent_label: Mapped[str | None] = mapped_column()
	row_number: Mapped[int | None] = mapped_column(Integer)
	product_id: Mapped[Id | None] = mapped_column(id_type)
	matched_by: Mapped[str | None] = mapped_column()
	changes: Mapped[list[Any]] = mapped_column(JSONB, default=list, server_default=text("'[]'"))

	__table_args__ = (
		UniqueConstraint("tenant_id", "import_id", "place"),
		CheckConstraint("subject in ('part', 'line')", name="subject"),
		CheckConstraint("kind in ('added', 'changed', 'removed', 'kept')", name="kind"),
	)


class ImportProblem(TenantOwned, Base):
	"""One thing wrong in the file: where, why, what to do."""

	__tablename__ = "plm_import_problems"
	__human__ = "import problem"
	__protect__ = Protect(audited=False)

	import_id: Mapped[Id] = reference("plm_imports", ondelete="CASCADE")
	place: Mapped[int] = mapped_column(Integer)
	severity: Mapped[str] = mapped_column()
	row_number: Mapped[int | None] = mapped_column(Integer)
	column_name: Mapped[str | None] = mapped_column()
	value: Mapped[str | None] = mapped_column()
	reason: Mapped[str] = mapped_column()
	remedy: Mapped[str] = mapped_column()

	__table_args__ = (
		UniqueConstraint("tenant_id", "import_id", "place"),
		CheckConstraint("severity in ('error', 'warning')", name="severity"),
	)


class ImportMatch(TenantOwned, Base):
	"""One part of the file and the product it is taken for; `candidates` are the others that fit."""

	__tablename__ = "plm_import_matches"
	__human__ = "import match"
	__protect__ = Protect(audited=False)

	import_id: Mapped[Id] = reference("plm_imports", ondelete="CASCADE")
	place: Mapped[int] = mapped_column(Integer)
	source_key: Mapped[str] = mapped_column()
	label: Mapped[str] = mapped_column()
	row_number: Mapped[int | None] = mapped_column(Integer)
	outcome: Mapped[str] = mapped_column()
	matched_by: Mapped[str | None] = mapped_column()
	product_id: Mapped[Id | None] = mapped_column(id_type)
	product_label: Mapped[str | None] = mapped_column()
	candidates: Mapped[list[Any]] = mapped_column(JSONB, default=list, server_default=text("'[]'"))

	__table_args__ = (
		UniqueConstraint("tenant_id", "import_id", "place"),
		CheckConstraint("outcome in ('new', 'matched', 'ambiguous')", name="outcome"),
	)


class ColumnMemory(TenantOwned, Base):
	"""How the columns of files with these headings were read when one was last taken over."""

	__tablename__ = "plm_import_columns"
	__human__ = "columns of an import"
	__protect__ = Protect(keep="730 days after updated_at")

	signature: Mapped[str] = mapped_column()
	mapping: Mapped[dict[str, Any]] = mapped_column(JSONB)

	__table_args__ = (UniqueConstraint("tenant_id", "signature"),)
