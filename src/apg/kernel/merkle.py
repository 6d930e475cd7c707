"""The tree over the trail: what is hashed, the tree itself, the signed head. No I/O.

The tree is the one of RFC 9162 §2.1 (SHA-256; leaves begin with 0x00, nodes with 0x01). A leaf is
the RFC 8785 form of an entry whose values are all texts or null: numbers of that form are IEEE
doubles, which would lose digits of ours, so JSON columns are hashed as the text PostgreSQL gives.
"""

import base64
import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from apg.kernel.events import Position
from apg.kernel.keys import SigningKey

Texts = Mapping[str, str | None]
CONTENT = (
	"tenant_id", "table_name", "row_id", "operation", "before", "after", "user_id", "action",
	"origin", "request_id", "occurred_at",
)  # fmt: skip
PLACE = ("epoch", "xid", "seq")
NOTHING = bytes(32)  # what the first head follows
SIGNED = b"apg audit head\n"  # before what is signed: no key signs two kinds of thing alike
EMPTY = hashlib.sha256(b"").digest()


def canonical(texts: Texts) -> bytes:
	"""The RFC 8785 form of an object whose keys are ASCII and whose values are texts or null."""
	return orjson.dumps(texts, option=orjson.OPT_SORT_KEYS)


def moment(at: datetime) -> str:
	"""UTC to the microsecond, always with all six digits, as the database writes it for a leaf."""
	return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def leaf_of(entry: Texts) -> bytes:
	"""The hash of an entry; `entry` has exactly the keys of CONTENT and PLACE."""
	return hashlib.sha256(b"\0" + canonical(entry)).digest()


def node_of(left: bytes, right: bytes) -> bytes:
	return hashlib.sha256(b"\1" + left + right).digest()


def sketch_of(entry: Texts) -> bytes:
	"""CRC-32 of each content column: no proof, it only tells afterwards which column was changed."""
	return b"".join(
		(0xFFFFFFFF if (value := entry[name]) is None else zlib.crc32(value.encode())).to_bytes(4)
		for name in CONTENT
	)


class Frontier:
	"""The perfect subtrees of a tree, the largest first: all that is needed to go on with it."""

	__slots__ = ("nodes", "size")

	def __init__(self, size: int = 0, packed: bytes = b"") -> None:
		"""Raises ValueError when the nodes are not as many as the size wants."""
		self.size = size
		self.nodes = [packed[n : n + 32] for n in range(0, len(packed), 32)]
		if len(packed) != 32 * size.bit_count():
			raise ValueError(f"{len(packed)} bytes are no frontier of {size} leaves")

	def append(self, leaf: bytes) -> None:
		self.size += 1
		self.nodes.append(leaf)
		rest = self.size
		while not rest & 1:
			right = self.nodes.pop()
			self.nodes[-1] = node_of(self.nodes[-1], right)
			rest >>= 1

	def root(self) -> bytes:
		if not self.nodes:
			return EMPTY
		found = self.nodes[-1]
		for node in reversed(self.nodes[:-1]):
			found = node_of(node, found)
		return found

	def packed(self) -> bytes:
		return b"".join(self.nodes)

	def spans(self) -> dict[tuple[int, int], bytes]:
		"""(first leaf, leaf after the last) → hash of each perfect subtree."""
		found: dict[tuple[int, int], bytes] = {}
		low = 0
		for node in self.nodes:
			high = low + (1 << ((self.size - low).bit_length() - 1))
			found[low, high] = node
			low = high
		return found


@dataclass(frozen=True, slots=True)
class Head:
	"""A signed statement: these many entries of a tenant, in this order, and nothing else.

	`first` and `last` are the log positions of the entries it added; `previous` is the SHA-256 of
	the line of the head before, so that the last line commits to all of them.
	"""

	tenant: str
	number: int
	size: int
	root: bytes
	previous: bytes
	first: Position
	last: Position
	kid: str
	sealed_at: datetime
	signature: bytes

	@classmethod
	def of_row(cls, row: Mapping[str, Any]) -> Self:
		"""From a row of HEAD. Raises ValueError for a position that is none."""
		values: dict[str, Any] = {name: row[name] for name in cls.__slots__}
		values |= {name: Position.parse(row[name]) for name in ("first", "last")}
		return cls(**values)

	@classmethod
	def of_line(cls, line: bytes) -> Self:
		"""From a line of the witness. Raises ValueError when it is none."""
		try:
			given = orjson.loads(line)
			return cls(
				given["tenant"],
				int(given["number"]),
				int(given["size"]),
				bytes.fromhex(given["root"]),
				bytes.fromhex(given["previous"]),
				Position.parse(given["first"]),
				Position.parse(given["last"]),
				given["kid"],
				datetime.fromisoformat(given["sealed_at"]),
				base64.b64decode(given["signature"], validate=True),
			)
		except (KeyError, TypeError, AttributeError) as error:
			raise ValueError(f"not a head: {line[:80]!r}") from error

	def texts(self) -> dict[str, str]:
		"""What is signed, as texts."""
		return {
			"tenant": self.tenant,
			"number": str(self.number),
			"size": str(self.size),
			"root": self.root.hex(),
			"previous": self.previous.hex(),
			"first": str(self.first),
			"last": str(self.last),
			"kid": self.kid,
			"sealed_at": moment(self.sealed_at),
		}

	def signed(self) -> bytes:
		return SIGNED + canonical(self.texts())

	def line(self) -> bytes:
		"""The head as the witness holds it, without the end of the line."""
		return canonical(self.texts() | {"signature": base64.b64encode(self.signature).decode()})

	def digest(self) -> bytes:
		return hashlib.sha256(self.line()).digest()

	def is_signed_by(self, keys: Mapping[str, SigningKey]) -> bool:
		key = keys.get(self.kid)
		if key is None or not isinstance(key.public, Ed25519PublicKey):
			return False
		try:
			key.public.verify(self.signature, self.signed())
		except InvalidSignature:
			return False
		return True
