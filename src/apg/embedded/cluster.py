"""A data directory and the server process on it: made, started, watched, cleared after a kill."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from io import BufferedRandom
from pathlib import Path

from apg.embedded import processes
from apg.embedded.binaries import Binaries
from apg.embedded.errors import NO_SPACE, EmbeddedError, free_bytes, no_space
from apg.embedded.os_user import Account

HOST = "127.0.0.1"
FIRST_PORT, PORTS = 20_000, 10_000  # below the range that systems give to outgoing connections
# An empty cluster takes 40 MB and its first database 8 MB; one segment of the log takes 16 MiB.
FREE_TO_CREATE = 96 * 2**20
FREE_TO_START = 16 * 2**20
START_SECONDS = 300  # recovery after a kill replays at most max_wal_size
LINGER_SECONDS = 30
LONGEST_LOG = 32 * 2**20

# Written once into postgresql.conf, where an operator may change them.
TUNING = {
	"max_connections": "100",
	"shared_buffers": "256MB",
	"max_wal_size": "1GB",
	"checkpoint_timeout": "15min",
	"max_locks_per_transaction": "256",  # partitioned tables take one lock per partition
	"random_page_cost": "1.1",
	"jit": "off",
	"password_encryption": "scram-sha-256",
	"timezone": "UTC",
	"log_timezone": "UTC",
	"log_line_prefix": "%m [%p] %q%u@%d %a ",
	"log_lock_waits": "on",
	"log_checkpoints": "off",
}
FAST = {
	"fsync": "off",
	"synchronous_commit": "off",
	"full_page_writes": "off",
	"wal_level": "minimal",
	"max_wal_senders": "0",
}

SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
STOP_SECONDS = 60

_LOUD = re.compile(r".*(?:FATAL|PANIC|error): +|.*\bERROR: +")
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class Cluster:
	"""The folder of one data directory, the account that runs its server, and the server's log.

	This process opens the log, so it may lie where the account cannot go.
	"""

	folder: Path
	account: Account
	log: Path

	@property
	def data(self) -> Path:
		return self.folder / "data"

	def create(self, use: Binaries, superuser: str, password: str, *, fast: bool) -> None:
		"""Runs initdb beside the final place, so a half-made directory is never taken for data."""
		if free_bytes(self.folder) < FREE_TO_CREATE:
			raise no_space(self.folder, FREE_TO_CREATE)
		new, secret = self.folder / "data.new", self.folder / "password.new"
		self.account.remove(new)
		try:
			self.account.write(secret, password + "\n")
			words = [use.program("initdb"), "-D", new, "-U", superuser, "-E", "UTF8"]
			words += ["-A", "scram-sha-256", f"--pwfile={secret}", "--data-checksums"]
			words += [f"--set={name}={value}" for name, value in TUNING.items()]
			words += ["--no-sync"] if fast else []
			first, *others = _locales(use.major)
			done = self.account.run(*words, *first)
			if others and "locale" in done.stderr:
				done = self.account.run(*words, *others[0])
			if done.returncode:
				raise self.failure("PostgreSQL could not create its data directory", done.stderr)
			new.rename(self.data)
		finally:
			self.account.remove(new, secret)

	def major(self) -> int | None:
		"""The version that made the data, or None when there is none yet."""
		try:
			return int((self.data / "PG_VERSION").read_text("utf-8"))
		except (FileNotFoundError, ValueError):
			return None

	def set_password(self, use: Binaries, superuser: str, password: str) -> None:
		"""Sets a known password (letters, digits, - and _) while no server runs."""
		words = [use.program("postgres"), "--single", "-D", self.data, "postgres"]
		done = self.account.run(*words, stdin=f"alter role {superuser} password '{password}';\n")
		if done.returncode or _LOUD.search(done.stderr):
			raise self.failure("PostgreSQL could not set its administrator's password", done.stderr)

	def launch(
		self, use: Binaries, port: int, sockets: Path, settings: Mapping[str, str]
	) -> str | None:
		"""Starts the server; None when it accepts connections, else what it said as it ended.

		The postmaster gets a session of its own, so the terminal's Ctrl-C passes it by.
		"""
		identity = {
			"listen_addresses": HOST,
			"port": str(port),
			"unix_socket_directories": f'"{sockets}"',
		}
		words = [use.program("postgres"), "-D", str(self.data)]
		for name, value in (identity | dict(settings)).items():
			words += ["-c", f"{name}={value}"]
		with self._open_log() as log:
			start = log.seek(0, os.SEEK_END)
			process = subprocess.Popen[bytes](
				words,
				stdin=subprocess.DEVNULL,
				stdout=log,
				stderr=log,
				start_new_session=True,
				**self.account.process_options,
			)
			_children[process.pid] = process
			if self._becomes_ready(process):
				return None
			log.seek(start)
			return log.read(2**20).decode("utf-8", "replace")

	def _open_log(self) -> BufferedRandom:
		"""Opened for appending, so that trim_log may shorten it below a running server."""
		self.log.parent.mkdir(mode=0o700, exist_ok=True)
		flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
		return open(os.open(self.log, flags, 0o600), "r+b")

	def trim_log(self) -> None:
		"""Keeps the log below LONGEST_LOG bytes, the part before in a file beside it."""
		if self.log.exists() and self.log.stat().st_size > LONGEST_LOG:
			shutil.copyfile(self.log, self.log.with_name(f"{self.log.name}.1"))
			os.truncate(self.log, 0)

	def _becomes_ready(self, process: subprocess.Popen[bytes]) -> bool:
		deadline = time.monotonic() + START_SECONDS
		while process.poll() is None:
			running = self.postmaster()
			if running and running.pid == process.pid and running.status == "ready":
				return True
			if time.monotonic() > deadline:
				self.stop("immediate")
			time.sleep(0.01)
		del _children[process.pid]
		return False

	def postmaster(self) -> Postmaster | None:
		"""The live server of this data directory, as its lock file describes it."""
		try:
			lines = (self.data / "postmaster.pid").read_text("utf-8").splitlines()
			pid = int(lines[0])
		except (FileNotFoundError, IndexError, ValueError):
			return None
		if not processes.works_in(pid, self.data) or not processes.is_alive(pid):
			return None
		if len(lines) < 8:
			return Postmaster(pid, 0, Path(), "starting")
		return Postmaster(pid, int(lines[3]), Path(lines[4]), lines[7].strip())

	def settled(self) -> Postmaster | None:
		"""The running server once it is ready; None when there is none or it has ended."""
		deadline = time.monotonic() + START_SECONDS
		while (running := self.postmaster()) and running.status != "ready":
			if time.monotonic() > deadline:
				raise EmbeddedError(
					f"The database server of {self.data} (process {running.pid}) has been "
					f"{running.status} for {START_SECONDS} seconds.",
					f"Look into its log {self.log}, end that process, and start again.",
				)
			time.sleep(0.01)
		return running

	def clear_remains(self, sockets: Path) -> None:
		"""Ends what a killed postmaster left running and removes its locks.

		Only when no postmaster is alive. Backends without a postmaster hold its shared memory, and
		the lock file of a zombie, or one whose number another process got, looks held.
		"""
		for pid, child in list(_children.items()):
			if child.poll() is not None:
				del _children[pid]
		orphans = processes.all_of(self.data)
		orphans = processes.end(orphans, signal.SIGQUIT, seconds=5)
		orphans = processes.end(orphans, signal.SIGKILL, seconds=LINGER_SECONDS)
		if orphans:
			raise EmbeddedError(
				f"Processes of an earlier database server of {self.data} do not end: {orphans}.",
				"End them by hand (kill -9), and start again.",
			)
		locks = [self.data / "postmaster.pid", *sockets.glob(".s.PGSQL.*")]
		self.account.remove(*locks)

	def stop(self, mode: str) -> Postmaster | None:
		"""Stops the server, waits until none of its processes is left, and returns what it was."""
		running = self.postmaster()
		if running is None:
			return None
		family = processes.all_of(self.data) or [running.pid]
		for how in (SIGNALS[mode], signal.SIGQUIT, signal.SIGKILL):
			if not processes.end([running.pid], how, seconds=STOP_SECONDS):
				break
		child = _children.pop(running.pid, None)
		if child:
			child.wait()
		left = processes.wait_gone(family, seconds=5)
		processes.end(left, signal.SIGKILL, seconds=5)
		return running

	def failure(self, what: str, said: str) -> EmbeddedError:
		"""The error for a server that ended: a full disk by name, else its own last words."""
		free = free_bytes(self.folder)
		if any(os.strerror(number) in said for number in NO_SPACE) or free < FREE_TO_START:
			return no_space(self.folder)
		loud = [line for line in said.splitlines() if _LOUD.search(line)]
		words = (loud or said.strip().splitlines() or ["it said nothing"])[-1]
		return EmbeddedError(
			f"{what}: {_LOUD.sub('', words).strip()}.",
			f"Its log is {self.log}; mend what it names and start again, or set "
			"APG_DATABASE_URL to a running server.",
		)


@dataclass(frozen=True)
class Postmaster:
	pid: int
	port: int
	sockets: Path
	status: str  # "starting", "ready", "stopping"


def _locales(major: int) -> list[list[str]]:
	"""Orders text by code point and knows the letters of all languages, alike on every machine."""
	if major >= 17:
		return [["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]]
	libc = ["--locale-provider=libc", "--locale=C.UTF-8"]
	icu = ["--locale-provider=icu", "--icu-locale=und", "--locale=C"]
	return [libc, icu]


def choose_port(home_hash: str, last: int) -> int:
	"""The port of the last start when it is free, else the first free one after the home's own."""
	base = int(home_hash[:8], 16) % PORTS
	own = (FIRST_PORT + (base + step) % PORTS for step in range(PORTS))
	for port in (*([last] if last else []), *own):
		if _is_free(port):
			return port
	raise EmbeddedError(
		f"No port from {FIRST_PORT} to {FIRST_PORT + PORTS - 1} on {HOST} is free.",
		"End a server that you do not need, or set APG_DATABASE_URL to a running one.",
	)


def _is_free(port: int) -> bool:
	with closing(socket.socket()) as probe:
		probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		try:
			probe.bind((HOST, port))
		except OSError:
			return False
	return True
