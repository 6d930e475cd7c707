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
