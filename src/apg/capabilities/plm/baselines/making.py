"""What a baseline takes over: every revision a rule resolves below a root, and their lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apg.capabilities.plm.shared.lifecycle import TERMINAL_PHASES
from apg.capabilities.plm.structures.plain_sql import mapped
from apg.capabilities.plm.structures.rules import AnyRule, Demand, Rule, View, pick_of
from apg.capabilities.plm.structures.snapshots import snapshot_of
from apg.kernel.errors import Conflict, Invalid, Problem
from apg.kernel.texts import _
from apg.kernel.work import Work

MOST_LINES = 200_000


class BaselineRefused(Conflict):
	"""What is obsolete or discontinued enters no baseline; the problems name each product."""

	code = "BASELINE_REFUSED"


@dataclass(frozen=True, slots=True)
class Taken:
	"""Columns of members and lines, without the baseline they will belong to."""

	members: Sequence[dict[str, Any]]
	lines: Sequence[dict[str, Any]]


async def taken(work: Work, root: str, rule: AnyRule, view: View) -> Taken:
	"""Raises StructureCycle, BaselineRefused, Invalid for a baseline of a baseline or too many lines."""
	if isinstance(rule, Demand) and rule.rule is Rule.BASELINE:
		raise Invalid.one("rule", _("It is a baseline already; take the product's structure."))
	snapshot = await snapshot_of(work, root, rule, view)
	structure = snapshot.structure
	below = structure.descendants(structure.indexes([root]))
	if structure.lines_of(below).size > MOST_LINES:
		raise Invalid.one(
			"product_number", _("The structure has more than {n} lines.", n=MOST_LINES)
		)
	nodes = sorted({root, *structure.names(below)})
	members = await mapped(work, _MEMBERS, nodes)
	_refuse_retired(members)
	first: set[str] = set()
	for each in sorted(members, key=lambda m: (m["node_id"] != root, m["node_id"])):
		each["is_first"] = each["item_id"] not in first
		first.add(each["item_id"])
	lines = await mapped(work, _LINES.format(pick=pick_of(rule)), nodes, str(view))
	return Taken(members, lines)


def _refuse_retired(members: Sequence[dict[str, Any]]) -> None:
	problems = [
		Problem(
			each["number"],
			_(
				"{number} is {phase}; replace it.",
				number=each["number"],
				phase=each["lifecycle_phase"],
			),
			"retired",
		)
		for each in members
		if each["lifecycle_phase"] in TERMINAL_PHASES
	]
	if problems:
		raise BaselineRefused(
			_("Obsolete and discontinued products enter no baseline."), problems=problems
		)


_MEMBERS = """
	select u.id::text as node_id, i.id::text as item_id, r.id::text as revision_id, i.number,
		i.product_type, i.lifecycle_phase, i.unit_of_measure, r.label, r.state,
		coalesce(r.name, s.name) as name, r.description,
		coalesce(r.attributes, '{}'::jsonb) as attributes, r.mass, r.mass_unit, r.material
	from unnest($1::uuid[]) u (id) left join plm_revisions r on r.id = u.id
	join plm_items i on i.id = coalesce(r.item_id, u.id)
	join plm_revisions s on s.id = i.current_revision_id
"""
_LINES = """
	select l.parent_revision_id::text, l.line_uid::text, l.find_number, l.child_item_id::text,
		coalesce(l.child_revision_id, {pick})::text as child_revision_id,
		l.child_revision_id is not null as is_pinned, l.quantity, l.quantity_kind, l.unit,
		l.attrition, l.setup_quantity, l.rounding_multiple, l.view, l.designators, l.note,
		l.is_optional, l.is_consumable, l.allow_variants, l.source,
		(select coalesce(jsonb_agg(jsonb_build_object('product', x.item_id, 'number', p.number,
			'rank', x.rank, 'ratio', x.quantity_ratio) order by x.rank, x.item_id), '[]'::jsonb)
			from plm_line_substitutes x join plm_items p on p.id = x.item_id
			where x.line_id = l.id) as substitutes
	from plm_lines l join plm_items i on i.id = l.child_item_id
	where l.parent_revision_id = any($1::uuid[]) and l.view = $2
"""
