"""Who has to approve what: rules as data, and the guide's matrix they begin with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from apg.capabilities.plm.shared.change_states import ChangeType, Priority, Track, Urgency


@dataclass(frozen=True, slots=True)
class Facts:
	"""What rules look at; `cost` is in the tenant's currency, None when no rate converts it."""

	kind: str
	change_type: str
	priority: str
	urgency: str
	track: str
	cost: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
	"""One line of the matrix.

	`kinds` and `tracks` narrow it (empty: all). Of the reasons one is enough; a rule without any
	always applies. `over_threshold` is the tenant's figure, `cost_over` one of its own. `quorum` is how
	many of the role have to approve, None: everybody in it. Rules of one `step` are asked at the same
	time, the next step when all of them are through.
	"""

	name: str
	role: str
	step: int = 1
	quorum: int | None = None
	due_days: int = 5
	kinds: tuple[str, ...] = ()
	tracks: tuple[str, ...] = ()
	change_types: tuple[str, ...] = ()
	priorities: tuple[str, ...] = ()
	urgencies: tuple[str, ...] = ()
	over_threshold: bool = False
	cost_over: Decimal | None = None


TECHNICAL, FINANCIAL = "plm_technical_approver", "plm_financial_approver"
QUALITY, MANAGEMENT = "plm_quality_approver", "plm_management_approver"

MATRIX: tuple[Rule, ...] = (
	Rule(name="Technical", role=TECHNICAL, tracks=(Track.FULL,)),
	Rule(name="Technical, fast track", role=TECHNICAL, tracks=(Track.FAST,), quorum=1, due_days=2),
	Rule(name="Financial", role=FINANCIAL, over_threshold=True),
	Rule(
		name="Quality",
		role=QUALITY,
		change_types=(ChangeType.QUALITY_IMPROVEMENT, ChangeType.SAFETY, ChangeType.REGULATORY),
	),
	Rule(
		name="Management",
		role=MANAGEMENT,
		priorities=(Priority.HIGH, Priority.CRITICAL),
		urgencies=(Urgency.URGENT,),
	),
)
"""Technical always; financial above the threshold; quality for quality, safety and regulatory
changes; management for high or critical priority or urgent ones."""


def reasons(rule: Rule, facts: Facts, threshold: Decimal) -> list[str] | None:
	"""Why the rule applies, in words of the data; None when it does not.

	A cost that cannot be converted counts as above every limit: unknown is never harmless.
	"""
	if rule.kinds and facts.kind not in rule.kinds:
		return None
	if rule.tracks and facts.track not in rule.tracks:
		return None
	limits = [threshold] if rule.over_threshold else []
	limits += [rule.cost_over] if rule.cost_over is not None else []
	conditional = bool(rule.change_types or rule.priorities or rule.urgencies or limits)
	found: list[str] = []
	if facts.change_type in rule.change_types:
		found.append(f"change_type = {facts.change_type}")
	if facts.priority in rule.priorities:
		found.append(f"priority = {facts.priority}")
	if facts.urgency in rule.urgencies:
		found.append(f"urgency = {facts.urgency}")
	for limit in limits:
		if facts.cost is None:
			found.append("cost_impact has no rate")
		elif abs(facts.cost) > limit:
			found.append(f"cost_impact > {limit.normalize():f}")
	if not conditional:
		return ["always"]
	return found or None


def required(
	rules: Iterable[Rule], facts: Facts, threshold: Decimal
) -> list[tuple[Rule, list[str]]]:
	"""The rules that apply, by step, each with its reasons."""
	found = [(rule, why) for rule in rules if (why := reasons(rule, facts, threshold)) is not None]
	return sorted(found, key=lambda each: each[0].step)


def fast_track_obstacles(facts: Facts) -> Sequence[str]:
	"""Fields that forbid the fast track: what is dangerous, urgent or important takes the full one."""
	found: list[str] = []
	if facts.change_type in (ChangeType.SAFETY, ChangeType.REGULATORY):
		found.append("change_type")
	if facts.priority in (Priority.HIGH, Priority.CRITICAL):
		found.append("priority")
	return found


def needed(quorum: int | None, people: int) -> int:
	"""How many approvals of so many people complete a stage; never more than there are."""
	return people if quorum is None else min(quorum, people)
