"""Operations: health, probes, metrics, and the tasks and failures of a tenant."""

from apg.kernel.capability import Api, Capability, MenuEntry, Pages
from apg.platform.operations import permissions
from apg.platform.operations.files import views as files_views
from apg.platform.operations.health import api as health
from apg.platform.operations.health import figures
from apg.platform.operations.health import views as health_views
from apg.platform.operations.jobs import api as jobs
from apg.platform.operations.jobs import views as jobs_views

JOBS = (
	MenuEntry("Tasks", "/admin/jobs", "list-task", permissions.JOBS_READ, "Administration", 400),
)
HEALTH = (
	MenuEntry(
		"Health", "/admin/health", "heart-pulse", permissions.HEALTH_READ, "Administration", 410
	),
)

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
		Api("/api/v1/jobs", (jobs.router,)),
	),
	pages=(
		Pages("/admin/jobs", (jobs_views.router,), JOBS),
		Pages("/admin/health", (health_views.router,), HEALTH),
		Pages("/files", (files_views.router,)),
	),
	migrations="migrations",
	observe=figures.observe,
)
