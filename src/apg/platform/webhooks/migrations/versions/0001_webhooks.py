"""Webhooks and their deliveries."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from apg.kernel.tenancy import protect
from apg.platform.webhooks.migrations.functions import CLAIM, GRANTS

revision = "0001"
down_revision = None


def upgrade() -> None:
	op.create_table(
		"webhook_endpoints",
		sa.Column("name", sa.Text(), nullable=False),
		sa.Column("url", sa.Text(), nullable=False),
		sa.Column("events", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
		sa.Column("owner_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("is_active", sa.Boolean(), server_default="true", nullable=False),
		sa.Column("secret", sa.Text(), nullable=False),
		sa.Column("previous_secret", sa.Text(), nullable=True),
		sa.Column("previous_until", sa.DateTime(timezone=True), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"jsonb_typeof(events) = 'array' and jsonb_array_length(events) between 1 and 50",
			name=op.f("ck_webhook_endpoints_events"),
		),
		sa.CheckConstraint(
			"(previous_secret is null) = (previous_until is null)",
			name=op.f("ck_webhook_endpoints_previous_secret"),
		),
		sa.CheckConstraint(
			"length(name) between 1 and 100", name=op.f("ck_webhook_endpoints_name")
		),
		sa.CheckConstraint("length(url) between 1 and 2000", name=op.f("ck_webhook_endpoints_url")),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoints")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_webhook_endpoints_tenant_id_id")),
	)
	op.create_index(
		op.f("ix_webhook_endpoints_owner_id"), "webhook_endpoints", ["owner_id"], unique=False
	)
	op.create_table(
		"webhook_deliveries",
		sa.Column("endpoint_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("key", sa.Text(), nullable=False),
		sa.Column("event", sa.Text(), nullable=False),
		sa.Column("position", sa.Text(), nullable=True),
		sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
		sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("actor_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("replay_of", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
		sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
		sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("status_code", sa.Integer(), nullable=True),
		sa.Column("answer", sa.Text(), nullable=True),
		sa.Column("failure", sa.Text(), nullable=True),
		sa.Column("duration_ms", sa.Integer(), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"state in ('waiting', 'sending', 'delivered', 'dead', 'withheld', 'replayed')",
			name=op.f("ck_webhook_deliveries_state"),
		),
		sa.CheckConstraint("length(answer) <= 200", name=op.f("ck_webhook_deliveries_answer")),
		sa.ForeignKeyConstraint(
			["tenant_id", "endpoint_id"],
			["webhook_endpoints.tenant_id", "webhook_endpoints.id"],
			name=op.f("fk_webhook_deliveries_tenant_id_endpoint_id"),
			ondelete="CASCADE",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
		sa.UniqueConstraint(
			"tenant_id",
			"endpoint_id",
			"key",
			name=op.f("uq_webhook_deliveries_tenant_id_endpoint_id_key"),
		),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_webhook_deliveries_tenant_id_id")),
	)
	op.create_index(
		"ix_webhook_deliveries_due",
		"webhook_deliveries",
		["tenant_id", "endpoint_id", "next_at"],
		unique=False,
		postgresql_where=sa.text("state in ('waiting', 'sending')"),
	)
	op.create_index(
		"ix_webhook_deliveries_latest",
		"webhook_deliveries",
		["tenant_id", "created_at", "id"],
		unique=False,
	)
	op.create_table(
		"webhook_standings",
		sa.Column("endpoint_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
		sa.Column("openings", sa.Integer(), server_default="0", nullable=False),
		sa.Column("open_until", sa.DateTime(timezone=True), nullable=True),
		sa.Column("retry_credit", sa.Double(), server_default="100", nullable=False),
		sa.Column(
			"credited_at",
			sa.DateTime(timezone=True),
			server_default=sa.text("clock_timestamp()"),
			nullable=False,
		),
		sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("succeeded_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("last_failure", sa.Text(), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.ForeignKeyConstraint(
			["tenant_id", "endpoint_id"],
			["webhook_endpoints.tenant_id", "webhook_endpoints.id"],
			name=op.f("fk_webhook_standings_tenant_id_endpoint_id"),
			ondelete="CASCADE",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_standings")),
		sa.UniqueConstraint(
			"tenant_id", "endpoint_id", name=op.f("uq_webhook_standings_tenant_id_endpoint_id")
		),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_webhook_standings_tenant_id_id")),
	)
	protect(op, "webhook_endpoints", redact=("url", "secret", "previous_secret"))
	protect(op, "webhook_deliveries", audited=False, keep="30 days")
	protect(op, "webhook_standings", audited=False)
	for statement in (*GRANTS, *CLAIM):
		op.execute(statement)
