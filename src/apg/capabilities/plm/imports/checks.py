"""What must hold for the structure of any imported bill of materials, whatever file it came from."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from apg.capabilities.plm.imports.neutral import ImportedLine, ImportedPart, Problems
from apg.kernel.texts import _
from apg.platform.reference import units

QUANTITY_DECIMALS = 6
QUANTITY_WHOLE = 12


def check_structure(
	parts: Sequence[ImportedPart], lines: Sequence[ImportedLine], problems: Problems
) -> None:
	"""Reports shared numbers, bad quantities, units that do not fit and every part on a cycle once."""
	by_key = {each.source_key: each for each in parts}
	_check_numbers(parts, problems)
	for line in lines:
		_check_quantity(line, problems)
		child = by_key.get(line.child_key)
		if child is not None:
			_check_unit(line, child, problems)
	cycle = find_cycle((line.parent_key, line.child_key) for line in lines)
	if cycle:
		problems.add(
			_("The parts contain each other: {cycle}.", cycle=" → ".join(_names(cycle, by_key))),
			_("Remove one of these lines; a part cannot contain itself."),
			row=next(
				(x.row for x in lines if (x.parent_key, x.child_key) == (cycle[0], cycle[1])), None
			),
		)


def _check_numbers(parts: Iterable[ImportedPart], problems: Problems) -> None:
	owner: dict[str, ImportedPart] = {}
	for part in parts:
		if part.number is None:
			continue
		first = owner.setdefault(part.number.casefold(), part)
		if first is not part:
			problems.add(
				_(
					"“{number}” is the number of two parts, {first} and {second}.",
					number=part.number,
					first=first.name or first.source_key,
					second=part.name or part.source_key,
				),
				_("Give each part a number of its own."),
				row=part.row,
				value=part.number,
			)


def _check_quantity(line: ImportedLine, problems: Problems) -> None:
	value = line.quantity
	exponent = value.as_tuple().exponent
	if not value.is_finite() or value <= 0:
		reason = _("The quantity is not greater than zero.")
	elif isinstance(exponent, int) and -exponent > QUANTITY_DECIMALS and _too_fine(value):
		reason = _("The quantity has more than {n} decimals.", n=QUANTITY_DECIMALS)
	elif value.adjusted() >= QUANTITY_WHOLE:
		reason = _("The quantity has more than {n} digits before the point.", n=QUANTITY_WHOLE)
	else:
		return
	problems.add(reason, _("Correct it, or use another unit."), row=line.row, value=str(value))


def _too_fine(value: Decimal) -> bool:
	return value != value.quantize(Decimal(1).scaleb(-QUANTITY_DECIMALS))


def _check_unit(line: ImportedLine, child: ImportedPart, problems: Problems) -> None:
	if line.unit and child.unit and not units.compatible(line.unit, child.unit):
		problems.add(
			_(
				"{name} is kept in {unit}, the line says {other}.",
				name=child.number or child.name or child.source_key,
				unit=child.unit,
				other=line.unit,
			),
			_("Use a unit of the same kind in the line, or correct the unit of the part."),
			row=line.row,
			value=line.unit,
		)


def _names(keys: Iterable[str], by_key: Mapping[str, ImportedPart]) -> list[str]:
	found: list[str] = []
	for key in keys:
		part = by_key.get(key)
		found.append((part.number or part.name or key) if part else key)
	return found


def find_cycle(edges: Iterable[tuple[str, str]]) -> tuple[str, ...]:
	"""One cycle as parent, child, …, parent; empty if the edges form none. Linear, no recursion."""
	children: dict[str, list[str]] = defaultdict(list)
	parents_left: dict[str, int] = defaultdict(int)
	nodes: dict[str, None] = {}
	for parent, child in edges:
		children[parent].append(child)
		parents_left[child] += 1
		nodes[parent] = nodes[child] = None
	free = [node for node in nodes if not parents_left[node]]
	while free:
		node = free.pop()
		del nodes[node]
		for child in children[node]:
			parents_left[child] -= 1
			if not parents_left[child]:
				free.append(child)
	if not nodes:
		return ()
	# Every node left has a parent among those left: going up must come back.
	above = {child: parent for parent in nodes for child in children[parent] if child in nodes}
	node, seen = next(iter(nodes)), dict[str, None]()
	while node not in seen:
		seen[node] = None
		node = above[node]
	path = list(seen)[list(seen).index(node) :]
	return (node, *reversed(path))
