"""Before the body: credential → Principal or 401, budget, size; nothing is read on the way."""

import hmac
import re
from collections.abc import Iterable
from contextvars import ContextVar
from http.cookies import CookieError, SimpleCookie
from typing import Any, Protocol
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from apg.kernel import observe, security_events
from apg.kernel.errors import AppError, PermissionDenied, TooLarge, Unauthenticated
from apg.kernel.principal import Authenticator, Credential, Principal
from apg.kernel.runtime import Runtime
from apg.kernel.texts import _, known_locale, locale_of_moment

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
scope_of_moment: ContextVar[Scope | None] = ContextVar("scope_of_moment", default=None)


class Refusals(Protocol):
	"""How a refusal is shown: JSON in the envelope of the path, HTML, or an htmx toast."""

	def __call__(self, request: Request, error: AppError) -> Response: ...


class Openings:
	"""The visible table of public routes and of routes that may be sent more than the platform's
	limit; mounting fills it from the routes."""

	def __init__(self, default_limit: int) -> None:
		self.default_limit = default_limit
		self._exact: set[tuple[str, str]] = set()
		self._patterns: list[tuple[re.Pattern[str], frozenset[str]]] = []
		self._prefixes: tuple[str, ...] = ()
		self._limits: list[tuple[re.Pattern[str], frozenset[str], int]] = []
		self._classes: list[tuple[re.Pattern[str], frozenset[str], str]] = []

	def open(self, path: str, pattern: re.Pattern[str], methods: Iterable[str]) -> None:
		if "{" in path:
			self._patterns.append((pattern, frozenset(methods)))
		for method in methods:
			self._exact.add((method, path))

	def open_below(self, prefix: str) -> None:
		self._prefixes = (*self._prefixes, prefix)

	def widen(self, pattern: re.Pattern[str], methods: Iterable[str], limit: int) -> None:
		self._limits.append((pattern, frozenset(methods), limit))

	def classify(self, pattern: re.Pattern[str], methods: Iterable[str], name: str) -> None:
		self._classes.append((pattern, frozenset(methods), name))

	def is_open(self, method: str, path: str) -> bool:
		return (
			(method, path) in self._exact
			or path.startswith(self._prefixes)
			or any(method in methods and pattern.match(path) for pattern, methods in self._patterns)
		)

	def limit(self, method: str, path: str) -> int:
		for pattern, methods, limit in self._limits:
			if method in methods and pattern.match(path):
				return limit
		return self.default_limit

	def rate_class(self, method: str, path: str) -> str:
		for pattern, methods, name in self._classes:
			if method in methods and pattern.match(path):
				return name
		return "read" if method in SAFE else "write"


class Budget(Protocol):
	"""Rate limits; answers headers, or raises TooManyRequests."""

	async def spend(
		self, principal: Principal | None, address: str, rate_class: str
	) -> dict[str, str]: ...


class AuthenticationMiddleware:
	"""Pure ASGI, outermost but for request ids and headers; sockets and mounts pass here too."""

	def __init__(self, app: ASGIApp, openings: Openings, refuse: Refusals) -> None:
		self.app = app
		self.openings = openings
		self.refuse = refuse

	async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
		if scope["type"] not in ("http", "websocket"):
			await self.app(scope, receive, send)
			return
		runtime: Runtime = scope["app"].state.runtime
		request = Request(scope) if scope["type"] == "http" else None
		token = scope_of_moment.set(scope)
		try:
			extra = await self._admit(scope, runtime)
		except AppError as error:
			if request is None:
				await send({"type": "websocket.close", "code": 4000 + error.status})
				return
			await self._refused(scope, runtime, error)
			await self.refuse(request, error)(scope, receive, send)
			return
		finally:
			if scope["type"] != "http":
				scope_of_moment.reset(token)
		limit = self._limit(scope)
		declared = Headers(scope=scope).get("content-length")
		if request is not None and declared is not None:
			if not declared.isdigit() or int(declared) > limit:
				error = TooLarge(_("At most {n} bytes are accepted here.", n=limit))
				await self.refuse(request, error)(scope, receive, send)
				return
			await self.app(scope, receive, _with_headers(send, extra))
			return
		await self.app(scope, _counted(receive, limit), _with_headers(send, extra))

	def _limit(self, scope: Scope) -> int:
		return self.openings.limit(scope.get("method", "GET"), scope["path"])

	async def _admit(self, scope: Scope, runtime: Runtime) -> dict[str, str]:
		method, path = scope.get("method", "GET"), scope["path"]
		headers = Headers(scope=scope)
		address = str(scope.get("state", {}).get("client_address", ""))
		budget: Budget | None = runtime.state.get("budget")
		opened = self.openings.is_open(method, path)
		locale_of_moment.set(_accepted_locale(headers))  # a refusal is read by somebody too
		credential = credential_of(headers, runtime, scope)
		principal: Principal | None = None
		if credential is not None:
			authenticator: Authenticator = runtime.state["authenticator"]
			try:
				principal = await authenticator.authenticate(credential)
			except Unauthenticated:
				if not opened:
					raise
		if principal is None and not opened:
			raise Unauthenticated
		scope["principal"] = principal
		if principal is not None:
			locale_of_moment.set(principal.locale)
			observe.bind(tenant_id=principal.tenant_id, user_id=principal.user_id)
			_same_tenant(headers, principal)
		if credential is not None and credential.kind == "cookie":
			# A public form (sign in and out, reset, invitation) checks its own token in its body.
			_same_site(scope, headers, None if opened else principal, runtime, method)
		if budget is None:
			return {}
		name = self.openings.rate_class(method, path) if principal else "public"
		return {} if path in _UNCOUNTED else await budget.spend(principal, address, name)

	async def _refused(self, scope: Scope, runtime: Runtime, error: AppError) -> None:
		kind = {401: "unauthenticated", 403: "denied"}.get(error.status)
		if kind is None:
			return
		state = scope.get("state", {})
		if error.code == "TENANT_MISMATCH":
			kind = "tenant_mismatch"
		elif error.code == "CROSS_SITE":
			kind = "cross_site"
		await security_events.record(
			runtime,
			kind,
			route=f"{scope.get('method', 'WS')} {scope['path']}",
			address=str(state.get("client_address", "")),
			agent=Headers(scope=scope).get("user-agent", "")[:200],
			principal=scope.get("principal"),
		)


_UNCOUNTED = frozenset({"/live", "/ready", "/metrics"})


def session_cookie(runtime: Runtime) -> str:
	"""`__Host-` needs TLS; on a loopback address without it the plain name is used."""
	return "__Host-apg_session" if runtime.settings.secure_cookies else "apg_session"


def credential_of(headers: Headers, runtime: Runtime, scope: Scope) -> Credential | None:
	"""Bearer token or API key before cookie; a cookie beside a bearer is ignored."""
	authorization = headers.get("authorization")
	if authorization is not None:
		kind, _space, text = authorization.partition(" ")
		if kind.lower() != "bearer" or not text.strip():
			raise Unauthenticated(_("Use the Authorization header as: Bearer <token>."))
		text = text.strip()
		return Credential("api_key" if text.startswith("apg_") else "bearer", text)
	if "cookie" not in headers:
		return None
	try:
		jar = SimpleCookie(headers["cookie"])
	except CookieError:
		return None
	found = jar.get(session_cookie(runtime))
	return Credential("cookie", found.value) if found is not None and found.value else None


def _accepted_locale(headers: Headers) -> str:
	first = headers.get("accept-language", "").split(",")[0]
	return known_locale(first.split(";")[0].split("-")[0].strip().lower())


class TenantMismatch(PermissionDenied):
	code = "TENANT_MISMATCH"


class CrossSite(PermissionDenied):
	code = "CROSS_SITE"


def _same_tenant(headers: Headers, principal: Principal) -> None:
	named = headers.get("x-tenant-id")
	if named is not None and named not in (principal.tenant_id, principal.tenant_slug):
		raise TenantMismatch(_("The token is for another tenant than X-Tenant-ID names."))


def is_same_site(headers: Headers, runtime: Runtime) -> bool:
	"""Whether the browser says that our own page sent this."""
	if headers.get("sec-fetch-site") == "same-origin":
		return True
	origin = headers.get("origin")
	return origin is not None and origin == runtime.settings.base_url


def _same_site(
	scope: Scope, headers: Headers, principal: Principal | None, runtime: Runtime, method: str
) -> None:
	if scope["type"] == "websocket":
		origin = headers.get("origin", "")
		if (
			origin.split("://")[-1] != headers.get("host", "")
			and origin != runtime.settings.base_url
		):
			raise CrossSite
		return
	if method in SAFE:
		return
	if not is_same_site(headers, runtime):
		raise CrossSite(_("This request did not come from a page of this server."))
	if principal is not None and principal.session is not None:
		shown = headers.get("x-csrf-token", "")
		if not hmac.compare_digest(shown.encode(), principal.session.csrf.encode()):
			raise CrossSite(_("The page is out of date; reload it and try again."))


def _counted(receive: Receive, limit: int) -> Receive:
	seen = 0

	async def counted() -> Message:
		nonlocal seen
		message = await receive()
		if message["type"] == "http.request":
			seen += len(message.get("body", b""))
			if seen > limit:
				raise TooLarge(_("At most {n} bytes are accepted here.", n=limit))
		return message

	return counted


def _with_headers(send: Send, extra: dict[str, str]) -> Send:
	if not extra:
		return send
	raw = [(name.lower().encode(), value.encode()) for name, value in extra.items()]

	async def sending(message: Message) -> None:
		if message["type"] == "http.response.start":
			message["headers"] = [*message.get("headers", []), *raw]
		await send(message)

	return sending


def to_login(request: Request) -> Response | None:
	"""A person without a session is led to the login page and back; programs get the 401."""
	wants_page = "text/html" in request.headers.get("accept", "")
	if request.url.path.startswith("/api/") or not wants_page or request.method != "GET":
		if request.headers.get("hx-request") == "true":
			return Response(status_code=401)  # the page stays, with all that is typed on it
		return None
	query = f"?{request.url.query}" if request.url.query else ""
	target: Any = quote(request.url.path + query, safe="/?=&%")
	return RedirectResponse(f"/login?next={quote(target, safe='')}", 303)
