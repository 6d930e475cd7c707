"""What a Principal is made of: asked of the database once, remembered until somebody changes it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary

import orjson

from apg.kernel.permissions import Permission, holds
from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime

Value = TypeVar("Value")
MOST = 20_000  # entries of one cache; then it starts again


async def ask(runtime: Runtime, sql: str, *values: Any) -> Any:
	"""The first row of one statement outside of any transaction: one round trip."""
	raw = await runtime.engine.raw_connection()
	try:
		driver: Any = raw.driver_connection
		return await driver.fetchrow(sql, *values)
	finally:
		raw.close()


@dataclass(frozen=True, slots=True)
class Facts:
	"""A member as the database knows him at one moment."""

	tenant_id: str
	user_id: str
	username: str
	display_name: str
	locale: str
	roles: tuple[str, ...]
	permissions: frozenset[str]
	tenant_name: str
	tenant_slug: str
	enabled: frozenset[str]
	settings: dict[str, object]
	valid_until: float | None
	must_change_password: bool
	lacks_totp: bool

	@classmethod
	def read(cls, tenant_id: str, user_id: str, told: Any) -> "Facts":
		roles, tenant = told["roles"], told["tenant"]
		lacks_totp = not told["has_totp"] and any(role["requires_totp"] for role in roles)
		granted = frozenset(name for role in roles for name in role["permissions"])
		# Until the person did what a role or an administrator asks, only his own account is open.
		held_back = lacks_totp or told["must_change_password"]
		return cls(
			tenant_id=tenant_id,
			user_id=user_id,
			username=told["username"],
			display_name=told["display_name"] or told["username"],
			locale=(told["locale"] or tenant["locale"] or "en"),
			roles=tuple(role["name"] for role in roles),
			permissions=frozenset() if held_back else granted,
			tenant_name=tenant["name"],
			tenant_slug=tenant["slug"],
			enabled=frozenset(tenant["enabled"]),
			settings=tenant["settings"] or {},
			valid_until=told["valid_until"],
			must_change_password=told["must_change_password"],
			lacks_totp=lacks_totp,
		)

	def principal(self, tier: str, **more: Any) -> Principal:
		"""The Principal of a request; `more` says how it was authenticated."""
		plain = Principal(
			kind="user",
			tenant_id=self.tenant_id,
			user_id=self.user_id,
			username=self.username,
			display_name=self.display_name,
			tenant_name=self.tenant_name,
			tenant_slug=self.tenant_slug,
			permissions=self.permissions,
			enabled=self.enabled,
			locale=self.locale,
			tier=str(self.settings.get("rate_tier") or tier),
			roles=self.roles,
			settings=self.settings,
		)
		return replace(plain, **more) if more else plain


async def load_facts(runtime: Runtime, tenant_id: str, user_id: str) -> Facts | None:
	"""None when the person is no active member of an active tenant now."""
	row = await ask(runtime, "select member_facts($1, $2)::text", tenant_id, user_id)
	return None if row[0] is None else Facts.read(tenant_id, user_id, orjson.loads(row[0]))


def narrowed(
	granted: frozenset[str], scopes: Iterable[str], known: Iterable[Permission]
) -> frozenset[str]:
	"""The rights that both the member and the scopes of his key contain."""
	allowed = frozenset(scopes)
	if "*" in allowed:
		return granted
	return frozenset(str(one) for one in known if holds(granted, one) and holds(allowed, one))


class Remembered(Generic[Value]):
	"""Values by key, each loaded once however many ask, none kept that a change overtook."""

	def __init__(self, seconds: float) -> None:
		self.seconds = seconds
		self.held: dict[Any, tuple[float, Value]] = {}
		self._changes = 0
		self._loading: WeakValueDictionary[Any, asyncio.Lock] = WeakValueDictionary()

	async def get(self, key: Any, load: Callable[[], Awaitable[Value]], *, fresh: bool) -> Value:
		"""The value; `fresh` asks the database whatever is remembered."""
		if not fresh and (found := self._peek(key)) is not None:
			return found[1]
		lock = self._loading.get(key)
		if lock is None:
			self._loading[key] = lock = asyncio.Lock()
		async with lock:
			if not fresh and (found := self._peek(key)) is not None:
				return found[1]
			seen = self._changes
			value = await load()
			# What changed while we asked may be newer than the answer: use it, do not keep it.
			if value is not None and seen == self._changes:
				if len(self.held) >= MOST:
					self.held.clear()
				self.held[key] = (time.monotonic(), value)
			return value

	def _peek(self, key: Any) -> tuple[float, Value] | None:
		found = self.held.get(key)
		return found if found and time.monotonic() - found[0] < self.seconds else None

	def forget(self, matches: Callable[[Any, Value], bool] | None = None) -> None:
		"""Drops what matches, or all."""
		self._changes += 1
		if matches is None:
			self.held.clear()
			return
		for key in [key for key, (_at, value) in self.held.items() if matches(key, value)]:
			del self.held[key]
