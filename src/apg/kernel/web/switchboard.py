"""From method and address to the route in one look-up, in place of a walk over every route.

Some two hundred routes in nested routers cost more to walk than a read costs to answer. What the
table does not hold (other methods, mounts, sockets, addresses with a slash too many) goes to the
router as before, which knows how to answer 404, 405 and redirects.
"""

from collections.abc import Iterable
from typing import Any

from fastapi.routing import APIRoute, RouteContext
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

Found = tuple[int, Any, tuple[str, ...]]  # place in the order of registration, context, names


class _Node:
	__slots__ = ("any", "literal", "routes")

	def __init__(self) -> None:
		self.literal: dict[str, _Node] = {}
		self.any: _Node | None = None
		self.routes: dict[str, Found] = {}


class Switchboard:
	"""The routes of an application by the segments of their addresses; the first registered wins."""

	def __init__(self, app: ASGIApp, contexts: Iterable[RouteContext]) -> None:
		self.app = app
		self._root = _Node()
		for place, context in enumerate(contexts):
			self._enter(place, context)

	def _enter(self, place: int, context: RouteContext) -> None:
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
			node.routes.setdefault(method, (place, effective, tuple(names)))

	def find(self, method: str, path: str) -> tuple[Any, dict[str, str]] | None:
		"""The context of the route and its path parameters."""
		best: Found | None = None
		values: tuple[str, ...] = ()
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
			found = node.routes.get(method)
			if found is not None and (best is None or found[0] < best[0]):
				best, values = found, seen
		return None if best is None else (best[1], dict(zip(best[2], values, strict=True)))

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
