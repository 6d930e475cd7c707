"""Generated from the composition: every route against every caller."""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from sqlalchemy import text
from tests.people import People, Person, make_people

from apg.app import composition, make_app
from apg.kernel.settings import Settings
from apg.kernel.stamps import new_id
from apg.kernel.testing import TEST_SECRET
from apg.kernel.web.guarded_route import Guard, guard_of, is_public
from apg.kernel.work import open_work

UNREAD = 100_000_000


def routes() -> list[tuple[str, str, Guard | None]]:
	"""(method, path, guard) of every route of the product; None for the public ones."""
	app = make_app(Settings(env="test", secret_key=TEST_SECRET, database_url="postgresql://x/y"))
	found: list[tuple[str, str, Guard | None]] = []
	for context in iter_route_contexts(app.routes):
		route = context.original_route
		if not isinstance(route, APIRoute):
			continue
		guard = None if is_public(route) else guard_of(route)
		for method in sorted(route.methods or ()):
			found.append((method, str(context.path), guard))
	return found


ROUTES = routes()
GUARDED = [(method, path, guard) for method, path, guard in ROUTES if guard is not None]
NAMES = [f"{method} {path}" for method, path, _guard in GUARDED]


def concrete(path: str, ids: dict[str, str] | None = None) -> str:
	return re.sub(r"\{(\w+)(:\w+)?\}", lambda m: (ids or {}).get(m[1], new_id()), path)


def test_every_route_is_guarded_or_public() -> None:
	assert len(GUARDED) > 60
	public = sorted(f"{method} {path}" for method, path, guard in ROUTES if guard is None)
	# The visible list of what anybody may call; a new line here is a decision.
	assert [line for line in public if line not in PUBLIC] == []


PUBLIC = {
	"GET /openapi.json",
	"GET /api/v1/docs",
	"GET /api/v1/docs/",
	"GET /api/v1/esg/docs",
	"GET /api/v1/esg/docs/",
	"GET /api/v1/plm/docs",
	"GET /api/v1/plm/docs/",
	"GET /.well-known/jwks.json",
	"GET /api/v1/esg/health",
	"GET /api/v1/plm/health",
	"GET /invitation/{token}",
	"GET /live",
	"GET /login",
	"GET /manifest.webmanifest",
	"GET /metrics",
	"GET /ready",
	"GET /reset",
	"GET /reset/{token}",
	"GET /sw.js",
	"POST /api/v1/auth/invitations/accept",
	"POST /api/v1/auth/login",
	"POST /api/v1/auth/refresh",
	"POST /api/v1/auth/reset",
	"POST /api/v1/auth/reset/complete",
	"POST /auth/invitations/accept",
	"POST /auth/login",
	"POST /auth/refresh",
	"POST /auth/reset",
	"POST /auth/reset/complete",
	"POST /invitation/{token}",
	"POST /login",
	"POST /logout",
	"POST /reset",
	"POST /reset/{token}",
}


class Unread:
	"""A body that must not be asked for."""

	def __init__(self) -> None:
		self.asked = 0

	async def __call__(self) -> dict[str, Any]:
		self.asked += 1
		return {"type": "http.request", "body": b"x" * 1024, "more_body": True}


async def raw(
	app: FastAPI, method: str, path: str, headers: dict[str, str], receive: Any
) -> tuple[int, bytes]:
	"""One request straight at the ASGI door, with a body that tells whether it was read."""
	status, body = 0, b""

	async def send(message: Any) -> None:
		nonlocal status, body
		if message["type"] == "http.response.start":
			status = message["status"]
		elif message["type"] == "http.response.body":
			body += message.get("body", b"")

	scope: dict[str, Any] = {
		"type": "http",
		"asgi": {"version": "3.0"},
		"http_version": "1.1",
		"method": method,
		"scheme": "http",
		"path": path,
		"raw_path": path.encode(),
		"query_string": b"",
		"root_path": "",
		"headers": [
			(b"host", b"testserver"),
			*((k.lower().encode(), v.encode()) for k, v in headers.items()),
		],
		"client": ("127.0.0.1", 1),
		"server": ("testserver", 80),
		"app": app,
	}
	await app(scope, receive, send)
	return status, body


@pytest.mark.parametrize("place", range(len(GUARDED)), ids=NAMES)
async def test_anonymous_is_refused_and_nothing_is_read(app: FastAPI, place: int) -> None:
	method, path, _guard = GUARDED[place]
	for headers in (
		{"accept": "application/json"},
		{
			"accept": "application/json",
			"content-type": "application/json",
			"content-length": str(UNREAD),
		},
		{"accept": "application/json", "content-type": "multipart/form-data; boundary=x"},
		{"accept": "application/json", "authorization": "Bearer forged"},
	):
		unread = Unread()
		status, _body = await raw(app, method, concrete(path), headers, unread)
		assert status == 401, (method, path, headers)
		assert unread.asked == 0


@pytest.fixture(scope="module")
async def crowd(app: FastAPI) -> People:
	"""The same three people for all refusals of this file: a refusal changes nothing."""
	return await make_people(app.state.runtime)


async def counts(app: FastAPI, person: Person) -> dict[str, int]:
	"""What a refused call must leave as it was."""
	async with open_work(
		app.state.runtime, person.principal, action="test", origin="task", read_only=True
	) as work:
		return {
			name: int(await work.scalar(text(f"select count(*) from {name}")))
			for name in (
				"audit_entries",
				"plm_items",
				"plm_lines",
				"esg_metrics",
				"esg_measurements",
			)
		}


@pytest.mark.parametrize("place", range(len(GUARDED)), ids=NAMES)
async def test_bob_is_refused_before_his_body_is_read(
	app: FastAPI, crowd: People, place: int
) -> None:
	method, path, guard = GUARDED[place]
	assert guard is not None
	if guard.permission is None:
		pytest.skip("every member may do this with what is his own")
	before = await counts(app, crowd.alice)
	unread = Unread()
	headers = crowd.bob.headers | {"accept": "application/json", "content-type": "application/json"}
	status, body = await raw(app, method, concrete(path), headers, unread)
	assert status == 403, (method, path, body)
	assert unread.asked == 0
	assert await counts(app, crowd.alice) == before


Builder = Callable[[httpx.AsyncClient, Person], Awaitable[dict[str, str]]]


async def built(client: httpx.AsyncClient, alice: Person) -> dict[str, str]:
	"""One of everything in Alice's company: path parameter → id."""
	ids: dict[str, str] = {}
	for number in (1, 2):
		made = await client.post(
			"/api/v1/plm/products",
			headers=alice.headers,
			json={
				"product_name": f"Part {number}",
				"product_type": "manufactured",
				"current_cost": number,
			},
		)
		data = made.json()["data"]
		ids |= (
			{"product_id": data["product_id"], "revision_id": data["revision_id"]}
			if number == 1
			else {"child": data["product_id"]}
		)
	costs = await client.get(
		f"/api/v1/plm/products/{ids['product_id']}/costs", headers=alice.headers
	)
	ids["cost_id"] = costs.json()["data"][0]["cost_id"]
	named = await client.post(
		f"/api/v1/plm/products/{ids['product_id']}/identifiers",
		headers=alice.headers,
		json={"scheme": "erp", "value": "4711"},
	)
	ids["identifier_id"] = named.json()["data"][0]["identifier_id"]
	metric = await client.post(
		"/api/v1/esg/metrics",
		headers=alice.headers,
		json={"name": "M", "code": "M", "metric_type": "social", "category": "c", "unit": "count"},
	)
	ids["metric_id"] = metric.json()["id"]
	reading = await client.post(
		f"/api/v1/esg/metrics/{ids['metric_id']}/measurements",
		headers=alice.headers,
		json={"value": 1, "measurement_date": "2024-01-01T00:00:00Z"},
	)
	ids["measurement_id"] = reading.json()["id"]
	many = await client.post(
		"/api/v1/esg/measurements/bulk",
		headers=alice.headers,
		json={
			"metric_id": ids["metric_id"],
			"rows": [{"value": 2, "measurement_date": "2024-02-01T00:00:00Z"}],
		},
	)
	ids["readings_import_id"] = many.json()["id"]
	change = await client.post(
		"/api/v1/plm/changes",
		headers=alice.headers,
		json={"change_title": "Better", "affected_products": [ids["product_id"]]},
	)
	ids["change_id"] = change.json()["data"]["change_id"]
	rules = await client.get("/api/v1/plm/approval-rules", headers=alice.headers)
	ids["rule_id"] = rules.json()["data"][0]["rule_id"]
	carbon: dict[str, tuple[str, dict[str, Any]]] = {
		"site_id": ("sites", {"code": "LEEDS", "name": "Leeds", "country": "GB"}),
		"activity_id": (
			"activities",
			{
				"site_code": "LEEDS",
				"activity_code": "metal.steel",
				"quantity": 1,
				"unit": "kg",
				"period_start": "2024-01-01T00:00:00Z",
				"period_end": "2024-02-01T00:00:00Z",
			},
		),
		"calculation_id": ("calculations", {"title": "2024"}),
		"material_id": ("materials", {"name": "Steel", "activity_code": "metal.steel"}),
		"footprint_id": ("footprints", {"product_id": ids["product_id"]}),
		"statement_id": (
			"supplier-footprints",
			{
				"product_id": ids["product_id"],
				"supplier": "Mill",
				"carbon": 2,
				"unit": "each",
				"gwp_set": "AR5",
				"valid_from": "2024-01-01",
			},
		),
	}
	for name, (place, body) in carbon.items():
		made = await client.post(f"/api/v1/esg/{place}", headers=alice.headers, json=body)
		assert made.status_code == 201, made.text
		ids[name] = made.json()["id"]
	ids["run_id"] = ids["calculation_id"]
	record = carbon["activity_id"][1] | {"quantity": 2}
	many = await client.post(
		"/api/v1/esg/activities/bulk", headers=alice.headers, json={"rows": [record]}
	)
	ids["records_import_id"] = many.json()["id"]
	lines = await client.get(
		f"/api/v1/esg/calculations/{ids['run_id']}/lines", headers=alice.headers
	)
	ids["line_id"] = lines.json()[0]["id"]
	file = {"file": ("bill.csv", b"month,kWh\n1,10\n", "text/csv")}
	kept = await client.post("/api/v1/esg/source-documents", headers=alice.headers, files=file)
	ids["document_id"] = kept.json()["id"]
	factor = await client.post(
		"/api/v1/esg/factors",
		headers=alice.headers,
		json={
			"activity_code": "heat.district",
			"name": "District heat",
			"unit": "kWh",
			"citation": "Supplier's letter of 2024",
			"valid_from": "2024-01-01",
			"co2e": 0.2,
		},
	)
	told = factor.json()
	ids |= {
		"factor_id": told["id"],
		"version_id": told["version_id"],
		"source_id": told["source_id"],
	}
	table = b"activity_code,unit,valid_from,co2e\nheat.steam,kWh,2024,0.2\n"
	imported = await client.post(
		"/api/v1/esg/imports", headers=alice.headers, files={"file": ("steam.csv", table)}
	)
	ids["factor_import_id"] = imported.json()["id"]
	ids["user_id"] = alice.user_id
	roles = await client.get("/api/v1/roles", headers=alice.headers)
	ids["role_id"] = roles.json()[0]["id"]
	hook = await client.post(
		"/api/v1/webhooks",
		headers=alice.headers,
		json={"name": "Purchasing", "url": "https://hooks.example.com/apg", "events": ["*"]},
	)
	ids["webhook_id"] = hook.json()["id"]
	tried = await client.post(f"/api/v1/webhooks/{ids['webhook_id']}/test", headers=alice.headers)
	ids["delivery_id"] = tried.json()["id"]
	return ids


def example_of(app: FastAPI, method: str, path: str) -> Any:
	"""The body that the API's own description gives as an example; None for a route without one."""
	described = app.openapi()
	operation = described["paths"].get(path, {}).get(method.lower(), {})
	content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
	reference = content.get("schema", {}).get("$ref", "")
	schema = described.get("components", {}).get("schemas", {}).get(reference.split("/")[-1], {})
	examples = schema.get("examples") or []
	return examples[0] if examples else None


ITEMS = [
	(method, path)
	for method, path, guard in GUARDED
	if "{" in path
	and path.startswith("/api/")
	and guard is not None
	and guard.permission is not None
]


async def test_charlie_cannot_tell_alices_ids_from_unknown_ones(
	app: FastAPI, client: httpx.AsyncClient, people: People
) -> None:
	ids = await built(client, people.alice)
	before = await counts(app, people.alice)
	told: list[str] = []
	for method, path in ITEMS:
		names = re.findall(r"\{(\w+)", path)
		if not set(names) <= set(ids):
			continue
		body = example_of(app, method, path)
		headers = people.charlie.by(**{"X_Request_ID": "same", "Content_Type": "application/json"})
		content = None if method in ("GET", "DELETE", "HEAD") else json.dumps(body or {}).encode()
		answers = []
		for chosen in (ids, {name: new_id() for name in names}):
			answer = await client.request(
				method, concrete(path, chosen), headers=headers, content=content
			)
			answers.append((answer.status_code, _without_times(answer.text)))
		if answers[0] != answers[1] or answers[0][0] < 400:
			told.append(f"{method} {path}: {answers}")
	assert told == []
	assert await counts(app, people.alice) == before


def _without_times(body: str) -> str:
	return re.sub(r'"(timestamp|response_time_ms)":("[^"]*"|[\d.]+)', "", body)


COLLECTIONS = [
	path
	for method, path, guard in GUARDED
	if method == "GET" and "{" not in path and path.startswith("/api/") and guard is not None
]


async def test_charlies_collections_hold_nothing_of_alices(
	client: httpx.AsyncClient, people: People
) -> None:
	ids = await built(client, people.alice)
	for path in COLLECTIONS:
		answer = await client.get(path, headers=people.charlie.headers)
		assert answer.status_code in (200, 400, 422, 503), (path, answer.text)
		for name, value in ids.items():
			assert value not in answer.text, f"{path} shows {name} of another company"
			assert value not in str(answer.headers)


async def test_a_body_that_names_anothers_rows_fails_like_unknown_ids(
	client: httpx.AsyncClient, people: People
) -> None:
	ids = await built(client, people.alice)
	mine = await client.post(
		"/api/v1/plm/products",
		headers=people.charlie.headers,
		json={"product_name": "Mine", "product_type": "manufactured"},
	)
	path = f"/api/v1/plm/products/{mine.json()['data']['product_id']}/structure/lines"
	answers = []
	for child in (ids["child"], new_id()):
		body = {"product_id": child, "quantity": 1}
		answer = await client.post(path, headers=people.charlie.by(X_Request_ID="same"), json=body)
		answers.append((answer.status_code, _without_times(answer.text).replace(child, "")))
	assert answers[0] == answers[1]
	assert answers[0][0] in (400, 404, 409)


async def test_a_capability_that_is_off_is_not_there(
	client: httpx.AsyncClient, people: People
) -> None:
	off = await client.put(
		"/api/v1/tenants/current/capabilities", headers=people.alice.headers, json={"esg": False}
	)
	assert off.status_code == 200, off.text
	import asyncio

	for _try in range(30):
		answer = await client.get("/api/v1/esg/metrics", headers=people.alice.headers)
		if answer.status_code == 404:
			break
		await asyncio.sleep(0.1)
	assert answer.status_code == 404
	assert (
		await client.get("/api/v1/plm/products", headers=people.alice.headers)
	).status_code == 200


def test_every_body_has_an_example(app: FastAPI) -> None:
	described = app.openapi()
	without = [
		f"{method.upper()} {path}"
		for path, methods in described["paths"].items()
		for method, operation in methods.items()
		if "application/json" in operation.get("requestBody", {}).get("content", {})
		and example_of(app, method, path) is None
	]
	assert without == []


def test_the_composition_is_whole() -> None:
	assert composition().left_out == {}
