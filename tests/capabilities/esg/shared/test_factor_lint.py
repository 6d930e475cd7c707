"""What gas columns mean is told by the figures; what contradicts the rest is set aside."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apg.capabilities.esg.shared.factor_cells import code_of, is_fuel, number_of, slug, unit_of
from apg.capabilities.esg.shared.factor_draft import Draft, located
from apg.capabilities.esg.shared.factor_lint import (
	Reading,
	decimals,
	fits,
	last_place,
	lint,
	read_number,
	recognise,
)
from apg.capabilities.esg.shared.gas_names import species_named
from apg.capabilities.esg.shared.ghg import CH4, CO2, N2O, gwp_sets
from apg.capabilities.esg.shared.regions import region_coded, region_named


def draft(total: str | None, row: int = 2, **gases: str) -> Draft:
	return Draft(
		f"a.row_{row}",
		f"Row {row}",
		(),
		"GB",
		"direct",
		"kg",
		date(2020, 1, 1),
		None,
		(row,),
		given={name: Decimal(value) for name, value in gases.items()},
		total=None if total is None else Decimal(total),
	)


masses = st.decimals(min_value=Decimal("0.01"), max_value=Decimal("5"), places=4)


@given(
	st.lists(st.tuples(masses, masses, masses), min_size=3, max_size=12),
	st.sampled_from(["AR4", "AR5", "AR6"]),
)
def test_masses_are_recognised_with_their_set(
	rows: list[tuple[Decimal, Decimal, Decimal]], code: str
) -> None:
	held = gwp_sets()[code]
	drafts: list[Draft] = []
	for number, (co2, ch4, n2o) in enumerate(rows):
		total = co2 + ch4 * (held.value(CH4) or 0) + n2o * (held.value(N2O) or 0)
		drafts.append(draft(str(total), number, CO2=str(co2), CH4=str(ch4), N2O=str(n2o)))
	found = recognise(drafts)
	assert found.reading == Reading("mass", code)
	assert found.agree == found.asked == len(rows)


@given(st.lists(st.tuples(masses, masses, masses), min_size=3, max_size=12))
def test_co2e_columns_are_recognised_and_become_masses(
	rows: list[tuple[Decimal, Decimal, Decimal]],
) -> None:
	drafts = [
		draft(str(a + b + c), number, CO2=str(a), CH4=str(b), N2O=str(c))
		for number, (a, b, c) in enumerate(rows)
	]
	found = recognise(drafts)
	assert found.reading.basis == "co2e"
	lint(drafts, Reading("co2e", "AR4"))
	for one, (a, b, _c) in zip(drafts, rows, strict=True):
		assert one.findings == []
		assert one.gases[CO2] == a
		assert one.gases[CH4] == b / 25


def test_one_row_on_another_basis_is_named_and_set_aside() -> None:
	drafts = [draft("11", n, CO2="10.0", CH4="0.6", N2O="0.4") for n in range(2, 7)]
	wrong = draft("12.7", 9, CO2="10", CH4="0.1", N2O="0.001")  # 10 + 0.1·25 + 0.001·298 = 12.798
	drafts.append(wrong)
	wrong.total = Decimal("12.798")
	lint(drafts, recognise(drafts).reading)
	assert [one.findings for one in drafts[:5]] == [[]] * 5
	(finding,) = wrong.findings
	assert finding.code == "other_basis"
	assert "mass under AR4" in finding.values["fits"]
	assert wrong.gases == {}


def test_a_row_that_fits_nothing_is_named() -> None:
	drafts = [draft("11", n, CO2="10.0", CH4="0.6", N2O="0.4") for n in range(2, 7)]
	drafts.append(draft("17.123", 9, CO2="10.001", CH4="0.601", N2O="0.401"))
	lint(drafts, recognise(drafts).reading)
	assert [one.code for one in drafts[-1].findings] == ["no_basis"]
	assert drafts[-1].findings[0].values == {"sum": "11.003", "total": "17.123"}


# Rows 2, 18 and 4330-4333 of the UK file of 2020: closing zeros are not printed, and one gas is
# printed finer than its total.
@pytest.mark.parametrize(
	("total", "gases"),
	[
		("0.18387", {"CO2": "0.18352", "CH4": "0.00025", "N2O": "0.0001"}),
		("2533", {"CO2": "2528.26", "CH4": "3.4", "N2O": "1.33"}),
		("0.13721", {"CO2": "0.13537", "CH4": "3.49e-06", "N2O": "0.00184"}),
		("0.022350000000000002", {"CO2": "0.02222", "CH4": "7e-05", "N2O": "6e-05"}),
	],
)
def test_printed_rounding_is_allowed_for(total: str, gases: dict[str, str]) -> None:
	assert fits(draft(total, **gases), Reading("co2e"))


def test_more_than_rounding_is_not() -> None:
	assert not fits(draft("0.18395", CO2="0.18352", CH4="0.00025", N2O="0.0001"), Reading("co2e"))
	assert last_place(Decimal("2533"), [Decimal("2528.26"), Decimal("3.4")]) == Decimal("0.1")


def test_dust_of_binary_floats_is_not_read_as_digits() -> None:
	assert read_number(Decimal("0.022350000000000002")) == Decimal("0.02235")
	assert read_number(Decimal("0.19902050994945655")) == Decimal("0.199020509949457")
	assert decimals(Decimal("0.0100")) == 2


def test_gases_without_their_total_and_unknown_bases() -> None:
	alone = draft(None, CO2="1", CH4="0.2")
	lint([alone], Reading("co2e", "AR4"))
	assert [one.code for one in alone.findings] == ["no_total"]
	unknown = draft(None, CO2="1", CH4="0.2")
	lint([unknown], Reading("total", "AR4"))
	assert [one.code for one in unknown.findings] == ["basis_unknown"]
	masses_only = draft(None, CO2="1", CH4="0.2")
	lint([masses_only], Reading("mass", "AR4"))
	assert masses_only.findings == []
	assert masses_only.gases == {CO2: Decimal(1), CH4: Decimal("0.2")}


def test_a_figure_below_zero_needs_a_removal_and_bounds_hold_one() -> None:
	below, removal, wide = draft("-1"), draft("-1", 3), draft("1", 4)
	removal.stage = "removal"
	wide.low = Decimal("1.2")
	lint([below, removal, wide], Reading("total", "AR5"))
	assert [one.code for one in below.findings] == ["negative"]
	assert removal.findings == []
	assert [one.code for one in wide.findings] == ["bounds"]


def test_the_second_of_two_alike_is_set_aside() -> None:
	first, second = draft("1", 2), draft("2", 2)
	second.rows = (9,)
	lint([first, second], Reading("total", "AR5"))
	assert first.findings == []
	assert [(one.code, one.values["other"]) for one in second.findings] == [("duplicate", "row 2")]


def test_content_is_the_same_wherever_it_stands_and_however_it_is_written() -> None:
	one, other, third = draft("1.50"), draft("1.5"), draft("1.51")
	other.locator = "page 7"
	assert one.sha256() == other.sha256() != third.sha256()


@pytest.mark.parametrize(
	("text", "value"),
	[("3e-05", "0.00003"), ("1,5", None), ("< 1", None), ("", None), ("1e999", None), ("٣", None),
	 ("NaN", None), ("1_000", None), ("-0.5", "-0.5")],
)  # fmt: skip
def test_numbers_are_read_strictly(text: str, value: str | None) -> None:
	assert number_of(text) == (None if value is None else Decimal(value))


@pytest.mark.parametrize(
	("text", "fuel", "told"),
	[
		("kWh (Gross CV)", True, ("kWh (gross CV)", "")),
		("kWh", True, ("kWh", "calorific_basis")),
		("kWh", False, ("kWh", "")),
		("GJ", True, ("GJ", "calorific_basis")),
		("tonne.km", False, ("tkm", "")),
		("Room per night", False, ("room night", "")),
		("million litres", False, ("million litres", "")),
		("ton", False, ("ton", "unit_ambiguous")),
		("furlong", False, ("furlong", "unit_unknown")),
	],
)
def test_units_of_publishers(text: str, fuel: bool, told: tuple[str, str]) -> None:
	assert unit_of(text, fuel=fuel) == told


def test_codes_of_names() -> None:
	assert slug("Class I (up to 1.305 tonnes)") == "class_i_up_to_1_305_tonnes"
	assert code_of("Water supply", "Water supply", "", "Été") == "water_supply.ete"
	assert is_fuel("fuels.gaseous.cng")
	assert is_fuel("wtt.bioenergy.biogas")
	assert not is_fuel("fuelsless.x")


def test_places_in_a_file() -> None:
	assert located((7,)) == "row 7"
	assert located((9, 7, 8, 12)) == "rows 7-9, 12"


@pytest.mark.parametrize(
	("name", "species"),
	[
		("HFC-134a", "HFC134a"),
		("Sulphur hexafluoride (SF6)", "SF6"),
		("CFC-11/R11 = trichlorofluoromethane", "CFC11"),
		("Methane", "CH4"),
		("R404A", None),
	],
)
def test_gases_of_publishers(name: str, species: str | None) -> None:
	assert species_named(name) == species


@pytest.mark.parametrize(
	("code", "told"),
	[("GBR", "GB"), ("xkx", "XK"), ("gb-sct", "GB-SCT"), ("GLO", "001"), ("QQ", None), ("", None),
	 ("DEU-BY", "DE-BY"), ("GB-'; drop", None)],
)  # fmt: skip
def test_regions_by_code(code: str, told: str | None) -> None:
	assert region_coded(code) == told


def test_regions_by_name() -> None:
	assert region_named("Slovak Republic") == "SK"
	assert region_named("Germany") == "DE"
	assert region_named("Caribbean Region") is None
