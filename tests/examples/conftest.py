"""One fresh installation of the product, into which tests install something and remove it again."""

from collections.abc import Iterator

import pytest

from tests.examples.installing import Installation, empty_database, run_name


@pytest.fixture(scope="session")
def installation(
	server_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
	"""Migrated, without any third party's capability yet."""
	with empty_database(server_url, run_name("examples")) as url:
		made = Installation(tmp_path_factory.mktemp("installation"), url)
		migrated = made.run("migrate")
		assert migrated.code == 0, migrated.text
		yield made
