"""One fleet for all tests of processes that are killed or cut off; its start is the dear part."""

from collections.abc import Iterator

import pytest

from tests.hard.fleet import Fleet


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
	made = Fleet(tmp_path_factory.mktemp("fleet"))
	try:
		yield made.start()
	finally:
		made.end()
