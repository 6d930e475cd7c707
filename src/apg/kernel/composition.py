"""Composition: manifests in, one checked whole out; pure, and every problem is told at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import entry_points
from typing import Any, TypeVar, cast

from apg.kernel.capability import Capability, MenuEntry
from apg.kernel.events import Consumer, Event
from apg.kernel.permissions import Permission
from apg.kernel.tasks import Schedule, Task

PLATFORM_VERSION = (1, 0)
ENTRY_POINTS = "apg.capabilities"
Port = TypeVar("Port")


class CompositionError(Exception):
	"""The capabilities do not fit together; one sentence per problem, each with its remedy."""

	def __init__(self, problems: Sequence[str]) -> None:
		super().__init__("\n".join(problems))
		self.problems = tuple(problems)


@dataclass(frozen=True)
class Composition:
	"""All capabilities in start order, and what they add up to."""

	capabilities: tuple[Capability, ...]
	left_out: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

	def __getitem__(self, short: str) -> Capability:
		return next(c for c in self.capabilities if short in (c.short, c.name))

	@property
	def permissions(self) -> tuple[Permission, ...]:
		return tuple(p for c in self.capabilities for p in c.permissions)

	@property
	def consumers(self) -> tuple[Consumer, ...]:
		return tuple(
			replace(s, capability=s.capability or c.short)
			for c in self.capabilities
			for s in c.subscribers
		)

	@property
	def events(self) -> dict[str, type[Event]]:
		return {event.name: event for c in self.capabilities for event in c.publishes}

	@property
	def tasks(self) -> tuple[Task, ...]:
		return tuple(t for c in self.capabilities for t in c.tasks)

	@property
	def schedules(self) -> tuple[Schedule, ...]:
		return tuple(s for c in self.capabilities for s in c.schedules)

	def task(self, name: str) -> Task:
		"""The task of a name. Raises LookupError."""
		for capability in self.capabilities:
			for one in capability.tasks:
				if one.name == name:
					return one
		raise LookupError(f"no capability has a task {name}")

	@property
	def always_on(self) -> frozenset[str]:
		return frozenset(c.short for c in self.capabilities if c.always_on)

	def port(self, port: type[Port], enabled: frozenset[str]) -> Port:
		"""The provider of a contract when its capability is on, else the contract's null form."""
		for capability in self.capabilities:
			if port in capability.ports and (capability.always_on or capability.short in enabled):
				return cast(Port, capability.ports[port])
		return cast(Port, cast(Any, port).absent)

	def menu(self) -> tuple[tuple[Capability, tuple[MenuEntry, ...]], ...]:
		return tuple(
			(c, entries)
			for c in self.capabilities
			if (entries := tuple(e for p in c.pages for e in p.menu))
		)

	def unmet(self) -> dict[str, tuple[str, ...]]:
		"""Soft uses nobody provides, per capability: said by doctor, never an error."""
		names = {c.name for c in self.capabilities}
		return {
			c.name: missing
			for c in self.capabilities
			if (missing := tuple(use for use in c.uses if use not in names))
		}


def discover() -> list[tuple[str, Capability | Exception]]:
	"""Third-party capabilities: wheels that expose a Capability as an entry point."""
	found: list[tuple[str, Capability | Exception]] = []
	for point in entry_points(group=ENTRY_POINTS):
		try:
			loaded = point.load()
		except (ImportError, AttributeError, TypeError, ValueError, SyntaxError) as error:
			found.append((point.name, error))
			continue
		found.append(
			(point.name, loaded)
			if isinstance(loaded, Capability)
			else (point.name, TypeError(f"{point.value} is not a Capability"))
		)
	return found


def compose(
	built_in: Iterable[Capability],
	third_party: Iterable[tuple[str, Capability | Exception]] = (),
) -> Composition:
	"""Checks and orders the capabilities.

	A broken built-in raises CompositionError; a broken third-party one is left out and reported.
	"""
	chosen = list(built_in)
	if problems := _problems(chosen):
		raise CompositionError(problems)
	left_out: dict[str, tuple[str, ...]] = {}
	for name, capability in third_party:
		if isinstance(capability, Exception):
			left_out[name] = (f"{name} cannot be loaded: {capability}. Reinstall or remove it.",)
			continue
		added = _problems([*chosen, capability])
		if added:
			left_out[capability.name] = tuple(added)
		else:
			chosen.append(capability)
	return Composition(_ordered(chosen), left_out)


def _ordered(capabilities: Sequence[Capability]) -> tuple[Capability, ...]:
	by_name = {c.name: c for c in capabilities}
	sorter = TopologicalSorter(
		{c.name: [r for r in c.requires if r in by_name] for c in capabilities}
	)
	return tuple(by_name[name] for name in sorter.static_order())


def _problems(capabilities: Sequence[Capability]) -> list[str]:
	problems: list[str] = []
	names = {c.name for c in capabilities}

	def once(what: str, pairs: Iterable[tuple[object, Capability]]) -> None:
		seen: dict[object, Capability] = {}
		for key, owner in pairs:
			if key in seen:
				problems.append(
					f"{what} {key} is claimed by {seen[key].name} and {owner.name}; rename one."
				)
			seen[key] = owner

	once("the name", ((c.name, c) for c in capabilities))
	once("the short name", ((c.short, c) for c in capabilities))
	once("the path", ((api.prefix, c) for c in capabilities for api in c.apis))
	once("the pages path", ((p.prefix, c) for c in capabilities for p in c.pages))
	once("the table prefix", ((p, c) for c in capabilities for p in c.table_prefixes))
	once("the event", ((e.name, c) for c in capabilities for e in c.publishes))
	once("the port", ((port.__name__, c) for c in capabilities for port in c.ports))
	once("the consumer", ((s.name, c) for c in capabilities for s in c.subscribers))
	published = {e.name for c in capabilities for e in c.publishes}
	for c in capabilities:
		for missing in sorted(set(c.requires) - names):
			problems.append(f"{c.name} requires {missing}, which is not installed; install it.")
		for permission in c.permissions:
			if permission.capability != c.short:
				problems.append(f"{c.name} declares {permission} outside its namespace {c.short}.")
		for consumer in c.subscribers:
			for event in consumer.events:
				if event.name not in published:
					problems.append(
						f"{c.name} subscribes to {event.name}, which nobody publishes; drop it."
					)
		wanted = tuple(int(n) for n in c.platform.removeprefix("~=").split(".")[:2])
		if wanted[0] != PLATFORM_VERSION[0] or wanted > PLATFORM_VERSION:
			problems.append(f"{c.name} is made for platform {c.platform}; this is 1.0.")
	try:
		_ordered(capabilities)
	except CycleError as error:
		problems.append("these require each other: " + " → ".join(error.args[1]))
	return problems
