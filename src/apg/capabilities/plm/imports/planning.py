"""What taking a file over would do: matched, compared with the record, checked as a whole."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

from apg.capabilities.plm.imports.checks import find_cycle
from apg.capabilities.plm.imports.differences import (
	Change,
	Diff,
	ExistingLine,
	Kind,
	LineDiff,
	PartDiff,
	diff,
)
from apg.capabilities.plm.imports.matching import ExistingPart, Match, Outcome, match
from apg.capabilities.plm.imports.neutral import (
	ImportedBom,
	ImportedIdentifier,
	ImportedLine,
	ImportedPart,
	ImportedPrice,
	ImportedValue,
	Problem,
	Problems,
	Severity,
)
from apg.capabilities.plm.imports.recording import (
	LENGTHS,
	UNSTORABLE,
	as_recorded,
	line_of,
	part_of,
	plain,
	price_lists,
)
from apg.capabilities.plm.products import bulk as products
from apg.capabilities.plm.products.bulk import RecordedPart
from apg.capabilities.plm.shared.lifecycle import RevisionState
from apg.capabilities.plm.structures import bulk as structures
from apg.capabilities.plm.structures.bulk import RecordedLine
from apg.kernel.stamps import utc_now
from apg.kernel.texts import _
from apg.kernel.work import Work
from apg.platform.reference import units

BY_HAND = "import"  # the source of a file that names none
CONTENT = frozenset({"name", "description", "revision", "mass"})


@dataclass(slots=True)
class Plan:
	"""The file in the record's form, what it meets there, and what would change.

	`parts` maps ids of products to what is recorded, `lines` ids of lines. `names` shows a key of the
	file or an id as people know it. `reopened` are products whose released revision would get
	changes, by id: they get a new working revision first.
	"""

	read: ImportedBom
	bom: ImportedBom
	source: str
	today: date
	matches: Mapping[str, Match]
	diff: Diff
	parts: Mapping[str, RecordedPart]
	lines: Mapping[str, RecordedLine]
	problems: tuple[Problem, ...]
	names: Mapping[str, str] = field(default_factory=dict[str, str])
	reopened: dict[str, RecordedPart] = field(default_factory=dict[str, RecordedPart])

	@property
	def errors(self) -> tuple[Problem, ...]:
		return tuple(each for each in self.problems if each.severity is Severity.ERROR)

	@property
	def file_parts(self) -> dict[str, ImportedPart]:
		return {part.source_key: part for part in self.bom.parts}

	def counts(self) -> dict[str, dict[str, int]]:
		"""How much of each there is: parts, lines, prices, identifiers, substitutes, attributes."""
		found: dict[str, dict[str, int]] = {
			what: {
				"added": counted[Kind.ADDED],
				"changed": counted[Kind.CHANGED],
				"removed": counted[Kind.REMOVED],
				"unchanged": counted[Kind.SAME],
			}
			for what in ("parts", "lines")
			if (counted := self.diff.count(what))
		}
		details = {
			name: {"added": 0, "changed": 0, "removed": 0}
			for name in ("prices", "identifiers", "attributes", "substitutes")
		}
		new = self.file_parts
		for part in self.diff.parts:
			if part.kind is Kind.ADDED:
				for name in ("prices", "identifiers", "attributes"):
					details[name]["added"] += len(getattr(new[part.key], name))
			for change in part.changes:
				_count(details, change)
		for line in self.diff.lines:
			if line.kind is Kind.ADDED and line.line is not None:
				details["substitutes"]["added"] += len(line.line.substitutes)
			for change in line.changes:
				if change.field == "substitutes":
					details["substitutes"]["added"] += len(set(change.after) - set(change.before))
					details["substitutes"]["removed"] += len(set(change.before) - set(change.after))
		opened = {"added": len(self.reopened), "changed": 0, "removed": 0}
		return found | details | {"revisions": opened}

	@property
	def fingerprint(self) -> str:
		"""A hash over all that would change; equal for equal effects."""
		digest = hashlib.sha256()
		for each in (*self.diff.parts, *self.diff.lines):
			if each.kind is not Kind.SAME:
				digest.update(repr(each).encode())
		return digest.hexdigest()


def _count(details: Mapping[str, dict[str, int]], change: Change) -> None:
	name = change.field.partition(".")[0]
	if name in details:
		kind = (
			"added" if change.before is None else "removed" if change.after is None else "changed"
		)
		details[name][kind] += 1


async def make_plan(work: Work, read: ImportedBom, source: str, *, lock: bool = False) -> Plan:
	"""Compares the file with the record. `source` names the system it comes from; `lock` holds what
	is compared until the transaction ends, so that the plan still holds when it is carried out."""
	bom = as_recorded(read)
	today = utc_now().date()
	if lock and bom.lines:
		await structures.hold_structures(work)
	recorded = await products.find_parts(
		work,
		numbers=_spellings(part.number for part in bom.parts),
		names=_spellings(part.name for part in bom.parts),
		identifiers=_spellings(each.value for part in bom.parts for each in part.identifiers),
		lock=lock,
	)
	by_id = {each.item_id: each for each in recorded}
	matches = match(bom.parts, [ExistingPart(each.item_id, part_of(each)) for each in recorded])
	matched = {each.id: by_id[each.id] for each in matches.values() if each.id is not None}
	lines = await structures.load_lines(work, [each.revision_id for each in matched.values()])
	owner = {each.revision_id: each.item_id for each in matched.values()}
	found = diff(
		bom,
		matches,
		[
			ExistingPart(id_, _compared(by_id[id_], part, source, today))
			for id_, part in _by_match(bom, matches)
		],
		[
			ExistingLine(each.id, line_of(each, owner[each.revision_id]), each.source == source)
			for each in lines
		],
	)
	found = replace(found, lines=tuple(_with_units(found.lines, bom, matches, by_id)))
	plan = Plan(
		read,
		bom,
		source,
		today,
		matches,
		found,
		matched,
		{each.id: each for each in lines},
		bom.problems,
	)
	plan.names = await _names(work, plan)
	problems = Problems()
	_check_matches(plan, by_id, problems)
	_check_parts(plan, problems)
	_check_lines(plan, problems)
	await _check_cycles(work, plan, problems)
	plan.problems = (*plan.problems, *problems.listed())
	return plan


def _spellings(values: Iterable[str | None]) -> set[str]:
	return {
		form
		for value in values
		if value and not UNSTORABLE.search(value)
		for form in (value.lower(), value.casefold())
	}


def _by_match(bom: ImportedBom, matches: Mapping[str, Match]) -> Iterable[tuple[str, ImportedPart]]:
	for part in bom.parts:
		if (id_ := matches[part.source_key].id) is not None:
			yield id_, part


def _compared(recorded: RecordedPart, part: ImportedPart, source: str, today: date) -> ImportedPart:
	"""The recorded part as far as the file can speak about it: with the prices it brought and those
	it names, and without the planned label where the file still has one that was released."""
	named = {(each.kind, each.supplier, each.sku) for each in part.prices}
	prices = [
		price
		for rows in price_lists(recorded, today).values()
		for price in rows
		if price.source == source
		or (part_of(recorded, [price]).prices[0].kind, price.supplier, price.sku) in named
	]
	shown_part = part_of(recorded, prices)
	if part.revision in recorded.fixed_labels:
		return replace(shown_part, revision=part.revision)
	return shown_part


def _with_units(
	lines: Iterable[LineDiff],
	bom: ImportedBom,
	matches: Mapping[str, Match],
	recorded: Mapping[str, RecordedPart],
) -> Iterable[LineDiff]:
	"""A new line without a unit counts in its part's own."""
	parts = {part.source_key: part for part in bom.parts}
	for each in lines:
		if each.line is None or each.line.unit:
			yield each
			continue
		id_ = matches[each.child].id
		own = recorded[id_].unit_of_measure if id_ else parts[each.child].unit
		yield replace(each, line=replace(each.line, unit=own or "each"))


async def _names(work: Work, plan: Plan) -> dict[str, str]:
	names = {key: part.number or part.name or key for key, part in plan.file_parts.items()}
	known = {id_: part.number for id_, part in plan.parts.items()}
	missing = {line.child_item_id for line in plan.lines.values()} | {
		item for line in plan.lines.values() for _row, item in line.substitutes
	}
	for part in await products.load_parts(work, sorted(missing - set(known))):
		known[part.item_id] = part.number
	return known | names


def _check_matches(plan: Plan, known: Mapping[str, RecordedPart], problems: Problems) -> None:
	parts = plan.file_parts
	for each in plan.diff.ambiguous:
		part = parts[each.key]
		fitting = ", ".join(
			sorted(known[id_].number for id_ in each.candidates if id_ in known)[:5]
		)
		problems.add(
			_("{reason} ({candidates})", reason=each.reason or "", candidates=fitting),
			_("Give the part the number of the one that is meant, or a number of its own."),
			row=part.row,
			value=part.number or part.name or each.key,
		)


def _check_parts(plan: Plan, problems: Problems) -> None:
	parts = plan.file_parts
	for each in plan.diff.parts:
		part = parts[each.key]
		if each.id is None:
			name = part.name or part.number or part.source_key
			least, most = LENGTHS["name"]
			if not part.name and not least <= len(name) <= most:
				problems.add(
					_("The part has no name."),
					_("Give it a name of {least} to {most} characters.", least=least, most=most),
					row=part.row,
					value=name,
				)
			continue
		recorded = plan.parts[each.id]
		for change in each.changes:
			if change.field == "unit" and not units.compatible(change.before, change.after):
				problems.add(
					_(
						"{number} is kept in {unit}, the file says {other}.",
						number=recorded.number,
						unit=change.before,
						other=change.after,
					),
					_("Use a unit of the same kind, or correct the unit of the product."),
					row=part.row,
					column="unit",
					value=str(change.after),
				)
		if any(in_revision(change) for change in each.changes):
			_reopen(plan, recorded, part.row, problems)


def in_revision(change: Change) -> bool:
	"""Whether the change is one of content, which lives in a revision."""
	return change.field in CONTENT or change.field.startswith("attributes.")


def _reopen(plan: Plan, recorded: RecordedPart, row: int | None, problems: Problems) -> None:
	"""Content changes in working revisions alone: a released one is followed by a new one."""
	if recorded.is_working or recorded.item_id in plan.reopened:
		return
	if recorded.state == RevisionState.RELEASED:
		plan.reopened[recorded.item_id] = recorded
		return
	problems.add(
		_(
			"Revision {label} of {number} is {state}; its content cannot change.",
			label=recorded.label,
			number=recorded.number,
			state=_(recorded.state),
		),
		_("Decide on that revision first, then import the file again."),
		row=row,
		value=recorded.number,
	)


def _check_lines(plan: Plan, problems: Problems) -> None:
	taken: dict[tuple[str, str], int | None] = {}
	replaced = {each.id for each in plan.diff.lines if each.kind in (Kind.REMOVED, Kind.CHANGED)}
	rows = {each.id: each.line.row for each in plan.diff.lines if each.id and each.line}
	for line in plan.lines.values():
		if line.id not in replaced:
			taken[line.revision_id, str(line.find_number)] = rows.get(line.id)
	for each in plan.diff.lines:
		row = each.line.row if each.line else None
		id_ = plan.matches[each.parent].id
		recorded = plan.parts[id_] if id_ else None
		if each.kind is Kind.SAME:
			continue
		if recorded:
			_reopen(plan, recorded, row, problems)
		if each.line is None or each.kind is Kind.REMOVED:
			continue
		number = each.line.find_number
		if number is None and each.id is not None:
			number = str(plan.lines[each.id].find_number)
		if number is not None:
			place = (recorded.revision_id if recorded else each.parent, number)
			if place in taken:
				_find_number_taken(plan, each, number, taken[place], problems)
			taken[place] = row
		_check_line_unit(plan, each, problems)


def _find_number_taken(
	plan: Plan, line: LineDiff, number: str, other: int | None, problems: Problems
) -> None:
	problems.add(
		_(
			"Find number {number} of {parent} is on two lines.",
			number=number,
			parent=plan.names.get(line.parent, line.parent),
		)
		if other is not None
		else _(
			"Find number {number} of {parent} is on a line that the file does not have.",
			number=number,
			parent=plan.names.get(line.parent, line.parent),
		),
		_("Give each line a number of its own, or leave the column out."),
		row=line.line.row if line.line else None,
		column="find_number",
		value=number,
	)


def _check_line_unit(plan: Plan, line: LineDiff, problems: Problems) -> None:
	id_ = plan.matches[line.child].id
	if id_ is None or line.line is None or not line.line.unit:
		return
	stated = plan.file_parts[line.child].unit if "unit" in plan.bom.stated else None
	own = stated or plan.parts[id_].unit_of_measure
	if not units.compatible(line.line.unit, own):
		problems.add(
			_(
				"{name} is kept in {unit}, the line says {other}.",
				name=plan.parts[id_].number,
				unit=own,
				other=line.line.unit,
			),
			_("Use a unit of the same kind in the line, or correct the unit of the part."),
			row=line.line.row,
			value=line.line.unit,
		)


async def _check_cycles(work: Work, plan: Plan, problems: Problems) -> None:
	"""New lines of the file against everything that is recorded below their children."""
	ids = {key: each.id or key for key, each in plan.matches.items()}
	added = [
		(ids[each.parent], ids[each.child], each.line.row)
		for each in plan.diff.lines
		if each.kind is Kind.ADDED and each.line is not None
	]
	known = [child for _parent, child, _row in added if child in plan.parts]
	if not known:
		return  # cycles inside the file are found where it is read
	removed = {
		(ids[each.parent], plan.lines[each.id].child_item_id)
		for each in plan.diff.lines
		if each.kind is Kind.REMOVED and each.id is not None
	}
	uses = [edge for edge in await structures.uses_below(work, known) if edge not in removed]
	cycle = find_cycle((*uses, *((parent, child) for parent, child, _row in added)))
	if not cycle:
		return
	ours = {(parent, child): row for parent, child, row in added}
	first = next((n for n, edge in enumerate(pairwise(cycle)) if edge in ours), 0)
	cycle = (*cycle[first:-1], *cycle[: first + 1])
	strangers = sorted(set(cycle) - set(plan.names))
	others = {part.item_id: part.number for part in await products.load_parts(work, strangers)}
	problems.add(
		_(
			"The products would contain each other: {cycle}.",
			cycle=" → ".join(plan.names.get(each) or others.get(each, each) for each in cycle),
		),
		_("Remove one of these lines; a product cannot contain itself."),
		row=ours.get((cycle[0], cycle[1])),
	)


# what a person sees of a plan


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
		if recorded is not None and each.kind is Kind.REMOVED:
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


__all__ = ["Outcome", "Plan", "described", "in_revision", "make_plan", "shown"]
