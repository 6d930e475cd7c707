"""From method and address to the route in one look-up, in place of a walk over every route.

Some two hundred routes in nested routers cost more to walk than a read costs to answer. What the
table does not hold (mounts, sockets, addresses with a slash too many) goes to the router as before,
which knows how to answer 404 and redirects.
"""

from collections.abc import Iterable
from typing import Any

from fastapi.routing import APIRoute, RouteContext
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from apg.kernel.errors import NotAllowed

Found = tuple[Any, tuple[str, ...]]  # context, names of the path's parameters


class _Node:
	__slots__ = ("any", "literal", "routes")

	def __init__(self) -> None:
		self.literal: dict[str, _Node] = {}
		self.any: _Node | None = None
		self.routes: dict[str, Found] = {}


class Switchboard:
	"""The routes of an application by the segments of their addresses.

	A segment that is written out wins over a parameter: `/search` is never an id.
	"""

	def __init__(self, app: ASGIApp, contexts: Iterable[RouteContext]) -> None:
		self.app = app
		self._root = _Node()
		for context in contexts:
			self._enter(context)

	def _enter(self, context: RouteContext) -> None:
		route, path = context.original_route, context.path
		if not isinstance(route, APIRoute) or path is None or not path.startswith("/"):
			return
		node, names = self._root, list[str]()
		for segment in path.split("/")[1:]:
			if segment.startswith("{") and segment.endswith("}") and ":" not in segment:
				node.any = node.any or _Node()
				node = node.any
				names.append(segment[1:-1])
			elif "{" in segment:
				return  # an address the table cannot hold is left to the router
			else:
				node = node.literal.setdefault(segment, _Node())
		effective = context._effective_route  # pyright: ignore[reportPrivateUsage]
		for method in context.methods or ():
			node.routes.setdefault(method, (effective, tuple(names)))

	def find(self, method: str, path: str) -> tuple[Any, dict[str, str]] | None:
		"""The context of the route and its path parameters. Raises NotAllowed for other methods."""
		ways: list[tuple[_Node, tuple[str, ...]]] = [(self._root, ())]
		for segment in path.split("/")[1:]:
			further: list[tuple[_Node, tuple[str, ...]]] = []
			for node, seen in ways:
				literal = node.literal.get(segment)
				if literal is not None:
					further.append((literal, seen))
				if node.any is not None and segment:
					further.append((node.any, (*seen, segment)))
			if not further:
				return None
			ways = further
		for node, seen in ways:
			if (found := node.routes.get(method)) is not None:
				return found[0], dict(zip(found[1], seen, strict=True))
			if node.routes:
				raise NotAllowed(headers={"Allow": ", ".join(sorted(node.routes))})
		return None

	async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
		if scope["type"] != "http" or scope.get("root_path"):
			await self.app(scope, receive, send)
			return
		found = self.find(scope["method"], scope["path"])
		if found is None:
			await self.app(scope, receive, send)
			return
		context, scope["path_params"] = found
		route = getattr(context, "original_route", context)
		scope["endpoint"], scope["route"] = context.endpoint, route
		scope.setdefault("fastapi", {})["effective_route_context"] = context
		plain = getattr(route, "plain", None)
		if plain is None:
			await context.app(scope, receive, send)
			return
		response = await plain(Request(scope, receive))
		await response(scope, receive, send)
