"""Whatever leaves the machine: addresses are checked, and the connection goes to the checked one.

The only HTTP client of the product, for webhooks, connectors and reports of errors; mail asks
`reach` for the address it may connect to. No redirects, no proxies of the environment.
"""

import asyncio
import hashlib
import hmac
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from apg.kernel.errors import AppError
from apg.kernel.settings import Settings
from apg.kernel.texts import _

if TYPE_CHECKING:
	from apg.kernel.runtime import Runtime

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

CONNECT_SECONDS, TOTAL_SECONDS = 5.0, 10.0
READ_BYTES = 65_536
LONGEST_URL = 2_000
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*\Z")  # fmt: skip
# Beside what the registries call not global (private, loopback, link-local, 100.64/10, multicast):
# addresses that carry another one inside, and the metadata service that has a public one.
_NEVER = tuple(
	ipaddress.ip_network(text)
	for text in (
		"0.0.0.0/8", "100.64.0.0/10", "168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24",
		"198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4", "::/96", "::ffff:0:0/96", "64:ff9b::/96",
		"64:ff9b:1::/48", "100::/64", "2001::/23", "2002::/16", "3fff::/20", "5f00::/16",
		"fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
	)
)  # fmt: skip


class OutboundRefused(AppError):
	"""The address may not be called; nothing was sent."""

	status, code, title = 422, "ADDRESS_REFUSED", "This address may not be called"


class OutboundFailed(Exception):
	"""The other side could not be reached or did not answer as it should; `kind` is one word."""

	def __init__(self, kind: str) -> None:
		super().__init__(kind)
		self.kind = kind


@dataclass(frozen=True, slots=True)
class Target:
	"""A URL that may be asked, as far as its text tells."""

	scheme: str
	host: str
	port: int
	path: str

	@property
	def authority(self) -> str:
		host = f"[{self.host}]" if ":" in self.host else self.host
		return (
			host if self.port == {"https": 443, "http": 80}[self.scheme] else f"{host}:{self.port}"
		)


@dataclass(frozen=True, slots=True)
class Answer:
	"""What came back: at most 64 kB of the body; `whole` is False when there was more."""

	status: int
	headers: Mapping[str, str]
	body: bytes
	whole: bool

	@property
	def text(self) -> str:
		return self.body.decode("utf-8", "replace")


async def system_resolver(host: str, port: int) -> Sequence[str]:
	"""The addresses that the machine's own resolver gives."""
	loop = asyncio.get_running_loop()
	found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
	return list(dict.fromkeys(str(one[4][0]) for one in found))


class Outbound:
	"""The door out of the machine; one per process."""

	def __init__(
		self,
		settings: Settings,
		resolve: Resolve = system_resolver,
		*,
		connect_seconds: float = CONNECT_SECONDS,
		total_seconds: float = TOTAL_SECONDS,
	) -> None:
		self._resolve = resolve
		self._connect_seconds, self._total_seconds = connect_seconds, total_seconds
		self._ca = settings.outbound_ca
		self._schemes = ("https", "http") if settings.outbound_http else ("https",)
		self._ports = _ports(settings.outbound_ports)
		self._names, self._networks = _allowed(settings.outbound_allow)
		own = [urlsplit(settings.base_url).hostname or "", *settings.allowed_hosts.split(",")]
		self._own = {name.strip(" []").lower() for name in own} - {"", "*"}

	@classmethod
	def to(cls, settings: Settings, url: str) -> "Outbound":
		"""For an address the operator himself put into a setting: its host, port and scheme count
		as on his list, for this caller alone."""
		parts = urlsplit(url)
		made = cls(settings)
		made._schemes = (parts.scheme,)
		made._ports = {parts.port or {"https": 443}.get(parts.scheme, 80)}
		made._names, made._own = made._names | {parts.hostname or ""}, set()
		return made

	@cached_property
	def tls(self) -> ssl.SSLContext:
		return ssl.create_default_context(cafile=self._ca or None)

	def target(self, url: str) -> Target:
		"""Checks the text of a URL, without asking anybody. Raises OutboundRefused."""
		if not url.isascii() or re.search(r"[\x00-\x20\x7f\\]", url) or len(url) > LONGEST_URL:
			raise OutboundRefused(_("Write the address in plain ASCII, without spaces."))
		try:
			parts = urlsplit(url)
			port, host = parts.port, (parts.hostname or "").lower()
		except ValueError:
			raise OutboundRefused(_("This is not an address of the web.")) from None
		if parts.scheme not in self._schemes:
			raise OutboundRefused(_("The address must begin with https://."))
		if "@" in parts.netloc:
			raise OutboundRefused(_("The address may not hold a user name or password."))
		if parts.netloc.endswith(":"):
			raise OutboundRefused(_("This is not an address of the web."))
		port = {"https": 443, "http": 80}[parts.scheme] if port is None else port
		if port not in self._ports:
			known = ", ".join(map(str, sorted(self._ports)))
			raise OutboundRefused(_("Only the ports {ports} may be called.", ports=known))
		host = host.removesuffix(".")
		literal = _literal(host, bracketed="[" in parts.netloc)
		if literal is not None:
			self._check(host, [literal])
		elif host not in self._names and (
			host in self._own or host == "localhost" or host.endswith((".localhost", ".internal"))
		):
			raise OutboundRefused(_("This address leads back to the product itself."))
		path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
		return Target(parts.scheme, host, port, path)

	async def reach(self, host: str, port: int) -> str:
		"""Resolves a name once and answers the address to connect to.

		Raises OutboundRefused when any of its addresses may not be called, OutboundFailed.
		"""
		try:
			literal = _literal(host, bracketed=":" in host)
			found = [literal] if literal else await self._addresses(host, port)
		except (OSError, UnicodeError):
			raise OutboundFailed("name") from None
		self._check(host, found)
		return str(found[0])

	async def _addresses(self, host: str, port: int) -> list[Address]:
		try:
			# A scope (`fe80::1%eth0`) is no part of the address that is checked.
			found = [
				ipaddress.ip_address(one.partition("%")[0])
				for one in await self._resolve(host, port)
			]
		except ValueError:
			found = []
		if not found:
			raise OutboundFailed("name")
		return found

	def _check(self, host: str, addresses: Sequence[Address]) -> None:
		if host in self._names:
			return
		for address in addresses:
			if any(address in network for network in self._networks):
				continue
			if not address.is_global or any(address in network for network in _NEVER):
				raise OutboundRefused(_("This address is not one of the public internet."))
			if _is_own(address):
				raise OutboundRefused(_("This address leads back to the product itself."))

	async def send(
		self, method: str, url: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
	) -> Answer:
		"""One request to a checked address. Raises OutboundRefused, OutboundFailed."""
		target = self.target(url)
		try:
			async with asyncio.timeout(self._total_seconds):
				address = await self.reach(target.host, target.port)
				return await self._exchange(target, address, method, body, headers or {})
		except TimeoutError:
			raise OutboundFailed("time") from None

	async def _exchange(
		self, target: Target, address: str, method: str, body: bytes, headers: Mapping[str, str]
	) -> Answer:
		import httpcore

		given = {
			"Host": target.authority,
			"User-Agent": "APG",
			"Accept-Encoding": "identity",
			"Connection": "close",
			"Content-Length": str(len(body)),
			**headers,
		}
		url = httpcore.URL(
			scheme=target.scheme.encode(),
			host=target.host.encode(),
			port=target.port,
			target=target.path.encode(),
		)
		backend: Any = _Straight(address)
		pool = httpcore.AsyncConnectionPool(
			ssl_context=self.tls if target.scheme == "https" else None,
			max_connections=1,
			network_backend=backend,
		)
		limits = {"connect": self._connect_seconds, "read": None, "write": None, "pool": None}
		try:
			async with pool, pool.stream(
				method, url, headers=list(given.items()), content=body,
				extensions={"timeout": limits},
			) as response:  # fmt: skip
				return await _answer(response)
		except httpcore.ConnectTimeout:
			raise OutboundFailed("connect") from None
		except httpcore.ConnectError as error:
			kind = "tls" if isinstance(error.__context__, ssl.SSLError) else "connect"
			raise OutboundFailed(kind) from None
		except (httpcore.NetworkError, httpcore.TimeoutException):
			raise OutboundFailed("connection") from None
		except (httpcore.ProtocolError, httpcore.UnsupportedProtocol):
			raise OutboundFailed("protocol") from None


async def _answer(response: Any) -> Answer:
	parts: list[bytes] = []
	size = 0
	async for part in response.aiter_stream():
		parts.append(part)
		size += len(part)
		if size > READ_BYTES:
			break
	text = {
		name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
	}
	return Answer(response.status, text, b"".join(parts)[:READ_BYTES], size <= READ_BYTES)


class _Straight:
	"""Connects to the address that was checked, whatever name the request carries (and TLS asks)."""

	def __init__(self, address: str) -> None:
		self._address = address

	async def connect_tcp(self, host: str, port: int, **options: Any) -> Any:
		import httpcore

		backend: Any = httpcore.AnyIOBackend()
		return await backend.connect_tcp(self._address, port, **options)

	async def sleep(self, seconds: float) -> None:
		await asyncio.sleep(seconds)


def _literal(host: str, *, bracketed: bool) -> Address | None:
	"""The address that the host is, None for a name. Raises OutboundRefused for any other spelling
	of a number: libraries do not agree on what 0177.1 or 2130706433 means."""
	try:
		if bracketed:
			if "%" in host:
				raise ValueError
			return ipaddress.IPv6Address(host)
		last = host.rpartition(".")[2]
		if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", last):
			return ipaddress.IPv4Address(host)
	except ValueError:
		raise OutboundRefused(
			_("Write the number of a host as 203.0.113.7 or [2001:db8::7].")
		) from None
	if not _HOST.match(host):
		raise OutboundRefused(_("This is not the name of a host."))
	return None


def _is_own(address: Address) -> bool:
	"""Whether this machine has the address: only then a socket may be bound to it."""
	family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
	try:
		with socket.socket(family, socket.SOCK_DGRAM) as probe:
			probe.bind((str(address), 0))
	except OSError:
		return False
	return True


def _ports(text: str) -> set[int]:
	return {int(part) for part in text.split(",") if part.strip().isdigit()}


def _allowed(text: str) -> tuple[set[str], list[Any]]:
	"""The operator's list: names of hosts, addresses and networks."""
	names: set[str] = set()
	networks: list[Any] = []
	for part in filter(None, (one.strip().lower() for one in text.split(","))):
		try:
			networks.append(ipaddress.ip_network(part, strict=False))
		except ValueError:
			names.add(part)
	return names, networks


def signature(body: bytes, *secrets: str, at: int | None = None) -> str:
	"""`t=…,v1=…`: HMAC-SHA-256 over `t.body`, one `v1` for each secret that is good now."""
	moment = int(time.time()) if at is None else at
	signed = f"{moment}.".encode() + body
	marks = [hmac.digest(one.encode(), signed, hashlib.sha256).hex() for one in secrets]
	return ",".join([f"t={moment}", *(f"v1={mark}" for mark in marks)])


def outbound_of(runtime: "Runtime") -> Outbound:
	"""The process's door, made when it is first needed."""
	if "outbound" not in runtime.state:
		runtime.state["outbound"] = Outbound(runtime.settings)
	return runtime.state["outbound"]
