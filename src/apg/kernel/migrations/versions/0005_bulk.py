"""Imports of many rows and what was wrong with them."""

from alembic import op

from apg.kernel import bulk

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
	for statement in bulk.DDL:
		op.execute(statement)
