"""Real checks of ESG, and the gauges that a collector reads."""

from typing import Any

from sqlalchemy import text

from apg.kernel.capability import HealthCheck
from apg.kernel.health import DEGRADED, HEALTHY
from apg.kernel.observe import Observer
from apg.kernel.runtime import Runtime
from apg.kernel.stamps import utc_now
from apg.kernel.texts import _
from apg.kernel.work import Work


async def _partitions(work: Work) -> tuple[str, str, dict[str, Any]]:
	"""Readings of next year need a place to go."""
	wanted = utc_now().year + 1
	there = await work.scalar(
		text("select to_regclass(:name) is not null"), {"name": f"esg_measurements_{wanted}"}
	)
	details = {"year": wanted}
	if there:
		return HEALTHY, _("Readings of next year have their place."), details
	return DEGRADED, _("There is no partition for next year; start a worker."), details


async def _ai_services(work: Work) -> tuple[str, str, dict[str, Any]]:
	on = "ai" in work.runtime.composition.always_on or any(
		c.name == "ai_orchestration" for c in work.runtime.composition.capabilities
	)
	message = _("Predictions are available.") if on else _("No AI capability is installed.")
	return HEALTHY, message, {"installed": on}


CHECKS = (
	HealthCheck("measurement_partitions", _partitions),
	HealthCheck("ai_services", _ai_services),
)


def observe(observer: Observer, runtime: Runtime) -> None:
	"""`esg_active_metrics_total`, counted by the database at each scrape."""
	gauge = observer.gauge(
		"esg_active_metrics_total", "Active metrics", ["tenant_id", "metric_type"]
	)

	async def refresh() -> None:
		async with runtime.engine.connect() as connection:
			rows = (await connection.execute(text("select * from esg_active_metrics()"))).all()
		gauge.clear()
		counts: dict[tuple[str, str], int] = {}
		for tenant_id, metric_type, number in rows:
			key = (observer.tenant_label(str(tenant_id)), str(metric_type))
			counts[key] = counts.get(key, 0) + int(number)
		for (tenant, metric_type), number in counts.items():
			gauge.labels(tenant, metric_type).set(number)

	observer.before_scrape(refresh)
