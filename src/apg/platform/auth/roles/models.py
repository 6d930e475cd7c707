"""A role is a named set of rights of one tenant; members have any number of them."""

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from apg.kernel.database import Base, Id, reference
from apg.kernel.errors import human
from apg.kernel.tenancy import TenantOwned

ADMINISTRATOR = "tenant_admin"


class Role(TenantOwned, Base):
	"""Canonical permission names under a name; `x.*` stands for all below x, `*` for everything.

	The built-in administrator can neither be changed nor removed.
	"""

	__tablename__ = "roles"
	__human__ = "role"

	name: Mapped[str] = mapped_column()
	title: Mapped[str] = mapped_column()
	permissions: Mapped[list[str]] = mapped_column(default=list)
	built_in: Mapped[bool] = mapped_column(default=False, server_default="false")
	requires_totp: Mapped[bool] = mapped_column(default=False, server_default="false")

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"name",
			info=human("ROLE_NAME_TAKEN", "Another role has this name.", "name"),
		),
		CheckConstraint("name ~ '^[a-z][a-z0-9_]{1,63}$'", name="name"),
		CheckConstraint("length(title) between 1 and 200", name="title"),
		CheckConstraint("jsonb_typeof(permissions) = 'array'", name="permissions"),
	)


class MembershipRole(TenantOwned, Base):
	"""That a member has a role."""

	__tablename__ = "membership_roles"
	__human__ = "role of a member"

	membership_id: Mapped[Id] = reference("memberships", ondelete="CASCADE")
	role_id: Mapped[Id] = reference("roles")

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"membership_id",
			"role_id",
			info=human("ROLE_TWICE", "The member has this role already.", "roles"),
		),
	)
