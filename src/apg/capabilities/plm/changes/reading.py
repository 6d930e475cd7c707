"""The selects behind every answer about changes; their labels are the wire's field names."""

import json
from typing import Any

from sqlalchemy import Text, and_, case, exists, func, literal, literal_column, or_, select
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by
from sqlalchemy.orm import aliased

from apg.capabilities.plm.changes.models import (
	Approval,
	ApprovalStage,
	Change,
	ChangeComment,
	ChangeItem,
)
from apg.capabilities.plm.products.models import Item, Revision
from apg.capabilities.plm.shared.change_states import OPEN, ChangeStatus, actions_of
from apg.kernel.database import AnySelect
from apg.kernel.rows import texts

SORTABLE: dict[str, Any] = {
	"created_at": Change.created_at,
	"updated_at": Change.updated_at,
	"change_number": Change.number,
	"change_title": Change.title,
	"status": Change.status,
	"priority": case(
		{"low": 0, "medium": 1, "high": 2, "critical": 3}, value=Change.priority, else_=9
	),
	"due_at": Change.due_at,
}
_EMPTY_LIST = literal_column("'[]'::jsonb", JSONB)
_EMPTY_MAP = literal_column("'{}'::jsonb", JSONB)
# Shown as ids in the change itself; an order of thousands has a list of its own.
MOST_IDS = 500


def _actions() -> Any:
	told = {
		status.value: func.cast(literal(json.dumps(actions_of(status)), Text), JSONB)
		for status in ChangeStatus
	}
	return case(told, value=Change.status)


def _asked(value: Any, *conditions: Any) -> Any:
	"""A value aggregated over the approvals of the present round."""
	return (
		select(value)
		.select_from(Approval)
		.join(
			ApprovalStage,
			and_(
				ApprovalStage.tenant_id == Approval.tenant_id,
				ApprovalStage.id == Approval.stage_id,
			),
		)
		.where(
			Approval.change_id == Change.id,
			ApprovalStage.round == Change.round,
			ApprovalStage.state != "void",
			*conditions,
		)
		.correlate(Change)
		.scalar_subquery()
	)


def _people(*conditions: Any) -> Any:
	ids = func.jsonb_agg(func.distinct(Approval.user_id))
	return func.coalesce(_asked(ids, *conditions), _EMPTY_LIST)


def is_waiting() -> Any:
	"""A stage is open and this approval pending."""
	return and_(Approval.decision == "pending", ApprovalStage.state == "open")


def overdue() -> Any:
	"""A stage is open past its day, or the change past its own while something is to be done."""
	late = exists(
		select(ApprovalStage.id)
		.where(
			ApprovalStage.change_id == Change.id,
			ApprovalStage.round == Change.round,
			ApprovalStage.state == "open",
			ApprovalStage.due_at < func.now(),
		)
		.correlate(Change)
	)
	open_ones = [str(status) for status in OPEN]
	return late | and_(
		Change.status == texts(open_ones), func.coalesce(Change.due_at < func.now(), False)
	)


def select_changes() -> AnySelect:
	"""Changes as the wire shows them."""
	affected = (
		select(ChangeItem.item_id, ChangeItem.ordinal)
		.where(ChangeItem.change_id == Change.id)
		.order_by(ChangeItem.ordinal)
		.limit(MOST_IDS)
		.correlate(Change)
		.subquery()
	)
	ids = select(
		func.jsonb_agg(aggregate_order_by(affected.c.item_id, affected.c.ordinal))
	).scalar_subquery()
	count = (
		select(func.count())
		.select_from(ChangeItem)
		.where(ChangeItem.change_id == Change.id)
		.correlate(Change)
		.scalar_subquery()
	)
	words = func.jsonb_object_agg(func.cast(Approval.user_id, Text), Approval.comments)
	return select(
		Change.id.label("change_id"),
		Change.number.label("change_number"),
		Change.kind.label("kind"),
		Change.title.label("change_title"),
		Change.description.label("change_description"),
		Change.change_type.label("change_type"),
		Change.priority.label("priority"),
		Change.urgency.label("urgency"),
		Change.track.label("track"),
		Change.reason.label("reason_for_change"),
		Change.business_impact.label("business_impact"),
		Change.cost_impact.label("cost_impact"),
		Change.currency.label("currency"),
		Change.status.label("status"),
		_actions().label("allowed_actions"),
		func.coalesce(ids, _EMPTY_LIST).label("affected_products"),
		count.label("item_count"),
		Change.package_hash.label("package_hash"),
		literal_column("null::text").label("workflow_id"),
		Change.single_person.label("single_person"),
		Change.owner_id.label("owner_id"),
		Change.origin_id.label("origin_id"),
		Change.due_at.label("due_at"),
		Change.valid_until.label("valid_until"),
		Change.valid_for.label("valid_for"),
		Change.effective_from.label("effective_from"),
		Change.scheduled_at.label("scheduled_at"),
		Change.refused.label("refused"),
		Change.submitted_at.label("submitted_at"),
		Change.submitted_by.label("submitted_by"),
		_people(~(Approval.decision == texts(("delegated", "void")))).label("approvers"),
		_people(Approval.decision == "approved").label("approved_by"),
		func.coalesce(
			_asked(words, Approval.comments.is_not(None), Approval.decision == "approved"),
			_EMPTY_MAP,
		).label("approval_comments"),
		_people(is_waiting()).label("waiting_for"),
		overdue().label("overdue"),
		Change.approved_at.label("approved_at"),
		Change.implemented_at.label("implemented_at"),
		Change.implemented_by.label("implemented_by"),
		Change.closed_at.label("closed_at"),
		Change.created_at.label("created_at"),
		Change.updated_at.label("updated_at"),
		Change.created_by.label("created_by"),
		Change.updated_by.label("updated_by"),
		Change.version.label("etag"),
	)


def waits_for(user_id: str | None) -> Any:
	"""Changes in which this person is asked now."""
	return exists(
		select(Approval.id)
		.join(ApprovalStage, ApprovalStage.id == Approval.stage_id)
		.where(
			Approval.change_id == Change.id,
			Approval.user_id == user_id,
			is_waiting(),
			Change.status == texts(("submitted", "under_review")),
		)
		.correlate(Change)
	)


def select_items(change_id: str) -> AnySelect:
	"""Affected products in their order, each with its two revisions and what stands in its way."""
	before, after, now = aliased(Revision), aliased(Revision), aliased(Revision)
	other, other_item = aliased(Change), aliased(ChangeItem)
	others = (
		select(func.jsonb_agg(aggregate_order_by(other.number, other.number)))
		.select_from(other_item)
		.join(other, other.id == other_item.change_id)
		.where(
			other_item.item_id == ChangeItem.item_id,
			other_item.change_id != ChangeItem.change_id,
			other.kind == "change_order",
			other.status == texts(str(status) for status in OPEN),
		)
		.correlate(ChangeItem)
		.scalar_subquery()
	)
	moved = and_(
		Change.status == texts(str(status) for status in OPEN),
		ChangeItem.to_revision_id.is_not(None),
		now.id.is_distinct_from(ChangeItem.from_revision_id),
	)
	return (
		select(
			ChangeItem.id.label("item_id"),
			ChangeItem.change_id.label("change_id"),
			Item.id.label("product_id"),
			Item.number.label("product_number"),
			func.coalesce(after.name, before.name, now.name, "").label("product_name"),
			ChangeItem.action.label("action"),
			ChangeItem.from_revision_id.label("from_revision_id"),
			before.label.label("from_revision"),
			ChangeItem.to_revision_id.label("to_revision_id"),
			after.label.label("to_revision"),
			after.state.label("to_state"),
			moved.label("base_moved"),
			func.coalesce(others, _EMPTY_LIST).label("other_changes"),
			ChangeItem.replaces_item_id.label("replaces_product_id"),
			ChangeItem.new_phase.label("new_phase"),
			ChangeItem.effective_from.label("effective_from"),
			ChangeItem.interchangeable.label("interchangeable"),
			ChangeItem.dispositions.label("dispositions"),
			ChangeItem.note.label("note"),
			ChangeItem.created_at.label("created_at"),
			ChangeItem.updated_at.label("updated_at"),
			Change.version.label("etag"),
		)
		.join(Change, Change.id == ChangeItem.change_id)
		.join(Item, Item.id == ChangeItem.item_id)
		.outerjoin(before, before.id == ChangeItem.from_revision_id)
		.outerjoin(after, after.id == ChangeItem.to_revision_id)
		.outerjoin(now, and_(now.item_id == Item.id, now.state == "released"))
		.where(ChangeItem.change_id == change_id)
		.order_by(ChangeItem.ordinal, ChangeItem.id)
	)


def select_stages(change_id: str) -> AnySelect:
	"""What was and is asked of whom, the present round first."""
	one = func.jsonb_build_object(
		"approval_id", Approval.id,
		"user_id", Approval.user_id,
		"decision", Approval.decision,
		"comments", Approval.comments,
		"decided_at", func.apg_time(Approval.decided_at),
		"method", Approval.method,
		"package_hash", Approval.package_hash,
		"delegated_by", Approval.delegated_by,
	)  # fmt: skip
	approvals = (
		select(func.jsonb_agg(aggregate_order_by(one, Approval.created_at, Approval.id)))
		.where(Approval.stage_id == ApprovalStage.id)
		.correlate(ApprovalStage)
		.scalar_subquery()
	)
	late = and_(ApprovalStage.state == "open", ApprovalStage.due_at < func.now())
	return (
		select(
			ApprovalStage.id.label("stage_id"),
			ApprovalStage.round.label("round"),
			ApprovalStage.step.label("step"),
			ApprovalStage.name.label("name"),
			ApprovalStage.role.label("role"),
			ApprovalStage.reasons.label("reasons"),
			ApprovalStage.quorum.label("quorum"),
			ApprovalStage.state.label("state"),
			ApprovalStage.opened_at.label("opened_at"),
			ApprovalStage.due_at.label("due_at"),
			ApprovalStage.done_at.label("done_at"),
			func.coalesce(late, False).label("overdue"),
			func.coalesce(approvals, _EMPTY_LIST).label("approvals"),
		)
		.where(ApprovalStage.change_id == change_id)
		.order_by(ApprovalStage.round.desc(), ApprovalStage.step, ApprovalStage.name)
	)


def select_comments(change_id: str) -> AnySelect:
	"""The conversation, the oldest first."""
	return (
		select(
			ChangeComment.id.label("comment_id"),
			ChangeComment.change_id.label("change_id"),
			ChangeComment.author_id.label("author_id"),
			ChangeComment.item_id.label("product_id"),
			ChangeComment.body.label("body"),
			ChangeComment.created_at.label("created_at"),
		)
		.where(ChangeComment.change_id == change_id)
		.order_by(ChangeComment.created_at, ChangeComment.id)
	)


def affects(product: str) -> Any:
	"""Changes that affect a product, by its id or its number."""
	by_id = func.cast(ChangeItem.item_id, Text) == product
	return exists(
		select(ChangeItem.id)
		.join(Item, Item.id == ChangeItem.item_id)
		.where(
			ChangeItem.change_id == Change.id,
			or_(by_id, func.lower(Item.number) == product.strip().lower()),
		)
		.correlate(Change)
	)
