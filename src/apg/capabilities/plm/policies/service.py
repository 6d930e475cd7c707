"""What a company keeps as policies: written, changed, removed."""

from typing import Any

from sqlalchemy import select

from apg.capabilities.plm.policies.models import Policy
from apg.capabilities.plm.policies.schemas import PolicyIn, PolicyPatch
from apg.capabilities.plm.shared.policy_nodes import PolicyError
from apg.capabilities.plm.shared.policy_text import read_policy, read_tree, write_policy, write_tree
from apg.kernel.errors import Invalid, Problem
from apg.kernel.stamps import new_id
from apg.kernel.texts import _
from apg.kernel.work import Work

NEVER_EMPTY = frozenset({"name", "expression", "effect", "step", "due_days", "is_active"})


async def every(work: Work) -> list[dict[str, Any]]:
	"""All policies, by name; at most 500."""
	rows = await work.scalars(select(Policy).order_by(Policy.name).limit(500))
	return [shown(row) for row in rows]


async def read(work: Work, policy_id: str) -> tuple[dict[str, Any], int]:
	"""One policy and its version. Raises NotFound."""
	found = await work.get(Policy, policy_id)
	return shown(found), found.version


def shown(row: Policy) -> dict[str, Any]:
	"""A policy as the wire has it."""
	return {
		"policy_id": row.id,
		"name": row.name,
		"expression": write_policy(read_tree(row.tree)),
		"tree": row.tree,
		"effect": row.effect,
		"role": row.role,
		"step": row.step,
		"due_days": row.due_days,
		"explanation": row.explanation,
		"is_active": row.is_active,
		"created_at": row.created_at,
		"updated_at": row.updated_at,
	}


async def add(work: Work, new: PolicyIn) -> Policy:
	"""One more policy. Raises Invalid with the place in the expression, Conflict for a known name."""
	given = new.model_dump()
	expression = given.pop("expression")
	policy = work.add(Policy(id=new_id(), tree=_tree(expression), **given))
	_check_role(policy)
	await work.flush()
	return policy


async def change(work: Work, policy_id: str, patch: PolicyPatch) -> Policy:
	"""Changes what is named; submissions from now on follow it.

	Raises NotFound, PreconditionFailed, Invalid, Conflict.
	"""
	policy = await work.edit(Policy, policy_id)
	given = patch.model_dump(exclude_unset=True)
	empty = [name for name in given if given[name] is None and name in NEVER_EMPTY]
	if empty:
		raise Invalid(
			problems=[Problem(name, _("This field cannot be emptied.")) for name in empty]
		)
	if "expression" in given:
		given["tree"] = _tree(given.pop("expression"))
	for name, value in given.items():
		setattr(policy, name, value)
	_check_role(policy)
	await work.flush()
	return policy


async def remove(work: Work, policy_id: str) -> None:
	"""Takes a policy away; what it asked for in open submissions stays. Raises NotFound."""
	await work.delete(await work.edit(Policy, policy_id))


def _tree(expression: str) -> dict[str, Any]:
	try:
		return write_tree(read_policy(expression))
	except PolicyError as error:
		raise Invalid.one("expression", f"{error.reason}. {error.remedy}", "expression") from error


def _check_role(policy: Policy) -> None:
	if (policy.effect == "stage") == (policy.role is None):
		text = (
			_("Say which role is asked.")
			if policy.role is None
			else _("Only a policy that adds a stage names a role; leave it empty.")
		)
		raise Invalid.one("role", text)
