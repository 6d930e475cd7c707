"""The kernel: log, trail, security events, idempotency, rate limits, tasks, keys, scopes."""

from alembic import op

from apg.kernel import audit, growth, json_rows, log, security_events, signing, tasks
from apg.kernel.tenancy import TENANT, protect
from apg.kernel.web import idempotency, rate_limits

revision = "0001"
down_revision = None


def upgrade() -> None:
	for statement in (*json_rows.DDL, *log.DDL, *growth.DDL, *audit.DDL):
		op.execute(statement)
	op.execute("alter table audit_entries enable row level security")
	op.execute("alter table audit_entries force row level security")
	op.execute(f"create policy tenant on audit_entries for select using (tenant_id = {TENANT})")
	op.execute(
		"create policy reach on audit_entries as restrictive using "
		"((select current_setting('app.reach', true)) = 'member')"
	)
	op.execute("grant select on audit_entries to apg_app, apg_worker, apg_backup")
	op.execute("grant select, insert on audit_entries to apg_system")
	op.execute("grant usage on sequence log_seq to apg_system")
	op.execute("grant select on log_epoch to apg_system")
	for statement in (
		*security_events.DDL,
		*idempotency.DDL,
		*rate_limits.DDL,
		*signing.DDL,
		*tasks.ddl(),
	):
		op.execute(statement)
	protect(op, "idempotency_keys", audited=False, keep="24 hours")
