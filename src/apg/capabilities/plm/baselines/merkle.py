"""The hash of a baseline: each revision by its content and the hashes of what its lines mean."""

from collections.abc import Iterable, Mapping
from typing import Any

from apg.capabilities.plm.shared.content_hash import content_hash

FIELDS = ("name", "description", "attributes", "mass", "mass_unit", "material")
LINE = (
	*("line_uid", "find_number", "quantity", "quantity_kind", "unit", "attrition"),
	*("setup_quantity", "rounding_multiple", "view", "note", "is_pinned"),
	*("is_optional", "is_consumable", "allow_variants", "substitutes"),
)


def merkle_hashes(
	members: Mapping[str, Mapping[str, Any]], lines: Iterable[Mapping[str, Any]]
) -> dict[str, str]:
	"""SHA-256 in hex of each member, by node: a revision, or a product where none was found.

	The same for the same content however rows are ordered. The structure has no cycle.
	"""
	below: dict[str, list[Mapping[str, Any]]] = {}
	for line in lines:
		below.setdefault(line["parent_revision_id"], []).append(line)
	found: dict[str, str] = {}
	for begin in members:
		stack = [begin]
		while stack:
			node = stack[-1]
			if node in found:
				stack.pop()
				continue
			waiting = [
				child for line in below.get(node, ()) if (child := _meant(line)) not in found
			]
			if waiting:
				stack += waiting
				continue
			found[node] = _hash(members[node], below.get(node, ()), found)
			stack.pop()
	return found


def _meant(line: Mapping[str, Any]) -> str:
	return line["child_revision_id"] or line["child_item_id"]


def _hash(
	member: Mapping[str, Any], lines: Iterable[Mapping[str, Any]], found: Mapping[str, str]
) -> str:
	written = [
		{
			**{name: line[name] for name in LINE},
			"designators": frozenset(line["designators"]),
			"below": found[_meant(line)],
		}
		for line in lines
	]
	own = {name: member[name] for name in FIELDS}
	place = {
		"product": member["item_id"],
		"revision": member["revision_id"],
		"unit": member["unit_of_measure"],
		"type": member["product_type"],
	}
	return content_hash(written, own | place)
