"""Runs the command line as people do: real processes with homes and environments of their own."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from apg.embedded import processes
from apg.embedded.placement import known_folder
from apg.embedded.state import read_state

# Compiled modules halve the time that each process takes.
DROPPED = ("DATABASE_URL", "SECRET_KEY", "REDIS_URL", "PYTHONDONTWRITEBYTECODE")
WRITTEN = "Written during a backup"  # the name of each product that tests write meanwhile
SECONDS = 240.0  # for what takes five on a machine that has nothing else to do


def environment(**settings: str) -> dict[str, str]:
	"""This process's environment without settings of the product, and then these."""
	kept = {
		name: value
		for name, value in os.environ.items()
		if not name.startswith("APG_") and name not in DROPPED
	}
	return kept | settings


def free_port() -> int:
	with socket.socket() as probe:
		probe.bind(("127.0.0.1", 0))
		return probe.getsockname()[1]


class Forking:
	"""One process that has loaded the product and forks for each command: a start costs seconds."""

	def __init__(self, python: str = sys.executable, folder: Path | None = None, **settings: str):
		"""With a folder, commands run there, and each finds by itself what is installed."""
		self.words = [python, "-P", str(Path(__file__).with_name("forked.py"))]
		self.words += ["alone"] if folder else []
		self.folder, self.settings = folder, settings
		self.lock = threading.Lock()
		self.process: subprocess.Popen[str] | None = None

	def started(self) -> subprocess.Popen[str]:
		if self.process is None or self.process.poll() is not None:
			self.process = subprocess.Popen(
				self.words,
				env=environment(**self.settings),
				cwd=self.folder,
				stdin=subprocess.PIPE,
				stdout=subprocess.PIPE,
				text=True,
			)
		return self.process

	def run(self, words: tuple[str, ...], given: dict[str, str]) -> tuple[int, str, str]:
		with self.lock, tempfile.TemporaryDirectory() as place:
			process = self.started()
			assert process.stdin is not None
			assert process.stdout is not None
			out, err = Path(place) / "out", Path(place) / "err"
			out.touch()
			err.touch()
			asked = {"words": words, "environment": given, "out": str(out), "err": str(err)}
			process.stdin.write(json.dumps(asked) + "\n")
			process.stdin.flush()
			pid = int(process.stdout.readline())
			late = threading.Timer(SECONDS, os.kill, (pid, signal.SIGKILL))
			late.start()
			try:
				code = int(process.stdout.readline())
			finally:
				late.cancel()
			return code, out.read_text("utf-8"), err.read_text("utf-8")

	def end(self) -> None:
		if self.process is not None:
			self.process.kill()
			self.process.communicate()


FORKING = Forking()  # ended with the session, by tests/conftest.py


def run(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
	"""`apg words…` to its end. The supervisor starts as people start it, all else is forked."""
	given = environment(**settings)
	if words[0] != "run":
		code, out, err = FORKING.run(words, given)
		return subprocess.CompletedProcess(["apg", *words], code, out, err)
	return subprocess.run(
		[sys.executable, "-P", "-m", "apg", *words],
		env=given,
		capture_output=True,
		text=True,
		timeout=SECONDS,
		stdin=subprocess.DEVNULL,
	)


def refused(done: subprocess.CompletedProcess[str], *parts: str, code: int = 1) -> str:
	"""Asserts a failure in one sentence without a traceback; answers the sentence."""
	assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
	told = [line for line in done.stderr.splitlines() if line.strip()]
	assert len(told) == 1, done.stderr
	assert told[0].startswith("apg: ")
	assert "Traceback" not in done.stderr + done.stdout
	for part in parts:
		assert part in told[0], (part, told[0])
	return told[0]


def alive_below(home: Path) -> list[str]:
	"""Command lines of living processes that name the home, or work below it."""
	found: list[str] = []
	for folder in Path("/proc").iterdir():
		if not folder.name.isdigit() or int(folder.name) == os.getpid():
			continue
		try:
			words = (
				(folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
			)
			names = (folder / "environ").read_bytes().split(b"\0")
			state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
		except OSError:
			continue
		mine = f"APG_HOME={home}".encode() in names or str(home) in words
		if mine and state not in "ZX":
			found.append(f"{folder.name}: {words}")
	state = read_state(home) if home.is_dir() else None
	data = known_folder(home, state) / "data"  # as root it may lie elsewhere
	return found + [f"{pid}: postgres" for pid in processes.all_of(data)]


def gone(home: Path, seconds: float = 40.0) -> bool:
	"""True as soon as nothing of the home lives any more."""
	until = time.monotonic() + seconds
	while alive_below(home):
		if time.monotonic() > until:
			return False
		time.sleep(0.1)
	return True


@dataclass
class Product:
	"""`apg run` of one home."""

	home: Path
	port: int
	more: dict[str, str] = field(default_factory=dict[str, str])
	process: subprocess.Popen[str] | None = None
	output: Path = Path()

	@property
	def settings(self) -> dict[str, str]:
		return {"APG_HOME": str(self.home), "APG_PORT": str(self.port)} | self.more

	def start(self) -> "Product":
		"""Starts it and waits until it says that it is ready."""
		self.output = self.home.with_name(f"{self.home.name}.out")
		with self.output.open("w") as output:
			self.process = subprocess.Popen(
				[sys.executable, "-P", "-m", "apg", "run"],
				env=environment(**self.settings),
				stdout=output,
				stderr=subprocess.STDOUT,
				stdin=subprocess.DEVNULL,
				text=True,
				start_new_session=True,
			)
		until = time.monotonic() + SECONDS
		while "Stop with Ctrl-C" not in self.said():
			assert self.process.poll() is None, self.said()
			assert time.monotonic() < until, self.said()
			time.sleep(0.05)
		return self

	def said(self) -> str:
		return self.output.read_text("utf-8")

	def signal(self, number: signal.Signals) -> int:
		"""Sends the signal and waits for the end; answers the exit code."""
		assert self.process is not None
		self.process.send_signal(number)
		return self.process.wait(60)

	def children(self) -> dict[str, int]:
		"""The supervisor's own processes by their command."""
		assert self.process is not None
		found: dict[str, int] = {}
		for pid in subprocess.check_output(
			["ps", "-o", "pid=", "--ppid", str(self.process.pid)], text=True
		).split():
			words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
			if b"apg" in words:
				found[words[words.index(b"apg") + 1].decode()] = int(pid)
		return found

	def demo(self) -> dict[str, Any]:
		return json.loads((self.home / "demo.json").read_text("utf-8"))

	def login(self, number: int = 0) -> httpx.Response:
		demo = self.demo()
		user = demo["users"][number]
		body = {"username": user["username"], "password": user["password"]}
		return httpx.post(f"{demo['url']}/auth/login", json=body, trust_env=False)

	def end(self) -> None:
		"""Whatever a test left behind."""
		if self.process is not None and self.process.poll() is None:
			self.process.terminate()
			try:
				self.process.wait(60)
			except subprocess.TimeoutExpired:
				self.process.kill()
