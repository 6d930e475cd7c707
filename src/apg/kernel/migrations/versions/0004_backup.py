"""The backup reads every table of ours, those to come among them: partitions, versions, sequences."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
	for what in ("tables", "sequences"):
		op.execute(f"grant select on all {what} in schema public to apg_backup")
		op.execute(
			f"alter default privileges in schema public grant select on {what} to apg_backup"
		)
