"""Readiness, remembered for a second, so that a balancer's probes cost nothing."""

import time

from apg.kernel.health import readiness
from apg.kernel.runtime import Runtime

READY_SECONDS = 1.0


async def ready(runtime: Runtime) -> dict[str, str]:
	"""What is missing, by name; empty means ready. Asked at most once a second."""
	held = runtime.state.get("operations.ready")
	if held is not None and time.monotonic() - held[0] < READY_SECONDS:
		return held[1]
	missing = await readiness(runtime)
	runtime.state["operations.ready"] = (time.monotonic(), missing)
	return missing
