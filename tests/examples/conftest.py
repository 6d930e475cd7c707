"""One fresh installation of the product, into which tests install something and remove it again."""

from collections.abc import Iterator

import pytest

from apg.app import composition
from apg.kernel.testing import database, database_name
from tests.conftest import HOME
from tests.examples.installing import Installation


@pytest.fixture(scope="session")
def installation(
	server_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
	"""Migrated, without any third party's capability yet."""
	name = f"{database_name()}_examples"
	with database(server_url, composition(), name, HOME / "template.lock") as url:
		made = Installation(tmp_path_factory.mktemp("installation"), url)
		assert made.run("migrate").rows == []
		yield made
		made.forking.end()
