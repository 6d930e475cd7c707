"""CO2e of the nodes of a structure, as ESG gives it; absent where ESG is.

A supplier's figure is the whole one of its product and ends the descent. What is recorded for an
assembly (assembling it, bringing it here) is added to its parts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

import numpy as np

from apg.capabilities.plm.shared.figures import Figures
from apg.capabilities.plm.shared.levels import BoolArray
from apg.capabilities.plm.structures.snapshots import Snapshot
from apg.contracts.esg import Carbon, ItemCarbon, NoCarbon
from apg.kernel.work import Work

CO2E = "co2e"
UNIT = "kgCO2e"


@dataclass(frozen=True, slots=True, eq=False)
class NodeCarbon:
	"""What ESG said of each node, and the figures of that; `estimated` (n,): it or something below."""

	port: ItemCarbon
	own: Mapping[int, Carbon | NoCarbon]
	figures: Figures
	estimated: BoolArray
	leaf: BoolArray

	def missing(self, node: int) -> NoCarbon | None:
		"""Why a node that needs a figure of its own has none."""
		said = self.own.get(node)
		if said is None:
			return NoCarbon("unknown_revision") if self.leaf[node] else None
		return said if isinstance(said, NoCarbon) else None

	def text(self, node: int) -> str:
		"""Why a node brings no figure, in words."""
		said = self.missing(node)
		return "" if said is None else self.port.reason(said)

	def remedy(self, node: int) -> str:
		said = self.missing(node)
		return "" if said is None else self.port.remedy(said)


async def carbon_of(work: Work, snapshot: Snapshot, root: str, day: date) -> NodeCarbon | None:
	"""Figures of the nodes below a root on a day; None where the reader sees no carbon."""
	port = work.port(ItemCarbon)
	if not port.shown(work):
		return None
	structure = snapshot.structure
	nodes = structure.descendants(structure.indexes([root]))
	names = structure.names(nodes)
	above = [
		name for name, leaf in zip(names, structure.leaf[nodes].tolist(), strict=True) if not leaf
	]
	found = await port.own(work, names, assemblies=above, on=day)
	own = {
		node: found[name] for node, name in zip(nodes.tolist(), names, strict=True) if name in found
	}
	n = structure.node_count
	values, known = np.zeros(n), np.zeros(n, np.bool_)
	stops, required, estimated = (np.zeros(n, np.bool_) for _ in range(3))
	for node, said in own.items():
		if isinstance(said, NoCarbon):
			required[node] = True
			continue
		values[node], known[node] = float(said.total), True
		stops[node], estimated[node] = said.stops, said.estimated

	def exact(node: int) -> Fraction:
		said = own.get(node)
		return Fraction(said.total) if isinstance(said, Carbon) else Fraction(0)

	figures = Figures(values, known, required, stops, exact)
	touched = np.zeros(n, np.bool_)
	touched[structure.ancestors(np.flatnonzero(estimated))] = True
	return NodeCarbon(port, own, figures, touched, structure.leaf)
