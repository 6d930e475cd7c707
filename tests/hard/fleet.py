"""The product as a cluster runs it: its own PostgreSQL, two web processes, one worker, all mortal.

Whatever is killed is started again at once, as a supervisor would. The relay lives in the worker;
to break it off alone, its connections are ended.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg

from apg.app import composition
from apg.embedded import launcher, processes
from apg.kernel.keys import RootKey
from apg.kernel.migrating import migrate
from apg.kernel.testing import TEST_SECRET
from tests.cli.commands import SECONDS, environment, free_port, run

WEBS = ("web-1", "web-2")
WORKER = "worker"
TARGETS = (*WEBS, WORKER, "relay", "database")


@dataclass
class Fleet:
	"""Its processes by name, each with a log below `home`."""

	home: Path
	ports: dict[str, int] = field(default_factory=lambda: {name: free_port() for name in WEBS})
	running: dict[str, subprocess.Popen[bytes]] = field(
		default_factory=dict[str, subprocess.Popen[bytes]]
	)
	headers: dict[str, str] = field(default_factory=dict[str, str])

	def start(self) -> "Fleet":
		# Not `fast`: what was acknowledged has to outlive a killed server.
		self.server = launcher.start(self.home)
		migrate(self.server.admin_url, composition(), RootKey.parse(TEST_SECRET))
		for name in (*WEBS, WORKER):
			self.start_one(name)
		for name in WEBS:
			self.wait_ready(name)
		self.username, self.password = self.person("tenant", "create", "acme", "--admin", "anna")
		self.headers = self.signed_in(self.username, self.password)
		return self

	def person(self, *words: str) -> tuple[str, str]:
		made = run(*words, "--json", **self.settings(WEBS[0]))
		assert made.returncode == 0, made.stderr
		told = json.loads(made.stdout)[0]
		return told["username"], told["password"]

	def url(self, name: str) -> str:
		return f"http://127.0.0.1:{self.ports[name]}"

	def settings(self, name: str) -> dict[str, str]:
		return {
			"APG_HOME": str(self.home),
			"APG_PUBLIC_URL": self.url(WEBS[0]),  # the issuer of tokens, the same for all
			"APG_PORT": str(self.ports.get(name, 0) or free_port()),
			"APG_PROCESSES": "1",
			"APG_POOL_SIZE": "5",
			"APG_RATE_TIER": "wide",
			"APG_SECRET_KEY": TEST_SECRET,
			"APG_DATABASE_URL": self.server.admin_url,
			"APG_DATABASE_ADMIN_URL": self.server.admin_url,
		}

	def start_one(self, name: str) -> None:
		with (self.home / f"{name}.log").open("ab") as log:
			self.running[name] = subprocess.Popen(
				[sys.executable, "-P", "-m", "apg", "worker" if name == WORKER else "serve"],
				env=environment(**self.settings(name)),
				stdin=subprocess.DEVNULL,
				stdout=log,
				stderr=log,
			)

	def wait_ready(self, name: str) -> None:
		until = time.monotonic() + SECONDS
		while time.monotonic() < until:
			if self.running[name].poll() is not None:  # it met no database: start it again
				self.start_one(name)
			with suppress(httpx.TransportError):
				answer = httpx.get(f"{self.url(name)}/ready", trust_env=False, timeout=10)
				if answer.status_code == 200:
					return
			time.sleep(0.1)
		raise AssertionError(self.log(name))

	def log(self, name: str) -> str:
		return (self.home / f"{name}.log").read_text("utf-8", "replace")[-4_000:]

	def signed_in(self, username: str, password: str) -> dict[str, str]:
		body = {"username": username, "password": password}
		answer = httpx.post(
			f"{self.url(WEBS[0])}/auth/login", json=body, trust_env=False, timeout=60
		)
		assert answer.status_code == 200, answer.text
		return {"Authorization": f"Bearer {answer.json()['access_token']}"}

	def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
		"""As the superuser, past all policies."""
		with psycopg.connect(self.server.admin_url, autocommit=True) as connection:
			found = connection.execute(statement.encode(), values or None)
			return found.fetchall() if found.description else []

	# -- killing --------------------------------------------------------------------------------

	def kill(self, target: str) -> None:
		"""SIGKILL for the target, and a new one in its place, which need not be ready yet."""
		if target == "database":
			family = processes.all_of(self.server.data)
			for pid in family:
				with suppress(ProcessLookupError):
					os.kill(pid, signal.SIGKILL)
			assert processes.wait_gone(family, seconds=20) == []
			server = launcher.start(self.home)
			assert server.port == self.server.port
		elif target == "relay":
			self.sql(
				"select pg_terminate_backend(pid) from pg_stat_activity where usename = 'apg_worker'"
			)
		else:
			process = self.running[target]
			process.kill()
			process.wait()
			self.start_one(target)

	def keep_up(self) -> None:
		"""Starts again what ended by itself, as a supervisor would."""
		for name, process in list(self.running.items()):
			if process.poll() is not None:
				self.start_one(name)

	def end(self) -> None:
		for process in self.running.values():
			if process.poll() is None:
				process.terminate()
		for process in self.running.values():
			try:
				process.wait(30)
			except subprocess.TimeoutExpired:
				process.kill()
				process.wait()
		launcher.remove(self.home)
