"""The life of an engineering change: one stored state, and the one table of its moves."""

from __future__ import annotations

from enum import StrEnum

from apg.capabilities.plm.shared.errors import DomainError


class ChangeKind(StrEnum):
	"""What is written down: something wrong, a wish, the order that is carried out, an exception."""

	PROBLEM_REPORT = "problem_report"
	CHANGE_REQUEST = "change_request"
	CHANGE_ORDER = "change_order"
	DEVIATION = "deviation"


PREFIXES = {
	ChangeKind.PROBLEM_REPORT: "PR-",
	ChangeKind.CHANGE_REQUEST: "ECR-",
	ChangeKind.CHANGE_ORDER: "ECO-",
	ChangeKind.DEVIATION: "DEV-",
}


class ChangeStatus(StrEnum):
	DRAFT = "draft"
	SUBMITTED = "submitted"
	UNDER_REVIEW = "under_review"
	APPROVED = "approved"
	IMPLEMENTED = "implemented"
	REJECTED = "rejected"
	ON_HOLD = "on_hold"
	CLOSED = "closed"
	CANCELLED = "cancelled"


class ChangeAction(StrEnum):
	"""What a person does with a change; `edit` is of its fields, `redline` of what it affects."""

	EDIT = "edit"
	REDLINE = "redline"
	SUBMIT = "submit"
	APPROVE = "approve"
	REJECT = "reject"
	RETURN = "return"
	DELEGATE = "delegate"
	HOLD = "hold"
	RESUME = "resume"
	CANCEL = "cancel"
	IMPLEMENT = "implement"
	CLOSE = "close"


class ChangeType(StrEnum):
	DESIGN = "design"
	QUALITY_IMPROVEMENT = "quality_improvement"
	SAFETY = "safety"
	REGULATORY = "regulatory"
	COST_REDUCTION = "cost_reduction"
	MANUFACTURING = "manufacturing"
	SUPPLY = "supply"
	DOCUMENTATION = "documentation"


class Priority(StrEnum):
	LOW = "low"
	MEDIUM = "medium"
	HIGH = "high"
	CRITICAL = "critical"


class Urgency(StrEnum):
	NORMAL = "normal"
	URGENT = "urgent"


class Track(StrEnum):
	"""fast: few people decide about a small, safe change (CM2); full: everybody the rules name."""

	FULL = "full"
	FAST = "fast"


class ItemAction(StrEnum):
	"""What happens to one affected product at the release.

	add: its first revision is released. revise: a new one supersedes the released one. replace: as
	revise, and the product stands in place of another. obsolete: the end. phase_change: its phase.
	"""

	ADD = "add"
	REVISE = "revise"
	REPLACE = "replace"
	OBSOLETE = "obsolete"
	PHASE_CHANGE = "phase_change"


RELEASING = frozenset({ItemAction.ADD, ItemAction.REVISE, ItemAction.REPLACE})


class Place(StrEnum):
	"""Where pieces of the old revision are when the change comes."""

	ON_ORDER = "on_order"
	STOCK = "stock"
	WORK_IN_PROGRESS = "work_in_progress"
	FINISHED = "finished"
	FIELD = "field"


class Disposition(StrEnum):
	USE_UP = "use_up"
	REWORK = "rework"
	SCRAP = "scrap"
	RETURN = "return"
	HOLD = "hold"
	RECALL = "recall"
	NONE = "none"


_S, _A = ChangeStatus, ChangeAction
_DECIDED = frozenset({_S.UNDER_REVIEW, _S.APPROVED})
_BACK = frozenset({_S.SUBMITTED, _S.UNDER_REVIEW, _S.APPROVED})

# state → action → the states it may lead to. What is not here is refused.
MOVES: dict[ChangeStatus, dict[ChangeAction, frozenset[ChangeStatus]]] = {
	_S.DRAFT: {
		_A.EDIT: frozenset({_S.DRAFT}),
		_A.REDLINE: frozenset({_S.DRAFT}),
		_A.SUBMIT: frozenset({_S.SUBMITTED}),
		_A.CANCEL: frozenset({_S.CANCELLED}),
	},
	_S.SUBMITTED: {
		_A.EDIT: frozenset({_S.SUBMITTED}),
		_A.APPROVE: _DECIDED,
		_A.REJECT: frozenset({_S.REJECTED}),
		_A.RETURN: frozenset({_S.DRAFT}),
		_A.DELEGATE: frozenset({_S.SUBMITTED}),
		_A.HOLD: frozenset({_S.ON_HOLD}),
		_A.CANCEL: frozenset({_S.CANCELLED}),
	},
	_S.UNDER_REVIEW: {
		_A.EDIT: frozenset({_S.SUBMITTED}),
		_A.APPROVE: _DECIDED,
		_A.REJECT: frozenset({_S.REJECTED}),
		_A.RETURN: frozenset({_S.DRAFT}),
		_A.DELEGATE: frozenset({_S.UNDER_REVIEW}),
		_A.HOLD: frozenset({_S.ON_HOLD}),
		_A.CANCEL: frozenset({_S.CANCELLED}),
	},
	_S.APPROVED: {
		_A.EDIT: frozenset({_S.SUBMITTED}),
		_A.IMPLEMENT: frozenset({_S.IMPLEMENTED}),
		_A.RETURN: frozenset({_S.DRAFT}),
		_A.HOLD: frozenset({_S.ON_HOLD}),
		_A.CANCEL: frozenset({_S.CANCELLED}),
	},
	_S.IMPLEMENTED: {_A.CLOSE: frozenset({_S.CLOSED})},
	_S.REJECTED: {
		_A.RETURN: frozenset({_S.DRAFT}),
		_A.CANCEL: frozenset({_S.CANCELLED}),
	},
	_S.ON_HOLD: {_A.RESUME: _BACK, _A.CANCEL: frozenset({_S.CANCELLED})},
	_S.CLOSED: {},
	_S.CANCELLED: {},
}

OPEN = (_S.DRAFT, _S.SUBMITTED, _S.UNDER_REVIEW, _S.APPROVED, _S.REJECTED, _S.ON_HOLD)
IN_REVIEW = (_S.SUBMITTED, _S.UNDER_REVIEW)
FROZEN = (_S.SUBMITTED, _S.UNDER_REVIEW, _S.APPROVED, _S.REJECTED, _S.ON_HOLD)
"""Where the revisions of an order are in review: nobody changes their content."""


class ActionNotAllowed(DomainError):
	"""The state does not know this action; `allowed` names those it does."""

	code = "action_not_allowed"

	def __init__(self, status: str, action: str, allowed: tuple[ChangeAction, ...]) -> None:
		self.status, self.action, self.allowed = status, action, allowed
		remedy = f"Allowed now: {', '.join(allowed)}." if allowed else "This is an end state."
		super().__init__("status", f"{action} is not possible while it is {status}", remedy)


def actions_of(status: ChangeStatus) -> tuple[ChangeAction, ...]:
	"""What can be done in this state, in the order of the enum."""
	return tuple(action for action in ChangeAction if action in MOVES[status])


def check_action(
	status: ChangeStatus, action: ChangeAction, to: ChangeStatus | None = None
) -> None:
	"""Raises ActionNotAllowed where the state does not know the action, or it does not lead there."""
	leads = MOVES[status].get(action)
	if leads is None or (to is not None and to not in leads):
		raise ActionNotAllowed(status, action, actions_of(status))
