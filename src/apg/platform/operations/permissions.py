"""The rights over the machinery, each for the own tenant only."""

from apg.kernel.capability import Role
from apg.kernel.permissions import Permission

JOBS_READ = Permission("operations", "jobs", "read", "See tasks and failures")
JOBS_UPDATE = Permission("operations", "jobs", "update", "Repeat and cancel tasks and failures")
HEALTH_READ = Permission("operations", "health", "read", "See the health of the installation")

ALL = (JOBS_READ, JOBS_UPDATE, HEALTH_READ)
ROLES: tuple[Role, ...] = ()
