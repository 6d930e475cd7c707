"""Carbon intensity of electricity by country: the JSON file of codecarbon's global energy mix.

One object a country with `carbon_intensity` in g per kWh of electricity generated, and its year.
Data: Our World in Data and Ember, CC BY 4.0; the collection is MIT (mlco2/codecarbon). The file
says neither which gases are in the figure nor under which potentials, so its set is `unstated`:
the figure is used as published and never expressed under another set.
"""

import json
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from apg.capabilities.esg.factor_files.files import FactorFile, Given, Skipped
from apg.capabilities.esg.shared.factor import WORLD
from apg.capabilities.esg.shared.factor_cells import slug
from apg.capabilities.esg.shared.factor_draft import TOTAL, Draft, Finding
from apg.capabilities.esg.shared.factor_lint import SET_UNSTATED, Reading
from apg.capabilities.esg.shared.regions import region_coded
from apg.kernel.file_kinds import Unreadable
from apg.kernel.texts import _

KIND, SERIES = "grid_mix", "country_grid_mix"
ACTIVITY = "electricity.grid"
_GRAMS = Decimal(1000)


def read(text: str, given: Given) -> FactorFile:
	"""One factor a country in kg per kWh, valid in its year. Raises Unreadable."""
	try:
		found: Any = json.loads(text, parse_float=Decimal, parse_int=Decimal)
	except (ValueError, InvalidOperation, RecursionError):
		raise _no_mix() from None
	if not isinstance(found, dict) or not found:
		raise _no_mix()
	drafts: list[Draft] = []
	skipped: list[Skipped] = []
	countries = cast("dict[str, Any]", found)
	for place, (key, held) in enumerate(countries.items(), start=1):
		if not isinstance(held, dict):
			raise _no_mix()
		made = _draft(key, cast("dict[str, Any]", held), place)
		(skipped if isinstance(made, Skipped) else drafts).append(made)  # pyright: ignore
	years = sorted({draft.valid_from.year for draft in drafts})
	return FactorFile(
		KIND,
		SERIES,
		given.title or _("Carbon intensity of electricity by country"),
		given.publisher or "codecarbon; Our World in Data, Ember",
		given.edition or (str(years[-1]) if years else ""),
		given.licence or "MIT; CC-BY-4.0",
		True,
		given.url or "https://github.com/mlco2/codecarbon",
		len(countries),
		drafts,
		skipped,
		declared=Reading(TOTAL, SET_UNSTATED),
		remarks=["grid_mix_basis"],
	)


def _no_mix() -> Unreadable:
	return Unreadable(
		_("The JSON file holds no energy mix by country."),
		_(
			"Give an object of countries, each with carbon_intensity (g per kWh), iso_code and year."
		),
	)


def _draft(key: str, held: dict[str, Any], place: int) -> Draft | Skipped:
	name = str(held.get("country_name") or key)[:200]
	given, year = held.get("carbon_intensity"), held.get("year")
	if given is None:
		return Skipped((place,), name, "no_factor")
	region = region_coded(str(held.get("iso_code") or key))
	sound = isinstance(year, Decimal) and year == int(year) and 1900 <= year <= 2200
	start = int(cast(Decimal, year)) if sound else 1900
	draft = Draft(
		ACTIVITY if region else f"{ACTIVITY}.{slug(name)}",
		_("Electricity: {country}", country=name),
		(_("Electricity"), name),
		region or WORLD,
		"generation",
		"kWh",
		date(start, 1, 1),
		date(start, 12, 31),
		(place,),
		scope="2",
		printed={"carbon_intensity g/kWh": str(given), "year": str(year)},
		locator=f"entry {place} ({key[:40]})",
	)
	if isinstance(given, Decimal) and given.is_finite() and abs(given.adjusted()) < 60:
		draft.total = given / _GRAMS
	else:
		draft.findings.append(Finding("not_a_number", {"text": str(given)[:40], "row": str(place)}))
	if not sound:
		draft.findings.append(Finding("no_year", {"text": str(year)[:40]}))
	return draft
