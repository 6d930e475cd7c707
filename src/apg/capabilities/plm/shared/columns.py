"""Columns of lines as they are delivered: checked, compacted, brought into canonical order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from apg.capabilities.plm.shared.errors import BadLine, DomainError
from apg.capabilities.plm.shared.levels import IntArray
from apg.capabilities.plm.shared.node_ids import IdArray, Ids, as_ids, places, text
from apg.kernel.later import numpy as np

if TYPE_CHECKING:
	import numpy.typing as npt

Whole: TypeAlias = "int | Sequence[int] | npt.NDArray[np.integer]"
"""Whole numbers, one per line; a single one stands for all lines."""


def departs(column: IntArray, neutral: int = 0) -> bool:
	"""Whether any line departs from the neutral value; constant columns are not scanned."""
	return bool(column.size) and (column.strides[0] != 0 or int(column[0]) != neutral)


def ranks(ids: IdArray) -> tuple[IntArray, IntArray]:
	"""Rank of each id among all, and the order by id; refuses an id that appears twice."""
	order = np.arange(ids.size, dtype=np.int64)
	if not bool(np.all(ids[:-1] < ids[1:])):
		order = np.argsort(ids, kind="stable").astype(np.int64, copy=False)
		twice = np.flatnonzero(ids[order[:-1]] == ids[order[1:]])
		if twice.size:
			name = text(ids, int(order[twice[0]]))
			raise DomainError("nodes", f"{name!r} appears twice", "Give every node once.")
	rank = np.empty_like(order)
	rank[order] = np.arange(ids.size, dtype=np.int64)
	return rank, order


def ends_of(field: str, ids: IdArray, ends: Ids | npt.NDArray[np.integer]) -> IntArray:
	"""One end of each line as places in the delivered nodes."""
	if not (isinstance(ends, np.ndarray) and ends.dtype.kind in "iu"):
		return places(field, ids, as_ids(field, ends))  # type: ignore[arg-type]
	found = ends.astype(np.int64, copy=False)
	if found.ndim != 1:
		raise DomainError(field, "ends must be a flat array", "Pass one end per line.")
	outside = np.flatnonzero((found < 0) | (found >= ids.size))
	if outside.size:
		line = int(outside[0])
		raise BadLine(line, field, f"no node {found[line]}", f"Give 0 to {ids.size - 1}.")
	return found


def checked_column(field: str, values: Whole, size: int, low: int, high: int) -> IntArray:
	"""A checked column; one with equal values everywhere is kept as a single number."""
	column = np.asarray(values if not isinstance(values, Sequence) or len(values) else [0] * 0)
	if column.size and column.dtype.kind not in "iu":
		raise DomainError(field, "not whole numbers", "Scale to whole numbers first.")
	column = column.astype(np.int64, copy=False)
	if column.ndim == 0:
		column = np.broadcast_to(column, (size,))
	if column.shape != (size,):
		raise DomainError(field, f"{column.size} values for {size} lines", "Give one per line.")
	if not size:
		return column
	least, most = int(column.min()), int(column.max())
	if least < low or most > high:
		line = int(np.flatnonzero((column < low) | (column > high))[0])
		raise BadLine(line, field, f"{column[line]} is out of range", f"Give {low} to {high}.")
	return np.broadcast_to(np.int64(least), (size,)) if least == most else column


def arranged(column: IntArray, order: IntArray) -> IntArray:
	return column if column.size and column.strides[0] == 0 else column[order]


def twins_in_order(
	order: IntArray, parent: IntArray, child: IntArray, columns: Sequence[IntArray]
) -> IntArray:
	"""Sorts lines that share parent and child by their content, so that sums are canonical."""
	p, c = parent[order], child[order]
	same = (p[1:] == p[:-1]) & (c[1:] == c[:-1])
	if not bool(same.any()):
		return order
	twin = np.zeros(order.size, dtype=np.bool_)
	twin[1:] = same
	twin[:-1] |= same
	spots = np.flatnonzero(twin)
	lines = order[spots]
	keys = [column[lines] for column in reversed(columns)]
	order[spots] = lines[np.lexsort([*keys, child[lines], parent[lines]])]
	return order
