"""The whole product mounted, with an authenticator that knows whom a test put on its list."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import httpx
import pytest
from fastapi import FastAPI

from apg.app import composition, make_runtime
from apg.kernel.errors import Unauthenticated
from apg.kernel.mounting import mount
from apg.kernel.principal import Credential, Principal
from apg.kernel.runtime import Runtime
from apg.kernel.settings import Settings
from apg.kernel.stamps import new_id
from apg.kernel.work import Work, open_work
from apg.platform.tenants.tenants.service import create_tenant


class Desk:
	def __init__(self) -> None:
		self.known: dict[str, Principal] = {}

	async def authenticate(self, credential: Credential) -> Principal:
		if credential.text not in self.known:
			raise Unauthenticated
		return self.known[credential.text]


@dataclass
class Cast:
	"""Alice may all in her company, Bob nothing in the same one, Charlie all in another."""

	alice: Principal
	bob: Principal
	charlie: Principal
	runtime: Runtime

	@asynccontextmanager
	async def work(self, name: str = "alice") -> AsyncIterator[Work]:
		"""A transaction of one of them, committed at the end."""
		principal: Principal = getattr(self, name)
		async with open_work(self.runtime, principal, action="test", origin="task") as work:
			yield work

	def allow(self, name: str, *permissions: str) -> None:
		"""Gives one of them exactly these rights."""
		desk: Desk = self.runtime.state["authenticator"]
		changed = replace(desk.known[name], permissions=frozenset(permissions))
		desk.known[name] = changed
		setattr(self, name, changed)


@pytest.fixture(scope="session")
async def desk_app(settings: Settings) -> AsyncIterator[FastAPI]:
	whole = composition()

	async def start(app: FastAPI, stack: AsyncExitStack) -> Runtime:
		made = make_runtime(settings)
		made.state["authenticator"] = Desk()
		stack.push_async_callback(made.engine.dispose)
		return made

	app = mount(whole, settings, start)
	async with app.router.lifespan_context(app):
		yield app


@pytest.fixture
async def cast(desk_app: FastAPI) -> Cast:
	runtime: Runtime = desk_app.state.runtime
	tenants = [
		await create_tenant(runtime, f"t-{new_id()}", name) for name in ("Nordwind", "Südwind")
	]
	whole = runtime.composition
	alice = Principal(
		"user",
		tenants[0],
		new_id(),
		"alice",
		"Alice Ash",
		"Nordwind",
		permissions=frozenset({"*"}),
		enabled=frozenset(c.short for c in whole.capabilities if not c.always_on),
	)
	bob = replace(
		alice, user_id=new_id(), username="bob", display_name="Bob", permissions=frozenset()
	)
	charlie = replace(
		alice,
		tenant_id=tenants[1],
		user_id=new_id(),
		username="charlie",
		display_name="Charlie",
		tenant_name="Südwind",
	)
	desk: Desk = runtime.state["authenticator"]
	desk.known = {"alice": alice, "bob": bob, "charlie": charlie}
	return Cast(alice, bob, charlie, runtime)


@pytest.fixture
async def api(desk_app: FastAPI, cast: Cast) -> AsyncIterator[httpx.AsyncClient]:
	transport = httpx.ASGITransport(desk_app, raise_app_exceptions=False)
	async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
		yield client


def by(name: str, **more: str) -> dict[str, str]:
	return {"Authorization": f"Bearer {name}", **more}


def page(name: str, **more: str) -> dict[str, str]:
	"""Headers of a browser that wants a page."""
	return by(name, Accept="text/html", **more)


def part(name: str, **more: str) -> dict[str, str]:
	"""Headers of htmx that wants a part of one."""
	return page(name, **{"HX-Request": "true"}, **more)
