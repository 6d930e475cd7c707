"""The health of the installation as an administrator sees it."""

from typing import Any

from apg.kernel.capability import HealthCheck
from apg.kernel.health import DEGRADED, HEALTHY, health_report
from apg.kernel.log import horizon, lag
from apg.kernel.texts import _
from apg.kernel.work import Work

LATE_SECONDS = 60.0
HELD_SECONDS = 10.0


async def _consumers(work: Work) -> tuple[str, str, dict[str, Any]]:
	"""The readers of the log: how far behind, and how many events they could not handle."""
	known = {consumer.name for consumer in work.runtime.composition.consumers}
	lags = [one for one in await lag(await work.connection()) if one.consumer in known]
	late = max((one.seconds or 0.0 for one in lags), default=0.0)
	failed = sum(one.failed for one in lags)
	details = {"consumers": len(lags), "oldest_seconds": round(late, 1), "failed": failed}
	if late > LATE_SECONDS:
		return DEGRADED, _("Readers of the event log are late; is a worker running?"), details
	if failed:
		return DEGRADED, _("Some events could not be handled; see the failures."), details
	return HEALTHY, _("All readers of the event log are up to date."), details


async def _horizon(work: Work) -> tuple[str, str, dict[str, Any]]:
	"""The oldest open writing transaction: while it lasts, no reader sees what came after."""
	held = await horizon(await work.connection())
	seconds = held.seconds if held else 0.0
	details = {"age_seconds": None if seconds is None else round(seconds, 1)}
	if seconds is not None and seconds > HELD_SECONDS:
		return DEGRADED, _("A long transaction holds the event log back."), details
	return HEALTHY, _("No long transaction is open."), details


CHECKS = (HealthCheck("event_log", _consumers), HealthCheck("log_horizon", _horizon))


async def report(work: Work) -> dict[str, Any]:
	"""Database, log, and the checks of each capability that is on, named `<short>.<check>`."""
	composition, enabled = work.runtime.composition, work.principal.enabled
	checks = [
		HealthCheck(f"{capability.short}.{check.name}", check.check)
		for capability in composition.capabilities
		if capability.always_on or capability.short in enabled
		for check in capability.health
	]
	return await health_report(work, [*CHECKS, *checks])
