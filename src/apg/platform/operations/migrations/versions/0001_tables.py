"""Which version each history has, and how a tenant's administrator calls a task off."""

from alembic import op

from apg.kernel.log import definer
from apg.kernel.tenancy import TENANT

revision = "0001"
down_revision = None

FUNCTIONS = (
	# A process may not read the version tables themselves.
	*definer(
		"schema_versions()",
		"table (short text, version text)",
		"""
		declare v_table text;
		begin
			for v_table in select c.relname from pg_class c
				where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
					and c.relname like 'alembic\\_version\\_%'
			loop
				short := substr(v_table, 17);
				execute format('select max(version_num) from %I', v_table) into version;
				return next;
			end loop;
		end""",
		to="apg_app, apg_worker",
		owner="apg_owner",
		options="stable",
	),
	# cancelled: it never ran · asked: it stops at its next report · running: it cannot be asked ·
	# over: it ended, or was never there. A lock reads <tenant>/<task>/<key>.
	*definer(
		"task_call_off(p_job bigint)",
		"text",
		f"""
		declare v_job procrastinate_jobs; v_key text;
		begin
			select * into v_job from procrastinate_jobs j
				where j.id = p_job and j.args ->> 'tenant' = {TENANT}::text for update;
			if not found or v_job.status not in ('todo', 'doing') then return 'over'; end if;
			v_key := coalesce(substr(v_job.lock, length(v_job.task_name) + 39), p_job::text);
			if v_job.status = 'todo' then
				update procrastinate_jobs set status = 'cancelled' where id = p_job;
				update task_progress t set state = 'cancelled', updated_at = clock_timestamp()
					where t.tenant_id = {TENANT} and t.task_key = v_key
						and t.task_name = v_job.task_name and t.state = 'waiting';
				return 'cancelled';
			end if;
			update task_progress t set cancel_requested = true, updated_at = clock_timestamp()
				where t.tenant_id = {TENANT} and t.task_key = v_key
					and t.task_name = v_job.task_name and t.state in ('waiting', 'running');
			return case when found then 'asked' else 'running' end;
		end""",
		to="apg_app, apg_worker",
	),
)


def upgrade() -> None:
	for statement in FUNCTIONS:
		op.execute(statement)
