"""What an item costs in a quantity, a currency and on a day: price breaks and dated exchange rates.

All amounts are Decimal and unrounded; rounding happens once, where a value is recorded. What cannot
be priced is a named gap, never 0, and a missing rate is never 1.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Context, Decimal
from enum import StrEnum
from typing import Protocol

from apg.capabilities.plm.shared.errors import DomainError

EURO = "EUR"
PUBLISHED_RATE_HOLDS = timedelta(days=10)
"""Published rates pause at weekends and holidays, never for longer than this."""

_EXACT = Context(
	prec=50
)  # amounts and rates have at most 20 digits each: a cross loses nothing visible


class RateRow(Protocol):
	"""One euro is `units_per_eur` of `currency`, published or agreed for `day` by `source`.

	`own`: the company's own rate, which comes before a published one of the same day.
	"""

	@property
	def currency(self) -> str: ...
	@property
	def units_per_eur(self) -> Decimal: ...
	@property
	def day(self) -> date: ...
	@property
	def source(self) -> str: ...
	@property
	def own(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Rate:
	currency: str
	units_per_eur: Decimal
	day: date
	source: str
	own: bool = False


@dataclass(frozen=True, slots=True)
class PriceBreak:
	"""From `quantity` on, one unit costs `amount`."""

	quantity: Decimal
	amount: Decimal
	currency: str
	valid_from: date
	source: str = ""


class PriceGapReason(StrEnum):
	NO_PRICE = "no_price"
	NOT_YET_VALID = "price_not_yet_valid"
	NO_RATE = "no_rate"
	RATE_TOO_OLD = "rate_too_old"


@dataclass(frozen=True, slots=True)
class PriceGap:
	"""Why there is no price: for rates the currency, and the day of the last rate if there is one."""

	reason: PriceGapReason
	currency: str | None = None
	last_day: date | None = None


@dataclass(frozen=True, slots=True)
class Converted:
	"""An amount in a currency and the rates it came by: none where no exchange was needed."""

	amount: Decimal
	currency: str
	rates: tuple[RateRow, ...]

	@property
	def rate_day(self) -> date | None:
		"""The day of the older rate: the conversion is no fresher than that."""
		return min((rate.day for rate in self.rates), default=None)

	@property
	def sources(self) -> tuple[str, ...]:
		return tuple(sorted({rate.source for rate in self.rates}))


@dataclass(frozen=True, slots=True)
class Priced:
	"""The price of one unit, with all it rests on.

	`below_lowest`: fewer are needed than the lowest break, whose price was taken for want of another.
	"""

	unit_price: Converted
	chosen: PriceBreak
	below_lowest: bool

	@property
	def amount(self) -> Decimal:
		return self.unit_price.amount

	@property
	def currency(self) -> str:
		return self.unit_price.currency


class Rates:
	"""Dated exchange rates; each answer is the last rate on or before the day.

	A published rate older than `holds` does not answer; a company's own rate holds until its next.
	"""

	def __init__(self, rows: Iterable[RateRow], *, holds: timedelta = PUBLISHED_RATE_HOLDS) -> None:
		self._holds = holds
		self._by_currency: dict[str, list[RateRow]] = {}
		for row in rows:
			if not row.units_per_eur.is_finite() or row.units_per_eur <= 0:
				raise DomainError(
					"units_per_eur",
					f"{row.units_per_eur} {row.currency} of {row.day} is no rate",
					"Give a number above 0.",
				)
			if row.currency == EURO and row.units_per_eur != 1:
				raise DomainError("units_per_eur", "a euro is one euro", "Leave this rate out.")
			self._by_currency.setdefault(row.currency, []).append(row)
		for series in self._by_currency.values():
			series.sort(key=lambda row: (row.day, row.own))

	def on(self, currency: str, day: date) -> RateRow | PriceGap:
		"""The rate that holds for a currency other than the euro, or why there is none."""
		series = self._by_currency.get(currency, [])
		place = bisect_right(series, day, key=lambda row: row.day)
		if not place:
			return PriceGap(PriceGapReason.NO_RATE, currency)
		for row in reversed(series[:place]):
			if row.own or day - row.day <= self._holds:
				return row
		return PriceGap(PriceGapReason.RATE_TOO_OLD, currency, series[place - 1].day)

	def convert(self, amount: Decimal, source: str, target: str, day: date) -> Converted | PriceGap:
		"""The amount in another currency, through the euro."""
		if source == target:
			return Converted(amount, target, ())
		used: list[RateRow] = []
		for currency in (source, target):
			if currency == EURO:
				continue
			rate = self.on(currency, day)
			if isinstance(rate, PriceGap):
				return rate
			used.append(rate)
			if currency == source:
				amount = _EXACT.divide(amount, rate.units_per_eur)
			else:
				amount = _EXACT.multiply(amount, rate.units_per_eur)
		return Converted(amount, target, tuple(used))


def price_list_on(breaks: Iterable[PriceBreak], day: date) -> tuple[PriceBreak, ...]:
	"""The list that holds on a day, by quantity: all breaks of the latest date not after it.

	A newer list replaces an older one as a whole, so a break that was dropped does not live on.
	"""
	begun = [each for each in breaks if each.valid_from <= day]
	latest = max((each.valid_from for each in begun), default=None)
	return tuple(
		sorted(
			(each for each in begun if each.valid_from == latest), key=lambda each: each.quantity
		)
	)


def choose_break(breaks: Sequence[PriceBreak], quantity: Decimal | int) -> tuple[PriceBreak, bool]:
	"""The highest break not above the quantity; below all of them the lowest, and True.

	Raises DomainError without breaks, with two for one quantity, and for a break at 0 or below.
	"""
	if not breaks:
		raise DomainError("breaks", "there is no price break", "Give at least one.")
	ordered = sorted(breaks, key=lambda each: each.quantity)
	steps = [each.quantity for each in ordered]
	if len(set(steps)) < len(steps):
		raise DomainError("breaks", "two prices for one quantity", "Keep one for each quantity.")
	if steps[0] <= 0:
		raise DomainError("breaks", f"a break at {steps[0]}", "Breaks start above 0.")
	place = bisect_right(steps, quantity)
	return ordered[max(place - 1, 0)], place == 0


def price(
	breaks: Iterable[PriceBreak],
	quantity: Decimal | int,
	*,
	currency: str,
	day: date,
	rates: Rates,
) -> Priced | PriceGap:
	"""The price of one unit of an item when `quantity` of it are needed, in `currency` on `day`.

	`breaks` is one price list with its history (one item, one kind, one supplier). `quantity` is the
	item's total in the order (`explode`), because that is what is bought at once.
	"""
	every = list(breaks)
	if not every:
		return PriceGap(PriceGapReason.NO_PRICE)
	valid = price_list_on(every, day)
	if not valid:
		return PriceGap(PriceGapReason.NOT_YET_VALID)
	chosen, below = choose_break(valid, quantity)
	converted = rates.convert(chosen.amount, chosen.currency, currency, day)
	return converted if isinstance(converted, PriceGap) else Priced(converted, chosen, below)
