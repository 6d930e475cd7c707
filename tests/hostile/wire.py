"""Bytes over a real socket: what no HTTP client would send."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from fastapi import FastAPI

PATIENCE = 30.0


@dataclass(frozen=True)
class Answer:
	"""What came back; status 0 when the server hung up without a word."""

	status: int
	headers: dict[str, str]
	body: bytes
	unsent: int = 0  # bytes of the request that the server did not wait for

	@property
	def json(self) -> Any:
		return json.loads(self.body)


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[int]:
	"""The port of a server like the product's own, for an application that is already started."""
	door = socket.create_server(("127.0.0.1", 0))
	config = uvicorn.Config(
		app,
		lifespan="off",
		loop="uvloop",
		http="httptools",
		access_log=False,
		log_config=None,
		server_header=False,
		proxy_headers=False,
	)
	server = uvicorn.Server(config)
	task = asyncio.create_task(server._serve([door]))  # without taking the signals of the tests
	try:
		while not server.started:
			await asyncio.sleep(0.01)
		yield door.getsockname()[1]
	finally:
		server.should_exit = True
		await task
		door.close()


def request(
	method: str = "GET",
	path: str = "/",
	headers: dict[str, str] | None = None,
	body: bytes = b"",
	*,
	host: str | None = "localhost",
	length: str | None = None,
	raw: tuple[bytes, ...] = (),
) -> bytes:
	"""A request as bytes. `length` overrides Content-Length, `raw` are further header lines."""
	lines = [f"{method} {path} HTTP/1.1".encode("latin-1")]
	if host is not None:
		lines.append(f"Host: {host}".encode())
	lines += [f"{name}: {value}".encode("latin-1") for name, value in (headers or {}).items()]
	lines += raw
	if length is None and body:
		length = str(len(body))
	if length:
		lines.append(f"Content-Length: {length}".encode())
	lines.append(b"Connection: close")
	return b"\r\n".join(lines) + b"\r\n\r\n" + body


async def send(port: int, *parts: bytes) -> Answer:
	"""Sends the parts one after the other until an answer comes; reads to the end."""
	async with asyncio.timeout(PATIENCE):
		reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
		left = sum(len(part) for part in parts)
		reading = asyncio.create_task(reader.read(2**22))
		try:
			for part in parts:
				writer.write(part)
				await asyncio.wait({reading}, timeout=0 if len(parts) == 1 else 0.001)
				if reading.done():
					break
				await writer.drain()
				left -= len(part)
			answer = await reading
			while more := await reader.read(2**20):
				answer += more
		except ConnectionError:
			answer = reading.result() if reading.done() and not reading.exception() else b""
		finally:
			reading.cancel()
			writer.close()
	head, _line, body = answer.partition(b"\r\n\r\n")
	if not head:
		return Answer(0, {}, b"", left)
	first, *lines = head.decode("latin-1").split("\r\n")
	headers = {
		name.strip().lower(): value.strip()
		for name, _colon, value in (line.partition(":") for line in lines)
	}
	if headers.get("transfer-encoding") == "chunked":
		body = _unchunked(body)
	return Answer(int(first.split(" ")[1]), headers, body, max(left, 0))


def chunked(*chunks: bytes) -> list[bytes]:
	return [b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks] + [b"0\r\n\r\n"]


def _unchunked(body: bytes) -> bytes:
	whole = b""
	while body:
		size, _line, body = body.partition(b"\r\n")
		count = int(size, 16)
		if not count:
			break
		whole, body = whole + body[:count], body[count + 2 :]
	return whole
