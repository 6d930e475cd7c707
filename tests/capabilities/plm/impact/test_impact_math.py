"""The difference above a swap equals a whole roll-up afterwards minus one before."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apg.capabilities.plm.shared.bom_exact import roll_up_exact
from apg.capabilities.plm.shared.bom_math import roll_up
from apg.capabilities.plm.shared.errors import CycleFound
from apg.capabilities.plm.shared.figures import Figures
from apg.capabilities.plm.shared.impact_math import Fingerprints, Overlay, worst, worst_after
from apg.capabilities.plm.shared.lines import BomLine, QuantityKind
from apg.capabilities.plm.shared.structure import Structure

METRICS = ("cost", "mass", "co2e")


def hand_made() -> tuple[Structure, Overlay]:
	"""pump = 2 × motor + case; motor = 4 × screw; motor' = 3 × screw + 1 × bolt."""
	lines = [
		BomLine(parent="pump", child="motor", quantity=2),
		BomLine(parent="pump", child="case", quantity=1),
		BomLine(parent="motor", child="screw", quantity=4),
		BomLine(parent="motor-b", child="screw", quantity=3),
		BomLine(parent="motor-b", child="bolt", quantity=1),
		BomLine(parent="valve", child="screw", quantity=9),
	]
	structure = Structure.from_lines(lines)
	return structure, Overlay.of(structure, {"motor": "motor-b"})


def test_by_hand():
	structure, overlay = hand_made()
	own = {"screw": Decimal("0.5"), "bolt": Decimal(2), "case": Decimal(10)}
	figures = Figures.of(structure, own)
	rolled = roll_up(structure, {"cost": figures})
	deltas = overlay.deltas(rolled["cost"])
	# pump before: 2 × 4 × 0.5 + 10 = 14; after: 2 × (3 × 0.5 + 2) + 10 = 17
	place = overlay.place
	assert deltas.values[place[structure.index("pump")]] == 3.0
	assert deltas.values[place[structure.index("motor-b")]] == 1.5
	assert overlay.ends() == [(structure.index("pump"), place[structure.index("pump")])]
	# valve takes screws and is not above anything that is swapped: nobody looks at it.
	assert place[structure.index("valve")] == -1
	assert overlay.amounts(place[structure.index("pump")])[place[structure.index("motor-b")]] == 2


def test_a_missing_figure_that_is_swapped_in_makes_the_difference_uncertain():
	structure, overlay = hand_made()
	place = overlay.place[structure.index("pump")]
	without_bolt = Figures.of(structure, {"screw": 1, "case": 1})
	assert not Fingerprints(structure, without_bolt).same(overlay)[place]
	totals = roll_up(structure, {"cost": without_bolt})["cost"]
	assert overlay.deltas(totals).missing[place] == 1.0
	# What lacks a figure beside the swap changes nothing.
	without_case = Figures.of(structure, {"screw": 1, "bolt": 1})
	assert Fingerprints(structure, without_case).same(overlay)[place]
	# Another amount of what lacks a figure does, though as many places lack one.
	without_screw = Figures.of(structure, {"bolt": 1, "case": 1})
	assert not Fingerprints(structure, without_screw).same(overlay)[place]


def test_a_ring_is_refused():
	lines = [
		BomLine(parent="a", child="b", quantity=1),
		BomLine(parent="b2", child="a", quantity=1),
		BomLine(parent="b", child="c", quantity=1),
	]
	with pytest.raises(CycleFound):
		Overlay.of(Structure.from_lines(lines), {"b": "b2"})


def test_a_pinned_line_keeps_its_revision():
	lines = [
		BomLine(parent="pump", child="motor", quantity=2, line="l1"),
		BomLine(parent="rig", child="motor", quantity=1, line="l2"),
		BomLine(parent="motor", child="screw", quantity=4, line="l3"),
		BomLine(parent="motor-b", child="screw", quantity=3, line="l4"),
	]
	structure = Structure.from_lines(lines)
	names = [structure.line_name(line) for line in range(structure.line_count)]
	pinned = np.array([name == "l2" for name in names])
	overlay = Overlay.of(structure, {"motor": "motor-b"}, pinned)
	deltas = overlay.deltas(roll_up(structure, {"q": Figures.of(structure, {"screw": 1})})["q"])
	assert deltas.values[overlay.place[structure.index("rig")]] == 0.0
	assert deltas.values[overlay.place[structure.index("pump")]] == -2.0


@st.composite
def changes(draw):
	"""A random structure of n products by level, and new revisions of some of its assemblies."""
	n = draw(st.integers(4, 14))
	names = [f"p{i:02}" for i in range(n)]
	quantity = st.integers(1, 40).map(lambda q: Decimal(q) / 4)
	kinds = st.sampled_from(
		[QuantityKind.PER] * 5 + [QuantityKind.REFERENCE, QuantityKind.AS_REQUIRED]
	)

	def below(i: int) -> list[tuple[int, Decimal, QuantityKind]]:
		children = draw(st.lists(st.integers(0, i - 1), max_size=4, unique=True)) if i else []
		return [(child, draw(quantity), draw(kinds)) for child in children]

	old = {i: below(i) for i in range(n)}
	swapped = draw(st.lists(st.integers(1, n - 1), min_size=1, max_size=4, unique=True))
	new = {i: below(i) for i in swapped}
	amounts = st.one_of(st.none(), st.integers(1, 9999).map(lambda v: Decimal(v) / 100))
	revisions = [*names, *(f"{names[i]}-b" for i in swapped)]
	own = {metric: {name: draw(amounts) for name in revisions} for metric in METRICS}
	stops = draw(st.lists(st.sampled_from(revisions), max_size=3, unique=True))
	return names, old, new, own, stops


def lines_of(names, parents, redirect):
	return [
		BomLine(parent=parent, child=redirect(names[child]), quantity=quantity, kind=kind)
		for parent, below in parents.items()
		for child, quantity, kind in below
	]


@settings(max_examples=60, deadline=None)
@given(changes())
def test_a_difference_is_one_roll_up_minus_another(made):
	names, old, new, own, stops = made
	swaps = {names[i]: f"{names[i]}-b" for i in new}
	before = {names[i]: below for i, below in old.items()}
	working = {f"{names[i]}-b": below for i, below in new.items()}
	everybody = [*names, *swaps.values()]
	base = Structure.from_lines(lines_of(names, before | working, str), everybody)
	after = Structure.from_lines(
		lines_of(names, before | working, lambda name: swaps.get(name, name)), everybody
	)
	overlay = Overlay.of(base, swaps)
	for metric in METRICS:
		given_own = {k: v for k, v in own[metric].items() if v is not None}
		own_before = Figures.of(base, given_own, stops=stops)
		own_after = Figures.of(after, given_own, stops=stops)
		first = roll_up(base, {metric: own_before})
		second = roll_up(after, {metric: own_after})
		stopped = first.figures[metric].stopped
		deltas = overlay.deltas(first[metric], stopped)
		same = Fingerprints(base, first.figures[metric]).same(overlay)
		for old_place, at in overlay.ends():
			node = after.index(base.name(int(overlay.source[at])))
			for name in ("values", "missing", "needed"):
				one = getattr(second[metric], name)[node]
				two = getattr(first[metric], name)[old_place] + getattr(deltas, name)[at]
				assert one == pytest.approx(two, rel=1e-11, abs=1e-9)
			exact_after = roll_up_exact(after, own_after, after.name(node))
			exact_before = roll_up_exact(base, own_before, base.name(old_place))
			moved = float(exact_after - exact_before)
			assert moved == pytest.approx(float(deltas.values[at]), rel=1e-9, abs=1e-7)
			if not second[metric].missing[node] and not first[metric].missing[old_place]:
				assert same[at]
		# What is nowhere above a swap keeps its total.
		for node in set(range(base.node_count)) - set(overlay.source.tolist()):
			name = base.name(node)
			assert second[metric].values[after.index(name)] == first[metric].values[node]


@settings(max_examples=40, deadline=None)
@given(changes(), st.data())
def test_the_worst_afterwards_is_that_of_the_whole_structure(made, data):
	names, old, new, _own, _stops = made
	swaps = {names[i]: f"{names[i]}-b" for i in new}
	before = {names[i]: below for i, below in old.items()}
	working = {f"{names[i]}-b": below for i, below in new.items()}
	everybody = [*names, *swaps.values()]
	base = Structure.from_lines(lines_of(names, before | working, str), everybody)
	after = Structure.from_lines(
		lines_of(names, before | working, lambda name: swaps.get(name, name)), everybody
	)
	overlay = Overlay.of(base, swaps)
	status = {name: data.draw(st.integers(0, 3)) for name in everybody}
	own = np.array([status[base.name(i)] for i in range(base.node_count)])
	own_after = np.array([status[after.name(i)] for i in range(after.node_count)])
	held = worst_after(overlay, own, worst(base, own))
	whole = worst(after, own_after)
	for _old, at in overlay.ends():
		node = after.index(base.name(int(overlay.source[at])))
		assert held[at] == whole[node]


def test_exact_sums_of_causes_are_the_difference():
	structure, overlay = hand_made()
	own = {"screw": Fraction(1, 3), "bolt": Fraction(2, 7), "case": 10}
	figures = Figures.of(structure, own)
	totals = {
		node: roll_up_exact(structure, figures, structure.name(node))
		for node in range(structure.node_count)
	}
	brought = overlay.own(totals)
	place = overlay.place
	assert brought == {place[structure.index("motor-b")]: Fraction(2, 7) - Fraction(1, 3)}
