"""A letter on its way; its content is encrypted and goes when it is sent."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from apg.kernel.database import Base, Id, id_type
from apg.kernel.tenancy import Protect, TenantOwned


class State(StrEnum):
	WAITING = "waiting"
	SENDING = "sending"
	SENT = "sent"
	FAILED = "failed"
	EXPIRED = "expired"


class OutgoingMail(TenantOwned, Base):
	"""`content` holds address, subject, text and links, encrypted, and only while they are needed.
	While a worker sends, `next_at` is the end of its lease."""

	__tablename__ = "notifications_mails"
	__human__ = "mail"
	__protect__ = Protect(audited=False, redact=("content",), keep="30 days")

	kind: Mapped[str] = mapped_column()
	recipient_id: Mapped[Id | None] = mapped_column(id_type)
	content: Mapped[str | None] = mapped_column(deferred=True)
	state: Mapped[str] = mapped_column(default=State.WAITING, server_default=State.WAITING)
	attempts: Mapped[int] = mapped_column(default=0, server_default="0")
	next_at: Mapped[datetime] = mapped_column()
	expires_at: Mapped[datetime | None] = mapped_column()
	sent_at: Mapped[datetime | None] = mapped_column()
	failure: Mapped[str | None] = mapped_column()

	__table_args__ = (
		CheckConstraint(
			"state in ('waiting', 'sending', 'sent', 'failed', 'expired')", name="state"
		),
		CheckConstraint(
			"(content is not null) = (state in ('waiting', 'sending'))", name="content"
		),
		Index(
			"ix_notifications_mails_due",
			"next_at",
			postgresql_where=text("state in ('waiting', 'sending')"),
		),
	)
