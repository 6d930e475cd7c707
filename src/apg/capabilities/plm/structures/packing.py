"""A structure in one piece of bytes, from which the same one is made again, years later.

What the arithmetic sees and nothing else: revisions, products, units, lines with quantities. The
hash of what comes out is compared with the one that went in.
"""

from __future__ import annotations

import io
from zipfile import BadZipFile

from apg.capabilities.plm.shared.content_hash import structure_hash
from apg.capabilities.plm.shared.errors import DomainError
from apg.capabilities.plm.shared.levels import IntArray
from apg.capabilities.plm.shared.structure import Structure
from apg.capabilities.plm.structures.fixed_rows import words
from apg.capabilities.plm.structures.rules import Rule, View
from apg.capabilities.plm.structures.snapshots import Snapshot
from apg.kernel.later import numpy as np

FORM = 1
_LINE = ("quantity", "kind", "attrition", "setup", "rounding", "numerator", "denominator")


def pack(snapshot: Snapshot, root: str, nodes: IntArray, units: list[str]) -> bytes:
	"""The part below `root`: `nodes` ascend, `units` are the texts of their base units."""
	structure = snapshot.structure
	lines = structure.lines_of(nodes)
	body = io.BytesIO()
	np.savez_compressed(
		body,
		allow_pickle=False,
		form=np.int64(FORM),
		root=np.bytes_(root.encode()),
		rule=np.bytes_(str(snapshot.rule).encode()),
		view=np.bytes_(str(snapshot.view).encode()),
		hash=np.bytes_(snapshot.hash_below(root).encode()),
		nodes=structure.ids[nodes],
		items=snapshot.items[snapshot.item[nodes]],
		units=np.array(units),
		parent=np.searchsorted(nodes, structure.line_parents(lines)),
		child=np.searchsorted(nodes, structure.child[lines]),
		unconvertible=snapshot.unconvertible[lines],
		**{name: getattr(structure, name)[lines] for name in _LINE},
	)
	return body.getvalue()


def unpack(content: bytes) -> tuple[Snapshot, str, dict[int, str]]:
	"""The structure, its root, and the units behind `Snapshot.base`. Raises ValueError."""
	try:
		held = dict(np.load(io.BytesIO(content), allow_pickle=False))
		if int(held["form"]) != FORM:
			raise ValueError(f"a structure packed in form {int(held['form'])}, this reads {FORM}")
		structure = Structure.from_arrays(
			held["nodes"],
			held["parent"],
			held["child"],
			held["quantity"],
			**{name: held[name] for name in _LINE if name != "quantity"},
		)
	except (BadZipFile, KeyError, OSError, EOFError, DomainError) as error:
		raise ValueError("the packed structure is damaged") from error
	if structure_hash(structure) != bytes(held["hash"]).decode():
		raise ValueError("the packed structure is not the one whose hash it bears")
	root = bytes(held["root"]).decode()
	names, unit = np.unique(held["units"], return_inverse=True)
	items, item = np.unique(held["items"], return_inverse=True)
	raw = b"".join(bytes.fromhex(bytes(each).decode().replace("-", "")) for each in items)
	order, n = structure.node_order, structure.node_count
	absent = np.full(n, -1, np.int64)
	snapshot = Snapshot(
		root,
		Rule(bytes(held["rule"]).decode()),
		View(bytes(held["view"]).decode()),
		structure,
		words(np.frombuffer(raw, "V16")),
		item.reshape(-1)[order],
		unit.reshape(-1)[order].astype(np.int64),
		np.zeros(n, np.int64),
		absent,
		np.zeros(n, np.int64),
		held["unconvertible"][structure.line_order],
	)
	return snapshot, root, {place: str(text) for place, text in enumerate(names.tolist())}
