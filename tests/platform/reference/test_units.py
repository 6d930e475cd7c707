"""Units: exact factors against an independent table, refusals, round trips."""

from decimal import Decimal
from fractions import Fraction

import pytest
import scipy.constants as si
from hypothesis import given
from hypothesis import strategies as st

from apg.platform.reference import units
from apg.platform.reference.unit_table import AMBIGUOUS, UNITS, Dimension

amounts = st.decimals(min_value="-1e14", max_value="1e14", places=6)
FACTORS = sorted(
	{
		(a.symbol, b.symbol)
		for a in UNITS
		for b in UNITS
		if a.dimension == b.dimension and not a.offset and not b.offset
	}
)


@pytest.mark.parametrize(
	("source", "target", "exact"),
	[
		("kWh", "MJ", Fraction(18, 5)),
		("tonnes_co2", "kgCO2e", Fraction(1000)),
		("dozen", "each", Fraction(12)),
		("ft", "m", Fraction(3048, 10000)),
		("US gallon", "L", Fraction(3785411784, 10**9)),
		("lb", "g", Fraction(45359237, 10**5)),
		("tonne.km", "kg.km", Fraction(1000)),
		("acre", "m2", Fraction("4046.8564224")),
		("million litres", "m3", Fraction(1000)),
		("pF", "µF", Fraction(1, 10**6)),
		("percent", "ratio", Fraction(1, 100)),
		("mAh", "C", Fraction(18, 5)),
	],
)
def test_factor_is_exact(source: str, target: str, exact: Fraction) -> None:
	assert units.factor(source, target) == exact


@pytest.mark.parametrize(
	("symbol", "base", "reference"),
	[
		("in", "m", si.inch),
		("ft", "m", si.foot),
		("yd", "m", si.yard),
		("mi", "m", si.mile),
		("nmi", "m", si.nautical_mile),
		("lb", "kg", si.lb),
		("oz", "kg", si.oz),
		("short ton", "kg", si.short_ton),
		("long ton", "kg", si.long_ton),
		("acre", "m2", si.acre),
		("ha", "m2", si.hectare),
		("gal (US)", "m3", si.gallon),
		("gal (UK)", "m3", si.gallon_imp),
		("fl oz (US)", "m3", si.fluid_ounce),
		("fl oz (UK)", "m3", si.fluid_ounce_imp),
		("bbl (oil)", "m3", si.bbl),
		("Btu (IT)", "J", si.Btu_IT),
		("hp", "W", si.hp),
		("atm", "Pa", si.atm),
		("psi", "Pa", si.psi),
		("bar", "Pa", si.bar),
		("week", "s", si.week),
	],
)
def test_factor_agrees_with_an_independent_table(symbol: str, base: str, reference: float) -> None:
	assert float(units.factor(symbol, base)) == pytest.approx(reference, rel=1e-12)


@pytest.mark.parametrize(
	"text",
	[
		"tonnes_co2",
		"kwh",
		"count",
		"each",
		"liters",
		"cubic_meters",
		"percentage",
		"hours",
		"days",
		"score",
		"ratio",
	],
)
def test_names_of_the_published_interface_are_known(text: str) -> None:
	assert units.is_known(text)


@pytest.mark.parametrize(
	("text", "symbol"),
	[
		("KG", "kg"),
		(" m³ ", "m3"),
		("m^3", "m3"),
		("μF", "µF"),
		("uF", "µF"),
		("Ω", "Ω"),
		("\u2126", "Ω"),
		("kW·h", "kWh"),
		("pcs.", "each"),
		("Stück", "each"),
		("kWh (Gross CV)", "kWh (gross CV)"),
		("passenger.km", "pkm"),
		("Room per night", "room night"),
		("MW", "MW"),
		("mW", "mW"),
		("MM", "mm"),
	],
)
def test_spellings(text: str, symbol: str) -> None:
	assert units.unit(text).symbol == symbol


@pytest.mark.parametrize("text", [*AMBIGUOUS, "mw", "Mg", "ML", "MA", "TON"])
def test_ambiguous_text_is_refused(text: str) -> None:
	with pytest.raises(units.AmbiguousUnit) as caught:
		units.unit(text)
	assert text in caught.value.reason
	assert "Write the one you mean" in caught.value.remedy


def test_choices_offered_for_an_ambiguous_text_are_units() -> None:
	assert all(units.is_known(choice) for choices in AMBIGUOUS.values() for choice in choices)


@pytest.mark.parametrize("text", ["", "   ", "foo", "kg/m", "m" * 5_000, "=1+1", "\x00"])
def test_unknown_text_is_refused_with_remedy(text: str) -> None:
	with pytest.raises(units.UnknownUnit) as caught:
		units.unit(text)
	assert caught.value.remedy
	assert caught.value.problems[0].field == "unit"


def test_unknown_text_names_what_is_near() -> None:
	with pytest.raises(units.UnknownUnit, match="kg"):
		units.unit("kilogrammm")


@pytest.mark.parametrize(
	("source", "target", "words"),
	[
		("kWh (gross CV)", "kWh (net CV)", "calorific"),
		("kWh", "kWh (net CV)", "calorific"),
		("pack", "each", "contains"),
		("kg", "L", "density"),
		("kg", "tCO2e", "same kind"),
		("each", "kg", "same kind"),
	],
)
def test_other_dimension_is_refused_naming_both(source: str, target: str, words: str) -> None:
	with pytest.raises(units.IncompatibleUnits) as caught:
		units.convert(Decimal(1), source, target)
	assert source in caught.value.reason
	assert target in caught.value.reason
	assert words in caught.value.remedy
	assert not units.compatible(source, target)


def test_conversion_keeps_digits() -> None:
	assert str(units.convert(Decimal("1.50"), "kg", "g")) == "1500.00"
	assert (
		str(units.convert(Decimal("12345678901234.567890"), "t", "kg"))
		== "12345678901234567.890000"
	)
	assert units.convert(Decimal("250"), "mL", "litres") == Decimal("0.25")
	assert units.convert(Decimal("500"), "feet", "m") == Decimal("152.4")


def test_temperatures_have_an_offset_and_no_factor() -> None:
	assert units.convert(Decimal(100), "°C", "°F") == Decimal(212)
	assert units.convert(Decimal(0), "K", "°C") == Decimal("-273.15")
	assert units.convert(Decimal("-40"), "°F", "°C") == Decimal(-40)
	with pytest.raises(units.IncompatibleUnits):
		units.factor("°C", "K")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1E+9999", "1E-9999"])
def test_what_is_no_number_is_refused(value: str) -> None:
	with pytest.raises(units.UnitError) as caught:
		units.convert(Decimal(value), "m", "ft")
	assert caught.value.field == "value"


@given(st.sampled_from(FACTORS))
def test_factors_there_and_back_cancel(pair: tuple[str, str]) -> None:
	assert units.factor(*pair) * units.factor(*reversed(pair)) == 1


@given(amounts, st.sampled_from(FACTORS))
def test_conversion_there_and_back(value: Decimal, pair: tuple[str, str]) -> None:
	back = units.convert(units.convert(value, *pair), *reversed(pair))
	assert abs(Fraction(back) - Fraction(value)) <= abs(Fraction(value)) / 10**50


@given(amounts, st.sampled_from(FACTORS))
def test_conversion_agrees_with_exact_fractions(value: Decimal, pair: tuple[str, str]) -> None:
	exact = Fraction(value) * units.factor(*pair)
	assert abs(Fraction(units.convert(value, *pair)) - exact) <= abs(exact) / 10**50


@given(amounts, st.sampled_from([("°C", "K"), ("°F", "K"), ("°C", "°F")]))
def test_temperatures_there_and_back(value: Decimal, pair: tuple[str, str]) -> None:
	back = units.convert(units.convert(value, *pair), *reversed(pair))
	assert abs(back - value) <= Decimal("1e-40")


def test_each_symbol_and_alias_names_its_own_unit() -> None:
	assert {each.dimension for each in UNITS} == set(Dimension)
	assert all(units.unit(each.symbol) is each for each in UNITS)
	assert all(units.unit(alias) is each for each in UNITS for alias in each.aliases)
