"""Generated from the API's description: what POST, GET one and GET list say of an entity is equal.

An entity is a collection with POST → 201 and a GET by id below it.
"""

import json
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator
from tests.people import Person

from apg.app import make_app
from apg.kernel.settings import Settings
from apg.kernel.testing import TEST_SECRET

Json = dict[str, Any]
DOCUMENT: Json = make_app(
	Settings(env="test", secret_key=TEST_SECRET, database_url="postgresql://x/y")
).openapi()


@dataclass(frozen=True)
class Entity:
	"""A collection and its item, as the description tells them."""

	collection: str
	item: str

	@property
	def schema(self) -> Json:
		answer = DOCUMENT["paths"][self.item]["get"]["responses"]["200"]
		return answer["content"]["application/json"]["schema"]

	@property
	def verbs(self) -> set[str]:
		return set(DOCUMENT["paths"][self.item])

	@property
	def enveloped(self) -> bool:
		return self.collection.startswith("/api/v1/plm/")

	def example(self, verb: str, path: str) -> Any:
		body = DOCUMENT["paths"][path][verb].get("requestBody", {}).get("content", {})
		if "application/json" not in body:
			return None
		name = body["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
		return DOCUMENT["components"]["schemas"][name]["examples"][0]


def entities() -> Iterator[Entity]:
	for path, item in DOCUMENT["paths"].items():
		if not path.startswith("/api/") or "201" not in item.get("post", {}).get("responses", {}):
			continue
		for other, below in DOCUMENT["paths"].items():
			if re.fullmatch(re.escape(path) + r"/\{\w+\}", other) and "get" in below:
				yield Entity(path, other)


ENTITIES = list(entities())
NAMES = [entity.collection for entity in ENTITIES]
# What an answer to POST shows once and never again.
SHOWN_ONCE = {"/api/v1/api-keys": {"key"}, "/api/v1/webhooks": {"secret"}}
# The published rates of all days stand in the same list.
NARROWED = {
	"/api/v1/reference/exchange-rates": {"own": "true"},
	"/api/v1/esg/factors": {"layer": "tenant"},
}
CSV = b"Part Number,Description,Menge\nA-1,Pump,1\nA-2,Seal,2\n"
# What a collection that takes a file is given; the others take the table of parts.
FILES = {
	"/api/v1/esg/imports": b"activity_code,unit,valid_from,co2e\nheat.district,kWh,2024-01-01,0.2\n",
}


async def _product(client: httpx.AsyncClient, alice: Person, name: str) -> str:
	made = await client.post(
		"/api/v1/plm/products",
		headers=alice.headers,
		json={"product_name": name, "product_type": "manufactured"},
	)
	return made.json()["data"]["product_id"]


Parts = tuple[dict[str, str], Json]


async def _below_product(client: httpx.AsyncClient, alice: Person) -> Parts:
	return {"product_id": await _product(client, alice, "Whole")}, {}


async def _line(client: httpx.AsyncClient, alice: Person) -> Parts:
	whole, part = [await _product(client, alice, name) for name in ("Whole", "Part")]
	return {"product_id": whole}, {"product_id": part, "product_number": None}


async def _revision(client: httpx.AsyncClient, alice: Person) -> Parts:
	product = await _product(client, alice, "Whole")
	done = await client.post(f"/api/v1/plm/products/{product}/release", headers=alice.headers)
	assert done.status_code == 200, done.text
	return {"product_id": product}, {}


async def _measurement(client: httpx.AsyncClient, alice: Person) -> Parts:
	example = Entity("", "").example("post", "/api/v1/esg/metrics")
	made = await client.post("/api/v1/esg/metrics", headers=alice.headers, json=example)
	return {"metric_id": made.json()["id"]}, {}


async def _factor(client: httpx.AsyncClient, alice: Person) -> Parts:
	example = Entity("", "").example("post", "/api/v1/esg/factors")
	made = await client.post("/api/v1/esg/factors", headers=alice.headers, json=example)
	return {"factor_id": made.json()["id"]}, {}


async def _calculation(client: httpx.AsyncClient, alice: Person) -> Parts:
	example = Entity("", "").example("post", "/api/v1/esg/activities")
	made = await client.post("/api/v1/esg/activities", headers=alice.headers, json=example)
	assert made.status_code == 201, made.text
	return {}, {}


async def _class(client: httpx.AsyncClient, alice: Person) -> Parts:
	made = await client.post(
		"/api/v1/plm/classes", headers=alice.headers, json={"name": "Resistors"}
	)
	return {"class_id": made.json()["data"]["class_id"]}, {}


async def _manufacturer(client: httpx.AsyncClient, alice: Person) -> Parts:
	made = await client.post(
		"/api/v1/plm/manufacturers", headers=alice.headers, json={"name": "Vishay"}
	)
	return {"manufacturer_id": made.json()["data"]["manufacturer_id"]}, {}


async def _alternate(client: httpx.AsyncClient, alice: Person) -> Parts:
	whole, part = [await _product(client, alice, name) for name in ("Whole", "Part")]
	return {"product_id": whole}, {"product_id": part, "product_number": None}


async def _of_product(client: httpx.AsyncClient, alice: Person) -> Parts:
	return {}, {"product_id": await _product(client, alice, "Whole"), "product_number": None}


async def _footprint(client: httpx.AsyncClient, alice: Person) -> Parts:
	return {}, {"product_id": await _product(client, alice, "Whole")}


async def _change(client: httpx.AsyncClient, alice: Person) -> Parts:
	made = await client.post(
		"/api/v1/plm/changes", headers=alice.headers, json={"change_title": "Stiffer bracket"}
	)
	return {"change_id": made.json()["data"]["change_id"]}, {}


async def _affected(client: httpx.AsyncClient, alice: Person) -> Parts:
	product = await _product(client, alice, "Whole")
	path, _own = await _change(client, alice)
	return path, {"product_id": product, "product_number": None, "action": "add"}


async def _absence(client: httpx.AsyncClient, alice: Person) -> Parts:
	body = Entity("", "").example("post", "/api/v1/users")
	body |= {"username": alice.username.replace("alice", "deputy"), "roles": ["plm_manager"]}
	made = await client.post("/api/v1/users", headers=alice.headers, json=body)
	return {}, {"substitute_id": made.json()["id"]}


async def _alone(client: httpx.AsyncClient, alice: Person) -> Parts:
	return {}, {}


# What has to be there before: (path parameters, what of the example must name a row of ours).
BEFORE: dict[str, Callable[[httpx.AsyncClient, Person], Awaitable[Parts]]] = {
	"/api/v1/plm/products/{product_id}/structure/lines": _line,
	"/api/v1/plm/products/{product_id}/revisions": _revision,
	"/api/v1/plm/products/{product_id}/approved-parts": _below_product,
	"/api/v1/plm/products/{product_id}/offers": _below_product,
	"/api/v1/plm/products/{product_id}/documents": _below_product,
	"/api/v1/plm/products/{product_id}/alternates": _alternate,
	"/api/v1/plm/products/{product_id}/effectivity": _revision,
	"/api/v1/plm/classes/{class_id}/attributes": _class,
	"/api/v1/plm/manufacturers/{manufacturer_id}/parts": _manufacturer,
	"/api/v1/plm/baselines": _of_product,
	"/api/v1/plm/changes/{change_id}/comments": _change,
	"/api/v1/plm/changes/{change_id}/items": _affected,
	"/api/v1/plm/absences": _absence,
	"/api/v1/plm/products/{product_id}/declarations": _below_product,
	"/api/v1/esg/metrics/{metric_id}/measurements": _measurement,
	"/api/v1/esg/footprints": _footprint,
	"/api/v1/esg/supplier-footprints": _of_product,
	"/api/v1/esg/factors/{factor_id}/versions": _factor,
	"/api/v1/esg/calculations": _calculation,
}


@dataclass(frozen=True)
class Made:
	"""An entity that was created: its addresses, what was sent and what came back."""

	entity: Entity
	collection: str
	item: str
	sent: Any
	answer: httpx.Response


def data(entity: Entity, answer: httpx.Response) -> Any:
	"""The entity out of its envelope, digits kept."""
	whole = json.loads(answer.text, parse_float=Decimal)
	if entity.enveloped:
		assert whole["success"] is True
		assert whole["meta"]["request_id"]
		return whole["data"]
	return whole


async def make(client: httpx.AsyncClient, alice: Person, entity: Entity) -> Made:
	parameters, own = await BEFORE.get(entity.collection, _alone)(client, alice)
	collection = entity.collection.format(**parameters)
	example = entity.example("post", entity.collection)
	if example is None:
		sent: Any = None
		content = FILES.get(entity.collection, CSV)
		answer = await client.post(
			collection, headers=alice.headers, files={"file": ("rows.csv", content, "text/csv")}
		)
	else:
		sent = example | own
		if "username" in sent:
			sent["username"] = alice.username.replace("alice", "new")
		answer = await client.post(collection, headers=alice.headers, json=sent)
	assert answer.status_code == 201, answer.text
	item = answer.headers.get("location", "")
	pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(entity.item))
	assert re.fullmatch(pattern, item), f"Location of {collection} is {item!r}"
	return Made(entity, collection, item, sent, answer)


async def listed(client: httpx.AsyncClient, alice: Person, made: Made, one: Json) -> Json:
	"""The same entity as the list shows it."""
	answer = await client.get(
		made.collection, headers=alice.headers, params=NARROWED.get(made.entity.collection)
	)
	assert answer.status_code == 200, answer.text
	key = next(name for name, value in one.items() if value == made.item.rsplit("/", 1)[1])
	found = [row for row in data(made.entity, answer) if row[key] == one[key]]
	assert len(found) == 1
	return found[0]


def held(schema: Json, value: Any) -> list[str]:
	whole = schema | {"components": DOCUMENT["components"]}
	checker = Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)
	return [f"{list(e.absolute_path)}: {e.message}" for e in checker.iter_errors(value)]


def every_value(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
	yield place, value
	if isinstance(value, dict):
		for name, inner in value.items():
			yield from every_value(inner, f"{place}.{name}")
	elif isinstance(value, list):
		for inner in value:
			yield from every_value(inner, f"{place}[]")


def test_the_entities_of_the_product_are_found() -> None:
	assert {
		"/api/v1/users",
		"/api/v1/roles",
		"/api/v1/api-keys",
		"/api/v1/webhooks",
		"/api/v1/reference/exchange-rates",
		"/api/v1/esg/metrics",
		"/api/v1/esg/metrics/{metric_id}/measurements",
		"/api/v1/esg/sites",
		"/api/v1/esg/activities",
		"/api/v1/esg/source-documents",
		"/api/v1/esg/calculations",
		"/api/v1/plm/products",
		"/api/v1/plm/products/{product_id}/structure/lines",
		"/api/v1/plm/products/{product_id}/revisions",
		"/api/v1/plm/imports",
		"/api/v1/plm/changes",
		"/api/v1/plm/changes/{change_id}/items",
		"/api/v1/plm/changes/{change_id}/comments",
		"/api/v1/plm/approval-rules",
		"/api/v1/plm/absences",
		"/api/v1/plm/policies",
		"/api/v1/plm/regulations",
		"/api/v1/plm/products/{product_id}/declarations",
		"/api/v1/plm/classes",
		"/api/v1/plm/classes/{class_id}/attributes",
		"/api/v1/plm/label-schemes",
		"/api/v1/plm/manufacturers",
		"/api/v1/plm/suppliers",
		"/api/v1/plm/products/{product_id}/approved-parts",
		"/api/v1/plm/products/{product_id}/offers",
		"/api/v1/plm/products/{product_id}/documents",
		"/api/v1/plm/products/{product_id}/alternates",
		"/api/v1/plm/products/{product_id}/effectivity",
		"/api/v1/plm/baselines",
	} <= set(NAMES)


@pytest.mark.parametrize("entity", ENTITIES, ids=NAMES)
async def test_post_get_and_list_say_the_same(
	client: httpx.AsyncClient, alice: Person, entity: Entity
) -> None:
	made = await make(client, alice, entity)
	created = data(entity, made.answer)
	for name in SHOWN_ONCE.get(entity.collection, set()):
		assert created.pop(name)
	got = await client.get(made.item, headers=alice.headers)
	assert got.status_code == 200, got.text
	one = data(entity, got)
	assert one == created
	assert list(one) == list(created), "the order of the fields is the same too"
	assert await listed(client, alice, made, one) == one
	assert got.headers.get("etag") == made.answer.headers.get("etag")


@pytest.mark.parametrize("entity", ENTITIES, ids=NAMES)
async def test_what_comes_fits_the_documented_schema(
	client: httpx.AsyncClient, alice: Person, entity: Entity
) -> None:
	made = await make(client, alice, entity)
	got = await client.get(made.item, headers=alice.headers)
	whole = json.loads(got.text, parse_float=Decimal)
	assert held(entity.schema, whole) == []
	told = entity.schema
	name = told["$ref"].rsplit("/", 1)[1]
	properties = DOCUMENT["components"]["schemas"][name]["properties"]
	if entity.enveloped:
		name = properties["data"]["$ref"].rsplit("/", 1)[1]
		properties = DOCUMENT["components"]["schemas"][name]["properties"]
	one = data(entity, got)
	# Null fields are present, and nothing comes that is not told.
	assert set(one) == set(properties)


@pytest.mark.parametrize("entity", ENTITIES, ids=NAMES)
async def test_the_wire_forms_hold(
	client: httpx.AsyncClient, alice: Person, entity: Entity
) -> None:
	made = await make(client, alice, entity)
	got = await client.get(made.item, headers=alice.headers)
	moments = 0
	for place, value in every_value(data(entity, got)):
		name = place.rsplit(".", 1)[-1]
		if not isinstance(value, str):
			continue
		if name.endswith("_at"):
			moments += 1
			assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,5}[1-9])?Z", value), place
		elif re.fullmatch(r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}", value):
			assert value == value.lower(), place
	if any(name.endswith("_at") for name in data(entity, got)):
		assert moments > 0


AMOUNTS = [
	("/api/v1/esg/metrics", "target_value", "98765432109876.543219"),
	("/api/v1/esg/metrics/{metric_id}/measurements", "value", "-98765432109876.543219"),
	("/api/v1/esg/activities", "quantity", "98765432109876.543219"),
	("/api/v1/plm/products", "current_cost", "8765432109876.543219"),
	("/api/v1/plm/products", "mass", "1234567890123.456789"),
	("/api/v1/plm/products/{product_id}/structure/lines", "quantity", "123456789012.345678"),
]


SECOND = {"code": "SECOND", "measurement_date": "2023-02-01T00:00:00Z"}


@pytest.mark.parametrize(("collection", "field", "digits"), AMOUNTS)
@pytest.mark.parametrize("quoted", [False, True])
async def test_twenty_digits_come_back_as_they_went(
	client: httpx.AsyncClient,
	alice: Person,
	collection: str,
	field: str,
	digits: str,
	quoted: bool,
) -> None:
	entity = next(entity for entity in ENTITIES if entity.collection == collection)
	made = await make(client, alice, entity)
	# A second one beside the example, so what has to be unique is another.
	body = made.sent | {field: digits if quoted else "DIGITS"}
	body |= {"mass_unit": "g"} if field == "mass" else {}
	body |= {name: value for name, value in SECOND.items() if name in body}
	for name in ("product_number", "find_number", "designators", "quantity_kind"):
		if body.get(name) is not None or name == "quantity_kind":
			body.pop(name, None)
	text = json.dumps(body).replace('"DIGITS"', digits)
	answer = await client.post(
		made.collection,
		headers=alice.headers | {"Content-Type": "application/json"},
		content=text.encode(),
	)
	assert answer.status_code == 201, answer.text
	form = f'"{field}":{digits}[,}}]'
	assert re.search(form, answer.text), answer.text
	for path in (answer.headers["location"], made.collection):
		got = await client.get(path, headers=alice.headers)
		assert re.search(form, got.text), got.text


READINGS = "/api/v1/esg/metrics/{metric_id}/measurements"
CHANGED = [e for e in ENTITIES if e.verbs & {"put", "patch"}]
# A reading is never changed: a correction is a new one that stands in its place.
KEPT_IDENTITY = [e for e in CHANGED if e.collection != READINGS]


@pytest.mark.parametrize("entity", CHANGED, ids=[e.collection for e in CHANGED])
async def test_a_stale_if_match_changes_nothing(
	client: httpx.AsyncClient, alice: Person, entity: Entity
) -> None:
	made = await make(client, alice, entity)
	before = await client.get(made.item, headers=alice.headers)
	assert before.headers["etag"] == made.answer.headers["etag"]
	stale = alice.headers | {"If-Match": '"987654"'}
	for verb in sorted(entity.verbs & {"put", "patch"}):
		body = entity.example(verb, entity.item)
		answer = await client.request(verb.upper(), made.item, headers=stale, json=body)
		assert answer.status_code == 412, (verb, answer.text)
	if "delete" in entity.verbs:
		answer = await client.delete(made.item, headers=stale)
		assert answer.status_code == 412, answer.text
	after = await client.get(made.item, headers=alice.headers)
	assert data(entity, after) == data(entity, before)
	assert after.headers["etag"] == before.headers["etag"]


@pytest.mark.parametrize("entity", KEPT_IDENTITY, ids=[e.collection for e in KEPT_IDENTITY])
async def test_the_right_if_match_changes_and_gives_a_new_tag(
	client: httpx.AsyncClient, alice: Person, entity: Entity
) -> None:
	made = await make(client, alice, entity)
	verb = "patch" if "patch" in entity.verbs else "put"
	body = entity.example(verb, entity.item)
	tag = made.answer.headers["etag"]
	changed = await client.request(
		verb.upper(), made.item, headers=alice.headers | {"If-Match": tag}, json=body
	)
	assert changed.status_code == 200, changed.text
	assert changed.headers["etag"] != tag
	again = await client.request(
		verb.upper(), made.item, headers=alice.headers | {"If-Match": tag}, json=body
	)
	assert again.status_code == 412, again.text


async def test_a_correction_stands_in_the_place_of_what_it_corrects(
	client: httpx.AsyncClient, alice: Person
) -> None:
	entity = next(e for e in ENTITIES if e.collection == READINGS)
	made = await make(client, alice, entity)
	headers = alice.headers | {"If-Match": made.answer.headers["etag"]}
	body = entity.example("patch", entity.item)
	corrected = await client.patch(made.item, headers=headers, json=body)
	assert corrected.status_code == 200, corrected.text
	old = (await client.get(made.item, headers=alice.headers)).json()
	assert old["superseded_by"] == corrected.json()["id"] != old["id"]
	assert old["value"] == data(entity, made.answer)["value"]
	again = await client.patch(made.item, headers=headers, json=body)
	assert again.status_code in (409, 412), again.text
	rows = (await client.get(made.collection, headers=alice.headers)).json()
	assert [row["id"] for row in rows] == [corrected.json()["id"]]


REMOVED = [e for e in ENTITIES if "delete" in e.verbs]
# A revoked key, a withdrawn reading and somebody who left stay readable: they are records.
STAYS = {"/api/v1/api-keys", "/api/v1/users", READINGS, "/api/v1/esg/supplier-footprints"}


@pytest.mark.parametrize("entity", REMOVED, ids=[e.collection for e in REMOVED])
async def test_what_is_deleted_is_not_found(
	client: httpx.AsyncClient, alice: Person, entity: Entity
) -> None:
	made = await make(client, alice, entity)
	one = data(entity, await client.get(made.item, headers=alice.headers))
	gone = await client.delete(made.item, headers=alice.headers)
	assert gone.status_code in (200, 204), gone.text
	after = await client.get(made.item, headers=alice.headers)
	if entity.collection in STAYS:
		assert after.status_code == 200
		assert data(entity, after) != one
		if entity.collection == READINGS:
			rows = data(entity, await client.get(made.collection, headers=alice.headers))
			assert rows == []
		elif entity.collection == "/api/v1/users":
			assert data(entity, after)["is_active"] is False
		elif entity.collection == "/api/v1/esg/supplier-footprints":
			assert data(entity, after)["withdrawn_at"] is not None
		else:
			assert data(entity, after)["revoked_at"] is not None
		return
	assert after.status_code == 404, after.text
	rows = data(entity, await client.get(made.collection, headers=alice.headers))
	key = next(name for name, value in one.items() if value == made.item.rsplit("/", 1)[1])
	assert one[key] not in [row[key] for row in rows]
	again = await client.delete(made.item, headers=alice.headers)
	assert again.status_code == 404


@pytest.mark.parametrize("entity", ENTITIES, ids=NAMES)
async def test_another_company_sees_nothing_of_it(
	client: httpx.AsyncClient, app: FastAPI, alice: Person, charlie: Person, entity: Entity
) -> None:
	made = await make(client, alice, entity)
	answer = await client.get(made.item, headers=charlie.headers)
	assert answer.status_code == 404
