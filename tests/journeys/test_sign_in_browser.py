"""The way in, in a real browser: the fixtures of the journeys themselves."""

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browser import Someone, Watched, assert_accessible, assert_fits

pytestmark = pytest.mark.browser


def test_the_first_page_after_signing_in(page: Page) -> None:
	expect(page.locator("h1")).to_contain_text("Northwind Instruments")
	assert_accessible(page)
	assert_fits(page)


def test_a_wrong_password_keeps_the_name(watched: Watched, admin: Someone) -> None:
	page = watched.open("/login")
	page.fill("[name=username]", admin.username)
	page.fill("[name=password]", "wrong")
	page.press("[name=password]", "Enter")
	expect(page.get_by_text("User name or password is wrong.").first).to_be_visible()
	expect(page.locator("[name=username]")).to_have_value(admin.username)


def test_a_session_that_ends_takes_nothing_that_is_typed(
	page: Page, watched: Watched, admin: Someone
) -> None:
	watched.open("/plm/products/new")
	page.fill("[name=product_name]", "Typed for an hour")
	page.context.clear_cookies()
	page.locator("main form button[type=submit]").click()
	ended = page.locator("#session-ended")
	expect(ended).to_be_visible()
	assert len(watched.complaints) == 1, watched.complaints  # the refusal itself
	watched.complaints.clear()
	with page.context.expect_page() as opened:
		ended.get_by_role("link", name="Sign in in a new tab").click()
	tab = opened.value
	tab.fill("[name=username]", admin.username)
	tab.fill("[name=password]", admin.password)
	tab.press("[name=password]", "Enter")
	tab.wait_for_url(lambda address: "/login" not in address)
	tab.close()
	with page.expect_response("**/plm/products/new"):  # the page takes over the new session
		ended.get_by_role("button", name="Back to the page").click()
	expect(page.locator("[name=product_name]")).to_have_value("Typed for an hour")
	page.locator("main form button[type=submit]").click()
	page.wait_for_url("**/plm/products/0*")
	expect(page.locator("h1")).to_have_text("Typed for an hour")
