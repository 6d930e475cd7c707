"""Ranges of dates, units and lots: how a caller gives them and what they hold."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy.dialects.postgresql import Range


class Kind(StrEnum):
	"""dates: moments in UTC; units: serial numbers of the end item; lots: ordinals of its lots."""

	DATES = "dates"
	UNITS = "units"
	LOTS = "lots"


@dataclass(frozen=True, slots=True)
class Span:
	"""[start, end): what a revision is made effective for; without an end it goes on."""

	kind: Kind
	start: Any  # a datetime for dates, an int for units and lots
	end: Any = None

	@property
	def range(self) -> Range[Any]:
		return Range(self.start, self.end, bounds="[)")

	@classmethod
	def of(cls, row: Any) -> "Span":
		"""The range of an Effectivity."""
		kind = next(kind for kind in Kind if getattr(row, kind) is not None)
		held: Range[Any] = getattr(row, kind)
		return cls(kind, held.lower, held.upper)
