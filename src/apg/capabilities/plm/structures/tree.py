"""The indented and the flat view of a structure, with figures where they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from operator import itemgetter
from typing import Any

from apg.capabilities.plm.shared.explosion import explode, flatten
from apg.capabilities.plm.shared.lines import QuantityKind, required_quantity
from apg.capabilities.plm.structures import exact
from apg.capabilities.plm.structures.prices import Costs
from apg.capabilities.plm.structures.reading import HeadRow, Row, facts_of, rows_below, with_lines
from apg.capabilities.plm.structures.rollup import RolledUp, roll_up_product
from apg.capabilities.plm.structures.rules import AnyRule, Demand, Rule, View
from apg.capabilities.plm.structures.snapshots import Snapshot, snapshot_of
from apg.contracts.reference import Units
from apg.kernel.later import numpy as np
from apg.kernel.stamps import utc_now
from apg.kernel.work import Work

MOST_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Asked:
	"""What a reader wants to see of a structure.

	`quantity` of the root are needed; `lot` units of every product are built together. `currency`
	None: no costs.
	"""

	rule: AnyRule = Rule.DEFAULT
	view: View = View.ENGINEERING
	depth: int = 1
	quantity: Decimal = Decimal(1)
	lot: int = 1
	rollup: bool = False
	currency: str | None = None
	day: date | None = None
	limit: int = 5_000

	def wire(self) -> dict[str, Any]:
		return {
			"view": str(self.view),
			"rule": str(self.rule),
			**demanded(self.rule),
			"quantity": self.quantity,
			"lot": self.lot,
		}


def demanded(rule: AnyRule) -> dict[str, Any]:
	"""What a rule was asked for, as the wire tells it; nulls for a plain rule."""
	asked = rule if isinstance(rule, Demand) else Demand(rule)
	return {
		"at": asked.at,
		"serial": asked.number if asked.rule is Rule.UNIT else None,
		"lot_number": asked.number if asked.rule is Rule.LOT else None,
		"context_product_id": asked.context,
		"baseline_id": asked.baseline,
	}


@dataclass(frozen=True, slots=True)
class Tree:
	rows: list[Row]
	truncated: bool
	rolled: RolledUp | None


async def rolled_up(work: Work, head: HeadRow, asked: Asked) -> RolledUp:
	"""The roll-up of the head's structure in the reader's context."""
	costs = Costs(work) if asked.currency is not None else None
	snapshot = await snapshot_of(
		work, head.revision_id, asked.rule, asked.view, costs.read_all if costs else None
	)
	return await roll_up_product(
		work,
		snapshot,
		head.revision_id,
		quantity=asked.quantity,
		lot=asked.lot,
		currency=asked.currency or "",
		day=asked.day or utc_now().date(),
		costs=costs,
	)


async def indented(work: Work, head: HeadRow, asked: Asked) -> Tree:
	"""Rows to a depth, parents before children, at most `limit`; deeper levels are left out first.

	One query for each level, each revision read once.
	"""
	rolled = await rolled_up(work, head, asked) if asked.rollup else None
	lines = await _levels(work, head.revision_id, asked)
	amounts = _Amounts(work, lines, asked.lot)
	rows: list[Row] = []
	top = _Amount(Fraction(asked.quantity))
	stack: list[tuple[Row, int, _Amount | None, list[str]]] = [
		(row, 1, top, []) for row in reversed(lines.get(head.revision_id, []))
	]
	while stack and len(rows) < asked.limit:
		line, level, above, path = stack.pop()
		each = amounts.each(line)
		total = amounts.times(above, each)
		row = _row(line, level, each, total, [*path, line["line_uid"]])
		if rolled is not None:
			node = rolled.node_of(row["revision_id"])
			row |= figures_of(rolled, node, None if total is None else total.exact)
		rows.append(row)
		if level < asked.depth and (below := lines.get(line["revision_id"])):
			stack.extend((under, level + 1, total, row["path"]) for under in reversed(below))
	return Tree(rows, bool(stack), rolled)


async def _levels(work: Work, root: str, asked: Asked) -> dict[str, list[Row]]:
	"""The lines of every revision to the depth, each revision read once."""
	lines: dict[str, list[Row]] = {}
	frontier, rows_found, level = {root}, 0, 0
	while frontier and level < asked.depth and rows_found <= asked.limit:
		level += 1
		# Of the last level it is asked, of the others it shows.
		last = level == asked.depth
		below = await rows_below(work, frontier, asked.rule, asked.view, children=last)
		for revision in frontier:
			lines[revision] = below.get(revision, [])
		rows_found += sum(map(len, below.values()))
		frontier = {row["revision_id"] for group in below.values() for row in group} - lines.keys()
	if level < asked.depth:
		more = await with_lines(work, frontier, asked.rule, asked.view)
		for group in lines.values():
			for row in group:
				child = row["revision_id"]
				row["has_children"] = bool(lines[child]) if child in lines else child in more
	return lines


class _Amount:
	"""A quantity without rounding, and as it is shown."""

	__slots__ = ("exact", "shown")

	def __init__(self, value: Fraction) -> None:
		self.exact = value
		self.shown = exact.quantity_of(value)


class _Amounts:
	"""What lines take of their children; equal ones are worked out once."""

	def __init__(self, work: Work, lines: dict[str, list[Row]], lot: int) -> None:
		pairs = {(row["unit"], row["base_unit"]) for group in lines.values() for row in group}
		self._known = work.port(Units).factors({pair for pair in pairs if pair[0] != pair[1]})
		self._lot = lot
		self._each: dict[tuple[Any, ...], _Amount | None] = {}
		self._times: dict[tuple[_Amount, _Amount], _Amount] = {}

	def each(self, line: Row) -> _Amount | None:
		"""In the child's base unit, what one parent takes; None where that is not known."""
		said = _SAID(line)
		if said not in self._each:
			self._each[said] = self._required(*said)
		return self._each[said]

	def times(self, above: _Amount | None, each: _Amount | None) -> _Amount | None:
		"""What so many parents take."""
		if above is None or each is None:
			return None
		pair = (above, each)
		if pair not in self._times:
			self._times[pair] = _Amount(above.exact * each.exact)
		return self._times[pair]

	def _required(
		self,
		kind: str,
		quantity: Decimal | None,
		attrition: Decimal,
		setup: Decimal,
		rounding: Decimal | None,
		unit: str,
		base: str,
	) -> _Amount | None:
		factor = Fraction(1) if unit == base else self._known.get((unit, base))
		if factor is None:
			return None
		required = required_quantity(
			QuantityKind(kind),
			_micro(quantity),
			attrition=_micro(attrition) or 0,
			setup=_micro(setup) or 0,
			rounding=_micro(rounding) or 0,
			conversion=factor,
			lot=self._lot,
		)
		return None if required is None else _Amount(required)


_SAID = itemgetter(
	"quantity_kind",
	"quantity",
	"attrition",
	"setup_quantity",
	"rounding_multiple",
	"unit",
	"base_unit",
)


def _micro(value: Decimal | None) -> int | None:
	return None if value is None else int(value.scaleb(6))


_SHOWN = (
	"line_uid",
	"parent_revision_id",
	"find_number",
	"product_id",
	"product_number",
	"product_name",
	"product_type",
	"lifecycle_phase",
	"status",
	"revision_id",
	"revision",
	"revision_state",
	"pinned",
	"quantity",
	"quantity_kind",
	"unit",
	"base_unit",
	"attrition",
	"setup_quantity",
	"rounding_multiple",
	"designators",
	"note",
	"is_optional",
	"is_consumable",
	"substitute_count",
	"has_children",
)
_values_shown = itemgetter(*_SHOWN)


def _row(
	line: Row, level: int, each: _Amount | None, total: _Amount | None, path: list[str]
) -> Row:
	row: Row = {"level": level, "path": path}
	row.update(zip(_SHOWN, _values_shown(line), strict=True))
	row["quantity_per_parent"] = None if each is None else each.shown
	row["total_quantity"] = None if total is None else total.shown
	return row


def figures_of(rolled: RolledUp, node: int, amount: Fraction | None) -> Row:
	"""Cost and mass of a row: its own figure, the known total of one, and of all needed here."""
	found = dict(rolled.figures_of(node))
	for name in rolled.rolled.figures:
		told = amount is not None and found[f"rolled_{name}"] is not None
		found[f"total_{name}"] = rolled.total(name, node, amount or Fraction(0)) if told else None
	return found


async def flat(work: Work, head: HeadRow, asked: Asked, whole: frozenset[str]) -> Tree:
	"""Each product once with its total quantity; `whole` names products that are not opened."""
	snapshot = await snapshot_of(work, head.revision_id, asked.rule, asked.view)
	structure = snapshot.structure
	rolled = await rolled_up(work, head, asked) if asked.rollup else None
	kept = frozenset(
		structure.name(node)
		for node in np.flatnonzero(np.isin(snapshot.items, _named(whole))[snapshot.item]).tolist()
	) - {head.revision_id}
	listed = flatten(structure, head.revision_id, lots=asked.lot, whole=kept)
	amounts = _amounts(snapshot, head.revision_id, asked, kept)
	chosen = listed[: asked.limit]
	facts = await facts_of(work, [each.item for each in chosen], asked.rule)
	rows: list[Row] = []
	for each in chosen:
		node, known = structure.index(each.item), facts[each.item]
		amount = amounts(node)
		row = {
			"level": each.level,
			**{name: known[name] for name in _FACTS_SHOWN},
			"base_unit": known["unit_of_measure"],
			"total_quantity": exact.quantity_of(amount),
			"uncertain": each.uncertain,
		}
		if rolled is not None:
			row |= figures_of(rolled, node, Fraction(amount))
		rows.append(row)
	return Tree(rows, len(listed) > len(rows), rolled)


_FACTS_SHOWN = (
	"product_id",
	"product_number",
	"product_name",
	"product_type",
	"lifecycle_phase",
	"revision_id",
	"revision",
	"revision_state",
)


def _named(ids: frozenset[str]) -> Any:
	return np.array(sorted(ids) or [""], "S36")


def _amounts(snapshot: Snapshot, root: str, asked: Asked, kept: frozenset[str]) -> Any:
	"""The total quantity of a node: exact for structures that can be walked, else a float."""
	structure = snapshot.structure
	top = structure.index(root)
	below = structure.descendants(np.array([top]))
	stopped = np.zeros(structure.node_count, np.bool_)
	stopped[structure.indexes(sorted(kept))] = True
	quantity = Fraction(asked.quantity)
	if structure.lines_of(below).size <= exact.MOST_LINES:
		walked = exact.ExactWalk(structure, below, asked.lot).amounts(top, stopped)
		return lambda node: walked[node] * quantity
	floats = explode(structure, root, float(quantity), lots=asked.lot, stops=stopped).amounts
	return lambda node: float(floats[node])
