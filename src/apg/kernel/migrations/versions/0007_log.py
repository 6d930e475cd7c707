"""The numbers of the log follow the order of writing; what writes it is planned once."""

from alembic import op

from apg.kernel.audit import AS_SYSTEM, RECORDERS

revision = "0007"
down_revision = "0006"


PLANNED_ONCE = "alter function log_append set plan_cache_mode to force_generic_plan"


def upgrade() -> None:
	op.execute("alter sequence log_seq cache 1")
	for statement in (AS_SYSTEM, PLANNED_ONCE, *RECORDERS):
		op.execute(statement)
