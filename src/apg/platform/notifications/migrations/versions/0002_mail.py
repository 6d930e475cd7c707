"""Mail that waits to be sent, and what people want mailed."""

import sqlalchemy as sa
from alembic import op

from apg.kernel.log import definer
from apg.kernel.tenancy import protect

revision = "0002"
down_revision = "0001"

CLAIM = (
	"grant select, update on notifications_mails to apg_system",
	*definer(
		"mail_claim(p_limit integer, p_lease double precision)",
		"table (tenant_id uuid, mail_id uuid, attempt integer)",
		"""
		begin
			return query
				update notifications_mails t set state = 'sending', attempts = t.attempts + 1,
					next_at = clock_timestamp() + make_interval(secs => p_lease),
					updated_at = clock_timestamp()
				where t.id = any(array(select m.id from notifications_mails m
					where m.state in ('waiting', 'sending') and m.next_at <= clock_timestamp()
					order by m.next_at, m.id limit p_limit for update skip locked))
				returning t.tenant_id, t.id, t.attempts;
		end""",
		to="apg_worker",
	),
)


def upgrade() -> None:
	op.create_table(
		"notifications_mails",
		sa.Column("kind", sa.Text(), nullable=False),
		sa.Column("recipient_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("content", sa.Text(), nullable=True),
		sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
		sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
		sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("failure", sa.Text(), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"(content is not null) = (state in ('waiting', 'sending'))",
			name=op.f("ck_notifications_mails_content"),
		),
		sa.CheckConstraint(
			"state in ('waiting', 'sending', 'sent', 'failed', 'expired')",
			name=op.f("ck_notifications_mails_state"),
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications_mails")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_notifications_mails_tenant_id_id")),
	)
	op.create_index(
		"ix_notifications_mails_due",
		"notifications_mails",
		["next_at"],
		unique=False,
		postgresql_where=sa.text("state in ('waiting', 'sending')"),
	)
	op.create_table(
		"notifications_preferences",
		sa.Column("user_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("kind", sa.Text(), nullable=False),
		sa.Column("mail", sa.Text(), nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"mail in ('at_once', 'daily', 'never')", name=op.f("ck_notifications_preferences_mail")
		),
		sa.CheckConstraint(
			"length(kind) between 1 and 64", name=op.f("ck_notifications_preferences_kind")
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications_preferences")),
		sa.UniqueConstraint(
			"tenant_id", "id", name=op.f("uq_notifications_preferences_tenant_id_id")
		),
		sa.UniqueConstraint(
			"tenant_id",
			"user_id",
			"kind",
			name=op.f("uq_notifications_preferences_tenant_id_user_id_kind"),
		),
	)
	op.add_column(
		"notifications", sa.Column("mailed_at", sa.DateTime(timezone=True), nullable=True)
	)
	op.create_index(
		"ix_notifications_not_mailed",
		"notifications",
		["tenant_id", "created_at"],
		unique=False,
		postgresql_where=sa.text("read_at is null and mailed_at is null"),
	)
	protect(op, "notifications_mails", audited=False, redact=("content",), keep="30 days")
	protect(op, "notifications_preferences", audited=False)
	for statement in CLAIM:
		op.execute(statement)
