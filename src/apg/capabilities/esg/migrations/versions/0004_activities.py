"""Sites, source documents, activity records, calculations."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from apg.kernel.search import searchable
from apg.kernel.tenancy import protect

revision = "0004"
down_revision = "0003"

SITE_TEXT = "(code || ' ' || name || ' ' || coalesce(city, ''))"
RECORD_TEXT = (
	"(activity_code || ' ' || coalesce(meter, '') || ' ' || coalesce(data_source, '') || ' ' || "
	"coalesce(note, ''))"
)


def upgrade() -> None:
	_tables()
	_protection()
	_guards()
	_searches()


def _tables() -> None:
	op.create_table(
		"esg_calculation_runs",
		sa.Column("title", sa.Text(), nullable=False),
		sa.Column("mode", sa.Text(), nullable=False),
		sa.Column("rerun_of_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column(
			"selection",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'{}'"),
			nullable=False,
		),
		sa.Column("gwp_set", sa.Text(), nullable=False),
		sa.Column("method", sa.Text(), nullable=False),
		sa.Column("engine", sa.Text(), nullable=False),
		sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
		sa.Column("state", sa.Text(), nullable=False),
		sa.Column("failure", sa.Text(), nullable=True),
		sa.Column("record_count", sa.Integer(), nullable=False),
		sa.Column("line_count", sa.Integer(), nullable=False),
		sa.Column("missing_count", sa.Integer(), nullable=False),
		sa.Column("estimated_count", sa.Integer(), nullable=False),
		sa.Column("as_published_count", sa.Integer(), nullable=False),
		sa.Column("unapproved_count", sa.Integer(), nullable=False),
		sa.Column("co2e", sa.Numeric(precision=38, scale=9), nullable=True),
		sa.Column("biogenic_co2", sa.Numeric(precision=38, scale=9), nullable=True),
		sa.Column("seal", sa.Text(), nullable=True),
		sa.Column("reached_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"(mode = 'new') = (rerun_of_id is null)", name=op.f("ck_esg_calculation_runs_rerun")
		),
		sa.CheckConstraint(
			"mode in ('new', 'same', 'factors', 'present')",
			name=op.f("ck_esg_calculation_runs_mode"),
		),
		sa.CheckConstraint(
			"state <> 'done' or (seal is not null and co2e is not null)",
			name=op.f("ck_esg_calculation_runs_sealed"),
		),
		sa.CheckConstraint(
			"state in ('running', 'done', 'failed')", name=op.f("ck_esg_calculation_runs_state")
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "rerun_of_id"],
			["esg_calculation_runs.tenant_id", "esg_calculation_runs.id"],
			name=op.f("fk_esg_calculation_runs_tenant_id_rerun_of_id"),
			ondelete="RESTRICT",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_esg_calculation_runs")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_esg_calculation_runs_tenant_id_id")),
	)
	op.create_index(
		"ix_esg_calculation_runs_created",
		"esg_calculation_runs",
		["tenant_id", "created_at", "id"],
		unique=False,
	)
	op.create_index(
		op.f("ix_esg_calculation_runs_rerun_of_id"),
		"esg_calculation_runs",
		["rerun_of_id"],
		unique=False,
	)
	op.create_table(
		"esg_sites",
		sa.Column("code", sa.Text(), nullable=False),
		sa.Column("name", sa.Text(), nullable=False),
		sa.Column("country", sa.Text(), nullable=False),
		sa.Column("region", sa.Text(), nullable=True),
		sa.Column("city", sa.Text(), nullable=True),
		sa.Column("description", sa.Text(), nullable=True),
		sa.Column("is_active", sa.Boolean(), nullable=False),
		sa.Column("scope_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint("country ~ '^[A-Z]{2}$'", name=op.f("ck_esg_sites_country")),
		sa.CheckConstraint("left(region, 3) = country || '-'", name=op.f("ck_esg_sites_region")),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_esg_sites")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_esg_sites_tenant_id_id")),
	)
	op.create_index("ix_esg_sites_name", "esg_sites", ["tenant_id", "name", "id"], unique=False)
	op.create_index("uq_esg_sites_code", "esg_sites", ["tenant_id", "code"], unique=True)
	op.create_table(
		"esg_source_documents",
		sa.Column("sha256", sa.Text(), nullable=False),
		sa.Column("file_name", sa.Text(), nullable=False),
		sa.Column("kind", sa.Text(), nullable=False),
		sa.Column("size", sa.Integer(), nullable=False),
		sa.Column("origin", sa.Text(), nullable=False),
		sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_esg_source_documents_sha256")
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_esg_source_documents")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_esg_source_documents_tenant_id_id")),
		sa.UniqueConstraint("tenant_id", "sha256", name="uq_esg_source_documents_sha256"),
	)
	op.create_index(
		"ix_esg_source_documents_received",
		"esg_source_documents",
		["tenant_id", "received_at", "id"],
		unique=False,
	)
	op.create_table(
		"esg_activity_records",
		sa.Column("record_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("revision", sa.Integer(), server_default="1", nullable=False),
		sa.Column("kind", sa.Text(), nullable=False),
		sa.Column("site_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("product_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("revision_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("activity_code", sa.Text(), nullable=False),
		sa.Column("quantity", sa.Numeric(precision=20, scale=6), nullable=False),
		sa.Column("unit", sa.Text(), nullable=False),
		sa.Column("conversion_context", sa.Text(), nullable=True),
		sa.Column("period_start", sa.DateTime(timezone=True), nullable=False),
		sa.Column("period_end", sa.DateTime(timezone=True), nullable=False),
		sa.Column(
			"period",
			postgresql.TSTZRANGE(),
			sa.Computed("tstzrange(period_start, period_end)", persisted=True),
			nullable=False,
		),
		sa.Column("region", sa.Text(), nullable=False),
		sa.Column("stage", sa.Text(), nullable=True),
		sa.Column("quality", sa.Text(), nullable=False),
		sa.Column("estimate_method", sa.Text(), nullable=True),
		sa.Column("is_primary", sa.Boolean(), nullable=False),
		sa.Column("meter", sa.Text(), nullable=True),
		sa.Column("data_source", sa.Text(), nullable=True),
		sa.Column("document_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("locator", sa.Text(), nullable=True),
		sa.Column("note", sa.Text(), nullable=True),
		sa.Column("distinct_because", sa.Text(), nullable=True),
		sa.Column("content_hash", sa.Text(), nullable=False),
		sa.Column("duplicate_key", sa.Text(), nullable=False),
		sa.Column("batch_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("reason", sa.Text(), nullable=True),
		sa.Column("state", sa.Text(), nullable=False),
		sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("submitted_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("validated_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("validated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("approved_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("locked_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("locked_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("return_reason", sa.Text(), nullable=True),
		sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
		sa.Column("withdrawn_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("withdrawal_reason", sa.Text(), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		postgresql.ExcludeConstraint(
			(sa.column("tenant_id"), "="),
			(sa.column("meter"), "="),
			(sa.column("activity_code"), "="),
			(sa.column("period"), "&&"),
			where=sa.text("superseded_at is null and withdrawn_at is null and meter is not null"),
			using="gist",
			name="ex_esg_activity_records_meter",
		),
		sa.CheckConstraint(
			"case kind when 'site' then site_id is not null and product_id is null when 'product' then product_id is not null and revision_id is not null and site_id is null else product_id is null end",
			name=op.f("ck_esg_activity_records_subject"),
		),
		sa.CheckConstraint(
			"kind in ('site', 'product', 'reported_total')",
			name=op.f("ck_esg_activity_records_kind"),
		),
		sa.CheckConstraint(
			"quality <> 'estimated' or estimate_method is not null",
			name=op.f("ck_esg_activity_records_estimate"),
		),
		sa.CheckConstraint(
			"quality in ('measured', 'calculated', 'estimated')",
			name=op.f("ck_esg_activity_records_quality"),
		),
		sa.CheckConstraint(
			"stage in ('materials', 'processes', 'energy', 'transport', 'packaging', 'use', 'end_of_life')",
			name=op.f("ck_esg_activity_records_stage"),
		),
		sa.CheckConstraint(
			"state in ('draft', 'submitted', 'validated', 'approved', 'locked')",
			name=op.f("ck_esg_activity_records_state"),
		),
		sa.CheckConstraint(
			"period_end > period_start", name=op.f("ck_esg_activity_records_period")
		),
		sa.CheckConstraint("quantity >= 0", name=op.f("ck_esg_activity_records_quantity")),
		sa.ForeignKeyConstraint(
			["tenant_id", "document_id"],
			["esg_source_documents.tenant_id", "esg_source_documents.id"],
			name=op.f("fk_esg_activity_records_tenant_id_document_id"),
			ondelete="RESTRICT",
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "site_id"],
			["esg_sites.tenant_id", "esg_sites.id"],
			name=op.f("fk_esg_activity_records_tenant_id_site_id"),
			ondelete="RESTRICT",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_esg_activity_records")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_esg_activity_records_tenant_id_id")),
		sa.UniqueConstraint(
			"tenant_id", "record_id", "revision", name="uq_esg_activity_records_version"
		),
	)
	op.create_index(
		"ix_esg_activity_records_code",
		"esg_activity_records",
		["tenant_id", "activity_code", "period_start", "id"],
		unique=False,
	)
	op.create_index(
		op.f("ix_esg_activity_records_document_id"),
		"esg_activity_records",
		["document_id"],
		unique=False,
	)
	op.create_index(
		"ix_esg_activity_records_period",
		"esg_activity_records",
		["tenant_id", "period_start", "id"],
		unique=False,
	)
	op.create_index(
		"ix_esg_activity_records_product",
		"esg_activity_records",
		["tenant_id", "revision_id"],
		unique=False,
	)
	op.create_index(
		op.f("ix_esg_activity_records_site_id"), "esg_activity_records", ["site_id"], unique=False
	)
	op.create_index(
		"ix_esg_activity_records_state",
		"esg_activity_records",
		["tenant_id", "state", "updated_at"],
		unique=False,
	)
	op.create_index(
		"ix_esg_activity_records_updated",
		"esg_activity_records",
		["tenant_id", "updated_at", "id"],
		unique=False,
	)
	op.create_index(
		"uq_esg_activity_records_duplicate",
		"esg_activity_records",
		["tenant_id", "duplicate_key"],
		unique=True,
		postgresql_where=sa.text("superseded_at is null and withdrawn_at is null"),
	)
	op.create_index(
		"uq_esg_activity_records_standing",
		"esg_activity_records",
		["tenant_id", "record_id"],
		unique=True,
		postgresql_where=sa.text("superseded_at is null"),
	)
	op.create_table(
		"esg_calculation_lines",
		sa.Column("run_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("activity_row_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("record_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("record_version", sa.Integer(), nullable=False),
		sa.Column("record_hash", sa.Text(), nullable=False),
		sa.Column("activity_code", sa.Text(), nullable=False),
		sa.Column("quantity", sa.Numeric(precision=20, scale=6), nullable=False),
		sa.Column("unit", sa.Text(), nullable=False),
		sa.Column("normalised", sa.Numeric(precision=38, scale=9), nullable=True),
		sa.Column("normalised_unit", sa.Text(), nullable=True),
		sa.Column(
			"conversions",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'[]'"),
			nullable=False,
		),
		sa.Column("factor_version_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("factor_sha256", sa.Text(), nullable=True),
		sa.Column("approval_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("fallback_level", sa.Integer(), nullable=True),
		sa.Column("factor_reason", sa.Text(), nullable=False),
		sa.Column(
			"masses",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'{}'"),
			nullable=False,
		),
		sa.Column(
			"by_gas",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'{}'"),
			nullable=False,
		),
		sa.Column("co2e", sa.Numeric(precision=38, scale=9), nullable=True),
		sa.Column("biogenic_co2", sa.Numeric(precision=38, scale=9), nullable=True),
		sa.Column("low", sa.Numeric(precision=38, scale=9), nullable=True),
		sa.Column("high", sa.Numeric(precision=38, scale=9), nullable=True),
		sa.Column("per_unit", sa.Text(), nullable=True),
		sa.Column("gwp_set", sa.Text(), nullable=False),
		sa.Column("as_published", sa.Boolean(), nullable=False),
		sa.Column("is_estimated", sa.Boolean(), nullable=False),
		sa.Column("missing", sa.Text(), nullable=True),
		sa.Column("seal", sa.Text(), nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"(missing is null) = (co2e is not null)", name=op.f("ck_esg_calculation_lines_figure")
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "activity_row_id"],
			["esg_activity_records.tenant_id", "esg_activity_records.id"],
			name=op.f("fk_esg_calculation_lines_tenant_id_activity_row_id"),
			ondelete="RESTRICT",
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "run_id"],
			["esg_calculation_runs.tenant_id", "esg_calculation_runs.id"],
			name=op.f("fk_esg_calculation_lines_tenant_id_run_id"),
			ondelete="RESTRICT",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_esg_calculation_lines")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_esg_calculation_lines_tenant_id_id")),
		sa.UniqueConstraint(
			"tenant_id", "run_id", "record_id", name="uq_esg_calculation_lines_record"
		),
	)
	op.create_index(
		op.f("ix_esg_calculation_lines_activity_row_id"),
		"esg_calculation_lines",
		["activity_row_id"],
		unique=False,
	)
	op.create_index(
		"ix_esg_calculation_lines_factor",
		"esg_calculation_lines",
		["tenant_id", "factor_version_id"],
		unique=False,
	)
	op.create_index(
		"ix_esg_calculation_lines_run",
		"esg_calculation_lines",
		["tenant_id", "run_id", "id"],
		unique=False,
	)


def _protection() -> None:
	protect(op, "esg_calculation_runs", app="select, insert, update")
	protect(op, "esg_sites")
	protect(op, "esg_source_documents", app="select, insert")
	protect(op, "esg_activity_records", audited=False, app="select, insert, update")
	protect(op, "esg_calculation_lines", audited=False, app="select, insert")


def _guards() -> None:
	"""What the database refuses: a version's figures change never, nor does a sealed line."""
	op.execute("""
	create function esg_activity_guard() returns trigger language plpgsql as $$
	declare
		-- The period is computed from its two ends, and only after this function.
		moves text[] := array['period', 'state', 'submitted_at', 'submitted_by', 'validated_at',
			'validated_by', 'approved_at', 'approved_by', 'locked_at', 'locked_by',
			'return_reason', 'superseded_at', 'withdrawn_at', 'withdrawn_by',
			'withdrawal_reason', 'version', 'updated_at', 'updated_by'];
	begin
		if tg_op = 'DELETE' then
			raise exception 'activity record % is kept; withdraw it', old.record_id
				using errcode = 'P0001', constraint = 'esg_activities_are_kept';
		end if;
		if to_jsonb(old) - moves is distinct from to_jsonb(new) - moves then
			raise exception 'version % of activity record % does not change; correct it',
				old.revision, old.record_id
				using errcode = 'P0001', constraint = 'esg_activity_versions_are_immutable';
		end if;
		if old.superseded_at is not null or old.withdrawn_at is not null then
			raise exception 'version % of activity record % no longer stands',
				old.revision, old.record_id
				using errcode = 'P0001', constraint = 'esg_activity_versions_are_immutable';
		end if;
		if old.state = 'locked' and (new.superseded_at is not null or new.withdrawn_at is not null)
		then
			raise exception 'activity record % is locked', old.record_id
				using errcode = 'P0001', constraint = 'esg_locked_activities_stay';
		end if;
		return new;
	end $$
	""")
	op.execute(
		"create trigger guard before update or delete on esg_activity_records "
		"for each row execute function esg_activity_guard()"
	)
	op.execute("""
	create function esg_calculation_guard() returns trigger language plpgsql as $$
	declare
		moves text[] := array['state', 'failure', 'record_count', 'line_count', 'missing_count',
			'estimated_count', 'as_published_count', 'unapproved_count', 'co2e', 'biogenic_co2',
			'seal', 'reached_id', 'finished_at', 'version', 'updated_at', 'updated_by'];
	begin
		if tg_op = 'DELETE' then
			raise exception 'calculation % is kept', old.id
				using errcode = 'P0001', constraint = 'esg_calculations_are_kept';
		end if;
		if old.state = 'done' or to_jsonb(old) - moves is distinct from to_jsonb(new) - moves then
			raise exception 'calculation % does not change; calculate again', old.id
				using errcode = 'P0001', constraint = 'esg_calculations_are_immutable';
		end if;
		return new;
	end $$
	""")
	op.execute(
		"create trigger guard before update or delete on esg_calculation_runs "
		"for each row execute function esg_calculation_guard()"
	)
	op.execute("""
	create function esg_calculation_line_guard() returns trigger language plpgsql as $$
	begin
		raise exception 'a line of a calculation does not change'
			using errcode = 'P0001', constraint = 'esg_calculations_are_immutable';
	end $$
	""")
	op.execute(
		"create trigger guard before update or delete on esg_calculation_lines "
		"for each row execute function esg_calculation_line_guard()"
	)
	op.execute("""
	create function esg_calculation_line_added() returns trigger language plpgsql as $$
	begin
		if exists (select from added a join esg_calculation_runs r on r.id = a.run_id
			where r.state <> 'running') then
			raise exception 'a calculation that ended takes no more lines'
				using errcode = 'P0001', constraint = 'esg_calculations_are_immutable';
		end if;
		return null;
	end $$
	""")
	op.execute(
		"create trigger guard_added after insert on esg_calculation_lines "
		"referencing new table as added for each statement "
		"execute function esg_calculation_line_added()"
	)
	# Rows come by the thousand: one entry a statement. A move of a record is told row by row.
	op.execute(
		"create trigger audit_insert after insert on esg_activity_records "
		"referencing new table as changed for each statement "
		"execute function audit_statement('period_start')"
	)
	op.execute(
		"create trigger audit after update or delete on esg_activity_records "
		"for each row execute function audit_row()"
	)
	op.execute(
		"create trigger audit_insert after insert on esg_calculation_lines "
		"referencing new table as changed for each statement "
		"execute function audit_statement('created_at')"
	)


def _searches() -> None:
	for table, text in (("esg_sites", SITE_TEXT), ("esg_activity_records", RECORD_TEXT)):
		op.execute(
			f"create index ix_{table}_search on {table} using gin (tenant_id, {text} gin_trgm_ops)"
		)
		searchable(
			op,
			table,
			{"q": f"select id from {table} where tenant_id = {{tenant}} and {text} ilike {{like}}"},
		)
