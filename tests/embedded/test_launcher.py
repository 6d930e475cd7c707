"""Start, adopt, stop: on real servers."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from apg.embedded import EmbeddedError, Server, processes, remove, start, stop
from apg.embedded.binaries import Binaries, find, inspect


def ask(server: Server, question: str, *, database: str = "apg") -> Any:
	with psycopg.connect(server.url_of(database), autocommit=True) as connection:
		cursor = connection.execute(question)
		row = cursor.fetchone() if cursor.description else None
		return row[0] if row else None


def test_a_first_start_makes_a_safe_server(home: Path) -> None:
	server = start(home)

	assert server.started_here
	assert (server.home, server.host, server.database) == (home, "127.0.0.1", "apg")
	assert server.admin_url == (
		f"postgresql://postgres:{server.password}@127.0.0.1:{server.port}/apg"
	)
	settings = {
		"server_encoding": "UTF8",
		"data_checksums": "on",
		"fsync": "on",
		"full_page_writes": "on",
		"synchronous_commit": "on",
		"password_encryption": "scram-sha-256",
		"listen_addresses": "127.0.0.1",
		"max_connections": "100",
		"shared_buffers": "256MB",
		"TimeZone": "UTC",
	}
	assert {name: ask(server, f"show {name}") for name in settings} == settings
	assert ask(server, "select count(*) from pg_hba_file_rules") == 6
	assert ask(server, "select distinct auth_method from pg_hba_file_rules") == "scram-sha-256"
	# Code point order and the letters of all languages, on every machine.
	assert ask(server, "select upper('éσж')") == "ÉΣЖ"
	assert ask(
		server, "select string_agg(x, '' order by x) from unnest('{a,B,é,z}'::text[]) x"
	) == ("Bazé")


def test_only_who_knows_the_password_gets_in(home: Path) -> None:
	server = start(home)

	for host in (server.host, str(server.socket_dir)):
		for password in ("", "postgres", server.password[:-1]):
			with pytest.raises(psycopg.OperationalError, match=r"password"):
				psycopg.connect(
					host=host, port=server.port, user="postgres", dbname="apg", password=password
				)
	assert (home / "postgres.json").stat().st_mode & 0o777 == 0o600
	assert server.socket_dir.stat().st_mode & 0o777 == 0o700
	assert server.data.stat().st_mode & 0o777 == 0o700
	assert len(server.password) >= 40
	assert server.password not in repr(server)
	assert server.password not in (home / "logs" / "postgres.log").read_text()
	for pid in processes.all_of(server.data):
		assert server.password.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
	assert [each.name for each in server.data.parent.iterdir()] == ["data"]


def test_settings_of_the_caller_change_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
	for name, value in {
		"PGDATA": "/nowhere",
		"PGHOST": "198.51.100.1",
		"PGPORT": "1",
		"PGOPTIONS": "-c no_such_setting=1",
		"PGSSLMODE": "verify-full",
		"PGUSER": "nobody",
		"LC_ALL": "xx_YY",
	}.items():
		monkeypatch.setenv(name, value)

	assert start(home).started_here


def test_settings_fast_and_a_second_database(home: Path) -> None:
	server = start(home, database="of tests", settings={"work_mem": "8MB"}, fast=True)

	assert server.database == "of tests"
	assert server.admin_url.endswith("/of%20tests")
	wanted = {
		"work_mem": "8MB",
		"fsync": "off",
		"synchronous_commit": "off",
		"wal_level": "minimal",
	}
	assert {name: ask(server, f"show {name}", database="of tests") for name in wanted} == wanted
	assert start(home, database="other").database == "other"
	assert ask(server, "select current_database()", database="other") == "other"


def test_a_running_server_is_adopted_and_a_stopped_one_started_again(home: Path) -> None:
	first = start(home, fast=True)
	ask(first, "create table kept as select 42 as answer")
	pid = ask(first, "select pg_backend_pid()")

	second = start(home, fast=True)
	assert (second.port, second.password, second.started_here) == (
		first.port,
		first.password,
		False,
	)

	stop(second)
	assert not processes.is_alive(pid)
	third = start(home, fast=True)
	assert (third.port, third.password, third.started_here) == (first.port, first.password, True)
	assert ask(third, "select answer from kept") == 42


def test_stop_leaves_nothing_behind(home: Path) -> None:
	server = start(home, fast=True)
	client = psycopg.connect(server.admin_url)
	client.execute("select 1")
	family = processes.all_of(server.data)
	assert len(family) >= 5

	stop(server)

	assert [pid for pid in family if processes.is_alive(pid)] == []
	assert processes.all_of(server.data) == []
	assert not server.socket_dir.exists()
	assert not (server.data / "postmaster.pid").exists()
	with pytest.raises(ConnectionRefusedError):
		socket.create_connection((server.host, server.port), timeout=5)
	log = (home / "logs" / "postgres.log").read_text()
	assert "database system is shut down" in log
	client.close()


def test_stopping_twice_or_what_never_ran_is_no_error(home: Path) -> None:
	stop(home)
	assert not home.exists()
	server = start(home, fast=True)
	stop(server)
	stop(server)


def test_a_removed_database_is_gone_and_the_rest_of_the_home_stays(home: Path) -> None:
	server = start(home, fast=True)
	(home / "secret").write_text("kept")

	remove(home)

	assert not server.data.exists()
	assert processes.all_of(server.data) == []
	assert (home / "secret").read_text() == "kept"
	assert start(home, fast=True).password != server.password


def test_a_taken_port_is_left_to_its_owner(home: Path) -> None:
	first = start(home, fast=True)
	stop(first)
	with socket.socket() as other:
		other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		other.bind((first.host, first.port))
		other.listen()
		second = start(home, fast=True)

		assert second.port != first.port
		assert json.loads((home / "postgres.json").read_text())["port"] == second.port
		assert ask(second, "select 1") == 1


@pytest.mark.parametrize("name", ["with spaces and 'quotes' \"\\", "é" * 40, "long/" * 40])
def test_any_path_will_do(name: str, new_home: Callable[..., Path]) -> None:
	home = new_home(name)

	server = start(home, fast=True)

	assert server.home == home
	assert len(str(server.socket_dir)) < 80
	assert ask(server, "show data_directory") == str(server.data)
	stop(server)
	assert start(home, fast=True).started_here


def test_a_home_behind_a_link_is_the_same_home(home: Path, open_folder: Path) -> None:
	first = start(home, fast=True)
	(open_folder / "link").symlink_to(home)

	assert start(open_folder / "link").port == first.port


def test_two_processes_at_once_start_one_server(home: Path) -> None:
	code = "import sys; from pathlib import Path; from apg.embedded import start; " + (
		"server = start(Path(sys.argv[1]), fast=True); print(server.started_here, server.port)"
	)

	def one(_: int) -> str:
		return subprocess.run(
			[sys.executable, "-c", code, home], capture_output=True, text=True, check=True
		).stdout.strip()

	with ThreadPoolExecutor(3) as pool:
		said = list(pool.map(one, range(3)))

	port = start(home, fast=True).port
	assert sorted(said) == [f"False {port}", f"False {port}", f"True {port}"]


def test_a_server_outlives_who_started_it_and_its_terminal(home: Path) -> None:
	code = "import os, signal, sys; from pathlib import Path; from apg.embedded import start; " + (
		"start(Path(sys.argv[1]), fast=True); os.killpg(0, signal.SIGINT)"
	)
	subprocess.run([sys.executable, "-c", code, home], start_new_session=True, capture_output=True)

	server = start(home, fast=True)

	assert not server.started_here
	assert "shutdown" not in (home / "logs" / "postgres.log").read_text()
	stop(home)
	assert processes.all_of(server.data) == []


def test_a_lost_password_is_set_anew_and_the_data_kept(home: Path) -> None:
	first = start(home, fast=True)
	ask(first, "create table kept as select 42 as answer")
	stop(first)
	(home / "postgres.json").unlink()

	second = start(home, fast=True)

	assert second.password != first.password
	assert ask(second, "select answer from kept") == 42
	with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
		psycopg.connect(first.url_of("apg").replace(str(first.port), str(second.port)))

	# … also while the server still runs.
	(home / "postgres.json").unlink()
	third = start(home, fast=True)
	assert third.started_here
	assert ask(third, "select answer from kept") == 42


def test_a_damaged_state_file_is_named_and_nothing_is_touched(home: Path) -> None:
	server = start(home, fast=True)
	stop(server)
	whole = (home / "postgres.json").read_text()
	(home / "postgres.json").write_text("{")

	with pytest.raises(EmbeddedError) as caught:
		start(home, fast=True)

	assert caught.value.sentence.startswith(f"{home}/postgres.json is damaged")
	assert "remove it" in caught.value.remedy
	assert (home / "postgres.json").read_text() == "{"
	(home / "postgres.json").write_text(whole)
	assert start(home, fast=True).password == server.password


def test_a_wrong_password_is_explained(home: Path) -> None:
	server = start(home, fast=True)
	state = json.loads((home / "postgres.json").read_text())
	(home / "postgres.json").write_text(json.dumps(state | {"password": "wrong"}))

	with pytest.raises(
		EmbeddedError, match=r"refuses its administrator: .*password authentication"
	):
		start(home, fast=True)

	assert processes.all_of(server.data) != []  # a server that others use stays up


def test_data_of_another_version_is_refused_untouched(home: Path) -> None:
	server = start(home, fast=True)
	stop(server)
	(server.data / "PG_VERSION").write_text("12\n")

	with pytest.raises(EmbeddedError) as caught:
		start(home, fast=True)

	assert "was made by PostgreSQL 12" in caught.value.sentence
	assert "restore a backup" in caught.value.remedy
	assert (server.data / "PG_VERSION").read_text() == "12\n"


def test_missing_extensions_are_named_and_the_server_is_stopped(
	home: Path, open_folder: Path
) -> None:
	whole = find()
	package = whole.folder.parent.parent
	for part in (package, package.with_name(f"{package.name}.libs")):
		if part.is_dir():
			shutil.copytree(part, open_folder / part.name)
	poor = inspect(open_folder / whole.folder.relative_to(package.parent))
	for name in ("pg_trgm", "unaccent"):
		next((open_folder / package.name).rglob(f"{name}.control")).unlink()

	with pytest.raises(EmbeddedError) as caught:
		start(home, use=poor, fast=True)

	assert caught.value.sentence == "This PostgreSQL server lacks the extensions pg_trgm, unaccent."
	assert "postgresql-contrib" in caught.value.remedy
	assert processes.all_of(home / "postgres" / "data") == []
	# With a whole server the same home starts.
	assert start(home, fast=True).started_here


def test_a_setting_that_postgresql_refuses_is_named(home: Path) -> None:
	with pytest.raises(EmbeddedError) as caught:
		start(home, settings={"work_memory": "8MB"})

	assert "work_memory" in caught.value.sentence
	assert str(home / "logs" / "postgres.log") in caught.value.remedy
	assert start(home, fast=True).started_here


def test_a_home_that_cannot_be_made_is_named(open_folder: Path) -> None:
	(open_folder / "file").write_text("")

	for home in (open_folder / "file", open_folder / "file" / "home"):
		with pytest.raises(EmbeddedError) as caught:
			start(home)
		assert f"a file is where a folder is needed ({open_folder / 'file'})" in str(caught.value)


def test_a_failing_initdb_leaves_no_half_made_data(home: Path, open_folder: Path) -> None:
	broken = open_folder / "bin"
	broken.mkdir()
	real = find()
	(broken / "postgres").symlink_to(real.folder / "postgres")
	(broken / "initdb").write_text(
		'#!/bin/sh\n[ "$1" = -V ] && exit\nmkdir "$2"; touch "$2/half"\n'
		"echo 'initdb: error: it broke' >&2; exit 1\n"
	)
	(broken / "initdb").chmod(0o755)

	with pytest.raises(EmbeddedError) as caught:
		start(home, use=Binaries(broken, real.version))

	assert caught.value.sentence == "PostgreSQL could not create its data directory: it broke."
	assert list((home / "postgres").iterdir()) == []
	assert start(home, fast=True).started_here


def test_the_log_is_kept_short(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
	monkeypatch.setattr("apg.embedded.cluster.LONGEST_LOG", 200)
	server = start(home, fast=True)
	log = home / "logs" / "postgres.log"
	before = log.read_text()
	assert len(before) > 200

	start(home, fast=True)
	with pytest.raises(psycopg.errors.DivisionByZero):
		ask(server, "select 1/0")

	assert (home / "logs" / "postgres.log.1").read_text() == before
	assert "division by zero" in log.read_text()
	assert "\0" not in log.read_text()
	assert os.stat(log).st_mode & 0o777 == 0o600
