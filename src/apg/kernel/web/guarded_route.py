"""The route that cannot be open by mistake: it checks the right, then opens the Work."""

import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass
from threading import RLock
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_body_to_args, request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.params import Depends as Dependency
from fastapi.params import Form
from fastapi.routing import APIRoute
from pydantic_core import PydanticUndefined
from starlette.routing import compile_path

from apg.kernel.errors import Invalid, NotFound, PermissionDenied, UnsupportedKind
from apg.kernel.permissions import Permission
from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime
from apg.kernel.stamps import is_id
from apg.kernel.texts import _
from apg.kernel.web import idempotency
from apg.kernel.web.exact_types import Check, check_of
from apg.kernel.web.wire import from_wire
from apg.kernel.work import Origin, Work, open_work

work_of_moment: ContextVar[Work | None] = ContextVar("work_of_moment", default=None)
_making = RLock()


@dataclass(frozen=True, slots=True)
class Guard:
	"""What a route asks of its caller, and how much it may be sent.

	`permission` None admits every signed-in member (own account, inbox). `body_limit` in bytes
	replaces the platform's; `rate_class` names the bucket when it is not read or write.
	"""

	permission: Permission | None
	body_limit: int | None = None
	rate_class: str | None = None
	form: bool = False

	def admit(self, principal: Principal | None, runtime: Runtime) -> Principal:
		"""Raises PermissionDenied; NotFound when the capability is off for the tenant."""
		if principal is None:
			raise PermissionDenied
		wanted = self.permission
		if wanted is None:
			return principal
		if wanted.capability not in principal.enabled and (
			wanted.capability not in runtime.composition.always_on
		):
			raise NotFound
		if not principal.may(wanted):
			raise PermissionDenied(_("Permission '{name}' required", name=str(wanted)))
		return principal

	@property
	def action(self) -> str:
		return str(self.permission) if self.permission else "account.self"


def allow(
	permission: Permission | None,
	*,
	body_limit: int | None = None,
	rate_class: str | None = None,
	form: bool = False,
) -> Any:
	"""The mark of a route, and how it receives its Work: `work: Annotated[Work, allow(X)]`.

	`form=True` accepts form and file bodies; every other route takes JSON alone.
	"""

	async def current_work(request: Request) -> Work:
		return request.state.work

	current_work.guard = Guard(permission, body_limit, rate_class, form)  # type: ignore[attr-defined]
	return Depends(current_work)


def signed_in(**options: Any) -> Any:
	"""For what every signed-in member may do with what is his own."""
	return allow(None, **options)


def public(reason: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
	"""Marks a route that answers without a credential, and says why."""

	def mark(endpoint: Callable[..., Any]) -> Callable[..., Any]:
		endpoint.__public__ = reason  # type: ignore[attr-defined]
		return endpoint

	return mark


def guard_of(route: APIRoute) -> Guard | None:
	"""The guard among the route's dependencies; read from the signature as far as that tells it."""
	kinds = getattr(route.endpoint, "__annotations__", {}).values()
	marks = [mark for kind in kinds for mark in getattr(kind, "__metadata__", ())]
	calls = [mark.dependency for mark in marks if isinstance(mark, Dependency)]
	return _guard_in(calls) or _guard_in([one.call for one in route.dependant.dependencies])


def _guard_in(calls: list[Any]) -> Guard | None:
	guards = (getattr(call, "guard", None) for call in calls)
	return next((one for one in guards if isinstance(one, Guard)), None)


def is_public(route: Any) -> bool:
	return bool(getattr(getattr(route, "endpoint", None), "__public__", None))


def runtime_of(request: Request) -> Runtime:
	return request.app.state.runtime


def origin_of(request: Request, door: str | None = None) -> Origin:
	state = request.scope.get("state", {})
	path = request.scope["path"]
	return Origin(
		door=door or ("api" if path.startswith("/api/") else "page"),
		request_id=str(state.get("request_id", "")),
		address=str(state.get("client_address", "")),
		agent=request.headers.get("user-agent", "")[:200],
		started=float(state.get("started", 0.0)),
	)


class _ExactRequest(Request):
	"""A request whose JSON keeps fractions exact, whose depth is bounded and whose types are held."""

	check: Check | None = None

	async def json(self) -> Any:
		value = from_wire(await self.body())
		if self.check is not None and (problems := list(self.check(value, ""))):
			raise Invalid(_("Validation error"), problems=problems)
		return value


def _flushed(endpoint: Callable[..., Any]) -> Callable[..., Any]:
	"""Flushes when the endpoint returns: constraints are settled before anything is rendered."""

	@functools.wraps(endpoint)
	async def run(*args: Any, **kwargs: Any) -> Any:
		answer = endpoint(*args, **kwargs)
		if inspect.isawaitable(answer):
			answer = await answer
		work = work_of_moment.get()
		if work is not None:
			await work.flush()
		return answer

	return run


def _plain(
	dependant: Dependant, endpoint: Callable[..., Any]
) -> Callable[[Request], Awaitable[Response]] | None:
	"""The endpoint called without the machinery it does not use: it takes its Work, parameters of
	the address, at most one JSON body, and makes its own Response. None for every other one."""
	inner, bodies = dependant.dependencies, dependant.body_params
	if (
		not inspect.iscoroutinefunction(endpoint)
		or inspect.signature(endpoint).return_annotation is not Response
		or len(bodies) > 1
		or any(isinstance(field.field_info, Form) or field.field_info.embed for field in bodies)  # pyright: ignore
		or dependant.header_params
		or dependant.cookie_params
		or dependant.http_connection_param_name
		or dependant.websocket_param_name
		or dependant.response_param_name
		or dependant.background_tasks_param_name
		or dependant.security_scopes_param_name
		or len(inner) != 1
		or getattr(inner[0].call, "guard", None) is None
	):
		return None
	request_name, work_name = dependant.request_param_name, inner[0].name
	texts, in_path = list[str](), list[Any]()
	for field in dependant.path_params:
		if field.field_info.annotation is str and not field.field_info.metadata:
			texts.append(field.alias)
		else:
			in_path.append(field)
	in_query = dependant.query_params
	required = [field for field in in_query if field.field_info.is_required()]

	async def run(request: Request) -> Response:
		scope = request.scope
		values: dict[str, Any] = {name: scope["path_params"][name] for name in texts}
		errors: list[Any] = []
		if in_path:
			found, errors = request_params_to_args(in_path, scope["path_params"])
			values.update(found)
		# What is not given has the default of the signature, which Python fills in itself.
		if scope["query_string"] or required:
			query = request.query_params
			given = [field for field in in_query if field in required or field.alias in query]
			found, more = request_params_to_args(given, query)
			values.update(found)
			errors = [*errors, *more]
		if bodies:
			body = await request.json() if await request.body() else PydanticUndefined
			found, more = await request_body_to_args(bodies, body, embed_body_fields=False)
			values.update(found)
			errors = [*errors, *more]
		if errors:
			raise RequestValidationError(errors)
		if request_name is not None:
			values[request_name] = request
		work: Work = request.state.work
		if work_name is not None:
			values[work_name] = work
		response = await endpoint(**values)
		await work.flush()
		return response

	return run


class GuardedRoute(APIRoute):
	"""One request, one permission, one transaction; the answer leaves after the commit.

	What FastAPI works out of a signature is made when it is first asked for: for all routes at once
	that would be a third of a start, and most processes answer few of them, or none.
	"""

	plain: Callable[[Request], Coroutine[Any, Any, Response]] | None

	def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
		self.path, self.endpoint = path, _flushed(endpoint)
		self.path_regex, self.path_format, self.param_convertors = compile_path(path)
		self.name = options.get("name") or endpoint.__name__
		self.methods = {method.upper() for method in options.get("methods") or ("GET",)}
		self.operation_id = options.get("operation_id")
		self._unmade = (path, endpoint, options)

	def __getattr__(self, name: str) -> Any:
		with _making:
			if "_unmade" in self.__dict__:
				path, endpoint, options = self._unmade
				made = object.__new__(type(self))
				APIRoute.__init__(made, path, self.endpoint, **options)
				plain, guard = _plain(made.dependant, endpoint), guard_of(made)
				made.plain = made._guarded(guard, plain) if guard and plain else None
				# Where it was laid meanwhile stays.
				self.__dict__ = made.__dict__ | self.__dict__
				del self._unmade
		return object.__getattribute__(self, name)

	def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
		guard, run = guard_of(self), super().get_route_handler()
		return run if guard is None else self._guarded(guard, run)

	def _guarded(
		self, guard: Guard, run: Callable[[Request], Awaitable[Response]]
	) -> Callable[[Request], Coroutine[Any, Any, Response]]:
		safe = not (set(self.methods or ()) - {"GET", "HEAD", "OPTIONS"})
		bodies = [one.field_info for one in self.dependant.body_params]
		alone = len(bodies) == 1 and not isinstance(bodies[0], Form)
		check = check_of(bodies[0].annotation) if alone else None
		read_only = safe or (guard.permission is not None and guard.permission.reads)

		async def handle(request: Request) -> Response:
			runtime = runtime_of(request)
			principal = guard.admit(request.scope.get("principal"), runtime)
			for name, value in request.scope["path_params"].items():
				if name.endswith("_id") and not is_id(str(value)):
					raise NotFound  # what is no id is no row's
			request = _ExactRequest(request.scope, request.receive)
			request.check = check
			if not safe:
				_check_kind(request, guard)
			origin = origin_of(request)

			async def answer(work: Work) -> Response:
				request.state.work = work
				work.if_match = request.headers.get("if-match")
				token = work_of_moment.set(work)
				try:
					return await run(request)
				finally:
					work_of_moment.reset(token)

			key = None if safe else request.headers.get("idempotency-key")
			if key is not None:
				return await idempotency.once(
					runtime, principal, guard.action, origin, request, key, answer
				)
			async with open_work(
				runtime, principal, action=guard.action, origin=origin, read_only=read_only
			) as work:
				return await answer(work)

		return handle


def _check_kind(request: Request, guard: Guard) -> None:
	kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
	if not kind or kind == "application/json" or kind.endswith("+json"):
		return
	forms = ("application/x-www-form-urlencoded", "multipart/form-data")
	if kind in forms and (guard.form or not request.scope["path"].startswith("/api/")):
		return
	if guard.form:
		return
	raise UnsupportedKind(_("Send the body as application/json."))


class Router(APIRouter):
	"""A router whose routes are guarded."""

	def __init__(self, **options: Any) -> None:
		# A body without a Content-Type is read as JSON; `_check_kind` has refused every other kind.
		super().__init__(route_class=GuardedRoute, strict_content_type=False, **options)
