"""Deliveries: written for every event, looked at, sent again."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import any_, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from apg.kernel.errors import Conflict, NotFound
from apg.kernel.events import Event
from apg.kernel.json_rows import One, Page
from apg.kernel.stamps import is_id, new_id, utc_now
from apg.kernel.texts import _
from apg.kernel.web.lists import ListState
from apg.kernel.work import Work
from apg.platform.webhooks.deliveries.models import Delivery, State, select_deliveries
from apg.platform.webhooks.deliveries.schemas import ReplayIn
from apg.platform.webhooks.endpoints.models import Endpoint
from apg.platform.webhooks.endpoints.rights import TESTED


class StillUnderWay(Conflict):
	"""What is being tried needs no second start."""

	code = "DELIVERY_UNDER_WAY"


_SPREAD = """
	insert into webhook_deliveries (id, tenant_id, endpoint_id, key, event, position, body,
		occurred_at, actor_id, next_at, created_at, updated_at)
	select gen_random_uuid(), e.tenant_id, e.id, $1::text, $2::text, $1::text, $3::text::jsonb, $4, $5,
		clock_timestamp(), clock_timestamp(), clock_timestamp()
	from webhook_endpoints e
	where e.is_active and exists (select from jsonb_array_elements_text(e.events) p
		where p in ('*', $2::text) or (right(p, 2) = '.*' and starts_with($2::text, left(p, -1))))
	on conflict (tenant_id, endpoint_id, key) do nothing
"""
_REPLAY = """
	with chosen as (
		select id from webhook_deliveries
		where state = 'dead' and ($1::uuid is null or endpoint_id = $1) and ($2::text is null or event = $2)
			and ($3::timestamptz is null or created_at >= $3)
			and ($4::timestamptz is null or created_at < $4)
		order by created_at, id limit $5 for update skip locked),
	gone as (
		update webhook_deliveries d set state = 'replayed', updated_at = clock_timestamp()
		from chosen c where d.id = c.id returning d.*)
	insert into webhook_deliveries (id, tenant_id, endpoint_id, key, event, position, body,
		occurred_at, actor_id, replay_of, next_at, created_at, updated_at, created_by)
	select gen_random_uuid(), g.tenant_id, g.endpoint_id, 'replay/' || gen_random_uuid(), g.event,
		g.position, g.body, g.occurred_at, g.actor_id, g.id, clock_timestamp(), clock_timestamp(),
		clock_timestamp(), $6
	from gone g
"""


async def spread(work: Work, event: Event) -> None:
	"""The consumer of every event: one delivery for each webhook that wants it, never a second."""
	recorded = event.recorded
	assert recorded is not None
	values = (
		str(recorded.position),
		event.name,
		event.model_dump_json(),
		recorded.occurred_at,
		recorded.actor_id,
	)
	await (await work.connection()).exec_driver_sql(_SPREAD, values)


async def listed(work: Work, state: ListState) -> Page:
	"""One page of the company's deliveries, the latest first unless asked otherwise."""
	query = select_deliveries()
	if states := state.values("state"):
		query = query.where(Delivery.state == any_(_texts(states)))
	if state["event"] is not None:
		query = query.where(Delivery.event == state["event"])
	if (webhook_id := state["webhook_id"]) is not None:
		known = webhook_id if is_id(str(webhook_id)) else None
		query = query.where(Delivery.endpoint_id == known)
	columns: dict[str, Any] = {"created_at": Delivery.created_at}
	query = state.window(query, columns, Delivery.id)
	return await work.read_list(query, limit=state.page_size, offset=state.offset)


def _texts(values: Sequence[str]) -> Any:
	return bindparam(None, list(values), ARRAY(Text()))


async def read(work: Work, delivery_id: str) -> One:
	"""One delivery. Raises NotFound, also for another company's."""
	if not is_id(delivery_id):
		raise NotFound(_("{what} not found", what=_("delivery")))
	return await work.read_one(select_deliveries().where(Delivery.id == delivery_id), Delivery)


async def test(work: Work, webhook_id: str) -> Delivery:
	"""Sends an event that means nothing, so that the other side can be seen to take it."""
	endpoint = await work.get(Endpoint, webhook_id)
	if not endpoint.is_active:
		raise Conflict(_("This webhook is off; switch it on first."), code="WEBHOOK_OFF")
	now, key = utc_now(), new_id()
	made = Delivery(
		endpoint_id=endpoint.id,
		key=f"test/{key}",
		event=TESTED,
		body={"webhook_id": endpoint.id},
		occurred_at=now,
		actor_id=work.principal.user_id,
		next_at=now,
	)
	return work.add(made)


async def replay(work: Work, delivery_id: str) -> Delivery:
	"""Sends one again, as a new delivery. Raises NotFound, StillUnderWay."""
	old = await work.edit(Delivery, delivery_id, compare=False)
	if old.state in (State.WAITING, State.SENDING):
		raise StillUnderWay(_("This delivery is still being tried."))
	if old.state == State.DEAD:
		old.state = State.REPLAYED
	made = Delivery(
		endpoint_id=old.endpoint_id,
		key=f"replay/{new_id()}",
		event=old.event,
		position=old.position,
		body=old.body,
		occurred_at=old.occurred_at,
		actor_id=old.actor_id,
		replay_of=old.id,
		next_at=utc_now(),
	)
	return work.add(made)


async def replay_dead(work: Work, asked: ReplayIn) -> int:
	"""Sends again what was given up; answers how many. Twice at once sends each once."""
	values = (
		asked.webhook_id, asked.event, asked.since, asked.until, asked.limit, work.principal.user_id,
	)  # fmt: skip
	await work.flush()
	made = await (await work.connection()).exec_driver_sql(_REPLAY, values)
	return int(made.rowcount)


async def count_dead(work: Work) -> int:
	"""How many were given up and not sent again."""
	query = text("select count(*) from webhook_deliveries where state = 'dead'")
	return int(await work.scalar(query))
