"""Files that came in."""

from alembic import op

from apg.kernel import uploads

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
	for statement in uploads.DDL:
		op.execute(statement)
