"""The UK Government's conversion factors for company reporting, flat file of any edition.

One row is one figure: its path (scope, level 1 to 4, column text), the unit, the gas, the value.
Licence: Open Government Licence v3.0. Columns per gas are kg CO2e of that gas (methodology paper
of the 2020 edition, section 1); the figures are held against that, see `shared.factor_lint`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from apg.capabilities.esg.factor_files.files import (
	FactorFile,
	Given,
	Skipped,
	table_headings,
	table_of,
)
from apg.capabilities.esg.shared.factor import WORLD
from apg.capabilities.esg.shared.factor_cells import code_of, number_of, unit_of
from apg.capabilities.esg.shared.factor_draft import Draft, Finding
from apg.capabilities.esg.shared.gas_names import species_named
from apg.capabilities.esg.shared.ghg import CH4, CH4_BIOGENIC, CH4_FOSSIL, CO2, N2O
from apg.capabilities.esg.shared.regions import region_named
from apg.kernel.file_kinds import Unreadable
from apg.kernel.texts import _

KIND, SERIES = "uk_flat", "uk_government"
HEADINGS = {"scope", "level1", "level2", "level3", "uom", "ghg"}
ALSO = {f"level_{n}": f"level{n}" for n in range(1, 5)} | {
	"ghg_unit": "ghg",
	"column": "column_text",
}
_YEAR = re.compile(r"(?:value|factor|conversion_factor).*?((?:19|20)\d\d)")
_GAS = re.compile(r"kg\s*CO2e(?:\s+of\s+(CO2|CH4|N2O)(?:\s+per\s+unit)?)?\Z|kg\s*(CO2|CH4|N2O)\Z")
_NO_GAS = re.compile(r"(kWh|MJ|GJ)\b")
_DENOMINATORS = {"energy - gross cv", "energy - net cv", "tonnes", "litres", "volume"}
_FUELS = ("fuels", "bioenergy", "wtt- fuels", "wtt- bioenergy")
_OUTSIDE = "outside of scopes"
# (level 1, level 2), lower case → the general part of the code; the rest is made of the names.
_CODES = {
	("uk electricity", "electricity generated"): "electricity.grid",
	(
		"transmission and distribution",
		"t&d- uk electricity",
	): "electricity.transmission_and_distribution",
	(
		"managed assets- electricity",
		"uk electricity generated (managed assets)",
	): "managed_assets.electricity.grid",
	("wtt- uk & overseas elec", "wtt- uk electricity (generation)"): "wtt.electricity.grid",
	("wtt- uk & overseas elec", "wtt- overseas electricity (generation)"): "wtt.electricity.grid",
	(
		"wtt- uk & overseas elec",
		"wtt- uk electricity (t&d)",
	): "wtt.electricity.transmission_and_distribution",
	(
		"wtt- uk & overseas elec",
		"wtt- overseas electricity (t&d)",
	): "wtt.electricity.transmission_and_distribution",
}
_GROUPS = {"Metal", "Plastics", "Paper and board"}
_STAGES = {
	"wtt": "upstream",
	"material_use": "cradle_to_gate",
	"waste_disposal": "end_of_life",
}


@dataclass(slots=True)
class _Row:
	number: int
	path: tuple[str, ...]
	unit: str
	simple_unit: str
	gas: str
	value: str

	@property
	def group(self) -> tuple[str, ...]:
		return (*self.path, self.unit, self.simple_unit if self.contradicts else "")

	@property
	def contradicts(self) -> bool:
		simple = self.simple_unit.casefold()
		return bool(simple) and simple != self.unit.casefold().partition(" (")[0]


def read(text: str, given: Given) -> FactorFile:
	"""Groups rows that differ in the gas alone; says what is no factor. Raises Unreadable."""
	headings, lines = table_of(text)
	names = [ALSO.get(name, name) for name in table_headings(headings)]
	year, value_at = _year_of(names)
	places = {name: names.index(name) for name in names}
	groups: dict[tuple[str, ...], list[_Row]] = {}
	count = 0
	for row in _rows(lines, places, value_at):
		count += 1
		groups.setdefault(row.group, []).append(row)
	drafts: list[Draft] = []
	skipped: list[Skipped] = []
	outside: list[Draft] = []
	for rows in groups.values():
		made = _draft(rows, year)
		if isinstance(made, Skipped):
			skipped.append(made)
		elif rows[0].path[1].casefold() == _OUTSIDE:
			outside.append(made)
		else:
			drafts.append(made)
	drafts.extend(_beside(outside, drafts))
	return FactorFile(
		KIND,
		SERIES,
		given.title or _("UK Government conversion factors"),
		given.publisher or "UK Government (BEIS/DESNZ and Defra)",
		given.edition or str(year),
		given.licence or "OGL-UK-3.0",
		True,
		given.url
		or "https://www.gov.uk/government/collections/government-conversion-factors-for-company-reporting",
		count,
		drafts,
		skipped,
	)


def _year_of(names: list[str]) -> tuple[int, int]:
	for place, name in enumerate(names):
		if found := _YEAR.search(name):
			return int(found[1]), place
	raise Unreadable(
		_("No column says of which year the values are."),
		_("The heading of the values names it, as value_2020 or GHG Conversion Factor 2021."),
	)


def _rows(
	lines: Iterator[tuple[int, list[str]]], places: Mapping[str, int], value_at: int
) -> Iterator[_Row]:
	for number, cells in lines:

		def cell(name: str, cells: list[str] = cells) -> str:
			place = places.get(name, len(cells))
			return cells[place] if place < len(cells) else ""

		path = tuple(
			cell(name) for name in ("scope", "level1", "level2", "level3", "level4", "column_text")
		)
		# A 0 in a level is what a spreadsheet makes of a link to an empty cell; the sums agree.
		path = tuple("" if part == "0" else part for part in path)
		if any(path):
			value = cells[value_at] if value_at < len(cells) else ""
			yield _Row(number, path, cell("uom"), cell("uom_simple"), cell("ghg"), value)


def _draft(rows: list[_Row], year: int) -> Draft | Skipped:
	path, numbers = rows[0].path, tuple(row.number for row in rows)
	name = _name(path)
	if any(_NO_GAS.match(row.gas) for row in rows):
		return Skipped(numbers, name, "energy_content", {"unit": rows[0].gas})
	if all(not row.value for row in rows):
		return Skipped(numbers, name, "no_factor")
	code, region = _code(path)
	fuel = path[1].casefold() in (*_FUELS, _OUTSIDE)
	unit, refused = unit_of(rows[0].unit, fuel=fuel)
	draft = Draft(
		code,
		name,
		tuple(part for part in path[1:] if part),
		region,
		_STAGES.get(code.partition(".")[0], "direct"),
		unit,
		date(year, 1, 1),
		date(year, 12, 31),
		numbers,
		scope={"scope 1": "1", "scope 2": "2", "scope 3": "3"}.get(path[0].casefold(), ""),
		printed={row.gas or "?": row.value for row in rows},
	)
	if refused:
		draft.findings.append(Finding(refused, {"unit": rows[0].unit}))
	if rows[0].contradicts:
		values = {"unit": rows[0].unit, "other": rows[0].simple_unit}
		draft.findings.append(Finding("unit_contradiction", values))
	for row in rows:
		_figure(draft, row)
	if species := species_named(path[3]) if path[1].casefold() == "refrigerant & other" else None:
		draft.printed["species"] = species
	return draft


def _figure(draft: Draft, row: _Row) -> None:
	found = _GAS.match(row.gas)
	if found is None:
		draft.findings.append(Finding("gas_unknown", {"gas": row.gas, "row": str(row.number)}))
		return
	gas = found[1] or found[2] or ""
	if not row.value:
		if gas:
			draft.findings.append(Finding("gas_blank", {"gas": gas, "row": str(row.number)}))
		return
	value = number_of(row.value)
	if value is None:
		values = {"text": row.value[:40], "row": str(row.number)}
		draft.findings.append(Finding("not_a_number", values))
		return
	if draft.labels[0].casefold() == _OUTSIDE:
		draft.biogenic_co2 = value
	elif not gas:
		draft.total = value
	else:
		draft.given[_origin(gas, draft)] = value


def _origin(gas: str, draft: Draft) -> str:
	"""Methane by its origin where the table says it: fuels are fossil, bioenergy is not."""
	if gas != CH4:
		return {"CO2": CO2, "N2O": N2O}[gas]
	return {"fuels": CH4_FOSSIL, "bioenergy": CH4_BIOGENIC}.get(draft.labels[0].casefold(), CH4)


def _name(path: tuple[str, ...]) -> str:
	parts = [part for part in (*path[3:], path[2]) if part]
	return ", ".join(dict.fromkeys(parts)) or path[1]


def _code(path: tuple[str, ...]) -> tuple[str, str]:
	"""The activity code and the region; countries leave the code and become the region."""
	_scope, level1, level2, level3, level4, column = path
	special = "" if column.casefold() in _DENOMINATORS else column
	country = level3.removeprefix("Electricity: ")
	region = None
	if country != level3 or level1.casefold() == "hotel stay":
		region = region_named(country)
		level3 = "" if region else country
		if region is None and country.startswith("UK ("):
			region, level3 = "GB", country.removeprefix("UK ")
	general = _CODES.get((level1.casefold(), level2.casefold()))
	if general is None:
		prefix, first = ("wtt", level1[4:]) if level1.startswith("WTT-") else ("", level1)
		second = level2.removeprefix("WTT-").strip()
		general = code_of(prefix, first, second)
		group, colon, item = level3.partition(": ")
		level3 = item if colon and group in _GROUPS else level3
	special_part = code_of(level3, level4, special)
	named = country != path[3] or level1.casefold() == "hotel stay"
	everywhere = named or level1.casefold() == "refrigerant & other"
	code = ".".join(part for part in (general, _without(general, special_part)) if part)
	return code, region or (WORLD if everywhere else "GB")


def _without(general: str, special: str) -> str:
	"""The special part without a first word that only repeats the last of the general one."""
	first, dot, rest = special.partition(".")
	return rest if first == general.rpartition(".")[2] else f"{first}{dot}{rest}"


def _beside(outside: list[Draft], drafts: list[Draft]) -> Iterator[Draft]:
	"""CO2 outside of the scopes goes to the factor of the same fuel and unit; what has none stands
	alone."""
	by_fuel: dict[tuple[str, str], Draft] = {}
	for draft in drafts:
		if draft.labels[0].casefold() in ("bioenergy", "fuels"):
			by_fuel.setdefault((draft.labels[2].casefold(), draft.unit), draft)
	for draft in outside:
		partner = by_fuel.get((draft.labels[2].casefold(), draft.unit))
		if partner is None or draft.findings:
			yield draft
			continue
		partner.biogenic_co2 = draft.biogenic_co2
		partner.rows = (*partner.rows, *draft.rows)
		partner.printed["kg CO2 outside of scopes"] = draft.printed["kg CO2"]
