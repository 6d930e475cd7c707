"""Conversions by context: exact, there and back, and never by guess."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apg.platform.reference import unit_contexts
from apg.platform.reference.unit_contexts import CONTEXTS, conversion, ways_from
from apg.platform.reference.unit_table import UNITS
from apg.platform.reference.units import IncompatibleUnits, UnitError

PLAIN = [unit.symbol for unit in UNITS if not unit.offset]


def test_gas_in_gross_becomes_net_by_its_own_ratio() -> None:
	found = conversion("MWh (gross CV)", "kWh (net CV)", "natural_gas_calorific_basis")
	assert found == unit_contexts.Conversion(
		"MWh (gross CV)", "kWh (net CV)", Fraction(900), "natural_gas_calorific_basis"
	)
	back = conversion("kWh (net CV)", "MWh (gross CV)", "natural_gas_calorific_basis")
	assert back is not None
	assert back.factor * found.factor == 1


def test_without_a_context_gross_is_not_net() -> None:
	with pytest.raises(IncompatibleUnits, match="calorific basis"):
		conversion("kWh (gross CV)", "kWh (net CV)")


def test_a_context_does_not_lead_elsewhere() -> None:
	with pytest.raises(IncompatibleUnits, match="does not lead"):
		conversion("kg", "kWh (net CV)", "coal_calorific_basis")
	with pytest.raises(UnitError, match="natural_gas_calorific_basis"):
		conversion("kWh (gross CV)", "kWh (net CV)", "hydrogen")


def test_one_dimension_uses_no_context() -> None:
	found = conversion("t", "kg", "natural_gas_calorific_basis")
	assert found is not None
	assert (found.factor, found.context) == (Fraction(1000), None)
	assert conversion("tonne", "t") is None


def test_ways_from() -> None:
	assert ways_from("kWh (gross CV)", None) == ("kWh (gross CV)",)
	assert ways_from("GJ (gross CV)", "natural_gas_calorific_basis") == (
		"GJ (gross CV)",
		"kWh (net CV)",
	)
	assert ways_from("kg", "natural_gas_calorific_basis") == ("kg",)


@given(
	st.sampled_from(PLAIN),
	st.sampled_from(PLAIN),
	st.sampled_from([None, *CONTEXTS]),
	st.decimals("0.000001", "99999999999999", places=6),
)
def test_round_trips_are_exact(
	source: str, target: str, context: str | None, value: Decimal
) -> None:
	try:
		there = conversion(source, target, context)
	except UnitError:
		with pytest.raises(UnitError):
			conversion(target, source, context)
		return
	back = conversion(target, source, context)
	if there is None or back is None:
		assert there is back is None
		return
	assert Fraction(value) * there.factor * back.factor == Fraction(value)
	assert there.context == back.context
