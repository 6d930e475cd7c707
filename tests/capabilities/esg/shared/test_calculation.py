"""One calculation: exact figures, named gaps, seals that stand for all they cover."""

import random
from dataclasses import replace
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.capabilities.esg.shared.calculating import a_factor, a_record, chosen

from apg.capabilities.esg.shared import calculation, seals
from apg.capabilities.esg.shared.calculation import calculate
from apg.capabilities.esg.shared.factor import FactorWanted, NoFactor
from apg.capabilities.esg.shared.ghg import gwp_sets

AR4, AR5, AR6 = (gwp_sets()[code] for code in ("AR4", "AR5", "AR6"))
GAS = a_factor("kWh (gross CV)", "0.2", gases={"CO2": "0.199", "CH4_fossil": "0.00004"})


def test_gases_masses_and_total_of_a_record() -> None:
	(line,) = calculate([a_record("1000", "MWh (gross CV)")], [chosen(GAS)], AR5)
	assert line.normalised == 1_000_000
	assert line.normalised_unit == "kWh (gross CV)"
	assert line.masses == {"CO2": Decimal(199_000), "CH4_fossil": Decimal(40)}
	# AR5: fossil methane 30.
	assert line.by_gas == {"CO2": Decimal(199_000), "CH4_fossil": Decimal(1200)}
	assert line.co2e == 200_200
	assert (line.gwp_set, line.as_published, line.missing) == ("AR5", False, None)
	assert [(c.source, c.target, c.factor) for c in line.conversions] == [
		("MWh (gross CV)", "kWh (gross CV)", Fraction(1000))
	]


def test_under_its_own_set_the_published_total_stands() -> None:
	(line,) = calculate([a_record("10", "kWh (gross CV)")], [chosen(GAS)], AR4)
	assert line.co2e == 2
	assert line.by_gas["CO2"] == Decimal("1.99")
	assert sum(line.by_gas.values()) == line.co2e


def test_a_total_alone_is_marked_under_another_set() -> None:
	bare = a_factor("kg", "2.5")
	(line,) = calculate([a_record("2", "kg")], [chosen(bare)], AR6)
	assert (line.co2e, line.gwp_set, line.as_published) == (Decimal(5), "AR4", True)


def test_gross_meets_net_only_by_a_stated_conversion() -> None:
	net = a_factor("kWh (net CV)", "0.22")
	plain = a_record("100", "kWh (gross CV)")
	stated = replace(plain, conversion_context="natural_gas_calorific_basis")
	refused, line = calculate([plain, stated], [chosen(net)] * 2, AR4)
	assert (refused.missing, refused.co2e, refused.normalised) == (
		"unit_not_convertible",
		None,
		None,
	)
	assert (line.normalised, line.co2e) == (Decimal(90), Decimal("19.8"))
	assert line.conversions[0].context == "natural_gas_calorific_basis"


def test_a_gap_is_a_reason_and_never_zero() -> None:
	record = a_record("1", "kg")
	lines = calculate([record], [NoFactor(record.wanted, "not_approved")], AR5)
	assert (lines[0].missing, lines[0].co2e, lines[0].masses) == ("not_approved", None, {})
	assert lines.count_missing() == 1
	assert lines.total() == 0


def test_a_gas_without_a_potential_is_a_gap() -> None:
	odd = a_factor("kg", gases={"CO2": "1", "unobtainium": "1"})
	(line,) = calculate([a_record("1", "kg")], [chosen(odd)], AR5)
	assert (line.missing, line.co2e) == ("no_potential", None)


def test_a_reported_total_is_itself_and_needs_no_factor() -> None:
	record = a_record("1.5", "tCO2e", kind="reported_total")
	(line,) = calculate([record], [None], AR5)
	assert (line.co2e, line.factor, line.as_published) == (Decimal(1500), None, True)


def test_money_is_not_converted() -> None:
	spend = a_factor("USD", "0.4", spend_currency="USD")
	dollars, euros = calculate(
		[a_record("100", "USD"), a_record("100", "EUR")], [chosen(spend)] * 2, AR4
	)
	assert dollars.co2e == 40
	assert (euros.co2e, euros.missing) == (None, "unit_not_convertible")


def test_biogenic_co2_stays_outside_and_bounds_follow_the_total() -> None:
	wood = a_factor(
		"kg", "0.02", biogenic_co2=Decimal("1.6"), low=Decimal("0.9"), high=Decimal("1.25")
	)
	(line,) = calculate([a_record("1000", "kg")], [chosen(wood)], AR4)
	assert (line.co2e, line.biogenic_co2) == (Decimal(20), Decimal(1600))
	assert (line.low, line.high) == (Decimal(18), Decimal(25))


QUANTITIES = st.decimals("0", "99999999999999", places=6)
FIGURES = st.decimals("0", "1000", places=9)
UNITS = st.sampled_from(["kg", "t", "lb", "g", "short ton", "oz", "kt"])


@settings(max_examples=150, deadline=None)
@given(
	st.lists(st.tuples(QUANTITIES, UNITS, FIGURES, FIGURES), min_size=1, max_size=12),
	st.sampled_from([AR4, AR5, AR6]),
)
def test_every_figure_is_the_exact_product_rounded_once(
	rows: list[tuple[Decimal, str, Decimal, Decimal]], gwp: Any
) -> None:
	from apg.platform.reference import units

	records = [
		a_record(quantity, unit, id=str(n)) for n, (quantity, unit, _c, _m) in enumerate(rows)
	]
	factors = [
		chosen(a_factor("kg", gases={"CO2": str(carbon), "CH4_fossil": str(methane)}))
		for _q, _u, carbon, methane in rows
	]
	for line, (quantity, unit, carbon, methane) in zip(
		calculate(records, factors, gwp), rows, strict=True
	):
		base = Fraction(quantity) * units.factor(unit, "kg")
		per_unit = Fraction(carbon) + Fraction(methane) * Fraction(gwp.value("CH4_fossil"))
		assert line.co2e == rounded(base * per_unit)
		assert line.masses["CH4_fossil"] == rounded(base * Fraction(methane))
		assert line.normalised == rounded(base)


def rounded(value: Fraction) -> Decimal:
	return Decimal(round(value * 10**9)).scaleb(-9, Context(prec=80))


def test_quantities_of_more_than_six_digits_are_exact_too() -> None:
	fine = a_record("0.00000012345", "kg")
	huge = a_record("12345678901234567890.5", "kg")
	lines = calculate([fine, huge], [chosen(a_factor("kg", "2"))] * 2, AR4)
	assert lines[0].co2e == Decimal("2.47E-7")
	assert lines[1].co2e == Decimal("24691357802469135781")
	assert lines.total() == Decimal("24691357802469135781.000000247")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=20))
def test_a_split_record_weighs_what_the_whole_does(parts: list[int]) -> None:
	"""Quantities in millionths; the factor has so few digits that nothing is rounded."""
	factor = chosen(a_factor("kg", "0.183"))
	pieces = [a_record(Decimal(part).scaleb(-6), "kg", id=str(n)) for n, part in enumerate(parts)]
	whole = a_record(Decimal(sum(parts)).scaleb(-6), "kg")
	split = calculate(pieces, [factor] * len(pieces), AR4)
	assert split.total() == calculate([whole], [factor], AR4).total()


# -- seals -------------------------------------------------------------------------------------


def some_lines() -> tuple[list[Any], list[Any]]:
	records = [a_record(f"{n}.5", "kWh (gross CV)", id=f"r{n}") for n in range(1, 21)]
	return records, [chosen(GAS)] * len(records)


def test_calculated_again_the_seals_are_the_same() -> None:
	records, choices = some_lines()
	first = [line.seal for line in calculate(records, choices, AR5)]
	assert [line.seal for line in calculate(records, choices, AR5)] == first
	assert len(set(first)) == len(first)


@given(st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_the_order_of_records_leaves_the_seal_of_a_run(seed: int) -> None:
	records, choices = some_lines()
	whole = calculate(records, choices, AR5).seal("AR5")
	random.Random(seed).shuffle(records)
	assert calculate(records, choices, AR5).seal("AR5") == whole


@pytest.mark.parametrize(
	"change",
	[
		{"version": 2},
		{"content_hash": "d" * 64},
		{"quantity": Decimal("1.500001")},
		{"id": "another"},
	],
)
def test_another_record_gives_another_seal(change: dict[str, Any]) -> None:
	record = a_record("1.5", "kWh (gross CV)")
	(before,) = calculate([record], [chosen(GAS)], AR5)
	(after,) = calculate([replace(record, **change)], [chosen(GAS)], AR5)
	assert before.seal != after.seal


def test_another_factor_set_or_version_of_it_gives_another_seal() -> None:
	record = a_record("1.5", "kWh (gross CV)")
	(line,) = calculate([record], [chosen(GAS)], AR5)
	others = [
		calculate([record], [chosen(replace(GAS, version_id="next"))], AR5)[0],
		calculate([record], [chosen(replace(GAS, sha256="2" * 64))], AR5)[0],
		calculate([record], [chosen(GAS)], AR6)[0],
	]
	assert len({line.seal, *(other.seal for other in others)}) == 4


def test_method_engine_and_a_line_more_or_less_are_covered(
	monkeypatch: pytest.MonkeyPatch,
) -> None:
	records, choices = some_lines()
	lines = calculate(records, choices, AR5)
	whole = lines.seal("AR5")
	assert calculate(records[:-1], choices[:-1], AR5).seal("AR5") != whole
	assert lines.seal("AR6") != whole
	monkeypatch.setattr(calculation, "ENGINE", "2")
	assert calculate(records, choices, AR5).seal("AR5") != whole


def test_the_canonical_form_is_fixed() -> None:
	"""Kept as it is: seals of years ago must be found again."""
	assert seals.canonical({"b": Decimal("1.50"), "a": [None, "é", {"x": 1}]}) == (
		'{"a":[null,"é",{"x":1}],"b":"1.5"}'
	)
	assert seals.seal_of_run(["b", "a"], gwp_set="AR5", method="m", engine="1") == (
		seals.seal_of_run(["a", "b"], gwp_set="AR5", method="m", engine="1")
	)
	(line,) = calculate([a_record("1.5", "kWh (gross CV)")], [chosen(GAS)], AR5)
	assert line.seal == "90f7dda9f86c937ff546b179e0b2acc8caa8deb5dc3f9b2c0c04874ec439fe02"


def test_a_wish_names_what_the_record_says() -> None:
	record = a_record("1", "kg")
	assert record.wanted == FactorWanted("a.b", "GB", record.on, "kg")
