"""What cannot work is said in one sentence with its remedy, and nothing is left behind."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from apg.app import composition
from apg.cli.explaining import explained
from apg.cli.output import Failure
from apg.kernel.errors import Invalid, Problem
from apg.kernel.keys import new_root_secret
from apg.kernel.migrating import admin_engine
from apg.kernel.testing import TEST_SECRET, database, database_name
from tests.cli.commands import alive_below, environment, free_port, refused, run
from tests.conftest import HOME as SHARED

NOWHERE = "postgresql://nobody:never@127.0.0.1:1/apg"
COMMANDS = (("run",), ("migrate",), ("doctor",), ("serve",), ("worker",), ("audit", "verify"))


@pytest.fixture(scope="module")
def migrated(server_url: str) -> Iterator[str]:
	"""A migrated database of these tests alone."""
	name = f"{database_name()}_cli"
	with database(server_url, composition(), name, SHARED / "template.lock") as url:
		yield url


def _settings(home: Path, url: str, secret: str = TEST_SECRET) -> dict[str, str]:
	return {
		"APG_HOME": str(home),
		"APG_PORT": str(free_port()),
		"APG_DATABASE_URL": url,
		"APG_SECRET_KEY": secret,
	}


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_an_unreachable_database(home: Path, words: tuple[str, ...]) -> None:
	done = run(*words, **_settings(home, NOWHERE))
	code = 2 if words[0] == "audit" else 1  # 1 would say that something was found
	told = refused(done, "127.0.0.1:1 cannot be used", code=code)
	assert "APG_DATABASE_URL" in told
	assert "never" not in told


@pytest.mark.slow
def test_a_database_that_is_newer_than_the_program(home: Path, migrated: str) -> None:
	engine = admin_engine(migrated)
	with engine.begin() as connection:
		held = connection.scalar(text("select version_num from alembic_version_plm"))
		connection.execute(text("update alembic_version_plm set version_num = '9999'"))
	try:
		done = run("run", **_settings(home, migrated))
		refused(done, "newer than this program", "plm stands at 9999", "restore a backup")
		refused(run("serve", **_settings(home, migrated)), "not of this version: plm")
		done = run("doctor", **_settings(home, migrated))
		assert done.returncode == 1
		assert "plm at 9999" in done.stdout
	finally:
		with engine.begin() as connection:
			connection.execute(text("update alembic_version_plm set version_num = :v"), {"v": held})
		engine.dispose()
	assert alive_below(home) == []


@pytest.mark.parametrize(
	("secret", "reason"),
	[
		("c2hvcnQ=", "holds 5 bytes, and at least 32 are needed"),
		("secret", "published"),
		("not base64 at all!", "neither base64 nor hexadecimal"),
	],
)
def test_a_bad_secret(home: Path, secret: str, reason: str) -> None:
	settings = {"APG_HOME": str(home), "APG_SECRET_KEY": secret, "APG_PORT": str(free_port())}
	for words in (("run",), ("serve",)):
		refused(run(*words, **settings), reason, "token_urlsafe")
	assert not (home / "postgres").exists()


def test_another_secret_than_the_one_it_was_migrated_with(home: Path, migrated: str) -> None:
	done = run("serve", **_settings(home, migrated, new_root_secret()))
	refused(done, "refuses the login", "APG_SECRET_KEY")


def test_an_empty_database_is_told_apart(home: Path, server_url: str) -> None:
	url = server_url.rsplit("/", 1)[0] + "/template1"
	refused(run("serve", **_settings(home, url)), "apg migrate")


def test_a_role_that_may_not_make_roles(home: Path, server_url: str) -> None:
	name = f"{database_name()}_poor"
	engine = admin_engine(server_url)
	with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
		connection.execute(text(f"create role {name} login password 'poor'"))
		connection.execute(text(f"create database {name} owner {name}"))
		try:
			place = server_url.rpartition("@")[2].partition("/")[0]
			poor = f"postgresql://{name}:poor@{place}/{name}"
			done = run("migrate", **_settings(home, poor))
			refused(done, "does not allow this", "APG_DATABASE_ADMIN_URL")
			assert "poor@" not in done.stderr
		finally:
			connection.execute(text(f"drop database {name} with (force)"))
			connection.execute(text(f"drop role {name}"))
	engine.dispose()


def test_settings_that_are_no_settings(home: Path) -> None:
	done = run("run", APG_HOME=str(home), APG_PORT="eighty", APG_PROCESSES="0")
	refused(done, "APG_PORT", "APG_PROCESSES", ".env.example")
	assert not home.exists()


def test_a_sentence_says_nothing_twice() -> None:
	def told(message: str, *problems: Problem) -> str:
		with pytest.raises(Failure) as failed, explained():
			raise Invalid(message, problems=problems)
		return failed.value.sentence

	taken = Problem("username", "Somebody has this user name already.")
	assert told("Somebody has this user name already.", taken) == (
		"username: Somebody has this user name already."
	)
	assert told("Validation error", Problem("slug", "Use small letters.")) == (
		"slug: Use small letters."
	)
	unknown = Problem("roles", "There is no role “x”.")
	assert told("Some roles do not exist", unknown) == (
		"Some roles do not exist (roles: There is no role “x”)."
	)


def test_an_address_of_another_machine(home: Path) -> None:
	refused(run("run", APG_HOME=str(home), APG_HOST="192.0.2.1"), "APG_HOST")


def test_a_file_where_the_home_should_be(tmp_path: Path) -> None:
	file = tmp_path / "home"
	file.write_text("mine")
	refused(run("run", APG_HOME=str(file)), str(file), "APG_HOME")
	assert file.read_text() == "mine"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(("mode", "what"), [(0o755, "written"), (0o700, "made")])
def test_a_home_that_this_user_cannot_write(
	mode: int, what: str, request: pytest.FixtureRequest
) -> None:
	parent = Path(tempfile.mkdtemp(dir="/tmp"))
	request.addfinalizer(lambda: shutil.rmtree(parent))
	place = parent / "closed"
	place.mkdir()
	parent.chmod(mode)
	code = (
		"import sys; sys.argv = ['apg', 'run']; import apg.cli, apg.cli.running, apg.embedded.launcher;"
		"import os; os.setgid(65534); os.setuid(65534); apg.cli.main()"
	)
	done = subprocess.run(
		[sys.executable, "-P", "-c", code],
		env=environment(APG_HOME=str(place), APG_PORT=str(free_port())),
		capture_output=True,
		text=True,
		cwd="/",
	)
	refused(done, str(place), f"cannot be {what}", "APG_HOME")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
def test_no_space_names_path_and_bytes_and_it_starts_once_there_is_some(tmp_path: Path) -> None:
	small = tmp_path / "small"
	small.mkdir()
	made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300m,mode=755", "tmpfs", small])
	if made.returncode:
		pytest.skip("this machine allows no mounts")
	home = small / "home"
	settings = {"APG_HOME": str(home), "APG_PORT": str(free_port())}
	try:
		filler = small / "filler"
		with filler.open("wb") as file:
			file.write(b"\0" * (295 * 2**20))
		free = os.statvfs(small).f_bavail * os.statvfs(small).f_frsize
		for words in (("run",), ("migrate",)):
			told = refused(run(*words, **settings), "No space left", str(home), "bytes are free")
			assert f"{free // 10**6}," in told
		assert alive_below(home) == []
		filler.unlink()
		done = run("audit", "verify", **settings)
		assert "apg migrate" in done.stderr  # the server came up; nothing was migrated yet
		assert alive_below(home) == []
	finally:
		subprocess.run(["umount", small], check=True)
