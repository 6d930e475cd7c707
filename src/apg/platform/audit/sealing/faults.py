"""What a verification says: one fault in a sentence, the window that nothing vouches for yet."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from apg.kernel.texts import _

MOST = 10  # faults told of one tenant; the rest is counted


class Kind(StrEnum):
	CHANGED = "entry_changed"
	REMOVED = "entry_removed"
	INSERTED = "entry_inserted"
	REORDERED = "entry_reordered"
	HASH_CHANGED = "hash_changed"
	BATCH_CHANGED = "batch_changed"
	HEAD_CHANGED = "head_changed"
	HEAD_FORGED = "head_forged"
	HEAD_REMOVED = "head_removed"
	ROLLED_BACK = "rolled_back"
	TAIL_CUT = "tail_cut"
	NOT_WITNESSED = "not_witnessed"
	WITNESS_CHANGED = "witness_changed"
	NOT_SEALED = "not_sealed"


@dataclass(frozen=True, slots=True)
class Fault:
	"""One thing that is not as it was sealed. `place` counts entries of the tenant from 0 in log
	order; `seq` is the number at `/admin/audit/{seq}`; `columns` is what differs, when it can be told.
	"""

	kind: Kind
	tenant: str
	text: str
	place: int | None = None
	seq: int | None = None
	table: str | None = None
	at: datetime | None = None
	head: int | None = None
	columns: tuple[str, ...] = ()

	def row(self) -> dict[str, Any]:
		return {
			"kind": self.kind.value,
			"text": self.text,
			"place": self.place,
			"seq": self.seq,
			"table": self.table,
			"at": self.at,
			"head": self.head,
			"columns": list(self.columns),
		}


@dataclass
class Chain:
	"""What was found of one tenant. `entries` and `heads` are those that were read."""

	tenant: str
	name: str
	entries: int = 0
	heads: int = 0
	sealed: int = 0
	head: int = 0
	sealed_at: datetime | None = None
	unsealed: int = 0
	unsealed_from: datetime | None = None
	unsealed_to: datetime | None = None
	faults: list[Fault] = field(default_factory=list[Fault])
	more: int = 0

	def add(self, fault: Fault) -> None:
		if len(self.faults) < MOST:
			self.faults.append(fault)
		else:
			self.more += 1

	def window(self) -> str:
		"""What is not vouched for, in a sentence."""
		if not self.unsealed:
			return _("every entry is sealed")
		return _(
			"{n} unsealed entries from {first} to {last} are not vouched for",
			n=self.unsealed,
			first=when(self.unsealed_from),
			last=when(self.unsealed_to),
		)

	def row(self) -> dict[str, Any]:
		return {
			"tenant": self.tenant,
			"name": self.name,
			"clean": not self.faults,
			"entries": self.entries,
			"sealed": self.sealed,
			"heads": self.heads,
			"head": self.head,
			"sealed_at": self.sealed_at,
			"unsealed": {
				"entries": self.unsealed,
				"from": self.unsealed_from,
				"to": self.unsealed_to,
			},
			"faults": [fault.row() for fault in self.faults],
			"more_faults": self.more,
		}


def when(at: datetime | None) -> str:
	"""A time as people read it, UTC."""
	return "–" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
