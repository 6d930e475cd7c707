"""What a person sees of a plan: one row for each part and line, old and new as text."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from apg.capabilities.plm.imports.differences import Kind, LineDiff, PartDiff
from apg.capabilities.plm.imports.matching import Outcome
from apg.capabilities.plm.imports.neutral import (
	ImportedIdentifier,
	ImportedLine,
	ImportedPart,
	ImportedPrice,
	ImportedValue,
)
from apg.capabilities.plm.imports.plans import Plan
from apg.capabilities.plm.imports.recording import line_of, plain
from apg.capabilities.plm.products.bulk import RecordedPart
from apg.kernel.texts import _

CANDIDATES = 20


def described(plan: Plan) -> list[dict[str, Any]]:
	"""One row for each part and line that would be added, changed or removed."""
	found: list[dict[str, Any]] = []
	parts = plan.file_parts
	for each in plan.diff.parts:
		part = parts[each.key]
		opened = plan.reopened.get(each.id or "")
		if each.kind is not Kind.SAME or opened:
			recorded = plan.parts.get(each.id or "")
			changes = list(_part_fields(each, part))
			if opened:
				changes.insert(0, _opened(opened))
			found.append(
				{
					"subject": "part",
					"kind": Kind.CHANGED.value if opened else each.kind.value,
					"source_key": each.key,
					"label": _label(part, recorded),
					"parent_label": None,
					"row_number": part.row,
					"product_id": each.id,
					"matched_by": by.value if (by := plan.matches[each.key].by) else None,
					"changes": changes,
				}
			)
	for each in plan.diff.lines:
		if each.kind is not Kind.SAME:
			found.append(_described_line(plan, each))
	for place, row in enumerate(found):
		row["place"] = place
	return found


def matched(plan: Plan) -> list[dict[str, Any]]:
	"""One row for each part of the file: what it is taken for, undecided ones first."""
	order = {Outcome.AMBIGUOUS: 0, Outcome.NEW: 1, Outcome.MATCHED: 2}
	parts = plan.file_parts
	found: list[dict[str, Any]] = []
	for each in sorted(plan.matches.values(), key=lambda one: order[one.outcome]):
		part = parts[each.key]
		recorded = plan.candidates.get(each.id or "")
		found.append(
			{
				"place": len(found),
				"source_key": each.key,
				"label": _label(part, None),
				"row_number": part.row,
				"outcome": each.outcome.value,
				"matched_by": each.by.value if each.by else None,
				"product_id": each.id,
				"product_label": _known(recorded) if recorded else None,
				"candidates": [
					{"product_id": id_, "label": _known(plan.candidates[id_])}
					for id_ in each.candidates[:CANDIDATES]
					if id_ in plan.candidates
				],
			}
		)
	return found


def _known(recorded: RecordedPart) -> str:
	return f"{recorded.number} · {recorded.name}"


def _opened(recorded: RecordedPart) -> dict[str, Any]:
	return {
		"field": "revision",
		"old": _("{label}, released", label=recorded.label),
		"new": _("a new working revision"),
	}


def _label(part: ImportedPart, recorded: RecordedPart | None) -> str:
	number = part.number or (recorded.number if recorded else None)
	name = part.name or (recorded.name if recorded else None)
	return " · ".join(each for each in (number, name) if each) or part.source_key


def _part_fields(each: PartDiff, part: ImportedPart) -> Iterable[dict[str, Any]]:
	if each.kind is not Kind.ADDED:
		for change in each.changes:
			yield {"field": change.field, "old": shown(change.before), "new": shown(change.after)}
		return
	for name in ("number", "name", "description", "type", "unit", "revision", "class_path", "tags"):
		if value := getattr(part, name):
			yield {"field": name, "old": None, "new": shown(value)}
	if part.mass is not None:
		yield {"field": "mass", "old": None, "new": shown((part.mass, part.mass_unit))}
	for name, value in part.attributes.items():
		yield {"field": f"attributes.{name}", "old": None, "new": value.text}
	for each_identifier in part.identifiers:
		field_name = f"identifiers.{each_identifier.scheme}"
		yield {"field": field_name, "old": None, "new": shown(each_identifier)}
	for price in part.prices:
		yield {"field": "prices", "old": None, "new": shown(price)}


def _described_line(plan: Plan, each: LineDiff) -> dict[str, Any]:
	recorded = plan.lines.get(each.id or "")
	child = recorded.child_item_id if recorded else each.child
	changes: list[dict[str, Any]] = []
	if each.kind is Kind.CHANGED:
		for change in each.changes:
			before, after = change.before, change.after
			if change.field == "substitutes":
				before = tuple(plan.names.get(key, key) for key in before)
				after = tuple(plan.names.get(key, key) for key in after)
			changes.append({"field": change.field, "old": shown(before), "new": shown(after)})
	else:
		line = each.line
		if recorded is not None and each.kind in (Kind.REMOVED, Kind.KEPT):
			line = line_of(recorded, each.parent)
		side = "new" if each.kind is Kind.ADDED else "old"
		for name, value in _line_fields(plan, line):
			changes.append({"field": name, "old": None, "new": None} | {side: shown(value)})
	return {
		"subject": "line",
		"kind": each.kind.value,
		"source_key": each.child,
		"label": plan.names.get(child) or plan.names.get(each.child, each.child),
		"parent_label": plan.names.get(each.parent, each.parent),
		"row_number": each.line.row if each.line else None,
		"product_id": plan.matches[each.parent].id,
		"matched_by": None,
		"changes": changes,
	}


def _line_fields(plan: Plan, line: ImportedLine | None) -> Iterable[tuple[str, Any]]:
	if line is None:
		return
	yield "quantity", line.quantity
	for name in ("unit", "find_number", "designators", "note"):
		if value := getattr(line, name):
			yield name, value
	for name in ("optional", "consumable", "allow_variants", "attrition", "setup"):
		if value := getattr(line, name):
			yield name, value
	if line.substitutes:
		yield "substitutes", tuple(plan.names.get(key, key) for key in line.substitutes)


def shown(value: Any) -> str | None:
	"""A value of a diff as text."""
	match value:
		case None:
			return None
		case bool():
			return "true" if value else "false"
		case Decimal():
			return plain(value)
		case ImportedValue():
			return value.text
		case ImportedIdentifier():
			return f"{value.value} ({value.issuer})" if value.issuer else value.value
		case ImportedPrice():
			seller = " ".join(each for each in (value.supplier, value.sku) if each)
			text = f"{plain(value.amount)} {value.currency} / {plain(value.from_quantity)}"
			return f"{text} · {seller}" if seller else text
		case (Decimal() as number, str() as unit):
			return f"{plain(number)} {unit}"
		case tuple() | list():
			return ", ".join(shown(each) or "" for each in value) or None
		case _:
			return str(value)
