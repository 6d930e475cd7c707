"""Which version each history has, for a process that may not read the version tables."""

from alembic import op

from apg.kernel.log import definer

revision = "0001"
down_revision = None


def upgrade() -> None:
	for statement in definer(
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
	):
		op.execute(statement)
