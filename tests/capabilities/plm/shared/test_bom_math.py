import random
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.capabilities.plm.shared.reference import Tree, random_lines, random_own

from apg.capabilities.plm.shared.bom_exact import quantise, roll_up_exact
from apg.capabilities.plm.shared.bom_math import Gap, GapReason, roll_up
from apg.capabilities.plm.shared.errors import DomainError, UnknownNode
from apg.capabilities.plm.shared.explosion import explode
from apg.capabilities.plm.shared.figures import Figures
from apg.capabilities.plm.shared.lines import BomLine, QuantityKind
from apg.capabilities.plm.shared.structure import Structure

# A bicycle: two wheels of 32 spokes, a frame bought whole, grease as required, a drawing.
BICYCLE = [
	BomLine(parent="bicycle", child="wheel", quantity=2, line="l-wheel"),
	BomLine(parent="bicycle", child="frame", quantity=1, line="l-frame"),
	BomLine(
		parent="bicycle", child="grease", quantity=5, kind=QuantityKind.AS_REQUIRED, line="l-g"
	),
	BomLine(parent="bicycle", child="drawing", quantity=1, kind=QuantityKind.REFERENCE, line="l-d"),
	BomLine(parent="wheel", child="spoke", quantity=32, line="l-spoke"),
	BomLine(parent="wheel", child="rim", quantity=1, line="l-rim"),
	BomLine(parent="frame", child="tube", quantity=Decimal("3.5"), line="l-tube"),
	BomLine(parent="frame", child="spoke", quantity=1, line="l-odd"),
]
PRICES: dict[str, Decimal | int | None] = {"spoke": Decimal("0.25"), "frame": 200, "tube": 10}


@pytest.fixture(name="bicycle")
def _bicycle() -> Structure:
	return Structure.from_lines(BICYCLE)


def at(structure: Structure, node: str) -> int:
	return structure.index(node)


def test_what_is_known_adds_up_and_what_is_missing_is_named(bicycle):
	rolled = roll_up(bicycle, {"cost": Figures.of(bicycle, PRICES)}, stops=["frame"])
	report = rolled.report("bicycle", "cost")
	assert report.total == 2 * 32 * 0.25 + 200
	assert not report.complete
	assert report.gaps == (
		Gap("rim", GapReason.NO_FIGURE, 2.0),
		Gap("grease", GapReason.QUANTITY_UNKNOWN, None, "bicycle", "l-g"),
	)
	# needed: spoke, rim, frame and the line of grease
	assert (report.items_needed, report.gap_count) == (4, 2)
	assert report.item_coverage == 0.5
	wheel = at(bicycle, "wheel")
	assert rolled["cost"].coverage[wheel] == 0.5
	assert rolled["cost"].values[wheel] == 8.0
	assert rolled["cost"].missing[wheel] == 1.0


def test_a_stop_without_a_figure_goes_on_below(bicycle):
	prices = {"spoke": Decimal("0.25"), "tube": 10, "rim": 20}
	rolled = roll_up(bicycle, {"cost": Figures.of(bicycle, prices)}, stops=["frame"])
	assert rolled.report("frame", "cost").total == 35.25
	assert rolled.report("frame", "cost").complete


def test_a_figure_of_an_assembly_is_added_unless_it_stops(bicycle):
	added = roll_up(bicycle, {"cost": Figures.of(bicycle, PRICES)})
	assert added.report("frame", "cost").total == 200 + 35 + 0.25
	whole = roll_up(bicycle, {"cost": Figures.of(bicycle, PRICES, stops=["frame"])})
	assert whole.report("frame", "cost").total == 200


def test_a_stop_counts_only_for_the_quantity_that_has_a_figure(bicycle):
	figures = {
		"cost": Figures.of(bicycle, PRICES),
		"mass": Figures.of(bicycle, {"spoke": Decimal("0.006"), "tube": 1}),
	}
	rolled = roll_up(bicycle, figures, stops=["frame"])
	assert rolled.report("frame", "cost").total == 200
	assert rolled.report("frame", "mass").total == pytest.approx(3.506, rel=1e-15)


def test_missing_is_not_zero(bicycle):
	nothing = roll_up(bicycle, {"mass": Figures.of(bicycle, {})})
	zero = roll_up(bicycle, {"mass": Figures.of(bicycle, dict.fromkeys(["spoke", "rim"], 0))})
	assert nothing["mass"].values[at(bicycle, "wheel")] == 0
	assert nothing["mass"].coverage[at(bicycle, "wheel")] == 0
	assert zero["mass"].coverage[at(bicycle, "wheel")] == 1
	assert zero["mass"].complete[at(bicycle, "wheel")]
	assert not nothing["mass"].complete[at(bicycle, "wheel")]


def test_an_assembly_that_must_have_a_figure_is_a_gap_without(bicycle):
	figures = Figures.of(bicycle, {"spoke": 1, "rim": 1, "wheel": None})
	report = roll_up(bicycle, {"work": figures}).report("wheel", "work")
	assert report.total == 33
	assert report.gaps == (Gap("wheel", GapReason.NO_FIGURE, 1.0),)
	assert report.coverage == pytest.approx(2 / 3)


def test_an_assembly_of_references_needs_a_figure_itself():
	structure = Structure.from_lines(
		[BomLine(parent="part", child="drawing", quantity=1, kind=QuantityKind.REFERENCE)]
	)
	report = roll_up(structure, {"mass": Figures.of(structure, {})}).report("part", "mass")
	assert [gap.item for gap in report.gaps] == ["part"]


def test_gap_amounts_follow_the_amount_asked_for(bicycle):
	rolled = roll_up(bicycle, {"cost": Figures.of(bicycle, PRICES)}, stops=["frame"])
	report = rolled.report("bicycle", "cost", amount=10, limit=1)
	assert report.total == 2160
	assert report.gaps == (Gap("rim", GapReason.NO_FIGURE, 20.0),)
	assert report.gap_count == 2


def test_lots_share_fixed_and_setup_quantities():
	structure = Structure.from_lines(
		[
			BomLine(parent="board", child="jig", quantity=1, kind=QuantityKind.FIXED),
			BomLine(parent="board", child="chip", quantity=4, setup=10),
		]
	)
	figures = {"cost": Figures.of(structure, {"jig": 100, "chip": 1})}
	assert roll_up(structure, figures).report("board", "cost").total == 114
	assert roll_up(structure, figures, lots=10).report("board", "cost").total == 15
	assert roll_up(structure, figures, lots={"board": 20}).report("board", "cost").total == 9.5


def test_contributions_add_up_to_the_total(bicycle):
	rolled = roll_up(bicycle, {"cost": Figures.of(bicycle, PRICES)}, stops=["frame"])
	rows = rolled.contributions("bicycle", "cost", amount=2)
	assert [(row.item, row.amount, row.each, row.value) for row in rows] == [
		("frame", 2.0, 200.0, 400.0),
		("spoke", 128.0, 0.25, 32.0),
	]


def relative(value: float, exact: Fraction) -> float:
	return 0.0 if value == exact else float(abs(Fraction(value) - exact) / abs(exact))


@pytest.mark.parametrize("seed", range(200))
def test_within_a_trillionth_of_fractions(seed):
	chance = random.Random(seed)
	names, lines = random_lines(chance, chance.randrange(1, 30))
	structure = Structure.from_lines(lines, names)
	owns = {name: random_own(chance, names) for name in ("cost", "mass", "co2e")}
	stops = frozenset(chance.sample(names, len(names) // 6))
	lots = {name: chance.randrange(1, 50) for name in chance.sample(names, len(names) // 3)}
	figures = {name: Figures.of(structure, own) for name, own in owns.items()}
	rolled = roll_up(structure, figures, stops=stops, lots=lots)
	for quantity, own in owns.items():
		tree = Tree(lines, own, stops, lots)
		totals = rolled[quantity]
		for node in names:
			index = structure.index(node)
			exact, missing, needed = tree.total(node)
			assert relative(float(totals.values[index]), exact) <= 1e-12
			assert (totals.missing[index], totals.needed[index]) == (missing, needed)
			assert totals.coverage[index] == pytest.approx(1 - missing / needed, abs=1e-15)
			assert totals.complete[index] == (missing == 0)
		root = chance.choice(names)
		exact, *_ = tree.total(root)
		assert roll_up_exact(structure, rolled.figures[quantity], root, lots=lots) == exact
		check_report(rolled, tree, root, quantity)


def check_report(rolled, tree: Tree, root: str, quantity: str) -> None:
	amounts: dict[str, Fraction] = {}
	tree.amounts(root, Fraction(3), amounts)
	own = tree.own
	required = {n for n in amounts if n in own and own[n] is None}
	ends = {n for n in amounts if not tree.uses(n) or tree.stopped(n)} | required
	lacking = {n for n in ends if own.get(n) is None}
	unknown = [
		(line.child, node)
		for node in amounts
		if not tree.stopped(node)
		for line, amount in tree.uses(node)
		if amount is None
	]
	report = rolled.report(root, quantity, amount=3.0)
	named = {g.item: g.amount for g in report.gaps if g.reason is GapReason.NO_FIGURE}
	assert set(named) == lacking
	for item, amount in named.items():
		assert relative(amount, amounts[item]) <= 1e-12
	open_lines = [(g.item, g.parent) for g in report.gaps if g.reason is GapReason.QUANTITY_UNKNOWN]
	assert sorted(open_lines) == sorted(unknown)
	places = len(ends) + len(unknown)
	assert report.items_needed == places
	assert report.item_coverage == 1 - (len(lacking) + len(unknown)) / places
	exploded = explode(
		rolled.structure, root, 3.0, lots=rolled.lots, stops=stopped(rolled, quantity)
	)
	assert set(rolled.structure.names(exploded.nodes)) == set(amounts)
	for node, amount in amounts.items():
		assert relative(exploded[node], amount) <= 1e-12
	brought = sum(row.value for row in rolled.contributions(root, quantity))
	assert brought == pytest.approx(report.total / 3, rel=1e-12)


def stopped(rolled, quantity):
	return rolled.figures[quantity].stopped


@pytest.mark.parametrize("seed", range(60))
def test_an_update_gives_the_bits_of_a_whole_roll_up(seed):
	chance = random.Random(seed)
	names, lines = random_lines(chance, 40)
	structure = Structure.from_lines(lines, names)
	owns = {name: random_own(chance, names) for name in ("cost", "mass")}
	stops = chance.sample(names, 8)
	rolled = roll_up(
		structure, {name: Figures.of(structure, own) for name, own in owns.items()}, stops=stops
	)
	for _ in range(4):
		before = {name: totals.values.copy() for name, totals in rolled.totals.items()}
		change = {
			node: chance.choice([None, Decimal(chance.randrange(10**6)).scaleb(-3)])
			for node in chance.sample(names, chance.choice((1, 1, 3, 40)))
		}
		renewed = rolled.updated({"cost": change})
		whole = roll_up(structure, renewed.figures)
		for quantity in owns:
			for part in ("values", "missing", "needed"):
				old, new = getattr(whole[quantity], part), getattr(renewed[quantity], part)
				assert np.array_equal(old, new)
			assert np.array_equal(rolled[quantity].values, before[quantity])
		root = chance.choice(names)
		exact = roll_up_exact(structure, renewed.figures["cost"], root)
		assert relative(float(renewed["cost"].values[structure.index(root)]), exact) <= 1e-12
		rolled = renewed


def test_an_update_leaves_everything_else_alone(bicycle):
	figures = {"cost": Figures.of(bicycle, PRICES), "mass": Figures.of(bicycle, PRICES)}
	rolled = roll_up(bicycle, figures, stops=["frame"])
	renewed = rolled.updated({"cost": {"rim": Decimal("19.99")}})
	assert renewed.report("bicycle", "cost").total == pytest.approx(255.98, rel=1e-15)
	assert renewed.report("wheel", "cost").complete
	assert renewed["mass"] is rolled["mass"]
	assert rolled.report("bicycle", "cost").total == 216
	assert not rolled.report("wheel", "cost").complete


def test_sharing_costs_nothing():
	"""40 levels of two children each: 2^40 places, 41 nodes."""
	lines = [BomLine(parent=f"{n + 1:02d}", child=f"{n:02d}", quantity=1) for n in range(40)] * 2
	structure = Structure.from_lines(lines)
	rolled = roll_up(structure, {"mass": Figures.of(structure, {"00": 1})})
	top = structure.index("40")
	assert rolled["mass"].values[top] == rolled["mass"].needed[top] == 2.0**40


def test_sums_of_many_lines_stay_exact():
	"""A running sum of a million times 0.1 is wrong in the eleventh digit."""
	size = 1_000_000
	structure = Structure.from_arrays(
		["leaf", "top"], np.ones(size, np.int64), np.zeros(size, np.int64), 100_000
	)
	rolled = roll_up(structure, {"mass": Figures.of(structure, {"leaf": 1})})
	assert relative(float(rolled["mass"].values[structure.index("top")]), Fraction(100_000)) < 1e-15
	assert explode(structure, "top")["leaf"] == pytest.approx(100_000, rel=1e-15)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.integers(-(10**12), 10**12), st.integers(-2, 6), st.integers(0, 8))
def test_recorded_values_round_half_even(number, digits, places):
	value = Fraction(number, 10**places)
	expected = Decimal(number).scaleb(-places).quantize(Decimal(1).scaleb(-digits))
	assert quantise(float(value), digits, lambda: value) == expected


def test_only_a_value_near_a_tie_is_computed_again():
	def never() -> Fraction:
		raise AssertionError("was not near a tie")

	assert quantise(2.4999, 0, never) == 2
	assert quantise(1234.56501, 2, never) == Decimal("1234.57")
	assert quantise(1234.565, 2, lambda: Fraction("1234.5649999999999")) == Decimal("1234.56")
	assert quantise(1234.565, 2, lambda: Fraction("1234.565")) == Decimal("1234.56")
	assert quantise(1234.575, 2, lambda: Fraction("1234.575")) == Decimal("1234.58")
	assert str(quantise(3.0, 2, never)) == "3.00"
	# a large value with many digits: the float may be off by more than the distance to the tie
	assert quantise(1e12 + 0.25, 0, lambda: Fraction(10**12) + Fraction(3, 5)) == 10**12 + 1


def test_recorded_totals_are_decided_by_fractions():
	"""0.1 three times is 0.30000000000000004 in floats; 1.15 and its like sit beside their ties."""
	lines = [BomLine(parent="set", child="bead", quantity=3)]
	structure = Structure.from_lines(lines)
	for price, expected in (
		("0.115", "0.34"),
		("0.125", "0.38"),
		("0.015", "0.04"),
		("0.1", "0.30"),
	):
		rolled = roll_up(structure, {"cost": Figures.of(structure, {"bead": Decimal(price)})})
		assert str(rolled.recorded("set", "cost", 2)) == expected


def test_credits_that_cancel_are_recorded_exactly():
	lines = [
		BomLine(parent="set", child=name, quantity=quantity)
		for name, quantity in (("plus", 10**6), ("minus", 10**6), ("rest", 1))
	]
	structure = Structure.from_lines(lines)
	own = {"plus": Decimal("123456.7"), "minus": Decimal("-123456.7"), "rest": Decimal("0.005")}
	rolled = roll_up(structure, {"co2e": Figures.of(structure, own)})
	assert rolled.recorded("set", "co2e", 2) == Decimal("0.00")
	rolled = rolled.updated({"co2e": {"rest": Decimal("0.015")}})
	assert rolled.recorded("set", "co2e", 2) == Decimal("0.02")


def test_figures_from_arrays_follow_the_structure(bicycle):
	numbers = np.zeros(bicycle.node_count, dtype=np.int64)
	known = np.zeros(bicycle.node_count, dtype=np.bool_)
	numbers[at(bicycle, "spoke")], known[at(bicycle, "spoke")] = 25, True
	numbers[at(bicycle, "rim")] = 99  # not known: must not count
	scaled = Figures.scaled(numbers, 2, known)
	floats = Figures(np.where(known, 0.25, np.nan), known)
	for figures in (scaled, floats):
		rolled = roll_up(bicycle, {"cost": figures})
		assert rolled["cost"].values[at(bicycle, "wheel")] == 8.0
		assert roll_up_exact(bicycle, rolled.figures["cost"], "wheel") == 8


def test_what_cannot_be_computed_is_refused(bicycle):
	known = np.ones(bicycle.node_count, dtype=np.bool_)
	wrong = np.zeros(bicycle.node_count)
	wrong[at(bicycle, "rim")] = np.inf
	with pytest.raises(DomainError, match=r"mass: the figure of 'rim' is not a number"):
		roll_up(bicycle, {"mass": Figures(wrong, known)})
	with pytest.raises(DomainError, match="figures of shape"):
		roll_up(bicycle, {"mass": Figures(np.zeros(2), np.ones(2, dtype=np.bool_))})
	with pytest.raises(UnknownNode):
		roll_up(bicycle, {}, stops=["car"])
	with pytest.raises(UnknownNode):
		Figures.of(bicycle, {"car": 1})
	with pytest.raises(UnknownNode):
		roll_up(bicycle, {"mass": Figures.of(bicycle, {})}).report("car", "mass")


@pytest.mark.filterwarnings("error")
def test_a_total_beyond_floats_is_refused():
	lines = [BomLine(parent=f"{n + 1:02d}", child=f"{n:02d}", quantity=10**11) for n in range(30)]
	structure = Structure.from_lines(lines)
	with pytest.raises(DomainError, match="beyond"):
		roll_up(structure, {"mass": Figures.of(structure, {"00": 1})})
	with pytest.raises(DomainError, match=r"more than 1\.8e308"):
		explode(structure, "30")
