"""The pages of people: signing in and out without a script, the account, members and roles."""

import re
import time

import httpx
import pytest
from pyotp.totp import TOTP

from apg.kernel.principal import Principal
from apg.kernel.work import open_work
from apg.platform.auth.users import service as users
from tests.platform.auth.conftest import PASSWORD, Browser, World

COOKIE = "apg_session"


async def test_a_person_signs_in_without_a_script(browser: Browser, world: World) -> None:
	led = await browser.open("/account?x=1")
	assert (led.status_code, led.headers["location"]) == (303, "/login?next=%2Faccount%3Fx%3D1")
	page = await browser.open(led.headers["location"])
	assert page.status_code == 200
	assert 'value="/account?x=1"' in page.text
	answer = await browser.send(
		"/login", username=world.alice.username, password=PASSWORD, next="/account?x=1"
	)
	assert (answer.status_code, answer.headers["location"]) == (303, "/account?x=1")
	cookie = answer.headers["set-cookie"]
	assert "HttpOnly" in cookie
	assert "SameSite=lax" in cookie
	account = await browser.open("/account")
	assert account.status_code == 200
	assert world.alice.username in account.text


async def test_a_wrong_password_shows_the_form_again(browser: Browser, world: World) -> None:
	await browser.open("/login")
	answer = await browser.send("/login", username=world.alice.username, password="wrong")
	assert answer.status_code == 401
	assert "User name or password is wrong." in answer.text
	assert f'value="{world.alice.username}"' in answer.text
	assert COOKIE not in browser.client.cookies


@pytest.mark.parametrize(
	("_case", "headers", "token"),
	[
		("another site", {"Sec-Fetch-Site": "cross-site"}, None),
		("a sibling site", {"Sec-Fetch-Site": "same-site"}, None),
		("foreign origin", {"Origin": "https://evil.example"}, None),
		("nothing said", {}, None),
		("no token", {"Sec-Fetch-Site": "same-origin"}, ""),
		("somebody else's token", {"Sec-Fetch-Site": "same-origin"}, "A" * 43),
	],
)
async def test_public_forms_are_taken_from_our_pages_only(
	browser: Browser, world: World, _case: str, headers: dict[str, str], token: str | None
) -> None:
	await browser.open("/login")
	fields = {
		"username": world.alice.username,
		"password": PASSWORD,
		"form_token": browser.field("form_token") if token is None else token,
	}
	for path in ("/login", "/reset"):
		answer = await browser.client.post(path, data=fields, headers=headers)
		assert answer.status_code == 403, path
	assert COOKIE not in browser.client.cookies


async def test_the_token_is_of_this_browser(browser: Browser, world: World) -> None:
	await browser.open("/login")
	token = browser.field("form_token")
	browser.client.cookies.clear()
	answer = await browser.client.post(
		"/login",
		data={"username": world.alice.username, "password": PASSWORD, "form_token": token},
		headers={"Sec-Fetch-Site": "same-origin"},
	)
	assert answer.status_code == 403


@pytest.mark.parametrize(
	"target",
	["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/login",
	 "/ok\r\nSet-Cookie: x=1", "\\/evil", "/logout"],
)  # fmt: skip
async def test_hostile_targets_lead_home(browser: Browser, world: World, target: str) -> None:
	await browser.open("/login")
	answer = await browser.send(
		"/login", username=world.alice.username, password=PASSWORD, next=target
	)
	assert answer.headers["location"] == "/"


async def test_the_session_is_new_at_every_sign_in(browser: Browser, world: World) -> None:
	browser.client.cookies.set(COOKIE, "planted-by-somebody", domain="testserver.local")
	await browser.sign_in(world.alice)
	first = browser.client.cookies[COOKIE]
	assert first != "planted-by-somebody"
	browser.client.cookies.delete("apg_toast")
	page = await browser.client.post(
		"/logout",
		data={"csrf_token": browser.field("csrf_token")},
		headers={"Sec-Fetch-Site": "same-origin", "Accept": "text/html"},
	)
	assert page.headers["location"] == "/login"
	assert COOKIE not in browser.client.cookies
	browser.client.cookies.set(COOKIE, first, domain="testserver.local")
	assert (await browser.open("/account")).status_code == 303


async def test_signing_out_needs_the_token(browser: Browser, world: World) -> None:
	await browser.sign_in(world.alice)
	for fields, headers in (
		({}, {"Sec-Fetch-Site": "same-origin"}),
		({"csrf_token": browser.field("csrf_token")}, {"Sec-Fetch-Site": "cross-site"}),
	):
		answer = await browser.client.post("/logout", data=fields, headers=headers)
		assert answer.status_code == 403
	assert (await browser.open("/account")).status_code == 200


async def test_forms_of_signed_in_pages_need_the_header(browser: Browser, world: World) -> None:
	await browser.sign_in(world.alice)
	fields = {"display_name": "Mallory", "csrf_token": browser.field("csrf_token")}
	refused = await browser.send("/account", **fields)
	assert refused.status_code == 403
	browser.client.headers["x-test-csrf_token"], held = "x" * 43, browser.field("csrf_token")
	assert (await browser.htmx("/account", display_name="Mallory")).status_code == 403
	browser.client.headers["x-test-csrf_token"] = held
	saved = await browser.htmx("/account", display_name="Alice the Great")
	assert (saved.status_code, saved.headers["hx-redirect"]) == (204, "/account")
	assert "Alice the Great" in (await browser.open("/account")).text


async def test_a_second_factor_from_the_page_to_the_next_sign_in(
	browser: Browser, world: World
) -> None:
	await browser.sign_in(world.bob)
	before = browser.client.cookies[COOKIE]
	assert (await browser.htmx("/account/security/totp")).status_code == 204
	page = await browser.open("/account/security")
	assert "<svg" in page.text
	assert "style=" not in re.search(r'class="qr".*?</svg>', page.text, re.S)[0]  # type: ignore[index]
	secret = re.search(r"<code>([A-Z2-7]{32})</code>", page.text)[1]  # type: ignore[index]
	wrong = await browser.htmx("/account/security/totp/confirm", code="000000")
	assert wrong.status_code == 422
	code = TOTP(secret).now()
	done = await browser.htmx("/account/security/totp/confirm", code=code)
	assert done.status_code == 200
	codes = re.findall(r"<li>([a-z2-9-]{19})</li>", done.text)
	assert len(codes) == 10
	# A rise of rights: the session has another id, and the old one is no more.
	assert browser.client.cookies[COOKIE] != before
	browser.client.cookies.clear()
	await browser.open("/login")
	step = await browser.send("/login", username=world.bob.username, password=PASSWORD)
	assert step.status_code == 200
	assert COOKIE not in browser.client.cookies
	ticket = re.search(r'name="ticket" value="([^"]+)"', step.text)[1]  # type: ignore[index]
	replay = await browser.send("/login", ticket=ticket, totp=code)
	assert replay.status_code == 401
	late = TOTP(secret).at(time.time() + 30)
	entered = await browser.send("/login", ticket=ticket, totp=late)
	assert (entered.status_code, entered.headers["location"]) == (303, "/")
	# A ticket is worth nothing in another browser, and a recovery code works once.
	browser.client.cookies.clear()
	await browser.open("/login")
	assert (await browser.send("/login", ticket=ticket, totp=codes[0])).status_code == 401
	step = await browser.send("/login", username=world.bob.username, password=PASSWORD)
	ticket = re.search(r'name="ticket" value="([^"]+)"', step.text)[1]  # type: ignore[index]
	assert (await browser.send("/login", ticket=ticket, totp=codes[0])).status_code == 303
	browser.client.cookies.clear()
	await browser.open("/login")
	step = await browser.send("/login", username=world.bob.username, password=PASSWORD)
	ticket = re.search(r'name="ticket" value="([^"]+)"', step.text)[1]  # type: ignore[index]
	assert (await browser.send("/login", ticket=ticket, totp=codes[0])).status_code == 401


async def test_who_has_two_companies_chooses_and_switches(browser: Browser, world: World) -> None:
	system = Principal.system(world.charlie.tenant_id)
	async with open_work(world.runtime, system, action="tests", origin="cli") as work:
		await users.join(work, world.alice.id, ())
	await browser.open("/login")
	step = await browser.send("/login", username=world.alice.username, password=PASSWORD)
	assert world.charlie.tenant in step.text
	ticket = re.search(r'name="ticket" value="([^"]+)"', step.text)[1]  # type: ignore[index]
	entered = await browser.send("/login", ticket=ticket, tenant=world.charlie.tenant)
	assert entered.status_code == 303
	assert (await browser.open("/admin/users")).status_code == 403
	await browser.open("/account")
	before = browser.client.cookies[COOKIE]
	switched = await browser.htmx("/account/switch", tenant=world.alice.tenant)
	assert switched.status_code == 204, switched.text
	assert browser.client.cookies[COOKIE] != before
	assert (await browser.open("/admin/users")).status_code == 200


async def test_members_and_roles_have_pages(browser: Browser, world: World) -> None:
	await browser.sign_in(world.alice)
	page = await browser.open("/admin/users?sort=-display_name")
	assert world.bob.username in page.text
	assert world.charlie.username not in page.text
	member = await browser.open(f"/admin/users/{world.bob.id}")
	assert member.status_code == 200
	saved = await browser.htmx(
		f"/admin/users/{world.bob.id}",
		at_home="true",
		display_name="Robert",
		roles=["integrator"],
		is_active="true",
	)
	assert saved.status_code == 204, saved.text
	again = await browser.open(f"/admin/users/{world.bob.id}")
	assert 'value="Robert"' in again.text
	assert re.search(r'value="integrator" checked', again.text)
	assert (await browser.open("/admin/roles")).status_code == 200
	assert (await browser.open("/admin/roles/new")).status_code == 200
	made = await browser.htmx(
		"/admin/roles/new", name="readers", title="Readers", permissions=["auth.users.read"]
	)
	assert made.status_code == 204, made.text
	role = await browser.open(made.headers["hx-redirect"])
	assert 'value="auth.users.read" checked' in role.text
	refused = await browser.htmx("/admin/roles/new", name="Not a name", title="")
	assert refused.status_code == 422
	removed = await browser.htmx(f"{made.headers['hx-redirect']}/remove")
	assert removed.status_code == 204
	stranger = await browser.open(f"/admin/users/{world.charlie.id}")
	assert stranger.status_code == 404


async def test_an_invitation_is_accepted_in_the_browser(
	browser: Browser, app: object, world: World
) -> None:
	await browser.sign_in(world.alice)
	assert (await browser.open("/admin/invitations")).status_code == 200
	made = await browser.htmx(
		"/admin/invitations", username=f"guest-{world.bob.id[-8:]}", roles=["integrator"]
	)
	assert made.status_code == 200
	link = re.search(r"<code>http://[^/]+(/invitation/[^<]+)</code>", made.text)[1]  # type: ignore[index]
	assert link not in (await browser.open("/admin/invitations")).text
	browser.client.cookies.clear()
	page = await browser.open(link)
	assert "Join Company" in page.text
	weak = await browser.send(link, password="password1234")
	assert weak.status_code == 422
	entered = await browser.send(link, password="a good sentence to keep", display_name="Guest")
	assert (entered.status_code, entered.headers["location"]) == (303, "/")
	assert (await browser.open("/account/keys")).status_code == 200
	assert (await browser.open("/admin/users")).status_code == 403
	assert (await browser.open(link)).status_code == 410


async def test_keys_are_made_and_revoked_on_the_page(browser: Browser, world: World) -> None:
	await browser.sign_in(world.alice)
	await browser.open("/account/keys")
	made = await browser.htmx("/account/keys", name="Export", scopes=["auth.users.read"])
	key = re.search(r"<code>(apg_[0-9A-Za-z]{43})</code>", made.text)[1]  # type: ignore[index]
	listed = await browser.open("/account/keys")
	assert key not in listed.text
	assert key[:8] in listed.text
	headers = {"Authorization": f"Bearer {key}"}
	client: httpx.AsyncClient = browser.client
	assert (await client.get("/api/v1/users", headers=headers)).status_code == 200
	key_id = re.search(r"/account/keys/([0-9a-f-]{36})/revoke", listed.text)[1]  # type: ignore[index]
	assert (await browser.htmx(f"/account/keys/{key_id}/revoke")).status_code == 204
	assert (await client.get("/api/v1/users", headers=headers)).status_code == 401


async def test_sessions_are_listed_and_ended(browser: Browser, world: World) -> None:
	await browser.sign_in(world.alice)
	page = await browser.open("/account/sessions")
	assert page.text.count('/end"') >= 1
	assert (await browser.htmx("/account/sessions/end-others")).status_code == 204
	page = await browser.open("/account/sessions")
	assert re.findall(r"/account/sessions/[0-9a-f-]{36}/end", page.text) == []
	answer = await browser.client.get("/api/v1/users", headers=world.alice.headers)
	assert answer.status_code == 401
