"""Which imported part is which existing one: by number, maker's part, source key, then name."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from apg.capabilities.plm.imports.neutral import ImportedIdentifier, ImportedPart
from apg.kernel.texts import _

FOREIGN = frozenset({"mpn"})


class Key(StrEnum):
	"""What a match rests on, strongest first; `chosen` by a person before all."""

	CHOSEN = "chosen"
	NUMBER = "number"
	MANUFACTURER_PART = "manufacturer_part"
	IDENTIFIER = "identifier"
	NAME = "name"


NEW = "new"
_KEY_WORDS = {
	Key.NUMBER: "number",
	Key.MANUFACTURER_PART: "manufacturer part",
	Key.IDENTIFIER: "supplier part",
	Key.NAME: "name",
}


class Outcome(StrEnum):
	NEW = "new"
	MATCHED = "matched"
	AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, slots=True)
class ExistingPart:
	"""A part as it is recorded, in the neutral form; `id` is its own."""

	id: str
	part: ImportedPart


@dataclass(frozen=True, slots=True)
class Match:
	"""`candidates` are the ids between which a person must choose when it is ambiguous."""

	key: str
	outcome: Outcome
	by: Key | None = None
	id: str | None = None
	candidates: tuple[str, ...] = ()
	reason: str | None = None


@dataclass(slots=True)
class _Index:
	by: dict[Key, dict[tuple[str, ...], list[str]]] = field(
		default_factory=lambda: {key: defaultdict(list) for key in Key}
	)
	parts: dict[str, ImportedPart] = field(default_factory=dict[str, ImportedPart])

	def add(self, id_: str, part: ImportedPart) -> None:
		self.parts[id_] = part
		for key in Key:
			for value in _values(key, part):
				if id_ not in self.by[key][value]:
					self.by[key][value].append(id_)

	def hits(self, key: Key, part: ImportedPart) -> list[str]:
		found: dict[str, None] = {}
		for value in _values(key, part):
			found.update(dict.fromkeys(self.by[key].get(value, ())))
		return list(found)


def _values(key: Key, part: ImportedPart) -> Iterable[tuple[str, ...]]:
	"""The texts a part can be found by; capitals and outer spaces do not matter."""
	match key:
		case Key.CHOSEN:
			return []
		case Key.NUMBER:
			return [(part.number.casefold(),)] if part.number else []
		case Key.NAME:
			return [(part.name.casefold(),)] if part.name else []
		case Key.MANUFACTURER_PART:
			return [identity(each) for each in part.identifiers if each.scheme in FOREIGN]
		case Key.IDENTIFIER:
			return [identity(each) for each in part.identifiers if each.scheme not in FOREIGN]


def identity(identifier: ImportedIdentifier) -> tuple[str, ...]:
	"""Numbers of makers and suppliers count with their issuer, keys of systems without."""
	issuer = identifier.issuer if identifier.scheme in ("mpn", "sku") else None
	return identifier.scheme, identifier.value.casefold(), (issuer or "").casefold()


def match(
	parts: Iterable[ImportedPart],
	existing: Iterable[ExistingPart],
	choices: Mapping[str, str] | None = None,
) -> dict[str, Match]:
	"""For each part of the file the existing one it is, by the first key that leaves one candidate.

	A number and a source key that point to different parts, two parts of the file that point to the
	same one, and several equal candidates are ambiguous. A name or a maker's number alone never
	joins parts whose own numbers or keys differ. `choices` are a person's: the id of a part, or
	`new`; one that is no longer there is as if nothing was chosen.
	"""
	index = _Index()
	for each in existing:
		index.add(each.id, each.part)
	chosen = choices or {}
	found: dict[str, Match] = {}
	for part in parts:
		key = part.source_key
		wish = chosen.get(key)
		if wish == NEW:
			found[key] = Match(key, Outcome.NEW, Key.CHOSEN)
		elif wish in index.parts:
			found[key] = Match(key, Outcome.MATCHED, Key.CHOSEN, wish)
		else:
			found[key] = _match_one(part, index)
	users: dict[str, list[str]] = defaultdict(list)
	for each in found.values():
		if each.id is not None:
			users[each.id].append(each.key)
	for id_, keys in users.items():
		if len(keys) > 1:
			reason = _("{n} parts of the file point to the same existing part.", n=len(keys))
			for key in keys:
				found[key] = Match(key, Outcome.AMBIGUOUS, found[key].by, None, (id_,), reason)
	return found


def _match_one(part: ImportedPart, index: _Index) -> Match:
	left: list[str] = []
	for key in Key:
		hits = index.hits(key, part)
		if key in (Key.MANUFACTURER_PART, Key.NAME):
			hits = [id_ for id_ in hits if not _contradicts(part, index.parts[id_])]
		if not hits:
			continue
		if left:
			narrowed = [id_ for id_ in left if id_ in hits]
			hits = narrowed or left
		if len(hits) == 1:
			return _settled(part, key, hits[0], index)
		left = hits
	if left:
		return Match(
			part.source_key,
			Outcome.AMBIGUOUS,
			None,
			None,
			tuple(left),
			_("{n} existing parts fit equally well.", n=len(left)),
		)
	return Match(part.source_key, Outcome.NEW)


def _settled(part: ImportedPart, by: Key, id_: str, index: _Index) -> Match:
	"""The match, unless the source key names somebody else."""
	others = [each for each in index.hits(Key.IDENTIFIER, part) if each != id_]
	if others and id_ not in index.hits(Key.IDENTIFIER, part):
		return Match(
			part.source_key,
			Outcome.AMBIGUOUS,
			None,
			None,
			(id_, *others),
			_(
				"The {key} and the source key belong to different existing parts.",
				key=_KEY_WORDS[by],
			),
		)
	return Match(part.source_key, Outcome.MATCHED, by, id_)


def _contradicts(part: ImportedPart, other: ImportedPart) -> bool:
	"""Whether both carry a number, or a key of the same system, and these differ."""
	if part.number and other.number and part.number.casefold() != other.number.casefold():
		return True
	theirs = {
		each.scheme: each.value for each in other.identifiers if each.scheme not in ("mpn", "sku")
	}
	return any(
		theirs.get(each.scheme, each.value) != each.value
		for each in part.identifiers
		if each.scheme not in ("mpn", "sku")
	)
