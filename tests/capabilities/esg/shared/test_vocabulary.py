"""The words of the interface: what is accepted, kept as given, or refused with a remedy."""

import pytest

from apg.capabilities.esg.shared.vocabulary import (
	CollectionMethod,
	MeasurementPeriod,
	MetricSource,
	MetricType,
	MetricUnit,
	UnitKind,
	accepted_unit,
	collection_method,
	measurement_period,
	metric_code,
)
from apg.kernel.errors import Invalid
from apg.platform.reference.currency_codes import CURRENCY_CODES


@pytest.mark.parametrize("unit", MetricUnit)
def test_each_unit_of_the_interface_is_accepted_as_written(unit: MetricUnit) -> None:
	found = accepted_unit(unit.value)
	assert found.text == unit.value
	assert found.kind is (UnitKind.CURRENCY if unit is MetricUnit.USD else UnitKind.CATALOGUE)


@pytest.mark.parametrize(
	("text", "kind", "symbol"),
	[
		("tCO2e", UnitKind.CATALOGUE, "tCO2e"),
		("kWh (Gross CV)", UnitKind.CATALOGUE, "kWh (gross CV)"),
		("EUR", UnitKind.CURRENCY, "EUR"),
		("custom:training places", UnitKind.CUSTOM, "training places"),
	],
)
def test_other_units(text: str, kind: UnitKind, symbol: str) -> None:
	found = accepted_unit(text)
	assert (found.kind, found.symbol) == (kind, symbol)


@pytest.mark.parametrize(
	"text", ["", "furlong", "ton", "custom:", "custom: ", "custom:a\nb", "x" * 33]
)
def test_unknown_units_are_refused_with_a_remedy(text: str) -> None:
	with pytest.raises(Invalid) as caught:
		accepted_unit(text)
	assert [problem.field for problem in caught.value.problems] == ["unit"]
	assert caught.value.problems[0].message


def test_the_remedy_names_the_way_to_an_own_unit() -> None:
	with pytest.raises(Invalid, match="custom:training places"):
		accepted_unit("training places")


@pytest.mark.parametrize(
	"code", ["CARBON_SCOPE1", "PERF_TEST_001", "a", "E1-6", "gri.302.1", "9" * 64]
)
def test_codes(code: str) -> None:
	assert metric_code(code) == code


@pytest.mark.parametrize(
	"code", ["", "invalid code", " A", "A ", "_A", "A_", "Ä", "A/B", "A\n", "A" * 65, "٣"]
)
def test_bad_codes_are_refused(code: str) -> None:
	with pytest.raises(Invalid) as caught:
		metric_code(code)
	assert caught.value.problems[0].field == "code"


def test_types_are_the_three_of_the_interface() -> None:
	assert [each.value for each in MetricType] == ["environmental", "social", "governance"]


@pytest.mark.parametrize(
	("text", "period"),
	[
		("monthly", MeasurementPeriod.MONTHLY),
		("Annual", MeasurementPeriod.YEARLY),
		("annually", MeasurementPeriod.YEARLY),
		("quarter", MeasurementPeriod.QUARTERLY),
	],
)
def test_periods(text: str, period: MeasurementPeriod) -> None:
	assert measurement_period(text) is period


def test_an_unknown_period_is_refused() -> None:
	with pytest.raises(Invalid) as caught:
		measurement_period("fortnightly")
	assert "monthly" in caught.value.problems[0].message


@pytest.mark.parametrize(
	("text", "method"),
	[
		("automated", CollectionMethod.AUTOMATED),
		("Meter reading", CollectionMethod.MEASURED),
		("utility-bill", CollectionMethod.INVOICED),
		("ESTIMATED", CollectionMethod.ESTIMATED),
		("by the moon", None),
		(None, None),
	],
)
def test_methods(text: str | None, method: CollectionMethod | None) -> None:
	assert collection_method(text) is method


def test_computed_sources() -> None:
	assert [each for each in MetricSource if each.is_computed] == [
		MetricSource.ACTIVITY,
		MetricSource.INVENTORY,
	]


def test_currency_codes_are_known_elsewhere_too() -> None:
	numbers = pytest.importorskip("babel.numbers")
	assert numbers.list_currencies() >= CURRENCY_CODES
