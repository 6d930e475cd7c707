"""Least and most over what may stand in, against every choice tried one by one."""

from fractions import Fraction
from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from apg.capabilities.plm.shared.bom_math import roll_up
from apg.capabilities.plm.shared.figures import Figures
from apg.capabilities.plm.shared.spans import Options, reach_of, reaches
from apg.capabilities.plm.shared.structure import Structure


def a_structure(shape: list[tuple[int, int, int]], nodes: int, others: list[tuple[int, int]]):
	"""Lines (parent, child, quantity), and lines of kind reference to whatever may stand in."""
	names = [f"n{place:02d}" for place in range(nodes)]
	parents = [each[0] for each in shape] + [shape[line][0] for line, _node in others]
	children = [each[1] for each in shape] + [node for _line, node in others]
	quantity = [each[2] * 10**6 for each in shape] + [0] * len(others)
	kind = [0] * len(shape) + [4] * len(others)
	built = Structure.from_arrays(
		names, np.array(parents), np.array(children), np.array(quantity), kind=np.array(kind)
	)
	at = np.empty(len(parents), np.int64)
	at[built.line_order] = np.arange(len(parents))
	return built, names, at


@st.composite
def cases(draw):
	nodes = draw(st.integers(4, 9))
	shape = []
	for parent in range(2, nodes):
		for child in draw(st.sets(st.integers(0, parent - 1), max_size=3)):
			shape.append((parent, child, draw(st.integers(1, 4))))
	if not shape:
		shape = [(nodes - 1, 0, 2)]
	lines = [n for n, each in enumerate(shape) if each[0] > 0]
	others = draw(
		st.lists(st.sampled_from(lines).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, shape[n][0] - 1))), max_size=4)
	)  # fmt: skip
	others = [(n, node) for n, node in others if node != shape[n][1]]
	own = {n: draw(st.integers(0, 9)) for n in range(nodes) if draw(st.booleans()) or n < 2}
	ratios = [draw(st.sampled_from([Fraction(1), Fraction(2), Fraction(1, 2)])) for _ in others]
	return shape, nodes, others, own, ratios


def by_trying(shape, nodes, others, own, ratios, complete):
	"""Every combination of choices, line by line."""
	by_line: dict[int, list[tuple[int, Fraction]]] = {}
	for (line, node), ratio in zip(others, ratios, strict=True):
		if complete(node):
			by_line.setdefault(line, []).append((node, ratio))
	menus = [[(shape[n][1], Fraction(1)), *by_line.get(n, [])] for n in range(len(shape))]
	found = []
	for chosen in product(*menus):
		totals: dict[int, Fraction] = {}
		for node in range(nodes):
			totals[node] = Fraction(own.get(node, 0)) + sum(
				(shape[n][2] * chosen[n][1] * totals[chosen[n][0]] for n in range(len(shape)) if shape[n][0] == node),
				Fraction(0),
			)  # fmt: skip
		found.append(totals[nodes - 1])
	return min(found), max(found)


@settings(max_examples=60, deadline=None)
@given(cases())
def test_least_and_most_are_those_of_the_best_and_worst_choice(case):
	shape, nodes, others, own, ratios = case
	structure, names, at = a_structure(shape, nodes, others)
	figures = Figures.of(structure, {names[n]: value for n, value in own.items()})
	rolled = roll_up(structure, {"it": figures})["it"]
	options = Options(
		np.array([at[line] for line, _node in others], np.int64),
		structure.indexes([names[node] for _line, node in others])
		if others
		else np.zeros(0, np.int64),
		tuple(ratios),
	)

	def complete(node: int) -> bool:
		return bool(rolled.complete[structure.index(names[node])])

	least, most = by_trying(shape, nodes, others, own, ratios, complete)
	root = names[nodes - 1]
	found = reach_of(structure, figures, options, root)
	assert (found.least, found.most) == (least, most)
	point = rolled.values[structure.index(root)]
	assert found.least <= point <= found.most
	low, high = reaches(structure, figures, options)
	assert (low[structure.index(root)], high[structure.index(root)]) == (least, most)


def test_a_stand_in_without_figures_is_no_choice():
	structure, names, at = a_structure([(2, 0, 3)], 3, [(0, 1)])
	figures = Figures.of(structure, {names[0]: 5})
	options = Options(at[[0]], structure.indexes([names[1]]), (Fraction(1),))
	found = reach_of(structure, figures, options, names[2])
	assert (found.least, found.most, found.skipped) == (15, 15, 1)


def test_nothing_below_a_whole_figure_is_chosen():
	structure, names, at = a_structure([(2, 0, 3)], 3, [(0, 1)])
	figures = Figures.of(structure, {names[0]: 5, names[1]: 1, names[2]: 7}, stops=[names[2]])
	options = Options(at[[0]], structure.indexes([names[1]]), (Fraction(1),))
	found = reach_of(structure, figures, options, names[2])
	assert (found.least, found.most) == (7, 7)
