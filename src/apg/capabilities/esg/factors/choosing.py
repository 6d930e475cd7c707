"""Which factor an activity takes: a pure ranking over the approved versions that could fit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from apg.capabilities.esg.shared.factor import (
	Chosen,
	Factor,
	FactorWanted,
	NoFactor,
	wider_activities,
	wider_regions,
)
from apg.platform.reference.units import compatible


@dataclass(frozen=True, slots=True)
class Candidate:
	"""A sound, approved version, and when it was recorded: of two for one day the newer stands."""

	factor: Factor
	recorded_at: datetime


class Choice:
	"""Ranks candidates for any number of wishes; equal wishes are answered once.

	The first of these that differs decides: how special the activity code is, a factor of one's own
	before a published one, how near the region is, whether it is valid at the date, its own unit
	before one that converts, the later validity, the newer record. Without it being said otherwise
	a factor for the wrong material would come before one for the right one from elsewhere.
	"""

	def __init__(self, candidates: Iterable[Candidate]) -> None:
		self._by_code: dict[str, list[Candidate]] = {}
		self._by_version: dict[str, Candidate] = {}
		for candidate in candidates:
			self._by_code.setdefault(candidate.factor.activity_code, []).append(candidate)
			self._by_version[candidate.factor.version_id] = candidate
		self._answers: dict[FactorWanted, Chosen | NoFactor] = {}

	def of(self, wanted: FactorWanted) -> Chosen | NoFactor:
		found = self._answers.get(wanted)
		if found is None:
			found = self._answers[wanted] = self._find(wanted)
		return found

	def _find(self, wanted: FactorWanted) -> Chosen | NoFactor:
		if wanted.factor_version_id:
			return self._pinned(wanted)
		codes, regions = wider_activities(wanted.activity_code), wider_regions(wanted.region)
		known = [(n, each) for n, code in enumerate(codes) for each in self._by_code.get(code, ())]
		if not known:
			return NoFactor(wanted, "unknown_activity")
		near = [(n, each) for n, each in known if each.factor.region in regions]
		if not near:
			return NoFactor(wanted, "no_region")
		dated = [(n, each) for n, each in near if each.factor.valid_from <= wanted.on]
		if not dated:
			return NoFactor(wanted, "no_date")
		usable = [(n, each) for n, each in dated if fits_unit(wanted.unit, each.factor)]
		if not usable:
			return NoFactor(wanted, "unit_not_convertible")
		general, best = min(usable, key=lambda one: _rank(one[0], one[1], wanted, regions))
		return _chosen(best.factor, general, regions.index(best.factor.region), wanted.on)

	def _pinned(self, wanted: FactorWanted) -> Chosen | NoFactor:
		held = self._by_version.get(wanted.factor_version_id or "")
		if held is None:
			return NoFactor(wanted, "not_approved")
		if not fits_unit(wanted.unit, held.factor):
			return NoFactor(wanted, "unit_not_convertible")
		return Chosen(held.factor, 0, f"pinned layer_{held.factor.layer}")


def fits_unit(unit: str | None, factor: Factor) -> bool:
	"""Whether a quantity in the unit can be multiplied: the same unit, or of the same dimension."""
	if unit is None or unit == factor.unit:
		return True
	return factor.spend_currency is None and compatible(unit, factor.unit)


def _rank(
	general: int, one: Candidate, wanted: FactorWanted, regions: Sequence[str]
) -> tuple[object, ...]:
	factor = one.factor
	return (
		general,
		factor.layer != "tenant",
		regions.index(factor.region),
		not factor.holds_on(wanted.on),
		wanted.unit is not None and factor.unit != wanted.unit,
		-factor.valid_from.toordinal(),
		not factor.gases,
		-one.recorded_at.timestamp(),
		factor.unit,
		factor.version_id,
	)


def _chosen(factor: Factor, general: int, distance: int, on: date) -> Chosen:
	region = "exact" if distance == 0 else "world" if factor.region == "001" else "parent"
	earlier = not factor.holds_on(on)
	reason = " ".join(
		(
			"activity_general" if general else "activity_exact",
			f"region_{region}",
			"date_earlier" if earlier else "date_valid",
			f"layer_{factor.layer}",
		)
	)
	return Chosen(factor, general + distance + earlier, reason)


def asked_for(wanted: Sequence[FactorWanted]) -> tuple[set[str], set[str], set[str]]:
	"""Codes, regions and pinned versions that a batch could take factors of."""
	codes: set[str] = set()
	regions: set[str] = set()
	for code in {each.activity_code for each in wanted}:
		codes.update(wider_activities(code))
	for region in {each.region for each in wanted}:
		regions.update(wider_regions(region))
	return codes, regions, {each.factor_version_id for each in wanted if each.factor_version_id}


def explained(found: NoFactor, known: Mapping[str, Mapping[str, bool]]) -> NoFactor:
	"""A refusal told apart once it is known which codes exist where and whether unapproved.

	`known` maps activity codes to regions with a sound factor, true where one is approved.
	"""
	if found.reason not in ("unknown_activity", "no_region"):
		return found
	regions = wider_regions(found.wanted.region)
	held = [known.get(code, {}) for code in wider_activities(found.wanted.activity_code)]
	if any(region in places for places in held for region in regions):
		return NoFactor(found.wanted, "not_approved")
	return NoFactor(found.wanted, "no_region" if any(held) else "unknown_activity")
