"""Metrics in a real browser: define one, record readings, see the chart move, correct, look back."""

import json
import re

import pytest
from playwright.sync_api import Browser, Page, expect

from apg.demo import sustainability
from tests.journeys.browser import (
	Site,
	Someone,
	Watched,
	assert_accessible,
	assert_fits,
	screenshots,
	settled,
	watching,
)

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def company(site: Site) -> str:
	return site.company("Demo Widgets")


@pytest.fixture(scope="module")
def sana(site: Site, company: str) -> Someone:
	"""A sustainability manager of a company with the metrics of the demo."""
	someone = site.person(company, "Sana Sustainability", "esg_manager")
	site.run(sustainability.load(site.runtime, someone.principal))
	return someone


@pytest.fixture(scope="module")
def reader(site: Site, company: str, sana: Someone) -> Someone:
	return site.person(company, "Aram Auditor", "esg_viewer")


def series(page: Page) -> dict[str, object]:
	"""What the chart draws."""
	return json.loads(page.locator("canvas[data-chart]").get_attribute("data-chart") or "{}")


def test_from_the_definition_to_a_corrected_reading(watched: Watched, site: Site) -> None:
	manager = site.person(site.company(), "Mira Manager", "esg_manager")
	page = watched.sign_in(manager)
	watched.open("/esg/metrics")
	expect(page.get_by_text("No metric yet")).to_be_visible()
	assert_accessible(page)
	page.get_by_role("link", name="New metric").first.click()
	settled(page)
	page.fill("[name=name]", "Electricity, plant two")
	page.fill("[name=code]", "has spaces")
	page.select_option("[name=metric_type]", "environmental")
	page.fill("[name=category]", "energy")
	page.fill("[name=unit]", "kwh")
	page.fill("[name=target_value]", "900")
	page.fill("[name=baseline_value]", "1200")
	page.fill("[name=validation_rules]", "value >= 0\nvalue >> 2")
	expect(page.locator("#rules-read")).to_contain_text("at character 8")
	page.get_by_role("button", name="Create metric").click()
	expect(page.locator(".error-summary")).to_contain_text("Line 2")
	expect(page.locator("#error-code")).to_contain_text("no spaces")
	assert_accessible(page)
	page.fill("[name=code]", "ENERGY_P2")
	page.fill("[name=validation_rules]", "value >= 0\nwarn: change(value) <= 20 %")
	page.get_by_role("button", name="Create metric").click()
	page.wait_for_url(re.compile(r"/esg/metrics/[0-9a-f-]{36}$"))
	settled(page)
	expect(page.get_by_text("No reading yet").first).to_be_visible()
	assert_accessible(page)

	for value, month, last in (("1250.75", "03", "31"), ("1100", "04", "30"), ("1500", "05", "31")):
		page.fill("#record [name=value]", value)
		page.fill("#record [name=period_start]", f"2026-{month}-01")
		page.fill("#record [name=period_end]", f"2026-{month}-{last}")
		page.fill("#record [name=measurement_date]", f"2026-{month}-{last}")
		page.select_option("#record [name=collection_method]", "invoiced")
		page.fill("#record [name=data_source]", "bill")
		page.get_by_role("button", name="Record", exact=True).click()
		expect(page.locator("#readings tbody tr").first).to_contain_text(f"2026-{month}")
		settled(page)
	expect(page.locator(".kpi").first).to_contain_text("1,500")
	drawn = series(page)
	assert drawn["x"][:3] == ["2026-03", "2026-04", "2026-05"]  # type: ignore[index]
	assert drawn["series"][0]["values"][:3] == ["1250.75", "1100", "1500"]  # type: ignore[index]
	expect(page.locator("#readings tbody tr").first).to_contain_text("rule broken")

	page.fill("#record [name=value]", "-1")
	page.fill("#record [name=measurement_date]", "2026-06-30")
	page.get_by_role("button", name="Record", exact=True).click()
	expect(page.locator("#record #error-value")).to_contain_text("value >= 0")
	expect(page.locator("#record [name=value]")).to_have_value("-1")
	expect(page.locator("#readings tbody tr")).to_have_count(3)

	page.locator("#readings").get_by_role("link", name="Correct 2026-05").click()
	page.fill("[name=to_value]", "1050")
	page.get_by_role("button", name="Correct", exact=True).click()
	expect(page.locator("#error-to_reason")).not_to_be_empty()
	page.fill("[name=to_reason]", "read from the wrong meter")
	assert_accessible(page)
	page.get_by_role("button", name="Correct", exact=True).click()
	expect(page.locator(".kpi").first).to_contain_text("1,050")
	settled(page)
	drawn = series(page)
	assert drawn["series"][0]["values"][:3] == ["1250.75", "1100", "1050"]  # type: ignore[index]
	assert {"x": "2026-05", "text": "corrected"} in drawn["notes"]  # type: ignore[operator]

	page.locator("#readings").get_by_role("link", name="History 2026-05").click()
	history = page.locator("#panel-body .history")
	expect(history).to_contain_text("read from the wrong meter")
	expect(history.locator("del")).to_have_text("1500")
	expect(history.locator("ins")).to_have_text("1050")
	expect(history).to_contain_text("Mira Manager")
	page.keyboard.press("Escape")

	page.locator("#readings").get_by_role("link", name="Withdraw 2026-05").click()
	page.fill("[name=withdraw_reason]", "the bill was cancelled")
	page.get_by_role("button", name="Withdraw", exact=True).click()
	expect(page.locator(".kpi").first).to_contain_text("1,100")
	expect(page.locator("#readings tbody tr")).to_have_count(2)


def test_another_save_meanwhile_is_not_overwritten(
	chromium: Browser, site: Site, sana: Someone
) -> None:
	"""Two people edit one definition: the second is told, and the first one's words stay."""
	with watching(chromium, site) as first, watching(chromium, site) as second:
		first.enter(sana)
		second.enter(sana)
		first.open("/esg/metrics?search=TRAINING_HOURS")
		first.page.locator("#list tbody a.row-link").click()
		first.page.get_by_role("link", name="Edit").click()
		settled(first.page)
		second.open(first.page.url.removeprefix(site.address))
		first.page.fill("[name=description]", "first")
		first.page.get_by_role("button", name="Save").click()
		first.page.wait_for_url(lambda address: not address.endswith("/edit"))
		second.page.fill("[name=description]", "second")
		second.page.get_by_role("button", name="Save").click()
		expect(second.page.locator("body")).to_contain_text("Somebody else saved this meanwhile")
		second.complaints.clear()
		expect(second.page.locator("[name=description]")).to_have_value("second")
		settled(first.page)
		expect(first.page.locator("body")).to_contain_text("first")


def test_every_page_of_the_demo_looks_right(watched: Watched, sana: Someone) -> None:
	page = watched.sign_in(sana)
	screenshots(page, "esg-home")
	watched.open("/esg/metrics")
	expect(page.locator("#list tbody tr")).to_have_count(8)
	expect(page.locator(".standing-estimated")).to_have_count(8)
	expect(page.locator(".standing-measured")).to_have_count(0)
	screenshots(page, "esg-list")
	page.get_by_role("link", name="Electricity consumption").click()
	settled(page)
	screenshots(page, "esg-metric")
	page.locator(".kpi a.figure-value").first.click()
	expect(page.locator("#panel-body")).to_contain_text("generated for the demo")
	page.wait_for_timeout(300)
	screenshots(page, "esg-trace")
	page.keyboard.press("Escape")
	expect(page.locator("#panel")).not_to_be_visible()
	page.locator(".kpi a.figure-value").last.click()
	expect(page.locator("#panel-body")).to_contain_text("100 ×")
	page.wait_for_timeout(300)
	screenshots(page, "esg-quality")
	page.keyboard.press("Escape")
	expect(page.locator("#panel")).not_to_be_visible()
	page.get_by_role("link", name="Quarter").click()
	expect(page.locator("#chart")).to_contain_text("by quarter")
	assert "by=quarter" in page.url
	settled(page)
	assert "2025-Q3" in series(page)["x"]  # type: ignore[operator]
	screenshots(page, "esg-quarter")
	page.get_by_role("link", name="Edit").click()
	settled(page)
	screenshots(page, "esg-form")


def test_a_reader_sees_all_and_changes_nothing(watched: Watched, reader: Someone) -> None:
	page = watched.enter(reader)
	watched.open("/esg/executive/dashboard")
	assert page.url.endswith("/esg/metrics?is_kpi=true")
	expect(page.locator("#list tbody tr")).to_have_count(4)
	page.locator("#list tbody a.row-link").first.click()
	settled(page)
	expect(page.locator("#record")).to_have_count(0)
	expect(page.get_by_role("link", name="Correct")).to_have_count(0)
	expect(page.get_by_role("link", name="Edit")).to_have_count(0)
	assert_accessible(page)
	assert_fits(page)


def test_a_list_by_keyboard(watched: Watched, reader: Someone) -> None:
	page = watched.enter(reader)
	watched.open("/esg/metrics")
	page.locator("#list tbody tr").first.focus()
	page.keyboard.press("ArrowDown")
	page.keyboard.press("Enter")
	page.wait_for_url(re.compile(r"/esg/metrics/[0-9a-f-]{36}$"))
