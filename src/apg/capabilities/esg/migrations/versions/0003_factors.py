"""Emission factors, their sources and approvals."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
	"""Filled by the feature of this name."""
