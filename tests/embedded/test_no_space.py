"""A full disk: the sentence names path and bytes, nothing half-made stays, freeing space helps."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from apg.embedded import EmbeddedError, processes, start, stop

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")


@pytest.fixture
def small_disk(open_folder: Path) -> Iterator[Callable[[int], Path]]:
	"""Mounts a tmpfs of so many MiB."""
	mounted: list[Path] = []

	def mount(mebibytes: int) -> Path:
		place = open_folder / "disk"
		place.mkdir()
		options = f"size={mebibytes}m,mode=0755"
		done = subprocess.run(
			["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, text=True
		)
		if done.returncode:
			pytest.skip(f"this machine does not let us mount a tmpfs: {done.stderr.strip()}")
		mounted.append(place)
		return place

	yield mount
	for place in mounted:
		subprocess.run(["umount", "--lazy", place], check=True)


def fill(disk: Path, *, leave: int) -> Path:
	stock = disk / "stock"
	free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
	with stock.open("wb") as stream:
		os.posix_fallocate(stream.fileno(), 0, free - leave)
	return stock


def free_bytes_named(error: EmbeddedError) -> int:
	found = re.search(r"([\d,]+) bytes are free", error.sentence)
	assert found is not None, error.sentence
	return int(found[1].replace(",", ""))


def test_too_little_space_for_a_first_start(
	small_disk: Callable[[int], Path], new_home: Callable[..., Path]
) -> None:
	disk = small_disk(200)
	stock = fill(disk, leave=30 * 2**20)
	home = new_home("home", below=disk)

	with pytest.raises(EmbeddedError) as caught:
		start(home)

	assert f"No space left for the database at {home / 'postgres'}" in caught.value.sentence
	assert 29 * 2**20 < free_bytes_named(caught.value) <= 30 * 2**20
	assert "Free some space" in caught.value.remedy
	assert list((home / "postgres").iterdir()) == []

	stock.unlink()
	assert start(home).started_here


def test_the_disk_fills_up_during_initdb(
	small_disk: Callable[[int], Path],
	new_home: Callable[..., Path],
	monkeypatch: pytest.MonkeyPatch,
) -> None:
	disk = small_disk(200)
	stock = fill(disk, leave=20 * 2**20)
	home = new_home("home", below=disk)
	monkeypatch.setattr("apg.embedded.cluster.FREE_TO_CREATE", 0)

	with pytest.raises(EmbeddedError) as caught:
		start(home)

	assert f"No space left for the database at {home / 'postgres'}" in caught.value.sentence
	assert free_bytes_named(caught.value) <= 20 * 2**20
	assert list((home / "postgres").iterdir()) == []  # nothing half-made keeps its space
	assert processes.all_of(home / "postgres" / "data.new") == []

	stock.unlink()
	assert start(home).started_here


def test_a_full_disk_with_data_on_it(
	small_disk: Callable[[int], Path], new_home: Callable[..., Path]
) -> None:
	disk = small_disk(200)
	home = new_home("home", below=disk)
	first = start(home)
	stop(first)
	stock = fill(disk, leave=0)

	with pytest.raises(EmbeddedError) as caught:
		start(home)

	assert str(home) in caught.value.sentence
	assert "No space left" in caught.value.sentence
	assert free_bytes_named(caught.value) < 2**20
	assert processes.all_of(first.data) == []
	assert (first.data / "PG_VERSION").exists()

	stock.unlink()
	second = start(home)
	assert second.started_here
	assert second.password == first.password


def test_postgresql_itself_finds_the_disk_full(
	small_disk: Callable[[int], Path],
	new_home: Callable[..., Path],
	monkeypatch: pytest.MonkeyPatch,
) -> None:
	disk = small_disk(200)
	home = new_home("home", below=disk)
	first = start(home)
	stop(first, mode="immediate")  # its recovery has to write
	stock = fill(disk, leave=0)
	monkeypatch.setattr("apg.embedded.launcher.FREE_TO_START", 0)

	with pytest.raises(EmbeddedError, match="No space left for the database at"):
		start(home)

	assert processes.all_of(first.data) == []
	stock.unlink()
	assert start(home).started_here


def test_a_full_disk_before_anything_exists(
	small_disk: Callable[[int], Path], new_home: Callable[..., Path]
) -> None:
	disk = small_disk(10)
	fill(disk, leave=0)
	home = new_home("home", below=disk)

	with pytest.raises(EmbeddedError) as caught:
		start(home)

	assert str(disk) in caught.value.sentence
	assert free_bytes_named(caught.value) == 0
