"""Proof of entries: which head sealed them, and the hashes that lead from them to its root."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger

from apg.kernel.errors import Conflict, NotFound
from apg.kernel.keys import SigningKey, jwks
from apg.kernel.merkle import Frontier, Head, leaf_of
from apg.kernel.sealing import ENTRY, HEAD, audit_keys
from apg.kernel.texts import _
from apg.kernel.work import Work
from apg.platform.audit.sealing.tree import Grown, root_of_path

RULE = (
	"leaf = SHA-256(0x00 || RFC 8785 JSON of entry); node = SHA-256(0x01 || left || right); "
	"path as in RFC 9162, section 2.1.3; signature = Ed25519 of key over 'apg audit head\\n' || "
	"RFC 8785 JSON of head without signature; kid = RFC 7638 thumbprint of key"
)
Row = Mapping[str, Any]


class NotSealed(Conflict):
	"""The entry is younger than the last head."""

	code = "NOT_SEALED"


@dataclass(frozen=True, slots=True)
class Sealed:
	"""One head with the tree it made, which proves each entry that it added."""

	head: Head
	tree: Grown
	signed: bool

	def row(self) -> dict[str, str]:
		return head_row(self.head)


def head_row(head: Head) -> dict[str, str]:
	"""A head as JSON of texts, as it stands in the witness."""
	return orjson.loads(head.line())


async def entry_rows(work: Work, seqs: Sequence[int]) -> list[Row]:
	"""The texts of the entries, in log order, with the place and the hash they were sealed with."""
	statement = text(
		f"select {ENTRY}, l.place, l.hash from audit_entries a left join audit_leaves l "
		"on l.tenant_id = a.tenant_id and l.seq = a.seq where a.seq = any(:seqs) "
		"order by a.epoch, a.xid, a.seq"
	).bindparams(bindparam("seqs", type_=ARRAY(BigInteger())))
	found = await work.execute(statement, {"seqs": list(seqs)})
	return cast(list[Row], found.mappings().all())


def texts_of(row: Row) -> dict[str, str | None]:
	"""What is hashed of a row of `entry_rows`."""
	return {name: value for name, value in row.items() if name not in ("place", "hash")}


async def sealed_by(work: Work, places: Iterable[int]) -> dict[int, Sealed]:
	"""The head that sealed each place; places that no head holds are left out."""
	keys = await audit_keys(await work.connection(), work.runtime)
	found: dict[int, Sealed] = {}
	sealed: Sealed | None = None
	start = 0
	for place in sorted(set(places)):
		if sealed is None or not start <= place < sealed.head.size:
			sealed = await _head_over(work, place, keys)
			if sealed is None:
				break
			start = sealed.tree.size - sealed.tree.added
		found[place] = sealed
	return found


async def _head_over(work: Work, place: int, keys: Mapping[str, SigningKey]) -> Sealed | None:
	heads = await work.execute(
		text(f"select {HEAD} from audit_heads h where h.size > :place order by h.size limit 1"),
		{"place": place},
	)
	row = heads.mappings().first()
	if row is None:
		return None
	head = Head.of_row(cast(Row, row))
	before = await work.execute(
		text(
			"select size, frontier from audit_heads where size <= :place order by size desc limit 1"
		),
		{"place": place},
	)
	held = before.first()
	tree = Frontier(held[0], held[1]) if held else Frontier()
	leaves = await work.execute(
		text("select hash from audit_leaves where place >= :low and place < :high order by place"),
		{"low": tree.size, "high": head.size},
	)
	grown = Grown(tree, [leaf[0] for leaf in leaves])
	signed = head.is_signed_by(keys) and grown.size == head.size and grown.root() == head.root
	return Sealed(head, grown, signed)


async def prove(work: Work, seq: int) -> dict[str, Any]:
	"""All that somebody else needs to check one entry. Raises NotFound; NotSealed when too young."""
	rows = await entry_rows(work, [seq])
	if not rows:
		raise NotFound(_("{what} not found", what=_("entry")))
	row = rows[0]
	place: int = -1 if row["place"] is None else row["place"]
	one = None if place < 0 else (await sealed_by(work, [place])).get(place)
	if one is None:
		raise NotSealed(_("This entry is younger than the last seal; ask again in a second."))
	entry = texts_of(row)
	leaf, path = leaf_of(entry), one.tree.path(place)
	holds = one.signed and root_of_path(leaf, place, one.head.size, path) == one.head.root
	keys = await audit_keys(await work.connection(), work.runtime)
	return {
		"entry": entry,
		"leaf": leaf.hex(),
		"place": place,
		"path": [node.hex() for node in path],
		"head": one.row(),
		"key": public_key(keys, one.head.kid),
		"verified": holds,
		"rule": RULE,
	}


def public_key(keys: Mapping[str, SigningKey], kid: str) -> dict[str, str] | None:
	"""The public half as a JSON Web Key; None for a key that is none of ours."""
	return jwks([keys[kid]])["keys"][0] if kid in keys else None
