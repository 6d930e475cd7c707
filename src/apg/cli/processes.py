"""The two kinds of process: web and worker."""

import asyncio
import signal
import sys
from contextlib import AsyncExitStack

from apg.cli.output import explained
from apg.kernel.settings import Settings


def serve_web() -> None:
	"""uvicorn with as many processes as APG_PROCESSES says; ends when it is told to."""
	import uvicorn

	settings = Settings()
	with explained():
		from apg.kernel.keys import RootKey

		RootKey.parse(settings.secret_key)
	uvicorn.run(
		"apg.cli.processes:web_app",
		factory=True,
		host=settings.host,
		port=settings.port,
		workers=settings.processes if settings.processes > 1 else None,
		loop="uvloop",
		http="httptools",
		access_log=False,
		log_level="warning",
		server_header=False,
		date_header=True,
		proxy_headers=False,
		timeout_graceful_shutdown=10,
		h11_max_incomplete_event_size=65_536,
	)


def web_app() -> object:
	"""The factory uvicorn calls in each process."""
	from apg.app import make_app
	from apg.kernel.observe import configure_logging

	settings = Settings()
	configure_logging(settings.log_level, settings.log_format)
	return make_app(settings)


def serve_worker() -> None:
	"""Relay, tasks and schedules, until SIGINT or SIGTERM."""
	import uvloop

	from apg.kernel.observe import configure_logging

	settings = Settings()
	configure_logging(settings.log_level, settings.log_format)
	with explained():
		uvloop.run(_work(settings))
	sys.exit(0)


async def _work(settings: Settings) -> None:
	from apg.app import start_worker

	stop = asyncio.Event()
	loop = asyncio.get_running_loop()
	for number in (signal.SIGINT, signal.SIGTERM):
		loop.add_signal_handler(number, stop.set)
	async with AsyncExitStack() as stack:
		await start_worker(settings, stack, stop)
