"""The composition root: discover, compose, mount. The only module that knows everybody."""

from contextlib import AsyncExitStack
from functools import cache
from typing import TYPE_CHECKING

from apg.kernel.capability import Capability
from apg.kernel.composition import Composition, compose, discover
from apg.kernel.database import make_engine, role_url
from apg.kernel.keys import RootKey
from apg.kernel.roles import role_password
from apg.kernel.runtime import Runtime
from apg.kernel.settings import Settings

if TYPE_CHECKING:
	from fastapi import FastAPI

# Every built-in capability by the place of its manifest, in no particular order.
BUILT_IN: tuple[str, ...] = (
	"apg.platform.notifications.blueprint",
	"apg.platform.operations.blueprint",
	"apg.platform.tenants.blueprint",
	"apg.capabilities.plm.blueprint",
)


def _load(place: str) -> Capability:
	from importlib import import_module

	return import_module(place).capability


@cache
def composition() -> Composition:
	"""The composition of this installation; raises CompositionError."""
	return compose([_load(place) for place in BUILT_IN], discover())


def make_runtime(settings: Settings, *, role: str = "apg_app") -> Runtime:
	"""A Runtime that connects as one of our roles. Raises SecretProblem for a bad root secret."""
	root = RootKey.parse(settings.secret_key)
	url = role_url(settings, role, role_password(root, role))
	return Runtime(settings, make_engine(url, settings), composition(), root)


def make_app(settings: Settings | None = None) -> "FastAPI":
	"""The web application; uvicorn calls it as a factory."""
	from apg.kernel.mounting import mount
	from apg.kernel.web.rate_limits import DatabaseLeases, RateBudget, RateLimiter

	chosen = settings or Settings()

	async def start(app: "FastAPI", stack: AsyncExitStack) -> Runtime:
		runtime = make_runtime(chosen)
		stack.push_async_callback(runtime.engine.dispose)
		limiter = RateLimiter(DatabaseLeases.on(runtime.engine))
		await stack.enter_async_context(limiter.running())
		runtime.state["budget"] = RateBudget(limiter, chosen.rate_tier)
		return runtime

	return mount(composition(), chosen, start)
