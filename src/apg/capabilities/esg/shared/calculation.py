"""Activity × factor under a stated set of potentials: the one calculation behind every figure.

result = quantity × unit ratio × kg CO2e per unit of the factor (GHG Protocol, Corporate Standard,
revised edition 2004, chapter 6: activity data × emission factor), per gas, CO2 of biogenic origin
apart. Every result is the exact product, rounded once, half to even, to 1e-9 kg.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from apg.capabilities.esg.shared import exact_columns as exact
from apg.capabilities.esg.shared import ghg, seals
from apg.capabilities.esg.shared.factor import Chosen, Factor, FactorWanted, NoFactor
from apg.capabilities.esg.shared.ghg import GwpSet, NotExpressible
from apg.kernel.later import numpy as np
from apg.kernel.texts import N_, _
from apg.platform.reference import unit_contexts
from apg.platform.reference.unit_contexts import Conversion
from apg.platform.reference.units import UnitError

if TYPE_CHECKING:
	from numpy.typing import NDArray

ENGINE = "1"
METHOD = "activity_factor_v1"
REPORTED = "reported_total"
CARBON = "kgCO2e"

MISSING: Mapping[str, str] = {
	"not_approved": N_("There is a factor, but nobody in your company approved it."),
	"no_region": N_("No approved factor for this region or a wider one."),
	"no_date": N_("No approved factor was in force at this date or before."),
	"unit_not_convertible": N_("The unit cannot be converted to the unit of a factor."),
	"unknown_activity": N_("No factor knows this activity code."),
	"no_potential": N_("A gas of the factor has no potential in this set."),
	"nothing_published": N_("The factor publishes neither gases nor a total."),
}


@dataclass(frozen=True, slots=True)
class Record:
	"""What the calculation needs of one version of an activity record.

	`on` is the first day of its period: it chooses the edition of the factor.
	"""

	id: str
	version: int
	content_hash: str
	kind: str
	activity_code: str
	quantity: Decimal
	unit: str
	region: str
	on: date
	conversion_context: str | None = None
	stage: str | None = None
	estimated: bool = False
	primary: bool = False
	row_id: str = ""

	@property
	def wanted(self) -> FactorWanted:
		return FactorWanted(self.activity_code, self.region, self.on, self.unit)


@dataclass(frozen=True, slots=True)
class Line:
	"""The result of one record, or why there is none; masses and figures in kg.

	`normalised` is the quantity in the unit of the factor. `masses` is kg of each gas, `by_gas` kg
	CO2e of each; `co2e` is their total without `biogenic_co2`. `low` and `high` are 95 % bounds of the
	total where the factor has any. `as_published`: the factor could not be expressed under the set
	asked for and stands under `gwp_set`, its publisher's. `missing` is the reason of a gap: then no
	figure is given, which is not zero.
	"""

	record: Record
	factor: Factor | None
	level: int | None
	reason: str
	conversions: tuple[Conversion, ...]
	normalised: Decimal | None
	normalised_unit: str | None
	masses: Mapping[str, Decimal]
	by_gas: Mapping[str, Decimal]
	co2e: Decimal | None
	biogenic_co2: Decimal | None
	low: Decimal | None
	high: Decimal | None
	gwp_set: str
	as_published: bool
	missing: str | None
	per_unit: Decimal | None = None

	@property
	def figures(self) -> dict[str, Any]:
		"""What the seal covers beside versions."""
		return {
			"quantity": self.record.quantity,
			"unit": self.record.unit,
			"conversions": [
				[one.source, one.target, str(one.factor), one.context] for one in self.conversions
			],
			"normalised": self.normalised,
			"normalised_unit": self.normalised_unit,
			"masses": dict(self.masses),
			"by_gas": dict(self.by_gas),
			"co2e": self.co2e,
			"biogenic_co2": self.biogenic_co2,
			"low": self.low,
			"high": self.high,
			"as_published": self.as_published,
			"missing": self.missing,
		}

	@property
	def seal(self) -> str:
		return seals.seal_of_line(
			record=(self.record.id, self.record.version, self.record.content_hash),
			factor=(self.factor.version_id, self.factor.sha256) if self.factor else None,
			gwp_set=self.gwp_set,
			method=METHOD,
			engine=ENGINE,
			figures=self.figures,
		)


@dataclass(frozen=True, slots=True)
class _Plan:
	"""All that records of one unit and one factor have in common."""

	number: int
	factor: Factor | None
	conversions: tuple[Conversion, ...]
	unit: str | None
	gwp_set: str
	as_published: bool
	missing: str | None
	results: Mapping[str, Fraction]
	per_unit: Decimal | None = None
	masses: tuple[tuple[str, str], ...] = ()
	gases: tuple[tuple[str, str], ...] = ()


QUANTITY, TOTAL, BIOGENIC, LOW, HIGH = "quantity", "co2e", "biogenic", "low", "high"
MASS, GAS = "mass:", "gas:"


class Lines(Sequence[Line]):
	"""The results of a batch, kept as columns of whole numbers of 1e-9 kg until a line is asked for."""

	def __init__(
		self,
		records: Sequence[Record],
		chosen: Sequence[Chosen | NoFactor | None],
		plans: Sequence[_Plan],
		places: NDArray[np.intp],
		columns: Mapping[str, NDArray[Any]],
	) -> None:
		self.records = records
		self._chosen = chosen
		self._plans = plans
		self._places = places
		self._columns = columns
		self._whole: dict[str, list[int]] = {}

	def __len__(self) -> int:
		return len(self.records)

	def __iter__(self) -> Iterator[Line]:
		return map(self._line, range(len(self.records)))

	def __getitem__(self, place: Any) -> Any:
		if isinstance(place, slice):
			return [self._line(n) for n in range(*place.indices(len(self)))]
		return self._line(range(len(self))[place])

	def _line(self, n: int) -> Line:
		plan = self._plans[self._places[n]]
		choice = self._chosen[n]
		found = {name: exact.amount(self._units(name)[n]) for name in plan.results}
		return Line(
			record=self.records[n],
			factor=plan.factor,
			level=choice.level if isinstance(choice, Chosen) else None,
			reason=choice.reason if choice is not None else REPORTED,
			conversions=plan.conversions,
			normalised=found.get(QUANTITY),
			normalised_unit=plan.unit,
			masses={gas: found[name] for gas, name in plan.masses},
			by_gas={gas: found[name] for gas, name in plan.gases},
			co2e=found.get(TOTAL),
			biogenic_co2=found.get(BIOGENIC),
			low=found.get(LOW),
			high=found.get(HIGH),
			gwp_set=plan.gwp_set,
			as_published=plan.as_published,
			missing=plan.missing,
			per_unit=plan.per_unit,
		)

	def _units(self, name: str) -> list[int]:
		held = self._whole.get(name)
		if held is None:
			held = self._whole[name] = self._columns[name].tolist()
		return held

	def total(self, name: str = TOTAL) -> Decimal:
		"""The sum of a column over all lines that have the figure, exact."""
		column = self._columns.get(name)
		return exact.amount(sum(column.tolist())) if column is not None else Decimal(0)

	def count_missing(self) -> int:
		gaps = np.array([plan.missing is not None for plan in self._plans], bool)
		return int(gaps[self._places].sum()) if len(self.records) else 0

	def seal(self, gwp_set: str) -> str:
		"""The seal of the whole batch as one run under a set."""
		return seals.seal_of_run(
			(line.seal for line in self), gwp_set=gwp_set, method=METHOD, engine=ENGINE
		)


def calculate(
	records: Sequence[Record], chosen: Sequence[Chosen | NoFactor | None], gwp: GwpSet
) -> Lines:
	"""The line of each record with the factor chosen for it, in the order given.

	A record of a reported total needs no factor (None): its quantity is the figure. Records with one
	unit, conversion and factor share their arithmetic; see `exact_columns` for how it stays exact.
	"""
	plans: dict[tuple[Any, ...], _Plan] = {}
	near: dict[tuple[Any, ...], int] = {}  # by the choice itself, which many records share
	places: list[int] = []
	quantities: list[int] = []
	odd: list[int] = []
	for n, (record, choice) in enumerate(zip(records, chosen, strict=True)):
		brief = (record.unit, record.conversion_context, record.kind, id(choice))
		place = near.get(brief)
		if place is None:
			place = near[brief] = _place(plans, record, choice, gwp)
		places.append(place)
		units = exact.micro(record.quantity)
		if units is None:
			odd.append(n)
		quantities.append(units or 0)
	held = list(plans.values())
	names = list(dict.fromkeys(name for plan in held for name in plan.results))
	nothing = Fraction(0)
	table = exact.Multipliers(
		[[plan.results.get(name, nothing) for plan in held] for name in names]
	)
	numbers = np.array(places, np.intp)
	found = table.times(np.array(quantities, np.int64), numbers)
	columns = dict(zip(names, found, strict=True))
	for n in odd:
		_put_exactly(columns, n, records[n].quantity, held[places[n]])
	return Lines(records, chosen, held, numbers, columns)


def _place(
	plans: dict[tuple[Any, ...], _Plan],
	record: Record,
	choice: Chosen | NoFactor | None,
	gwp: GwpSet,
) -> int:
	"""The number of the plan for a record, made on the first of its kind."""
	key = (
		record.unit,
		record.conversion_context,
		record.kind == REPORTED,
		choice.factor.version_id if isinstance(choice, Chosen) else getattr(choice, "reason", ""),
	)
	plan = plans.get(key)
	if plan is None:
		plan = plans[key] = _plan(len(plans), record, choice, gwp)
	return plan.number


def _put_exactly(
	columns: dict[str, NDArray[Any]], row: int, quantity: Decimal, plan: _Plan
) -> None:
	"""A quantity with more than six digits after the point, or a huge one: by fractions."""
	for name, multiplier in plan.results.items():
		units = exact.quanta(Fraction(quantity) * multiplier)
		if abs(units) >= 1 << 63 and columns[name].dtype != object:
			columns[name] = columns[name].astype(object)
		columns[name][row] = units


def _plan(number: int, record: Record, choice: Chosen | NoFactor | None, gwp: GwpSet) -> _Plan:
	if record.kind == REPORTED:
		return _reported(number, record, gwp)
	if choice is None or isinstance(choice, NoFactor):
		reason = choice.reason if choice is not None else "unknown_activity"
		return _gap(number, gwp.code, reason)
	factor = choice.factor
	try:
		step = step_between(record.unit, factor, record.conversion_context)
	except UnitError:
		return _gap(number, gwp.code, "unit_not_convertible", factor)
	expressed = ghg.co2e(factor, gwp)
	if isinstance(expressed, NotExpressible):
		return _gap(number, gwp.code, expressed.reason, factor)
	ratio = step.factor if step else Fraction(1)
	total = Fraction(expressed.total) * ratio
	results: dict[str, Fraction] = {QUANTITY: ratio}
	for gas, mass in factor.gases.items():
		if gas != ghg.MIXED_CO2E:
			results[MASS + gas] = Fraction(mass) * ratio
	for gas, kilograms in expressed.by_gas.items():
		results[GAS + gas] = Fraction(kilograms) * ratio
	results[TOTAL] = total
	if expressed.biogenic_co2 is not None:
		results[BIOGENIC] = Fraction(expressed.biogenic_co2) * ratio
	if factor.low is not None and factor.high is not None:
		results[LOW] = total * Fraction(factor.low)
		results[HIGH] = total * Fraction(factor.high)
	return _Plan(
		number,
		factor,
		(step,) if step else (),
		factor.unit,
		expressed.gwp_set,
		expressed.as_published,
		None,
		results,
		expressed.total,
		tuple((gas, MASS + gas) for gas in factor.gases if gas != ghg.MIXED_CO2E),
		tuple((gas, GAS + gas) for gas in expressed.by_gas),
	)


def step_between(unit: str, factor: Factor, context: str | None) -> Conversion | None:
	"""The conversion from the unit of a record to that of the factor, None where they are one.

	Money is converted by nothing: rates and price years are no units. Raises UnitError.
	"""
	if unit == factor.unit or unit == factor.spend_currency:
		return None
	return unit_contexts.conversion(unit, factor.unit, context)


def _reported(number: int, record: Record, gwp: GwpSet) -> _Plan:
	try:
		step = unit_contexts.conversion(record.unit, CARBON)
	except UnitError:
		return _gap(number, gwp.code, "unit_not_convertible")
	ratio = step.factor if step else Fraction(1)
	return _Plan(
		number,
		None,
		(step,) if step else (),
		CARBON,
		gwp.code,
		True,
		None,
		{QUANTITY: ratio, TOTAL: ratio},
		Decimal(1),
	)


def _gap(number: int, gwp_set: str, reason: str, factor: Factor | None = None) -> _Plan:
	return _Plan(number, factor, (), None, gwp_set, False, reason, {})


def missing_text(reason: str) -> str:
	"""Why a line has no figure, in a sentence; an unknown code stays as it is."""
	return _(MISSING[reason]) if reason in MISSING else reason
