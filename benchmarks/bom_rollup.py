"""The roll-up on 1,000,000 lines, 272,100 nodes, depth 10, four quantities, children by Zipf.

Ours computes totals, places in all and places without a figure for every node, and names what is
missing below the root. The references compute totals only: networkx by topological order, numpy by
levels on arrays that are ready (`add.at`, `bincount`, `add.reduceat`; the best of them counts). All
answers are checked against each other before anything is timed.
"""

from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise

import networkx as nx
import numpy as np

from apg.capabilities.plm.shared.bom_math import RollUp, roll_up
from apg.capabilities.plm.shared.figures import Figures
from apg.capabilities.plm.shared.structure import Structure
from benchmarks.report import Report, race

LINES = 1_000_000
LEAVES = 200_000
ASSEMBLIES = (36_000, 18_000, 9_000, 4_500, 2_250, 1_125, 600, 325, 200, 100)
QUANTITIES = ("cost", "mass", "co2e", "water")
KNOWN = 0.97


def make_columns(seed: int = 20261101):
	"""Ids, ends and quantities: each assembly holds one of the level below and others by popularity."""
	chance = np.random.default_rng(seed)
	bounds = np.cumsum([0, LEAVES, *ASSEMBLIES])
	nodes, assemblies = int(bounds[-1]), int(bounds[-1]) - LEAVES
	share = chance.dirichlet(np.full(assemblies, 0.6))
	count = 2 + chance.multinomial(LINES - 2 * assemblies, share)
	parent = np.repeat(np.arange(LEAVES, nodes), count)
	level = np.searchsorted(bounds, np.arange(LEAVES, nodes), side="right") - 1
	below = bounds[level].repeat(count)
	leaf = zipf(chance, np.full(LINES, LEAVES))
	deeper = LEAVES + zipf(chance, np.maximum(below - LEAVES, 1))
	child = np.where((chance.random(LINES) < 0.85) | (below <= LEAVES), leaf, deeper)
	first = np.cumsum(count) - count
	low, high = bounds[level - 1], bounds[level]
	child[first] = low + (chance.random(assemblies) * (high - low)).astype(np.int64)
	shuffled = chance.permutation(nodes)
	rows = chance.permutation(LINES)
	ids = np.array([f"019a2f31-7c55-7d3e-9b1a-{number:012x}" for number in range(nodes)], "S36")
	quantity = chance.integers(1, 9, LINES) * 1_000_000
	return ids, shuffled[parent][rows], shuffled[child][rows], quantity[rows]


def zipf(chance: np.random.Generator, size: np.ndarray) -> np.ndarray:
	"""Ranks below `size`, the one at rank r with a chance of about 1 / r."""
	ranks = np.exp(chance.random(size.size) * np.log(size + 1)).astype(np.int64) - 1
	return np.minimum(ranks, size - 1)


def make_figures(structure: Structure, seed: int = 1) -> dict[str, Figures]:
	chance = np.random.default_rng(seed)
	n = structure.node_count
	return {
		name: Figures.scaled(
			chance.integers(1, 10**8, n), 6, structure.leaf & (chance.random(n) < KNOWN)
		)
		for name in QUANTITIES
	}


def by_networkx(
	structure: Structure, figures: dict[str, Figures]
) -> Callable[[], dict[int, list[float]]]:
	parent = structure.line_parents(np.arange(structure.line_count))
	weights: dict[tuple[int, int], float] = {}
	ends = zip(parent.tolist(), structure.child.tolist(), strict=True)
	for edge, each in zip(ends, structure.per_unit().tolist(), strict=True):
		weights[edge] = weights.get(edge, 0.0) + each
	graph = nx.DiGraph()
	graph.add_nodes_from(range(structure.node_count))
	graph.add_weighted_edges_from((*edge, weight) for edge, weight in weights.items())
	own = [np.where(each.known, each.values, 0.0).tolist() for each in figures.values()]

	def work() -> dict[int, list[float]]:
		totals: dict[int, list[float]] = {}
		for node in reversed(list(nx.topological_sort(graph))):
			total = [column[node] for column in own]
			for child, data in graph.adj[node].items():
				below, weight = totals[child], data["weight"]
				for place, value in enumerate(below):
					total[place] += weight * value
			totals[node] = total
		return totals

	return work


def by_numpy(
	structure: Structure, figures: dict[str, Figures]
) -> dict[str, Callable[[], list[np.ndarray]]]:
	"""Three plain ways, one column after the other, on arrays that are sorted already."""
	own = [np.where(each.known, each.values, 0.0) for each in figures.values()]
	parent = structure.line_parents(np.arange(structure.line_count))
	child, weight, first = structure.child, structure.per_unit(), structure.line_first
	levels = [
		(low, high, int(first[low]), int(first[high]))
		for low, high in pairwise(structure.level_first.tolist()[1:])
	]

	def add_at(total: np.ndarray, low: int, high: int, begin: int, end: int) -> None:
		np.add.at(total, parent[begin:end], total[child[begin:end]] * weight[begin:end])

	def bincount(total: np.ndarray, low: int, high: int, begin: int, end: int) -> None:
		brought = total[child[begin:end]] * weight[begin:end]
		total[low:high] += np.bincount(parent[begin:end] - low, brought, high - low)

	def reduceat(total: np.ndarray, low: int, high: int, begin: int, end: int) -> None:
		brought = total[child[begin:end]] * weight[begin:end]
		total[low:high] += np.add.reduceat(brought, first[low:high] - begin)

	def every(step: Callable[..., None]) -> Callable[[], list[np.ndarray]]:
		def work() -> list[np.ndarray]:
			totals = [column.copy() for column in own]
			for total in totals:
				for level in levels:
					step(total, *level)
			return totals

		return work

	return {"add.at": every(add_at), "bincount": every(bincount), "add.reduceat": every(reduceat)}


def run(report: Report) -> None:
	columns = make_columns()
	ids, parent, child, _ = columns
	structure = Structure.from_arrays(*columns)
	figures = make_figures(structure)
	uses = np.bincount(structure.child, minlength=structure.node_count)
	root = structure.name(structure.node_count - 1)
	shape = f"{structure.line_count:,} lines, {structure.node_count:,} nodes, {uses.max():,} uses at most"

	def ours() -> RollUp:
		rolled = roll_up(structure, figures)
		for name in QUANTITIES:
			rolled.report(root, name)
		return rolled

	plain, graph = by_numpy(structure, figures), by_networkx(structure, figures)
	rolled = ours()
	check(rolled, graph(), {name: work() for name, work in plain.items()})

	(slow,) = race(graph, repeat=1)
	taken, *others = race(ours, *plain.values(), repeat=9)
	best, name = min(zip(others, plain, strict=True))
	work = "roll-up, 4 quantities, coverage, gaps named"
	report.row(work, taken * 1e3, "ms", reference=slow * 1e3, against="networkx, totals only",
		at_least=20, note=shape)  # fmt: skip
	report.row(work, taken * 1e3, "ms", reference=best * 1e3,
		against=f"numpy {name}, totals only", at_least=1 / 3)  # fmt: skip

	three = {name: figures[name] for name in ("cost", "mass", "water")}
	both = race(lambda: roll_up(structure, three), lambda: roll_up(structure, figures), repeat=9)
	report.row("CO2e of all nodes, in the pass of cost and mass: what it adds", (both[1] - both[0]) * 1e3,
		"ms", limit=200, note=f"{both[0] * 1e3:.0f} ms with three quantities, {both[1] * 1e3:.0f} with four")  # fmt: skip

	parents, children = ids[parent], ids[child]

	def load() -> None:
		built = Structure.from_arrays(ids, parents, children, columns[3])
		roll_up(built, figures)

	report.row("the same from columns of ids as they arrive", race(load, repeat=3)[0] * 1e3, "ms",
		limit=1000, note="sorted, levelled, checked for cycles; without the database")  # fmt: skip
	changes(report, structure, rolled, uses)


def check(
	rolled: RollUp, graph: dict[int, list[float]], plain: dict[str, list[np.ndarray]]
) -> None:
	"""Everybody must have computed the same."""
	for place, name in enumerate(QUANTITIES):
		mine = rolled[name].values
		theirs = np.array([graph[node][place] for node in range(mine.size)])
		np.testing.assert_allclose(mine, theirs, rtol=1e-11)
		for totals in plain.values():
			np.testing.assert_allclose(mine, totals[place], rtol=1e-11)
	if rolled["cost"].complete.all() or not rolled["cost"].missing.any():
		raise AssertionError("the structure has no gaps: nothing was measured")


def changes(report: Report, structure: Structure, rolled: RollUp, uses: np.ndarray) -> None:
	"""One price changes: at a part of ordinary use, and at the one that is used most."""
	leaves = np.flatnonzero(structure.leaf & (uses > 0))
	ranked = leaves[np.argsort(uses[leaves], kind="stable")]
	for words, node in (("median", ranked[ranked.size // 2]), ("most used", ranked[-1])):
		part = structure.name(int(node))
		above = structure.ancestors(np.array([node])).size - 1

		def change(part: str = part) -> None:
			rolled.updated({"cost": {part: Decimal("3.14")}})

		report.row(f"one leaf changes ({words})", race(change, repeat=9)[0] * 1e3, "ms", limit=50,
			note=f"{int(uses[node]):,} uses, {above:,} ancestors computed again")  # fmt: skip
