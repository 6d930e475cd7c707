"""Every state × every action, against a table written down a second time."""

import pytest

from apg.capabilities.plm.changes.models import Change, ChangeNotOpen
from apg.capabilities.plm.shared.change_states import (
	MOVES,
	ActionNotAllowed,
	ChangeAction,
	ChangeStatus,
	actions_of,
	check_action,
)

# As plm_domain §3.4 has it: where each action leads, state by state; "-" is refused.
TABLE = """
state        edit      redline submit    approve               reject   return delegate     hold    resume                          cancel    implement   close
draft        draft     draft   submitted -                     -        -      -            -       -                               cancelled -           -
submitted    submitted -       -         under_review,approved rejected draft  submitted    on_hold -                               cancelled -           -
under_review submitted -       -         under_review,approved rejected draft  under_review on_hold -                               cancelled -           -
approved     submitted -       -         -                     -        draft  -            on_hold -                               cancelled implemented -
implemented  -         -       -         -                     -        -      -            -       -                               -         -           closed
rejected     -         -       -         -                     -        draft  -            -       -                               cancelled -           -
on_hold      -         -       -         -                     -        -      -            -       submitted,under_review,approved cancelled -           -
closed       -         -       -         -                     -        -      -            -       -                               -         -           -
cancelled    -         -       -         -                     -        -      -            -       -                               -         -           -
"""
HEAD, *ROWS = [line.split() for line in TABLE.strip().splitlines()]
CELLS = [
	(row[0], action, frozenset() if cell == "-" else frozenset(cell.split(",")))
	for row in ROWS
	for action, cell in zip(HEAD[1:], row[1:], strict=True)
]


def test_the_table_is_whole() -> None:
	assert set(HEAD[1:]) == {str(action) for action in ChangeAction}
	assert [row[0] for row in ROWS] == [
		*("draft", "submitted", "under_review", "approved", "implemented", "rejected"),
		*("on_hold", "closed", "cancelled"),
	]
	assert set(MOVES) == set(ChangeStatus)
	assert len(CELLS) == len(ChangeStatus) * len(ChangeAction) == 108


@pytest.mark.parametrize(("state", "action", "leads"), CELLS)
def test_every_state_and_every_action(state: str, action: str, leads: frozenset[str]) -> None:
	status, deed = ChangeStatus(state), ChangeAction(action)
	for to in ChangeStatus:
		change = Change(
			kind="change_order",
			number="ECO-1",
			status=state,
			resume_to="approved" if state == "on_hold" else None,
		)
		if str(to) in leads:
			check_action(status, deed, to)
			change.move(deed, to)
			assert change.status == to
			assert (change.resume_to == state) == (to == "on_hold")
			continue
		with pytest.raises(ActionNotAllowed) as refused:
			check_action(status, deed, to)
		assert refused.value.allowed == actions_of(status)
		with pytest.raises(ChangeNotOpen) as told:
			change.move(deed, to)
		assert change.status == state
		assert (told.value.status, told.value.code) == (409, "CHANGE_NOT_OPEN")
		for allowed in actions_of(status):
			assert allowed in told.value.message
	assert (deed in actions_of(status)) == bool(leads)
