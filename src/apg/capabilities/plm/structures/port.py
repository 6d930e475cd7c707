"""The provider of the port Structures."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import cast

from sqlalchemy import select

from apg.capabilities.plm.products.models import Revision
from apg.capabilities.plm.shared.bom_math import GapReason, RollUp, roll_up
from apg.capabilities.plm.shared.explosion import explode
from apg.capabilities.plm.shared.figures import Figures
from apg.capabilities.plm.shared.levels import BoolArray, FloatArray, IntArray
from apg.capabilities.plm.shared.lines import KIND_CODES, QuantityKind
from apg.capabilities.plm.shared.spans import reach_of
from apg.capabilities.plm.shared.structure import Structure
from apg.capabilities.plm.structures import exact
from apg.capabilities.plm.structures.choices import StructureChoices, choices_of
from apg.capabilities.plm.structures.fixed_rows import distinct
from apg.capabilities.plm.structures.packing import pack, unpack
from apg.capabilities.plm.structures.rules import Rule, View
from apg.capabilities.plm.structures.snapshots import Snapshot, snapshot_of
from apg.capabilities.plm.structures.unit_codes import UNIT_TEXTS
from apg.contracts import plm as contract
from apg.kernel.later import numpy as np
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
	def assemblies(self) -> frozenset[str]:
		return frozenset(self.structure.names(self.nodes[~self.structure.leaf[self.nodes]]))

	@property
	def content(self) -> bytes:
		return pack(self.held, self.root, self.nodes, list(self.units))

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
		ends = [node for node in stops if node in structure]
		figures = {
			name: Figures.of(
				structure, {node: _figure(own.get(node), name) for node in inside}, stops=ends
			)
			for name in names or [""]
		}
		rolled = roll_up(structure, figures)
		first = next(iter(figures))
		report = rolled.report(seen.root, first)
		walk = _walk(seen)
		amounts = _amounts(seen, walk, figures[first].stopped)
		return contract.RolledUp(
			{name: _total(seen, rolled, walk, name) for name in names},
			report.complete,
			report.coverage,
			report.gap_count,
			tuple(
				contract.Missing(
					seen.held.item_of(structure.index(gap.item)),
					gap.item,
					None if gap.amount is None else amounts(structure.index(gap.item)),
					_reason(seen, gap.reason, gap.item, gap.parent),
				)
				for gap in report.gaps
			),
			tuple(
				contract.Share(
					seen.held.item_of(structure.index(each.item)),
					each.item,
					(quantity := amounts(structure.index(each.item))),
					{name: value * quantity for name, value in own.get(each.item, {}).items()},
				)
				for each in rolled.contributions(seen.root, first)
			),
		)

	def restore(self, content: bytes) -> contract.Snapshot:
		held, root, units = unpack(content)
		return RevisionSnapshot(held, root, units)

	def branches(
		self,
		snapshot: contract.Snapshot,
		own: Mapping[str, Decimal],
		stops: Collection[str] = (),
		*,
		depth: int = 3,
		limit: int = 300,
	) -> tuple[contract.Branch, ...]:
		seen = cast(RevisionSnapshot, snapshot)
		structure = seen.structure
		figures = _figures(structure, own, stops)
		walk = _walk(seen)
		if walk is not None:
			exactly = walk.totals(figures.exact, figures.stopped)
			value = exactly.__getitem__
		else:
			values = roll_up(structure, {"it": figures})["it"].values
			value = _float_at(values)
		top, stopped = structure.index(seen.root), figures.stopped
		made = [contract.Branch(0, -1, seen.held.item_of(top), seen.root, Decimal(1), value(top))]
		at = [(0, top, Fraction(1))]
		for level in range(1, depth + 1):
			found: list[tuple[Fraction, int, int, Fraction]] = []
			for place, node, amount in at:
				if stopped is not None and stopped[node]:
					continue
				each: dict[int, Fraction] = {}
				for line in structure.line_range(node):
					if required := structure.required(line):
						child = int(structure.child[line])
						each[child] = each.get(child, Fraction(0)) + required
				found += [
					(value(child) * amount * times, place, child, amount * times)
					for child, times in each.items()
				]
			found = [one for one in found if one[0]]
			found.sort(key=lambda one: (-abs(one[0]), one[1], one[2]))
			at = []
			for brought, place, child, amount in found[: max(0, limit - len(made))]:
				at.append((len(made), child, amount))
				made.append(
					contract.Branch(
						level,
						place,
						seen.held.item_of(child),
						structure.name(child),
						exact.quantity_of(amount),
						brought,
					)
				)
		return tuple(made)

	async def choices(self, work: Work, snapshot: contract.Snapshot) -> contract.Choices | None:
		seen = cast(RevisionSnapshot, snapshot)
		return await choices_of(work, seen.held, seen.nodes)

	def span(
		self, choices: contract.Choices, own: Mapping[str, Decimal], stops: Collection[str] = ()
	) -> contract.Span:
		held = cast(StructureChoices, choices)
		structure = held.structure
		figures = _figures(structure, own, stops)
		found = reach_of(structure, figures, held.options, held.root)
		return contract.Span(found.least, found.most, found.skipped)


def _figures(structure: Structure, own: Mapping[str, Decimal], stops: Collection[str]) -> Figures:
	inside = {node: figure for node, figure in own.items() if node in structure}
	return Figures.of(structure, inside, stops=[node for node in stops if node in inside])


def _float_at(values: FloatArray) -> Callable[[int], Fraction]:
	return lambda node: Fraction(float(values[node]))


def _walk(seen: RevisionSnapshot) -> exact.ExactWalk | None:
	"""The exact arithmetic, for structures small enough for it."""
	if seen.structure.lines_of(seen.nodes).size > exact.MOST_LINES:
		return None
	return exact.ExactWalk(seen.structure, seen.nodes, 1)


def _amounts(
	seen: RevisionSnapshot, walk: exact.ExactWalk | None, stopped: BoolArray | None
) -> Callable[[int], Decimal]:
	"""How much of a node one root needs: exact to 12 decimals, of large structures to 12 digits."""
	if walk is not None:
		exactly = walk.amounts(seen.structure.index(seen.root), stopped)
		return lambda node: exact.quantity_of(exactly[node])
	floats = explode(seen.structure, seen.root, stops=stopped).amounts
	return lambda node: exact.quantity_of(float(floats[node]))


def _figure(vector: contract.Vector | None, name: str) -> Decimal | None:
	"""A component that a vector does not name is none of it; no vector at all is a gap."""
	return None if vector is None else vector.get(name, Decimal(0))


def _total(
	seen: RevisionSnapshot, rolled: RollUp, walk: exact.ExactWalk | None, name: str
) -> Fraction:
	node = seen.structure.index(seen.root)
	if walk is None:
		return Fraction(float(rolled[name].values[node]))
	figures = rolled.figures[name]
	return walk.totals(figures.exact, figures.stopped)[node]


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
