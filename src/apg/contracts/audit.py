"""The trail of changes, for capabilities that show the history of their own rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from apg.kernel.events import Event

if TYPE_CHECKING:
	from apg.kernel.work import Work


class SecurityEventRaised(Event):
	"""Something of high or critical risk was refused or found: the first of its minute.

	Written by the database itself with the security event, so that none is without the other.
	"""

	name = "audit.security_event.raised.v1"
	event_id: str
	kind: str
	risk: str


@dataclass(frozen=True, slots=True)
class TrailEntry:
	"""One change of one row, in the form `ui.history` shows.

	`what` is a sentence without its subject; `changes` are (column, old, new), where a column with
	personal or secret content reads "redacted". `seq` is the number at `/admin/audit/{seq}`.
	"""

	seq: int
	table: str
	row_id: str
	operation: str
	action: str
	at: datetime
	user_id: str | None
	who: str
	what: str
	changes: tuple[tuple[str, Any, Any], ...]
	request_id: str


class AuditTrail(Protocol):
	"""Provided by audit."""

	absent: ClassVar["AuditTrail"]

	async def history_of(
		self, work: "Work", table: str, *row_ids: str, limit: int = 50
	) -> Sequence[TrailEntry]:
		"""The latest changes of rows of one table, newest first, names of people joined."""
		...

	async def removed(
		self, work: "Work", table: str, column: str, value: str, *, limit: int = 50
	) -> Sequence[str]:
		"""Ids of rows that are gone and had this value in the column, the last removed first."""
		...


class NoTrail:
	"""Without audit there is no history to show."""

	async def history_of(
		self, work: "Work", table: str, *row_ids: str, limit: int = 50
	) -> Sequence[TrailEntry]:
		return ()

	async def removed(
		self, work: "Work", table: str, column: str, value: str, *, limit: int = 50
	) -> Sequence[str]:
		return ()


AuditTrail.absent = NoTrail()  # type: ignore[assignment]
