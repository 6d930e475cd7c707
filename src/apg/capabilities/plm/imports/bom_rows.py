"""A mapped table to the neutral form: parent and child rows, indented rows, one level, or parts only."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal

from apg.capabilities.plm.imports import columns, designators, numbers
from apg.capabilities.plm.imports.cells import Cells, numeric_texts, stated
from apg.capabilities.plm.imports.checks import check_structure
from apg.capabilities.plm.imports.columns import ColumnMapping, Field, Shape
from apg.capabilities.plm.imports.levels import Levels
from apg.capabilities.plm.imports.neutral import (
	ImportedBom,
	ImportedLine,
	ImportedPart,
	Problems,
	Severity,
)
from apg.capabilities.plm.imports.numbers import NumberFormat
from apg.capabilities.plm.imports.readers import Row, Table
from apg.kernel.texts import _
from apg.platform.reference import units

_STRICT = ("number", "unit", "type", "revision", "mass", "mass_unit")
_LENIENT = ("name", "description", "class_path")
_ADDING = ("prices", "identifiers", "tags")


@dataclass(slots=True)
class _Gathering:
	"""What the rows said so far: parts by key, the ways to find them, the lines."""

	table: Table
	mapping: ColumnMapping
	format: NumberFormat
	scheme: str
	problems: Problems
	parts: dict[str, ImportedPart] = field(default_factory=dict[str, ImportedPart])
	by_number: dict[str, str] = field(default_factory=dict[str, str])
	by_name: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
	lines: list[ImportedLine] = field(default_factory=list[ImportedLine])

	def cells(self, row: Row) -> Cells:
		return Cells(row, self.mapping, self.format, self.scheme, self.problems)


def read_bom(
	table: Table,
	mapping: ColumnMapping,
	*,
	number_format: NumberFormat = NumberFormat.AUTO,
	parent: str | None = None,
	title: str | None = None,
	scheme: str = "import",
) -> ImportedBom:
	"""Reads every row and reports every problem; `parent` is the number of the assembly a single
	level (or an indented list without its top) belongs to, `title` its name where no number is
	given, `scheme` names the system of the keys."""
	problems = Problems()
	for each in table.problems:
		problems.add(
			each.reason,
			each.remedy,
			row=each.row,
			column=each.column,
			value=each.value,
			severity=each.severity,
		)
	blocking = columns.check(mapping, parent=parent or title)
	if any(each.severity is Severity.ERROR for each in blocking):
		return ImportedBom("csv", (), (), (*problems.listed(), *blocking), table.guesses)
	for each in blocking:
		problems.warn(each.reason, each.remedy, column=each.column)
	notes = list(table.guesses)
	if number_format is NumberFormat.AUTO:
		number_format = numbers.format_of(numeric_texts(table, mapping))
		if number_format is not NumberFormat.AUTO:
			notes.append(_decimal_note(number_format))
	gathering = _Gathering(table, mapping, number_format, scheme, problems)
	match mapping.shape:
		case Shape.PARENT_CHILD:
			_read_pairs(gathering)
		case Shape.INDENTED:
			_read_levels(gathering, parent)
		case Shape.SINGLE_LEVEL:
			if not parent:
				notes.append(
					_("The assembly is called “{name}”; give its number if it has one.", name=title)
				)
			_read_one_level(gathering, parent or title or "", by_name=not parent)
		case Shape.PART_LIST:
			for row in table.data:
				_part(gathering, row)
	lines = tuple(_with_substitutes(gathering))
	parts = tuple(gathering.parts.values())
	_warn_of_repeated(lines, problems)
	check_structure(parts, lines, problems)
	return ImportedBom(
		source="csv",
		parts=parts,
		lines=lines,
		problems=problems.listed(),
		notes=tuple(notes),
		stated=stated(mapping),
		scheme=scheme if mapping.has(Field.SOURCE_KEY) else None,
	)


def _decimal_note(number_format: NumberFormat) -> str:
	if number_format is NumberFormat.COMMA:
		return _("Decimals are written with a comma: guessed from the numbers.")
	return _("Decimals are written with a point: guessed from the numbers.")


def _read_pairs(gathering: _Gathering) -> None:
	"""Children first, so that a parent named only by number or name finds its own row."""
	pairs = [(row, _part(gathering, row)) for row in gathering.table.data]
	for row, child in pairs:
		cells = gathering.cells(row)
		parent = _parent(gathering, cells)
		if parent and child:
			_line(gathering, cells, parent, child)


def _parent(gathering: _Gathering, cells: Cells) -> str | None:
	"""The key of the row's parent; a parent without a row of its own becomes a part."""
	key, number, name = (cells.text(each) for each in columns.PARENTS)
	if not (key or number or name):
		return None
	if key and key in gathering.parts:
		found = key
	elif number and number.casefold() in gathering.by_number:
		found = gathering.by_number[number.casefold()]
	elif not key and not number and name and (named := gathering.by_name.get(name)):
		if len(named) > 1:
			cells.problem(
				Field.PARENT_NAME,
				_("{n} parts are called “{name}”.", n=len(named), name=name),
				_("Name the parent by its number or key."),
			)
			return None
		found = named[0]
	else:
		found = key or number or name or ""
	stated_part = ImportedPart(
		source_key=found,
		number=number,
		name=name,
		revision=cells.text(Field.PARENT_REVISION),
		identifiers=cells.identifier(key),
		row=cells.row.number,
	)
	_merge(gathering, stated_part)
	return found


def _read_levels(gathering: _Gathering, parent: str | None) -> None:
	"""The part above a row is the last one of a smaller level; an assembly that is written out
	twice is read once, and a second list that differs is a problem."""
	levels = Levels(gathering.table, gathering.mapping)
	rows = [
		(row, _part(gathering, row), levels.read(gathering.cells(row)))
		for row in gathering.table.data
	]
	known = [(row, key, level) for row, key, level in rows if key and level is not None]
	if not known:
		return
	top = min(level for _row, _key, level in known)
	above: list[tuple[int, str, int]] = []
	if parent:
		root = _given_parent(gathering, parent)
		if not (known[0][1] == root and known[0][2] == top):
			above, top = [(top - 1, root, 0)], top - 1
	elif sum(level == top for _row, _key, level in known) > 1 and top > 0:
		gathering.problems.add(
			_(
				"{n} parts stand at the top level {level}.",
				n=sum(x[2] == top for x in known),
				level=top,
			),
			_("Name the assembly they belong to."),
			row=known[0][0].number,
		)
		return
	blocks: dict[str, dict[int, list[ImportedLine]]] = {}
	for row, key, level in known:
		while above and above[-1][0] >= level:
			above.pop()
		if above and level > above[-1][0] + 1:
			gathering.problems.add(
				_("Level {level} follows level {last}.", level=level, last=above[-1][0]),
				_(
					"A row can be at most one level below the row before it; add the missing assembly."
				),
				row=row.number,
			)
		elif not above and level != top:
			gathering.problems.add(
				_("Nothing stands above level {level}.", level=level),
				_("Begin with the assembly itself."),
				row=row.number,
			)
		if above:
			_level, parent_key, block = above[-1]
			if line := _line(gathering, gathering.cells(row), parent_key, key, keep=False):
				blocks.setdefault(parent_key, {}).setdefault(block, []).append(line)
		above.append((level, key, row.number))
	for same_parent in blocks.values():
		first, *others = same_parent.values()
		gathering.lines.extend(first)
		for other in others:
			_compare_blocks(gathering, first, other)


def _compare_blocks(
	gathering: _Gathering, first: list[ImportedLine], other: list[ImportedLine]
) -> None:
	if [replace(x, row=None) for x in first] != [replace(x, row=None) for x in other]:
		part = gathering.parts[other[0].parent_key]
		gathering.problems.add(
			_(
				"{name} is written out again with other lines than from row {row} on.",
				name=part.number or part.name or part.source_key,
				row=first[0].row,
			),
			_("Make both lists equal, or leave the second one out."),
			row=other[0].row,
		)


def _read_one_level(gathering: _Gathering, parent: str, *, by_name: bool) -> None:
	root = parent if by_name else _given_parent(gathering, parent)
	if by_name:
		_merge(gathering, ImportedPart(source_key=parent, name=parent))
	for row in gathering.table.data:
		key = _part(gathering, row)
		if key:
			_line(gathering, gathering.cells(row), root, key)


def _given_parent(gathering: _Gathering, parent: str) -> str:
	"""The key of the assembly a person named; it becomes a part if no row is about it."""
	found = gathering.by_number.get(parent.casefold())
	if found is None:
		found = parent
		_merge(gathering, ImportedPart(source_key=parent, number=parent))
	return found


def _part(gathering: _Gathering, row: Row) -> str | None:
	"""Takes in the part of a row and answers its key; a row that names none is a problem."""
	cells = gathering.cells(row)
	number, name = cells.text(Field.NUMBER), cells.text(Field.NAME)
	written = cells.text(Field.SOURCE_KEY)
	key = written
	if key is None and number is not None:
		key = gathering.by_number.get(number.casefold(), number)
	if key is None and name is not None:
		key = gathering.by_name.get(name, [name])[0]
	if key is None:
		gathering.problems.add(
			_("The row names no part."),
			_("Give a number, a name or a key."),
			row=row.number,
		)
		return None
	_merge(gathering, cells.part(key, written))
	return key


def _merge(gathering: _Gathering, new: ImportedPart) -> None:
	"""Fills gaps from a further row about the same part; what contradicts an earlier row is named."""
	old = gathering.parts.get(new.source_key)
	merged = new
	if old is not None:
		changes: dict[str, object] = {}
		for name in (*_STRICT, *_LENIENT):
			before, now = getattr(old, name), getattr(new, name)
			if now in (None, ()) or now == before:
				continue
			if before in (None, ()):
				changes[name] = now
			elif name == "unit" and units.compatible(str(before), str(now)):
				continue
			else:
				gathering.problems.add(
					_(
						"“{now}” contradicts “{before}” in row {row} for the same part.",
						now=now,
						before=before,
						row=old.row,
					),
					_("Make the rows agree."),
					row=new.row,
					column=name,
					value=str(now),
					severity=Severity.ERROR if name in _STRICT else Severity.WARNING,
				)
		for name in _ADDING:
			together = dict.fromkeys((*getattr(old, name), *getattr(new, name)))
			changes[name] = tuple(together)
		changes["attributes"] = {**new.attributes, **old.attributes}
		merged = replace(old, **changes)  # pyright: ignore[reportArgumentType]
	gathering.parts[new.source_key] = merged
	if merged.number:
		gathering.by_number.setdefault(merged.number.casefold(), merged.source_key)
	if merged.name:
		named = gathering.by_name.setdefault(merged.name, [])
		if merged.source_key not in named:
			named.append(merged.source_key)


def _line(
	gathering: _Gathering, cells: Cells, parent: str, child: str, *, keep: bool = True
) -> ImportedLine | None:
	quantity, unit = cells.quantity()
	if quantity is None:
		return None
	listed = designators.split(cells.text(Field.DESIGNATORS) or "")
	line = ImportedLine(
		parent_key=parent,
		child_key=child,
		quantity=quantity,
		unit=unit,
		designators=listed,
		find_number=cells.text(Field.FIND_NUMBER),
		optional=cells.truth(Field.OPTIONAL),
		consumable=cells.truth(Field.CONSUMABLE),
		note=cells.text(Field.NOTE),
		substitutes=cells.list_of(Field.SUBSTITUTES),
		attrition=cells.attrition(),
		allow_variants=cells.truth(Field.ALLOW_VARIANTS),
		row=cells.row.number,
	)
	if designators.all_single(listed) and unit in (None, "each") and len(listed) != quantity:
		gathering.problems.warn(
			_("{n} designators, but the quantity is {quantity}.", n=len(listed), quantity=quantity),
			_("Correct one of the two."),
			row=cells.row.number,
			value=", ".join(listed),
		)
	if keep:
		gathering.lines.append(line)
	return line


def _with_substitutes(gathering: _Gathering) -> Iterator[ImportedLine]:
	"""Lines whose substitutes are keys of parts; one without a row is looked for in the record."""
	for line in gathering.lines:
		keys: list[str] = []
		for text in line.substitutes:
			key = text if text in gathering.parts else gathering.by_number.get(text.casefold())
			if key is None:
				key = text
				part = ImportedPart(source_key=text, number=text, mentioned=True, row=line.row)
				_merge(gathering, part)
			keys.append(key)
		yield replace(line, substitutes=tuple(keys)) if line.substitutes else line


def _warn_of_repeated(lines: tuple[ImportedLine, ...], problems: Problems) -> None:
	seen: dict[tuple[str, str, str | None, tuple[str, ...], Decimal], int | None] = {}
	for line in lines:
		same = (line.parent_key, line.child_key, line.find_number, line.designators, line.quantity)
		if same in seen:
			problems.warn(
				_("The row repeats row {row}; both are taken.", row=seen[same]),
				_("Remove one if it is there by mistake."),
				row=line.row,
			)
		else:
			seen[same] = line.row
