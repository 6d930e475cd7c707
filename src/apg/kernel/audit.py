"""The trail: one trigger writes who changed what, and nobody can write it by hand."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from apg.kernel.database import Base, Id, id_type
from apg.kernel.log import entrust


class AuditEntry(Base):
	"""One change of one row (or one bulk change); its log position is its identity."""

	__tablename__ = "audit_entries"

	seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
	xid: Mapped[str] = mapped_column(Text)
	epoch: Mapped[int] = mapped_column(BigInteger)
	tenant_id: Mapped[Id] = mapped_column(id_type)
	table_name: Mapped[str] = mapped_column()
	row_id: Mapped[str | None] = mapped_column()
	operation: Mapped[str] = mapped_column()
	before: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
	after: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
	user_id: Mapped[Id | None] = mapped_column(id_type)
	action: Mapped[str] = mapped_column()
	origin: Mapped[str] = mapped_column()
	request_id: Mapped[str] = mapped_column()
	occurred_at: Mapped[datetime] = mapped_column()

	__table_args__ = (
		Index("ix_audit_entries_tenant_seq", "tenant_id", "seq"),
		Index("ix_audit_entries_row", "tenant_id", "table_name", "row_id"),
	)


NOBODY = "00000000-0000-0000-0000-000000000000"  # whose entries belong to no tenant

# The trigger sees ORM, Core, bulk, cascades and psql alike. Redacted columns are recorded as
# changed, never with a value, so that a person can be erased and every proof still holds.
ROW_RECORDER = f"""
create or replace function audit_row() returns trigger language plpgsql security definer
set search_path = pg_catalog, public, pg_temp set timezone = 'UTC' as $$
declare
	old_row jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
	new_row jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
	name text;
	was jsonb := old_row;
	became jsonb := new_row;
	owner_id uuid;
begin
	if tg_op = 'UPDATE' then
		select jsonb_object_agg(key, value) into was from jsonb_each(old_row)
			where new_row -> key is distinct from value;
		select jsonb_object_agg(key, value) into became from jsonb_each(new_row)
			where old_row -> key is distinct from value;
		if became is null then return null; end if;
	end if;
	for i in 0 .. tg_nargs - 1 loop
		name := tg_argv[i];
		if was ? name and was -> name <> 'null' then
			was := jsonb_set(was, array[name], '"redacted"');
		end if;
		if became ? name and became -> name <> 'null' then
			became := jsonb_set(became, array[name], '"redacted"');
		end if;
	end loop;
	owner_id := coalesce(new_row ->> 'tenant_id', old_row ->> 'tenant_id',
		nullif(current_setting('app.current_tenant_id', true), ''), '{NOBODY}')::uuid;
	insert into audit_entries (epoch, tenant_id, table_name, row_id, operation, before, after,
		user_id, action, origin, request_id)
	values ((select epoch from log_epoch), owner_id, tg_table_name,
		coalesce(new_row ->> 'id', old_row ->> 'id'), lower(tg_op), was, became,
		nullif(current_setting('app.user_id', true), '')::uuid,
		coalesce(nullif(current_setting('app.action', true), ''), 'outside'),
		coalesce(nullif(current_setting('app.origin', true), ''), 'database'),
		coalesce(current_setting('app.request_id', true), ''));
	return null;
end $$
"""

# For tables whose rows come by the thousand: one entry a statement and tenant, with how many rows,
# the first and the last value of the column named as text, and SHA-256 over the sorted rows.
STATEMENT_RECORDER = """
create or replace function audit_statement() returns trigger language plpgsql security definer
set search_path = pg_catalog, public, pg_temp set timezone = 'UTC' as $$
declare
	told jsonb;
	owner_id uuid;
begin
	for told, owner_id in select jsonb_build_object('rows', count(*),
		'first', min(c.whole ->> tg_argv[0] collate "C"),
		'last', max(c.whole ->> tg_argv[0] collate "C"), 'sha256', encode(sha256(convert_to(
		string_agg(c.whole::text, e'\\n' order by c.id), 'UTF8')), 'hex'),
		'ids', case when count(*) <= 20 then jsonb_agg(c.id order by c.id) end), c.tenant_id
		from (select to_jsonb(r) as whole, r.id, r.tenant_id from changed r offset 0) c
		group by c.tenant_id
	loop
		insert into audit_entries (epoch, tenant_id, table_name, row_id, operation, before, after,
			user_id, action, origin, request_id)
		values ((select epoch from log_epoch), owner_id, tg_table_name, told #>> '{ids,0}', 'bulk',
			null, told || jsonb_build_object('verb', lower(tg_op)),
			nullif(current_setting('app.user_id', true), '')::uuid,
			coalesce(nullif(current_setting('app.action', true), ''), 'outside'),
			coalesce(nullif(current_setting('app.origin', true), ''), 'database'),
			coalesce(current_setting('app.request_id', true), ''));
	end loop;
	return null;
end $$
"""

DDL: tuple[str, ...] = (
	"""
	create table audit_entries (
		seq bigint primary key default nextval('log_seq'),
		xid xid8 not null default pg_current_xact_id(),
		epoch bigint not null,
		tenant_id uuid not null,
		table_name text not null,
		row_id text,
		operation text not null check (operation in ('insert', 'update', 'delete', 'bulk')),
		before jsonb,
		after jsonb,
		user_id uuid,
		action text not null,
		origin text not null,
		request_id text not null,
		occurred_at timestamptz not null default clock_timestamp()
	)
	""",
	"create index ix_audit_entries_tenant_seq on audit_entries (tenant_id, seq)",
	"create index ix_audit_entries_row on audit_entries (tenant_id, table_name, row_id)",
	ROW_RECORDER,
	*entrust("audit_row()", "apg_system", "apg_owner, apg_app, apg_worker"),
	STATEMENT_RECORDER,
	*entrust("audit_statement()", "apg_system", "apg_owner, apg_app, apg_worker"),
)
# The same in a database that has them already; their owner and rights stay.
AS_SYSTEM, AS_OWNER = "set local role apg_system", "set local role apg_owner"
RECORDERS = (AS_SYSTEM, ROW_RECORDER, STATEMENT_RECORDER, AS_OWNER)
