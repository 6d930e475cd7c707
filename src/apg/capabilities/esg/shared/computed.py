"""Values of a metric that follow from activity records: whose records, and how periods fall on months.

A bill that crosses the end of a month is split by time. That is an estimate and marked as one; the
parts always add up to the whole, to the last digit.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from apg.capabilities.esg.shared.activity_words import activity_code
from apg.kernel.errors import Invalid
from apg.kernel.stamps import is_id
from apg.kernel.texts import _
from apg.platform.reference import unit_contexts, units
from apg.platform.reference.units import UnitError

FIELD = "automation_config"
MOST_SITES = 100
_MICRO = 10**6


@dataclass(frozen=True, slots=True)
class ActivitySource:
	"""Records with this activity code, of these sites or, without any, of all."""

	code: str
	site_ids: tuple[str, ...] = ()

	def takes(self, code: str, site_id: str | None) -> bool:
		return code == self.code and (not self.site_ids or site_id in self.site_ids)


def source_of(config: Mapping[str, Any]) -> ActivitySource:
	"""Reads `{"activity": {"code": …, "site_ids": […]}}`. Raises Invalid with the form it takes."""
	given = config.get("activity")
	sites: Any = given.get("site_ids", []) if isinstance(given, dict) else None
	if (
		not isinstance(given, dict)
		or not isinstance(given.get("code"), str)
		or not isinstance(sites, list)
		or len(sites) > MOST_SITES
		or not all(isinstance(one, str) and is_id(one) for one in sites)
		or set(given) - {"code", "site_ids"}
	):
		raise Invalid.one(
			FIELD,
			_(
				"A metric of source activity names its records: "
				'{"activity": {"code": "electricity.grid", "site_ids": []}}.'
			),
		)
	return ActivitySource(activity_code(given["code"]), tuple(sorted(set(sites))))


def check(config: Mapping[str, Any], unit: str, period: str) -> None:
	"""Whether a metric can be computed so. Raises Invalid."""
	source_of(config)
	if not units.is_known(unit):
		raise Invalid.one(
			"unit", _("A metric of source activity needs a unit of the catalogue, as kWh or t.")
		)
	if period != "monthly":
		raise Invalid.one(
			"measurement_period", _("A metric of source activity is computed month by month.")
		)


def month_of(moment: datetime) -> datetime:
	"""The first moment of its month, in UTC."""
	return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month(month: datetime) -> datetime:
	return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def months(start: datetime, end: datetime) -> Iterator[datetime]:
	"""The first moments of the months that `[start, end)` touches."""
	month = month_of(start)
	while month < end:
		yield month
		month = next_month(month)


def split(quantity: Decimal, start: datetime, end: datetime) -> dict[datetime, Decimal]:
	"""The quantity of a period by month, in proportion to time; the parts add up to it exactly.

	Parts have six digits after the point; what rounding leaves goes to the largest remainders, the
	earlier month first (the method of largest remainders).
	"""
	whole = int(quantity * _MICRO)
	length = end - start
	shares: list[tuple[datetime, int, Fraction]] = []
	for month in months(start, end):
		inside = min(end, next_month(month)) - max(start, month)
		exact = whole * Fraction(inside // _TICK, length // _TICK)
		shares.append((month, int(exact), exact - int(exact)))
	left = whole - sum(part for _month, part, _rest in shares)
	ranked = sorted(range(len(shares)), key=lambda n: (-shares[n][2], n))
	more = set(ranked[:left])
	return {
		month: Decimal(part + (n in more)) / _MICRO for n, (month, part, _rest) in enumerate(shares)
	}


_TICK = datetime.resolution


@dataclass(frozen=True, slots=True)
class Used:
	"""What the computation needs of one standing record."""

	quantity: Decimal
	unit: str
	start: datetime
	end: datetime
	estimated: bool
	conversion_context: str | None = None


@dataclass(frozen=True, slots=True)
class MonthValue:
	"""`split`: how many records were cut at the end of a month; `left_out`: had another kind of unit."""

	value: Decimal
	records: int
	estimated: int
	split: int
	left_out: int


def by_month(
	records: Iterable[Used], unit: str, first: datetime, last: datetime
) -> dict[datetime, MonthValue]:
	"""The value of each month in `[first, last)` that a record touches, in `unit`."""
	sums: dict[datetime, Fraction] = {}
	counts: dict[datetime, list[int]] = {}
	for record in records:
		try:
			step = unit_contexts.conversion(record.unit, unit, record.conversion_context)
			ratio = step.factor if step else Fraction(1)
		except UnitError:
			ratio = None
		parts = split(record.quantity, record.start, record.end)
		for month, part in parts.items():
			if not first <= month < last:
				continue
			count = counts.setdefault(month, [0, 0, 0, 0])
			if ratio is None:
				count[3] += 1
				continue
			sums[month] = sums.get(month, Fraction(0)) + Fraction(part) * ratio
			count[0] += 1
			count[1] += record.estimated
			count[2] += len(parts) > 1
	return {
		month: MonthValue(Decimal(round(total * _MICRO)) / _MICRO, *counts[month])
		for month, total in sums.items()
	}
