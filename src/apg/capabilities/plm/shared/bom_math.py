"""The roll-up: any number of quantities through a product structure in one pass, gaps named.

A node's total is what it has of its own plus, for each line, the required quantity times the child's
total. Cost, mass and carbon differ only in what is given as `Figures`. Missing is never counted as 0:
totals hold what is known and stand beside the number of places that lack a figure.

Coverage of a node = places with a figure / places that need one, counted where they occur in the
full tree (a screw used in four places counts four times), so that it comes out of the same pass for
all nodes. For one root `RollUp.report` adds the share of distinct items.

Accuracy: float64, sums in pairs and in canonical order, whole numbers for rounding up: within 1e-12
of exact fractions, relative to the sum of magnitudes. Recorded values: `RollUp.recorded`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from itertools import islice

from apg.capabilities.plm.shared.bom_exact import quantise, roll_up_exact
from apg.capabilities.plm.shared.errors import DomainError
from apg.capabilities.plm.shared.explosion import explode
from apg.capabilities.plm.shared.figures import Amount, Figures
from apg.capabilities.plm.shared.levels import BoolArray, FloatArray, IntArray
from apg.capabilities.plm.shared.structure import Lots, Structure
from apg.capabilities.plm.shared.sweeps import Column, sweep_up, sweep_up_some
from apg.kernel.later import numpy as np


class GapReason(StrEnum):
	NO_FIGURE = "no_figure"
	QUANTITY_UNKNOWN = "quantity_unknown"


@dataclass(frozen=True, slots=True)
class Gap:
	"""Something that keeps a total from being complete.

	no_figure: `item` has no figure; `amount` of it (its base unit) is needed in all.
	quantity_unknown: a line of `parent` does not say how much of `item` it takes; amount is None.
	"""

	item: str
	reason: GapReason
	amount: float | None = None
	parent: str | None = None
	line: str | None = None


@dataclass(frozen=True, slots=True)
class Contribution:
	"""What one item brings to a root: `amount` of it times its own figure `each`."""

	item: str
	amount: float
	each: float
	value: float


@dataclass(frozen=True, slots=True)
class Report:
	"""One root and one quantity, as a page shows them.

	`coverage` counts places in the tree, `item_coverage` distinct items (and lines of unknown
	quantity); `gap_count` is the number of all gaps, also when `gaps` was limited.
	"""

	total: float
	complete: bool
	coverage: float
	item_coverage: float
	items_needed: int
	gap_count: int
	gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Totals:
	"""One quantity for all nodes, (n,) each: the known sum, places without a figure, places in all."""

	values: FloatArray
	missing: FloatArray
	needed: FloatArray

	@property
	def coverage(self) -> FloatArray:
		return 1.0 - self.missing / self.needed

	@property
	def complete(self) -> BoolArray:
		return self.missing == 0.0


@dataclass(frozen=True, slots=True, eq=False)
class RollUp:
	"""Totals of every quantity for every node, and answers about single roots. Never changed."""

	structure: Structure
	lots: Lots
	figures: Mapping[str, Figures]
	totals: Mapping[str, Totals]
	_amounts: dict[tuple[str, str], tuple[BoolArray | None, FloatArray]] = field(
		default_factory=lambda: {}
	)

	def __getitem__(self, quantity: str) -> Totals:
		return self.totals[quantity]

	def report(
		self, root: str, quantity: str, *, amount: float = 1.0, limit: int | None = None
	) -> Report:
		"""Total, coverage and named gaps of one root; `amount` roots scale total and gap amounts."""
		structure, figures, totals = self.structure, self.figures[quantity], self.totals[quantity]
		index = structure.index(root)
		stopped = figures.stopped
		amounts = self._needed(root, quantity)
		if amount != 1.0:
			amounts = amounts * amount
		nodes = np.flatnonzero(amounts)
		own = structure.leaf[nodes]
		for more in (figures.required, stopped):
			if more is not None:
				own = own | more[nodes]
		needed = nodes[own]
		lacking = needed[~figures.known[needed]]
		lines = structure.unknown
		parents = structure.line_parents(lines)
		here = amounts[parents] > 0
		if stopped is not None:
			here &= ~stopped[parents]
		lines, parents = lines[here], parents[here]
		count = int(lacking.size + lines.size)
		places = int(needed.size + lines.size)
		gaps = self._gaps(amounts, lacking, lines, parents)
		return Report(
			total=float(totals.values[index]) * amount,
			complete=not count,
			coverage=float(1.0 - totals.missing[index] / totals.needed[index]),
			item_coverage=1.0 - count / places,
			items_needed=places,
			gap_count=count,
			gaps=tuple(islice(gaps, limit)),
		)

	def _needed(self, root: str, quantity: str) -> FloatArray:
		"""How much of each node one root takes; found once, and kept while descent ends there."""
		stopped = self.figures[quantity].stopped
		for (of, _name), (ends, amounts) in self._amounts.items():
			if of == root and _equal(ends, stopped):
				return amounts
		amounts = explode(self.structure, root, lots=self.lots, stops=stopped).amounts
		self._amounts[root, quantity] = stopped, amounts
		while len(self._amounts) > _MOST_AMOUNTS:
			del self._amounts[next(iter(self._amounts))]
		return amounts

	def learns(self, root: str, stopped: BoolArray | None, amounts: FloatArray) -> None:
		"""Takes over how much of each node (n,) one root takes, where descent ends at `stopped`."""
		self._amounts[root, ""] = stopped, amounts

	def _gaps(
		self, amounts: FloatArray, lacking: IntArray, lines: IntArray, parents: IntArray
	) -> Iterator[Gap]:
		structure = self.structure
		for node in lacking.tolist():
			yield Gap(structure.name(node), GapReason.NO_FIGURE, float(amounts[node]))
		for line, parent in zip(lines.tolist(), parents.tolist(), strict=True):
			child = structure.name(int(structure.child[line]))
			name = structure.line_name(line)
			yield Gap(child, GapReason.QUANTITY_UNKNOWN, None, structure.name(parent), name)

	def contributions(
		self, root: str, quantity: str, *, amount: float = 1.0, limit: int | None = None
	) -> list[Contribution]:
		"""What each item brings to the root, largest first; they add up to its total."""
		structure, figures = self.structure, self.figures[quantity]
		amounts = self._needed(root, quantity)
		if amount != 1.0:
			amounts = amounts * amount
		nodes = np.flatnonzero((amounts > 0) & figures.known)
		value = amounts[nodes] * figures.values[nodes]
		if limit is not None and limit < nodes.size:  # the others need not be sorted
			size = np.abs(value)
			least = np.partition(size, nodes.size - limit)[nodes.size - limit] if limit else np.inf
			largest = np.flatnonzero(size >= least)
			nodes, value = nodes[largest], value[largest]
		order = np.argsort(-np.abs(value), kind="stable")[:limit]
		return [
			Contribution(structure.name(node), float(amounts[node]), float(figures.values[node]), v)
			for node, v in zip(nodes[order].tolist(), value[order].tolist(), strict=True)
		]

	def recorded(self, root: str, quantity: str, digits: int) -> Decimal:
		"""The total as it goes on record: half-even to `digits` decimals, ties decided exactly."""
		structure, figures = self.structure, self.figures[quantity]
		index = structure.index(root)
		total = float(self.totals[quantity].values[index])
		scale = abs(total)
		if figures.signed:  # credits cancel: the error follows the magnitudes, not the total
			amounts = self._needed(root, quantity)
			scale = float(np.abs(amounts * figures.values).sum())
		return quantise(
			total, digits, lambda: roll_up_exact(structure, figures, root, lots=self.lots), scale
		)

	def updated(self, changes: Mapping[str, Mapping[str, Amount | None]]) -> RollUp:
		"""The roll-up after some figures changed: `{quantity: {node: figure or None}}`.

		Only those nodes and their ancestors are computed again, in the changed quantities; the result
		equals a whole new roll-up bit for bit. None takes a figure away. The old one stays valid.
		"""
		figures = dict(self.figures)
		for quantity, change in changes.items():
			nodes = self.structure.indexes(list(change))
			figures[quantity] = figures[quantity].changed(nodes, list(change.values()))
		return self.with_figures(figures)

	def with_figures(self, figures: Mapping[str, Figures]) -> RollUp:
		"""The roll-up of other figures of the same quantities, at the cost of what differs."""
		structure = self.structure
		made: dict[str, Figures] = {}
		totals: dict[str, Totals] = {}
		for quantity, given in figures.items():
			old = self.figures[quantity]
			made[quantity] = new = given if given is old else given.checked(quantity, structure)
			nodes = _differing(old, new)
			if not nodes.size:
				totals[quantity] = self.totals[quantity]
				continue
			affected = structure.ancestors(nodes)
			columns = _columns(structure, new, structure.per_unit(self.lots))
			before = self.totals[quantity]
			finished = (before.values + 1j * before.missing, before.needed)
			for column, settled in zip(columns, finished, strict=False):
				own = column.total[affected]
				column.total[:] = settled
				column.total[affected] = own
			sweep_up_some(structure, affected, columns)
			totals[quantity] = _checked(structure, columns)
		return RollUp(structure, self.lots, made, totals, dict(self._amounts))


_MOST_AMOUNTS = 4


def _equal(one: BoolArray | None, other: BoolArray | None) -> bool:
	if one is None or other is None:
		held = other if one is None else one
		return held is None or not bool(held.any())
	return bool(np.array_equal(one, other))


def _differing(old: Figures, new: Figures) -> IntArray:
	"""Nodes of which anything that is summed up differs."""
	if old is new:
		return np.zeros(0, np.int64)
	differ = (old.values != new.values) | (old.known != new.known)
	none = np.zeros(differ.size, np.bool_)
	for one, other in ((old.required, new.required), (old.stopped, new.stopped)):
		if one is not other:
			differ |= (none if one is None else one) != (none if other is None else other)
	return np.flatnonzero(differ)


def roll_up(
	structure: Structure,
	figures: Mapping[str, Figures],
	*,
	stops: Iterable[str] = (),
	lots: Lots = 1,
) -> RollUp:
	"""Rolls all quantities up for all nodes in one pass over the levels.

	`stops` names nodes whose own figure, in each quantity where it is known, is the whole figure: a
	purchased assembly with a price, a supplier's declared footprint. Where it is not known there,
	descent goes on. `Figures.stops` says the same for one quantity. `lots` are the build lots over
	which fixed and setup quantities are spread. Raises DomainError when a total leaves float64.
	"""
	ends = structure.indexes(list(stops))
	effective = {
		name: given.checked(name, structure).stopping_at(ends) for name, given in figures.items()
	}
	weight = structure.per_unit(lots)
	columns = {name: _columns(structure, given, weight) for name, given in effective.items()}
	sweep_up(structure, [column for some in columns.values() for column in some])
	totals = {name: _checked(structure, some) for name, some in columns.items()}
	return RollUp(structure, lots, effective, totals)


def _columns(structure: Structure, figures: Figures, weight: FloatArray) -> list[Column]:
	"""Values with the places that lack a figure; places in all only when figures decide on them."""
	stopped, unknown = figures.stopped, structure.unknown_below
	need = structure.leaf if figures.required is None else structure.leaf | figures.required
	both = np.empty(structure.node_count, dtype=np.complex128)
	both.real = figures.values
	both.imag = need & ~figures.known
	columns = [Column(both, weight, structure.counted, stopped)]
	if stopped is not None or figures.required is not None:
		columns.append(Column(need.astype(np.float64), structure.counted, None, stopped))
	if unknown is not None:
		both.imag += unknown
		for column in columns[1:]:
			column.total += unknown
	if stopped is not None:
		both.imag[stopped] = 0.0
		columns[1].total[stopped] = 1.0
	return columns


def _checked(structure: Structure, columns: list[Column]) -> Totals:
	both = columns[0].total
	needed = columns[1].total.real if len(columns) == 2 else structure.positions
	arrays = (both.real.copy(), both.imag.copy(), needed)
	for array in arrays:
		finite = np.isfinite(array)
		if not finite.all():
			node = structure.name(int(np.argmin(finite)))
			raise DomainError(
				"quantity", f"the total of {node!r} is beyond 1.8e308", "Check its quantities."
			)
		array.flags.writeable = False
	return Totals(*arrays)
