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


def new_ids(count: int) -> list[str]:
	"""So many fresh identities in their order, for rows by the thousand."""
	if Stamps.sources["id"] is not _uuid7:
		return sorted(new_id() for _n in range(count))
	head, digits = f"{time.time_ns() // 1_000_000:012x}", secrets.token_hex(10 * count)
	tails = (digits[n : n + 20] for n in range(0, 20 * count, 20))
	return sorted(
		f"{head[:8]}-{head[8:]}-7{t[:3]}-{'89ab'[int(t[3], 16) & 3]}{t[4:7]}-{t[7:19]}"
		for t in tails
	)


def utc_now() -> datetime:
	"""The present moment, aware, in UTC."""
	return Stamps.sources["clock"]()


def is_id(text: str) -> bool:
	"""Whether the text is an id in the one form the product writes (lower case, with dashes)."""
	try:
		return str(uuid.UUID(text)) == text
	except ValueError:
		return False
