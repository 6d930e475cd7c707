"""What changed between two lists of lines: added, removed, changed, each occurrence for itself.

Lines are paired in this order, each line once:
1. lineage: the same line_uid, or one was derived from the other (`origin`, an MBOM line of an EBOM line)
2. the same child under the same find number
3. the same child; among several the pair that shares most designators, then the most alike
4. another child in the same designators: a part was replaced

Nothing depends on the order of rows. What is paired and equal is not reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from apg.capabilities.plm.shared.errors import DomainError

Fields = Mapping[str, Any]
_NONE: Fields = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
	"""One line as far as it can differ; `uid` is unique in its list.

	`fields` holds everything else that counts (quantity as Decimal, unit, kind, pinned revision …);
	values compare by ==, so 1.0 equals 1.00. A field that is None is dropped: absent and None are one.
	"""

	uid: str
	child: str
	find_number: int | None = None
	designators: frozenset[str] = frozenset()
	origin: str | None = None
	fields: Fields = field(default_factory=lambda: _NONE)

	def __post_init__(self) -> None:
		kept = {name: value for name, value in self.fields.items() if value is not None}
		object.__setattr__(self, "fields", kept)

	def value(self, name: str) -> Any:
		if name in _OWN_FIELDS:
			return getattr(self, name)
		return self.fields.get(name)


_OWN_FIELDS = ("child", "find_number", "designators")


class MatchedBy(StrEnum):
	LINEAGE = "lineage"
	CHILD_AND_FIND_NUMBER = "child_and_find_number"
	CHILD = "child"
	DESIGNATORS = "designators"


@dataclass(frozen=True, slots=True)
class FieldChange:
	field: str
	old: Any
	new: Any


@dataclass(frozen=True, slots=True)
class LineChange:
	"""A line on both sides that differs; uid and origin are identity and not among the changes."""

	old_uid: str
	new_uid: str
	new_origin: str | None
	child: str
	matched_by: MatchedBy
	changes: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True)
class Difference:
	"""From one list to another, sorted by find number and uid.

	`renamed` (old uid, new uid, new origin) holds lines that are equal but for their identity: no
	difference in content, but `apply` needs it to give the second list exactly.
	"""

	added: tuple[Line, ...] = ()
	removed: tuple[Line, ...] = ()
	changed: tuple[LineChange, ...] = ()
	renamed: tuple[tuple[str, str, str | None], ...] = ()

	@property
	def is_empty(self) -> bool:
		return not (self.added or self.removed or self.changed)


class DoesNotApply(DomainError):
	"""The list is not the one that the difference was taken from; `uid` and `field` say where."""

	code = "does_not_apply"

	def __init__(self, uid: str, field: str, reason: str) -> None:
		super().__init__(field, f"line {uid}: {reason}", "Compare again with the current lines.")
		self.uid = uid


def compare(before: Iterable[Line], after: Iterable[Line]) -> Difference:
	"""The difference that turns `before` into `after`. Raises DomainError when a uid appears twice."""
	old, new = _by_uid("before", before), _by_uid("after", after)
	pairs = _paired(dict(old), dict(new))
	changed: list[LineChange] = []
	renamed: list[tuple[str, str, str | None]] = []
	for left, right, how in pairs:
		changes = _field_changes(left, right)
		if changes:
			changed.append(LineChange(left.uid, right.uid, right.origin, left.child, how, changes))
		elif (left.uid, left.origin) != (right.uid, right.origin):
			renamed.append((left.uid, right.uid, right.origin))
	gone = old.keys() - {left.uid for left, _, _ in pairs}
	come = new.keys() - {right.uid for _, right, _ in pairs}
	return Difference(
		added=tuple(sorted((new[uid] for uid in come), key=_place)),
		removed=tuple(sorted((old[uid] for uid in gone), key=_place)),
		changed=tuple(sorted(changed, key=lambda change: _place(old[change.old_uid]))),
		renamed=tuple(sorted(renamed, key=lambda each: each[:2])),
	)


def apply(difference: Difference, lines: Iterable[Line]) -> list[Line]:
	"""The lines after the difference, sorted by find number and uid.

	Given other lines than those it was taken from, it changes only what it names, and raises
	DoesNotApply when a line it names is gone, was added already or has another value in the field.
	"""
	result = _by_uid("lines", lines)
	for line in difference.removed:
		present = _taken(result, line.uid)
		if differing := _field_changes(line, present):
			raise DoesNotApply(line.uid, differing[0].field, "it was changed since")
	arriving: list[Line] = []
	for change in difference.changed:
		present = _taken(result, change.old_uid)
		for each in change.changes:
			if present.value(each.field) != each.old:
				raise DoesNotApply(change.old_uid, each.field, "it has another value by now")
		arriving.append(_changed(present, change))
	for old_uid, new_uid, origin in difference.renamed:
		arriving.append(replace(_taken(result, old_uid), uid=new_uid, origin=origin))
	for line in (*arriving, *difference.added):
		if line.uid in result:
			raise DoesNotApply(line.uid, "line", "it is there already")
		result[line.uid] = line
	return sorted(result.values(), key=_place)


def _by_uid(name: str, lines: Iterable[Line]) -> dict[str, Line]:
	found: dict[str, Line] = {}
	for line in lines:
		if line.uid in found:
			raise DomainError(
				name, f"line {line.uid} appears twice", "Give every line its own uid."
			)
		found[line.uid] = line
	return found


def _place(line: Line) -> tuple[float, str]:
	return (float("inf") if line.find_number is None else line.find_number, line.uid)


def _paired(old: dict[str, Line], new: dict[str, Line]) -> list[tuple[Line, Line, MatchedBy]]:
	"""Pairs by the four rules; takes what it pairs out of both."""
	pairs: list[tuple[Line, Line, MatchedBy]] = []

	def pair(left: Line, right: Line, how: MatchedBy) -> None:
		pairs.append((old.pop(left.uid), new.pop(right.uid), how))

	for uid in sorted(old.keys() & new.keys()):
		pair(old[uid], new[uid], MatchedBy.LINEAGE)
	_pair_by_origin(old, new, pair)
	_pair_groups(old, new, _child_and_number, _nearness, MatchedBy.CHILD_AND_FIND_NUMBER, pair)
	_pair_groups(old, new, _child, _nearness, MatchedBy.CHILD, pair)
	_pair_by_designators(old, new, pair)
	return pairs


Pair = Callable[[Line, Line, MatchedBy], None]


def _pair_by_origin(old: dict[str, Line], new: dict[str, Line], pair: Pair) -> None:
	"""Derived from the other list's line, or both from the same one; the smallest uids first."""
	for ancestor_old, ancestor_new in (
		(_uid, _origin),
		(_origin, _uid),
		(_origin, _origin),
	):
		_pair_groups(old, new, (ancestor_old, ancestor_new), _nearness, MatchedBy.LINEAGE, pair)


def _uid(line: Line) -> object:
	return line.uid


def _origin(line: Line) -> object:
	return line.origin


def _child(line: Line) -> object:
	return line.child


def _child_and_number(line: Line) -> object:
	return None if line.find_number is None else (line.child, line.find_number)


def _nearness(left: Line, right: Line) -> tuple[float, ...]:
	"""Smaller is nearer: shared designators, equal content, distance of find numbers."""
	shared = len(left.designators & right.designators)
	either = len(left.designators | right.designators)
	numbers = (left.find_number, right.find_number)
	known = numbers[0] is not None and numbers[1] is not None
	apart = abs((numbers[0] or 0) - (numbers[1] or 0)) if known else float(numbers[0] != numbers[1])
	return (-shared, either - shared, float(len(_field_changes(left, right))), apart)


_MOST_CANDIDATES = 100_000
"""Larger groups of one child are paired in the order of their find numbers instead of by likeness."""

Key = Callable[[Line], object]


def _pair_groups(
	old: dict[str, Line],
	new: dict[str, Line],
	key: Key | tuple[Key, Key],
	nearness: Callable[[Line, Line], tuple[float, ...]],
	how: MatchedBy,
	pair: Pair,
) -> None:
	"""Pairs lines with equal keys, inside a group the nearest first; a key of None pairs nothing."""
	left_key, right_key = key if isinstance(key, tuple) else (key, key)
	right_groups: dict[object, list[Line]] = {}
	for line in new.values():
		right_groups.setdefault(right_key(line), []).append(line)
	left_groups: dict[object, list[Line]] = {}
	for line in old.values():
		left_groups.setdefault(left_key(line), []).append(line)
	for value, lefts in left_groups.items():
		rights = right_groups.get(value, [])
		if value is None or not rights:
			continue
		if len(lefts) * len(rights) > _MOST_CANDIDATES or len(lefts) == len(rights) == 1:
			for left, right in zip(
				sorted(lefts, key=_place), sorted(rights, key=_place), strict=False
			):
				pair(left, right, how)
			continue
		_pair_nearest([(nearness(a, b), a, b) for a in lefts for b in rights], old, new, how, pair)


def _pair_nearest(
	candidates: list[tuple[tuple[float, ...], Line, Line]],
	old: dict[str, Line],
	new: dict[str, Line],
	how: MatchedBy,
	pair: Pair,
) -> None:
	candidates.sort(key=lambda each: (each[0], _place(each[1]), _place(each[2])))
	for _, left, right in candidates:
		if left.uid in old and right.uid in new:
			pair(left, right, how)


def _pair_by_designators(old: dict[str, Line], new: dict[str, Line], pair: Pair) -> None:
	at: dict[str, list[Line]] = {}
	for line in new.values():
		for name in line.designators:
			at.setdefault(name, []).append(line)
	candidates = [
		(_nearness(left, right), left, right)
		for left in old.values()
		for right in {
			line.uid: line for name in left.designators for line in at.get(name, [])
		}.values()
	]
	_pair_nearest(candidates, old, new, MatchedBy.DESIGNATORS, pair)


def _field_changes(left: Line, right: Line) -> tuple[FieldChange, ...]:
	names = (*_OWN_FIELDS, *sorted(left.fields.keys() | right.fields.keys()))
	changes = ((name, left.value(name), right.value(name)) for name in names)
	return tuple(FieldChange(name, old, new) for name, old, new in changes if old != new)


def _taken(lines: dict[str, Line], uid: str) -> Line:
	if uid not in lines:
		raise DoesNotApply(uid, "line", "it is not there")
	return lines.pop(uid)


def _changed(line: Line, change: LineChange) -> Line:
	values = {each.field: each.new for each in change.changes}
	own = {name: values.pop(name, getattr(line, name)) for name in _OWN_FIELDS}
	fields = {**line.fields, **values}
	return Line(uid=change.new_uid, origin=change.new_origin, fields=fields, **own)
