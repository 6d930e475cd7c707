"""Two orders from one base: what the second one becomes on top of the first, by `line_uid`.

Field by field: what one side alone changed is taken, what both changed alike is taken once, what both
changed differently somebody has to choose. A line that one side removed and the other changed is a
choice too. Lines that both added stay both; where they want one find number, mine moves on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from apg.capabilities.plm.shared.compare import Line
from apg.capabilities.plm.shared.errors import DomainError

LINE = "line"
"""The name of a choice about the whole line: keep the change, or the removal."""
OWN = ("child", "find_number", "designators")
STEP = 10


class Side(StrEnum):
	MINE = "mine"
	THEIRS = "theirs"


Choices = Mapping[tuple[str, str], str]
"""(line_uid, field) → side."""
NO_CHOICES: Choices = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Clash:
	"""A field that both changed, or a line that one removed (its side is None) and one changed."""

	uid: str
	field: str
	base: Any
	mine: Any
	theirs: Any

	@property
	def key(self) -> tuple[str, str]:
		return self.uid, self.field


@dataclass(frozen=True, slots=True)
class Merged:
	"""The lines, the clashes without a choice (mine stands there meanwhile), and moved find numbers
	as (uid, old, new)."""

	lines: tuple[Line, ...]
	clashes: tuple[Clash, ...]
	moved: tuple[tuple[str, int | None, int], ...]

	@property
	def is_clean(self) -> bool:
		return not self.clashes


def merge(
	base: Iterable[Line],
	mine: Iterable[Line],
	theirs: Iterable[Line],
	choices: Choices = NO_CHOICES,
) -> Merged:
	"""What `mine` (made from `base`) becomes on top of `theirs`. Raises DomainError for a choice
	that is neither mine nor theirs."""
	for key, side in choices.items():
		if side not in tuple(Side):
			raise DomainError(".".join(key), f"{side!r} is no side", "Choose mine or theirs.")
	old, left, right = ({line.uid: line for line in lines} for lines in (base, mine, theirs))
	kept: list[Line] = []
	clashes: list[Clash] = []
	for uid in sorted(left.keys() | right.keys()):
		line = _line(uid, old.get(uid), left.get(uid), right.get(uid), choices, clashes)
		if line is not None:
			kept.append(line)
	lines, moved = _renumbered(kept, right)
	return Merged(tuple(sorted(lines, key=_place)), tuple(clashes), tuple(moved))


def _line(
	uid: str,
	base: Line | None,
	mine: Line | None,
	theirs: Line | None,
	choices: Choices,
	clashes: list[Clash],
) -> Line | None:
	if mine is not None and theirs is not None:
		return _fields(base, mine, theirs, choices, clashes)
	present = mine or theirs
	if base is None or present is None:
		return present  # added by one side
	if not differing(base, present):
		return None  # removed by the other, untouched here
	clash = Clash(uid, LINE, base, mine, theirs)
	chosen = choices.get(clash.key)
	if chosen is None:
		clashes.append(clash)
		return mine
	return mine if chosen == Side.MINE else theirs


def _fields(
	base: Line | None, mine: Line, theirs: Line, choices: Choices, clashes: list[Clash]
) -> Line:
	names = (*OWN, *sorted(mine.fields.keys() | theirs.fields.keys()))
	values: dict[str, Any] = {}
	for name in names:
		ours, other = mine.value(name), theirs.value(name)
		before = base.value(name) if base is not None else None
		if ours == other or (base is not None and other == before):
			values[name] = ours
		elif base is not None and ours == before:
			values[name] = other
		else:
			clash = Clash(mine.uid, name, before, ours, other)
			chosen = choices.get(clash.key)
			if chosen is None:
				clashes.append(clash)
			values[name] = other if chosen == Side.THEIRS else ours
	own = {name: values.pop(name) for name in OWN}
	return Line(uid=mine.uid, origin=mine.origin, fields=values, **own)


def differing(left: Line, right: Line) -> list[str]:
	"""Names of the fields in which two states of a line differ."""
	names = (*OWN, *sorted(left.fields.keys() | right.fields.keys()))
	return [name for name in names if left.value(name) != right.value(name)]


def _renumbered(
	lines: list[Line], theirs: Mapping[str, Line]
) -> tuple[list[Line], list[tuple[str, int | None, int]]]:
	"""Two lines of one view under one find number: theirs keeps it."""

	def is_theirs(line: Line) -> bool:
		held = theirs.get(line.uid)
		return held is not None and held.find_number == line.find_number

	taken: set[tuple[Any, int | None]] = set()
	result: list[Line] = []
	moved: list[tuple[str, int | None, int]] = []
	for line in sorted(lines, key=lambda each: (not is_theirs(each), *_place(each))):
		view = line.fields.get("view")
		if (view, line.find_number) in taken and line.find_number is not None:
			numbers = [n for v, n in taken if v == view and n is not None]
			numbers += [each.find_number or 0 for each in lines if each.fields.get("view") == view]
			free = max(numbers) // STEP * STEP + STEP
			while (view, free) in taken:
				free += STEP
			moved.append((line.uid, line.find_number, free))
			line = replace(line, find_number=free)
		taken.add((view, line.find_number))
		result.append(line)
	return result, moved


def _place(line: Line) -> tuple[float, str]:
	return (float("inf") if line.find_number is None else line.find_number, line.uid)
