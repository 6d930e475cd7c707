"""Heads over the audit trail; entries of no tenant; events for what is high or critical."""

from alembic import op

from apg.kernel import sealing, security_events

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
	for statement in (*sealing.DDL, *security_events.RECORDERS):
		op.execute(statement)
