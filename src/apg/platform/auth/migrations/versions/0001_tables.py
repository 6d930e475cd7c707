"""People, their memberships and rights, their sessions and keys."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from apg.kernel.tenancy import TENANT, protect
from apg.platform.auth.migrations.functions import ADMINISTRATORS, DEEDS, EPOCHS, LOOKUPS

revision = "0001"
down_revision = None

_USER = "(select nullif(current_setting('app.user_id', true), '')::uuid)"
_MEMBER = (
	"((select split_part(coalesce(current_setting('app.reach', true), ''), ':', 1)) = 'member')"
)
_COMMON = "id, tenant_id, version, created_at, updated_at, created_by, updated_by"

# The columns the web and worker roles may read, where there are others they may not.
READABLE: dict[str, str] = {
	"users": "id, home_tenant_id, username, display_name, email, locale, is_active, "
	"must_change_password, password_changed_at, totp_confirmed_at, erased_at, version, "
	"created_at, updated_at, created_by, updated_by",
	"sessions": f"{_COMMON}, user_id, kind, expires_at, revoked_at, revoked_reason, "
	"last_seen_at, address, agent",
	"refresh_tokens": f"{_COMMON}, session_id, expires_at, used_at",
	"api_keys": f"{_COMMON}, user_id, name, hint, scopes, expires_at, revoked_at, last_used_at",
	"account_links": f"{_COMMON}, kind, user_id, username, display_name, email, roles, "
	"valid_until, expires_at, used_at",
}

# A person is seen where he is a member, where his account is at home, and by himself; changed
# only by the last two. The account never moves to another home.
USERS: tuple[str, ...] = (
	"alter table users enable row level security",
	"alter table users force row level security",
	f"create policy visible on users for select using (id = {_USER} or home_tenant_id = {TENANT} "
	"or exists (select from memberships m where m.user_id = users.id))",
	f"create policy made_here on users for insert with check (home_tenant_id = {TENANT})",
	f"create policy own_or_home on users for update using (id = {_USER} or home_tenant_id = {TENANT}) "
	f"with check (id = {_USER} or home_tenant_id = {TENANT})",
	f"create policy reach on users as restrictive using {_MEMBER} with check {_MEMBER}",
	"grant insert on users to apg_app, apg_worker",
	"grant update (username, display_name, email, locale, is_active, must_change_password, "
	"password_changed_at, totp_confirmed_at, password_hash, totp_secret, totp_last_step, "
	"recovery_hashes, version, updated_at, updated_by) on users to apg_app, apg_worker",
	"grant select on users to apg_search, apg_system, apg_backup",
	"create trigger audit after insert or update or delete on users for each row execute function "
	"audit_row('username', 'display_name', 'email', 'password_hash', 'totp_secret', "
	"'totp_last_step', 'recovery_hashes')",
	# Several permissive policies are OR-ed: one for all commands would let anybody insert himself.
	f"create policy own on memberships for select using (user_id = {_USER})",
)

# What the functions of apg_system change, table by table.
SYSTEM: tuple[str, ...] = (
	"grant update on users, sessions, api_keys, memberships to apg_system",
	"grant delete on account_links, refresh_tokens to apg_system",
	# Its use is no change of a key: the trail would hold one entry a minute for each.
	"create trigger audit after insert or delete or update of name, scopes, expires_at, "
	"revoked_at, user_id on api_keys for each row execute function audit_row('secret_hash')",
)


def upgrade() -> None:
	op.create_table(
		"account_links",
		sa.Column("kind", sa.Text(), nullable=False),
		sa.Column("secret_hash", postgresql.BYTEA(), nullable=False),
		sa.Column("user_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("username", sa.Text(), nullable=True),
		sa.Column("display_name", sa.Text(), nullable=True),
		sa.Column("email", sa.Text(), nullable=True),
		sa.Column("roles", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
		sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
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
			"(kind = 'invitation') = (username is not null)",
			name=op.f("ck_account_links_invited_name"),
		),
		sa.CheckConstraint(
			"(kind = 'reset') = (user_id is not null)", name=op.f("ck_account_links_reset_of_user")
		),
		sa.CheckConstraint("kind in ('invitation', 'reset')", name=op.f("ck_account_links_kind")),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_account_links")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_account_links_tenant_id_id")),
		sa.UniqueConstraint(
			"tenant_id", "secret_hash", name=op.f("uq_account_links_tenant_id_secret_hash")
		),
	)
	op.create_index("ix_account_links_secret_hash", "account_links", ["secret_hash"], unique=False)
	op.create_index(op.f("ix_account_links_user_id"), "account_links", ["user_id"], unique=False)
	op.create_table(
		"roles",
		sa.Column("name", sa.Text(), nullable=False),
		sa.Column("title", sa.Text(), nullable=False),
		sa.Column("permissions", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
		sa.Column("built_in", sa.Boolean(), server_default="false", nullable=False),
		sa.Column("requires_totp", sa.Boolean(), server_default="false", nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"jsonb_typeof(permissions) = 'array'", name=op.f("ck_roles_permissions")
		),
		sa.CheckConstraint("name ~ '^[a-z][a-z0-9_]{1,63}$'", name=op.f("ck_roles_name")),
		sa.CheckConstraint("length(title) between 1 and 200", name=op.f("ck_roles_title")),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_roles")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_roles_tenant_id_id")),
		sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_roles_tenant_id_name")),
	)
	op.create_table(
		"users",
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("home_tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("username", sa.Text(), nullable=False),
		sa.Column("display_name", sa.Text(), server_default="", nullable=False),
		sa.Column("email", sa.Text(), nullable=True),
		sa.Column("locale", sa.Text(), nullable=True),
		sa.Column("is_active", sa.Boolean(), server_default="true", nullable=False),
		sa.Column("must_change_password", sa.Boolean(), server_default="false", nullable=False),
		sa.Column("password_changed_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("totp_confirmed_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("password_hash", sa.Text(), nullable=True),
		sa.Column("totp_secret", sa.Text(), nullable=True),
		sa.Column("totp_last_step", sa.BigInteger(), nullable=True),
		sa.Column("recovery_hashes", postgresql.ARRAY(postgresql.BYTEA()), nullable=True),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint("length(display_name) <= 200", name=op.f("ck_users_display_name")),
		sa.CheckConstraint("length(email) <= 254", name=op.f("ck_users_email")),
		sa.CheckConstraint(
			"length(username) between 1 and 254", name=op.f("ck_users_username_length")
		),
		sa.CheckConstraint("username = lower(username)", name=op.f("ck_users_username_case")),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
		sa.UniqueConstraint("username", name=op.f("uq_users_username")),
	)
	op.create_index(op.f("ix_users_home_tenant_id"), "users", ["home_tenant_id"], unique=False)
	op.create_table(
		"memberships",
		sa.Column("user_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("is_active", sa.Boolean(), server_default="true", nullable=False),
		sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.ForeignKeyConstraint(
			["user_id"], ["users.id"], name=op.f("fk_memberships_user_id"), ondelete="RESTRICT"
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_memberships")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_memberships_tenant_id_id")),
		sa.UniqueConstraint("tenant_id", "user_id", name=op.f("uq_memberships_tenant_id_user_id")),
	)
	op.create_index(op.f("ix_memberships_user_id"), "memberships", ["user_id"], unique=False)
	op.create_table(
		"api_keys",
		sa.Column("user_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("name", sa.Text(), nullable=False),
		sa.Column("hint", sa.Text(), nullable=False),
		sa.Column("secret_hash", postgresql.BYTEA(), nullable=False),
		sa.Column("scopes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
		sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"jsonb_typeof(scopes) = 'array' and jsonb_array_length(scopes) > 0",
			name=op.f("ck_api_keys_scopes"),
		),
		sa.CheckConstraint("length(name) between 1 and 100", name=op.f("ck_api_keys_name")),
		sa.ForeignKeyConstraint(
			["tenant_id", "user_id"],
			["memberships.tenant_id", "memberships.user_id"],
			name=op.f("fk_api_keys_tenant_id_user_id"),
			ondelete="CASCADE",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_api_keys_tenant_id_id")),
		sa.UniqueConstraint(
			"tenant_id", "secret_hash", name=op.f("uq_api_keys_tenant_id_secret_hash")
		),
	)
	op.create_index("ix_api_keys_secret_hash", "api_keys", ["secret_hash"], unique=False)
	op.create_index(op.f("ix_api_keys_user_id"), "api_keys", ["user_id"], unique=False)
	op.create_table(
		"membership_roles",
		sa.Column("membership_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("role_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.ForeignKeyConstraint(
			["tenant_id", "membership_id"],
			["memberships.tenant_id", "memberships.id"],
			name=op.f("fk_membership_roles_tenant_id_membership_id"),
			ondelete="CASCADE",
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "role_id"],
			["roles.tenant_id", "roles.id"],
			name=op.f("fk_membership_roles_tenant_id_role_id"),
			ondelete="RESTRICT",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_membership_roles")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_membership_roles_tenant_id_id")),
		sa.UniqueConstraint(
			"tenant_id",
			"membership_id",
			"role_id",
			name=op.f("uq_membership_roles_tenant_id_membership_id_role_id"),
		),
	)
	op.create_index(
		op.f("ix_membership_roles_membership_id"),
		"membership_roles",
		["membership_id"],
		unique=False,
	)
	op.create_index(
		op.f("ix_membership_roles_role_id"), "membership_roles", ["role_id"], unique=False
	)
	op.create_table(
		"sessions",
		sa.Column("user_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("kind", sa.Text(), nullable=False),
		sa.Column("secret_hash", postgresql.BYTEA(), nullable=True),
		sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("revoked_reason", sa.Text(), nullable=True),
		sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("address", sa.Text(), server_default="", nullable=False),
		sa.Column("agent", sa.Text(), server_default="", nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"(kind = 'page') = (secret_hash is not null)", name=op.f("ck_sessions_secret")
		),
		sa.CheckConstraint("kind in ('page', 'api')", name=op.f("ck_sessions_kind")),
		sa.ForeignKeyConstraint(
			["tenant_id", "user_id"],
			["memberships.tenant_id", "memberships.user_id"],
			name=op.f("fk_sessions_tenant_id_user_id"),
			ondelete="CASCADE",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_sessions_tenant_id_id")),
	)
	op.create_index("ix_sessions_secret_hash", "sessions", ["secret_hash"], unique=False)
	op.create_index(op.f("ix_sessions_user_id"), "sessions", ["user_id"], unique=False)
	op.create_table(
		"refresh_tokens",
		sa.Column("session_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("secret_hash", postgresql.BYTEA(), nullable=False),
		sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.ForeignKeyConstraint(
			["tenant_id", "session_id"],
			["sessions.tenant_id", "sessions.id"],
			name=op.f("fk_refresh_tokens_tenant_id_session_id"),
			ondelete="CASCADE",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_refresh_tokens")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_refresh_tokens_tenant_id_id")),
		sa.UniqueConstraint(
			"tenant_id", "secret_hash", name=op.f("uq_refresh_tokens_tenant_id_secret_hash")
		),
	)
	op.create_index(
		"ix_refresh_tokens_secret_hash", "refresh_tokens", ["secret_hash"], unique=False
	)
	op.create_index(
		op.f("ix_refresh_tokens_session_id"), "refresh_tokens", ["session_id"], unique=False
	)
	protect(
		op,
		"account_links",
		redact=("secret_hash", "username", "display_name", "email"),
		keep="30 days after expires_at",
		app="insert, update, delete",
	)
	protect(op, "roles")
	protect(op, "memberships")
	protect(op, "api_keys", audited=False, app="insert, update, delete")
	protect(op, "membership_roles")
	protect(
		op,
		"sessions",
		audited=False,
		redact=("address", "agent"),
		keep="400 days after expires_at",
		app="insert, update, delete",
	)
	protect(
		op,
		"refresh_tokens",
		audited=False,
		keep="30 days after expires_at",
		app="insert, update, delete",
	)
	for table, columns in READABLE.items():
		op.execute(f"grant select ({columns}) on {table} to apg_app, apg_worker")
	for statement in (*USERS, *SYSTEM, *EPOCHS, *LOOKUPS, *DEEDS, *ADMINISTRATORS):
		op.execute(statement)
