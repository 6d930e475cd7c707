"""What policies do to a change: who is asked as well, and what keeps it from going on."""

from collections.abc import Sequence

from apg.capabilities.plm.changes import package
from apg.capabilities.plm.changes.models import Change
from apg.capabilities.plm.impact import firing
from apg.capabilities.plm.impact import service as impacts
from apg.capabilities.plm.impact.firing import Fired
from apg.capabilities.plm.shared.approval_rules import Rule
from apg.capabilities.plm.shared.change_states import ChangeKind
from apg.capabilities.plm.structures.plain_sql import mapped
from apg.kernel.errors import Conflict, Problem
from apg.kernel.texts import _
from apg.kernel.work import Work

_NUMBERS = "select id::text, number as product_number from plm_items where id = any($1::uuid[])"


class PolicyBlocks(Conflict):
	"""A policy of the company is true of what the change does."""

	code = "POLICY_BLOCKS"


async def consequences(
	work: Work, change: Change
) -> tuple[list[tuple[Rule, list[str]]], list[Problem]]:
	"""Stages that policies add to a submission, and what they refuse.

	The impact of the package is calculated here where no task has done so yet.
	"""
	fired = await _fired(work, change, calculated=True)
	stages = [
		(
			Rule(
				name=_("Policy: {name}", name=one.policy.name),
				role=str(one.policy.role),
				step=one.policy.step,
				due_days=one.policy.due_days,
			),
			[one.expression],
		)
		for one in fired
		if one.policy.effect == "stage"
	]
	return stages, _refusals(change, fired)


async def refuse_blocked(work: Work, change: Change) -> None:
	"""Raises PolicyBlocks where a blocking policy is true of the last impact of the package."""
	problems = _refusals(change, await _fired(work, change, calculated=False))
	if problems:
		text = _("A policy of the company keeps {number} from going on.", number=change.number)
		raise PolicyBlocks(text, problems=problems)


async def _fired(work: Work, change: Change, *, calculated: bool) -> Sequence[Fired]:
	if change.kind != ChangeKind.CHANGE_ORDER or not await firing.active(work):
		return ()
	if calculated:
		await package.refresh(work, change)
	impact = await impacts.latest(work, change.id, change.package_hash)
	if impact is None and calculated:
		impact = await impacts.record(work, change, "asked")
	if impact is None or impact.state != "done":
		return ()
	figures = await impacts.figures_of(work, impact.id)
	rows = await mapped(work, _NUMBERS, sorted({row.item_id for row in figures}))
	return await firing.fired(work, impact, figures, {row["id"]: row for row in rows})


def _refusals(change: Change, fired: Sequence[Fired]) -> list[Problem]:
	page = f"/plm/changes/{change.id}?tab=impact"
	return [
		Problem(
			f"policies.{one.policy.name}",
			_(
				"The policy “{name}” ({expression}) does not let this through; see {page}.",
				name=one.policy.name,
				expression=one.expression,
				page=page,
			),
			"policy",
		)
		for one in fired
		if one.policy.effect == "block"
	]
