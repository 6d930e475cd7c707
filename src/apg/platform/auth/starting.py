"""What auth does when a process starts: keys, the authenticator, and one connection that watches."""

import asyncio
import contextlib
import time
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import structlog
from sqlalchemy.connectors.asyncio import AsyncAdapt_Error as DriverError
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from apg.kernel import signing
from apg.kernel.database import make_engine
from apg.kernel.keys import SigningPurpose
from apg.kernel.runtime import Runtime
from apg.platform.auth.sessions.authenticator import Sessions
from apg.platform.auth.settings import AuthSettings

SEEN_SECONDS = 60.0
KEYS_SECONDS = 30.0
TROUBLE = (OSError, TimeoutError, DBAPIError, DriverError, InterfaceError, PoolTimeout,
	asyncpg.PostgresError, asyncpg.InterfaceError)  # fmt: skip
_log = structlog.get_logger("apg.auth")


async def start(runtime: Runtime, stack: AsyncExitStack) -> None:
	"""Puts the authenticator into the runtime and keeps it informed until the stack closes."""
	settings = AuthSettings()
	async with runtime.engine.begin() as connection:
		await signing.ensure_key(connection, runtime.root_key, SigningPurpose.TOKEN)
		keys = await signing.load_keys(connection, SigningPurpose.TOKEN, runtime.root_key)
	sessions = Sessions(runtime, settings, keys)
	runtime.state["authenticator"] = sessions
	watching = asyncio.create_task(watch(runtime, sessions), name="auth epochs")
	stack.push_async_callback(_stop, watching)


async def _stop(task: asyncio.Task[None]) -> None:
	task.cancel()
	with contextlib.suppress(asyncio.CancelledError):
		await task


async def watch(runtime: Runtime, sessions: Sessions) -> None:
	"""Reads the epochs once a second on a connection of its own, and starts again after trouble."""
	url = runtime.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
	engine = make_engine(url, runtime.settings, pool_size=1)
	troubled = False
	try:
		while True:
			try:
				raw = await engine.raw_connection()
				try:
					driver: Any = raw.driver_connection
					async with asyncio.timeout(5):
						await sessions.start_reading(driver)
					if troubled:
						_log.info("epochs are read again")
					troubled = False
					await _read_on(sessions, driver)
				finally:
					raw.invalidate()
			except TROUBLE as error:
				again, troubled = troubled, True
				if not again:  # a cut connection: the next one is tried at once
					_log.warning("epochs cannot be read", error=type(error).__name__)
					continue
			await asyncio.sleep(sessions.settings.poll_seconds)
	finally:
		await engine.dispose()


async def _read_on(sessions: Sessions, driver: Any) -> None:
	written = keys_read = time.monotonic()
	while True:
		await asyncio.sleep(sessions.settings.poll_seconds)
		async with asyncio.timeout(5):
			await sessions.catch_up(driver)
			if time.monotonic() - written > SEEN_SECONDS:
				written = time.monotonic()
				await note_use(sessions, driver)
		if time.monotonic() - keys_read > KEYS_SECONDS:
			keys_read = time.monotonic()
			await sessions.read_keys()


async def note_use(sessions: Sessions, driver: Any) -> None:
	"""Writes which sessions and keys were used since the last time."""
	used, keys = list(sessions.seen_sessions), list(sessions.seen_keys)
	sessions.seen_sessions.clear()
	sessions.seen_keys.clear()
	if used or keys:
		await driver.execute("select auth_seen($1::text[]::uuid[], $2::text[]::uuid[])", used, keys)
