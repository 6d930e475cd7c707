"""Errors to Sentry, requests, tasks and events to OpenTelemetry, where the operator names an address.

Both go through `kernel/outbound.py` to the host in the setting alone, in a thread of their own; what
is sent is scrubbed like the log: no bodies, no variables, no persons. Without the extra that a
setting needs (`apg[sentry]`, `apg[telemetry]`) a line of the log says so and nothing else happens.
"""

import asyncio
import contextlib
import queue
import random
import re
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import structlog

from apg.kernel.errors import AppError
from apg.kernel.observe import Observed, Sink, add_sink, remove_sink, scrubbed
from apg.kernel.outbound import Outbound, OutboundFailed, OutboundRefused
from apg.kernel.settings import Settings

NEEDED = {"sentry_dsn": "sentry_sdk", "otel_endpoint": "opentelemetry.sdk"}
EXTRA = {"sentry_dsn": "apg[sentry]", "otel_endpoint": "apg[telemetry]"}
WAITING = 200  # envelopes; more are dropped rather than kept in memory
FLUSH_SECONDS = 3.0
DEPTH = 14

_PLACE = re.compile(r"[A-Z]+ /(?:api/v1/)?([a-z_]+)")

_log = structlog.get_logger("apg.telemetry")


def lacking(settings: Settings) -> list[tuple[str, str]]:
	"""(setting, extra) of what is asked for and not installed."""
	found: list[tuple[str, str]] = []
	for name, module in NEEDED.items():
		try:
			there = find_spec(module) is not None
		except ModuleNotFoundError:
			there = False
		if getattr(settings, name) and not there:
			found.append((f"APG_{name.upper()}", EXTRA[name]))
	return found


def start(settings: Settings, stack: AsyncExitStack, process: str) -> None:
	"""Starts what the settings name, until the stack closes."""
	missing = lacking(settings)
	for name, extra in missing:
		_log.warning("not reported", setting=name, install=extra)
	names = {name for name, _extra in missing}
	sinks: list[Any] = []
	if settings.sentry_dsn and "APG_SENTRY_DSN" not in names:
		sinks.append(start_sentry(settings, process))
	if settings.otel_endpoint and "APG_OTEL_ENDPOINT" not in names:
		sinks.append(start_traces(settings, process))
	for sink in sinks:
		add_sink(sink)
		stack.push_async_callback(_end, sink)


async def _end(sink: Any) -> None:
	remove_sink(sink)
	await asyncio.to_thread(sink.close)


class Postbag:
	"""Posts what it is given from a thread of its own, in order; drops what is too much."""

	def __init__(self, out: Outbound) -> None:
		self._out = out
		self._queue: queue.Queue[tuple[str, dict[str, str], bytes] | None] = queue.Queue(WAITING)
		self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)
		self._thread.start()

	def put(self, url: str, headers: dict[str, str], body: bytes) -> None:
		with contextlib.suppress(queue.Full):
			self._queue.put_nowait((url, headers, body))

	def _run(self) -> None:
		while (item := self._queue.get()) is not None:
			post(self._out, *item)

	def close(self, seconds: float = FLUSH_SECONDS) -> None:
		with contextlib.suppress(queue.Full):
			self._queue.put(None, timeout=seconds)
		self._thread.join(seconds)


def post(out: Outbound, url: str, headers: Mapping[str, str], body: bytes) -> bool:
	"""One request from a thread without a loop; whether it was taken."""
	try:
		answer = asyncio.run(out.send("POST", url, headers=headers, body=body))
	except (OutboundFailed, OutboundRefused) as error:
		_log.warning("telemetry not sent", reason=getattr(error, "kind", type(error).__name__))
		return False
	if answer.status >= 300:
		_log.warning("telemetry not taken", status=answer.status)
	return answer.status < 300


# -- Sentry ---------------------------------------------------------------------------------------


def start_sentry(settings: Settings, process: str) -> "Sentry":
	"""Reports unexpected errors, and of requests the share that APG_SENTRY_TRACES_RATE names."""
	return Sentry(settings, process)


class Sentry(Sink):
	"""A client without integrations: it sees what the log sees, and reads nothing by itself."""

	def __init__(self, settings: Settings, process: str) -> None:
		import sentry_sdk
		from sentry_sdk.consts import EndpointType
		from sentry_sdk.transport import Transport

		bag = Postbag(Outbound.to(settings, settings.sentry_dsn))

		class Door(Transport):
			def capture_envelope(self, envelope: Any) -> None:
				assert self.parsed_dsn is not None
				auth = self.parsed_dsn.to_auth("apg")
				headers = {
					"Content-Type": "application/x-sentry-envelope",
					"X-Sentry-Auth": str(auth.to_header()),
				}
				bag.put(auth.get_api_url(EndpointType.ENVELOPE), headers, envelope.serialize())

		self._bag, self._rate, self._process = bag, settings.sentry_traces_rate, process
		self.client = sentry_sdk.Client(
			dsn=settings.sentry_dsn,
			environment=settings.env,
			release=f"apg@{version('apg')}",
			server_name=process,
			transport=Door,
			default_integrations=False,
			auto_enabling_integrations=False,
			include_local_variables=False,
			include_source_context=False,
			max_request_body_size="never",
			auto_session_tracking=False,
			send_client_reports=False,
		)

	def error(self, error: BaseException, fields: Mapping[str, Any]) -> None:
		from sentry_sdk.utils import event_from_exception

		if isinstance(error, AppError):
			return  # a refusal is an answer, not a fault
		event, _hint = event_from_exception(error, client_options=self.client.options)
		self.client.capture_event(
			scrubbed({**event, **self._facts(fields), "level": "error"}, DEPTH)
		)

	def observed(self, one: Observed) -> None:
		if random.random() >= self._rate:
			return
		ended = time.time()
		facts = self._facts(one.fields)
		facts["contexts"]["trace"] = {
			"trace_id": secrets.token_hex(16),
			"span_id": secrets.token_hex(8),
			"op": one.kind,
			"status": "internal_error" if one.status >= 500 else "ok",
		}
		self.client.capture_event(
			scrubbed(
				{
					"type": "transaction",
					"transaction": one.operation,
					"transaction_info": {"source": "route"},
					"start_timestamp": ended - one.seconds,
					"timestamp": ended,
					"spans": [],
					**facts,
				},
				DEPTH,
			)
		)

	def _facts(self, fields: Mapping[str, Any]) -> dict[str, Any]:
		"""Which capability and operation; ids, never names or addresses of people."""
		place = _PLACE.match(str(fields.get("operation") or ""))
		short = str(fields.get("capability") or (place and place[1]) or "apg")
		told = {
			name: str(fields[name])
			for name in ("operation", "tenant_id", "request_id", "task")
			if fields.get(name)
		}
		return {
			"tags": {"capability": short, "process": self._process},
			"contexts": {short: told},
		}

	def close(self) -> None:
		self.client.close(timeout=0)
		self._bag.close()


# -- OpenTelemetry ------------------------------------------------------------------------------------


def start_traces(settings: Settings, process: str) -> "Traces":
	"""One span for each request and each piece of work, in OTLP over HTTP."""
	return Traces(settings, process)


class Traces(Sink):
	"""Spans in batches, from the thread of the library."""

	def __init__(self, settings: Settings, process: str) -> None:
		from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
		from opentelemetry.sdk.resources import Resource
		from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
		from opentelemetry.sdk.trace.export import (
			BatchSpanProcessor,
			SpanExporter,
			SpanExportResult,
		)

		url = settings.otel_endpoint.rstrip("/")
		url = url if url.endswith("/v1/traces") else f"{url}/v1/traces"
		out = Outbound.to(settings, url)
		headers = {"Content-Type": "application/x-protobuf"}

		class Exporter(SpanExporter):
			def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
				taken = post(out, url, headers, encode_spans(spans).SerializeToString())
				return SpanExportResult.SUCCESS if taken else SpanExportResult.FAILURE

		facts = {
			"service.name": "apg",
			"service.version": version("apg"),
			"service.instance.id": process,
			"deployment.environment.name": settings.env,
		}
		self._provider = TracerProvider(resource=Resource(facts), shutdown_on_exit=False)
		self._provider.add_span_processor(BatchSpanProcessor(Exporter()))
		self._tracer = self._provider.get_tracer("apg")

	def error(self, error: BaseException, fields: Mapping[str, Any]) -> None:
		return None  # the span of the request says that it failed

	def observed(self, one: Observed) -> None:
		from opentelemetry.trace import (
			NonRecordingSpan,
			SpanContext,
			SpanKind,
			Status,
			StatusCode,
			TraceFlags,
			set_span_in_context,
		)

		ended = time.time_ns()
		known = {
			"apg.capability": one.fields.get("capability"),
			"apg.tenant_id": one.fields.get("tenant_id"),
			"apg.request_id": one.fields.get("request_id"),
			"http.request.method": one.fields.get("method"),
			"http.route": one.fields.get("endpoint"),
			"http.response.status_code": one.status if one.kind == "http.server" else None,
		}
		parent = None
		if (trace_id := one.fields.get("trace_id")) and (span_id := one.fields.get("span_id")):
			# What the caller told by `traceparent`: its span is the parent of ours.
			known_by = SpanContext(
				int(trace_id, 16), int(span_id, 16), True, TraceFlags(TraceFlags.SAMPLED)
			)
			parent = set_span_in_context(NonRecordingSpan(known_by))
		span = self._tracer.start_span(
			one.operation,
			parent,
			kind={"http.server": SpanKind.SERVER, "event": SpanKind.CONSUMER}.get(
				one.kind, SpanKind.INTERNAL
			),
			attributes={name: value for name, value in known.items() if value is not None},
			start_time=ended - int(one.seconds * 1e9),
		)
		if one.status >= 500:
			span.set_status(Status(StatusCode.ERROR))
		span.end(ended)

	def close(self) -> None:
		self._provider.shutdown()
