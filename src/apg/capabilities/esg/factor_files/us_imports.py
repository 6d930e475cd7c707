"""Import factors of the US EPA (USEEIO): kg of each gas per dollar spent on imports, by sector.

Columns Sector, Year, Unit, ReferenceCurrency, PriceType, Flowable, FlowAmount. Gases are masses;
HFCs and PFCs come together in kg CO2e under a set the file does not name, which is why the person
who brings the file says which it is. Public domain (US EPA); built on EXIOBASE (CC BY-SA 4.0).
"""

from datetime import date

from apg.capabilities.esg.factor_files.files import (
	FactorFile,
	Given,
	Skipped,
	table_headings,
	table_of,
)
from apg.capabilities.esg.shared.factor_cells import code_of, number_of
from apg.capabilities.esg.shared.factor_draft import MASS, Draft, Finding
from apg.capabilities.esg.shared.factor_lint import Reading
from apg.capabilities.esg.shared.gas_names import species_named
from apg.capabilities.esg.shared.ghg import MIXED_CO2E
from apg.kernel.texts import _
from apg.platform.reference.currency_codes import CURRENCY_CODES

KIND, SERIES = "us_imports", "us_import_factors"
HEADINGS = {"sector", "flowable", "flowamount", "referencecurrency"}
DEFAULT_SET = "AR5"


def read(text: str, given: Given) -> FactorFile:
	"""Groups the gases of a sector and year into one factor per unit of currency."""
	headings, lines = table_of(text)
	names = table_headings(headings)
	groups: dict[tuple[str, ...], Draft] = {}
	skipped: list[Skipped] = []
	count = 0
	for number, cells in lines:
		row = dict(zip(names, cells, strict=False))
		sector = row.get("sector", "")
		if not sector:
			continue
		count += 1
		key = (sector, row.get("year", ""), row.get("referencecurrency", ""))
		if not row.get("flowamount"):
			skipped.append(Skipped((number,), f"{sector} {row.get('flowable', '')}", "no_factor"))
			continue
		draft = groups.setdefault(key, _draft(key, row, number))
		draft.rows = (*draft.rows, number) if number not in draft.rows else draft.rows
		_flow(draft, row, number)
	years = sorted({key[1] for key in groups})
	return FactorFile(
		KIND,
		SERIES,
		given.title or _("US import factors by sector"),
		given.publisher or "US EPA (USEEIO)",
		given.edition or (years[-1] if years else ""),
		given.licence or "Public domain (US EPA); EXIOBASE CC-BY-SA-4.0",
		False,
		given.url or "https://github.com/USEPA/USEEIO",
		count,
		list(groups.values()),
		skipped,
		declared=Reading(MASS, given.gwp_set or DEFAULT_SET),
		remarks=["mixed_gases_set"],
	)


def _draft(key: tuple[str, ...], row: dict[str, str], number: int) -> Draft:
	sector, year, currency = key
	sound = year.isdecimal() and 1900 <= int(year) <= 2200
	start = int(year) if sound else 1900
	draft = Draft(
		f"spend.imports.{code_of(sector)}",
		_(
			"Imports of sector {sector}, {price} prices",
			sector=sector,
			price=row.get("pricetype", ""),
		),
		(_("Imports by spend"), sector, row.get("pricetype", "")),
		"US",
		"cradle_to_gate",
		currency[:64],
		date(start, 1, 1),
		date(start, 12, 31),
		(number,),
		scope="3",
		spend_currency=currency if currency in CURRENCY_CODES else None,
		price_year=start if sound else None,
	)
	if currency not in CURRENCY_CODES:
		draft.findings.append(Finding("currency_unknown", {"text": currency[:40]}))
	if not sound:
		draft.findings.append(Finding("no_year", {"text": year[:40]}))
	return draft


def _flow(draft: Draft, row: dict[str, str], number: int) -> None:
	gas, unit, text = row.get("flowable", ""), row.get("unit", ""), row["flowamount"]
	draft.printed[f"{gas}, {unit}"] = text
	species, value = species_named(gas), number_of(text)
	if species is None:
		draft.findings.append(Finding("gas_unknown", {"gas": gas[:60], "row": str(number)}))
	elif value is None:
		draft.findings.append(Finding("not_a_number", {"text": text[:40], "row": str(number)}))
	elif unit != ("kg CO2e" if species == MIXED_CO2E else "kg"):
		draft.findings.append(Finding("gas_unit", {"gas": gas[:60], "unit": unit[:40]}))
	elif species in draft.given:
		draft.findings.append(Finding("gas_twice", {"gas": gas[:60], "row": str(number)}))
	else:
		draft.given[species] = value
