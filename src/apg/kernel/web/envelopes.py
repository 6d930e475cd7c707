"""Two envelopes for answers and errors, chosen by path; pages get the same errors as HTML."""

from collections.abc import Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import asyncpg
import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from sqlalchemy.connectors.asyncio import AsyncAdapt_Error as DriverError
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from apg.kernel import errors
from apg.kernel.errors import AppError, Problem
from apg.kernel.json_rows import One, Page
from apg.kernel.stamps import utc_now
from apg.kernel.texts import N_, _
from apg.kernel.web.wire import moment_text, to_wire

if TYPE_CHECKING:
	from apg.kernel.work import Work

Data = TypeVar("Data")
JSON = "application/json"


class Meta(BaseModel):
	request_id: str
	response_time_ms: float | None = None
	timestamp: str | None = None


class Pagination(BaseModel):
	page: int
	page_size: int
	total_pages: int
	total_count: int


class Ok(BaseModel, Generic[Data]):
	"""The success form of PLM: exact in the API description, written as bytes."""

	success: bool = True
	data: Data
	message: str | None = None
	meta: Meta


class OkPage(BaseModel, Generic[Data]):
	success: bool = True
	data: list[Data]
	pagination: Pagination
	meta: Meta


class ErrorDetail(BaseModel):
	field: str
	message: str


class BareError(BaseModel):
	status: str = "error"
	message: str
	error_code: int
	code: str
	details: list[ErrorDetail] = []
	request_id: str


class OkError(BaseModel):
	success: bool = False
	error: str
	message: str
	error_code: str
	details: dict[str, list[str]] = {}
	meta: Meta


def _meta(work: "Work") -> dict[str, Any]:
	elapsed = (perf_counter() - work.origin.started) * 1000 if work.origin.started else 0.0
	return {"request_id": work.origin.request_id, "response_time_ms": round(elapsed, 2)}


def _body(value: Any) -> Any:
	if isinstance(value, One):
		return orjson.Fragment(value.body)
	return orjson.Fragment(value) if isinstance(value, bytes) else value


def _headers(value: Any, more: dict[str, str] | None = None) -> dict[str, str]:
	headers = dict(more or {})
	if isinstance(value, One) and value.etag:
		headers["ETag"] = f'"{value.etag}"'
	return headers


def ok(
	work: "Work",
	data: Any,
	*,
	status: int = 200,
	message: str | None = None,
	headers: dict[str, str] | None = None,
	meta: dict[str, Any] | None = None,
) -> Response:
	"""One object in PLM's envelope; `data` is JSON bytes, a `One`, or a plain value."""
	whole: dict[str, Any] = {"success": True, "data": _body(data)}
	if message is not None:
		whole["message"] = message
	whole["meta"] = _meta(work) | (meta or {})
	return Response(to_wire(whole), status, _headers(data, headers), JSON)


def ok_page(work: "Work", page: Page, *, number: int, size: int) -> Response:
	"""A page in PLM's envelope."""
	pagination = {
		"page": number,
		"page_size": size,
		"total_pages": -(-page.total // size),
		"total_count": page.total,
	}
	headers = {"X-Total-Count-Estimated": "true"} if page.estimated else {}
	whole = {
		"success": True,
		"data": orjson.Fragment(page.body),
		"pagination": pagination,
		"meta": _meta(work),
	}
	return Response(to_wire(whole), 200, headers, JSON)


def bare(
	work: "Work", data: Any, *, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
	"""One object as it is, the form of ESG and of the platform."""
	body = (
		data.body if isinstance(data, One) else data if isinstance(data, bytes) else to_wire(data)
	)
	return Response(body, status, _headers(data, headers), JSON)


def bare_page(request: Request, page: Page, *, limit: int, offset: int) -> Response:
	"""A bare array; totals and neighbours are in the headers."""
	headers = {"X-Total-Count": str(page.total)}
	if page.estimated:
		headers["X-Total-Count-Estimated"] = "true"
	links: list[str] = []
	if offset + limit < page.total:
		links.append(
			f"<{request.url.include_query_params(offset=offset + limit).path}?"
			f'{request.url.include_query_params(offset=offset + limit).query}>; rel="next"'
		)
	if offset > 0:
		back = request.url.include_query_params(offset=max(0, offset - limit))
		links.append(f'<{back.path}?{back.query}>; rel="prev"')
	if links:
		headers["Link"] = ", ".join(links)
	return Response(page.body, 200, headers, JSON)


@dataclass(frozen=True, slots=True)
class ErrorForms:
	"""Which paths answer in PLM's envelope; every other API path answers in the bare one."""

	enveloped: tuple[str, ...] = ()

	def is_enveloped(self, path: str) -> bool:
		return path.startswith(self.enveloped) if self.enveloped else False

	def status_of(self, error: AppError, path: str) -> int:
		# The guides: a field error is 400 in PLM and 422 in ESG.
		return 400 if error.status == 422 and self.is_enveloped(path) else error.status

	def body(self, error: AppError, path: str, request_id: str) -> bytes:
		"""The error as JSON; nothing of an exception's own text is ever in it."""
		if self.is_enveloped(path):
			details: dict[str, list[str]] = {}
			for problem in error.problems:
				details.setdefault(problem.field, []).append(problem.message)
			return to_wire(
				{
					"success": False,
					"error": _(type(error).title),
					"message": error.message,
					"error_code": error.code,
					"details": details,
					"meta": {"request_id": request_id, "timestamp": moment_text(utc_now())},
				}
			)
		return to_wire(
			{
				"status": "error",
				"message": error.message,
				"error_code": self.status_of(error, path),
				"code": error.code,
				"details": [{"field": p.field, "message": p.message} for p in error.problems],
				"request_id": request_id,
			}
		)

	def response(self, error: AppError, path: str, request_id: str) -> Response:
		return Response(
			self.body(error, path, request_id),
			self.status_of(error, path),
			{**error.headers, "Cache-Control": "no-store"},
			JSON,
		)


_BY_STATUS: dict[int, type[AppError]] = {
	400: errors.Malformed,
	401: errors.Unauthenticated,
	403: errors.PermissionDenied,
	404: errors.NotFound,
	405: errors.NotAllowed,
	413: errors.TooLarge,
	415: errors.UnsupportedKind,
	429: errors.TooManyRequests,
	503: errors.Unavailable,
}


_OF_DRIVER = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


def as_app_error(error: Exception) -> AppError:
	"""Whatever went wrong, as one of ours; what is not known stays an unexplained 500."""
	if isinstance(error, AppError):
		return error
	if isinstance(error, RequestValidationError):
		return _of_validation(error)
	if isinstance(error, HTTPException):
		if isinstance(error.__cause__, AppError):
			return error.__cause__
		return _BY_STATUS.get(error.status_code, AppError)()
	if isinstance(error, IntegrityError):
		from apg.kernel.work import conflict_of

		return conflict_of(error)
	if isinstance(error, PoolTimeout):
		return errors.Unavailable(_("All connections are busy; try again in a moment."))
	if isinstance(error, DBAPIError):  # the driver's own: a connection broke under a statement
		away = isinstance(error, (OperationalError, InterfaceError)) or isinstance(
			error.orig and error.orig.__cause__, asyncpg.InternalClientError
		)
		return _of_database(getattr(error.orig, "sqlstate", None) or "", away=away)
	if isinstance(error, DriverError):  # a connection that could not be made, for a hot read
		return _of_database(getattr(error, "sqlstate", None) or "", away=True)
	if isinstance(error, _OF_DRIVER):  # from a hot read, which borrows the driver's own connection
		away = not isinstance(error, asyncpg.PostgresError)
		return _of_database(getattr(error, "sqlstate", None) or "", away=away)
	if isinstance(error, (OSError, TimeoutError)):
		return errors.Unavailable()
	return AppError(_("Something went wrong on our side; it has been recorded."))


def _of_database(state: str, *, away: bool) -> AppError:
	if state in ("40001", "40P01", "55P03"):
		return errors.Unavailable(
			_("Others are changing the same thing; try again."), retry_after=1, code="RETRY"
		)
	if state in ("57014", "25P03", "25P04"):  # a statement, a pause, a transaction
		return errors.Unavailable(_("This took too long and was stopped."))
	if state == "P0001":
		# A rule that a trigger holds; the service should have refused it first, in better words.
		return errors.Conflict(
			_("The database holds a rule against this change."), code="IMMUTABLE"
		)
	if state == "23514" or state == "23505":
		return errors.Conflict()
	if state in ("22021", "22P05"):
		return errors.Invalid(_("A text holds a character that cannot be stored."))
	if state == "22003":
		return errors.Invalid(_("A number is too large to be stored."))
	if away or state.startswith(("08", "57P", "53")):
		return errors.Unavailable(_("The database is not reachable right now."))
	return AppError(_("Something went wrong on our side; it has been recorded."))


def _of_validation(error: RequestValidationError) -> AppError:
	if any(item.get("type") == "json_invalid" for item in error.errors()):
		return errors.Malformed(_("The body is not valid JSON."))
	return errors.Invalid(_("Validation error"), problems=problems_of(error.errors()))


def problems_of(items: Iterable[Any]) -> list[Problem]:
	"""What Pydantic found wrong, in our words, each at its field."""
	problems: list[Problem] = []
	for item in items:
		place = [str(part) for part in item.get("loc", ())]
		if place and place[0] in ("body", "query", "path", "header", "cookie"):
			place = place[1:]
		problems.append(
			Problem(".".join(place) or "body", _sentence(item), str(item.get("type", "invalid")))
		)
	return problems


def _sentence(item: Any) -> str:
	kind, context = str(item.get("type")), item.get("ctx") or {}
	if kind in ("too_short", "too_long") and isinstance(item.get("input"), str):
		kind = f"string_{kind}"  # a text whose length is looked at after other checks
	blank = kind == "string_too_short" and context.get("min_length") == 1
	if blank or (kind.endswith("_type") and item.get("input", "") is None):
		kind = "missing"
	if (said := _SAID.get(kind)) is not None:
		return _(said, **context)
	return str(item.get("msg", _("Not valid."))).removeprefix("Value error, ")


_SAID = {
	"missing": N_("This field is required."),
	"extra_forbidden": N_("This field is not known here; remove it."),
	"string_too_short": N_("Give at least {min_length} characters."),
	"string_too_long": N_("Give at most {max_length} characters."),
	"string_pattern_mismatch": N_("Write it in the form that is asked for: {pattern}"),
	"too_short": N_("Give at least {min_length}."),
	"too_long": N_("Give at most {max_length}."),
	"enum": N_("Choose one of {expected}."),
	"literal_error": N_("Choose one of {expected}."),
	"less_than": N_("Give a number below {lt}."),
	"less_than_equal": N_("Give a number of at most {le}."),
	"greater_than": N_("Give a number above {gt}."),
	"greater_than_equal": N_("Give a number of at least {ge}."),
	"int_parsing": N_("Give a whole number."),
	"date_from_datetime_parsing": N_("Give a day, as 2026-03-31."),
}
