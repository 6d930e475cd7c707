"""Lists and single reads of products through the full stack, start and memory of a worker."""

import os
import subprocess
import sys
import time

from apg.kernel.database import role_url
from apg.kernel.keys import RootKey
from apg.kernel.migrating import admin_engine
from apg.kernel.roles import role_password
from benchmarks.reference_app import make_functions
from benchmarks.report import Report
from benchmarks.serving import Place, installation, load, wait_for, web

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
	from benchmarks.serving import free_port

	port = free_port()
	environment = place.environment | {
		"APG_PORT": str(port),
		"APG_PROCESSES": "1",
		"APG_AUTH_ISSUER": place.settings.base_url,  # who signed the token of the headers
	}
	# A process that may not keep what it compiled compiles everything at every start.
	environment.pop("PYTHONDONTWRITEBYTECODE", None)
	subprocess.run(
		[sys.executable, "-m", "apg", "capabilities"], env=environment, capture_output=True
	)
	started = time.perf_counter()
	child = subprocess.Popen([sys.executable, "-m", "apg", "serve"], env=environment)
	try:
		wait_for(f"http://127.0.0.1:{port}/live")
		report.row("web process starts", time.perf_counter() - started, "s", limit=2)
		asked = load(
			f"http://127.0.0.1:{port}/api/v1/plm/products", place.headers, seconds=1, connections=2
		)
		assert asked.failed == 0, f"{asked.failed} requests were refused"
		with open(f"/proc/{child.pid}/status") as file:
			resident = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
		report.row("its resident memory after requests", resident / 1024, "MB", limit=150)
	finally:
		child.terminate()
		child.wait(15)
