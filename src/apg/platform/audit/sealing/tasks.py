"""What a worker does for the seal."""

import asyncio
from typing import Any

from apg.kernel.runtime import Runtime
from apg.kernel.sealing import Sealer


async def keep_sealing(runtime: Runtime, principal_of: Any, stop: asyncio.Event) -> None:
	"""Seals once a second; of several workers one at a time."""
	await Sealer(runtime).run(stop)
