"""Moments as people give them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any


def day_as_moment(value: Any) -> Any:
	"""A day means its beginning in UTC, a time without a zone is UTC; digits alone are a number, and
	everything else stays."""
	if not isinstance(value, str):
		return value
	if value.strip().isdecimal() and len(value) < 20:
		return int(value)
	try:
		if len(value) == 10:
			day = date.fromisoformat(value)
			return datetime(day.year, day.month, day.day, tzinfo=UTC)
		given = datetime.fromisoformat(value)
	except ValueError:
		return value
	return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
