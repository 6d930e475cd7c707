"""Addresses that lead where nothing of ours may go: refused before a byte is sent."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from apg.kernel.outbound import Outbound, OutboundFailed, OutboundRefused
from apg.kernel.settings import Settings

SETTINGS = Settings(env="test", public_url="https://plm.example.com")
NAMES = {
	"plm.example.com": ["93.184.216.34"],
	"inside.example.net": ["10.1.2.3"],
	"mixed.example.net": ["93.184.216.34", "10.1.2.3"],
	"six.example.net": ["fd00::1"],
	"scoped.example.net": ["fe80::1%eth0"],
	"mapped.example.net": ["::ffff:10.0.0.1"],
	"metadata.example.net": ["169.254.169.254"],
	"good.example.net": ["93.184.216.34"],
}


async def resolver(host: str, port: int) -> Sequence[str]:
	if host not in NAMES:
		raise OSError("no such name")
	return NAMES[host]


HOSTILE = [
	# what is no address of the web, or not one we speak to
	"", "hooks.example.net", "//good.example.net/", "ftp://good.example.net/",
	"file:///etc/passwd", "gopher://good.example.net/", "http://good.example.net/",
	"HTTPS+unix://good.example.net/", "https://", "https:///path", "https://good.example.net:99999/",
	"https://good.example.net:/", "https://good.example.net:22/", "https://good.example.net:80/",
	"https://good example.net/", "https://good.example.net/\r\nX-Evil: 1",
	"https://good.example.net\\@inside.example.net/", "https://good.example.net/\u2028",
	"https://-bad-.example.net/", "https://a..example.net/", "https://gööd.example.net/",
	# user information, which people and parsers take for the host
	"https://good.example.net@inside.example.net/", "https://user:secret@good.example.net/",
	"https://@good.example.net/",
	# loopback and private in every spelling
	"https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0177.0.0.1/",
	"https://0x7f.0.0.1/", "https://0x7f000001/", "https://127.0.0.1.:443/", "https://0/",
	"https://0.0.0.0/", "https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.1.1/",
	"https://192.168.257/", "https://１２７.０.０.１/", "https://①②⑦.0.0.1/", "https://1.2.3.4.5/",
	# link-local, carrier-grade, multicast, reserved, documentation, metadata
	"https://169.254.169.254/latest/meta-data/", "https://100.100.100.200/",
	"https://168.63.129.16/", "https://192.0.0.192/", "https://100.64.0.1/", "https://224.0.0.1/",
	"https://255.255.255.255/", "https://240.0.0.1/", "https://198.18.0.1/", "https://203.0.113.7/",
	# IPv6: loopback, any, mapped, compatible, local, scoped, tunnels with an address inside
	"https://[::1]/", "https://[::]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/",
	"https://[::127.0.0.1]/", "https://[fe80::1]/", "https://[fe80::1%25eth0]/", "https://[fd00::1]/",
	"https://[fd00:ec2::254]/", "https://[ff02::1]/", "https://[2002:7f00:1::]/",
	"https://[2001:0:7f00:1::]/", "https://[64:ff9b::7f00:1]/", "https://[fec0::1]/",
	"https://[2001:db8::1]/", "https://[::1", "https://::1/",
	# names that lead inside, and to the product itself
	"https://localhost/", "https://localhost./", "https://LOCALHOST/", "https://x.localhost/",
	"https://inside.example.net/", "https://mixed.example.net/", "https://six.example.net/",
	"https://scoped.example.net/", "https://mapped.example.net/", "https://metadata.example.net/",
	"https://metadata.google.internal/", "https://plm.example.com/", "https://PLM.example.com./",
	"https://testserver/",
]  # fmt: skip


@pytest.mark.parametrize("url", HOSTILE)
async def test_a_hostile_address_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
	async def never(*_: object) -> None:
		raise AssertionError("something was sent")

	out = Outbound(SETTINGS, resolver)
	monkeypatch.setattr(out, "_exchange", never)
	with pytest.raises(OutboundRefused):
		await out.send("POST", url, body=b"{}")


async def test_a_good_address_passes_the_same_checks() -> None:
	out = Outbound(SETTINGS, resolver)
	target = out.target("https://Good.example.net:8443/a/b?c=d#part")
	assert (target.host, target.port, target.path) == ("good.example.net", 8443, "/a/b?c=d")
	assert target.authority == "good.example.net:8443"
	assert await out.reach("good.example.net", 443) == "93.184.216.34"
	assert await out.reach("2606:2800:220:1::1", 443) == "2606:2800:220:1::1"
	with pytest.raises(OutboundFailed, match="name"):
		await out.reach("unknown.example.net", 443)


# -- real servers ---------------------------------------------------------------------------------

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
	port: int
	requests: list[bytes] = field(default_factory=list[bytes])


@asynccontextmanager
async def server(
	answer: bytes | Serve, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Server]:
	"""Takes requests on loopback; answers the bytes, or does what the function does."""

	async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
		try:
			head = await reader.readuntil(b"\r\n\r\n")
			length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
			made.requests.append(head + await reader.readexactly(length))
			if isinstance(answer, bytes):
				writer.write(answer)
				await writer.drain()
			else:
				await answer(reader, writer)
		except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
			pass
		finally:
			writer.close()

	listening = await asyncio.start_server(serve, host, port)
	made = Server(listening.sockets[0].getsockname()[1])
	try:
		yield made
	finally:
		listening.close()


def door(port: int, allow: str = "127.0.0.1", resolve: object = None, **limits: float) -> Outbound:
	settings = Settings(
		env="test",
		public_url="https://plm.example.com",
		outbound_http=True,
		outbound_ports=str(port),
		outbound_allow=allow,
	)
	return Outbound(settings, resolve or resolver, **limits)  # type: ignore[arg-type]


def plain(body: bytes = b"fine", status: str = "200 OK", more: str = "") -> bytes:
	head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
	return head.encode() + body


async def test_the_operators_list_opens_what_it_names_and_nothing_else() -> None:
	async with server(plain()) as there:
		url = f"http://127.0.0.1:{there.port}/hook"
		answer = await door(there.port).send("POST", url, body=b"{}", headers={"X-A": "b"})
		assert (answer.status, answer.body, answer.whole) == (200, b"fine", True)
		assert answer.headers["content-length"] == "4"
		for allow in ("", "127.0.0.2", "10.0.0.0/8", "inside.example.net"):
			with pytest.raises(OutboundRefused):
				await door(there.port, allow).send("POST", url)
		with pytest.raises(OutboundRefused):
			await door(there.port + 1).send("POST", url)
	assert len(there.requests) == 1
	head, _, body = there.requests[0].partition(b"\r\n\r\n")
	assert head.startswith(b"POST /hook HTTP/1.1\r\n")
	assert f"Host: 127.0.0.1:{there.port}".encode() in head
	assert b"X-A: b" in head
	assert body == b"{}"


async def test_a_name_is_asked_once_and_the_checked_address_is_called() -> None:
	asked: list[str] = []

	async def rebinding(host: str, port: int) -> Sequence[str]:
		asked.append(host)
		return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

	async with server(plain(b"checked")) as first:
		async with server(plain(b"rebound"), "127.0.0.2", first.port) as second:
			out = door(first.port, "127.0.0.1", rebinding)
			answer = await out.send("GET", f"http://rebinding.example.net:{first.port}/")
			assert answer.body == b"checked"
			assert asked == ["rebinding.example.net"]
			with pytest.raises(OutboundRefused):
				await out.send("GET", f"http://rebinding.example.net:{first.port}/")
	assert second.requests == []
	assert b"Host: rebinding.example.net" in first.requests[0]


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_an_answer_and_is_not_followed(status: str) -> None:
	async with server(plain(b"inside")) as inside:
		place = f"Location: http://127.0.0.1:{inside.port}/\r\n"
		async with server(plain(b"", status, place)) as there:
			answer = await door(there.port).send("GET", f"http://127.0.0.1:{there.port}/")
	assert answer.status == int(status[:3])
	assert inside.requests == []


async def test_an_endless_answer_is_cut() -> None:
	sent = 0

	async def endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
		nonlocal sent
		writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
		while True:
			writer.write(b"x" * 8_192)
			sent += 8_192
			await writer.drain()

	async with server(endless) as there:
		answer = await door(there.port).send("GET", f"http://127.0.0.1:{there.port}/")
	assert len(answer.body) == 65_536
	assert not answer.whole
	assert sent < 50_000_000


async def _silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
	await asyncio.sleep(30)


async def _dripping(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
	writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
	while True:
		writer.write(b"x")
		await writer.drain()
		await asyncio.sleep(0.02)


async def _dripping_body(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
	writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
	while True:
		writer.write(b"x")
		await writer.drain()
		await asyncio.sleep(0.02)


@pytest.mark.parametrize("serve", [_silent, _dripping, _dripping_body])
async def test_a_slow_answer_ends_in_time(serve: Serve) -> None:
	async with server(serve) as there:
		started = time.monotonic()
		with pytest.raises(OutboundFailed, match="time"):
			await door(there.port, total_seconds=0.3).send("GET", f"http://127.0.0.1:{there.port}/")
		assert time.monotonic() - started < 5


@pytest.mark.parametrize(
	"answer",
	[
		b"",
		b"SSH-2.0-OpenSSH_9.9\r\n",
		b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000,
		b"HTTP/1.1 ok\r\n\r\n",
	],
)
async def test_what_is_no_answer_is_a_failure(answer: bytes) -> None:
	async with server(answer) as there:
		with pytest.raises(OutboundFailed, match=r"protocol|connection"):
			await door(there.port).send("GET", f"http://127.0.0.1:{there.port}/")


async def test_nobody_there() -> None:
	async with server(plain()) as there:
		pass
	with pytest.raises(OutboundFailed, match="connect"):
		await door(there.port).send("GET", f"http://127.0.0.1:{there.port}/")


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
	async with server(plain(b"proxy")) as proxy, server(plain(b"straight")) as there:
		for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
			monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
		answer = await door(there.port).send("GET", f"http://127.0.0.1:{there.port}/")
	assert answer.body == b"straight"
	assert proxy.requests == []
