"""After an erasure nothing in the database, the trail or its export names the person."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from apg.app import make_runtime
from apg.contracts.notifications import Letter, Mail, Message, Notifications
from apg.kernel.migrating import admin_engine
from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime
from apg.kernel.sealing import Sealer
from apg.kernel.settings import Settings
from apg.kernel.work import open_work
from apg.platform.audit.sealing import verifying, witnessed
from apg.platform.auth.users import service as users
from apg.platform.notifications.settings import MailSettings
from tests.platform.auth.conftest import PASSWORD, World, rows_naming


@pytest.fixture
async def sealer(settings: Settings, tmp_path: Path) -> AsyncIterator[Sealer]:
	"""A sealer with a witness of its own."""
	made = make_runtime(settings.model_copy(update={"home": tmp_path}), role="apg_worker")
	yield Sealer(made)
	await made.engine.dispose()


def fetched(world: World, statement: str, **values: Any) -> list[Any]:
	engine = admin_engine(world.runtime.settings.database_admin_url)
	with engine.connect() as connection:
		found = list(connection.execute(text(statement), values))
	engine.dispose()
	return found


async def live(api: httpx.AsyncClient, world: World, mark: str) -> str:
	"""Somebody who does all that leaves a name: signs in, fails to, makes keys, gets mail."""
	agent = {"User-Agent": f"Browser of {mark}"}
	body = {
		"username": f"{mark}@example.org",
		"display_name": f"Zoë {mark}",
		"email": f"{mark}@example.net",
		"password": PASSWORD,
		"must_change_password": False,
		"roles": ["tenant_admin"],
	}
	made = await api.post(
		"/api/v1/users",
		json=body,
		headers={**world.alice.headers, "Idempotency-Key": secrets.token_hex(8)},
	)
	assert made.status_code == 201, made.text
	user_id = made.json()["id"]
	for password, status in (("something else entirely", 401), (PASSWORD, 200)):
		answer = await api.post(
			"/api/v1/auth/login",
			json={"username": body["username"], "password": password},
			headers=agent,
		)
		assert answer.status_code == status, answer.text
	headers = {"Authorization": f"Bearer {answer.json()['access_token']}", **agent}
	key = await api.post(
		"/api/v1/api-keys", json={"name": f"Laptop of {mark}", "scopes": ["*"]}, headers=headers
	)
	assert key.status_code == 201, key.text
	changed = await api.patch(
		f"/api/v1/users/{user_id}",
		json={"display_name": f"Zoë {mark} Second"},
		headers={**world.alice.headers, "Idempotency-Key": secrets.token_hex(8)},
	)
	assert changed.status_code == 200, changed.text
	invited = await api.post(
		"/api/v1/auth/invitations",
		json={"username": f"{mark}@example.org", "roles": []},
		headers=world.charlie.headers,
	)
	assert invited.status_code == 201, invited.text
	for person in (world.alice, world.charlie):
		await _write_to(world.runtime, person.tenant_id, user_id, mark)
	return user_id


async def _write_to(runtime: Runtime, tenant_id: str, user_id: str, mark: str) -> None:
	"""A letter that waits, and a message, from a company."""
	system = Principal.system(tenant_id)
	runtime.state["mail"] = MailSettings(host="mail.example.org", sender="apg@example.org")
	try:
		async with open_work(runtime, system, action="tests", origin="cli") as work:
			letter = Letter(
				to=f"{mark}@example.net",
				kind="tests",
				subject=mark,
				paragraphs=(mark,),
				recipient_id=user_id,
			)
			assert await work.port(Mail).send(work, letter)
			await work.port(Notifications).send(work, Message(user_id, "tests", f"Dear {mark}"))
	finally:
		del runtime.state["mail"]


async def test_nothing_names_who_was_erased(
	api: httpx.AsyncClient, world: World, sealer: Sealer
) -> None:
	mark = f"mark{secrets.token_hex(6)}"
	user_id = await live(api, world, mark)
	named = rows_naming(world, mark)
	assert {"users", "account_links", "api_keys", "sessions", "notifications"} <= named
	counts = "select count(*) from notifications_mails where recipient_id = :i"
	assert fetched(world, counts, i=user_id) == [(2,)]
	await seal(sealer, world)

	gone = await api.post(f"/api/v1/users/{user_id}/erase", headers=world.alice.headers)
	assert gone.status_code == 204, gone.text
	await seal(sealer, world)

	assert rows_naming(world, mark) == set()
	assert fetched(world, counts, i=user_id) == [(0,)]
	kept = fetched(world, "select username, is_active from users where id = :i", i=user_id)
	assert kept == [(f"erased-{user_id}", False)]
	for table in ("sessions", "api_keys"):
		open_ones = f"select count(*) from {table} where user_id = :i and revoked_at is null"
		assert fetched(world, open_ones, i=user_id) == [(0,)]
	# Alice's own letters and messages are hers still, and so is the trail of what the person did.
	did = fetched(world, "select count(*) from audit_entries where user_id = :i", i=user_id)
	assert did[0][0] > 0
	for form in ("csv", "jsonl"):
		export = await api.get(f"/api/v1/audit/export?format={form}", headers=world.alice.headers)
		assert export.status_code == 200, export.text
		assert user_id in export.text
		assert mark not in export.text
	keys = await verifying.keys_of(sealer.runtime)
	seen = witnessed.read(sealer.witness.path, keys)
	for person in (world.alice, world.charlie):
		chain = await verifying.verify(
			sealer.runtime, person.tenant_id, "x", keys, seen, patience=0
		)
		assert (chain.faults, chain.sealed) == ([], chain.entries)
		assert chain.sealed > 0


async def seal(sealer: Sealer, world: World) -> None:
	"""Until nothing of these companies waits; other runs may hold the horizon back."""
	waits = (
		"select count(*) from audit_entries a where tenant_id = any(:t) and not exists "
		"(select from audit_leaves l where l.tenant_id = a.tenant_id and l.seq = a.seq)"
	)
	tenants = [world.alice.tenant_id, world.charlie.tenant_id]
	async with asyncio.timeout(60):
		while True:
			while await sealer.seal() == sealer.batch:
				pass
			if fetched(world, waits.replace(":t", "cast(:t as uuid[])"), t=tenants) == [(0,)]:
				return
			await asyncio.sleep(0.05)


async def test_somebody_else_of_the_same_minute_keeps_what_is_his(
	api: httpx.AsyncClient, world: World
) -> None:
	mark, other = (f"mark{secrets.token_hex(6)}" for _ in range(2))
	gone, stays = await live(api, world, mark), await live(api, world, other)
	before = rows_naming(world, other)
	await api.post(f"/api/v1/users/{gone}/erase", headers=world.alice.headers)
	assert rows_naming(world, mark) == set()
	assert rows_naming(world, other) == before
	async with open_work(
		world.runtime, Principal.system(world.alice.tenant_id), action="tests", origin="cli"
	) as work:
		assert (await users.user_of(work, stays)).username == f"{other}@example.org"
