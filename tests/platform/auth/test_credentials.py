"""What is refused: forged tokens, foreign tenants in every spelling, whatever was revoked."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from apg.app import make_runtime
from apg.kernel import signing
from apg.kernel.errors import Unauthenticated, Unavailable
from apg.kernel.keys import SigningKey, SigningPurpose
from apg.kernel.migrating import admin_engine
from apg.kernel.principal import Credential, Principal
from apg.kernel.runtime import Runtime
from apg.kernel.settings import Settings
from apg.kernel.stamps import new_id
from apg.kernel.tokens import TokenIssuer
from apg.kernel.web.authentication import scope_of_moment
from apg.kernel.work import open_work
from apg.platform.auth.roles import service as roles
from apg.platform.auth.sessions import service as sessions
from apg.platform.auth.sessions.authenticator import Sessions
from apg.platform.auth.starting import start
from apg.platform.auth.users import service as users
from tests.platform.auth.conftest import Person, World, add_person

OPEN_TO_ALL = "/api/v1/auth/sessions"


def claims_of(token: str) -> dict[str, Any]:
	return jwt.decode(token, options={"verify_signature": False})


async def status(api: httpx.AsyncClient, token: str, **headers: str) -> int:
	wanted = {"Authorization": f"Bearer {token}", **headers}
	return (await api.get(OPEN_TO_ALL, headers=wanted)).status_code


async def test_our_own_token_is_taken(api: httpx.AsyncClient, world: World) -> None:
	assert await status(api, world.alice.token) == 200


@pytest.mark.parametrize(
	"change",
	[
		{"aud": "another"},
		{"iss": "https://elsewhere.example"},
		{"exp": 1_700_000_000},
		{"nbf": 4_000_000_000},
		{"iat": 4_000_000_000},
		{"tenant_id": None},
		{"tenant_id": "x"},
		{"sub": None},
		{"jti": None},
		{"sid": None},
		{"sid": "0190b6a2-7c1e-7d4f-8a9b-0c1d2e3f4a5b"},
		{"sub": "0190b6a2-7c1e-7d4f-8a9b-0c1d2e3f4a5b"},
		{"tenant_id": "0190b6a2-7c1e-7d4f-8a9b-0c1d2e3f4a5b"},
		{"reach": "portal"},
	],
)
async def test_tokens_that_say_something_else_are_refused(
	api: httpx.AsyncClient, world: World, change: dict[str, Any]
) -> None:
	"""Signed with our own key, so that only what they say speaks against them."""
	authenticator: Sessions = world.runtime.state["authenticator"]
	signer = authenticator.keys[-1]
	claims = claims_of(world.alice.token) | change
	claims = {name: value for name, value in claims.items() if value is not None}
	token = jwt.encode(
		claims,
		signer.unwrap(world.runtime.root_key),
		algorithm="EdDSA",
		headers={"kid": signer.kid, "typ": "at+jwt"},
	)
	assert await status(api, token) == 401


async def test_foreign_signatures_are_refused(api: httpx.AsyncClient, world: World) -> None:
	authenticator: Sessions = world.runtime.state["authenticator"]
	signer = authenticator.keys[-1]
	claims, headers = claims_of(world.alice.token), {"kid": signer.kid, "typ": "at+jwt"}
	foreign = Ed25519PrivateKey.generate()
	head, body, _mark = world.alice.token.split(".")
	forged = [
		jwt.encode(claims, foreign, algorithm="EdDSA", headers=headers),
		jwt.encode(claims, foreign, algorithm="EdDSA", headers={**headers, "kid": "unknown"}),
		jwt.encode(claims, "", algorithm="none", headers=headers),
		jwt.encode(claims, "secret" * 8, algorithm="HS256", headers=headers),
		f"{head}.{body}.",
		f"{head}.{body}",
		world.alice.token[:-3] + "AAA",
		"x" * 20_000,
		"apg_" + "0" * 43,
	]
	for token in forged:
		assert await status(api, token) == 401


async def test_a_key_put_into_the_table_signs_nothing(
	api: httpx.AsyncClient, world: World, admin_url: str
) -> None:
	"""Whoever can write the table has no root secret, so his key is left aside."""
	from apg.kernel.keys import RootKey

	other = RootKey(bytes(range(40, 72)))
	forged = SigningKey.generate(other, SigningPurpose.TOKEN, datetime.now(UTC))
	async with world.runtime.engine.begin() as connection:
		await connection.execute(
			text("select signing_key_add(:kid, :purpose, :pem, :wrapped, now())"),
			{
				"kid": forged.kid,
				"purpose": forged.purpose,
				"pem": forged.public_pem,
				"wrapped": forged.private_wrapped,
			},
		)
	authenticator: Sessions = world.runtime.state["authenticator"]
	where = {"issuer": authenticator.issuer_name, "audience": "apg"}
	token, _claims = TokenIssuer(forged, other, **where).issue(
		user_id=world.alice.id,
		tenant_id=world.alice.tenant_id,
		session_id=claims_of(world.alice.token)["sid"],
	)
	authenticator._keys_read_at = 0.0  # pyright: ignore[reportPrivateUsage]
	assert await status(api, token) == 401
	engine = admin_engine(admin_url)
	with engine.begin() as connection:
		connection.execute(text("delete from signing_keys where kid = :kid"), {"kid": forged.kid})
	engine.dispose()


async def test_a_rotated_key_signs_and_old_tokens_still_read(
	api: httpx.AsyncClient, world: World
) -> None:
	authenticator: Sessions = world.runtime.state["authenticator"]
	async with world.runtime.engine.begin() as connection:
		added = await signing.add_key(connection, world.runtime.root_key, SigningPurpose.TOKEN)
	where = {"issuer": authenticator.issuer_name, "audience": "apg"}
	# Another process signs with the new key already; this one has not heard of it.
	token, _claims = TokenIssuer(added, world.runtime.root_key, **where).issue(
		user_id=world.alice.id,
		tenant_id=world.alice.tenant_id,
		session_id=claims_of(world.alice.token)["sid"],
	)
	authenticator._keys_read_at = 0.0  # pyright: ignore[reportPrivateUsage]
	assert await status(api, token) == 200
	assert await status(api, world.alice.token) == 200
	fresh = await sessions.issue_tokens(world.runtime, world.alice.tenant_id, world.alice.id)
	assert jwt.get_unverified_header(fresh.access_token)["kid"] == added.kid


async def test_every_spelling_of_a_foreign_tenant(api: httpx.AsyncClient, world: World) -> None:
	token, charlie = world.alice.token, world.charlie
	for name in (charlie.tenant_id, charlie.tenant, charlie.tenant_id.upper(), "x", "*", "%",
			f"{world.alice.tenant_id},{charlie.tenant_id}", " "):  # fmt: skip
		answer = await api.get(
			OPEN_TO_ALL, headers={"Authorization": f"Bearer {token}", "X-Tenant-ID": name}
		)
		assert (answer.status_code, answer.json()["code"]) == (403, "TENANT_MISMATCH"), name
	for name in (world.alice.tenant_id, world.alice.tenant):
		assert await status(api, token, **{"X-Tenant-ID": name}) == 200
	asked = {"user_id": world.alice.id, "permission": "plm.products.read"}
	for name in (charlie.tenant_id, charlie.tenant, "default_tenant"):
		answer = await api.post(
			"/api/v1/permissions/check",
			json={**asked, "tenant_id": name},
			headers=world.alice.headers,
		)
		assert answer.status_code == 422
		assert answer.json()["details"][0]["field"] == "tenant_id"


async def test_the_user_header_is_never_read(api: httpx.AsyncClient, world: World) -> None:
	answer = await api.get(
		"/api/v1/auth/account", headers={**world.bob.headers, "X-User-ID": world.alice.id}
	)
	assert answer.json()["id"] == world.bob.id
	assert (await api.get(OPEN_TO_ALL, headers={"X-User-ID": world.alice.id})).status_code == 401


async def test_a_bearer_beside_a_cookie_wins(api: httpx.AsyncClient, world: World) -> None:
	member = await sessions.member(world.runtime, world.bob.tenant_id, world.bob.id)
	from apg.kernel.work import Origin

	page = await sessions.open_page(world.runtime, member, Origin("page"))
	cookie = {"Cookie": f"apg_session={page.cookie}"}
	both = await api.get("/api/v1/auth/account", headers={**world.alice.headers, **cookie})
	assert both.json()["id"] == world.alice.id
	alone = await api.get("/api/v1/auth/account", headers=cookie)
	assert alone.json()["id"] == world.bob.id
	wrong = await api.get(OPEN_TO_ALL, headers={"Authorization": "Bearer nonsense", **cookie})
	assert wrong.status_code == 401


# -- several processes ------------------------------------------------------------------------


@pytest.fixture
async def second(settings: Settings) -> AsyncIterator[Runtime]:
	"""Another process of the same installation, with an authenticator and a watch of its own."""
	async with AsyncExitStack() as stack:
		made = make_runtime(settings)
		stack.push_async_callback(made.engine.dispose)
		await start(made, stack)
		yield made


async def knows(runtime: Runtime, credential: Credential) -> Principal | None:
	try:
		return await runtime.state["authenticator"].authenticate(credential)
	except Unauthenticated:
		return None


async def until(true: Any) -> None:
	"""Waits for a yes; long, since other tests may hold the machine."""
	began = time.monotonic()
	while not await true():
		if time.monotonic() - began > 30:
			raise AssertionError("it never came")
		await asyncio.sleep(0.05)


async def test_what_one_process_revokes_all_refuse(
	api: httpx.AsyncClient, world: World, second: Runtime
) -> None:
	authenticator: Sessions = second.state["authenticator"]
	assert authenticator.settings.poll_seconds <= 1.5  # with the reading itself: within two seconds
	token = Credential("bearer", world.bob.token)
	principal = await knows(second, token)
	assert principal is not None
	await second.state["authenticator"].still_stands(principal)
	ended = await api.post("/api/v1/auth/logout", headers=world.bob.headers)
	assert ended.status_code == 204
	assert await knows(world.runtime, token) is None

	async def gone() -> bool:
		return await knows(second, token) is None

	await until(gone)
	with pytest.raises(Unauthenticated):
		await second.state["authenticator"].still_stands(principal)


async def test_changed_rights_reach_every_process(world: World, second: Runtime) -> None:
	credential = Credential("bearer", world.bob.token)
	before = await knows(second, credential)
	assert before is not None
	assert before.roles == ()
	system = Principal.system(world.bob.tenant_id)
	async with open_work(world.runtime, system, action="tests", origin="cli") as work:
		member = await users.membership_of(work, world.bob.id)
		await roles.give(work, member.id, ["integrator"])

	async def changed() -> bool:
		now = await knows(second, credential)
		return now is not None and now.roles == ("integrator",)

	await until(changed)
	# Straight in the database, past every service: the trigger tells the processes all the same.
	engine = admin_engine(world.runtime.settings.database_admin_url)
	with engine.begin() as connection:
		connection.execute(
			text("update memberships set is_active = false where user_id = :id"),
			{"id": world.bob.id},
		)
	engine.dispose()

	async def gone() -> bool:
		return await knows(second, credential) is None

	await until(gone)


async def test_a_change_that_commits_late_is_not_missed(world: World, second: Runtime) -> None:
	"""A lower number that commits after a higher one was read."""
	authenticator: Sessions = second.state["authenticator"]
	credential = Credential("bearer", world.bob.token)
	assert await knows(second, credential) is not None
	engine = admin_engine(world.runtime.settings.database_admin_url)
	slow = engine.connect()
	begun = slow.begin()
	slow.execute(
		text("update memberships set is_active = false where user_id = :id"), {"id": world.bob.id}
	)
	with engine.begin() as connection:
		connection.execute(text("select auth_epoch_raise(:t, '*')"), {"t": world.charlie.tenant_id})
	await authenticator.catch_up()
	await authenticator.catch_up()
	assert await knows(second, credential) is not None
	begun.commit()
	slow.close()
	engine.dispose()
	await authenticator.catch_up()
	assert await knows(second, credential) is None


async def test_blind_processes_refuse_writes_and_ask_for_reads(world: World) -> None:
	authenticator: Sessions = world.runtime.state["authenticator"]
	credential = Credential("bearer", world.bob.token)
	assert await knows(world.runtime, credential) is not None
	seen, authenticator.seen_at = authenticator.seen_at, time.monotonic() - 11
	taken, authenticator.take = authenticator.take, lambda *_told: None  # type: ignore[method-assign]
	try:
		token = scope_of_moment.set({"type": "http", "method": "POST"})
		with pytest.raises(Unavailable):
			await authenticator.authenticate(credential)
		scope_of_moment.reset(token)
		token = scope_of_moment.set({"type": "http", "method": "GET"})
		assert await knows(world.runtime, credential) is not None
		engine = admin_engine(world.runtime.settings.database_admin_url)
		with engine.begin() as connection:
			connection.execute(
				text("update sessions set revoked_at = now() where user_id = :id"),
				{"id": world.bob.id},
			)
		engine.dispose()
		assert await knows(world.runtime, credential) is None
		scope_of_moment.reset(token)
	finally:
		authenticator.seen_at, authenticator.take = seen, taken  # type: ignore[method-assign]


# -- the database refuses by itself -----------------------------------------------------------


@pytest.mark.parametrize(
	"statement",
	[
		"select password_hash from users",
		"select totp_secret from users",
		"select recovery_hashes from users",
		"select * from users",
		"select secret_hash from sessions",
		"select secret_hash from refresh_tokens",
		"select secret_hash from api_keys",
		"select secret_hash from account_links",
		"select * from signing_keys",
		"select * from auth_epochs",
		"delete from users",
		"update users set home_tenant_id = home_tenant_id",
	],
)
async def test_the_web_role_has_no_right_to_secrets(world: World, statement: str) -> None:
	async with open_work(
		world.runtime, Principal.system(world.alice.tenant_id), action="tests", origin="cli"
	) as work:
		with pytest.raises(DBAPIError, match="permission denied"):
			await work.execute(text(statement))
		await work.session.rollback()


async def test_a_tenant_sees_and_changes_its_own_people_only(world: World) -> None:
	async def run(actor: Principal, statement: str, **values: Any) -> Any:
		async with open_work(world.runtime, actor, action="tests", origin="cli") as work:
			return (await work.execute(text(statement), values)).all()

	alice = Principal.system(world.alice.tenant_id)
	seen = {row[0] for row in await run(alice, "select username from users")}
	assert seen == {world.alice.username, world.bob.username}
	changed = await run(
		alice,
		"update users set display_name = 'x' where id = :id returning id",
		id=world.charlie.id,
	)
	assert changed == []
	# His own row and his own memberships, wherever they are; nobody else's.
	bob = Principal("user", world.charlie.tenant_id, world.bob.id)
	assert {row[0] for row in await run(bob, "select username from users")} == {
		world.bob.username,
		world.charlie.username,
	}
	places = await run(bob, "select tenant_id::text from memberships order by 1")
	assert {row[0] for row in places} == {world.bob.tenant_id, world.charlie.tenant_id}
	with pytest.raises(DBAPIError, match="row-level security"):
		await run(
			bob,
			"insert into memberships (id, tenant_id, user_id, created_at, updated_at) "
			"values (:id, :tenant, :user, now(), now())",
			id=new_id(),
			tenant=world.alice.tenant_id,
			user=world.bob.id,
		)
	for function in ("sessions_revoke_all(cast(:id as uuid), null, 'x')", "user_erase(:id)"):
		with pytest.raises(DBAPIError, match="insufficient_privilege"):
			await run(alice, f"select {function}", id=world.charlie.id)
	for reach in ("portal", "guest:1", "supplier:1"):
		guest = Principal("user", world.alice.tenant_id, None, reach=reach)
		assert await run(guest, "select id from users") == []
		assert await run(guest, "select id from memberships") == []


async def test_nothing_is_bound_after_a_sign_in(world: World) -> None:
	async with world.runtime.engine.connect() as connection:
		for table in ("users", "memberships", "roles", "sessions", "api_keys", "account_links"):
			found = await connection.scalar(text(f"select count(*) from {table}"))
			assert found == 0, table


async def test_use_is_noted_once_a_minute(world: World) -> None:
	from apg.platform.auth.starting import note_use

	authenticator: Sessions = world.runtime.state["authenticator"]
	person: Person = await add_person(
		world.runtime, world.alice.tenant_id, world.alice.tenant, "dora"
	)
	await authenticator.authenticate(Credential("bearer", person.token))
	past = datetime.now(UTC) - timedelta(hours=1)
	session = claims_of(person.token)["sid"]
	engine = admin_engine(world.runtime.settings.database_admin_url)
	with engine.begin() as connection:
		connection.execute(
			text("update sessions set last_seen_at = :past where id = :id"),
			{"past": past, "id": session},
		)
	raw = await world.runtime.engine.raw_connection()
	await note_use(authenticator, raw.driver_connection)
	raw.close()
	with engine.connect() as connection:
		seen = connection.scalar(
			text("select last_seen_at from sessions where id = :id"), {"id": session}
		)
	engine.dispose()
	assert seen is not None
	assert seen > past + timedelta(minutes=59)
	assert session not in authenticator.seen_sessions
