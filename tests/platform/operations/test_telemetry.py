"""Errors and spans at local receivers: what arrives, and what must never be in it."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from apg.capabilities.esg.metrics import service as metrics
from apg.kernel.settings import Settings
from apg.platform.operations import telemetry
from tests.people import Person

SECRETS = ("ann@example.org", "a long secret pass", "whsec_" + "x" * 43, "0815-phone")


@dataclass
class Collector:
	"""A server on loopback that takes whatever is posted."""

	port: int = 0
	taken: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list[Any])
	status: int = 200

	async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
		head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
		headers = {n.lower(): v for n, v in (one.split(": ", 1) for one in head[1:-2])}
		body = await reader.readexactly(int(headers["content-length"]))
		self.taken.append((head[0], headers, body))
		writer.write(f"HTTP/1.1 {self.status} X\r\nContent-Length: 2\r\n\r\n{{}}".encode())
		await writer.drain()
		writer.close()


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
	made = Collector()
	server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
	made.port = server.sockets[0].getsockname()[1]
	yield made
	server.close()


@asynccontextmanager
async def reporting(**given: Any) -> AsyncIterator[None]:
	async with AsyncExitStack() as stack:
		telemetry.start(Settings(env="test", public_url="https://a.example", **given), stack, "web")
		yield


def items(envelope: bytes) -> list[Any]:
	lines = envelope.split(b"\n")
	return [json.loads(line) for line in lines if line.startswith(b"{")]


async def broken(*_: Any, **__: Any) -> None:
	password = SECRETS[1]
	raise RuntimeError(f"{SECRETS[0]} {SECRETS[2]} Bearer {'t' * 20} {len(password)}")


@pytest.fixture
def breaks(monkeypatch: pytest.MonkeyPatch) -> str:
	monkeypatch.setattr(metrics, "read", broken)
	return "/api/v1/esg/metrics/018f0000-0000-7000-8000-00000000000a"


async def test_an_unexpected_error_arrives_scrubbed(
	client: httpx.AsyncClient, alice: Person, collector: Collector, breaks: str
) -> None:
	dsn = f"http://public@127.0.0.1:{collector.port}/7"
	async with reporting(sentry_dsn=dsn, sentry_traces_rate=0.0):
		answer = await client.get(
			f"{breaks}?phone={SECRETS[3]}", headers=alice.by(X_Request_ID="the-request")
		)
		assert answer.status_code == 500
		refused = await client.get("/api/v1/esg/metrics?limit=0", headers=alice.headers)
		assert refused.status_code == 422
	[(line, headers, body)] = collector.taken
	assert line == "POST /api/7/envelope/ HTTP/1.1"
	assert "sentry_key=public" in headers["x-sentry-auth"]
	event = next(one for one in items(body) if "exception" in one)
	[fault] = event["exception"]["values"]
	assert fault["type"] == "RuntimeError"
	assert fault["stacktrace"]["frames"][-1]["function"] == "broken"
	assert "vars" not in fault["stacktrace"]["frames"][-1]
	assert event["environment"] == "test"
	assert event["tags"] == {"capability": "esg", "process": "web"}
	assert event["contexts"]["esg"]["operation"] == "GET /api/v1/esg/metrics/{metric_id}"
	assert "user" not in event
	for secret in (*SECRETS, alice.username, alice.headers["Authorization"].split()[1], "t" * 20):
		assert secret.encode() not in body


async def test_a_share_of_requests_is_reported_with_its_time(
	client: httpx.AsyncClient, alice: Person, collector: Collector
) -> None:
	dsn = f"http://public@127.0.0.1:{collector.port}/7"
	async with reporting(sentry_dsn=dsn, sentry_traces_rate=1.0):
		await client.get("/api/v1/plm/products?search=somebody", headers=alice.headers)
	async with reporting(sentry_dsn=dsn, sentry_traces_rate=0.0):
		await client.get("/api/v1/plm/products", headers=alice.headers)
	assert Settings().sentry_traces_rate == 0.1
	[(_line, _headers, body)] = collector.taken
	told = next(one for one in items(body) if one.get("type") == "transaction" and "tags" in one)
	assert told["transaction"] == "GET /api/v1/plm/products"
	assert told["timestamp"] > told["start_timestamp"]
	assert told["tags"]["capability"] == "plm"
	assert b"somebody" not in body


async def test_spans_arrive_as_otlp(
	client: httpx.AsyncClient, alice: Person, collector: Collector, breaks: str
) -> None:
	async with reporting(otel_endpoint=f"http://127.0.0.1:{collector.port}"):
		parent = f"00-{'ab' * 16}-{'cd' * 8}-01"
		await client.get(
			"/api/v1/plm/products?search=somebody", headers=alice.by(traceparent=parent)
		)
		await client.get(breaks, headers=alice.headers)
	assert {line for line, _h, _b in collector.taken} == {"POST /v1/traces HTTP/1.1"}
	spans: list[Any] = []
	for _line, headers, body in collector.taken:
		plain = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
		told = ExportTraceServiceRequest.FromString(plain)
		for resource in told.resource_spans:
			facts = {one.key: one.value.string_value for one in resource.resource.attributes}
			assert facts["service.name"] == "apg"
			spans += [span for scope in resource.scope_spans for span in scope.spans]
	first, second = sorted(spans, key=lambda span: span.start_time_unix_nano)
	assert first.name == "GET /api/v1/plm/products"
	assert first.end_time_unix_nano > first.start_time_unix_nano
	attributes = {one.key: one.value for one in first.attributes}
	assert attributes["http.response.status_code"].int_value == 200
	assert attributes["apg.capability"].string_value == "plm"
	assert attributes["apg.tenant_id"].string_value == alice.tenant_id
	assert (first.trace_id.hex(), first.parent_span_id.hex()) == ("ab" * 16, "cd" * 8)
	assert second.status.code == 2
	assert second.trace_id.hex() != "ab" * 16
	whole = b"".join(body for _l, _h, body in collector.taken)
	for secret in (*SECRETS, alice.username, "somebody"):
		assert secret.encode() not in whole


async def test_a_receiver_that_is_away_or_refuses_disturbs_nobody(
	client: httpx.AsyncClient, alice: Person, collector: Collector
) -> None:
	collector.status = 503
	dsn = f"http://public@127.0.0.1:{collector.port}/7"
	async with reporting(
		sentry_dsn=dsn, sentry_traces_rate=1.0, otel_endpoint="http://127.0.0.1:9"
	):
		answer = await client.get("/api/v1/plm/products", headers=alice.headers)
		assert answer.status_code == 200
	assert len(collector.taken) == 1


def test_what_is_asked_for_and_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
	settings = Settings(sentry_dsn="https://k@h.example/1", otel_endpoint="https://h.example")
	assert telemetry.lacking(settings) == []
	monkeypatch.setattr(telemetry, "find_spec", lambda _name: None)
	assert telemetry.lacking(settings) == [
		("APG_SENTRY_DSN", "apg[sentry]"),
		("APG_OTEL_ENDPOINT", "apg[telemetry]"),
	]
	assert telemetry.lacking(Settings(sentry_dsn="", otel_endpoint="")) == []


async def test_nothing_is_loaded_without_a_setting() -> None:
	import subprocess
	import sys

	code = (
		"import sys\nimport apg.app\nfrom apg.platform.operations import telemetry\n"
		"sys.exit(bool({'sentry_sdk', 'opentelemetry'} & set(sys.modules)))"
	)
	assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
