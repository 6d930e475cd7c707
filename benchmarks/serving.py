"""What benchmarks of the web need: an installation of their own, real processes, a load.

	with installation() as place:                      # embedded PostgreSQL, migrated, one company
		with web(place, "benchmarks.esg:app") as address:
			told = load(address + "/api/v1/…", place.headers, seconds=4)

The load runs in a process of its own on the same cores, over keep-alive connections.
"""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from apg.app import composition, make_runtime
from apg.embedded import launcher
from apg.kernel.keys import RootKey, new_root_secret
from apg.kernel.migrating import migrate
from apg.kernel.observe import configure_logging
from apg.kernel.settings import Settings

CONNECTIONS = 50
YEAR = datetime(2025, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Place:
	"""An installation with one company and an administrator's token."""

	settings: Settings
	admin_url: str
	tenant_id: str
	user_id: str
	headers: dict[str, str]

	@property
	def environment(self) -> dict[str, str]:
		return os.environ | {
			"APG_HOME": str(self.settings.home),
			"APG_SECRET_KEY": self.settings.secret_key,
			"APG_DATABASE_URL": self.settings.database_url,
			"APG_RATE_TIER": "wide",
			"APG_LOG_LEVEL": "ERROR",
			"BENCH_TENANT": self.tenant_id,
			"BENCH_DATABASE": self.admin_url,
		}


@contextmanager
def installation() -> Generator[Place]:
	"""An installation below a temporary folder; everything is removed at the end."""
	configure_logging("ERROR")
	home = Path(tempfile.mkdtemp(prefix="apg-bench-"))
	os.chmod(home, 0o711)
	try:
		server = launcher.start(home)
		settings = Settings(
			home=home,
			secret_key=new_root_secret(),
			database_url=server.admin_url,
			rate_tier="wide",
		)
		migrate(server.admin_url, composition(), RootKey.parse(settings.secret_key))
		yield asyncio.run(_company(settings, server.admin_url))
	finally:
		launcher.remove(home)
		shutil.rmtree(home, ignore_errors=True)


async def _company(settings: Settings, admin_url: str) -> Place:
	from contextlib import AsyncExitStack

	from tests.people import make_person, make_tenant

	from apg.platform.auth import starting as auth

	async with AsyncExitStack() as stack:
		runtime = make_runtime(settings)
		stack.push_async_callback(runtime.engine.dispose)
		await auth.start(runtime, stack)
		tenant = await make_tenant(runtime)
		person = await make_person(runtime, tenant, "bench", ("tenant_admin",))
	return Place(settings, admin_url, tenant, person.user_id, person.headers)


def free_port() -> int:
	with socket.socket() as probe:
		probe.bind(("127.0.0.1", 0))
		return int(probe.getsockname()[1])


@contextmanager
def web(place: Place, app: str, *, workers: int = 2, probe: str = "/ready") -> Generator[str]:
	"""uvicorn with an application factory, until the block is left; answers its address."""
	port = free_port()
	command = [
		sys.executable, "-m", "uvicorn", app, "--factory", "--port", str(port), "--no-access-log",
		"--log-level", "error", "--loop", "uvloop", "--http", "httptools",
	]  # fmt: skip
	if workers > 1:
		command += ["--workers", str(workers)]
	child = subprocess.Popen(command, env=place.environment, start_new_session=True)
	address = f"http://127.0.0.1:{port}"
	try:
		wait_for(address + probe)
		time.sleep(1.0)
		yield address
	finally:
		os.killpg(child.pid, signal.SIGTERM)
		child.wait(15)


def wait_for(url: str, seconds: float = 60.0) -> float:
	"""Seconds until the address answers 200."""
	started = time.perf_counter()
	while time.perf_counter() - started < seconds:
		try:
			with urllib.request.urlopen(url, timeout=2) as answer:
				if answer.status == 200:
					return time.perf_counter() - started
		except OSError:
			time.sleep(0.02)
	raise TimeoutError(url)


@dataclass(frozen=True)
class Told:
	"""Requests a second, and milliseconds at the median and the 95th percentile."""

	rps: float
	p50: float
	p95: float
	failed: int


def load(
	url: str,
	headers: dict[str, str] | None = None,
	*,
	seconds: float = 4.0,
	connections: int = CONNECTIONS,
	body: str = "",
	rows: int = 1,
) -> Told:
	"""GET (or POST with a body) as fast as answers come. In the body `{n}` is a running number and
	`{clock}` the month to second of a year that passes with it; in the address `{row}` goes round the last part of the ids 1 to `rows`."""
	job = {
		"url": url,
		"headers": headers or {},
		"seconds": seconds,
		"connections": connections,
		"body": body,
		"rows": rows,
	}
	ended = subprocess.run(
		[sys.executable, "-m", "benchmarks.serving"],
		input=json.dumps(job),
		capture_output=True,
		text=True,
		check=True,
	)
	return Told(**json.loads(ended.stdout))


async def _load(job: dict[str, object]) -> Told:
	parts = urlsplit(str(job["url"]))
	path = parts.path + (f"?{parts.query}" if parts.query else "")
	body, rows = str(job["body"]), int(job["rows"])  # type: ignore[call-overload]
	lines = [f"{'POST' if body else 'GET'} {path} HTTP/1.1", f"Host: {parts.netloc}"]
	lines += [f"{name}: {value}" for name, value in dict(job["headers"]).items()]  # type: ignore[call-overload]
	times: list[float] = []
	failed = number = 0
	until = time.perf_counter() + float(job["seconds"])  # type: ignore[arg-type]

	async def one() -> None:
		nonlocal failed, number
		reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
		while time.perf_counter() < until:
			number += 1
			clock = (YEAR + timedelta(seconds=number)).strftime("%m-%dT%H:%M:%SZ")
			content = body.replace("{n}", str(number)).replace("{clock}", clock).encode()
			asked = [lines[0].replace("{row}", f"{number % rows + 1:012x}"), *lines[1:]]
			head = [*asked, "Content-Type: application/json", f"Content-Length: {len(content)}"]
			started = time.perf_counter()
			writer.write("\r\n".join(head if body else asked).encode() + b"\r\n\r\n" + content)
			top = await reader.readuntil(b"\r\n\r\n")
			length = next(
				int(line.split(b":")[1])
				for line in top.lower().split(b"\r\n")
				if line.startswith(b"content-length")
			)
			await reader.readexactly(length)
			times.append((time.perf_counter() - started) * 1_000)
			failed += not top.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201"))
		writer.close()

	started = time.perf_counter()
	await asyncio.gather(*(one() for _n in range(int(job["connections"]))))  # type: ignore[call-overload]
	took = time.perf_counter() - started
	times.sort()
	return Told(len(times) / took, times[len(times) // 2], times[int(len(times) * 0.95)], failed)


if __name__ == "__main__":
	import uvloop

	print(json.dumps(uvloop.run(_load(json.loads(sys.stdin.read()))).__dict__))
