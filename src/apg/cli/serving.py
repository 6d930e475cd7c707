"""Web processes on one socket: the application is loaded once, then the process forks.

A process that ends unasked is replaced, unless it never came up. The processes end with the one
that started them, and that one with its own parent (lifeline).
"""

import gc
import os
import select
import signal
import socket
import sys
import time
import traceback
from types import FrameType
from typing import TYPE_CHECKING

from apg.cli import lifeline
from apg.cli.output import Failure
from apg.kernel.settings import Settings

if TYPE_CHECKING:
	from fastapi import FastAPI

STOP_SECONDS = 12.0  # a web process gives its requests ten
CAME_UP_SECONDS = 10.0
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _wake(number: int, frame: FrameType | None) -> None:
	"""Only a signal with a handler writes to the wake-up descriptor."""


def serve_alone(app: "FastAPI", settings: Settings, sock: socket.socket) -> int:
	"""Serves in this process until it is asked to end."""
	import uvicorn

	lifeline.hold_on()
	gc.freeze()  # what was loaded stays for good
	config = uvicorn.Config(
		app,
		host=settings.host,
		port=settings.port,
		loop="uvloop",
		http="httptools",
		access_log=False,
		log_config=None,
		server_header=False,
		proxy_headers=False,
		timeout_graceful_shutdown=10,
		h11_max_incomplete_event_size=65_536,
	)
	server = uvicorn.Server(config)
	for number in ENDING:  # uvicorn raises again what it has obeyed: that ends here
		signal.signal(number, server.handle_exit)
	signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
	try:
		server.run(sockets=[sock])
	except SystemExit as ended:  # what uvicorn does when the application does not start
		raise Failure(
			"The web application did not start.", "The lines before this one say why."
		) from ended
	return 0


def serve_together(app: "FastAPI", settings: Settings, sock: socket.socket) -> int:
	"""Serves in as many processes as APG_PROCESSES says until this one is asked to end."""
	parent = _parent_of_this()
	gc.collect()
	gc.freeze()  # the processes share what was loaded; the collector would write to all of it
	line = lifeline.Lifeline()
	heard, tell = os.pipe()
	for descriptor in (heard, tell):
		os.set_blocking(descriptor, False)
	asked: list[int] = []
	signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
	for number in ENDING:
		signal.signal(number, lambda number, frame: asked.append(number))
	signal.signal(signal.SIGCHLD, _wake)
	started: dict[int, float] = {}

	def start() -> None:
		signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
		pid = os.fork()
		if pid == 0:
			signal.set_wakeup_fd(-1)
			line.let_go()
			_serve_as_child(app, settings, sock, line)
		signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
		started[pid] = time.monotonic()

	for _number in range(settings.processes):
		start()
	code = 0
	while not asked and not code:
		ready, _, _ = select.select([heard, *parent], [], [], 60)
		if heard in ready:
			os.read(heard, 4096)
		if set(parent) & set(ready):
			break
		for pid, status in _ended(started):
			lived = time.monotonic() - started.pop(pid)
			if asked:
				continue
			print(f"apg: web process {pid} ended (code {status}).", file=sys.stderr, flush=True)
			_forget_metrics(pid)
			if lived < CAME_UP_SECONDS:
				code = 1
			else:
				start()
	_end(started)
	line.close()
	return code


def _parent_of_this() -> list[int]:
	"""The reading end of the line to whoever started this process, if there is one."""
	text = os.environ.pop(lifeline.NAME, "")
	return [int(text)] if text.isdigit() else []


def _serve_as_child(
	app: "FastAPI", settings: Settings, sock: socket.socket, line: lifeline.Lifeline
) -> None:
	code = 1
	try:
		lifeline.hold_on(line.reading)
		signal.signal(signal.SIGCHLD, signal.SIG_DFL)
		code = serve_alone(app, settings, sock)
	except Failure as failure:
		print(f"apg: {failure}", file=sys.stderr)
	except BaseException:  # noqa: BLE001 - the outermost edge of a forked process
		traceback.print_exc()
	finally:
		sys.stderr.flush()
		os._exit(code)


def _ended(started: dict[int, float]) -> list[tuple[int, int]]:
	found: list[tuple[int, int]] = []
	for pid in list(started):
		done, status = os.waitpid(pid, os.WNOHANG)
		if done:
			found.append((pid, os.waitstatus_to_exitcode(status)))
	return found


def _forget_metrics(pid: int) -> None:
	from prometheus_client.multiprocess import mark_process_dead

	mark_process_dead(pid)


def _end(started: dict[int, float]) -> None:
	for pid in started:
		os.kill(pid, signal.SIGTERM)
	until = time.monotonic() + STOP_SECONDS
	while started and time.monotonic() < until:
		for pid, _status in _ended(started):
			del started[pid]
		time.sleep(0.02)
	for pid in started:
		os.kill(pid, signal.SIGKILL)
		os.waitpid(pid, 0)
