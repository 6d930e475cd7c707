"""The sample capability mounted for real, with its table protected like any other."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.schema import CreateIndex, CreateTable

from apg.app import make_runtime
from apg.kernel.composition import compose
from apg.kernel.errors import Unauthenticated
from apg.kernel.migrating import admin_engine
from apg.kernel.mounting import mount
from apg.kernel.principal import Credential, Principal
from apg.kernel.runtime import Runtime
from apg.kernel.settings import Settings
from apg.kernel.stamps import new_id
from apg.kernel.tenancy import protect_sql
from tests.kernel import sample


@dataclass
class Cast:
	"""Alice may all in her tenant, Bob nothing, Charlie all in another."""

	alice: Principal
	bob: Principal
	charlie: Principal

	@classmethod
	def fresh(cls) -> "Cast":
		enabled = frozenset({"sample"})
		alice = Principal(
			"user",
			new_id(),
			new_id(),
			"alice",
			permissions=frozenset({"sample.*"}),
			enabled=enabled,
		)
		bob = replace(alice, user_id=new_id(), username="bob", permissions=frozenset())
		charlie = replace(alice, tenant_id=new_id(), user_id=new_id(), username="charlie")
		return cls(alice, bob, charlie)


class Desk:
	"""An authenticator that knows whom a test put on its list."""

	def __init__(self) -> None:
		self.known: dict[str, Principal] = {}

	async def authenticate(self, credential: Credential) -> Principal:
		if credential.text not in self.known:
			raise Unauthenticated
		return self.known[credential.text]


@pytest.fixture(scope="session")
async def sample_app(settings: Settings, admin_url: str) -> AsyncIterator[FastAPI]:
	engine = admin_engine(admin_url)
	with engine.begin() as connection:
		connection.exec_driver_sql("set local role apg_owner")
		connection.execute(CreateTable(sample.Note.__table__))  # type: ignore[arg-type]
		for index in sample.Note.__table__.indexes:  # type: ignore[attr-defined]
			connection.execute(CreateIndex(index))
		for statement in protect_sql("sample_notes", redact=("secret",)):
			connection.exec_driver_sql(statement)
	engine.dispose()
	whole = compose([sample.capability])

	async def start(app: FastAPI, stack: AsyncExitStack) -> Runtime:
		made = make_runtime(settings)
		made.composition = whole
		made.state["authenticator"] = Desk()
		stack.push_async_callback(made.engine.dispose)
		return made

	app = mount(whole, settings, start)
	async with app.router.lifespan_context(app):
		yield app


@pytest.fixture
def cast(sample_app: FastAPI) -> Cast:
	people = Cast.fresh()
	desk = sample_app.state.runtime.state["authenticator"]
	for name in ("alice", "bob", "charlie"):
		desk.known[name] = getattr(people, name)
	return people


@pytest.fixture
async def api(sample_app: FastAPI, cast: Cast) -> AsyncIterator[httpx.AsyncClient]:
	transport = httpx.ASGITransport(sample_app, raise_app_exceptions=False)
	async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
		yield client


def by(name: str, **more: str) -> dict[str, str]:
	return {"Authorization": f"Bearer {name}", **more}
