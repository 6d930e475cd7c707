"""Cost, mass and CO2e of a structure in one pass, with what is missing and why.

A recorded price or mass is that of the whole item. Where an item is bought (purchased, raw material,
service) and has one, it ends the descent; an item made here is the sum of its lines, and a figure
recorded for it is shown beside, never added. An item without lines needs a figure of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import cached_property, partial
from time import monotonic
from typing import Any

from apg.capabilities.plm.shared.bom_exact import quantise
from apg.capabilities.plm.shared.bom_math import Gap, GapReason, Report, RollUp, roll_up
from apg.capabilities.plm.shared.explosion import explode
from apg.capabilities.plm.shared.figures import Figures
from apg.capabilities.plm.shared.levels import BoolArray, FloatArray, IntArray
from apg.capabilities.plm.shared.lifecycle import ProductType
from apg.capabilities.plm.shared.lines import KIND_CODES, QuantityKind
from apg.capabilities.plm.structures import exact
from apg.capabilities.plm.structures.carbon import CO2E, NodeCarbon, carbon_of
from apg.capabilities.plm.structures.fixed_rows import aside
from apg.capabilities.plm.structures.kept_rollups import KeptRollUp, Offer, followed, rollup_cache
from apg.capabilities.plm.structures.loading import TYPES
from apg.capabilities.plm.structures.masses import Masses, masses_of
from apg.capabilities.plm.structures.prices import REASONS, Costs, PriceLists, Prices, price_lists
from apg.capabilities.plm.structures.snapshots import Snapshot
from apg.capabilities.plm.structures.versions import mark_of
from apg.contracts.esg import ItemCarbon
from apg.kernel.later import numpy as np
from apg.kernel.work import Work

COST, MASS = "cost", "mass"
DIGITS = {COST: exact.DIGITS, MASS: exact.DIGITS, CO2E: 9}
MOST_SIGNIFICANT = 10
"""Of totals of large structures: of more, floats would leave every one to fractions, which takes seconds."""
BOUGHT = tuple(
	TYPES.index(each)
	for each in (ProductType.PURCHASED, ProductType.RAW_MATERIAL, ProductType.SERVICE)
)
_SERVICE = TYPES.index(ProductType.SERVICE)


class Lack(StrEnum):
	"""Why a place in the structure has no figure."""

	NO_PRICE = "no_price"
	PRICE_NOT_YET_VALID = "price_not_yet_valid"
	NO_RATE = "no_rate"
	NO_MASS = "no_mass"
	MASS_UNIT = "mass_unit_not_convertible"
	AS_REQUIRED = "as_required"
	NO_QUANTITY = "quantity_not_given"
	UNIT = "unit_not_convertible"


_ANY = {COST: str(Lack.NO_PRICE), MASS: str(Lack.NO_MASS), CO2E: "unknown_revision"}


@dataclass(frozen=True, slots=True)
class Told:
	"""A total with its gaps (why, and how much is needed) and largest contributions (item, quantity,
	figure of one, value, the same as a float)."""

	report: Report
	unit_total: Decimal | None
	total: Decimal | None
	gaps: list[tuple[Gap, str, Decimal | None]]
	contributions: list[tuple[str, Decimal, Decimal | None, Decimal, float]]

	def named(self) -> set[str]:
		"""The nodes it speaks of."""
		gaps = {name for gap, *_more in self.gaps for name in (gap.item, gap.parent) if name}
		return gaps | {item for item, *_more in self.contributions}


@dataclass(frozen=True, eq=False)
class RolledUp:
	"""The totals of one root in a context: quantity, lot, currency and day."""

	snapshot: Snapshot
	root: str
	quantity: Decimal
	lot: int
	rolled: RollUp
	masses: Masses
	prices: Prices | None
	carbon: NodeCarbon | None = None

	@cached_property
	def below(self) -> IntArray:
		"""The root and all that it contains, ascending."""
		return self.snapshot.below(self.root)

	@cached_property
	def line_count(self) -> int:
		"""The lines below the root, each once."""
		first = self.snapshot.structure.line_first
		return int((first[self.below + 1] - first[self.below]).sum())

	@cached_property
	def _exact(self) -> Mapping[str, exact.Ratios] | None:
		structure = self.snapshot.structure
		if self.line_count > exact.MOST_LINES:
			return None
		walk = exact.ExactWalk(structure, self.below, self.lot)
		return {
			name: walk.totals(figures.exact, figures.stopped)
			for name, figures in self.rolled.figures.items()
		}

	def total(self, name: str, node: int, times: Fraction = Fraction(1)) -> Decimal | None:
		"""The known part of `times` of a node, to 6 decimals half-even (CO2e 9); None when nothing is
		known.

		Beyond 20,000 lines: to 10 significant digits at most, of which the root's are exact.
		"""
		totals = self.rolled[name]
		if totals.missing[node] and totals.missing[node] == totals.needed[node]:
			return None
		if self._exact is not None:
			return self._exact[name].decimal(node, DIGITS[name], times)
		value = float(totals.values[node]) * float(times)
		digits = MOST_SIGNIFICANT - len(str(int(abs(value))))
		structure = self.snapshot.structure
		if node != structure.index(self.root):
			return exact.decimal_of(Fraction(value), max(0, min(DIGITS[name], digits)))

		def precisely() -> Fraction:
			figures = self.rolled.figures[name]
			walk = exact.ExactWalk(structure, self.below, self.lot)
			return walk.totals(figures.exact, figures.stopped)[node] * times

		return quantise(value, min(DIGITS[name], digits), precisely)

	def told(self, name: str, limit: int, most: int) -> Told:
		"""What an answer says of a quantity, at most `limit` gaps and `most` contributions; worked out
		once."""
		asked = (name, limit, most)
		if asked not in self._told:
			self._told[asked] = self._tell(name, limit, most)
		return self._told[asked]

	def _tell(self, name: str, limit: int, most: int) -> Told:
		times, node = Fraction(self.quantity), self.node_of(self.root)
		report = self.rolled.report(self.root, name, amount=float(times), limit=limit)
		largest = self.rolled.contributions(self.root, name, amount=float(times), limit=most)
		return Told(
			report,
			self.total(name, node),
			self.total(name, node, times),
			[(gap, self.lack_of(name, gap), _quantity(gap.amount)) for gap in report.gaps],
			[
				(
					each.item,
					exact.quantity_of(each.amount),
					self.own(name, self.node_of(each.item)),
					exact.decimal_of(Fraction(each.value), DIGITS[name]),
					each.value,
				)
				for each in largest
			],
		)

	@cached_property
	def _told(self) -> dict[tuple[str, int, int], Told]:
		return {}

	def like(self, before: RolledUp) -> None:
		"""Keeps what `before`, of the same structure and question, worked out of what is the same here."""
		old, new = before.__dict__, self.__dict__
		new.update({name: old[name] for name in _OF_STRUCTURE if name in old})
		same = {
			MASS: self.masses is before.masses,
			CO2E: self.carbon is before.carbon,
			COST: self.prices is before.prices,
		}
		self._told.update(
			{
				asked: told
				for asked, told in before._told.items()
				if same[asked[0]] and self.rolled[asked[0]] is before.rolled[asked[0]]
			}
		)

	def own(self, name: str, node: int) -> Decimal | None:
		"""What is recorded for the item itself: a unit price, a mass in kg, or its own kg CO2e."""
		if name == CO2E:
			figures = self.rolled.figures[name]
			return exact.decimal_of(figures.exact(node), 12) if figures.known[node] else None
		if name == MASS:
			if not self.masses.known[node]:
				return None
			return exact.decimal_of(self.masses.exact(node), exact.QUANTITY_DIGITS)
		item = int(self.snapshot.item[node])
		if self.prices is None or not self.prices.known[item]:
			return None
		return exact.decimal_of(self.prices.exact(item), exact.QUANTITY_DIGITS)

	def complete(self, name: str, node: int) -> bool:
		return not self.rolled[name].missing[node]

	def coverage(self, name: str, node: int) -> float:
		return float(self.rolled[name].coverage[node])

	def lack(self, name: str, node: int) -> str | None:
		"""Why this very node brings no figure, where it needs one: a Lack, or ESG's reason."""
		figures = self.rolled.figures[name]
		if self.carbon is not None and name == CO2E:
			missing = self.carbon.missing(node)
			return None if missing is None else missing.reason
		if figures.known[node] or not self.snapshot.structure.leaf[node]:
			return None
		if name == MASS:
			return Lack.MASS_UNIT if self.masses.given[node] else Lack.NO_MASS
		assert self.prices is not None
		return Lack(str(REASONS[int(self.prices.reason[self.snapshot.item[node]])]))

	def figures_of(self, node: int) -> Mapping[str, Any]:
		"""What does not depend on where a node stands; worked out once for each."""
		if node not in self._shown:
			self._shown[node] = {
				key: value
				for name in self.rolled.figures
				for key, value in (
					(f"own_{name}", self.own(name, node)),
					(f"rolled_{name}", self.total(name, node)),
					(f"{name}_complete", self.complete(name, node)),
					(f"{name}_lack", self._lack_word(name, node)),
				)
			}
			if self.carbon is not None:
				self._shown[node]["co2e_estimated"] = bool(self.carbon.estimated[node])
		return self._shown[node]

	def node_of(self, revision_id: str) -> int:
		"""The node's number; asked for row by row."""
		if revision_id not in self._places:
			self._places[revision_id] = self.snapshot.structure.index(revision_id)
		return self._places[revision_id]

	@cached_property
	def _unknown(self) -> frozenset[int]:
		return frozenset(self.snapshot.structure.unknown.tolist())

	@cached_property
	def _places(self) -> dict[str, int]:
		return {}

	@cached_property
	def _shown(self) -> dict[int, dict[str, Any]]:
		return {}

	def _lack_word(self, name: str, node: int) -> str | None:
		lack = self.lack(name, node)
		return None if lack is None else str(lack)

	def lack_of(self, name: str, gap: Gap) -> str:
		"""The reason behind a gap of a report."""
		structure = self.snapshot.structure
		node = self.node_of(gap.item)
		if gap.reason is GapReason.NO_FIGURE or gap.parent is None:
			return self.lack(name, node) or _ANY[name]
		unknown = self._unknown
		for line in structure.line_range(self.node_of(gap.parent)):
			if int(structure.child[line]) == node and line in unknown:
				if self.snapshot.unconvertible[line]:
					return Lack.UNIT
				if structure.kind[line] == KIND_CODES[QuantityKind.AS_REQUIRED]:
					return Lack.AS_REQUIRED
		return Lack.NO_QUANTITY


def _quantity(amount: float | None) -> Decimal | None:
	return None if amount is None else exact.quantity_of(amount)


_OF_STRUCTURE = ("below", "line_count", "_places", "_unknown")


async def roll_up_product(
	work: Work,
	snapshot: Snapshot,
	root: str,
	*,
	quantity: Decimal = Decimal(1),
	lot: int = 1,
	currency: str,
	day: date,
	costs: Costs | None,
) -> RolledUp:
	"""Cost (at the prices for `quantity` of the root), mass and CO2e of every node, in one pass.

	Without `costs` no cost; CO2e where ESG is on and the reader may see it.

	`lot` units of every product are built together: over them fixed and setup quantities spread.
	"""
	structure = snapshot.structure
	cache = rollup_cache()
	mark = (costs.mark if costs else None) or await mark_of(work)
	shown = work.port(ItemCarbon).shown(work)
	key = (
		work.principal.tenant_id,
		root,
		snapshot.rule,
		snapshot.view,
		quantity,
		lot,
		currency,
		day,
	)
	key = (*key, costs is not None, shown)
	kept = cache.find(key)
	if kept is not None and kept.found.snapshot.structure is not structure:
		kept = None
	before = kept.found if kept is not None else None
	bought = np.isin(np.arange(len(TYPES)), BOUGHT)[snapshot.type]
	ends = bought & ~structure.leaf
	counts = structure.leaf | bought
	same = before is not None and before.snapshot is snapshot
	masses = before.masses if before and same else await masses_of(work, snapshot)
	figures = {
		MASS: Figures(masses.values, masses.known & counts, None, ends, masses.exact),
	}
	carbon = await carbon_of(work, snapshot, root, day, masses)
	if carbon is not None and before and before.carbon and same and carbon.same(before.carbon):
		carbon = before.carbon
	if carbon is not None:
		figures[CO2E] = carbon.figures
	offer: Offer | None = None
	if costs is not None:
		if kept is not None and kept.offer is not None and np.array_equal(ends, kept.ends):
			offer = await followed(work, kept, kept.offer)
		if offer is None:
			lists = await price_lists(
				work,
				snapshot.item_words,
				costs,
				currency=currency,
				day=day,
				places=snapshot.places,
			)
			chosen = partial(_choose, snapshot, lists, root, quantity, lot, ends)
			offer = await aside(chosen, structure.line_count)
		prices = offer.prices
		figures[COST] = Figures(
			prices.values[snapshot.item],
			prices.known[snapshot.item] & counts,
			None,
			ends,
			_exact_prices(snapshot, prices),
		)
	prices = None if offer is None else offer.prices
	if before is not None and same and prices is before.prices and carbon is before.carbon:
		found = before
	elif before is not None and before.rolled.figures.keys() == figures.keys():
		rolled = await aside(partial(before.rolled.with_figures, figures), structure.line_count)
		found = RolledUp(snapshot, root, quantity, lot, rolled, masses, prices, carbon)
		found.like(before)
	else:
		rolled = await aside(partial(roll_up, structure, figures, lots=lot), structure.line_count)
		if offer is not None and offer.exploded is not None:
			rolled.learns(root, *offer.exploded)
		found = RolledUp(snapshot, root, quantity, lot, rolled, masses, prices, carbon)
	if not mark.own:
		cache.keep(key, KeptRollUp(mark, found, ends, offer, monotonic()))
	return found


def _choose(
	snapshot: Snapshot,
	lists: PriceLists,
	root: str,
	quantity: Decimal,
	lot: int,
	ends: BoolArray,
) -> Offer:
	has_price = lists.has_price()
	stops = ends & has_price[snapshot.item]
	needed = explode(snapshot.structure, root, lots=lot, stops=stops).amounts
	amounts = demand(snapshot, has_price, needed, quantity)
	return Offer(lists.choose(amounts), amounts, has_price, (stops, needed))


def demand(
	snapshot: Snapshot, has_price: BoolArray, needed: FloatArray, quantity: Decimal
) -> FloatArray:
	"""How much of each item is bought for so many of the root, all its places and revisions together.

	`needed` (n,) are the amounts of the nodes in one root; nothing below what is bought as a whole.
	"""
	found = np.bincount(snapshot.item, needed * float(quantity), has_price.size)
	return found.astype(np.float64, copy=False)


def _exact_prices(snapshot: Snapshot, prices: Prices) -> Callable[[int], Fraction]:
	def exactly(node: int) -> Fraction:
		return prices.exact(int(snapshot.item[node]))

	return exactly
