"""Lists and single reads of products through the full stack, start and memory of a worker."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager

from apg.cli.serving import CAME_UP_SECONDS
from apg.kernel.database import role_url
from apg.kernel.keys import RootKey
from apg.kernel.migrating import admin_engine
from apg.kernel.roles import role_password
from benchmarks.reference_app import make_functions
from benchmarks.report import Report
from benchmarks.serving import Place, free_port, installation, load, wait_for, web

ROWS = 10_000
MANY = 100_000
FILL = """
insert into plm_items (id, tenant_id, number, product_type, unit_of_measure, lifecycle_phase, tags,
	current_revision_id, scope_id, created_at, updated_at)
select ('01000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, %(tenant)s::uuid,
	'B-' || lpad(n::text, 6, '0'), 'purchased', 'each', 'design', '["bench"]',
	('02000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, %(tenant)s::uuid,
	now() - n * interval '1 second', now() - n * interval '1 second'
from generate_series(%(first)s::int, %(last)s::int) n;
insert into plm_revisions (id, tenant_id, item_id, ordinal, label, state, name, attributes, created_at,
	updated_at)
select ('02000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, %(tenant)s::uuid,
	('01000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 1, 'A', 'working',
	'Part number ' || n || ' of the bench', '{}', now(), now()
from generate_series(%(first)s::int, %(last)s::int) n;
"""


def fill(place: Place, first: int, last: int) -> None:
	"""Products of a company, written past the services: the reads are what is measured."""
	engine = admin_engine(place.admin_url)
	with engine.begin() as connection:
		connection.exec_driver_sql("set local session_replication_role = replica")
		for statement in FILL.split(";\n"):
			if statement.strip():
				connection.exec_driver_sql(
					statement, {"tenant": place.tenant_id, "first": first, "last": last}
				)
	with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
		connection.exec_driver_sql("vacuum analyze plm_items, plm_revisions")
	engine.dispose()


def run(report: Report) -> None:
	"""Rows of design/performance.md for products; rate-limit tier `wide`, 50 connections."""
	with installation() as place:
		fill(place, 1, ROWS)
		engine = admin_engine(place.admin_url)
		with engine.begin() as connection:
			make_functions(connection, "items", "plm_items", "created_at")
		engine.dispose()
		root = RootKey.parse(place.settings.secret_key)
		reference = role_url(place.settings, "apg_app", role_password(root, "apg_app"))
		os.environ["BENCH_REFERENCE"] = reference
		one = "01000000-0000-7000-8000-000000000001"
		with web(place, "benchmarks.reference_app:app") as address:
			load(f"{address}/list/items", seconds=1)
			list_reference = load(f"{address}/list/items")
			one_reference = load(f"{address}/one/items/{one}")
		with web(place, "benchmarks.esg:app") as address:
			products = f"{address}/api/v1/plm/products"
			load(f"{products}?page_size=50", place.headers, seconds=1)
			listed = load(f"{products}?page_size=50", place.headers)
			single = load(f"{products}/{one}", place.headers)
			fill(place, ROWS + 1, MANY)
			search = load(
				f"{products}?search=number%2099&page_size=50", place.headers, connections=1
			)
		report.row(
			"list of 50 products of 10,000", listed.rps, "rps",
			reference=list_reference.rps, against="one SQL call in FastAPI",
			at_least=0.35, limit=1000, more_is_better=True,
			note=f"p95 {listed.p95:.0f} ms, {listed.failed} failed",
		)  # fmt: skip
		report.row("p95 of that list", listed.p95, "ms", limit=100)
		report.row(
			"one product", single.rps, "rps",
			reference=one_reference.rps, against="select by key in FastAPI",
			at_least=0.4, more_is_better=True, note=f"p95 {single.p95:.0f} ms",
		)  # fmt: skip
		report.row("search among 100,000 products", search.p50, "ms", limit=100)
		_worker(report, place)


def _worker(report: Report, place: Place) -> None:
	subprocess.run(
		[sys.executable, "-m", "apg", "capabilities"], env=_environment(place), capture_output=True
	)
	with _served(place, 1) as (pid, _address, seconds):
		report.row("web server starts cold", seconds, "s", limit=2)
		report.row("one process alone after requests", _memory(pid, "Rss"), "MB", limit=150)
	with _served(place, 2) as (pid, address, _seconds):
		share = max(_memory(one, "Pss") for one in _forked(pid))
		time.sleep(CAME_UP_SECONDS + 0.5)  # one that ends sooner is taken for broken
		for one in _forked(pid):
			os.kill(one, signal.SIGKILL)
		report.row("web worker starts, forked", wait_for(f"{address}/live"), "s", limit=2)
		report.row(
			"its memory after requests", share, "MB",
			limit=150, note="what processes share is divided among them",
		)  # fmt: skip


def _forked(pid: int) -> list[int]:
	with open(f"/proc/{pid}/task/{pid}/children") as file:
		return [int(one) for one in file.read().split()]


def _environment(place: Place) -> dict[str, str]:
	"""Whose token the headers hold; what is compiled may be kept, or every start compiles it."""
	environment = place.environment | {"APG_AUTH_ISSUER": place.settings.base_url}
	environment.pop("PYTHONDONTWRITEBYTECODE", None)
	return environment


@contextmanager
def _served(place: Place, processes: int) -> Generator[tuple[int, str, float]]:
	"""`apg serve` after some requests: its process id, address, and how long it took to come up."""
	port = free_port()
	more = {"APG_PORT": str(port), "APG_PROCESSES": str(processes)}
	address = f"http://127.0.0.1:{port}"
	started = time.perf_counter()
	child = subprocess.Popen([sys.executable, "-m", "apg", "serve"], env=_environment(place) | more)
	try:
		wait_for(f"{address}/live")
		seconds = time.perf_counter() - started
		products = f"{address}/api/v1/plm/products"
		asked = load(products, place.headers, seconds=1, connections=2 * processes)
		if asked.failed:
			raise RuntimeError(f"{asked.failed} requests were refused")
		yield child.pid, address, seconds
	finally:
		child.terminate()
		child.wait(15)


def _memory(pid: int, kind: str) -> float:
	with open(f"/proc/{pid}/smaps_rollup") as file:
		held = dict(line.split(":", 1) for line in file if ":" in line and line[0].isupper())
	return int(held[kind].split()[0]) / 1024
