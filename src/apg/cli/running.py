"""`apg run`: one command that brings everything up and takes everything down."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import FrameType, TracebackType
from urllib.parse import urlsplit, urlunsplit

from apg.cli import schema
from apg.cli.explaining import FULL, explained, free_bytes, no_space
from apg.cli.home import (
	bound_log,
	database_of,
	prepare_home,
	read_settings,
	refuse_taken_port,
	sole_supervisor,
	with_secret,
)
from apg.cli.lifeline import NAME, Lifeline
from apg.cli.output import Failure
from apg.kernel.private_files import write_private
from apg.kernel.settings import Settings

READY_SECONDS = 120.0
STOP_SECONDS = 15.0
LOG_SECONDS = 20.0
ANYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Stopped(BaseException):
	"""A signal asked for the end; nothing on the way may take it for a failure."""


def run_all() -> int:
	"""Starts, waits until the product can be used, says where, and stays until it is stopped."""
	for number in ENDING:
		signal.signal(number, _stop)
	try:
		settings = read_settings()
		home = prepare_home(settings)
		settings = settings.model_copy(update={"home": home})
		with explained(settings), sole_supervisor(home, settings.base_url):
			refuse_taken_port(settings)
			settings = with_secret(settings, home)
			with database_of(settings, home) as complete, explained(complete):
				return _run(complete)
	except (_Stopped, KeyboardInterrupt):
		return 0


def _stop(number: int, frame: FrameType | None) -> None:
	for other in ENDING:
		signal.signal(other, signal.SIG_IGN)
	raise _Stopped


def _run(settings: Settings) -> int:
	if not schema.is_current(settings):
		_migrate(settings)
	with Children(settings) as children:
		children.start("worker")
		if not schema.has_demo(settings):
			_make_demo(settings, children)
		# Not before: who finds the product ready finds the demo company too.
		children.start("web")
		_wait_ready(settings, children)
		_announce(settings)
		return _watch(children)


def _migrate(settings: Settings) -> None:
	from apg.app import composition
	from apg.kernel.keys import RootKey
	from apg.kernel.migrating import migrate
	from apg.kernel.observe import configure_logging
	from apg.platform.reference.rates.loading import refresh

	configure_logging("WARNING", "console")
	print("Preparing the database …", flush=True)
	done = migrate(settings.database_admin_url, composition(), RootKey.parse(settings.secret_key))
	if rates := refresh(settings.database_admin_url):
		done.append(f"reference: {rates} exchange rates")
	if done:
		print("Database: " + "; ".join(done), flush=True)
	schema.remember(settings)


def _make_demo(settings: Settings, children: "Children") -> None:
	from apg.demo.factors import load_published

	print("Making the demo company …", flush=True)
	# Published factors are the installation's: only its administrator may load them, no child does.
	load_published(settings.database_admin_url)
	# A process of its own: the supervisor stays small and can be stopped at any moment.
	maker = children.start("demo")
	while maker.poll() is None:
		children.refuse_deaths(but="demo")
		time.sleep(0.05)
	del children.running["demo"]
	if maker.returncode:
		raise children.failure("The demo company could not be made", "demo")


COMMANDS = {"web": "serve", "worker": "worker", "demo": "demo"}


class Children:
	"""The processes of one supervisor; leaving the block ends them all."""

	def __init__(self, settings: Settings) -> None:
		self.settings = settings
		self.running: dict[str, subprocess.Popen[bytes]] = {}
		self._line = Lifeline()
		self._began: dict[str, int] = {}

	def __enter__(self) -> "Children":
		return self

	def __exit__(
		self,
		kind: type[BaseException] | None,
		error: BaseException | None,
		trace: TracebackType | None,
	) -> None:
		# A second Ctrl-C must not leave half of them behind.
		for number in ENDING:
			signal.signal(number, signal.SIG_IGN)
		self._end()
		self._line.close()

	def log(self, name: str) -> Path:
		return self.settings.home / "logs" / f"{name}.log"

	def start(self, name: str) -> subprocess.Popen[bytes]:
		bound_log(self.log(name))
		with self.log(name).open("ab") as log:
			os.fchmod(log.fileno(), 0o600)
			self._began[name] = log.tell()
			self.running[name] = subprocess.Popen(
				[sys.executable, "-P", "-m", "apg", COMMANDS[name]],
				env=self._environment(),
				stdin=subprocess.DEVNULL,
				stdout=log,
				stderr=log,
				pass_fds=[self._line.reading],
				start_new_session=True,  # a terminal's Ctrl-C is the supervisor's to hand on
			)
		return self.running[name]

	def _environment(self) -> dict[str, str]:
		"""The children's settings; none of them gets the administrator's address."""
		settings = self.settings
		# Compiled modules halve the time to start, and are kept out of the repository anyway.
		dropped = (
			"APG_DATABASE_ADMIN_URL", "DATABASE_URL", "SECRET_KEY", "PYTHONDONTWRITEBYTECODE",
		)  # fmt: skip
		environment = {name: os.environ[name] for name in os.environ if name not in dropped}
		environment.update(
			APG_HOME=str(settings.home),
			APG_HOST=settings.host,
			APG_PORT=str(settings.port),
			APG_SECRET_KEY=settings.secret_key,
			APG_DATABASE_URL=_without_administrator(settings),
			APG_ALLOWED_HOSTS=_hosts(settings),
			APG_METRICS_DIR=settings.metrics_dir or str(settings.home / "metrics"),
			PYTHONUNBUFFERED="1",
		)
		environment[NAME] = str(self._line.reading)
		return environment

	def refuse_deaths(self, but: str = "") -> None:
		"""Raises Failure when one of them is gone."""
		for name, child in self.running.items():
			if name != but and child.poll() is not None:
				raise self.failure(f"The {name} process ended", name)

	def failure(self, what: str, name: str) -> Failure:
		"""What the child itself said last, else where its log is."""
		if free_bytes(self.settings.home) < FULL:
			return no_space(self.settings.home)
		with self.log(name).open("rb") as log:
			log.seek(self._began.get(name, 0))
			lines = log.read(2**20).decode("utf-8", "replace").splitlines()
		told = [line.removeprefix("apg: ") for line in lines if line.startswith("apg: ")]
		child = self.running.get(name)
		code = f" (code {child.returncode})" if child else ""
		if told:
			return Failure(f"{what}{code}: {told[-1]}")
		return Failure(f"{what}{code}.", f"Its log {self.log(name)} says why; start again.")

	def _end(self) -> None:
		for child in self.running.values():
			if child.poll() is None:
				child.terminate()
		until = time.monotonic() + STOP_SECONDS
		for child in self.running.values():
			try:
				child.wait(max(0.1, until - time.monotonic()))
			except subprocess.TimeoutExpired:
				os.killpg(child.pid, signal.SIGKILL)
				child.wait()


def _without_administrator(settings: Settings) -> str:
	"""The database's address; each process makes the login of its own role from the root secret."""
	if settings.database_url != settings.database_admin_url:
		return settings.database_url
	parts = urlsplit(settings.database_url)
	return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _hosts(settings: Settings) -> str:
	"""The names the product answers to: those set, and the address it listens on."""
	hosts = settings.allowed_hosts
	if settings.host not in ANYWHERE:
		host = f"[{settings.host}]" if ":" in settings.host else settings.host
		hosts = f"{hosts},{host}"
	return hosts


def _wait_ready(settings: Settings, children: Children) -> None:
	local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
	host = f"[{local}]" if ":" in local else local
	address = f"http://{host}:{settings.port}/ready"
	opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
	until = time.monotonic() + READY_SECONDS
	said = ""
	while time.monotonic() < until:
		children.refuse_deaths()
		try:
			with opener.open(address, timeout=2) as answer:
				if answer.status == 200:
					return
		except urllib.error.HTTPError as error:
			said = error.read(500).decode("utf-8", "replace")
		except OSError:  # nobody listens yet
			pass
		time.sleep(0.03)
	raise Failure(
		f"The product did not become ready within {READY_SECONDS:.0f} s{': ' if said else ''}{said}.",
		f"Read {children.log('web')}.",
	)


def _announce(settings: Settings) -> None:
	path = settings.home / "demo.json"
	told = json.loads(path.read_text("utf-8"))
	if told.get("url") != settings.base_url:
		told["url"] = settings.base_url
		write_private(path, told)
	print(f"\nAPG is ready at {settings.base_url}\n")
	for user in told["users"]:
		print(f"  {user['username']:<28} {user['password']:<24} {user['role']}")
	print(f"  (kept in {path})\n")
	if settings.host in ANYWHERE and not settings.public_url:
		print("To be reached by another name, set APG_PUBLIC_URL or APG_ALLOWED_HOSTS to it.")
	print("Stop with Ctrl-C.", flush=True)


def _watch(children: Children) -> int:
	logs = [children.log(name) for name in ("web", "worker", "postgres")]
	looked = time.monotonic()
	while True:
		children.refuse_deaths()
		if time.monotonic() - looked > LOG_SECONDS:
			looked = time.monotonic()
			for log in logs:
				bound_log(log)
		time.sleep(0.25)
