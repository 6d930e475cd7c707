"""Two structures side by side: by line, and below by occurrence where revisions differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apg.capabilities.plm.shared import compare as lines_of
from apg.capabilities.plm.shared.compare import Difference, FieldChange
from apg.capabilities.plm.structures.plain_sql import fetched
from apg.capabilities.plm.structures.reading import HeadRow, Row, rows_below
from apg.capabilities.plm.structures.rules import AnyRule, Demand, Rule, View, source_of
from apg.kernel.work import Work

MOST_ROWS = 5_000
ATTRIBUTES = ("description", "mass", "mass_unit", "material")
_FIELDS = (
	"quantity",
	"quantity_kind",
	"unit",
	"attrition",
	"setup_quantity",
	"rounding_multiple",
	"note",
	"is_optional",
	"is_consumable",
	"allow_variants",
)


Pair = tuple[str, str]


@dataclass(slots=True)
class _Compared:
	"""One pair of revisions: what differs between their lines, and the pairs one level deeper."""

	rows: list[Row]
	below: list[tuple[Pair, str]]


async def compared(
	work: Work,
	before: HeadRow,
	after: HeadRow,
	*,
	rules: tuple[AnyRule, AnyRule],
	view: View,
	depth: int,
) -> dict[str, Any]:
	"""What turns `before` into `after`.

	Each pair of revisions is compared once and told at every place where it stands. A sub-assembly in
	the same revision on both sides under the same rule is equal and not entered.
	"""
	top = (before.revision_id, after.revision_id)
	known = await _all_pairs(work, top, rules, view, depth)
	differs: dict[Pair, bool] = {}
	found: list[Row] = []
	stack: list[tuple[Pair, int, list[str]]] = [(top, 1, [])]
	while stack and len(found) <= MOST_ROWS:
		pair, level, path = stack.pop()
		found += [{**row, "level": level, "path": path} for row in known[pair].rows]
		if level < depth:
			stack += [
				(under, level + 1, [*path, number])
				for under, number in reversed(known[pair].below)
				if _differs(under, known, differs)
			]
	rows, attributes = found[:MOST_ROWS], _attributes(before, after)
	count = {word: sum(1 for row in rows if row["change"] == word) for word in CHANGES}
	return {
		"before": before.wire(),
		"after": after.wire(),
		"view": str(view),
		"depth": depth,
		"identical": not rows and not attributes,
		"truncated": len(found) > MOST_ROWS,
		**count,
		"attributes": attributes,
		"lines": rows,
	}


CHANGES = ("added", "removed", "changed")


async def _all_pairs(
	work: Work, top: Pair, rules: tuple[AnyRule, AnyRule], view: View, depth: int
) -> dict[Pair, _Compared]:
	"""Every pair that can be met to the depth, level by level."""
	known: dict[Pair, _Compared] = {}
	fresh = {top}
	for _level in range(depth):
		if not fresh:
			break
		old = await _lines(work, {pair[0] for pair in fresh}, rules[0], view)
		new = await _lines(work, {pair[1] for pair in fresh}, rules[1], view)
		for pair in fresh:
			known[pair] = _compare(old.get(pair[0], []), new.get(pair[1], []), rules)
		fresh = {pair for held in known.values() for pair, _number in held.below} - known.keys()
	for pair in fresh:  # below the depth: not looked at
		known[pair] = _Compared([], [])
	return known


def _compare(a: Sequence[Row], b: Sequence[Row], rules: tuple[AnyRule, AnyRule]) -> _Compared:
	difference = lines_of.compare(
		[_line(row, rules) for row in a], [_line(row, rules) for row in b]
	)
	below = [
		((x["revision_id"], y["revision_id"]), y["product_number"])
		for x, y in _pairs(difference, a, b)
		if x["product_id"] == y["product_id"]
		and (x["revision_id"] != y["revision_id"] or (rules[0] != rules[1] and x["has_children"]))
	]
	return _Compared(_rows(difference, a, b), below)


def _differs(pair: Pair, known: Mapping[Pair, _Compared], differs: dict[Pair, bool]) -> bool:
	"""Whether anything differs at or below the pair; each pair is asked once."""
	if pair not in differs:
		held = known[pair]
		differs[pair] = bool(held.rows) or any(
			_differs(under, known, differs) for under, _number in held.below
		)
	return differs[pair]


_OF_BASELINE = """
	select l.id::text, s ->> 'number', (s ->> 'ratio')::numeric from {lines} l
	cross join jsonb_array_elements(l.substitutes) with ordinality e (s, place)
	where l.parent_revision_id = any($1::uuid[]) order by l.id, place
"""
_SUBSTITUTES = """
	select l.id::text, i.number, s.quantity_ratio from plm_line_substitutes s
	join plm_lines l on l.id = s.line_id join plm_items i on i.id = s.item_id
	where l.parent_revision_id = any($1::uuid[]) order by s.rank, i.number
"""


def _substitutes(rule: AnyRule) -> str:
	if isinstance(rule, Demand) and rule.rule is Rule.BASELINE:
		return _OF_BASELINE.format(lines=source_of(rule).lines)
	return _SUBSTITUTES


async def _lines(
	work: Work, revisions: set[str], rule: AnyRule, view: View
) -> dict[str, list[Row]]:
	found = await rows_below(work, revisions, rule, view)
	substitutes: dict[str, list[str]] = {}
	for line_id, number, ratio in await fetched(work, _substitutes(rule), sorted(revisions)):
		text = number if ratio == 1 else f"{number} × {ratio.normalize():f}"
		substitutes.setdefault(line_id, []).append(text)
	for row in (row for group in found.values() for row in group):
		row["substitutes"] = tuple(substitutes.get(row["line_id"], ()))
	return found


def _line(row: Row, rules: tuple[AnyRule, AnyRule]) -> lines_of.Line:
	return lines_of.Line(
		uid=row["line_uid"],
		child=row["product_id"],
		find_number=row["find_number"],
		designators=frozenset(row["designators"]),
		fields={
			**{name: row[name] for name in _FIELDS},
			"revision": _meant(row) if row["pinned"] or _resolved(rules) else None,
			"substitutes": row["substitutes"] or None,
		},
	)


def _resolved(rules: tuple[AnyRule, AnyRule]) -> bool:
	"""Whether the revision that a floating line means is told: what is effective differs by it."""
	return rules[0] != rules[1] and any(isinstance(rule, Demand) for rule in rules)


def _meant(row: Row) -> str | None:
	"""The revision a line means, told apart from a released one of the same label."""
	if row["revision"] is None or row["revision_state"] not in ("working", "in_review"):
		return row["revision"]
	return f"{row['revision']} ({row['revision_state']})"


def _pairs(difference: Difference, a: Sequence[Row], b: Sequence[Row]) -> list[tuple[Row, Row]]:
	"""The rows of lines that are on both sides, changed or not."""
	old, new = {row["line_uid"]: row for row in a}, {row["line_uid"]: row for row in b}
	moved = {each.old_uid: each.new_uid for each in difference.changed}
	moved |= {left: right for left, right, _origin in difference.renamed}
	gone = {line.uid for line in difference.removed}
	return [
		(row, new[moved.get(uid, uid)])
		for uid, row in old.items()
		if uid not in gone and moved.get(uid, uid) in new
	]


def _rows(difference: Difference, a: Sequence[Row], b: Sequence[Row]) -> list[Row]:
	old, new = {row["line_uid"]: row for row in a}, {row["line_uid"]: row for row in b}
	rows = [
		_told("removed", old[line.uid], None, _content(old[line.uid]))
		for line in difference.removed
	]
	for change in difference.changed:
		left, right = old[change.old_uid], new[change.new_uid]
		fields = [_field(each, left, right) for each in change.changes]
		rows.append(_told("changed", right, str(change.matched_by), fields))
	rows += [
		_told("added", new[line.uid], None, _content(new[line.uid], new=True))
		for line in difference.added
	]
	return rows


def _told(change: str, row: Row, how: str | None, fields: list[dict[str, Any]]) -> Row:
	return {
		"change": change,
		"line_uid": row["line_uid"],
		"find_number": row["find_number"],
		"product_id": row["product_id"],
		"product_number": row["product_number"],
		"product_name": row["product_name"],
		"matched_by": how,
		"fields": fields,
	}


def _content(row: Row, *, new: bool = False) -> list[dict[str, Any]]:
	"""What a line brings or takes away, as fields without another side."""
	shown = {"quantity": row["quantity"], "unit": row["unit"], "designators": row["designators"]}
	return [
		{"field": name, "old": None if new else value, "new": value if new else None}
		for name, value in shown.items()
		if value not in (None, [])
	]


def _field(change: FieldChange, left: Row, right: Row) -> dict[str, Any]:
	if change.field == "child":
		return {"field": "product", "old": left["product_number"], "new": right["product_number"]}
	if change.field == "designators":
		return {"field": "designators", "old": left["designators"], "new": right["designators"]}
	return {"field": change.field, "old": change.old, "new": change.new}


def _attributes(before: HeadRow, after: HeadRow) -> list[dict[str, Any]]:
	"""Fields of the revisions themselves that differ; own attributes by name."""
	pairs: dict[str, tuple[Any, Any]] = {
		"product_name": (before.product_name, after.product_name),
		**{name: (before.content[name], after.content[name]) for name in ATTRIBUTES},
	}
	old, new = before.content["attributes"] or {}, after.content["attributes"] or {}
	for name in sorted(old.keys() | new.keys()):
		pairs[f"custom_attributes.{name}"] = (old.get(name), new.get(name))
	return [
		{"field": name, "old": left, "new": right}
		for name, (left, right) in pairs.items()
		if left != right
	]
