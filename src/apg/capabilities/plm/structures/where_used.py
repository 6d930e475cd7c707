"""Where an item is used, up to the end items, each product once with its total quantity."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from apg.capabilities.plm.shared.explosion import where_used
from apg.capabilities.plm.shared.levels import IntArray
from apg.capabilities.plm.shared.lines import BomLine, QuantityKind
from apg.capabilities.plm.shared.structure import Structure
from apg.capabilities.plm.structures import exact
from apg.capabilities.plm.structures.plain_sql import mapped
from apg.capabilities.plm.structures.reading import HeadRow, Row, facts_of
from apg.capabilities.plm.structures.rules import OPEN, PICKS, PLAIN, Rule, View
from apg.contracts.reference import Units
from apg.kernel.later import numpy as np
from apg.kernel.work import Work


def _above(rule: Rule) -> str:
	# A parent counts through a line that means the revision below it: pinned to it, or floating
	# while the rule picks it. Revisions that stand for nothing are dropped afterwards.
	return f"""
		with recursive above(id, item_id) as (
			select p.id, p.item_id from plm_lines l join plm_revisions p on p.id = l.parent_revision_id
			where l.child_item_id = $1::uuid and l.view = $2 and p.state <> 'cancelled'
			union
			select step.id, step.item_id from above cross join lateral (
				select p.id, p.item_id from plm_lines l
				join plm_revisions p on p.id = l.parent_revision_id
				join plm_items i on i.id = l.child_item_id
				where l.child_item_id = above.item_id and l.view = $2 and p.state <> 'cancelled'
				and coalesce(l.child_revision_id, {PICKS[rule]}, i.id) = above.id offset 0
			) step
		)
		select l.line_uid::text, l.find_number, l.quantity, l.quantity_kind, l.unit, l.attrition,
			l.setup_quantity, l.rounding_multiple, l.designators,
			i.unit_of_measure as base_unit, p.id::text as parent, p.stands as stands,
			case when l.child_item_id = $1::uuid then $1::text
				else coalesce(l.child_revision_id, {PICKS[rule]}, i.id)::text end as child,
			pinned.label as pinned_revision
		from (
			select above.id, r.state in {OPEN} or above.id = coalesce({PICKS[rule]}, i.id) as stands
			from above join plm_revisions r on r.id = above.id join plm_items i on i.id = above.item_id
			where not i.is_deleted
		) p
		join plm_lines l on l.parent_revision_id = p.id and l.view = $2
		join plm_items i on i.id = l.child_item_id
		left join plm_revisions pinned on pinned.id = l.child_revision_id
		where l.child_item_id = $1::uuid or l.child_item_id in (select item_id from above)
		order by l.find_number, l.line_uid
	"""  # noqa: S608 - constants of ours


_ABOVE = {rule: _above(rule) for rule in PLAIN}


@dataclass(frozen=True, slots=True)
class Uses:
	"""Products from the nearest to the farthest; `ends` of them are contained in nothing else."""

	rows: list[Row]
	ends: int


async def uses_of(work: Work, head: HeadRow, rule: Rule, view: View, *, depth: int | None) -> Uses:
	"""Everything that contains the product; `depth` bounds the rows, not the totals."""
	item = head.product_id
	lines = _standing(await mapped(work, _ABOVE[rule], item, str(view)), item)
	if not lines:
		return Uses([], 0)
	structure = _structure(work, lines)
	used = where_used(structure, item)
	levels = _levels(lines, item)
	nodes = [structure.name(int(node)) for node in used.nodes]
	facts = await facts_of(work, nodes)
	amounts = _amounts(structure, item, used.nodes, used.amounts)
	above_items = {facts[line["child"]]["product_id"] for line in lines if line["child"] != item}
	rows: list[Row] = []
	for place, name in enumerate(nodes):
		known = facts[name]
		direct = [line for line in lines if line["parent"] == name and line["child"] == item]
		rows.append(
			{
				"level": levels[name],
				**{each: known[each] for each in _SHOWN},
				"current": bool(known["current"]),
				"is_end": known["product_id"] not in above_items,
				"quantity": exact.quantity_of(amounts[place]),
				"uncertain": bool(used.uncertain[place]),
				"via": sorted({line["child"] for line in lines if line["parent"] == name} - {item}),
				"lines": [_line(line) for line in direct],
			}
		)
	ends = sum(1 for row in rows if row["is_end"])
	rows = [row for row in rows if depth is None or row["level"] <= depth]
	rows.sort(key=lambda row: (row["level"], row["product_number"], row["revision_id"]))
	return Uses(rows, ends)


_SHOWN = (
	"product_id",
	"product_number",
	"product_name",
	"product_type",
	"lifecycle_phase",
	"unit_of_measure",
	"revision_id",
	"revision",
	"revision_state",
)


def _line(line: Row) -> Row:
	names = ("line_uid", "find_number", "quantity", "quantity_kind", "unit")
	return {
		**{name: line[name] for name in names},
		"designators": line["designators"],
		"pinned_revision": line["pinned_revision"],
	}


def _standing(lines: list[Row], item: str) -> list[Row]:
	"""Lines of revisions that stand for their item, or are pinned below one that does."""
	by_parent: dict[str, list[Row]] = {}
	for line in lines:
		by_parent.setdefault(line["parent"], []).append(line)
	kept: set[str] = set()
	waiting = [line["parent"] for line in lines if line["stands"]]
	while waiting:
		parent = waiting.pop()
		if parent in kept:
			continue
		kept.add(parent)
		waiting += [line["child"] for line in by_parent.get(parent, ()) if line["child"] != item]
	return [
		line
		for line in lines
		if line["parent"] in kept and (line["child"] == item or line["child"] in by_parent)
	]


def _structure(work: Work, lines: list[Row]) -> Structure:
	pairs = {(line["unit"], line["base_unit"]) for line in lines}
	known = work.port(Units).factors({pair for pair in pairs if pair[0] != pair[1]})
	return Structure.from_lines(
		BomLine(
			parent=line["parent"],
			child=line["child"],
			quantity=line["quantity"] if _factor(known, line) else None,
			kind=QuantityKind(line["quantity_kind"]),
			attrition=line["attrition"],
			setup=line["setup_quantity"],
			rounding=line["rounding_multiple"] or 0,
			conversion=_factor(known, line) or 1,
		)
		for line in lines
	)


def _factor(known: Any, line: Row) -> Fraction | None:
	if line["unit"] == line["base_unit"]:
		return Fraction(1)
	return known.get((line["unit"], line["base_unit"]))


def _levels(lines: Iterable[Row], item: str) -> dict[str, int]:
	"""The shortest way from the item up to each product."""
	parents: dict[str, set[str]] = {}
	for line in lines:
		parents.setdefault(line["child"], set()).add(line["parent"])
	levels: dict[str, int] = {item: 0}
	frontier = {item}
	while frontier:
		above = {parent for child in frontier for parent in parents.get(child, ())} - levels.keys()
		levels |= dict.fromkeys(above, levels[next(iter(frontier))] + 1)
		frontier = above
	return levels


def _amounts(
	structure: Structure, item: str, nodes: IntArray, floats: Any
) -> list[Fraction | float]:
	if structure.line_count > exact.MOST_LINES:
		return floats.tolist()
	node = structure.index(item)
	above = structure.ancestors(np.array([node]))
	walk = exact.ExactWalk(structure, above, 1)
	found = walk.totals(lambda each: Fraction(int(each == node)))
	return [found[each] for each in nodes.tolist()]
