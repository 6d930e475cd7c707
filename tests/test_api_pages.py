"""The description of the API as people read it: whole, linked, safe, without a script of its own."""

import asyncio
import re
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from apg.api_pages import page_of, shape_of
from apg.kernel.web.describing import operations
from tests.people import Person

DOCUMENT: dict[str, Any] = {
	"paths": {
		"/api/v1/one/things/{id}": {
			"patch": {
				"operationId": "change",
				"tags": ["Things"],
				"summary": "Change <b>it</b>",
				"security": [{"bearer": []}],
				"x-permission": "one.things.update",
				"parameters": [
					{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
				],
				"requestBody": {
					"content": {"application/json": {"schema": {"$ref": "#/components/schemas/In"}}}
				},
				"responses": {
					"200": {"description": "Done"},
					"404": {"$ref": "#/components/responses/Missing"},
				},
			}
		},
		"/api/v1/onetwo": {"get": {"operationId": "other", "responses": {}}},
	},
	"components": {
		"responses": {
			"Missing": {
				"description": "Unknown",
				"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
			}
		},
		"schemas": {
			"In": {
				"properties": {"inner": {"$ref": "#/components/schemas/Inner"}},
				"required": ["inner"],
				"examples": [{"inner": {"n": 1}}],
			},
			"Inner": {"properties": {"n": {"type": "integer", "minimum": 1}}},
			"Error": {"properties": {"code": {"type": "string"}}},
			"Unused": {"type": "string"},
		},
	},
}


def test_a_page_tells_an_operation_and_every_shape_it_leads_to() -> None:
	page = page_of(DOCUMENT, "One", ["/api/v1/one/"])
	((told,),) = page.groups.values()
	assert list(page.groups) == ["Things"]
	assert (told.verb, told.permission, told.public) == ("PATCH", "one.things.update", False)
	assert told.example == '{\n  "inner": {\n    "n": 1\n  }\n}'
	assert [(one.status, one.text) for one in told.answers] == [("200", "Done"), ("404", "Unknown")]
	assert [model.name for model in page.models] == ["Error", "In", "Inner"]
	(inner,) = page.models[1].fields
	assert (inner.required, inner.shape.models) == (True, ("Inner",))


def test_what_lies_below_another_page_is_left_out() -> None:
	page = page_of(DOCUMENT, "APG", ["/"], but=["/api/v1/one"])
	assert [one.path for rows in page.groups.values() for one in rows] == ["/api/v1/onetwo"]


@pytest.mark.parametrize(
	("schema", "words"),
	[
		({}, "any value"),
		({"type": "string", "maxLength": 5}, "text, max. 5 characters"),
		({"type": "string", "format": "uuid"}, "uuid"),
		({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]}, "integer, ≥ 1 or null"),
		({"type": "array", "items": {"$ref": "#/x/Thing"}}, "list of Thing"),
		({"enum": ["a", "b"], "type": "string"}, "one of a, b"),
		({"type": "object", "additionalProperties": {"type": "boolean"}}, "object of boolean"),
		({"type": "boolean", "default": False}, "boolean, default false"),
	],
)
def test_a_schema_in_words(schema: dict[str, Any], words: str) -> None:
	assert shape_of(schema).words == words


async def test_each_operation_stands_on_exactly_one_page(
	app: FastAPI, client: httpx.AsyncClient
) -> None:
	document = await asyncio.to_thread(app.openapi)
	keys = [operation["operationId"] for *_rest, operation in operations(document)]
	shown: list[str] = []
	for path in ("/api/v1/docs", "/api/v1/esg/docs", "/api/v1/plm/docs"):
		answer = await client.get(path)
		assert answer.status_code == 200, path
		shown += re.findall(r'<details class="api-operation" id="([^"]+)"', answer.text)
		ids = set(re.findall(r'\bid="([^"]+)"', answer.text))
		inside = set(re.findall(r'href="#([^"]+)"', answer.text))
		assert inside <= ids, path
	assert sorted(shown) == sorted(keys)


async def test_it_is_the_same_for_all_and_needs_nothing_from_elsewhere(
	client: httpx.AsyncClient, alice: Person
) -> None:
	anonymous = await client.get("/api/v1/plm/docs/")
	assert "script-src 'self'" in anonymous.headers["content-security-policy"]
	assert re.findall(r"<script(?![^>]*\bsrc=\"/)", anonymous.text) == []
	assert re.findall(r"(?:src|href)=\"(?:https?:)?//", anonymous.text) == []
	assert re.findall(r"<[^>]+\sstyle=", anonymous.text) == []
	mine = await client.get("/api/v1/plm/docs/", headers=alice.headers)
	part = re.compile(r'<div class="api-document">.*</section>', re.S)
	found, own = part.search(anonymous.text), part.search(mine.text)
	assert found
	assert own
	assert found[0] == own[0]
