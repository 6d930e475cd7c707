"""Every right of ESG, and the roles a tenant starts with."""

from apg.kernel.capability import Role
from apg.kernel.permissions import Permission


def _esg(resource: str, action: str, title: str) -> Permission:
	return Permission("esg", resource, action, title)


METRICS_READ = _esg("metrics", "read", "See metrics and where they stand")
METRICS_CREATE = _esg("metrics", "create", "Create metrics")
METRICS_UPDATE = _esg("metrics", "update", "Change metrics")
METRICS_DELETE = _esg("metrics", "delete", "Delete metrics")
MEASUREMENTS_READ = _esg("measurements", "read", "See measurements")
MEASUREMENTS_CREATE = _esg("measurements", "create", "Record measurements")
MEASUREMENTS_UPDATE = _esg("measurements", "update", "Correct measurements")
MEASUREMENTS_DELETE = _esg("measurements", "delete", "Withdraw measurements")
FACTORS_READ = _esg("factors", "read", "See emission factors, their sources and files")
FACTORS_CREATE = _esg("factors", "create", "Import and enter emission factors")
FACTORS_APPROVE = _esg("factors", "approve", "Approve and withdraw emission factors")

ALL = (
	METRICS_READ,
	METRICS_CREATE,
	METRICS_UPDATE,
	METRICS_DELETE,
	MEASUREMENTS_READ,
	MEASUREMENTS_CREATE,
	MEASUREMENTS_UPDATE,
	MEASUREMENTS_DELETE,
	FACTORS_READ,
	FACTORS_CREATE,
	FACTORS_APPROVE,
)

_READ = tuple(str(permission) for permission in ALL if permission.reads)
ROLES = (
	Role("esg_viewer", "Sustainability viewer", _READ),
	Role("esg_contributor", "Data contributor", (*_READ, str(MEASUREMENTS_CREATE), str(FACTORS_CREATE))),
	Role("esg_manager", "Sustainability manager", ("esg.*",)),
)
