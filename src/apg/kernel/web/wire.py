"""The wire forms, in one place: amounts keep their digits, times are UTC with `Z`, ids are text."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer
from pydantic_core import PydanticCustomError as _CustomError

from apg.kernel.errors import Malformed
from apg.kernel.stamps import is_id
from apg.kernel.texts import _

MAX_DIGITS = 20
MAX_DEPTH = 64
ID_PATTERN = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_NUMBER = re.compile(r"[+-]?[\d.]+([eE][+-]?\d+)?")
_TWO_WAYS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
TAKEN = "x-taken"  # in a schema, until `describing` knows whether a caller sends it
_BOUNDS = {
	"ge": "minimum",
	"gt": "exclusiveMinimum",
	"le": "maximum",
	"lt": "exclusiveMaximum",
}


class WireModel(BaseModel):
	"""The base of what is taken and answered; its checks are built when they are first needed."""

	model_config = ConfigDict(defer_build=True)


class Told:
	"""What the API's description says of a type of ours, its own validators included.

	`taken` holds for what a caller sends only: a sum of amounts that is answered may be larger.
	"""

	def __init__(self, kind: dict[str, Any] | None = None, **taken: Any) -> None:
		self.kind, self.taken = kind, taken

	def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
		made: dict[str, Any] = dict(handler(core))
		if self.kind is not None:
			for name in ("anyOf", "pattern"):
				made.pop(name, None)
			for name in _BOUNDS.keys() & made.keys():
				bound = float(made.pop(name))
				made[_BOUNDS[name]] = int(bound) if bound.is_integer() else bound
			made = self.kind | made | {"type": self.kind["type"]}
		return made | {TAKEN: made.get(TAKEN, {}) | self.taken} if self.taken else made


def refused(code: str, sentence: str) -> _CustomError:
	"""A field error in our own words, for validators of schemas."""
	return _CustomError(code, "{sentence}", {"sentence": sentence})  # pyright: ignore


def _plain(text: str) -> str:
	# Decimal would also read 1_000 and the digits of other scripts.
	plain = text.strip()
	if not plain.isascii() or "_" in plain:
		raise InvalidOperation
	return plain


def parse_amount(value: Any) -> Decimal:
	"""A Decimal from a JSON number or its text; never by way of a binary float."""
	if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
		raise refused("amount", _("Give a number, or a number as text."))
	try:
		amount = Decimal(_plain(value) if isinstance(value, str) else value)
	except InvalidOperation:
		remedy = _("This is not a number; write it like 1250.75, without separators.")
		if isinstance(value, str) and _TWO_WAYS.fullmatch(text := value.strip()):
			told = {"one": text.replace(",", ""), "other": text.replace(",", ".")}
			remedy = _("This can be read in two ways; write {one} or {other}.", **told)
		raise refused("amount", remedy) from None
	if not amount.is_finite():
		raise refused("amount", _("NaN and Infinity are not accepted."))
	_sign, digits, exponent = amount.as_tuple()
	if len(digits) > MAX_DIGITS or not -MAX_DIGITS <= int(exponent) <= MAX_DIGITS:
		raise refused("amount", _("Give at most 20 digits."))
	whole = max(0, len(digits) + int(exponent))
	if whole > 14 or max(0, -int(exponent)) > 6:
		trimmed = amount.normalize()
		if whole > 14 or max(0, -int(trimmed.as_tuple().exponent)) > 6:
			raise refused(
				"amount", _("Give at most 14 digits before and 6 after the decimal point.")
			)
	return amount


def amount_text(amount: Decimal) -> str:
	"""The digits of an amount without trailing zeros, never in exponent form."""
	text = format(amount, "f")
	return text.rstrip("0").rstrip(".") if "." in text else text


Amount = Annotated[
	Decimal,
	BeforeValidator(parse_amount),
	PlainSerializer(lambda amount: json.loads(amount_text(amount)), when_used="json"),
	Told(
		{"type": "number", "description": "exact; at most 14 digits before and 6 after the point"},
		exclusiveMinimum=-(10**14),
		exclusiveMaximum=10**14,
	),
]


def _written(value: Any) -> Any:
	# A bare number would be read as seconds since 1970, and "2026" as one of them.
	if isinstance(value, str):
		value = value.strip()
	if isinstance(value, (int, float, Decimal)) or (
		isinstance(value, str) and _NUMBER.fullmatch(value)
	):
		raise refused(
			"timezone", _("Give the time with its zone, for example 2026-03-01T00:00:00Z.")
		)
	return value


def _aware(moment: datetime) -> datetime:
	if moment.tzinfo is None:
		raise refused(
			"timezone", _("Give the time with its zone, for example 2026-03-01T00:00:00Z.")
		)
	try:
		return moment.astimezone(UTC)
	except OverflowError:
		raise refused("timezone", _("This time lies outside of the years 1 to 9999.")) from None


Moment = Annotated[datetime, BeforeValidator(_written), AfterValidator(_aware)]


_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def _day(value: Any) -> Any:
	if not (isinstance(value, date) or (isinstance(value, str) and _DAY.fullmatch(value))):
		raise refused("day", _("Give the day as year, month and day, for example 2026-03-01."))
	return value


Day = Annotated[date, BeforeValidator(_day)]


def _id(text: str) -> str:
	if not is_id(text):
		raise refused("id", _("This is not an id (a UUID in lower case)."))
	return text


IdText = Annotated[
	str, AfterValidator(_id), Told({"type": "string", "format": "uuid"}, pattern=ID_PATTERN)
]


def _text(value: str) -> str:
	for character in value:
		if (character < " " and character not in "\n\t\r") or character == "\x7f":
			raise refused("control", _("Control characters are not accepted."))
	return value


NO_CONTROLS = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]*$"
Line = Annotated[str, AfterValidator(_text), Told(pattern=NO_CONTROLS)]


@dataclass(frozen=True, slots=True)
class _Formed(AfterValidator):
	pattern: str = ""

	def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
		return Told(pattern=f"^({self.pattern})$").__get_pydantic_json_schema__(core, handler)


def formed(pattern: str, sentence: Callable[[], str]) -> AfterValidator:
	"""For `Annotated[str, formed(…)]`: a text of another form is refused with the sentence."""
	form = re.compile(pattern)

	def check(text: str) -> str:
		if form.fullmatch(text) is None:
			raise refused("form", sentence())
		return text

	return _Formed(check, pattern)


def moment_text(moment: datetime) -> str:
	"""RFC 3339 in UTC with `Z`; a fraction only when it is not zero."""
	text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
	fraction = f"{moment.microsecond:06d}".rstrip("0")
	return f"{text}.{fraction}Z" if fraction else f"{text}Z"


@lru_cache(8_192)  # the same few quantities stand in many rows
def _number(amount: Decimal) -> orjson.Fragment:
	return orjson.Fragment(amount_text(amount))


def _form(value: Any) -> Any:
	if isinstance(value, Decimal):
		return _number(value)
	if isinstance(value, datetime):
		return moment_text(value)
	if isinstance(value, date):
		return value.isoformat()
	if isinstance(value, (set, frozenset)):
		return sorted(value)
	if hasattr(value, "model_dump"):
		return value.model_dump()
	raise TypeError(f"{type(value).__name__} has no wire form")


def to_wire(value: Any) -> bytes:
	"""Any plain value as JSON in the wire forms; `orjson.Fragment` passes finished JSON through."""
	return orjson.dumps(
		value, default=_form, option=orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_SERIALIZE_NUMPY
	)


_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\Z)', re.DOTALL)
_NO_BRACKET = bytes(each for each in range(256) if each not in b"[]{}")


def _too_deep(body: bytes) -> bool:
	"""Whether brackets outside of texts are nested deeper than they may; in C for all but bad ones."""
	rest = brackets = _STRING.sub(b"", body).translate(None, _NO_BRACKET)
	for _level in range(MAX_DEPTH):
		rest = rest.replace(b"[]", b"").replace(b"{}", b"")
		if not rest:
			return False
	depth = deepest = 0
	for byte in brackets:
		depth += 1 if byte in b"[{" else -1
		deepest = max(deepest, depth)
	return deepest > MAX_DEPTH


def from_wire(body: bytes) -> Any:
	"""A request body, with fractions exact and depth bounded. Raises Malformed."""
	if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _too_deep(body):
		raise Malformed(_("The JSON is nested deeper than {n} levels.", n=MAX_DEPTH))

	def refuse(word: str) -> Any:
		raise Malformed(_("{word} is not JSON.", word=word))

	try:
		return json.loads(
			body,
			parse_float=_fraction,
			parse_constant=refuse,
			parse_int=_whole,
			object_pairs_hook=_once,
		)
	except (ValueError, RecursionError):
		raise Malformed(_("The body is not valid JSON.")) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
	# Whoever reads the first of two equal names sees another body than whoever reads the last.
	found = dict(pairs)
	if len(found) < len(pairs):
		raise Malformed(_("A name stands twice in one object of the body."))
	return found


def _fraction(text: str) -> Decimal:
	# Written out, 1e999999999 would fill the memory.
	number = Decimal(text)
	if len(text) > 400 or abs(number.adjusted()) > 400:
		raise Malformed(_("A number in the body has too many digits."))
	return number


def _whole(text: str) -> int | Decimal:
	if len(text) > 40:
		raise Malformed(_("A number in the body has too many digits."))
	number = int(text)
	# What no machine integer holds is kept digit for digit, as fractions are.
	return number if -(2**63) <= number < 2**63 else Decimal(text)
