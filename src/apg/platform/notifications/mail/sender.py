"""The sender of mail: takes what is due of all tenants, and forgets the content once it is sent."""

import asyncio
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from typing import Any, cast
from urllib.parse import urlsplit

import orjson
import structlog
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from apg.kernel.events import backoff
from apg.kernel.keys import KeyProblem
from apg.kernel.outbound import outbound_of
from apg.kernel.principal import Principal
from apg.kernel.relay import wait_for_any
from apg.kernel.runtime import Runtime
from apg.kernel.stamps import utc_now
from apg.kernel.work import Origin, open_work
from apg.platform.notifications.mail.letters import BadAddress, composed
from apg.platform.notifications.mail.models import OutgoingMail, State
from apg.platform.notifications.mail.service import COLUMN, ring_of, settings_of
from apg.platform.notifications.transports import TRANSPORTS
from apg.platform.notifications.transports.email import ALL_SECONDS, MailFailed

AT_ONCE = 20
LEASE_SECONDS = ALL_SECONDS + 60.0
PrincipalOf = Callable[[str, str | None], Awaitable[Principal]]

_log = structlog.get_logger("apg.mail")
_SETTLE = """
	update notifications_mails set state = $3::text, failure = $4::text,
		content = case when $3 = 'waiting' then content end,
		next_at = clock_timestamp() + make_interval(secs => $5::float8),
		sent_at = case when $3 = 'sent' then clock_timestamp() end, updated_at = clock_timestamp()
	where id = $1 and state = 'sending' and attempts = $2::integer
"""


class Sender:
	"""One per worker process; any number of them share the rows."""

	def __init__(self, runtime: Runtime) -> None:
		self.runtime, self.settings = runtime, settings_of(runtime)
		base = runtime.settings.base_url
		hello = urlsplit(base).hostname or "localhost"
		self.transport = TRANSPORTS["email"](self.settings, outbound_of(runtime), hello)

	async def run(self, stop: asyncio.Event) -> None:
		while not stop.is_set():
			try:
				if await self.send_due():
					continue
			except (DBAPIError, OSError) as error:
				if (me := asyncio.current_task()) and me.cancelling():
					raise asyncio.CancelledError from error
				_log.warning("mail paused", error=type(error).__name__)
			await wait_for_any(stop, seconds=self.settings.poll_seconds)

	async def send_due(self) -> int:
		"""Takes what is due and sends it in one session; how many were taken."""
		async with self.runtime.engine.begin() as connection:
			found = await connection.exec_driver_sql(
				"select * from mail_claim($1, $2)", (AT_ONCE, LEASE_SECONDS)
			)
			taken = {
				str(mail_id): (str(tenant_id), int(attempt))
				for tenant_id, mail_id, attempt in cast(Any, found.all())
			}
		messages: dict[str, tuple[str, EmailMessage]] = {}
		for mail_id, (tenant_id, attempt) in taken.items():
			ready = await self._read(tenant_id, mail_id)
			if isinstance(ready, State):
				await self._settle(mail_id, tenant_id, attempt, ready)
			elif isinstance(ready, MailFailed):
				await self._settle(mail_id, tenant_id, attempt, State.FAILED, ready.kind)
			elif ready is not None:
				messages[mail_id] = ready
		if messages:
			told = await self._deliver(messages)
			for mail_id in messages:
				failed = told.get(mail_id, MailFailed("connection"))
				tenant_id, attempt = taken[mail_id]
				if failed is None:
					await self._settle(mail_id, tenant_id, attempt, State.SENT)
				else:
					again = failed.again and attempt < self.settings.tries
					state = State.WAITING if again else State.FAILED
					await self._settle(mail_id, tenant_id, attempt, state, failed.kind)
		return len(taken)

	async def _deliver(
		self, messages: dict[str, tuple[str, EmailMessage]]
	) -> dict[str, MailFailed | None]:
		try:
			return await self.transport.deliver(messages)
		except MailFailed as failed:
			return dict.fromkeys(
				messages, MailFailed(failed.kind)
			)  # the server's fault, not theirs

	async def _read(
		self, tenant_id: str, mail_id: str
	) -> tuple[str, EmailMessage] | State | MailFailed | None:
		"""The message, or how it ends without being sent; None when the row is gone."""
		m = OutgoingMail
		async with self._work(tenant_id) as work:
			query = select(m.content, m.expires_at).where(m.id == mail_id)
			row = (await work.execute(query)).first()
		if row is None:
			return None
		content, expires_at = row
		if expires_at is not None and expires_at <= utc_now():
			return State.EXPIRED
		try:
			plain = orjson.loads(ring_of(self.runtime).decrypt(tenant_id, COLUMN, content))
			base = self.runtime.settings.base_url
			return plain["to"], composed(mail_id, plain, self.settings, base)
		except KeyProblem:
			return MailFailed("key")
		except BadAddress:
			return MailFailed("address")

	async def _settle(
		self, mail_id: str, tenant_id: str, attempt: int, state: State, failure: str | None = None
	) -> None:
		wait = 5.0 * backoff(attempt, ceiling=720.0)
		async with self._work(tenant_id) as work:
			await (await work.connection()).exec_driver_sql(
				_SETTLE, (mail_id, attempt, state.value, failure, wait)
			)
		_log.info("mail tried", mail=mail_id, attempt=attempt, state=state.value, failure=failure)

	def _work(self, tenant_id: str) -> Any:
		return open_work(
			self.runtime,
			Principal.system(tenant_id),
			action="notifications.mail.send",
			origin=Origin("task"),
		)


async def send_mail(runtime: Runtime, principal_of: PrincipalOf, stop: asyncio.Event) -> None:
	"""The loop of a worker process; without a server it has nothing to do."""
	if settings_of(runtime).is_on:
		await Sender(runtime).run(stop)
	else:
		await stop.wait()
