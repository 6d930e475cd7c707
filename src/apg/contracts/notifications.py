"""Messages to people inside the product."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
	from apg.kernel.work import Work


class Priority(StrEnum):
	LOW = "low"
	NORMAL = "normal"
	HIGH = "high"
	URGENT = "urgent"


@dataclass(frozen=True, slots=True)
class Message:
	"""What one person is told.

	`kind` is a stable word such as `change_approval_request`; `action_url` a path of this server
	that leads to the thing. `key`, when given, keeps a repeated task from telling the same person
	the same thing twice.
	"""

	recipient_id: str
	kind: str
	subject: str
	message: str = ""
	action_url: str | None = None
	priority: Priority = Priority.NORMAL
	key: str | None = None


class Notifications(Protocol):
	"""Provided by notifications."""

	absent: ClassVar["Notifications"]

	async def send(self, work: "Work", *messages: Message) -> int:
		"""Puts the messages into inboxes in this transaction; answers how many were new.

		Raises Invalid for a path that leads elsewhere and for texts that are too long.
		"""
		...


class NoNotifications:
	"""Without notifications nobody is told."""

	async def send(self, work: "Work", *messages: Message) -> int:
		return 0


Notifications.absent = NoNotifications()  # type: ignore[assignment]
