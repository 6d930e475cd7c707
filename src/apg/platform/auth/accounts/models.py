"""Links that let a person in once: an invitation into a tenant, or the reset of a password."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import BYTEA
from sqlalchemy.orm import Mapped, mapped_column

from apg.kernel.database import Base, Id, id_type
from apg.kernel.tenancy import Protect, TenantOwned


class AccountLink(TenantOwned, Base):
	"""The secret of the link is kept as hash. An invitation names whom it is for; a reset, whose
	password; `roles` are given when an invitation is accepted."""

	__tablename__ = "account_links"
	__human__ = "link"
	__protect__ = Protect(
		redact=("secret_hash", "username", "display_name", "email"),
		keep="30 days after expires_at",
		app="insert, update, delete",
	)

	kind: Mapped[str] = mapped_column()
	secret_hash: Mapped[bytes] = mapped_column(BYTEA, deferred=True, deferred_raiseload=True)
	user_id: Mapped[Id | None] = mapped_column(id_type, index=True)
	username: Mapped[str | None] = mapped_column()
	display_name: Mapped[str | None] = mapped_column()
	email: Mapped[str | None] = mapped_column()
	roles: Mapped[list[str]] = mapped_column(default=list)
	valid_until: Mapped[datetime | None] = mapped_column()
	expires_at: Mapped[datetime] = mapped_column()
	used_at: Mapped[datetime | None] = mapped_column()

	__table_args__ = (
		UniqueConstraint("tenant_id", "secret_hash"),
		CheckConstraint("kind in ('invitation', 'reset')", name="kind"),
		CheckConstraint("(kind = 'reset') = (user_id is not null)", name="reset_of_user"),
		CheckConstraint("(kind = 'invitation') = (username is not null)", name="invited_name"),
		Index("ix_account_links_secret_hash", "secret_hash"),
	)
