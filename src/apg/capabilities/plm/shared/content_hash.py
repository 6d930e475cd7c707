"""A hash of what a revision says: equal content gives equal hashes, however it is stored.

The order of lines does not matter, nor the form of numbers (1, 1.0 and 1.00 are one), nor the order of
keys, nor how a letter with an accent is composed; None and an absent value are one. Every value is
written with its kind and length first, so different contents cannot be written alike.
"""

from __future__ import annotations

import functools
import hashlib
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

from apg.capabilities.plm.shared.errors import DomainError

if TYPE_CHECKING:
	from apg.capabilities.plm.shared.structure import Structure

VERSION = b"apg-content-1"
"""Part of every hash: a change of the rules below changes it, and old hashes stay what they were."""


def content_hash(lines: Iterable[Mapping[str, Any]], attributes: Mapping[str, Any]) -> str:
	"""SHA-256 in hex of a revision's lines and attributes.

	Values: text, bool, int, Decimal, Fraction, float (by its shortest decimal form), date, aware
	datetime, None, and mappings, sequences (ordered) and sets (unordered) of them. Pass what counts as
	content and nothing else: no row ids, no times of saving. A line that carries the hash of its
	child makes the whole a Merkle tree. Raises DomainError for NaN, naive times and other types.
	"""
	digest = hashlib.sha256(VERSION)
	digest.update(_group(b"l", sorted(_written("line", line) for line in lines)))
	digest.update(_written("attributes", attributes))
	return digest.hexdigest()


def structure_hash(structure: Structure, lots: Mapping[str, int] | None = None) -> str:
	"""SHA-256 in hex of a structure as it is computed with: nodes, lines, quantities, build lots.

	Line ids are left out: they name rows, they do not change a total.
	"""
	digest = hashlib.sha256(VERSION)
	digest.update(_group(b"n", structure.ids.tolist()))
	digest.update(_written("lots", {node: lot for node, lot in (lots or {}).items() if lot != 1}))
	for name in _COLUMNS:
		column = getattr(structure, name).astype("<i8").tobytes()
		digest.update(_tagged(name.encode(), column))
	return digest.hexdigest()


_COLUMNS = (
	"line_first",
	"child",
	"kind",
	"quantity",
	"attrition",
	"setup",
	"rounding",
	"numerator",
	"denominator",
)


def _tagged(tag: bytes, body: bytes) -> bytes:
	return b"%s%d:%s" % (tag, len(body), body)


def _group(tag: bytes, parts: Iterable[bytes]) -> bytes:
	return _tagged(tag, b"".join([b".%d:%s" % (len(part), part) for part in parts]))


def _text(value: str) -> bytes:
	body = (value if value.isascii() else unicodedata.normalize("NFC", value)).encode()
	return b"s%d:%s" % (len(body), body)


def _whole(value: int) -> bytes:
	body = b"%d/1" % value
	return b"n%d:%s" % (len(body), body)


def _decimal(value: Decimal) -> bytes | None:
	if not value.is_finite():
		return None
	body = b"%d/%d" % value.as_integer_ratio()
	return b"n%d:%s" % (len(body), body)


# The same as below for the types that nearly all fields of a line have: an order of fifty thousand
# lines has a million of them.
_PLAIN: Mapping[type, Callable[[Any], bytes | None]] = {
	str: _text,
	bool: lambda value: b"b1:1" if value else b"b1:0",
	int: _whole,
	Decimal: _decimal,
}


@functools.lru_cache(1_024)
def _key(key: str) -> bytes:
	return _text(key)


def _written(name: str, value: Any) -> bytes:
	match value:
		case None:
			return b"-"
		case bool():
			return _tagged(b"b", b"1" if value else b"0")
		case int() | float() | Decimal() | Fraction():
			return _tagged(b"n", _number(name, value))
		case str():
			return _text(value)
		case datetime():
			if value.tzinfo is None:
				raise DomainError(name, "a time without a zone", "Give an aware time.")
			return _tagged(b"t", value.astimezone(UTC).isoformat().encode())
		case date():
			return _tagged(b"d", value.isoformat().encode())
		case _:
			return _collection(name, value)


def _collection(name: str, value: object) -> bytes:
	if isinstance(value, Mapping):
		entries: dict[bytes, bytes] = {}
		for key, each in cast(Mapping[object, object], value).items():
			if each is None:
				continue
			short = _key(key) if isinstance(key, str) else _written(name, key)
			plain = _PLAIN.get(type(each))
			quick = None if plain is None else plain(each)
			entries[short] = _written(f"{name}.{key}", each) if quick is None else quick
		return _group(b"m", (part for key in sorted(entries) for part in (key, entries[key])))
	if isinstance(value, Set):
		return _group(b"u", sorted(_written(name, each) for each in cast(Set[object], value)))
	if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
		return _group(b"q", (_written(name, each) for each in cast(Sequence[object], value)))
	raise DomainError(name, f"a {type(value).__name__} has no canonical form", "Convert it first.")


def _number(name: str, value: float | Decimal | Fraction) -> bytes:
	try:
		exact = Fraction(repr(value)) if isinstance(value, float) else Fraction(value)
	except (ValueError, OverflowError) as error:
		raise DomainError(
			name, f"{value} is not a number", "Leave it out or correct it."
		) from error
	return b"%d/%d" % (exact.numerator, exact.denominator)
