"""Structures out of the database: a tenant of 1,000,000 lines, and a product of 1,700.

The large one is the structure of `bom_rollup`, written past the services; its leaves have prices in two
currencies and masses. The
reference runs beside: the driver's bare COPY of three columns of the lines, thrown away.
"""

import asyncio
import itertools
import json
import os
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import uvloop
from sqlalchemy import select

from apg.app import make_runtime
from apg.capabilities.esg.factors import own as own_factors
from apg.capabilities.esg.factors import service as factors
from apg.capabilities.esg.factors.models import Version
from apg.capabilities.esg.factors.schemas import FactorIn
from apg.capabilities.esg.footprints import materials
from apg.capabilities.esg.footprints.schemas import MaterialIn
from apg.capabilities.plm.structures import loading, snapshots
from apg.capabilities.plm.structures.prices import Costs
from apg.capabilities.plm.structures.rollup import COST, MASS, roll_up_product
from apg.capabilities.plm.structures.rules import Rule, View
from apg.cli.collector import rest_the_collector
from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime
from apg.kernel.work import Work, open_work
from apg.platform.auth import starting as auth
from apg.platform.auth.sessions import service as sessions
from benchmarks.bom_rollup import make_columns
from benchmarks.report import Report
from benchmarks.serving import Place, Told, installation, load, web

COLUMNS = {
	"plm_items": "id, tenant_id, number, product_type, unit_of_measure, lifecycle_phase, "
	"current_revision_id, scope_id, created_at, updated_at",
	"plm_revisions": "id, tenant_id, item_id, ordinal, label, state, name, mass, mass_unit, material, "
	"created_at, updated_at",
	"plm_item_costs": "id, tenant_id, item_id, kind, valid_from, quantity_break, amount, currency, "
	"created_at, updated_at",
	"plm_lines": "id, tenant_id, parent_revision_id, line_uid, find_number, child_item_id, quantity, "
	"unit, created_at, updated_at",
}
NOW = "2026-01-01"
DAY = date(2026, 3, 2)


def an_id(kind: int, number: int) -> str:
	"""Ids as they are made: the leading part common, the rest counted."""
	return f"019a2f31-7c55-7d3e-9b{kind:02x}-{number:012x}"


class Shape:
	"""Products by number, and lines as three arrays; numbers from `start` on."""

	def __init__(self, start: int, nodes: int, parent: Any, child: Any, quantity: Any) -> None:
		self.start, self.nodes = start, nodes
		self.parent, self.child, self.quantity = parent, child, quantity
		self.leaf = np.ones(nodes, np.bool_)
		self.leaf[parent] = False

	def rows(self, tenant: str) -> Iterator[tuple[str, Iterator[tuple[Any, ...]]]]:
		numbers = range(self.start, self.start + self.nodes)
		made = [bool(not leaf) for leaf in self.leaf]
		yield "plm_items", (
			(an_id(1, n), tenant, f"S-{n:07d}", "manufactured" if assembly else "purchased", "each",
				"design", an_id(2, n), tenant, NOW, NOW)
			for n, assembly in zip(numbers, made, strict=True)
		)  # fmt: skip
		yield "plm_revisions", (
			(an_id(2, n), tenant, an_id(1, n), 1, "A", "working", f"Part {n}",
				None if assembly or n % 33 == 0 else 1 + n % 7, None if assembly or n % 33 == 0 else "g",
				None if assembly or n % 41 == 0 else f"Material {n % 12}", NOW, NOW)
			for n, assembly in zip(numbers, made, strict=True)
		)  # fmt: skip
		yield "plm_item_costs", (
			(an_id(3, n), tenant, an_id(1, n), "purchase", NOW, 1, f"0.{1 + n % 997:04d}",
				"EUR" if n % 3 else "USD", NOW, NOW)
			for n, assembly in zip(numbers, made, strict=True) if not assembly and n % 37
		)  # fmt: skip
		order = np.argsort(self.parent, kind="stable")
		place = np.zeros(order.size, np.int64)
		parent = self.parent[order]
		first = np.flatnonzero(np.diff(parent, prepend=-1))
		place[first] = np.arange(order.size)[first]
		find = (np.arange(order.size) - np.maximum.accumulate(place) + 1) * 10
		ends = zip(
			parent.tolist(), self.child[order].tolist(), self.quantity[order].tolist(), find.tolist(),
			strict=True,
		)  # fmt: skip
		yield "plm_lines", (
			(an_id(4, self.start * 100 + row), tenant, an_id(2, self.start + above),
				an_id(5, self.start * 100 + row), number, an_id(1, self.start + below), each // 10**6,
				"each", NOW, NOW)
			for row, (above, below, each, number) in enumerate(ends)
		)  # fmt: skip


def large() -> Shape:
	"""The structure of `bom_rollup`, and one product above all that nothing else contains."""
	ids, parent, child, quantity = make_columns()
	ends = np.flatnonzero(np.bincount(child, minlength=ids.size) == 0)
	parent = np.append(parent, np.full(ends.size, ids.size))
	quantity = np.append(quantity, np.full(ends.size, 1_000_000))
	return Shape(1, ids.size + 1, parent, np.append(child, ends), quantity)


def small(lines: int = 1_700, start: int = 5_000_000) -> Shape:
	"""One product: 120 assemblies over six levels, shared; 600 parts."""
	chance = np.random.default_rng(7)
	assemblies, leaves = 120, 600
	parent, child = [], []
	for node in range(1, assemblies):  # each assembly hangs below an earlier one
		parent.append(int(chance.integers(max(0, node // 3 - 2), max(1, node // 3 + 1))))
		child.append(node)
	while len(parent) < lines:
		above = int(chance.integers(0, assemblies))
		below = assemblies + int(chance.integers(0, leaves))
		parent.append(above)
		child.append(below)
	size = len(parent)
	quantity = chance.integers(1, 9, size) * 1_000_000
	return Shape(start, assemblies + leaves, np.array(parent), np.array(child), quantity)


def over_four_levels(start: int) -> Shape:
	"""1,000 lines of 101 assemblies and 600 parts over four levels, as the peers were given them."""
	chance = np.random.default_rng(7)
	parent: list[int] = []
	child: list[int] = []
	levels = [range(1), range(1, 6), range(6, 31), range(31, 101)]
	for above, below in itertools.pairwise(levels):
		for node in below:
			parent.append(above[(node - below[0]) % len(above)])
			child.append(node)
	parent += chance.integers(31, 101, 1_000 - len(parent)).tolist()
	child += (101 + np.arange(1_000 - len(child)) % 600).tolist()
	quantity = chance.integers(1, 9, len(parent)) * 1_000_000
	return Shape(start, 701, np.array(parent), np.array(child), quantity)


def fill(place: Place, shape: Shape) -> None:
	with psycopg.connect(place.admin_url) as connection:
		cursor = connection.cursor()
		cursor.execute("set session_replication_role = replica")
		for table, rows in shape.rows(place.tenant_id):
			with cursor.copy(f"copy {table} ({COLUMNS[table]}) from stdin") as copy:
				for row in rows:
					copy.write_row(row)
	with psycopg.connect(place.admin_url, autocommit=True) as connection:
		connection.execute("vacuum analyze plm_items, plm_revisions, plm_item_costs, plm_lines")


@asynccontextmanager
async def reading(
	runtime: Runtime, place: Place, enabled: tuple[str, ...] = ("plm",)
) -> AsyncIterator[Work]:
	person = someone(place, enabled)
	async with open_work(runtime, person, action="bench", origin="task", read_only=True) as work:
		yield work


def renewed(place: Place) -> Place:
	"""The same with a fresh token: one does not last as long as these measurements."""

	async def headers() -> dict[str, str]:
		async with AsyncExitStack() as stack:
			runtime = make_runtime(place.settings)
			stack.push_async_callback(runtime.engine.dispose)
			await auth.start(runtime, stack)
			tokens = await sessions.issue_tokens(runtime, place.tenant_id, place.user_id)
		return {"Authorization": f"Bearer {tokens.access_token}"}

	return replace(place, headers=asyncio.run(headers()))


def someone(place: Place, enabled: tuple[str, ...]) -> Principal:
	return Principal(
		"user", place.tenant_id, place.user_id, "bench",
		permissions=frozenset({"*"}), enabled=frozenset(enabled),
	)  # fmt: skip


async def carbon(place: Place) -> None:
	"""What the materials of the parts stand for: ten of twelve, each with an approved factor."""
	runtime = make_runtime(place.settings)
	person = someone(place, ("plm", "esg"))
	async with open_work(runtime, person, action="bench", origin="task") as work:
		for n in range(10):
			factor = FactorIn.model_validate({
				"activity_code": f"material.bench_{n}", "name": f"Material {n}", "unit": "kg",
				"stage": "cradle_to_gate", "citation": "made for the benchmark",
				"valid_from": "2020-01-01", "co2e": f"{1 + n}.{n}",
			})  # fmt: skip
			made = await own_factors.create(work, factor)
			version = await work.scalar(select(Version.id).where(Version.factor_id == made.id))
			await factors.approve_version(work, made.id, version, "bench")
			named = {"name": f"Material {n}", "activity_code": f"material.bench_{n}"}
			await materials.create(work, MaterialIn.model_validate(named))
	await runtime.engine.dispose()


async def best(call: Callable[[], Awaitable[Any]], repeat: int = 5) -> float:
	"""Milliseconds of the best of some runs."""
	taken: list[float] = []
	for _ in range(repeat):
		started = time.perf_counter()
		await call()
		taken.append(time.perf_counter() - started)
	return min(taken) * 1e3


async def whole_tenant(report: Report, place: Place) -> None:
	runtime = make_runtime(place.settings)
	bare = (
		"select parent_revision_id, child_item_id, (quantity * 1000000)::int8 from plm_lines "
		"where is_plain"
	)

	async def read(work: Work, costs: Costs | None = None) -> snapshots.Snapshot:
		columns = await loading.load_whole(work, None, Rule.DEFAULT, View.ENGINEERING)
		return await snapshots.build(
			work, columns, None, Rule.DEFAULT, View.ENGINEERING, costs.read_all if costs else None
		)

	async def loaded() -> snapshots.Snapshot:
		async with reading(runtime, place) as work:
			return await read(work)

	top = (await loaded()).structure
	root = top.name(top.node_count - 1)

	async def roll(work: Work, snapshot: snapshots.Snapshot, costs: Costs) -> None:
		found = await roll_up_product(
			work, snapshot, root, quantity=Decimal(10), currency="EUR", day=DAY, costs=costs
		)
		for name in (COST, MASS):
			found.rolled.report(root, name, limit=100)

	async def rolled(snapshot: snapshots.Snapshot) -> None:
		async with reading(runtime, place) as work:
			await roll(work, snapshot, Costs(work))

	async def everything() -> None:
		async with reading(runtime, place) as work:
			costs = Costs(work)
			await roll(work, await read(work, costs), costs)

	async def carbon_too(snapshot: snapshots.Snapshot) -> None:
		async with reading(runtime, place, ("plm", "esg")) as work:
			await roll(work, snapshot, Costs(work))

	async def copied() -> None:
		async with reading(runtime, place) as work:
			raw = await (await work.connection()).get_raw_connection()
			driver: Any = raw.driver_connection

			async def drop(chunk: bytes) -> None:
				pass

			await driver.copy_from_query(bare, output=drop, format="binary")

	async def processor(call: Callable[[], Awaitable[Any]]) -> float:
		"""Milliseconds of the processors, those of the database too: the least of three."""
		used: list[float] = []
		for _ in range(3):
			begun = _cpu(place)
			await call()
			used.append((_cpu(place) - begun) * 1e3)
		return min(used)

	reference = await best(copied)
	taken = await best(everything)
	snapshot = await loaded()
	note = (
		f"{snapshot.structure.line_count:,} lines, {snapshot.structure.node_count:,} products; processor "
		f"{await processor(everything):.0f} ms on two cores, the bare COPY {await processor(copied):.0f}"
	)
	report.row(
		"structure of a tenant: read, levelled, cost and mass, gaps named", taken, "ms",
		reference=reference, against="bare COPY of its lines", limit=1000, note=note,
	)  # fmt: skip
	report.row("reading it alone", await best(loaded), "ms", reference=reference,
		against="bare COPY of its lines")  # fmt: skip
	two = await best(lambda: rolled(snapshot))
	report.row("rolling the kept one up, prices read anew", two, "ms")
	three = await best(lambda: carbon_too(snapshot))
	report.row("the same with CO2e of all products: materials read, in the same pass", three, "ms",
		limit=2_000, note=f"{three - two:.0f} ms more, reading included")  # fmt: skip
	await runtime.engine.dispose()


def followed(report: Report, place: Place, shape: Shape) -> None:
	"""A price, a mass and a line change in the large structure; the top item is asked for through the
	API. Processor time of the web process, so that other work on the machine does not count."""
	top = shape.nodes - 1
	uses = np.bincount(shape.child, minlength=shape.nodes)
	leaves = np.flatnonzero(shape.leaf)
	leaf = int(leaves[np.argsort(uses[leaves], kind="stable")[leaves.size * 3 // 4]])
	above = int(shape.parent[np.flatnonzero(shape.child == leaf)[0]])
	with web(place, "apg.app:make_app", workers=1) as address:
		products = f"{address}/api/v1/plm/products"
		asked = f"{products}/{an_id(1, shape.start + top)}/rollup?date=2026-03-02"
		part = f"{products}/{an_id(1, shape.start + leaf)}"
		assembly = f"{products}/{an_id(1, shape.start + above)}"
		begun = _cpu(place)
		before = _call("GET", asked, place)
		first_time = (_cpu(place) - begun) * 1e3
		changes: dict[str, Callable[[int], Any]] = {
			"a price": lambda n: _call("POST", f"{part}/costs", place, {
				"amount": f"{n + 1}.5", "currency": "EUR", "valid_from": f"2026-02-{n + 1:02}",
			}),
			"a mass": lambda n: _call("PATCH", part, place, {"mass": 100 + n, "mass_unit": "g"}),
			"a line": lambda n: _call("POST", f"{assembly}/structure/lines", place, {
				"product_id": an_id(1, shape.start + leaf), "quantity": n + 1,
			}),
		}  # fmt: skip
		note = (
			f"{shape.parent.size:,} lines, {shape.nodes:,} products; the part has {uses[leaf]} uses"
		)
		report.row("roll-up of the top item, the first time", first_time, "ms", note=note)
		for words, change in changes.items():
			taken: list[float] = []
			for n in range(6):
				change(n)
				begun = _cpu(place)
				after = _call("GET", asked, place)
				taken.append((_cpu(place) - begun) * 1e3)
				if after == before:
					raise RuntimeError(f"{words} changed and the top item did not")
				before = after
			report.row(
				f"the same after {words} changed: processor time", sorted(taken)[2], "ms",
				limit=500 if words == "a line" else 50,
				note="GET of the top item through the API, web process and database",
			)  # fmt: skip


def _cpu(place: Place, *, own: bool = True) -> float:
	"""Seconds of processor time used by all that this process started and by the database; `own`: and
	by this process and what it waited for, such as the load."""
	database = next(Path(place.settings.home).rglob("postmaster.pid")).read_text().split()[0]
	ticks = os.sysconf("SC_CLK_TCK")
	children: dict[int, list[int]] = {}
	used: dict[int, float] = {}
	for name in filter(str.isdigit, os.listdir("/proc")):
		try:
			fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
		except OSError:
			continue
		children.setdefault(int(fields[1]), []).append(int(name))
		used[int(name)] = sum(int(each) for each in fields[11:15]) / ticks
	here = os.getpid()
	total, waiting = 0.0, [int(database), *([here] if own else children.get(here, []))]
	while waiting:
		process = waiting.pop()
		total += used.get(process, 0.0)
		waiting += children.get(process, [])
	return total


def _asked(place: Place, url: str, headers: dict[str, str], seconds: float) -> tuple[Told, str]:
	"""One after the other, warm; and what a request costs the processors, which other work on the
	machine hardly changes."""
	load(url, headers, seconds=0.7, connections=1)
	begun = _cpu(place, own=False)
	told = load(url, headers, seconds=seconds, connections=1)
	each = (_cpu(place, own=False) - begun) * 1e3 / max(told.rps * seconds, 1)
	note = f"processor {each:.0f} ms, process and database; p95 {told.p95:.0f} ms"
	return told, f"{note}, {told.failed} failed"


def _call(method: str, url: str, place: Place, body: Any = None) -> Any:
	head = place.headers | {"Content-Type": "application/json"}
	content = None if body is None else json.dumps(body).encode()
	asked = urllib.request.Request(url, content, head, method=method)
	with urllib.request.urlopen(asked, timeout=120) as answer:
		return json.loads(answer.read())["data"]


def one_product(report: Report, place: Place, shape: Shape) -> None:
	root = an_id(1, shape.start)
	leaf = an_id(1, shape.start + 120)
	lines = f"{shape.parent.size:,} lines below, all levels"
	asked = (
		("its page with the first level", f"/plm/products/{root}", 150, ""),
		("the first level of its structure", "/structure", 150, ""),
		("its whole structure", "/structure?depth=50", 300, lines),
		("its whole structure with cost and mass", "/structure?depth=50&rollup=true", 300, lines),
		("its flat list with cost and mass", "/structure?flat=true&rollup=true", 300, ""),
		("its roll-up", "/rollup", 300, ""),
		("its export as CSV", "/structure/export", None, ""),
	)
	with web(place, "apg.app:make_app", workers=1) as address:
		for words, path, limit, note in asked:
			page = path.startswith("/plm")
			url = address + path if page else f"{address}/api/v1/plm/products/{root}{path}"
			headers = place.headers | ({"Accept": "text/html"} if page else {})
			told, cost = _asked(place, url, headers, 3)
			report.row(f"product of 1,700 lines: {words}", told.p50, "ms", limit=limit,
				note="; ".join(filter(None, (note, cost))))  # fmt: skip
		used = f"{address}/api/v1/plm/products/{leaf}/where-used"
		told, cost = _asked(place, used, place.headers, 2)
		report.row("where one of its parts is used", told.p50, "ms", limit=300, note=cost)


PEERS = (
	("tree of 1,000 lines, all levels", "/structure?depth=50", 50, 1_150),
	("roll-up of it", "/rollup", 100, 1_000),
	("export of it as CSV", "/structure/export", 50, 1_650),
)


def peers(report: Report, place: Place, shape: Shape) -> None:
	"""What the better of two other products needs for the same, measured on such a machine once."""
	product = f"/api/v1/plm/products/{an_id(1, shape.start)}"
	with web(place, "apg.app:make_app", workers=1) as address:
		for words, path, times, theirs in PEERS:
			told, cost = _asked(place, address + product + path, place.headers, 3)
			report.row(words, told.p50, "ms", at_least=times, reference=theirs,
				against="the better peer, recorded", note=cost)  # fmt: skip


def run(report: Report) -> None:
	rest_the_collector()  # as every process of the product does
	with installation() as place:
		product = small()
		fill(place, product)
		uvloop.run(carbon(place))
		one_product(report, renewed(place), product)
		thousand = over_four_levels(6_000_000)
		fill(place, thousand)
		peers(report, renewed(place), thousand)
		tenant = large()
		fill(place, tenant)
		followed(report, renewed(place), tenant)
		uvloop.run(whole_tenant(report, place))  # as the web processes run
