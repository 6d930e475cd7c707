"""`/openapi.json` is a valid and whole description of what really answers."""

import asyncio
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from tests.people import Person

from apg.app import composition
from apg.kernel.web.describing import operations


@pytest.fixture(scope="module")
async def document(app: FastAPI) -> dict[str, Any]:
	"""The description as a client gets it, fractions exact."""
	# Beside the loop, for a process that stands still for long stops trusting what it knows.
	made = await asyncio.to_thread(app.openapi)
	return json.loads(json.dumps(made), parse_float=Decimal)


def _named(document: dict[str, Any]) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
	for verb, path, operation in operations(document):
		yield f"{verb.upper()} {path}", verb, path, operation


async def test_it_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
	assert document["openapi"].startswith("3.1")
	held = OpenAPIV31SpecValidator.schema_validator
	assert await asyncio.to_thread(lambda: [e.message for e in held.iter_errors(document)]) == []


def test_every_default_fits_its_schema(document: dict[str, Any]) -> None:
	wrong: list[str] = []
	for name, schema in document["components"]["schemas"].items():
		for field, told in schema.get("properties", {}).items():
			if "default" in told:
				whole = told | {"components": document["components"]}
				wrong += [
					f"{name}.{field}: {error.message}"
					for error in Draft202012Validator(whole).iter_errors(told["default"])
				]
	assert wrong == []


def test_every_schema_is_a_schema(document: dict[str, Any]) -> None:
	for schema in document["components"]["schemas"].values():
		Draft202012Validator.check_schema(schema)


def test_every_route_below_api_is_in_it(app: FastAPI, document: dict[str, Any]) -> None:
	"""Also the platform's; and nothing is in it that does not answer."""
	served = set()
	for context in iter_route_contexts(app.routes):
		route = context.original_route
		if isinstance(route, APIRoute) and route.include_in_schema:
			served |= {f"{method} {context.path}" for method in route.methods or ()}
	told = {name for name, *_rest in _named(document)}
	assert told == served
	below = {
		# The same route with a slash at its end is taken too, and told once.
		f"{method} {str(context.path).rstrip('/')}"
		for context in iter_route_contexts(app.routes)
		if str(context.path).startswith("/api/")
		and not str(context.path).rstrip("/").endswith("/docs")  # pages for people
		for method in getattr(context.original_route, "methods", None) or ()
	}
	assert below <= told
	for capability in composition().capabilities:
		for api in capability.apis:
			if any(router.routes for router in api.routers):
				assert any(path.startswith(api.prefix) for path in document["paths"]), api.prefix


def test_every_operation_is_told_in_words(document: dict[str, Any]) -> None:
	lacking = [
		name
		for name, _verb, _path, operation in _named(document)
		if not operation.get("summary") or not operation.get("tags")
	]
	assert lacking == []


def test_operation_ids_are_unique(document: dict[str, Any]) -> None:
	ids = [operation["operationId"] for *_rest, operation in _named(document)]
	assert len(ids) == len(set(ids))


def test_every_operation_tells_its_refusals_in_its_envelope(document: dict[str, Any]) -> None:
	wrong: list[str] = []
	for name, verb, path, operation in _named(document):
		answers = operation["responses"]
		wanted = {"429"}
		if operation["security"]:
			wanted.add("401")
		if "x-permission" in operation:
			wanted.add("403")
		if "{" in path and operation["security"]:
			wanted.add("404")
		if verb in ("put", "patch", "delete") and "{" in path:
			wanted.add("412")
		if "requestBody" in operation:
			wanted |= {"400", "413", "415"}
		if missing := wanted - set(answers):
			wrong.append(f"{name} leaves out {sorted(missing)}")
		enveloped = path.startswith("/api/v1/plm/")
		if enveloped and "422" in answers:
			wrong.append(f"{name} tells 422 where PLM answers 400")
		for status, answer in answers.items():
			if "$ref" in answer and ("OkError" in answer["$ref"]) is not enveloped:
				wrong.append(f"{name} {status} is told in the other envelope")
		if not any(status.startswith("2") for status in answers):
			wrong.append(f"{name} tells no success")
	assert wrong == []
	assert "HTTPValidationError" not in document["components"]["schemas"]


def _examples(node: Any, place: str) -> Iterator[tuple[str, Any, Any]]:
	"""(place, schema, example) of each example, of schemas and of what has a schema beside it."""
	if isinstance(node, list):
		for number, item in enumerate(cast(list[Any], node)):
			yield from _examples(item, f"{place}/{number}")
	elif isinstance(node, dict):
		held = cast(dict[str, Any], node)
		schema = held.get("schema", held)
		if "example" in held:
			yield place, schema, held["example"]
		given = held.get("examples", [])
		if isinstance(given, dict):
			named = cast(dict[str, Any], given)
			given = [one["value"] for one in named.values() if "value" in one]
		for example in cast(list[Any], given):
			yield place, schema, example
		for name, item in held.items():
			if name not in ("example", "examples", "default", "const", "enum"):
				yield from _examples(item, f"{place}/{name}")


def test_every_example_fits_its_schema(document: dict[str, Any]) -> None:
	wrong: list[str] = []
	places: list[str] = []
	for place, schema, example in _examples(document, ""):
		places.append(place)
		own = {name: told for name, told in schema.items() if name not in ("example", "examples")}
		whole = {"allOf": [own], "components": document["components"]}
		checker = Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)
		wrong += [f"{place}: {error.message}" for error in checker.iter_errors(example)]
	assert wrong == []
	assert sum(place.startswith("/components/schemas/") for place in places) > 25
	assert any("/parameters/" in place for place in places)


def test_every_schema_that_is_referred_to_is_there(document: dict[str, Any]) -> None:
	text = json.dumps(document, default=str)
	for kind, name in set(re.findall(r'"#/components/(\w+)/([^"]+)"', text)):
		assert name in document["components"][kind], name


def test_permissions_in_it_are_permissions_of_the_composition(document: dict[str, Any]) -> None:
	known = {str(permission) for permission in composition().permissions}
	told = {
		operation["x-permission"]
		for *_rest, operation in _named(document)
		if "x-permission" in operation
	}
	assert told <= known
	assert {"plm.products.read", "esg.metrics.create"} <= told


async def test_it_is_served_to_anybody_and_says_the_same_to_all(
	client: httpx.AsyncClient, alice: Person, bob: Person
) -> None:
	anonymous = await client.get("/openapi.json")
	assert anonymous.status_code == 200
	assert anonymous.headers["content-type"] == "application/json"
	for person in (alice, bob):
		mine = await client.get("/openapi.json", headers=person.headers)
		assert mine.content == anonymous.content


async def test_what_it_tells_of_a_refusal_is_what_comes(
	client: httpx.AsyncClient, document: dict[str, Any], alice: Person
) -> None:
	"""One refusal of each envelope, held against its documented schema."""
	for path, status, model in (
		("/api/v1/plm/products", 400, "OkError"),
		("/api/v1/esg/metrics", 422, "BareError"),
	):
		answer = await client.post(path, headers=alice.headers, json={"unknown": 1})
		assert answer.status_code == status
		told = document["paths"][path]["post"]["responses"][str(status)]["$ref"]
		assert told == f"#/components/responses/{model}{status}"
		whole = {"$ref": f"#/components/schemas/{model}", "components": document["components"]}
		Draft202012Validator(whole).validate(answer.json())
