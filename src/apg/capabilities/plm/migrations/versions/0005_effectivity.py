"""Effectivity and baselines."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from apg.kernel.tenancy import protect

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
	op.create_table(
		"plm_baselines",
		sa.Column("number", sa.Text(), nullable=False),
		sa.Column("title", sa.Text(), nullable=False),
		sa.Column("note", sa.Text(), nullable=True),
		sa.Column("item_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("revision_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("view", sa.Text(), nullable=False),
		sa.Column("rule", sa.Text(), nullable=False),
		sa.Column(
			"demand",
			postgresql.JSONB(astext_type=sa.Text()),
			server_default=sa.text("'{}'"),
			nullable=False,
		),
		sa.Column("member_count", sa.Integer(), nullable=False),
		sa.Column("line_count", sa.Integer(), nullable=False),
		sa.Column("merkle_hash", sa.Text(), nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.CheckConstraint(
			"merkle_hash ~ '^[0-9a-f]{64}$'", name=op.f("ck_plm_baselines_merkle_hash")
		),
		sa.CheckConstraint(
			"view in ('engineering', 'manufacturing', 'service')",
			name=op.f("ck_plm_baselines_view"),
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "item_id"],
			["plm_items.tenant_id", "plm_items.id"],
			name=op.f("fk_plm_baselines_tenant_id_item_id"),
			ondelete="RESTRICT",
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "revision_id"],
			["plm_revisions.tenant_id", "plm_revisions.id"],
			name=op.f("fk_plm_baselines_tenant_id_revision_id"),
			ondelete="RESTRICT",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_baselines")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_baselines_tenant_id_id")),
		sa.UniqueConstraint("tenant_id", "number", name="uq_plm_baselines_number"),
	)
	op.create_index(
		"ix_plm_baselines_created", "plm_baselines", ["tenant_id", "created_at", "id"], unique=False
	)
	op.create_index(op.f("ix_plm_baselines_item_id"), "plm_baselines", ["item_id"], unique=False)
	op.create_index(
		op.f("ix_plm_baselines_revision_id"), "plm_baselines", ["revision_id"], unique=False
	)
	op.create_table(
		"plm_effectivities",
		sa.Column("item_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("revision_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("context_item_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("dates", postgresql.TSTZRANGE(), nullable=True),
		sa.Column("units", postgresql.INT8RANGE(), nullable=True),
		sa.Column("lots", postgresql.INT8RANGE(), nullable=True),
		sa.Column("change_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		postgresql.ExcludeConstraint(
			(sa.column("tenant_id"), "="),
			(sa.column("item_id"), "="),
			(sa.column("context_item_id"), "="),
			(sa.column("dates"), "&&"),
			where=sa.text("dates is not null"),
			using="gist",
			name="ex_plm_effectivities_dates",
		),
		postgresql.ExcludeConstraint(
			(sa.column("tenant_id"), "="),
			(sa.column("item_id"), "="),
			(sa.column("context_item_id"), "="),
			(sa.column("lots"), "&&"),
			where=sa.text("lots is not null"),
			using="gist",
			name="ex_plm_effectivities_lots",
		),
		postgresql.ExcludeConstraint(
			(sa.column("tenant_id"), "="),
			(sa.column("item_id"), "="),
			(sa.column("context_item_id"), "="),
			(sa.column("units"), "&&"),
			where=sa.text("units is not null"),
			using="gist",
			name="ex_plm_effectivities_units",
		),
		sa.CheckConstraint(
			"not isempty(dates) and lower_inc(dates) and not upper_inc(dates) and lower(dates) > '-infinity' and coalesce(upper(dates) < 'infinity', true)",
			name=op.f("ck_plm_effectivities_dates"),
		),
		sa.CheckConstraint(
			"not isempty(lots) and lower(lots) >= 1", name=op.f("ck_plm_effectivities_lots")
		),
		sa.CheckConstraint(
			"not isempty(units) and lower(units) >= 1", name=op.f("ck_plm_effectivities_units")
		),
		sa.CheckConstraint(
			"num_nonnulls(dates, units, lots) = 1", name=op.f("ck_plm_effectivities_one_range")
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "context_item_id"],
			["plm_items.tenant_id", "plm_items.id"],
			name=op.f("fk_plm_effectivities_tenant_id_context_item_id"),
			ondelete="RESTRICT",
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "item_id"],
			["plm_items.tenant_id", "plm_items.id"],
			name=op.f("fk_plm_effectivities_tenant_id_item_id"),
			ondelete="RESTRICT",
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "revision_id"],
			["plm_revisions.tenant_id", "plm_revisions.id"],
			name=op.f("fk_plm_effectivities_tenant_id_revision_id"),
			ondelete="RESTRICT",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_effectivities")),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_effectivities_tenant_id_id")),
	)
	op.create_index(
		op.f("ix_plm_effectivities_context_item_id"),
		"plm_effectivities",
		["context_item_id"],
		unique=False,
	)
	op.create_index(
		"ix_plm_effectivities_item",
		"plm_effectivities",
		["tenant_id", "item_id", "context_item_id"],
		unique=False,
	)
	op.create_index(
		op.f("ix_plm_effectivities_item_id"), "plm_effectivities", ["item_id"], unique=False
	)
	op.create_index(
		op.f("ix_plm_effectivities_revision_id"), "plm_effectivities", ["revision_id"], unique=False
	)
	op.create_table(
		"plm_baseline_lines",
		sa.Column("baseline_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("parent_revision_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("line_uid", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("find_number", sa.Integer(), nullable=False),
		sa.Column("child_item_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("child_revision_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("is_pinned", sa.Boolean(), nullable=False),
		sa.Column("quantity", sa.Numeric(precision=20, scale=6), nullable=True),
		sa.Column("quantity_kind", sa.Text(), nullable=False),
		sa.Column("unit", sa.Text(), nullable=False),
		sa.Column("attrition", sa.Numeric(precision=20, scale=6), nullable=False),
		sa.Column("setup_quantity", sa.Numeric(precision=20, scale=6), nullable=False),
		sa.Column("rounding_multiple", sa.Numeric(precision=20, scale=6), nullable=True),
		sa.Column("view", sa.Text(), nullable=False),
		sa.Column("designators", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
		sa.Column("note", sa.Text(), nullable=True),
		sa.Column("is_optional", sa.Boolean(), nullable=False),
		sa.Column("is_consumable", sa.Boolean(), nullable=False),
		sa.Column("allow_variants", sa.Boolean(), nullable=False),
		sa.Column("source", sa.Text(), nullable=False),
		sa.Column("substitutes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
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
		sa.ForeignKeyConstraint(
			["tenant_id", "baseline_id"],
			["plm_baselines.tenant_id", "plm_baselines.id"],
			name=op.f("fk_plm_baseline_lines_tenant_id_baseline_id"),
			ondelete="RESTRICT",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_baseline_lines")),
		sa.UniqueConstraint(
			"tenant_id",
			"baseline_id",
			"parent_revision_id",
			"line_uid",
			name="uq_plm_baseline_lines_uid",
		),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_baseline_lines_tenant_id_id")),
	)
	op.create_table(
		"plm_baseline_members",
		sa.Column("baseline_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("node_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("item_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("revision_id", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("number", sa.Text(), nullable=False),
		sa.Column("product_type", sa.Text(), nullable=False),
		sa.Column("lifecycle_phase", sa.Text(), nullable=False),
		sa.Column("unit_of_measure", sa.Text(), nullable=False),
		sa.Column("label", sa.Text(), nullable=True),
		sa.Column("state", sa.Text(), nullable=True),
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
		sa.Column("is_first", sa.Boolean(), nullable=False),
		sa.Column("merkle_hash", sa.Text(), nullable=False),
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("version", sa.Integer(), server_default="1", nullable=False),
		sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
		sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
		sa.ForeignKeyConstraint(
			["tenant_id", "baseline_id"],
			["plm_baselines.tenant_id", "plm_baselines.id"],
			name=op.f("fk_plm_baseline_members_tenant_id_baseline_id"),
			ondelete="RESTRICT",
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "item_id"],
			["plm_items.tenant_id", "plm_items.id"],
			name=op.f("fk_plm_baseline_members_tenant_id_item_id"),
			ondelete="RESTRICT",
		),
		sa.ForeignKeyConstraint(
			["tenant_id", "revision_id"],
			["plm_revisions.tenant_id", "plm_revisions.id"],
			name=op.f("fk_plm_baseline_members_tenant_id_revision_id"),
			ondelete="RESTRICT",
		),
		sa.PrimaryKeyConstraint("id", name=op.f("pk_plm_baseline_members")),
		sa.UniqueConstraint(
			"tenant_id", "baseline_id", "node_id", name="uq_plm_baseline_members_node"
		),
		sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_plm_baseline_members_tenant_id_id")),
	)
	op.create_index(
		op.f("ix_plm_baseline_members_item_id"), "plm_baseline_members", ["item_id"], unique=False
	)
	op.create_index(
		op.f("ix_plm_baseline_members_revision_id"),
		"plm_baseline_members",
		["revision_id"],
		unique=False,
	)
	op.create_index(
		"uq_plm_baseline_members_item",
		"plm_baseline_members",
		["tenant_id", "baseline_id", "item_id"],
		unique=True,
		postgresql_where=sa.text("is_first"),
	)
	protect(op, "plm_baselines", app="select, insert")
	protect(op, "plm_effectivities")
	protect(op, "plm_baseline_lines", audited=False, app="select, insert")
	protect(op, "plm_baseline_members", audited=False, app="select, insert")
	_effectivity_guard()
	_baseline_guard()


def _effectivity_guard() -> None:
	"""A range belongs to a revision of its product that was released; structures see it change."""
	op.execute("""
	create function plm_effectivity_guard() returns trigger language plpgsql as $$
	declare
		held record;
	begin
		select item_id, state into held from plm_revisions where id = new.revision_id for share;
		if held.item_id is distinct from new.item_id then
			raise exception 'the revision is none of the product'
				using errcode = 'P0001', constraint = 'plm_effectivity_of_its_product';
		end if;
		if held.state not in ('released', 'superseded', 'obsolete') then
			raise exception 'a % revision cannot be effective', held.state
				using errcode = 'P0001', constraint = 'plm_effectivity_is_released';
		end if;
		return new;
	end $$
	""")
	op.execute(
		"create trigger guard before insert or update on plm_effectivities "
		"for each row execute function plm_effectivity_guard()"
	)
	op.execute(
		"create trigger structure_changed after insert or update or delete on plm_effectivities "
		"for each statement execute function plm_structure_changed()"
	)


def _baseline_guard() -> None:
	"""Nobody changes or deletes a baseline or what it holds; members and lines come with it."""
	op.execute("""
	create function plm_baseline_guard() returns trigger language plpgsql as $$
	begin
		if tg_op <> 'INSERT' then
			raise exception 'a baseline is never changed'
				using errcode = 'P0001', constraint = 'plm_baseline_is_immutable';
		end if;
		if not exists (select from plm_baselines b where b.id = new.baseline_id
			and b.xmin::text = (pg_current_xact_id()::xid)::text) then
			raise exception 'a baseline is complete once it is made'
				using errcode = 'P0001', constraint = 'plm_baseline_is_immutable';
		end if;
		return new;
	end $$
	""")
	op.execute("""
	create function plm_baseline_head_guard() returns trigger language plpgsql as $$
	begin
		raise exception 'a baseline is never changed'
			using errcode = 'P0001', constraint = 'plm_baseline_is_immutable';
	end $$
	""")
	op.execute(
		"create trigger guard before update or delete on plm_baselines "
		"for each row execute function plm_baseline_head_guard()"
	)
	for table in ("plm_baseline_members", "plm_baseline_lines"):
		op.execute(
			f"create trigger guard before insert or update or delete on {table} "
			"for each row execute function plm_baseline_guard()"
		)
