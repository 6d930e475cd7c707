"""Hostile bodies, headers and addresses over a real socket: refused in the envelope, never a 5xx,
and every row as it was."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.hostile.wire import Answer, chunked, request, send
from tests.people import People

PRODUCTS = "/api/v1/plm/products"
METRICS = "/api/v1/esg/metrics"
ROLES = "/api/v1/roles"
LOGIN = "/api/v1/auth/login"
GOOD: dict[str, dict[str, Any]] = {
	PRODUCTS: {"product_name": "Pump", "product_type": "manufactured"},
	METRICS: {
		"name": "Energy",
		"code": "ENERGY",
		"metric_type": "environmental",
		"category": "energy",
		"unit": "kWh",
	},
	ROLES: {"name": "buyers", "title": "Buyers", "permissions": []},
	LOGIN: {"username": "nobody", "password": "not the password"},
}
# One text field and one amount of each, to be filled with what does harm.
TEXT = {PRODUCTS: "product_name", METRICS: "name", ROLES: "title", LOGIN: "username"}
AMOUNT = {PRODUCTS: "current_cost", METRICS: "target_value"}
Counted = Callable[[], dict[str, int]]


async def each_refused(
	port: int, path: str, headers: dict[str, str], bodies: dict[str, bytes]
) -> list[str]:
	"""Sends each body; says which of them were not refused as they should be."""
	wrong: list[str] = []
	for name, body in bodies.items():
		answer = await send(port, request("POST", path, headers, body))
		try:
			is_refusal(answer, path)
			assert answer.status in ((400, 401, 422) if path == LOGIN else (400, 422)), (
				answer.status
			)
		except AssertionError as error:
			wrong.append(f"{name}: {error}")
	return wrong


def is_refusal(answer: Answer, path: str) -> None:
	"""4xx in the envelope of the path, and nothing that tells how the server is made."""
	assert 400 <= answer.status < 500, (answer.status, answer.body[:300])
	told = answer.json
	if path.startswith("/api/v1/plm"):
		assert set(told) == {"success", "error", "message", "error_code", "details", "meta"}
		assert told["success"] is False
	else:
		wanted = {"status", "message", "error_code", "code", "details", "request_id"}
		assert set(told) == wanted
		assert (told["status"], told["error_code"]) == ("error", answer.status)
	for leak in (b"Traceback", b"sqlalchemy", b"psycopg", b"asyncpg", b"pydantic", b".py"):
		assert leak not in answer.body
	assert answer.headers["x-request-id"]


def sent_by(crowd: People, path: str) -> dict[str, str]:
	"""The headers of a caller who may, so that it is the body that is refused."""
	own = {} if path == LOGIN else crowd.alice.headers
	return {"Content-Type": "application/json"} | own


def filled(path: str, name: str, literal: str) -> bytes:
	"""The good body with one field holding a literal of JSON, as it is written here."""
	return json.dumps(GOOD[path] | {name: "@@"}).replace('"@@"', literal).encode()


BROKEN: dict[str, bytes] = {
	"empty": b"",
	"not JSON": b"{",
	"half": b'{"product_name": "x"',
	"two documents": b"{}{}",
	"trailing comma": b'{"a": 1,}',
	"single quotes": b"{'a': 1}",
	"a comment": b'{"a": 1} // comment',
	"bare NaN": b"NaN",
	"an array": b"[]",
	"a text": b'"x"',
	"a number": b"1",
	"null": b"null",
	"nested arrays": b"[" * 100_000,
	"nested and closed": b"[" * 50_000 + b"]" * 50_000,
	"nested objects": b'{"a":' * 100_000,
	"invalid UTF-8": b'{"name": "\xff\xfe"}',
	"overlong UTF-8": b'{"name": "\xc0\xaf"}',
	"UTF-16": '{"name": "x"}'.encode("utf-16"),
	"binary": bytes(range(256)) * 8,
	"a zip": b"PK\x03\x04" + b"\x00" * 64,
	"XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
	"unknown field": b'{"__proto__": {"x": 1}, "constructor": 1}',
}


@pytest.mark.parametrize("path", list(GOOD))
async def test_broken_bodies(port: int, crowd: People, counted: Counted, path: str) -> None:
	before = counted()
	assert await each_refused(port, path, sent_by(crowd, path), BROKEN) == []
	assert counted() == before


LITERALS = {
	"NaN": "NaN",
	"Infinity": "Infinity",
	"minus Infinity": "-Infinity",
	"a number of 10,000 digits": "9" * 10_000,
	"an exponent without end": "1e999999999",
	"a small exponent without end": "1e-999999999",
	"NaN as text": '"NaN"',
	"sNaN as text": '"sNaN"',
	"Infinity as text": '"Infinity"',
	"a huge exponent as text": '"1e999999999"',
	"21 digits": "123456789012345678901",
	"seven fraction digits": "0.1234567",
	"a flag": "true",
	"an object": "{}",
	"an array": "[1]",
	"separators": '"1,250.75"',
	"underscores": '"1_000"',
	"a formula": '"=1+1"',
	"hexadecimal": '"0x10"',
	"empty": '""',
}


@pytest.mark.parametrize("path", list(AMOUNT))
async def test_hostile_amounts(port: int, crowd: People, counted: Counted, path: str) -> None:
	before = counted()
	bodies = {name: filled(path, AMOUNT[path], literal) for name, literal in LITERALS.items()}
	assert await each_refused(port, path, sent_by(crowd, path), bodies) == []
	assert counted() == before


TEXTS = {
	"NUL": '"a\\u0000b"',
	"a lone high surrogate": '"a\\ud800b"',
	"a lone low surrogate": '"a\\udc00"',
	"a bell": '"a\\u0007b"',
	"escape": '"a\\u001b[31mb"',
	"delete": '"a\\u007fb"',
	"a megabyte": '"' + "x" * 900_000 + '"',
	"an object": '{"$ne": null}',
	"an array": '["x"]',
	"a number": "1",
	"null": "null",
}


@pytest.mark.parametrize("path", list(TEXT))
async def test_hostile_texts(port: int, crowd: People, counted: Counted, path: str) -> None:
	before = counted()
	bodies = {name: filled(path, TEXT[path], literal) for name, literal in TEXTS.items()}
	assert await each_refused(port, path, sent_by(crowd, path), bodies) == []
	assert counted() == before


@pytest.mark.parametrize("path", [PRODUCTS, METRICS, ROLES])
async def test_a_key_given_twice(port: int, crowd: People, counted: Counted, path: str) -> None:
	"""Two readers of one text must not see two different things."""
	before = counted()
	body = json.dumps(GOOD[path])[:-1].encode() + b', "%s": "Other"}' % TEXT[path].encode()
	deep = json.dumps(GOOD[path])[:-1].encode() + b', "metadata": {"a": 1, "a": 2}}'
	bodies = {"at the top": body, "below": deep}
	assert await each_refused(port, path, sent_by(crowd, path), bodies) == []
	assert counted() == before


KINDS = (
	"text/plain",
	"text/xml",
	"application/xml",
	"application/x-www-form-urlencoded",
	"multipart/form-data; boundary=x",
	"application/octet-stream",
	"application/jsonp",
	"image/png",
)


@pytest.mark.parametrize("path", [PRODUCTS, METRICS, ROLES])
async def test_other_kinds_of_body(port: int, crowd: People, counted: Counted, path: str) -> None:
	before = counted()
	body = json.dumps(GOOD[path]).encode()
	for kind in KINDS:
		answer = await send(port, request("POST", path, crowd.alice.by(Content_Type=kind), body))
		is_refusal(answer, path)
		assert answer.status == 415, kind
	assert counted() == before


async def test_a_chunked_body_that_is_too_large_is_refused_before_its_end(
	port: int, crowd: People, counted: Counted
) -> None:
	before = counted()
	headers = crowd.alice.by(Content_Type="application/json", Transfer_Encoding="chunked")
	parts = chunked(*[b"x" * 65_536] * 400)  # 26 MB
	answer = await send(port, request("POST", PRODUCTS, headers), *parts)
	is_refusal(answer, PRODUCTS)
	assert answer.status == 413
	assert answer.unsent > 15_000_000
	assert counted() == before


@pytest.mark.parametrize("path", [PRODUCTS, METRICS, LOGIN])
async def test_a_declared_length_that_is_too_large_is_refused_unread(
	port: int, crowd: People, path: str
) -> None:
	headers = {"Content-Type": "application/json"}
	headers |= {} if path == LOGIN else crowd.alice.headers
	answer = await send(port, request("POST", path, headers, length="100000000"))
	is_refusal(answer, path)
	assert answer.status == 413


BODY = json.dumps(GOOD[PRODUCTS]).encode()
SMUGGLED: dict[str, bytes] = {
	"a length and chunks": request(
		"POST", PRODUCTS, {"Transfer-Encoding": "chunked"}, b"0\r\n\r\n", length="5"
	),
	"two lengths": request("POST", PRODUCTS, {}, BODY, raw=(b"Content-Length: 1",)),
	"a negative length": request("POST", PRODUCTS, {}, BODY, length="-1"),
	"a length with a sign": request("POST", PRODUCTS, {}, BODY, length="+5"),
	"a length in words": request("POST", PRODUCTS, {}, BODY, length="five"),
	"a length without end": request("POST", PRODUCTS, {}, BODY, length="9" * 40),
	"chunks of no size": request(
		"POST", PRODUCTS, {"Transfer-Encoding": "chunked"}, b"zz\r\n\r\n", length=""
	),
	"an unknown coding": request(
		"POST", PRODUCTS, {"Transfer-Encoding": "xchunked"}, BODY, length=""
	),
	"a space before the colon": request(
		"POST", PRODUCTS, {}, BODY, raw=(b"Transfer-Encoding : chunked",)
	),
	"two hosts": request("POST", PRODUCTS, {}, BODY, raw=(b"Host: evil.example",)),
	"no host": request("POST", PRODUCTS, {}, BODY, host=None),
}


@pytest.mark.parametrize("name", list(SMUGGLED))
async def test_smuggled_lengths_and_hosts(
	port: int, crowd: People, counted: Counted, name: str
) -> None:
	before = counted()
	credential = crowd.alice.headers["Authorization"].encode()
	whole = SMUGGLED[name].replace(
		b"\r\n", b"\r\nAuthorization: " + credential + b"\r\nContent-Type: application/json\r\n", 1
	)
	# A second request hides behind the first one's body.
	hidden = request("DELETE", "/api/v1/plm/products/x", crowd.alice.headers)
	answer = await send(port, whole + hidden)
	assert answer.status == 0 or 400 <= answer.status < 500, answer
	assert b"HTTP/1.1" not in answer.body, "the hidden request was answered too"
	assert counted() == before


FORGED_HOSTS = ("evil.example", "localhost.evil.example", "evil.example:80", "", "[::2]", "a b")


@pytest.mark.parametrize("host", FORGED_HOSTS)
@pytest.mark.parametrize("path", [PRODUCTS, "/login"])
async def test_another_host(port: int, crowd: People, host: str, path: str) -> None:
	answer = await send(port, request("GET", path, crowd.alice.headers, host=host))
	assert 400 <= answer.status < 500, answer
	assert b"evil" not in answer.body
	assert "location" not in answer.headers


async def test_forwarded_headers_of_a_stranger_change_nothing(port: int, crowd: People) -> None:
	"""Neither the links nor the address nor the scheme come from what anybody can write."""
	forged = {
		"X-Forwarded-For": "10.9.8.7",
		"X-Forwarded-Host": "evil.example",
		"X-Forwarded-Proto": "https",
		"X-Forwarded-Prefix": "/evil",
		"X-Original-URL": "/api/v1/users",
		"X-Rewrite-URL": "/api/v1/users",
		"X-HTTP-Method-Override": "DELETE",
		"Forwarded": "for=10.9.8.7;host=evil.example;proto=https",
		"X-User-ID": crowd.bob.user_id,
	}
	plain = await send(port, request("GET", METRICS + "?limit=1", crowd.alice.headers))
	told = await send(port, request("GET", METRICS + "?limit=1", crowd.alice.headers | forged))
	assert (told.status, told.body) == (plain.status, plain.body) == (200, plain.body)
	changing = {"x-request-id", "server-timing", "date"}
	assert {k: v for k, v in told.headers.items() if k not in changing and "rate" not in k} == {
		k: v for k, v in plain.headers.items() if k not in changing and "rate" not in k
	}
	for path in ("/products", "/plm/products", PRODUCTS + "/"):
		answer = await send(port, request("GET", path, forged))
		assert "evil" not in str(answer.headers) + answer.body.decode()
		assert "https://" not in answer.headers.get("location", "")


@pytest.mark.parametrize(
	"raw",
	[
		tuple(b"X-%d: y" % n for n in range(400)),
		(b"X-Long: " + b"y" * 40_000,),
		(b"Cookie: " + b"; ".join(b"c%d=%s" % (n, b"v" * 20) for n in range(1500)),),
	],
	ids=["400 headers", "40 kB in one", "1,500 cookies"],
)
async def test_floods_of_headers(port: int, crowd: People, raw: tuple[bytes, ...]) -> None:
	answer = await send(port, request("GET", PRODUCTS, crowd.alice.headers, raw=raw))
	assert answer.status in (0, 400, 431), answer


CREDENTIALS = (
	"Bearer",
	"Bearer ",
	"Bearer a b",
	"Bearer " + "x" * 20_000,
	"Bearer ..",
	"Bearer \xff\xfe",
	"Basic YTpi",
	"Digest x",
	"bearer null",
	"Bearer apg_x",
	"Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
)


@pytest.mark.parametrize("credential", CREDENTIALS)
async def test_a_credential_of_nonsense(port: int, credential: str) -> None:
	answer = await send(port, request("GET", PRODUCTS, {"Authorization": credential}))
	is_refusal(answer, PRODUCTS)
	assert answer.status in (401, 431)
	cookie = {"Cookie": f"apg_session={credential}; __Host-apg_session={credential}"}
	answer = await send(port, request("GET", PRODUCTS, cookie))
	assert answer.status in (400, 401, 431)


HEADERS = (
	{"If-Match": "\xff"},
	{"If-Match": '"' + "9" * 5_000 + '"'},
	{"If-Match": '";drop table users"'},
	{"Idempotency-Key": "x" * 256},
	{"Idempotency-Key": ""},
	{"Idempotency-Key": "\xff\x01"},
	{"Content-Encoding": "gzip"},
	{"X-Tenant-ID": "' or 1=1"},
	{"Accept-Language": "../../../etc/passwd"},
	{"Accept-Language": "x" * 8_000},
	{"X-Request-ID": "a\x00b"},
	{"X-Request-ID": "<script>"},
	{"traceparent": "00-zz-zz-01"},
	{"Range": "bytes=0-,0-,0-,0-"},
	{"Expect": "a miracle"},
)


@pytest.mark.parametrize("headers", HEADERS, ids=[str(h)[:50] for h in HEADERS])
async def test_hostile_values_of_known_headers(
	port: int, crowd: People, counted: Counted, headers: dict[str, str]
) -> None:
	"""Sent with a body that is refused too, so whatever the header does, nothing is written."""
	before = counted()
	whole = crowd.alice.by(Content_Type="application/json") | headers
	answer = await send(port, request("POST", PRODUCTS, whole, b'{"product_name": 1}'))
	assert answer.status == 0 or 400 <= answer.status < 500, answer
	assert b"<script>" not in answer.body
	assert "<script>" not in str(answer.headers)
	assert counted() == before


PATHS = (
	"//api/v1/users",
	"/api//v1/users",
	"/api/v1/plm/../users",
	"/api/v1/plm/%2e%2e/users",
	"/api/v1/plm/products/%2e%2e%2f%2e%2e%2fusers",
	"/static/../app.py",
	"/static/..%2f..%2fapp.py",
	"/static/%2e%2e/%2e%2e/pyproject.toml",
	"/static/....//....//pyproject.toml",
	"/static/%00",
	"/static//etc/passwd",
	"/static/..%5c..%5capp.py",
	"/static/plm/../../../kernel/keys.py",
	"/login/../api/v1/users",
	"/live/../api/v1/users",
	"/live%2f..%2fapi/v1/users",
	"/openapi.json/../api/v1/users",
	"/LOGIN/../API/V1/USERS",
	"/api/v1/users;/login",
	"/api/v1/users%00",
	"/api/v1/users/%",
	"/api/v1/plm/products/%ff",
	"/api/v1/plm/products/" + "a" * 5_000,
	"/" + "a" * 20_000,
)


@pytest.mark.parametrize("path", PATHS, ids=[p[:50] for p in PATHS])
async def test_tricks_with_paths_open_nothing(port: int, path: str) -> None:
	answer = await send(port, request("GET", path, {"Accept": "application/json"}))
	assert answer.status in (0, 400, 401, 404, 405, 414), (answer.status, answer.body[:200])
	for secret in (b"[build-system]", b"def make_app", b"root:x", b"HKDF"):
		assert secret not in answer.body


QUERIES = (
	"page=-1",
	"page=0",
	"page=99999999999999999999",
	"page_size=0",
	"page_size=-5",
	"page_size=1000000000",
	"limit=-1",
	"limit=99999999999999999999999",
	"offset=-1",
	"offset=9223372036854775808",
	"offset=1e9",
	"page=NaN",
	"page=%00",
	"page=1&page=2&page=x",
	"sort=%27;drop+table+users",
	"sort=__class__",
	"sort_by=tenant_id",
	"search=%00",
	"search=%ff%fe",
	"search=%ed%a0%80",
	"search=" + "%25" * 1_000,
	"q=" + "(" * 2_000,
	"search=" + "a" * 7_000,
	"product_type[]=x",
	"product_type[$ne]=x",
	"created_from=99999-01-01",
	"created_from=not+a+day",
	"=&&&=",
	"%%%",
	"&".join(f"a{n}=1" for n in range(900)),
)


@pytest.mark.parametrize("path", [PRODUCTS, METRICS, "/api/v1/users", "/api/v1/audit"])
async def test_absurd_queries_never_break_a_list(port: int, crowd: People, path: str) -> None:
	wrong: list[str] = []
	for query in QUERIES:
		answer = await send(port, request("GET", f"{path}?{query}", crowd.alice.headers))
		try:
			if answer.status == 200:
				told = answer.json
				assert len(told["data"] if isinstance(told, dict) else told) <= 1_000
			else:
				is_refusal(answer, path)
		except AssertionError as error:
			wrong.append(f"{query[:60]}: {error}")
	assert wrong == []


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "get", "G\xcbT", "X" * 200])
async def test_methods_nobody_knows(port: int, crowd: People, method: str) -> None:
	answer = await send(port, request(method, PRODUCTS, crowd.alice.headers))
	assert answer.status in (0, 400, 401, 404, 405), answer


NEXT = (
	"https://evil.example",
	"//evil.example",
	"///evil.example",
	"/\\evil.example",
	"\\\\evil.example",
	"/%5cevil.example\\",
	"http:evil.example",
	"javascript:alert(1)",
	"data:text/html,x",
	"/\t/evil.example",
	"/\n/evil.example",
	" //evil.example",
	"@evil.example",
	"/ok\r\nSet-Cookie: a=b",
	"/é",
	"x" * 3_000,
)


@pytest.mark.parametrize("target", NEXT, ids=[repr(t)[:30] for t in NEXT])
async def test_login_leads_to_local_pages_only(port: int, crowd: People, target: str) -> None:
	from urllib.parse import quote

	answer = await send(
		port,
		request("GET", "/login?next=" + quote(target, safe=""), {"Accept": "text/html"}),
	)
	assert answer.status == 200, answer
	page = answer.body.decode()
	assert 'name="next" value="/"' in page
	assert "evil.example" not in page
	assert "set-cookie" not in answer.headers or "a=b" not in answer.headers["set-cookie"]


async def test_a_good_request_still_goes_through(
	port: int, crowd: People, counted: Counted
) -> None:
	"""The tables above would be worthless if everything was refused."""
	before = counted()
	for path in (PRODUCTS, METRICS, ROLES):
		headers = crowd.alice.by(Content_Type="application/json")
		answer = await send(port, request("POST", path, headers, json.dumps(GOOD[path]).encode()))
		assert answer.status == 201, answer
	headers = crowd.alice.by(Content_Type="application/json", Transfer_Encoding="chunked")
	whole = json.dumps(GOOD[PRODUCTS]).encode()
	answer = await send(port, request("POST", PRODUCTS, headers), *chunked(whole[:10], whole[10:]))
	assert answer.status == 201, answer
	after = counted()
	assert after["plm_items"] == before["plm_items"] + 2
	assert after["esg_metrics"] == before["esg_metrics"] + 1
