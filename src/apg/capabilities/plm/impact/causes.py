"""Which lines of the redline cause the difference, each with what it brings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from apg.capabilities.plm.impact.figures import Basis
from apg.capabilities.plm.structures import exact
from apg.capabilities.plm.structures.plain_sql import mapped
from apg.capabilities.plm.structures.rollup import DIGITS
from apg.kernel.work import Work

MOST_LINES = 200
MOST_ENDS = 50

_LINES = """
	select l.id::text, l.line_uid::text, l.find_number, l.quantity, l.unit,
		l.parent_revision_id::text as parent, l.child_item_id::text as product_id,
		i.number as product_number, coalesce(r.name, '') as product_name
	from plm_lines l join plm_items i on i.id = l.child_item_id
	left join plm_revisions r on r.id = coalesce(l.child_revision_id, i.current_revision_id)
	where l.parent_revision_id = any($1::uuid[]) and l.view = 'engineering'
	order by l.find_number, l.line_uid
"""


@dataclass(slots=True)
class _Cause:
	parent: str
	old: dict[str, Any] | None = None
	new: dict[str, Any] | None = None
	deltas: dict[str, Fraction] = field(default_factory=dict[str, Fraction])


async def causes_of(
	work: Work, basis: Basis, ends: Sequence[tuple[str, int]], names: dict[str, dict[str, Any]]
) -> list[dict[str, Any]]:
	"""Lines and own figures that differ, the one that weighs most first; at most 200.

	`deltas` are for one of the parent; times `amounts` (how much of the parent each end item takes
	afterwards) they add up to the difference of the end item. `ends`: (item, place in the overlay).
	"""
	graph, structure = basis.graph, basis.graph.snapshot.structure
	pairs = dict(graph.swaps)
	rows = await mapped(work, _LINES, [*pairs, *pairs.values()])
	by_parent: dict[str, list[dict[str, Any]]] = {}
	for row in rows:
		by_parent.setdefault(row["parent"], []).append(row)
	found: list[_Cause] = []
	for old, new in pairs.items():
		found += _of_swap(basis, old, new, by_parent)
	found = [one for one in found if any(one.deltas.values())]
	largest = {
		name: max((abs(one.deltas[name]) for one in found), default=Fraction(0)) or Fraction(1)
		for name in basis.metrics
	}

	def weight(one: _Cause) -> Fraction:
		return max(abs(value) / largest[name] for name, value in one.deltas.items())

	found.sort(key=weight, reverse=True)
	taken = {end: basis.graph.overlay.amounts(at) for end, at in ends[:MOST_ENDS]}
	place = graph.overlay.place
	told: list[dict[str, Any]] = []
	for one in found[:MOST_LINES]:
		at = place[structure.index(one.parent)]
		shown = one.new or one.old
		amounts = {
			end: exact.quantity_of(float(amount[at])) for end, amount in taken.items() if amount[at]
		}
		told.append(
			{
				"kind": _kind(one),
				"parent": names[one.parent],
				"line_uid": shown["line_uid"] if shown else None,
				"find_number": shown["find_number"] if shown else None,
				"product_id": shown["product_id"] if shown else names[one.parent]["product_id"],
				"product_number": shown["product_number"] if shown else None,
				"product_name": shown["product_name"] if shown else None,
				"before_product_number": one.old["product_number"] if one.old else None,
				"quantity_before": one.old["quantity"] if one.old else None,
				"quantity_after": one.new["quantity"] if one.new else None,
				"unit": shown["unit"] if shown else None,
				"deltas": {
					name: str(exact.decimal_of(value, DIGITS[name]))
					for name, value in one.deltas.items()
				},
				"amounts": {end: str(amount) for end, amount in amounts.items()},
			}
		)
	for row in told:
		for name in ("quantity_before", "quantity_after"):
			row[name] = None if row[name] is None else f"{row[name]:f}"
	return told


def _kind(one: _Cause) -> str:
	if one.old is None and one.new is None:
		return "own"
	if one.old is None:
		return "added"
	return "removed" if one.new is None else "changed"


def _of_swap(
	basis: Basis, old: str, new: str, rows: dict[str, list[dict[str, Any]]]
) -> list[_Cause]:
	structure = basis.graph.snapshot.structure
	by_uid: dict[str, _Cause] = {}
	own = _Cause(new)
	for name in basis.metrics:
		own.deltas[name] = basis.total(name, structure.index(new)) - basis.total(
			name, structure.index(old)
		)
	for revision, sign in ((old, -1), (new, 1)):
		node = structure.index(revision)
		lines = {structure.line_name(line): line for line in structure.line_range(node)}
		for row in rows.get(revision, ()):
			cause = by_uid.setdefault(row["line_uid"], _Cause(new))
			if sign < 0:
				cause.old = row
			else:
				cause.new = row
			line = lines.get(row["id"])
			required = structure.required(line) if line is not None else None
			for name in basis.metrics:
				stopped = basis.stopped(name)
				if line is None or not required or (stopped is not None and stopped[node]):
					continue
				value = sign * required * basis.total(name, int(structure.child[line]))
				cause.deltas[name] = cause.deltas.get(name, Fraction(0)) + value
				own.deltas[name] -= value
	for cause in by_uid.values():
		for name in basis.metrics:
			cause.deltas.setdefault(name, Fraction(0))
	return [own, *by_uid.values()]
