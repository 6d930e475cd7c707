"""Readers of the known files by figures taken from them by hand; and files that mean harm."""

import json
import tracemalloc
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import httpx
import pytest
from tests.people import Person

from apg.capabilities.esg.factor_files.files import Given
from apg.capabilities.esg.factor_files.generic import TEMPLATE
from apg.capabilities.esg.factor_files.reading_files import Checked, check
from apg.capabilities.esg.shared.factor_draft import Draft
from apg.capabilities.esg.shared.factor_words import told_of
from apg.kernel.file_kinds import Unreadable
from apg.kernel.tabular import write_csv

DATA = files("apg.capabilities.esg").joinpath("data")
UK = DATA.joinpath("uk_government_2020.csv").read_bytes()
MIX = DATA.joinpath("country_grid_mix.json").read_bytes()
US = Path(__file__).parents[5] / "shared/data/esg/useeio_us_detail_import_factors_2019.csv"


@pytest.fixture(scope="module")
def uk() -> Checked:
	return check(UK, Given())


def at(checked: Checked, row: int) -> Draft:
	(found,) = [draft for draft in checked.file.drafts if row in draft.rows]
	return found


# row of the file → activity code, region, unit, total as printed there
@pytest.mark.parametrize(
	("row", "code", "region", "unit", "total"),
	[
		(2, "fuels.gaseous_fuels.cng", "GB", "kWh (gross CV)", "0.18387"),
		(18, "fuels.gaseous_fuels.lng", "GB", "kWh (gross CV)", "0.18455"),
		(409, "fuels.solid_fuels.coal_electricity_generation_home_produced_coal_only", "GB", "t", "2219.47"),
		(458, "refrigerant_other.kyoto_protocol_standard.perfluorohexane_pfc_5_1_14", "001", "kg", "9300"),
		(1821, "electricity.grid", "GB", "kWh", "0.23314"),
		(2067, "water_supply", "GB", "million litres", "344"),
		(2161, "material_use.metal.steel_cans.primary_material_production", "GB", "t", "3000.6364"),
		(2199, "electricity.transmission_and_distribution", "GB", "kWh", "0.02005"),
		(2543, "wtt.electricity.grid", "AU", "kWh", "0.109402628566984"),
		(3178, "business_travel_air.flights.domestic_to_from_uk.average_passenger.with_rf", "GB", "pkm", "0.2443"),
		(6286, "hotel_stay.london", "GB", "room night", "15.9"),
		(6802, "hotel_stay", "RO", "room night", "30.5"),
	],
)  # fmt: skip
def test_rows_of_the_uk_file(
	uk: Checked, row: int, code: str, region: str, unit: str, total: str
) -> None:
	draft = at(uk, row)
	assert (draft.activity_code, draft.region, draft.unit) == (code, region, unit)
	assert draft.total == Decimal(total)
	assert draft.findings == []


def test_co2_outside_of_scopes_goes_to_its_fuel(uk: Checked) -> None:
	litres = at(uk, 412)  # bioethanol per litre, and row 6261 outside of scopes
	assert litres.rows == (412, 6261)
	assert (litres.total, litres.biogenic_co2) == (Decimal("0.00837"), Decimal("1.52"))
	assert litres.where == "rows 412, 6261"
	diesel = at(uk, 6254)
	assert diesel.activity_code == "fuels.liquid_fuels.diesel_average_biofuel_blend"
	assert diesel.biogenic_co2 == Decimal("0.11118")
	assert diesel.unit == "L"


def test_a_zero_of_a_link_to_nothing_is_no_level(uk: Checked) -> None:
	small = at(uk, 4330)
	assert small.rows == (4330, 4331, 4332, 4333)
	assert small.findings == []


def test_a_refrigerant_is_its_gas_where_the_figure_says_so(uk: Checked) -> None:
	assert at(uk, 444).gases == {"HFC134a": Decimal(1)}
	assert at(uk, 466).gases == {}  # R404A is a blend; the file does not say of what


def test_every_row_is_accounted_for(uk: Checked) -> None:
	told = [row for draft in uk.file.drafts for row in draft.rows]
	told += [row for one in uk.file.skipped for row in one.rows]
	assert sorted(told) == list(range(2, 6803))


def test_a_later_edition_has_other_headings() -> None:
	text = (
		"ID,Scope,Level 1,Level 2,Level 3,Level 4,Column Text,UOM,GHG/Unit,GHG Conversion Factor 2023\n"
		"1,Scope 1,Fuels,Gaseous fuels,CNG,,,tonnes,kg CO2e,2567.81\n"
		"2,Scope 1,Fuels,Gaseous fuels,CNG,,,tonnes,kg CO2e of CO2 per unit,2562.66\n"
		"3,Scope 1,Fuels,Gaseous fuels,CNG,,,tonnes,kg CO2e of CH4 per unit,3.85\n"
		"4,Scope 1,Fuels,Gaseous fuels,CNG,,,tonnes,kg CO2e of N2O per unit,1.3\n"
		"5,Scope 1,Refrigerant & other,Kyoto protocol - standard,HFC-32,,,kg,kg CO2e,677\n"
	)
	found = check(text.encode("utf-16"), Given())
	assert (found.reading.basis, found.reading.gwp_set) == ("co2e", "AR5")
	assert found.file.edition == "2023"
	# The publisher weighs all methane with 28: its origin is not in the figure.
	assert round(found.file.drafts[0].gases["CH4"], 12) == round(Decimal("3.85") / 28, 12)


def test_the_energy_mix_by_country() -> None:
	found = check(MIX, Given())
	assert found.counts() == {"rows": 213, "factors": 213, "quarantined": 0, "skipped": 0}
	by_region = {draft.region: draft for draft in found.file.drafts}
	assert by_region["DE"].total == Decimal("0.38095")  # 380.95 g/kWh, 2023
	assert by_region["GB"].total == Decimal("0.237589")
	assert by_region["DE"].native_gwp_set == "unstated"
	assert by_region["DE"].locator.endswith("(DEU)")
	blank = json.dumps({"AAA": {"carbon_intensity": None, "iso_code": "DEU", "year": 2020}})
	assert [one.code for one in check(blank.encode(), Given()).file.skipped] == ["no_factor"]


@pytest.mark.skipif(not US.is_file(), reason="the file is not shipped with the product")
def test_us_imports_by_spend() -> None:
	found = check(US.read_bytes(), Given(gwp_set="AR4"))
	assert found.counts()["factors"] == 298
	first = at(found, 2)
	assert first.activity_code == "spend.imports.1111a0"
	assert (first.unit, first.spend_currency, first.price_year) == ("USD", "USD", 2019)
	assert first.gases["CO2"] == Decimal("0.622958148700943")
	assert first.gases["CH4"] == Decimal("0.0023457761530236")
	assert first.native_gwp_set == "AR4"
	assert len(first.gases) == 5


def test_the_template_can_be_read_and_is_sound() -> None:
	headings, row = TEMPLATE
	found = check("".join(write_csv([row], headings)).encode(), Given())
	assert found.counts() == {"rows": 1, "factors": 1, "quarantined": 0, "skipped": 0}
	assert found.file.drafts[0].low == Decimal("0.95")


@pytest.mark.parametrize(
	("row", "code"),
	[
		("x,GB,furlong,2020,1,", "unit_unknown"),
		("x,GB,ton,2020,1,", "unit_ambiguous"),
		("x,Atlantis,kg,2020,1,", "region_unknown"),
		("x,GB,kg,soon,1,", "not_a_day"),
		("x,GB,kg,,1,", "no_year"),
		(",GB,kg,2020,1,", "no_activity"),
		("x,GB,kg,2020,one,", "not_a_number"),
		("x,GB,kg,2020,-1,", "negative"),
		('x,GB,kg,2020,"=1+1",', "not_a_number"),
		("fuels.x,GB,kWh,2020,1,yes", "calorific_basis"),
	],
)
def test_a_row_that_cannot_be_used_is_named(row: str, code: str) -> None:
	text = f"activity_code,region,unit,valid_from,co2e,fuel\n{row}\n"
	(draft,) = check(text.encode(), Given(gwp_set="AR5")).file.drafts
	assert code in [one.code for one in draft.findings]
	for one in draft.findings:
		told = told_of(one)
		assert told["reason"]
		assert told["remedy"]
		assert "{" not in told["reason"] + told["remedy"]


HOSTILE = {
	"nothing": b"",
	"spaces": b" \n \n",
	"no table": b"hello",
	"other headings": b"a,b\n1,2\n",
	"unknown column": b"activity_code,unit,valid_from,co2e,co2x\na,kg,2020,1,1\n",
	"only headings": b"activity_code,unit,valid_from,co2e\n",
	"json of nothing": b"{}",
	"json list": b"[1]",
	"json of numbers": b'{"GBR": 1}',
	"broken json": b'{"GBR": {',
	"deep json": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
	"huge number": b'{"GBR": {"carbon_intensity": 1e999999999, "iso_code": "GBR", "year": 2020}}',
	"million columns": b"activity_code,unit,valid_from," + b"x," * 1_000_000 + b"\n",
	"huge field": b"activity_code,unit,valid_from,co2e\n"
	+ b'"'
	+ b"x" * 200_000
	+ b'",kg,2020,1\n',
	"open quote": b'activity_code,unit,valid_from,co2e\n"' + b"a,kg,2020,1\n" * 20_000,
}


@pytest.mark.parametrize("name", sorted(set(HOSTILE) - {"huge number"}))
def test_a_file_that_is_none_is_refused_with_the_remedy(name: str) -> None:
	tracemalloc.start()
	try:
		with pytest.raises(Unreadable) as refused:
			check(HOSTILE[name], Given())
		assert refused.value.reason
		assert refused.value.remedy
		assert tracemalloc.get_traced_memory()[1] < 200_000_000
	finally:
		tracemalloc.stop()


def test_a_number_beyond_all_measure_is_set_aside() -> None:
	(draft,) = check(HOSTILE["huge number"], Given()).file.drafts
	assert [one.code for one in draft.findings] == ["not_a_number"]


@pytest.mark.parametrize("name", ["nothing", "other headings", "broken json", "deep json"])
async def test_nothing_of_a_refused_file_stays(
	client: httpx.AsyncClient, alice: Person, name: str
) -> None:
	answer = await client.post(
		"/api/v1/esg/imports",
		headers=alice.headers,
		files={"file": ("../../etc/passwd.csv", HOSTILE[name], "text/csv")},
	)
	assert answer.status_code == 422, answer.text
	listed = await client.get("/api/v1/esg/imports", headers=alice.headers)
	assert listed.json() == []


async def test_a_cancelled_import_lets_its_file_go(
	client: httpx.AsyncClient, alice: Person
) -> None:
	content = b"activity_code,unit,valid_from,co2e\nheat,kWh,2020,0.2\n"
	made = await client.post(
		"/api/v1/esg/imports", headers=alice.headers, files={"file": ("../x.csv", content)}
	)
	assert made.json()["file_name"] == "x.csv"
	place = f"/api/v1/esg/imports/{made.json()['id']}"
	gone = await client.post(f"{place}/cancel", headers=alice.headers)
	assert gone.json()["state"] == "cancelled"
	file = await client.get(f"/files/{made.json()['file_sha256']}", headers=alice.headers)
	assert file.status_code == 404
	late = await client.post(f"{place}/accept", headers=alice.headers)
	assert (late.status_code, late.json()["code"]) == (409, "IMPORT_NOT_OPEN")
