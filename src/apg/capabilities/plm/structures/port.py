"""The provider of the port Structures."""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import cast

import numpy as np
from sqlalchemy import select

from apg.capabilities.plm.products.models import Revision
from apg.capabilities.plm.shared.bom_math import GapReason, RollUp, roll_up
from apg.capabilities.plm.shared.figures import Figures
from apg.capabilities.plm.shared.levels import IntArray
from apg.capabilities.plm.shared.lines import KIND_CODES, QuantityKind
from apg.capabilities.plm.shared.structure import Structure
from apg.capabilities.plm.structures import exact
from apg.capabilities.plm.structures.fixed_rows import distinct
from apg.capabilities.plm.structures.rules import Rule, View
from apg.capabilities.plm.structures.snapshots import Snapshot, snapshot_of
from apg.capabilities.plm.structures.unit_codes import UNIT_TEXTS
from apg.contracts import plm as contract
from apg.kernel.stamps import is_id
from apg.kernel.work import Work


class RevisionSnapshot:
	"""What others see of a structure: the part below one revision, in the structure's order."""

	def __init__(self, held: Snapshot, root: str, units: Mapping[int, str]) -> None:
		self.held = held
		self.root = root
		self.view = str(held.view)
		structure = held.structure
		self.nodes: IntArray = structure.descendants(structure.indexes([root]))
		self._lines = structure.lines_of(self.nodes)
		self._units = units

	@property
	def structure(self) -> Structure:
		return self.held.structure

	@property
	def hash(self) -> str:
		return self.held.hash_below(self.root)

	@property
	def revision_ids(self) -> Sequence[str]:
		return self.structure.names(self.nodes)

	@property
	def product_ids(self) -> Sequence[str]:
		return [self.held.item_of(int(node)) for node in self.nodes]

	@property
	def units(self) -> Sequence[str]:
		return [self._units.get(int(self.held.base[node]), "") for node in self.nodes]

	@property
	def parents(self) -> IntArray:
		return np.searchsorted(self.nodes, self.structure.line_parents(self._lines))

	@property
	def children(self) -> IntArray:
		return np.searchsorted(self.nodes, self.structure.child[self._lines])

	@property
	def quantities(self) -> IntArray:
		each = np.rint(self.structure.per_unit()[self._lines] * 1e6).astype(np.int64)
		unknown = np.isin(self._lines, self.structure.unknown)
		return np.where(unknown, -1, each)


class StructuresOfPlm:
	"""Structures as PLM holds them."""

	async def snapshot(
		self, work: Work, revision_id: str, view: str = "engineering"
	) -> contract.Snapshot | None:
		if not is_id(revision_id):
			return None
		known = await work.scalar(select(Revision.id).where(Revision.id == revision_id))
		if known is None:
			return None
		held = await snapshot_of(work, revision_id, Rule.DEFAULT, View(view))
		codes = set(distinct(held.base)[0].tolist())
		return RevisionSnapshot(held, revision_id, await UNIT_TEXTS.texts(work, codes))

	def roll_up(
		self,
		snapshot: contract.Snapshot,
		own: Mapping[str, contract.Vector],
		stops: Collection[str] = (),
		*,
		needed: Collection[str] = (),
	) -> contract.RolledUp:
		seen = cast(RevisionSnapshot, snapshot)
		structure = seen.structure
		names = sorted({name for vector in own.values() for name in vector})
		inside = {node for node in (*own, *needed) if node in structure}
		figures = {
			name: Figures.of(
				structure,
				{node: _figure(own.get(node), name) for node in inside},
				stops=[node for node in stops if node in structure],
			)
			for name in names or [""]
		}
		rolled = roll_up(structure, figures)
		first = next(iter(figures))
		report = rolled.report(seen.root, first)
		return contract.RolledUp(
			{name: _total(seen, rolled, name) for name in names},
			report.complete,
			report.coverage,
			report.gap_count,
			tuple(
				contract.Missing(
					seen.held.item_of(structure.index(gap.item)),
					gap.item,
					None if gap.amount is None else exact.quantity_of(gap.amount),
					_reason(seen, gap.reason, gap.item, gap.parent),
				)
				for gap in report.gaps
			),
			_contributions(seen, rolled, own, first),
		)


def _figure(vector: contract.Vector | None, name: str) -> Decimal | None:
	"""A component that a vector does not name is none of it; no vector at all is a gap."""
	return None if vector is None else vector.get(name, Decimal(0))


def _total(seen: RevisionSnapshot, rolled: RollUp, name: str) -> Fraction:
	structure = seen.structure
	node = structure.index(seen.root)
	if structure.lines_of(seen.nodes).size > exact.MOST_LINES:
		return Fraction(float(rolled[name].values[node]))
	figures = rolled.figures[name]
	return exact.ExactWalk(structure, seen.nodes, 1).totals(figures.exact, figures.stopped)[node]


def _reason(seen: RevisionSnapshot, reason: GapReason, item: str, parent: str | None) -> str:
	if reason is GapReason.NO_FIGURE or parent is None:
		return "no_figure"
	structure = seen.structure
	child = structure.index(item)
	for line in structure.line_range(structure.index(parent)):
		if int(structure.child[line]) == child and seen.held.unconvertible[line]:
			return "unit_not_convertible"
		if (
			int(structure.child[line]) == child
			and structure.kind[line] == KIND_CODES[QuantityKind.AS_REQUIRED]
		):
			return "as_required"
	return "quantity_not_given"


def _contributions(
	seen: RevisionSnapshot, rolled: RollUp, own: Mapping[str, contract.Vector], first: str
) -> tuple[contract.Share, ...]:
	structure = seen.structure
	return tuple(
		contract.Share(
			seen.held.item_of(structure.index(each.item)),
			each.item,
			(quantity := exact.quantity_of(each.amount)),
			{name: value * quantity for name, value in own.get(each.item, {}).items()},
		)
		for each in rolled.contributions(seen.root, first)
	)
