"""What one person wants mailed of one kind of message."""

from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from apg.kernel.database import Base, Id, id_type
from apg.kernel.tenancy import Protect, TenantOwned

EVERY = "*"


class When(StrEnum):
	AT_ONCE = "at_once"
	DAILY = "daily"
	NEVER = "never"


class Preference(TenantOwned, Base):
	"""`kind` is that of the message, `*` stands for every kind without a choice of its own."""

	__tablename__ = "notifications_preferences"
	__human__ = "preference"
	__protect__ = Protect(audited=False)

	user_id: Mapped[Id] = mapped_column(id_type)
	kind: Mapped[str] = mapped_column()
	mail: Mapped[str] = mapped_column()

	__table_args__ = (
		UniqueConstraint("tenant_id", "user_id", "kind"),
		CheckConstraint("mail in ('at_once', 'daily', 'never')", name="mail"),
		CheckConstraint("length(kind) between 1 and 64", name="kind"),
	)


def select_preferences(user_id: str | None) -> Any:
	"""The choices of one person in their wire form."""
	p = Preference
	return select(p.kind, p.mail, p.updated_at).where(p.user_id == user_id)
