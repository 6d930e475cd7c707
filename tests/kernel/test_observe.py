"""Logs hold no secret; metrics count every request under its template, also over processes."""

import asyncio
import io
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from apg.kernel import observe
from apg.kernel.observe import Observer, Service, configure_logging, may_read_metrics, scrubbed

ESG = Service("/api/v1/esg", "esg", "esg_management", "ESG")
PLM = Service("/api/v1/plm", "plm", "plm_management", "PLM")


@pytest.fixture
def lines() -> Iterator[Any]:
	"""Logging as in production, into a buffer; gives a function that reads the lines so far."""
	root, level = logging.root.handlers[:], logging.root.level
	out = io.BytesIO()
	configure_logging(stream=out)
	yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
	logging.root.handlers[:] = root
	logging.root.setLevel(level)
	structlog.reset_defaults()
	observe._moment.set(None)


def sample(text: bytes, name: str, **labels: str) -> float | None:
	"""The value of one series in an exposition."""
	for line in text.decode().splitlines():
		found = re.fullmatch(rf"{name}(?:\{{(.*)\}})? (\S+)", line)
		if found and dict(re.findall(r'(\w+)="([^"]*)"', found[1] or "")) == labels:
			return float(found[2])
	return None


def test_lines_carry_the_context_of_the_request(lines: Any):
	observe.begin(request_id="r1", trace_id="t1")
	observe.bind(tenant_id="acme", user_id="u1")
	structlog.get_logger().info("hello", resource_id="m1", metric_name="Energy")
	(line,) = lines()
	assert line.pop("timestamp").endswith("Z")
	assert line == {
		"service": "apg",
		"request_id": "r1",
		"trace_id": "t1",
		"tenant_id": "acme",
		"user_id": "u1",
		"event": "hello",
		"level": "info",
		"resource_id": "m1",
		"metric_name": "Energy",
	}


async def test_requests_at_the_same_time_keep_their_contexts_apart(lines: Any):
	async def one(name: str) -> None:
		observe.begin(request_id=name)
		await asyncio.sleep(0)
		observe.bind(user_id=f"user of {name}")
		await asyncio.sleep(0)
		structlog.get_logger().info("done")

	await asyncio.gather(*(asyncio.create_task(one(name)) for name in "abc"))
	assert {(line["request_id"], line["user_id"]) for line in lines()} == {
		(name, f"user of {name}") for name in "abc"
	}


@pytest.mark.parametrize(
	"secret",
	[
		"anna.berg+x@mail.example.org",
		"postgresql://apg_app:s3cr3t@db:5432/apg",
		"eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
		"apg_" + "a1B2" * 10 + "xyz",
		"Xk3_" + "a-B2" * 9 + "xyz",
		"Authorization: Bearer abcdefgh12345",
	],
)
def test_secrets_are_removed_from_texts_wherever_they_stand(lines: Any, secret: str):
	core = re.sub(r"^.*(?:Bearer |://)|@db.*$", "", secret)
	log = structlog.get_logger()
	log.info(f"failed for {secret} again", note=secret, deep={"a": [{"b": secret}]})
	try:
		raise ValueError(secret)
	except ValueError:
		log.exception("broken")
	logging.getLogger("library").warning("connecting with %s", secret)
	text = json.dumps(lines())
	assert len(lines()) == 3
	assert core not in text
	assert "ValueError" in text
	assert "again" in text
	assert '"logger": "library"' in text


@pytest.mark.parametrize(
	"name",
	[
		"password",
		"new_password",
		"client_secret",
		"refresh_token",
		"Set-Cookie",
		"Authorization",
		"api_key",
		"body",
		"request_body",
		"totp",
		"csrf",
		"contact_email",
		"phone",
		"sentry_dsn",
	],
)
def test_values_under_a_secret_name_are_removed(name: str):
	assert scrubbed({name: "x", "outer": {name: {"deep": 1}}}) == {
		name: "[removed]",
		"outer": {name: "[removed]"},
	}


def test_what_is_no_secret_is_kept():
	kept = {
		"token_id": "0190b6a2-7c1e-7d4f-8a9b-0c1d2e3f4a5b",
		"duration_ms": 1.5,
		"sha": "ab" * 32,
		"event": "R&D @ 5 o'clock, 12 kg",
		"ok": True,
		"rows": [1, None],
		"address": "https://example.org/a?b=c",
	}
	assert scrubbed(kept) == kept
	assert scrubbed({"data": b"1234"}) == {"data": "[4 bytes]"}
	assert scrubbed("x" * 30_000) == "x" * 20_000 + "…"


def test_values_in_messages_of_the_database_are_removed():
	text = "duplicate key\nDETAIL:  Key (name)=(Anna Berg) exists.\n[parameters: ('Anna',)]\nend"
	assert "Anna" not in scrubbed(text)
	assert scrubbed(text).endswith("\nend")


def test_levels_are_filtered_also_for_libraries(lines: Any):
	structlog.get_logger().debug("no")
	logging.getLogger("library").debug("no")
	logging.getLogger("library").info("yes")
	assert [line["event"] for line in lines()] == ["yes"]


async def test_requests_are_counted_under_the_guides_names(lines: Any):
	observer = Observer([ESG, PLM])
	template = "/api/v1/esg/metrics/{metric_id}"
	observer.request("GET", "/api/v1/esg/metrics/1", template, 200, 0.004)
	observer.request("GET", "/api/v1/esg/metrics/2", template, 200, 0.3)
	observer.request("GET", "/api/v1/plm/products/1", "/api/v1/plm/products/{id}", 404, 0.01)
	observer.request("BREW", "/api/v1/esg/xyz", observe.UNMATCHED, 401, 0.0)
	observer.request("GET", "/live", "/live", 200, 0.0)
	body, kind = await observer.render()
	assert kind.startswith("text/plain")
	one = {"method": "GET", "endpoint": template}
	assert sample(body, "esg_requests_total", **one, status="200") == 2
	assert sample(body, "apg_http_requests_total", **one, status="200") == 2
	assert sample(body, "esg_request_duration_seconds_count", **one) == 2
	assert sample(body, "esg_request_duration_seconds_sum", **one) == pytest.approx(0.304)
	assert sample(body, "esg_request_duration_seconds_bucket", **one, le="0.005") == 1
	plm = {"method": "GET", "endpoint": "/api/v1/plm/products/{id}", "status": "404"}
	assert sample(body, "plm_requests_total", **plm) == 1
	odd = {"method": "OTHER", "endpoint": "(unmatched)", "status": "401"}
	assert sample(body, "esg_requests_total", **odd) == 1
	live = {"method": "GET", "endpoint": "/live", "status": "200"}
	assert sample(body, "apg_http_requests_total", **live) == 1
	assert sample(body, "esg_requests_total", **live) is None
	assert b"metrics/1" not in body
	assert b"xyz" not in body
	assert b"process_resident_memory_bytes" in body


def test_writes_and_failures_are_logged_reads_are_not(lines: Any):
	observer = Observer([ESG])
	observe.begin(request_id="r1")
	observe.bind(tenant_id="t", user_id="u", operation="esg.metrics.create", resource_id="m1")
	observer.request("GET", "/api/v1/esg/metrics", "/api/v1/esg/metrics", 200, 0.1)
	observer.request("POST", "/api/v1/esg/metrics", "/api/v1/esg/metrics", 201, 0.0123)
	observer.request("GET", "/api/v1/esg/metrics", "/api/v1/esg/metrics", 500, 0.1)
	done, failed = lines()
	assert done | {"timestamp": ""} == {
		"event": "ESG operation completed",
		"level": "info",
		"service": "esg_management",
		"request_id": "r1",
		"tenant_id": "t",
		"user_id": "u",
		"operation": "esg.metrics.create",
		"resource_id": "m1",
		"method": "POST",
		"endpoint": "/api/v1/esg/metrics",
		"status": 201,
		"duration_ms": 12.3,
		"timestamp": "",
	}
	assert (failed["event"], failed["level"]) == ("ESG operation failed", "error")


async def test_slow_operations_are_reported_at_the_threshold(lines: Any):
	observer = Observer(slow_ms=1_000)
	observer.request("GET", "/a/1", "/a/{id}", 200, 0.999)
	assert lines() == []
	observer.request("GET", "/a/1", "/a/{id}", 200, 1.0)
	(line,) = lines()
	assert line["event"] == "slow operation"
	assert line["level"] == "warning"
	assert (line["operation"], line["duration_ms"]) == ("GET /a/{id}", 1000.0)
	assert line["threshold_ms"] == 1_000
	body, _ = await observer.render()
	assert sample(body, "apg_slow_operations_total", operation="GET /a/{id}") == 1


def test_work_outside_requests_is_told_with_its_context_even_when_it_fails(lines: Any):
	class Kept(observe.Sink):
		def __init__(self) -> None:
			self.told: list[observe.Observed] = []

		def error(self, error: BaseException, fields: Any) -> None: ...

		def observed(self, one: observe.Observed) -> None:
			self.told.append(one)

	observe.add_sink(kept := Kept())
	try:
		with observe.watched("task", "task plm.import", 60_000, tenant_id="t"):
			structlog.get_logger().info("inside")
		with pytest.raises(RuntimeError), observe.watched("task", "task plm.import", 0):
			raise RuntimeError
	finally:
		observe.remove_sink(kept)
	structlog.get_logger().info("outside")
	inside, slow, outside = lines()
	assert inside["tenant_id"] == "t"
	assert (slow["event"], slow["operation"]) == ("slow operation", "task plm.import")
	assert "tenant_id" not in outside
	assert [(one.kind, one.status, one.fields) for one in kept.told] == [
		("task", 0, {"tenant_id": "t"}),
		("task", 500, {}),
	]


async def test_gauges_are_set_when_asked_and_name_tenants_by_choice_only():
	for opted, label in ((False, "all"), (True, "t1")):
		observer = Observer([ESG], tenant_labels=opted)
		gauge = observer.gauge(
			"esg_active_metrics_total", "Active metrics", ["tenant_id", "metric_type"]
		)

		async def count(gauge: Any = gauge, observer: Observer = observer) -> None:
			gauge.labels(observer.tenant_label("t1"), "environmental").set(7)

		observer.before_scrape(count)
		body, _ = await observer.render()
		found = sample(
			body, "esg_active_metrics_total", tenant_id=label, metric_type="environmental"
		)
		assert found == 7


COUNTING = """
import asyncio, sys
from apg.kernel.observe import Observer
observer = Observer()
for _ in range(int(sys.argv[1])):
	observer.request("GET", "/a", "/a", 200, 0.01)
gauge = observer.gauge("apg_age", "Age")
gauge.set(int(sys.argv[1]))
sys.stdout.write(asyncio.run(observer.render())[0].decode())
"""


def test_processes_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
	monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
	(tmp_path / "shared").mkdir()
	(tmp_path / "shared" / "counter_1.db").write_bytes(b"left over")
	observe.prepare_metrics_directory(tmp_path / "shared")
	outputs = [
		subprocess.run(
			[sys.executable, "-c", COUNTING, n], env=os.environ, capture_output=True, check=True
		).stdout
		for n in ("3", "4")
	]
	labels = {"method": "GET", "endpoint": "/a", "status": "200"}
	assert sample(outputs[0], "apg_http_requests_total", **labels) == 3
	assert sample(outputs[1], "apg_http_requests_total", **labels) == 7
	assert sample(outputs[1], "apg_age") == 4


@pytest.mark.parametrize(
	("client", "headers", "token", "allowed"),
	[
		("127.0.0.1", {}, "", True),
		("::1", {}, "", True),
		("203.0.113.5", {}, "", False),
		("127.0.0.1", {"x-forwarded-for": "203.0.113.5"}, "", False),
		("127.0.0.1", {"forwarded": "for=203.0.113.5"}, "", False),
		(None, {}, "", False),
		("testclient", {}, "", False),
		("203.0.113.5", {"authorization": "Bearer m3tr1cs"}, "m3tr1cs", True),
		("127.0.0.1", {}, "m3tr1cs", False),
		("127.0.0.1", {"authorization": "Bearer m3tr1c"}, "m3tr1cs", False),
		("203.0.113.5", {"authorization": "Bearer "}, "", False),
	],
)
def test_metrics_are_for_this_machine_or_the_bearer(
	client: str | None, headers: dict[str, str], token: str, allowed: bool
):
	scope = {
		"client": (client, 1) if client else None,
		"headers": [(name.encode(), value.encode()) for name, value in headers.items()],
	}
	assert may_read_metrics(scope, token) is allowed
