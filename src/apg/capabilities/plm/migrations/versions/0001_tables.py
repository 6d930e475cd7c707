"""Tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from apg.kernel.tenancy import protect

revision = "0001"
down_revision = None


def upgrade() -> None:
	op.create_table(
		"plm_items",
		sa.Column("number", sa.Text(), nullable=False),
		sa.Column("product_type", sa.Text(), nullable=False),
		sa.Column("class_path", sa.Text(), nullable=True),
		sa.Column("unit_of_measure", sa.Text(), nullable=False),
		sa.Column("lifecycle_phase", sa.Text(), nullable=False),
		sa.Column("traceability", sa.Text(), server_default="none", nullable=False),
		sa.Column("manufacturing_status", sa.Text(), nullable=True),
		sa.Column("target_cost", sa.Numeric(precision=20, scale=6), nullable=True),
		sa.Column("target_currency", sa.Text(), nullable=True),
		sa.Column(
			"tags",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'[]'"),
			nullable=False,
		),
		sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
		sa.Column("current_revision_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("scope_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("is_deleted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
		sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("deleted_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"lifecycle_phase in ('concept', 'design', 'prototype', 'development', 'testing', 'production', 'active', 'mature', 'declining', 'obsolete', 'discontinued')",
			name=op.f("ck_plm_items_lifecycle_phase"),
		),
		sa.CheckConstraint(
			"product_type in ('manufactured', 'purchased', 'virtual', 'service', 'kit', 'raw_material', 'subassembly', 'finished_good')",
			name=op.f("ck_plm_items_product_type"),
		),
		sa.CheckConstraint(
			"traceability in ('none', 'lot', 'serial')", name=op.f("ck_plm_items_traceability")
		),
		sa.CheckConstraint("target_cost >= 0", name=op.f("ck_plm_items_target_cost")),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_items")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_items_tenant_id_id")),
	)
	op.create_index(
		"ix_plm_items_created", "plm_items", ["tenant_id", "created_at", "id"], unique=False
	)
	op.create_index(
		op.f("ix_plm_items_current_revision_id"), "plm_items", ["current_revision_id"], unique=False
	)
	op.create_index(
		"ix_plm_items_phase", "plm_items", ["tenant_id", "lifecycle_phase"], unique=False
	)
	op.create_index(
		"ix_plm_items_tags",
		"plm_items",
		["tenant_id", "tags"],
		unique=False,
		postgresql_using="gin",
	)
	op.create_index("ix_plm_items_type", "plm_items", ["tenant_id", "product_type"], unique=False)
	op.create_index(
		"ix_plm_items_updated", "plm_items", ["tenant_id", "updated_at", "id"], unique=False
	)
	op.create_index(
		"uq_plm_items_number",
		"plm_items",
		["tenant_id", "number"],
		unique=True,
		postgresql_where=sa.text("not is_deleted"),
	)
	op.create_table(
		"plm_number_series",
		sa.Column("class_path", sa.Text(), nullable=False),
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
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_number_series")),
		sa.UniqueConstraint("tenant_id", "class_path", name="uq_plm_number_series_class"),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_number_series_tenant_id_id")),
	)
	op.create_table(
		"plm_structure_changes",
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("xid", sa.BigInteger(), nullable=False),
		sa.Column(
			"created_at",
			sa.DateTime(timezone=True),
			server_default=sa.text("now()"),
			nullable=False,
		),
		sa.PrimaryKeyConstraint("tenant_id", "xid", name=op.f("pk_plm_structure_changes")),
	)
	op.create_table(
		"plm_identifiers",
		sa.Column("item_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("scheme", sa.Text(), nullable=False),
		sa.Column("value", sa.Text(), nullable=False),
		sa.Column("issuer", sa.Text(), server_default="", nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.ForeignKeyConstraint(
			["tenant_id", "item_id"],
			["plm_items.tenant_id", "plm_items.id"],
			name=op.f("fk_plm_identifiers_tenant_id_item_id"),
			ondelete="CASCADE",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_identifiers")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_identifiers_tenant_id_id")),
		sa.UniqueConstraint(
			"tenant_id", "scheme", "value", "issuer", "item_id", name="uq_plm_identifiers_value"
		),
	)
	op.create_index(
		op.f("ix_plm_identifiers_item_id"), "plm_identifiers", ["item_id"], unique=False
	)
	op.create_table(
		"plm_item_costs",
		sa.Column("item_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("kind", sa.Text(), nullable=False),
		sa.Column("valid_from", sa.Date(), nullable=False),
		sa.Column("quantity_break", sa.Numeric(precision=20, scale=6), nullable=False),
		sa.Column("amount", sa.Numeric(precision=20, scale=6), nullable=False),
		sa.Column("currency", sa.Text(), nullable=False),
		sa.Column("supplier", sa.Text(), server_default="", nullable=False),
		sa.Column("sku", sa.Text(), server_default="", nullable=False),
		sa.Column("source", sa.Text(), server_default="", nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_plm_item_costs_currency")),
		sa.CheckConstraint(
			"kind in ('manual', 'internal', 'purchase', 'current')",
			name=op.f("ck_plm_item_costs_kind"),
		),
		sa.CheckConstraint(
			"amount >= 0 and amount < 9000000000000", name=op.f("ck_plm_item_costs_amount")
		),
		sa.CheckConstraint(
			"quantity_break > 0 and quantity_break < 9000000000000",
			name=op.f("ck_plm_item_costs_quantity_break"),
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "item_id"],
			["plm_items.tenant_id", "plm_items.id"],
			name=op.f("fk_plm_item_costs_tenant_id_item_id"),
			ondelete="RESTRICT",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_item_costs")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_item_costs_tenant_id_id")),
		sa.UniqueConstraint(
			"tenant_id",
			"item_id",
			"kind",
			"supplier",
			"sku",
			"valid_from",
			"quantity_break",
			name="uq_plm_item_costs_break",
		),
	)
	op.create_index(op.f("ix_plm_item_costs_item_id"), "plm_item_costs", ["item_id"], unique=False)
	op.create_table(
		"plm_revisions",
		sa.Column("item_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("ordinal", sa.Integer(), nullable=False),
		sa.Column("label", sa.Text(), nullable=False),
		sa.Column("state", sa.Text(), nullable=False),
		sa.Column("name", sa.Text(), nullable=False),
		sa.Column("description", sa.Text(), nullable=True),
		sa.Column(
			"attributes",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'{}'"),
			nullable=False,
		),
		sa.Column("mass", sa.Numeric(precision=20, scale=6), nullable=True),
		sa.Column("mass_unit", sa.Text(), nullable=True),
		sa.Column("material", sa.Text(), nullable=True),
		sa.Column("content_hash", sa.Text(), nullable=True),
		sa.Column("change_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("supersedes_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("released_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"state in ('working', 'in_review', 'released', 'superseded', 'obsolete', 'cancelled')",
			name=op.f("ck_plm_revisions_state"),
		),
		sa.CheckConstraint(
			"(mass is null) = (mass_unit is null)", name=op.f("ck_plm_revisions_mass_unit")
		),
		sa.CheckConstraint(
			"mass >= 0 and mass < 9000000000000", name=op.f("ck_plm_revisions_mass")
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "item_id"],
			["plm_items.tenant_id", "plm_items.id"],
			name=op.f("fk_plm_revisions_tenant_id_item_id"),
			ondelete="RESTRICT",
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "supersedes_id"],
			["plm_revisions.tenant_id", "plm_revisions.id"],
			name=op.f("fk_plm_revisions_tenant_id_supersedes_id"),
			ondelete="RESTRICT",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_revisions")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_revisions_tenant_id_id")),
		sa.UniqueConstraint(
			"tenant_id",
			"item_id",
			"ordinal",
			name=op.f("uq_plm_revisions_tenant_id_item_id_ordinal"),
		),
	)
	op.create_index(op.f("ix_plm_revisions_item_id"), "plm_revisions", ["item_id"], unique=False)
	op.create_index(
		op.f("ix_plm_revisions_supersedes_id"), "plm_revisions", ["supersedes_id"], unique=False
	)
	op.create_index(
		"uq_plm_revisions_label",
		"plm_revisions",
		["tenant_id", "item_id", "label"],
		unique=True,
		postgresql_where=sa.text("state in ('released', 'superseded', 'obsolete')"),
	)
	op.create_index(
		"uq_plm_revisions_released",
		"plm_revisions",
		["tenant_id", "item_id"],
		unique=True,
		postgresql_where=sa.text("state = 'released'"),
	)
	op.create_index(
		"uq_plm_revisions_working",
		"plm_revisions",
		["tenant_id", "item_id", "change_id"],
		unique=True,
		postgresql_nulls_not_distinct=True,
		postgresql_where=sa.text("state in ('working', 'in_review')"),
	)
	op.create_table(
		"plm_lines",
		sa.Column("parent_revision_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("line_uid", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("find_number", sa.Integer(), nullable=False),
		sa.Column("child_item_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("child_revision_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("quantity", sa.Numeric(precision=20, scale=6), nullable=True),
		sa.Column("quantity_kind", sa.Text(), server_default="per", nullable=False),
		sa.Column("unit", sa.Text(), nullable=False),
		sa.Column(
			"attrition", sa.Numeric(precision=20, scale=6), server_default="0", nullable=False
		),
		sa.Column(
			"setup_quantity", sa.Numeric(precision=20, scale=6), server_default="0", nullable=False
		),
		sa.Column("rounding_multiple", sa.Numeric(precision=20, scale=6), nullable=True),
		sa.Column("view", sa.Text(), server_default="engineering", nullable=False),
		sa.Column(
			"designators",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'[]'"),
			nullable=False,
		),
		sa.Column("note", sa.Text(), nullable=True),
		sa.Column("is_optional", sa.Boolean(), server_default=sa.text("false"), nullable=False),
		sa.Column("is_consumable", sa.Boolean(), server_default=sa.text("false"), nullable=False),
		sa.Column("allow_variants", sa.Boolean(), server_default=sa.text("false"), nullable=False),
		sa.Column("source", sa.Text(), server_default="", nullable=False),
		sa.Column(
			"is_plain",
			sa.Boolean(),
			sa.Computed(
				"quantity_kind = 'per' and attrition = 0 and setup_quantity = 0 and rounding_multiple is null and child_revision_id is null and unit = 'each' and view = 'engineering'",
				persisted=True,
			),
			nullable=False,
		),
		sa.Column(
			"quantity_micro",
			sa.BigInteger(),
			sa.Computed("coalesce((quantity * 1000000)::bigint, -1)", persisted=True),
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
			"quantity is not null or quantity_kind in ('as_required', 'reference')",
			name=op.f("ck_plm_lines_quantity_given"),
		),
		sa.CheckConstraint(
			"quantity_kind in ('per', 'fixed', 'as_required', 'bulk', 'reference')",
			name=op.f("ck_plm_lines_quantity_kind"),
		),
		sa.CheckConstraint(
			"view in ('engineering', 'manufacturing', 'service')", name=op.f("ck_plm_lines_view")
		),
		sa.CheckConstraint(
			"attrition >= 0 and attrition < 10", name=op.f("ck_plm_lines_attrition")
		),
		sa.CheckConstraint("find_number > 0", name=op.f("ck_plm_lines_find_number")),
		sa.CheckConstraint(
			"quantity > 0 and quantity < 1000000000000", name=op.f("ck_plm_lines_quantity")
		),
		sa.CheckConstraint(
			"rounding_multiple > 0 and rounding_multiple < 1000000000000",
			name=op.f("ck_plm_lines_rounding_multiple"),
		),
		sa.CheckConstraint(
			"setup_quantity >= 0 and setup_quantity < 1000000000000",
			name=op.f("ck_plm_lines_setup_quantity"),
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "child_item_id"],
			["plm_items.tenant_id", "plm_items.id"],
			name=op.f("fk_plm_lines_tenant_id_child_item_id"),
			ondelete="RESTRICT",
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "child_revision_id"],
			["plm_revisions.tenant_id", "plm_revisions.id"],
			name=op.f("fk_plm_lines_tenant_id_child_revision_id"),
			ondelete="RESTRICT",
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "parent_revision_id"],
			["plm_revisions.tenant_id", "plm_revisions.id"],
			name=op.f("fk_plm_lines_tenant_id_parent_revision_id"),
			ondelete="RESTRICT",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_lines")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_lines_tenant_id_id")),
		sa.UniqueConstraint(
			"tenant_id",
			"parent_revision_id",
			"line_uid",
			name=op.f("uq_plm_lines_tenant_id_parent_revision_id_line_uid"),
		),
		sa.UniqueConstraint(
			"tenant_id",
			"parent_revision_id",
			"view",
			"find_number",
			name="uq_plm_lines_find_number",
		),
	)
	op.create_index(
		op.f("ix_plm_lines_child_item_id"), "plm_lines", ["child_item_id"], unique=False
	)
	op.create_index(
		op.f("ix_plm_lines_child_revision_id"), "plm_lines", ["child_revision_id"], unique=False
	)
	op.create_index(
		op.f("ix_plm_lines_parent_revision_id"), "plm_lines", ["parent_revision_id"], unique=False
	)
	op.create_index(
		"ix_plm_lines_special",
		"plm_lines",
		["tenant_id", "view"],
		unique=False,
		postgresql_where=sa.text("not is_plain"),
	)
	op.create_index(
		"ix_plm_lines_where_used",
		"plm_lines",
		["tenant_id", "child_item_id", "parent_revision_id"],
		unique=False,
	)
	op.create_table(
		"plm_line_substitutes",
		sa.Column("line_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("item_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("rank", sa.Integer(), nullable=False),
		sa.Column(
			"quantity_ratio", sa.Numeric(precision=20, scale=6), server_default="1", nullable=False
		),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"quantity_ratio > 0", name=op.f("ck_plm_line_substitutes_quantity_ratio")
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "item_id"],
			["plm_items.tenant_id", "plm_items.id"],
			name=op.f("fk_plm_line_substitutes_tenant_id_item_id"),
			ondelete="RESTRICT",
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "line_id"],
			["plm_lines.tenant_id", "plm_lines.id"],
			name=op.f("fk_plm_line_substitutes_tenant_id_line_id"),
			ondelete="CASCADE",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_line_substitutes")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_line_substitutes_tenant_id_id")),
		sa.UniqueConstraint("tenant_id", "line_id", "item_id", name="uq_plm_line_substitutes_item"),
	)
	op.create_index(
		op.f("ix_plm_line_substitutes_item_id"), "plm_line_substitutes", ["item_id"], unique=False
	)
	op.create_index(
		op.f("ix_plm_line_substitutes_line_id"), "plm_line_substitutes", ["line_id"], unique=False
	)
	# Items and revisions point at each other: this key comes when both are there, checked at commit.
	op.create_foreign_key(
		"fk_plm_items_tenant_id_current_revision_id",
		"plm_items",
		"plm_revisions",
		["tenant_id", "current_revision_id"],
		["tenant_id", "id"],
		ondelete="RESTRICT",
		deferrable=True,
		initially="DEFERRED",
	)
	op.create_table(
		"plm_imports",
		sa.Column("file_name", sa.Text(), nullable=False),
		sa.Column("file_size", sa.BigInteger(), nullable=False),
		sa.Column("file_sha256", sa.Text(), nullable=False),
		sa.Column("kind", sa.Text(), nullable=False),
		sa.Column("state", sa.Text(), nullable=False),
		sa.Column(
			"options",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'{}'"),
			nullable=False,
		),
		sa.Column(
			"mapping",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'{}'"),
			nullable=False,
		),
		sa.Column(
			"preview",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'{}'"),
			nullable=False,
		),
		sa.Column(
			"counts",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'{}'"),
			nullable=False,
		),
		sa.Column("problem_count", sa.Integer(), server_default="0", nullable=False),
		sa.Column("warning_count", sa.Integer(), server_default="0", nullable=False),
		sa.Column("fingerprint", sa.Text(), nullable=True),
		sa.Column("failure", sa.Text(), nullable=True),
		sa.Column("previewed_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint("kind in ('csv', 'inventree')", name=op.f("ck_plm_imports_kind")),
		sa.CheckConstraint(
			"state in ('uploaded', 'previewed', 'running', 'done', 'failed', 'cancelled')",
			name=op.f("ck_plm_imports_state"),
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_imports")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_imports_tenant_id_id")),
	)
	op.create_index(
		"ix_plm_imports_created", "plm_imports", ["tenant_id", "created_at", "id"], unique=False
	)
	op.create_table(
		"plm_import_changes",
		sa.Column("import_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("place", sa.Integer(), nullable=False),
		sa.Column("subject", sa.Text(), nullable=False),
		sa.Column("kind", sa.Text(), nullable=False),
		sa.Column("source_key", sa.Text(), server_default="", nullable=False),
		sa.Column("label", sa.Text(), server_default="", nullable=False),
		sa.Column("parent_label", sa.Text(), nullable=True),
		sa.Column("row_number", sa.Integer(), nullable=True),
		sa.Column("product_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("matched_by", sa.Text(), nullable=True),
		sa.Column(
			"changes",
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
			"kind in ('added', 'changed', 'removed')", name=op.f("ck_plm_import_changes_kind")
		),
		sa.CheckConstraint(
			"subject in ('part', 'line')", name=op.f("ck_plm_import_changes_subject")
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "import_id"],
			["plm_imports.tenant_id", "plm_imports.id"],
			name=op.f("fk_plm_import_changes_tenant_id_import_id"),
			ondelete="CASCADE",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_import_changes")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_import_changes_tenant_id_id")),
		sa.UniqueConstraint(
			"tenant_id",
			"import_id",
			"place",
			name=op.f("uq_plm_import_changes_tenant_id_import_id_place"),
		),
	)
	op.create_index(
		op.f("ix_plm_import_changes_import_id"), "plm_import_changes", ["import_id"], unique=False
	)
	op.create_table(
		"plm_import_problems",
		sa.Column("import_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("place", sa.Integer(), nullable=False),
		sa.Column("severity", sa.Text(), nullable=False),
		sa.Column("row_number", sa.Integer(), nullable=True),
		sa.Column("column_name", sa.Text(), nullable=True),
		sa.Column("value", sa.Text(), nullable=True),
		sa.Column("reason", sa.Text(), nullable=False),
		sa.Column("remedy", sa.Text(), nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"severity in ('error', 'warning')", name=op.f("ck_plm_import_problems_severity")
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "import_id"],
			["plm_imports.tenant_id", "plm_imports.id"],
			name=op.f("fk_plm_import_problems_tenant_id_import_id"),
			ondelete="CASCADE",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_import_problems")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_import_problems_tenant_id_id")),
		sa.UniqueConstraint(
			"tenant_id",
			"import_id",
			"place",
			name=op.f("uq_plm_import_problems_tenant_id_import_id_place"),
		),
	)
	op.create_index(
		op.f("ix_plm_import_problems_import_id"), "plm_import_problems", ["import_id"], unique=False
	)
	protect(op, "plm_imports", redact=("preview",))
	protect(op, "plm_import_changes", audited=False)
	protect(op, "plm_import_problems", audited=False)
	protect(op, "plm_items")
	protect(op, "plm_number_series", audited=False)
	protect(op, "plm_structure_changes", audited=False, keep="2 days", app="select, insert")
	protect(op, "plm_identifiers")
	protect(op, "plm_item_costs")
	protect(op, "plm_revisions")
	protect(op, "plm_lines")
	protect(op, "plm_line_substitutes")
