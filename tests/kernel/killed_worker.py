"""A worker in a process of its own, for the tests that kill it. Argument: the administrator's URL."""

import asyncio
import sys

import asyncpg

from apg.kernel.settings import Settings
from apg.kernel.tasks import task
from apg.kernel.testing import TEST_SECRET
from apg.kernel.work import Work
from apg.kernel.worker import TaskWorker
from tests.kernel.machinery import Machine, effect


@task(name="test.note", key="{number}")
async def note(work: Work, number: int) -> None:
	await effect(work, "killed", f"{number}")
	print("in the middle", flush=True)
	await asyncio.sleep(3600)


async def main(url: str) -> None:
	admin = await asyncpg.connect(url)
	machine = Machine(url, Settings(env="test", secret_key=TEST_SECRET, database_url=url), admin)
	worker = TaskWorker(
		machine.runtime(tasks=(note,)), machine.principal_of, machine.role("apg_worker")
	)
	await worker.run(asyncio.Event())


asyncio.run(main(sys.argv[1]))
