"""`apg run`: one command that brings everything up and takes everything down."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from types import FrameType

from apg.cli.home import installation, refuse_taken_port
from apg.cli.output import Failure, explained
from apg.kernel.private_files import write_private
from apg.kernel.settings import Settings

READY_SECONDS = 120.0
STOP_SECONDS = 15.0


class _Stopped(Exception):
	"""A signal asked for the end."""


def run_all() -> int:
	"""Starts, waits until the product can be used, says where, and stays until it is stopped."""
	for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
		signal.signal(number, _stop)
	try:
		refuse_taken_port(Settings())
		with explained(), installation() as settings:
			return _run(settings)
	except (_Stopped, KeyboardInterrupt):
		return 0


def _stop(number: int, frame: FrameType | None) -> None:
	for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
		signal.signal(other, signal.SIG_IGN)
	raise _Stopped


def _run(settings: Settings) -> int:
	from apg.app import composition
	from apg.kernel.keys import RootKey
	from apg.kernel.migrating import migrate
	from apg.platform.reference.rates.loading import refresh

	done = migrate(settings.database_admin_url, composition(), RootKey.parse(settings.secret_key))
	if rates := refresh(settings.database_admin_url):
		done.append(f"reference: {rates} exchange rates")
	if done:
		print("Database: " + "; ".join(done), flush=True)
	children: dict[str, subprocess.Popen[bytes]] = {}
	try:
		children["web"] = _child("serve", settings)
		children["worker"] = _child("worker", settings)
		_demo(settings, children)
		_wait_ready(settings, children)
		_announce(settings)
		return _watch(children)
	finally:
		_end(children)


def _demo(settings: Settings, children: dict[str, subprocess.Popen[bytes]]) -> None:
	if (settings.home / "demo.json").exists():
		return
	print("Making the demo company …", flush=True)
	# A process of its own: the supervisor stays small and can be stopped at any moment.
	maker = subprocess.Popen(
		[sys.executable, "-m", "apg", "demo"], env=_environment(settings), start_new_session=True
	)
	children["demo"] = maker
	code = maker.wait()
	del children["demo"]
	if code:
		raise Failure(
			"The demo company could not be made (see above).", "Mend that and start again."
		)


def _environment(settings: Settings) -> dict[str, str]:
	environment = dict(os.environ)
	environment.update(
		APG_HOME=str(settings.home),
		APG_HOST=settings.host,
		APG_PORT=str(settings.port),
		APG_SECRET_KEY=settings.secret_key,
		APG_DATABASE_URL=settings.database_url,
		APG_DATABASE_ADMIN_URL=settings.database_admin_url,
		APG_ALLOWED_HOSTS=_hosts(settings),
		PYTHONUNBUFFERED="1",
	)
	return environment


def _hosts(settings: Settings) -> str:
	"""The names the product answers to: those set, and the address it listens on."""
	hosts = settings.allowed_hosts
	if settings.host not in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
		host = f"[{settings.host}]" if ":" in settings.host else settings.host
		hosts = f"{hosts},{host}"
	return hosts


def _child(command: str, settings: Settings) -> subprocess.Popen[bytes]:
	environment = _environment(settings)
	if command == "serve":
		# A web process never needs more than its own role can do.
		environment.pop("APG_DATABASE_ADMIN_URL", None)
	log = (settings.home / f"{command}.log").open("ab")
	try:
		return subprocess.Popen(
			[sys.executable, "-m", "apg", command],
			env=environment,
			stdout=log,
			stderr=log,
			start_new_session=True,
		)
	finally:
		log.close()


def _wait_ready(settings: Settings, children: dict[str, subprocess.Popen[bytes]]) -> None:
	host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104
	host = f"[{host}]" if ":" in host and not host.startswith("[") else host
	address = f"http://{host}:{settings.port}/ready"
	until = time.monotonic() + READY_SECONDS
	while time.monotonic() < until:
		for name, child in children.items():
			if child.poll() is not None:
				raise Failure(
					f"The {name} process ended at once (code {child.returncode}).",
					f"Read {settings.home}/{'serve' if name == 'web' else name}.log.",
				)
		try:
			with urllib.request.urlopen(address, timeout=2) as answer:
				if answer.status == 200:
					return
		except (urllib.error.URLError, OSError):
			pass
		time.sleep(0.05)
	raise Failure(
		f"The product did not become ready within {READY_SECONDS:.0f} s.",
		f"Read {settings.home}/serve.log.",
	)


def _announce(settings: Settings) -> None:
	path = settings.home / "demo.json"
	print(f"\nAPG is ready at {settings.base_url}", flush=True)
	if path.exists():
		told = json.loads(path.read_text())
		if told.get("url") != settings.base_url:
			told["url"] = settings.base_url
			write_private(path, told)
		for user in told["users"]:
			print(f"  {user['username']:<28} {user['password']:<24} {user['role']}")
		print(f"  (kept in {path})")
	print("Stop with Ctrl-C.", flush=True)


def _watch(children: dict[str, subprocess.Popen[bytes]]) -> int:
	while True:
		for name, child in children.items():
			if child.poll() is not None:
				print(f"apg: the {name} process ended (code {child.returncode}).", file=sys.stderr)
				return 1
		time.sleep(0.5)


def _end(children: dict[str, subprocess.Popen[bytes]]) -> None:
	for child in children.values():
		if child.poll() is None:
			child.terminate()
	until = time.monotonic() + STOP_SECONDS
	for child in children.values():
		try:
			child.wait(max(0.1, until - time.monotonic()))
		except subprocess.TimeoutExpired:
			os.killpg(child.pid, signal.SIGKILL)
			child.wait()
