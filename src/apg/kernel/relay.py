"""The relay: reads the log for each consumer, runs it, and moves its cursor in one transaction.

Effect and position commit together: an event takes effect once, whoever is killed when.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, cast

import asyncpg
import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from apg.kernel import log, observe
from apg.kernel.events import Consumer, GiveUp, Position, Recorded, Retry, backoff, registry
from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime
from apg.kernel.tenancy import Binding, set_script
from apg.kernel.work import Origin, Work

PrincipalOf = Callable[[str, str | None], Awaitable[Principal]]

BATCH = 500  # events read at a time
BATCH_SECONDS = 0.8  # an open transaction holds back every reader of the log: under a second
EVENT_SECONDS = 10.0  # what one event may take at most
TRIES = 10
POLL_SECONDS = 1.0
SOON_SECONDS, SOON_TIMES = 0.1, 10  # after a hint that showed nothing yet
HINT_SECONDS = 0.05
PRINCIPAL_SECONDS = 2.0
CHANNEL = "log"

_log = structlog.get_logger("apg.relay")


class EventWork(Work):
	"""A Work inside the relay's transaction: settled under a savepoint, committed with the cursor."""

	def __init__(
		self,
		runtime: Runtime,
		principal: Principal,
		action: str,
		origin: Origin,
		held: AsyncConnection,
	) -> None:
		super().__init__(runtime, principal, action, origin)
		# A session has a savepoint of its own: what a failed flush rolls back is this event alone.
		self._bind, self._join = held, "create_savepoint"
		self._held = held
		self.later: list[Callable[[], Awaitable[None]]] = []

	async def connection(self) -> AsyncConnection:
		return self._held if self._session is None else await super().connection()

	@property
	def is_open(self) -> bool:
		return True  # reads never borrow another connection: it would not see this transaction

	async def finish(self) -> None:
		self.later, self._after_commit = self._after_commit, []
		await super().finish()


class Relay:
	"""One per worker process; any number of them share the cursors."""

	def __init__(
		self,
		runtime: Runtime,
		principal_of: PrincipalOf,
		*,
		consumers: Sequence[Consumer] | None = None,
		tries: int = TRIES,
	) -> None:
		self.runtime = runtime
		self.engine = runtime.engine
		self.principal_of = principal_of
		chosen = runtime.composition.consumers if consumers is None else consumers
		self.consumers = {consumer.name: consumer for consumer in chosen}
		self.events = runtime.composition.events
		self.tries = tries
		self._principals: dict[str, tuple[float, Principal]] = {}
		self._swept = 0.0

	async def run(self, stop: asyncio.Event, hints: "Hints | None" = None) -> None:
		"""Works until `stop`: woken by hints, at the latest each second."""
		woken = hints.listen() if hints else asyncio.Event()
		registered, soon = False, 0
		while not stop.is_set():
			woken.clear()
			try:
				if not registered:
					await self.register()
					registered = True
				if await self.drain():
					continue
			except (DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
				# The end of a broken connection may stand in the place of a cancellation.
				if (me := asyncio.current_task()) and me.cancelling():
					raise asyncio.CancelledError from error
				_log.warning("relay paused", error=describe(error))
			await wait_for_any(stop, woken, seconds=SOON_SECONDS if soon else POLL_SECONDS)
			# A hint comes before the horizon has reached its event when older work is still open.
			soon = SOON_TIMES if woken.is_set() else max(0, soon - 1)

	async def register(self) -> None:
		async with self.engine.begin() as connection:
			await log.register(connection, self.consumers.values())

	async def drain(self) -> int:
		"""One round over all cursors that have something to do; the number of events handled."""
		names = list(self.consumers)
		async with self.engine.begin() as connection:
			rows = await connection.exec_driver_sql("select * from log_pending($1)", (names,))
			pending = rows.all()
		handled = 0
		for name, shard in cast(Any, pending):
			handled += await self.batch(self.consumers[name], shard)
		if time.monotonic() - self._swept > POLL_SECONDS:
			self._swept = time.monotonic()
			async with self.engine.begin() as connection:
				await connection.exec_driver_sql("select log_sweep($1)", (names,))
		return handled

	async def batch(self, consumer: Consumer, shard: int) -> int:
		"""Up to 500 events of one cursor in one transaction; 0 when another relay holds it."""
		later: list[Callable[[], Awaitable[None]]] = []
		async with self.engine.connect() as connection, connection.begin():
			found = await connection.exec_driver_sql(
				"select * from log_lock($1, $2)", (consumer.name, shard)
			)
			if (head := found.first()) is None:
				return 0
			raw = await connection.get_raw_connection()
			batch = _Batch(self, consumer, shard, connection, raw.driver_connection, later)
			handled = await batch.run(head.epoch, head.xid)
		for call in later:
			await call()
		return handled

	def reaches(self, consumer: Consumer, principal: Principal) -> bool:
		"""A tenant's events are seen only by consumers whose capability it enabled."""
		on = principal.enabled | self.runtime.composition.always_on
		return not consumer.capability or consumer.capability in on

	async def principal(self, tenant_id: str, at: float = 0.0) -> Principal:
		"""The system inside the tenant, with the capabilities that were on two seconds ago or less,
		and never those of before the moment `at`: an event must not miss what was just turned on."""
		known = self._principals.get(tenant_id)
		if known is None or time.time() - known[0] > PRINCIPAL_SECONDS or known[0] < at:
			if len(self._principals) > 10_000:
				self._principals.clear()
			known = (time.time(), await self.principal_of(tenant_id, None))
			self._principals[tenant_id] = known
		return known[1]


class _Batch:
	"""One transaction of the relay. Statements of its own go straight to the driver: savepoints and
	bindings would cost more than most consumers through the layers above."""

	def __init__(
		self,
		relay: Relay,
		consumer: Consumer,
		shard: int,
		connection: AsyncConnection,
		driver: Any,
		later: list[Callable[[], Awaitable[None]]],
	) -> None:
		self.relay, self.consumer, self.shard = relay, consumer, shard
		self.connection, self.driver, self.later = connection, driver, later
		self.kinds = relay.events | registry(consumer.events)
		self.bound: Binding | None = None
		self.open = False

	async def run(self, head_epoch: int, head_xid: int) -> int:
		name, shard = self.consumer.name, self.shard
		# Lost in a crash, effect and position are lost together and done again; any later commit
		# that waits for the disk takes this one with it.
		await self.driver.execute(
			"set local synchronous_commit = off; set local statement_timeout = '8s'"
		)
		rows = await self.driver.fetch(
			"select * from log_read($1, $2, $3, $4, $5)", name, shard, head_epoch, head_xid, BATCH
		)
		new = sum(row["attempts"] is None for row in rows)
		# A strict consumer never goes past a tenant's failed event, neither new nor parked ones.
		strict = self.consumer.strict
		blocked, stuck = await self._blocked() if strict else set[str](), set[str]()
		reached = Position(head_epoch, head_xid, 0) if new < BATCH else None
		last: Position | None = None
		handled = 0
		deadline = time.monotonic() + BATCH_SECONDS
		for row in rows:
			if handled and time.monotonic() > deadline:
				reached = None
				break
			tenant = str(row["tenant_id"])
			again = row["attempts"] is not None
			if not again:
				last = Position(row["epoch"], row["xid"], row["seq"])
			if tenant in blocked and not again:
				await self._park(row)
			elif tenant not in stuck and not await self._handle(row) and strict:
				(stuck if again else blocked).add(tenant)
			handled += 1
		await self._savepoint(None)
		if (to := reached or last) is not None:
			await self.driver.execute("select log_move($1, $2, $3, $4, $5)", name, shard, *to)
		return handled

	async def _blocked(self) -> set[str]:
		"""Tenants whose later events wait behind one that failed."""
		found = await self.driver.fetchval(
			"select log_blocked($1, $2)", self.consumer.name, self.shard
		)
		return {str(tenant) for tenant in found}

	async def _handle(self, row: Any) -> bool:
		"""Runs one event under a savepoint; False when it failed, which is written down."""
		relay, consumer, tenant = self.relay, self.consumer, str(row["tenant_id"])
		kind = self.kinds.get(row["name"])
		recorded = Recorded(
			Position(row["epoch"], row["xid"], row["seq"]),
			tenant,
			None if row["actor_id"] is None else str(row["actor_id"]),
			row["request_id"],
			row["occurred_at"],
		)
		work: EventWork | None = None
		try:
			principal = await relay.principal(tenant, row["occurred_at"].timestamp())
			work = EventWork(
				relay.runtime,
				principal,
				consumer.name,
				Origin("relay", row["request_id"]),
				self.connection,
			)
			await self._savepoint(work)
			if row["attempts"] is not None:
				await self._forget(recorded)
			if kind is not None and relay.reaches(consumer, principal):
				with self._watched(row, tenant):
					async with asyncio.timeout(EVENT_SECONDS):
						await consumer.function(work, kind.read(row["body"], recorded))
						await work.finish()
				self.later.extend(work.later)
		except Exception as error:
			# Whatever a consumer does, the others go on.
			if work is None or _to_run_again(error):
				raise
			await work.close()
			await self.driver.execute("rollback to savepoint event")
			attempts = (row["attempts"] or 0) + 1
			await self._record(row, attempts, *self._verdict(error, attempts))
			return False
		await work.close()
		return True

	def _watched(self, row: Any, tenant: str) -> AbstractContextManager[None]:
		return observe.watched(
			"event",
			f"event {row['name']} at {self.consumer.name}",
			self.relay.runtime.settings.slow_operation_ms,
			capability=self.consumer.capability,
			tenant_id=tenant,
			request_id=row["request_id"],
		)

	async def _savepoint(self, work: EventWork | None) -> None:
		"""Ends the savepoint before and opens the next, bound to the tenant of `work`, in one
		message to the server."""
		script = "release savepoint event;" if self.open else ""
		if work is not None:
			if (binding := work.binding) != self.bound:
				script += set_script(binding) + ";"
				self.bound = binding
			script += "savepoint event"
		if script:
			await self.driver.execute(script)
		self.open = work is not None

	def _verdict(self, error: Exception, attempts: int) -> tuple[str, str, float | None]:
		if isinstance(error, GiveUp) or attempts >= self.relay.tries:
			return "exhausted", describe(error), None
		wait = error.seconds if isinstance(error, Retry) else backoff(attempts)
		return "waiting", describe(error), wait

	async def _park(self, row: Any) -> None:
		principal = await self.relay.principal(str(row["tenant_id"]))
		origin = Origin("relay", row["request_id"])
		await self._savepoint(
			EventWork(self.relay.runtime, principal, self.consumer.name, origin, self.connection)
		)
		await self._record(row, 0, "parked", "waits behind an event that failed", None)

	async def _forget(self, recorded: Recorded) -> None:
		await self.driver.execute(
			"delete from event_failures where consumer = $1 and tenant_id = $2 "
			"and (epoch, xid, seq) = ($3, $4::bigint::text::xid8, $5)",
			self.consumer.name,
			recorded.tenant_id,
			*recorded.position,
		)

	async def _record(
		self, row: Any, attempts: int, state: str, error: str, wait: float | None
	) -> None:
		if state != "parked":
			_log.warning(
				"event failed",
				consumer=self.consumer.name,
				name=row["name"],
				state=state,
				attempts=attempts,
				error=error,
			)
		await self.driver.execute(
			"""
			insert into event_failures as f (tenant_id, consumer, epoch, xid, seq, shard, name, state,
				attempts, next_at, error, occurred_at)
			values ($1, $2, $3, $4::bigint::text::xid8, $5, $6, $7, $8, $9,
				clock_timestamp() + make_interval(secs => $10), $11, $12)
			on conflict (tenant_id, consumer, epoch, xid, seq) do update set state = excluded.state,
				attempts = excluded.attempts, next_at = excluded.next_at, error = excluded.error,
				failed_at = clock_timestamp()
			""",
			row["tenant_id"],
			self.consumer.name,
			row["epoch"],
			row["xid"],
			row["seq"],
			self.shard,
			row["name"],
			state,
			attempts,
			wait,
			error,
			row["occurred_at"],
		)


class Hints:
	"""Wake-ups between processes, on one connection outside all transactions.

	A NOTIFY inside a transaction takes a lock of the whole server at commit; here each process
	sends at most one per 50 ms. A lost hint costs one poll, never an event.
	"""

	def __init__(self, database_url: str) -> None:
		self._url = database_url
		self._wanted = asyncio.Event()
		self._listeners: list[asyncio.Event] = []

	def send(self) -> None:
		"""Something was committed; returns at once."""
		self._wanted.set()

	def listen(self) -> asyncio.Event:
		"""An event that is set at each hint; whoever waits for it clears it."""
		self._listeners.append(listener := asyncio.Event())
		return listener

	async def run(self, stop: asyncio.Event) -> None:
		while not stop.is_set():
			try:
				await self._serve(stop)
			except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
				_log.warning("no hints", error=describe(error))
				await wait_for_any(stop, seconds=POLL_SECONDS)

	async def _serve(self, stop: asyncio.Event) -> None:
		connection = await asyncpg.connect(self._url, timeout=5)
		try:
			if self._listeners:
				await connection.add_listener(CHANNEL, self._heard)
			while not stop.is_set():
				await wait_for_any(stop, self._wanted, seconds=30)
				if self._wanted.is_set():
					self._wanted.clear()
					await connection.execute(f"notify {CHANNEL}")
				elif not stop.is_set():
					await connection.execute("select 1")  # is the connection still there
				await wait_for_any(stop, seconds=HINT_SECONDS)
		finally:
			await connection.close(timeout=2)

	def _heard(self, *_: Any) -> None:
		for listener in self._listeners:
			listener.set()


async def wait_for_any(*events: asyncio.Event, seconds: float) -> None:
	"""Returns when one of the events is set, or after so many seconds."""
	tasks = [asyncio.ensure_future(event.wait()) for event in events]
	try:
		await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
	finally:
		for task in tasks:
			task.cancel()


def describe(error: BaseException) -> str:
	"""The kind of error and its first line: what follows may hold values of the tenant's rows."""
	cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
	lines = str(cause).splitlines()
	return f"{type(cause).__name__}: {lines[0] if lines else ''}"[:300]


def _to_run_again(error: Exception) -> bool:
	"""Deadlocks and serialisation failures: the batch runs again, it is nobody's fault. And a lost
	connection, without which nothing can be written down."""
	if not isinstance(error, DBAPIError):
		return False
	code = getattr(error.orig, "sqlstate", None)
	return error.connection_invalidated or code in ("40001", "40P01")
