"""Every page of the composition, filled and empty, at two widths, light and dark, as people see it."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page

from tests.journeys.browser import (
	WIDTHS,
	Site,
	Watched,
	assert_accessible,
	assert_fits,
	assert_readable,
	picture,
	settled,
	themed,
	watching,
)
from tests.journeys.stocked import Company, page_paths, stock

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PATHS = page_paths()
INSIDE = [path for path, public in PATHS if not public]
OUTSIDE = [path for path, public in PATHS if public]
# What a company sees on its first day, where that differs from later.
FIRST_DAY = [
	"/",
	"/account/keys",
	"/admin/audit",
	"/admin/invitations",
	"/admin/jobs",
	"/admin/jobs/failures",
	"/admin/reference",
	"/admin/security-events",
	"/admin/webhooks",
	"/admin/webhooks/deliveries",
	"/esg/factor-files",
	"/esg/factor-sources",
	"/esg/factors",
	"/esg/metrics",
	"/inbox",
	"/plm/imports",
	"/plm/products",
]
STATUS = {"/plm/products?lifecycle_phase=nonsense": 422}


@dataclass
class Windows:
	"""Browser windows of a company, of nobody, and of a company on its first day."""

	inside: Watched
	outside: Watched
	fresh: Watched
	# Of each page that was looked at inside, what it links to.
	links: dict[str, list[str]] = field(default_factory=dict[str, list[str]])


@pytest.fixture(scope="module")
def company(site: Site) -> Iterator[Company]:
	made = stock(site)
	yield made
	made.api.close()


@pytest.fixture(scope="module")
def windows(chromium: Browser, site: Site, company: Company) -> Iterator[Windows]:
	newcomer = site.person(site.company("Fresh Start"), "Nora New", "tenant_admin")
	with ExitStack() as stack:
		opened = [stack.enter_context(watching(chromium, site)) for _ in range(3)]
		for window, someone in zip(opened, (company.admin, None, newcomer), strict=True):
			window.page.emulate_media(reduced_motion="reduce")  # nothing to wait for
			if someone:
				window.enter(someone)
		yield Windows(*opened)


def name_of(address: str) -> str:
	"""A file name for an address; ids are left out, so that runs can be compared."""
	plain = re.sub(r"/[0-9a-f]{8}-[0-9a-f-]{27}|/\d+$", "/one", address.strip("/"))
	return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-") or "home"


def look(window: Watched, address: str, name: str, status: int = 200) -> None:
	"""Opens a page, checks all that holds of every page at both widths and in both themes.

	The page is loaded once, wide, and then made narrow, as when a tablet is turned: what is drawn
	by script has to follow. Contrast is asked for in each theme, all else at each width.
	"""
	page = window.page
	page.set_viewport_size({"width": WIDTHS[0], "height": 900})
	answer = page.goto(window.site.address + address)
	assert answer is not None
	assert answer.status == status, (address, answer.status)
	settled(page)
	_is_whole(page, address)
	assert_fits(page)
	assert_accessible(page)
	picture(page, f"{name}-{WIDTHS[0]}-light")
	themed(page, "dark")
	assert_readable(page)
	picture(page, f"{name}-{WIDTHS[0]}-dark")
	themed(page, "light")
	page.set_viewport_size({"width": WIDTHS[1], "height": 900})
	assert_fits(page)
	assert_accessible(page, contrast=False)
	picture(page, f"{name}-{WIDTHS[1]}-light")
	_skips(page, address)
	told, window.complaints = window.complaints, []
	assert told == [], (address, told)


def _is_whole(page: Page, address: str) -> None:
	found = page.evaluate(
		"""() => ({
			title: document.title,
			lang: document.documentElement.lang,
			headings: [...document.querySelectorAll('h1')].map(one => one.textContent.trim()),
			mains: document.querySelectorAll('main, [role=main]').length,
			inline: document.querySelectorAll('[style]:not(svg *):not(canvas):not(.tooltip)').length,
			scripts: document.querySelectorAll('script:not([src])').length,
			words: document.querySelector('main')?.innerText ?? '',
		})"""
	)
	assert re.fullmatch(r"\S.* · APG", found["title"]), (address, found["title"])
	assert found["lang"], address
	assert [bool(one) for one in found["headings"]] == [True], (address, found["headings"])
	assert found["mains"] == 1, address
	assert found["scripts"] == 0, address
	# What templates leave behind when a value is not what they expect.
	stray = re.findall(r"\b(?:None|NaN|undefined|Undefined|\[object|Decimal\()", found["words"])
	assert stray == [], (address, stray)


def _skips(page: Page, address: str) -> None:
	"""The first stop of the keyboard leads past the navigation."""
	first = page.evaluate(
		"document.querySelector('a[href], button, input:not([type=hidden]), [tabindex=\\'0\\']').className"
	)
	assert first == "skip-link", (address, first)
	page.focus(".skip-link")
	page.keyboard.press("Enter")
	assert page.evaluate("document.activeElement.id") == "main", address


@pytest.mark.parametrize("path", INSIDE)
def test_a_page_of_a_stocked_company(windows: Windows, company: Company, path: str) -> None:
	for address in company.faces(path):
		name = f"page-{name_of(address)}"
		look(windows.inside, address, name, STATUS.get(address, 200))
		windows.links.setdefault(path, links_of(windows.inside.page))


@pytest.mark.parametrize("path", FIRST_DAY)
def test_a_page_of_a_company_on_its_first_day(windows: Windows, path: str) -> None:
	look(windows.fresh, path, f"empty-{name_of(path)}")


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_page_for_anybody(windows: Windows, company: Company, path: str) -> None:
	token = company.ids["invitation" if path.startswith("/invitation") else "reset"]
	address = path.replace("{token}", token)
	look(windows.outside, address, f"page-{name_of(path)}")


def test_pages_that_refuse(
	windows: Windows, company: Company, site: Site, chromium: Browser
) -> None:
	inside = windows.inside
	nothing = "00000000-0000-7000-8000-000000000000"
	look(inside, f"/plm/products/{nothing}", "refused-product", 404)
	look(inside, "/there/is/no/such/page", "refused-404", 404)
	look(inside, f"/plm/imports/{company.ids['problem_import']}", "page-import-problems")
	look(windows.outside, "/reset/forged-token-of-nobody", "refused-link", 410)
	stranger = site.person(company.admin.tenant_id, "Sven Stranger")
	with watching(chromium, site) as window:
		window.enter(stranger)
		look(window, "/admin/audit", "refused-403", 403)
		look(window, "/", "home-without-rights")


# Drawn by script when it loads, not only when its frame changes: a phone loads these afresh.
@pytest.mark.parametrize("path", ["/", "/esg/metrics/{metric_id}", "/plm/products/{product_id}"])
def test_a_page_that_a_phone_loads(windows: Windows, company: Company, path: str) -> None:
	page = windows.inside.page
	page.set_viewport_size({"width": WIDTHS[1], "height": 900})
	page.goto(windows.inside.site.address + company.address(path))
	settled(page)
	assert_fits(page)
	assert_accessible(page, contrast=False)
	assert windows.inside.complaints == []


def links_of(page: Page) -> list[str]:
	"""Where the links, parts and searches of a page lead, as they are written."""
	return page.evaluate(
		"""() => [...document.querySelectorAll('a[href], [hx-get], form[method=get]')]
			.map(one => one.getAttribute('href') ?? one.getAttribute('hx-get')
				?? one.getAttribute('action'))"""
	)


def _shape(address: str) -> str:
	"""A link without its ids and its query: one of each shape is followed."""
	return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|(?<=/)\d+$", "…", address.partition("?")[0])


def test_no_link_leads_nowhere(windows: Windows, company: Company) -> None:
	"""What pages link to, load or offer for download is there; one of each kind is asked for."""
	window = windows.inside
	window.page.set_viewport_size({"width": WIDTHS[0], "height": 900})
	page, asked, dead = window.page, set[str](), list[str]()
	for path in INSIDE:
		if path not in windows.links:
			page.goto(window.site.address + company.address(path))
			settled(page)
			windows.links[path] = links_of(page)
		for link in windows.links[path]:
			shape = _shape(link.partition("#")[0])
			if not shape.startswith("/") or shape in asked:
				continue
			asked.add(shape)
			status = page.request.get(window.site.address + link, max_redirects=5).status
			if status >= 400:
				dead.append(f"{path} → {link}: {status}")
	window.complaints.clear()
	assert dead == []
	assert len(asked) > 50
