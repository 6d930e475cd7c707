"""The wire form of a time is a plain expression to the planner, not a call for each row."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
	op.execute(
		"""
		create or replace function apg_time(t timestamptz) returns text
		language sql stable parallel safe
		return replace((t at time zone 'UTC')::text, ' ', 'T') || 'Z'
		"""
	)
