"""Homes for real servers: below a folder that every user may pass, and cleared away afterwards."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from apg.embedded import remove
from apg.embedded.os_user import hash_of
from apg.embedded.placement import SYSTEM_FOLDER


def clear(home: Path) -> None:
	"""Stops the server of a home and removes everything that it left anywhere."""
	remove(home)
	shutil.rmtree(home, ignore_errors=True)
	if os.geteuid() == 0:
		for each in SYSTEM_FOLDER.glob(f"{hash_of(home)}*"):
			shutil.rmtree(each) if each.is_dir() else each.unlink()


@pytest.fixture
def open_folder() -> Iterator[Path]:
	"""A folder that other users may pass through; pytest's own are for this user alone."""
	with tempfile.TemporaryDirectory(prefix="apg-test-") as name:
		folder = Path(os.path.realpath(name))
		folder.chmod(0o755)
		yield folder


@pytest.fixture
def quick_folder(open_folder: Path) -> Iterator[Path]:
	"""Like open_folder, in memory where there is enough: a new cluster syncs a thousand files."""
	memory = Path("/dev/shm")
	if not memory.is_dir() or shutil.disk_usage(memory).free < 2 * 2**30:
		yield open_folder
		return
	with tempfile.TemporaryDirectory(prefix="apg-test-", dir=memory) as name:
		folder = Path(name)
		folder.chmod(0o755)
		yield folder


@pytest.fixture
def new_home(quick_folder: Path) -> Iterator[Callable[..., Path]]:
	"""Makes paths of homes, and clears whatever was started in them."""
	made: list[Path] = []

	def make(name: str = "home", below: Path | None = None) -> Path:
		made.append((below or quick_folder) / name)
		return made[-1]

	yield make
	for home in made:
		clear(home)


@pytest.fixture
def home(new_home: Callable[..., Path]) -> Path:
	return new_home()


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="root alone may change users and mount")
