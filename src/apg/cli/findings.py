"""What the doctor and the verification of the trail say of one thing."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
	"""One thing looked at: `ok`, `note` (nothing must be done) or `bad`, and what to do.

	After a fatal one there is no use in looking further.
	"""

	what: str
	state: str
	found: str
	remedy: str = ""
	fatal: bool = False

	def row(self) -> dict[str, Any]:
		return {"what": self.what, "state": self.state, "found": self.found, "remedy": self.remedy}


def ok(what: str, found: str) -> Finding:
	return Finding(what, "ok", found)


def note(what: str, found: str, remedy: str) -> Finding:
	return Finding(what, "note", found, remedy)


def bad(what: str, found: str, remedy: str, *, fatal: bool = False) -> Finding:
	return Finding(what, "bad", found, remedy, fatal)
