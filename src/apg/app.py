"""The composition root: discover, compose, mount. The only module that knows everybody."""

import asyncio
import warnings
from contextlib import AsyncExitStack, suppress
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

	from apg.kernel.relay import Hints

# Every built-in capability by the place of its manifest, in no particular order.
BUILT_IN: tuple[str, ...] = (
	"apg.platform.audit.blueprint",
	"apg.platform.auth.blueprint",
	"apg.platform.notifications.blueprint",
	"apg.platform.operations.blueprint",
	"apg.platform.reference.blueprint",
	"apg.platform.tenants.blueprint",
	"apg.platform.webhooks.blueprint",
	"apg.capabilities.esg.blueprint",
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
	from pydantic.warnings import UnsupportedFieldAttributeWarning

	from apg.api_pages import document_pages
	from apg.kernel.mounting import mount
	from apg.kernel.web.rate_limits import DatabaseLeases, RateBudget, RateLimiter
	from apg.platform.auth import starting as auth
	from apg.platform.operations import telemetry

	# Fields of FastAPI have aliases that it alone reads. It silences this where it makes them; ours
	# are made when they are first needed.
	warnings.simplefilter("ignore", UnsupportedFieldAttributeWarning)

	chosen = settings or Settings()

	async def start(app: "FastAPI", stack: AsyncExitStack) -> Runtime:
		runtime = make_runtime(chosen)
		stack.push_async_callback(runtime.engine.dispose)
		telemetry.start(chosen, stack, "web")
		limiter = RateLimiter(DatabaseLeases.on(runtime.engine))
		await stack.enter_async_context(limiter.running())
		runtime.state["budget"] = RateBudget(limiter, chosen.rate_tier)
		runtime.state["observer"] = app.state.observer
		for capability in runtime.composition.capabilities:
			if capability.observe is not None:
				capability.observe(app.state.observer, runtime)
		await auth.start(runtime, stack)
		await _hint(runtime, "apg_app", stack)
		return runtime

	return mount(composition(), chosen, start, document_pages)


async def start_worker(settings: Settings, stack: AsyncExitStack, stop: asyncio.Event) -> None:
	"""Relay, tasks and schedules of one process, until `stop`."""
	from apg.kernel.relay import Relay
	from apg.kernel.worker import TaskWorker
	from apg.platform.auth import starting as auth
	from apg.platform.operations import telemetry

	runtime = make_runtime(settings, role="apg_worker")
	stack.push_async_callback(runtime.engine.dispose)
	telemetry.start(settings, stack, "worker")
	await auth.start(runtime, stack)
	principal_of = runtime.state["authenticator"].principal_of
	hints = await _hint(runtime, "apg_worker", stack)
	url = role_url(
		settings, "apg_worker", role_password(runtime.root_key, "apg_worker"), direct=True
	)
	relay = asyncio.create_task(Relay(runtime, principal_of).run(stop, hints), name="relay")
	tasks = asyncio.create_task(TaskWorker(runtime, principal_of, url).run(stop), name="tasks")
	loops = [
		asyncio.create_task(loop(runtime, principal_of, stop), name=f"{capability.short} loop")
		for capability in runtime.composition.capabilities
		for loop in capability.loops
	]
	running = {relay, tasks, *loops}
	done, _rest = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
	stop.set()
	await asyncio.gather(*running)
	for ended in done:
		ended.result()


async def _hint(runtime: Runtime, role: str, stack: AsyncExitStack) -> "Hints":
	"""Wake-ups between processes, on one connection of their own."""
	from apg.kernel.relay import Hints

	stop = asyncio.Event()
	url = role_url(runtime.settings, role, role_password(runtime.root_key, role), direct=True)
	hints = Hints(url)
	running = asyncio.create_task(hints.run(stop), name="hints")
	runtime.state["log_hint"] = hints.send

	async def end() -> None:
		stop.set()
		running.cancel()
		with suppress(asyncio.CancelledError):
			await running

	stack.push_async_callback(end)
	return hints
