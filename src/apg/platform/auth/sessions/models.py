"""A session is one sign-in: of a browser (cookie) or of a program (access and refresh tokens)."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import BYTEA
from sqlalchemy.orm import Mapped, mapped_column

from apg.kernel.database import Base, Id, id_type, reference
from apg.kernel.tenancy import Protect, TenantOwned

# What the web role may do besides reading the columns that the migration names.
WITHOUT_HASH = "insert, update, delete"


def hash_column(*, nullable: bool = False) -> Any:
	"""SHA-256 of an opaque secret; the web role writes it and has no right to select it."""
	return mapped_column(BYTEA, nullable=nullable, deferred=True, deferred_raiseload=True)


class Session(TenantOwned, Base):
	"""`page` sessions are named by a cookie, `api` sessions are the family of their refresh tokens.

	Sessions are the record of who signed in when; the trail does not repeat them.
	"""

	__tablename__ = "sessions"
	__human__ = "session"
	__protect__ = Protect(
		audited=False,
		redact=("address", "agent"),
		keep="400 days after expires_at",
		app=WITHOUT_HASH,
	)

	user_id: Mapped[Id] = mapped_column(id_type, index=True)
	kind: Mapped[str] = mapped_column()
	secret_hash: Mapped[bytes | None] = hash_column(nullable=True)
	expires_at: Mapped[datetime] = mapped_column()
	revoked_at: Mapped[datetime | None] = mapped_column()
	revoked_reason: Mapped[str | None] = mapped_column()
	last_seen_at: Mapped[datetime | None] = mapped_column()
	address: Mapped[str] = mapped_column(default="", server_default="")
	agent: Mapped[str] = mapped_column(default="", server_default="")

	__table_args__ = (
		ForeignKeyConstraint(
			["tenant_id", "user_id"],
			["memberships.tenant_id", "memberships.user_id"],
			ondelete="CASCADE",
		),
		CheckConstraint("kind in ('page', 'api')", name="kind"),
		CheckConstraint("(kind = 'page') = (secret_hash is not null)", name="secret"),
		Index("ix_sessions_secret_hash", "secret_hash"),
	)


class RefreshToken(TenantOwned, Base):
	"""Good for one exchange; used twice, it ends the whole session."""

	__tablename__ = "refresh_tokens"
	__human__ = "refresh token"
	__protect__ = Protect(audited=False, keep="30 days after expires_at", app=WITHOUT_HASH)

	session_id: Mapped[Id] = reference("sessions", ondelete="CASCADE")
	secret_hash: Mapped[bytes] = hash_column()
	expires_at: Mapped[datetime] = mapped_column()
	used_at: Mapped[datetime | None] = mapped_column()

	__table_args__ = (
		UniqueConstraint("tenant_id", "secret_hash"),
		Index("ix_refresh_tokens_secret_hash", "secret_hash"),
	)
