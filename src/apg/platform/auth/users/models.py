"""A user is a person with one account; a membership is his place in one tenant."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from apg.kernel.database import Base, Id, Versioned, id_column, id_type
from apg.kernel.errors import human
from apg.kernel.tenancy import Protect, TenantOwned


def secret_column(kind: Any, **options: Any) -> Any:
	"""A column that is written and never read: the web role has no right to select it."""
	return mapped_column(kind, deferred=True, deferred_raiseload=True, **options)


class User(Versioned, Base):
	"""A person, known to every tenant he is a member of and to no other.

	`home_tenant_id` is the tenant that made the account; its administrators look after name,
	address and reset. Others decide about the membership only, so that nobody can take over an
	account by inviting its owner.
	"""

	__tablename__ = "users"
	__human__ = "user"
	__protect__ = Protect(
		redact=(
			"username",
			"display_name",
			"email",
			"password_hash",
			"totp_secret",
			"totp_last_step",
			"recovery_hashes",
		)
	)

	id: Mapped[Id] = id_column()
	home_tenant_id: Mapped[Id] = mapped_column(id_type, index=True)
	username: Mapped[str] = mapped_column()
	display_name: Mapped[str] = mapped_column(default="", server_default="")
	email: Mapped[str | None] = mapped_column()
	locale: Mapped[str | None] = mapped_column()
	is_active: Mapped[bool] = mapped_column(default=True, server_default="true")
	must_change_password: Mapped[bool] = mapped_column(default=False, server_default="false")
	password_changed_at: Mapped[datetime | None] = mapped_column()
	totp_confirmed_at: Mapped[datetime | None] = mapped_column()
	erased_at: Mapped[datetime | None] = mapped_column()
	password_hash: Mapped[str | None] = secret_column(Text)
	totp_secret: Mapped[str | None] = secret_column(Text)
	totp_last_step: Mapped[int | None] = secret_column(BigInteger)
	recovery_hashes: Mapped[list[bytes] | None] = secret_column(ARRAY(BYTEA))

	__table_args__ = (
		UniqueConstraint(
			"username",
			info=human("USERNAME_TAKEN", "Somebody has this user name already.", "username"),
		),
		CheckConstraint("username = lower(username)", name="username_case"),
		CheckConstraint("length(username) between 1 and 254", name="username_length"),
		CheckConstraint("length(display_name) <= 200", name="display_name"),
		CheckConstraint("length(email) <= 254", name="email"),
	)

	@property
	def etag(self) -> str:
		"""A member's tag is made of the account's version and the membership's, by the service."""
		return str(self.version)

	@declared_attr.directive
	def __mapper_args__(cls) -> dict[str, Any]:
		return {"version_id_col": cls.version, "version_id_generator": lambda v: (v or 0) + 1}  # pyright: ignore


class Membership(TenantOwned, Base):
	"""A user's place in a tenant; auditors get one that ends by itself at `valid_until`."""

	__tablename__ = "memberships"
	__human__ = "member"

	user_id: Mapped[Id] = mapped_column(
		id_type, ForeignKey("users.id", ondelete="RESTRICT"), index=True
	)
	is_active: Mapped[bool] = mapped_column(default=True, server_default="true")
	valid_until: Mapped[datetime | None] = mapped_column()

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"user_id",
			info=human("ALREADY_A_MEMBER", "This person is a member already.", "username"),
		),
	)
