"""Emission factors in two layers, their versions that nothing changes, approvals, imports."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from apg.kernel.search import searchable
from apg.kernel.tenancy import grant_platform, protect

revision = "0003"
down_revision = "0002"

TEXT = "(name || ' ' || activity_code || ' ' || region)"
STAMPS = "'version', 'updated_at', 'updated_by'"
MOVES = (
	"('staged', 'linted'), ('staged', 'quarantined'), ('linted', 'withdrawn'), "
	"('quarantined', 'withdrawn')"
)
# table → (columns that may change beside the stamps, when)
KEPT = {
	"esg_factor_packs": ("", "false"),
	"esg_pack_factors": ("", "false"),
	"esg_pack_versions": ("'state'", f"(old.state, new.state) in ({MOVES})"),
	"esg_factor_sources": ("", "false"),
	"esg_factors": ("", "false"),
	"esg_factor_versions": ("'state'", f"(old.state, new.state) in ({MOVES})"),
	"esg_factor_decisions": (
		"'ended_at', 'ended_by'",
		"old.ended_at is null and new.ended_at is not null",
	),
}


def upgrade() -> None:
	op.create_table(
		"esg_factor_decisions",
		sa.Column("layer", sa.Text(), nullable=False),
		sa.Column("source_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("verdict", sa.Text(), nullable=False),
		sa.Column("reason", sa.Text(), server_default="", nullable=False),
		sa.Column("decided_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("ended_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("factors", sa.Integer(), server_default="0", nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"layer in ('platform', 'tenant')", name=op.f("ck_esg_factor_decisions_layer")
		),
		sa.CheckConstraint(
			"verdict in ('approved', 'withdrawn')", name=op.f("ck_esg_factor_decisions_verdict")
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_esg_factor_decisions")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_esg_factor_decisions_tenant_id_id")),
	)
	op.create_index(
		"uq_esg_factor_decisions_standing",
		"esg_factor_decisions",
		["tenant_id", "source_id", "version_id"],
		unique=True,
		postgresql_where=sa.text("ended_at is null"),
		postgresql_nulls_not_distinct=True,
	)
	op.create_table(
		"esg_factor_imports",
		sa.Column("file_name", sa.Text(), nullable=False),
		sa.Column("file_size", sa.BigInteger(), nullable=False),
		sa.Column("file_sha256", sa.Text(), nullable=False),
		sa.Column("state", sa.Text(), nullable=False),
		sa.Column("kind", sa.Text(), nullable=True),
		sa.Column(
			"given",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'{}'"),
			nullable=False,
		),
		sa.Column(
			"report",
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
		sa.Column("source_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("failure", sa.Text(), nullable=True),
		sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"state in ('uploaded', 'staged', 'running', 'done', 'failed', 'cancelled')",
			name=op.f("ck_esg_factor_imports_state"),
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_esg_factor_imports")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_esg_factor_imports_tenant_id_id")),
	)
	op.create_index(
		"ix_esg_factor_imports_created",
		"esg_factor_imports",
		["tenant_id", "created_at", "id"],
		unique=False,
	)
	op.create_table(
		"esg_factor_packs",
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("series", sa.Text(), nullable=False),
		sa.Column("title", sa.Text(), nullable=False),
		sa.Column("publisher", sa.Text(), nullable=False),
		sa.Column("edition", sa.Text(), server_default="", nullable=False),
		sa.Column("licence", sa.Text(), nullable=False),
		sa.Column("redistributable", sa.Boolean(), nullable=False),
		sa.Column("url", sa.Text(), server_default="", nullable=False),
		sa.Column("kind", sa.Text(), nullable=False),
		sa.Column("file_name", sa.Text(), server_default="", nullable=False),
		sa.Column("file_sha256", sa.Text(), server_default="", nullable=False),
		sa.Column("gas_basis", sa.Text(), nullable=False),
		sa.Column("native_gwp_set", sa.Text(), nullable=False),
		sa.Column("retrieved_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column(
			"counts",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'{}'"),
			nullable=False,
		),
		sa.CheckConstraint(
			"gas_basis in ('mass', 'co2e', 'total')", name=op.f("ck_esg_factor_packs_gas_basis")
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_esg_factor_packs")),
		sa.UniqueConstraint("file_sha256", name=op.f("uq_esg_factor_packs_file_sha256")),
	)
	op.create_table(
		"esg_factor_sources",
		sa.Column("series", sa.Text(), nullable=False),
		sa.Column("title", sa.Text(), nullable=False),
		sa.Column("publisher", sa.Text(), nullable=False),
		sa.Column("edition", sa.Text(), server_default="", nullable=False),
		sa.Column("licence", sa.Text(), nullable=False),
		sa.Column("redistributable", sa.Boolean(), nullable=False),
		sa.Column("url", sa.Text(), server_default="", nullable=False),
		sa.Column("kind", sa.Text(), nullable=False),
		sa.Column("file_name", sa.Text(), server_default="", nullable=False),
		sa.Column("file_sha256", sa.Text(), server_default="", nullable=False),
		sa.Column("gas_basis", sa.Text(), nullable=False),
		sa.Column("native_gwp_set", sa.Text(), nullable=False),
		sa.Column("retrieved_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column(
			"counts",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'{}'"),
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
			"gas_basis in ('mass', 'co2e', 'total')", name=op.f("ck_esg_factor_sources_gas_basis")
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_esg_factor_sources")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_esg_factor_sources_tenant_id_id")),
	)
	op.create_index(
		"ix_esg_factor_sources_series",
		"esg_factor_sources",
		["tenant_id", "series", "created_at"],
		unique=False,
	)
	op.create_index(
		"uq_esg_factor_sources_file",
		"esg_factor_sources",
		["tenant_id", "file_sha256"],
		unique=True,
		postgresql_where=sa.text("file_sha256 <> ''"),
	)
	op.create_table(
		"esg_factors",
		sa.Column("series", sa.Text(), nullable=False),
		sa.Column("activity_code", sa.Text(), nullable=False),
		sa.Column("name", sa.Text(), nullable=False),
		sa.Column(
			"labels",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'[]'"),
			nullable=False,
		),
		sa.Column("region", sa.Text(), nullable=False),
		sa.Column("stage", sa.Text(), nullable=False),
		sa.Column("scope", sa.Text(), server_default="", nullable=False),
		sa.Column("unit", sa.Text(), nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_esg_factors")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_esg_factors_tenant_id_id")),
		sa.UniqueConstraint(
			"tenant_id",
			"series",
			"activity_code",
			"region",
			"stage",
			"unit",
			name=op.f("uq_esg_factors_tenant_id_series_activity_code_region_stage_unit"),
		),
	)
	op.create_index(
		"ix_esg_factors_activity",
		"esg_factors",
		["tenant_id", "activity_code", "region"],
		unique=False,
	)
	op.create_table(
		"esg_pack_factors",
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("series", sa.Text(), nullable=False),
		sa.Column("activity_code", sa.Text(), nullable=False),
		sa.Column("name", sa.Text(), nullable=False),
		sa.Column(
			"labels",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'[]'"),
			nullable=False,
		),
		sa.Column("region", sa.Text(), nullable=False),
		sa.Column("stage", sa.Text(), nullable=False),
		sa.Column("scope", sa.Text(), server_default="", nullable=False),
		sa.Column("unit", sa.Text(), nullable=False),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_esg_pack_factors")),
		sa.UniqueConstraint(
			"series",
			"activity_code",
			"region",
			"stage",
			"unit",
			name=op.f("uq_esg_pack_factors_series_activity_code_region_stage_unit"),
		),
	)
	op.create_index(
		"ix_esg_pack_factors_activity",
		"esg_pack_factors",
		["activity_code", "region"],
		unique=False,
	)
	op.create_table(
		"esg_factor_import_rows",
		sa.Column("import_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("place", sa.Integer(), nullable=False),
		sa.Column("verdict", sa.Text(), nullable=False),
		sa.Column("locator", sa.Text(), nullable=False),
		sa.Column("name", sa.Text(), nullable=False),
		sa.Column("activity_code", sa.Text(), server_default="", nullable=False),
		sa.Column("unit", sa.Text(), server_default="", nullable=False),
		sa.Column(
			"printed",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'{}'"),
			nullable=False,
		),
		sa.Column(
			"findings",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'[]'"),
			nullable=False,
		),
		sa.Column("old_co2e", sa.Text(), nullable=True),
		sa.Column("new_co2e", sa.Text(), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"verdict in ('quarantined', 'skipped', 'changed', 'removed')",
			name=op.f("ck_esg_factor_import_rows_verdict"),
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "import_id"],
			["esg_factor_imports.tenant_id", "esg_factor_imports.id"],
			name=op.f("fk_esg_factor_import_rows_tenant_id_import_id"),
			ondelete="CASCADE",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_esg_factor_import_rows")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_esg_factor_import_rows_tenant_id_id")),
		sa.UniqueConstraint(
			"tenant_id",
			"import_id",
			"place",
			name=op.f("uq_esg_factor_import_rows_tenant_id_import_id_place"),
		),
	)
	op.create_index(
		op.f("ix_esg_factor_import_rows_import_id"),
		"esg_factor_import_rows",
		["import_id"],
		unique=False,
	)
	op.create_table(
		"esg_factor_versions",
		sa.Column("factor_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("source_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("state", sa.Text(), nullable=False),
		sa.Column("valid_from", sa.Date(), nullable=False),
		sa.Column("valid_to", sa.Date(), nullable=True),
		sa.Column("published_on", sa.Date(), nullable=True),
		sa.Column(
			"gases",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'{}'"),
			nullable=False,
		),
		sa.Column("co2e", sa.Numeric(), nullable=True),
		sa.Column("native_gwp_set", sa.Text(), nullable=False),
		sa.Column("biogenic_co2", sa.Numeric(), nullable=True),
		sa.Column("low", sa.Numeric(), nullable=True),
		sa.Column("high", sa.Numeric(), nullable=True),
		sa.Column("spend_currency", sa.Text(), nullable=True),
		sa.Column("price_year", sa.SmallInteger(), nullable=True),
		sa.Column(
			"printed",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'{}'"),
			nullable=False,
		),
		sa.Column(
			"findings",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'[]'"),
			nullable=False,
		),
		sa.Column("locator", sa.Text(), server_default="", nullable=False),
		sa.Column("supersedes_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("sha256", sa.Text(), nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"state <> 'linted' or findings = '[]'::jsonb",
			name=op.f("ck_esg_factor_versions_linted_without_findings"),
		),
		sa.CheckConstraint(
			"state in ('staged', 'linted', 'quarantined', 'withdrawn')",
			name=op.f("ck_esg_factor_versions_state"),
		),
		sa.CheckConstraint("low <= 1 and high >= 1", name=op.f("ck_esg_factor_versions_bounds")),
		sa.CheckConstraint("valid_to >= valid_from", name=op.f("ck_esg_factor_versions_period")),
		sa.ForeignKeyConstraint(
			["tenant_id", "factor_id"],
			["esg_factors.tenant_id", "esg_factors.id"],
			name=op.f("fk_esg_factor_versions_tenant_id_factor_id"),
			ondelete="RESTRICT",
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "source_id"],
			["esg_factor_sources.tenant_id", "esg_factor_sources.id"],
			name=op.f("fk_esg_factor_versions_tenant_id_source_id"),
			ondelete="RESTRICT",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_esg_factor_versions")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_esg_factor_versions_tenant_id_id")),
	)
	op.create_index(
		op.f("ix_esg_factor_versions_factor_id"), "esg_factor_versions", ["factor_id"], unique=False
	)
	op.create_index(
		op.f("ix_esg_factor_versions_source_id"), "esg_factor_versions", ["source_id"], unique=False
	)
	op.create_index(
		"ix_esg_factor_versions_state", "esg_factor_versions", ["tenant_id", "state"], unique=False
	)
	op.create_table(
		"esg_pack_versions",
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("factor_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("source_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("state", sa.Text(), nullable=False),
		sa.Column("valid_from", sa.Date(), nullable=False),
		sa.Column("valid_to", sa.Date(), nullable=True),
		sa.Column("published_on", sa.Date(), nullable=True),
		sa.Column(
			"gases",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'{}'"),
			nullable=False,
		),
		sa.Column("co2e", sa.Numeric(), nullable=True),
		sa.Column("native_gwp_set", sa.Text(), nullable=False),
		sa.Column("biogenic_co2", sa.Numeric(), nullable=True),
		sa.Column("low", sa.Numeric(), nullable=True),
		sa.Column("high", sa.Numeric(), nullable=True),
		sa.Column("spend_currency", sa.Text(), nullable=True),
		sa.Column("price_year", sa.SmallInteger(), nullable=True),
		sa.Column(
			"printed",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'{}'"),
			nullable=False,
		),
		sa.Column(
			"findings",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'[]'"),
			nullable=False,
		),
		sa.Column("locator", sa.Text(), server_default="", nullable=False),
		sa.Column("supersedes_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("sha256", sa.Text(), nullable=False),
		sa.CheckConstraint(
			"state <> 'linted' or findings = '[]'::jsonb",
			name=op.f("ck_esg_pack_versions_linted_without_findings"),
		),
		sa.CheckConstraint(
			"state in ('staged', 'linted', 'quarantined', 'withdrawn')",
			name=op.f("ck_esg_pack_versions_state"),
		),
		sa.CheckConstraint("low <= 1 and high >= 1", name=op.f("ck_esg_pack_versions_bounds")),
		sa.CheckConstraint("valid_to >= valid_from", name=op.f("ck_esg_pack_versions_period")),
		sa.ForeignKeyConstraint(
			["factor_id"], ["esg_pack_factors.id"], name=op.f("fk_esg_pack_versions_factor_id")
		),
		sa.ForeignKeyConstraint(
			["source_id"], ["esg_factor_packs.id"], name=op.f("fk_esg_pack_versions_source_id")
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_esg_pack_versions")),
	)
	op.create_index(
		op.f("ix_esg_pack_versions_factor_id"), "esg_pack_versions", ["factor_id"], unique=False
	)
	op.create_index(
		op.f("ix_esg_pack_versions_source_id"), "esg_pack_versions", ["source_id"], unique=False
	)
	protect(op, "esg_factor_decisions", app="select, insert, update")
	protect(op, "esg_factor_imports", app="select, insert, update")
	protect(op, "esg_factor_sources", app="select, insert, update")
	protect(op, "esg_factors", audited=False, app="select, insert, update")
	protect(op, "esg_factor_import_rows", audited=False)
	protect(op, "esg_factor_versions", audited=False, app="select, insert, update")
	for table in ("esg_factor_packs", "esg_pack_factors", "esg_pack_versions"):
		grant_platform(op, table)
	_audit("esg_factors", "activity_code")
	_audit("esg_factor_versions", "valid_from")
	for table, (columns, allowed) in KEPT.items():
		_keep(table, columns, allowed)
	op.execute(
		"create index ix_esg_factors_search on esg_factors using gin "
		f"(tenant_id, {TEXT} gin_trgm_ops)"
	)
	op.execute(
		f"create index ix_esg_pack_factors_search on esg_pack_factors using gin ({TEXT} gin_trgm_ops)"
	)
	word = f"select id from esg_factors where tenant_id = {{tenant}} and {TEXT} ilike {{like}}"
	searchable(op, "esg_factors", dict.fromkeys(("q", "q2", "q3", "q4"), word))


def _audit(table: str, column: str) -> None:
	"""Factors come by the thousand: one entry a statement."""
	for verb, changed in (("insert", "new table"), ("update", "new table")):
		op.execute(
			f"create trigger audit_{verb} after {verb} on {table} "
			f"referencing {changed} as changed for each statement "
			f"execute function audit_statement('{column}')"
		)


def _keep(table: str, columns: str, allowed: str) -> None:
	"""Whoever writes, the owner included: a row is only added, and moves only as `allowed` says."""
	free = f"array[{', '.join(part for part in (columns, STAMPS) if part)}]"
	op.execute(f"""
	create function {table}_keep() returns trigger language plpgsql
	set search_path = pg_catalog, public, pg_temp as $$
	begin
		if tg_op = 'UPDATE' then
			if {allowed} and to_jsonb(new) - {free} = to_jsonb(old) - {free} then
				return new;
			end if;
		end if;
		raise exception 'rows of {table} are kept as they are' using errcode = '23001';
	end $$
	""")
	op.execute(
		f"create trigger keep before update or delete on {table} "
		f"for each row execute function {table}_keep()"
	)
	op.execute(
		f"create trigger keep_all before truncate on {table} "
		f"for each statement execute function {table}_keep()"
	)
