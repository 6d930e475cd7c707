"""The event log: rows appended inside the transaction, read in an order nothing can join later.

Log order is (epoch, xid, seq) below the horizon, the oldest transaction that is still open. A
serial or a uuid7 is no position: who took the lower one may commit later, and a reader that had
gone past it would lose it. `epoch` grows only at a restore, where transaction numbers start again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from apg.kernel.events import Consumer, Event, Position
from apg.kernel.principal import Principal
from apg.kernel.tenancy import TENANT, protect_sql

SHARDS = 16  # the last hex digit of the tenant's id


def definer(
	signature: str,
	returns: str,
	body: str,
	*,
	to: str,
	owner: str = "apg_system",
	options: str = "",
) -> list[str]:
	"""The statements of a plpgsql function that runs with the rights of its owner.

	`pg_temp` stands last: left out it would come first, and a caller's temporary table before ours.
	Only plpgsql keeps its plans between calls; an SQL function with `security definer` does not.
	"""
	name = signature.partition("(")[0]
	return [
		f"create function {signature} returns {returns} language plpgsql security definer "
		f"set search_path = pg_catalog, public, pg_temp {options} as $$\n{body}\n$$",
		*entrust(name, owner, to),
	]


def entrust(function: str, owner: str, to: str) -> list[str]:
	"""Hands a function to its owner, closed to all but the roles `to`.

	The rights are given as the new owner: the old one may revoke nothing afterwards, and a
	revocation without effect is no error.
	"""
	return [
		*([f"alter function {function} owner to {owner}"] if owner != "apg_owner" else []),
		f"set local role {owner}",
		f"revoke all on function {function} from public",
		f"grant execute on function {function} to {to}",
		"set local role apg_owner",
	]


# The planner knows nothing of rows that came a second ago and would rather scan a month.
_BY_INDEX = "set enable_seqscan = off set enable_bitmapscan = off"
_AFTER = "l.shard = c.shard and (l.epoch, l.xid, l.seq) > (c.epoch, c.xid, c.seq)"
_PENDING = f"{_AFTER} and (l.epoch, l.xid) < (v_epoch, v_xid)"
_WANTED = "(c.names is null or l.name = any(c.names))"
_HORIZON = """
	select e.epoch, pg_snapshot_xmin(pg_current_snapshot()) into v_epoch, v_xid from log_epoch e;
"""
_DUE = """f.consumer = c.consumer and f.shard = c.shard and (
	(f.state = 'waiting' and f.next_at <= clock_timestamp())
	or (f.state = 'parked' and not exists (select from event_failures b
		where b.tenant_id = f.tenant_id and b.consumer = f.consumer and b.state <> 'parked')))"""
_EVENT = """epoch bigint, xid bigint, seq bigint, tenant_id uuid, name text, body text,
	actor_id uuid, request_id text, occurred_at timestamptz"""
_COLUMNS = """l.epoch, l.xid::text::bigint, l.seq, l.tenant_id, l.name, l.body::text, l.actor_id,
	l.request_id, l.occurred_at"""

DDL: tuple[str, ...] = (
	"create table log_epoch (one boolean primary key default true check (one), epoch bigint not null)",
	"insert into log_epoch (epoch) values (1)",
	"grant select on log_epoch to apg_app, apg_worker, apg_system, apg_backup",
	"create sequence log_seq",
	"grant usage on sequence log_seq to apg_system",
	# Lower-case hex to four bits; generated, so that no writer can put an event where no cursor
	# of its tenant looks.
	"""
	create table event_log (
		epoch bigint not null,
		xid xid8 not null default pg_current_xact_id(),
		seq bigint not null default nextval('log_seq'),
		tenant_id uuid not null,
		shard smallint not null generated always as
			(('x' || right(tenant_id::text, 1))::bit(4)::integer::smallint) stored,
		name text not null,
		body jsonb not null,
		actor_id uuid,
		request_id text not null default '',
		occurred_at timestamptz not null default clock_timestamp(),
		primary key (shard, epoch, xid, seq, occurred_at)
	) partition by range (occurred_at)
	""",
	*protect_sql("event_log", audited=False, keep="90 days after occurred_at"),
	# Nobody touches the log but through the functions below.
	"revoke all on event_log from apg_app, apg_worker",
	"grant select, insert on event_log to apg_system",
	"""
	create table log_cursors (
		consumer text not null,
		shard smallint not null check (shard between 0 and 15),
		names text[],
		epoch bigint not null,
		xid xid8 not null,
		seq bigint not null,
		moved_at timestamptz not null default clock_timestamp(),
		registered_at timestamptz not null default clock_timestamp(),
		primary key (consumer, shard)
	) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500)
	""",
	"grant select on log_cursors to apg_worker, apg_backup",
	"grant select, insert, update, delete on log_cursors to apg_system",
	"""
	create table event_failures (
		tenant_id uuid not null,
		consumer text not null,
		epoch bigint not null,
		xid xid8 not null,
		seq bigint not null,
		shard smallint not null,
		name text not null,
		state text not null check (state in ('waiting', 'parked', 'exhausted')),
		attempts integer not null,
		next_at timestamptz,
		error text not null,
		occurred_at timestamptz not null,
		failed_at timestamptz not null default clock_timestamp(),
		primary key (tenant_id, consumer, epoch, xid, seq)
	)
	""",
	"create index ix_event_failures_due on event_failures (consumer, shard, next_at)",
	*protect_sql("event_failures", audited=False, app="select, update, delete"),
	"grant insert on event_failures to apg_worker",
	*definer(
		"log_append(p_tenant uuid, p_actor uuid, p_request text, p_names text[], p_bodies text[])",
		"void",
		f"""
		declare v_body text;
		begin
			if p_tenant is distinct from {TENANT} then
				raise insufficient_privilege using message = 'an event belongs to the bound tenant';
			end if;
			foreach v_body in array p_bodies loop
				if octet_length(v_body) > 8192 then
					raise check_violation using message = 'an event is larger than 8192 bytes';
				end if;
			end loop;
			insert into event_log (epoch, tenant_id, name, body, actor_id, request_id)
			select e.epoch, p_tenant, n.name, n.body::jsonb, p_actor, p_request
			from log_epoch e, unnest(p_names, p_bodies) as n(name, body);
		end""",
		to="apg_app, apg_worker",
	),
	# A fresh installation reads from the first event, whoever starts first, web or worker; a
	# consumer that comes later starts now, unless it asks for the past.
	*definer(
		"log_register(p_consumers jsonb)",
		"void",
		f"""
		declare v_epoch bigint; v_xid xid8; v_fresh boolean;
		begin
			lock table log_cursors in share row exclusive mode;
			{_HORIZON}
			v_fresh := not exists (select from log_cursors);
			insert into log_cursors as c (consumer, shard, names, epoch, xid, seq)
			select r.consumer, s.shard, r.names,
				case when v_fresh or r.replay then 0 else v_epoch end,
				case when v_fresh or r.replay then '0'::xid8 else v_xid end, 0
			from jsonb_to_recordset(p_consumers) as r(consumer text, names text[], replay boolean),
				generate_series(0, 15) as s(shard)
			on conflict (consumer, shard) do update
				set names = excluded.names, registered_at = clock_timestamp();
		end""",
		to="apg_worker",
	),
	*definer(
		"log_pending(p_consumers text[])",
		"table (consumer text, shard smallint)",
		f"""
		declare v_epoch bigint; v_xid xid8;
		begin
			{_HORIZON}
			return query select c.consumer, c.shard from log_cursors c
			where c.consumer = any(p_consumers) and (
				exists (select from event_log l where {_PENDING} and {_WANTED})
				or exists (select from event_failures f where {_DUE}))
			order by c.moved_at;
		end""",
		to="apg_worker",
		options=_BY_INDEX,
	),
	# Locks one cursor until the end of the transaction; no row when somebody else holds it.
	*definer(
		"log_lock(p_consumer text, p_shard smallint)",
		"table (epoch bigint, xid bigint)",
		f"""
		declare v_epoch bigint; v_xid xid8;
		begin
			perform from log_cursors c where c.consumer = p_consumer and c.shard = p_shard
				for update skip locked;
			if found then
				{_HORIZON}
				return query select v_epoch, v_xid::text::bigint;
			end if;
		end""",
		to="apg_worker",
	),
	# Failed events that are due, then new ones, up to the horizon that log_lock answered.
	*definer(
		"log_read(p_consumer text, p_shard smallint, p_epoch bigint, p_xid bigint, p_limit integer)",
		f"table ({_EVENT}, attempts integer)",
		f"""
		declare v_epoch bigint := p_epoch; v_xid xid8 := p_xid::text::xid8;
		begin
			return query select {_COLUMNS}, f.attempts
			from log_cursors c, event_failures f, event_log l
			where c.consumer = p_consumer and c.shard = p_shard and {_DUE} and l.shard = f.shard
				and (l.epoch, l.xid, l.seq) = (f.epoch, f.xid, f.seq)
			order by f.epoch, f.xid, f.seq limit p_limit;
			return query select {_COLUMNS}, null::integer from log_cursors c, lateral (
				select * from event_log l where {_PENDING} and {_WANTED}
				order by l.epoch, l.xid, l.seq limit p_limit) l
			where c.consumer = p_consumer and c.shard = p_shard
			order by l.epoch, l.xid, l.seq;
		end""",
		to="apg_worker",
		options=_BY_INDEX,
	),
	*definer(
		"log_blocked(p_consumer text, p_shard smallint)",
		"uuid[]",
		"""
		begin
			return array(select distinct f.tenant_id from event_failures f
				where f.consumer = p_consumer and f.shard = p_shard);
		end""",
		to="apg_worker",
	),
	*definer(
		"log_move(p_consumer text, p_shard smallint, p_epoch bigint, p_xid bigint, p_seq bigint)",
		"void",
		"""
		begin
			update log_cursors c set epoch = p_epoch, xid = p_xid::text::xid8, seq = p_seq,
				moved_at = clock_timestamp()
			where c.consumer = p_consumer and c.shard = p_shard
				and (c.epoch, c.xid, c.seq) < (p_epoch, p_xid::text::xid8, p_seq);
		end""",
		to="apg_worker",
	),
	# Cursors past which only events went that their consumer does not want: once a second is
	# enough, so that a quiet consumer costs no write per event.
	*definer(
		"log_sweep(p_consumers text[])",
		"void",
		f"""
		declare v_epoch bigint; v_xid xid8;
		begin
			{_HORIZON}
			with idle as materialized (
				select c.consumer, c.shard from log_cursors c
				where c.consumer = any(p_consumers) and c.names is not null
					and c.moved_at < clock_timestamp() - interval '1 second'
					and exists (select from event_log l where {_PENDING})
					and not exists (select from event_log l where {_PENDING} and {_WANTED})
				for update of c skip locked)
			update log_cursors c set epoch = v_epoch, xid = v_xid, seq = 0,
				moved_at = clock_timestamp()
			from idle i where c.consumer = i.consumer and c.shard = i.shard
				and (c.epoch, c.xid, c.seq) < (v_epoch, v_xid, 0);
		end""",
		to="apg_worker",
		options=_BY_INDEX,
	),
	*definer(
		"log_head()",
		"table (epoch bigint, xid bigint)",
		f"""
		declare v_epoch bigint; v_xid xid8;
		begin
			{_HORIZON}
			return query select v_epoch, v_xid::text::bigint;
		end""",
		to="apg_app, apg_worker",
	),
	# For live pages: what happened to these tenants after a position.
	*definer(
		"log_tail(p_tenants uuid[], p_epoch bigint, p_xid bigint, p_seq bigint, p_limit integer)",
		f"table ({_EVENT})",
		f"""
		declare v_epoch bigint; v_xid xid8;
		begin
			{_HORIZON}
			return query select {_COLUMNS} from (
				select distinct ('x' || right(t::text, 1))::bit(4)::integer::smallint as shard,
					p_epoch as epoch, p_xid::text::xid8 as xid, p_seq as seq
				from unnest(p_tenants) t) c, lateral (
				select * from event_log l where {_PENDING} and l.tenant_id = any(p_tenants)
				order by l.epoch, l.xid, l.seq limit p_limit) l
			order by l.epoch, l.xid, l.seq limit p_limit;
		end""",
		to="apg_app, apg_worker",
		options=_BY_INDEX,
	),
	*definer(
		"log_lag()",
		"table (consumer text, events bigint, seconds double precision, failed bigint)",
		f"""
		declare v_epoch bigint; v_xid xid8;
		begin
			select e.epoch, pg_snapshot_xmax(pg_current_snapshot()) into v_epoch, v_xid
				from log_epoch e;
			return query select c.consumer, sum(p.events)::bigint,
				extract(epoch from clock_timestamp() - min(p.oldest))::double precision,
				(select count(*) from event_failures f where f.consumer = c.consumer)
			from log_cursors c, lateral (
				select count(*) as events, min(w.occurred_at) as oldest from (
					select l.occurred_at from event_log l where {_PENDING} and {_WANTED}
					limit 10000) w) p
			group by c.consumer order by c.consumer;
		end""",
		to="apg_app, apg_worker",
		options=_BY_INDEX,
	),
	# Who holds the horizon back; how long, and doing what, needs pg_read_all_stats.
	*definer(
		"log_horizon()",
		"table (seconds double precision, pid integer, role text, place text, doing text)",
		"""
		begin
			return query select
				extract(epoch from clock_timestamp() - a.xact_start)::double precision, a.pid,
				a.usename::text, a.datname || '/' || a.application_name,
				coalesce(a.state, '') || ' ' || left(a.query, 120)
			from pg_stat_activity a where a.backend_xid is not null and a.pid <> pg_backend_pid()
			order by age(a.backend_xid) desc limit 1;
		end""",
		to="apg_app, apg_worker",
	),
)


@dataclass(frozen=True, slots=True)
class Horizon:
	"""The session that holds every reader back: seconds its transaction is open (None where the
	server does not tell us), and who it is."""

	seconds: float | None
	pid: int
	role: str
	place: str
	doing: str


@dataclass(frozen=True, slots=True)
class Lag:
	"""How far a consumer is behind: events (counted to 10,000 a shard), age of the oldest."""

	consumer: str
	events: int
	seconds: float | None
	failed: int


@dataclass(frozen=True, slots=True)
class Entry:
	"""One event as it stands in the log; the body is JSON text."""

	position: Position
	tenant_id: str
	name: str
	body: str
	actor_id: str | None
	request_id: str
	occurred_at: datetime


async def append(driver: Any, principal: Principal, request_id: str, new: Sequence[Event]) -> None:
	"""Writes new events into the log in the bound transaction of the driver, in one statement."""
	names, bodies = [event.name for event in new], [event.body() for event in new]
	who = principal.tenant_id, principal.user_id, request_id
	await driver.fetch("select log_append($1, $2, $3, $4, $5)", *who, names, bodies)


async def register(connection: AsyncConnection, consumers: Iterable[Consumer]) -> None:
	"""Makes the cursors of consumers that have none; those that have some keep their place."""
	rows = [
		{"consumer": one.name, "names": one.wire_names, "replay": one.replay} for one in consumers
	]
	await connection.exec_driver_sql(
		"select log_register($1::text::jsonb)", (orjson.dumps(rows).decode(),)
	)


async def head(connection: AsyncConnection) -> Position:
	"""Where the log ends now: a reader that starts here sees only what commits later."""
	row = (await connection.exec_driver_sql("select * from log_head()")).one()
	return Position(row.epoch, row.xid, 0)


async def tail(
	connection: AsyncConnection, tenants: Iterable[str], after: Position, limit: int = 500
) -> list[Entry]:
	"""Events of these tenants after a position, in log order. Ask `head` first, then `tail`: when
	fewer than `limit` come, everything up to that head was seen."""
	rows = await connection.exec_driver_sql(
		"select * from log_tail($1, $2, $3, $4, $5)", (list(tenants), *after, limit)
	)
	return [entry_of(row) for row in rows]


def entry_of(row: Any) -> Entry:
	actor = row.actor_id
	return Entry(
		Position(row.epoch, row.xid, row.seq),
		str(row.tenant_id),
		row.name,
		row.body,
		None if actor is None else str(actor),
		row.request_id,
		row.occurred_at,
	)


async def lag(connection: AsyncConnection) -> list[Lag]:
	"""One line per consumer, for doctor and metrics."""
	return [Lag(*row) for row in await connection.exec_driver_sql("select * from log_lag()")]


async def horizon(connection: AsyncConnection) -> Horizon | None:
	"""The oldest open writing transaction of the server, or None when there is none."""
	row = (await connection.exec_driver_sql("select * from log_horizon()")).first()
	if row is None:
		return None
	seconds, pid, role, place, doing = cast(Any, row)
	return Horizon(seconds, pid, role or "", place or "", doing or "")
