"""What grows: partitions made ahead, and what is removed when its time to keep is over.

A table says how long it keeps its rows in its comment, `keep=<interval>[ after <column>]`, written
by `protect(keep=…)`; the column is `created_at` when none is named.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from apg.kernel.events import GiveUp
from apg.kernel.log import definer
from apg.kernel.tasks import Schedule, every, task

if TYPE_CHECKING:
	from apg.kernel.worker import Run

CHUNK = 10_000  # rows removed in one transaction, which stays far below a second
JOBS_KEPT = "7 days"

_KEEP = "'^keep=(.+?)(?: after ([a-z_]+))?$'"
_NOTE = f"regexp_match(obj_description(c.oid, 'pg_class'), {_KEEP})"

DDL: tuple[str, ...] = (
	# Attached rather than created in place: that waits for nobody who reads or writes the parent.
	*definer(
		"make_partition(p_parent text, p_from date, p_step text)",
		"void",
		"""
		declare
			v_from date := date_trunc(p_step, p_from)::date;
			v_to date := (date_trunc(p_step, p_from) + ('1 ' || p_step)::interval)::date;
			v_name text := p_parent
				|| to_char(v_from, case p_step when 'month' then '_YYYY_MM' else '_YYYY' end);
		begin
			if p_step not in ('month', 'year') then
				raise invalid_parameter_value using message = 'partitions are months or years';
			end if;
			if to_regclass(format('public.%I', v_name)) is not null then return; end if;
			execute format('create table public.%I (like public.%I including all)', v_name, p_parent);
			execute format('comment on table %I is null', v_name);
			-- A query on a partition would pass the policy of its parent by.
			execute format('revoke all on %I from public, apg_app, apg_worker', v_name);
			execute format('alter table %I enable row level security', v_name);
			execute format('alter table %I force row level security', v_name);
			execute format('alter table %I attach partition public.%I for values from (%L) to (%L)',
				p_parent, v_name, v_from, v_to);
		end""",
		to="apg_owner",
		owner="apg_owner",
		options="set timezone = 'UTC'",
	),
	# For each partitioned table the months to come, or the years, as its partitions are named.
	*definer(
		"make_partitions_ahead()",
		"void",
		"""
		declare v_parent text; v_step text; v_day date;
		begin
			for v_parent, v_step in
				select p.relname, case when max(k.relname) ~ '_\\d{4}_\\d\\d$' then 'month' else 'year' end
				from pg_partitioned_table t join pg_class p on p.oid = t.partrelid
				join pg_inherits i on i.inhparent = p.oid join pg_class k on k.oid = i.inhrelid
				where p.relnamespace = 'public'::regnamespace group by p.relname
			loop
				for v_day in select date_trunc(v_step, now()) + n * ('1 ' || v_step)::interval
					from generate_series(0, case v_step when 'month' then 3 else 2 end) n
				loop
					perform make_partition(v_parent, v_day, v_step);
				end loop;
			end loop;
		end""",
		to="apg_worker",
		owner="apg_owner",
		options="set timezone = 'UTC'",
	),
	*definer(
		"log_month_read(p_from timestamptz, p_to timestamptz)",
		"boolean",
		"""
		begin
			return not exists (select from event_log l join log_cursors c on c.shard = l.shard
					and (l.epoch, l.xid, l.seq) > (c.epoch, c.xid, c.seq)
					and (c.names is null or l.name = any(c.names))
					and c.registered_at > clock_timestamp() - interval '90 days'
				where l.occurred_at >= p_from and l.occurred_at < p_to)
			and not exists (select from event_failures f where f.state <> 'exhausted'
				and f.occurred_at >= p_from and f.occurred_at < p_to);
		end""",
		to="apg_owner",
	),
	# Months of the log that are older than it keeps and that every living reader has passed.
	*definer(
		"log_drop_months()",
		"text[]",
		f"""
		declare v_part text; v_from timestamptz; v_keep interval; v_gone text[] := array[]::text[];
		begin
			select ({_NOTE})[1]::interval into v_keep from pg_class c
				where c.oid = 'public.event_log'::regclass;
			for v_part in select k.relname from pg_inherits i join pg_class k on k.oid = i.inhrelid
				where i.inhparent = 'public.event_log'::regclass order by 1
			loop
				v_from := to_date(right(v_part, 7), 'YYYY_MM');
				if v_from + interval '1 month' < now() - v_keep
					and log_month_read(v_from, v_from + interval '1 month')
				then
					execute format('drop table %I', v_part);
					v_gone := v_gone || v_part;
				end if;
			end loop;
			return v_gone;
		end""",
		to="apg_worker",
		owner="apg_owner",
		options="set timezone = 'UTC'",
	),
	# Removes only from tables that say themselves how long they keep, and only what is older.
	*definer(
		"growth_trim(p_table text, p_limit integer)",
		"bigint",
		f"""
		declare v_note text[]; v_count bigint;
		begin
			select {_NOTE} into v_note from pg_class c
				where c.oid = to_regclass(format('public.%I', p_table)) and c.relkind = 'r';
			if v_note is null then
				raise invalid_parameter_value using message = p_table || ' keeps everything';
			end if;
			execute format('delete from %I where ctid = any(array(select ctid from %I '
				'where %I < clock_timestamp() - %L::interval limit %s))',
				p_table, p_table, coalesce(v_note[2], 'created_at'), v_note[1], p_limit);
			get diagnostics v_count = row_count;
			return v_count;
		end""",
		to="apg_worker",
	),
	*definer(
		"growth_report()",
		"table (name text, bytes bigint, rows bigint, keep text, oldest timestamptz)",
		f"""
		declare v_note text[];
		begin
			for name, bytes, rows, v_note in
				select c.relname::text, s.bytes, s.rows, {_NOTE}
				from pg_class c, lateral (
					select sum(pg_total_relation_size(t.relid))::bigint as bytes,
						sum(greatest(k.reltuples, 0))::bigint as rows
					from (select c.oid as relid union select relid from pg_partition_tree(c.oid)) t
					join pg_class k on k.oid = t.relid) s
				where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
					and not c.relispartition
				order by s.bytes desc
			loop
				keep := v_note[1];
				oldest := null;
				if keep is not null then
					execute format('select min(%I) from %I', coalesce(v_note[2], 'created_at'), name)
						into oldest;
				end if;
				return next;
			end loop;
		end""",
		to="apg_app, apg_worker",
	),
	"select make_partition('event_log', (now() + n * interval '1 month')::date, 'month') "
	"from generate_series(0, 3) n",
)


@dataclass(frozen=True, slots=True)
class Growth:
	"""One table: bytes with its indexes and partitions, rows as the planner estimates them, how
	long it keeps its rows (None: for good) and the oldest of those."""

	table: str
	bytes: int
	rows: int
	keep: str | None
	oldest: datetime | None


async def report(connection: AsyncConnection) -> list[Growth]:
	"""The largest first; for doctor."""
	return [
		Growth(*row) for row in await connection.exec_driver_sql("select * from growth_report()")
	]


@task(installation=True, key="all", name="kernel.growth.make_room")
async def make_room(run: "Run") -> None:
	"""The partitions of the months and years to come; never made in a request."""
	async with run.runtime.engine.begin() as connection:
		await connection.exec_driver_sql("select make_partitions_ahead()")


@task(installation=True, key="all", name="kernel.growth.remove_outgrown")
async def remove_outgrown(run: "Run") -> None:
	"""Removes what its table keeps no longer, in short transactions."""
	engine = run.runtime.engine
	async with engine.connect() as connection:
		bounded = await connection.exec_driver_sql(
			f"select c.relname from pg_class c where c.relkind = 'r' and not c.relispartition "
			f"and c.relnamespace = 'public'::regnamespace and {_NOTE} is not null order by 1"
		)
		trims = [("select growth_trim($1, $2)", (name, CHUNK)) for (name,) in bounded.all()]
	failed: list[str] = []
	for statement, values in (*trims, (_OLD_JOBS, (CHUNK,)), (_OLD_RUNS, (CHUNK,))):
		removed = CHUNK
		try:
			while removed == CHUNK:
				async with engine.begin() as connection:
					removed = (await connection.exec_driver_sql(statement, values)).scalar_one()
		except DBAPIError:
			failed.append(str(values[0]))  # one table must not keep the others from shrinking
	async with engine.begin() as connection:
		await connection.exec_driver_sql("select log_drop_months()")
	if failed:
		raise GiveUp(f"nothing was removed from {', '.join(failed)}")


_OLD_JOBS = f"""
	with old as (
		delete from procrastinate_jobs where id in (
			select j.id from procrastinate_jobs j
			where j.status in ('succeeded', 'failed', 'cancelled', 'aborted') and not exists (
				select from procrastinate_events e
				where e.job_id = j.id and e.at > clock_timestamp() - interval '{JOBS_KEPT}')
			limit $1) returning 1)
	select count(*) from old"""
# A day longer than the jobs, so that no job outlives the note that it took effect.
_OLD_RUNS = f"""
	with old as (
		delete from task_runs where ctid = any(array(
			select ctid from task_runs
			where done_at < clock_timestamp() - interval '{JOBS_KEPT}' - interval '1 day' limit $1))
		returning 1)
	select count(*) from old"""

TASKS = (make_room, remove_outgrown)
SCHEDULES: tuple[Schedule, ...] = (
	every("11 2 * * *", make_room),
	every("17 3 * * *", remove_outgrown),
)
