"""What is taken and given of currencies and rates."""

from datetime import date as Date
from decimal import Decimal
from typing import Annotated

from pydantic import ConfigDict, StringConstraints, field_validator, model_validator

from apg.kernel.texts import _
from apg.kernel.web.lists import Column, Filter, ListSpec
from apg.kernel.web.wire import Amount, Day, IdText, Line, WireModel, formed

Code = Annotated[
	str, formed("[A-Z]{3}", lambda: _("Give the three capital letters of a currency, like USD."))
]
EARLIEST, LATEST = Date(1970, 1, 1), Date(2100, 12, 31)

COLUMNS = (
	Column("date", "Date", sortable=True, kind="date"),
	Column("currency", "Currency", sortable=True),
	Column("units_per_eur", "For one euro", kind="number"),
	Column("source", "Source"),
	Column("valid_until", "Until", kind="date", default_visible=False),
	Column("own", "Company's own", kind="flag"),
	Column("file_sha256", "File", default_visible=False),
)
FILTERS = (
	Filter("currency", "Currency", "choice", many=True),
	Filter("date_from", "From", "date"),
	Filter("date_to", "To", "date"),
	Filter("own", "Company's own", "bool"),
)
RATES = ListSpec(COLUMNS, FILTERS, default_sort="-date,currency")
RATES_API = ListSpec(
	COLUMNS,
	FILTERS,
	default_sort="-date,currency",
	page_sizes=(100,),
	max_page_size=1_000,
	paging="offset",
)


class CurrencyOut(WireModel):
	"""A currency; `digits` are those of its minor unit."""

	code: Code
	name: str
	digits: int
	is_active: bool


class RateIn(WireModel):
	"""A rate of the company's own: one euro is `units_per_eur` of the currency from `date` on.

	Without `valid_until` it holds for ten days, as a published one does.
	"""

	model_config = ConfigDict(
		extra="forbid",
		json_schema_extra={
			"examples": [
				{
					"currency": "USD",
					"date": "2026-01-01",
					"valid_until": "2026-12-31",
					"units_per_eur": 1.08,
					"source": "Budget 2026",
				}
			]
		},
	)

	currency: Code
	date: Day
	valid_until: Day | None = None
	units_per_eur: Amount
	source: Annotated[
		Line, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)
	] = "own"

	@field_validator("currency")
	@classmethod
	def _not_the_euro(cls, code: str) -> str:
		if code == "EUR":
			raise ValueError(_("one euro is one euro; name another currency"))
		return code

	@field_validator("date", "valid_until")
	@classmethod
	def _near(cls, day: Day | None) -> Day | None:
		if day is not None and not EARLIEST <= day <= LATEST:
			raise ValueError(_("must lie between {a} and {b}", a=EARLIEST, b=LATEST))
		return day

	@field_validator("units_per_eur")
	@classmethod
	def _positive(cls, amount: Decimal) -> Decimal:
		if amount <= 0:
			raise ValueError(_("must be greater than zero"))
		if amount >= 10_000_000_000:
			raise ValueError(_("must be smaller than 10,000,000,000"))
		return amount

	@model_validator(mode="after")
	def _in_order(self) -> "RateIn":
		if self.valid_until is not None and self.valid_until < self.date:
			raise ValueError(_("valid_until must not lie before date"))
		return self


class RateOut(WireModel):
	"""A rate. `id` is there for the company's own only, `file_sha256` for published ones only."""

	id: IdText | None
	currency: Code
	date: Day
	valid_until: Day | None
	units_per_eur: Amount
	source: str
	own: bool
	file_sha256: str | None
	version: int


class RateOnOut(WireModel):
	"""The rate that holds on a day, and the day it is of."""

	currency: Code
	units_per_eur: Amount
	day: Day
	source: str
	own: bool


class RatesOnOut(WireModel):
	"""The rates that hold on a day; `missing` are currencies that have none then."""

	date: Day
	rates: list[RateOnOut]
	missing: list[str]
