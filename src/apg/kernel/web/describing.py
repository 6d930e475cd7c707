"""The API's own description: what really answers, refusals and preconditions included."""

import json
import re
from asyncio import to_thread
from collections.abc import Iterator
from threading import Lock
from typing import Any, cast

from fastapi import FastAPI, Response
from fastapi.routing import APIRoute, iter_route_contexts

from apg.kernel.web.described_names import name_well
from apg.kernel.web.envelopes import JSON, BareError, ErrorForms, OkError
from apg.kernel.web.guarded_route import Guard, guard_of, public
from apg.kernel.web.wire import ID_PATTERN, TAKEN, to_wire

VERBS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
REASONS = {
	400: "The body or a value in it is not accepted; each problem names its field.",
	401: "No credential, or one that no longer holds.",
	403: "The caller's roles do not include the permission.",
	404: "Unknown, deleted, another company's, or the capability is off.",
	409: "It contradicts what is recorded.",
	410: "It was used, has ended or was withdrawn.",
	412: "The If-Match header names an older version.",
	413: "The body is larger than this route takes.",
	415: "The body is of another kind than this route takes.",
	422: "A value is not accepted; each problem names its field.",
	429: "Too many requests; Retry-After says when to come back.",
	503: "Overloaded, or the database is away; Retry-After says when to come back.",
}
_NAMED = re.compile('"#/components/schemas/([^"]+)"')
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
	"description": "Repeating the request with the same key gives the first answer again; "
	"409 ANSWER_NOT_KEPT where it held a secret or was larger than 64 kB.",
	"schema": {"type": "string", "pattern": "^[!-~]([ -~]{0,253}[!-~])?$"},
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
		_kinds(operation["responses"])
		guarded = (verb.upper(), path) in guards
		guard = guards.get((verb.upper(), path))
		operation["security"] = [{"bearer": []}] if guarded else []
		if guard is not None and guard.permission is not None:
			operation["x-permission"] = str(guard.permission)
		_body(operation, schemas)
		_path(operation)
		_headers(operation, verb, path, guarded)
		name = "OkError" if forms.is_enveloped(path) else "BareError"
		answers: dict[str, Any] = operation["responses"]
		answers.pop("422", None)
		own = {int(told) for told in answers if told >= "400" and int(told) in REASONS}
		for status in own:
			del answers[str(status)]
		for status in sorted(own | _refusals(operation, verb, path, guard, guarded)):
			told = 400 if status == 422 and name == "OkError" else status
			answers.setdefault(str(told), {"$ref": f"#/components/responses/{name}{told}"})
	name_well(document, VERBS)
	schemas = components["schemas"]
	taken = _taken(document)
	for name, schema in schemas.items():
		_settle(schema, name in taken)
	_settle(document["paths"], True)
	return document


def _settle(node: Any, taken: bool) -> None:
	"""What holds for values that are taken is told where they are; a default of an amount is a
	number, of which the generator writes the text; keys that have a form have no other."""
	if isinstance(node, list):
		for item in cast(list[Any], node):
			_settle(item, taken)
	elif isinstance(node, dict):
		schema = cast(dict[str, Any], node)
		for word, bound in schema.pop(TAKEN, {}).items():
			if taken:
				schema.setdefault(word, bound)
		if schema.get("type") == "number" and isinstance(schema.get("default"), str):
			schema["default"] = json.loads(schema["default"])
		if "patternProperties" in schema:
			schema.setdefault("additionalProperties", False)
		for item in schema.values():
			_settle(item, taken)


def _taken(document: dict[str, Any]) -> set[str]:
	"""The schemas that a caller sends, by way of bodies and parameters."""
	schemas, found = document["components"]["schemas"], set[str]()
	asked = [
		[operation.get("requestBody"), operation.get("parameters")]
		for _verb, _path, operation in operations(document)
	]
	wanted = set(_NAMED.findall(json.dumps(asked, default=str)))
	while wanted:
		name = wanted.pop()
		found.add(name)
		wanted |= set(_NAMED.findall(json.dumps(schemas[name], default=str))) - found
	return found


def _guards(app: FastAPI) -> dict[tuple[str, str], Guard]:
	found: dict[tuple[str, str], Guard] = {}
	for context in iter_route_contexts(app.routes):
		route = context.original_route
		if isinstance(route, APIRoute) and (guard := guard_of(route)) is not None:
			for method in route.methods or ():
				found[method, str(context.path)] = guard
	return found


def _body(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
	"""A body that may be left out is one of its schema, not `null`; so is a field of a form."""
	content: dict[str, Any] = operation.get("requestBody", {}).get("content", {})
	for name, kind in content.items():
		if name != JSON:
			form = schemas[kind["schema"]["$ref"].rpartition("/")[2]]
			for field in form["properties"].values():
				choices = field.get("anyOf", [])
				if len(choices) == 2 and {"type": "null"} in choices:
					del field["anyOf"]
					field |= next(one for one in choices if one != {"type": "null"})
		choices = kind.get("schema", {}).get("anyOf", [])
		if len(choices) == 2 and {"type": "null"} in choices:
			kind["schema"] = next(one for one in choices if one != {"type": "null"})


def answers_file(*kinds: str) -> dict[int | str, dict[str, Any]]:
	"""The `responses` of a route that answers with a file of one of the kinds."""
	bodies = {
		kind.split(";")[0]: {"schema": {"type": "string", "format": "binary"}} for kind in kinds
	}
	if JSON in bodies:
		bodies[JSON] = {"schema": {"type": "object"}}
	return {200: {"content": bodies}}


def _kinds(answers: dict[str, Any]) -> None:
	"""What answers with a file has no JSON beside it."""
	for answer in answers.values():
		content = answer.get("content", {})
		if len(content) > 1 and not content.get(JSON, {}).get("schema", True):
			del content[JSON]


def _path(operation: dict[str, Any]) -> None:
	"""Every id of a path is one of ours: the guard answers 404 to any other text."""
	for told in operation.get("parameters", []):
		if told["in"] == "path" and told["name"].endswith("_id"):
			told["schema"] = {"type": "string", "format": "uuid", "pattern": ID_PATTERN}


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
		found |= {400, 409}
		if verb != "post" and "{" in path:
			found.add(412)
	return found
