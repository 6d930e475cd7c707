"""The fixtures of the kernel's tests."""

from tests.kernel.cast import api, cast, sample_app

__all__ = ["api", "cast", "sample_app"]
