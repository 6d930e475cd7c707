"""Who acts: in which tenant, with which rights, how far the reach, in which language."""

from dataclasses import dataclass, field
from typing import Literal, Protocol

from apg.kernel.permissions import Permission, holds

Kind = Literal["user", "api_key", "system", "operator"]


@dataclass(frozen=True, slots=True)
class Session:
	"""The browser session behind a cookie: its id and the token every unsafe request repeats."""

	id: str
	csrf: str


@dataclass(frozen=True, slots=True)
class Principal:
	"""Immutable for the length of one request, message or task.

	`permissions` are canonical names; `enabled` the short names of the capabilities that are on
	for the tenant; `reach` is `member`, `portal`, `guest:<grant>` or `supplier:<id>`.
	"""

	kind: Kind
	tenant_id: str
	user_id: str | None = None
	username: str = ""
	display_name: str = ""
	tenant_name: str = ""
	tenant_slug: str = ""
	permissions: frozenset[str] = frozenset()
	enabled: frozenset[str] = frozenset()
	locale: str = "en"
	reach: str = "member"
	session: Session | None = None
	session_id: str | None = None
	api_key_id: str | None = None
	tier: str = "default"
	roles: tuple[str, ...] = ()
	settings: dict[str, object] = field(default_factory=dict[str, object])

	def may(self, permission: Permission) -> bool:
		return holds(self.permissions, permission)

	@property
	def actor_key(self) -> str:
		"""Whose budget a request counts against."""
		return self.api_key_id or self.user_id or self.kind

	@classmethod
	def system(cls, tenant_id: str, enabled: frozenset[str] = frozenset()) -> "Principal":
		"""The machinery at work for one tenant: all rights inside it, and no person's name."""
		return cls(
			kind="system",
			tenant_id=tenant_id,
			username="system",
			display_name="System",
			permissions=frozenset({"*"}),
			enabled=enabled,
		)


@dataclass(frozen=True, slots=True)
class Credential:
	"""What a caller showed: a bearer token, an API key or a session cookie."""

	kind: Literal["bearer", "api_key", "cookie", "ticket"]
	text: str = field(repr=False)


class Authenticator(Protocol):
	"""Turns a credential into a Principal, or raises Unauthenticated; auth provides it."""

	async def authenticate(self, credential: Credential) -> Principal: ...
