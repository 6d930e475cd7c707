"""Who did what with a change, put together from the trail of its rows."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from apg.capabilities.plm.changes.models import (
	Approval,
	ApprovalStage,
	Change,
	ChangeComment,
	ChangeItem,
)
from apg.contracts.audit import AuditTrail, TrailEntry
from apg.kernel.texts import _
from apg.kernel.work import Work

LONGEST = 300
UNTOLD = frozenset({"round", "resume_to", "ordinal", "adopted", "body", "reasons", "escalated_at"})
THINGS = {
	"plm_changes": "change",
	"plm_change_items": "affected product",
	"plm_change_comments": "comment",
	"plm_approval_stages": "approval stage",
	"plm_change_approvals": "approval",
}


@dataclass(frozen=True, slots=True)
class Told:
	"""One entry in the form `ui.history` shows."""

	seq: int
	at: datetime
	who: str
	what: str
	changes: tuple[tuple[str, Any, Any], ...]


async def history_of(work: Work, change: Change) -> list[Told]:
	"""The latest entries, newest first."""
	trail = work.port(AuditTrail)
	rows: dict[str, list[str]] = {Change.__tablename__: [change.id]}
	for entity in (ChangeItem, ChangeComment, ApprovalStage, Approval):
		rows[entity.__tablename__] = await work.scalars(
			select(entity.id).where(entity.change_id == change.id).limit(2_000)
		)
	rows[ChangeItem.__tablename__] += await trail.removed(
		work, ChangeItem.__tablename__, "change_id", change.id, limit=LONGEST
	)
	found: list[Told] = []
	for table, row_ids in rows.items():
		if row_ids:
			entries = await trail.history_of(work, table, *row_ids, limit=LONGEST)
			found.extend(_told(entry) for entry in entries)
	return sorted(found, key=lambda one: -one.seq)[:LONGEST]


def _told(entry: TrailEntry) -> Told:
	thing = _(THINGS[entry.table])
	values = {name: new for name, _old, new in entry.changes}
	changes = tuple(
		(name.replace("_", " "), _shown(old), _shown(new))
		for name, old, new in entry.changes
		if name not in UNTOLD and not name.endswith(("_id", "_by")) and old != new
	)
	if entry.operation == "insert":
		what, changes = _created(entry.table, thing, values), ()
	elif entry.operation == "delete":
		what = _("removed the {thing}", thing=thing)
	elif entry.table == "plm_changes" and "status" in values:
		what = _("moved it to {state}", state=str(values["status"]).replace("_", " "))
	elif entry.table == "plm_change_approvals" and "decision" in values:
		what = _("decided: {decision}", decision=str(values["decision"]).replace("_", " "))
	else:
		what = _("changed the {thing}", thing=thing)
	return Told(entry.seq, entry.at, entry.who, what, changes)


def _created(table: str, thing: str, values: dict[str, Any]) -> str:
	if table == "plm_changes":
		return _("raised {number}", number=str(values.get("number", "")))
	if table == "plm_change_comments":
		return _("commented")
	if table == "plm_approval_stages":
		return _("asked for the approval “{name}”", name=str(values.get("name", "")))
	return _("added the {thing}", thing=thing)


def _shown(value: Any) -> Any:
	if value is None or value == [] or value == {}:
		return None
	if isinstance(value, bool):
		return _("yes") if value else _("no")
	if isinstance(value, list):
		return ", ".join(str(one) for one in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
	if isinstance(value, dict):
		return ", ".join(f"{name}: {one}" for name, one in value.items())  # pyright: ignore[reportUnknownVariableType]
	text = str(value)
	return text[:12] + "…" if len(text) == 64 else value


def wire(entries: list[Told]) -> list[dict[str, Any]]:
	return [
		{
			"at": one.at,
			"who": one.who,
			"what": one.what,
			"changes": [{"field": name, "old": old, "new": new} for name, old, new in one.changes],
		}
		for one in entries
	]
