"""Cost, mass and carbon of everything a change touches, once for before and after.

What the roll-up of one product does (structures/rollup.py), for all end items in one pass: an item is
priced once, at the amount that the end item with the largest need takes, so that the difference of
two totals is never one of two price breaks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cached_property, partial

from apg.capabilities.plm.impact.graph import Graph
from apg.capabilities.plm.shared.bom_math import RollUp, roll_up
from apg.capabilities.plm.shared.explosion import explode
from apg.capabilities.plm.shared.figures import Figures
from apg.capabilities.plm.shared.impact_math import Fingerprints
from apg.capabilities.plm.shared.levels import BoolArray, FloatArray, IntArray
from apg.capabilities.plm.structures import exact
from apg.capabilities.plm.structures.carbon import CO2E, UNIT, NodeCarbon, carbon_of
from apg.capabilities.plm.structures.fixed_rows import aside
from apg.capabilities.plm.structures.masses import KILOGRAM, Masses, masses_of
from apg.capabilities.plm.structures.prices import Costs, PriceLists, Prices, price_lists
from apg.capabilities.plm.structures.rollup import BOUGHT, COST, DIGITS, MASS
from apg.kernel.later import numpy as np
from apg.kernel.work import Work

MOST_EXPLODED = 200
"""End items whose needs are looked at to choose price breaks; of more, prices are for one piece."""


@dataclass(frozen=True, slots=True)
class Change:
	"""One end item in one quantity; amounts of one unit, None where nothing is known."""

	before: Decimal | None
	after: Decimal | None
	certain: bool
	before_coverage: Decimal | None
	after_coverage: Decimal | None
	missing_before: int
	missing_after: int

	@property
	def delta(self) -> Decimal | None:
		return None if self.before is None or self.after is None else self.after - self.before


@dataclass(frozen=True, eq=False)
class Basis:
	"""The figures of the structure as it stands, and the differences above what is swapped."""

	graph: Graph
	rolled: RollUp
	masses: Masses
	prices: Prices
	carbon: NodeCarbon | None

	@property
	def metrics(self) -> dict[str, str]:
		"""Each with its unit."""
		found = {COST: self.prices.currency, MASS: KILOGRAM}
		return found | ({CO2E: UNIT} if self.carbon is not None else {})

	@cached_property
	def _exact(self) -> dict[str, Mapping[int, Fraction]] | None:
		"""Totals of the nodes of base, without rounding."""
		structure = self.graph.snapshot.structure
		if structure.line_count > exact.MOST_LINES:
			return None
		walk = exact.ExactWalk(structure, np.arange(structure.node_count), 1)
		return {
			name: _Totals(walk.totals(figures.exact, figures.stopped))
			for name, figures in self.rolled.figures.items()
		}

	@cached_property
	def _exact_deltas(self) -> dict[str, Mapping[int, Fraction]] | None:
		if self._exact is None:
			return None
		overlay = self.graph.overlay
		walk = exact.ExactWalk(overlay.after, np.arange(overlay.after.node_count), 1)
		found: dict[str, Mapping[int, Fraction]] = {}
		for name, figures in self.rolled.figures.items():
			own = overlay.own(self._exact[name])
			stopped = None if figures.stopped is None else figures.stopped[overlay.source]
			found[name] = _Totals(
				walk.totals(lambda at, own=own: own.get(at, Fraction(0)), stopped)
			)
		return found

	@cached_property
	def _deltas(self):
		return {
			name: self.graph.overlay.deltas(self.rolled[name], figures.stopped)
			for name, figures in self.rolled.figures.items()
		}

	@cached_property
	def _same_gaps(self) -> dict[str, BoolArray]:
		structure = self.graph.snapshot.structure
		return {
			name: Fingerprints(structure, figures).same(self.graph.overlay)
			for name, figures in self.rolled.figures.items()
		}

	def total(self, name: str, node: int) -> Fraction:
		"""The known total of a node as it stands."""
		if self._exact is not None:
			return self._exact[name][node]
		return Fraction(float(self.rolled[name].values[node]))

	def stopped(self, name: str) -> BoolArray | None:
		return self.rolled.figures[name].stopped

	def change(self, name: str, before: int | None, at: int) -> Change:
		"""`before` is a place in base, None for what is new; `at` one in the overlay."""
		base = int(self.graph.overlay.source[at]) if before is None else before
		totals, deltas = self.rolled[name], self._deltas[name]
		known = self.total(name, base)
		if self._exact_deltas is not None:
			moved = self._exact_deltas[name][at]
		else:
			moved = Fraction(float(deltas.values[at]))
		lacking, needed = float(totals.missing[base]), float(totals.needed[base])
		more, wanted = float(deltas.missing[at]), float(deltas.needed[at])
		nothing_before = before is None or bool(lacking and lacking == needed)
		left, asked = round(lacking + more), round(needed + wanted)
		nothing_after = bool(left and left == asked)
		return Change(
			None if nothing_before else exact.decimal_of(known, DIGITS[name]),
			None if nothing_after else exact.decimal_of(known + moved, DIGITS[name]),
			before is not None and bool(self._same_gaps[name][at]),
			None if before is None else _share(lacking, needed),
			_share(left, asked),
			0 if before is None else round(lacking),
			left,
		)

	def estimated(self, at: int) -> bool:
		"""Whether a carbon figure of the end item rests on an estimate."""
		overlay, carbon = self.graph.overlay, self.carbon
		if carbon is None:
			return False
		amounts = overlay.amounts(at)
		return bool(carbon.estimated[overlay.source[np.flatnonzero(amounts)]].any())


class _Totals(Mapping[int, Fraction]):
	"""Exact totals by node, worked out when they are asked for."""

	def __init__(self, ratios: exact.Ratios) -> None:
		self._ratios = ratios

	def __getitem__(self, node: int) -> Fraction:
		return self._ratios[node]

	def __iter__(self):
		return iter(self._ratios.numerators)

	def __len__(self) -> int:
		return len(self._ratios.numerators)


def _share(missing: float, needed: float) -> Decimal:
	if not needed:
		return Decimal(1)
	return exact.decimal_of(1 - Fraction(round(missing)) / Fraction(round(needed)), 6)


async def basis_of(work: Work, graph: Graph, *, currency: str, day: date) -> Basis:
	"""One roll-up of all that a change touches, at the prices, rates and factors of a day."""
	snapshot, structure = graph.snapshot, graph.snapshot.structure
	bought = np.isin(snapshot.type, BOUGHT)
	ends = bought & ~structure.leaf
	counts = structure.leaf | bought
	masses = await masses_of(work, snapshot)
	figures = {MASS: Figures(masses.values, masses.known & counts, None, ends, masses.exact)}
	carbon = await carbon_of(work, snapshot, None, day, masses)
	if carbon is not None:
		figures[CO2E] = carbon.figures
	lists = await price_lists(work, snapshot.item_words, Costs(work), currency=currency, day=day)
	prices = await aside(partial(_choose, graph, lists, ends), structure.line_count)
	item: IntArray = snapshot.item

	def price(node: int) -> Fraction:
		return prices.exact(int(item[node]))

	figures[COST] = Figures(prices.values[item], prices.known[item] & counts, None, ends, price)
	rolled = await aside(partial(roll_up, structure, figures), structure.line_count)
	return Basis(graph, rolled, masses, prices, carbon)


def _choose(graph: Graph, lists: PriceLists, ends: BoolArray) -> Prices:
	"""Prices at the largest need of any end item, before or after."""
	need = np.ones(lists.count)
	if lists.first.size == lists.item.size:  # no list has a second break
		return lists.choose(need)
	snapshot, overlay = graph.snapshot, graph.overlay
	found = overlay.ends()
	if len(found) > MOST_EXPLODED:
		return lists.choose(need)
	stops = ends & lists.has_price()[snapshot.item]
	largest = np.zeros(lists.count)
	swapped = {
		(old, new): _amounts(graph, new, stops) - _amounts(graph, old, stops)
		for old, new in overlay.swaps.items()
		if old != new
	}
	for before, at in found:
		amounts = _amounts(graph, before, stops)
		taken = overlay.amounts(at, stops)
		after = amounts.copy()
		for (_old, new), difference in swapped.items():
			after += taken[overlay.place[new]] * difference
		for side in (amounts, after):
			of_items = np.bincount(snapshot.item, side, lists.count)
			largest = np.maximum(largest, of_items)
	return lists.choose(np.where(largest > 0, largest, need))


def _amounts(graph: Graph, node: int, stops: BoolArray) -> FloatArray:
	structure = graph.snapshot.structure
	return explode(structure, structure.name(node), stops=stops).amounts.copy()
