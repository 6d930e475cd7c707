"""Tenants, their scopes, what each has switched on, and what may be asked before one is bound."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from apg.kernel.log import definer
from apg.kernel.tenancy import TENANT, protect

revision = "0001"
down_revision = None

FUNCTIONS = (
	*definer(
		"tenant_ids()",
		"setof uuid",
		"begin return query select id from tenants where is_active order by id; end",
		to="apg_app, apg_worker",
		options="stable",
	),
	# A tenant that is switched off is found too: who asks reads `tenant_facts` and says why not.
	*definer(
		"tenant_by_slug(p_slug text)",
		"uuid",
		"begin return (select id from tenants where slug = p_slug); end",
		to="apg_app, apg_worker",
		options="stable",
	),
	# What a Principal carries of its tenant; currency and tier ride in the settings.
	*definer(
		"tenant_facts(p_tenant uuid)",
		"table (name text, slug text, is_active boolean, locale text, settings jsonb, "
		"enabled text[])",
		"""
		begin
			return query select t.name, t.slug, t.is_active, t.locale, t.settings
				|| jsonb_build_object('currency', t.currency, 'tier', t.subscription_tier),
				array(select c.capability from tenant_capabilities c
					where c.tenant_id = t.id and c.enabled order by 1)
			from tenants t where t.id = p_tenant;
		end""",
		to="apg_app, apg_worker",
		options="stable",
	),
	# The only door to a new row; null when the slug is taken. The caller is bound to the new
	# tenant already, so that everything of its first moment stands in one transaction and trail.
	*definer(
		"tenant_create(p_id uuid, p_slug text, p_name text, p_currency text, p_locale text, "
		"p_created_by uuid)",
		"uuid",
		f"""
		declare v_id uuid;
		begin
			if p_id is distinct from {TENANT} then
				raise insufficient_privilege using message = 'bind the new tenant first';
			end if;
			insert into tenants (id, slug, name, currency, locale, created_at, updated_at,
				created_by, updated_by)
			values (p_id, p_slug, p_name, p_currency, p_locale, clock_timestamp(),
				clock_timestamp(), p_created_by, p_created_by)
			on conflict (slug) do nothing returning id into v_id;
			return v_id;
		end""",
		to="apg_app, apg_worker",
	),
)


def upgrade() -> None:
	op.create_table(
		"scopes",
		sa.Column("name", sa.Text(), nullable=False),
		sa.Column("parent_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"(parent_id is null) = (id = tenant_id)", name=op.f("ck_scopes_one_root")
		),
		sa.CheckConstraint("length(name) between 1 and 255", name=op.f("ck_scopes_name")),
		sa.ForeignKeyConstraint(
			["tenant_id", "parent_id"],
			["scopes.tenant_id", "scopes.id"],
			name=op.f("fk_scopes_tenant_id_parent_id"),
			ondelete="RESTRICT",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_scopes")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_scopes_tenant_id_id")),
	)
	op.create_index(op.f("ix_scopes_parent_id"), "scopes", ["parent_id"], unique=False)
	op.create_table(
		"tenant_capabilities",
		sa.Column("capability", sa.Text(), nullable=False),
		sa.Column("enabled", sa.Boolean(), server_default="true", nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"length(capability) between 1 and 64", name=op.f("ck_tenant_capabilities_capability")
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_tenant_capabilities")),
		sa.UniqueConstraint(
			"tenant_id", "capability", name=op.f("uq_tenant_capabilities_tenant_id_capability")
		),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_tenant_capabilities_tenant_id_id")),
	)
	op.create_table(
		"tenants",
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("name", sa.Text(), nullable=False),
		sa.Column("slug", sa.Text(), nullable=False),
		sa.Column("description", sa.Text(), nullable=True),
		sa.Column("industry", sa.Text(), nullable=True),
		sa.Column("headquarters_country", sa.Text(), nullable=True),
		sa.Column("employee_count", sa.Integer(), nullable=True),
		sa.Column("annual_revenue", sa.Numeric(precision=20, scale=2), nullable=True),
		sa.Column("currency", sa.Text(), server_default="EUR", nullable=False),
		sa.Column("locale", sa.Text(), server_default="en", nullable=False),
		sa.Column(
			"esg_frameworks",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default="[]",
			nullable=False,
		),
		sa.Column("ai_enabled", sa.Boolean(), server_default="true", nullable=False),
		sa.Column(
			"ai_configuration",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default="{}",
			nullable=False,
		),
		sa.Column(
			"settings", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False
		),
		sa.Column("subscription_tier", sa.Text(), server_default="standard", nullable=False),
		sa.Column("is_active", sa.Boolean(), server_default="true", nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_tenants_currency")),
		sa.CheckConstraint(
			"headquarters_country ~ '^[A-Z]{2,3}$'", name=op.f("ck_tenants_headquarters_country")
		),
		sa.CheckConstraint(
			"jsonb_typeof(esg_frameworks) = 'array'", name=op.f("ck_tenants_esg_frameworks")
		),
		sa.CheckConstraint("jsonb_typeof(settings) = 'object'", name=op.f("ck_tenants_settings")),
		sa.CheckConstraint("locale ~ '^[a-z]{2,3}(_[A-Z]{2})?$'", name=op.f("ck_tenants_locale")),
		sa.CheckConstraint(
			"slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' and length(slug) between 2 and 128",
			name=op.f("ck_tenants_slug"),
		),
		sa.CheckConstraint("employee_count >= 0", name=op.f("ck_tenants_employee_count")),
		sa.CheckConstraint("length(description) <= 4000", name=op.f("ck_tenants_description")),
		sa.CheckConstraint("length(industry) <= 128", name=op.f("ck_tenants_industry")),
		sa.CheckConstraint("length(name) between 1 and 255", name=op.f("ck_tenants_name")),
		sa.CheckConstraint(
			"length(subscription_tier) between 1 and 32", name=op.f("ck_tenants_subscription_tier")
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_tenants")),
		sa.UniqueConstraint("slug", name=op.f("uq_tenants_slug")),
	)
	protect(op, "scopes")
	protect(op, "tenant_capabilities")
	# The row of a tenant: no tenant column, its own id is the tenant.
	protect(op, "tenants", app="select, update", tenant_column="id")
	op.execute("grant insert on tenants to apg_system")
	for statement in FUNCTIONS:
		op.execute(statement)
