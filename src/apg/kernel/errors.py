"""Everything that can be refused, as types with a status and a stable code."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Problem:
	"""One thing wrong with one field: where, what and how to mend it."""

	field: str
	message: str
	code: str = "invalid"


class AppError(Exception):
	"""The root: `status` is the HTTP status, `code` the stable word a program may rely on."""

	status: ClassVar[int] = 500
	code: str = "INTERNAL_ERROR"
	title: ClassVar[str] = "Internal error"
	always: ClassVar[dict[str, str]] = {}  # headers that belong to the status

	def __init__(
		self,
		message: str = "",
		*,
		code: str | None = None,
		problems: Sequence[Problem] = (),
		headers: dict[str, str] | None = None,
	) -> None:
		super().__init__(message or self.title)
		self.message = message or self.title
		self.code = code or self.code
		self.problems = tuple(problems)
		self.headers = self.always | (headers or {})


class Malformed(AppError):
	"""The request cannot be read at all."""

	status, code, title = 400, "MALFORMED_REQUEST", "The request cannot be read"


class Unauthenticated(AppError):
	status, code, title = 401, "UNAUTHENTICATED", "Authentication required"
	always: ClassVar[dict[str, str]] = {"WWW-Authenticate": "Bearer"}  # RFC 9110 §15.5.2


class PermissionDenied(AppError):
	status, code, title = 403, "PERMISSION_DENIED", "Permission denied"


class NotFound(AppError):
	"""Unknown here; a row of another tenant is told apart from an unknown id by nothing."""

	status, code, title = 404, "NOT_FOUND", "Not found"


class NotAllowed(AppError):
	status, code, title = 405, "METHOD_NOT_ALLOWED", "Method not allowed"


class Conflict(AppError):
	status, code, title = 409, "CONFLICT", "Conflict with the present state"


class Gone(AppError):
	status, code, title = 410, "GONE", "No longer here"


class PreconditionFailed(AppError):
	status, code, title = 412, "PRECONDITION_FAILED", "Somebody else changed this meanwhile"


class TooLarge(AppError):
	status, code, title = 413, "TOO_LARGE", "The request is too large"


class UnsupportedKind(AppError):
	status, code, title = 415, "UNSUPPORTED_MEDIA_TYPE", "This kind of content is not accepted"


class Invalid(AppError):
	"""Fields that cannot be taken; the envelope decides between 400 and 422."""

	status, code, title = 422, "VALIDATION_ERROR", "Validation error"

	@classmethod
	def one(cls, field: str, message: str, code: str = "invalid") -> "Invalid":
		return cls(problems=[Problem(field, message, code)])


class TooManyRequests(AppError):
	status, code, title = 429, "RATE_LIMITED", "Too many requests"


class Unavailable(AppError):
	"""Try again later; `retry_after` in seconds goes into the header."""

	status, code, title = 503, "UNAVAILABLE", "Temporarily unavailable"

	def __init__(self, message: str = "", *, retry_after: int = 5, code: str | None = None) -> None:
		super().__init__(message, code=code, headers={"Retry-After": str(retry_after)})


@dataclass(frozen=True, slots=True)
class Human:
	"""What a violated database constraint means to a person."""

	code: str
	message: str
	field: str | None = None


def human(code: str, message: str, field: str | None = None) -> dict[str, Human]:
	"""The `info` of a constraint or unique index, so that its violation reads as a sentence."""
	return {"human": Human(code, message, field)}
