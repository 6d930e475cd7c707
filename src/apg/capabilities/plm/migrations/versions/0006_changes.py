"""Engineering changes and their approvals."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from apg.kernel.search import searchable
from apg.kernel.tenancy import protect

revision = "0006"
down_revision = "0005"

# A signature is kept as it was given: who, what, when, how and under which package.
SIGNED = """
create function plm_signature_guard() returns trigger language plpgsql as $$
begin
	if old.decision in ('approved', 'rejected') and (old.decision, old.user_id, old.stage_id,
		old.comments, old.decided_at, old.method, old.package_hash) is distinct from (new.decision,
		new.user_id, new.stage_id, new.comments, new.decided_at, new.method, new.package_hash) then
		raise exception 'a decision is not changed'
			using errcode = 'P0001', constraint = 'plm_signature_stands';
	end if;
	return new;
end $$
"""
TEXT = "(number || ' ' || title || ' ' || coalesce(description, ''))"


def upgrade() -> None:
	op.create_table(
		"plm_absences",
		sa.Column("user_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("substitute_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_plm_absences_ends_at")),
		sa.CheckConstraint("substitute_id <> user_id", name=op.f("ck_plm_absences_substitute")),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_absences")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_absences_tenant_id_id")),
	)
	op.create_index(
		"ix_plm_absences_user", "plm_absences", ["tenant_id", "user_id", "ends_at"], unique=False
	)
	op.create_table(
		"plm_approval_rules",
		sa.Column("name", sa.Text(), nullable=False),
		sa.Column("role", sa.Text(), nullable=False),
		sa.Column("step", sa.Integer(), nullable=False),
		sa.Column("quorum", sa.Integer(), nullable=True),
		sa.Column("due_days", sa.Integer(), nullable=False),
		sa.Column(
			"kinds",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'[]'"),
			nullable=False,
		),
		sa.Column(
			"tracks",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'[]'"),
			nullable=False,
		),
		sa.Column(
			"change_types",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'[]'"),
			nullable=False,
		),
		sa.Column(
			"priorities",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'[]'"),
			nullable=False,
		),
		sa.Column(
			"urgencies",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'[]'"),
			nullable=False,
		),
		sa.Column("over_threshold", sa.Boolean(), server_default=sa.text("false"), nullable=False),
		sa.Column("cost_over", sa.Numeric(precision=20, scale=6), nullable=True),
		sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint("cost_over >= 0", name=op.f("ck_plm_approval_rules_cost_over")),
		sa.CheckConstraint(
			"due_days between 1 and 365", name=op.f("ck_plm_approval_rules_due_days")
		),
		sa.CheckConstraint("quorum between 1 and 100", name=op.f("ck_plm_approval_rules_quorum")),
		sa.CheckConstraint("step between 1 and 20", name=op.f("ck_plm_approval_rules_step")),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_approval_rules")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_approval_rules_tenant_id_id")),
		sa.UniqueConstraint("tenant_id", "name", name="uq_plm_approval_rules_name"),
	)
	op.create_table(
		"plm_change_series",
		sa.Column("kind", sa.Text(), nullable=False),
		sa.Column("prefix", sa.Text(), nullable=False),
		sa.Column("width", sa.Integer(), nullable=False),
		sa.Column("next_number", sa.Integer(), nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_change_series")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_change_series_tenant_id_id")),
		sa.UniqueConstraint("tenant_id", "kind", name="uq_plm_change_series_kind"),
	)
	op.create_table(
		"plm_changes",
		sa.Column("kind", sa.Text(), nullable=False),
		sa.Column("number", sa.Text(), nullable=False),
		sa.Column("title", sa.Text(), nullable=False),
		sa.Column("description", sa.Text(), nullable=True),
		sa.Column("change_type", sa.Text(), nullable=False),
		sa.Column("priority", sa.Text(), nullable=False),
		sa.Column("urgency", sa.Text(), nullable=False),
		sa.Column("track", sa.Text(), nullable=False),
		sa.Column("reason", sa.Text(), nullable=True),
		sa.Column("business_impact", sa.Text(), nullable=True),
		sa.Column("cost_impact", sa.Numeric(precision=20, scale=6), nullable=True),
		sa.Column("currency", sa.Text(), nullable=True),
		sa.Column("status", sa.Text(), nullable=False),
		sa.Column("resume_to", sa.Text(), nullable=True),
		sa.Column("package_hash", sa.Text(), nullable=True),
		sa.Column("round", sa.Integer(), server_default="0", nullable=False),
		sa.Column("single_person", sa.Boolean(), server_default=sa.text("false"), nullable=False),
		sa.Column("owner_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("origin_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
		sa.Column("valid_for", sa.Text(), nullable=True),
		sa.Column("effective_from", sa.DateTime(timezone=True), nullable=True),
		sa.Column("scheduled_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("scheduled_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("refused", sa.Text(), nullable=True),
		sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("submitted_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("implemented_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("implemented_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"(status = 'on_hold') = (resume_to is not null)", name=op.f("ck_plm_changes_resume_to")
		),
		sa.CheckConstraint(
			"change_type in ('design', 'quality_improvement', 'safety', 'regulatory', 'cost_reduction', 'manufacturing', 'supply', 'documentation')",
			name=op.f("ck_plm_changes_change_type"),
		),
		sa.CheckConstraint(
			"kind in ('problem_report', 'change_request', 'change_order', 'deviation')",
			name=op.f("ck_plm_changes_kind"),
		),
		sa.CheckConstraint(
			"priority in ('low', 'medium', 'high', 'critical')",
			name=op.f("ck_plm_changes_priority"),
		),
		sa.CheckConstraint(
			"status in ('draft', 'cancelled') or package_hash is not null",
			name=op.f("ck_plm_changes_package_hash"),
		),
		sa.CheckConstraint(
			"status in ('draft', 'submitted', 'under_review', 'approved', 'implemented', 'rejected', 'on_hold', 'closed', 'cancelled')",
			name=op.f("ck_plm_changes_status"),
		),
		sa.CheckConstraint(
			"status not in ('implemented', 'closed') or implemented_at is not null",
			name=op.f("ck_plm_changes_implemented_at"),
		),
		sa.CheckConstraint("track in ('full', 'fast')", name=op.f("ck_plm_changes_track")),
		sa.CheckConstraint("urgency in ('normal', 'urgent')", name=op.f("ck_plm_changes_urgency")),
		sa.CheckConstraint(
			"(cost_impact is null) = (currency is null)", name=op.f("ck_plm_changes_currency")
		),
		sa.CheckConstraint(
			"abs(cost_impact) < 9000000000000", name=op.f("ck_plm_changes_cost_impact")
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "origin_id"],
			["plm_changes.tenant_id", "plm_changes.id"],
			name=op.f("fk_plm_changes_tenant_id_origin_id"),
			ondelete="RESTRICT",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_changes")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_changes_tenant_id_id")),
		sa.UniqueConstraint("tenant_id", "number", name="uq_plm_changes_number"),
	)
	op.create_index(
		"ix_plm_changes_created", "plm_changes", ["tenant_id", "created_at", "id"], unique=False
	)
	op.create_index(op.f("ix_plm_changes_origin_id"), "plm_changes", ["origin_id"], unique=False)
	op.create_index(
		"ix_plm_changes_scheduled",
		"plm_changes",
		["tenant_id", "scheduled_at"],
		unique=False,
		postgresql_where=sa.text("status = 'approved' and scheduled_at is not null"),
	)
	op.create_index("ix_plm_changes_status", "plm_changes", ["tenant_id", "status"], unique=False)
	op.create_table(
		"plm_approval_stages",
		sa.Column("change_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("round", sa.Integer(), nullable=False),
		sa.Column("step", sa.Integer(), nullable=False),
		sa.Column("name", sa.Text(), nullable=False),
		sa.Column("role", sa.Text(), nullable=False),
		sa.Column(
			"reasons",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'[]'"),
			nullable=False,
		),
		sa.Column("quorum", sa.Integer(), nullable=True),
		sa.Column("due_days", sa.Integer(), nullable=False),
		sa.Column("state", sa.Text(), nullable=False),
		sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("escalated_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"state in ('waiting', 'open', 'done', 'rejected', 'void')",
			name=op.f("ck_plm_approval_stages_state"),
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "change_id"],
			["plm_changes.tenant_id", "plm_changes.id"],
			name=op.f("fk_plm_approval_stages_tenant_id_change_id"),
			ondelete="CASCADE",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_approval_stages")),
		sa.UniqueConstraint(
			"tenant_id",
			"change_id",
			"round",
			"name",
			name=op.f("uq_plm_approval_stages_tenant_id_change_id_round_name"),
		),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_approval_stages_tenant_id_id")),
	)
	op.create_index(
		op.f("ix_plm_approval_stages_change_id"), "plm_approval_stages", ["change_id"], unique=False
	)
	op.create_index(
		"ix_plm_approval_stages_due",
		"plm_approval_stages",
		["tenant_id", "due_at"],
		unique=False,
		postgresql_where=sa.text("state = 'open'"),
	)
	op.create_table(
		"plm_change_comments",
		sa.Column("change_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("author_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("body", sa.Text(), nullable=False),
		sa.Column("item_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.ForeignKeyConstraint(
			["tenant_id", "change_id"],
			["plm_changes.tenant_id", "plm_changes.id"],
			name=op.f("fk_plm_change_comments_tenant_id_change_id"),
			ondelete="CASCADE",
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "item_id"],
			["plm_items.tenant_id", "plm_items.id"],
			name=op.f("fk_plm_change_comments_tenant_id_item_id"),
			ondelete="RESTRICT",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_change_comments")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_change_comments_tenant_id_id")),
	)
	op.create_index(
		op.f("ix_plm_change_comments_change_id"), "plm_change_comments", ["change_id"], unique=False
	)
	op.create_index(
		op.f("ix_plm_change_comments_item_id"), "plm_change_comments", ["item_id"], unique=False
	)
	op.create_table(
		"plm_change_approvals",
		sa.Column("change_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("stage_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("user_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("decision", sa.Text(), nullable=False),
		sa.Column("comments", sa.Text(), nullable=True),
		sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("method", sa.Text(), nullable=True),
		sa.Column("package_hash", sa.Text(), nullable=True),
		sa.Column("delegated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"decision <> 'approved' or (package_hash is not null and method is not null)",
			name=op.f("ck_plm_change_approvals_signature"),
		),
		sa.CheckConstraint(
			"decision in ('pending', 'approved', 'rejected', 'delegated', 'not_needed', 'void')",
			name=op.f("ck_plm_change_approvals_decision"),
		),
		sa.CheckConstraint(
			"decision not in ('approved', 'rejected') or decided_at is not null",
			name=op.f("ck_plm_change_approvals_decided_at"),
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "change_id"],
			["plm_changes.tenant_id", "plm_changes.id"],
			name=op.f("fk_plm_change_approvals_tenant_id_change_id"),
			ondelete="CASCADE",
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "stage_id"],
			["plm_approval_stages.tenant_id", "plm_approval_stages.id"],
			name=op.f("fk_plm_change_approvals_tenant_id_stage_id"),
			ondelete="CASCADE",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_change_approvals")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_change_approvals_tenant_id_id")),
		sa.UniqueConstraint(
			"tenant_id", "stage_id", "user_id", name="uq_plm_change_approvals_user"
		),
	)
	op.create_index(
		op.f("ix_plm_change_approvals_change_id"),
		"plm_change_approvals",
		["change_id"],
		unique=False,
	)
	op.create_index(
		op.f("ix_plm_change_approvals_stage_id"), "plm_change_approvals", ["stage_id"], unique=False
	)
	op.create_index(
		"ix_plm_change_approvals_waiting",
		"plm_change_approvals",
		["tenant_id", "user_id"],
		unique=False,
		postgresql_where=sa.text("decision = 'pending'"),
	)
	op.create_table(
		"plm_change_items",
		sa.Column("change_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("item_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("ordinal", sa.Integer(), nullable=False),
		sa.Column("action", sa.Text(), nullable=False),
		sa.Column("from_revision_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("to_revision_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("adopted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
		sa.Column("replaces_item_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("new_phase", sa.Text(), nullable=True),
		sa.Column("effective_from", sa.DateTime(timezone=True), nullable=True),
		sa.Column("interchangeable", sa.Text(), nullable=True),
		sa.Column(
			"dispositions",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'{}'"),
			nullable=False,
		),
		sa.Column("note", sa.Text(), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"(action = 'phase_change') = (new_phase is not null)",
			name=op.f("ck_plm_change_items_new_phase_given"),
		),
		sa.CheckConstraint(
			"action in ('add', 'revise', 'replace', 'obsolete', 'phase_change')",
			name=op.f("ck_plm_change_items_action"),
		),
		sa.CheckConstraint(
			"interchangeable in ('yes', 'forward', 'backward', 'no')",
			name=op.f("ck_plm_change_items_interchangeable"),
		),
		sa.CheckConstraint(
			"new_phase in ('concept', 'design', 'prototype', 'development', 'testing', 'production', 'active', 'mature', 'declining', 'obsolete', 'discontinued')",
			name=op.f("ck_plm_change_items_new_phase"),
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "change_id"],
			["plm_changes.tenant_id", "plm_changes.id"],
			name=op.f("fk_plm_change_items_tenant_id_change_id"),
			ondelete="CASCADE",
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "from_revision_id"],
			["plm_revisions.tenant_id", "plm_revisions.id"],
			name=op.f("fk_plm_change_items_tenant_id_from_revision_id"),
			ondelete="RESTRICT",
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "item_id"],
			["plm_items.tenant_id", "plm_items.id"],
			name=op.f("fk_plm_change_items_tenant_id_item_id"),
			ondelete="RESTRICT",
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "replaces_item_id"],
			["plm_items.tenant_id", "plm_items.id"],
			name=op.f("fk_plm_change_items_tenant_id_replaces_item_id"),
			ondelete="RESTRICT",
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "to_revision_id"],
			["plm_revisions.tenant_id", "plm_revisions.id"],
			name=op.f("fk_plm_change_items_tenant_id_to_revision_id"),
			ondelete="RESTRICT",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_change_items")),
		sa.UniqueConstraint("tenant_id", "change_id", "item_id", name="uq_plm_change_items_item"),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_change_items_tenant_id_id")),
	)
	op.create_index(
		op.f("ix_plm_change_items_change_id"), "plm_change_items", ["change_id"], unique=False
	)
	op.create_index(
		op.f("ix_plm_change_items_from_revision_id"),
		"plm_change_items",
		["from_revision_id"],
		unique=False,
	)
	op.create_index(
		op.f("ix_plm_change_items_item_id"), "plm_change_items", ["item_id"], unique=False
	)
	op.create_index(
		op.f("ix_plm_change_items_replaces_item_id"),
		"plm_change_items",
		["replaces_item_id"],
		unique=False,
	)
	op.create_index(
		op.f("ix_plm_change_items_to_revision_id"),
		"plm_change_items",
		["to_revision_id"],
		unique=False,
	)
	op.create_index(
		"uq_plm_change_items_to",
		"plm_change_items",
		["tenant_id", "to_revision_id"],
		unique=True,
		postgresql_where=sa.text("to_revision_id is not null"),
	)
	protect(op, "plm_absences")
	protect(op, "plm_approval_rules")
	protect(op, "plm_change_series", audited=False)
	protect(op, "plm_changes")
	protect(op, "plm_approval_stages")
	protect(op, "plm_change_comments")
	protect(op, "plm_change_approvals")
	protect(op, "plm_change_items")
	op.execute(SIGNED)
	op.execute(
		"create trigger guard before update on plm_change_approvals "
		"for each row execute function plm_signature_guard()"
	)
	op.execute(
		"create index ix_plm_changes_search on plm_changes using gin "
		f"(tenant_id, {TEXT} gin_trgm_ops)"
	)
	searchable(
		op,
		"plm_changes",
		{"q": f"select id from plm_changes where tenant_id = {{tenant}} and {TEXT} ilike {{like}}"},
	)
