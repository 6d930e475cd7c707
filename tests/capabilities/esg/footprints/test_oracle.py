"""The roll-up of carbon against bw2calc: the same structure as a technosphere matrix, solved.

bw2calc (Mutel 2017, BSD-3-Clause) solves A·s = f and characterises B·s; it knows nothing of ours.
Products are columns of A with the quantities of their children as negative entries, own figures are
biosphere flows with a characterisation factor of one.
"""

import json
import random
import warnings
from collections.abc import Mapping
from decimal import Decimal
from importlib import resources

import numpy as np
import pytest

from apg.capabilities.plm.shared.bom_math import roll_up
from apg.capabilities.plm.shared.figures import Figures
from apg.capabilities.plm.shared.lines import BomLine
from apg.capabilities.plm.shared.structure import Structure

with warnings.catch_warnings():
	warnings.simplefilter("ignore")
	import bw2calc
	import bw_processing

FLOW = 1_000_000
RELATIVE = 1e-9


def by_matrix(
	lines: list[BomLine], own: Mapping[str, Decimal], roots: list[str], stops: set[str]
) -> dict[str, float]:
	"""kg CO2e of one of each root, by solving the technosphere; a stop has no inputs."""
	names = sorted({n for line in lines for n in (line.parent, line.child)} | set(own) | set(roots))
	number = {name: place + 1 for place, name in enumerate(names)}
	entries: dict[tuple[int, int], float] = {(number[n], number[n]): 1.0 for n in names}
	for line in lines:
		if line.parent in stops or line.quantity is None:
			continue
		place = number[line.child], number[line.parent]
		entries[place] = entries.get(place, 0.0) - float(line.quantity)
	held = bw_processing.create_datapackage()
	held.add_persistent_vector(
		matrix="technosphere_matrix",
		indices_array=np.array(list(entries), dtype=bw_processing.INDICES_DTYPE),
		data_array=np.array(list(entries.values())),
	)
	held.add_persistent_vector(
		matrix="biosphere_matrix",
		indices_array=np.array(
			[(FLOW, number[name]) for name in own], dtype=bw_processing.INDICES_DTYPE
		),
		data_array=np.array([float(value) for value in own.values()]),
	)
	held.add_persistent_vector(
		matrix="characterization_matrix",
		indices_array=np.array([(FLOW, 0)], dtype=bw_processing.INDICES_DTYPE),
		data_array=np.array([1.0]),
		global_index=0,
	)
	found: dict[str, float] = {}
	lca = bw2calc.LCA(demand={number[roots[0]]: 1}, data_objs=[held])
	lca.lci()
	lca.lcia()
	found[roots[0]] = float(lca.score)
	for root in roots[1:]:
		lca.lci(demand={number[root]: 1})
		lca.lcia_calculation()
		found[root] = float(lca.score)
	return found


def by_us(
	lines: list[BomLine], own: Mapping[str, Decimal], roots: list[str], stops: set[str]
) -> dict[str, float]:
	structure = Structure.from_lines(lines, [*own, *roots])
	figures = Figures.of(structure, own, stops=sorted(stops))
	totals = roll_up(structure, {"co2e": figures})["co2e"].values
	return {root: float(totals[structure.index(root)]) for root in roots}


def a_graph(seed: int) -> tuple[list[BomLine], dict[str, Decimal], list[str], set[str]]:
	"""A random acyclic structure with shared parts, quantities over six decades, figures of assemblies
	too, and some suppliers' figures that end the descent."""
	dice = random.Random(seed)
	size = dice.randint(5, 120)
	names = [f"n{place:03d}" for place in range(size)]
	lines: list[BomLine] = []
	for place in range(3, size):
		for child in dice.sample(range(place), min(place, dice.randint(0, 6))):
			quantity = Decimal(dice.randint(1, 9_000)).scaleb(-dice.choice((3, 4, 6)))
			lines.append(BomLine(parent=names[place], child=names[child], quantity=quantity))
	own = {
		name: Decimal(dice.randint(0, 10**7)).scaleb(-dice.randint(0, 9))
		for name in names
		if dice.random() < 0.7
	}
	above = sorted({line.parent for line in lines} & own.keys())
	stops = set(dice.sample(above, len(above) // 5))
	return lines, own, names[-3:], stops


@pytest.mark.parametrize("seed", range(12))
def test_random_structures_equal_the_solved_matrix(seed: int) -> None:
	lines, own, roots, stops = a_graph(seed)
	ours, theirs = by_us(lines, own, roots, stops), by_matrix(lines, own, roots, stops)
	assert ours == pytest.approx(theirs, rel=RELATIVE, abs=1e-12)
	assert any(ours.values())


def test_the_products_of_the_demo_equal_the_solved_matrix() -> None:
	folder = resources.files("apg").joinpath("demo", "inventree")
	text = folder.joinpath("inventree_demo_2024-02-28_parts_bom.json").read_text("utf-8")
	items = [row["fields"] for row in json.loads(text) if row["model"] == "part.bomitem"]
	lines = [
		BomLine(
			parent=f"part-{one['part']}",
			child=f"part-{one['sub_part']}",
			quantity=Decimal(one["quantity"]),
		)
		for one in items
	]
	parents = {line.parent for line in lines}
	leaves = sorted({line.child for line in lines} - parents)
	dice = random.Random(20261122)
	own = {name: Decimal(dice.randint(1, 10**6)).scaleb(-6) for name in leaves}
	roots = sorted(parents)
	ours, theirs = by_us(lines, own, roots, set()), by_matrix(lines, own, roots, set())
	assert len(roots) == 20
	assert ours == pytest.approx(theirs, rel=RELATIVE)


def test_a_supplier_s_figure_is_counted_once_and_nothing_below_it() -> None:
	lines = [
		BomLine(parent="car", child="motor", quantity=Decimal(2)),
		BomLine(parent="motor", child="copper", quantity=Decimal(5)),
		BomLine(parent="car", child="copper", quantity=Decimal(1)),
	]
	own = {"copper": Decimal(4), "motor": Decimal(15)}
	assert by_us(lines, own, ["car"], {"motor"}) == {"car": 2 * 15 + 4}
	assert by_us(lines, own, ["car"], set()) == {"car": 2 * (15 + 5 * 4) + 4}
	assert by_matrix(lines, own, ["car"], {"motor"})["car"] == pytest.approx(34, rel=RELATIVE)
