"""The people of these tests."""

from tests.platform.cast import api, cast, desk_app

__all__ = ["api", "cast", "desk_app"]
