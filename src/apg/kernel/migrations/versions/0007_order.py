"""The numbers of the log follow the order in which they were taken, over all connections.

A connection that kept sixteen numbers in store gave an entry of today the place of yesterday: the
trail, which is shown and paged by number, told two changes of one row in the wrong order.
"""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
	op.execute("alter sequence log_seq cache 1")
