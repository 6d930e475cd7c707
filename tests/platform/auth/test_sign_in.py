"""Signing in over the API: one answer for every refusal, tokens of one tenant, rotation."""

import secrets
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from apg.kernel.principal import Credential, Principal
from apg.kernel.stamps import utc_now
from apg.kernel.work import open_work
from apg.platform.auth.users import service as users
from tests.platform.auth.conftest import PASSWORD, Person, World, add_person


async def login(
	api: httpx.AsyncClient, username: str, password: str = PASSWORD, **more: str
) -> httpx.Response:
	body = {"username": username, "password": password, **more}
	return await api.post("/api/v1/auth/login", json=body)


async def who(world: World, token: str) -> Principal:
	authenticator = world.runtime.state["authenticator"]
	return await authenticator.authenticate(Credential("bearer", token))


async def events(world: World, kind: str, subject: str) -> int:
	from apg.kernel.migrating import admin_engine

	engine = admin_engine(world.runtime.settings.database_admin_url)
	with engine.connect() as connection:
		found = connection.execute(
			text(
				"select coalesce(sum(times), 0) from security_events where kind = :k and subject = :s"
			),
			{"k": kind, "s": subject},
		).scalar()
	engine.dispose()
	return int(found or 0)


async def join(world: World, person: Person, tenant_id: str, *roles: str) -> None:
	system = Principal.system(tenant_id)
	async with open_work(world.runtime, system, action="tests", origin="cli") as work:
		await users.join(work, person.id, roles)


@pytest.mark.parametrize("path", ["/api/v1/auth/login", "/auth/login"])
async def test_a_login_gives_tokens_of_the_only_tenant(
	api: httpx.AsyncClient, world: World, path: str
) -> None:
	answer = await api.post(
		path, json={"username": world.alice.username.upper(), "password": PASSWORD}
	)
	assert answer.status_code == 200, answer.text
	told = answer.json()
	assert answer.headers["cache-control"] == "no-store"
	assert told["tenant_id"] == world.alice.tenant_id
	assert told["tenant"] == world.alice.tenant
	assert (told["token_type"], told["expires_in"]) == ("Bearer", 600)
	assert told["user"] == {
		"id": world.alice.id,
		"username": world.alice.username,
		"display_name": "Alice",
		"locale": "en",
		"roles": ["tenant_admin"],
	}
	principal = await who(world, told["access_token"])
	assert (principal.user_id, principal.tenant_id) == (world.alice.id, world.alice.tenant_id)
	assert principal.permissions == frozenset({"*"})
	assert "plm" in principal.enabled


async def test_every_refusal_reads_the_same(api: httpx.AsyncClient, world: World) -> None:
	gone = await add_person(world.runtime, world.alice.tenant_id, world.alice.tenant, "gone")
	system = Principal.system(world.alice.tenant_id)
	async with open_work(world.runtime, system, action="tests", origin="cli") as work:
		(await users.membership_of(work, gone.id)).is_active = False
	answers = [
		await login(api, world.alice.username, "not the right password"),
		await login(api, f"nobody-{secrets.token_hex(4)}@example.org"),
		await login(api, gone.username),
		await login(api, world.alice.username, tenant=world.charlie.tenant),
		await login(api, world.alice.username, tenant="no-such-tenant"),
	]
	shapes: set[str] = set()
	for answer in answers:
		told: dict[str, Any] = answer.json()
		told.pop("request_id")
		shapes.add(f"{answer.status_code} {sorted(told.items())} {answer.headers['content-type']}")
	assert shapes == {
		"401 [('code', 'LOGIN_FAILED'), ('details', []), ('error_code', 401), "
		"('message', 'User name or password is wrong.'), ('status', 'error')] application/json"
	}
	assert await events(world, "login_failed", world.alice.id) == 3


async def test_who_belongs_to_two_tenants_names_one(api: httpx.AsyncClient, world: World) -> None:
	await join(world, world.bob, world.charlie.tenant_id, "tenant_admin")
	unnamed = await login(api, world.bob.username)
	assert unnamed.status_code == 422
	assert unnamed.json()["code"] == "TENANT_REQUIRED"
	assert world.charlie.tenant in unnamed.json()["details"][0]["message"]
	for name in (world.charlie.tenant, world.charlie.tenant_id, world.charlie.tenant.upper()):
		named = await login(api, world.bob.username, tenant=name)
		assert named.json()["tenant_id"] == world.charlie.tenant_id
	assert (await who(world, named.json()["access_token"])).permissions == frozenset({"*"})
	here = await login(api, world.bob.username, tenant=world.bob.tenant)
	assert (await who(world, here.json()["access_token"])).permissions == frozenset()


async def test_switching_gives_rights_of_the_other_tenant_only(
	api: httpx.AsyncClient, world: World
) -> None:
	await join(world, world.bob, world.charlie.tenant_id, "tenant_admin")
	listed = await api.get("/api/v1/auth/tenants", headers=world.bob.headers)
	assert {one["slug"] for one in listed.json()} == {world.bob.tenant, world.charlie.tenant}
	switched = await api.post(
		"/api/v1/auth/switch", json={"tenant": world.charlie.tenant}, headers=world.bob.headers
	)
	assert switched.status_code == 200
	principal = await who(world, switched.json()["access_token"])
	assert (principal.tenant_id, principal.roles) == (world.charlie.tenant_id, ("tenant_admin",))
	assert (await who(world, world.bob.token)).tenant_id == world.bob.tenant_id
	foreign = await api.post(
		"/api/v1/auth/switch", json={"tenant": world.charlie.tenant}, headers=world.alice.headers
	)
	assert foreign.status_code == 404


async def test_a_refresh_token_is_good_once_and_reuse_ends_the_family(
	api: httpx.AsyncClient, world: World
) -> None:
	first = (await login(api, world.alice.username)).json()
	other = (await login(api, world.alice.username)).json()

	async def refresh(token: str) -> httpx.Response:
		return await api.post("/api/v1/auth/refresh", json={"refresh_token": token})

	second = await refresh(first["refresh_token"])
	assert second.status_code == 200
	assert second.json()["refresh_token"] != first["refresh_token"]
	assert (await who(world, second.json()["access_token"])).user_id == world.alice.id
	reused = await refresh(first["refresh_token"])
	assert (reused.status_code, reused.json()["code"]) == (401, "REFRESH_REFUSED")
	after = await refresh(second.json()["refresh_token"])
	assert after.status_code == 401
	for token in (first["access_token"], second.json()["access_token"]):
		answer = await api.get("/api/v1/users", headers={"Authorization": f"Bearer {token}"})
		assert answer.status_code == 401
	assert await events(world, "token_reuse", world.alice.id) == 1
	# Another sign-in of the same person is another family.
	assert (await refresh(other["refresh_token"])).status_code == 200
	assert (await refresh("x" * 43)).status_code == 401


async def test_two_exchanges_at_once_leave_one_winner_at_most(
	api: httpx.AsyncClient, world: World
) -> None:
	import asyncio

	token = (await login(api, world.alice.username)).json()["refresh_token"]
	answers = await asyncio.gather(
		*(api.post("/api/v1/auth/refresh", json={"refresh_token": token}) for _ in range(5))
	)
	codes = sorted(answer.status_code for answer in answers)
	assert codes.count(200) <= 1
	assert codes[1:] == [401] * 4
	# The family is gone, the winner's tokens with it.
	for answer in answers:
		if answer.status_code == 200:
			again = await api.post(
				"/api/v1/auth/refresh", json={"refresh_token": answer.json()["refresh_token"]}
			)
			assert again.status_code == 401


async def test_signing_out_ends_both_tokens(api: httpx.AsyncClient, world: World) -> None:
	told = (await login(api, world.alice.username)).json()
	headers = {"Authorization": f"Bearer {told['access_token']}"}
	assert (await api.post("/api/v1/auth/logout", headers=headers)).status_code == 204
	assert (await api.get("/api/v1/auth/sessions", headers=headers)).status_code == 401
	refreshed = await api.post(
		"/api/v1/auth/refresh", json={"refresh_token": told["refresh_token"]}
	)
	assert refreshed.status_code == 401


async def test_a_membership_that_ended_lets_nobody_in(api: httpx.AsyncClient, world: World) -> None:
	system = Principal.system(world.bob.tenant_id)
	async with open_work(world.runtime, system, action="tests", origin="cli") as work:
		member = await users.membership_of(work, world.bob.id)
		member.valid_until = utc_now() - timedelta(seconds=1)
	await world.runtime.state["authenticator"].catch_up()
	assert (await login(api, world.bob.username)).status_code == 401
	answer = await api.get("/api/v1/auth/sessions", headers=world.bob.headers)
	assert answer.status_code == 401


async def test_a_first_password_opens_the_own_account_only(
	api: httpx.AsyncClient, world: World
) -> None:
	username = f"new-{secrets.token_hex(4)}"
	made = await api.post(
		"/api/v1/users",
		json={"username": username, "password": PASSWORD, "roles": ["tenant_admin"]},
		headers=world.alice.headers,
	)
	assert made.status_code == 201, made.text
	told = (await login(api, username)).json()
	assert told["must_change_password"] is True
	headers = {"Authorization": f"Bearer {told['access_token']}"}
	assert (await api.get("/api/v1/users", headers=headers)).status_code == 403
	changed = await api.post(
		"/api/v1/auth/password",
		json={"current_password": PASSWORD, "new_password": "eight other words, of my own"},
		headers=headers,
	)
	assert changed.status_code == 204, changed.text
	assert (await api.get("/api/v1/users", headers=headers)).status_code == 200


async def test_the_public_keys_verify_our_tokens(api: httpx.AsyncClient, world: World) -> None:
	import jwt

	keys = (await api.get("/.well-known/jwks.json")).json()
	assert all("d" not in key for key in keys["keys"])
	kid = jwt.get_unverified_header(world.alice.token)["kid"]
	key = next(jwt.PyJWK(one) for one in keys["keys"] if one["kid"] == kid)
	claims = jwt.decode(world.alice.token, key.key, algorithms=["EdDSA"], audience="apg")
	assert claims["sub"] == world.alice.id


async def test_a_hash_of_yesterdays_parameters_is_renewed(
	api: httpx.AsyncClient, world: World
) -> None:
	from pwdlib import PasswordHash
	from pwdlib.hashers.argon2 import Argon2Hasher

	from apg.kernel.migrating import admin_engine

	old = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=128),)).hash(PASSWORD)
	engine = admin_engine(world.runtime.settings.database_admin_url)

	def stored(new: str | None = None) -> str:
		with engine.begin() as connection:
			if new is not None:
				connection.execute(
					text("update users set password_hash = :h where id = :id"),
					{"h": new, "id": world.bob.id},
				)
			return str(
				connection.scalar(
					text("select password_hash from users where id = :id"), {"id": world.bob.id}
				)
			)

	assert stored(old) == old
	assert (await login(api, world.bob.username)).status_code == 200
	renewed = stored()
	assert "m=64,t=1" in renewed
	assert (await login(api, world.bob.username)).status_code == 200
	assert stored() == renewed
	engine.dispose()
