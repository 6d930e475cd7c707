"""The wire form of a time is a plain expression to the planner.

`to_char` is stable, so the function that called itself immutable could not be put in the place of
its call: each time of each row cost a call of its own, a quarter of a list of fifty products.
"""

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
