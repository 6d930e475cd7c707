"""What imports remember: who each part is taken for, and how columns were read."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from apg.kernel.tenancy import protect

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
	op.create_table(
		"plm_import_columns",
		sa.Column("signature", sa.Text(), nullable=False),
		sa.Column("mapping", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_import_columns")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_import_columns_tenant_id_id")),
		sa.UniqueConstraint(
			"tenant_id", "signature", name=op.f("uq_plm_import_columns_tenant_id_signature")
		),
	)
	op.create_table(
		"plm_import_matches",
		sa.Column("import_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("place", sa.Integer(), nullable=False),
		sa.Column("source_key", sa.Text(), nullable=False),
		sa.Column("label", sa.Text(), nullable=False),
		sa.Column("row_number", sa.Integer(), nullable=True),
		sa.Column("outcome", sa.Text(), nullable=False),
		sa.Column("matched_by", sa.Text(), nullable=True),
		sa.Column("product_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("product_label", sa.Text(), nullable=True),
		sa.Column(
			"candidates",
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
			"outcome in ('new', 'matched', 'ambiguous')", name=op.f("ck_plm_import_matches_outcome")
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "import_id"],
			["plm_imports.tenant_id", "plm_imports.id"],
			name=op.f("fk_plm_import_matches_tenant_id_import_id"),
			ondelete="CASCADE",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_import_matches")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_import_matches_tenant_id_id")),
		sa.UniqueConstraint(
			"tenant_id",
			"import_id",
			"place",
			name=op.f("uq_plm_import_matches_tenant_id_import_id_place"),
		),
	)
	op.create_index(
		op.f("ix_plm_import_matches_import_id"), "plm_import_matches", ["import_id"], unique=False
	)
	op.add_column(
		"plm_imports",
		sa.Column(
			"choices",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'{}'"),
			nullable=False,
		),
	)
	op.add_column("plm_imports", sa.Column("signature", sa.Text(), nullable=True))
	protect(op, "plm_import_columns", keep="730 days after updated_at")
	protect(op, "plm_import_matches", audited=False)
	_widen("plm_imports", "kind", "'csv', 'xlsx', 'inventree', 'kicad', 'step'")
	_widen("plm_import_changes", "kind", "'added', 'changed', 'removed', 'kept'")


def _widen(table: str, column: str, values: str) -> None:
	op.drop_constraint(op.f(f"ck_{table}_{column}"), table)
	op.create_check_constraint(op.f(f"ck_{table}_{column}"), table, f"{column} in ({values})")
