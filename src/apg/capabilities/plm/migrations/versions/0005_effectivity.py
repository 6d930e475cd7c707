"""Effectivity and baselines."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
	"""Filled by the feature of this name."""
