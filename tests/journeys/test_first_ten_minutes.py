"""The README's first ten minutes, by a new user, on the demo company."""

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from apg.demo import company as demo
from tests.journeys.browser import Site, Watched, settled

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SET = files("apg.demo").joinpath("inventree", demo.INVENTREE)


@pytest.fixture(scope="module")
def logins(site: Site) -> dict[str, dict[str, str]]:
	"""Role → login, from the file that `make run` tells of."""
	settings = site.runtime.settings
	site.run(demo.load(site.runtime, settings))
	told = json.loads((settings.home / "demo.json").read_text("utf-8"))
	return {one["role"]: one for one in told["users"]}


def figure(page: Page, label: str) -> float:
	"""The amount of a key figure."""
	text = page.locator(".kpi", has_text=label).locator(".figure-value").first.inner_text()
	found = re.search(r"[\d,]+(?:\.\d+)?", text)
	assert found, text
	return float(found[0].replace(",", ""))


def missing(page: Page) -> int:
	"""How many items the coverage of the cost says are missing."""
	text = page.locator(".kpi", has_text="Cost of one").locator(".coverage-text").inner_text()
	found = re.search(r"(\d+) items? missing", text)
	return int(found[1]) if found else 0


def press_until(page: Page, key: str, focused: str, most: int = 80) -> None:
	"""Walks by a key until the focus is on what fits a selector."""
	for _step in range(most):
		if page.evaluate("wanted => document.activeElement.matches(wanted)", focused):
			return
		page.keyboard.press(key)
	raise AssertionError(f"{focused} is not reached by {key}")


def by_number(page: Page, name: str) -> None:
	"""From the menu to the list, to the product, by the keyboard alone."""
	press_until(page, "Tab", ".side-link[href='/plm/products']")
	page.keyboard.press("Enter")
	page.wait_for_url("**/plm/products")
	settled(page)
	press_until(page, "Tab", "[data-list-search]")
	page.keyboard.type(name)
	page.wait_for_url(re.compile("search="))
	settled(page)
	press_until(page, "Tab", "#list tr[data-row]")
	page.keyboard.press("Enter")
	page.wait_for_url(re.compile(r"/plm/products/[0-9a-f-]{36}$"))
	settled(page)
	expect(page.locator("h1")).to_have_text(name)


def test_products(watched: Watched, logins: dict[str, dict[str, str]], tmp_path: Path) -> None:
	login = logins["administrator"]
	page = watched.open("/")
	page.wait_for_url("**/login*")
	page.fill("[name=username]", login["username"])
	page.fill("[name=password]", login["password"])
	page.get_by_role("button", name="Sign in").click()
	page.wait_for_url(lambda address: "/login" not in address)
	settled(page)

	# The tree of an assembly, without a pointer.
	by_number(page, "Master Assembly")
	above_before, above_missing = figure(page, "Cost of one"), missing(page)
	tree = page.locator("[data-tree] tbody tr")
	closed = tree.count()
	press_until(page, "Tab", "[data-tree] tr[tabindex='0']")
	press_until(page, "ArrowDown", "tr[aria-expanded='false']")
	page.keyboard.press("ArrowRight")
	expect(page.locator("tr[aria-level='2']").first).to_be_visible()
	settled(page)
	assert tree.count() > closed
	page.keyboard.press("ArrowDown")
	assert page.evaluate("document.activeElement.getAttribute('aria-level')") == "2"
	page.keyboard.press("ArrowLeft")
	page.keyboard.press("ArrowLeft")
	expect(page.locator("tr[aria-level='2']:visible")).to_have_count(0)

	# Below it, coverage leads to what is missing, and a price moves all that is above.
	by_number(page, "Doohickey")
	before, gaps = figure(page, "Cost of one"), missing(page)
	assert gaps > 0
	page.locator(".kpi", has_text="Cost of one").locator(".coverage-text a").click()
	page.wait_for_url("**/missing*")
	settled(page)
	row = page.locator("main tr", has_text="1551ABK")
	row.get_by_role("link", name="Record a price").focus()
	page.keyboard.press("Enter")
	page.wait_for_url("**/costs*")
	settled(page)
	press_until(page, "Tab", "[name=amount]")
	page.keyboard.type("2.50")
	press_until(page, "Tab", "[name=source]")
	page.keyboard.type("Offer 4711")
	page.keyboard.press("Enter")
	page.wait_for_url("**/missing*")
	settled(page)
	expect(page.locator("main tr", has_text="1551ABK")).to_have_count(0)
	by_number(page, "Doohickey")
	assert figure(page, "Cost of one") == pytest.approx(before + 2.5, abs=0.011)
	assert missing(page) == gaps - 1
	by_number(page, "Master Assembly")
	# It takes three Doohickeys.
	assert figure(page, "Cost of one") == pytest.approx(above_before + 7.5, abs=0.011)
	assert missing(page) < above_missing

	_imports(watched, tmp_path)

	# The trail tells of the price; leaving ends the session.
	watched.open("/admin/audit")
	expect(page.locator("main")).to_contain_text("Ada Admin")
	page.get_by_role("button", name=re.compile("Your account")).click()
	page.get_by_role("button", name="Sign out").click()
	page.wait_for_url("**/login*")
	page.goto(watched.site.address + "/plm/products")
	assert "/login" in page.url


def _imports(watched: Watched, tmp_path: Path) -> None:
	page = watched.open("/plm/imports/new")
	page.get_by_text("Load the InvenTree demo set").click()
	page.wait_for_url("**/plm/imports/0*")
	settled(page)
	kpis = page.locator(".kpi")
	expect(kpis).to_have_count(4)
	for at in range(4):
		expect(kpis.nth(at)).to_contain_text("no change")

	records = json.loads(SET.read_bytes())
	for record in records:
		if record["model"] == "part.part" and record["fields"]["name"] == "Doohickey":
			record["fields"]["description"] = "A doohickey, second edition"
	changed = tmp_path / "changed.json"
	changed.write_text(json.dumps(records), "utf-8")
	watched.open("/plm/imports/new")
	page.set_input_files("[name=file]", changed)
	page.click("main form button[type=submit]")
	page.wait_for_url("**/plm/imports/0*")
	settled(page)
	expect(page.locator("main ins")).to_have_text("A doohickey, second edition")
	preview = page.url
	by_number(page, "Doohickey")
	page.get_by_role("link", name="Facts").click()
	settled(page)
	expect(page.locator("main")).not_to_contain_text("second edition")
	page.goto(preview)
	settled(page)
	page.get_by_role("button", name="Accept all changes").click()
	page.wait_for_selector(".state >> text=Done")
	by_number(page, "Doohickey")
	page.get_by_role("link", name="Facts").click()
	settled(page)
	expect(page.locator("main")).to_contain_text("second edition")


def test_metrics(watched: Watched, logins: dict[str, dict[str, str]]) -> None:
	page = watched.open("/login")
	page.fill("[name=username]", logins["sustainability manager"]["username"])
	page.fill("[name=password]", logins["sustainability manager"]["password"])
	page.keyboard.press("Enter")
	page.wait_for_url(lambda address: "/login" not in address)
	watched.open("/esg/metrics?search=WATER_WITHDRAWAL")
	page.locator("#list tbody a.row-link").click()
	settled(page)
	drawn = _series(page)
	page.fill("#record [name=value]", "1750.5")
	page.fill("#record [name=period_start]", "2026-11-01")
	page.fill("#record [name=period_end]", "2026-11-30")
	page.fill("#record [name=measurement_date]", "2026-11-01")
	page.fill("#record [name=data_source]", "invoice 4711")
	page.get_by_role("button", name="Record", exact=True).click()
	expect(page.locator("#readings tbody tr").first).to_contain_text("2026-11")
	settled(page)
	moved = _series(page)
	assert len(moved["x"]) == len(drawn["x"]) + 1
	assert moved["series"][0]["values"][-1] == "1750.5"
	page.locator("#readings").get_by_role("link", name="Correct 2026-11").click()
	page.fill("[name=to_value]", "1705.5")
	page.fill("[name=to_reason]", "two digits were swapped")
	page.get_by_role("button", name="Correct", exact=True).click()
	expect(page.locator(".kpi").first).to_contain_text("1,705.5")
	settled(page)
	assert _series(page)["series"][0]["values"][-1] == "1705.5"
	page.locator("#readings").get_by_role("link", name="History 2026-11").click()
	history = page.locator("#panel-body .history")
	expect(history.locator("del")).to_have_text("1750.5")
	expect(history.locator("ins")).to_have_text("1705.5")
	expect(history).to_contain_text("two digits were swapped")


def _series(page: Page) -> dict[str, list[dict[str, list[str]]]]:
	return json.loads(page.locator("canvas[data-chart]").get_attribute("data-chart") or "{}")
