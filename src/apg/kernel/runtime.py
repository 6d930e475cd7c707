"""What a running process holds: its settings, its database, its composition, its keys."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
	from sqlalchemy.ext.asyncio import AsyncEngine

	from apg.kernel.composition import Composition
	from apg.kernel.keys import RootKey
	from apg.kernel.settings import Settings


@dataclass
class Runtime:
	"""One per process; handed on, never looked up. `state` is for capabilities, by their name."""

	settings: "Settings"
	engine: "AsyncEngine"
	composition: "Composition"
	root_key: "RootKey"
	state: dict[str, Any] = field(default_factory=dict[str, Any])
