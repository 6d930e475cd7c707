"""What items have of their own in one quantity, before anything rolls up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

from apg.capabilities.plm.shared.errors import DomainError
from apg.capabilities.plm.shared.levels import BoolArray, FloatArray, IntArray
from apg.capabilities.plm.shared.structure import Structure
from apg.kernel.later import numpy as np

if TYPE_CHECKING:
	import numpy.typing as npt

Amount: TypeAlias = Decimal | Fraction | int


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
	"""One quantity: a figure per base unit of each node, in the order of the structure, (n,) each.

	known: the node has a figure. A leaf without one is a gap; an assembly without one is the sum of
	what is below it, with nothing added.
	required: an assembly here needs a figure of its own as well (work, process carbon); without it: a gap.
	stops: a known figure here is the whole figure and ends the descent. Elsewhere a known figure of
	an assembly is added to what comes from below.

	Make one with `of` (exact, by id), `scaled` (exact, arrays) or directly from floats, whose shortest
	decimal form is then taken as exact.
	"""

	values: FloatArray
	known: BoolArray
	required: BoolArray | None = None
	stops: BoolArray | None = None
	exact_base: Callable[[int], Fraction] | None = None
	exact_changes: Mapping[int, Fraction] = field(default_factory=dict[int, Fraction])

	@classmethod
	def of(
		cls,
		structure: Structure,
		own: Mapping[str, Amount | None],
		*,
		stops: Iterable[str] = (),
	) -> Figures:
		"""By id. None says that the item needs a figure and has none, at an assembly too."""
		nodes = structure.indexes(list(own))
		given = list(own.values())
		n = structure.node_count
		values, known = np.zeros(n), np.zeros(n, dtype=np.bool_)
		values[nodes] = [0.0 if amount is None else float(amount) for amount in given]
		known[nodes] = [amount is not None for amount in given]
		lacking = nodes[[amount is None for amount in given]]
		required = None
		if lacking.size:
			required = np.zeros(n, dtype=np.bool_)
			required[lacking] = True
		by_index = dict(zip(nodes.tolist(), given, strict=True))

		def exact(index: int) -> Fraction:
			return Fraction(by_index[index] or 0)

		figures = cls(values, known, required, None, exact)
		return figures.stopping_at(structure.indexes(list(stops)))

	@classmethod
	def scaled(
		cls,
		values: npt.NDArray[np.int64],
		digits: int,
		known: BoolArray,
		*,
		required: BoolArray | None = None,
		stops: BoolArray | None = None,
	) -> Figures:
		"""From whole numbers of 10^-digits, in the order of the structure; exact."""
		power = 10**digits

		def exact(index: int) -> Fraction:
			return Fraction(int(values[index]), power)

		return cls(np.where(known, values / power, 0.0), known, required, stops, exact)

	@property
	def stopped(self) -> BoolArray | None:
		"""Where descent ends: a stop whose figure is known; None when there is none."""
		if self.stops is None:
			return None
		stopped = self.stops & self.known
		return stopped if bool(stopped.any()) else None

	@property
	def signed(self) -> bool:
		return bool((self.values < 0).any())

	def exact(self, index: int) -> Fraction:
		"""The figure of one node without rounding; 0 where it is not known."""
		if not self.known[index]:
			return Fraction(0)
		if index in self.exact_changes:
			return self.exact_changes[index]
		if self.exact_base is not None:
			return self.exact_base(index)
		return Fraction(repr(float(self.values[index])))

	def checked(self, name: str, structure: Structure) -> Figures:
		"""Itself, if it fits the structure: shapes, finite values, zero where nothing is known."""
		n = structure.node_count
		for array in (self.values, self.known, self.required, self.stops):
			if array is not None and array.shape != (n,):
				raise DomainError(
					name, f"figures of shape {array.shape} for {n} nodes", "Give one per node."
				)
		values = np.where(self.known, self.values, 0.0)
		finite = np.isfinite(values)
		if not finite.all():
			node = structure.name(int(np.argmin(finite)))
			raise DomainError(name, f"the figure of {node!r} is not a number", "Correct it.")
		return replace(self, values=values)

	def stopping_at(self, nodes: IntArray) -> Figures:
		"""The same figures with more stops."""
		if not nodes.size:
			return self
		stops = (
			np.zeros(self.values.size, dtype=np.bool_) if self.stops is None else self.stops.copy()
		)
		stops[nodes] = True
		return replace(self, stops=stops)

	def changed(self, nodes: IntArray, figures: Sequence[Amount | None]) -> Figures:
		"""The same figures with new ones at these nodes; None takes a figure away."""
		values, known = self.values.copy(), self.known.copy()
		values[nodes] = [0.0 if figure is None else float(figure) for figure in figures]
		known[nodes] = [figure is not None for figure in figures]
		fresh = {
			node: Fraction(figure)
			for node, figure in zip(nodes.tolist(), figures, strict=True)
			if figure is not None
		}
		return replace(
			self, values=values, known=known, exact_changes={**self.exact_changes, **fresh}
		)
