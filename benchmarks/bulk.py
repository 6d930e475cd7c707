"""Readings by the thousand through the API, validation and scores included, against bare arrays."""

import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from apg.capabilities.esg.measurements.ingest import TARGET
from apg.kernel.database import role_url
from apg.kernel.keys import RootKey
from apg.kernel.roles import role_password
from apg.kernel.stamps import new_id
from benchmarks.report import Report
from benchmarks.serving import Place, installation, web

BODY, FILE = 5_000, 100_000
METRICS = 50
START = datetime(2001, 1, 1, tzinfo=UTC)
PATH = "/api/v1/esg/measurements/bulk"


def _send(address: str, place: Place, path: str, body: Any = None, kind: str = "") -> Any:
	data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
	asked = urllib.request.Request(
		f"{address}{path}", data, place.headers | {"Content-Type": kind or "application/json"}
	)
	with urllib.request.urlopen(asked, timeout=300) as answer:
		return json.loads(answer.read())


def _metrics(address: str, place: Place, mark: str) -> list[str]:
	made: list[str] = []
	for n in range(METRICS):
		body = {
			"name": f"Bulk {n}",
			"code": f"{mark}_{n}",
			"metric_type": "environmental",
			"category": "energy",
			"unit": "kwh",
			"measurement_period": "daily",
		}
		made.append(_send(address, place, "/api/v1/esg/metrics", body)["id"])
	return made


def _rows(metrics: list[str], count: int) -> list[dict[str, Any]]:
	"""A reading a day of each metric, with source, method and period, as meters give them."""
	made: list[dict[str, Any]] = []
	for n in range(count):
		day = START + timedelta(days=n // len(metrics))
		start, end = f"{day:%Y-%m-%d}T00:00:00Z", f"{day + timedelta(days=1):%Y-%m-%d}T00:00:00Z"
		made.append(
			{
				"metric_id": metrics[n % len(metrics)],
				"value": f"{1000 + n * 7919 % 1_003}.{n % 100:02}",
				"measurement_date": start,
				"period_start": start,
				"period_end": end,
				"data_source": "main meter",
				"collection_method": "automated",
			}
		)
	return made


async def _reference(place: Place, url: str, rows: list[dict[str, Any]]) -> float:
	"""Seconds for the same rows in the same columns of the same table, by INSERT … SELECT FROM unnest
	as the web's role, in chunks of 20,000: policies, indexes, foreign key and trail as they are."""
	connection = await asyncpg.connect(url)
	moments = {row[name]: datetime.fromisoformat(row[name]) for row in rows for name in _TIMES}
	now, statement = datetime.now(UTC), TARGET.insert(staged=False)
	columns: dict[str, list[Any]] = {
		"id": [new_id() for _row in rows],
		"metric_id": [row["metric_id"] for row in rows],
		"value": [str(row["value"]) for row in rows],
		**{name: [moments[row[name]] for row in rows] for name in _TIMES},
		"data_source": [row["data_source"] for row in rows],
		"collection_method": [row["collection_method"] for row in rows],
		"metadata": ["{}"] * len(rows),
		"validation_score": [None] * len(rows),
		"anomaly_score": ["0.67"] * len(rows),
		"quality_score": ["75.00"] * len(rows),
		"quality_flags": ['["no_evidence"]'] * len(rows),
		"revision": [1] * len(rows),
	}
	columns |= {name: [None] * len(rows) for name in TARGET.arrays if name not in columns}
	fixed = (place.tenant_id, new_id(), now, now, place.user_id, place.user_id, 1, False)
	begun = time.perf_counter()
	for first in range(0, len(rows), 20_000):
		async with connection.transaction():
			await connection.execute(
				"select set_config('app.current_tenant_id', $1, true), "
				"set_config('app.reach', 'member', true)",
				place.tenant_id,
			)
			arrays = [columns[name][first : first + 20_000] for name in TARGET.arrays]
			await connection.execute(statement, *arrays, *fixed)
	took = time.perf_counter() - begun
	await connection.close()
	return took


@contextmanager
def _worker(place: Place) -> Generator[None]:
	command = [str(Path(sys.executable).with_name("apg")), "worker"]
	child = subprocess.Popen(command, env=place.environment, start_new_session=True)
	try:
		yield
	finally:
		os.killpg(child.pid, signal.SIGTERM)
		child.wait(30)


_TIMES = ("measurement_date", "period_start", "period_end")


def _file(address: str, place: Place, rows: list[dict[str, Any]]) -> float:
	"""Seconds from the first byte of a CSV until the last row is seen."""
	heading = ",".join(rows[0])
	content = "\n".join([heading, *(",".join(map(str, row.values())) for row in rows)]).encode()
	edge = "apg-bench"
	head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="r.csv"\r\n\r\n'
	body = head.encode() + content + f"\r\n--{edge}--\r\n".encode()
	begun = time.perf_counter()
	made = _send(address, place, f"{PATH}/files", body, f"multipart/form-data; boundary={edge}")
	while True:
		told = _send(address, place, f"{PATH}/{made['id']}")
		if told["finished_at"]:
			break
		time.sleep(0.05)
	took = time.perf_counter() - begun
	if (told["state"], told["taken"]) != ("done", len(rows)):
		raise RuntimeError(told)
	return took


def run(report: Report) -> None:
	"""The row of design/performance.md, for a body and for a file that a worker takes."""
	with installation() as place, web(place, "benchmarks.esg:app", workers=1) as address:
		url = role_url(
			place.settings,
			"apg_app",
			role_password(RootKey.parse(place.settings.secret_key), "apg_app"),
		)
		with _worker(place):
			first, second = (
				_file(address, place, _rows(_metrics(address, place, mark), FILE)) for mark in "FG"
			)
			large = min(
				asyncio.run(_reference(place, url, _rows(_metrics(address, place, mark), FILE)))
				for mark in "PQ"
			)
		ours: list[float] = []
		bare: list[float] = []
		for turn in range(8):
			mine = _rows(_metrics(address, place, f"A{turn}"), BODY)
			begun = time.perf_counter()
			told = _send(address, place, PATH, {"rows": mine})
			ours.append(time.perf_counter() - begun)
			if told["taken"] != BODY:
				raise RuntimeError(told)
			theirs = _rows(_metrics(address, place, f"B{turn}"), BODY)
			bare.append(asyncio.run(_reference(place, url, theirs)))
	took, reference = statistics.median(ours[1:]), statistics.median(bare[1:])
	report.row(
		"5,000 readings in one request", BODY / took, "rows/s",
		reference=BODY / reference, against="unnest of the same rows under RLS, with indexes, key and trail",
		at_least=0.5, more_is_better=True,
		note=f"{METRICS} metrics, checked and scored; {took * 1000:.0f} ms",
	)  # fmt: skip
	report.row(
		"100,000 readings in a file", FILE / min(first, second), "rows/s",
		reference=FILE / large, against="unnest of the same rows under RLS, with indexes, key and trail",
		at_least=0.5, more_is_better=True,
		note=f"CSV, kept, read, staged and taken by a worker; {min(first, second):.1f} s",
	)  # fmt: skip
