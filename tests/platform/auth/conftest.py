"""The whole product mounted, with two companies and three people; alice administers the first."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest
from fastapi import FastAPI

from apg.app import make_app
from apg.kernel.passwords import hash_password
from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime
from apg.kernel.settings import Settings
from apg.kernel.work import open_work
from apg.platform.auth.sessions import service as sessions
from apg.platform.auth.users import service as users
from apg.platform.tenants.tenants.service import create_tenant

PASSWORD = "seven plain words for a test"
_hash: list[str] = []  # made once: a hash takes longer than all else of a person


@dataclass
class Person:
	"""Somebody who can sign in."""

	id: str
	username: str
	tenant_id: str
	tenant: str
	password: str = PASSWORD
	token: str = ""
	headers: dict[str, str] = field(default_factory=dict[str, str])


@dataclass
class World:
	"""Two companies: alice administers the first, bob has no right in it, charlie has the second."""

	runtime: Runtime
	alice: Person
	bob: Person
	charlie: Person


async def add_person(
	runtime: Runtime, tenant_id: str, tenant: str, name: str, *roles: str
) -> Person:
	username = f"{name}-{secrets.token_hex(4)}@example.org"
	system = Principal.system(tenant_id)
	if not _hash:
		_hash.append(await hash_password(PASSWORD))
	async with open_work(runtime, system, action="tests", origin="cli") as work:
		user = await users.add_user(
			work, username, password_hash=_hash[0], display_name=name.title()
		)
		await users.join(work, user.id, roles)
	made = await sessions.issue_tokens(runtime, tenant_id, user.id)
	person = Person(user.id, username, tenant_id, tenant, token=made.access_token)
	person.headers = {"Authorization": f"Bearer {made.access_token}"}
	return person


async def add_tenant(runtime: Runtime) -> tuple[str, str]:
	slug = f"t-{secrets.token_hex(5)}"
	return await create_tenant(runtime, slug, f"Company {slug}"), slug


@pytest.fixture(scope="session")
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
	made = make_app(settings)
	async with made.router.lifespan_context(made):
		yield made


@pytest.fixture
async def world(app: FastAPI) -> World:
	runtime: Runtime = app.state.runtime
	first, second = await add_tenant(runtime), await add_tenant(runtime)
	return World(
		runtime,
		await add_person(runtime, *first, "alice", "tenant_admin"),
		await add_person(runtime, *first, "bob"),
		await add_person(runtime, *second, "charlie", "tenant_admin"),
	)


@pytest.fixture
async def api(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
	transport = httpx.ASGITransport(app, raise_app_exceptions=False)
	async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
		yield client
