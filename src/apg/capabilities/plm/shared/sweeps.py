"""The inner loops of the roll-up: sums over lines, level by level, whole or for some nodes only.

Every sum is taken over one parent's lines in canonical order by `numpy.add.reduceat`, which adds in
pairs: the error grows with the logarithm of the number of lines, and a node recomputed alone gives
the same bits as in a whole pass.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from apg.capabilities.plm.shared.levels import (
	BoolArray,
	ComplexArray,
	FloatArray,
	IntArray,
	slices,
	sorted_order,
)
from apg.kernel.later import numpy as np

if TYPE_CHECKING:
	from apg.capabilities.plm.shared.structure import Structure


@dataclass(slots=True, eq=False)
class Column:
	"""One value per node on its way up: starts as what the node has of its own, ends as its total.

	Lines multiply it by `weight` (None: 1); nodes in `stopped` take nothing from below. A complex
	column carries two numbers at the price of little more than one, because fetching children from
	memory is what costs: lines multiply its imaginary part by `second` (None: 1).
	"""

	total: FloatArray | ComplexArray  # (n,), changed in place
	weight: FloatArray | None  # (m,)
	second: FloatArray | None = None  # (m,)
	stopped: BoolArray | None = None  # (n,)

	def brought(self, child: IntArray, lines: slice | IntArray) -> FloatArray | ComplexArray:
		"""What these lines bring to their parents."""
		brought = self.total.take(child)
		if self.weight is not None:
			real = brought.real  # a view, also of a real array
			real *= self.weight[lines]
		if self.second is not None:
			imaginary = brought.imag
			imaginary *= self.second[lines]
		return brought


Given = ParamSpec("Given")
Swept = TypeVar("Swept")


def _checked_later(sweep: Callable[Given, Swept]) -> Callable[Given, Swept]:
	"""Callers refuse what is not finite, by name; numpy need not warn before."""

	@functools.wraps(sweep)
	def quiet(*args: Given.args, **kwargs: Given.kwargs) -> Swept:
		with np.errstate(over="ignore", invalid="ignore"):
			return sweep(*args, **kwargs)

	return quiet


@_checked_later
def sweep_up(structure: Structure, columns: Sequence[Column]) -> None:
	"""Adds to every node what its children bring, each line once, level by level."""
	bounds = structure.level_first.tolist()
	for column in columns:  # outside, because one column of totals fits the cache
		for low, high in pairwise(bounds[1:]):
			first = structure.line_first[low : high + 1]
			begin, end = int(first[0]), int(first[-1])
			brought = column.brought(structure.child[begin:end], slice(begin, end))
			sums = np.add.reduceat(brought, first[:-1] - begin)
			if column.stopped is not None:
				sums[column.stopped[low:high]] = 0.0
			column.total[low:high] += sums


@_checked_later
def sweep_up_some(structure: Structure, nodes: IntArray, columns: Sequence[Column]) -> None:
	"""The same for these nodes only (ascending): theirs hold own values, all others final totals.

	Costs as much as these nodes have lines. Bit for bit what `sweep_up` gives.
	"""
	if not nodes.size:
		return
	nodes = nodes[np.searchsorted(nodes, structure.level_first[1]) :]
	cuts = np.searchsorted(nodes, structure.level_first[1:]).tolist()
	for low, high in pairwise(cuts):
		if low == high:
			continue
		parents = nodes[low:high]
		lines, groups = slices(structure.line_first, parents)
		child = structure.child[lines]
		for column in columns:
			sums = np.add.reduceat(column.brought(child, lines), groups)
			if column.stopped is not None:
				sums[column.stopped[parents]] = 0.0
			column.total[parents] += sums


@_checked_later
def sweep_down(
	structure: Structure, amounts: FloatArray, weight: FloatArray, stopped: BoolArray | None
) -> None:
	"""Spreads amounts from parents to children, level by level from the top; in place.

	Costs as much as the lines below the nodes with an amount; nothing passes through a stopped node.
	"""
	bounds = structure.level_first.tolist()
	for low, high in zip(bounds[-2:0:-1], bounds[:1:-1], strict=True):
		parents = np.flatnonzero(amounts[low:high]) + low
		if stopped is not None:
			parents = parents[~stopped[parents]]
		if not parents.size:
			continue
		lines, _ = slices(structure.line_first, parents)
		count = structure.line_first[parents + 1] - structure.line_first[parents]
		taken = np.repeat(amounts[parents], count) * weight[lines]
		child = structure.child[lines]
		order = sorted_order([(child, structure.node_count)])
		sorted_child = child[order]
		groups = np.flatnonzero(np.diff(sorted_child, prepend=-1))
		amounts[sorted_child[groups]] += np.add.reduceat(taken[order], groups)
