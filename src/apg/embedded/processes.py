"""Which processes belong to a data directory, seen from outside of PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

PROC = Path("/proc")


def is_alive(pid: int) -> bool:
	"""True for a process that still runs; a zombie has only not been buried yet."""
	if (PROC / "self" / "stat").exists():
		try:
			stat = (PROC / str(pid) / "stat").read_text("utf-8", "replace")
		except (FileNotFoundError, ProcessLookupError):
			return False
		return stat.rpartition(")")[2].split()[0] not in "ZX"
	said = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
	return bool(said.stdout.strip()) and not said.stdout.strip().startswith("Z")


def works_in(pid: int, data: Path) -> bool:
	"""True when the process is a server process of the data directory.

	A server keeps its data directory as its working directory; a foreign process that was given
	the number of a dead one does not.
	"""
	try:
		return os.readlink(PROC / str(pid) / "cwd").removesuffix(" (deleted)") == str(data)
	except (FileNotFoundError, ProcessLookupError, PermissionError):
		pass
	if (PROC / "self" / "stat").exists():
		return False
	said = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True)
	return "postgres" in said.stdout and str(data) in said.stdout


def all_of(data: Path) -> list[int]:
	"""Every live server process of the data directory, also those whose postmaster is dead."""
	if not PROC.is_dir():
		return []
	numbers = [int(each.name) for each in PROC.iterdir() if each.name.isdigit()]
	mine = os.getpid()
	return [
		pid
		for pid in numbers
		if pid != mine and works_in(pid, data) and is_alive(pid) and _is_postgres(pid)
	]


def _is_postgres(pid: int) -> bool:
	"""A shell that somebody left in the data directory is not ours to end."""
	try:
		return (PROC / str(pid) / "comm").read_text().strip() == "postgres"
	except (FileNotFoundError, ProcessLookupError):
		return False


def end(pids: list[int], how: signal.Signals, *, seconds: float) -> list[int]:
	"""Signals the processes and returns those that still run when the time is over."""
	for pid in pids:
		try:
			os.kill(pid, how)
		except ProcessLookupError:
			continue
	return wait_gone(pids, seconds=seconds)


def wait_gone(pids: list[int], *, seconds: float) -> list[int]:
	deadline = time.monotonic() + seconds
	left = pids
	while left := [pid for pid in left if is_alive(pid)]:
		if time.monotonic() > deadline:
			break
		time.sleep(0.01)
	return left
