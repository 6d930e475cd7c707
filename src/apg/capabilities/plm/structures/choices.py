"""What may stand in for the children of a structure's lines, with the structures below that."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from apg.capabilities.plm.shared.errors import CycleFound
from apg.capabilities.plm.shared.levels import IntArray
from apg.capabilities.plm.shared.lines import KIND_CODES, QuantityKind
from apg.capabilities.plm.shared.spans import Options
from apg.capabilities.plm.shared.structure import Structure
from apg.capabilities.plm.structures.loading import load_below
from apg.capabilities.plm.structures.plain_sql import fetched
from apg.capabilities.plm.structures.rules import pick_of
from apg.capabilities.plm.structures.snapshots import Snapshot, build
from apg.kernel.later import numpy as np
from apg.kernel.work import Work

MOST = 5_000
"""Choices looked at for one structure; more are cut off, in the order of the lines."""

_REFERENCE = KIND_CODES[QuantityKind.REFERENCE]
_COLUMNS = ("quantity", "kind", "attrition", "setup", "rounding", "numerator", "denominator")

# Substitutes of the line, and alternates of its child in every structure, one for one.
_STAND_INS = """
	select l.parent_revision_id::text, l.id::text, l.child_item_id::text,
		coalesce({pick}, i.id)::text, x.ratio
	from plm_lines l cross join lateral (
		select s.item_id, s.quantity_ratio as ratio, s.rank from plm_line_substitutes s
		where s.line_id = l.id
		union all
		select a.alternate_id, 1, 1000000 from plm_alternates a where a.item_id = l.child_item_id
		union all
		select a.item_id, 1, 1000000 from plm_alternates a
		where a.alternate_id = l.child_item_id and a.is_two_way
	) x join plm_items i on i.id = x.item_id
	where l.parent_revision_id = any($1::uuid[]) and l.view = $2 and not i.is_deleted
	order by l.parent_revision_id, l.find_number, x.rank, x.item_id limit {most}
"""


@dataclass(frozen=True, slots=True)
class _Choice:
	parent: str
	line: str
	child: str  # a product
	node: str
	ratio: Fraction


@dataclass(frozen=True, eq=False)
class StructureChoices:
	"""The structure with the stand-ins as nodes, and on which line each may stand in."""

	structure: Structure
	root: str
	options: Options
	revision_ids: Sequence[str]
	assemblies: Collection[str]

	@property
	def count(self) -> int:
		return self.options.size

	@property
	def hash(self) -> str:
		"""Of the choices with what they stand for, in the order of the structure."""
		structure, digest = self.structure, hashlib.sha256()
		rows = sorted(
			(
				structure.name(int(structure.line_parents(np.array([line]))[0])),
				structure.name(int(structure.child[line])),
				structure.name(node),
				str(ratio),
			)
			for line, node, ratio in zip(
				self.options.line.tolist(),
				self.options.node.tolist(),
				self.options.ratio,
				strict=True,
			)
		)
		for row in rows:
			digest.update("\t".join(row).encode() + b"\n")
		return digest.hexdigest()


async def choices_of(work: Work, snapshot: Snapshot, nodes: IntArray) -> StructureChoices | None:
	"""All that may stand in on the lines of these nodes (the last one is the root); None without any."""
	structure = snapshot.structure
	parents = structure.names(nodes[~structure.leaf[nodes]])
	query = _STAND_INS.format(pick=pick_of(snapshot.rule), most=MOST)
	rows = await fetched(work, query, parents, str(snapshot.view)) if parents else []
	found = [_Choice(row[0], row[1], row[2], row[3], Fraction(row[4])) for row in rows]
	if not found:
		return None
	own = set(structure.names(nodes))
	added: dict[str, list[Any]] = {}
	for node in sorted({each.node for each in found} - own):
		added |= await _below(work, snapshot, node, own | added.keys())
	while True:
		try:
			return _merged(snapshot, nodes, found, added)
		except CycleFound as error:
			# What contains the parent cannot stand in below it.
			ring = set(error.path)
			kept = [each for each in found if not (each.node in ring and each.parent in ring)]
			if len(kept) == len(found):
				raise
			found = kept


async def _below(
	work: Work, snapshot: Snapshot, root: str, held: Collection[str]
) -> dict[str, list[Any]]:
	"""Lines by parent of what is below a stand-in and not held yet."""
	columns = await load_below(work, root, snapshot.rule, snapshot.view)
	if columns is None:
		return {root: []}  # too large to be looked into: it counts by a figure of its own or not
	part = (await build(work, columns, root, snapshot.rule, snapshot.view)).structure
	return {
		part.name(node): [
			(part.name(int(part.child[line])), [int(getattr(part, c)[line]) for c in _COLUMNS])
			for line in part.line_range(node)
		]
		for node in range(part.node_count)
		if part.name(node) not in held
	}


def _merged(
	snapshot: Snapshot, nodes: IntArray, found: Sequence[_Choice], added: dict[str, list[Any]]
) -> StructureChoices:
	structure = snapshot.structure
	lines = structure.lines_of(nodes)
	own = structure.names(nodes)
	ids = [*own, *added]
	place = {name: at for at, name in enumerate(ids)}
	parent = np.searchsorted(nodes, structure.line_parents(lines)).tolist()
	child = np.searchsorted(nodes, structure.child[lines]).tolist()
	columns = {name: getattr(structure, name)[lines].tolist() for name in _COLUMNS}
	for above, below in added.items():
		for name, values in below:
			parent.append(place[above])
			child.append(place[name])
			for column, value in zip(_COLUMNS, values, strict=True):
				columns[column].append(value)
	size = len(parent)
	neutral = dict(zip(_COLUMNS, (0, _REFERENCE, 0, 0, 0, 1, 1), strict=True))
	for each in found:  # they take nothing, but put what may stand in on a lower level
		parent.append(place[each.parent])
		child.append(place[each.node])
		for column in _COLUMNS:
			columns[column].append(neutral[column])
	merged = Structure.from_arrays(
		ids,
		np.array(parent),
		np.array(child),
		np.array(columns["quantity"]),
		**{name: np.array(columns[name]) for name in _COLUMNS if name != "quantity"},
	)
	now_at = np.empty(len(parent), np.int64)
	now_at[merged.line_order] = np.arange(len(parent))
	where = _places(snapshot, lines, found)
	chosen = [(at, each) for at, each in zip(where, found, strict=True) if at >= 0]
	options = Options(
		now_at[[at for at, _each in chosen]],
		merged.indexes([each.node for _at, each in chosen]),
		tuple(each.ratio for _at, each in chosen),
	)
	assert size <= len(parent)
	return StructureChoices(
		merged,
		own[-1],
		options,
		tuple(added),
		frozenset(name for name in added if not merged.leaf[merged.index(name)]),
	)


def _places(snapshot: Snapshot, lines: IntArray, found: Sequence[_Choice]) -> list[int]:
	"""Where among `lines` each choice's line stands: by its id, or by parent and child where a large
	structure came without ids."""
	structure = snapshot.structure
	if structure.line_ids is not None:
		named = {structure.line_name(line): at for at, line in enumerate(lines.tolist())}
		return [named.get(each.line, -1) for each in found]
	ends = {
		(structure.name(above), snapshot.item_of(int(structure.child[line]))): at
		for at, (above, line) in enumerate(
			zip(structure.line_parents(lines).tolist(), lines.tolist(), strict=True)
		)
	}
	return [ends.get((each.parent, each.child), -1) for each in found]
