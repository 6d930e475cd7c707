"""Mounting: a composition becomes a running application, or refuses to start."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from copy import copy
from operator import itemgetter
from pathlib import Path
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.utils import generate_unique_id
from starlette.exceptions import HTTPException
from starlette.routing import Mount, compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from apg.kernel import observe, security_events
from apg.kernel.composition import Composition, CompositionError
from apg.kernel.errors import AppError
from apg.kernel.runtime import Runtime
from apg.kernel.settings import Settings
from apg.kernel.texts import add_catalogue, locale_of_moment
from apg.kernel.web.assets import Assets, root_files
from apg.kernel.web.authentication import (
	AuthenticationMiddleware,
	Openings,
	scope_of_moment,
	to_login,
)
from apg.kernel.web.describing import describe
from apg.kernel.web.envelopes import ErrorForms, as_app_error
from apg.kernel.web.figures import said
from apg.kernel.web.guarded_route import guard_of, is_public
from apg.kernel.web.middleware import Edge
from apg.kernel.web.pages import Frame, MenuGroup, MenuLink, PageEngine
from apg.kernel.web.switchboard import Switchboard
from apg.kernel.work import Work

UI = Path(__file__).resolve().parent.parent / "ui"


def mount(
	composition: Composition,
	settings: Settings,
	start: Callable[[FastAPI, AsyncExitStack], Awaitable[Runtime]],
	document: Callable[[FastAPI, Composition], None] | None = None,
) -> FastAPI:
	"""The application of a composition. Raises CompositionError for a route without a guard.

	`start` makes the Runtime when the process begins to serve and registers what to close; `document`
	adds pages of the API's description.
	"""

	@asynccontextmanager
	async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
		async with AsyncExitStack() as stack:
			app.state.runtime = await start(app, stack)
			warming = asyncio.create_task(asyncio.to_thread(app.state.pages.warm), name="pages")
			yield
			await warming

	app = FastAPI(
		title="APG",
		version="1.0",
		description="Product lifecycle and sustainability, on one composed platform.",
		lifespan=lifespan,
		openapi_url=None,
		separate_input_output_schemas=False,
	)
	forms = ErrorForms(
		tuple(
			api.prefix for c in composition.capabilities for api in c.apis if api.envelope == "ok"
		)
	)
	app.state.error_forms = forms
	app.state.composition = composition
	app.state.pages = engine = _engine(composition, settings)
	openings = Openings(settings.body_limit)
	openings.open_below("/static/")
	if document is not None:
		document(app, composition)
	for capability in composition.capabilities:
		for api in capability.apis:
			for router in api.routers:
				_lay(app, router, api.prefix)
		for pages in capability.pages:
			for router in pages.routers:
				_lay(app, router, pages.prefix)
	_static(app, composition)
	describe(app, forms)
	_check_routes(app, openings)
	router = app.router
	router.middleware_stack = Switchboard(router.middleware_stack, iter_route_contexts(app.routes))

	def refuse(request: Request, error: AppError) -> Response:
		if request.url.path.startswith("/api/") or not (
			"text/html" in request.headers.get("accept", "")
			or request.headers.get("hx-request") == "true"
		):
			state = request.scope.get("state", {})
			return forms.response(error, request.url.path, str(state.get("request_id", "")))
		if error.status == 401 and (answer := to_login(request)) is not None:
			return answer
		return engine.error(request, error)

	async def handle(request: Request, error: Exception) -> Response:
		known = as_app_error(error)
		if known.status >= 500 and not isinstance(error, AppError):
			operation = f"{request.method} {observe.endpoint_of(request.scope)}"
			structlog.get_logger().error("unexpected failure", exc_info=error, operation=operation)
		if known.status == 403:
			state = request.scope.get("state", {})
			await security_events.record(
				request.app.state.runtime,
				"denied",
				route=f"{request.method} {observe.endpoint_of(request.scope)}",
				address=str(state.get("client_address", "")),
				agent=request.headers.get("user-agent", "")[:200],
				principal=request.scope.get("principal"),
			)
		return refuse(request, known)

	for kind in (AppError, HTTPException, RequestValidationError):
		app.add_exception_handler(kind, handle)
	app.state.observer = observer = observe.Observer(
		[
			observe.Service(api.prefix, c.short, c.name, c.title)
			for c in composition.capabilities
			for api in c.apis
			if c.category != "platform"
		],
		slow_ms=settings.slow_operation_ms,
	)
	app.add_middleware(AuthenticationMiddleware, openings=openings, refuse=refuse)
	app.add_middleware(Backstop, handle=handle)
	app.add_middleware(
		Edge,
		observer=observer,
		allowed_hosts=settings.allowed_hosts,
		public_url=settings.public_url,
		trusted_proxies=settings.trusted_proxies,
		forms=forms,
	)
	return app


def _lay(app: FastAPI, router: APIRouter, prefix: str) -> None:
	"""Mounts the routes of a router below a prefix, each as it was made: to include the router would
	analyse every signature a second time, which takes longer than all else at start."""
	if not all(isinstance(route, APIRoute) for route in router.routes):
		app.include_router(router, prefix=prefix)
		return
	for route in router.routes:
		assert isinstance(route, APIRoute)
		laid = copy(route)
		laid.path = prefix + route.path
		laid.path_regex, laid.path_format, laid.param_convertors = compile_path(laid.path)
		laid.unique_id = laid.operation_id or generate_unique_id(laid)
		app.router.routes.append(laid)


class Backstop:
	"""The outermost edge: whatever nobody expected is recorded and answered without its text."""

	def __init__(
		self, app: ASGIApp, handle: Callable[[Request, Exception], Awaitable[Response]]
	) -> None:
		self.app = app
		self.handle = handle

	async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
		started = False

		async def sending(message: Message) -> None:
			nonlocal started
			started = started or message["type"] == "http.response.start"
			await send(message)

		try:
			await self.app(scope, receive, sending)
		except Exception as error:
			if started or scope["type"] != "http":
				raise
			await (await self.handle(Request(scope, receive), error))(scope, receive, send)


def _engine(composition: Composition, settings: Settings) -> PageEngine:
	folders: list[Path | tuple[str, str]] = [UI / "templates"]
	for capability in composition.capabilities:
		folder = capability.folder
		for templates in sorted(folder.glob("**/templates")):
			folders.append(templates)
		add_catalogue(folder / "locales")
	add_catalogue(UI / "locales")
	engine = PageEngine(
		folders,
		UI / "static" / "dist" / "manifest.json",
		lambda subject: _frame(subject, composition),
		reload=settings.env == "development",
	)
	titles = {role.name: role.title for c in composition.capabilities for role in c.default_roles}
	# One that a tenant made keeps its name.
	engine.environment.filters["role_title"] = lambda name: said(titles.get(str(name), str(name)))
	return engine


def _frame(subject: Any, composition: Composition) -> Frame:
	"""What the shell shows, of a Work (from the request being answered) or of a Request."""
	scope = subject.scope if isinstance(subject, Request) else scope_of_moment.get()
	assert scope is not None, "a page is rendered inside a request"
	headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
	principal = subject.principal if isinstance(subject, Work) else scope.get("principal")
	path: str = scope["path"]
	groups: dict[str, list[tuple[int, MenuLink]]] = {}
	if principal is not None:
		on = principal.enabled | composition.always_on
		for capability, entries in composition.menu():
			if capability.short not in on:
				continue
			for entry in entries:
				if entry.permission is None or principal.may(entry.permission):
					below = entry.href != "/" and path.startswith(entry.href.rstrip("/") + "/")
					active = below or path == entry.href
					link = MenuLink(entry.label, entry.href, entry.icon, active=active)
					group = groups.setdefault(entry.group or capability.title, [])
					group.append((entry.order, link))
	order = {"Overview": -1, "Administration": 1}
	menu = [
		MenuGroup(label, [link for _order, link in sorted(groups[label], key=itemgetter(0))])
		for label in sorted(groups, key=lambda one: order.get(one, 0))
	]
	session = principal.session if principal else None
	return Frame(
		path=path,
		principal=principal,
		menu=menu,
		csrf_token=session.csrf if session else "",
		request_id=str(scope.get("state", {}).get("request_id", "")),
		version="1.0",
		locale=principal.locale if principal else locale_of_moment.get(),
		headers=headers,
	)


def _static(app: FastAPI, composition: Composition) -> None:
	for capability in composition.capabilities:
		for static in sorted(capability.folder.glob("*/static")):
			path = f"/static/{capability.short}/{static.parent.name}"
			app.mount(path, Assets(directory=static), name=path)
	app.mount("/static", Assets(directory=UI / "static"), name="static")
	app.include_router(root_files(UI))


def _check_routes(app: FastAPI, openings: Openings) -> None:
	"""Every route has a guard or says why it is public; else the product does not start."""
	problems: list[str] = []
	for context in iter_route_contexts(app.routes):
		route = context.original_route
		path = context.path or getattr(route, "path", "")
		if isinstance(route, Mount):
			if not path.startswith("/static"):
				problems.append(f"{path}: a mounted application has no guard; mount a router.")
			continue
		methods = set(getattr(route, "methods", None) or {"GET"})
		pattern = getattr(context, "path_regex", None) or getattr(route, "path_regex", None)
		if is_public(route):
			openings.open(path, pattern, methods)  # pyright: ignore
			continue
		guard = (
			guard_of(route)
			if isinstance(route, APIRoute)
			else getattr(getattr(route, "endpoint", None), "__guard__", None)
		)
		if guard is None:
			problems.append(
				f"{sorted(methods)} {path} declares no permission; add `work: Annotated[Work, "
				"allow(PERMISSION)]` or @public with a reason."
			)
			continue
		if guard.body_limit:
			openings.widen(pattern, methods, guard.body_limit)  # pyright: ignore
		if guard.rate_class:
			openings.classify(pattern, methods, guard.rate_class)  # pyright: ignore
	if problems:
		raise CompositionError(problems)
