"""The shell in a real browser: accessible, within the content security policy, usable by keyboard."""

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Page, expect, sync_playwright
from tests.ui.preview import serving

from apg import ui

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
VIOLATIONS = "async options => (await axe.run(document, options)).violations"
QUIET = [
	"--no-sandbox",
	"--disable-gpu",
	"--disable-quic",
	"--no-first-run",
	"--disable-background-networking",
	"--disable-component-update",
	"--disable-sync",
]
PAGES = (
	"/",
	"/products",
	"/products?search=nothing-is-called-so",
	"/tree",
	"/form",
	"/form?wrong",
	"/conflict",
	"/chart",
	"/empty",
	"/login",
	"/fails/403",
	"/anonymous/fails/404",
)


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
	if not ui.ASSETS.is_file():
		pytest.skip("the front end is not built: run `npm ci && npm run build` in frontend")
	with serving() as address:
		yield address


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
	found = shutil.which("chromium") or shutil.which("chromium-browser")
	if not found:
		pytest.skip("no chromium on this machine; `apt-get install chromium` makes these tests run")
	with sync_playwright() as playwright:
		browser = playwright.chromium.launch(executable_path=found, args=QUIET)
		yield browser
		browser.close()


class Watched:
	"""A page that remembers what the browser complained about."""

	def __init__(self, page: Page, site: str) -> None:
		self.page, self.site = page, site
		self.complaints: list[str] = []
		page.on("pageerror", lambda error: self.complaints.append(str(error)))
		page.on("console", lambda message: self._heard(message.type, message.text))

	def _heard(self, kind: str, text: str) -> None:
		refused_page = text.startswith("Failed to load resource") and "4" in text
		if kind in ("error", "warning") and not refused_page:
			self.complaints.append(text)

	def open(self, path: str) -> Page:
		self.page.goto(self.site + path)
		self.page.wait_for_selector("html[data-ready=yes]")
		return self.page


@pytest.fixture
def watched(chromium: Browser, site: str) -> Iterator[Watched]:
	context = chromium.new_context(viewport={"width": 1440, "height": 900})
	context.grant_permissions(["clipboard-read", "clipboard-write"])
	one = Watched(context.new_page(), site)
	yield one
	context.close()
	assert one.complaints == []


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (1440, "dark"), (390, "light")])
def test_no_page_breaks_the_accessibility_rules(
	chromium: Browser, site: str, width: int, scheme: Any
) -> None:
	if not AXE.is_file():
		pytest.skip("axe-core is not installed: run `npm ci` in frontend")
	# axe is injected by the test, which the policy of the product rightly refuses
	context = chromium.new_context(
		viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True
	)
	page = context.new_page()
	found: list[str] = []
	for path in PAGES:
		page.goto(site + path)
		page.wait_for_selector("html[data-ready=yes]")
		page.evaluate(AXE.read_text("utf-8"))
		options: dict[str, Any] = {"resultTypes": ["violations"]}
		if scheme == "dark":  # nothing else depends on the theme
			options["runOnly"] = ["color-contrast"]
		found += [
			f"{path}: {one['id']} {one['nodes'][0]['target']} {one['nodes'][0]['failureSummary']}"
			for one in page.evaluate(VIOLATIONS, options)
		]
	context.close()
	assert found == []


def test_what_floats_is_accessible_too(chromium: Browser, site: str) -> None:
	if not AXE.is_file():
		pytest.skip("axe-core is not installed: run `npm ci` in frontend")
	context = chromium.new_context(viewport={"width": 1440, "height": 900}, bypass_csp=True)
	page = context.new_page()
	page.goto(site + "/")
	page.wait_for_selector("html[data-ready=yes]")
	page.evaluate(AXE.read_text("utf-8"))
	found: dict[str, Any] = {}

	def look(what: str) -> None:
		if violations := page.evaluate(VIOLATIONS, {"resultTypes": ["violations"]}):
			found[what] = [(v["id"], v["nodes"][0]["html"]) for v in violations]

	page.keyboard.press("Control+k")
	look("palette")
	page.keyboard.press("Escape")
	page.keyboard.press("?")
	look("shortcuts")
	page.keyboard.press("Escape")
	page.click("a[data-panel]")
	page.wait_for_selector("#panel.show #panel-body strong")
	look("panel")
	page.click("#panel [data-bs-dismiss]")
	page.click("text=Recalculate")
	page.wait_for_selector(".toast-box")
	look("toast")
	page.click("[aria-label=Theme]")
	look("theme menu")
	context.close()
	assert found == {}


@pytest.mark.parametrize("path", PAGES)
def test_no_page_breaks_the_content_security_policy(watched: Watched, path: str) -> None:
	page = watched.open(path)
	assert page.locator("main#main").count() == 1
	# the fixture fails on any complaint of the browser; a stored script must not have run either
	assert page.evaluate("document.querySelectorAll('main script').length") == 0
	assert page.locator("[style]:not(canvas):not(th)").count() == 0 or path == "/chart"


@pytest.mark.parametrize("width", [390, 768, 1440])
@pytest.mark.parametrize("path", ["/", "/products", "/tree", "/form?wrong", "/chart", "/conflict"])
def test_no_page_scrolls_sideways(watched: Watched, path: str, width: int) -> None:
	watched.page.set_viewport_size({"width": width, "height": 800})
	page = watched.open(path)
	assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_the_policy_is_really_in_force(chromium: Browser, site: str) -> None:
	context = chromium.new_context()
	page = context.new_page()
	page.goto(site + "/")
	refused: list[str] = []
	page.on("console", lambda message: refused.append(message.text))
	page.evaluate(
		"""() => { const s = document.createElement('script'); s.textContent = 'window.hit = 1';
		document.body.append(s);
		document.body.insertAdjacentHTML('beforeend', '<b id=styled style="color:red">x</b>'); }"""
	)
	assert page.evaluate("window.hit") is None
	assert page.evaluate("document.getElementById('styled').style.color") == ""
	assert len(refused) == 2
	context.close()


def test_icons_come_from_the_sprite(watched: Watched) -> None:
	page = watched.open("/products")
	box = page.locator(".side-link .icon use").first
	assert "icons-" in (box.get_attribute("href") or "")
	assert (
		page.evaluate(
			"document.querySelector('.side-link .icon use').getBoundingClientRect().width"
		)
		> 4
	)


def tree_row(page: Page) -> tuple[str, str, str]:
	"""Key, level and state of the row in focus."""
	return page.evaluate(
		"(r => [r.dataset.key, r.ariaLevel, r.getAttribute('aria-expanded')])(document.activeElement)"
	)


def test_the_tree_is_walked_by_keyboard(watched: Watched) -> None:
	page = watched.open("/tree")
	rows = page.locator("#bom tbody tr:visible")
	assert page.locator("#bom tr[tabindex='0']").count() == 1
	page.focus("#bom tr[data-key='1']")
	assert tree_row(page) == ["1", "1", "true"]
	page.keyboard.press("ArrowRight")
	assert tree_row(page) == ["1.1", "2", "true"]
	page.keyboard.press("ArrowLeft")
	assert tree_row(page) == ["1.1", "2", "false"]
	page.keyboard.press("ArrowLeft")
	assert tree_row(page) == ["1", "1", "true"]
	before = rows.count()
	page.keyboard.press("ArrowLeft")
	assert tree_row(page) == ["1", "1", "false"]
	assert rows.count() == 6 < before
	page.keyboard.press("ArrowRight")
	# what was closed inside stays closed
	assert rows.count() == before
	page.keyboard.press("End")
	assert tree_row(page)[0] == "6"
	page.keyboard.press("Home")
	page.keyboard.press("ArrowDown")
	assert tree_row(page)[0] == "1.1"
	assert page.locator("#bom tr[tabindex='0']").count() == 1


def test_a_closed_branch_fetches_its_children_once(watched: Watched) -> None:
	page = watched.open("/tree")
	asked: list[str] = []
	page.on("request", lambda request: asked.append(request.url))
	page.focus("#bom tr[data-key='2']")
	page.keyboard.press("ArrowRight")
	page.wait_for_selector("#bom tr[data-key='2.1']")
	assert tree_row(page) == ["2", "1", "true"]
	page.keyboard.press("ArrowLeft")
	page.wait_for_selector("#bom tr[data-key='2.1']", state="hidden")
	page.keyboard.press("ArrowRight")
	page.wait_for_selector("#bom tr[data-key='2.1']", state="visible")
	page.keyboard.press("ArrowRight")
	assert tree_row(page) == ["2.1", "2", "false"]
	assert [url.rpartition("/")[2] for url in asked] == ["children?of=2"]


def test_a_branch_that_cannot_be_fetched_stays_closed(watched: Watched) -> None:
	page = watched.open("/tree")
	page.route("**/tree/children**", lambda route: route.abort())
	page.focus("#bom tr[data-key='2']")
	page.keyboard.press("ArrowRight")
	page.wait_for_selector(".toast-warn")
	assert tree_row(page) == ["2", "1", "false"]
	page.unroute("**/tree/children**")
	page.keyboard.press("ArrowRight")
	page.wait_for_selector("#bom tr[data-key='2.1']")
	watched.complaints = [
		text for text in watched.complaints if "ERR_FAILED" not in text and "htmx:" not in text
	]


def test_a_filter_keeps_the_path_to_each_hit(watched: Watched) -> None:
	page = watched.open("/tree")
	page.fill("[data-tree-filter]", "gasket")
	page.wait_for_selector("#bom tr.is-hit")
	shown = page.locator("#bom tbody tr:visible")
	keys = shown.evaluate_all("rows => rows.map(r => [r.dataset.key, r.className])")
	assert keys == [
		["1", "is-path"],
		["1.1", "is-path"],
		["1.1.3", "is-hit"],
		["1.4", "is-hit"],
		["5", "is-hit"],
	]
	assert page.inner_text("[data-tree-count]") == "3 found"
	page.fill("[data-tree-filter]", "")
	expect(page.locator("#bom tr.is-hit")).to_have_count(0)
	assert shown.count() == 14


def test_a_tree_is_copied_with_its_levels(watched: Watched) -> None:
	page = watched.open("/tree")
	page.click("#bom [data-copy-table]")
	page.wait_for_selector(".toast-good")
	lines = page.evaluate("navigator.clipboard.readText()").split("\n")
	assert lines[0].split("\t")[:4] == ["#", "Item", "Find", "Qty"]
	assert lines[1].split("\t")[:5] == ["1", "Bearing 608-2RS", "10", "1", "pcs"]
	assert lines[2].split("\t")[:5] == ["2", "Controller board rev C", "10", "2", "pcs"]
	assert len(lines) == 15


def test_a_table_is_walked_chosen_and_opened_by_keyboard(watched: Watched) -> None:
	page = watched.open("/products")
	page.focus("tr[data-key=p1]")
	page.keyboard.press("ArrowDown")
	page.keyboard.press("x")
	page.keyboard.press("ArrowDown")
	page.keyboard.press("Space")
	assert page.inner_text("[data-selected]") == "2 selected"
	assert page.locator("tr.is-selected").evaluate_all("r => r.map(x => x.dataset.key)") == [
		"p2",
		"p3",
	]
	page.click("[data-copy-table]")
	page.wait_for_selector(".toast-good")
	lines = page.evaluate("navigator.clipboard.readText()").split("\n")
	assert len(lines) == 3
	assert lines[2].split("\t")[4] == "98765432109.87"
	page.keyboard.press("Escape")
	page.focus("tr[data-key=p3]")
	page.keyboard.press("Enter")
	page.wait_for_url("**/products/p3")


def test_sorting_filtering_and_columns_go_into_the_address(watched: Watched) -> None:
	page = watched.open("/products")
	page.click("th[data-column=cost] a.sort")
	page.wait_for_url("**/products?sort=cost")
	page.click("th[data-column=cost] a.sort")
	page.wait_for_url("**/products?sort=-cost")
	assert page.locator("th[data-column=cost]").get_attribute("aria-sort") == "descending"
	assert page.locator("tbody tr").first.get_attribute("data-key") == "p3"
	page.fill("[data-list-search]", "gasket")
	page.wait_for_url("**search=gasket**")
	expect(page.locator(".list-total")).to_have_text("13 entries")
	assert "state=" not in page.url
	assert page.locator(".page-head").count() == 1
	page.go_back()
	page.wait_for_url("**/products?sort=-cost")
	page.wait_for_selector("text=130 entries")
	assert page.locator("h1").inner_text() == "Products"


def test_commands_and_search_by_keyboard(watched: Watched) -> None:
	page = watched.open("/empty")
	page.keyboard.press("/")
	assert page.evaluate("document.activeElement.id") == "global-search"
	page.keyboard.press("Control+k")
	page.keyboard.type("strct")
	assert page.inner_text("#palette-list [aria-selected=true]").split("\n")[0] == "Structures"
	page.keyboard.press("Enter")
	page.wait_for_url("**/tree")


def test_the_theme_is_kept_and_set_before_the_first_paint(watched: Watched) -> None:
	page = watched.open("/")
	page.click("[aria-label=Theme]")
	page.click("[data-theme-choice=dark]")
	assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"
	page.goto(watched.site + "/products", wait_until="commit")
	page.wait_for_selector("body", state="attached")
	assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"
	page.wait_for_selector("html[data-ready=yes]")


def test_a_refused_form_comes_back_with_what_was_typed(watched: Watched) -> None:
	page = watched.open("/form")
	page.fill("#field-name", "")
	page.fill("#field-mass", "heavy")
	page.fill("#field-notes", "kept")
	with page.expect_response("**/form") as answer:
		page.click("text=Save product")
	assert answer.value.status == 422
	assert answer.value.request.headers["x-csrf-token"] == "token-of-the-session"
	page.wait_for_selector(".error-summary")
	assert page.evaluate("document.activeElement.className") == "error-summary"
	assert page.input_value("#field-notes") == "kept"
	assert page.input_value("#field-mass") == "heavy"
	page.click(".error-summary a >> nth=1")
	assert page.evaluate("document.activeElement.id") == "field-mass"
	page.fill("#field-mass", "1,5")
	page.fill("#field-name", "Widget")
	page.click("text=Save product")
	page.wait_for_url("**/products")
	page.wait_for_selector(".toast-good")
	assert page.inner_text(".toast-good").startswith("✓\nSaved “Widget”")


def test_an_ended_session_keeps_what_was_typed(watched: Watched) -> None:
	page = watched.open("/form")
	page.fill("#field-notes", "an hour of work")
	page.route(
		"**/form",
		lambda route: (
			route.fulfill(status=401) if route.request.method == "POST" else route.fallback()
		),
	)
	page.click("text=Save product")
	page.wait_for_selector("#session-ended[open]")
	assert page.input_value("#field-notes") == "an hour of work"
	page.unroute("**/form")
	page.evaluate("document.querySelector('meta[name=csrf-token]').content = 'old'")
	with page.expect_response("**/form"):
		page.click("#session-ended button")
	expect(page.locator("meta[name=csrf-token]")).to_have_attribute(
		"content", "token-of-the-session"
	)
	# the draft is there even after the page was left
	page.once("dialog", lambda dialog: dialog.accept())
	page.goto(watched.site + "/form")
	page.wait_for_selector("html[data-ready=yes]")
	assert page.input_value("#field-notes") == "an hour of work"
	watched.complaints = [
		text for text in watched.complaints if "htmx:" not in text and "401" not in text
	]


def test_leaving_a_changed_form_asks_first(watched: Watched) -> None:
	page = watched.open("/form")
	page.fill("#field-notes", "changed")
	asked: list[str] = []
	page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
	with contextlib.suppress(Error):
		page.goto(watched.site + "/empty", timeout=2000)
	assert asked == ["beforeunload"]
	assert page.url.endswith("/form")


def test_dangerous_steps_are_asked_in_our_own_dialog(watched: Watched) -> None:
	page = watched.open("/")
	asked: list[str] = []
	page.on("request", lambda request: asked.append(request.method))
	page.click("button:text-is('Release')")
	page.wait_for_selector("#confirm[open]")
	page.click("#confirm button[value=no]")
	assert "POST" not in asked
	page.click("button:text-is('Release')")
	page.click("#confirm button[value=yes]")
	page.wait_for_selector(".toast-good")
	assert asked.count("POST") == 1


def test_a_chart_gives_the_same_data_as_a_table(watched: Watched) -> None:
	page = watched.open("/chart")
	page.wait_for_selector("#emissions canvas[width]")
	page.focus("#emissions canvas")
	page.keyboard.press("ArrowRight")
	assert page.inner_text("#emissions [data-chart-point]").startswith(
		"2024-01-01. Scope 1 + 2: 420 tCO₂e"
	)
	page.keyboard.press("t")
	assert page.locator("#emissions [data-chart-data]").is_visible()
	assert page.locator("#emissions tbody tr").count() == 36
	with page.expect_download() as given:
		page.click("#energy [data-chart-csv]")
	lines = Path(given.value.path()).read_text("utf-8-sig").splitlines()
	assert given.value.suggested_filename == "energy-by-carrier.csv"
	assert lines[0].startswith("Period,Electricity (MWh),Heat (MWh)")
	assert lines[1] == "2025-Q1,812,402,120,40,66,260"


def test_the_navigation_of_a_phone_opens_and_closes(watched: Watched) -> None:
	watched.page.set_viewport_size({"width": 390, "height": 800})
	page = watched.open("/products")
	assert not page.locator("#side").is_visible()
	page.click("[aria-label='Open the navigation']")
	page.wait_for_selector("#side.show")
	page.keyboard.press("Escape")
	page.wait_for_selector("#side", state="hidden")


def test_the_service_worker_keeps_static_files_and_nothing_else(watched: Watched) -> None:
	page = watched.open("/products")
	page.evaluate("navigator.serviceWorker.ready.then(() => true)")
	page.reload()
	page.wait_for_selector("html[data-ready=yes]")
	page.goto(watched.site + "/chart")
	page.wait_for_selector("html[data-ready=yes]")
	kept = page.evaluate(
		"""async () => (await (await caches.open((await caches.keys())[0])).keys())
		.map(request => new URL(request.url).pathname)"""
	)
	assert any(path.startswith("/static/dist/shell-") for path in kept)
	assert [path for path in kept if not path.startswith("/static/")] == []


def test_the_manifest_has_what_the_guide_names(site: str) -> None:
	manifest = json.loads((ui.HERE / "manifest.webmanifest").read_text("utf-8"))
	assert manifest["name"] == "APG ESG Management"
	assert manifest["short_name"] == "ESG Manager"
	assert manifest["start_url"] == "/esg/executive/dashboard"
	assert (manifest["background_color"], manifest["theme_color"]) == ("#2E7D32", "#4CAF50")
	for icon in manifest["icons"]:
		assert (ui.STATIC / icon["src"].removeprefix("/static/")).is_file()
