"""Search functions: operators that are not leakproof never use an index under a policy.

`searchable()` makes `<table>_search(criteria jsonb, lim int) returns setof uuid`: it runs as
apg_search, past the policies, and every branch names the bound tenant first.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, cast, column, func, select
from sqlalchemy.dialects.postgresql import JSONB

from apg.kernel.database import AnySelect, id_type
from apg.kernel.log import entrust


def searchable(op: Any, table: str, criteria: Mapping[str, str]) -> None:
	"""Makes (or replaces) the search function of a table inside a migration.

	Each criterion is a select of ids in which `{tenant}` is the bound tenant, `{value}` the value
	as text, `{json}` the value as jsonb and `{like}` a pattern for ILIKE in which `%` and `_` are
	letters. Criteria given together are intersected.
	"""
	branches: list[str] = []
	for name, template in criteria.items():
		sql = template.format(
			tenant="$1",
			value=f"($2 ->> '{name}')",
			json=f"($2 -> '{name}')",
			like=f"apg_like($2 ->> '{name}')",
		)
		branches.append(
			f"if criteria ? '{name}' then parts := array_append(parts, $sql$({sql})$sql$); end if;"
		)
	body = "\n\t\t".join(branches)
	op.execute(f"""
	create or replace function {table}_search(criteria jsonb, lim integer) returns setof uuid
	language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp as $fn$
	declare
		tenant uuid := nullif(current_setting('app.current_tenant_id', true), '')::uuid;
		parts text[] := '{{}}';
	begin
		if tenant is null or current_setting('app.reach', true) is distinct from 'member' then
			return;
		end if;
		{body}
		if cardinality(parts) = 0 then return; end if;
		return query execute 'select id from (' || array_to_string(parts, ' intersect ')
			|| ') found (id) limit $3' using tenant, criteria, lim;
	end $fn$
	""")  # noqa: S608 - written into a migration, from constants
	for statement in entrust(
		f"{table}_search(jsonb, integer)", "apg_search", "apg_app, apg_worker"
	):
		op.execute(statement)


def found_by(
	table: str, criteria: Mapping[str, Any] | ColumnElement[Any], limit: int = 20_000
) -> AnySelect:
	"""The ids that match all criteria, for `where(Entity.id.in_(found_by(…)))`.

	A select that is built once gives a bound parameter, and the criteria with each call.
	"""
	given = criteria if isinstance(criteria, ColumnElement) else dict(criteria)
	call = getattr(func, f"{table}_search")(cast(given, JSONB), limit)
	found = call.table_valued(column("id", id_type), name="found").render_derived()
	return select(found.c.id)
