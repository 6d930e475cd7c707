"""An API key: how a program acts for a member, within scopes that only narrow his rights."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import BYTEA
from sqlalchemy.orm import Mapped, mapped_column

from apg.kernel.database import Base, Id, id_type
from apg.kernel.tenancy import Protect, TenantOwned


class ApiKey(TenantOwned, Base):
	"""The key itself is shown once and kept as hash; `hint` is its beginning, to tell keys apart."""

	__tablename__ = "api_keys"
	__human__ = "API key"
	__protect__ = Protect(redact=("secret_hash", "name"), app="insert, update, delete")

	user_id: Mapped[Id] = mapped_column(id_type, index=True)
	name: Mapped[str] = mapped_column()
	hint: Mapped[str] = mapped_column()
	secret_hash: Mapped[bytes] = mapped_column(BYTEA, deferred=True, deferred_raiseload=True)
	scopes: Mapped[list[str]] = mapped_column()
	expires_at: Mapped[datetime] = mapped_column()
	revoked_at: Mapped[datetime | None] = mapped_column()
	last_used_at: Mapped[datetime | None] = mapped_column()

	__table_args__ = (
		ForeignKeyConstraint(
			["tenant_id", "user_id"],
			["memberships.tenant_id", "memberships.user_id"],
			ondelete="CASCADE",
		),
		UniqueConstraint("tenant_id", "secret_hash"),
		CheckConstraint("length(name) between 1 and 100", name="name"),
		CheckConstraint(
			"jsonb_typeof(scopes) = 'array' and jsonb_array_length(scopes) > 0", name="scopes"
		),
		Index("ix_api_keys_secret_hash", "secret_hash"),
	)
