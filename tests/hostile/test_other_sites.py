"""What a page of another site, or a planted field, can do with a signed-in browser: nothing."""

import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import Mount, WebSocketRoute

from apg.kernel.stamps import new_id
from apg.kernel.web.authentication import session_cookie
from apg.kernel.work import Origin
from apg.platform.auth.sessions import service as sessions
from tests.every_route.test_every_route import PUBLIC, ROUTES, concrete, example_of
from tests.people import People

UNSAFE = [
	(method, path)
	for method, path, guard in ROUTES
	if method not in ("GET", "HEAD", "OPTIONS") and guard is not None
]
FOREIGN: dict[str, dict[str, str]] = {
	"another site": {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
	"a sibling site": {"Sec-Fetch-Site": "same-site"},
	"typed into the address bar": {"Sec-Fetch-Site": "none"},
	"an old browser on another site": {"Origin": "https://evil.example"},
	"a sandboxed frame": {"Origin": "null"},
	"a referrer that only begins like ours": {"Referer": "http://testserver.evil.example/"},
	"our page without the token": {"Sec-Fetch-Site": "same-origin"},
}
Counted = Callable[[], dict[str, int]]


@pytest.fixture(scope="module")
async def signed_in(app: FastAPI, crowd: People) -> AsyncIterator[httpx.AsyncClient]:
	"""A browser that holds the cookie of an administrator."""
	runtime = app.state.runtime
	facts = await sessions.member(runtime, crowd.alice.tenant_id, crowd.alice.user_id)
	made = await sessions.open_page(runtime, facts, Origin("page"))
	transport = httpx.ASGITransport(app, raise_app_exceptions=False)
	async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
		client.cookies.set(session_cookie(runtime), made.cookie)
		yield client


@pytest.mark.parametrize("case", list(FOREIGN))
async def test_no_unsafe_route_acts_for_another_site(
	signed_in: httpx.AsyncClient, counted: Counted, case: str
) -> None:
	mine = await signed_in.get("/api/v1/auth/account")
	assert mine.status_code == 200, "the cookie itself is good"
	before, acted = counted(), list[str]()
	for method, path in UNSAFE:
		answer = await signed_in.request(
			method,
			concrete(path),
			headers=FOREIGN[case] | {"Content-Type": "text/plain"},
			content=b'{"name": "Mallory"}',
		)
		if answer.status_code != 403 or "set-cookie" in answer.headers:
			acted.append(f"{method} {path}: {answer.status_code}")
	assert acted == []
	assert len(UNSAFE) > 150
	assert counted() == before


async def test_no_answer_may_be_read_by_another_site(signed_in: httpx.AsyncClient) -> None:
	"""No CORS: neither a preflight nor an answer names another origin."""
	asked = {
		"Origin": "https://evil.example",
		"Access-Control-Request-Method": "POST",
		"Access-Control-Request-Headers": "authorization,content-type",
	}
	for path in ("/api/v1/plm/products", "/api/v1/esg/metrics", "/api/v1/auth/login"):
		for method in ("OPTIONS", "GET"):
			answer = await signed_in.request(method, path, headers=asked)
			told = [name for name in answer.headers if name.startswith("access-control")]
			assert told == [], (method, path)


def test_there_is_no_socket_and_no_mounted_application_without_a_guard(app: FastAPI) -> None:
	"""A socket of tomorrow needs a guard, and its own test against foreign origins."""
	for context in iter_route_contexts(app.routes):
		route = context.original_route
		if isinstance(route, WebSocketRoute) or "websocket" in type(route).__name__.lower():
			raise AssertionError(f"{context.path}: write the test of its Origin here")
		if isinstance(route, Mount):
			assert str(context.path).startswith("/static"), context.path
		elif not isinstance(route, APIRoute):
			assert f"GET {context.path}" in PUBLIC, context.path


# What a caller may never set: identity, authorship, scores, state of the machinery.
PLANTED: dict[str, Any] = {
	"id": "00000000-0000-4000-8000-000000000001",
	"tenant_id": "00000000-0000-4000-8000-000000000002",
	"created_by": "00000000-0000-4000-8000-000000000003",
	"updated_by": "00000000-0000-4000-8000-000000000003",
	"created_at": "2001-01-01T00:00:00Z",
	"version": 99,
	"is_admin": True,
	"reach": "member",
	"approved_by": "00000000-0000-4000-8000-000000000003",
	"quality_score": 1,
}


async def test_no_body_takes_a_planted_field(
	app: FastAPI, client: httpx.AsyncClient, crowd: People, counted: Counted
) -> None:
	"""Mass assignment, over every route with a JSON body: each planted field is refused by name."""
	before, wrong, seen = counted(), list[str](), 0
	for method, path, guard in ROUTES:
		example = example_of(app, method, path)
		if guard is None or not isinstance(example, dict):
			continue
		seen += 1
		for name, value in PLANTED.items():
			if name in example and name != "tenant_id":
				continue
			answer = await client.request(
				method,
				concrete(path),
				headers=crowd.alice.headers,
				json=example | {name: value},
			)
			# Unknown ids of the path may come first; nothing that is planted is ever taken.
			if answer.status_code not in (400, 403, 404, 422):
				wrong.append(f"{method} {path} took {name}: {answer.status_code}")
			elif "{" not in path and not re.search(rf'"{name}"', answer.text):
				wrong.append(f"{method} {path} does not name {name}: {answer.text[:200]}")
	assert wrong == []
	assert seen > 80
	assert counted() == before


@pytest.mark.parametrize(
	"name",
	[
		'x";filename=evil.html',
		"x\r\nSet-Cookie: apg_session=planted",
		"../../etc/passwd",
		"x\u2028y.csv",
		"=cmd|' /C calc'!A0",
	],
)
async def test_a_name_never_writes_a_header(
	client: httpx.AsyncClient, crowd: People, name: str
) -> None:
	"""Numbers and names of things end in the name of a downloaded file."""
	made = await client.post(
		"/api/v1/plm/products",
		headers=crowd.alice.headers,
		json={
			"product_name": name,
			"product_number": f"{name}{new_id()[-6:]}",
			"product_type": "manufactured",
		},
	)
	if made.status_code == 400:  # what no number may hold
		return
	assert made.status_code == 201, made.text
	product = made.json()["data"]["product_id"]
	for kind in ("csv", "xlsx", "json"):
		answer = await client.get(
			f"/api/v1/plm/products/{product}/structure/export",
			headers=crowd.alice.headers,
			params={"format": kind},
		)
		assert answer.status_code == 200, answer.text
		told = answer.headers["content-disposition"]
		assert re.fullmatch(r'attachment; filename="[\w .+-]+"', told, re.ASCII), told
		assert "set-cookie" not in answer.headers
		assert answer.headers["x-content-type-options"] == "nosniff"
