"""Members, roles and keys over the API: who may give what, and the last administrator."""

import asyncio
import secrets
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from apg.kernel.migrating import admin_engine
from apg.kernel.principal import Principal
from apg.kernel.stamps import new_id
from apg.kernel.work import open_work
from apg.platform.auth.roles import service as roles
from apg.platform.auth.users import people
from apg.platform.auth.users import service as users
from tests.platform.auth.conftest import PASSWORD, Person, World, add_person


async def give(world: World, person: Person, *names: str) -> None:
	system = Principal.system(person.tenant_id)
	async with open_work(world.runtime, system, action="tests", origin="cli") as work:
		await roles.give(work, (await users.membership_of(work, person.id)).id, names)
	await world.runtime.state["authenticator"].catch_up()


async def own_role(api: httpx.AsyncClient, world: World, *rights: str, **more: Any) -> str:
	name = f"r_{secrets.token_hex(4)}"
	body = {"name": name, "title": name, "permissions": list(rights), **more}
	made = await api.post("/api/v1/roles", json=body, headers=world.alice.headers)
	assert made.status_code == 201, made.text
	return name


def rows(world: World, statement: str, **values: Any) -> list[Any]:
	engine = admin_engine(world.runtime.settings.database_admin_url)
	with engine.connect() as connection:
		found = list(connection.execute(text(statement), values))
	engine.dispose()
	return found


# -- members ----------------------------------------------------------------------------------


async def test_a_member_is_made_read_listed_and_changed(
	api: httpx.AsyncClient, world: World
) -> None:
	username = f"Max.Berg-{secrets.token_hex(4)}@Example.org"
	body = {
		"username": username,
		"display_name": "Max Berg",
		"email": "max@example.org",
		"password": PASSWORD,
		"roles": ["integrator"],
	}
	made = await api.post("/api/v1/users", json=body, headers=world.alice.headers)
	assert made.status_code == 201, made.text
	told = made.json()
	assert told["username"] == username.lower()
	assert told["roles"] == ["integrator"]
	assert (told["is_active"], told["at_home"], told["has_totp"]) == (True, True, False)
	assert not {"password", "password_hash", "totp_secret"} & set(told)
	one = await api.get(f"/api/v1/users/{told['id']}", headers=world.alice.headers)
	assert one.json() == told
	listed = await api.get(f"/api/v1/users?q={username[:12]}", headers=world.alice.headers)
	assert listed.json() == [told]
	assert listed.headers["x-total-count"] == "1"
	tag = one.headers["etag"]
	changed = await api.patch(
		f"/api/v1/users/{told['id']}",
		json={"display_name": "M. Berg", "roles": []},
		headers={**world.alice.headers, "If-Match": tag},
	)
	assert changed.status_code == 200, changed.text
	assert (changed.json()["display_name"], changed.json()["roles"]) == ("M. Berg", [])
	stale = await api.patch(
		f"/api/v1/users/{told['id']}",
		json={"display_name": "Late"},
		headers={**world.alice.headers, "If-Match": tag},
	)
	assert stale.status_code == 412
	again = await api.post("/api/v1/users", json=body, headers=world.alice.headers)
	assert (again.status_code, again.json()["code"]) == (409, "USERNAME_TAKEN")


@pytest.mark.parametrize(
	("change", "field"),
	[
		({"password": "short"}, "password"),
		({"password": "password1234"}, "password"),
		({"username": "with space"}, "username"),
		({"username": ""}, "username"),
		({"email": "nobody"}, "email"),
		({"roles": ["no_such_role"]}, "roles"),
		({"tenant_id": "0190b6a2-7c1e-7d4f-8a9b-0c1d2e3f4a5b"}, "tenant_id"),
		({"is_admin": True}, "is_admin"),
		({"display_name": "a\0b"}, "display_name"),
	],
)
async def test_bad_members_are_refused_at_the_field(
	api: httpx.AsyncClient, world: World, change: dict[str, Any], field: str
) -> None:
	username = f"x-{secrets.token_hex(4)}"
	body = {"username": username, "password": PASSWORD} | change
	answer = await api.post("/api/v1/users", json=body, headers=world.alice.headers)
	assert answer.status_code == 422, answer.text
	assert [one["field"] for one in answer.json()["details"]] == [field]
	assert rows(world, "select 1 from users where username = :n", n=username) == []


async def test_the_four_callers(api: httpx.AsyncClient, world: World) -> None:
	target = world.bob.id
	for method, path, body in (
		("GET", "/api/v1/users", None),
		("GET", f"/api/v1/users/{target}", None),
		("POST", "/api/v1/users", {"username": "x"}),
		("PATCH", f"/api/v1/users/{target}", {"display_name": "x"}),
		("DELETE", f"/api/v1/users/{target}", None),
		("POST", f"/api/v1/users/{target}/erase", None),
		("POST", f"/api/v1/users/{target}/reset-link", None),
		("GET", "/api/v1/roles", None),
		("POST", "/api/v1/roles", {}),
		("GET", "/api/v1/api-keys", None),
		("POST", "/api/v1/auth/invitations", {}),
		("GET", "/api/v1/auth/invitations", None),
	):
		nobody = await api.request(method, path, json=body)
		assert nobody.status_code == 401, path
		bob = await api.request(method, path, json=body, headers=world.bob.headers)
		assert bob.status_code == 403, path
		if target in path:
			known = await api.request(method, path, json=body, headers=world.charlie.headers)
			other = path.replace(target, new_id())
			unknown = await api.request(method, other, json=body, headers=world.charlie.headers)
			assert (known.status_code, unknown.status_code) == (404, 404), path
			left, right = known.json(), unknown.json()
			assert {**left, "request_id": ""} == {**right, "request_id": ""}
	charlies = await api.get("/api/v1/users", headers=world.charlie.headers)
	assert [one["id"] for one in charlies.json()] == [world.charlie.id]


async def test_personal_values_never_reach_the_trail(api: httpx.AsyncClient, world: World) -> None:
	mark = f"mark{secrets.token_hex(6)}"
	made = await api.post(
		"/api/v1/users",
		json={
			"username": f"{mark}@example.org",
			"display_name": f"Name {mark}",
			"email": f"{mark}@example.net",
			"password": f"a sentence with {mark}",
		},
		headers=world.alice.headers,
	)
	user_id = made.json()["id"]
	await api.patch(
		f"/api/v1/users/{user_id}", json={"display_name": mark}, headers=world.alice.headers
	)
	await api.post(
		"/api/v1/auth/invitations",
		json={"username": f"inv{mark}", "email": f"{mark}@example.com"},
		headers=world.alice.headers,
	)
	entries = rows(
		world,
		"select before::text, after::text, action, user_id::text from audit_entries "
		"where tenant_id = :t",
		t=world.alice.tenant_id,
	)
	assert any(entry[2] == "auth.users.create" and entry[3] == world.alice.id for entry in entries)
	assert not [entry for entry in entries if mark in str(entry)]
	assert not [entry for entry in entries if "argon2" in str(entry)]


async def test_who_left_comes_back_with_nothing_of_before(
	api: httpx.AsyncClient, world: World
) -> None:
	await give(world, world.bob, "integrator")
	made = await api.post(
		"/api/v1/api-keys", json={"name": "x", "scopes": ["*"]}, headers=world.bob.headers
	)
	key = {"Authorization": f"Bearer {made.json()['key']}"}
	assert (await api.get("/api/v1/api-keys", headers=key)).status_code == 200
	path = f"/api/v1/users/{world.bob.id}"
	assert (await api.delete(path, headers=world.alice.headers)).status_code == 204
	for headers in (key, world.bob.headers):
		assert (await api.get("/api/v1/api-keys", headers=headers)).status_code == 401
	system = Principal.system(world.bob.tenant_id)
	async with open_work(world.runtime, system, action="tests", origin="cli") as work:
		await users.join(work, world.bob.id, ["integrator"])
	await world.runtime.state["authenticator"].catch_up()
	for headers in (key, world.bob.headers):
		assert (await api.get("/api/v1/api-keys", headers=headers)).status_code == 401
	token = (
		await api.post(
			"/api/v1/auth/login", json={"username": world.bob.username, "password": PASSWORD}
		)
	).json()["access_token"]
	fresh = {"Authorization": f"Bearer {token}"}
	assert (await api.get("/api/v1/api-keys", headers=fresh)).status_code == 200


async def test_a_secret_is_not_kept_for_repetition(api: httpx.AsyncClient, world: World) -> None:
	body = {"name": "x", "scopes": ["*"]}
	headers = {**world.alice.headers, "Idempotency-Key": secrets.token_hex(8)}
	made = await api.post("/api/v1/api-keys", json=body, headers=headers)
	again = await api.post("/api/v1/api-keys", json=body, headers=headers)
	assert (made.status_code, again.status_code) == (201, 409)
	assert again.headers["idempotency-replayed"] == "true"
	assert again.headers["location"] == made.headers["location"]
	assert again.json()["code"] == "ANSWER_NOT_KEPT"
	assert made.json()["key"] not in again.text
	kept = rows(
		world, "select body from idempotency_keys where tenant_id = :t", t=world.alice.tenant_id
	)
	assert [bytes(row[0] or b"") for row in kept] == [b""]
	listed = await api.get("/api/v1/api-keys", headers=world.alice.headers)
	assert len(listed.json()) == 1


async def test_an_account_is_looked_after_at_home(api: httpx.AsyncClient, world: World) -> None:
	system = Principal.system(world.charlie.tenant_id)
	async with open_work(world.runtime, system, action="tests", origin="cli") as work:
		await users.join(work, world.bob.id, ())
	path = f"/api/v1/users/{world.bob.id}"
	for method, where, body in (
		("PATCH", path, {"email": "mallory@example.org"}),
		("PATCH", path, {"display_name": "Mallory"}),
		("POST", f"{path}/reset-link", None),
		("POST", f"{path}/erase", None),
	):
		answer = await api.request(method, where, json=body, headers=world.charlie.headers)
		assert (answer.status_code, answer.json()["code"]) == (403, "ACCOUNT_OF_ANOTHER_TENANT")
	off = await api.patch(path, json={"is_active": False}, headers=world.charlie.headers)
	assert off.status_code == 200
	assert (await api.get("/api/v1/auth/account", headers=world.bob.headers)).status_code == 200


# -- the last administrator -------------------------------------------------------------------


async def administrators(world: World) -> list[str]:
	system = Principal.system(world.alice.tenant_id)
	async with open_work(world.runtime, system, action="tests", origin="cli") as work:
		return await people.members_in_role(work, "tenant_admin")


@pytest.mark.parametrize(
	("method", "path", "body"),
	[
		("PATCH", "/api/v1/users/{id}", {"roles": []}),
		("PATCH", "/api/v1/users/{id}", {"valid_until": "2030-01-01T00:00:00Z"}),
		("PATCH", "/api/v1/users/{id}", {"is_active": False}),
		("DELETE", "/api/v1/users/{id}", None),
		("POST", "/api/v1/users/{id}/erase", None),
	],
)
async def test_two_administrators_cannot_remove_each_other_at_once(
	api: httpx.AsyncClient, world: World, method: str, path: str, body: Any
) -> None:
	other = await add_person(
		world.runtime, world.alice.tenant_id, world.alice.tenant, "dora", "tenant_admin"
	)
	answers = await asyncio.gather(
		api.request(method, path.format(id=other.id), json=body, headers=world.alice.headers),
		api.request(method, path.format(id=world.alice.id), json=body, headers=other.headers),
	)
	codes = [answer.status_code for answer in answers]
	assert sum(code < 300 for code in codes) <= 1, [answer.text for answer in answers]
	assert len(await administrators(world)) >= 1


async def test_the_only_administrator_stays(api: httpx.AsyncClient, world: World) -> None:
	path = f"/api/v1/users/{world.alice.id}"
	answer = await api.patch(path, json={"roles": []}, headers=world.alice.headers)
	assert (answer.status_code, answer.json()["code"]) == (409, "LAST_ADMINISTRATOR")
	for method, where in (("DELETE", path), ("POST", f"{path}/erase")):
		answer = await api.request(method, where, headers=world.alice.headers)
		assert (answer.status_code, answer.json()["code"]) == (409, "NOT_YOURSELF")
	assert await administrators(world) == [world.alice.id]


async def test_the_database_keeps_an_administrator_by_itself(world: World) -> None:
	engine = admin_engine(world.runtime.settings.database_admin_url)
	for statement in (
		"update memberships set is_active = false where user_id = :id",
		"update memberships set valid_until = now() where user_id = :id",
		"delete from membership_roles where membership_id in "
		"(select id from memberships where user_id = :id)",
	):
		with engine.connect() as connection:
			connection.execute(text(statement), {"id": world.alice.id})
			with pytest.raises(Exception, match="a tenant keeps an administrator"):
				connection.commit()
	engine.dispose()
	assert await administrators(world) == [world.alice.id]


# -- roles ------------------------------------------------------------------------------------


async def test_a_role_is_made_read_changed_and_removed(
	api: httpx.AsyncClient, world: World
) -> None:
	body = {
		"name": f"r_{secrets.token_hex(4)}",
		"title": "Readers",
		"permissions": ["plm:products:read", "auth.users.read", "plm_products:read", "plm.*"],
	}
	made = await api.post("/api/v1/roles", json=body, headers=world.alice.headers)
	assert made.status_code == 201, made.text
	told = made.json()
	assert told["permissions"] == ["auth.users.read", "plm.*", "plm.products.read"]
	assert (told["built_in"], told["members"]) == (False, 0)
	path = f"/api/v1/roles/{told['id']}"
	assert (await api.get(path, headers=world.alice.headers)).json() == told
	listed = await api.get("/api/v1/roles?limit=1000", headers=world.alice.headers)
	assert told in listed.json()
	assert {"tenant_admin", "user_admin", "integrator"} <= {one["name"] for one in listed.json()}
	changed = await api.patch(path, json={"permissions": []}, headers=world.alice.headers)
	assert changed.json()["permissions"] == []
	twice = await api.post("/api/v1/roles", json=body, headers=world.alice.headers)
	assert (twice.status_code, twice.json()["code"]) == (409, "ROLE_NAME_TAKEN")
	await give(world, world.bob, body["name"])
	used = await api.delete(path, headers=world.alice.headers)
	assert (used.status_code, used.json()["code"]) == (409, "ROLE_IN_USE")
	await give(world, world.bob)
	assert (await api.delete(path, headers=world.alice.headers)).status_code == 204
	assert (await api.get(path, headers=world.charlie.headers)).status_code == 404


@pytest.mark.parametrize(
	"name", ["plm.products.fly", "nothing", "x.*", "a.b.c.d", "plm.products.", "**"]
)
async def test_unknown_rights_are_refused(api: httpx.AsyncClient, world: World, name: str) -> None:
	body = {"name": f"r_{secrets.token_hex(4)}", "title": "x", "permissions": [name]}
	answer = await api.post("/api/v1/roles", json=body, headers=world.alice.headers)
	assert answer.status_code == 422
	assert answer.json()["details"][0]["field"] == "permissions"


async def test_the_administrators_role_stays_as_it_is(api: httpx.AsyncClient, world: World) -> None:
	listed = await api.get("/api/v1/roles?q=tenant_admin", headers=world.alice.headers)
	path = f"/api/v1/roles/{listed.json()[0]['id']}"
	for body in ({"permissions": []}, {"title": "Nobody"}):
		answer = await api.patch(path, json=body, headers=world.alice.headers)
		assert (answer.status_code, answer.json()["code"]) == (409, "ROLE_BUILT_IN")
	answer = await api.delete(path, headers=world.alice.headers)
	assert (answer.status_code, answer.json()["code"]) == (409, "ROLE_BUILT_IN")


async def test_nobody_gives_rights_he_does_not_hold(api: httpx.AsyncClient, world: World) -> None:
	keeper = await own_role(
		api, world, "auth.users.read", "auth.users.update", "auth.roles.create", "auth.roles.update"
	)
	await give(world, world.bob, keeper)
	for rights in (
		["*"],
		["auth.*"],
		["plm.products.read"],
		["auth.users.*"],
		["auth.users.delete"],
	):
		body = {"name": f"r_{secrets.token_hex(4)}", "title": "x", "permissions": rights}
		answer = await api.post("/api/v1/roles", json=body, headers=world.bob.headers)
		assert (answer.status_code, answer.json()["code"]) == (403, "CANNOT_GRANT"), rights
	own = {"name": f"r_{secrets.token_hex(4)}", "title": "x", "permissions": ["auth.users.read"]}
	assert (await api.post("/api/v1/roles", json=own, headers=world.bob.headers)).status_code == 201
	mine = f"/api/v1/users/{world.bob.id}"
	answer = await api.patch(
		mine, json={"roles": [keeper, "tenant_admin"]}, headers=world.bob.headers
	)
	assert (answer.status_code, answer.json()["code"]) == (403, "CANNOT_GRANT")
	# Nor does he take over, switch off or reset somebody who holds more.
	hers = f"/api/v1/users/{world.alice.id}"
	for method, path, body in (
		("PATCH", hers, {"email": "bob@example.org"}),
		("PATCH", hers, {"is_active": False}),
		("PATCH", hers, {"roles": []}),
		("POST", f"{hers}/reset-link", None),
	):
		answer = await api.request(method, path, json=body, headers=world.bob.headers)
		assert (answer.status_code, answer.json()["code"]) == (403, "CANNOT_GRANT"), (method, body)
	assert await administrators(world) == [world.alice.id]


async def test_who_assigns_roles_gives_business_rights_only(
	api: httpx.AsyncClient, world: World
) -> None:
	business = await own_role(api, world, "plm.products.read")
	await give(world, world.bob, "user_admin")
	dora = await add_person(world.runtime, world.bob.tenant_id, world.bob.tenant, "dora")
	path = f"/api/v1/users/{dora.id}"
	given = await api.patch(path, json={"roles": [business]}, headers=world.bob.headers)
	assert given.status_code == 200, given.text
	for role in ("tenant_admin", "integrator"):
		answer = await api.patch(path, json={"roles": [role]}, headers=world.bob.headers)
		assert (answer.status_code, answer.json()["code"]) == (403, "CANNOT_GRANT")


async def test_a_role_may_ask_for_a_second_factor(api: httpx.AsyncClient, world: World) -> None:
	strict = await own_role(api, world, "auth.users.read", requires_totp=True)
	await give(world, world.bob, strict)
	assert (await api.get("/api/v1/users", headers=world.bob.headers)).status_code == 403
	begun = await api.post("/api/v1/auth/totp", headers=world.bob.headers)
	assert begun.status_code == 201, begun.text
	from pyotp.totp import TOTP

	code = TOTP(begun.json()["secret"]).now()
	done = await api.post(
		"/api/v1/auth/totp/confirm", json={"code": code}, headers=world.bob.headers
	)
	assert len(set(done.json()["recovery_codes"])) == 10
	assert (await api.get("/api/v1/users", headers=world.bob.headers)).status_code == 200


# -- keys -------------------------------------------------------------------------------------


async def test_a_key_acts_within_its_scopes_and_its_owners_rights(
	api: httpx.AsyncClient, world: World
) -> None:
	await give(world, world.bob, "integrator", await own_role(api, world, "auth.users.read"))
	made = await api.post(
		"/api/v1/api-keys",
		json={"name": "Export", "scopes": ["auth:users:read", "auth.roles.read"]},
		headers=world.bob.headers,
	)
	assert made.status_code == 201, made.text
	told = made.json()
	assert told["scopes"] == ["auth.roles.read", "auth.users.read"]
	assert told["key"].startswith(told["hint"])
	key = {"Authorization": f"Bearer {told['key']}"}
	assert (await api.get("/api/v1/users", headers=key)).status_code == 200
	assert (await api.get("/api/v1/roles", headers=key)).status_code == 403
	assert (await api.get("/api/v1/api-keys", headers=key)).status_code == 403
	# A key has no account, no password and makes no keys.
	for method, path, body in (
		("GET", "/api/v1/auth/account", None),
		("GET", "/api/v1/auth/sessions", None),
		("POST", "/api/v1/auth/totp", None),
		("POST", "/api/v1/auth/logout", None),
		("POST", "/api/v1/auth/switch", {"tenant": world.bob.tenant}),
		("POST", "/api/v1/auth/password",
			{"current_password": PASSWORD, "new_password": "eight other words, of my own"}),
	):  # fmt: skip
		assert (await api.request(method, path, json=body, headers=key)).status_code == 403, path
	read = await api.get(f"/api/v1/api-keys/{told['id']}", headers=world.bob.headers)
	assert "key" not in read.json()
	await give(world, world.bob)
	assert (await api.get("/api/v1/users", headers=key)).status_code == 403


async def test_a_revoked_or_ended_key_is_refused(api: httpx.AsyncClient, world: World) -> None:
	async def make(**more: Any) -> dict[str, Any]:
		body = {"name": "x", "scopes": ["*"], **more}
		return (await api.post("/api/v1/api-keys", json=body, headers=world.alice.headers)).json()

	made = await make()
	key = {"Authorization": f"Bearer {made['key']}"}
	assert (await api.get("/api/v1/users", headers=key)).status_code == 200
	path = f"/api/v1/api-keys/{made['id']}"
	assert (await api.delete(path, headers=world.charlie.headers)).status_code == 404
	assert (await api.delete(path, headers=world.alice.headers)).status_code == 204
	assert (await api.get("/api/v1/users", headers=key)).status_code == 401
	ended = await make()
	engine = admin_engine(world.runtime.settings.database_admin_url)
	with engine.begin() as connection:
		connection.execute(
			text("update api_keys set expires_at = now() - interval '1 s' where id = :id"),
			{"id": ended["id"]},
		)
	engine.dispose()
	key = {"Authorization": f"Bearer {ended['key']}"}
	assert (await api.get("/api/v1/users", headers=key)).status_code == 401
	for bad in ({"scopes": []}, {"scopes": ["x.y.z"]}, {"expires_at": "2020-01-01T00:00:00Z"},
			{"expires_at": "2999-01-01T00:00:00Z"}, {"name": ""}):  # fmt: skip
		body = {"name": "x", "scopes": ["*"], **bad}
		answer = await api.post("/api/v1/api-keys", json=body, headers=world.alice.headers)
		assert answer.status_code == 422, bad


# -- permissions/check ------------------------------------------------------------------------


@pytest.mark.parametrize(
	("asked", "authorized"),
	[
		({"permission": "plm.products.read", "resource": "plm"}, True),
		({"permission": "plm:products:read"}, True),
		({"permission": "plm_products:read"}, True),
		({"permission": "products.read", "resource": "plm"}, True),
		({"permission": "read", "resource": "plm_products"}, True),
		({"resource": "plm_products", "action": "read"}, True),
		({"resource": "plm.products", "action": "read"}, True),
		({"permission": "plm.products.create"}, False),
		({"resource": "plm_products", "action": "delete"}, False),
		({"permission": "plm.products.fly"}, False),
		({"permission": "plm.*"}, False),
		({"permission": "*"}, False),
		({"permission": ""}, False),
		({"permission": "read"}, False),
		({"permission": "plm.products.read.more"}, False),
	],
)
async def test_the_question_in_every_spelling(
	api: httpx.AsyncClient, world: World, asked: dict[str, str], authorized: bool
) -> None:
	await give(world, world.bob, await own_role(api, world, "plm.products.read"))
	body = {"user_id": world.bob.id, "tenant_id": world.bob.tenant_id, **asked}
	for caller in (world.bob, world.alice):
		answer = await api.post("/api/v1/permissions/check", json=body, headers=caller.headers)
		assert (answer.status_code, answer.json()) == (200, {"authorized": authorized})


async def test_whoever_is_unknown_is_denied(api: httpx.AsyncClient, world: World) -> None:
	async def ask(person: str, headers: dict[str, str]) -> httpx.Response:
		body = {"user_id": person, "permission": "auth.users.read"}
		return await api.post("/api/v1/permissions/check", json=body, headers=headers)

	assert (await ask(world.alice.id, world.alice.headers)).json() == {"authorized": True}
	for stranger in (new_id(), world.charlie.id):
		assert (await ask(stranger, world.alice.headers)).json() == {"authorized": False}
	assert (await ask(world.alice.id, world.bob.headers)).status_code == 403
	assert (await ask(world.alice.id, {})).status_code == 401
	assert (await ask("x", world.alice.headers)).status_code == 422
	dora = await add_person(
		world.runtime, world.alice.tenant_id, world.alice.tenant, "dora", "tenant_admin"
	)
	await api.patch(
		f"/api/v1/users/{dora.id}", json={"is_active": False}, headers=world.alice.headers
	)
	assert (await ask(dora.id, world.alice.headers)).json() == {"authorized": False}


async def test_a_capability_that_is_off_denies(api: httpx.AsyncClient, world: World) -> None:
	body = {"user_id": world.alice.id, "permission": "plm.products.read"}
	path = "/api/v1/permissions/check"
	answer = await api.post(path, json=body, headers=world.alice.headers)
	assert answer.json() == {"authorized": True}
	engine = admin_engine(world.runtime.settings.database_admin_url)
	with engine.begin() as connection:
		connection.execute(
			text("update tenant_capabilities set enabled = false where tenant_id = :t "
				"and capability = 'plm'"),
			{"t": world.alice.tenant_id},
		)  # fmt: skip
		connection.execute(text("select auth_epoch_raise(:t, '*')"), {"t": world.alice.tenant_id})
	engine.dispose()
	await world.runtime.state["authenticator"].catch_up()
	answer = await api.post(path, json=body, headers=world.alice.headers)
	assert answer.json() == {"authorized": False}
