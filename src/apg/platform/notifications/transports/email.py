"""SMTP: one session for some messages, to the address that was checked and to no other."""

import asyncio
import smtplib
import socket
import ssl
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from typing import Any

from apg.kernel.outbound import Outbound, OutboundFailed, OutboundRefused
from apg.platform.notifications.settings import MailSettings

CONNECT_SECONDS = 5.0
STEP_SECONDS = 10.0
ALL_SECONDS = 120.0


class MailFailed(Exception):
	"""A mail did not go; `kind` is one word without names or addresses, `again` whether to retry."""

	def __init__(self, kind: str, *, again: bool = True) -> None:
		super().__init__(kind)
		self.kind, self.again = kind, again


class _Session(smtplib.SMTP):
	"""Connects to the checked address, whatever the name resolves to by then; TLS asks the name."""

	def __init__(
		self, address: str, settings: MailSettings, tls: ssl.SSLContext, hello: str
	) -> None:
		self._address = address
		self._at_once = tls if settings.security == "tls" else None
		super().__init__(settings.host, settings.port, local_hostname=hello, timeout=STEP_SECONDS)

	def _get_socket(self, host: str, port: int, timeout: float) -> Any:
		plain = socket.create_connection((self._address, port), CONNECT_SECONDS)
		plain.settimeout(timeout)
		if self._at_once is None:
			return plain
		return self._at_once.wrap_socket(plain, server_hostname=host)


def _open(address: str, settings: MailSettings, tls: ssl.SSLContext, hello: str) -> _Session:
	session = _Session(address, settings, tls, hello)
	try:
		session.ehlo()
		if settings.security == "starttls":
			session.starttls(context=tls)  # refuses to go on in clear text
			session.ehlo()
		if settings.user:
			session.login(settings.user, settings.password)
	except BaseException:
		session.close()
		raise
	return session


def _failure(error: Exception) -> MailFailed:
	"""One word for what went wrong: what a server says may repeat addresses."""
	if isinstance(error, smtplib.SMTPAuthenticationError):
		return MailFailed("login")
	if isinstance(error, smtplib.SMTPNotSupportedError):
		return MailFailed("no_starttls")
	if isinstance(error, smtplib.SMTPRecipientsRefused):
		codes = [code for code, _text in error.recipients.values()]
		return MailFailed("recipient", again=all(400 <= code < 500 for code in codes))
	if isinstance(error, smtplib.SMTPResponseException):
		return MailFailed(f"smtp_{error.smtp_code}", again=not 500 <= error.smtp_code < 600)
	if isinstance(error, ssl.SSLError):
		return MailFailed("tls")
	return MailFailed("connection")


class EmailTransport:
	"""Sends through the operator's SMTP server."""

	def __init__(self, settings: MailSettings, out: Outbound, hello: str) -> None:
		self.settings, self.out, self.hello = settings, out, hello

	async def deliver(
		self, messages: Mapping[str, tuple[str, EmailMessage]]
	) -> dict[str, MailFailed | None]:
		"""Id → (address, message) in, id → how it went out. Raises MailFailed when none could go."""
		address = await self._address()
		try:
			async with asyncio.timeout(ALL_SECONDS):
				return await asyncio.to_thread(self._deliver, address, messages)
		except TimeoutError:
			raise MailFailed("time") from None

	async def check(self) -> None:
		"""Connects, asks for TLS and signs in, as before a mail. Raises MailFailed."""
		await asyncio.to_thread(self._check, await self._address())

	async def _address(self) -> str:
		try:
			return await self.out.reach(self.settings.host.lower(), self.settings.port)
		except OutboundRefused:
			raise MailFailed("address_refused") from None
		except OutboundFailed as failed:
			raise MailFailed(failed.kind) from None

	def _check(self, address: str) -> None:
		try:
			session = _open(address, self.settings, self.out.tls, self.hello)
			session.noop()
			session.quit()
		except (smtplib.SMTPException, OSError) as error:
			raise _failure(error) from None

	def _deliver(
		self, address: str, messages: Mapping[str, tuple[str, EmailMessage]]
	) -> dict[str, MailFailed | None]:
		try:
			session = _open(address, self.settings, self.out.tls, self.hello)
		except (smtplib.SMTPException, OSError) as error:
			raise _failure(error) from None
		told: dict[str, MailFailed | None] = {}
		try:
			for mail_id, (to, message) in messages.items():
				try:
					session.send_message(message, self.settings.sender, _list(to))
					told[mail_id] = None
				except smtplib.SMTPServerDisconnected:
					return told  # the others were not tried
				except (smtplib.SMTPException, ValueError) as error:
					told[mail_id] = _failure(error)
					session.rset()
				except OSError:
					return told
			session.quit()
		except (smtplib.SMTPException, OSError):
			pass  # what is not told is tried again
		finally:
			session.close()
		return told


def _list(to: str) -> Sequence[str]:
	return [to]
