"""What the operator sees: JSON logs that hold no secret, metrics by route template, slow operations.

Several web processes add up when PROMETHEUS_MULTIPROC_DIR names a folder before they start;
`prepare_metrics_directory` in the process that starts them takes care of it.
"""

import hmac
import logging
import os
import re
import sys
import time
from collections.abc import Awaitable, Callable, Generator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol, cast

import orjson
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, values
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

UNMATCHED = "(unmatched)"
REMOVED = "[removed]"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LONGEST_TEXT = 20_000

_moment: ContextVar[dict[str, Any] | None] = ContextVar("log_context", default=None)


def begin(**fields: Any) -> dict[str, Any]:
	"""Starts the log context of a request or task; what is bound later joins it."""
	_moment.set(fields)
	return fields


def bind(**fields: Any) -> None:
	"""Adds fields (tenant_id, user_id, operation, resource_id …) to every later line of this request."""
	bound = _moment.get()
	if bound is None:
		begin(**fields)
	else:
		bound.update(fields)


_SECRET_NAME = re.compile(
	r"passw|secret|token(?!_id)|cookie|authori[sz]ation|api_?key|credential|private_key"
	r"|(^|_)(t?otp|recovery_codes?|body|payload|csrf|dsn)$|e_?mail|phone",
	re.IGNORECASE,
)
_SECRET_TEXT = re.compile(
	r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+"  # e-mail
	r"|(?<=://)[^/\s@]{1,200}@"  # user and password of an address
	r"|eyJ[\w-]{8,}\.[\w-]*\.?[\w-]*"  # JSON web token
	r"|\bwhsec_[\w-]{43}|\bapg_[A-Za-z0-9]{43}\b|(?<![\w-])[A-Za-z0-9_-]{43}(?![\w-])"  # our opaque secrets
	r"|(?i:\b(?:bearer|basic)\s+)[\w.~+/=-]{6,}"
	r"|(?<=DETAIL:)[^\n]*|(?<=\[parameters:)[^\n]*"  # values in messages of the database
)


def scrubbed(value: Any, depth: int = 6) -> Any:
	"""A copy of what may be written to a log; names and forms of secrets and addresses are removed."""
	if value is None or isinstance(value, bool | int | float):
		return value
	if isinstance(value, bytes | bytearray):
		return f"[{len(value)} bytes]"
	if isinstance(value, dict | list | tuple | set | frozenset):
		if depth == 0:
			return REMOVED
		if isinstance(value, dict):
			return {
				str(name): REMOVED if _SECRET_NAME.search(str(name)) else scrubbed(item, depth - 1)
				for name, item in cast(dict[Any, Any], value).items()
			}
		return [scrubbed(item, depth - 1) for item in cast(Sequence[Any], value)]
	text = str(value)
	if len(text) > _LONGEST_TEXT:
		text = text[:_LONGEST_TEXT] + "…"
	return _SECRET_TEXT.sub(REMOVED, text)


@dataclass(frozen=True, slots=True)
class Observed:
	"""One piece of work that ended: its operation, seconds, HTTP status (0 for none), log context."""

	kind: str
	operation: str
	seconds: float
	status: int
	fields: dict[str, Any]


class Sink(Protocol):
	"""Who else is told, beside log and metrics; neither call may wait."""

	def error(self, error: BaseException, fields: Mapping[str, Any]) -> None: ...
	def observed(self, one: Observed) -> None: ...


_sinks: list[Sink] = []


def add_sink(sink: Sink) -> None:
	_sinks.append(sink)


def remove_sink(sink: Sink) -> None:
	_sinks.remove(sink)


def _observed(one: Observed) -> None:
	for sink in _sinks:
		try:
			sink.observed(one)
		except Exception as error:  # noqa: BLE001 - whoever only watches must not break an answer
			structlog.get_logger().warning("not observed", error=type(error).__name__)


def _tell_sinks(_logger: Any, name: str, event: MutableMapping[str, Any]) -> Any:
	"""Whatever is logged as an error with its exception."""
	if _sinks and name in ("error", "critical", "exception"):
		given = event.get("exc_info")
		error = given if isinstance(given, BaseException) else None
		if error is None and isinstance(given, tuple):
			error = cast(Any, given)[1]
		if error is None and given:
			error = sys.exc_info()[1]
		if error is not None:
			for sink in _sinks:
				try:
					sink.error(error, event)
				except Exception as trouble:  # noqa: BLE001 - the line itself must be written
					event["not_reported"] = type(trouble).__name__
	return event


def _add_context(service: str) -> structlog.typing.Processor:
	def add(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> Any:
		return {"service": service, **(_moment.get() or {}), **event}

	return add


def _scrub(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> Any:
	return scrubbed(dict(event))


class _Forward(logging.Handler):
	"""Sends what libraries log the same way as our own lines."""

	def emit(self, record: logging.LogRecord) -> None:
		structlog.get_logger().log(
			record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info
		)


class _StandardError:
	"""Standard error as it is when a line is written; whoever redirects it later is obeyed."""

	def write(self, line: bytes) -> int:
		return sys.stderr.buffer.write(line)

	def flush(self) -> None:
		sys.stderr.buffer.flush()


def configure_logging(
	level: str = "INFO",
	form: Literal["json", "console"] = "json",
	service: str = "apg",
	stream: BinaryIO | None = None,
) -> None:
	"""Every line of the process, libraries included, as one JSON object on standard error."""
	number = logging.getLevelNamesMapping()[level.upper()]
	out = cast(BinaryIO, stream or _StandardError())
	json = structlog.processors.JSONRenderer(serializer=lambda event, **_: orjson.dumps(event))
	text = structlog.dev.ConsoleRenderer(colors=False)
	structlog.configure(
		processors=[
			_add_context(service),
			structlog.processors.add_log_level,
			structlog.processors.TimeStamper(fmt="iso", utc=True),
			_tell_sinks,
			structlog.processors.format_exc_info,
			_scrub,
			json
			if form == "json"
			else lambda logger, name, event: text(logger, name, event).encode(),
		],
		wrapper_class=structlog.make_filtering_bound_logger(number),
		logger_factory=structlog.BytesLoggerFactory(out),
		cache_logger_on_first_use=True,
	)
	logging.basicConfig(handlers=[_Forward()], level=max(number, logging.INFO), force=True)


@dataclass(frozen=True, slots=True)
class Service:
	"""A capability as its operator knows it: addresses, metric prefix, name and title in the log."""

	prefix: str
	short: str
	name: str
	title: str


def endpoint_of(scope: MutableMapping[str, Any]) -> str:
	"""The template of the matched route, with its routers' prefixes; never the raw path."""
	context = scope.get("fastapi", {}).get("effective_route_context")
	route = context or scope.get("route")
	return getattr(route, "path_format", None) or getattr(route, "path", None) or UNMATCHED


def prepare_metrics_directory(directory: Path) -> None:
	"""Empties the folder in which processes share metrics; call before starting them."""
	directory.mkdir(parents=True, exist_ok=True)
	for old in directory.glob("*.db"):
		old.unlink()
	os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)


class Observer:
	"""Counts and reports; one per process. A capability makes its own metrics here too."""

	def __init__(
		self,
		services: Sequence[Service] = (),
		*,
		slow_ms: int = 1_000,
		log_requests: Literal["all", "writes", "none"] = "writes",
		tenant_labels: bool = False,
	) -> None:
		self.registry = CollectorRegistry()
		self._shared = values.ValueClass is not values.MutexValue
		if not self._shared:
			ProcessCollector(registry=self.registry)
		self._services, self._slow_ms = tuple(services), slow_ms
		self._log_requests, self._tenant_labels = log_requests, tenant_labels
		self._refreshes: list[Callable[[], Awaitable[None]]] = []
		self._metrics = {service.short: self._pair(service.short, "") for service in services}
		self._all = self._pair("apg", "http_")
		self._slow = self.counter(
			"apg_slow_operations_total", "Operations over the reported duration", ["operation"]
		)
		self._series: dict[tuple[str, str, int, str], Any] = {}

	def counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Counter:
		return Counter(name, text, labels, registry=self.registry)

	def gauge(self, name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
		"""A figure that `before_scrape` sets; of several processes the latest counts."""
		return Gauge(name, text, labels, registry=self.registry, multiprocess_mode="mostrecent")

	def histogram(self, name: str, text: str, labels: Sequence[str] = ()) -> Histogram:
		return Histogram(name, text, labels, registry=self.registry, buckets=_BUCKETS)

	def _pair(self, short: str, kind: str) -> tuple[Counter, Histogram]:
		return (
			self.counter(
				f"{short}_{kind}requests_total",
				"Requests answered",
				["method", "endpoint", "status"],
			),
			self.histogram(
				f"{short}_{kind}request_duration_seconds", "Time to answer", ["method", "endpoint"]
			),
		)

	def tenant_label(self, tenant_id: str) -> str:
		"""The tenant for a label where the operator opted in (APG_METRICS_TENANTS), else `all`."""
		return tenant_id if self._tenant_labels else "all"

	def before_scrape(self, refresh: Callable[[], Awaitable[None]]) -> None:
		"""Runs before each exposition, to set gauges that are read from the database."""
		self._refreshes.append(refresh)

	async def render(self) -> tuple[bytes, str]:
		"""The body and content type of `/metrics`, all processes summed up."""
		for refresh in self._refreshes:
			await refresh()
		registry = self.registry
		if self._shared:
			registry = CollectorRegistry()
			MultiProcessCollector(registry)
		return generate_latest(registry), CONTENT_TYPE_LATEST

	def request(self, method: str, path: str, endpoint: str, status: int, seconds: float) -> None:
		"""Counts one answered request under its route template, and reports it where it matters."""
		where = path if endpoint == UNMATCHED else endpoint
		service = next((s for s in self._services if where.startswith(s.prefix)), None)
		method = method if method in _METHODS else "OTHER"
		key = (method, endpoint, status, service.short if service else "")
		series = self._series.get(key)
		if series is None:
			pairs = [self._all, *([self._metrics[service.short]] if service else [])]
			series = [
				(count.labels(method, endpoint, str(status)), time_.labels(method, endpoint))
				for count, time_ in pairs
			]
			self._series[key] = series
		for count, duration in series:
			count.inc()
			duration.observe(seconds)
		if seconds * 1_000 >= self._slow_ms:
			self.slow(f"{method} {endpoint}", seconds)
		if _sinks:
			fields = {**(_moment.get() or {}), "method": method, "endpoint": endpoint}
			if service:
				fields |= {"service": service.name, "capability": service.short}
			_observed(Observed("http.server", f"{method} {endpoint}", seconds, status, fields))
		wanted = self._log_requests
		if (
			status >= 500
			or wanted == "all"
			or (wanted == "writes" and method not in ("GET", "HEAD"))
		):
			self._log(service, method, endpoint, status, seconds)

	def _log(
		self, service: Service | None, method: str, endpoint: str, status: int, seconds: float
	) -> None:
		fields: dict[str, Any] = {"operation": f"{method} {endpoint}", **(_moment.get() or {})}
		fields |= {"method": method, "endpoint": endpoint, "status": status}
		fields["duration_ms"] = round(seconds * 1_000, 2)
		if service:
			fields["service"] = service.name
		title = f"{service.title} operation" if service else "Operation"
		if status >= 500:
			structlog.get_logger().error(f"{title} failed", **fields)
		else:
			structlog.get_logger().info(f"{title} completed", **fields)

	def slow(self, operation: str, seconds: float) -> None:
		"""Reports an operation that took longer than the operator wants to wait."""
		self._slow.labels(operation).inc()
		_tell_slow(operation, seconds, self._slow_ms)


def _tell_slow(operation: str, seconds: float, slow_ms: int) -> None:
	fields = {**(_moment.get() or {}), "operation": operation}
	structlog.get_logger().warning(
		"slow operation", **fields, duration_ms=round(seconds * 1_000, 2), threshold_ms=slow_ms
	)


@contextmanager
def watched(kind: str, operation: str, slow_ms: int, **fields: Any) -> Generator[None]:
	"""A task or an event at a consumer: its fields are the log context, its end goes to the sinks
	(status 500 when it failed), and it is reported for being slow."""
	before, started, status = _moment.set(fields), time.perf_counter(), 0
	try:
		yield
	except Exception:
		status = 500
		raise
	finally:
		seconds = time.perf_counter() - started
		_observed(Observed(kind, operation, seconds, status, fields))
		if seconds * 1_000 >= slow_ms:
			_tell_slow(operation, seconds, slow_ms)
		_moment.reset(before)


def may_read_metrics(scope: MutableMapping[str, Any], token: str) -> bool:
	"""With a metrics token only its bearer; without one only this machine, and not by a proxy."""
	headers = dict(scope["headers"])
	if token:
		given = headers.get(b"authorization", b"")
		return hmac.compare_digest(given, b"Bearer " + token.encode())
	if b"x-forwarded-for" in headers or b"forwarded" in headers:
		return False
	try:
		return ip_address((scope.get("client") or ("",))[0]).is_loopback
	except ValueError:
		return False
