"""Who has to approve: the tenant's rules, the people of each role, those who are away."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import any_, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from apg.capabilities.plm.changes.assessment import Assessment
from apg.capabilities.plm.changes.models import Absence, ApprovalRule, Change
from apg.capabilities.plm.permissions import CHANGES_APPROVE, role_title
from apg.capabilities.plm.products.service import default_currency
from apg.capabilities.plm.settings import PlmSettings
from apg.capabilities.plm.shared import approval_rules as rules
from apg.contracts.identity import Identity
from apg.contracts.reference import ExchangeRates
from apg.kernel.database import id_type
from apg.kernel.errors import Problem
from apg.kernel.stamps import utc_now
from apg.kernel.texts import _
from apg.kernel.work import Work

RULES_PAGE = "/plm/changes/rules"
MEMBERS_PAGE = "/admin/users"


@dataclass(frozen=True, slots=True)
class Asked:
	"""One stage to be: the rule, why it applies, and the people, each with whom he stands in for."""

	rule: rules.Rule
	reasons: tuple[str, ...]
	people: tuple[tuple[str, str | None], ...]


def single_person(work: Work) -> bool:
	"""Whether the company lets an author approve his own change (tenant setting)."""
	return bool(work.principal.settings.get("single_person"))


def threshold(work: Work) -> Decimal:
	"""Above what cost a financial approval is needed, in the tenant's currency."""
	own = work.principal.settings.get("financial_approval_threshold")
	if own is not None:
		try:
			return abs(Decimal(str(own)))
		except ArithmeticError:
			pass  # a setting that is no number does not switch the rule off
	return PlmSettings().financial_approval_threshold


async def seed_rules(work: Work) -> None:
	"""Writes the guide's matrix for a tenant without any rule."""
	if await work.scalar(select(func.count()).select_from(ApprovalRule)):
		return
	for rule in rules.MATRIX:
		work.add(
			ApprovalRule(
				name=rule.name,
				role=rule.role,
				step=rule.step,
				quorum=rule.quorum,
				due_days=rule.due_days,
				kinds=list(rule.kinds),
				tracks=list(rule.tracks),
				change_types=list(rule.change_types),
				priorities=list(rule.priorities),
				urgencies=list(rule.urgencies),
				over_threshold=rule.over_threshold,
				cost_over=rule.cost_over,
			)
		)
	await work.flush()


async def active_rules(work: Work) -> list[rules.Rule]:
	"""The tenant's rules that are in force."""
	rows: list[ApprovalRule] = await work.scalars(
		select(ApprovalRule)
		.where(ApprovalRule.is_active)
		.order_by(ApprovalRule.step, ApprovalRule.name)
	)
	return [
		rules.Rule(
			name=row.name,
			role=row.role,
			step=row.step,
			quorum=row.quorum,
			due_days=row.due_days,
			kinds=tuple(row.kinds),
			tracks=tuple(row.tracks),
			change_types=tuple(row.change_types),
			priorities=tuple(row.priorities),
			urgencies=tuple(row.urgencies),
			over_threshold=row.over_threshold,
			cost_over=row.cost_over,
		)
		for row in rows
	]


async def facts_of(work: Work, change: Change) -> rules.Facts:
	"""What the rules look at, the cost in the tenant's currency."""
	return rules.Facts(
		change.kind,
		change.change_type,
		change.priority,
		change.urgency,
		change.track,
		await _cost(work, change),
	)


async def _cost(work: Work, change: Change) -> Decimal | None:
	own = default_currency(work)
	if change.cost_impact is None:
		return Decimal(0)
	if change.currency in (None, own):
		return change.cost_impact
	given = str(change.currency)
	rates = await work.port(ExchangeRates).rates_on(work, utc_now().date(), {given, own})
	if given not in rates or own not in rates:
		return None
	return change.cost_impact / rates[given].units_per_eur * rates[own].units_per_eur


async def asked_of(work: Work, change: Change) -> tuple[list[Asked], list[Problem]]:
	"""The stages of a submission, and for each role without anybody a problem that names the page.

	The author is not asked about his own change, unless the company is one person.
	"""
	facts = await facts_of(work, change)
	problems = [
		Problem(
			name,
			_("A change of this {field} takes the full track.", field=name.replace("_", " ")),
			"fast_track",
		)
		for name in (rules.fast_track_obstacles(facts) if change.track == "fast" else ())
	]
	stages, refused = await work.port(Assessment).consequences(work, change)
	problems += refused
	by_rules = rules.required(await active_rules(work), facts, threshold(work))
	needed = sorted([*by_rules, *stages], key=lambda each: each[0].step)
	if not needed:
		text = _("No rule says who approves this; make one. {page}", page=RULES_PAGE)
		problems.append(Problem("approvals", text, "no_rule"))
	people = await _people(work, {rule.role for rule, _why in needed}, _authors(work, change))
	found: list[Asked] = []
	for rule, why in needed:
		asked = people[rule.role]
		if not asked:
			text = _(
				"Nobody but the author can approve as “{role}” ({rule}). "
				"Give the role to somebody at {members}, or change the rule. {page}",
				role=role_title(rule.role),
				rule=rule.name,
				members=MEMBERS_PAGE,
				page=RULES_PAGE,
			)
			problems.append(Problem(f"approvals.{rule.role}", text, "no_approver"))
			continue
		found.append(Asked(rule, tuple(why), tuple(asked)))
	return found, problems


def _authors(work: Work, change: Change) -> frozenset[str]:
	if single_person(work):
		return frozenset()
	authors = (change.created_by, change.submitted_by, work.principal.user_id)
	return frozenset(one for one in authors if one)


async def _people(
	work: Work, roles: Collection[str], authors: frozenset[str]
) -> dict[str, list[tuple[str, str | None]]]:
	identity = work.port(Identity)
	members = {role: await identity.members_in_role(work, role) for role in sorted(roles)}
	away = await substitutes(work, {one for ids in members.values() for one in ids}, utc_now())
	may = set(await identity.members_with(work, CHANGES_APPROVE))
	found: dict[str, list[tuple[str, str | None]]] = {}
	for role, ids in members.items():
		chosen: dict[str, str | None] = {}
		for member in ids:
			stands_in = away.get(member)
			if stands_in is not None and stands_in in may and stands_in not in authors:
				chosen.setdefault(stands_in, member)
			elif member in may and member not in authors:
				chosen[member] = None
		found[role] = sorted(chosen.items())
	return found


async def people_in(work: Work, change: Change, role: str) -> list[tuple[str, str | None]]:
	"""Who may be asked in this role now: (person, whom he stands in for)."""
	return (await _people(work, {role}, _authors_of(work, change)))[role]


def _authors_of(work: Work, change: Change) -> frozenset[str]:
	if change.single_person:
		return frozenset()
	return frozenset(one for one in (change.created_by, change.submitted_by) if one)


async def substitutes(work: Work, people: Collection[str], at: datetime) -> Mapping[str, str]:
	"""Of those who are away at the moment: who signs for them."""
	rows: Sequence[Absence] = await work.scalars(
		select(Absence)
		.where(
			Absence.user_id == any_(literal(sorted(people), ARRAY(id_type))),
			Absence.starts_at <= at,
			Absence.ends_at > at,
		)
		.order_by(Absence.ends_at)
	)
	return {row.user_id: row.substitute_id for row in rows}
