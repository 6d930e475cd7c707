"""The API's own description: what really answers, refusals and preconditions included."""

import json
from asyncio import to_thread
from collections.abc import Iterator
from threading import Lock
from typing import Any, cast

from fastapi import FastAPI, Response
from fastapi.routing import APIRoute, iter_route_contexts

from apg.kernel.web.envelopes import JSON, BareError, ErrorForms, OkError
from apg.kernel.web.guarded_route import Guard, guard_of, public
from apg.kernel.web.wire import to_wire

VERBS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
REASONS = {
	400: "The body or a value in it is not accepted; each problem names its field.",
	401: "No credential, or one that no longer holds.",
	403: "The caller's roles do not include the permission.",
	404: "Unknown, deleted, another company's, or the capability is off.",
	409: "It contradicts what is recorded.",
	412: "The If-Match header names an older version.",
	413: "The body is larger than this route takes.",
	415: "The body is of another kind than this route takes.",
	422: "A value is not accepted; each problem names its field.",
	429: "Too many requests; Retry-After says when to come back.",
	503: "Overloaded, or the database is away; Retry-After says when to come back.",
}
_IF_MATCH = {
	"name": "If-Match",
	"in": "header",
	"required": False,
	"description": 'The ETag of the version that is changed, such as "3"; * accepts any.',
	"schema": {"type": "string"},
}
_IDEMPOTENCY_KEY = {
	"name": "Idempotency-Key",
	"in": "header",
	"required": False,
	"description": "Repeating the request with the same key gives the first answer again.",
	"schema": {"type": "string", "maxLength": 255},
}


def describe(app: FastAPI, forms: ErrorForms) -> None:
	"""Makes `app.openapi()` the whole contract and serves it at `/openapi.json`.

	It is worked out once, at the first request and beside the loop: it takes seconds.
	"""
	plain, lock = app.openapi, Lock()
	made: list[tuple[dict[str, Any], bytes]] = []

	def described() -> tuple[dict[str, Any], bytes]:
		with lock:
			if not made:
				document = _completed(plain(), app, forms)
				made.append((document, to_wire(document)))
			return made[0]

	@public("The description holds no data, and says the same to everybody.")
	async def serve() -> Response:
		_document, body = await to_thread(described)
		return Response(body, media_type=JSON)

	app.openapi = lambda: described()[0]
	app.add_api_route("/openapi.json", serve, include_in_schema=False)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
	"""(verb, path, operation) of a description."""
	for path, item in document["paths"].items():
		for verb in VERBS:
			if verb in item:
				yield verb, path, item[verb]


def _completed(document: dict[str, Any], app: FastAPI, forms: ErrorForms) -> dict[str, Any]:
	guards = _guards(app)
	components = document.setdefault("components", {})
	schemas: dict[str, Any] = components.setdefault("schemas", {})
	for name in ("HTTPValidationError", "ValidationError"):
		schemas.pop(name, None)
	for model in (BareError, OkError):
		made = model.model_json_schema(ref_template="#/components/schemas/{model}")
		schemas.update(made.pop("$defs", {}))
		schemas[model.__name__] = made
	components["securitySchemes"] = {
		"bearer": {
			"type": "http",
			"scheme": "bearer",
			"description": "An access token of /api/v1/auth/login, or an API key.",
		}
	}
	for status, reason in REASONS.items():
		for model in (BareError, OkError):
			components.setdefault("responses", {})[f"{model.__name__}{status}"] = {
				"description": reason,
				"content": {
					"application/json": {
						"schema": {"$ref": f"#/components/schemas/{model.__name__}"}
					}
				},
			}
	for verb, path, operation in operations(document):
		guarded = (verb.upper(), path) in guards
		guard = guards.get((verb.upper(), path))
		operation["security"] = [{"bearer": []}] if guarded else []
		if guard is not None and guard.permission is not None:
			operation["x-permission"] = str(guard.permission)
		_body(operation)
		_headers(operation, verb, path, guarded)
		name = "OkError" if forms.is_enveloped(path) else "BareError"
		answers: dict[str, Any] = operation["responses"]
		answers.pop("422", None)
		for status in sorted(_refusals(operation, verb, path, guard, guarded)):
			told = 400 if status == 422 and name == "OkError" else status
			answers.setdefault(str(told), {"$ref": f"#/components/responses/{name}{told}"})
	_exact_defaults(schemas)
	return document


def _exact_defaults(node: Any) -> None:
	"""A default of an amount is a number; the generator writes its text."""
	if isinstance(node, list):
		for item in cast(list[Any], node):
			_exact_defaults(item)
	elif isinstance(node, dict):
		schema = cast(dict[str, Any], node)
		if schema.get("type") == "number" and isinstance(schema.get("default"), str):
			schema["default"] = json.loads(schema["default"])
		for item in schema.values():
			_exact_defaults(item)


def _guards(app: FastAPI) -> dict[tuple[str, str], Guard]:
	found: dict[tuple[str, str], Guard] = {}
	for context in iter_route_contexts(app.routes):
		route = context.original_route
		if isinstance(route, APIRoute) and (guard := guard_of(route)) is not None:
			for method in route.methods or ():
				found[method, str(context.path)] = guard
	return found


def _body(operation: dict[str, Any]) -> None:
	"""A body that may be left out is one of its schema, not `null`."""
	content = operation.get("requestBody", {}).get("content", {})
	for kind in content.values():
		choices = kind.get("schema", {}).get("anyOf", [])
		if len(choices) == 2 and {"type": "null"} in choices:
			kind["schema"] = next(one for one in choices if one != {"type": "null"})


def _headers(operation: dict[str, Any], verb: str, path: str, guarded: bool) -> None:
	if not guarded or verb == "get":
		return
	told: list[Any] = operation.setdefault("parameters", [])
	told.append(_IDEMPOTENCY_KEY)
	if verb != "post" and "{" in path:
		told.append(_IF_MATCH)


def _refusals(
	operation: dict[str, Any], verb: str, path: str, guard: Guard | None, guarded: bool
) -> set[int]:
	"""Which refusals a caller has to reckon with, by what the route is."""
	found = {429, 503}
	parameters = [p for p in operation.get("parameters", []) if p["in"] != "header"]
	if parameters:
		found.add(422)
	if guarded:
		found.add(401)
	if guard is not None and guard.permission is not None:
		found |= {403, 404}
	if "{" in path:
		found.add(404)
	if "requestBody" in operation:
		found |= {400, 413, 415, 422}
	if guarded and verb != "get":
		found.add(409)
		if verb != "post" and "{" in path:
			found.add(412)
	return found
