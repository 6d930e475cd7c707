"""A worker's relay and sender over the product's own database, and a receiver that really listens."""

import asyncio
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from apg.app import make_runtime
from apg.kernel.events import Event, on
from apg.kernel.outbound import Outbound
from apg.kernel.relay import Relay
from apg.kernel.runtime import Runtime
from apg.kernel.settings import Settings
from apg.kernel.work import open_work
from apg.platform.webhooks.deliveries.sender import Sender
from apg.platform.webhooks.deliveries.service import spread
from apg.platform.webhooks.settings import WebhookSettings
from tests.people import People, Person

CONSUMER = on(Event, spread, name="webhooks")


@dataclass
class Receiver:
	"""What came in at a real server on loopback; answers what it is told to."""

	port: int = 0
	reply: Any = (200, "fine")
	headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
	bodies: list[bytes] = field(default_factory=list[bytes])
	busy: int = 0
	busiest: int = 0

	@property
	def url(self) -> str:
		return f"http://127.0.0.1:{self.port}/hook"

	@property
	def told(self) -> list[dict[str, Any]]:
		return [json.loads(one) for one in self.bodies]

	def is_signed(self, place: int, secret: str) -> bool:
		"""Checked as the documentation tells a receiver to."""
		parts = [one.split("=", 1) for one in self.headers[place]["apg-signature"].split(",")]
		moment = dict(parts)["t"]
		signed = f"{moment}.".encode() + self.bodies[place]
		wanted = hmac.new(secret.encode(), signed, "sha256").hexdigest()
		return any(name == "v1" and hmac.compare_digest(mark, wanted) for name, mark in parts)

	async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
		self.busy += 1
		self.busiest = max(self.busiest, self.busy)
		try:
			head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
			headers = {name.lower(): value for name, value in (one.split(": ", 1) for one in head)}
			body = await reader.readexactly(int(headers["content-length"]))
			self.headers.append(headers)
			self.bodies.append(body)
			reply = self.reply(self) if callable(self.reply) else self.reply
			if isinstance(reply, float):
				await asyncio.sleep(reply)
				reply = (200, "late")
			status, answer, *more = reply
			lines = "".join(f"{line}\r\n" for line in more)
			content = answer.encode()
			writer.write(
				f"HTTP/1.1 {status} X\r\n{lines}Content-Length: {len(content)}\r\n\r\n".encode()
				+ content
			)
			await writer.drain()
		except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
			pass
		finally:
			self.busy -= 1
			writer.close()


@asynccontextmanager
async def listening() -> AsyncIterator[Receiver]:
	made = Receiver()
	server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
	made.port = server.sockets[0].getsockname()[1]
	try:
		yield made
	finally:
		server.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
	async with listening() as made:
		yield made


@dataclass
class World:
	"""Alice's company, the receiver, and what a worker runs."""

	app: FastAPI
	client: httpx.AsyncClient
	people: People
	receiver: Receiver
	runtime: Runtime
	relay: Relay
	sender: Sender

	async def hook(self, who: Person | None = None, **body: Any) -> dict[str, Any]:
		given = {"name": "Purchasing", "url": self.receiver.url, "events": ["*"], **body}
		answer = await self.client.post(
			"/api/v1/webhooks", headers=(who or self.people.alice).headers, json=given
		)
		assert answer.status_code == 201, answer.text
		return answer.json()

	async def product(self, name: str = "Pump") -> str:
		answer = await self.client.post(
			"/api/v1/plm/products",
			headers=self.people.alice.headers,
			json={"product_name": name, "product_type": "manufactured"},
		)
		assert answer.status_code == 201, answer.text
		return answer.json()["data"]["product_id"]

	async def spread(self) -> None:
		"""Runs the relay until it has passed everything that was written."""
		await self.relay.register()
		async with asyncio.timeout(60):
			while True:
				lag = await self.lag()
				if not lag:
					return
				await self.relay.drain()

	async def lag(self) -> int:
		async with self.runtime.engine.connect() as connection:
			rows = await connection.exec_driver_sql(
				"select coalesce(sum(events), 0) from log_lag() where consumer = 'webhooks'"
			)
			return int(rows.scalar_one())

	async def send(self) -> None:
		"""Sends everything that is due now."""
		while await self.sender.start_due():
			await self.sender.settled()
		await self.sender.settled()

	async def deliveries(self, **filters: Any) -> list[dict[str, Any]]:
		answer = await self.client.get(
			"/api/v1/webhooks/deliveries",
			headers=self.people.alice.headers,
			params={"limit": 500, **filters},
		)
		assert answer.status_code == 200, answer.text
		return answer.json()

	async def sql(self, statement: str, *values: Any) -> None:
		principal = await self.runtime.state["authenticator"].principal_of(
			self.people.alice.tenant_id, None
		)
		async with open_work(self.runtime, principal, action="test", origin="task") as work:
			await (await work.connection()).exec_driver_sql(statement, values)

	async def make_due(self) -> None:
		await self.sql("update webhook_deliveries set next_at = now() where state = 'waiting'")
		await self.sql(
			"update webhook_standings set open_until = now() where open_until is not null"
		)


@pytest.fixture
async def world(
	app: FastAPI,
	client: httpx.AsyncClient,
	people: People,
	receiver: Receiver,
	settings: Settings,
) -> AsyncIterator[World]:
	open_to = {
		"outbound_http": True,
		"outbound_ports": str(receiver.port),
		"outbound_allow": "127.0.0.1",
	}
	own = settings.model_copy(update=open_to)
	out = Outbound(own, total_seconds=1.0)
	app.state.runtime.state["outbound"] = out
	runtime = make_runtime(settings, role="apg_worker")
	authenticator = app.state.runtime.state["authenticator"]
	runtime.state["authenticator"] = authenticator
	runtime.state["webhooks"] = WebhookSettings(tries=3, failures_to_open=3)
	relay = Relay(runtime, authenticator.principal_of, consumers=[CONSUMER])
	sender = Sender(runtime, authenticator.principal_of, out)
	yield World(app, client, people, receiver, runtime, relay, sender)
	await sender.settled()
	app.state.runtime.state.pop("outbound")
	await runtime.engine.dispose()
