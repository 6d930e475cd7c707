"""The outermost layer, against a real FastAPI application."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request, Response, WebSocket
from fastapi.responses import StreamingResponse

from apg.kernel import observe
from apg.kernel.observe import Observer, Service
from apg.kernel.web.envelopes import ErrorForms
from apg.kernel.web.middleware import CONTENT_SECURITY_POLICY, Edge

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def an_application() -> FastAPI:
	app, router = FastAPI(), APIRouter(prefix="/metrics")

	@router.get("/{metric_id}")
	async def metric(metric_id: str, request: Request) -> dict[str, Any]:
		state, client = request.scope["state"], request.scope["client"]
		return {
			"id": metric_id,
			"request_id": state["request_id"],
			"address": state["client_address"],
			"client": client[0],
			"scheme": request.scope["scheme"],
			"context": observe._moment.get(),
			"started": isinstance(state["started"], float),
		}

	@app.get("/live")
	async def live() -> str:
		return "ok"

	@app.get("/own")
	async def own(request: Request, how: str) -> Response:
		if how == "state":
			request.state.content_security_policy = "default-src 'self'"
			return Response("x")
		headers = {"Content-Security-Policy": "sandbox", "X-Content-Type-Options": "nosniff"}
		return Response("x", headers=headers)

	@app.get("/broken")
	async def broken() -> None:
		raise RuntimeError("secret text of an exception")

	@app.get("/slow")
	async def slow() -> str:
		await asyncio.sleep(0.4)
		return "late"

	@app.get("/stream")
	async def stream() -> StreamingResponse:
		async def events() -> AsyncIterator[str]:
			yield "data: 1\n\n"
			await asyncio.sleep(0.4)
			yield "data: 2\n\n"

		return StreamingResponse(events(), media_type="text/event-stream")

	@app.websocket("/ws")
	async def socket(socket: WebSocket) -> None:
		await socket.accept()
		await socket.send_text(socket.scope["state"]["request_id"])
		await socket.close()

	app.include_router(router, prefix="/api/v1/esg")
	return app


class Counted(Observer):
	"""An observer that also remembers what it was told."""

	def __init__(self, **options: Any) -> None:
		super().__init__([Service("/api/v1/esg", "esg", "esg_management", "ESG")], **options)
		self.seen: list[tuple[str, str, int]] = []
		self.slow_seen: list[str] = []

	def request(self, method: str, path: str, endpoint: str, status: int, seconds: float) -> None:
		self.seen.append((method, endpoint, status))
		super().request(method, path, endpoint, status, seconds)

	def slow(self, operation: str, seconds: float) -> None:
		self.slow_seen.append(operation)


def an_edge(observer: Observer | None = None, app: Any = None, **options: Any) -> Edge:
	options = {"allowed_hosts": "apg.example, [::1], *.tenants.example"} | options
	return Edge(app or an_application(), observer or Counted(), **options)


async def ask(
	edge: Any,
	path: str = "/api/v1/esg/metrics/1",
	headers: Any = None,
	peer: str = "203.0.113.9",
	method: str = "GET",
	**options: Any,
) -> httpx.Response:
	transport = httpx.ASGITransport(edge, client=(peer, 5), raise_app_exceptions=False)
	async with httpx.AsyncClient(transport=transport, base_url="http://apg.example") as client:
		return await client.request(method, path, headers=headers, **options)


async def test_every_answer_has_an_id_the_time_and_the_security_headers():
	answer = await ask(an_edge())
	assert answer.status_code == 200
	assert UUID.fullmatch(answer.headers["x-request-id"])
	body = answer.json()
	assert body["request_id"] == answer.headers["x-request-id"]
	assert body["context"] == {"request_id": body["request_id"]}
	assert body["started"] is True
	assert re.fullmatch(r"app;dur=\d+\.\d\d", answer.headers["server-timing"])
	assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
	assert answer.headers["x-content-type-options"] == "nosniff"
	assert answer.headers["referrer-policy"] == "same-origin"
	assert "strict-transport-security" not in answer.headers


def test_the_policy_is_the_one_of_the_security_document():
	assert CONTENT_SECURITY_POLICY == (
		"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
		"font-src 'self'; connect-src 'self'; worker-src 'self' blob:; manifest-src 'self'; "
		"frame-ancestors 'none'; form-action 'self'; base-uri 'none'"
	)


@pytest.mark.parametrize("given", ["a", "req-1.2_X", "z" * 64])
async def test_a_well_formed_request_id_is_kept(given: str):
	assert (await ask(an_edge(), headers={"X-Request-ID": given})).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "z" * 65, "a b", "a\tb", "ä", "<script>", "a,b", "../x"])
async def test_any_other_request_id_is_replaced(given: str):
	answer = await ask(an_edge(), headers=[("X-Request-ID", given.encode())])
	assert UUID.fullmatch(answer.headers["x-request-id"])


async def test_two_requests_never_share_an_id():
	edge = an_edge()
	answers = await asyncio.gather(*(ask(edge) for _ in range(20)))
	assert len({answer.headers["x-request-id"] for answer in answers}) == 20


@pytest.mark.parametrize(
	("given", "kept"),
	[
		("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", True),
		("00-00000000000000000000000000000000-b7ad6b7169203331-01", False),
		("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x", False),
		("nonsense", False),
	],
)
async def test_the_trace_of_the_caller_is_in_the_log_context(given: str, kept: bool):
	context = (await ask(an_edge(), headers={"traceparent": given})).json()["context"]
	assert context.get("trace_id") == ("0af7651916cd43dd8448eb211c80319c" if kept else None)
	assert context.get("span_id") == ("b7ad6b7169203331" if kept else None)


@pytest.mark.parametrize(
	("how", "policy"), [("state", "default-src 'self'"), ("header", "sandbox")]
)
async def test_a_route_may_have_a_policy_of_its_own_exactly_once(how: str, policy: str):
	answer = await ask(an_edge(), f"/own?how={how}")
	assert answer.headers.get_list("content-security-policy") == [policy]
	assert answer.headers.get_list("x-content-type-options") == ["nosniff"]


async def test_hsts_only_behind_tls():
	behind = an_edge(trusted_proxies="10.0.0.0/8")
	for edge, headers, peer, expected in (
		(an_edge(public_url="https://apg.example"), {}, "203.0.113.9", True),
		(an_edge(public_url="http://apg.example"), {}, "203.0.113.9", False),
		(behind, {"X-Forwarded-Proto": "https"}, "10.0.0.1", True),
		(behind, {"X-Forwarded-Proto": "http"}, "10.0.0.1", False),
		(behind, {"X-Forwarded-Proto": "https, http"}, "10.0.0.1", False),
		(behind, {"X-Forwarded-Proto": "https"}, "203.0.113.9", False),
	):
		answer = await ask(edge, headers=headers, peer=peer)
		assert ("strict-transport-security" in answer.headers) is expected


@pytest.mark.parametrize(
	("host", "status"),
	[
		("apg.example", 200),
		("APG.example:8000", 200),
		("[::1]:8000", 200),
		("a.tenants.example", 200),
		("tenants.example", 400),
		("evil.example", 400),
		("apg.example.evil.example", 400),
		("evil.example:apg.example", 400),
		("apg.example@evil.example", 400),
		("[::2]", 400),
		("", 400),
	],
)
async def test_only_allowed_hosts_are_answered(host: str, status: int):
	answer = await ask(an_edge(), headers={"Host": host})
	assert answer.status_code == status
	if status == 400:
		assert answer.json()["code"] == "UNKNOWN_HOST"
		assert answer.json()["request_id"] == answer.headers["x-request-id"]
		assert answer.headers["x-content-type-options"] == "nosniff"
		assert host not in answer.text or not host


async def test_the_public_address_is_allowed_and_probes_need_no_name():
	edge = an_edge(public_url="https://plm.example:8443")
	assert (await ask(edge, headers={"Host": "plm.example:8443"})).status_code == 200
	assert (await ask(edge, "/live", headers={"Host": "10.1.2.3:8000"})).status_code == 200
	assert (await ask(edge, "/live/", headers={"Host": "10.1.2.3"})).status_code == 400


async def test_an_edge_without_a_wildcard_allows_no_suffix():
	edge = an_edge(allowed_hosts="apg.example")
	assert (await ask(edge, headers={"Host": "x.apg.example"})).status_code == 400
	assert (
		await ask(an_edge(allowed_hosts="*"), headers={"Host": "any.example"})
	).status_code == 200


@pytest.mark.parametrize(
	("path", "headers", "status", "code"),
	[
		("/live", [(f"X-H{n}", "1") for n in range(120)], 431, "HEADERS_TOO_LARGE"),
		("/live", [("X-Big", "b" * 33_000)], 431, "HEADERS_TOO_LARGE"),
		("/live?q=" + "a" * 8_200, [], 414, "ADDRESS_TOO_LONG"),
		("/live", [("Host", "apg.example"), ("Host", "evil.example")], 400, "MALFORMED_REQUEST"),
		(
			"/live",
			[("Content-Length", "3"), ("Transfer-Encoding", "chunked")],
			400,
			"MALFORMED_REQUEST",
		),
		("/live", [("Content-Length", "3"), ("Content-Length", "9")], 400, "MALFORMED_REQUEST"),
	],
)
async def test_abusive_headers_are_refused_before_the_application(
	path: str, headers: list[tuple[str, str]], status: int, code: str
):
	async def never(*_: Any) -> None:
		raise AssertionError("the application was reached")

	answer = await ask(an_edge(app=never), path, headers=headers)
	assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_refusal_takes_the_envelope_of_its_path():
	edge = an_edge(forms=ErrorForms(("/api/v1/plm",)))
	answer = await ask(edge, "/api/v1/plm/products", headers={"Host": "evil.example"})
	assert answer.json()["success"] is False
	assert answer.json()["error_code"] == "UNKNOWN_HOST"


PROXIES = "10.0.0.0/8, fd00::/8"


@pytest.mark.parametrize(
	("peer", "forwarded", "address"),
	[
		("203.0.113.9", "198.51.100.1", "203.0.113.9"),
		("10.0.0.1", "198.51.100.1", "198.51.100.1"),
		("10.0.0.1", None, "10.0.0.1"),
		("10.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
		("10.0.0.1", "6.6.6.6, 198.51.100.1, 10.0.0.7", "198.51.100.1"),
		("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
		("10.0.0.1", "[2001:db8::1]:443", "2001:db8::1"),
		("fd00::1", "2001:DB8:0::1", "2001:db8::1"),
		("10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
		("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
		("10.0.0.1", "198.51.100.1, unknown", "10.0.0.1"),
		("10.0.0.1", "198.51.100.1, <script>, 10.0.0.7", "10.0.0.7"),
		("10.0.0.1", "10.0.0.3", "10.0.0.3"),
		("unix", "198.51.100.1", "unix"),
	],
)
async def test_the_caller_is_found_behind_our_own_proxies_only(
	peer: str, forwarded: str | None, address: str
):
	headers = {"X-Forwarded-For": forwarded} if forwarded else {}
	body = (await ask(an_edge(trusted_proxies=PROXIES), headers=headers, peer=peer)).json()
	assert body["address"] == address
	if peer.startswith(("10.", "fd00")):
		assert body["client"] == address


async def test_several_forwarding_lines_are_one_chain():
	headers = [("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "198.51.100.1")]
	body = (await ask(an_edge(trusted_proxies=PROXIES), headers=headers, peer="10.0.0.1")).json()
	assert body["address"] == "198.51.100.1"


async def test_only_the_header_our_proxies_write_is_read():
	both = {"X-Forwarded-For": "198.51.100.1", "Forwarded": 'for="[2001:db8::9]:1";proto=https'}
	old = an_edge(trusted_proxies=PROXIES)
	new = an_edge(trusted_proxies=PROXIES, forwarded_header="forwarded")
	answer = (await ask(old, headers=both, peer="10.0.0.1")).json()
	assert (answer["address"], answer["scheme"]) == ("198.51.100.1", "http")
	answer = (await ask(new, headers=both, peer="10.0.0.1")).json()
	assert (answer["address"], answer["scheme"]) == ("2001:db8::9", "https")
	forged = {"Forwarded": "for=6.6.6.6, for=198.51.100.2;proto=http;by=10.0.0.1"}
	answer = (await ask(new, headers=forged, peer="10.0.0.1")).json()
	assert (answer["address"], answer["scheme"]) == ("198.51.100.2", "http")


async def test_every_answer_is_counted_under_its_template():
	observer = Counted()
	edge = an_edge(observer)
	await ask(edge)
	await ask(edge, "/api/v1/esg/metrics/2")
	await ask(edge, "/nowhere")
	await ask(edge, "/live", method="POST")
	await ask(edge, "/broken")
	await ask(edge, headers={"Host": "evil.example"})
	assert observer.seen == [
		("GET", "/api/v1/esg/metrics/{metric_id}", 200),
		("GET", "/api/v1/esg/metrics/{metric_id}", 200),
		("GET", "(unmatched)", 404),
		("POST", "/live", 405),
		("GET", "/broken", 500),
		("GET", "(unmatched)", 400),
	]


async def test_a_failure_before_any_answer_counts_as_500_and_goes_on():
	observer = Counted()

	async def failing(*_: Any) -> None:
		raise RuntimeError

	with pytest.raises(RuntimeError):
		await an_edge(observer, app=failing)(
			{
				"type": "http",
				"method": "GET",
				"path": "/x",
				"query_string": b"",
				"headers": [(b"host", b"apg.example")],
				"scheme": "http",
			},
			None,  # type: ignore[arg-type]
			None,  # type: ignore[arg-type]
		)
	assert observer.seen == [("GET", "(unmatched)", 500)]


async def test_slow_answers_are_reported_streams_by_their_first_byte():
	observer = Counted(slow_ms=300)
	edge = an_edge(observer)
	await ask(edge, "/live")
	await ask(edge, "/stream")
	await ask(edge, "/slow")
	assert observer.slow_seen == ["GET /slow"]


async def test_sockets_get_an_id_and_need_an_allowed_host():
	sent: list[Any] = []

	async def receive() -> Any:
		return {"type": "websocket.connect"}

	async def send(message: Any) -> None:
		sent.append(message)

	for host in (b"evil.example", b"apg.example"):
		scope = {
			"type": "websocket",
			"path": "/ws",
			"query_string": b"",
			"headers": [(b"host", host), (b"x-request-id", b"r1")],
			"scheme": "ws",
			"subprotocols": [],
		}
		await an_edge()(scope, receive, send)
	assert sent[0] == {"type": "websocket.close", "code": 4400}
	assert [message["type"] for message in sent[1:3]] == ["websocket.accept", "websocket.send"]
	assert sent[2]["text"] == "r1"


async def test_an_exceptions_text_never_leaves():
	answer = await ask(an_edge(), "/broken")
	assert answer.status_code == 500
	assert "secret" not in answer.text
	assert UUID.fullmatch(answer.headers["x-request-id"])
	with pytest.raises(json.JSONDecodeError):
		answer.json()
