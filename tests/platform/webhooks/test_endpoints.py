"""Webhooks as people make them: addresses that cannot be, secrets shown once, owners who answer."""

from typing import Any

import pytest
from sqlalchemy import text

from apg.app import composition
from apg.kernel.work import open_work
from tests.people import make_person
from tests.platform.webhooks.conftest import World

PATH = "/api/v1/webhooks"


async def row(world: World, webhook_id: str) -> Any:
	principal = world.people.alice.principal
	async with open_work(
		world.app.state.runtime, principal, action="test", origin="task", read_only=True
	) as work:
		query = text("select * from webhook_endpoints where id = :id")
		return (await work.execute(query, {"id": webhook_id})).mappings().one()


async def test_a_secret_is_shown_once_and_kept_encrypted(world: World) -> None:
	made = await world.hook()
	secret = made.pop("secret")
	assert secret.startswith("whsec_")
	assert len(secret) == 49
	alice = world.people.alice
	one = await world.client.get(f"{PATH}/{made['id']}", headers=alice.headers)
	assert one.json() == made
	assert made["owner_id"] == alice.user_id
	assert made["standing"] == "ok"
	held = await row(world, made["id"])
	assert secret not in str(dict(held))
	trail = await world.client.get(f"/api/v1/audit?row_id={made['id']}", headers=alice.headers)
	assert [entry["action"] for entry in trail.json()] == ["webhooks.endpoints.create"]
	for hidden in (secret, held["secret"], "/hook"):
		assert hidden not in trail.text


@pytest.mark.parametrize(
	("field", "value"),
	[
		("url", "https://10.0.0.1/"),
		("url", "https://user:secret@hooks.example.net/"),
		("url", "ftp://hooks.example.net/"),
		("url", "https://localhost/"),
		("url", "hooks.example.net"),
		("events", []),
		("events", ["plm.nothing.happened.v1"]),
		("events", ["*.created"]),
		("events", ["PLM.*"]),
		("name", ""),
		("owner_id", "018f0000-0000-7000-8000-00000000000a"),
		("secret", "mine"),
	],
)
async def test_what_cannot_be_is_refused_with_its_field(
	world: World, field: str, value: object
) -> None:
	body = {"name": "X", "url": world.receiver.url, field: value}
	alice = world.people.alice
	answer = await world.client.post(PATH, headers=alice.headers, json=body)
	assert answer.status_code == 422
	assert [d["field"].split(".")[0] for d in answer.json()["details"]] == [field]
	assert (await world.client.get(PATH, headers=alice.headers)).json() == []


async def test_a_key_neither_makes_nor_redirects_webhooks(world: World) -> None:
	alice = world.people.alice
	hook = await world.hook()
	made = await world.client.post(
		"/api/v1/api-keys", headers=alice.headers, json={"name": "all", "scopes": ["*"]}
	)
	key = {"Authorization": f"Bearer {made.json()['key']}"}
	body = {"name": "X", "url": world.receiver.url}
	assert (await world.client.post(PATH, headers=key, json=body)).status_code == 403
	place = f"{PATH}/{hook['id']}"
	moved = await world.client.patch(place, headers=key, json={"url": f"{world.receiver.url}/2"})
	assert moved.status_code == 403
	assert (await world.client.post(f"{place}/rotate", headers=key)).status_code == 403
	named = await world.client.patch(place, headers=key, json={"name": "Renamed"})
	assert named.status_code == 200
	assert (named.json()["url"], named.json()["name"]) == (world.receiver.url, "Renamed")


async def test_who_changes_where_it_goes_becomes_the_owner(world: World) -> None:
	alice = world.people.alice
	hook = await world.hook()
	runtime = world.app.state.runtime
	erin = await make_person(runtime, alice.tenant_id, "erin", ("tenant_admin",))
	place = f"{PATH}/{hook['id']}"
	renamed = await world.client.patch(place, headers=erin.headers, json={"name": "Other"})
	assert renamed.json()["owner_id"] == alice.user_id
	moved = await world.client.patch(
		place, headers=erin.headers, json={"url": f"{world.receiver.url}/other"}
	)
	assert moved.json()["owner_id"] == erin.user_id
	back = await world.client.post(f"{place}/rotate", headers=alice.headers)
	assert back.json()["owner_id"] == alice.user_id
	narrowed = await world.client.patch(
		place, headers=erin.headers, json={"events": ["plm.product.*"]}
	)
	assert narrowed.json()["owner_id"] == erin.user_id


async def test_events_are_those_the_caller_may_read(world: World) -> None:
	runtime, alice = world.app.state.runtime, world.people.alice
	all_of_it = (await world.client.get(f"{PATH}/events", headers=alice.headers)).json()
	names = {one["name"] for one in all_of_it}
	assert {"plm.product.created.v1", "esg.metric.created.v1", "auth.user.joined.v1"} <= names
	assert names == set(runtime.composition.events)
	role = {
		"name": "hooks_only",
		"title": "Hooks",
		"permissions": ["webhooks.*", "esg.metrics.read"],
	}
	made = await world.client.post("/api/v1/roles", headers=alice.headers, json=role)
	assert made.status_code == 201, made.text
	frank = await make_person(runtime, alice.tenant_id, "frank", ("hooks_only",))
	some = (await world.client.get(f"{PATH}/events", headers=frank.headers)).json()
	assert {one["needs"] for one in some} == {"esg.metrics.read"}
	refused = await world.client.post(
		PATH,
		headers=frank.headers,
		json={"name": "X", "url": world.receiver.url, "events": ["plm.product.created.v1"]},
	)
	assert refused.status_code == 422


async def test_there_are_so_many_and_no_more(world: World) -> None:
	from apg.platform.webhooks.settings import WebhookSettings

	world.app.state.runtime.state["webhooks"] = WebhookSettings(most=1)
	try:
		await world.hook()
		answer = await world.client.post(
			PATH,
			headers=world.people.alice.headers,
			json={"name": "X", "url": world.receiver.url},
		)
	finally:
		del world.app.state.runtime.state["webhooks"]
	assert answer.status_code == 409
	assert answer.json()["code"] == "TOO_MANY_WEBHOOKS"


def test_every_event_needs_a_right_that_exists() -> None:
	whole = composition()
	known = {str(one) for one in whole.permissions}
	assert {name: kind.readable_with() for name, kind in whole.events.items()
		if kind.readable_with() not in known} == {}  # fmt: skip
