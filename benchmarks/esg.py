"""Metrics and readings through the full stack: lists, single reads, writes, a hundred definitions."""

import asyncio
import json
import os
import time
import urllib.request
from datetime import UTC, datetime, timedelta

import asyncpg
from fastapi import FastAPI

from apg.app import make_app
from apg.kernel.database import role_url
from apg.kernel.keys import RootKey
from apg.kernel.migrating import admin_engine
from apg.kernel.observe import configure_logging
from apg.kernel.roles import role_password
from apg.kernel.stamps import new_id
from benchmarks.reference_app import make_functions
from benchmarks.report import Report
from benchmarks.serving import CONNECTIONS, Place, installation, load, web

ROWS = 10_000
WRITTEN = 500  # metrics that take readings in turn
ONE = "03000000-0000-7000-8000-"
FILL = """
insert into esg_metrics (id, tenant_id, name, code, metric_type, category, unit, measurement_period,
	aggregation, polarity, source, is_kpi, is_public, is_automated, is_active, enable_ai_predictions,
	scope_id, created_at, updated_at)
select ('03000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, %(tenant)s::uuid,
	'Metric ' || n, 'M_' || n, 'environmental', 'category ' || n %% 20, 'kwh', 'daily', 'sum',
	'lower_is_better', 'manual', n %% 10 = 0, false, false, true, false, %(tenant)s::uuid,
	now() - n * interval '1 second', now() - n * interval '1 second'
from generate_series(1, %(rows)s::int) n
"""
STATES = """
insert into esg_metric_states (tenant_id, metric_id, current_value, "current_date",
	data_quality_score, refreshed_at)
select tenant_id, id, 1000.5, now() - interval '4 years', 75, now() from esg_metrics
"""
READING = (
	"insert into esg_measurements (id, tenant_id, metric_id, value, measurement_date, created_at, "
	"updated_at) values ($1, $2, $3, $4, $5, now(), now())"
)
STATE = (
	'update esg_metric_states set current_value = $3, "current_date" = $4, refreshed_at = now() '
	"where tenant_id = $1 and metric_id = $2"
)
EVENTS = ["esg.measurement.recorded.v1", "esg.metric.value_changed.v1"]


def app() -> FastAPI:
	"""The whole product, as quiet as it is in service."""
	configure_logging("ERROR")
	return make_app()


def fill(place: Place) -> None:
	"""Metrics written past the services: what is measured comes after."""
	engine = admin_engine(place.admin_url)
	with engine.begin() as connection:
		connection.exec_driver_sql("set local session_replication_role = replica")
		connection.exec_driver_sql(FILL, {"tenant": place.tenant_id, "rows": ROWS})
		connection.exec_driver_sql(STATES)
		make_functions(connection, "metrics", "esg_metrics", "updated_at")
	with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
		connection.exec_driver_sql("vacuum analyze esg_metrics, esg_metric_states")
	engine.dispose()


async def bare_transactions(place: Place, url: str, seconds: float = 4.0) -> float:
	"""The rows of one reading (itself, its trail, the state, two events) a transaction, through the
	driver alone; transactions a second over ten connections."""
	until = time.perf_counter() + seconds
	done = 0

	async def one(number: int) -> None:
		nonlocal done
		connection = await asyncpg.connect(url)
		day = datetime(2023, 1, 1, tzinfo=UTC)
		while time.perf_counter() < until:
			metric = f"{ONE}{(done + number) % ROWS + 1:012x}"
			moment = day + timedelta(seconds=done)
			body = json.dumps({"metric_id": metric})
			async with connection.transaction():
				await connection.execute(
					"select set_config('app.current_tenant_id', $1, true), "
					"set_config('app.reach', 'member', true)",
					place.tenant_id,
				)
				await connection.execute(READING, new_id(), place.tenant_id, metric, 1, moment)
				await connection.execute(STATE, place.tenant_id, metric, 1, moment)
				await connection.execute(
					"select log_append($1, $2, $3, $4, $5)",
					place.tenant_id, place.user_id, "bench", EVENTS, [body, body],
				)  # fmt: skip
			done += 1
		await connection.close()

	started = time.perf_counter()
	await asyncio.gather(*(one(number) for number in range(10)))
	return done / (time.perf_counter() - started)


def hundred(address: str, place: Place) -> float:
	"""Seconds for a hundred metrics, one request after the other."""
	started = time.perf_counter()
	for number in range(100):
		body = {
			"name": f"Hundred {number}",
			"code": f"H_{number}",
			"metric_type": "environmental",
			"category": "energy",
			"unit": "kwh",
			"validation_rules": ["value >= 0"],
		}
		request = urllib.request.Request(
			f"{address}/api/v1/esg/metrics",
			json.dumps(body).encode(),
			place.headers | {"Content-Type": "application/json"},
		)
		with urllib.request.urlopen(request) as answer:
			if answer.status != 201:
				raise RuntimeError(f"metric {number}: {answer.status}")
	return time.perf_counter() - started


def run(report: Report) -> None:
	"""Rows of the performance targets for ESG; rate-limit tier `wide`, 2 workers."""
	with installation() as place:
		fill(place)
		root = RootKey.parse(place.settings.secret_key)
		reference = role_url(place.settings, "apg_app", role_password(root, "apg_app"))
		os.environ["BENCH_REFERENCE"] = reference
		with web(place, "benchmarks.reference_app:app") as address:
			load(f"{address}/list/metrics", seconds=1)
			list_reference = load(f"{address}/list/metrics")
			one_reference = load(f"{address}/one/metrics/{ONE}000000000001")
		bare = asyncio.run(bare_transactions(place, reference))
		with web(place, "benchmarks.esg:app") as address:
			metrics = f"{address}/api/v1/esg/metrics"
			load(f"{metrics}?limit=50", place.headers, seconds=1)
			listed = load(f"{metrics}?limit=50", place.headers)
			single = load(f"{metrics}/{ONE}000000000001", place.headers)
			took = hundred(address, place)
			body = (
				'{"value": {n}, "measurement_date": "2025-{clock}", "data_source": "bench",'
				' "collection_method": "automated"}'
			)
			path = f"{metrics}/{ONE}{{row}}/measurements"
			load(path, place.headers, seconds=1, body=body.replace("2025", "2024"), rows=WRITTEN)
			written = load(path, place.headers, body=body, rows=WRITTEN)
	report.row(
		"list of 50 metrics of 10,000", listed.rps, "rps",
		reference=list_reference.rps, against="one SQL call in FastAPI",
		at_least=0.35, limit=1000, more_is_better=True,
		note=f"tier wide, 2 workers, {CONNECTIONS} connections, {listed.failed} failed",
	)  # fmt: skip
	report.row("p95 of that list", listed.p95, "ms", limit=100)
	report.row(
		"one metric", single.rps, "rps",
		reference=one_reference.rps, against="select by key in FastAPI",
		at_least=0.4, more_is_better=True, note=f"p95 {single.p95:.0f} ms, {single.failed} failed",
	)  # fmt: skip
	report.row(
		"readings through the API", written.rps, "rps",
		reference=bare, against="the same rows in bare driver transactions",
		at_least=0.3, limit=300, more_is_better=True,
		note=f"{WRITTEN} metrics in turn, p95 {written.p95:.0f} ms, {written.failed} failed",
	)  # fmt: skip
	report.row("100 metrics through the API, one by one", took, "s", limit=2)
	for what, told in (("list", listed), ("one metric", single), ("readings", written)):
		if told.failed:
			raise RuntimeError(f"{told.failed} requests for {what} failed")
