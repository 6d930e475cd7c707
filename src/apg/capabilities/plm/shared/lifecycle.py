"""States of a revision, phases of a product, kinds of product; which moves are allowed."""

from __future__ import annotations

from enum import StrEnum

from apg.capabilities.plm.shared.errors import MoveNotAllowed


class ProductType(StrEnum):
	"""The eight kinds of the guide."""

	MANUFACTURED = "manufactured"
	PURCHASED = "purchased"
	VIRTUAL = "virtual"
	SERVICE = "service"
	KIT = "kit"
	RAW_MATERIAL = "raw_material"
	SUBASSEMBLY = "subassembly"
	FINISHED_GOOD = "finished_good"


class LifecyclePhase(StrEnum):
	"""The eleven phases of the guide, in the order of a product's life."""

	CONCEPT = "concept"
	DESIGN = "design"
	PROTOTYPE = "prototype"
	DEVELOPMENT = "development"
	TESTING = "testing"
	PRODUCTION = "production"
	ACTIVE = "active"
	MATURE = "mature"
	DECLINING = "declining"
	OBSOLETE = "obsolete"
	DISCONTINUED = "discontinued"


class RevisionState(StrEnum):
	"""`released` means this state and nothing else."""

	WORKING = "working"
	IN_REVIEW = "in_review"
	RELEASED = "released"
	SUPERSEDED = "superseded"
	OBSOLETE = "obsolete"
	CANCELLED = "cancelled"


TERMINAL_PHASES = frozenset({LifecyclePhase.OBSOLETE, LifecyclePhase.DISCONTINUED})
GATED_PHASES = frozenset(
	{
		LifecyclePhase.PRODUCTION,
		LifecyclePhase.ACTIVE,
		LifecyclePhase.MATURE,
		LifecyclePhase.DECLINING,
	}
)

REVISION_MOVES: dict[RevisionState, frozenset[RevisionState]] = {
	RevisionState.WORKING: frozenset(
		{RevisionState.IN_REVIEW, RevisionState.RELEASED, RevisionState.CANCELLED}
	),
	RevisionState.IN_REVIEW: frozenset({RevisionState.RELEASED, RevisionState.WORKING}),
	RevisionState.RELEASED: frozenset({RevisionState.SUPERSEDED, RevisionState.OBSOLETE}),
	RevisionState.SUPERSEDED: frozenset({RevisionState.OBSOLETE}),
	RevisionState.OBSOLETE: frozenset(),
	RevisionState.CANCELLED: frozenset(),
}


def phases_after(phase: LifecyclePhase) -> tuple[LifecyclePhase, ...]:
	"""Where a product may go: any later phase, never back, nowhere from a terminal one."""
	if phase in TERMINAL_PHASES:
		return ()
	order = tuple(LifecyclePhase)
	return order[order.index(phase) + 1 :]


def check_phase(now: LifecyclePhase, wanted: LifecyclePhase) -> None:
	"""Raises MoveNotAllowed; staying where one is is no move and always allowed."""
	if wanted != now and wanted not in phases_after(now):
		raise MoveNotAllowed("lifecycle_phase", now, wanted, phases_after(now))


def check_revision_move(now: RevisionState, wanted: RevisionState) -> None:
	"""Raises MoveNotAllowed, which names the moves open from here; staying is no move."""
	allowed = REVISION_MOVES[now]
	if wanted not in allowed:
		raise MoveNotAllowed(
			"state", now, wanted, [move for move in RevisionState if move in allowed]
		)
