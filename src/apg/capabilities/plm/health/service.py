"""Real checks of PLM in the form of its guide."""

from typing import Any

from sqlalchemy import text

from apg.kernel.capability import HealthCheck
from apg.kernel.health import HEALTHY, UNHEALTHY, dependency_report, health_report
from apg.kernel.runtime import Runtime
from apg.kernel.texts import _
from apg.kernel.work import Work


async def _guards(work: Work) -> tuple[str, str, dict[str, Any]]:
	"""A release stays what it is only while the database's guards stand."""
	there = await work.scalar(
		text(
			"select count(*) from pg_trigger where tgname = 'guard' and tgenabled = 'O' "
			"and tgrelid::regclass::text in ('plm_revisions', 'plm_lines', 'plm_line_substitutes')"
		)
	)
	if there == 3:
		return HEALTHY, _("Released revisions are guarded."), {"guards": 3}
	return (
		UNHEALTHY,
		_("A guard of released revisions is missing; run apg migrate."),
		{"guards": there},
	)


CHECKS = (HealthCheck("release_guards", _guards),)


async def report(runtime: Runtime) -> dict[str, Any]:
	"""`{status, timestamp, dependencies, integrations, error_counts}`, plus the checks themselves."""
	found = await health_report(runtime, CHECKS)
	composition = runtime.composition
	everything = frozenset(c.short for c in composition.capabilities)
	dependencies = dependency_report(composition, "product_lifecycle_management", everything)
	return {
		"status": found["status"],
		"timestamp": found["timestamp"],
		"dependencies": dependencies,
		"integrations": {},
		"error_counts": {
			name: 1 for name, check in found["checks"].items() if check["status"] != HEALTHY
		},
		"checks": found["checks"],
	}
