"""What every item of a structure costs, chosen for all of them at once: lists, breaks, rates.

The rules for one list are those of shared/pricing.py; among several lists of an item, one recorded
by hand comes before an internal one and that before offers of suppliers, and of several suppliers
the cheapest for the quantity needed is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from apg.capabilities.plm.shared.levels import BoolArray, FloatArray, IntArray
from apg.capabilities.plm.shared.lines import MICRO
from apg.capabilities.plm.shared.node_ids import texts
from apg.capabilities.plm.shared.pricing import PriceGapReason
from apg.capabilities.plm.structures.fixed_rows import (
	EPOCH_OF_DATES,
	Places,
	Rows,
	as_text,
	distinct,
	fixed_rows,
	whole,
	words,
)
from apg.capabilities.plm.structures.versions import Mark, mark_of
from apg.contracts.reference import ExchangeRates, RateOn
from apg.kernel.later import numpy as np
from apg.kernel.work import Work

if TYPE_CHECKING:
	import numpy.typing as npt

FEW_ITEMS = 5_000
"""More items than this are priced from all costs of the tenant: a scan is then cheaper."""

# Most prices are of nobody in particular and for one piece; a sum of NUMERIC costs as much as the row.
_COSTS = """
	select c.item_id, (case c.kind when 'manual' then 0 when 'internal' then 1 else 2 end)::int2,
		case when c.supplier = '' and c.sku = '' then 0
			else hashtextextended(c.supplier || chr(31) || c.sku, 0) end,
		c.valid_from,
		case when c.quantity_break = 1 then 1000000 else (c.quantity_break * 1000000)::int8 end,
		(c.amount * 1000000)::int8, c.currency
	from plm_item_costs c
"""
_COLUMNS = {
	"item": "uuid",
	"rank": "int2",
	"supplier": "int8",
	"day": "date",
	"least": "int8",
	"amount": "int8",
	"currency": "code3",
}
REASONS = (PriceGapReason.NO_PRICE, PriceGapReason.NOT_YET_VALID, PriceGapReason.NO_RATE)
_NO_PRICE, _NOT_YET_VALID, _NO_RATE = range(3)


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
	"""Unit prices of k items in one currency: `known`, their `values`, else the `reason` (a place
	in REASONS). `used` are the rates behind them."""

	currency: str
	day: date
	values: FloatArray  # (k,)
	known: BoolArray  # (k,)
	reason: IntArray  # (k,)
	used: tuple[RateOn, ...]
	_amount: IntArray  # (k,) in 10⁻⁶ of its own currency
	_code: IntArray  # (k,) places in _rates
	_rates: tuple[Fraction, ...]
	codes: tuple[str, ...]
	rates: Mapping[str, RateOn]

	def with_items(self, places: IntArray, some: Prices) -> Prices:
		"""The same prices, but for these items: theirs are `some`, at the same rates."""
		codes = tuple(dict.fromkeys([*self.codes, *some.codes]))
		rates = {**self.rates, **some.rates}
		number = np.array([codes.index(code) for code in some.codes] or [0], np.int64)
		values, known, reason = self.values.copy(), self.known.copy(), self.reason.copy()
		amount, code = self._amount.copy(), self._code.copy()
		values[places], known[places], reason[places] = some.values, some.known, some.reason
		amount[places], code[places] = some._amount, number[some._code]
		held = {codes[at] for at in np.flatnonzero(np.bincount(code[known])).tolist()}
		factor = (_factor(each, self.currency, rates) or Fraction(0) for each in codes)
		return Prices(
			self.currency, self.day, values, known, reason, _used(held, self.currency, rates),
			amount, code, tuple(factor), codes, rates,
		)  # fmt: skip

	def exact(self, item: int) -> Fraction:
		"""The price of one unit without any rounding; 0 where it is not known."""
		if not self.known[item]:
			return Fraction(0)
		return Fraction(int(self._amount[item]), MICRO) * self._rates[int(self._code[item])]


@dataclass(frozen=True, slots=True, eq=False)
class PriceLists:
	"""The lists of k items that hold on a day, ready to be asked for any quantities.

	Rows of a list lie together, sorted by break; `first` is where each list begins.
	"""

	count: int
	currency: str
	day: date
	has_any: BoolArray  # (k,) some list, valid or not
	has_valid: BoolArray  # (k,)
	item: IntArray  # (rows,)
	rank: IntArray
	least: IntArray
	amount: IntArray
	code: IntArray
	first: IntArray  # (lists,)
	codes: tuple[str, ...]
	rates: Mapping[str, RateOn]

	def has_price(self) -> BoolArray:
		"""Items with a price in the currency, whatever the quantity."""
		if all(_factor(code, self.currency, self.rates) for code in self.codes):
			return self.has_valid
		return self.choose(np.ones(self.count)).known

	def choose(self, quantity: FloatArray) -> Prices:
		"""The unit price of each item when so many (k,) of it are needed."""
		factor = [_factor(code, self.currency, self.rates) for code in self.codes]
		values = np.zeros(self.count)
		amount, taken_code = np.zeros(self.count, np.int64), np.zeros(self.count, np.int64)
		known = np.zeros(self.count, np.bool_)
		if self.first.size:
			row = self._break_of_each_list(quantity)
			ratio = np.array([np.nan if each is None else float(each) for each in factor])
			price = self.amount[row] / MICRO * ratio[self.code[row]]
			order = self._best(row, price)
			target = self.item[row[order]]
			values[target] = price[order]
			amount[target], taken_code[target] = self.amount[row[order]], self.code[row[order]]
			known[target] = True
		reason = np.where(
			self.has_valid, _NO_RATE, np.where(self.has_any, _NOT_YET_VALID, _NO_PRICE)
		)
		held = {self.codes[at] for at in np.flatnonzero(np.bincount(taken_code[known])).tolist()}
		return Prices(
			self.currency,
			self.day,
			values,
			known,
			reason,
			_used(held, self.currency, self.rates),
			amount,
			taken_code,
			tuple(each or Fraction(0) for each in factor),
			self.codes,
			self.rates,
		)

	def _best(self, row: IntArray, price: FloatArray) -> IntArray:
		"""The usable lists, of each item the best one last: what is assigned by it holds the best."""
		item, known = self.item[row], ~np.isnan(price)
		if int(np.bincount(item).max()) == 1:
			return np.flatnonzero(known)
		# A worse rank is left out, a higher price is overwritten.
		best_rank = np.full(self.count, 99, np.int64)
		np.minimum.at(best_rank, item, self.rank[row])
		usable = np.flatnonzero((self.rank[row] == best_rank[item]) & known)
		return usable[np.lexsort((np.arange(usable.size)[::-1], -price[usable]))]

	def _break_of_each_list(self, quantity: FloatArray) -> IntArray:
		"""The row of the highest break not above the quantity, else of the lowest one."""
		if self.first.size == self.item.size:
			return self.first
		# A quantity summed in floats may lie a hair below the break it equals.
		needed = np.floor(quantity * MICRO * (1 + 1e-12) + 0.5)
		reached = self.least <= needed[self.item]
		place = np.arange(self.item.size)
		row = np.maximum.reduceat(np.where(reached, place, -1), self.first)
		return np.where(row >= 0, row, self.first)


def _used(held: set[str], currency: str, rates: Mapping[str, RateOn]) -> tuple[RateOn, ...]:
	foreign = held - {currency}
	if not foreign:
		return ()
	needed = sorted({*foreign, currency} & rates.keys())
	return tuple(rates[code] for code in needed if code != "EUR")


def _factor(source: str, target: str, rates: Mapping[str, RateOn]) -> Fraction | None:
	"""What one unit of the source currency is in the target, through the euro; None: no rate."""
	if source == target:
		return Fraction(1)
	old, new = rates.get(source), rates.get(target)
	if old is None or new is None:
		return None
	return Fraction(new.units_per_eur) / Fraction(old.units_per_eur)


class Costs:
	"""The costs of a transaction's tenant: of some items, or all at once, read ahead or when asked."""

	def __init__(self, work: Work) -> None:
		self._work = work
		self._all: Rows | None = None
		self.mark: Mark | None = None

	async def read_all(self) -> None:
		"""Reads ahead; `mark` is from before."""
		self.mark = await mark_of(self._work)
		self._all = await fixed_rows(self._work, _COSTS, _COLUMNS)

	async def of(self, items: npt.NDArray[np.uint64]) -> Rows:
		"""Rows that hold all costs of these items, and perhaps of others."""
		if self._all is None and items.shape[0] <= FEW_ITEMS:
			query = _COSTS + "where c.item_id = any($1::uuid[])"
			return await fixed_rows(self._work, query, _COLUMNS, texts(as_text(items)))
		if self._all is None:
			await self.read_all()
		assert self._all is not None
		return self._all


async def price_lists(
	work: Work,
	items: npt.NDArray[np.uint64],
	costs: Costs,
	*,
	currency: str,
	day: date,
	places: Places | None = None,
) -> PriceLists:
	"""The lists of these items (k distinct ids in words) and the rates of the day; `places` finds the
	items, for whoever has it."""
	count = items.shape[0]
	rows = await costs.of(items)
	item = (places or Places(items)).of(words(rows["item"]))
	if bool((item < 0).any()):
		rows, item = rows[item >= 0], item[item >= 0]
	codes, code = _currencies(rows["currency"])
	rates = await work.port(ExchangeRates).rates_on(work, day, {*codes, currency})
	return _arranged(rows, item, code, count, currency, day, codes, rates)


def _currencies(column: npt.NDArray[Any]) -> tuple[tuple[str, ...], IntArray]:
	"""The distinct currencies, and the place of each row's one."""
	letters = np.ascontiguousarray(column).view(np.uint8).reshape(-1, 3).astype(np.int64)
	found, place = distinct(letters @ np.array([1 << 16, 1 << 8, 1]))
	return tuple(int(code).to_bytes(3, "big").decode() for code in found), place


def _arranged(
	rows: Rows,
	item: IntArray,
	code: IntArray,
	count: int,
	currency: str,
	day: date,
	codes: tuple[str, ...],
	rates: Mapping[str, RateOn],
) -> PriceLists:
	"""Of each list the breaks of its latest date that has come, sorted."""
	has_any = np.zeros(count, np.bool_)
	has_any[item] = True
	begun = whole(rows["day"]) <= day.toordinal() - EPOCH_OF_DATES
	if not bool(begun.all()):
		rows, item, code = rows[begun], item[begun], code[begun]
	has_valid = np.zeros(count, np.bool_)
	has_valid[item] = True
	rank, least = whole(rows["rank"]), whole(rows["least"])
	if item.size and int(np.bincount(item).max()) == 1:
		kept = np.arange(item.size)  # one price each: every row is a list of its own
		first = kept
	else:
		supplier, from_day = whole(rows["supplier"]), whole(rows["day"])
		kept = np.lexsort((least, -from_day, supplier, rank, item))
		begins = _begins(item[kept], rank[kept], supplier[kept])
		in_force = from_day[kept] == from_day[kept][begins][np.cumsum(begins) - 1]
		kept = kept[in_force]
		first = np.flatnonzero(_begins(item[kept], rank[kept], supplier[kept]))
	return PriceLists(
		count,
		currency,
		day,
		has_any,
		has_valid,
		item[kept],
		rank[kept],
		least[kept],
		whole(rows["amount"])[kept],
		code[kept],
		first,
		codes,
		rates,
	)


def _begins(*keys: npt.NDArray[Any]) -> BoolArray:
	"""Where any of the sorted keys changes."""
	fresh = np.zeros(keys[0].size, np.bool_)
	fresh[:1] = True
	for key in keys:
		fresh[1:] |= key[1:] != key[:-1]
	return fresh
