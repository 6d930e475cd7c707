"""What of a structure keeps revisions from being released, each named by find number and product."""

from collections.abc import Sequence
from typing import Any

from apg.capabilities.plm.shared.lifecycle import TERMINAL_PHASES, RevisionState
from apg.capabilities.plm.structures.plain_sql import mapped
from apg.kernel.errors import Problem
from apg.kernel.texts import _
from apg.kernel.work import Work

_PHASES = ", ".join(f"'{phase}'" for phase in sorted(TERMINAL_PHASES))
# Lines that stand in the way, and only those: an order of fifty thousand lines asks for a handful.
_QUERY = f"""
	select l.parent_revision_id::text as parent, l.find_number, i.number, i.lifecycle_phase,
		i.is_deleted, pinned.label as pinned_label, pinned.state as pinned_state,
		released.id is not null or floating.id is not null as released,
		l.child_revision_id is null as floats
	from plm_lines l join plm_items i on i.id = l.child_item_id
	left join plm_revisions pinned on pinned.id = l.child_revision_id
		and pinned.id <> all($1::uuid[])
	left join plm_revisions released on released.item_id = i.id and released.state = 'released'
	left join plm_revisions floating on floating.item_id = i.id and floating.id = any($1::uuid[])
	where l.parent_revision_id = any($1::uuid[]) and (
		i.is_deleted or i.lifecycle_phase in ({_PHASES})
		or (pinned.id is not null and pinned.state <> 'released')
		or (l.child_revision_id is null and released.id is null and floating.id is null))
	order by l.parent_revision_id, l.find_number, l.line_uid
"""  # noqa: S608 - constants of ours


async def obstacles_of(work: Work, revision_ids: Sequence[str]) -> dict[str, list[Problem]]:
	"""By revision: children that are not released, nor released together with these; retired and
	deleted ones; those pinned to what is not released. Revisions without one are left out."""
	found: dict[str, list[Problem]] = {}
	for row in await mapped(work, _QUERY, list(revision_ids)):
		for code, text in _reasons(row):
			problem = Problem(f"lines.{row['find_number']}", text, code)
			found.setdefault(row["parent"], []).append(problem)
	return found


def _reasons(row: dict[str, Any]) -> list[tuple[str, str]]:
	number, state = row["number"], row["pinned_state"]
	found: list[tuple[str, str]] = []
	if row["is_deleted"]:
		found.append(("deleted", _("{number} is deleted; restore or replace it.", number=number)))
	if row["lifecycle_phase"] in TERMINAL_PHASES:
		text = _("{number} is {phase}; replace it.", number=number, phase=row["lifecycle_phase"])
		found.append(("retired", text))
	if state is not None and state != RevisionState.RELEASED:
		text = _(
			"{number} is pinned to revision {label}, which is {state}; "
			"release that, pin the released one or let the line float.",
			number=number,
			label=row["pinned_label"],
			state=state,
		)
		found.append(("pinned_not_released", text))
	if row["floats"] and not row["released"]:
		found.append(
			("not_released", _("{number} is not released; release it first.", number=number))
		)
	return found
