"""Sites, source documents, activity records, calculations."""

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
	"""Filled by the feature of this name."""
