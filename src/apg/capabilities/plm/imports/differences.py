"""What taking a file would change in the record: fields of parts and lines, added, changed, removed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from apg.capabilities.plm.imports.matching import ExistingPart, Match, Outcome, identity
from apg.capabilities.plm.imports.neutral import (
	ImportedBom,
	ImportedLine,
	ImportedPart,
	ImportedPrice,
	ImportedValue,
)
from apg.platform.reference import units


class Kind(StrEnum):
	ADDED = "added"
	CHANGED = "changed"
	REMOVED = "removed"
	KEPT = "kept"
	SAME = "same"


QUIET = frozenset({Kind.SAME, Kind.KEPT})  # nothing is written


@dataclass(frozen=True, slots=True)
class ExistingLine:
	"""A recorded line whose parent, child and substitutes are ids; `imported` tells that an import
	of the same system made it: a line made by hand is never removed by a file."""

	id: str
	line: ImportedLine
	imported: bool = True


@dataclass(frozen=True, slots=True)
class Change:
	field: str
	before: Any
	after: Any


@dataclass(frozen=True, slots=True)
class PartDiff:
	key: str
	id: str | None
	kind: Kind
	changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class LineDiff:
	"""Keys are those of the file; a removed line has ids of the record instead."""

	parent: str
	child: str
	kind: Kind
	id: str | None = None
	changes: tuple[Change, ...] = ()
	line: ImportedLine | None = None


@dataclass(frozen=True, slots=True)
class Diff:
	parts: tuple[PartDiff, ...]
	lines: tuple[LineDiff, ...]
	ambiguous: tuple[Match, ...] = ()

	@property
	def empty(self) -> bool:
		"""Whether taking the file would change nothing, and nothing is undecided."""
		return not self.ambiguous and all(each.kind in QUIET for each in (*self.parts, *self.lines))

	def count(self, what: str) -> dict[Kind, int]:
		"""How many `parts` or `lines` there are of each kind."""
		found: Sequence[PartDiff | LineDiff] = self.parts if what == "parts" else self.lines
		return {kind: sum(each.kind is kind for each in found) for kind in Kind}


def diff(
	bom: ImportedBom,
	matches: Mapping[str, Match],
	existing: Iterable[ExistingPart],
	lines: Iterable[ExistingLine],
	*,
	keep_hand_made: bool = True,
) -> Diff:
	"""What taking the file would add, change and remove. Only what the file states is compared; an
	empty cell leaves the record as it is, and parts that the file does not list stay, as do lines
	made by hand unless `keep_hand_made` is off."""
	records = {each.id: each.part for each in existing}
	parts: list[PartDiff] = []
	for part in bom.parts:
		found = matches[part.source_key]
		if found.outcome is Outcome.AMBIGUOUS:
			continue
		if found.id is None:
			parts.append(PartDiff(part.source_key, None, Kind.ADDED))
			continue
		changes = tuple(_part_changes(part, records[found.id], bom.stated))
		kind = Kind.CHANGED if changes else Kind.SAME
		parts.append(PartDiff(part.source_key, found.id, kind, changes))
	ambiguous = tuple(each for each in matches.values() if each.outcome is Outcome.AMBIGUOUS)
	found_lines = tuple(_line_diffs(bom, matches, lines, keep_hand_made))
	return Diff(tuple(parts), found_lines, ambiguous)


def _part_changes(new: ImportedPart, old: ImportedPart, stated: frozenset[str]) -> Iterable[Change]:
	for name in ("number", "name", "description", "type", "revision", "class_path"):
		before, after = getattr(old, name), getattr(new, name)
		if name in stated and after not in (None, ()) and before != after:
			yield Change(name, before, after)
	if "unit" in stated and new.unit and not _same_unit(old.unit, new.unit):
		yield Change("unit", old.unit, new.unit)
	if "active" in stated and old.active != new.active:
		yield Change("active", old.active, new.active)
	if "mass" in stated and new.mass is not None and not _same_mass(old, new):
		yield Change("mass", (old.mass, old.mass_unit), (new.mass, new.mass_unit))
	if "attributes" in stated:
		for name, value in new.attributes.items():
			before = old.attributes.get(name)
			if before is None or not _same_value(before, value):
				yield Change(f"attributes.{name}", before, value)
	if "tags" in stated and (missing := [each for each in new.tags if each not in old.tags]):
		yield Change("tags", old.tags, (*old.tags, *missing))
	if "identifiers" in stated:
		known = {identity(each) for each in old.identifiers}
		for each in new.identifiers:
			if identity(each) not in known:
				yield Change(f"identifiers.{each.scheme}", None, each)
	if "prices" in stated:
		yield from _price_changes(new.prices, old.prices)


def _price_changes(new: Sequence[ImportedPrice], old: Sequence[ImportedPrice]) -> Iterable[Change]:
	"""Breaks by kind, supplier and quantity. A kind of price the file does not give stays."""
	before, after = {_break(each): each for each in old}, {_break(each): each for each in new}
	for key, price in after.items():
		past = before.get(key)
		if past is None or (past.amount, past.currency, past.per) != (
			price.amount,
			price.currency,
			price.per,
		):
			yield Change("prices", past, price)
	kinds = {each.kind for each in new}
	for key, price in before.items():
		if price.kind in kinds and key not in after:
			yield Change("prices", price, None)


def _break(price: ImportedPrice) -> tuple[object, ...]:
	return price.kind, price.supplier, price.sku, price.from_quantity


def _same_unit(old: str | None, new: str) -> bool:
	return old == new or (
		bool(old) and units.compatible(old or "", new) and units.factor(old or "", new) == 1
	)


def _same_mass(old: ImportedPart, new: ImportedPart) -> bool:
	if old.mass is None or new.mass is None:
		return old.mass is new.mass
	if not (old.mass_unit and new.mass_unit):
		return (old.mass, old.mass_unit) == (new.mass, new.mass_unit)
	return units.convert(old.mass, old.mass_unit, "kg") == units.convert(
		new.mass, new.mass_unit, "kg"
	)


def _same_value(old: ImportedValue, new: ImportedValue) -> bool:
	if old.number is not None and new.number is not None:
		return (old.number, old.unit) == (new.number, new.unit)
	return old.text == new.text


def _line_diffs(
	bom: ImportedBom,
	matches: Mapping[str, Match],
	existing: Iterable[ExistingLine],
	keep_hand_made: bool,
) -> Iterable[LineDiff]:
	"""Line by line of each assembly the file describes; the same child twice stays two lines."""
	ids = {key: each.id for key, each in matches.items()}
	new: dict[tuple[str, str], list[ImportedLine]] = defaultdict(list)
	for line in bom.lines:
		new[line.parent_key, line.child_key].append(line)
	described = {line.parent_key for line in bom.lines}
	if bom.complete:
		described |= {part.source_key for part in bom.parts}
	keys = {id_: key for key, id_ in ids.items() if id_ is not None}
	old: dict[tuple[str, str], list[ExistingLine]] = defaultdict(list)
	gone: list[ExistingLine] = []
	for each in existing:
		parent, child = keys.get(each.line.parent_key), keys.get(each.line.child_key)
		if parent is not None and child is not None:
			old[parent, child].append(each)
		elif parent is not None:
			gone.append(each)
	for pair in dict.fromkeys((*new, *old)):
		if pair[0] not in described:
			continue
		left = _pair_up(new.get(pair, []), old.get(pair, []), ids, bom.stated)
		for line, before in left:
			if line is None:
				if before is not None:
					yield LineDiff(*pair, _unlisted(before, keep_hand_made), before.id)
			elif before is None:
				yield LineDiff(*pair, Kind.ADDED, line=line)
			else:
				changes = tuple(_line_changes(line, before.line, ids, bom.stated))
				kind = Kind.CHANGED if changes else Kind.SAME
				yield LineDiff(*pair, kind, before.id, changes, line)
	for each in gone:
		if keys[each.line.parent_key] in described:
			parent = keys[each.line.parent_key]
			kind = _unlisted(each, keep_hand_made)
			yield LineDiff(parent, each.line.child_key, kind, each.id)


def _unlisted(line: ExistingLine, keep_hand_made: bool) -> Kind:
	return Kind.REMOVED if line.imported or not keep_hand_made else Kind.KEPT


def _pair_up(
	new: Sequence[ImportedLine],
	old: Sequence[ExistingLine],
	ids: Mapping[str, str | None],
	stated: frozenset[str],
) -> Iterable[tuple[ImportedLine | None, ExistingLine | None]]:
	"""Pairs lines of one child: equal ones first, then by find number, designators, and order."""
	waiting, free = list(new), list(old)
	for fits in (
		lambda a, b: not any(True for _c in _line_changes(a, b.line, ids, stated)),
		lambda a, b: a.find_number is not None and a.find_number == b.line.find_number,
		lambda a, b: bool(set(a.designators) & set(b.line.designators)),
		lambda a, b: b.imported,
	):
		for line in tuple(waiting):
			partner = next((each for each in free if fits(line, each)), None)
			if partner is not None:
				yield line, partner
				waiting.remove(line)
				free.remove(partner)
	yield from ((line, None) for line in waiting)
	yield from ((None, each) for each in free)


def _line_changes(
	new: ImportedLine,
	old: ImportedLine,
	ids: Mapping[str, str | None],
	stated: frozenset[str],
) -> Iterable[Change]:
	if new.quantity != old.quantity:
		yield Change("quantity", old.quantity, new.quantity)
	if new.unit and not _same_unit(old.unit, new.unit):
		yield Change("unit", old.unit, new.unit)
	for name in ("designators", "find_number", "note"):
		before, after = getattr(old, name), getattr(new, name)
		if name in stated and after not in (None, ()) and before != after:
			yield Change(name, before, after)
	for name in ("optional", "consumable", "allow_variants", "attrition", "setup"):
		if name in stated and getattr(old, name) != getattr(new, name):
			yield Change(name, getattr(old, name), getattr(new, name))
	if "substitutes" in stated:
		after = tuple(ids.get(key) or key for key in new.substitutes)
		if set(after) != set(old.substitutes):
			yield Change("substitutes", old.substitutes, after)
