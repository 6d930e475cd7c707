"""The words of ESG metrics and measurements: types, units, periods, methods, sources, polarity."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from apg.kernel.errors import Invalid
from apg.kernel.texts import _
from apg.platform.reference import units
from apg.platform.reference.currency_codes import CURRENCY_CODES

CODE_LENGTH = 64
UNIT_LENGTH = 32
CUSTOM_UNIT = "custom:"
_CODE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.\-]*[A-Za-z0-9])?")


class MetricType(StrEnum):
	"""The three pillars. Economic figures belong to governance; the published interface knows no
	fourth type, and an unknown one is refused."""

	ENVIRONMENTAL = "environmental"
	SOCIAL = "social"
	GOVERNANCE = "governance"


class MetricUnit(StrEnum):
	"""The units the published interface names; any unit of the catalogue is accepted beside them."""

	TONNES_CO2 = "tonnes_co2"
	KWH = "kwh"
	LITERS = "liters"
	CUBIC_METERS = "cubic_meters"
	PERCENTAGE = "percentage"
	COUNT = "count"
	USD = "usd"
	HOURS = "hours"
	DAYS = "days"
	SCORE = "score"
	RATIO = "ratio"


class UnitKind(StrEnum):
	CATALOGUE = "catalogue"
	CURRENCY = "currency"
	CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class AcceptedUnit:
	"""`text` is kept as given. Values convert between catalogue units only: money needs a dated rate
	and a custom unit has no factor."""

	text: str
	kind: UnitKind
	symbol: str


def accepted_unit(text: str) -> AcceptedUnit:
	"""The unit of a metric: of the catalogue, a currency (`usd`, `EUR`), or `custom:` and a name."""
	given = text.strip()
	if len(given) > UNIT_LENGTH:
		raise Invalid.one(
			"unit", _("The unit is longer than {n} characters. Shorten it.", n=UNIT_LENGTH)
		)
	if given.startswith(CUSTOM_UNIT):
		name = given.removeprefix(CUSTOM_UNIT).strip()
		if not name or any(not each.isprintable() for each in name):
			raise Invalid.one(
				"unit", _("A custom unit needs a name, for example custom:training places.")
			)
		return AcceptedUnit(CUSTOM_UNIT + name, UnitKind.CUSTOM, name)
	if given.upper() in CURRENCY_CODES:
		return AcceptedUnit(given, UnitKind.CURRENCY, given.upper())
	try:
		return AcceptedUnit(given, UnitKind.CATALOGUE, units.unit(given).symbol)
	except units.AmbiguousUnit:
		raise
	except units.UnknownUnit as error:
		raise units.UnknownUnit(
			error.reason,
			_(
				"{remedy} Or mark a unit of your own as custom:{unit}.",
				remedy=error.remedy,
				unit=given,
			),
		) from error


def metric_code(text: str) -> str:
	"""The code as given: letters, digits, `_`, `.`, `-`, at most 64 characters, no spaces."""
	if len(text) > CODE_LENGTH or not _CODE.fullmatch(text):
		raise Invalid.one(
			"code",
			_(
				"A code has 1 to {n} letters, digits, _, . or -, begins and ends with a letter or "
				"digit, and has no spaces, for example CARBON_SCOPE1.",
				n=CODE_LENGTH,
			),
		)
	return text


class MetricSource(StrEnum):
	"""Where the values come from. Those of an activity or inventory are computed and read-only."""

	MANUAL = "manual"
	IMPORT = "import"
	ACTIVITY = "activity"
	INVENTORY = "inventory"

	@property
	def is_computed(self) -> bool:
		return self in (MetricSource.ACTIVITY, MetricSource.INVENTORY)


class Polarity(StrEnum):
	"""Which direction is good, apart from which direction the values take."""

	HIGHER_IS_BETTER = "higher_is_better"
	LOWER_IS_BETTER = "lower_is_better"
	NEUTRAL = "neutral"


class MeasurementPeriod(StrEnum):
	"""How often a value is due."""

	HOURLY = "hourly"
	DAILY = "daily"
	WEEKLY = "weekly"
	MONTHLY = "monthly"
	QUARTERLY = "quarterly"
	YEARLY = "yearly"


_PERIODS = {
	"hour": MeasurementPeriod.HOURLY,
	"day": MeasurementPeriod.DAILY,
	"week": MeasurementPeriod.WEEKLY,
	"month": MeasurementPeriod.MONTHLY,
	"quarter": MeasurementPeriod.QUARTERLY,
	"year": MeasurementPeriod.YEARLY,
	"annual": MeasurementPeriod.YEARLY,
	"annually": MeasurementPeriod.YEARLY,
}


def measurement_period(text: str) -> MeasurementPeriod:
	"""The period a text names; `annual`, `year` and the like are read too."""
	folded = text.strip().casefold()
	found = _PERIODS.get(folded)
	if found is None and folded in set(MeasurementPeriod):
		found = MeasurementPeriod(folded)
	if found is None:
		raise Invalid.one(
			"measurement_period",
			_(
				"“{text}” is not a period. Use one of {names}.",
				text=text[:40],
				names=", ".join(MeasurementPeriod),
			),
		)
	return found


class CollectionMethod(StrEnum):
	"""How a value came about; it decides the reliability (see `quality`)."""

	MEASURED = "measured"
	AUTOMATED = "automated"
	INVOICED = "invoiced"
	MANUAL = "manual"
	IMPORTED = "imported"
	CALCULATED = "calculated"
	SURVEY = "survey"
	ESTIMATED = "estimated"


_METHODS = {
	"sensor": CollectionMethod.AUTOMATED,
	"iot": CollectionMethod.AUTOMATED,
	"automatic": CollectionMethod.AUTOMATED,
	"api": CollectionMethod.AUTOMATED,
	"metered": CollectionMethod.MEASURED,
	"meter": CollectionMethod.MEASURED,
	"meter_reading": CollectionMethod.MEASURED,
	"measurement": CollectionMethod.MEASURED,
	"direct_measurement": CollectionMethod.MEASURED,
	"bill": CollectionMethod.INVOICED,
	"invoice": CollectionMethod.INVOICED,
	"utility_bill": CollectionMethod.INVOICED,
	"manual_entry": CollectionMethod.MANUAL,
	"import": CollectionMethod.IMPORTED,
	"file": CollectionMethod.IMPORTED,
	"calculation": CollectionMethod.CALCULATED,
	"computed": CollectionMethod.CALCULATED,
	"questionnaire": CollectionMethod.SURVEY,
	"estimate": CollectionMethod.ESTIMATED,
	"estimation": CollectionMethod.ESTIMATED,
	"extrapolated": CollectionMethod.ESTIMATED,
}


@lru_cache(maxsize=1_024)
def collection_method(text: str | None) -> CollectionMethod | None:
	"""The method a text names; None for another text, which is kept but counts as not known."""
	if text is None:
		return None
	folded = "_".join(text.strip().casefold().replace("-", " ").split())
	if folded in CollectionMethod.__members__.values():
		return CollectionMethod(folded)
	return _METHODS.get(folded)


def standing(method: str | None, generated: bool = False) -> str:
	"""The mark of a figure by how it came about: measured, calculated, estimated, or unstated.

	What was generated or extrapolated is an estimate, whatever else is said of it.
	"""
	found = collection_method(method)
	if generated or found is CollectionMethod.ESTIMATED:
		return "estimated"
	if found is None:
		return "unstated"
	return "calculated" if found is CollectionMethod.CALCULATED else "measured"
