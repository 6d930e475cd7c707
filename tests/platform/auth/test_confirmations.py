"""Confirming with password or code: a proof good once, for a while, for one person and one thing."""

import asyncio
import hashlib
from datetime import timedelta

import httpx
import pytest
from pyotp.totp import TOTP
from sqlalchemy import text

from apg.contracts.identity import Confirmations
from apg.kernel import stamps
from apg.kernel.principal import Principal
from apg.kernel.work import Origin, Work, open_work
from tests.platform.auth.conftest import PASSWORD, Person, World

SUBJECT = hashlib.sha256(b"an order").hexdigest()
OTHER = hashlib.sha256(b"another order").hexdigest()


async def confirm(api: httpx.AsyncClient, person: Person, **body: str) -> httpx.Response:
	return await api.post(
		"/api/v1/auth/confirm", json={"subject": SUBJECT} | body, headers=person.headers
	)


async def take(world: World, person: Person, proof: str, subject: str = SUBJECT) -> str | None:
	principal = Principal("user", person.tenant_id, person.id)
	async with open_work(world.runtime, principal, action="test", origin="task") as work:
		return await work.port(Confirmations).take(work, proof, subject)


async def test_a_proof_is_good_once(api: httpx.AsyncClient, world: World) -> None:
	answer = await confirm(api, world.bob, password=PASSWORD)
	assert answer.status_code == 200, answer.text
	told = answer.json()
	assert (told["method"], told["subject"]) == ("password", SUBJECT)
	assert answer.headers["cache-control"] == "no-store"
	assert await take(world, world.bob, told["proof"], OTHER) is None
	assert await take(world, world.alice, told["proof"]) is None
	assert await take(world, world.charlie, told["proof"]) is None
	assert await take(world, world.bob, told["proof"] + "x") is None
	# None of these used it up.
	assert await take(world, world.bob, told["proof"]) == "password"
	assert await take(world, world.bob, told["proof"]) is None


async def test_of_four_at_once_one_gets_it(api: httpx.AsyncClient, world: World) -> None:
	proof = (await confirm(api, world.bob, password=PASSWORD)).json()["proof"]
	found = await asyncio.gather(*(take(world, world.bob, proof) for _ in range(4)))
	assert sorted(found, key=str) == [None, None, None, "password"]


async def test_a_proof_of_a_rolled_back_signature_is_not_used_up(
	api: httpx.AsyncClient, world: World
) -> None:
	proof = (await confirm(api, world.bob, password=PASSWORD)).json()["proof"]
	principal = Principal("user", world.bob.tenant_id, world.bob.id)
	work = Work(world.runtime, principal, "test", Origin("task"))
	assert await work.port(Confirmations).take(work, proof, SUBJECT) == "password"
	await work.close()
	assert await take(world, world.bob, proof) == "password"


async def test_a_late_proof_is_refused(
	api: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
	proof = (await confirm(api, world.bob, password=PASSWORD)).json()["proof"]
	later = stamps.utc_now() + timedelta(minutes=5, seconds=1)
	monkeypatch.setattr("apg.platform.auth.confirmations.service.utc_now", lambda: later)
	assert await take(world, world.bob, proof) is None


async def test_a_wrong_password_gives_nothing(api: httpx.AsyncClient, world: World) -> None:
	answer = await confirm(api, world.bob, password="wrong")
	assert answer.status_code == 422
	assert answer.json()["details"][0]["field"] == "password"
	system = Principal.system(world.bob.tenant_id)
	async with open_work(world.runtime, system, action="test", origin="task") as work:
		assert await work.scalar(text("select count(*) from auth_confirmations")) == 0


@pytest.mark.parametrize(
	("body", "field"),
	[
		({}, "body"),
		({"password": PASSWORD, "code": "123456"}, "body"),
		({"password": PASSWORD, "subject": "abc"}, "subject"),
		({"code": "123456"}, "code"),
	],
)
async def test_what_cannot_be_taken_is_named(
	api: httpx.AsyncClient, world: World, body: dict[str, str], field: str
) -> None:
	answer = await confirm(api, world.bob, **body)
	assert answer.status_code == 422, answer.text
	assert [one["field"] for one in answer.json()["details"]] == [field]


async def test_a_code_of_the_app_proves_too_and_only_once(
	api: httpx.AsyncClient, world: World
) -> None:
	person = world.bob
	secret = (await api.post("/api/v1/auth/totp", headers=person.headers)).json()["secret"]
	first = TOTP(secret).now()
	done = await api.post("/api/v1/auth/totp/confirm", json={"code": first}, headers=person.headers)
	assert done.status_code == 200, done.text
	used = await confirm(api, person, code=first)
	assert used.status_code == 422
	recovery = done.json()["recovery_codes"][0]
	answer = await confirm(api, person, code=recovery)
	assert answer.status_code == 200, answer.text
	assert await take(world, person, answer.json()["proof"]) == "totp"
	assert (await confirm(api, person, code=recovery)).status_code == 422


async def test_a_program_cannot_confirm(api: httpx.AsyncClient, world: World) -> None:
	made = await api.post(
		"/api/v1/api-keys",
		json={"name": "robot", "scopes": ["plm.*"]},
		headers=world.alice.headers,
	)
	assert made.status_code == 201, made.text
	answer = await api.post(
		"/api/v1/auth/confirm",
		json={"subject": SUBJECT, "password": PASSWORD},
		headers={"Authorization": f"Bearer {made.json()['key']}"},
	)
	assert answer.status_code == 403, answer.text
	assert answer.json()["code"] == "PERSON_REQUIRED"


async def test_the_proof_is_stored_nowhere(api: httpx.AsyncClient, world: World) -> None:
	proof = (await confirm(api, world.bob, password=PASSWORD)).json()["proof"]
	system = Principal.system(world.bob.tenant_id)
	async with open_work(world.runtime, system, action="test", origin="task") as work:
		for table in ("auth_confirmations", "audit_entries"):
			rows = (await work.execute(text(f"select t::text from {table} t"))).scalars().all()
			assert rows
			assert not [row for row in rows if proof in row]
