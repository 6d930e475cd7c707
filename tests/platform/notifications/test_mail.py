"""Mail against a real SMTP server: TLS as set, nothing kept that is not needed, wishes of people."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope
from fastapi import FastAPI
from sqlalchemy import select, text

from apg.app import make_runtime
from apg.cli.doctor import mail_finding
from apg.contracts.notifications import Letter, Mail, Message, Notifications, Priority
from apg.kernel.migrating import admin_engine
from apg.kernel.outbound import Outbound
from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime
from apg.kernel.settings import Settings
from apg.kernel.stamps import utc_now
from apg.kernel.work import open_work
from apg.platform.auth.users import service as users
from apg.platform.notifications.inbox import mailing
from apg.platform.notifications.mail.letters import BadAddress, composed
from apg.platform.notifications.mail.models import OutgoingMail
from apg.platform.notifications.mail.sender import Sender
from apg.platform.notifications.settings import MailSettings
from apg.platform.notifications.transports.email import EmailTransport, MailFailed
from tests.kernel.test_outbound import certificate
from tests.people import People, Person

PREFERENCES = "/api/v1/notifications/preferences"


@dataclass
class Server:
	"""What a mail server took; `refuse` answers so for an address or, under "*", for all."""

	messages: list[EmailMessage] = field(default_factory=list[EmailMessage])
	envelopes: list[Envelope] = field(default_factory=list[Envelope])
	refuse: dict[str, str] = field(default_factory=dict[str, str])
	port: int = 0

	async def handle_RCPT(
		self, server: Any, session: Any, envelope: Envelope, address: str, options: Any
	) -> str:
		if (told := self.refuse.get(address) or self.refuse.get("*")) is not None:
			return told
		envelope.rcpt_tos.append(address)
		return "250 OK"

	async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
		content = envelope.original_content or b""
		self.messages.append(message_from_bytes(content, policy=default))  # type: ignore[arg-type]
		self.envelopes.append(envelope)
		return "250 taken"


def started(server: Server, **options: Any) -> Controller:
	with socket.create_server(("127.0.0.1", 0)) as free:
		server.port = free.getsockname()[1]
	controller = Controller(server, hostname="127.0.0.1", port=server.port, **options)
	controller.start()
	return controller


@pytest.fixture
def server() -> Iterator[Server]:
	made = Server()
	controller = started(made)
	yield made
	controller.stop()


@pytest.fixture
async def runtime(
	app: FastAPI, settings: Settings, server: Server, people: People, admin_url: str
) -> AsyncIterator[Runtime]:
	"""A worker's runtime; web and worker share the settings of mail. No letter waits from before."""
	engine = admin_engine(admin_url)
	with engine.begin() as connection:
		connection.execute(text("update notifications_mails set state = 'expired', content = null"))
	engine.dispose()
	mail = MailSettings(
		host="127.0.0.1", port=server.port, security="none", sender="apg@example.org", tries=3
	)
	app.state.runtime.state["mail"] = mail
	made = make_runtime(settings, role="apg_worker")
	made.state |= {
		"mail": mail,
		"outbound": Outbound(settings.model_copy(update={"outbound_allow": "127.0.0.1"})),
	}
	async with open_work(
		app.state.runtime, people.alice.principal, action="test", origin="task"
	) as work:
		alice = await users.user_of(work, people.alice.user_id, lock=True)
		alice.email = "alice@example.org"
	yield made
	del app.state.runtime.state["mail"]
	await made.engine.dispose()


async def rows(runtime: Runtime, alice: Person) -> list[OutgoingMail]:
	system = Principal.system(alice.tenant_id)
	async with open_work(runtime, system, action="test", origin="task") as work:
		query = select(OutgoingMail, OutgoingMail.content.label("held"))
		found = (await work.execute(query.order_by(OutgoingMail.created_at))).all()
	return [row[0] for row in found]


async def sql(runtime: Runtime, alice: Person, statement: str) -> Any:
	system = Principal.system(alice.tenant_id)
	async with open_work(runtime, system, action="test", origin="task") as work:
		return await work.execute(text(statement))


async def post(runtime: Runtime, alice: Person, **more: Any) -> None:
	given: dict[str, Any] = {
		"to": "gus@example.org",
		"kind": "invitation",
		"subject": "Come in",
		"paragraphs": ("Open this link:",),
		"link": "https://plm.example.com/invitation/topsecrettoken",
		"link_text": "Join",
	}
	system = Principal.system(alice.tenant_id)
	async with open_work(runtime, system, action="test", origin="task") as work:
		assert await work.port(Mail).send(work, Letter(**{**given, **more}))


async def tell(app: FastAPI, alice: Person, *subjects: str, **more: Any) -> None:
	async with open_work(app.state.runtime, alice.principal, action="test", origin="task") as work:
		messages = [Message(alice.user_id, more.get("kind", "note"), one, "More <b>of</b> it.",
			"/plm/products", more.get("priority", Priority.NORMAL)) for one in subjects]  # fmt: skip
		await work.port(Notifications).send(work, *messages)


async def digest(runtime: Runtime, alice: Person) -> int:
	system = Principal.system(alice.tenant_id)
	async with open_work(runtime, system, action="test", origin="task") as work:
		return await mailing.mail_digests(work)


# -- what is sent, and what is kept -----------------------------------------------------------------


async def test_a_letter_arrives_as_text_and_html_and_is_forgotten(
	runtime: Runtime, server: Server, alice: Person
) -> None:
	await post(runtime, alice, subject="Come\r\nBcc: all@example.org", paragraphs=("<b>Bold</b>",))
	kept = await sql(runtime, alice, "select content from notifications_mails")
	assert "topsecret" not in kept.scalar_one()
	await Sender(runtime).send_due()
	[message] = server.messages
	assert (message["To"], message["From"]) == ("gus@example.org", "APG <apg@example.org>")
	assert message["Subject"] == "Come Bcc: all@example.org"
	assert message["Bcc"] is None
	assert server.envelopes[0].rcpt_tos == ["gus@example.org"]
	plain, page = [part.get_content() for part in message.iter_parts()]  # type: ignore[union-attr]
	assert "https://plm.example.com/invitation/topsecrettoken" in plain
	assert "<p>&lt;b&gt;Bold&lt;/b&gt;</p>" in page
	assert '<a href="https://plm.example.com/invitation/topsecrettoken">Join</a>' in page
	[row] = await rows(runtime, alice)
	assert (row.state, row.attempts, row.failure) == ("sent", 1, None)
	assert row.sent_at is not None
	assert (await sql(runtime, alice, "select content from notifications_mails")).scalar() is None
	await Sender(runtime).send_due()
	assert len(server.messages) == 1
	assert str(row.id) in message["Message-ID"]


async def test_a_link_that_ended_is_not_sent_any_more(
	runtime: Runtime, server: Server, alice: Person
) -> None:
	await post(runtime, alice, expires_at=utc_now())
	await Sender(runtime).send_due()
	[row] = await rows(runtime, alice)
	assert row.state == "expired"
	assert (await sql(runtime, alice, "select content from notifications_mails")).scalar() is None
	assert server.messages == []


@pytest.mark.parametrize(
	("told", "state", "attempts", "failure"),
	[("550 no such person", "failed", 1, "recipient"), ("451 later", "failed", 3, "recipient")],
)
async def test_a_refused_address_is_given_up_and_a_busy_one_tried_again(
	runtime: Runtime,
	server: Server,
	alice: Person,
	told: str,
	state: str,
	attempts: int,
	failure: str,
) -> None:
	server.refuse = {"gus@example.org": told}
	await post(runtime, alice)
	await post(runtime, alice, to="ada@example.org")
	for _ in range(5):
		await Sender(runtime).send_due()
		await sql(runtime, alice, "update notifications_mails set next_at = now()")
	found = {row.failure: row for row in await rows(runtime, alice)}
	assert (found[failure].state, found[failure].attempts) == (state, attempts)
	assert found[None].state == "sent"
	assert [one["To"] for one in server.messages] == ["ada@example.org"]
	left = await sql(runtime, alice, "select content from notifications_mails")
	assert left.scalars().all() == [None, None]


async def test_what_is_no_address_is_given_up(
	runtime: Runtime, server: Server, alice: Person
) -> None:
	for to in ("nobody", "a@b\r\nc", "a@b, c@d", ""):
		await post(runtime, alice, to=to)
	await Sender(runtime).send_due()
	assert {(row.state, row.failure) for row in await rows(runtime, alice)} == {
		("failed", "address")
	}
	assert server.messages == []


async def test_nobody_answers_and_then_somebody_does(
	runtime: Runtime, server: Server, alice: Person, settings: Settings
) -> None:
	await post(runtime, alice)
	shut = Outbound(settings.model_copy(update={"outbound_allow": "10.0.0.0/8"}))
	held, runtime.state["outbound"] = runtime.state["outbound"], shut
	await Sender(runtime).send_due()
	[row] = await rows(runtime, alice)
	assert (row.state, row.failure) == ("waiting", "address_refused")
	runtime.state["outbound"] = held
	await sql(runtime, alice, "update notifications_mails set next_at = now()")
	await Sender(runtime).send_due()
	assert [one["To"] for one in server.messages] == ["gus@example.org"]


async def test_two_workers_send_each_letter_once(
	runtime: Runtime, server: Server, alice: Person
) -> None:
	for number in range(30):
		await post(runtime, alice, to=f"p{number}@example.org")
	stop = asyncio.Event()
	running = [asyncio.create_task(Sender(runtime).run(stop)) for _ in range(2)]
	async with asyncio.timeout(30):
		while {row.state for row in await rows(runtime, alice)} != {"sent"}:
			await asyncio.sleep(0.05)
	stop.set()
	await asyncio.gather(*running)
	assert sorted(one["To"] for one in server.messages) == sorted(
		f"p{n}@example.org" for n in range(30)
	)


async def test_logs_name_no_person(
	runtime: Runtime, server: Server, alice: Person, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
	import structlog

	from apg.kernel.observe import configure_logging

	structlog.reset_defaults()
	configure_logging("INFO")
	try:
		server.refuse = {"gus@example.org": "550 gus@example.org is unknown"}
		await post(runtime, alice)
		await Sender(runtime).send_due()
	finally:
		structlog.reset_defaults()
		configure_logging("ERROR")
	logged = capfdbinary.readouterr().err
	assert b"topsecret" not in logged
	assert b"gus@" not in logged


# -- TLS ---------------------------------------------------------------------------------------------


def _context(pem: Path) -> ssl.SSLContext:
	made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
	made.load_cert_chain(pem)
	return made


async def _loopback(host: str, port: int) -> list[str]:
	return ["127.0.0.1"]


def _transport(port: int, security: str, ca: str = "", **more: Any) -> EmailTransport:
	settings = Settings(env="test", outbound_allow="127.0.0.1", outbound_ca=ca)
	mail = MailSettings(
		host="smtp.example.org", port=port, security=security, sender="apg@example.org", **more
	)  # type: ignore[arg-type]
	return EmailTransport(mail, Outbound(settings, _loopback), "plm.example.com")


def _who(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
	good = (data.login, data.password) == (b"apg", b"right")
	return AuthResult(success=good, handled=False)


def _letter() -> dict[str, tuple[str, EmailMessage]]:
	content = {"to": "gus@example.org", "subject": "S", "paragraphs": ["P"], "link": "",
		"link_text": "", "locale": "en"}  # fmt: skip
	mail = MailSettings(host="h", sender="apg@example.org")
	return {"m1": ("gus@example.org", composed("m1", content, mail, "https://plm.example.com"))}


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_mail_goes_encrypted_to_the_named_server_alone(tmp_path: Path, security: str) -> None:
	good, other = (
		certificate(tmp_path, "smtp.example.org"),
		certificate(tmp_path, "else.example.org"),
	)
	for pem, ca, failure in ((good, good, None), (good, other, "tls"), (other, other, "tls")):
		server = Server()
		options = (
			{"ssl_context": _context(pem)}
			if security == "tls"
			else {"tls_context": _context(pem), "require_starttls": True}
		)
		controller = started(server, **options)
		try:
			transport = _transport(server.port, security, str(ca))
			if failure is None:
				assert await transport.deliver(_letter()) == {"m1": None}
				await transport.check()
			else:
				with pytest.raises(MailFailed, match=failure):
					await transport.deliver(_letter())
		finally:
			controller.stop()
		assert len(server.messages) == (failure is None)


async def test_a_server_without_starttls_gets_nothing(server: Server) -> None:
	with pytest.raises(MailFailed, match="no_starttls"):
		await _transport(server.port, "starttls").deliver(_letter())
	assert server.messages == []


@pytest.mark.parametrize(("password", "failure"), [("right", None), ("wrong", "login")])
async def test_signing_in(tmp_path: Path, password: str, failure: str | None) -> None:
	pem = certificate(tmp_path, "smtp.example.org")
	made = Server()
	controller = started(
		made, tls_context=_context(pem), require_starttls=True, auth_required=True,
		auth_require_tls=True, authenticator=_who,
	)  # fmt: skip
	try:
		transport = _transport(made.port, "starttls", str(pem), user="apg", password=password)
		if failure is None:
			assert await transport.deliver(_letter()) == {"m1": None}
		else:
			with pytest.raises(MailFailed, match=failure):
				await transport.check()
	finally:
		controller.stop()
	assert len(made.messages) == (failure is None)


def test_settings_that_cannot_be() -> None:
	for wrong in (
		{"host": "h"},
		{"host": "h", "sender": "nobody"},
		{"host": "h", "sender": "a@b.c", "security": "none", "password": "p"},
	):
		with pytest.raises(ValueError):
			MailSettings(**wrong)  # type: ignore[arg-type]
	assert not MailSettings().is_on
	with pytest.raises(BadAddress):
		composed(
			"m", {"to": "x", "locale": "en"}, MailSettings(host="h", sender="a@b.c"), "https://x"
		)


# -- what people want ----------------------------------------------------------------------------


async def test_important_messages_come_at_once_and_others_once_a_day(
	app: FastAPI, runtime: Runtime, server: Server, alice: Person
) -> None:
	await tell(app, alice, "Quiet", "Calm")
	await tell(app, alice, "Loud", priority=Priority.URGENT)
	await Sender(runtime).send_due()
	assert [one["Subject"] for one in server.messages] == ["Loud"]
	assert "/plm/products" in str(server.messages[0])
	assert await digest(runtime, alice) == 1
	assert await digest(runtime, alice) == 0
	await Sender(runtime).send_due()
	[_loud, daily] = server.messages
	assert daily["Subject"] == "2 messages wait for you"
	plain = next(iter(daily.iter_parts())).get_content()  # type: ignore[union-attr]
	assert [line for line in plain.splitlines() if line.startswith("•")] == ["• Quiet", "• Calm"]


async def test_what_was_read_or_not_wanted_is_not_mailed(
	app: FastAPI, client: httpx.AsyncClient, runtime: Runtime, server: Server, alice: Person
) -> None:
	await tell(app, alice, "Read already")
	await client.post("/api/v1/notifications/read-all", headers=alice.headers)
	chosen = {"mail": {"noise": "never", "*": "at_once", "slow": "daily"}}
	told = await client.put(PREFERENCES, headers=alice.headers, json=chosen)
	assert told.status_code == 200, told.text
	assert {one["kind"]: one["mail"] for one in told.json()} == chosen["mail"]
	await tell(app, alice, "Noise", kind="noise", priority=Priority.URGENT)
	await tell(app, alice, "Anything", kind="other")
	await tell(app, alice, "Slow", kind="slow", priority=Priority.URGENT)
	await Sender(runtime).send_due()
	assert [one["Subject"] for one in server.messages] == ["Anything"]
	assert await digest(runtime, alice) == 1
	await Sender(runtime).send_due()
	assert server.messages[1]["Subject"] == "1 messages wait for you"
	assert "Slow" in str(server.messages[1])
	assert "Noise" not in str(server.messages[1])


async def test_people_without_address_or_membership_get_none(
	app: FastAPI, client: httpx.AsyncClient, runtime: Runtime, people: People
) -> None:
	await tell(app, people.bob, "Loud", priority=Priority.URGENT)
	assert await digest(runtime, people.bob) == 0
	assert await rows(runtime, people.bob) == []


async def test_preferences_are_ones_own(client: httpx.AsyncClient, people: People) -> None:
	body = {"mail": {"note": "never"}}
	await client.put(PREFERENCES, headers=people.alice.headers, json=body)
	for other in (people.bob, people.charlie):
		assert (await client.get(PREFERENCES, headers=other.headers)).json() == []
	for bad in ({"mail": {"note": "sometimes"}}, {"mail": {"No Kind": "never"}}, {"mails": {}}):
		answer = await client.put(PREFERENCES, headers=people.alice.headers, json=bad)
		assert answer.status_code == 422
	held = (await client.get(PREFERENCES, headers=people.alice.headers)).json()
	assert [(one["kind"], one["mail"]) for one in held] == [("note", "never")]


async def test_without_a_server_nothing_waits_and_the_link_is_shown(
	client: httpx.AsyncClient, app: FastAPI, alice: Person, settings: Settings
) -> None:
	await tell(app, alice, "Loud", priority=Priority.URGENT)
	made = await client.post(
		"/api/v1/auth/invitations",
		headers=alice.headers,
		json={"username": f"new-{alice.user_id[-8:]}", "email": "new@example.org", "roles": []},
	)
	assert made.status_code == 201, made.text
	assert made.json()["link"].startswith("http")
	assert await rows(app.state.runtime, alice) == []


async def test_an_invitation_is_mailed_in_place_of_the_link(
	client: httpx.AsyncClient, runtime: Runtime, server: Server, alice: Person
) -> None:
	made = await client.post(
		"/api/v1/auth/invitations",
		headers=alice.headers,
		json={"username": f"new-{alice.user_id[-8:]}", "email": "new@example.org", "roles": []},
	)
	assert made.json()["link"] is None
	await Sender(runtime).send_due()
	[message] = server.messages
	assert message["To"] == "new@example.org"
	token = str(message).partition("/invitation/")[2].split()[0]
	done = await client.post(
		"/api/v1/auth/invitations/accept",
		json={"token": token, "password": "a long enough secret 42", "display_name": "New"},
	)
	assert done.status_code in (200, 201), done.text
	trail = await client.get("/api/v1/audit?limit=100", headers=alice.headers)
	assert token not in json.dumps(trail.json())


async def test_the_doctor_tries_the_server(
	server: Server, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
	open_to = settings.model_copy(update={"outbound_allow": "127.0.0.1"})
	assert (await mail_finding(settings)).state == "note"
	given = {"HOST": "127.0.0.1", "PORT": server.port, "SECURITY": "none", "SENDER": "a@b.example"}
	for name, value in given.items():
		monkeypatch.setenv(f"APG_SMTP_{name}", str(value))
	assert (await mail_finding(open_to)).state == "ok"
	refused = await mail_finding(settings)
	assert (refused.state, "APG_OUTBOUND_ALLOW" in refused.remedy) == ("bad", True)
	monkeypatch.setenv("APG_SMTP_SECURITY", "starttls")
	assert "APG_SMTP_SECURITY" in (await mail_finding(open_to)).remedy
	monkeypatch.setenv("APG_SMTP_SENDER", "")
	assert (await mail_finding(open_to)).state == "bad"
	assert server.messages == []
