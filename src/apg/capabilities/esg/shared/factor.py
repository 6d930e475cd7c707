"""A factor as calculations see it: one version, ready to multiply, with everything it stands on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from apg.kernel.texts import _

WORLD = "001"
"""The code of the whole world in UN M.49, which CLDR uses for territories too."""


@dataclass(frozen=True, slots=True)
class Factor:
	"""One version of one emission factor.

	`gases` holds kg of each species per `unit`, and is complete or empty: a publisher who gives a
	total alone leaves it empty. `co2e` is the published total in kg CO2e per `unit` under
	`native_gwp_set`; None where none was published, which is never zero. `biogenic_co2` is kg of CO2
	outside of the scopes. `low` and `high` are relative 95 % bounds, as 0.9 and 1.2.
	"""

	version_id: str
	factor_id: str
	source_id: str
	layer: str
	approval_id: str | None
	activity_code: str
	name: str
	region: str
	unit: str
	valid_from: date
	valid_to: date | None
	published_on: date | None
	gases: Mapping[str, Decimal]
	co2e: Decimal | None
	native_gwp_set: str
	biogenic_co2: Decimal | None
	low: Decimal | None
	high: Decimal | None
	spend_currency: str | None
	price_year: int | None
	source: str
	edition: str
	licence: str
	locator: str
	file_sha256: str
	sha256: str

	def holds_on(self, day: date) -> bool:
		return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True, slots=True)
class FactorWanted:
	"""What an activity needs: its code, where, when; a version that was pinned is taken as it is."""

	activity_code: str
	region: str
	on: date
	unit: str | None = None
	factor_version_id: str | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
	"""The factor taken. `level` 0 is exact, each step further away adds one.

	`reason` is built of codes (`activity_exact region_parent date_valid layer_platform`), so that it
	can be sealed and compared; `reason_text` says it in words.
	"""

	factor: Factor
	level: int
	reason: str


@dataclass(frozen=True, slots=True)
class NoFactor:
	"""Nothing may be taken: `not_approved`, `no_region`, `no_date`, `unit_not_convertible`,
	`unknown_activity`."""

	wanted: FactorWanted
	reason: str


def wider_regions(region: str) -> tuple[str, ...]:
	"""The region and what it lies in, nearest first: GB-SCT, GB, the world."""
	parts = region.upper().split("-")
	chain = ["-".join(parts[:count]) for count in range(len(parts), 0, -1)]
	return (*chain, WORLD) if region != WORLD else (WORLD,)


def wider_activities(code: str) -> tuple[str, ...]:
	"""The activity code and the more general ones above it, nearest first."""
	parts = code.split(".")
	return tuple(".".join(parts[:count]) for count in range(len(parts), 0, -1))


def reason_text(reason: str) -> str:
	"""A sentence for a person from the codes of a choice or of a refusal; an unknown code stays."""
	words = {
		"pinned": _("the version was chosen by hand"),
		"activity_exact": _("this very activity"),
		"activity_general": _("a more general activity"),
		"region_exact": _("this very region"),
		"region_parent": _("the region around it"),
		"region_world": _("the world, for want of a nearer region"),
		"date_valid": _("valid at the date"),
		"date_earlier": _("the nearest earlier edition"),
		"layer_tenant": _("a factor of your own"),
		"layer_platform": _("a published factor"),
		"not_approved": _("There is a factor, but nobody in your company approved it."),
		"no_region": _("No approved factor for this region or a wider one."),
		"no_date": _("No approved factor was in force at this date or before."),
		"unit_not_convertible": _("The unit cannot be converted to the unit of a factor."),
		"unknown_activity": _("No factor knows this activity code."),
	}
	return "; ".join(_joined(words, reason.split()))


def _joined(words: Mapping[str, str], codes: Iterable[str]) -> Iterable[str]:
	return (words.get(code, code) for code in codes)
