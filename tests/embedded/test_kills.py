"""What a killed server leaves behind never keeps the next start from working."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from apg.embedded import Server, processes, start
from apg.embedded.os_user import account_for


def postmaster_of(server: Server) -> int:
	return int((server.data / "postmaster.pid").read_text().split("\n")[0])


def state_of(pid: int) -> str:
	return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def wait_for_state(pid: int, state: str) -> None:
	deadline = time.monotonic() + 10
	while state_of(pid) != state:
		assert time.monotonic() < deadline
		time.sleep(0.01)


def kill_all(server: Server) -> None:
	family = processes.all_of(server.data)
	for pid in family:
		with suppress(ProcessLookupError):  # it saw its postmaster die
			os.kill(pid, signal.SIGKILL)
	assert processes.wait_gone(family, seconds=10) == []


def write(server: Server) -> None:
	with psycopg.connect(server.admin_url) as connection:
		connection.execute("create table kept as select generate_series(1, 1000) as number")


def rows(server: Server) -> int:
	with psycopg.connect(server.admin_url) as connection:
		row = connection.execute("select count(*) from kept").fetchone()
		return row[0] if row else -1


def test_a_killed_server_that_is_our_own_zombie_starts_again(home: Path) -> None:
	first = start(home)
	write(first)
	pid = postmaster_of(first)
	os.kill(pid, signal.SIGKILL)
	wait_for_state(pid, "Z")  # its parent is this process, which has not buried it

	second = start(home)

	assert second.started_here
	assert postmaster_of(second) != pid
	assert rows(second) == 1000


def test_a_zombie_of_another_process_counts_as_dead(home: Path) -> None:
	code = "import sys, time; from pathlib import Path; from apg.embedded import start; " + (
		"start(Path(sys.argv[1])); print('up', flush=True); time.sleep(600)"
	)
	parent = subprocess.Popen([sys.executable, "-c", code, home], stdout=subprocess.PIPE)
	try:
		assert parent.stdout is not None
		assert parent.stdout.readline() == b"up\n"
		first = start(home)
		assert not first.started_here
		pid = postmaster_of(first)
		os.kill(pid, signal.SIGKILL)
		wait_for_state(pid, "Z")

		second = start(home)

		assert second.started_here
		assert state_of(pid) == "Z"
	finally:
		parent.kill()
		parent.communicate()


def test_backends_that_outlive_their_postmaster_are_ended(home: Path) -> None:
	first = start(home)
	write(first)
	client = psycopg.connect(first.admin_url, autocommit=True)
	backend = client.info.backend_pid
	lost: list[type[BaseException]] = []

	def work_for_ever() -> None:
		try:
			# Busy, so it does not notice by itself that its postmaster is dead.
			client.execute("do $$ begin loop perform 1; end loop; end $$")
		except psycopg.OperationalError as error:
			lost.append(type(error))

	busy = threading.Thread(target=work_for_ever)
	busy.start()
	with psycopg.connect(first.admin_url) as other:
		sees = "select from pg_stat_activity where state = 'active' and query like 'do %'"
		while other.execute(sees).fetchone() is None:
			time.sleep(0.01)
	os.kill(postmaster_of(first), signal.SIGKILL)
	assert processes.is_alive(backend)

	second = start(home)

	busy.join(timeout=10)
	assert len(lost) == 1
	assert not processes.is_alive(backend)
	assert rows(second) == 1000
	client.close()


def test_all_processes_killed_at_once(home: Path) -> None:
	first = start(home)
	write(first)
	kill_all(first)

	assert rows(start(home)) == 1000


def test_a_process_that_got_the_number_of_the_dead_server_is_left_alone(home: Path) -> None:
	first = start(home)
	write(first)
	lock = first.data / "postmaster.pid"
	lines = lock.read_text().split("\n")
	os.kill(int(lines[0]), signal.SIGKILL)
	# The same user's, or PostgreSQL itself would see that it is not its own.
	account = account_for(first.data)
	user = {"user": account.uid, "group": account.gid, "extra_groups": []} if account.switch else {}
	foreign = subprocess.Popen(["sleep", "600"], cwd="/", **user)
	try:
		lock.write_text("\n".join([str(foreign.pid), *lines[1:]]))

		second = start(home)

		assert second.started_here
		assert rows(second) == 1000
		assert foreign.poll() is None
	finally:
		foreign.kill()
		foreign.wait()


def test_a_shell_in_the_data_directory_is_left_alone(home: Path) -> None:
	first = start(home)
	shell = subprocess.Popen(["sleep", "600"], cwd=first.data)
	try:
		os.kill(postmaster_of(first), signal.SIGKILL)

		assert start(home).started_here
		assert shell.poll() is None
	finally:
		shell.kill()
		shell.wait()


def test_a_start_killed_in_initdb_is_begun_anew(home: Path) -> None:
	code = "import sys; from pathlib import Path; from apg.embedded import start; " + (
		"start(Path(sys.argv[1]))"
	)
	starter = subprocess.Popen([sys.executable, "-c", code, home], start_new_session=True)
	half = home / "postgres" / "data.new" / "base"
	while not half.exists():
		assert starter.poll() is None
		time.sleep(0.005)
	os.killpg(starter.pid, signal.SIGKILL)
	starter.wait()
	assert not (home / "postgres" / "data").exists()

	server = start(home)

	assert server.started_here
	assert sorted(each.name for each in server.data.parent.iterdir()) == ["data"]


@pytest.mark.parametrize("content", ["", "nonsense\n", "999999999\n"])
def test_a_damaged_lock_file_is_no_obstacle(home: Path, content: str) -> None:
	first = start(home)
	write(first)
	lock = first.data / "postmaster.pid"
	kill_all(first)
	lock.write_text(content)

	assert rows(start(home)) == 1000
