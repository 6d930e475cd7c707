"""Sets of potentials against two independent packages; masses and CO2e there and back."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from types import MappingProxyType

import globalwarmingpotentials as oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openscm_units import unit_registry

from apg.capabilities.esg.shared.factor import (
	Factor,
	reason_text,
	wider_activities,
	wider_regions,
)
from apg.capabilities.esg.shared.ghg import (
	CH4,
	CH4_BIOGENIC,
	CH4_FOSSIL,
	CO2,
	FIGURE,
	MIXED_CO2E,
	N2O,
	ROUNDING,
	Expressed,
	NotExpressible,
	co2e,
	gwp_sets,
	mass_of,
)

COLUMNS = {
	"SAR": "SARGWP100",
	"TAR": "TARGWP100",
	"AR4": "AR4GWP100",
	"AR5": "AR5GWP100",
	"AR5_feedback": "AR5CCFGWP100",
	"AR6": "AR6GWP100",
	"TAR_20y": "TARGWP20",
	"AR6_20y": "AR6GWP20",
	"TAR_500y": "TARGWP500",
	"AR6_500y": "AR6GWP500",
	"AR6_GTP100": "AR6GTP100",
}
FACTOR = Factor(
	version_id="v",
	factor_id="f",
	source_id="s",
	layer="tenant",
	approval_id="a",
	activity_code="fuels.natural_gas",
	name="Natural gas",
	region="GB",
	unit="kWh (gross CV)",
	valid_from=date(2020, 1, 1),
	valid_to=date(2020, 12, 31),
	published_on=None,
	gases=MappingProxyType({CO2: Decimal("0.18352"), CH4_FOSSIL: Decimal("0.00001")}),
	co2e=Decimal("0.18377"),
	native_gwp_set="AR4",
	biogenic_co2=None,
	low=None,
	high=None,
	spend_currency=None,
	price_year=None,
	source="",
	edition="",
	licence="",
	locator="",
	file_sha256="",
	sha256="",
)


def test_every_figure_of_every_set_is_that_of_the_package() -> None:
	assert set(gwp_sets()) == set(COLUMNS)
	compared = 0
	for code, column in COLUMNS.items():
		for species, value in oracle.data[column].items():
			assert gwp_sets()[code].value(species) == Decimal(str(value)), (code, species)
			compared += 1
	assert compared > 700


def test_one_kilogram_is_what_openscm_says() -> None:
	# One test for all: loading the registry takes seconds.
	for code in ("SAR", "TAR", "AR4", "AR5", "AR6"):
		with unit_registry.context(COLUMNS[code]):
			for species in ("CH4", "N2O", "HFC134a", "SF6", "CF4", "HFC23"):
				told = unit_registry.Quantity(1.0, f"kg {species}").to("kg CO2").magnitude
				held = gwp_sets()[code].value(species)
				assert held is not None
				assert told == pytest.approx(float(held), rel=1e-12), (code, species)


# IPCC AR5 WG1 table 8.A.1 and 8.7, AR6 WG1 table 7.15; before AR5 one figure was published.
@pytest.mark.parametrize(
	("code", "fossil", "biogenic"),
	[
		("AR4", "25", "25"),
		("AR5", "30", "28"),
		("AR5_feedback", "36", "34"),
		("AR6", "29.8", "27.0"),
		("AR6_20y", "82.5", "79.7"),
		("AR6_500y", "10.0", "7.2"),
		("AR6_GTP100", "7.5", "4.7"),
	],
)
def test_methane_by_origin(code: str, fossil: str, biogenic: str) -> None:
	held = gwp_sets()[code]
	assert held.value(CH4_FOSSIL) == Decimal(fossil)
	assert held.value(CH4_BIOGENIC) == Decimal(biogenic)
	plain = held.value(CH4)
	assert plain is not None
	assert Decimal(biogenic) <= plain <= Decimal(fossil)


def test_a_want_of_a_potential_is_not_zero() -> None:
	assert gwp_sets()["AR4"].value("HFC41") is None
	assert gwp_sets()["AR5"].value("HFC41") == 116
	factor = replace(FACTOR, gases={"HFC41": Decimal(1)}, co2e=None)
	assert co2e(factor, gwp_sets()["AR4"]) == NotExpressible("AR4", "no_potential", "HFC41")
	found = co2e(factor, gwp_sets()["AR5"])
	assert isinstance(found, Expressed)
	assert found.total == 116


def test_under_its_own_set_the_published_total_stands_and_the_rest_is_rounding() -> None:
	found = co2e(replace(FACTOR, co2e=Decimal("0.18378")), gwp_sets()["AR4"])
	assert isinstance(found, Expressed)
	assert found.total == Decimal("0.18378")
	assert found.by_gas[ROUNDING] == Decimal("0.00001")
	assert sum(found.by_gas.values()) == found.total
	assert not found.as_published


def test_another_set_weighs_the_masses() -> None:
	found = co2e(FACTOR, gwp_sets()["AR6"])
	assert isinstance(found, Expressed)
	assert found.total == Decimal("0.18352") + Decimal("0.00001") * Decimal("29.8")
	assert found.gwp_set == "AR6"


def test_a_total_alone_stays_under_its_publishers_set_and_says_so() -> None:
	found = co2e(replace(FACTOR, gases={}), gwp_sets()["AR5"])
	assert isinstance(found, Expressed)
	assert (found.gwp_set, found.as_published, found.total) == ("AR4", True, Decimal("0.18377"))
	own = co2e(replace(FACTOR, gases={}), gwp_sets()["AR4"])
	assert isinstance(own, Expressed)
	assert not own.as_published


def test_a_mixed_part_is_carried_as_it_was_and_flagged() -> None:
	factor = replace(FACTOR, gases={CO2: Decimal(2), MIXED_CO2E: Decimal("0.5")}, co2e=None)
	found = co2e(factor, gwp_sets()["AR6"])
	assert isinstance(found, Expressed)
	assert (found.total, found.as_published, found.gwp_set) == (Decimal("2.5"), True, "AR6")
	native = co2e(factor, gwp_sets()["AR4"])
	assert isinstance(native, Expressed)
	assert not native.as_published


def test_biogenic_co2_is_never_in_the_total_and_nothing_published_is_no_zero() -> None:
	found = co2e(replace(FACTOR, biogenic_co2=Decimal("1.9")), gwp_sets()["AR4"])
	assert isinstance(found, Expressed)
	assert found.biogenic_co2 == Decimal("1.9")
	assert found.total == Decimal("0.18377")
	nothing = replace(FACTOR, gases={}, co2e=None, biogenic_co2=Decimal("1.9"))
	assert co2e(nothing, gwp_sets()["AR4"]) == NotExpressible("AR4", "nothing_published")


figures = st.decimals(
	min_value=Decimal("1e-12"), max_value=Decimal("1e9"), places=12, allow_nan=False
)


@given(figures, st.sampled_from([CH4, N2O, CH4_FOSSIL, "SF6"]), st.sampled_from(sorted(COLUMNS)))
def test_from_co2e_to_mass_and_back_changes_nothing(kg: Decimal, species: str, code: str) -> None:
	held = gwp_sets()[code]
	mass = mass_of(kg, species, held)
	assert mass is not None
	potential = held.value(species)
	assert potential is not None
	assert FIGURE.multiply(mass, potential) == kg


@given(
	st.dictionaries(
		st.sampled_from([CO2, N2O, CH4_FOSSIL, "SF6", MIXED_CO2E]), figures, min_size=1
	),
	figures,
	st.sampled_from(sorted(COLUMNS)),
)
def test_the_parts_add_up_exactly(gases: dict[str, Decimal], total: Decimal, code: str) -> None:
	found = co2e(replace(FACTOR, gases=gases, co2e=total), gwp_sets()[code])
	assert isinstance(found, Expressed)
	parts = Decimal(0)
	for value in found.by_gas.values():
		parts = _exactly(parts, value)
	assert parts == found.total
	if code == "AR4":
		assert found.total == total


def _exactly(one: Decimal, other: Decimal) -> Decimal:
	from decimal import Context

	return Context(prec=90).add(one, other)


def test_regions_and_codes_widen_step_by_step() -> None:
	assert wider_regions("GB-SCT") == ("GB-SCT", "GB", "001")
	assert wider_regions("001") == ("001",)
	assert wider_activities("fuels.gas.cng") == ("fuels.gas.cng", "fuels.gas", "fuels")


def test_a_reason_reads_as_words() -> None:
	told = reason_text("activity_exact region_parent date_earlier layer_platform")
	assert told == (
		"this very activity; the region around it; the nearest earlier edition; a published factor"
	)
	assert reason_text("of_tomorrow") == "of_tomorrow"
