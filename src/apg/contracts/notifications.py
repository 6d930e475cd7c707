"""Messages to people inside the product."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
	from apg.kernel.runtime import Runtime
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


@dataclass(frozen=True, slots=True)
class Letter:
	"""What is mailed to one address: paragraphs of text and one link, in the reader's language.

	It is kept encrypted until it is sent, at the latest until `expires_at`, and then forgotten.
	"""

	to: str
	kind: str
	subject: str
	paragraphs: tuple[str, ...]
	link: str = ""
	link_text: str = ""
	locale: str = "en"
	recipient_id: str | None = None
	expires_at: datetime | None = None


class Mail(Protocol):
	"""Mail to people outside or inside of the product; provided by notifications."""

	absent: ClassVar["Mail"]

	def is_on(self, runtime: "Runtime") -> bool:
		"""Whether this installation can send mail."""
		...

	async def send(self, work: "Work", letter: Letter) -> bool:
		"""Puts the letter into the post in this transaction; False where there is no mail."""
		...


class NoMail:
	"""Without mail, links are shown to whoever makes them."""

	def is_on(self, runtime: "Runtime") -> bool:
		return False

	async def send(self, work: "Work", letter: Letter) -> bool:
		return False


Mail.absent = NoMail()  # type: ignore[assignment]
