"""Script and markup in every text field of every entity: shown as typed on every page, never run."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from apg.contracts.notifications import Message
from apg.kernel.work import Work
from apg.platform.notifications.inbox import service as inbox
from tests.journeys.browser import Site, Watched, assert_fits, settled, watching
from tests.journeys.stocked import Company, page_paths, signed_in
from tests.journeys.test_every_page import STATUS

pytestmark = [pytest.mark.browser, pytest.mark.slow]
# What the company of this module holds; pages of other things are opened by `test_every_page`.
BUILT = {"figure", "import_id", "line_uid", "measurement_id", "metric_id", "product_id", "role_id"}
BUILT |= {"seq", "user_id"}
INSIDE = [
	path
	for path, public in page_paths()
	if not public and set(re.findall(r"\{(\w+)", path)) <= BUILT
]
SHORT = '"><img src=x onerror=bad()>'
WORD = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft"
SOME = f"<script>bad()</script>{SHORT} O'Brien & Sons"
LONG = f"<script>bad()</script>{SHORT} {{{{7*7}}}} ${{7*7}} O'Brien & Sons مرحبا بالعالم {WORD}"
# Counts whatever a stored script would do, in a page whose policy would stop it as well.
WATCH = "window.ran = 0; window.bad = () => { window.ran += 1; };"


@pytest.fixture(scope="module")
def company(site: Site) -> Iterator[Company]:
	tenant_id = site.company(LONG)
	made = signed_in(site, site.person(tenant_id, "Alice", "tenant_admin"))
	admin, ids, send = made.admin, made.ids, made.send
	_products(made)
	_metrics(made)
	send("PATCH", "/auth/account", {"display_name": LONG})
	send("PATCH", "/api/v1/tenants/current", {"description": LONG, "industry": SHORT})
	role = {"name": "hostile", "title": LONG, "permissions": ["auth.users.read"]}
	ids["role_id"] = send("POST", "/api/v1/roles", role)["id"]
	send("POST", "/api/v1/api-keys", {"name": SOME, "scopes": ["plm.products.read"]})
	user = {"username": f"x{ids['role_id']}@example.org", "display_name": LONG, "roles": []}
	ids["user_id"] = send(
		"POST", "/api/v1/users", {**user, "password": "four plain words in a row"}
	)["id"]
	send("POST", "/api/v1/auth/invitations", {**user, "username": f"y{user['username']}"})
	rate = {"currency": "USD", "date": "2026-01-01", "units_per_eur": 1.08, "source": LONG}
	send("POST", "/api/v1/reference/exchange-rates", rate)
	table = f'number;name;quantity;parent\n"{SHORT.replace(chr(34), chr(34) * 2)}";"{LONG.replace(chr(34), chr(34) * 2)}";;\nY;{WORD};two;nobody\n'
	answer = made.api.post(
		"/api/v1/plm/imports", files={"file": (f"{SHORT}.csv", table.encode(), "text/csv")}
	)
	assert answer.status_code < 400, answer.text
	ids["import_id"] = answer.json()["data"]["import_id"]

	async def tell(work: Work) -> None:
		await inbox.send(work, Message(admin.user_id, SHORT, LONG, LONG, "/plm/products"))

	site.work(admin, tell)
	ids["seq"] = str(send("GET", "/api/v1/audit?limit=1")[0]["seq"])
	yield made
	made.api.close()


def _products(made: Company) -> None:
	send, ids = made.send, made.ids
	text = {
		"product_name": LONG,
		"product_description": LONG,
		"material": LONG,
		"tags": [SHORT, "O'Brien & Sons"],
		"custom_attributes": {SHORT: LONG},
	}
	for number in (1, 2):
		body = {**text, "product_number": f"{SHORT}{number}", "product_type": "manufactured"}
		ids["child" if number == 2 else "product_id"] = send("POST", "/api/v1/plm/products", body)[
			"product_id"
		]
	path = f"/api/v1/plm/products/{ids['product_id']}"
	line = {
		"product_id": ids["child"],
		"quantity": 2,
		"note": LONG,
		"designators": ["<b>R1</b>", "R'2"],
	}
	ids["line_uid"] = send("POST", f"{path}/structure/lines", line)["line_uid"]
	cost = {"amount": 3, "currency": "EUR", "supplier": LONG, "source": LONG}
	send("POST", f"{path}/costs", cost)
	send("POST", f"/api/v1/plm/products/{ids['child']}/costs", cost)
	send("POST", f"{path}/identifiers", {"scheme": "erp", "value": SOME})


def _metrics(made: Company) -> None:
	metric = {
		"name": LONG,
		"code": "HOSTILE",
		"metric_type": "social",
		"category": SHORT,
		"subcategory": SHORT,
		"description": LONG,
		"unit": "count",
		"data_sources": [LONG],
		"calculation_method": LONG,
	}
	send, ids = made.send, made.ids
	ids["metric_id"] = send("POST", "/api/v1/esg/metrics", metric)["id"]
	readings = f"/api/v1/esg/metrics/{ids['metric_id']}/measurements"
	reading = {
		"value": 1,
		"measurement_date": "2026-01-31T00:00:00Z",
		"data_source": SHORT,
		"notes": LONG,
		"metadata": {SHORT: LONG},
	}
	first = send("POST", readings, reading)["id"]
	ids["measurement_id"] = send("PATCH", f"{readings}/{first}", {"value": 2, "reason": LONG})["id"]
	ids["figure"] = "value"


@pytest.fixture(scope="module")
def window(chromium: Browser, site: Site, company: Company) -> Iterator[Watched]:
	with watching(chromium, site, 1440) as one:
		one.page.context.add_init_script(WATCH)
		one.page.on("dialog", lambda dialog: one.complaints.append(f"dialog {dialog.message}"))
		one.enter(company.admin)
		yield one


def seen(page: Page) -> str:
	"""All text of the page and of its fields, as a person sees it."""
	return page.evaluate(
		"""() => [document.querySelector('main').textContent,
			...[...document.querySelectorAll('input, textarea')].map(one => one.value)].join(' ')"""
	)


@pytest.mark.parametrize("path", INSIDE)
def test_nothing_stored_runs(window: Watched, company: Company, path: str) -> None:
	page = window.page
	for address in company.faces(path):
		answer = page.goto(window.site.address + address)
		assert answer is not None
		assert answer.status == STATUS.get(address, 200), address
		settled(page)
		page.set_viewport_size({"width": 390, "height": 900})
		if page.locator("canvas, [data-treemap]").count():
			page.wait_for_timeout(150)  # a chart follows its frame a moment later
		assert_fits(page)  # the longest of words too
		page.set_viewport_size({"width": 1440, "height": 900})
		assert_fits(page)
		assert page.evaluate("window.ran") == 0, address
		assert page.locator("img[src=x], script:not([src]), [onerror]").count() == 0, address
		text = seen(page)
		assert re.search(r"&(?:lt|gt|amp|quot|#\d+);", text) is None, address  # escaped twice
		assert " 49 " not in text.replace(LONG, "").replace(" 49 seconds", ""), (
			address
		)  # a template in a template
		told, window.complaints = window.complaints, []
		assert told == [], (address, told)


SHOWN = {
	"/account": LONG,
	"/account/keys": SOME,
	"/admin/invitations": "@example.org",
	"/admin/roles": LONG,
	"/admin/roles/{role_id}": LONG,
	"/admin/tenant": LONG,
	"/admin/users": LONG,
	"/admin/users/{user_id}": LONG,
	"/admin/reference?own=true": LONG,
	"/esg/metrics": LONG,
	"/esg/metrics/{metric_id}": LONG,
	"/esg/metrics/{metric_id}/measurements/{measurement_id}/history": LONG,
	"/inbox": LONG,
	"/plm/imports": "<img src=x onerror=bad()>",
	"/plm/products": LONG,
	"/plm/products/{product_id}": LONG,
	"/plm/products/{product_id}/costs": LONG,
	"/plm/products/{product_id}/facts": LONG,
	"/plm/products/{product_id}/identifiers": SOME,
	"/plm/products/{product_id}/structure/lines/{line_uid}": LONG,
}


@pytest.mark.parametrize("path", SHOWN)
def test_it_is_shown_as_typed(window: Watched, company: Company, path: str) -> None:
	window.open(company.address(path))
	assert SHOWN[path] in seen(window.page)
	window.complaints.clear()


def test_texts_are_kept_as_given(company: Company) -> None:
	product = company.send("GET", f"/api/v1/plm/products/{company.ids['product_id']}")
	assert product["product_name"] == product["product_description"] == LONG
	assert product["tags"] == [SHORT, "O'Brien & Sons"]
