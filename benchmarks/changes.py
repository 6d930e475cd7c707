"""An order of 500 products and 50,000 lines: opened, submitted, released.

Written past the services are the products with their first revisions; the order, its working
revisions and its release go through them. The approvals are set by hand, nobody signs here. The
reference runs beside: one bare statement that gives 500 revisions their state.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from sqlalchemy import text

from apg.app import make_runtime
from apg.capabilities.plm.changes import implementing, package, service
from apg.capabilities.plm.changes.schemas import ChangeIn, ImplementIn
from apg.capabilities.plm.revisions import moves
from apg.kernel.runtime import Runtime
from apg.kernel.work import Work, open_work
from benchmarks.report import Report
from benchmarks.serving import Place, installation
from benchmarks.structures import Shape, an_id, fill, someone

ASSEMBLIES, LEAVES, LINES = 500, 400, 100
START = 7_000_000


def shape() -> Shape:
	"""Assemblies below each other in a tree of two, each with parts up to 100 lines."""
	chance = np.random.default_rng(7)
	parent: list[int] = []
	child: list[int] = []
	for above in range(ASSEMBLIES):
		below = [n for n in (2 * above + 1, 2 * above + 2) if n < ASSEMBLIES]
		parts = chance.choice(LEAVES, LINES - len(below), replace=False) + ASSEMBLIES
		child += [*below, *parts.tolist()]
		parent += [above] * LINES
	quantity = chance.integers(1, 9, len(parent)) * 1_000_000
	return Shape(START, ASSEMBLIES + LEAVES, np.array(parent), np.array(child), quantity)


RELEASED = """
	update plm_revisions set state = 'released', content_hash = repeat('a', 64), released_at = now()
	where id = any(%s)
"""


@dataclass(frozen=True, slots=True)
class Took:
	"""Milliseconds of one transaction: by the clock, commit included, and of the processors, in this
	process and in the server's; on a busy machine only those tell what it costs."""

	clock: float
	here: float
	server: float

	@property
	def note(self) -> str:
		where = f"{self.here:,.0f} ms in the process, {self.server:,.0f} ms in the database"
		return f"{ASSEMBLIES} products, {ASSEMBLIES * LINES:,} lines; processor: {where}"


async def timed(
	runtime: Runtime, place: Place, deed: Callable[[Work], Awaitable[Any]]
) -> tuple[Took, Any]:
	"""What one transaction took, and what it answered."""
	start, own = time.perf_counter(), time.process_time()
	async with open_work(runtime, someone(place, ("plm",)), action="bench", origin="task") as work:
		backend = int(await work.scalar(text("select pg_backend_pid()")))
		before = processor(backend)
		told = await deed(work)
		await work.flush()
		server = processor(backend) - before
	clock = time.perf_counter() - start
	return Took(clock * 1000, (time.process_time() - own) * 1000, server), told


def processor(pid: int) -> float:
	"""Milliseconds of processor that a process has used (proc(5): utime and stime)."""
	status = Path(f"/proc/{pid}/stat")
	if not status.exists():  # another system than Linux
		return 0.0
	fields = status.read_text("ascii").rsplit(")", 1)[1].split()
	return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


async def measured(report: Report, place: Place) -> None:
	runtime = make_runtime(place.settings)
	products = [an_id(1, START + n) for n in range(ASSEMBLIES)]

	async def create(work: Work) -> str:
		new = ChangeIn(change_title="A large order", affected_products=products)
		return (await service.create(work, new)).id

	def approved(change_id: str) -> Callable[[Work], Awaitable[None]]:
		async def freeze(work: Work) -> None:
			change = await service.held(work, change_id, structures=True)
			items = await package.items_of(work, change.id)
			await moves.freeze(work, [str(item.to_revision_id) for item in items])
			await package.refresh(work, change)
			change.status = "approved"

		return freeze

	def release(change_id: str) -> Callable[[Work], Awaitable[None]]:
		async def implement(work: Work) -> None:
			await implementing.implement(work, change_id, ImplementIn())

		return implement

	async def bare(work: Work) -> None:
		connection = await work.connection()
		await connection.exec_driver_sql(
			"update plm_revisions set updated_at = now() where item_id = any($1::uuid[]) "
			"and state = 'released'",
			(products,),
		)

	_ms, first = await timed(runtime, place, create)
	await timed(runtime, place, approved(first))
	took, _none = await timed(runtime, place, release(first))
	plain, _none = await timed(runtime, place, bare)
	reference = plain.clock
	report.row(
		"order released, first revisions", took.clock, "ms", limit=5000, reference=reference,
		against="one bare update of its revisions", note=took.note,
	)  # fmt: skip
	opened, second = await timed(runtime, place, create)
	report.row(
		"order raised, its revisions opened with all lines", opened.clock, "ms", note=opened.note
	)
	frozen, _none = await timed(runtime, place, approved(second))
	report.row("package frozen and hashed", frozen.clock, "ms", limit=5000, note=frozen.note)
	took, _none = await timed(runtime, place, release(second))
	report.row(
		"order released, earlier revisions superseded", took.clock, "ms", limit=5000,
		reference=reference, against="one bare update of its revisions", note=took.note,
	)  # fmt: skip
	await runtime.engine.dispose()


def run(report: Report) -> None:
	with installation() as place:
		made = shape()
		fill(place, made)
		with psycopg.connect(place.admin_url, autocommit=True) as connection:
			connection.execute("set session_replication_role = replica")
			leaves = [an_id(2, START + n) for n in range(ASSEMBLIES, ASSEMBLIES + LEAVES)]
			connection.execute(RELEASED, (leaves,))
		asyncio.run(measured(report, place))
