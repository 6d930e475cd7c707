"""The status of many revisions under every regulation in force, in four queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from apg.capabilities.plm.shared.compliance_math import Basis, Said, Status, declared, recorded
from apg.capabilities.plm.shared.levels import BoolArray, IntArray
from apg.capabilities.plm.structures.plain_sql import mapped
from apg.capabilities.plm.structures.rollup import BOUGHT
from apg.capabilities.plm.structures.snapshots import Snapshot
from apg.kernel.later import numpy as np
from apg.kernel.work import Work

# How a standing is shown: the tone of its mark.
STANDINGS = {"compliant": "good", "exempt": "warn", "unknown": "warn", "non_compliant": "bad"}
_REGULATIONS = """
	select id::text, code, name, basis, list_version from plm_regulations
	where is_active order by code
"""
_LIMITS = """
	select l.regulation_id::text, l.substance, l.limit_share from plm_listed_substances l
	join plm_regulations r on r.id = l.regulation_id and r.list_version = l.list_version
"""
_RECORDS = """
	select c.item_id::text, c.revision_id::text, c.regulation_id::text, c.status, c.valid_until
	from plm_compliance_records c where c.item_id = any($1::uuid[])
"""
_DECLARED = """
	select d.item_id::text, d.regulation_id::text, d.list_version, d.substance, d.share,
		d.exempt_until, d.manufacturer_part_id::text as source
	from plm_substance_declarations d where d.item_id = any($1::uuid[])
"""


@dataclass(frozen=True, slots=True)
class Rule:
	"""A regulation in force, with the limits of its present list."""

	id: str
	code: str
	name: str
	basis: Basis
	list_version: str | None
	limits: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Standing:
	"""What is recorded and declared about some products."""

	rules: tuple[Rule, ...]
	records: Mapping[tuple[str, str], Mapping[str, tuple[str, date | None]]]
	declarations: Mapping[tuple[str, str], Sequence[Said]]

	def own(self, rule: Rule, item_id: str, revision_id: str, day: date) -> Status | None:
		"""Of the revision itself, before anything is joined; None when nobody said anything.

		A product that has a status, but not for this revision, is pending: unknown.
		"""
		records = self.records.get((rule.id, item_id), {})
		said = self.declarations.get((rule.id, item_id))
		if (record := records.get(revision_id)) is not None:
			return recorded(record[0], record[1], day)
		if said and rule.basis is not Basis.NONE:
			return declared(said, rule.limits, rule.list_version or "", day)
		return Status.UNKNOWN if records else None

	def substances(self, item_id: str) -> dict[str, set[str]]:
		"""What is declared to be in a part at all: regulation code → substances."""
		found: dict[str, set[str]] = {}
		for rule in self.rules:
			for one in self.declarations.get((rule.id, item_id), ()):
				if one.substance is not None and one.share:
					found.setdefault(rule.code, set()).add(one.substance)
		return found


async def rules_of(work: Work) -> tuple[Rule, ...]:
	"""The regulations in force, by code."""
	limits: dict[str, dict[str, Decimal]] = {}
	for row in await mapped(work, _LIMITS):
		limits.setdefault(row["regulation_id"], {})[row["substance"]] = row["limit_share"]
	return tuple(
		Rule(
			row["id"],
			row["code"],
			row["name"],
			Basis(row["basis"]),
			row["list_version"],
			limits.get(row["id"], {}),
		)
		for row in await mapped(work, _REGULATIONS)
	)


async def standing_of(work: Work, item_ids: Sequence[str]) -> Standing:
	"""Everything that decides about these products."""
	rules = await rules_of(work)
	records: dict[tuple[str, str], dict[str, tuple[str, date | None]]] = {}
	declarations: dict[tuple[str, str], list[Said]] = {}
	if rules:
		wanted = list(dict.fromkeys(item_ids))
		for row in await mapped(work, _RECORDS, wanted):
			of_item = records.setdefault((row["regulation_id"], row["item_id"]), {})
			of_item[row["revision_id"]] = (row["status"], row["valid_until"])
		for row in await mapped(work, _DECLARED, wanted):
			declarations.setdefault((row["regulation_id"], row["item_id"]), []).append(
				Said(
					row["list_version"],
					row["substance"],
					row["share"],
					row["exempt_until"],
					row["source"],
				)
			)
	return Standing(rules, records, declarations)


@dataclass(frozen=True, slots=True, eq=False)
class NodeStatus:
	"""Of n nodes: their own status as numbers of Status, and where it is the whole one."""

	own: IntArray
	stopped: BoolArray


def of_nodes(standing: Standing, rule: Rule, snapshot: Snapshot, day: date) -> NodeStatus:
	"""The own status of every node of a structure.

	Nobody said anything: unknown for what has nothing below it or is bought, and no more than its
	parts say for what is made here. What is bought and has a status ends the descent.
	"""
	structure = snapshot.structure
	bought = np.isin(snapshot.type, BOUGHT)
	own = np.zeros(structure.node_count, np.int64)
	stopped = np.zeros(structure.node_count, np.bool_)
	items = snapshot.items
	for node, name in enumerate(structure.ids.tolist()):
		item_id = items[int(snapshot.item[node])].decode()
		status = standing.own(rule, item_id, name.decode(), day)
		if status is not None:
			own[node] = status
			stopped[node] = bought[node]
		elif structure.leaf[node]:
			own[node] = Status.UNKNOWN
	return NodeStatus(own, stopped)
