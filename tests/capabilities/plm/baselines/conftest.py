"""The people of these tests, and a workshop for each of them."""

import httpx
import pytest
from tests.capabilities.plm.workshop import Workshop
from tests.platform.cast import api, cast, desk_app

__all__ = ["api", "cast", "desk_app"]


@pytest.fixture
def shop(api: httpx.AsyncClient) -> Workshop:
	return Workshop(api)


@pytest.fixture
def other(api: httpx.AsyncClient) -> Workshop:
	"""The other company's."""
	return Workshop(api, "charlie")
