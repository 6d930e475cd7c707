"""Fields whose content is the caller's own: how much of it is kept."""

from collections.abc import Callable
from typing import Any

from pydantic_core import PydanticCustomError

from apg.kernel.texts import _
from apg.kernel.web.wire import to_wire

MOST_BYTES = 16_384


def bounded(name: str) -> Callable[[Any], Any]:
	"""Refuses JSON of more than 16 KiB; what is larger belongs into a file."""

	def check(value: Any) -> Any:
		size = len(to_wire(value))
		if size > MOST_BYTES:
			told = _(
				"{name} has {size} bytes; give at most {most} and keep the rest in a file.",
				name=name,
				size=size,
				most=MOST_BYTES,
			)
			raise PydanticCustomError("too_large", "{text}", {"text": told})
		return value

	return check
