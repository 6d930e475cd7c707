"""Impact of changes, policies, compliance."""

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
	"""Filled by the feature of this name."""
