import subprocess
import sys
from itertools import product

import pytest

from apg.capabilities.plm.shared.errors import MoveNotAllowed
from apg.capabilities.plm.shared.lifecycle import (
	LifecyclePhase,
	ProductType,
	RevisionState,
	check_phase,
	check_revision_move,
	phases_after,
)

PHASES = "concept design prototype development testing production active mature declining obsolete discontinued"
STATES = {
	"working": {"in_review", "released", "cancelled"},
	"in_review": {"working", "released"},
	"released": {"superseded", "obsolete"},
	"superseded": {"obsolete"},
	"obsolete": set(),
	"cancelled": set(),
}


def test_the_contract_names_eight_types_and_eleven_phases():
	assert [phase.value for phase in LifecyclePhase] == PHASES.split()
	assert {kind.value for kind in ProductType} == {
		"manufactured", "purchased", "virtual", "service", "kit", "raw_material", "subassembly",
		"finished_good",
	}  # fmt: skip


@pytest.mark.parametrize(("now", "wanted"), list(product(LifecyclePhase, LifecyclePhase)))
def test_phases_go_forward_only_and_end(now, wanted):
	order = PHASES.split()
	ends = now in ("obsolete", "discontinued")
	if now == wanted or (order.index(wanted) > order.index(now) and not ends):
		check_phase(now, wanted)
		return
	with pytest.raises(MoveNotAllowed) as refused:
		check_phase(now, wanted)
	assert refused.value.allowed == phases_after(now)
	assert all(phase in str(refused.value) for phase in phases_after(now))
	assert refused.value.field == "lifecycle_phase"


@pytest.mark.parametrize(("now", "wanted"), list(product(RevisionState, RevisionState)))
def test_revisions_move_as_the_table_says(now, wanted):
	if wanted in STATES[now]:
		check_revision_move(now, wanted)
		return
	with pytest.raises(MoveNotAllowed) as refused:
		check_revision_move(now, wanted)
	assert set(refused.value.allowed) == STATES[now]
	assert (refused.value.current, refused.value.wanted) == (now, wanted)


def test_rules_load_without_numpy():
	"""Tables, schemas and forms need the rules; arrays only where structures are computed."""
	code = (
		"import sys; from apg.capabilities.plm.shared import "
		"lifecycle, numbering, designators, lines, errors, pricing, compare, content_hash; "
		"print('numpy' in sys.modules, 'sqlalchemy' in sys.modules)"
	)
	found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
	assert found.stdout.split() == ["False", "False"]
