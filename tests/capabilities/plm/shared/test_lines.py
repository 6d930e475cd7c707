from decimal import Decimal
from fractions import Fraction

import pytest

from apg.capabilities.plm.shared.errors import DomainError
from apg.capabilities.plm.shared.lines import QuantityKind, required_quantity, to_micro
from apg.capabilities.plm.shared.structure import Structure

M = 1_000_000


@pytest.mark.parametrize(
	("_case", "kind", "quantity", "extra", "expected"),
	[
		("plain", "per", 3 * M, {}, Fraction(3)),
		("scrap of two percent", "per", 100 * M, {"attrition": 20_000}, Fraction(102)),
		("leader tape once", "per", 4 * M, {"setup": 10 * M}, Fraction(14)),
		("reels of 50", "per", 40 * M, {"setup": 11 * M, "rounding": 50 * M}, Fraction(100)),
		("a whole reel stays one", "per", 50 * M, {"rounding": 50 * M}, Fraction(50)),
		(
			"one millionth more takes a second",
			"per",
			50 * M + 1,
			{"rounding": 50 * M},
			Fraction(100),
		),
		("lot of 10 shares the setup", "per", 4 * M, {"setup": 10 * M, "lot": 10}, Fraction(5)),
		("lot of 10 rounds once", "per", M // 4, {"rounding": M, "lot": 10}, Fraction(3, 10)),
		("once per lot", "fixed", 6 * M, {"lot": 3}, Fraction(2)),
		("once per lot with scrap", "fixed", 6 * M, {"attrition": 500_000, "lot": 3}, Fraction(3)),
		(
			"bulk has no setup, no rounding",
			"bulk",
			M // 2,
			{"setup": M, "rounding": M},
			Fraction(1, 2),
		),
		("bulk has scrap", "bulk", M, {"attrition": 100_000}, Fraction(11, 10)),
		(
			"inches to metres",
			"per",
			10 * M,
			{"conversion": Fraction(254, 10000)},
			Fraction(254, 1000),
		),
		("a reference takes nothing", "reference", 5 * M, {"setup": M}, Fraction(0)),
		("zero takes no setup", "per", 0, {"setup": M}, Fraction(0)),
		("as required is unknown", "as_required", 5 * M, {}, None),
		("as required is unknown at zero", "as_required", 0, {}, None),
		("no quantity is unknown", "per", None, {}, None),
		("bulk without quantity is unknown", "bulk", None, {}, None),
		("a reference without quantity is known", "reference", None, {}, Fraction(0)),
	],
)
def test_required_quantity_of_one_line(_case, kind, quantity, extra, expected):
	assert required_quantity(QuantityKind(kind), quantity, **extra) == expected


def test_rounding_up_is_decided_in_whole_numbers():
	"""0.1 + 0.2 is 0.30000000000000004 in floats and would cost a second unit of 0.3."""
	one = {"nodes": ["child", "parent"], "parent": ["parent"], "child": ["child"]}
	structure = Structure.from_arrays(
		**one, quantity=[100_000], setup=[200_000], rounding=[300_000]
	)
	assert structure.per_unit().tolist() == [0.3]
	assert structure.required(0) == Fraction(3, 10)


def test_rounding_up_beyond_64_bits_is_exact():
	one = {"nodes": ["child", "parent"], "parent": ["parent"], "child": ["child"]}
	quantity = 900_000_000_000 * M + 1
	structure = Structure.from_arrays(**one, quantity=[quantity], attrition=[M], rounding=[6 * M])
	expected = required_quantity(QuantityKind.PER, quantity, attrition=M, rounding=6 * M)
	assert expected == 1_800_000_000_006
	assert structure.per_unit().tolist() == [1_800_000_000_006.0]


@pytest.mark.parametrize("value", [Decimal("0.0000001"), Decimal("-1"), Decimal("NaN"), 10**12])
def test_quantities_that_the_table_cannot_hold_are_refused(value):
	with pytest.raises(DomainError) as refused:
		to_micro("quantity", value)
	assert refused.value.field == "quantity"
	assert refused.value.remedy


def test_quantities_keep_six_decimals():
	assert to_micro("quantity", Decimal("999999999999.999999")) == 10**18 - 1
	assert to_micro("quantity", Decimal("2.50")) == 2_500_000
