"""The sender: takes due deliveries of all tenants, sends them signed, and writes what came back.

No transaction is open while the other side thinks. A worker that dies while it sends leaves a
lease that ends; the delivery is then sent again under the same id, which is how the other side
tells.
"""

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

import orjson
import structlog
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from apg.kernel.errors import PermissionDenied
from apg.kernel.outbound import (
	TOTAL_SECONDS,
	Outbound,
	OutboundFailed,
	OutboundRefused,
	outbound_of,
	signature,
)
from apg.kernel.principal import Principal
from apg.kernel.relay import wait_for_any
from apg.kernel.runtime import Runtime
from apg.kernel.stamps import utc_now
from apg.kernel.web.wire import moment_text
from apg.kernel.work import Origin, Work, open_work
from apg.platform.webhooks.deliveries.models import ANSWER_LIMIT, Delivery, State
from apg.platform.webhooks.endpoints.models import Endpoint
from apg.platform.webhooks.endpoints.rights import may_know
from apg.platform.webhooks.endpoints.service import COLUMN, ring_of, settings_of

LEASE_SECONDS = TOTAL_SECONDS + 20.0
LONGEST_PAUSE = 3_600.0  # what the other side may ask for by Retry-After
CREDIT = 100.0  # retries an endpoint may have at once
PrincipalOf = Callable[[str, str | None], Awaitable[Principal]]

_log = structlog.get_logger("apg.webhooks")


@dataclass(frozen=True, slots=True)
class Parcel:
	"""What one try needs, read before anything is sent."""

	url: str
	owner_id: str
	event: str
	body: bytes
	secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
	"""How a try ended. `again`: another may help; `counts`: for or against the endpoint's circuit,
	None for neither."""

	state: State
	again: bool = False
	counts: bool | None = None
	status_code: int | None = None
	answer: str | None = None
	failure: str | None = None
	after: float = 0.0


class Sender:
	"""One per worker process; any number of them share the rows."""

	def __init__(
		self, runtime: Runtime, principal_of: PrincipalOf, out: Outbound | None = None
	) -> None:
		self.runtime, self.principal_of = runtime, principal_of
		self.out = out or outbound_of(runtime)
		self.settings = settings_of(runtime)
		self._running: set[asyncio.Task[None]] = set()

	async def run(self, stop: asyncio.Event) -> None:
		"""Sends until `stop`; what is under way then ends by itself within seconds."""
		while not stop.is_set():
			try:
				if await self.start_due():
					await asyncio.sleep(0.01)
					continue
			except (DBAPIError, OSError) as error:
				if (me := asyncio.current_task()) and me.cancelling():
					raise asyncio.CancelledError from error
				_log.warning("webhooks paused", error=type(error).__name__)
			await wait_for_any(stop, seconds=self.settings.poll_seconds)
		await self.settled()

	async def settled(self) -> None:
		"""Waits for what is under way."""
		if self._running:
			await asyncio.gather(*self._running)

	async def start_due(self) -> int:
		"""Takes what is due and starts sending it; how many were taken."""
		free = self.settings.parallel - len(self._running)
		if free <= 0:
			await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
			return 1
		async with self.runtime.engine.begin() as connection:
			found = await connection.exec_driver_sql(
				"select * from webhook_claim($1, $2, $3)",
				(free, self.settings.parallel_endpoint, LEASE_SECONDS),
			)
			rows = found.all()
		for tenant_id, delivery_id, attempt in cast(Any, rows):
			task = asyncio.create_task(self._try(str(tenant_id), str(delivery_id), attempt))
			self._running.add(task)
			task.add_done_callback(self._running.discard)
		return len(rows)

	async def _try(self, tenant_id: str, delivery_id: str, attempt: int) -> None:
		started = time.monotonic()
		try:
			async with self._work(tenant_id) as work:
				parcel = await self._parcel(work, delivery_id)
			if parcel is None:
				return
			outcome = await self._send(tenant_id, delivery_id, parcel)
			took = round((time.monotonic() - started) * 1_000)
			async with self._work(tenant_id) as work:
				await self._settle(work, delivery_id, attempt, outcome, took)
		except (DBAPIError, OSError) as error:
			# Nothing was written down: the lease ends, and it is tried again.
			_log.warning("delivery not settled", delivery=delivery_id, error=type(error).__name__)

	def _work(self, tenant_id: str) -> Any:
		return open_work(
			self.runtime,
			Principal.system(tenant_id),
			action="webhooks.deliveries.send",
			origin=Origin("task"),
		)

	async def _parcel(self, work: Work, delivery_id: str) -> Parcel | None:
		"""What to send; None when it was removed meanwhile."""
		d, e = Delivery, Endpoint
		row = (
			await work.execute(
				select(d, e.url, e.owner_id, e.secret, e.previous_secret, e.previous_until)
				.join(e, e.id == d.endpoint_id)
				.where(d.id == delivery_id)
			)
		).first()
		if row is None:
			return None
		held, url, owner_id, secret, previous, until = row
		ring, tenant_id = ring_of(work.runtime), work.principal.tenant_id
		sealed = [secret, *([previous] if previous and until > utc_now() else [])]
		body = {
			"id": held.id,
			"event": held.event,
			"position": held.position,
			"tenant_id": tenant_id,
			"actor_id": held.actor_id,
			"occurred_at": moment_text(held.occurred_at),
			"replay_of": held.replay_of,
			"data": held.body,
		}
		secrets = tuple(ring.decrypt(tenant_id, COLUMN, one) for one in sealed)
		return Parcel(url, owner_id, held.event, orjson.dumps(body, default=float), secrets)

	async def _send(self, tenant_id: str, delivery_id: str, parcel: Parcel) -> Outcome:
		"""One try, with the rights that the owner has at this moment."""
		try:
			owner = await self.principal_of(tenant_id, parcel.owner_id)
		except PermissionDenied:
			return Outcome(State.WITHHELD, failure="owner_gone")
		if not may_know(owner, self.runtime.composition, parcel.event):
			return Outcome(State.WITHHELD, failure="owner_may_not_read")
		headers = {
			"Content-Type": "application/json",
			"User-Agent": "APG-Webhooks/1",
			"APG-Event": parcel.event,
			"APG-Delivery": delivery_id,
			"APG-Signature": signature(parcel.body, *parcel.secrets),
		}
		try:
			answer = await self.out.send("POST", parcel.url, body=parcel.body, headers=headers)
		except OutboundRefused:
			return Outcome(State.DEAD, failure="address_refused")
		except OutboundFailed as failed:
			return Outcome(State.DEAD, again=True, counts=False, failure=f"no_{failed.kind}")
		status, told = answer.status, _readable(answer.text)
		if 200 <= status < 300:
			return Outcome(State.DELIVERED, counts=True, status_code=status, answer=told)
		again = status == 429 or status >= 500
		return Outcome(
			State.DEAD,
			again=again,
			counts=not again,
			status_code=status,
			answer=told,
			failure="redirect" if 300 <= status < 400 else "status",
			after=_pause(answer.headers.get("retry-after", "")) if again else 0.0,
		)

	async def _settle(
		self, work: Work, delivery_id: str, attempt: int, outcome: Outcome, took: int
	) -> None:
		"""Writes the outcome, unless the lease ended and somebody else took the delivery over."""
		s = self.settings
		again = outcome.again and attempt < s.tries
		wait = min(s.longest_wait_seconds, s.first_wait_seconds * 3.0 ** (attempt - 1))
		values = (
			delivery_id, attempt, State.WAITING if again else outcome.state, outcome.status_code,
			outcome.answer, outcome.failure, took,
			max(outcome.after, wait * random.uniform(0.5, 1.0)), again, outcome.counts,
			s.failures_to_open, s.open_seconds * random.uniform(0.8, 1.2), s.longest_open_seconds,
			s.retries_an_hour / 3_600.0, CREDIT,
		)  # fmt: skip
		await (await work.connection()).exec_driver_sql(_SETTLE, values)
		level = _log.info if outcome.state == State.DELIVERED else _log.warning
		level(
			"webhook tried",
			delivery=delivery_id,
			attempt=attempt,
			state=str(values[2]),
			status=outcome.status_code,
			failure=outcome.failure,
		)


# One statement: the delivery, the circuit and the budget of retries move together. Without credit
# a retry waits an hour more; it is never lost.
_SETTLE = """
	with d as (
		select tenant_id, endpoint_id from webhook_deliveries
		where id = $1 and state = 'sending' and attempts = $2::integer for update),
	s as (
		select w.id, w.failures + 1 as failures, w.open_until is not null as probing,
			least($15::float8, w.retry_credit + $14::float8
				* extract(epoch from clock_timestamp() - w.credited_at)) as credit
		from webhook_standings w join d on w.tenant_id = d.tenant_id
			and w.endpoint_id = d.endpoint_id for update of w),
	standing as (
		update webhook_standings w set
			retry_credit = s.credit - case when $9::boolean and s.credit >= 1 then 1 else 0 end,
			credited_at = clock_timestamp(),
			failures = case when $10::boolean then 0 when not $10 then s.failures else w.failures end,
			openings = case when $10 then 0
				when not $10 and (s.probing or s.failures >= $11::integer) then w.openings + 1
				else w.openings end,
			open_until = case when $10 then null
				when not $10 and (s.probing or s.failures >= $11) then clock_timestamp()
					+ make_interval(secs => least($13::float8, $12::float8 * 2 ^ least(w.openings, 20)))
				when $10 is null and s.probing then clock_timestamp() else w.open_until end,
			succeeded_at = case when $3::text = 'delivered' then clock_timestamp()
				else w.succeeded_at end,
			last_failure = case when $3 = 'delivered' then null else $6::text end,
			updated_at = clock_timestamp()
		from s where w.id = s.id)
	update webhook_deliveries t set state = $3, status_code = $4::integer, answer = $5::text,
		failure = $6, duration_ms = $7::integer, tried_at = clock_timestamp(),
		next_at = clock_timestamp() + make_interval(secs => $8::float8
			+ case when $9 and (select credit from s) < 1 then 3600 else 0 end),
		delivered_at = case when $3 = 'delivered' then clock_timestamp() end,
		updated_at = clock_timestamp()
	from d where t.id = $1
"""


def _readable(text: str) -> str:
	"""The beginning of an answer, as a person may see it."""
	return re.sub(r"[\x00-\x08\x0b-\x1f\x7f\ufffd]", " ", text)[:ANSWER_LIMIT]


def _pause(text: str) -> float:
	return min(float(text), LONGEST_PAUSE) if text.isascii() and text.isdigit() else 0.0


async def send_webhooks(runtime: Runtime, principal_of: PrincipalOf, stop: asyncio.Event) -> None:
	"""The loop of a worker process."""
	await Sender(runtime, principal_of).run(stop)
