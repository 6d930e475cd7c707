"""The two kinds of process, web and worker, as `apg serve` and `apg worker` start them."""

import asyncio
import os
import signal
import socket
import sys
import tempfile
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

from apg.cli import lifeline
from apg.cli.explaining import explained
from apg.cli.home import installation, listen, prepare_home, read_settings, with_secret
from apg.cli.output import Failure
from apg.kernel.settings import Settings


def _own_settings() -> Settings:
	"""Settings with a root secret; without APG_DATABASE_URL the home's server must run already."""
	settings = read_settings()
	home = prepare_home(settings)
	return with_secret(settings.model_copy(update={"home": home}), home)


def serve_web() -> None:
	"""Web processes, as many as APG_PROCESSES says; they share one socket and what was loaded."""
	settings = _own_settings()
	sock = listen(settings)  # before anything is loaded: a taken port is told at once
	if settings.database_url:
		_serve(settings, sock)
		return
	with installation() as complete:
		_serve(complete, sock)


def _serve(settings: Settings, sock: socket.socket) -> None:
	together = settings.processes > 1
	with ExitStack() as stack:
		stack.enter_context(explained(settings))
		if together:
			folder = settings.metrics_dir or stack.enter_context(
				tempfile.TemporaryDirectory(prefix="apg-metrics-")
			)
			# The metrics library looks for this name once, when it is loaded.
			os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
		_prepare(settings, "apg_app")
		from apg.app import make_app
		from apg.cli.serving import serve_alone, serve_together

		app = make_app(settings)
		code = (serve_together if together else serve_alone)(app, settings, sock)
	sys.exit(code)


def _prepare(settings: Settings, role: str) -> None:
	"""Logging, metrics, and a look at the database, whose trouble is told before anything starts."""
	from apg.kernel.observe import configure_logging, prepare_metrics_directory

	configure_logging(settings.log_level, settings.log_format)
	if directory := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
		prepare_metrics_directory(Path(directory))
	_look_at_database(settings, role)


def _look_at_database(settings: Settings, role: str) -> None:
	"""Raises Failure when the role cannot log in, or the database is not of this version."""
	from apg.app import composition
	from apg.kernel.database import role_url
	from apg.kernel.keys import RootKey
	from apg.kernel.migrating import histories
	from apg.kernel.roles import role_password

	root = RootKey.parse(settings.secret_key)
	url = role_url(settings, role, role_password(root, role))
	stands = asyncio.run(_schema_versions(url))
	wanted = {history.short: history.head() for history in histories(composition())}
	behind = sorted(short for short, head in wanted.items() if stands.get(short) != head)
	if behind:
		raise Failure(
			f"The database is not of this version: {', '.join(behind)}.", "Run apg migrate."
		)


async def _schema_versions(url: str) -> dict[str, str]:
	"""By the driver that serves requests: a web process never loads another one."""
	import asyncpg

	try:
		connection = await asyncpg.connect(url, timeout=5)
	except TimeoutError as error:
		raise ConnectionError("no answer within 5 seconds") from error
	try:
		rows = await connection.fetch("select short, version from schema_versions()")
		return {row["short"]: row["version"] for row in rows}
	finally:
		await connection.close()


def serve_worker() -> None:
	"""Relay, tasks and schedules, until SIGINT or SIGTERM."""
	settings = _own_settings()
	if settings.database_url:
		_run_worker(settings)
	else:
		with installation() as complete:
			_run_worker(complete)
	sys.exit(0)


def _run_worker(settings: Settings) -> None:
	import uvloop

	lifeline.hold_on()
	with explained(settings):
		_prepare(settings, "apg_worker")
		uvloop.run(_work(settings))


async def _work(settings: Settings) -> None:
	from apg.app import start_worker

	stop = asyncio.Event()
	loop = asyncio.get_running_loop()
	for number in (signal.SIGINT, signal.SIGTERM):
		loop.add_signal_handler(number, stop.set)
	async with AsyncExitStack() as stack:
		await start_worker(settings, stack, stop)
