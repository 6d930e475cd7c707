"""Directed acyclic graphs as integer arrays: order, levels, cycles, closures. No loop per edge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from apg.kernel.later import numpy as np

if TYPE_CHECKING:
	import numpy.typing as npt


IntArray: TypeAlias = "npt.NDArray[np.int64]"
BoolArray: TypeAlias = "npt.NDArray[np.bool_]"
FloatArray: TypeAlias = "npt.NDArray[np.float64]"
ComplexArray: TypeAlias = "npt.NDArray[np.complex128]"


def sorted_order(keys: Sequence[tuple[IntArray, int]]) -> IntArray:
	"""The stable order by several keys, the first one leading; each key comes with its bound.

	When key bits and row number fit 63 bits they are packed and sorted as plain numbers, which is
	several times faster than an indirect sort.
	"""
	size = keys[0][0].size
	row_bits = max(size - 1, 0).bit_length()
	bits = [max(bound - 1, 0).bit_length() for _, bound in keys]
	if sum(bits) + row_bits > 63:
		return np.lexsort([key for key, _ in reversed(keys)]).astype(np.int64, copy=False)
	packed = np.zeros(size, dtype=np.int64)
	for (key, _), width in zip(keys, bits, strict=True):
		packed <<= width
		packed |= key
	packed <<= row_bits
	packed |= np.arange(size, dtype=np.int64)
	packed.sort()
	packed &= (1 << row_bits) - 1
	return packed


def starts(groups: IntArray, count: int) -> IntArray:
	"""Where each of `count` groups begins in an array sorted by group; one entry more at the end."""
	first = np.zeros(count + 1, dtype=np.int64)
	np.cumsum(np.bincount(groups, minlength=count), out=first[1:])
	return first


def slices(first: IntArray, groups: IntArray) -> tuple[IntArray, IntArray]:
	"""The places of all members of these groups, group after group, and where each group begins."""
	begin = first[groups]
	length = first[groups + 1] - begin
	offset = np.zeros(groups.size, dtype=np.int64)
	if groups.size:
		np.cumsum(length[:-1], out=offset[1:])
	total = int(length.sum())
	return np.repeat(begin - offset, length) + np.arange(total, dtype=np.int64), offset


def heights(count: int, parent: IntArray, child: IntArray) -> tuple[IntArray, IntArray]:
	"""Kahn's levels from the leaves up: 0 without children, else one above the highest child.

	Returns the heights and the nodes left over, which is empty unless there is a cycle. Each edge is
	looked at once. Source: A. B. Kahn, Topological sorting of large networks, CACM 5 (1962).
	"""
	by_child = sorted_order([(child, count)])
	above = parent[by_child]
	first = starts(child, count)
	waiting = np.bincount(parent, minlength=count)
	height = np.zeros(count, dtype=np.int64)
	frontier = np.flatnonzero(waiting == 0)
	level = settled = 0
	while frontier.size:
		height[frontier] = level
		settled += frontier.size
		level += 1
		reached = above[slices(first, frontier)[0]]
		if reached.size * 8 > count:
			done = np.bincount(reached, minlength=count)
			waiting -= done
			frontier = np.flatnonzero((waiting == 0) & (done > 0))
		else:
			np.subtract.at(waiting, reached, 1)
			frontier = distinct(count, reached[waiting[reached] == 0])
	left = np.flatnonzero(waiting > 0) if settled < count else np.zeros(0, dtype=np.int64)
	return height, left


def cycle_in(count: int, parent: IntArray, child: IntArray, left: IntArray) -> list[int]:
	"""One cycle among the nodes that `heights` left over: first and last node are the same.

	Every such node has a child among them, so following the smallest one must come round.
	"""
	inside = np.zeros(count, dtype=np.bool_)
	inside[left] = True
	edges = np.flatnonzero(inside[parent] & inside[child])
	following = np.full(count, count, dtype=np.int64)
	np.minimum.at(following, parent[edges], child[edges])
	seen: dict[int, int] = {}
	path: list[int] = []
	node = int(left[0])
	while node not in seen:
		seen[node] = len(path)
		path.append(node)
		node = int(following[node])
	ring = path[seen[node] :]
	turn = ring.index(min(ring))
	ring = ring[turn:] + ring[:turn]
	return [*ring, ring[0]]


def distinct(count: int, nodes: IntArray) -> IntArray:
	"""The nodes without repetition, ascending: sorted when few, marked when many."""
	if nodes.size * 8 < count:
		return np.unique(nodes)
	marked = np.zeros(count, dtype=np.bool_)
	marked[nodes] = True
	return np.flatnonzero(marked)


def closure(count: int, first: IntArray, neighbour: IntArray, seeds: IntArray) -> IntArray:
	"""Every node that can be reached from the seeds, seeds included, ascending; each edge once."""
	seen = np.zeros(count, dtype=np.bool_)
	seen[seeds] = True
	frontier = distinct(count, seeds)
	while frontier.size:
		reached = neighbour[slices(first, frontier)[0]]
		reached = reached[~seen[reached]]
		seen[reached] = True
		frontier = distinct(count, reached)
	return np.flatnonzero(seen)


def path_between(
	count: int, first: IntArray, neighbour: IntArray, start: int, end: int
) -> list[int] | None:
	"""A shortest way from start to end, both included, or None; breadth first, smallest node first."""
	came_from = np.full(count, -1, dtype=np.int64)
	came_from[start] = start
	frontier = np.array([start], dtype=np.int64)
	while frontier.size and came_from[end] < 0:
		places, _ = slices(first, frontier)
		reached = neighbour[places]
		origin = np.repeat(frontier, first[frontier + 1] - first[frontier])
		fresh = np.flatnonzero(came_from[reached] < 0)
		nodes, earliest = np.unique(reached[fresh], return_index=True)
		came_from[nodes] = origin[fresh[earliest]]
		frontier = nodes
	if came_from[end] < 0:
		return None
	path = [end]
	while path[-1] != start:
		path.append(int(came_from[path[-1]]))
	return path[::-1]
