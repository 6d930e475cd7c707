"""Impact of changes, policies, compliance."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from apg.kernel.tenancy import protect

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
	op.create_table(
		"plm_policies",
		sa.Column("name", sa.Text(), nullable=False),
		sa.Column("explanation", sa.Text(), nullable=True),
		sa.Column("tree", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
		sa.Column("effect", sa.Text(), nullable=False),
		sa.Column("role", sa.Text(), nullable=True),
		sa.Column("step", sa.Integer(), server_default="2", nullable=False),
		sa.Column("due_days", sa.Integer(), server_default="5", nullable=False),
		sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"(effect = 'stage') = (role is not null)", name=op.f("ck_plm_policies_role")
		),
		sa.CheckConstraint(
			"effect in ('warn', 'stage', 'block')", name=op.f("ck_plm_policies_effect")
		),
		sa.CheckConstraint("due_days between 1 and 365", name=op.f("ck_plm_policies_due_days")),
		sa.CheckConstraint("step between 1 and 20", name=op.f("ck_plm_policies_step")),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_policies")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_policies_tenant_id_id")),
		sa.UniqueConstraint("tenant_id", "name", name="uq_plm_policies_name"),
	)
	op.create_table(
		"plm_regulations",
		sa.Column("code", sa.Text(), nullable=False),
		sa.Column("name", sa.Text(), nullable=False),
		sa.Column("kind", sa.Text(), nullable=False),
		sa.Column("source", sa.Text(), nullable=True),
		sa.Column("basis", sa.Text(), nullable=False),
		sa.Column("list_version", sa.Text(), nullable=True),
		sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"basis = 'none' or list_version is not null",
			name=op.f("ck_plm_regulations_list_version"),
		),
		sa.CheckConstraint(
			"basis in ('none', 'homogeneous_material', 'article')",
			name=op.f("ck_plm_regulations_basis"),
		),
		sa.CheckConstraint("code ~ '^[a-z][a-z0-9_]{1,39}$'", name=op.f("ck_plm_regulations_code")),
		sa.CheckConstraint(
			"kind in ('regulation', 'standard')", name=op.f("ck_plm_regulations_kind")
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_regulations")),
		sa.UniqueConstraint("tenant_id", "code", name="uq_plm_regulations_code"),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_regulations_tenant_id_id")),
	)
	op.create_table(
		"plm_impacts",
		sa.Column("change_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("package_hash", sa.Text(), nullable=False),
		sa.Column("run", sa.Integer(), nullable=False),
		sa.Column("cause", sa.Text(), nullable=False),
		sa.Column("state", sa.Text(), nullable=False),
		sa.Column("reason", sa.Text(), nullable=True),
		sa.Column("calculated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("currency", sa.Text(), nullable=False),
		sa.Column("price_day", sa.Date(), nullable=False),
		sa.Column(
			"inputs",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'{}'"),
			nullable=False,
		),
		sa.Column(
			"headline",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'{}'"),
			nullable=False,
		),
		sa.Column(
			"lines",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'[]'"),
			nullable=False,
		),
		sa.Column(
			"moved",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'[]'"),
			nullable=False,
		),
		sa.Column(
			"substances",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'[]'"),
			nullable=False,
		),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"(state = 'failed') = (reason is not null)", name=op.f("ck_plm_impacts_reason")
		),
		sa.CheckConstraint(
			"cause in ('edited', 'prices', 'factors', 'compliance', 'asked', 'released')",
			name=op.f("ck_plm_impacts_cause"),
		),
		sa.CheckConstraint("state in ('done', 'failed')", name=op.f("ck_plm_impacts_state")),
		sa.ForeignKeyConstraint(
			["tenant_id", "change_id"],
			["plm_changes.tenant_id", "plm_changes.id"],
			name=op.f("fk_plm_impacts_tenant_id_change_id"),
			ondelete="CASCADE",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_impacts")),
		sa.UniqueConstraint("tenant_id", "change_id", "run", name="uq_plm_impacts_run"),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_impacts_tenant_id_id")),
	)
	op.create_index(op.f("ix_plm_impacts_change_id"), "plm_impacts", ["change_id"], unique=False)
	op.create_index(
		"ix_plm_impacts_package",
		"plm_impacts",
		["tenant_id", "change_id", "package_hash", "run"],
		unique=False,
	)
	op.create_table(
		"plm_listed_substances",
		sa.Column("regulation_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("list_version", sa.Text(), nullable=False),
		sa.Column("substance", sa.Text(), nullable=False),
		sa.Column("cas", sa.Text(), server_default="", nullable=False),
		sa.Column("limit_share", sa.Numeric(precision=20, scale=6), nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"limit_share between 0 and 1", name=op.f("ck_plm_listed_substances_limit_share")
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "regulation_id"],
			["plm_regulations.tenant_id", "plm_regulations.id"],
			name=op.f("fk_plm_listed_substances_tenant_id_regulation_id"),
			ondelete="CASCADE",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_listed_substances")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_listed_substances_tenant_id_id")),
		sa.UniqueConstraint(
			"tenant_id",
			"regulation_id",
			"list_version",
			"substance",
			name="uq_plm_listed_substances_substance",
		),
	)
	op.create_index(
		op.f("ix_plm_listed_substances_regulation_id"),
		"plm_listed_substances",
		["regulation_id"],
		unique=False,
	)
	op.create_table(
		"plm_compliance_records",
		sa.Column("item_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("revision_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("regulation_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("status", sa.Text(), nullable=False),
		sa.Column("evidence", sa.Text(), nullable=True),
		sa.Column("valid_until", sa.Date(), nullable=True),
		sa.Column("note", sa.Text(), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"status <> 'exempt' or valid_until is not null",
			name=op.f("ck_plm_compliance_records_valid_until"),
		),
		sa.CheckConstraint(
			"status = 'pending' or evidence is not null",
			name=op.f("ck_plm_compliance_records_evidence"),
		),
		sa.CheckConstraint(
			"status in ('pending', 'compliant', 'exempt', 'non_compliant')",
			name=op.f("ck_plm_compliance_records_status"),
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "item_id"],
			["plm_items.tenant_id", "plm_items.id"],
			name=op.f("fk_plm_compliance_records_tenant_id_item_id"),
			ondelete="RESTRICT",
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "regulation_id"],
			["plm_regulations.tenant_id", "plm_regulations.id"],
			name=op.f("fk_plm_compliance_records_tenant_id_regulation_id"),
			ondelete="RESTRICT",
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "revision_id"],
			["plm_revisions.tenant_id", "plm_revisions.id"],
			name=op.f("fk_plm_compliance_records_tenant_id_revision_id"),
			ondelete="CASCADE",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_compliance_records")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_compliance_records_tenant_id_id")),
		sa.UniqueConstraint(
			"tenant_id", "revision_id", "regulation_id", name="uq_plm_compliance_records_status"
		),
	)
	op.create_index(
		op.f("ix_plm_compliance_records_item_id"),
		"plm_compliance_records",
		["item_id"],
		unique=False,
	)
	op.create_index(
		op.f("ix_plm_compliance_records_regulation_id"),
		"plm_compliance_records",
		["regulation_id"],
		unique=False,
	)
	op.create_index(
		op.f("ix_plm_compliance_records_revision_id"),
		"plm_compliance_records",
		["revision_id"],
		unique=False,
	)
	op.create_index(
		"ix_plm_compliance_records_valid",
		"plm_compliance_records",
		["tenant_id", "valid_until"],
		unique=False,
	)
	op.create_table(
		"plm_impact_figures",
		sa.Column("impact_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("item_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("before_revision_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("after_revision_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("metric", sa.Text(), nullable=False),
		sa.Column("unit", sa.Text(), nullable=False),
		sa.Column("before", sa.Numeric(precision=20, scale=6), nullable=True),
		sa.Column("after", sa.Numeric(precision=20, scale=6), nullable=True),
		sa.Column("delta", sa.Numeric(precision=20, scale=6), nullable=True),
		sa.Column("before_word", sa.Text(), nullable=True),
		sa.Column("after_word", sa.Text(), nullable=True),
		sa.Column("certain", sa.Boolean(), nullable=False),
		sa.Column("estimated", sa.Boolean(), server_default=sa.text("false"), nullable=False),
		sa.Column("before_coverage", sa.Numeric(precision=20, scale=6), nullable=True),
		sa.Column("after_coverage", sa.Numeric(precision=20, scale=6), nullable=True),
		sa.Column("missing_before", sa.Integer(), server_default="0", nullable=False),
		sa.Column("missing_after", sa.Integer(), server_default="0", nullable=False),
		sa.Column(
			"missing",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'[]'"),
			nullable=False,
		),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"metric in ('cost', 'mass', 'co2e', 'compliance', 'lead_time')",
			name=op.f("ck_plm_impact_figures_metric"),
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "impact_id"],
			["plm_impacts.tenant_id", "plm_impacts.id"],
			name=op.f("fk_plm_impact_figures_tenant_id_impact_id"),
			ondelete="CASCADE",
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "item_id"],
			["plm_items.tenant_id", "plm_items.id"],
			name=op.f("fk_plm_impact_figures_tenant_id_item_id"),
			ondelete="RESTRICT",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_impact_figures")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_impact_figures_tenant_id_id")),
		sa.UniqueConstraint(
			"tenant_id", "impact_id", "item_id", "metric", name="uq_plm_impact_figures_metric"
		),
	)
	op.create_index(
		op.f("ix_plm_impact_figures_impact_id"), "plm_impact_figures", ["impact_id"], unique=False
	)
	op.create_index(
		op.f("ix_plm_impact_figures_item_id"), "plm_impact_figures", ["item_id"], unique=False
	)
	op.create_table(
		"plm_substance_declarations",
		sa.Column("item_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("manufacturer_part_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("regulation_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("list_version", sa.Text(), nullable=False),
		sa.Column("substance", sa.Text(), nullable=True),
		sa.Column("material", sa.Text(), server_default="", nullable=False),
		sa.Column("share", sa.Numeric(precision=20, scale=6), nullable=True),
		sa.Column("exemption", sa.Text(), nullable=True),
		sa.Column("exempt_until", sa.Date(), nullable=True),
		sa.Column("evidence", sa.Text(), nullable=False),
		sa.Column("declared_on", sa.Date(), nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"(exemption is null) = (exempt_until is null)",
			name=op.f("ck_plm_substance_declarations_exemption"),
		),
		sa.CheckConstraint(
			"(substance is null) = (share is null)",
			name=op.f("ck_plm_substance_declarations_substance"),
		),
		sa.CheckConstraint(
			"share between 0 and 1", name=op.f("ck_plm_substance_declarations_share")
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "item_id"],
			["plm_items.tenant_id", "plm_items.id"],
			name=op.f("fk_plm_substance_declarations_tenant_id_item_id"),
			ondelete="RESTRICT",
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "manufacturer_part_id"],
			["plm_manufacturer_parts.tenant_id", "plm_manufacturer_parts.id"],
			name=op.f("fk_plm_substance_declarations_tenant_id_manufacturer_part_id"),
			ondelete="RESTRICT",
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "regulation_id"],
			["plm_regulations.tenant_id", "plm_regulations.id"],
			name=op.f("fk_plm_substance_declarations_tenant_id_regulation_id"),
			ondelete="RESTRICT",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_substance_declarations")),
		sa.UniqueConstraint(
			"tenant_id", "id", name=op.f("uq_plm_substance_declarations_tenant_id_id")
		),
		sa.UniqueConstraint(
			"tenant_id",
			"item_id",
			"manufacturer_part_id",
			"regulation_id",
			"list_version",
			"substance",
			"material",
			name="uq_plm_substance_declarations_once",
			postgresql_nulls_not_distinct=True,
		),
	)
	op.create_index(
		"ix_plm_substance_declarations_item",
		"plm_substance_declarations",
		["tenant_id", "item_id", "regulation_id"],
		unique=False,
	)
	op.create_index(
		op.f("ix_plm_substance_declarations_item_id"),
		"plm_substance_declarations",
		["item_id"],
		unique=False,
	)
	op.create_index(
		op.f("ix_plm_substance_declarations_manufacturer_part_id"),
		"plm_substance_declarations",
		["manufacturer_part_id"],
		unique=False,
	)
	op.create_index(
		op.f("ix_plm_substance_declarations_regulation_id"),
		"plm_substance_declarations",
		["regulation_id"],
		unique=False,
	)
	protect(op, "plm_policies")
	protect(op, "plm_regulations")
	protect(op, "plm_impacts", audited=False, app="select, insert")
	protect(op, "plm_listed_substances")
	protect(op, "plm_compliance_records")
	protect(op, "plm_impact_figures", audited=False, app="select, insert")
	protect(op, "plm_substance_declarations")
