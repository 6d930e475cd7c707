"""Generated requests against the running product, every check of every answer."""

import math
import re
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure
from schemathesis.engine import events, from_schema
from schemathesis.hooks import GLOBAL_HOOK_DISPATCHER
from schemathesis.openapi.checks import RejectedPositiveData
from tests.contracts.served import Served

TOKEN_SECONDS = 300.0
# What the form of a body or parameter decides; a description that is whole tells it beforehand.
# Other sentences are rules between fields, or with what is recorded, which no schema can tell.
OF_FORM = re.compile(
	r"required\.|field is not known here|Give at (least|most) \d+ characters|Choose one of"
	r"|Give a (number|whole number\.)|Give a day|Write it in the form|Input should"
	r"|Control characters|This is not an id|valid JSON"
)


@dataclass
class Run:
	"""What a run asked, and what was wrong with the answers."""

	cases: Counter[str] = field(default_factory=Counter[str])
	statuses: Counter[tuple[str, int]] = field(default_factory=Counter[tuple[str, int]])
	operations: set[str] = field(default_factory=set[str])
	accepted: set[str] = field(default_factory=set[str])
	failures: dict[str, str] = field(default_factory=dict[str, str])
	errors: list[str] = field(default_factory=list[str])


def _is_id(value: Any) -> bool:
	try:
		return isinstance(value, str) and str(UUID(value)) == value
	except ValueError:
		return False


def _known(made: Served, name: str, value: Any) -> Any:
	"""A generated id gives way to one of ours three times out of four."""
	if _is_id(value) and name in made.ids and UUID(value).int % 4:
		return made.ids[name]
	return value


def _kept(made: Served, name: str, value: Any) -> Any:
	"""The value with ids of ours, and with fractions that have as many digits as we take."""
	if isinstance(value, dict):
		return {key: _kept(made, key, inner) for key, inner in value.items()}
	if isinstance(value, list):
		return [_kept(made, name.removesuffix("s"), inner) for inner in value]
	if isinstance(value, float) and math.isfinite(value) and value:
		return round(value, 6) or math.copysign(0.000001, value)
	return _known(made, name, value)


@contextmanager
def _schema(
	made: Served, pattern: str, config: dict[str, Any], wanted: Callable[[str], bool]
) -> Generator[Any]:
	settings = SchemathesisConfig.from_dict(config)
	schema = schemathesis.openapi.from_dict(made.document, config=settings)
	schema.config.update(base_url=made.url)

	@schema.auth(refresh_interval=None)
	class SignedIn:  # pyright: ignore[reportUnusedClass]
		"""The administrator; another one when this one was signed out by a case."""

		def __init__(self) -> None:
			self.since = time.monotonic()

		def get(self, case: Any, context: Any) -> str:
			if time.monotonic() - self.since > TOKEN_SECONDS:
				self.since = time.monotonic()
				made.sign_in_anew()
			assert made.person is not None
			return made.person.headers["Authorization"]

		def set(self, case: Any, data: str, context: Any) -> None:
			case.headers["Authorization"] = data

	def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
		for name, value in (case.path_parameters or {}).items():
			case.path_parameters[name] = _known(made, name, value)
		if isinstance(case.body, (dict, list)):
			case.body = _kept(made, "", case.body)
		for name, value in (case.query or {}).items():
			case.query[name] = _kept(made, name, value)

	def after_call(context: Any, case: Any, response: Any) -> None:
		assert made.person is not None
		sent = response.request.headers.get("Authorization")
		if response.status_code == 401 and sent == made.person.headers["Authorization"]:
			made.sign_in_anew()

	def filter_failure(context: Any, failure: Failure, case: Any, response: Any) -> bool:
		if isinstance(failure, RejectedPositiveData) and response.status_code in (400, 422):
			return OF_FORM.search(response.text) is not None
		return True

	hooks = (before_call, after_call, filter_failure)
	for hook in hooks:
		schemathesis.hook(hook)
	try:
		yield schema.include(
			lambda context: bool(
				re.search(pattern, context.operation.path) and wanted(context.operation.label)
			)
		)
	finally:
		for hook in hooks:
			GLOBAL_HOOK_DISPATCHER.unregister(hook)


def every(label: str) -> bool:
	"""All operations."""
	return True


def run(
	made: Served,
	pattern: str,
	config: dict[str, Any],
	done: Run,
	wanted: Callable[[str], bool] = every,
) -> Run:
	"""Every phase over the operations whose path has the pattern and whose label is wanted."""
	with _schema(made, pattern, config, wanted) as schema:
		for event in from_schema(schema).execute():
			if isinstance(event, events.ScenarioFinished):
				_count(done, event)
			elif isinstance(event, events.NonFatalError):
				done.errors.append(f"{event.label}: {event.info.format()}")
			elif isinstance(event, events.FatalError):
				raise event.exception
	return done


def _count(done: Run, event: events.ScenarioFinished) -> None:
	recorder = event.recorder
	done.cases[event.phase.value] += len(recorder.interactions)
	for case_id, interaction in recorder.interactions.items():
		node = recorder.cases.get(case_id)
		if interaction.response is not None and node is not None:
			label, status = node.value.operation.label, interaction.response.status_code
			done.statuses[label, status] += 1
			done.operations.add(label)
			if status < 400:
				done.accepted.add(label)
	for name, text in _failures(recorder):
		done.failures.setdefault(name, text)


def _failures(recorder: Any) -> Iterator[tuple[str, str]]:
	for case_id, checks in recorder.checks.items():
		case = recorder.cases[case_id].value
		for check in checks:
			if check.failure_info is None:
				continue
			failure = check.failure_info.failure
			interaction = recorder.interactions.get(case_id)
			answer = interaction.response if interaction else None
			status = answer.status_code if answer is not None else "-"
			yield (
				f"{case.operation.label} {check.name} {status} {failure.title}",
				f"{failure.message[:700]}\n{case.as_curl_command()[:700]}\n"
				f"→ {answer.text[:500] if answer is not None else ''}",
			)
