"""The plant of the impact, for policies about it."""

from tests.capabilities.plm.impact.conftest import (  # noqa: F401  fixtures
	background,
	company,
)
from tests.capabilities.plm.impact.test_impact import plant  # noqa: F401  fixture
