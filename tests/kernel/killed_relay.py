"""A relay in a process of its own, for the tests that kill it. Argument: the administrator's URL."""

import asyncio
import sys

import asyncpg

from apg.kernel import relay
from apg.kernel.events import on
from apg.kernel.settings import Settings
from apg.kernel.testing import TEST_SECRET
from apg.kernel.work import Work
from tests.kernel.machinery import Happened, Machine, effect


async def keep(work: Work, event: Happened) -> None:
	await effect(work, "keep", f"{event.number}")
	print(event.number, flush=True)
	await asyncio.sleep(0.002)


async def main(url: str) -> None:
	relay.BATCH_SECONDS = 0.1
	admin = await asyncpg.connect(url)
	machine = Machine(url, Settings(env="test", secret_key=TEST_SECRET, database_url=url), admin)
	await machine.relay(on(Happened, keep, name="keep")).run(asyncio.Event())


asyncio.run(main(sys.argv[1]))
