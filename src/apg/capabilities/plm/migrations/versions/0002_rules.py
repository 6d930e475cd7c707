"""What the database itself refuses and finds: immutable releases, versions of structures, search."""

from alembic import op

from apg.kernel.search import searchable

revision = "0002"
down_revision = "0001"

# Search text of a revision; an index needs an immutable expression.
TEXT = "(r.name || ' ' || coalesce(r.description, ''))"


def upgrade() -> None:
	op.execute("""
	create function plm_revision_guard() returns trigger language plpgsql as $$
	begin
		if tg_op = 'INSERT' then
			if new.state <> 'working' then
				raise exception 'a new revision is working, not %', new.state
					using errcode = 'P0001', constraint = 'plm_revisions_begin_working';
			end if;
			return new;
		end if;
		if tg_op = 'DELETE' then
			if old.state in ('released', 'superseded', 'obsolete') then
				raise exception 'revision % is % and cannot be deleted', old.label, old.state
					using errcode = 'P0001', constraint = 'plm_released_is_immutable';
			end if;
			return old;
		end if;
		if old.state <> 'working' and (old.name, old.description, old.attributes, old.mass,
			old.mass_unit, old.material, old.label, old.item_id, old.ordinal)
			is distinct from (new.name, new.description, new.attributes, new.mass,
			new.mass_unit, new.material, new.label, new.item_id, new.ordinal) then
			raise exception 'revision % is %; its content cannot change', old.label, old.state
				using errcode = 'P0001', constraint = 'plm_released_is_immutable';
		end if;
		if old.state in ('released', 'superseded', 'obsolete') and (
			(old.content_hash, old.released_at, old.released_by, old.supersedes_id, old.change_id)
			is distinct from
			(new.content_hash, new.released_at, new.released_by, new.supersedes_id, new.change_id)
			or new.state in ('working', 'in_review', 'cancelled')
			or (old.state = 'superseded' and new.state = 'released')
			or (old.state = 'obsolete' and new.state <> 'obsolete')) then
			raise exception 'revision % is %; a release is not taken back', old.label, old.state
				using errcode = 'P0001', constraint = 'plm_released_is_immutable';
		end if;
		if old.state = 'cancelled' and new.state <> 'cancelled' then
			raise exception 'revision % was cancelled and does not come back', old.label
				using errcode = 'P0001', constraint = 'plm_released_is_immutable';
		end if;
		if new.state = 'released' and (new.content_hash is null or new.released_at is null) then
			raise exception 'a release needs the hash of its content and its time'
				using errcode = 'P0001', constraint = 'plm_release_is_complete';
		end if;
		return new;
	end $$
	""")
	op.execute(
		"create trigger guard before insert or update or delete on plm_revisions "
		"for each row execute function plm_revision_guard()"
	)
	op.execute("""
	create function plm_line_guard() returns trigger language plpgsql as $$
	declare
		parent uuid;
		stands text;
	begin
		foreach parent in array array_remove(array[
			case when tg_op <> 'INSERT' then old.parent_revision_id end,
			case when tg_op <> 'DELETE' then new.parent_revision_id end], null) loop
			select state into stands from plm_revisions where id = parent for share;
			if stands is distinct from 'working' then
				raise exception 'the lines of a % revision cannot change', coalesce(stands, 'missing')
					using errcode = 'P0001', constraint = 'plm_released_is_immutable';
			end if;
		end loop;
		return coalesce(new, old);
	end $$
	""")
	op.execute(
		"create trigger guard before insert or update or delete on plm_lines "
		"for each row execute function plm_line_guard()"
	)
	op.execute("""
	create function plm_substitute_guard() returns trigger language plpgsql as $$
	declare
		stands text;
	begin
		select r.state into stands from plm_lines l join plm_revisions r
			on r.id = l.parent_revision_id where l.id = coalesce(new.line_id, old.line_id);
		if stands is not null and stands <> 'working' then
			raise exception 'the lines of a % revision cannot change', stands
				using errcode = 'P0001', constraint = 'plm_released_is_immutable';
		end if;
		return coalesce(new, old);
	end $$
	""")
	op.execute(
		"create trigger guard before insert or update or delete on plm_line_substitutes "
		"for each row execute function plm_substitute_guard()"
	)
	_structure_versions()
	op.execute(
		"create index ix_plm_items_number_search on plm_items using gin "
		"(tenant_id, number gin_trgm_ops)"
	)
	op.execute(
		"create index ix_plm_revisions_search on plm_revisions using gin "
		f"(tenant_id, {TEXT.replace('r.', '')} gin_trgm_ops)"
	)
	op.execute(
		"create index ix_plm_revisions_attributes on plm_revisions using gin "
		"(tenant_id, attributes jsonb_path_ops)"
	)
	op.execute(
		"create index ix_plm_identifiers_search on plm_identifiers using gin "
		"(tenant_id, value gin_trgm_ops)"
	)
	searchable(
		op,
		"plm_items",
		{
			"q": (
				"select id from plm_items where tenant_id = {tenant} and number ilike {like} "
				"union select r.item_id from plm_revisions r join plm_items i "
				"on i.id = r.item_id and i.current_revision_id = r.id "
				f"where r.tenant_id = {{tenant}} and {TEXT} ilike {{like}} "
				"union select item_id from plm_identifiers "
				"where tenant_id = {tenant} and value ilike {like} "
				"union select id from plm_items where tenant_id = {tenant} "
				"and tags @> jsonb_build_array({value})"
			),
			"tags": "select id from plm_items where tenant_id = {tenant} and tags @> {json}",
			"attributes": (
				"select i.id from plm_revisions r join plm_items i on i.current_revision_id = r.id "
				"where r.tenant_id = {tenant} and (select bool_and(r.attributes @> "
				"jsonb_build_object(a.key, a.value) or r.attributes ->> a.key = a.value #>> '{{{{}}}}') "
				"from jsonb_each({json}) a)"
			),
			"cost_min": _COST.format(sign=">="),
			"cost_max": _COST.format(sign="<="),
		},
	)


def _structure_versions() -> None:
	"""One row for each transaction that changes what a structure is computed from."""
	op.execute("""
	create function plm_structure_changed() returns trigger language plpgsql as $$
	declare
		tenant uuid := nullif(current_setting('app.current_tenant_id', true), '')::uuid;
	begin
		if tenant is not null then
			insert into plm_structure_changes (tenant_id, xid)
				values (tenant, pg_current_xact_id()::text::bigint) on conflict do nothing;
		end if;
		return null;
	end $$
	""")
	item = "current_revision_id, unit_of_measure, product_type"
	for table, columns in (("plm_lines", ""), ("plm_revisions", ""), ("plm_items", f" of {item}")):
		op.execute(
			f"create trigger structure_changed after insert or update{columns} or delete on {table} "
			"for each statement execute function plm_structure_changed()"
		)


_COST = (
	"select id from (select distinct on (item_id) item_id as id, amount from plm_item_costs "
	"where tenant_id = {{tenant}} and valid_from <= current_date order by item_id, "
	"case kind when 'manual' then 0 when 'internal' then 1 else 2 end, valid_from desc, "
	"quantity_break, plm_item_costs.id) c where amount {sign} {{value}}::numeric"
)
