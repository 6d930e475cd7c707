"""What every journey needs."""

from tests.journeys.browser import admin, chromium, page, site, watched

__all__ = ["admin", "chromium", "page", "site", "watched"]
