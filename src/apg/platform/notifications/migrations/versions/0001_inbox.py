"""The inbox."""

import sqlalchemy as sa
from alembic import op

from apg.kernel.tenancy import protect

revision = "0001"
down_revision = None


def upgrade() -> None:
	op.create_table(
		"notifications",
		sa.Column("recipient_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("kind", sa.Text(), nullable=False),
		sa.Column("subject", sa.Text(), nullable=False),
		sa.Column("message", sa.Text(), server_default="", nullable=False),
		sa.Column("action_url", sa.Text(), nullable=True),
		sa.Column("priority", sa.Text(), server_default="normal", nullable=False),
		sa.Column("key", sa.Text(), nullable=False),
		sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"action_url ~ '^/([^/\\\\]|$)'", name=op.f("ck_notifications_action_url")
		),
		sa.CheckConstraint(
			"priority in ('low', 'normal', 'high', 'urgent')",
			name=op.f("ck_notifications_priority"),
		),
		sa.CheckConstraint("length(kind) between 1 and 64", name=op.f("ck_notifications_kind")),
		sa.CheckConstraint("length(message) <= 4000", name=op.f("ck_notifications_message")),
		sa.CheckConstraint(
			"length(subject) between 1 and 200", name=op.f("ck_notifications_subject")
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_notifications_tenant_id_id")),
		sa.UniqueConstraint(
			"tenant_id",
			"recipient_id",
			"key",
			name=op.f("uq_notifications_tenant_id_recipient_id_key"),
		),
	)
	op.create_index(
		"ix_notifications_inbox",
		"notifications",
		["tenant_id", "recipient_id", "created_at"],
		unique=False,
	)
	op.create_index(
		"ix_notifications_unread",
		"notifications",
		["tenant_id", "recipient_id"],
		unique=False,
		postgresql_where=sa.text("read_at is null"),
	)
	protect(op, "notifications", audited=False, keep="400 days")
