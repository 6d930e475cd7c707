"""High and critical risk reaches those who administer the company; a flood makes one message."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from apg.app import make_runtime
from apg.kernel import security_events
from apg.kernel.relay import Relay
from apg.kernel.runtime import Runtime
from apg.kernel.security_events import RISK
from apg.kernel.settings import Settings
from apg.kernel.work import open_work
from tests.people import People, Person


@pytest.fixture
async def worker(app: FastAPI, settings: Settings) -> AsyncIterator[Runtime]:
	made = make_runtime(settings, role="apg_worker")
	made.state["authenticator"] = app.state.runtime.state["authenticator"]
	yield made
	await made.engine.dispose()


async def inbox(app: FastAPI, person: Person) -> list[tuple[str, str, str]]:
	async with open_work(
		app.state.runtime, person.principal, action="test", origin="task", read_only=True
	) as work:
		rows = await work.execute(
			text(
				"select subject, priority, action_url from notifications where recipient_id = :id "
				"and kind = 'security_alert' order by created_at"
			),
			{"id": person.user_id},
		)
		return [(row[0], row[1], row[2]) for row in rows]


async def relayed(worker: Runtime, tenant: str) -> None:
	"""Until the alerts of the tenant were read; other runs of the server may hold the horizon."""
	relay = Relay(worker, worker.state["authenticator"].principal_of)
	await relay.register()
	admin = await asyncpg.connect(worker.settings.database_admin_url)
	try:
		async with asyncio.timeout(60):
			while True:
				await relay.drain()
				waiting = await admin.fetchval(
					"select count(*) from event_log l join log_cursors c on c.shard = l.shard "
					"where l.tenant_id = $1 and c.consumer like 'audit.%' "
					"and (l.epoch, l.xid, l.seq) > (c.epoch, c.xid, c.seq)",
					tenant,
				)
				if not waiting:
					return
				await asyncio.sleep(0.05)
	finally:
		await admin.close()


async def test_a_flood_makes_one_message_to_each_administrator(
	app: FastAPI, worker: Runtime, people: People
) -> None:
	alice, bob = people.alice, people.bob
	relay = Relay(worker, worker.state["authenticator"].principal_of)
	await relay.register()
	for n in range(40):
		await security_events.record(
			worker,
			"token_reuse",
			route=f"POST /{n % 8}",
			address=f"10.0.0.{n}",
			tenant_id=alice.tenant_id,
		)
	await security_events.record(
		worker, "verify_failed", route="sealing", address="", tenant_id=alice.tenant_id
	)
	await security_events.record(worker, "denied", route="x", address="", tenant_id=alice.tenant_id)
	await relayed(worker, alice.tenant_id)
	found = await inbox(app, alice)
	assert [(one[1], one[2]) for one in found] == [
		("high", "/admin/security-events?kind=token_reuse"),
		("urgent", "/admin/security-events?kind=verify_failed"),
	]
	assert found[1][0] == "The audit trail is not as it was sealed"
	assert await inbox(app, bob) == []
	assert await inbox(app, people.charlie) == []


async def test_ten_thousand_of_one_caller_are_one_row_and_one_event(
	worker: Runtime, people: People, admin_url: str
) -> None:
	tenant = people.alice.tenant_id
	admin = await asyncpg.connect(admin_url)
	try:
		# The function alone: what ten thousand calls within a minute come to. In few statements, yet
		# not in one, where each call would find the versions of its row that all before it left.
		before = await admin.fetchval("select date_trunc('minute', clock_timestamp())")
		for _hundred in range(100):
			await admin.execute(
				"select security_event($1, 'token_reuse', 'high', 'x', 'POST /x', null, '', '') "
				"from generate_series(1, 100)",
				tenant,
			)
		after = await admin.fetchval("select date_trunc('minute', clock_timestamp())")
		rows = await admin.fetch(
			"select times from security_events where tenant_id = $1 and route = 'POST /x'", tenant
		)
		raised = await admin.fetchval(
			"select count(*) from event_log where tenant_id = $1 "
			"and name = 'audit.security_event.raised.v1'",
			tenant,
		)
	finally:
		await admin.close()
	assert sum(row["times"] for row in rows) == 10_000
	assert len(rows) == raised == (1 if before == after else len(rows))


@pytest.mark.parametrize("kind", sorted(RISK))
async def test_each_kind_is_written_once_and_raised_by_its_risk(
	worker: Runtime, people: People, admin_url: str, kind: str
) -> None:
	tenant = people.alice.tenant_id
	await security_events.record(worker, kind, route="GET /x", address="::1", tenant_id=tenant)
	admin = await asyncpg.connect(admin_url)
	try:
		rows = await admin.fetch(
			"select id, kind, risk, times from security_events where tenant_id = $1", tenant
		)
		raised = await admin.fetch(
			"select body ->> 'event_id' as id, body ->> 'risk' as risk from event_log "
			"where tenant_id = $1 and name = 'audit.security_event.raised.v1'",
			tenant,
		)
	finally:
		await admin.close()
	assert [(row["kind"], row["risk"], row["times"]) for row in rows] == [(kind, RISK[kind], 1)]
	serious = RISK[kind] in ("high", "critical")
	assert [(one["id"], one["risk"]) for one in raised] == (
		[(str(rows[0]["id"]), RISK[kind])] if serious else []
	)
