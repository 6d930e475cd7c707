"""A relay of the webhooks' consumer in a process of its own. Argument: the administrator's URL."""

import asyncio
import sys

from apg.app import make_runtime
from apg.kernel import relay
from apg.kernel.events import Event, on
from apg.kernel.principal import Principal
from apg.kernel.settings import Settings
from apg.kernel.testing import TEST_SECRET
from apg.kernel.work import Work
from apg.platform.webhooks.deliveries.service import spread


async def slowly(work: Work, event: Event) -> None:
	await spread(work, event)
	print(event.name, flush=True)
	await asyncio.sleep(0.004)


async def system(tenant_id: str, user_id: str | None) -> Principal:
	return Principal.system(tenant_id)


async def main(url: str) -> None:
	relay.BATCH_SECONDS = 0.05
	settings = Settings(env="test", secret_key=TEST_SECRET, database_url=url)
	runtime = make_runtime(settings, role="apg_worker")
	consumers = [on(Event, slowly, name="webhooks")]
	await relay.Relay(runtime, system, consumers=consumers).run(asyncio.Event())


asyncio.run(main(sys.argv[1]))
