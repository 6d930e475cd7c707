"""What stands around every page of one change: its head, its tabs, what this person may do."""

from decimal import Decimal
from typing import Any

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.changes import service
from apg.capabilities.plm.shared.change_states import ChangeAction
from apg.capabilities.plm.shared.designators import format_designators
from apg.capabilities.plm.structures.plain_sql import mapped
from apg.contracts.identity import Identity
from apg.kernel.database import load_json
from apg.kernel.errors import NotFound
from apg.kernel.stamps import is_id
from apg.kernel.texts import _
from apg.kernel.web.wire import amount_text
from apg.kernel.work import Work

NEEDS = {
	ChangeAction.EDIT: may.CHANGES_UPDATE,
	ChangeAction.REDLINE: may.CHANGES_UPDATE,
	ChangeAction.SUBMIT: may.CHANGES_UPDATE,
	ChangeAction.APPROVE: may.CHANGES_APPROVE,
	ChangeAction.REJECT: may.CHANGES_APPROVE,
	ChangeAction.DELEGATE: may.CHANGES_APPROVE,
	ChangeAction.RETURN: may.CHANGES_UPDATE,
	ChangeAction.HOLD: may.CHANGES_UPDATE,
	ChangeAction.RESUME: may.CHANGES_UPDATE,
	ChangeAction.CANCEL: may.CHANGES_UPDATE,
	ChangeAction.IMPLEMENT: may.CHANGES_IMPLEMENT,
	ChangeAction.CLOSE: may.CHANGES_IMPLEMENT,
}
DECISIONS = (ChangeAction.APPROVE, ChangeAction.REJECT, ChangeAction.DELEGATE)
TABS = ("conversation", "redline", "impact", "approvals", "history")


async def change_of(work: Work, change_id: str) -> dict[str, Any]:
	"""The change as the wire has it, with its tag. Raises ChangeNotFound."""
	found = await service.read(work, change_id)
	return {**load_json(found.body), "etag": found.etag}


async def names_of(work: Work, ids: Any) -> dict[str, str]:
	"""Display names by id."""
	people = await work.port(Identity).people(work, {one for one in ids if one})
	return {one: person.display_name or person.username for one, person in people.items()}


def actions(work: Work, change: dict[str, Any]) -> set[str]:
	"""What this person may do now, by right and state; deciding is for those who are asked."""
	asked = work.principal.user_id in change["waiting_for"]
	return {
		name
		for name in change["allowed_actions"]
		if work.principal.may(NEEDS[ChangeAction(name)])
		and (asked or ChangeAction(name) not in DECISIONS)
	}


async def frame(work: Work, change_id: str, tab: str) -> dict[str, Any]:
	"""The context of `plm/changes/_change.html`."""
	change = await change_of(work, change_id)
	base = f"/plm/changes/{change_id}"
	people = {*change["approvers"], *change["waiting_for"], change["created_by"]}
	people |= {change["owner_id"], change["submitted_by"], change["implemented_by"]}
	return {
		"change": change,
		"base": base,
		"tab": tab,
		"can": actions(work, change),
		"names": await names_of(work, people),
		"tabs": [
			("conversation", _("Conversation"), f"{base}?tab=conversation"),
			("redline", _("Redline"), f"{base}?tab=redline", change["item_count"]),
			("impact", _("Impact"), f"{base}?tab=impact"),
			("approvals", _("Approvals"), f"{base}?tab=approvals"),
			("history", _("History"), f"{base}?tab=history"),
		],
	}


def choices(values: Any) -> list[tuple[str, str]]:
	"""The values of an enum with what a person reads for each."""
	said = {"none": "Nothing to do"}
	return [
		(str(one), _(said.get(str(one)) or str(one).replace("_", " ").capitalize()))
		for one in values
	]


def shown(field: str, value: Any) -> Any:
	"""A value of a difference as a person reads it; None where there is none."""
	if value is None or value == [] or value == ():
		return None
	if field == "designators":
		return format_designators(value)
	if isinstance(value, bool):
		return _("yes") if value else _("no")
	if isinstance(value, Decimal):
		return Decimal(amount_text(value))
	if isinstance(value, (list, tuple)):
		return ", ".join(str(one) for one in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
	return value


_LINE = """
	select i.number as parent, r.label, l.find_number, c.number as child, coalesce(n.name, '') as name
	from plm_lines l join plm_revisions r on r.id = l.parent_revision_id
	join plm_items i on i.id = r.item_id join plm_items c on c.id = l.child_item_id
	left join plm_revisions n on n.id = c.current_revision_id
	where l.parent_revision_id = $1::uuid and l.line_uid = $2::uuid
"""


async def about_line(work: Work, revision_id: str, line_uid: str) -> dict[str, str]:
	"""What the form of a new change says when it is raised from a line. Raises NotFound."""
	rows = (
		await mapped(work, _LINE, revision_id, line_uid)
		if is_id(revision_id) and is_id(line_uid)
		else []
	)
	if not rows:
		raise NotFound(_("{what} not found", what=_("line")))
	[row] = rows
	about = _(
		"About line {n} of {parent} revision {label}, {child} {name}: ",
		n=row["find_number"],
		parent=row["parent"],
		label=row["label"],
		child=row["child"],
		name=row["name"],
	)
	return {"products": row["parent"], "reason_for_change": about}
