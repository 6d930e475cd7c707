"""A plan: a file beside the record, and what taking it over would change."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from apg.capabilities.plm.imports.differences import QUIET, Change, Diff, Kind
from apg.capabilities.plm.imports.matching import Match
from apg.capabilities.plm.imports.neutral import ImportedBom, ImportedPart, Problem, Severity
from apg.capabilities.plm.products.bulk import RecordedPart
from apg.capabilities.plm.structures.bulk import RecordedLine

CONTENT = frozenset({"name", "description", "revision", "mass"})


@dataclass(slots=True)
class Plan:
	"""The file in the record's form, what it meets there, and what would change.

	`parts` maps ids of products to what is recorded, `lines` ids of lines. `names` shows a key of the
	file or an id as people know it. `reopened` are products whose released revision would get
	changes, by id: they get a new working revision first. `choices` and `keep_hand_made` are a
	person's decisions; `candidates` are all products that parts of the file might be.
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
	choices: Mapping[str, str] = field(default_factory=dict[str, str])
	keep_hand_made: bool = True
	candidates: Mapping[str, RecordedPart] = field(default_factory=dict[str, RecordedPart])
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
			| ({"kept": counted[Kind.KEPT]} if counted[Kind.KEPT] else {})
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
			if each.kind not in QUIET:
				digest.update(repr(each).encode())
		return digest.hexdigest()


def _count(details: Mapping[str, dict[str, int]], change: Change) -> None:
	name = change.field.partition(".")[0]
	if name in details:
		kind = (
			"added" if change.before is None else "removed" if change.after is None else "changed"
		)
		details[name][kind] += 1


def in_revision(change: Change) -> bool:
	"""Whether the change is one of content, which lives in a revision."""
	return change.field in CONTENT or change.field.startswith("attributes.")
