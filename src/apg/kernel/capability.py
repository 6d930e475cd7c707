"""The vocabulary of a manifest: frozen dataclasses, no behaviour."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apg.kernel.events import Consumer, Event
from apg.kernel.permissions import Permission
from apg.kernel.tasks import Schedule, Task

if TYPE_CHECKING:
	from fastapi import APIRouter

	from apg.kernel.observe import Observer
	from apg.kernel.principal import Principal
	from apg.kernel.runtime import Runtime
	from apg.kernel.settings import CapabilitySettings
	from apg.kernel.work import Work


@dataclass(frozen=True, slots=True)
class Role:
	"""A role every new tenant starts with; a tenant may change its rights later."""

	name: str
	title: str
	permissions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MenuEntry:
	"""A line of the left navigation, shown to those who hold the permission."""

	label: str
	href: str
	icon: str
	permission: Permission | None = None
	group: str = ""  # the heading it stands under; empty: the capability's title
	order: int = 100  # the place under its heading, small first


@dataclass(frozen=True, slots=True)
class HomeCard:
	"""A card of the first page. `load` answers what its template needs, or None to stay away;
	`order` is its place, small first; `wide` takes the whole row."""

	title: str
	template: str
	load: Callable[["Work"], Awaitable[dict[str, Any] | None]]
	permission: Permission | None = None
	href: str = ""
	order: int = 100
	wide: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
	"""One line found: what it is called, what tells it from others, and its page."""

	label: str
	href: str
	sub: str = ""


@dataclass(frozen=True, slots=True)
class SearchProvider:
	"""One group of the search over everything: `search(work, text, limit)`, the best first.

	`href` is the list page that shows all of them; the text is added to it.
	"""

	title: str
	search: Callable[["Work", str, int], Awaitable[Sequence[Hit]]]
	permission: Permission
	href: str = ""
	order: int = 100


@dataclass(frozen=True, slots=True)
class Api:
	"""The programs' door: a prefix, its routers, and the envelope of its answers."""

	prefix: str
	routers: tuple["APIRouter", ...]
	envelope: str = "bare"


@dataclass(frozen=True, slots=True)
class Pages:
	"""The people's door; templates, static files and catalogues are found beside the manifest."""

	prefix: str
	routers: tuple["APIRouter", ...] = ()
	menu: tuple[MenuEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class Retained:
	"""A class of business data that an operator may keep for a number of days: rows of a table
	that nothing refers to, counted from the column `after`."""

	name: str
	table: str
	after: str


@dataclass(frozen=True, slots=True)
class HealthCheck:
	"""A real check: it returns status, message and details, and never an exception's text."""

	name: str
	check: Callable[["Work"], Awaitable[tuple[str, str, dict[str, Any]]]]


# What a worker process runs beside events and tasks, until the event is set: senders of rows.
Loop = Callable[["Runtime", Callable[[str, str | None], Awaitable["Principal"]], asyncio.Event], Coroutine[Any, Any, None]]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Capability:
	"""A capability on one screen. `requires` refuse to start when missing, `uses` degrade."""

	name: str
	short: str
	title: str
	version: str
	package: str
	platform: str = "~=1.0"
	description: str = ""
	category: str = "platform"
	requires: tuple[str, ...] = ()
	uses: tuple[str, ...] = ()
	provides: tuple[str, ...] = ()
	permissions: tuple[Permission, ...] = ()
	default_roles: tuple[Role, ...] = ()
	apis: tuple[Api, ...] = ()
	pages: tuple[Pages, ...] = ()
	publishes: tuple[type[Event], ...] = ()
	subscribers: tuple[Consumer, ...] = ()
	tasks: tuple[Task, ...] = ()
	schedules: tuple[Schedule, ...] = ()
	loops: tuple["Loop", ...] = ()
	ports: Mapping[type[Any], Any] = field(default_factory=dict[type[Any], Any])
	health: tuple[HealthCheck, ...] = ()
	retained: tuple[Retained, ...] = ()
	home: tuple[HomeCard, ...] = ()
	searches: tuple[SearchProvider, ...] = ()
	settings: type["CapabilitySettings"] | None = None
	migrations: str | None = None
	table_prefixes: tuple[str, ...] = ()
	on_enabled: Callable[["Work"], Awaitable[None]] | None = None
	observe: Callable[["Observer", "Runtime"], None] | None = None
	always_on: bool = False
	metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])

	@property
	def folder(self) -> Path:
		"""The folder of the manifest, where templates, static files and catalogues are found."""
		from importlib.util import find_spec

		spec = find_spec(self.package)
		if spec is None or not spec.submodule_search_locations:
			raise ModuleNotFoundError(self.package)
		return Path(next(iter(spec.submodule_search_locations)))
