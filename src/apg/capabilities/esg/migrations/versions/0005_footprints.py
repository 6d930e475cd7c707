"""Materials, statements of suppliers, and footprints that nobody can change."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from apg.kernel.tenancy import protect

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
	op.create_table(
		"esg_footprints",
		sa.Column("product_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("product_number", sa.Text(), nullable=False),
		sa.Column("product_name", sa.Text(), nullable=False),
		sa.Column("revision_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("revision", sa.Text(), nullable=False),
		sa.Column("view", sa.Text(), nullable=False),
		sa.Column("declared_unit", sa.Text(), nullable=False),
		sa.Column("day", sa.Date(), nullable=False),
		sa.Column("gwp_set", sa.Text(), nullable=False),
		sa.Column("method", sa.Text(), nullable=False),
		sa.Column("engine", sa.Text(), nullable=False),
		sa.Column("snapshot_hash", sa.Text(), nullable=False),
		sa.Column("choices_hash", sa.Text(), nullable=True),
		sa.Column("structure", sa.LargeBinary(), nullable=False),
		sa.Column("product_ids", postgresql.ARRAY(sa.Uuid(as_uuid=False)), nullable=False),
		sa.Column("total", sa.Numeric(), nullable=True),
		sa.Column("biogenic", sa.Numeric(), nullable=False),
		sa.Column("least", sa.Numeric(), nullable=True),
		sa.Column("most", sa.Numeric(), nullable=True),
		sa.Column("choice_count", sa.Integer(), nullable=False),
		sa.Column("choices_without_figures", sa.Integer(), nullable=False),
		sa.Column("low", sa.Numeric(), nullable=True),
		sa.Column("high", sa.Numeric(), nullable=True),
		sa.Column("uncertainty_share", sa.Numeric(), nullable=False),
		sa.Column("primary_share", sa.Numeric(), nullable=False),
		sa.Column("coverage", sa.Numeric(), nullable=False),
		sa.Column("mass_coverage", sa.Numeric(), nullable=True),
		sa.Column("is_complete", sa.Boolean(), nullable=False),
		sa.Column("is_estimated", sa.Boolean(), nullable=False),
		sa.Column("has_as_published", sa.Boolean(), nullable=False),
		sa.Column("missing_count", sa.Integer(), nullable=False),
		sa.Column("line_count", sa.Integer(), nullable=False),
		sa.Column(
			"stages",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'{}'"),
			nullable=False,
		),
		sa.Column(
			"gaps",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'[]'"),
			nullable=False,
		),
		sa.Column(
			"branches",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'[]'"),
			nullable=False,
		),
		sa.Column("seal", sa.Text(), nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"view in ('engineering', 'manufacturing', 'service')",
			name=op.f("ck_esg_footprints_view"),
		),
		sa.CheckConstraint("coverage between 0 and 1", name=op.f("ck_esg_footprints_coverage")),
		sa.CheckConstraint(
			"total is null or least <= total and most >= total", name=op.f("ck_esg_footprints_span")
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_esg_footprints")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_esg_footprints_tenant_id_id")),
	)
	op.create_index(
		"ix_esg_footprints_created",
		"esg_footprints",
		["tenant_id", "created_at", "id"],
		unique=False,
	)
	op.create_index(
		"ix_esg_footprints_product",
		"esg_footprints",
		["tenant_id", "product_id", "created_at"],
		unique=False,
	)
	op.create_table(
		"esg_materials",
		sa.Column("name", sa.Text(), nullable=False),
		sa.Column("activity_code", sa.Text(), nullable=False),
		sa.Column("region", sa.Text(), nullable=False),
		sa.Column("note", sa.Text(), nullable=True),
		sa.Column("is_estimate", sa.Boolean(), server_default=sa.text("false"), nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_esg_materials")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_esg_materials_tenant_id_id")),
	)
	op.create_index("ix_esg_materials_name", "esg_materials", ["tenant_id", "name"], unique=False)
	op.create_table(
		"esg_supplier_footprints",
		sa.Column("product_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("product_number", sa.Text(), nullable=False),
		sa.Column("supplier", sa.Text(), nullable=False),
		sa.Column("carbon", sa.Numeric(), nullable=False),
		sa.Column("biogenic", sa.Numeric(), nullable=True),
		sa.Column("amount", sa.Numeric(), nullable=False),
		sa.Column("unit", sa.Text(), nullable=False),
		sa.Column("boundary", sa.Text(), nullable=False),
		sa.Column("gwp_set", sa.Text(), nullable=False),
		sa.Column("valid_from", sa.Date(), nullable=False),
		sa.Column("valid_to", sa.Date(), nullable=True),
		sa.Column("primary_share", sa.Numeric(), nullable=False),
		sa.Column("low", sa.Numeric(), nullable=True),
		sa.Column("high", sa.Numeric(), nullable=True),
		sa.Column("verification", sa.Text(), nullable=False),
		sa.Column("verified_by", sa.Text(), nullable=True),
		sa.Column("evidence", sa.Text(), nullable=True),
		sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"boundary in ('cradle_to_gate', 'cradle_to_grave', 'gate_to_gate')",
			name=op.f("ck_esg_supplier_footprints_boundary"),
		),
		sa.CheckConstraint(
			"verification in ('none', 'supplier', 'third_party')",
			name=op.f("ck_esg_supplier_footprints_verification"),
		),
		sa.CheckConstraint(
			"(low is null) = (high is null) and low <= carbon and high >= carbon",
			name=op.f("ck_esg_supplier_footprints_bounds"),
		),
		sa.CheckConstraint("amount > 0", name=op.f("ck_esg_supplier_footprints_amount")),
		sa.CheckConstraint("carbon >= 0", name=op.f("ck_esg_supplier_footprints_carbon")),
		sa.CheckConstraint(
			"primary_share between 0 and 1", name=op.f("ck_esg_supplier_footprints_primary_share")
		),
		sa.CheckConstraint(
			"valid_to is null or valid_to >= valid_from",
			name=op.f("ck_esg_supplier_footprints_validity"),
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_esg_supplier_footprints")),
		sa.UniqueConstraint(
			"tenant_id", "id", name=op.f("uq_esg_supplier_footprints_tenant_id_id")
		),
	)
	op.create_index(
		"ix_esg_supplier_footprints_product",
		"esg_supplier_footprints",
		["tenant_id", "product_id", "valid_from"],
		unique=False,
	)
	op.create_table(
		"esg_footprint_lines",
		sa.Column("footprint_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("position", sa.Integer(), nullable=False),
		sa.Column("product_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("product_number", sa.Text(), nullable=False),
		sa.Column("product_name", sa.Text(), nullable=False),
		sa.Column("revision_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("revision", sa.Text(), nullable=False),
		sa.Column("quantity", sa.Numeric(), nullable=False),
		sa.Column("unit", sa.Text(), nullable=False),
		sa.Column("source", sa.Text(), nullable=False),
		sa.Column("stage", sa.Text(), nullable=False),
		sa.Column("activity_code", sa.Text(), nullable=True),
		sa.Column("activity_name", sa.Text(), nullable=True),
		sa.Column("activity_quantity", sa.Numeric(), nullable=True),
		sa.Column("activity_unit", sa.Text(), nullable=True),
		sa.Column("record_id", sa.Text(), nullable=True),
		sa.Column("record_version", sa.Integer(), nullable=True),
		sa.Column("record_row_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("factor_version_id", sa.Text(), nullable=True),
		sa.Column("factor_level", sa.Integer(), nullable=True),
		sa.Column("factor_reason", sa.Text(), nullable=True),
		sa.Column("supplier_footprint_id", sa.Text(), nullable=True),
		sa.Column("gwp_set", sa.Text(), nullable=False),
		sa.Column(
			"by_gas",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'{}'"),
			nullable=False,
		),
		sa.Column("each", sa.Numeric(), nullable=False),
		sa.Column("co2e", sa.Numeric(), nullable=False),
		sa.Column("biogenic", sa.Numeric(), nullable=False),
		sa.Column("low", sa.Numeric(), nullable=True),
		sa.Column("high", sa.Numeric(), nullable=True),
		sa.Column("share", sa.Numeric(), nullable=True),
		sa.Column("primary_share", sa.Numeric(), nullable=False),
		sa.Column("is_estimated", sa.Boolean(), nullable=False),
		sa.Column("as_published", sa.Boolean(), nullable=False),
		sa.Column("seal", sa.Text(), nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"source in ('material', 'records', 'supplier')",
			name=op.f("ck_esg_footprint_lines_source"),
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "footprint_id"],
			["esg_footprints.tenant_id", "esg_footprints.id"],
			name=op.f("fk_esg_footprint_lines_tenant_id_footprint_id"),
			ondelete="RESTRICT",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_esg_footprint_lines")),
		sa.UniqueConstraint(
			"tenant_id",
			"footprint_id",
			"position",
			name=op.f("uq_esg_footprint_lines_tenant_id_footprint_id_position"),
		),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_esg_footprint_lines_tenant_id_id")),
	)
	op.create_index(
		op.f("ix_esg_footprint_lines_footprint_id"),
		"esg_footprint_lines",
		["footprint_id"],
		unique=False,
	)
	op.create_table(
		"esg_footprint_marks",
		sa.Column("footprint_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("reason", sa.Text(), nullable=False),
		sa.Column("product_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"reason in ('structure_changed', 'product_changed', 'revision_released')",
			name=op.f("ck_esg_footprint_marks_reason"),
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "footprint_id"],
			["esg_footprints.tenant_id", "esg_footprints.id"],
			name=op.f("fk_esg_footprint_marks_tenant_id_footprint_id"),
			ondelete="RESTRICT",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_esg_footprint_marks")),
		sa.UniqueConstraint("tenant_id", "footprint_id", name="uq_esg_footprint_marks_footprint"),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_esg_footprint_marks_tenant_id_id")),
	)
	op.create_index(
		op.f("ix_esg_footprint_marks_footprint_id"),
		"esg_footprint_marks",
		["footprint_id"],
		unique=False,
	)
	op.create_table(
		"esg_material_names",
		sa.Column("material_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("name", sa.Text(), nullable=False),
		sa.Column("key", sa.Text(), nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.ForeignKeyConstraint(
			["tenant_id", "material_id"],
			["esg_materials.tenant_id", "esg_materials.id"],
			name=op.f("fk_esg_material_names_tenant_id_material_id"),
			ondelete="CASCADE",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_esg_material_names")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_esg_material_names_tenant_id_id")),
		sa.UniqueConstraint("tenant_id", "key", name="uq_esg_material_names_key"),
	)
	op.create_index(
		op.f("ix_esg_material_names_material_id"),
		"esg_material_names",
		["material_id"],
		unique=False,
	)
	protect(
		op,
		"esg_footprints",
		app="select, insert",
		redact=("structure", "branches", "gaps", "product_ids"),
	)
	protect(op, "esg_materials")
	protect(op, "esg_supplier_footprints")
	protect(op, "esg_footprint_lines", audited=False, app="select, insert")
	protect(op, "esg_footprint_marks", audited=False, app="select, insert")
	protect(op, "esg_material_names")
	op.execute("""
	create function esg_footprint_guard() returns trigger language plpgsql as $$
	begin
		raise exception 'a recorded footprint is never changed or removed; record another one'
			using errcode = 'P0001', constraint = 'esg_footprints_are_final';
	end $$
	""")
	for table in ("esg_footprints", "esg_footprint_lines"):
		op.execute(
			f"create trigger {table}_final before update or delete on {table} "
			"for each row execute function esg_footprint_guard()"
		)
