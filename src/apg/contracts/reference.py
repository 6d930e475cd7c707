"""Units and exchange rates, for every capability that adds up figures of different origin."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Protocol

from apg.kernel.events import Event

if TYPE_CHECKING:
	from apg.kernel.work import Work

EURO = "EUR"


class ExchangeRateChanged(Event):
	"""A company recorded or removed an exchange rate of its own."""

	name = "reference.exchange_rate.changed.v1"
	needs = "reference.rates.read"
	currency: str
	date: str


@dataclass(frozen=True, slots=True)
class RateOn:
	"""One euro is `units_per_eur` of `currency`; `day` is when that was published or agreed, on or
	before the day asked for; `source` names it (`ECB`, or the tenant's own words)."""

	currency: str
	units_per_eur: Decimal
	day: date
	source: str
	own: bool = False


class ExchangeRates(Protocol):
	"""Provided by reference."""

	absent: ClassVar["ExchangeRates"]

	async def rates_on(
		self, work: "Work", day: date, currencies: Collection[str]
	) -> Mapping[str, RateOn]:
		"""The rate of each currency that holds on the day, EUR included when asked for.

		The tenant's own rate comes before the published one of the same day; a published rate holds
		for at most ten days. A currency without one is absent from the answer: a gap to be named.
		An amount in A is amount / rates[A].units_per_eur * rates[B].units_per_eur in B.
		"""
		...

	async def known(self, work: "Work") -> frozenset[str]:
		"""The currency codes that may be used (ISO 4217), with rates or without."""
		...


class NoExchangeRates:
	"""Without reference data only the euro is worth a euro."""

	async def rates_on(
		self, work: "Work", day: date, currencies: Collection[str]
	) -> Mapping[str, RateOn]:
		return {EURO: RateOn(EURO, Decimal(1), day, "")} if EURO in currencies else {}

	async def known(self, work: "Work") -> frozenset[str]:
		return frozenset({EURO})


class Units(Protocol):
	"""Provided by reference; pure, no transaction is needed."""

	absent: ClassVar["Units"]

	def symbol(self, text: str, *, field: str = "unit") -> str:
		"""The one spelling of a unit. Raises Invalid for an unknown or ambiguous one."""
		...

	def dimension(self, text: str, *, field: str = "unit") -> str:
		"""What the unit measures: `mass`, `count`, `energy` … Raises Invalid like `symbol`."""
		...

	def convert(self, value: Decimal, source: str, target: str) -> Decimal:
		"""The value in another unit of the same dimension. Raises Invalid."""
		...

	def factors(self, pairs: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], Fraction]:
		"""How many of the second unit one of the first is, exactly; pairs without such a factor
		(unknown, other dimension, another zero) are absent from the answer."""
		...


class NoUnits:
	"""Without a table of units a text converts only into itself."""

	def symbol(self, text: str, *, field: str = "unit") -> str:
		return text

	def dimension(self, text: str, *, field: str = "unit") -> str:
		return text

	def convert(self, value: Decimal, source: str, target: str) -> Decimal:
		from apg.kernel.errors import Invalid
		from apg.kernel.texts import _

		if source != target:
			raise Invalid.one("unit", _("There is no table of units to convert with."), "unit")
		return value

	def factors(self, pairs: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], Fraction]:
		return {pair: Fraction(1) for pair in pairs if pair[0] == pair[1]}


ExchangeRates.absent = NoExchangeRates()  # type: ignore[assignment]
Units.absent = NoUnits()  # type: ignore[assignment]
