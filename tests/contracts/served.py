"""The whole product on a socket of this process, in a company that holds one of everything."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
import uvicorn
from fastapi import FastAPI
from tests.every_route.test_every_route import built
from tests.people import Person, make_person, make_tenant

from apg.app import make_app
from apg.kernel.settings import Settings

T = TypeVar("T")


@dataclass
class Served:
	"""A running product: its address, its description, and whom to ask as."""

	url: str
	app: FastAPI
	loop: asyncio.AbstractEventLoop
	tenant_id: str = ""
	person: Person | None = None
	ids: dict[str, str] = field(default_factory=dict[str, str])

	def run(self, work: Callable[[], Awaitable[T]]) -> T:
		"""Something done on the loop of the product, waited for here."""

		async def whole() -> T:
			return await work()

		return asyncio.run_coroutine_threadsafe(whole(), self.loop).result(120)

	def sign_in_anew(self) -> Person:
		"""Another administrator of the same company, for one that was signed out or dismissed."""
		runtime = self.app.state.runtime
		self.person = self.run(
			lambda: make_person(runtime, self.tenant_id, "alice", ("tenant_admin",))
		)
		return self.person

	@property
	def document(self) -> dict[str, Any]:
		return self.app.openapi()


@contextmanager
def served(settings: Settings) -> Iterator[Served]:
	"""Runs the product in a thread of its own, so that a blocking client can ask it."""
	door = socket.create_server(("127.0.0.1", 0))
	address = f"http://127.0.0.1:{door.getsockname()[1]}"
	app, loop = make_app(settings), asyncio.new_event_loop()
	config = uvicorn.Config(
		app, lifespan="on", access_log=False, log_config=None, server_header=False
	)
	server = uvicorn.Server(config)

	def serve() -> None:
		asyncio.set_event_loop(loop)
		loop.run_until_complete(server._serve([door]))
		loop.run_until_complete(loop.shutdown_asyncgens())
		loop.close()

	thread = threading.Thread(target=serve, name="product")
	thread.start()
	try:
		while not server.started:
			assert thread.is_alive(), "the product did not start"
			thread.join(0.05)
		yield Served(address, app, loop)
	finally:
		server.should_exit = True
		thread.join(60)
		door.close()


def stock(made: Served) -> None:
	"""A company with one of everything; `ids` holds path parameter → id."""
	runtime = made.app.state.runtime
	made.tenant_id = made.run(lambda: make_tenant(runtime))
	person = made.sign_in_anew()

	async def fill() -> dict[str, str]:
		async with httpx.AsyncClient(base_url=made.url, timeout=60) as client:
			return await built(client, person)

	made.ids = made.run(fill)
