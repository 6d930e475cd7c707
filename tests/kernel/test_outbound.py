"""The door out: TLS by the name that was asked for, signatures, what an operator's address may."""

import asyncio
import datetime
import hashlib
import hmac
import ssl
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from apg.kernel.outbound import Outbound, OutboundFailed, OutboundRefused, signature
from apg.kernel.settings import Settings

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def certificate(folder: Path, *names: str) -> Path:
	"""A self-made certificate with its key, good for these names."""
	key = ec.generate_private_key(ec.SECP256R1())
	name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
	now = datetime.datetime.now(datetime.UTC)
	made = (
		x509.CertificateBuilder()
		.subject_name(name)
		.issuer_name(name)
		.public_key(key.public_key())
		.serial_number(x509.random_serial_number())
		.not_valid_before(now - datetime.timedelta(hours=1))
		.not_valid_after(now + datetime.timedelta(hours=1))
		.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
		.add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
		.sign(key, hashes.SHA256())
	)
	pem = key.private_bytes(
		serialization.Encoding.PEM,
		serialization.PrivateFormat.PKCS8,
		serialization.NoEncryption(),
	)
	path = folder / f"{names[0]}.pem"
	path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + pem)
	return path


async def loopback(host: str, port: int) -> Sequence[str]:
	return ["127.0.0.1"]


async def test_tls_is_checked_against_the_name_though_the_address_is_called(tmp_path: Path) -> None:
	held = certificate(tmp_path, "hooks.example.net")
	context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
	context.load_cert_chain(held)
	asked: list[str | None] = []
	context.sni_callback = lambda _socket, name, _context: asked.append(name)
	seen: list[bytes] = []

	async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
		seen.append(await reader.readuntil(b"\r\n\r\n"))
		writer.write(ANSWER)
		writer.close()

	server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
	port = server.sockets[0].getsockname()[1]
	allow = {"outbound_ports": str(port), "outbound_allow": "127.0.0.1"}
	trusting = Settings(env="test", outbound_ca=str(held), **allow)
	answer = await Outbound(trusting, loopback).send("GET", f"https://hooks.example.net:{port}/")
	assert answer.body == b"ok"
	assert asked == ["hooks.example.net"]
	assert f"Host: hooks.example.net:{port}".encode() in seen[0]
	for settings, host in (
		(trusting, "other.example.net"),
		(Settings(env="test", **allow), "hooks.example.net"),
	):
		with pytest.raises(OutboundFailed, match="tls"):
			await Outbound(settings, loopback).send("GET", f"https://{host}:{port}/")
	assert len(seen) == 1
	server.close()


def test_a_signature_is_that_of_the_document() -> None:
	body = b'{"event":"x"}'
	told = signature(body, "new", "old", at=1_700_000_000)
	marks = [
		hmac.new(secret, b"1700000000." + body, hashlib.sha256).hexdigest()
		for secret in (b"new", b"old")
	]
	assert told == f"t=1700000000,v1={marks[0]},v1={marks[1]}"


async def test_an_address_of_the_operators_settings_counts_for_its_caller_alone() -> None:
	settings = Settings(env="test", public_url="https://plm.example.com")
	out = Outbound.to(settings, "http://127.0.0.1:4318/v1/traces")
	assert await out.reach("127.0.0.1", 4318) == "127.0.0.1"
	assert out.target("http://127.0.0.1:4318/v1/traces").path == "/v1/traces"
	for url in ("http://127.0.0.2:4318/", "http://10.0.0.1:4318/"):
		with pytest.raises(OutboundRefused):
			out.target(url)
	with pytest.raises(OutboundRefused):
		Outbound(settings).target("http://127.0.0.1:4318/")


def test_the_client_is_loaded_when_it_is_first_used() -> None:
	code = (
		"import sys\nfrom apg.kernel.outbound import Outbound\nfrom apg.kernel.settings import Settings\n"
		"Outbound(Settings()).target('https://hooks.example.net/')\n"
		"sys.exit(bool({'httpcore', 'httpx', 'anyio'} & set(sys.modules)))"
	)
	assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
