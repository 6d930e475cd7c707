"""The product in a real browser: a server over the test database, a chromium, people who sign in.

Fixtures are taken over by `conftest.py`. Tests are plain functions (`def`): the browser's own loop
and the loop of asynchronous tests do not share a thread, so the server has one to itself and
`site.run(coroutine)` prepares data there.
"""

import asyncio
import contextlib
import os
import secrets
import shutil
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from apg import ui
from apg.app import make_app
from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime
from apg.kernel.settings import Settings
from apg.kernel.web.authentication import session_cookie
from apg.kernel.work import Origin, Work, open_work
from apg.platform.auth.passwords import hash_password
from apg.platform.auth.sessions import service as sessions
from apg.platform.auth.users import service as users
from apg.platform.tenants.tenants.service import create_tenant

ROOT = Path(__file__).resolve().parents[2]
SCREENS = ROOT / ".apg-test" / "screens"
PICTURES = bool(os.environ.get("APG_SCREENS"))  # for people to look at; no test reads them
AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
# Only what is wrong is brought over here: the whole answer is large.
VIOLATIONS = "async options => (await axe.run(document, options)).violations"
NO_BROWSER = ROOT / ".venv" / "browser.txt"
PASSWORD = "seven plain words for a journey"
WIDTHS = (1440, 390)
SCHEMES = ("light", "dark")
QUIET = [
	"--no-sandbox",
	"--disable-gpu",
	"--disable-quic",
	"--no-first-run",
	"--disable-background-networking",
	"--disable-component-update",
	"--disable-sync",
]
Result = TypeVar("Result")


@dataclass
class Someone:
	"""A person with a password."""

	user_id: str
	tenant_id: str
	username: str
	principal: Principal
	password: str = PASSWORD


@dataclass
class Site:
	"""The running product; `run` awaits something in the server's own loop."""

	address: str
	app: FastAPI
	loop: asyncio.AbstractEventLoop
	hashes: list[str] = field(default_factory=list[str])

	@property
	def runtime(self) -> Runtime:
		return self.app.state.runtime

	def run(self, awaited: Coroutine[Any, Any, Result]) -> Result:
		return asyncio.run_coroutine_threadsafe(awaited, self.loop).result(120)

	def company(self, name: str = "Northwind Instruments") -> str:
		"""A fresh tenant; answers its id."""
		return self.run(create_tenant(self.runtime, f"t-{secrets.token_hex(5)}", name))

	def person(self, tenant_id: str, name: str, *roles: str) -> Someone:
		"""A member with these roles who can sign in."""
		return self.run(self._person(tenant_id, name, roles))

	def work(self, someone: Someone, do: Callable[[Work], Coroutine[Any, Any, Result]]) -> Result:
		"""Does something in one transaction of the person's, as a page of his would."""

		async def run() -> Result:
			async with open_work(
				self.runtime, someone.principal, action="test", origin="page"
			) as work:
				return await do(work)

		return self.run(run())

	async def session(self, someone: Someone) -> tuple[str, str]:
		"""Name and value of the cookie of a new session."""
		facts = await sessions.member(self.runtime, someone.tenant_id, someone.user_id)
		opened = await sessions.open_page(self.runtime, facts, Origin("page"))
		return session_cookie(self.runtime), opened.cookie

	async def _person(self, tenant_id: str, name: str, roles: tuple[str, ...]) -> Someone:
		if not self.hashes:  # made once: a hash takes longer than all else of a person
			self.hashes.append(await hash_password(PASSWORD))
		facts = await self.runtime.state["authenticator"].principal_of(tenant_id, None)
		username = f"{name.split()[0].lower()}-{secrets.token_hex(4)}@example.org"
		async with open_work(self.runtime, facts, action="test", origin="task") as work:
			user = await users.add_user(
				work, username, password_hash=self.hashes[0], display_name=name
			)
			await users.join(work, user.id, roles)
		principal = await self.runtime.state["authenticator"].principal_of(tenant_id, user.id)
		return Someone(user.id, tenant_id, username, principal)


class Watched:
	"""A signed-in page that remembers every complaint of the browser: scripts, policy, resources."""

	def __init__(self, page: Page, site: Site) -> None:
		self.page, self.site = page, site
		self.complaints: list[str] = []
		page.on("pageerror", lambda error: self.complaints.append(str(error)))
		page.on("console", lambda message: self._heard(message.type, message.text))

	def _heard(self, kind: str, text: str) -> None:
		# A refusal (4xx) that a test provokes is the product's answer, not a fault of the page.
		refused = text.startswith("Failed to load resource") and "status of 4" in text
		if kind in ("error", "warning") and not refused:
			self.complaints.append(text)

	def open(self, path: str) -> Page:
		"""Goes there and waits until the page and all that it loads by itself stand."""
		self.page.goto(self.site.address + path)
		settled(self.page)
		return self.page

	def enter(self, someone: Someone) -> Page:
		"""Signed in, with the session that the form would give; no page is open yet."""
		name, value = self.site.run(self.site.session(someone))
		cookie: Any = {"name": name, "value": value, "url": self.site.address, "httpOnly": True}
		self.page.context.add_cookies([cookie | {"sameSite": "Lax"}])
		return self.page

	def sign_in(self, someone: Someone) -> Page:
		"""Through the form, as people do."""
		self.open("/login")
		self.page.fill("[name=username]", someone.username)
		self.page.fill("[name=password]", someone.password)
		self.page.press("[name=password]", "Enter")
		self.page.wait_for_url(lambda address: "/login" not in address)
		settled(self.page)
		return self.page


def settled(page: Page) -> None:
	"""Waits until the shell runs and no part of the page is still on its way."""
	page.wait_for_selector("html[data-ready=yes]")
	busy = ".htmx-request, .htmx-swapping, .htmx-settling, main [aria-busy=true]"
	deadline = time.monotonic() + 15
	# Asked from here again and again: a condition that waits in the page is refused by its policy.
	while page.evaluate("busy => !!document.querySelector(busy)", busy):
		assert time.monotonic() < deadline, f"{page.url} is still loading"
		page.wait_for_timeout(20)


CONTRAST = (
	"color-contrast"  # the rule that costs as much as all others, and the only one of colours
)


def assert_accessible(page: Page, *, contrast: bool = True) -> None:
	"""No violation of axe-core's rules on the page as it stands; those of colour can be left out."""
	_no_violation(page, {} if contrast else {"rules": {CONTRAST: {"enabled": False}}})


def assert_readable(page: Page) -> None:
	"""Enough contrast in the theme as it stands."""
	_no_violation(page, {"runOnly": [CONTRAST]})


def _no_violation(page: Page, rules: dict[str, Any]) -> None:
	if not AXE.is_file():
		pytest.skip("axe-core is not installed: run `npm ci` in frontend")
	if page.evaluate("typeof axe") == "undefined":
		# Through the debugger, which the policy of the product does not reach.
		page.evaluate(AXE.read_text("utf-8"))
	options = {"resultTypes": ["violations"], **rules}
	violations = page.evaluate(VIOLATIONS, options)
	found = [
		f"{one['id']} {node['target']} {node['failureSummary']}"
		for one in violations
		for node in one["nodes"][:3]
	]
	assert found == [], "\n".join([page.url, *found])


def themed(page: Page, scheme: str) -> None:
	page.evaluate("scheme => document.documentElement.dataset.bsTheme = scheme", scheme)


def picture(page: Page, name: str) -> None:
	"""Keeps a picture of the whole page for people, when APG_SCREENS asks for it."""
	if PICTURES:
		SCREENS.mkdir(parents=True, exist_ok=True)
		page.screenshot(path=SCREENS / f"{name}.png", full_page=True)


def assert_fits(page: Page) -> None:
	"""The page does not scroll sideways, once what is drawn by script has followed its frame."""
	deadline = time.monotonic() + 5
	while (over := page.evaluate("document.documentElement.scrollWidth - innerWidth")) > 0:
		if time.monotonic() > deadline:
			break
		page.wait_for_timeout(50)
	assert over <= 0, f"{page.url} is {over} px wider than its window"


def screenshots(page: Page, name: str, *, check: bool = True) -> None:
	"""The page at both widths, light and dark, checked while it is so; pictures if asked for."""
	if not (check or PICTURES):
		return
	before = page.viewport_size
	page.emulate_media(reduced_motion="reduce")  # no transition of a theme to wait for
	for width in WIDTHS:
		page.set_viewport_size({"width": width, "height": 900})
		if check:
			assert_fits(page)
		for scheme in SCHEMES:
			themed(page, scheme)
			picture(page, f"{name}-{width}-{scheme}")
			# Each width and each theme once: axe takes seconds.
			if check and (width, scheme) in zip(WIDTHS, SCHEMES, strict=True):
				assert_accessible(page)
	themed(page, SCHEMES[0])
	page.emulate_media(reduced_motion="no-preference")
	if before:
		page.set_viewport_size(before)


def _no_browser() -> str:
	"""Why there is no browser here; empty when there is one."""
	if shutil.which("chromium") or shutil.which("chromium-browser"):
		return ""
	if NO_BROWSER.is_file():
		return NO_BROWSER.read_text("utf-8").strip()
	return "no chromium on this machine; `apt-get install chromium` makes these tests run"


@pytest.fixture(scope="session")
def site(settings: Settings) -> Iterator[Site]:
	"""The product on a port of its own, over the database of this run."""
	if reason := _no_browser():
		pytest.skip(reason)
	if not ui.ASSETS.is_file():
		pytest.skip("the front end is not built: run `npm ci && npm run build` in frontend")
	app = make_app(settings)
	listener = socket.create_server(("127.0.0.1", 0))
	server = uvicorn.Server(uvicorn.Config(app, log_level="error", log_config=None))
	loops: list[asyncio.AbstractEventLoop] = []

	async def serve() -> None:
		loops.append(asyncio.get_running_loop())
		await server.serve([listener])

	thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
	thread.start()
	deadline = time.monotonic() + 60
	while not server.started and thread.is_alive() and time.monotonic() < deadline:
		time.sleep(0.01)
	assert server.started, "the server did not start"
	yield Site(f"http://127.0.0.1:{listener.getsockname()[1]}", app, loops[0])
	server.should_exit = True
	thread.join(15)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
	"""The browser. Of a module, because asynchronous tests cannot run while it is open."""
	if reason := _no_browser():
		pytest.skip(reason)
	found = shutil.which("chromium") or shutil.which("chromium-browser")
	with sync_playwright() as playwright:
		browser = playwright.chromium.launch(executable_path=found, args=QUIET)
		yield browser
		browser.close()


@contextlib.contextmanager
def watching(chromium: Browser, site: Site, width: int = 1440) -> Iterator[Watched]:
	"""A fresh browser profile; leaving it fails on any complaint."""
	context: BrowserContext = chromium.new_context(viewport={"width": width, "height": 900})
	context.grant_permissions(["clipboard-read", "clipboard-write"])
	context.set_default_timeout(15_000)
	one = Watched(context.new_page(), site)
	try:
		yield one
	finally:
		context.close()
	assert one.complaints == [], one.complaints


@pytest.fixture
def watched(chromium: Browser, site: Site) -> Iterator[Watched]:
	"""A window nobody is signed in to."""
	with watching(chromium, site) as one:
		yield one


@pytest.fixture(scope="module")
def admin(site: Site) -> Someone:
	"""The administrator of a fresh company."""
	return site.person(site.company(), "Alice Bergström", "tenant_admin")


@pytest.fixture
def page(watched: Watched, admin: Someone) -> Page:
	"""A page of the administrator's, signed in."""
	return watched.sign_in(admin)
