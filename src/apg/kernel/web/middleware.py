"""The outermost layer: who is asking under which name, request id, timing, security headers.

One pure ASGI class, because each layer costs and all of this needs the same pass over the headers.
"""

import asyncio
import re
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from time import perf_counter
from typing import Literal
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from apg.kernel import observe
from apg.kernel.errors import AppError, Malformed
from apg.kernel.stamps import new_id
from apg.kernel.texts import _
from apg.kernel.web.envelopes import ErrorForms

CONTENT_SECURITY_POLICY = (
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
	"font-src 'self'; connect-src 'self'; worker-src 'self' blob:; manifest-src 'self'; "
	"frame-ancestors 'none'; form-action 'self'; base-uri 'none'"
)
MAX_HEADERS, MAX_HEADER_BYTES, MAX_ADDRESS_BYTES = 100, 32_768, 8_192
PROBES = frozenset({"/live", "/ready"})  # asked for by address, so the Host says nothing

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_TRACE = re.compile(rb"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")
_ONCE = frozenset({b"host", b"content-length", b"transfer-encoding"})
_READ = _ONCE | frozenset(
	{b"x-request-id", b"traceparent", b"x-forwarded-for", b"x-forwarded-proto", b"forwarded"}
)
_FIXED = [
	(b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
	(b"x-content-type-options", b"nosniff"),
	(b"referrer-policy", b"same-origin"),
]
_TLS_ONLY = (b"strict-transport-security", b"max-age=31536000")


class UnknownHost(Malformed):
	code = "UNKNOWN_HOST"


class HeadersTooLarge(AppError):
	status, code, title = 431, "HEADERS_TOO_LARGE", "The header fields are too large"


class AddressTooLong(AppError):
	status, code, title = 414, "ADDRESS_TOO_LONG", "The address is too long"


class Edge:
	"""Wraps the whole application.

	Leaves in `scope["state"]`: `request_id`, `started` (perf_counter), `client_address`. A page that
	needs more than the policy allows puts its own into `scope["state"]["content_security_policy"]`
	or sets the header; a header that a response carries already is never replaced.
	"""

	def __init__(
		self,
		app: ASGIApp,
		observer: observe.Observer,
		*,
		allowed_hosts: str = "localhost,127.0.0.1,[::1]",
		public_url: str = "",
		trusted_proxies: str = "",
		forwarded_header: Literal["x-forwarded-for", "forwarded"] = "x-forwarded-for",
		forms: ErrorForms | None = None,
	) -> None:
		self.app, self.observer, self.forms = app, observer, forms or ErrorForms()
		self.proxies = TrustedProxies(trusted_proxies, forwarded_header)
		hosts = {part.strip().lower() for part in allowed_hosts.split(",") if part.strip()}
		public = urlsplit(public_url)
		if public.hostname:
			hosts.add(f"[{public.hostname}]" if ":" in public.hostname else public.hostname)
		self._hosts = frozenset(hosts)
		self._suffixes = tuple(host[1:] for host in hosts if host.startswith("*."))
		self._tls = public.scheme == "https"

	async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
		if scope["type"] not in ("http", "websocket"):
			await self.app(scope, receive, send)
			return
		started = perf_counter()
		state = scope.setdefault("state", {})
		found, refusal = self._read(scope)
		given = found.get(b"x-request-id", b"")
		request_id = given.decode() if _REQUEST_ID.fullmatch(given) else new_id()
		state["request_id"], state["started"] = request_id, started
		state["client_address"] = self.proxies.settle(scope, found)
		trace = _TRACE.fullmatch(found.get(b"traceparent", b""))
		if trace:
			observe.begin(
				request_id=request_id, trace_id=trace[1].decode(), span_id=trace[2].decode()
			)
		else:
			observe.begin(request_id=request_id)
		if scope["type"] == "websocket":
			if refusal is None:
				await self.app(scope, receive, send)
			else:
				await send({"type": "websocket.close", "code": 4000 + refusal.status})
			return

		status, ended = 0, 0.0

		async def sending(message: Message) -> None:
			nonlocal status, ended
			if message["type"] == "http.response.start":
				status = message["status"]
				now = perf_counter()
				message["headers"], streams = self._headers(
					scope, message, request_id, now - started
				)
				ended = now if streams else 0.0
			await send(message)

		try:
			if refusal is None:
				await self.app(scope, receive, sending)
			else:
				response = self.forms.response(refusal, scope["path"], request_id)
				await response(scope, receive, sending)
		except asyncio.CancelledError:
			status = status or 499
			raise
		finally:
			self.observer.request(
				scope["method"],
				scope["path"],
				observe.endpoint_of(scope),
				status or 500,
				(ended or perf_counter()) - started,
			)

	def _read(self, scope: Scope) -> tuple[dict[bytes, bytes], AppError | None]:
		"""The headers this layer uses, and why the request is refused on its headers alone."""
		found: dict[bytes, bytes] = {}
		size, doubled = 0, False
		for name, value in scope["headers"]:
			size += len(name) + len(value)
			if name in _READ:
				if name in found:
					doubled = doubled or name in _ONCE
					value = found[name] + b"," + value
				found[name] = value
		if size > MAX_HEADER_BYTES or len(scope["headers"]) > MAX_HEADERS:
			return found, HeadersTooLarge(
				_(
					"At most {count} header fields of {size} bytes together are accepted.",
					count=MAX_HEADERS,
					size=MAX_HEADER_BYTES,
				)
			)
		if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MAX_ADDRESS_BYTES:
			return found, AddressTooLong(
				_("The address may have at most {size} bytes.", size=MAX_ADDRESS_BYTES)
			)
		if doubled or (b"content-length" in found and b"transfer-encoding" in found):
			return found, Malformed(_("Host or length of the request is given twice."))
		if scope["path"] not in PROBES and not self._is_allowed(found.get(b"host", b"")):
			return found, UnknownHost(
				_("This server does not answer under that name; see APG_ALLOWED_HOSTS.")
			)
		return found, None

	def _is_allowed(self, host: bytes) -> bool:
		name = host.decode("latin-1").lower()
		name = name[: name.find("]") + 1] if name.startswith("[") else name.partition(":")[0]
		return name in self._hosts or "*" in self._hosts or name.endswith(self._suffixes or "\0")

	def _headers(
		self, scope: Scope, message: Message, request_id: str, seconds: float
	) -> tuple[list[tuple[bytes, bytes]], bool]:
		headers: list[tuple[bytes, bytes]] = list(message.get("headers", ()))
		names: set[bytes] = set()
		streams = False
		for name, value in headers:
			names.add(name)
			if name == b"content-type":
				streams = value.startswith(b"text/event-stream")
		own = scope["state"].get("content_security_policy")
		if own and b"content-security-policy" not in names:
			names.add(b"content-security-policy")
			headers.append((b"content-security-policy", own.encode()))
		for pair in _FIXED:
			if pair[0] not in names:
				headers.append(pair)
		if self._tls or scope["scheme"] == "https":
			headers.append(_TLS_ONLY)
		headers.append((b"x-request-id", request_id.encode()))
		headers.append((b"server-timing", b"app;dur=%.2f" % (seconds * 1_000)))
		return headers, streams


class TrustedProxies:
	"""Finds the caller behind the operator's own proxies, and believes nobody else.

	Reads only the one header those proxies write: a header they pass through unread is the caller's.
	"""

	def __init__(self, networks: str, header: str = "x-forwarded-for") -> None:
		self._networks: list[IPv4Network | IPv6Network] = [
			ip_network(part.strip(), strict=False) for part in networks.split(",") if part.strip()
		]
		self._header = header.encode()

	def settle(self, scope: Scope, found: dict[bytes, bytes]) -> str:
		"""The caller's address; sets `client` and `scheme` of the scope where a proxy tells them."""
		peer = (scope.get("client") or ("",))[0]
		address = peer.removeprefix("::ffff:") if "." in peer else peer
		if not self._networks or not self._is_ours(address):
			return address
		hops, scheme = self._told(found)
		for hop in reversed(hops):
			told = _plain_address(hop)
			if told is None:
				break
			address = told
			if not self._is_ours(address):
				break
		scope["client"] = (address, 0)
		if scheme in ("http", "https"):
			secure = scheme == "https"
			plain = {"http": "http", "websocket": "ws"}[scope["type"]]
			scope["scheme"] = plain + "s" if secure else plain
		return address

	def _told(self, found: dict[bytes, bytes]) -> tuple[list[str], str]:
		"""The hops from the outermost in, and the scheme the nearest proxy was asked with."""
		text = found.get(self._header, b"").decode("latin-1")
		elements = [part.strip() for part in text.split(",")] if text else []
		if self._header == b"x-forwarded-for":
			scheme = found.get(b"x-forwarded-proto", b"").decode("latin-1").rpartition(",")[2]
			return elements, scheme.strip().lower()
		pairs = [dict(_pairs(element)) for element in elements]  # RFC 7239
		return [pair.get("for", "") for pair in pairs], pairs[-1].get("proto", "") if pairs else ""

	def _is_ours(self, address: str) -> bool:
		try:
			found = ip_address(address)
		except ValueError:
			return False
		return any(found in network for network in self._networks)


def _pairs(element: str) -> Iterable[tuple[str, str]]:
	for pair in element.split(";"):
		name, _equals, value = pair.strip().partition("=")
		yield name.lower(), value.strip('"').lower()


def _plain_address(text: str) -> str | None:
	"""The address without port, brackets and zone; None for `unknown`, hidden names and garbage."""
	if text.startswith("["):
		text = text[1:].partition("]")[0]
	elif text.count(":") == 1:
		text = text.partition(":")[0]
	try:
		found = ip_address(text.partition("%")[0])
	except ValueError:
		return None
	mapped = getattr(found, "ipv4_mapped", None)
	return str(mapped or found)
