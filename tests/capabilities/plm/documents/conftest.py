"""The company of the changes."""

from tests.capabilities.plm.changes.conftest import (  # noqa: F401  fixtures
	company,
	stocked,
)
