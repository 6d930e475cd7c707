"""How numbers, money, dates and units read on a page, by locale; Decimals keep their digits."""

import re
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, date, datetime, tzinfo
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_decimal, get_currency_precision
from jinja2 import pass_context
from markupsafe import Markup, escape

from apg.kernel.stamps import utc_now
from apg.kernel.texts import _, locale_of_moment, translate

timezone_of_moment: ContextVar[str] = ContextVar("timezone_of_moment", default="UTC")
DIGITS = 200  # more than NUMERIC columns of ours hold, so that nothing is rounded on the way
NARROW = "\u202f"  # narrow no-break space between figure and unit (SI brochure 9, 5.4.3)
_SYMBOLS = {
	"CO2": "CO₂", "m2": "m²", "m3": "m³", "km2": "km²", "cm2": "cm²", "cm3": "cm³",
	"degC": "°C", "um": "µm", "ug": "µg",
}  # fmt: skip

Amount = Decimal | int | float | str


def number(value: Amount | None, digits: int | None = None, places: int | None = None) -> Markup:
	"""A number by locale; `digits` significant at most, `places` after the point exactly.

	Without either every digit recorded is shown. None is an em dash, never 0.
	"""
	if value is None or value == "":
		return missing()
	return escape(_plain(_rounded(_decimal(value), digits), places))


def money(
	amount: Amount | None, currency: str, *, exact: bool = False, places: int | None = None
) -> Markup:
	"""An amount with its ISO 4217 code; below one unit up to four significant digits."""
	if amount is None or amount == "":
		return missing()
	value = _decimal(amount)
	minor = get_currency_precision(currency) if currency else 2
	if places is not None:
		text = _plain(value, places)
	elif exact:
		text = _plain(value, max(minor, -_exponent(value)))
	elif value and abs(value) < 1:
		small = _rounded(value, 4)
		text = _plain(small, max(minor, -_exponent(small.normalize())))
	else:
		text = _plain(value, minor)
	return Markup('{}{}<span class="unit">{}</span>').format(text, NARROW, currency)


def unit(value: Amount | None, symbol: str, digits: int | None = None) -> Markup:
	"""A number beside its unit, kept on one line."""
	if value is None or value == "":
		return missing()
	return Markup('{}{}<span class="unit">{}</span>').format(
		number(value, digits), NARROW, unit_symbol(symbol)
	)


def unit_symbol(symbol: str) -> str:
	"""How a unit is written: `kgCO2e` → `kgCO₂e`, `m3` → `m³`."""
	return _SYMBOLS.get(symbol) or symbol.replace("CO2", "CO₂")


def missing(reason: str = "") -> Markup:
	"""The mark of what is not known, with the reason for hover and for screen readers."""
	text = reason or _("not recorded")
	return Markup(
		'<span class="missing" data-tip="{0}" tabindex="0"><span aria-hidden="true">—</span>'
		'<span class="visually-hidden">{0}</span></span>'
	).format(text)


def date_text(value: date | str | None, form: str = "medium") -> Markup:
	"""A calendar day."""
	if not value:
		return missing()
	moment = _moment(value)
	day = moment.astimezone(_zone()).date() if isinstance(moment, datetime) else moment
	text = format_date(day, _width(form), locale=_locale())
	return Markup('<time datetime="{}">{}</time>').format(day.isoformat(), text)


def datetime_text(value: datetime | str | None, form: str = "medium") -> Markup:
	"""A moment in the person's time zone; the exact moment in UTC on hover."""
	if not value:
		return missing()
	moment = _aware(_moment(value))
	local = moment.astimezone(_zone())
	day = format_date(local, _width(form), locale=_locale())
	clock = format_datetime(local, "HH:mm", locale=_locale())
	return _time(moment, f"{day} {clock}")


def ago(value: datetime | str | None) -> Markup:
	"""How long ago, or how far ahead."""
	if not value:
		return missing()
	moment = _aware(_moment(value))
	text = format_timedelta(moment - utc_now(), add_direction=True, locale=_locale())
	return _time(moment, text)


def said(message: str, /, **values: object) -> str:
	"""`_` of templates: a value that is markup, such as a moment, stays what it is."""
	if any(isinstance(value, Markup) for value in values.values()):
		return escape(translate(message)).format(**values)
	return _(message, **values)


def svg_percent(part: Amount | None, whole: Amount = 1) -> str:
	"""A width for an SVG bar, between 0 % and 100 %; no inline style needed."""
	total = _decimal(whole)
	share = _decimal(part) / total if part is not None and total else Decimal(0)
	return f"{min(max(share, Decimal(0)), Decimal(1)) * 100:.2f}%"


def _time(moment: datetime, text: str) -> Markup:
	utc = moment.astimezone(UTC)
	return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
		utc.strftime("%Y-%m-%dT%H:%M:%SZ"), utc.strftime("%Y-%m-%d %H:%M:%S"), text
	)


def _decimal(value: Amount) -> Decimal:
	return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def _exponent(value: Decimal) -> int:
	exponent = value.as_tuple().exponent
	return exponent if isinstance(exponent, int) else 0


def _rounded(value: Decimal, digits: int | None) -> Decimal:
	"""At most `digits` significant digits, half to even; fewer stay fewer."""
	if digits is None or not value.is_finite() or not value:
		return value
	place = value.adjusted() - digits + 1
	if place <= _exponent(value):
		return value
	with localcontext(prec=DIGITS):
		return Decimal(f"{value.quantize(Decimal(1).scaleb(place), ROUND_HALF_EVEN):f}")


def _plain(value: Decimal, places: int | None = None) -> str:
	if not value.is_finite():
		return str(value)
	if places is not None:
		with localcontext(prec=DIGITS):
			value = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
	group, point, by_thousands = _signs(locale_of_moment.get())
	if by_thousands:
		whole, _point, rest = f"{value:,f}".partition(".")
		text = whole.replace(",", group) + (point + rest if rest else "")
	else:
		shown = max(0, -_exponent(value))
		pattern = "#,##,##0." + "0" * shown if shown else "#,##,##0"
		with localcontext(prec=DIGITS):
			text = format_decimal(value, pattern, locale=_locale(), decimal_quantization=False)
	return text.replace("-", "−", 1) if text.startswith("-") else text


@lru_cache(maxsize=64)
def _signs(_name: str) -> tuple[str, str, bool]:
	"""Separator of groups, decimal point, and whether groups are thousands, as nearly everywhere."""
	locale = _locale()
	signs = locale.number_symbols["latn"]
	return signs["group"], signs["decimal"], locale.decimal_formats[None].grouping == (3, 3)


def _moment(value: date | str) -> date:
	if not isinstance(value, str):
		return value
	return date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)


def _aware(value: date) -> datetime:
	if isinstance(value, datetime):
		return value if value.tzinfo else value.replace(tzinfo=UTC)
	return datetime(value.year, value.month, value.day, tzinfo=UTC)


def _width(form: str) -> Any:
	return form if form in ("short", "medium", "long", "full") else "medium"


def _zone() -> tzinfo:
	try:
		return ZoneInfo(timezone_of_moment.get())
	except (ZoneInfoNotFoundError, ValueError):
		return UTC


def _locale() -> Locale:
	return _parsed(locale_of_moment.get())


@lru_cache(maxsize=64)
def _parsed(name: str) -> Locale:
	try:
		return Locale.parse(name.replace("-", "_"))
	except (UnknownLocaleError, ValueError):
		return Locale.parse("en")


def _at_render(filter_: Callable[..., Any]) -> Callable[..., Any]:
	"""Keeps Jinja from working a constant out once, at compile time, in whoever's locale."""

	@pass_context
	def filtered(_context: Any, *given: Any, **named: Any) -> Any:
		return filter_(*given, **named)

	return filtered


_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*(?:Z|[+-]\d\d:\d\d)")


def recorded(value: Any) -> Any:
	"""A value as the trail keeps it: nothing as a dash, moments as people read them."""
	if value is None or value == "":
		return "—"
	if isinstance(value, bool):
		return said("yes") if value else said("no")
	return datetime_text(value) if isinstance(value, str) and _MOMENT.fullmatch(value) else value


FILTERS: dict[str, Callable[..., Any]] = {
	"number": _at_render(number),
	"money": _at_render(money),
	"unit": _at_render(unit),
	"unit_symbol": unit_symbol,
	"date": _at_render(date_text),
	"datetime": _at_render(datetime_text),
	"ago": _at_render(ago),
	"recorded": _at_render(recorded),
}
