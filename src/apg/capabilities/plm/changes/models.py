"""The change, what it affects, and what is said about it."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
	Boolean,
	CheckConstraint,
	Index,
	Integer,
	UniqueConstraint,
	text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from apg.capabilities.plm.products.models import one_of
from apg.capabilities.plm.shared.change_states import (
	ActionNotAllowed,
	ChangeAction,
	ChangeKind,
	ChangeStatus,
	ChangeType,
	ItemAction,
	Priority,
	Track,
	Urgency,
	check_action,
)
from apg.capabilities.plm.shared.lifecycle import LifecyclePhase
from apg.kernel.database import Base, Id, id_type, reference
from apg.kernel.errors import Conflict, Problem, human
from apg.kernel.tenancy import Protect, TenantOwned
from apg.kernel.texts import _


class ChangeNotOpen(Conflict):
	"""The change is in a state that does not know this move; the message names those it does."""

	code = "CHANGE_NOT_OPEN"


class Change(TenantOwned, Base):
	"""Problem report, change request, change order or deviation: one row, one stored state.

	`package_hash` is what signatures are bound to: set at submission, recomputed by every edit.
	`resume_to` is where a change on hold goes back to.
	"""

	__tablename__ = "plm_changes"
	__human__ = "change"
	__protect__ = Protect()

	kind: Mapped[str] = mapped_column()
	number: Mapped[str] = mapped_column()
	title: Mapped[str] = mapped_column()
	description: Mapped[str | None] = mapped_column()
	change_type: Mapped[str] = mapped_column()
	priority: Mapped[str] = mapped_column(default=Priority.MEDIUM)
	urgency: Mapped[str] = mapped_column(default=Urgency.NORMAL)
	track: Mapped[str] = mapped_column(default=Track.FULL)
	reason: Mapped[str | None] = mapped_column()
	business_impact: Mapped[str | None] = mapped_column()
	cost_impact: Mapped[Decimal | None] = mapped_column()
	currency: Mapped[str | None] = mapped_column()
	status: Mapped[str] = mapped_column(default=ChangeStatus.DRAFT)
	resume_to: Mapped[str | None] = mapped_column()
	package_hash: Mapped[str | None] = mapped_column()
	round: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
	single_person: Mapped[bool] = mapped_column(
		Boolean, default=False, server_default=text("false")
	)
	owner_id: Mapped[Id | None] = mapped_column(id_type)
	origin_id: Mapped[Id | None] = reference("plm_changes", nullable=True)
	due_at: Mapped[datetime | None] = mapped_column()
	valid_until: Mapped[datetime | None] = mapped_column()
	valid_for: Mapped[str | None] = mapped_column()
	effective_from: Mapped[datetime | None] = mapped_column()
	scheduled_at: Mapped[datetime | None] = mapped_column()
	scheduled_by: Mapped[Id | None] = mapped_column(id_type)
	refused: Mapped[str | None] = mapped_column()
	submitted_at: Mapped[datetime | None] = mapped_column()
	submitted_by: Mapped[Id | None] = mapped_column(id_type)
	approved_at: Mapped[datetime | None] = mapped_column()
	implemented_at: Mapped[datetime | None] = mapped_column()
	implemented_by: Mapped[Id | None] = mapped_column(id_type)
	closed_at: Mapped[datetime | None] = mapped_column()

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"number",
			name="uq_plm_changes_number",
			info=human("CHANGE_NUMBER_TAKEN", "Another change has this number.", "change_number"),
		),
		CheckConstraint(one_of("kind", ChangeKind), name="kind"),
		CheckConstraint(one_of("status", ChangeStatus), name="status"),
		CheckConstraint(one_of("change_type", ChangeType), name="change_type"),
		CheckConstraint(one_of("priority", Priority), name="priority"),
		CheckConstraint(one_of("urgency", Urgency), name="urgency"),
		CheckConstraint(one_of("track", Track), name="track"),
		CheckConstraint("(cost_impact is null) = (currency is null)", name="currency"),
		CheckConstraint("abs(cost_impact) < 9000000000000", name="cost_impact"),
		CheckConstraint("(status = 'on_hold') = (resume_to is not null)", name="resume_to"),
		CheckConstraint(
			"status in ('draft', 'cancelled') or package_hash is not null", name="package_hash"
		),
		CheckConstraint(
			"status not in ('implemented', 'closed') or implemented_at is not null",
			name="implemented_at",
		),
		Index("ix_plm_changes_created", "tenant_id", "created_at", "id"),
		Index("ix_plm_changes_status", "tenant_id", "status"),
		Index(
			"ix_plm_changes_scheduled",
			"tenant_id",
			"scheduled_at",
			postgresql_where=text("status = 'approved' and scheduled_at is not null"),
		),
	)

	def check(self, action: ChangeAction, to: ChangeStatus | None = None) -> None:
		"""Raises ChangeNotOpen, naming what can be done instead."""
		try:
			check_action(ChangeStatus(self.status), action, to)
		except ActionNotAllowed as error:
			told = ", ".join(error.allowed)
			sentence = (
				_(
					"{number} is {status}; {action} is not possible. Possible now: {allowed}.",
					number=self.number,
					status=self.status,
					action=action,
					allowed=told,
				)
				if told
				else _(
					"{number} is {status}, which is an end; {action} is not possible.",
					number=self.number,
					status=self.status,
					action=action,
				)
			)
			raise ChangeNotOpen(sentence, problems=[Problem("status", sentence)]) from error

	def move(self, action: ChangeAction, to: ChangeStatus) -> None:
		"""Takes the state there, if the table of moves knows the way. Raises ChangeNotOpen."""
		self.check(action, to)
		if to == ChangeStatus.ON_HOLD:
			self.resume_to = self.status
		elif self.status == ChangeStatus.ON_HOLD:
			self.resume_to = None
		self.status = to


class ChangeItem(TenantOwned, Base):
	"""One affected product: from which revision to which, and what becomes of what is there.

	`to_revision_id` is the order's own working revision until the release. `dispositions` holds
	place → {decision, note, done_at, done_by}.
	"""

	__tablename__ = "plm_change_items"
	__human__ = "affected product"
	__protect__ = Protect()

	change_id: Mapped[Id] = reference("plm_changes", ondelete="CASCADE")
	item_id: Mapped[Id] = reference("plm_items")
	ordinal: Mapped[int] = mapped_column(Integer)
	action: Mapped[str] = mapped_column()
	from_revision_id: Mapped[Id | None] = reference("plm_revisions", nullable=True)
	to_revision_id: Mapped[Id | None] = reference("plm_revisions", nullable=True)
	# The working revision was there before the order took it; a cancelled order gives it back.
	adopted: Mapped[bool] = mapped_column(Boolean, default=False, server_default=text("false"))
	replaces_item_id: Mapped[Id | None] = reference("plm_items", nullable=True)
	new_phase: Mapped[str | None] = mapped_column()
	effective_from: Mapped[datetime | None] = mapped_column()
	interchangeable: Mapped[str | None] = mapped_column()
	dispositions: Mapped[dict[str, Any]] = mapped_column(
		JSONB, default=dict, server_default=text("'{}'")
	)
	note: Mapped[str | None] = mapped_column()

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"change_id",
			"item_id",
			name="uq_plm_change_items_item",
			info=human(
				"ALREADY_AFFECTED", "The change affects this product already.", "product_id"
			),
		),
		Index(
			"uq_plm_change_items_to",
			"tenant_id",
			"to_revision_id",
			unique=True,
			postgresql_where=text("to_revision_id is not null"),
			info=human("REVISION_IN_CHANGE", "Another change holds this revision."),
		),
		CheckConstraint(one_of("action", ItemAction), name="action"),
		CheckConstraint(
			"interchangeable in ('yes', 'forward', 'backward', 'no')", name="interchangeable"
		),
		CheckConstraint(one_of("new_phase", LifecyclePhase), name="new_phase"),
		CheckConstraint(
			"(action = 'phase_change') = (new_phase is not null)", name="new_phase_given"
		),
	)


class ChangeComment(TenantOwned, Base):
	"""One contribution to the conversation; what is said stays said."""

	__tablename__ = "plm_change_comments"
	__human__ = "comment"
	__protect__ = Protect()

	change_id: Mapped[Id] = reference("plm_changes", ondelete="CASCADE")
	author_id: Mapped[Id | None] = mapped_column(id_type)
	body: Mapped[str] = mapped_column()
	item_id: Mapped[Id | None] = reference("plm_items", nullable=True)


class ChangeSeries(TenantOwned, Base):
	"""The counter of one kind of change."""

	__tablename__ = "plm_change_series"
	__human__ = "number series"
	__protect__ = Protect(audited=False)

	kind: Mapped[str] = mapped_column()
	prefix: Mapped[str] = mapped_column()
	width: Mapped[int] = mapped_column(Integer, default=6)
	next_number: Mapped[int] = mapped_column(Integer, default=1)

	__table_args__ = (UniqueConstraint("tenant_id", "kind", name="uq_plm_change_series_kind"),)


class ApprovalRule(TenantOwned, Base):
	"""One line of the tenant's approval matrix; what it means stands in `shared/approval_rules.py`."""

	__tablename__ = "plm_approval_rules"
	__human__ = "approval rule"
	__protect__ = Protect()

	name: Mapped[str] = mapped_column()
	role: Mapped[str] = mapped_column()
	step: Mapped[int] = mapped_column(Integer, default=1)
	quorum: Mapped[int | None] = mapped_column(Integer)
	due_days: Mapped[int] = mapped_column(Integer, default=5)
	kinds: Mapped[list[str]] = mapped_column(default=list, server_default=text("'[]'"))
	tracks: Mapped[list[str]] = mapped_column(default=list, server_default=text("'[]'"))
	change_types: Mapped[list[str]] = mapped_column(default=list, server_default=text("'[]'"))
	priorities: Mapped[list[str]] = mapped_column(default=list, server_default=text("'[]'"))
	urgencies: Mapped[list[str]] = mapped_column(default=list, server_default=text("'[]'"))
	over_threshold: Mapped[bool] = mapped_column(
		Boolean, default=False, server_default=text("false")
	)
	cost_over: Mapped[Decimal | None] = mapped_column()
	is_active: Mapped[bool] = mapped_column(Boolean, default=True, server_default=text("true"))

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"name",
			name="uq_plm_approval_rules_name",
			info=human("RULE_EXISTS", "There is a rule of this name.", "name"),
		),
		CheckConstraint("step between 1 and 20", name="step"),
		CheckConstraint("quorum between 1 and 100", name="quorum"),
		CheckConstraint("due_days between 1 and 365", name="due_days"),
		CheckConstraint("cost_over >= 0", name="cost_over"),
	)


class Absence(TenantOwned, Base):
	"""From when to when somebody is away, and who signs for him meanwhile."""

	__tablename__ = "plm_absences"
	__human__ = "absence"
	__protect__ = Protect()

	user_id: Mapped[Id] = mapped_column(id_type)
	substitute_id: Mapped[Id] = mapped_column(id_type)
	starts_at: Mapped[datetime] = mapped_column()
	ends_at: Mapped[datetime] = mapped_column()

	__table_args__ = (
		CheckConstraint("ends_at > starts_at", name="ends_at"),
		CheckConstraint("substitute_id <> user_id", name="substitute"),
		Index("ix_plm_absences_user", "tenant_id", "user_id", "ends_at"),
	)


class ApprovalStage(TenantOwned, Base):
	"""What one rule asks of one submission: so many approvals of a role, until when.

	`round` counts submissions; stages of earlier rounds are void and stay readable.
	"""

	__tablename__ = "plm_approval_stages"
	__human__ = "approval stage"
	__protect__ = Protect()

	change_id: Mapped[Id] = reference("plm_changes", ondelete="CASCADE")
	round: Mapped[int] = mapped_column(Integer)
	step: Mapped[int] = mapped_column(Integer)
	name: Mapped[str] = mapped_column()
	role: Mapped[str] = mapped_column()
	reasons: Mapped[list[str]] = mapped_column(default=list, server_default=text("'[]'"))
	quorum: Mapped[int | None] = mapped_column(Integer)
	due_days: Mapped[int] = mapped_column(Integer)
	state: Mapped[str] = mapped_column(default="waiting")
	opened_at: Mapped[datetime | None] = mapped_column()
	due_at: Mapped[datetime | None] = mapped_column()
	done_at: Mapped[datetime | None] = mapped_column()
	escalated_at: Mapped[datetime | None] = mapped_column()

	__table_args__ = (
		UniqueConstraint("tenant_id", "change_id", "round", "name"),
		CheckConstraint("state in ('waiting', 'open', 'done', 'rejected', 'void')", name="state"),
		Index(
			"ix_plm_approval_stages_due",
			"tenant_id",
			"due_at",
			postgresql_where=text("state = 'open'"),
		),
	)


class Approval(TenantOwned, Base):
	"""One person's decision in one stage; with it, how he proved himself and what he signed."""

	__tablename__ = "plm_change_approvals"
	__human__ = "approval"
	__protect__ = Protect()

	change_id: Mapped[Id] = reference("plm_changes", ondelete="CASCADE")
	stage_id: Mapped[Id] = reference("plm_approval_stages", ondelete="CASCADE")
	user_id: Mapped[Id] = mapped_column(id_type)
	decision: Mapped[str] = mapped_column(default="pending")
	comments: Mapped[str | None] = mapped_column()
	decided_at: Mapped[datetime | None] = mapped_column()
	method: Mapped[str | None] = mapped_column()
	package_hash: Mapped[str | None] = mapped_column()
	delegated_by: Mapped[Id | None] = mapped_column(id_type)

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"stage_id",
			"user_id",
			name="uq_plm_change_approvals_user",
			info=human("ALREADY_ASKED", "This person is asked in this stage already.", "user_id"),
		),
		CheckConstraint(
			"decision in ('pending', 'approved', 'rejected', 'delegated', 'not_needed', 'void')",
			name="decision",
		),
		CheckConstraint(
			"decision not in ('approved', 'rejected') or decided_at is not null", name="decided_at"
		),
		CheckConstraint(
			"decision <> 'approved' or (package_hash is not null and method is not null)",
			name="signature",
		),
		Index(
			"ix_plm_change_approvals_waiting",
			"tenant_id",
			"user_id",
			postgresql_where=text("decision = 'pending'"),
		),
	)
