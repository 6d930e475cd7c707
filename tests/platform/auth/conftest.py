"""The whole product mounted, with two companies and three people; alice administers the first."""

import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from apg.kernel.migrating import admin_engine
from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime
from apg.kernel.work import open_work
from apg.platform.auth.passwords import hash_password
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
def api(client: httpx.AsyncClient) -> httpx.AsyncClient:
	"""A program's client, without credentials."""
	return client


@dataclass
class Browser:
	"""A browser: keeps cookies, says where its requests come from, sends forms as people do."""

	client: httpx.AsyncClient

	async def open(self, path: str, **headers: str) -> httpx.Response:
		answer = await self.client.get(path, headers={"Accept": "text/html", **headers})
		for name in ("form_token", "csrf_token", "ticket"):
			found = re.search(f'name="{name}" value="([^"]+)"', answer.text)
			if found:
				self.client.headers[f"x-test-{name}"] = found[1]
		return answer

	def field(self, name: str) -> str:
		return self.client.headers.get(f"x-test-{name}", "")

	async def send(self, path: str, **fields: Any) -> httpx.Response:
		"""A plain form, with the hidden token of the page opened last."""
		return await self.client.post(
			path,
			data={"form_token": self.field("form_token"), **fields},
			headers={"Accept": "text/html", "Sec-Fetch-Site": "same-origin"},
		)

	async def htmx(self, path: str, **fields: Any) -> httpx.Response:
		"""A form of a signed-in page, as htmx sends it."""
		return await self.client.post(
			path,
			data=fields,
			headers={
				"Accept": "text/html",
				"Sec-Fetch-Site": "same-origin",
				"HX-Request": "true",
				"X-CSRF-Token": self.field("csrf_token"),
			},
		)

	async def sign_in(self, person: Person) -> httpx.Response:
		await self.open("/login")
		answer = await self.send("/login", username=person.username, password=person.password)
		await self.open("/account")
		return answer


@pytest.fixture
async def browser(app: FastAPI) -> AsyncIterator[Browser]:
	transport = httpx.ASGITransport(app, raise_app_exceptions=False)
	async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
		yield Browser(client)


def rows_naming(world: World, mark: str) -> set[str]:
	"""The tables with a row that shows the text in any column, as text or as bytes."""
	engine = admin_engine(world.runtime.settings.database_admin_url)
	found: set[str] = set()
	with engine.connect() as connection:
		tables = connection.execute(
			text(
				"select relname from pg_class where relnamespace = 'public'::regnamespace "
				"and relkind = 'r' order by 1"
			)
		).scalars()
		for table in tables.all():
			shown = text(
				f'select 1 from "{table}" r where r::text like any (array[:m, :h]) limit 1'
			)
			values = {"m": f"%{mark}%", "h": f"%{mark.encode().hex()}%"}
			if connection.execute(shown, values).first():
				found.add(table)
	engine.dispose()
	return found
