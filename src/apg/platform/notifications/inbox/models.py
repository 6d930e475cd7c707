"""A message in somebody's inbox."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, select, text
from sqlalchemy.orm import Mapped, mapped_column

from apg.contracts.notifications import Priority
from apg.kernel.database import Base, Id
from apg.kernel.stamps import new_id
from apg.kernel.tenancy import Protect, TenantOwned

SUBJECT_LIMIT, MESSAGE_LIMIT, KIND_LIMIT, URL_LIMIT = 200, 4_000, 64, 1_000
_PRIORITIES = ", ".join(f"'{one}'" for one in Priority)


class Notification(TenantOwned, Base):
	"""One message to one person, seen by nobody else. `key` is unique per person, so that what is
	repeated is not told twice."""

	__tablename__ = "notifications"
	__human__ = "message"
	__protect__ = Protect(audited=False, keep="400 days")

	recipient_id: Mapped[Id] = mapped_column()
	kind: Mapped[str] = mapped_column()
	subject: Mapped[str] = mapped_column()
	message: Mapped[str] = mapped_column(default="", server_default="")
	action_url: Mapped[str | None] = mapped_column()
	priority: Mapped[str] = mapped_column(default=Priority.NORMAL, server_default=Priority.NORMAL)
	key: Mapped[str] = mapped_column(default=new_id)
	read_at: Mapped[datetime | None] = mapped_column()
	mailed_at: Mapped[datetime | None] = mapped_column()

	__table_args__ = (
		UniqueConstraint("tenant_id", "recipient_id", "key"),
		Index(
			"ix_notifications_inbox",
			"tenant_id",
			"recipient_id",
			"created_at",
		),
		Index(
			"ix_notifications_unread",
			"tenant_id",
			"recipient_id",
			postgresql_where=text("read_at is null"),
		),
		Index(
			"ix_notifications_not_mailed",
			"tenant_id",
			"created_at",
			postgresql_where=text("read_at is null and mailed_at is null"),
		),
		CheckConstraint(f"priority in ({_PRIORITIES})", name="priority"),
		CheckConstraint(f"length(kind) between 1 and {KIND_LIMIT}", name="kind"),
		CheckConstraint(f"length(subject) between 1 and {SUBJECT_LIMIT}", name="subject"),
		CheckConstraint(f"length(message) <= {MESSAGE_LIMIT}", name="message"),
		CheckConstraint("action_url ~ '^/([^/\\\\]|$)'", name="action_url"),
		{"comment": "keep=400 days"},
	)


def select_messages(recipient_id: str | None) -> Any:
	"""The messages of one person in their wire form."""
	n = Notification
	return select(
		n.id,
		n.kind,
		n.subject,
		n.message,
		n.action_url,
		n.priority,
		n.read_at,
		n.created_at,
		n.version,
		n.version.label("etag"),
	).where(n.recipient_id == recipient_id)
