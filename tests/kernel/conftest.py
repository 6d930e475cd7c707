"""The fixtures of the kernel's tests."""

from tests.kernel.cast import api, cast, sample_app
from tests.kernel.machinery import machine, machine_url

__all__ = ["api", "cast", "machine", "machine_url", "sample_app"]
