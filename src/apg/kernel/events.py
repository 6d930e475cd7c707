"""Events: facts in the past tense that one capability states and others may act on.

This module stays free of the database, so that contracts may import it.
"""

import random
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, PrivateAttr

BODY_LIMIT = 8_192  # bytes of JSON; an event carries ids, states, figures and hashes, never text
_WIRE_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){2,}\.v[1-9][0-9]*\Z")


class Position(NamedTuple):
	"""A place in the log, and so the identity of the event that stands there."""

	epoch: int
	xid: int
	seq: int

	def __str__(self) -> str:
		return f"{self.epoch}-{self.xid}-{self.seq}"

	@classmethod
	def parse(cls, text: str) -> Self:
		"""Raises ValueError when the text is no position."""
		parts = text.split("-")
		if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
			raise ValueError(f"not a position in the log: {text[:80]!r}")
		return cls(*map(int, parts))


@dataclass(frozen=True, slots=True)
class Recorded:
	"""What the log knows of an event beside its body."""

	position: Position
	tenant_id: str
	actor_id: str | None
	request_id: str
	occurred_at: datetime


class Event(BaseModel):
	"""The base of all events: immutable, versioned by `name`, additive only within a version.

	Fields unknown to an older reader are ignored, so a newer writer never breaks it.
	"""

	model_config = ConfigDict(frozen=True, extra="ignore")
	name: ClassVar[str] = ""
	# The right that whoever is told of it outside the product must hold, such as "plm.products.read";
	# empty: that to read the things the name tells of, as `plm.products` for `plm.product.created`.
	needs: ClassVar[str] = ""
	_recorded: Recorded | None = PrivateAttr(default=None)

	@classmethod
	def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
		super().__pydantic_init_subclass__(**kwargs)
		if cls.name and not _WIRE_NAME.match(cls.name):
			raise TypeError(f'{cls.__name__}.name must read like "plm.change.approved.v1"')

	@classmethod
	def readable_with(cls) -> str:
		"""The canonical name of the right that lets somebody read events of this kind."""
		capability, thing = cls.name.split(".")[:2]
		many = thing if thing.endswith("s") else re.sub("y$", "ie", thing) + "s"
		return cls.needs or f"{capability}.{many}.read"

	@property
	def recorded(self) -> Recorded | None:
		"""Position, tenant, actor and time once the event was read from the log."""
		return self._recorded

	def body(self) -> str:
		"""The JSON that goes into the log. Raises ValueError when it is larger than 8 kB."""
		text = self.model_dump_json()
		if not self.name:
			raise TypeError(f"{type(self).__name__} has no wire name and cannot be published")
		if (size := len(text.encode())) > BODY_LIMIT:
			raise ValueError(
				f"{self.name} is {size} bytes, at most {BODY_LIMIT} are kept: "
				"publish ids and figures, and let the reader fetch the rest"
			)
		return text

	@classmethod
	def read(cls, body: str | bytes, recorded: Recorded) -> Self:
		"""The event as it stands in the log."""
		event = cls.model_validate_json(body)
		event._recorded = recorded
		return event


class Retry(Exception):
	"""Not now: run the event or task again after so many seconds."""

	def __init__(self, after: float | timedelta, reason: str = "") -> None:
		super().__init__(reason or "asked to run again later")
		self.seconds = after.total_seconds() if isinstance(after, timedelta) else float(after)


class GiveUp(Exception):
	"""Never: no retry will help, a person has to look."""

	def __init__(self, reason: str) -> None:
		super().__init__(reason)


type_of_function = Callable[[Any, Any], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Consumer:
	"""A named reader of the log: `await function(work, event)` for each event of its types.

	No `events` means all of them. The composition fills in `capability`: a tenant's events reach
	only consumers whose capability it enabled. `strict` parks a tenant's later events behind one
	that failed. `replay` lets a consumer that is new to an old log start at its beginning.
	"""

	name: str
	events: tuple[type[Event], ...]
	function: type_of_function
	capability: str = ""
	strict: bool = False
	replay: bool = False

	@property
	def wire_names(self) -> tuple[str, ...] | None:
		return tuple(event.name for event in self.events) or None


def on(
	events: type[Event] | Iterable[type[Event]],
	function: type_of_function,
	*,
	strict: bool = False,
	replay: bool = False,
	name: str | None = None,
) -> Consumer:
	"""Subscribes a function; `Event` itself stands for every event.

	The name keeps the place in the log: give one before moving or renaming the function.
	"""
	wanted = (events,) if isinstance(events, type) else tuple(events)
	known = () if Event in wanted else wanted
	if any(not event.name for event in known):
		raise TypeError("only events with a wire name can be subscribed to")
	return Consumer(name or dotted_name(function), known, function, "", strict, replay)


def dotted_name(function: Callable[..., Any]) -> str:
	"""`plm.costing.service.reprice`: the path of a function without our own package names."""
	path = f"{function.__module__}.{function.__qualname__}"
	return re.sub(r"^apg\.(capabilities\.|platform\.)?", "", path)


def registry(events: Iterable[type[Event]]) -> dict[str, type[Event]]:
	"""Wire name → class. Raises ValueError when two classes claim one name."""
	known: dict[str, type[Event]] = {}
	for event in events:
		if known.setdefault(event.name, event) is not event:
			raise ValueError(f"{event.name} is claimed by {known[event.name]} and {event}")
	return known


def backoff(attempt: int, *, ceiling: float = 3_600.0) -> float:
	"""Seconds to wait after the attempt (counted from 1): doubling, with jitter of a half."""
	return min(ceiling, 2.0 ** min(attempt, 30)) * random.uniform(0.5, 1.0)
