"""Proofs of presence: short-lived, good once, for one person and one thing."""

from datetime import datetime

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlalchemy.dialects.postgresql import BYTEA
from sqlalchemy.orm import Mapped, mapped_column

from apg.kernel.database import Base, Id, id_type
from apg.kernel.tenancy import Protect, TenantOwned


class Confirmation(TenantOwned, Base):
	"""The proof itself is kept as hash; `subject` is the hash of what it may sign."""

	__tablename__ = "auth_confirmations"
	__human__ = "confirmation"
	__protect__ = Protect(redact=("secret_hash",), keep="30 days after expires_at")

	user_id: Mapped[Id] = mapped_column(id_type)
	secret_hash: Mapped[bytes] = mapped_column(BYTEA)
	subject: Mapped[str] = mapped_column()
	method: Mapped[str] = mapped_column()
	expires_at: Mapped[datetime] = mapped_column()
	used_at: Mapped[datetime | None] = mapped_column()

	__table_args__ = (
		UniqueConstraint("tenant_id", "secret_hash"),
		CheckConstraint("method in ('password', 'totp')", name="method"),
		CheckConstraint("subject ~ '^[0-9a-f]{64}$'", name="subject"),
	)
