"""Operations: health, probes, metrics, and the tasks and failures of a tenant."""

from apg.kernel.capability import Api, Capability
from apg.platform.operations import permissions
from apg.platform.operations.health import api as health

capability = Capability(
	name="operations",
	short="operations",
	title="Operations",
	version="1.0.0",
	package="apg.platform.operations",
	description="Health, metrics, tasks and failures.",
	always_on=True,
	provides=("health", "job_administration"),
	permissions=permissions.ALL,
	default_roles=permissions.ROLES,
	apis=(
		Api("/live", (health.live_router,)),
		Api("/ready", (health.ready_router,)),
		Api("/metrics", (health.metrics_router,)),
		Api("/api/v1/health", (health.router,)),
	),
	migrations="migrations",
)
