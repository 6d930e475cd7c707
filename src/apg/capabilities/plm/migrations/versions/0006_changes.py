"""Engineering changes and their approvals."""

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
	"""Filled by the feature of this name."""
