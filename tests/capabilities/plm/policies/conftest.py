"""The plant of the impact, for policies about it."""

from tests.capabilities.plm.impact.conftest import (  # noqa: F401  fixtures
	_quick_hashes,
	background,
	company,
)
from tests.capabilities.plm.impact.test_impact import plant  # noqa: F401  fixture
