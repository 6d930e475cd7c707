"""The approval matrix and absences: what a tenant decides about who decides."""

from typing import Any

from sqlalchemy import select

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.changes.models import Absence, ApprovalRule
from apg.capabilities.plm.changes.rule_schemas import AbsenceIn, RuleIn, RulePatch
from apg.contracts.identity import Identity
from apg.kernel.database import AnySelect
from apg.kernel.errors import Invalid, NotFound, PermissionDenied, Problem
from apg.kernel.json_rows import One
from apg.kernel.stamps import new_id
from apg.kernel.texts import _
from apg.kernel.work import Work

FIELDS = (
	*("name", "role", "step", "quorum", "due_days", "kinds", "tracks", "change_types"),
	*("priorities", "urgencies", "over_threshold", "cost_over", "is_active"),
)
MAY_BE_EMPTY = frozenset({"quorum", "cost_over"})


def select_rules() -> AnySelect:
	"""The matrix as the wire shows it, by step."""
	return select(
		ApprovalRule.id.label("rule_id"),
		*(getattr(ApprovalRule, name).label(name) for name in FIELDS),
		ApprovalRule.created_at.label("created_at"),
		ApprovalRule.updated_at.label("updated_at"),
		ApprovalRule.version.label("etag"),
	).order_by(ApprovalRule.step, ApprovalRule.name)


async def read_rule(work: Work, rule_id: str) -> One:
	return await work.read_one(select_rules().where(ApprovalRule.id == rule_id), ApprovalRule)


async def add_rule(work: Work, new: RuleIn) -> ApprovalRule:
	"""One more line of the matrix. Raises Invalid, Conflict for a name that is taken."""
	await _known_role(work, new.role)
	rule = work.add(ApprovalRule(id=new_id(), **_plain(new.model_dump())))
	await work.flush()
	return rule


async def change_rule(work: Work, rule_id: str, patch: RulePatch) -> ApprovalRule:
	"""Changes what is named; submissions from now on follow it, open ones do not.

	Raises NotFound, PreconditionFailed, Invalid, Conflict.
	"""
	rule = await work.edit(ApprovalRule, rule_id)
	given = patch.model_dump(exclude_unset=True)
	empty = [name for name in given if given[name] is None and name not in MAY_BE_EMPTY]
	if empty:
		raise Invalid(
			problems=[Problem(name, _("This field cannot be emptied.")) for name in empty]
		)
	if patch.role is not None:
		await _known_role(work, patch.role)
	for name, value in _plain(given).items():
		setattr(rule, name, value)
	await work.flush()
	return rule


async def remove_rule(work: Work, rule_id: str) -> None:
	"""Takes a line away; open submissions keep what they ask. Raises NotFound."""
	await work.delete(await work.edit(ApprovalRule, rule_id))


def _plain(given: dict[str, Any]) -> dict[str, Any]:
	"""Enums as text, so that JSON columns compare equal."""
	return {
		name: [str(one) for one in value] if isinstance(value, list) else value
		for name, value in given.items()
	}


async def _known_role(work: Work, role: str) -> None:
	"""A role that nobody has is a mistake seen at the first submission; here only its form counts,
	because people are given roles after the rule is written."""
	if not role.replace("_", "").isalnum():
		raise Invalid.one("role", _("Name a role by its short name, such as plm_manager."))


# -- absences -----------------------------------------------------------------------------------


def select_absences() -> AnySelect:
	return select(
		Absence.id.label("absence_id"),
		Absence.user_id.label("user_id"),
		Absence.substitute_id.label("substitute_id"),
		Absence.starts_at.label("starts_at"),
		Absence.ends_at.label("ends_at"),
		Absence.created_at.label("created_at"),
		Absence.updated_at.label("updated_at"),
		Absence.version.label("etag"),
	).order_by(Absence.ends_at.desc(), Absence.id)


async def read_absence(work: Work, absence_id: str) -> One:
	return await work.read_one(select_absences().where(Absence.id == absence_id), Absence)


async def add_absence(work: Work, new: AbsenceIn) -> Absence:
	"""Somebody is away and names who signs meanwhile; for others those who keep the rules do.

	Raises Invalid for strangers, PermissionDenied for somebody else's.
	"""
	user_id = new.user_id or work.principal.user_id
	_check_own(work, user_id)
	people = {one for one in (user_id, new.substitute_id) if one}
	known = await work.port(Identity).people(work, people)
	for field, one in (("user_id", user_id), ("substitute_id", new.substitute_id)):
		if one not in known:
			raise Invalid.one(field, _("There is no such member."), "unknown")
	if new.substitute_id == user_id:
		raise Invalid.one("substitute_id", _("Name somebody else."), "same")
	if new.ends_at <= new.starts_at:
		raise Invalid.one("ends_at", _("The end comes after the start."))
	may_approve = await work.port(Identity).members_with(work, may.CHANGES_APPROVE)
	if new.substitute_id not in may_approve:
		raise Invalid.one("substitute_id", _("This person may not approve changes."), "no_right")
	absence = work.add(
		Absence(
			id=new_id(),
			user_id=user_id,
			substitute_id=new.substitute_id,
			starts_at=new.starts_at,
			ends_at=new.ends_at,
		)
	)
	await work.flush()
	return absence


async def remove_absence(work: Work, absence_id: str) -> None:
	"""Raises NotFound, PermissionDenied for somebody else's."""
	absence = await work.find(Absence, absence_id)
	if absence is None:
		raise NotFound(_("{what} not found", what=_("absence")))
	_check_own(work, absence.user_id)
	await work.delete(await work.edit(Absence, absence_id))


def _check_own(work: Work, user_id: str | None) -> None:
	if user_id != work.principal.user_id and not work.principal.may(may.APPROVAL_RULES_UPDATE):
		raise PermissionDenied(_("Only who keeps the approval rules records others' absences."))
