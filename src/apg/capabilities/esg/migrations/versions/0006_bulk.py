"""Readings and activity records by the thousand: staging, hidden until all of an import are there."""

from alembic import op

from apg.kernel.bulk import staging_sql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
	for statement in (
		*staging_sql("esg_measurements", "import_id"),
		*staging_sql("esg_activity_records", "batch_id", computed=("period",)),
	):
		op.execute(statement)
	_removable()


def _removable() -> None:
	"""Records of an import that nobody has seen yet are removed where it fails or is stopped; one entry
	of the trail tells of a whole chunk. Every other removal stays refused."""
	op.execute("""
	create function esg_activity_unseen() returns trigger language plpgsql as $$
	begin
		if not exists (select from bulk_imports i where i.id = old.batch_id and i.state = 'removing')
		then
			raise exception 'activity record % is kept; withdraw it', old.record_id
				using errcode = 'P0001', constraint = 'esg_activities_are_kept';
		end if;
		return old;
	end $$
	""")
	op.execute("drop trigger guard on esg_activity_records")
	op.execute(
		"create trigger guard before update on esg_activity_records "
		"for each row execute function esg_activity_guard()"
	)
	op.execute(
		"create trigger guard_removal before delete on esg_activity_records "
		"for each row execute function esg_activity_unseen()"
	)
	op.execute("drop trigger audit on esg_activity_records")
	op.execute(
		"create trigger audit after update on esg_activity_records "
		"for each row execute function audit_row()"
	)
	op.execute(
		"create trigger audit_delete after delete on esg_activity_records "
		"referencing old table as changed for each statement "
		"execute function audit_statement('period_start')"
	)
	op.execute("grant delete on esg_activity_records to apg_worker")
