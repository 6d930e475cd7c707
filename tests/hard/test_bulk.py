"""Files of readings through a real worker: killed in the middle, and as large as a file may be.

Nothing of a file is seen before all of it is, whatever happens to the worker; then each row is there
once and one event tells of all.
"""

import os
import re
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.commands import SECONDS
from tests.hard.fleet import WEBS, WORKER, Fleet

pytestmark = [pytest.mark.xdist_group("fleet"), pytest.mark.slow]
METRICS = "/api/v1/esg/metrics"
BULK = "/api/v1/esg/measurements/bulk"
START = datetime(2020, 1, 1, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Brought:
	"""A file of readings, one a minute, on its way into a metric of its own."""

	fleet: Fleet
	client: httpx.Client
	metric_id: str
	import_id: str
	count: int

	def told(self) -> dict[str, Any]:
		answer = self.client.get(f"{BULK}/{self.import_id}")
		assert answer.status_code == 200, answer.text
		return answer.json()

	def seen(self) -> bool:
		"""Whether a reader of the metric sees any of them."""
		answer = self.client.get(f"{METRICS}/{self.metric_id}/measurements?limit=1")
		assert answer.status_code == 200, answer.text
		return answer.json() != []

	def column(self, name: str) -> int:
		found = self.fleet.sql(f"select {name} from bulk_imports where id = %s", self.import_id)
		return found[0][0]

	def transactions(self) -> dict[str, int]:
		"""How many rows each transaction wrote."""
		rows = self.fleet.sql(
			"select xmin::text, count(*) from esg_measurements where import_id = %s group by 1",
			self.import_id,
		)
		return dict(rows)

	def wait(self, is_so: Callable[[], bool]) -> None:
		until = time.monotonic() + SECONDS
		while not is_so():
			self.fleet.keep_up()
			assert time.monotonic() < until, (self.told(), self.fleet.log(WORKER))
			time.sleep(0.02)

	def assert_whole(self) -> None:
		"""Each row once, one event, nothing left over."""
		told = self.told()
		assert (told["state"], told["taken"], told["refused"]) == ("done", self.count, 0), told
		sql, own = self.fleet.sql, self.import_id
		rows = "select count(*), count(distinct measurement_date), sum(value) from esg_measurements"
		values = sum(n % 1_000 for n in range(self.count))
		expected = [(self.count, self.count, values)]
		assert sql(f"{rows} where metric_id = %s", self.metric_id) == expected
		assert sql("select count(*) from esg_measurements_staged where import_id = %s", own) == [
			(0,)
		]
		assert sql(
			"select (body ->> 'count')::bigint from event_log "
			"where name = 'esg.measurements.recorded.v1' and body ->> 'import_id' = %s", own,
		) == [(self.count,)]  # fmt: skip
		assert sql(
			"select count(*) from event_log where name = 'esg.measurement.recorded.v1' "
			"and body ->> 'metric_id' = %s", self.metric_id,
		) == [(0,)]  # fmt: skip
		metric = self.client.get(f"{METRICS}/{self.metric_id}").json()
		assert metric["current_value"] == (self.count - 1) % 1_000


def content(count: int) -> bytes:
	lines = ["measurement_date,value"]
	for n in range(count):
		lines.append(f"{START + timedelta(minutes=n):%Y-%m-%dT%H:%M:00Z},{n % 1_000}")
	return "\n".join(lines).encode()


@contextmanager
def bringing(fleet: Fleet, code: str, count: int) -> Generator[Brought]:
	with httpx.Client(
		base_url=fleet.url(WEBS[0]), headers=fleet.headers, trust_env=False, timeout=120
	) as client:
		body = {
			"name": code, "code": code, "metric_type": "environmental", "category": "energy",
			"unit": "kwh", "measurement_period": "daily",
		}  # fmt: skip
		made = client.post(METRICS, json=body)
		assert made.status_code == 201, made.text
		metric_id = made.json()["id"]
		sent = client.post(
			f"{BULK}/files",
			files={"file": (f"{code}.csv", content(count))},
			data={"metric_id": metric_id, "mode": "all"},
		)
		assert sent.status_code == 202, sent.text
		yield Brought(fleet, client, metric_id, sent.json()["id"], count)


def test_a_killed_worker_leaves_a_marker_from_which_the_next_one_goes_on(fleet: Fleet) -> None:
	with bringing(fleet, "KILLED", 45_000) as brought:
		brought.wait(lambda: brought.column("marker") > 0)
		fleet.kill(WORKER)
		taken, before = brought.column("taken"), brought.transactions()
		assert 0 < taken < brought.count, "it was over before the kill"
		assert sum(before.values()) == taken
		assert brought.told()["state"] == "running"
		assert not brought.seen()
		# A minute of silence, after which a worker counts as dead, is put into the past.
		silent = (
			"update procrastinate_workers set last_heartbeat = now() - interval '1 hour' where id ="
		)
		job = "(select worker_id from procrastinate_jobs where args -> 'ids' ->> 'import_id' = %s)"
		fleet.sql(f"{silent} {job}", brought.import_id)
		assert fleet.sql("select task_requeue(60, '{}')") == [(1,)]
		brought.wait(lambda: brought.told()["state"] not in ("waiting", "running"))
		brought.assert_whole()
		# What was taken before the kill was not taken anew.
		assert brought.transactions().items() >= before.items()


# -- as many rows as a file may have ----------------------------------------------------------------


def memory_of(pid: int) -> int:
	"""Bytes that a process and what it started hold in memory; shared pages count in each."""
	held = 0
	try:
		text = Path(f"/proc/{pid}/status").read_text()
		held += int(next(iter(re.findall(r"VmRSS:\s+(\d+) kB", text)), 0)) * 1_024
		for task in Path(f"/proc/{pid}/task").iterdir():
			held += sum(memory_of(int(one)) for one in (task / "children").read_text().split())
	except (FileNotFoundError, ProcessLookupError):
		pass  # it ended meanwhile
	return held


@contextmanager
def watched(pid: int) -> Generator[list[int]]:
	"""The most memory that the family of a process held, looked at twenty times a second."""
	stop, most = threading.Event(), [0]

	def run() -> None:
		while not stop.wait(0.05):
			most[0] = max(most[0], memory_of(pid))

	thread = threading.Thread(target=run)
	thread.start()
	try:
		yield most
	finally:
		stop.set()
		thread.join()


@pytest.mark.soak
def test_a_million_readings_pass_a_worker_within_its_memory(fleet: Fleet) -> None:
	manifest = (ROOT / "deploy/kubernetes/worker.yaml").read_text("utf-8")
	told = re.search(r"limits: \{memory: (\d+)Gi", manifest)
	assert told is not None
	limit, count = int(told[1]) * 2**30, int(os.environ.get("APG_ROWS", "1000000"))
	begun = time.monotonic()
	with watched(fleet.running[WORKER].pid) as most, bringing(fleet, "MILLION", count) as brought:
		sent = time.monotonic()
		looks, until = 0, sent + 4 * SECONDS
		while (state := brought.told()["state"]) in ("waiting", "running"):
			# Between the two questions all of them may come to be seen, but never a part.
			assert not brought.seen() or brought.told()["state"] == "done"
			looks += 1
			assert time.monotonic() < until, (brought.told(), fleet.log(WORKER))
			time.sleep(0.25)
		done = time.monotonic()
		assert state == "done", brought.told()
		assert brought.seen()
		assert looks > 10
		brought.assert_whole()
	print(
		f"{count} readings: sent in {sent - begun:.1f} s, taken in {done - sent:.1f} s; the worker "
		f"held at most {most[0] / 2**20:.0f} MB of {limit / 2**20:.0f}"
	)
	assert most[0] < limit
