"""What a worker does for the seal: it seals, and verifies when asked and every Sunday."""

import asyncio
from typing import TYPE_CHECKING, Any

from apg.kernel.runtime import Runtime
from apg.kernel.sealing import Sealer
from apg.kernel.tasks import task
from apg.platform.audit.permissions import SEAL_VERIFY
from apg.platform.audit.sealing import verifying, witnessed
from apg.platform.audit.sealing.service import KEY, TASK

if TYPE_CHECKING:
	from apg.kernel.worker import Run


async def keep_sealing(runtime: Runtime, principal_of: Any, stop: asyncio.Event) -> None:
	"""Seals once a second; of several workers one at a time."""
	await Sealer(runtime).run(stop)


@task(name=TASK, steps=True, key=KEY, permission=SEAL_VERIFY, retries=1)
async def verify_trail(run: "Run") -> None:
	"""Checks the whole trail of the company; who administers it is told when something is wrong."""
	runtime, tenant = run.runtime, run.principal.tenant_id
	keys = await verifying.keys_of(runtime)
	path = runtime.settings.home / "witness" / "heads.jsonl"
	seen = await asyncio.to_thread(witnessed.read, path, keys)

	async def report(done: int) -> None:
		async with run.open() as work:
			await run.report(work, done)

	name = await verifying.name_of(runtime, tenant)
	chain = await verifying.verify(runtime, tenant, name, keys, seen, report=report)
	async with run.open() as work:
		told = {**chain.row(), "window": chain.window(), "witness": seen.there}
		await run.report(work, chain.entries, chain.entries, told)
	if chain.faults:
		await verifying.alarm(runtime, tenant, "verification")
