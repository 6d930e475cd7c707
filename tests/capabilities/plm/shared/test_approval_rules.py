"""The guide's matrix, row by row, and what a tenant may make of it."""

from decimal import Decimal

import pytest

from apg.capabilities.plm.shared.approval_rules import (
	FINANCIAL,
	MANAGEMENT,
	MATRIX,
	QUALITY,
	TECHNICAL,
	Facts,
	Rule,
	fast_track_obstacles,
	needed,
	reasons,
	required,
)
from apg.capabilities.plm.shared.change_states import ChangeType, Priority, Urgency

LIMIT = Decimal(10_000)


def facts(**given: object) -> Facts:
	plain = {
		"kind": "change_order",
		"change_type": "design",
		"priority": "medium",
		"urgency": "normal",
		"track": "full",
		"cost": Decimal(0),
	}
	return Facts(**(plain | given))  # type: ignore[arg-type]


def roles(**given: object) -> set[str]:
	return {rule.role for rule, _why in required(MATRIX, facts(**given), LIMIT)}


@pytest.mark.parametrize("change_type", list(ChangeType))
@pytest.mark.parametrize("priority", list(Priority))
@pytest.mark.parametrize("urgency", list(Urgency))
@pytest.mark.parametrize("cost", [0, 10_000, "10000.01", -10_001, None])
@pytest.mark.parametrize("track", ["full", "fast"])
def test_the_matrix(
	change_type: str, priority: str, urgency: str, cost: object, track: str
) -> None:
	amount = None if cost is None else Decimal(str(cost))
	wanted = {TECHNICAL}
	if amount is None or abs(amount) > LIMIT:
		wanted.add(FINANCIAL)
	if change_type in ("quality_improvement", "safety", "regulatory"):
		wanted.add(QUALITY)
	if priority in ("high", "critical") or urgency == "urgent":
		wanted.add(MANAGEMENT)
	given = {"change_type": change_type, "priority": priority, "urgency": urgency}
	assert roles(**given, cost=amount, track=track) == wanted


def test_each_rule_says_why() -> None:
	why = {
		rule.name: found
		for rule, found in required(
			MATRIX,
			facts(change_type="safety", priority="high", urgency="urgent", cost=Decimal(20_000)),
			LIMIT,
		)
	}
	assert why == {
		"Technical": ["always"],
		"Financial": ["cost_impact > 10000"],
		"Quality": ["change_type = safety"],
		"Management": ["priority = high", "urgency = urgent"],
	}


def test_kinds_narrow_and_steps_order() -> None:
	late = Rule(name="Late", role="b", step=2)
	early = Rule(name="Early", role="a", kinds=("deviation",), cost_over=Decimal(5))
	assert reasons(early, facts(), LIMIT) is None
	found = required([late, early], facts(kind="deviation", cost=Decimal(6)), LIMIT)
	assert [rule.name for rule, _why in found] == ["Early", "Late"]
	assert reasons(early, facts(kind="deviation", cost=Decimal(5)), LIMIT) is None


def test_what_is_dangerous_takes_the_full_track() -> None:
	assert fast_track_obstacles(facts()) == []
	assert fast_track_obstacles(facts(change_type="safety", priority="critical")) == [
		"change_type",
		"priority",
	]


@pytest.mark.parametrize(
	("quorum", "people", "count"), [(None, 3, 3), (1, 3, 1), (5, 3, 3), (2, 2, 2)]
)
def test_how_many_are_enough(quorum: int | None, people: int, count: int) -> None:
	assert needed(quorum, people) == count
