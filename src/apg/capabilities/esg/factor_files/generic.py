"""A plain table of factors, for whatever publisher: one row a factor, a column a figure.

Columns: activity_code, name, region (ISO 3166), unit, valid_from, valid_to (ISO 8601), co2e (kg
per unit), one column a gas by its species (CO2, CH4, CH4_fossil, CH4_biogenic, N2O, SF6, HFC134a …),
biogenic_co2, low and high (relative 95 % bounds), spend_currency, price_year, stage, scope,
published_on, fuel (yes for a fuel: its energy must be gross or net). Blank means not published.
"""

from datetime import date
from decimal import Decimal

from apg.capabilities.esg.factor_files.files import FactorFile, Given, Skipped, table_of
from apg.capabilities.esg.shared.factor import WORLD
from apg.capabilities.esg.shared.factor_cells import number_of, slug, unit_of
from apg.capabilities.esg.shared.factor_draft import TOTAL, Draft, Finding
from apg.capabilities.esg.shared.factor_lint import Reading
from apg.capabilities.esg.shared.gas_names import species_named
from apg.capabilities.esg.shared.regions import region_coded
from apg.kernel.file_kinds import Unreadable
from apg.kernel.texts import _
from apg.platform.reference.currency_codes import CURRENCY_CODES

KIND = "generic"
NEEDED = {"activity_code", "unit", "valid_from"}
PLAIN = (
	"activity_code",
	"name",
	"region",
	"unit",
	"valid_from",
	"valid_to",
	"co2e",
	"biogenic_co2",
	"low",
	"high",
	"spend_currency",
	"price_year",
	"stage",
	"scope",
	"published_on",
	"fuel",
)
STAGES = {
	"",
	"direct",
	"upstream",
	"generation",
	"cradle_to_gate",
	"use",
	"end_of_life",
	"removal",
}
TEMPLATE = (
	("activity_code", "name", "region", "unit", "valid_from", "valid_to", "co2e", "CO2", "CH4_fossil", "N2O", "biogenic_co2", "low", "high", "stage", "fuel"),
	("fuels.natural_gas", "Natural gas, example figures", "GB", "kWh (gross CV)", "2020-01-01", "2020-12-31", "0.18387", "0.18352", "0.00025", "0.0001", "", "0.95", "1.05", "direct", "yes"),
)  # fmt: skip


def read(text: str, given: Given) -> FactorFile:
	"""One factor a row. Raises Unreadable for headings that mean nothing."""
	headings, lines = table_of(text)
	gases: dict[int, str] = {}
	places: dict[str, int] = {}
	for place, heading in enumerate(headings):
		if (name := slug(heading)) in PLAIN:
			places.setdefault(name, place)
		elif species := species_named(heading):
			gases[place] = species
		elif heading:
			raise Unreadable(
				_("The column “{name}” has no meaning here.", name=heading[:60]),
				_("Use the names of the template, and gases by their species, as CH4 or HFC134a."),
			)
	drafts: list[Draft] = []
	skipped: list[Skipped] = []
	count = 0
	for number, cells in lines:
		if not any(cells):
			continue
		count += 1
		row = {n: cells[p] if p < len(cells) else "" for n, p in places.items()}
		figures = {s: cells[p] for p, s in gases.items() if p < len(cells) and cells[p]}
		if not figures and not row.get("co2e") and not row.get("biogenic_co2"):
			name = row.get("name") or row["activity_code"]
			skipped.append(Skipped((number,), name, "no_factor"))
			continue
		drafts.append(_draft(row, figures, number, given))
	stated = Reading(given.gas_basis, given.gwp_set) if given.gas_basis not in ("", TOTAL) else None
	return FactorFile(
		KIND,
		slug(given.publisher or "own") + "_" + slug(given.title or "factors"),
		given.title or _("Factors from a table"),
		given.publisher or _("not stated"),
		given.edition,
		given.licence or _("not stated"),
		False,
		given.url,
		count,
		drafts,
		skipped,
		declared=stated,
		gwp_set=given.gwp_set,
	)


def _draft(row: dict[str, str], figures: dict[str, str], number: int, given: Given) -> Draft:
	problems: list[Finding] = []
	fuel = row.get("fuel", "").casefold() in ("yes", "true", "1", "ja", "oui")
	currency = row.get("spend_currency", "").upper()
	unit, refused = (currency, "") if currency else unit_of(row.get("unit", ""), fuel=fuel)
	if refused:
		problems.append(Finding(refused, {"unit": row.get("unit", "")[:64]}))
	if currency and currency not in CURRENCY_CODES:
		problems.append(Finding("currency_unknown", {"text": currency[:40]}))
	region = region_coded(row.get("region") or WORLD)
	if region is None:
		problems.append(Finding("region_unknown", {"text": row.get("region", "")[:40]}))
	code = ".".join(slug(part) for part in row.get("activity_code", "").split(".") if slug(part))
	if not code:
		problems.append(Finding("no_activity", {}))
	stage = slug(row.get("stage", ""))
	if stage not in STAGES:
		problems.append(Finding("stage_unknown", {"text": row.get("stage", "")[:40]}))
		stage = ""
	start = _day(row, "valid_from", problems) or date(1900, 1, 1)
	end = _day(row, "valid_to", problems)
	if not row.get("valid_from"):
		problems.append(Finding("no_year", {"text": ""}))
	elif end is not None and end < start:
		problems.append(Finding("period", {"from": str(start), "to": str(end)}))
		end = None
	year = row.get("price_year", "")
	draft = Draft(
		code or f"unnamed.row_{number}",
		(row.get("name") or code)[:300],
		tuple(part.replace("_", " ") for part in code.split(".")),
		region or WORLD,
		stage or "direct",
		unit,
		start,
		end,
		(number,),
		scope=row.get("scope", "") if row.get("scope", "") in ("1", "2", "3") else "",
		published_on=_day(row, "published_on", problems) or given.published_on,
		spend_currency=currency if currency in CURRENCY_CODES else None,
		price_year=int(year) if year.isdecimal() and 1900 <= int(year) <= 2200 else None,
		findings=problems,
	)
	for species, text in figures.items():
		if (value := _figure(draft, species, text, number)) is not None:
			draft.given[species] = value
	draft.total = _figure(draft, "co2e", row.get("co2e", ""), number)
	draft.biogenic_co2 = _figure(draft, "biogenic_co2", row.get("biogenic_co2", ""), number)
	draft.low = _figure(draft, "low", row.get("low", ""), number)
	draft.high = _figure(draft, "high", row.get("high", ""), number)
	return draft


def _day(row: dict[str, str], name: str, problems: list[Finding]) -> date | None:
	text = row.get(name, "")
	if not text:
		return None
	try:
		found = date.fromisoformat(f"{text}-01-01" if len(text) == 4 else text)
	except ValueError:
		problems.append(Finding("not_a_day", {"text": text[:40], "column": name}))
		return None
	if name == "valid_to" and len(text) == 4:
		return found.replace(month=12, day=31)
	return found if 1900 <= found.year <= 2200 else None


def _figure(draft: Draft, name: str, text: str, number: int) -> Decimal | None:
	if not text:
		return None
	draft.printed[name] = text
	value = number_of(text)
	if value is None:
		draft.findings.append(Finding("not_a_number", {"text": text[:40], "row": str(number)}))
	return value
