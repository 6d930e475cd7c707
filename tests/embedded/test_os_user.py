"""Who runs the server, and where its data lives."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from apg.embedded import EmbeddedError, os_user, processes, remove, start, stop
from apg.embedded.binaries import find
from apg.embedded.os_user import account_for, hash_of
from apg.embedded.placement import SYSTEM_FOLDER, reachable

from .conftest import as_root, clear


@pytest.fixture
def closed_folder() -> Iterator[Path]:
	"""Like /root: nobody else may pass."""
	with tempfile.TemporaryDirectory(prefix="apg-test-") as name:
		yield Path(os.path.realpath(name))


def user_of(pid: int) -> int:
	return Path(f"/proc/{pid}").stat().st_uid


def run_as(user: str, home: Path, action: str) -> subprocess.CompletedProcess[str]:
	"""Runs Python code as an ordinary user, in a process that began as root.

	Modules are loaded before the change: that user may not reach this Python's own files.
	"""
	usable = reachable(find(), os_user.Account(user, *_ids(user), switch=True))
	code = f"""
import os, pwd, sys, psycopg
from pathlib import Path
from apg.embedded import EmbeddedError, binaries, start, stop
try: psycopg.connect(host="127.0.0.1", port=1)
except psycopg.OperationalError: pass
entry = pwd.getpwnam({user!r})
os.setgroups([]); os.setgid(entry.pw_gid); os.setuid(entry.pw_uid)
home = Path({str(home)!r})
use = binaries.Binaries(Path({str(usable.folder)!r}), {usable.version!r})
{action}
"""
	return subprocess.run([sys.executable, "-c", code], cwd="/", capture_output=True, text=True)


def _ids(user: str) -> tuple[int, int]:
	entry = pwd.getpwnam(user)
	return entry.pw_uid, entry.pw_gid


@as_root
def test_as_root_it_runs_as_an_unprivileged_user_in_the_home(home: Path) -> None:
	server = start(home, fast=True)

	assert server.data == home / "postgres" / "data"
	family = processes.all_of(server.data)
	assert {user_of(pid) for pid in family} == {server.data.stat().st_uid}
	assert server.data.stat().st_uid != 0
	assert pwd.getpwuid(server.data.stat().st_uid).pw_name == "apg-postgres"
	assert home.stat().st_mode & 0o777 == 0o711
	assert home.stat().st_uid == 0
	for pid in family:  # no group and no right of root is left
		status = Path(f"/proc/{pid}/status").read_text()
		assert "Groups:\t \n" in status
		assert "CapEff:\t0000000000000000\n" in status


@as_root
def test_below_a_closed_folder_the_data_lives_elsewhere(
	closed_folder: Path, new_home: Callable[..., Path]
) -> None:
	home = new_home("my home", below=closed_folder)

	server = start(home, fast=True)

	assert server.data == SYSTEM_FOLDER / hash_of(home) / "data"
	assert sorted(each.name for each in home.iterdir()) == [
		"logs",
		"postgres.json",
		"postgres.lock",
	]
	assert "ready to accept connections" in (home / "logs" / "postgres.log").read_text()
	stop(server)
	assert start(home, fast=True).data == server.data
	assert start(home, fast=True).port == server.port

	remove(home)
	assert list(SYSTEM_FOLDER.glob(f"{hash_of(home)}*")) == []
	assert processes.all_of(server.data) == []
	assert [each.name for each in home.iterdir() if each.name != "logs"] == ["postgres.lock"]


@as_root
def test_programs_that_the_user_cannot_reach_are_copied_once(
	closed_folder: Path, home: Path
) -> None:
	whole = find()
	package = whole.folder.parent.parent
	shutil.copytree(package, closed_folder / package.name)
	libraries = package.with_name(f"{package.name}.libs")
	if libraries.is_dir():
		shutil.copytree(libraries, closed_folder / libraries.name)
	hidden = type(whole)(closed_folder / whole.folder.relative_to(package.parent), whole.version)
	account = account_for(closed_folder)

	copied = reachable(hidden, account)

	assert copied.folder.is_relative_to(SYSTEM_FOLDER)
	made = copied.folder.stat().st_ctime_ns
	assert reachable(hidden, account) == copied
	assert copied.folder.stat().st_ctime_ns == made
	assert [each.name for each in SYSTEM_FOLDER.glob("copy-*")] == []
	server = start(home, use=hidden, fast=True)
	with psycopg.connect(server.admin_url) as connection:
		connection.execute("create extension pg_trgm")


@as_root
def test_a_removed_home_starts_empty_and_keeps_its_old_data_once(
	closed_folder: Path, new_home: Callable[..., Path]
) -> None:
	home = new_home(below=closed_folder)
	first = start(home, fast=True)
	with psycopg.connect(first.admin_url) as connection:
		connection.execute("create table old ()")
	shutil.rmtree(home)  # while its server runs

	second = start(home, fast=True)

	assert second.started_here
	assert second.data == first.data
	with psycopg.connect(second.admin_url) as connection:
		assert connection.execute("select to_regclass('old')").fetchone() == (None,)
	assert (SYSTEM_FOLDER / f"{hash_of(home)}.old" / "data" / "PG_VERSION").exists()


@as_root
def test_a_moved_home_takes_its_data_along_and_a_copy_does_not(
	closed_folder: Path, new_home: Callable[..., Path]
) -> None:
	home, moved, copy = (new_home(name, below=closed_folder) for name in ("a", "b", "c"))
	first = start(home, fast=True)
	stop(first)
	home.rename(moved)
	assert start(moved, fast=True).data == first.data
	stop(moved)

	shutil.copytree(moved, copy)
	with pytest.raises(EmbeddedError) as caught:
		start(copy, fast=True)
	assert caught.value.sentence == (
		f"{copy} is a copy of {moved}, and both name the same data in {first.data.parent}."
	)
	(copy / "postgres.json").unlink()
	assert start(copy, fast=True).data != first.data
	assert start(moved, fast=True).data == first.data
	stop(moved)
	shutil.rmtree(first.data.parent)
	with pytest.raises(EmbeddedError, match="which is gone"):
		start(moved, fast=True)
	(SYSTEM_FOLDER / f"{first.data.parent.name}.home").unlink()


@as_root
def test_an_ordinary_user_keeps_everything_in_the_home(open_folder: Path) -> None:
	home = open_folder / "home of nobody"
	home.mkdir()
	os.chown(home, *_ids("nobody"))
	try:
		done = run_as(
			"nobody",
			home,
			"server = start(home, use=use, fast=True); print(server.data, server.started_here)\n"
			"print(start(home, use=use, fast=True).started_here); stop(home)\n"
			"print(start(home, use=use, fast=True).started_here)",
		)
		assert (done.stdout, done.stderr) == (f"{home}/postgres/data True\nFalse\nTrue\n", "")
		family = processes.all_of(home / "postgres" / "data")
		assert {user_of(pid) for pid in family} == {pwd.getpwnam("nobody").pw_uid}

		# Root adopts the same server, and starts it as the same user.
		assert not start(home, fast=True).started_here
		stop(home)
		server = start(home, fast=True)
		assert server.started_here
		assert server.data.stat().st_uid == pwd.getpwnam("nobody").pw_uid
		assert (home / "postgres.json").stat().st_uid == pwd.getpwnam("nobody").pw_uid
		stop(home)

		# … and that user again, after root.
		done = run_as(
			"nobody", home, "print(start(home, use=use, fast=True).started_here); stop(home)"
		)
		assert (done.stdout, done.stderr) == ("True\n", "")
	finally:
		clear(home)


@as_root
def test_an_ordinary_user_is_told_of_a_home_of_root(home: Path) -> None:
	stop(start(home, fast=True))

	done = run_as(
		"nobody",
		home,
		"try: start(home, use=use, fast=True)\nexcept EmbeddedError as error: print(error.sentence)",
	)

	assert done.stdout.startswith(f"The database at {home} cannot be used: Permission denied")
	assert done.stderr == ""


@as_root
def test_without_useradd_an_existing_user_serves(
	home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
	monkeypatch.setattr(os_user, "OWN_NAME", "no-such-user-of-apg")
	monkeypatch.setattr(os_user, "OTHER_NAMES", ("neither-this-one", "nobody"))
	monkeypatch.setattr(os_user, "_made", lambda name: None)  # useradd was refused

	server = start(home, fast=True)

	assert pwd.getpwuid(server.data.stat().st_uid).pw_name == "nobody"


@as_root
def test_data_of_a_user_that_this_machine_does_not_have_is_taken_over(home: Path) -> None:
	server = start(home, fast=True)
	stop(server)
	for parent, _, names in os.walk(home / "postgres"):
		for each in (parent, *(os.path.join(parent, name) for name in names)):
			os.chown(each, 987654, 987654, follow_symlinks=False)

	assert start(home, fast=True).started_here
	assert pwd.getpwuid(server.data.stat().st_uid).pw_name == "apg-postgres"


def test_a_foreign_socket_folder_is_not_used(
	home: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
	temporary = open_folder / "tmp"
	temporary.mkdir()
	temporary.chmod(0o1777)
	account = account_for(open_folder)
	squatted = temporary / f"apg-{account.uid}"
	squatted.mkdir()
	squatted.chmod(0o777)  # others could replace what is in it
	monkeypatch.setattr(tempfile, "tempdir", str(temporary))

	server = start(home, fast=True)

	assert not server.socket_dir.is_relative_to(squatted)
	assert server.socket_dir.stat().st_mode & 0o077 == 0
