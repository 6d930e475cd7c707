"""What a transaction changed of the tenant's structures and prices, so that the kept ones follow."""

import sqlalchemy as sa
from alembic import op

from apg.kernel.tenancy import protect

revision = "0009"
down_revision = "0008"

MOST = 1_000  # of one kind by one statement; beyond that everything counts as touched

# Who is touched, by table: the statement's new and old rows are `fresh` and `gone`.
LINES = "select parent_revision_id as id from"
PLAIN = "select id from"
COST = "select item_id as id from"
CHANGED_REVISIONS = """select f.id from fresh f join gone g on g.id = f.id
	where (f.item_id, f.ordinal, f.state, f.mass, f.mass_unit, f.material, f.attributes)
	is distinct from (g.item_id, g.ordinal, g.state, g.mass, g.mass_unit, g.material, g.attributes)"""
CHANGED_ITEMS = """select f.id from fresh f join gone g on g.id = f.id
	where (f.current_revision_id, f.unit_of_measure, f.product_type)
	is distinct from (g.current_revision_id, g.unit_of_measure, g.product_type)"""
TOUCHED = (
	("plm_lines", "lines", LINES, f"{LINES} fresh union {LINES} gone"),
	("plm_revisions", "revision", PLAIN, CHANGED_REVISIONS),
	("plm_items", "item", PLAIN, CHANGED_ITEMS),
	("plm_item_costs", "cost", COST, f"{COST} fresh union {COST} gone"),
)


def upgrade() -> None:
	op.create_table(
		"plm_structure_touched",
		sa.Column("tenant_id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column("xid", sa.BigInteger(), nullable=False),
		sa.Column("kind", sa.Text(), nullable=False),
		sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
		sa.Column(
			"created_at",
			sa.DateTime(timezone=True),
			server_default=sa.text("now()"),
			nullable=False,
		),
		sa.PrimaryKeyConstraint(
			"tenant_id", "xid", "kind", "id", name=op.f("pk_plm_structure_touched")
		),
		sa.CheckConstraint(
			"kind in ('lines', 'revision', 'item', 'cost', 'all')",
			name=op.f("ck_plm_structure_touched_kind"),
		),
	)
	protect(op, "plm_structure_touched", audited=False, keep="2 days", app="select, insert")
	op.execute(f"""
	create function plm_structure_touch(kind text, ids uuid[]) returns void language plpgsql as $$
	declare
		tenant uuid := nullif(current_setting('app.current_tenant_id', true), '')::uuid;
		this bigint := pg_current_xact_id()::text::bigint;
	begin
		if tenant is null or cardinality(ids) = 0 then
			return;
		end if;
		insert into plm_structure_changes (tenant_id, xid) values (tenant, this) on conflict do nothing;
		if cardinality(ids) > {MOST} then
			kind := 'all';
			ids := array[tenant];
		end if;
		insert into plm_structure_touched (tenant_id, xid, kind, id)
			select tenant, this, kind, u.id from unnest(ids) u (id) on conflict do nothing;
	end $$
	""")
	for table, kind, whose, changed in TOUCHED:
		if table != "plm_item_costs":
			op.execute(f"drop trigger structure_changed on {table}")
		op.execute(f"""
		create function {table}_touched() returns trigger language plpgsql as $$
		begin
			if tg_op = 'INSERT' then
				perform plm_structure_touch('{kind}',
					array(select distinct t.id from ({whose} fresh) t));
			elsif tg_op = 'DELETE' then
				perform plm_structure_touch('{kind}',
					array(select distinct t.id from ({whose} gone) t));
			else
				perform plm_structure_touch('{kind}', array(select distinct t.id from ({changed}) t));
			end if;
			return null;
		end $$
		""")
		for event, rows in (
			("insert", "new table as fresh"),
			("update", "old table as gone new table as fresh"),
			("delete", "old table as gone"),
		):
			op.execute(
				f"create trigger structure_touched_{event} after {event} on {table} "
				f"referencing {rows} for each statement execute function {table}_touched()"
			)
