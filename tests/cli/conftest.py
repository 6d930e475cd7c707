"""One home for all tests of a running product; its first start is the dear one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from apg.embedded import launcher
from tests.cli.commands import Product, free_port


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
	"""A demo installation in a path with spaces."""
	home = tmp_path_factory.mktemp("a home with spaces") / "below it"
	made = Product(home, free_port(), {"APG_PROCESSES": "1"})
	try:
		yield made.start()
	finally:
		made.end()
		launcher.remove(home)


@pytest.fixture
def product(installed: Product) -> Product:
	"""The installation, running, whatever the test before did to it."""
	if installed.process is None or installed.process.poll() is not None:
		installed.more = {"APG_PROCESSES": "1"}
		installed.start()
	return installed


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
	"""An empty place for a home."""
	place = tmp_path / "home"
	yield place
	launcher.remove(place)
