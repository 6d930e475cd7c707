"""Mail that waits to be sent."""

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
	"""Filled by the feature of this name."""
