"""People and their rights, for capabilities that have to ask about somebody else than the caller."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from apg.kernel.events import Event
from apg.kernel.permissions import Permission

if TYPE_CHECKING:
	from apg.kernel.work import Work


class UserJoined(Event):
	"""A person became a member of the tenant."""

	name = "auth.user.joined.v1"
	user_id: str


class UserLeft(Event):
	"""A person's membership ended or was switched off."""

	name = "auth.user.left.v1"
	user_id: str


class RolesChanged(Event):
	"""A member's roles are others than before; `roles` are the names that hold now."""

	name = "auth.user.roles_changed.v1"
	user_id: str
	roles: list[str]


@dataclass(frozen=True, slots=True)
class Person:
	"""A member of the tenant as others may see him; `email` only for those who write to him."""

	id: str
	username: str
	display_name: str
	email: str | None
	locale: str
	is_active: bool


class Identity(Protocol):
	"""Questions about members of the bound tenant; provided by auth."""

	absent: ClassVar["Identity"]

	async def check_permission(
		self, work: "Work", user_id: str, resource: str, action: str
	) -> bool:
		"""Whether the member holds the right, in any spelling; False for whatever is unknown."""
		...

	async def get_user_roles(self, work: "Work", user_id: str) -> list[str]:
		"""Names of the member's roles, sorted; empty for a stranger."""
		...

	async def people(self, work: "Work", user_ids: Collection[str]) -> Mapping[str, Person]:
		"""The named people, by id; whoever is not of this tenant is left out."""
		...

	async def members_with(self, work: "Work", permission: Permission) -> list[str]:
		"""Ids of the active members who hold the right, sorted."""
		...

	async def members_in_role(self, work: "Work", role: str) -> list[str]:
		"""Ids of the active members who have the role, sorted."""
		...

	async def seed_roles(self, work: "Work") -> None:
		"""Adds the default roles of the enabled capabilities that the tenant lacks."""
		...


class NoIdentity:
	"""Nobody is known: what capabilities see where auth is left out."""

	async def check_permission(
		self, work: "Work", user_id: str, resource: str, action: str
	) -> bool:
		return False

	async def get_user_roles(self, work: "Work", user_id: str) -> list[str]:
		return []

	async def people(self, work: "Work", user_ids: Collection[str]) -> Mapping[str, Person]:
		return {}

	async def members_with(self, work: "Work", permission: Permission) -> list[str]:
		return []

	async def members_in_role(self, work: "Work", role: str) -> list[str]:
		return []

	async def seed_roles(self, work: "Work") -> None:
		return None


Identity.absent = NoIdentity()  # type: ignore[assignment]


class Confirmations(Protocol):
	"""Re-authentication for signatures; provided by auth, proofs come from `POST /auth/confirm`."""

	absent: ClassVar["Confirmations"]

	async def give(
		self, work: "Work", subject: str, *, password: str | None = None, code: str | None = None
	) -> str:
		"""A proof for the subject, for a page that asked for password or code itself.

		Raises Invalid at `password` or `code`, PermissionDenied for whoever is no person.
		"""
		...

	async def take(self, work: "Work", proof: str, subject: str) -> str | None:
		"""Uses up the caller's own proof for this subject (a SHA-256 in hex) in this transaction.

		Answers how he proved himself, `password` or `totp`; None for a proof that is unknown,
		another one's, for another subject, late or used, and for whoever is no person.
		"""
		...


class NoConfirmations:
	"""Without auth nobody can sign."""

	async def give(
		self, work: "Work", subject: str, *, password: str | None = None, code: str | None = None
	) -> str:
		return ""

	async def take(self, work: "Work", proof: str, subject: str) -> str | None:
		return None


Confirmations.absent = NoConfirmations()  # type: ignore[assignment]
