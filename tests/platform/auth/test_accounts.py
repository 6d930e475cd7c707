"""One's own account over the API: password, second factor, sessions; invitation and reset."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from pyotp.totp import TOTP
from sqlalchemy import select, text

from apg.kernel.errors import TooManyRequests
from apg.kernel.migrating import admin_engine
from apg.kernel.principal import Principal
from apg.kernel.work import open_work
from apg.platform.auth.accounts import links, second_factor
from apg.platform.auth.users import service as users
from apg.platform.notifications.mail.models import OutgoingMail
from apg.platform.notifications.mail.service import COLUMN, ring_of
from apg.platform.notifications.settings import MailSettings
from tests.platform.auth.conftest import PASSWORD, Person, World

NEW = "eight other words, all of my own"


async def login(api: httpx.AsyncClient, username: str, password: str = PASSWORD, **more: str):
	body = {"username": username, "password": password, **more}
	return await api.post("/api/v1/auth/login", json=body)


def bearer(token: str) -> dict[str, str]:
	return {"Authorization": f"Bearer {token}"}


@dataclass
class Outbox:
	"""The letters that wait to be sent in Alice's company."""

	world: World

	async def mails(self) -> list[tuple[str, str, str]]:
		"""Address, subject and text of each."""
		runtime, tenant_id = self.world.runtime, self.world.alice.tenant_id
		system = Principal.system(tenant_id)
		async with open_work(runtime, system, action="tests", origin="cli") as work:
			sealed = await work.scalars(select(OutgoingMail.content))
		found = [json.loads(ring_of(runtime).decrypt(tenant_id, COLUMN, one)) for one in sealed]
		return [
			(one["to"], one["subject"], "\n".join([*one["paragraphs"], one["link"]]))
			for one in found
		]


@pytest.fixture
async def outbox(world: World) -> AsyncIterator[Outbox]:
	mail = MailSettings(host="smtp.example.org", sender="apg@example.org")
	world.runtime.state["mail"] = mail
	yield Outbox(world)
	del world.runtime.state["mail"]


# -- password ---------------------------------------------------------------------------------


async def test_a_changed_password_ends_every_other_session(
	api: httpx.AsyncClient, world: World
) -> None:
	here = (await login(api, world.alice.username)).json()["access_token"]
	body = {"current_password": PASSWORD, "new_password": NEW}
	changed = await api.post("/api/v1/auth/password", json=body, headers=bearer(here))
	assert changed.status_code == 204, changed.text
	assert (await api.get("/api/v1/users", headers=bearer(here))).status_code == 200
	assert (await api.get("/api/v1/users", headers=world.alice.headers)).status_code == 401
	assert (await login(api, world.alice.username)).status_code == 401
	assert (await login(api, world.alice.username, NEW)).status_code == 200


@pytest.mark.parametrize(
	("current", "new", "field"),
	[
		("not mine at all", NEW, "current_password"),
		(PASSWORD, PASSWORD, "new_password"),
		(PASSWORD, "short", "new_password"),
		(PASSWORD, "qwertyuiop123456", "new_password"),
	],
)
async def test_a_refused_change_leaves_everything(
	api: httpx.AsyncClient, world: World, current: str, new: str, field: str
) -> None:
	body = {"current_password": current, "new_password": new}
	answer = await api.post("/api/v1/auth/password", json=body, headers=world.alice.headers)
	assert answer.status_code == 422
	assert [one["field"] for one in answer.json()["details"]] == [field]
	assert (await login(api, world.alice.username)).status_code == 200
	assert (await api.get("/api/v1/users", headers=world.alice.headers)).status_code == 200


async def test_the_own_profile(api: httpx.AsyncClient, world: World) -> None:
	told = (await api.get("/api/v1/auth/account", headers=world.bob.headers)).json()
	assert (told["username"], told["has_totp"], told["roles"]) == (world.bob.username, False, [])
	changed = await api.patch(
		"/api/v1/auth/account",
		json={"display_name": "Bob B.", "locale": "de", "email": "bob@example.org"},
		headers=world.bob.headers,
	)
	assert changed.status_code == 200, changed.text
	assert changed.json() == told | {
		"display_name": "Bob B.", "locale": "de", "email": "bob@example.org"
	}  # fmt: skip
	for bad in ({"username": "alice"}, {"email": "x"}, {"locale": "Deutsch"}, {"is_active": True}):
		answer = await api.patch("/api/v1/auth/account", json=bad, headers=world.bob.headers)
		assert answer.status_code == 422, bad


async def test_sessions_are_ones_own(api: httpx.AsyncClient, world: World) -> None:
	other = (await login(api, world.alice.username)).json()["access_token"]
	listed = (await api.get("/api/v1/auth/sessions", headers=world.alice.headers)).json()
	assert [one["current"] for one in listed].count(True) == 1
	assert len(listed) == 2
	target = next(one["id"] for one in listed if not one["current"])
	for stranger in (world.bob, world.charlie):
		answer = await api.delete(f"/api/v1/auth/sessions/{target}", headers=stranger.headers)
		assert answer.status_code == 404
	assert (await api.get("/api/v1/users", headers=bearer(other))).status_code == 200
	ended = await api.delete(f"/api/v1/auth/sessions/{target}", headers=world.alice.headers)
	assert ended.status_code == 204
	assert (await api.get("/api/v1/users", headers=bearer(other))).status_code == 401
	assert (await api.get("/api/v1/users", headers=world.alice.headers)).status_code == 200


# -- second factor ----------------------------------------------------------------------------


def test_codes_of_rfc_6238() -> None:
	"""Appendix B, SHA-1, cut to six digits."""
	secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	for moment, code in ((59, "287082"), (1111111109, "081804"), (2000000000, "279037")):
		assert second_factor.matching_step(secret, code, moment) == moment // 30
		assert second_factor.matching_step(secret, code, moment + 30) == moment // 30
		assert second_factor.matching_step(secret, code, moment + 90) is None
	for wrong in ("", "28708", "2870820", "28708a", "２８７０８２"):
		assert second_factor.matching_step(secret, wrong, 59) is None


def test_recovery_codes_are_read_however_they_are_typed() -> None:
	codes = second_factor.new_recovery_codes()
	assert len(set(codes)) == 10
	assert second_factor.recovery_hash(codes[0]) == second_factor.recovery_hash(
		f" {codes[0].replace('-', ' ').upper()} "
	)


async def enrol(api: httpx.AsyncClient, person: Person) -> tuple[str, list[str]]:
	begun = (await api.post("/api/v1/auth/totp", headers=person.headers)).json()
	secret = begun["secret"]
	assert f"secret={secret}" in begun["uri"]
	done = await api.post(
		"/api/v1/auth/totp/confirm",
		json={"code": TOTP(secret).at(time.time() - 30)},
		headers=person.headers,
	)
	assert done.status_code == 200, done.text
	return secret, done.json()["recovery_codes"]


async def test_a_code_is_good_once(api: httpx.AsyncClient, world: World) -> None:
	secret, codes = await enrol(api, world.bob)
	missing = await login(api, world.bob.username)
	assert (missing.status_code, missing.json()["code"]) == (401, "TOTP_REQUIRED")
	# Who does not know the password learns nothing of the second factor.
	assert (await login(api, world.bob.username, "wrong")).json()["code"] == "LOGIN_FAILED"
	used = TOTP(secret).now()
	answers = await asyncio.gather(*(login(api, world.bob.username, totp=used) for _ in range(4)))
	assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]
	assert {answer.json().get("code") for answer in answers} == {None, "TOTP_INVALID"}
	earlier = TOTP(secret).at(time.time() - 30)
	assert (await login(api, world.bob.username, totp=earlier)).status_code == 401
	assert (await login(api, world.bob.username, totp=codes[3])).status_code == 200
	assert (await login(api, world.bob.username, totp=codes[3])).status_code == 401
	account = (await api.get("/api/v1/auth/account", headers=world.bob.headers)).json()
	assert (account["has_totp"], account["recovery_codes_left"]) == (True, 9)


async def test_the_second_factor_goes_with_the_password_only(
	api: httpx.AsyncClient, world: World
) -> None:
	await enrol(api, world.bob)
	again = await api.post("/api/v1/auth/totp", headers=world.bob.headers)
	assert (again.status_code, again.json()["code"]) == (409, "TOTP_ALREADY_ON")
	wrong = await api.post(
		"/api/v1/auth/totp/off", json={"password": "wrong"}, headers=world.bob.headers
	)
	assert wrong.status_code == 422
	assert (await login(api, world.bob.username)).json()["code"] == "TOTP_REQUIRED"
	off = await api.post(
		"/api/v1/auth/totp/off", json={"password": PASSWORD}, headers=world.bob.headers
	)
	assert off.status_code == 204
	assert (await login(api, world.bob.username)).status_code == 200


async def test_the_secret_is_sealed_and_bound_to_its_person(
	api: httpx.AsyncClient, world: World
) -> None:
	secret, _codes = await enrol(api, world.bob)
	engine = admin_engine(world.runtime.settings.database_admin_url)
	with engine.begin() as connection:
		sealed = connection.scalar(
			text("select totp_secret from users where id = :id"), {"id": world.bob.id}
		)
		assert sealed is not None
		assert secret not in sealed
		# Somebody with the database gives alice bob's secret: it opens nothing.
		connection.execute(
			text("update users set totp_secret = :s, totp_confirmed_at = now() where id = :id"),
			{"s": sealed, "id": world.alice.id},
		)
	engine.dispose()
	answer = await login(api, world.alice.username, totp=TOTP(secret).now())
	assert (answer.status_code, answer.json()["code"]) == (401, "TOTP_INVALID")


# -- invitation -------------------------------------------------------------------------------


async def invite(api: httpx.AsyncClient, person: Person, **more: Any) -> dict[str, Any]:
	body = {"username": f"guest-{secrets.token_hex(4)}@example.org", **more}
	made = await api.post("/api/v1/auth/invitations", json=body, headers=person.headers)
	assert made.status_code == 201, made.text
	return made.json()


def token_of(link: str) -> str:
	return urlsplit(link).path.rsplit("/", 1)[1]


async def test_an_invitation_makes_a_member_once(api: httpx.AsyncClient, world: World) -> None:
	made = await invite(api, world.alice, display_name="Gus", roles=["integrator"])
	listed = (await api.get("/api/v1/auth/invitations", headers=world.alice.headers)).json()
	assert [one["id"] for one in listed] == [made["id"]]
	assert "link" not in listed[0]
	body = {"token": token_of(made["link"]), "password": NEW}
	weak = await api.post("/api/v1/auth/invitations/accept", json={**body, "password": "short"})
	assert weak.status_code == 422
	answers = await asyncio.gather(
		*(api.post("/api/v1/auth/invitations/accept", json=body) for _ in range(3))
	)
	codes = sorted(answer.status_code for answer in answers)
	assert codes[0] == 200
	assert set(codes[1:]) <= {409, 410, 401}
	told = next(answer.json() for answer in answers if answer.status_code == 200)
	assert told["tenant_id"] == world.alice.tenant_id
	assert told["user"]["roles"] == ["integrator"]
	again = await api.post("/api/v1/auth/invitations/accept", json=body)
	assert (again.status_code, again.json()["code"]) == (410, "LINK_GONE")
	assert (await api.get("/api/v1/auth/invitations", headers=world.alice.headers)).json() == []


async def test_who_has_an_account_joins_with_its_password(
	api: httpx.AsyncClient, world: World
) -> None:
	made = await invite(api, world.charlie, username=world.bob.username, roles=["integrator"])
	token = token_of(made["link"])
	wrong = await api.post(
		"/api/v1/auth/invitations/accept", json={"token": token, "password": NEW}
	)
	assert (wrong.status_code, wrong.json()["code"]) == (401, "LOGIN_FAILED")
	joined = await api.post(
		"/api/v1/auth/invitations/accept", json={"token": token, "password": PASSWORD}
	)
	assert joined.status_code == 200, joined.text
	assert joined.json()["user"]["id"] == world.bob.id
	assert joined.json()["tenant_id"] == world.charlie.tenant_id
	assert (await login(api, world.bob.username)).json()["code"] == "TENANT_REQUIRED"


async def test_withdrawn_ended_and_replaced_invitations_open_nothing(
	api: httpx.AsyncClient, world: World
) -> None:
	async def accept(link: str) -> int:
		body = {"token": token_of(link), "password": NEW}
		return (await api.post("/api/v1/auth/invitations/accept", json=body)).status_code

	withdrawn = await invite(api, world.alice)
	path = f"/api/v1/auth/invitations/{withdrawn['id']}"
	assert (await api.delete(path, headers=world.charlie.headers)).status_code == 404
	assert (await api.delete(path, headers=world.alice.headers)).status_code == 204
	assert await accept(withdrawn["link"]) == 410
	older = await invite(api, world.alice)
	newer = await invite(api, world.alice, username=older["username"])
	assert await accept(older["link"]) == 410
	engine = admin_engine(world.runtime.settings.database_admin_url)
	with engine.begin() as connection:
		connection.execute(
			text("update account_links set expires_at = now() where id = :id"), {"id": newer["id"]}
		)
	engine.dispose()
	assert await accept(newer["link"]) == 410
	assert await accept("/x/" + "a" * 43) == 410


async def test_nobody_invites_into_rights_he_does_not_hold(
	api: httpx.AsyncClient, world: World
) -> None:
	from tests.platform.auth.test_administration import give

	await give(world, world.bob, "user_admin")
	for roles, code in ((["tenant_admin"], 403), (["no_such_role"], 422), ([], 201)):
		answer = await api.post(
			"/api/v1/auth/invitations",
			json={"username": f"g-{secrets.token_hex(4)}", "roles": roles},
			headers=world.bob.headers,
		)
		assert answer.status_code == code, answer.text


async def test_a_mailed_invitation_is_not_shown(
	api: httpx.AsyncClient, world: World, outbox: Outbox
) -> None:
	made = await invite(api, world.alice, email="gus@example.org")
	assert made["link"] is None
	((to, _subject, body),) = await outbox.mails()
	assert to == "gus@example.org"
	assert f"{world.runtime.settings.base_url}/invitation/" in body


# -- reset ------------------------------------------------------------------------------------


async def with_address(world: World, person: Person) -> None:
	system = Principal.system(person.tenant_id)
	async with open_work(world.runtime, system, action="tests", origin="cli") as work:
		(await users.user_of(work, person.id, lock=True)).email = "somebody@example.org"


async def test_a_reset_is_mailed_and_ends_every_session(
	api: httpx.AsyncClient, world: World, outbox: Outbox
) -> None:
	await with_address(world, world.bob)
	asked = await api.post(
		"/api/v1/auth/reset",
		json={"username": world.bob.username.upper()},
		headers={"Host": "testserver", "X-Forwarded-Host": "evil.example"},
	)
	assert asked.status_code == 202
	((to, _subject, body),) = await outbox.mails()
	assert to == "somebody@example.org"
	link = next(word for word in body.split() if word.startswith("http"))
	# Built from the configured address, whatever Host said.
	assert link.startswith(f"{world.runtime.settings.base_url}/reset/")
	done = {"token": token_of(link), "password": NEW}
	weak = await api.post(
		"/api/v1/auth/reset/complete", json={**done, "password": "passwordpassword"}
	)
	assert weak.status_code == 422
	assert (await api.post("/api/v1/auth/reset/complete", json=done)).status_code == 204
	assert (await api.get("/api/v1/auth/account", headers=world.bob.headers)).status_code == 401
	assert (await login(api, world.bob.username)).status_code == 401
	assert (await login(api, world.bob.username, NEW)).status_code == 200
	assert (await api.post("/api/v1/auth/reset/complete", json=done)).status_code == 410


async def test_a_forged_host_is_refused(api: httpx.AsyncClient, world: World) -> None:
	answer = await api.post(
		"/api/v1/auth/reset", json={"username": "x"}, headers={"Host": "evil.example"}
	)
	assert answer.status_code in (400, 421)


async def test_known_and_unknown_people_get_the_same_answer_in_the_same_time(
	api: httpx.AsyncClient, world: World, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
	await with_address(world, world.bob)
	waited: list[float] = []
	present = time.monotonic

	async def sleep(seconds: float) -> None:
		waited.append(seconds)

	# Only this module's name: everybody else goes on sleeping.
	monkeypatch.setattr(links, "asyncio", SimpleNamespace(sleep=sleep))
	answers: list[httpx.Response] = []
	for name in (world.bob.username, world.alice.username, f"no-{secrets.token_hex(4)}", "\0"):
		began = present()
		answers.append(await api.post("/api/v1/auth/reset", json={"username": name}))
		# What was not spent on work is spent on waiting.
		assert waited[-1] <= links.RESET_SECONDS
		assert waited[-1] >= links.RESET_SECONDS - (present() - began)
	assert len({(answer.status_code, answer.content) for answer in answers}) == 1
	assert len(await outbox.mails()) == 1


async def test_an_administrator_hands_over_a_link_once(
	api: httpx.AsyncClient, world: World
) -> None:
	path = f"/api/v1/users/{world.bob.id}/reset-link"
	first = (await api.post(path, headers=world.alice.headers)).json()["link"]
	second = (await api.post(path, headers=world.alice.headers)).json()["link"]
	body = {"token": token_of(first), "password": NEW}
	assert (await api.post("/api/v1/auth/reset/complete", json=body)).status_code == 410
	# A link of one kind opens no door of another.
	wrong = await api.post(
		"/api/v1/auth/invitations/accept", json={"token": token_of(second), "password": NEW}
	)
	assert wrong.status_code == 410
	body = {"token": token_of(second), "password": NEW}
	answers = await asyncio.gather(
		*(api.post("/api/v1/auth/reset/complete", json=body) for _ in range(3))
	)
	assert sorted(answer.status_code for answer in answers) == [204, 410, 410]


# -- limits -----------------------------------------------------------------------------------


async def test_guessing_is_limited_per_account(api: httpx.AsyncClient, world: World) -> None:
	asked: list[tuple[str, str]] = []
	held = world.runtime.state["budget"]

	class Spent:
		async def spend(self, *_told: Any) -> dict[str, str]:
			return {}

		async def spend_login(self, account: str, address: str) -> dict[str, str]:
			asked.append((account, address))
			if len([one for one in asked if one[0] == account]) > 3:
				raise TooManyRequests(headers={"Retry-After": "60"})
			return {}

	world.runtime.state["budget"] = Spent()
	try:
		codes = [(await login(api, world.bob.username, "wrong")).status_code for _ in range(4)]
		assert codes == [401, 401, 401, 429]
		# The right password does not help any more, whatever the spelling of the name.
		assert (await login(api, f" {world.bob.username.upper()} ")).status_code == 429
		assert {account for account, _address in asked} == {world.bob.username}
	finally:
		world.runtime.state["budget"] = held
