"""Activity records: each row is one version, and the figures of a version never change.

A correction closes the standing version and inserts the next one; a withdrawal ends the record. The
database refuses every other change and every removal, whatever the code forgets.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Boolean, CheckConstraint, Computed, Index, Integer, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import TSTZRANGE, ExcludeConstraint, Range
from sqlalchemy.orm import Mapped, mapped_column

from apg.capabilities.esg.shared import seals
from apg.capabilities.esg.shared.activity_words import MOVES, Kind, Quality, Stage, State
from apg.capabilities.esg.shared.calculation import Record
from apg.kernel.database import Base, Id, id_type, reference
from apg.kernel.errors import Conflict, PermissionDenied, human
from apg.kernel.stamps import utc_now
from apg.kernel.tenancy import Protect, TenantOwned
from apg.kernel.texts import _
from apg.kernel.web.wire import amount_text, moment_text


def one_of(column: str, values: Any) -> str:
	"""The condition of a CHECK that keeps a text column to an enum's values."""
	return f"{column} in ({', '.join(repr(str(value)) for value in values)})"


class RecordNotStanding(Conflict):
	"""Only the standing version of a record can be corrected, withdrawn or moved."""

	code = "ACTIVITY_NOT_STANDING"


class RecordLocked(Conflict):
	code = "ACTIVITY_LOCKED"


class MoveNotOpen(Conflict):
	code = "ACTIVITY_MOVE_NOT_OPEN"


class OwnRecord(PermissionDenied):
	"""Who prepared a record does not approve it, where the company asks for four eyes."""

	code = "FOUR_EYES"


class SourceDocument(TenantOwned, Base):
	"""A file that proves records: an invoice, a meter log. Its bytes are kept by their hash."""

	__tablename__ = "esg_source_documents"
	__human__ = "source document"
	__protect__ = Protect(app="select, insert")

	sha256: Mapped[str] = mapped_column()
	file_name: Mapped[str] = mapped_column()
	kind: Mapped[str] = mapped_column()
	size: Mapped[int] = mapped_column(Integer)
	origin: Mapped[str] = mapped_column()
	received_at: Mapped[datetime] = mapped_column(default=utc_now)

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"sha256",
			name="uq_esg_source_documents_sha256",
			info=human("DOCUMENT_KNOWN", "This file was handed in before.", "file"),
		),
		CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256"),
		Index("ix_esg_source_documents_received", "tenant_id", "received_at", "id"),
	)


STANDING = "superseded_at is null and withdrawn_at is null"
# What a version says; the rest is what became of it.
CONTENT = (
	"kind",
	"site_id",
	"product_id",
	"revision_id",
	"activity_code",
	"quantity",
	"unit",
	"conversion_context",
	"period_start",
	"period_end",
	"region",
	"stage",
	"quality",
	"estimate_method",
	"is_primary",
	"meter",
	"data_source",
	"document_id",
	"locator",
	"note",
	"distinct_because",
)


class ActivityRecord(TenantOwned, Base):
	"""One version of one record. `record_id` is the record, `revision` counts its versions.

	The period is half-open in UTC. A product's record is for one of its unit of measure.
	"""

	__tablename__ = "esg_activity_records"
	__human__ = "activity record"
	__protect__ = Protect(audited=False, app="select, insert, update")

	record_id: Mapped[Id] = mapped_column(id_type)
	revision: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
	kind: Mapped[str] = mapped_column()
	site_id: Mapped[Id | None] = reference("esg_sites", nullable=True)
	product_id: Mapped[Id | None] = mapped_column(id_type)
	revision_id: Mapped[Id | None] = mapped_column(id_type)
	activity_code: Mapped[str] = mapped_column()
	quantity: Mapped[Decimal] = mapped_column()
	unit: Mapped[str] = mapped_column()
	conversion_context: Mapped[str | None] = mapped_column()
	period_start: Mapped[datetime] = mapped_column()
	period_end: Mapped[datetime] = mapped_column()
	period: Mapped[Range[datetime]] = mapped_column(
		TSTZRANGE, Computed("tstzrange(period_start, period_end)", persisted=True), deferred=True
	)
	region: Mapped[str] = mapped_column()
	stage: Mapped[str | None] = mapped_column()
	quality: Mapped[str] = mapped_column(default=Quality.MEASURED)
	estimate_method: Mapped[str | None] = mapped_column()
	is_primary: Mapped[bool] = mapped_column(Boolean, default=False)
	meter: Mapped[str | None] = mapped_column()
	data_source: Mapped[str | None] = mapped_column()
	document_id: Mapped[Id | None] = reference("esg_source_documents", nullable=True)
	locator: Mapped[str | None] = mapped_column()
	note: Mapped[str | None] = mapped_column()
	distinct_because: Mapped[str | None] = mapped_column()
	content_hash: Mapped[str] = mapped_column()
	duplicate_key: Mapped[str] = mapped_column()
	batch_id: Mapped[Id | None] = mapped_column(id_type)
	reason: Mapped[str | None] = mapped_column()
	state: Mapped[str] = mapped_column(default=State.DRAFT)
	submitted_at: Mapped[datetime | None] = mapped_column()
	submitted_by: Mapped[Id | None] = mapped_column(id_type)
	validated_at: Mapped[datetime | None] = mapped_column()
	validated_by: Mapped[Id | None] = mapped_column(id_type)
	approved_at: Mapped[datetime | None] = mapped_column()
	approved_by: Mapped[Id | None] = mapped_column(id_type)
	locked_at: Mapped[datetime | None] = mapped_column()
	locked_by: Mapped[Id | None] = mapped_column(id_type)
	return_reason: Mapped[str | None] = mapped_column()
	superseded_at: Mapped[datetime | None] = mapped_column()
	withdrawn_at: Mapped[datetime | None] = mapped_column()
	withdrawn_by: Mapped[Id | None] = mapped_column(id_type)
	withdrawal_reason: Mapped[str | None] = mapped_column()

	__table_args__ = (
		UniqueConstraint(
			"tenant_id", "record_id", "revision", name="uq_esg_activity_records_version"
		),
		Index(
			"uq_esg_activity_records_standing",
			"tenant_id",
			"record_id",
			unique=True,
			postgresql_where=text("superseded_at is null"),
		),
		Index(
			"uq_esg_activity_records_duplicate",
			"tenant_id",
			"duplicate_key",
			unique=True,
			postgresql_where=text(STANDING),
			info=human(
				"ACTIVITY_DUPLICATE",
				"A record with the same subject, activity, period and quantity stands already. If "
				"this is another one, say in distinct_because why.",
				"distinct_because",
			),
		),
		ExcludeConstraint(
			("tenant_id", "="),
			("meter", "="),
			("activity_code", "="),
			("period", "&&"),
			where=text(f"{STANDING} and meter is not null"),
			using="gist",
			name="ex_esg_activity_records_meter",
			info=human(
				"METER_PERIOD_TAKEN",
				"The meter has a record for a part of this period; correct that one.",
				"period_start",
			),
		),
		CheckConstraint("period_end > period_start", name="period"),
		CheckConstraint("quantity >= 0", name="quantity"),
		CheckConstraint(one_of("kind", Kind), name="kind"),
		CheckConstraint(one_of("state", State), name="state"),
		CheckConstraint(one_of("quality", Quality), name="quality"),
		CheckConstraint(one_of("stage", Stage), name="stage"),
		CheckConstraint(
			"case kind when 'site' then site_id is not null and product_id is null "
			"when 'product' then product_id is not null and revision_id is not null "
			"and site_id is null else product_id is null end",
			name="subject",
		),
		CheckConstraint("quality <> 'estimated' or estimate_method is not null", name="estimate"),
		Index("ix_esg_activity_records_updated", "tenant_id", "updated_at", "id"),
		Index("ix_esg_activity_records_code", "tenant_id", "activity_code", "period_start", "id"),
		Index("ix_esg_activity_records_period", "tenant_id", "period_start", "id"),
		Index("ix_esg_activity_records_product", "tenant_id", "revision_id"),
		Index("ix_esg_activity_records_state", "tenant_id", "state", "updated_at"),
	)

	@property
	def stands(self) -> bool:
		return self.superseded_at is None and self.withdrawn_at is None

	def must_stand(self) -> None:
		"""Raises RecordNotStanding or RecordLocked, each with the way on."""
		if self.withdrawn_at is not None:
			raise RecordNotStanding(_("The record was withdrawn; record the activity anew."))
		if self.superseded_at is not None:
			raise RecordNotStanding(_("This version was corrected; correct the standing one."))
		if self.state == State.LOCKED:
			raise RecordLocked(_("The record is locked; return it first, with a reason."))

	def move(self, to: State, user_id: str | None, *, four_eyes: bool, reason: str | None) -> None:
		"""Brings the record into another state of its review.

		Raises RecordNotStanding, MoveNotOpen, OwnRecord.
		"""
		if not self.stands:
			raise RecordNotStanding(_("The record does not stand; nothing can be done with it."))
		if State(self.state) not in MOVES[to]:
			raise MoveNotOpen(
				_(
					"A {state} record cannot become {to}; that is open for {names}.",
					state=self.state,
					to=to,
					names=", ".join(sorted(MOVES[to])),
				)
			)
		if to == State.APPROVED and four_eyes and user_id == self.created_by:
			raise OwnRecord(
				_("You recorded this; your company asks that somebody else approves it.")
			)
		now = utc_now()
		if to == State.DRAFT:
			self.submitted_at = self.validated_at = self.approved_at = self.locked_at = None
			self.submitted_by = self.validated_by = self.approved_by = self.locked_by = None
			self.return_reason = reason
		else:
			setattr(self, f"{to}_at", now)
			setattr(self, f"{to}_by", user_id)
		self.state = to

	def seal_content(self) -> None:
		"""Hashes what this version says, and what would make another record the same."""
		self.content_hash = content_hash({name: getattr(self, name) for name in CONTENT})
		self.duplicate_key = duplicate_key({name: getattr(self, name) for name in CONTENT})


def content_hash(content: Any) -> str:
	"""SHA-256 over all that a version says."""
	return seals.digest({name: _plain(content[name]) for name in CONTENT})


_SAME = (
	"kind",
	"site_id",
	"revision_id",
	"activity_code",
	"quantity",
	"unit",
	"period_start",
	"period_end",
	"stage",
	"meter",
	"distinct_because",
)


def duplicate_key(content: Any) -> str:
	"""The same for two records that most likely are one bill entered twice."""
	return seals.digest([_plain(content[name]) for name in _SAME])


def _plain(value: Any) -> Any:
	if isinstance(value, datetime):
		return moment_text(value)
	if isinstance(value, Decimal):
		return amount_text(value)
	return value if value is None or isinstance(value, bool) else str(value)


RECORD_COLUMNS = (
	ActivityRecord.id,
	ActivityRecord.record_id,
	ActivityRecord.revision,
	ActivityRecord.content_hash,
	ActivityRecord.kind,
	ActivityRecord.activity_code,
	ActivityRecord.quantity,
	ActivityRecord.unit,
	ActivityRecord.region,
	ActivityRecord.period_start,
	ActivityRecord.conversion_context,
	ActivityRecord.stage,
	ActivityRecord.quality,
	ActivityRecord.is_primary,
)


def record_of(row: Any) -> Record:
	"""What the calculation needs, of a row of RECORD_COLUMNS or an entity."""
	return Record(
		id=row.record_id,
		version=row.revision,
		content_hash=row.content_hash,
		kind=row.kind,
		activity_code=row.activity_code,
		quantity=row.quantity,
		unit=row.unit,
		region=row.region,
		on=row.period_start.date(),
		conversion_context=row.conversion_context,
		stage=row.stage,
		estimated=row.quality == Quality.ESTIMATED,
		primary=row.is_primary,
		row_id=row.id,
	)
