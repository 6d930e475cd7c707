"""The lint of factors: what gas columns mean, and which rows contradict what the others say.

Some publishers print kg of each gas, some kg CO2e of each gas, some files hold both kinds; nothing
in the file says which. So every row with gases and a total is held against all readings: the sum
of the columns (CO2e), and the sum weighed under each set of potentials (mass). The reading that
most rows agree with is the file's; a row that does not fit it is quarantined, never guessed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from apg.capabilities.esg.shared.factor_draft import CO2E, MASS, TOTAL, Draft, Finding
from apg.capabilities.esg.shared.ghg import (
	CH4,
	CH4_BIOGENIC,
	CH4_FOSSIL,
	CO2,
	MIXED_CO2E,
	GwpSet,
	gwp_sets,
	mass_of,
)

FLOAT_DIGITS = 15
"""Digits a binary double keeps: 0.022350000000000002 was printed by a program, and means 0.02235."""
MOST_ROUNDING = Decimal("0.1")
"""Masses printed so coarsely that their rounding is more of the total than this prove nothing."""
SET_UNSTATED = "unstated"
"""The publisher names no set of potentials: the figure can never be re-expressed."""


@dataclass(frozen=True, slots=True)
class Reading:
	"""`basis` of the gas columns, and the set their totals were made with (empty: not to be told
	from the sums)."""

	basis: str
	gwp_set: str = ""


@dataclass(frozen=True, slots=True)
class Recognised:
	"""What the file says: the reading, how many rows agree, how many could have been asked, how many
	named gases show the native set."""

	reading: Reading
	agree: int
	asked: int
	set_votes: Mapping[str, int]


def read_number(value: Decimal) -> Decimal:
	"""The value without the dust of binary floats."""
	if len(value.as_tuple().digits) <= FLOAT_DIGITS:
		return value
	exponent = value.adjusted() - FLOAT_DIGITS + 1
	return value.quantize(Decimal(1).scaleb(exponent)).normalize()


def decimals(value: Decimal) -> int:
	"""How many decimals were printed, closing zeros aside."""
	exponent = read_number(value).normalize().as_tuple().exponent
	return max(0, -exponent) if isinstance(exponent, int) else 0


def last_place(total: Decimal, gases: Iterable[Decimal]) -> Decimal:
	"""One unit of the last printed decimal of a row.

	That of the total; of the least precise gas where the total is printed with fewer (its closing
	zeros are not written).
	"""
	printed = [decimals(value) for value in gases if value and decimals(value)]
	places = max(decimals(total), min(printed)) if printed else decimals(total)
	return Decimal(1).scaleb(-places)


def fits(draft: Draft, reading: Reading) -> bool:
	"""Whether gases and total agree under the reading, within half a last place of each figure."""
	held = _gap(draft, reading)
	return held is not None and held[0] <= held[1]


def _gap(draft: Draft, reading: Reading) -> tuple[Decimal, Decimal] | None:
	"""How far the weighed sum is from the total, and how far rounding lets it be; kg CO2e.

	Rounding of a mass counts with its potential, but never more than a tenth of the total.
	"""
	if draft.total is None or not draft.given:
		return None
	half = last_place(draft.total, draft.given.values()) / 2
	off, room = -draft.total, half
	for species, value in draft.given.items():
		weight = _weight(species, reading)
		if weight is None:
			return None
		off += value * weight
		room += half * weight
	if reading.basis == MASS:
		room = min(room, max(half, MOST_ROUNDING * abs(draft.total)))
	return abs(off), room


def _weight(species: str, reading: Reading) -> Decimal | None:
	if reading.basis == CO2E or species in (CO2, MIXED_CO2E):
		return Decimal(1)
	return gwp_sets()[reading.gwp_set].value(species)


def readings() -> list[Reading]:
	return [Reading(CO2E), *(Reading(MASS, code) for code in gwp_sets())]


def recognise(drafts: Sequence[Draft]) -> Recognised:
	"""What the gas columns of a file mean, from the rows where the readings differ.

	A row tells only where the difference between the readings is larger than the rounding: gases
	other than CO2 must weigh something. Without any such row the basis is the total alone.
	"""
	telling = [draft for draft in drafts if _tells(draft)]
	votes = set_votes(drafts)
	if not telling:
		return Recognised(Reading(TOTAL, _first(votes)), 0, 0, votes)
	agree: dict[Reading, int] = {}
	nearness: dict[Reading, Decimal] = {}
	for each in readings():
		gaps = [gap for draft in telling if (gap := _gap(draft, each)) is not None]
		agree[each] = sum(off <= room for off, room in gaps)
		nearness[each] = -sum((off for off, _room in gaps), Decimal(0))
	best = max(agree, key=lambda each: (agree[each], nearness[each], votes.get(each.gwp_set, 0)))
	if best.basis == CO2E:
		best_set = _first(votes)
		return Recognised(Reading(CO2E, best_set), agree[best], len(telling), votes)
	return Recognised(best, agree[best], len(telling), votes)


def _tells(draft: Draft) -> bool:
	if draft.total is None or not draft.total:
		return False
	others = sum((value for name, value in draft.given.items() if name != CO2), Decimal(0))
	return others > last_place(draft.total, draft.given.values())


def set_votes(drafts: Iterable[Draft]) -> dict[str, int]:
	"""How many rows that give one kg of a named gas show the potential of each set."""
	votes: Counter[str] = Counter()
	for draft in drafts:
		species = draft.printed.get("species", "")
		if species and draft.total is not None and species != CO2:
			votes.update(
				code
				for code, held in gwp_sets().items()
				if held.horizon == 100
				and held.metric == "GWP"
				and held.value(species) == draft.total
			)
	return dict(votes)


def _first(votes: Mapping[str, int]) -> str:
	return max(votes, key=lambda code: votes[code]) if votes else ""


def lint(drafts: Sequence[Draft], reading: Reading) -> None:
	"""Sets gases as masses and the native set of every draft, and says what may not be used."""
	native = gwp_sets().get(reading.gwp_set)
	seen: dict[tuple[str, ...], Draft] = {}
	for draft in drafts:
		draft.native_gwp_set = draft.native_gwp_set or reading.gwp_set or SET_UNSTATED
		_values(draft)
		if draft.given and not draft.findings:
			_basis(draft, reading, native)
		if draft.printed.get("species") and not draft.given:
			_named_gas(draft, native)
		twin = seen.setdefault(draft.key, draft)
		if twin is not draft:
			draft.findings.append(Finding("duplicate", {"other": twin.where}))


def _values(draft: Draft) -> None:
	if draft.total is not None:
		draft.total = read_number(draft.total)
	if draft.biogenic_co2 is not None:
		draft.biogenic_co2 = read_number(draft.biogenic_co2)
	figures = {**draft.given, "CO2e": draft.total, "biogenic CO2": draft.biogenic_co2}
	for name, value in figures.items():
		if value is not None and value < 0 and draft.stage != "removal":
			draft.findings.append(Finding("negative", {"figure": name, "value": str(value)}))
	if (draft.low is not None and draft.low > 1) or (draft.high is not None and draft.high < 1):
		draft.findings.append(Finding("bounds", {"low": str(draft.low), "high": str(draft.high)}))


def _basis(draft: Draft, reading: Reading, native: GwpSet | None) -> None:
	if reading.basis == TOTAL:
		if draft.given.keys() - {CO2, MIXED_CO2E}:
			# Nothing in the file tells kg of a gas from kg CO2e of it: the total stands alone.
			if draft.total is None:
				draft.findings.append(Finding("basis_unknown"))
			return
		reading = Reading(CO2E, reading.gwp_set)
	if draft.total is None and reading.basis == CO2E:
		draft.findings.append(Finding("no_total"))
		return
	if draft.total is not None and not fits(draft, reading):
		others = [_told(each) for each in readings() if each != reading and fits(draft, each)]
		values = {"sum": str(sum(draft.given.values(), Decimal(0))), "total": str(draft.total)}
		if others and _tells(draft):
			draft.findings.append(Finding("other_basis", {**values, "fits": ", ".join(others)}))
		else:
			draft.findings.append(Finding("no_basis", values))
		return
	for species, value in draft.given.items():
		if reading.basis == MASS or species in (CO2, MIXED_CO2E):
			draft.gases[species] = read_number(value)
			continue
		species = _one_methane(species, native)
		mass = mass_of(read_number(value), species, native) if native else None
		if mass is None:
			draft.gases.clear()  # the total alone can be used then, under its own set
			break
		draft.gases[species] = mass


def _one_methane(species: str, native: GwpSet | None) -> str:
	"""Publishers weigh all methane alike: where the set tells its origins apart, the mass is won with
	the figure for unstated origin, and its origin stays unstated."""
	if native is None or species not in (CH4_FOSSIL, CH4_BIOGENIC):
		return species
	return species if native.value(species) == native.value(CH4) else CH4


def _named_gas(draft: Draft, native: GwpSet | None) -> None:
	"""One kg of a gas is one kg of that gas, whatever the set, where the publisher means the gas."""
	species = draft.printed["species"]
	if native is not None and draft.total == native.value(species) and draft.unit == "kg":
		draft.gases[species] = Decimal(1)


def _told(reading: Reading) -> str:
	return "CO2e" if reading.basis == CO2E else f"mass under {reading.gwp_set}"
