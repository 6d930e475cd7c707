"""Identities and times: the only places where randomness and the clock enter the product."""

import secrets
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar


def _uuid7() -> str:
	"""A version 7 UUID (RFC 9562 §5.7): 48 bits of milliseconds, then random bits."""
	value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
	value = value & ~(0xF << 76) | 0x7 << 76
	value = value & ~(0x3 << 62) | 0x2 << 62
	return str(uuid.UUID(int=value))


def _now() -> datetime:
	return datetime.now(UTC)


class Stamps:
	"""Holds the two sources, so that a test can put its own in their place."""

	sources: ClassVar[dict[str, Callable[[], Any]]] = {"id": _uuid7, "clock": _now}


def new_id() -> str:
	"""A fresh identity, sortable by the millisecond it was made in, as lower-case text."""
	return Stamps.sources["id"]()


def utc_now() -> datetime:
	"""The present moment, aware, in UTC."""
	return Stamps.sources["clock"]()


def is_id(text: str) -> bool:
	"""Whether the text is an id in the one form the product writes (lower case, with dashes)."""
	try:
		return str(uuid.UUID(text)) == text
	except ValueError:
		return False
