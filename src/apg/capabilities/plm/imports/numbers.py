"""Numbers as people write them: decimal comma or point, thousands, units and currencies beside."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from apg.kernel.errors import Invalid
from apg.kernel.errors import Problem as FieldProblem
from apg.kernel.texts import _
from apg.platform.reference import units

DIGITS = 20
_SPACES = dict.fromkeys(map(ord, " \u00a0\u2007\u2009\u202f"), "'")
_SHAPE = re.compile(r"[+-]?(?:\d[\d.,']*|[.,]\d+)(?:[eE][+-]?\d{1,3})?")
_LEADING = re.compile(
	r"\s*([+-]?[\d.,](?:[\d.,' \u00a0\u2007\u2009\u202f]*\d)?(?:[eE][+-]?\d{1,3})?)\s*(.*)",
	re.DOTALL,
)
_CURRENCY_SIGNS = {
	"NZ$": ("NZD",),
	"US$": ("USD",),
	"HK$": ("HKD",),
	"A$": ("AUD",),
	"C$": ("CAD",),
	"$": ("USD", "CAD", "AUD", "NZD", "HKD", "SGD", "MXN"),
	"€": ("EUR",),
	"£": ("GBP",),
	"¥": ("JPY", "CNY"),
	"Fr.": ("CHF",),
	"zł": ("PLN",),
	"kr": ("SEK", "NOK", "DKK", "ISK"),
}
_CURRENCY = re.compile(r"[A-Z]{3}")
_TRUE = frozenset({"true", "yes", "y", "1", "x", "ja", "j", "oui", "o", "wahr", "vrai"})
_FALSE = frozenset({"false", "no", "n", "0", "", "-", "nein", "non", "falsch", "faux"})


class NumberFormat(StrEnum):
	"""POINT is 1,234.56 and COMMA is 1.234,56; AUTO refuses what may be either."""

	AUTO = "auto"
	POINT = "point"
	COMMA = "comma"


class NotANumber(Invalid):
	"""A text that is no number, or may be two different ones."""

	def __init__(self, reason: str, remedy: str) -> None:
		self.reason, self.remedy = reason, remedy
		message = f"{reason} {remedy}"
		super().__init__(message, problems=[FieldProblem("value", message, "number")])


@dataclass(frozen=True, slots=True)
class Quantity:
	"""A number and the text behind it, which may be a unit."""

	number: Decimal
	unit: str | None


def number(text: str, format_: NumberFormat = NumberFormat.AUTO) -> Decimal:
	"""The exact decimal a text means; at most 20 digits, no words, never a guess between two."""
	compact = text.strip().translate(_SPACES)
	if not _SHAPE.fullmatch(compact):
		raise NotANumber(
			_("“{text}” is not a number.", text=text[:40]), _("Write it with digits, as 1234.5.")
		)
	body, mark, exponent = compact.replace("E", "e").partition("e")
	style = meaning(body)
	if style is None:
		raise _malformed(text)
	if style is NumberFormat.AUTO:
		style = format_
		if format_ is NumberFormat.AUTO:
			raise NotANumber(
				_("“{text}” may be a decimal or have a thousands separator.", text=text[:40]),
				_("State how the file writes decimals: with a point or with a comma."),
			)
	elif format_ not in (NumberFormat.AUTO, style) and any(each in body for each in ".,"):
		raise NotANumber(
			_("“{text}” does not fit the stated way of writing decimals.", text=text[:40]),
			_("Correct the number, or state the other way."),
		)
	plain = _plain(body, style)
	if sum(each.isdigit() for each in plain) > DIGITS:
		raise NotANumber(
			_("“{text}” has more than {n} digits.", text=text[:40], n=DIGITS),
			_("Round it to what was measured."),
		)
	return Decimal(plain + mark + exponent)


def meaning(body: str) -> NumberFormat | None:
	"""How the digits are written: POINT, COMMA, AUTO where both are possible, None where neither.

	Without separators both mean the same and POINT is answered.
	"""
	digits = body.lstrip("+-")
	if "'" in digits:
		whole, _mark, rest = digits.replace(",", ".").partition(".")
		if not _grouped(whole, "'") or not (rest.isdigit() or not rest):
			return None
		return NumberFormat.COMMA if "," in digits else NumberFormat.POINT
	if "." not in digits and "," not in digits:
		return NumberFormat.POINT
	possible = [
		style
		for style, decimal, group in (
			(NumberFormat.POINT, ".", ","),
			(NumberFormat.COMMA, ",", "."),
		)
		if _fits(digits, decimal, group)
	]
	if len(possible) == 2:
		return NumberFormat.AUTO
	return possible[0] if possible else None


def _fits(digits: str, decimal: str, group: str) -> bool:
	whole, _mark, rest = digits.partition(decimal)
	if decimal in rest or group in rest:
		return False
	return group not in whole or _grouped(whole, group)


def _grouped(whole: str, mark: str) -> bool:
	"""Groups of three behind a first of one to three that is not a lone 0."""
	first, *others = whole.split(mark)
	return 1 <= len(first) <= 3 and first != "0" and all(len(each) == 3 for each in others)


def _plain(body: str, style: NumberFormat) -> str:
	text = body.replace("'", "")
	if style is NumberFormat.COMMA:
		return text.replace(".", "").replace(",", ".")
	return text.replace(",", "")


def _malformed(text: str) -> NotANumber:
	return NotANumber(
		_("The separators in “{text}” fit neither 1,234.5 nor 1.234,5.", text=text[:40]),
		_("Write it with one decimal mark, as 1234.5."),
	)


def format_of(texts: Iterable[str]) -> NumberFormat:
	"""How a file writes decimals: the way its unambiguous numbers agree on, else AUTO."""
	seen: set[NumberFormat] = set()
	for text in texts:
		found = _LEADING.match(text)
		if not found:
			continue
		body = found[1].translate(_SPACES).lower().partition("e")[0]
		style = meaning(body)
		if style and style is not NumberFormat.AUTO and any(each in body for each in ".,"):
			seen.add(style)
	return seen.pop() if len(seen) == 1 else NumberFormat.AUTO


def quantity(text: str, format_: NumberFormat = NumberFormat.AUTO) -> Quantity:
	"""A number with what stands behind it: `250 ml`, `3.5cm`, `12`."""
	found = _LEADING.fullmatch(text.strip())
	if not found:
		raise NotANumber(
			_("“{text}” does not begin with a number.", text=text[:40]),
			_("Write the number first, then its unit."),
		)
	return Quantity(number(found[1], format_), found[2].strip() or None)


def money(
	text: str, format_: NumberFormat = NumberFormat.AUTO, currency: str | None = None
) -> tuple[Decimal, str | None]:
	"""An amount and its ISO 4217 code: the one written beside it, else the given one.

	A sign that several currencies share ($, ¥, kr) needs the code, beside it or given.
	"""
	bare = text.strip()
	codes: tuple[str, ...] = ()
	for sign, meant in _CURRENCY_SIGNS.items():
		if bare.startswith(sign) or bare.endswith(sign):
			bare, codes = bare.removeprefix(sign).removesuffix(sign).strip(), meant
			break
	if found := _CURRENCY.match(bare):
		bare, codes = bare[3:].strip(), (found[0],)
	elif len(bare) > 3 and _CURRENCY.fullmatch(bare[-3:]):
		bare, codes = bare[:-3].strip(), (bare[-3:],)
	amount = number(bare, format_)
	if not codes:
		return amount, currency
	if currency is None and len(codes) > 1:
		raise NotANumber(
			_("The sign in “{text}” belongs to several currencies.", text=text[:40]),
			_("Write the three letters of the currency, as USD."),
		)
	if currency is not None and currency not in codes:
		raise NotANumber(
			_("“{text}” is not in {currency}.", text=text[:40], currency=currency),
			_("Correct the currency of the row or of the column."),
		)
	return amount, currency or codes[0]


def truth(text: str) -> bool | None:
	"""Yes or no in English, German or French; None where the text says neither."""
	folded = text.strip().casefold()
	return True if folded in _TRUE else False if folded in _FALSE else None


def known_unit(text: str | None) -> str | None:
	"""The catalogue's symbol of a unit text; None where it names no single unit."""
	return units.unit(text).symbol if text and units.is_known(text) else None
