"""What makes a plan impossible: parts that fit several, units that do not fit, numbers twice, rings."""

from collections.abc import Mapping
from itertools import pairwise

from apg.capabilities.plm.imports.checks import find_cycle
from apg.capabilities.plm.imports.differences import QUIET, Kind, LineDiff
from apg.capabilities.plm.imports.neutral import Problems
from apg.capabilities.plm.imports.plans import Plan, in_revision
from apg.capabilities.plm.imports.recording import LENGTHS
from apg.capabilities.plm.products import bulk as products
from apg.capabilities.plm.products.bulk import RecordedPart
from apg.capabilities.plm.shared.lifecycle import RevisionState
from apg.capabilities.plm.structures import bulk as structures
from apg.kernel.texts import _
from apg.kernel.work import Work
from apg.platform.reference import units


async def check(work: Work, plan: Plan, known: Mapping[str, RecordedPart]) -> None:
	"""Adds every problem to the plan, and the products whose released revision is to be followed by a
	new one. `known` are all products that parts of the file might be."""
	problems = Problems()
	_check_matches(plan, known, problems)
	_check_parts(plan, problems)
	_check_lines(plan, problems)
	await _check_cycles(work, plan, problems)
	plan.problems = (*plan.problems, *problems.listed())


def _check_matches(plan: Plan, known: Mapping[str, RecordedPart], problems: Problems) -> None:
	parts = plan.file_parts
	for each in plan.diff.ambiguous:
		part = parts[each.key]
		fitting = ", ".join(
			sorted(known[id_].number for id_ in each.candidates if id_ in known)[:5]
		)
		problems.add(
			_("{reason} ({candidates})", reason=each.reason or "", candidates=fitting),
			_("Choose the one that is meant under Matches, or give the part its number."),
			row=part.row,
			value=part.number or part.name or each.key,
		)


def _check_parts(plan: Plan, problems: Problems) -> None:
	parts = plan.file_parts
	for each in plan.diff.parts:
		part = parts[each.key]
		if each.id is None and part.mentioned:
			problems.add(
				_("“{number}” is neither in the file nor recorded.", number=part.number),
				_("Add a row for it, or remove it."),
				row=part.row,
				value=part.number,
			)
			continue
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
		if each.kind in QUIET:
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
