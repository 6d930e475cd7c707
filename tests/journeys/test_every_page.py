"""Every page of the composition, filled and empty, at two widths, light and dark, as people see it."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page

from tests.journeys.browser import (
	SCHEMES,
	SCREENS,
	WIDTHS,
	Site,
	Watched,
	assert_accessible,
	assert_fits,
	settled,
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
	"""One browser window for each width, signed in or not."""

	inside: dict[int, Watched]
	outside: dict[int, Watched]
	fresh: dict[int, Watched]


@pytest.fixture(scope="module")
def company(site: Site) -> Company:
	return stock(site)


@pytest.fixture(scope="module")
def windows(chromium: Browser, site: Site, company: Company) -> Iterator[Windows]:
	newcomer = site.person(site.company("Fresh Start"), "Nora New", "tenant_admin")
	with ExitStack() as stack:
		made = Windows({}, {}, {})
		for width in WIDTHS:
			for held, someone in (
				(made.inside, company.admin),
				(made.outside, None),
				(made.fresh, newcomer),
			):
				held[width] = stack.enter_context(watching(chromium, site, width))
				if someone:
					held[width].sign_in(someone)
		yield made


def name_of(address: str) -> str:
	"""A file name for an address; ids are left out, so that runs can be compared."""
	plain = re.sub(r"/[0-9a-f]{8}-[0-9a-f-]{27}|/\d+$", "/one", address.strip("/"))
	return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-") or "home"


def look(window: Watched, width: int, address: str, name: str, status: int = 200) -> None:
	"""Opens a page, checks all that holds of every page, and keeps its picture."""
	page = window.page
	answer = page.goto(window.site.address + address)
	assert answer is not None
	assert answer.status == status, (address, answer.status)
	settled(page)
	_is_whole(page, address)
	SCREENS.mkdir(parents=True, exist_ok=True)
	for scheme in SCHEMES:
		page.evaluate("scheme => document.documentElement.dataset.bsTheme = scheme", scheme)
		page.wait_for_timeout(170)  # transitions of the theme take up to 150 ms
		assert_fits(page)
		if width == WIDTHS[0] or scheme == SCHEMES[0]:  # colours do not depend on the width
			assert_accessible(page)
		page.screenshot(path=SCREENS / f"{name}-{width}-{scheme}.png", full_page=True)
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


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("path", INSIDE)
def test_a_page_of_a_stocked_company(
	windows: Windows, company: Company, path: str, width: int
) -> None:
	for address in company.faces(path):
		name = f"page-{name_of(address)}"
		look(windows.inside[width], width, address, name, STATUS.get(address, 200))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("path", FIRST_DAY)
def test_a_page_of_a_company_on_its_first_day(windows: Windows, path: str, width: int) -> None:
	look(windows.fresh[width], width, path, f"empty-{name_of(path)}")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("path", OUTSIDE)
def test_a_page_for_anybody(windows: Windows, company: Company, path: str, width: int) -> None:
	token = company.ids["invitation" if path.startswith("/invitation") else "reset"]
	address = path.replace("{token}", token)
	look(windows.outside[width], width, address, f"page-{name_of(path)}")


@pytest.mark.parametrize("width", WIDTHS)
def test_pages_that_refuse(
	windows: Windows, company: Company, site: Site, chromium: Browser, width: int
) -> None:
	inside = windows.inside[width]
	nothing = "00000000-0000-7000-8000-000000000000"
	look(inside, width, f"/plm/products/{nothing}", "refused-product", 404)
	look(inside, width, "/there/is/no/such/page", "refused-404", 404)
	look(inside, width, f"/plm/imports/{company.ids['problem_import']}", "page-import-problems")
	look(windows.outside[width], width, "/reset/forged-token-of-nobody", "refused-link", 410)
	if width == WIDTHS[0]:
		stranger = site.person(company.admin.tenant_id, "Sven Stranger")
		with watching(chromium, site, width) as window:
			window.sign_in(stranger)
			look(window, width, "/admin/audit", "refused-403", 403)
			look(window, width, "/", "home-without-rights")


def _shape(address: str) -> str:
	"""A link without its ids and its query: one of each shape is followed."""
	return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|(?<=/)\d+$", "…", address.partition("?")[0])


def test_no_link_leads_nowhere(windows: Windows, company: Company) -> None:
	"""What pages link to, load or offer for download is there; one of each kind is asked for."""
	window = windows.inside[WIDTHS[0]]
	page, asked, dead = window.page, set[str](), list[str]()
	for path in INSIDE:
		page.goto(window.site.address + company.address(path))
		settled(page)
		links: list[str] = page.evaluate(
			"""() => [...document.querySelectorAll('a[href], [hx-get], form[method=get]')]
				.map(one => one.getAttribute('href') ?? one.getAttribute('hx-get')
					?? one.getAttribute('action'))"""
		)
		for link in links:
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
