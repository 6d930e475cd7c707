"""From the event to the other side: signed, once per event, with the owner's rights of the moment."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from apg.kernel import security_events
from tests.people import make_person
from tests.platform.webhooks.conftest import World, listening

PATH = "/api/v1/webhooks"


async def test_an_event_arrives_signed_and_with_its_content(world: World) -> None:
	hook = await world.hook(events=["plm.product.*"])
	product = await world.product()
	await world.spread()
	await world.spread()
	await world.send()
	[told] = world.receiver.told
	[row] = await world.deliveries()
	assert told["event"] == "plm.product.created.v1"
	assert told["data"]["product_id"] == product
	assert told["tenant_id"] == world.people.alice.tenant_id
	assert told["actor_id"] == world.people.alice.user_id
	assert (told["id"], told["position"]) == (row["id"], row["position"])
	assert world.receiver.headers[0]["apg-event"] == told["event"]
	assert world.receiver.headers[0]["apg-delivery"] == row["id"]
	assert world.receiver.is_signed(0, hook["secret"])
	assert not world.receiver.is_signed(0, "whsec_other")
	assert (row["state"], row["attempts"], row["status_code"]) == ("delivered", 1, 200)
	assert (row["answer"], row["failure"]) == ("fine", None)
	one = await world.client.get(f"{PATH}/{hook['id']}", headers=world.people.alice.headers)
	assert one.json()["last_success_at"] is not None


async def test_filters_tenants_and_switches_are_kept(world: World) -> None:
	await world.hook(events=["esg.*"])
	await world.hook(events=["plm.product.updated.v1"])
	await world.hook(is_active=False)
	wanted = await world.hook(events=["plm.product.created.v1", "esg.*"])
	foreign = await world.hook(world.people.charlie, events=["plm.*"])
	await world.product()
	await world.spread()
	await world.send()
	assert [row["webhook_id"] for row in await world.deliveries()] == [wanted["id"]]
	assert len(world.receiver.bodies) == 1
	theirs = await world.client.get(f"{PATH}/deliveries", headers=world.people.charlie.headers)
	assert theirs.json() == []
	assert foreign["id"] != wanted["id"]


async def test_both_secrets_sign_during_a_rotation_and_one_after_it(world: World) -> None:
	hook = await world.hook(events=["plm.product.*"])
	place = f"{PATH}/{hook['id']}"
	new = await world.client.post(f"{place}/rotate", headers=world.people.alice.headers)
	assert new.json()["secret"] != hook["secret"]
	assert new.json()["previous_secret_until"] is not None
	await world.product("Pump A")
	await world.spread()
	await world.send()
	assert world.receiver.is_signed(0, hook["secret"])
	assert world.receiver.is_signed(0, new.json()["secret"])
	await world.sql("update webhook_endpoints set previous_until = now() - interval '1 second'")
	await world.product("Pump B")
	await world.spread()
	await world.send()
	assert not world.receiver.is_signed(1, hook["secret"])
	assert world.receiver.is_signed(1, new.json()["secret"])


async def test_an_owner_who_lost_the_right_is_told_nothing(world: World) -> None:
	runtime, alice = world.app.state.runtime, world.people.alice
	erin = await make_person(runtime, alice.tenant_id, "erin", ("tenant_admin",))
	await world.hook(erin, events=["plm.product.*"])
	await world.product("Known")
	await world.spread()
	await world.send()
	assert len(world.receiver.bodies) == 1
	# The right goes after the event was written down and before it is sent.
	await world.product("Secret")
	await world.spread()
	changed = await world.client.patch(
		f"/api/v1/users/{erin.user_id}", headers=alice.headers, json={"roles": ["esg_viewer"]}
	)
	assert changed.status_code == 200, changed.text
	await world.send()
	assert len(world.receiver.bodies) == 1
	latest = (await world.deliveries())[0]
	assert (latest["state"], latest["failure"]) == ("withheld", "owner_may_not_read")
	assert latest["status_code"] is None
	gone = await world.client.delete(f"/api/v1/users/{erin.user_id}", headers=alice.headers)
	assert gone.status_code in (200, 204), gone.text
	await world.product("More")
	await world.spread()
	await world.send()
	assert (await world.deliveries())[0]["failure"] == "owner_gone"
	assert len(world.receiver.bodies) == 1


async def test_a_capability_that_is_off_is_not_told_of(world: World) -> None:
	await world.hook(events=["plm.product.*"])
	await world.product()
	await world.spread()
	off = await world.client.put(
		"/api/v1/tenants/current/capabilities",
		headers=world.people.alice.headers,
		json={"plm": False},
	)
	assert off.status_code == 200, off.text
	await world.send()
	assert world.receiver.bodies == []
	assert [row["state"] for row in await world.deliveries()] == ["withheld"]


@pytest.mark.parametrize("reply", [(500, "down"), (503, "busy"), (429, "slow")])
async def test_a_passing_trouble_is_tried_again_and_then_given_up(
	world: World, reply: tuple[int, str]
) -> None:
	world.receiver.reply = reply
	await world.hook(events=["plm.product.*"])
	await world.product()
	await world.spread()
	await world.send()
	[row] = await world.deliveries()
	assert (row["state"], row["attempts"], row["status_code"]) == ("waiting", 1, reply[0])
	assert row["next_at"] > row["tried_at"]
	await world.send()
	assert len(world.receiver.bodies) == 1  # its time has not come
	for _ in range(4):
		await world.make_due()
		await world.send()
	[row] = await world.deliveries()
	assert (row["state"], row["attempts"], row["answer"]) == ("dead", 3, reply[1])
	assert len(world.receiver.bodies) == 3
	assert len({one["id"] for one in world.receiver.told}) == 1


@pytest.mark.parametrize(
	("reply", "failure"),
	[
		((400, "no"), "status"),
		((410, "gone"), "status"),
		((302, "there", "Location: http://127.0.0.1/"), "redirect"),
	],
)
async def test_a_refusal_is_not_tried_again(world: World, reply: Any, failure: str) -> None:
	world.receiver.reply = reply
	await world.hook(events=["plm.product.*"])
	await world.product()
	await world.spread()
	await world.send()
	[row] = await world.deliveries()
	assert (row["state"], row["attempts"], row["failure"]) == ("dead", 1, failure)
	assert len(world.receiver.bodies) == 1


async def test_nobody_there_and_too_slow_are_tried_again(world: World) -> None:
	await world.hook(events=["plm.product.*"])
	world.receiver.reply = lambda _receiver: 30.0
	await world.product()
	await world.spread()
	await world.send()
	[row] = await world.deliveries()
	assert (row["state"], row["failure"], row["status_code"]) == ("waiting", "no_time", None)


async def test_an_address_that_moved_inside_is_not_called(world: World) -> None:
	await world.hook(events=["plm.product.*"])
	await world.product()
	await world.spread()
	await world.sql("update webhook_endpoints set url = 'https://10.0.0.1/'")
	await world.send()
	[row] = await world.deliveries()
	assert (row["state"], row["failure"]) == ("dead", "address_refused")


async def test_of_an_answer_200_readable_characters_are_kept(world: World) -> None:
	world.receiver.reply = (200, "<script>\x00\x1b[31m" + "x" * 70_000)
	await world.hook(events=["plm.product.*"])
	await world.product()
	await world.spread()
	await world.send()
	[row] = await world.deliveries()
	assert row["state"] == "delivered"
	assert row["answer"].startswith("<script>  [31mxxx")
	assert len(row["answer"]) == 200


async def test_what_the_other_side_asks_for_is_waited(world: World) -> None:
	world.receiver.reply = (429, "later", "Retry-After: 1800")
	await world.hook(events=["plm.product.*"])
	await world.product()
	await world.spread()
	await world.send()
	waited = "extract(epoch from next_at - tried_at)"
	await world.sql(
		f"insert into webhook_standings select * from webhook_standings where "
		f"(select min({waited}) from webhook_deliveries) < 1790"
	)
	[row] = await world.deliveries()
	assert row["state"] == "waiting"


async def test_an_open_circuit_is_probed_by_one(world: World) -> None:
	world.receiver.reply = (500, "down")
	hook = await world.hook(events=["plm.product.*"])
	for number in range(8):
		await world.product(f"Part {number}")
	await world.spread()
	await world.send()
	# Four are sent at once, three failures open it: the rest is not tried.
	first = len(world.receiver.bodies)
	assert first == 4
	place = f"{PATH}/{hook['id']}"
	alice = world.people.alice.headers
	assert (await world.client.get(place, headers=alice)).json()["standing"] == "paused"
	await world.send()
	assert len(world.receiver.bodies) == first
	await world.make_due()
	await world.send()
	assert len(world.receiver.bodies) == first + 1  # the probe alone, and it failed
	assert (await world.client.get(place, headers=alice)).json()["standing"] == "paused"
	world.receiver.reply = (200, "up")
	await world.make_due()
	await world.send()
	assert (await world.client.get(place, headers=alice)).json()["standing"] == "ok"
	assert {row["state"] for row in await world.deliveries()} == {"delivered"}
	assert len(world.receiver.bodies) == first + 1 + 8


async def test_two_workers_send_each_once_and_an_endpoint_is_not_flooded(world: World) -> None:
	from apg.platform.webhooks.deliveries.sender import Sender

	world.receiver.reply = lambda _receiver: 0.02
	await world.hook(events=["plm.product.*"])
	for number in range(20):
		await world.product(f"Part {number}")
	await world.spread()
	others = [world.sender, Sender(world.runtime, world.sender.principal_of, world.sender.out)]
	stop = asyncio.Event()
	running = [asyncio.create_task(one.run(stop)) for one in others]
	async with asyncio.timeout(30):
		while len(await world.deliveries(state="delivered")) < 20:
			await asyncio.sleep(0.05)
	stop.set()
	await asyncio.gather(*running)
	assert Counter(Counter(one["id"] for one in world.receiver.told).values()) == {1: 20}
	assert world.receiver.busiest <= 4


async def test_a_worker_that_died_leaves_a_lease_that_ends(world: World) -> None:
	await world.hook(events=["plm.product.*"])
	await world.product()
	await world.spread()
	async with world.runtime.engine.begin() as connection:  # taken, and never heard of again
		taken = await connection.exec_driver_sql("select * from webhook_claim(10, 4, 30)")
		assert len(taken.all()) == 1
	await world.send()
	assert world.receiver.bodies == []
	await world.sql("update webhook_deliveries set next_at = now()")
	await world.send()
	[row] = await world.deliveries()
	assert (row["state"], row["attempts"]) == ("delivered", 2)


async def test_retries_have_a_budget(world: World) -> None:
	world.receiver.reply = (500, "down")
	await world.hook(events=["plm.product.*"])
	await world.product()
	await world.spread()
	await world.sql("update webhook_standings set retry_credit = 0.5, credited_at = now()")
	await world.send()
	await world.sql(
		"update webhook_deliveries set answer = 'spent' where next_at > now() + interval '59 minutes'"
	)
	[row] = await world.deliveries()
	assert (row["state"], row["answer"]) == ("waiting", "spent")


async def test_a_test_and_a_replay(world: World) -> None:
	alice = world.people.alice.headers
	hook = await world.hook(events=["plm.product.*"])
	tested = await world.client.post(f"{PATH}/{hook['id']}/test", headers=alice)
	assert tested.status_code == 202
	await world.send()
	assert world.receiver.told[0]["event"] == "webhooks.endpoint.tested.v1"
	assert world.receiver.is_signed(0, hook["secret"])
	again = await world.client.post(
		f"{PATH}/deliveries/{tested.json()['id']}/replay", headers=alice
	)
	assert again.status_code == 202
	assert again.json()["replay_of"] == tested.json()["id"]
	twice = await world.client.post(f"{PATH}/deliveries/{again.json()['id']}/replay", headers=alice)
	assert (twice.status_code, twice.json()["code"]) == (409, "DELIVERY_UNDER_WAY")
	await world.send()
	assert world.receiver.told[1]["replay_of"] == tested.json()["id"]
	off = await world.client.patch(f"{PATH}/{hook['id']}", headers=alice, json={"is_active": False})
	assert off.status_code == 200
	refused = await world.client.post(f"{PATH}/{hook['id']}/test", headers=alice)
	assert refused.status_code == 409


async def test_what_was_given_up_is_sent_again_once(world: World) -> None:
	alice = world.people.alice.headers
	world.receiver.reply = (400, "no")
	await world.hook(events=["plm.product.*"])
	for number in range(5):
		await world.product(f"Part {number}")
	await world.spread()
	await world.send()
	assert len(await world.deliveries(state="dead")) == 5
	world.receiver.reply = (200, "yes")
	replies = await asyncio.gather(
		*(
			world.client.post(f"{PATH}/deliveries/replay", headers=alice, json={"limit": 3})
			for _ in range(3)
		)
	)
	assert sum(one.json()["replayed"] for one in replies) == 5
	nobody = await world.client.post(
		f"{PATH}/deliveries/replay", headers=world.people.charlie.headers, json={}
	)
	assert nobody.json() == {"replayed": 0}
	await world.send()
	states = Counter(row["state"] for row in await world.deliveries())
	assert states == {"replayed": 5, "delivered": 5}


KILLED = Path(__file__).with_name("killed_relay.py")


async def test_as_many_deliveries_as_events_though_relays_are_killed(
	world: World, admin_url: str
) -> None:
	await world.hook(events=["plm.product.created.v1"])
	await world.hook(name="Second", events=["plm.*"])
	total = 60
	await world.relay.register()
	for number in range(total):
		await world.product(f"Part {number}")
	for at_least in (1, 9, 17):
		child = subprocess.Popen(
			[sys.executable, str(KILLED), admin_url],
			env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
			stdout=subprocess.PIPE,
		)
		assert child.stdout is not None
		try:
			for _ in range(at_least):
				if not await asyncio.to_thread(child.stdout.readline):
					break
		finally:
			child.send_signal(signal.SIGKILL)
			child.communicate()
	await world.spread()
	rows = await world.deliveries(event="plm.product.created.v1")
	counted = Counter((row["webhook"], row["position"]) for row in rows)
	assert set(counted.values()) == {1}
	assert len(counted) == 2 * total
	await world.send()
	assert len(await world.deliveries(state="delivered")) == len(await world.deliveries())
	assert len({one["id"] for one in world.receiver.told}) == len(world.receiver.told)


async def test_a_slow_endpoint_does_not_hold_up_another(world: World) -> None:
	world.receiver.reply = lambda _receiver: 0.8
	await world.hook(events=["plm.product.*"])
	async with listening() as quick:
		world.sender.out._ports |= {quick.port}  # pyright: ignore[reportPrivateUsage]
		await world.hook(name="Quick", url=quick.url, events=["plm.product.*"])
		for number in range(6):
			await world.product(f"Part {number}")
		await world.spread()
		stop = asyncio.Event()
		running = asyncio.create_task(world.sender.run(stop))
		async with asyncio.timeout(30):
			while len(quick.bodies) < 6 or len(await world.deliveries(state="sending")) > 4:
				await asyncio.sleep(0.02)
		assert len(await world.deliveries(state="sending")) == 4
		stop.set()
		await running


async def test_what_is_critical_goes_out_once_a_minute(world: World) -> None:
	await world.hook(events=["audit.*"])
	alice = world.people.alice.principal
	for kind in ("denied", "verify_failed", "verify_failed", "verify_failed"):
		await security_events.record(
			world.app.state.runtime, kind, route="test", address="192.0.2.1", principal=alice
		)
	await world.spread()
	await world.send()
	told = [(one["event"], one["data"]["kind"], one["data"]["risk"]) for one in world.receiver.told]
	# The three may lie on both sides of the end of a minute.
	assert set(told) == {("audit.security_event.raised.v1", "verify_failed", "critical")}
	assert len(told) <= 2
	assert "192.0.2.1" not in str(world.receiver.bodies)
