"""Proofs of presence for signatures."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from apg.kernel.tenancy import protect

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
	op.create_table(
		"auth_confirmations",
		sa.Column("user_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("secret_hash", postgresql.BYTEA(), nullable=False),
		sa.Column("subject", sa.Text(), nullable=False),
		sa.Column("method", sa.Text(), nullable=False),
		sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"method in ('password', 'totp')", name=op.f("ck_auth_confirmations_method")
		),
		sa.CheckConstraint(
			"subject ~ '^[0-9a-f]{64}$'", name=op.f("ck_auth_confirmations_subject")
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_auth_confirmations")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_auth_confirmations_tenant_id_id")),
		sa.UniqueConstraint(
			"tenant_id", "secret_hash", name=op.f("uq_auth_confirmations_tenant_id_secret_hash")
		),
	)
	protect(op, "auth_confirmations", redact=("secret_hash",), keep="30 days after expires_at")
