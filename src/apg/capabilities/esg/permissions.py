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
SITES_READ = _esg("sites", "read", "See sites")
SITES_CREATE = _esg("sites", "create", "Create sites")
SITES_UPDATE = _esg("sites", "update", "Change sites")
SITES_DELETE = _esg("sites", "delete", "Delete sites")
ACTIVITIES_READ = _esg("activities", "read", "See activity records and their evidence")
ACTIVITIES_CREATE = _esg("activities", "create", "Record activities and submit them")
ACTIVITIES_UPDATE = _esg("activities", "update", "Correct and withdraw activity records")
ACTIVITIES_APPROVE = _esg("activities", "approve", "Validate, approve and lock activity records")
CALCULATIONS_READ = _esg("calculations", "read", "See calculations, line by line")
CALCULATIONS_CREATE = _esg("calculations", "create", "Calculate emissions")
FOOTPRINTS_READ = _esg("footprints", "read", "See carbon of products and their footprints")
FOOTPRINTS_CREATE = _esg("footprints", "create", "Record footprints of products")
MATERIALS_READ = _esg("materials", "read", "See which activity stands for a material")
MATERIALS_UPDATE = _esg("materials", "update", "Say which activity stands for a material")
SUPPLIERS_READ = _esg("supplier_footprints", "read", "See footprints that suppliers state")
SUPPLIERS_CREATE = _esg("supplier_footprints", "create", "Record footprints of suppliers")
SUPPLIERS_DELETE = _esg("supplier_footprints", "delete", "Withdraw footprints of suppliers")

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
	SITES_READ,
	SITES_CREATE,
	SITES_UPDATE,
	SITES_DELETE,
	ACTIVITIES_READ,
	ACTIVITIES_CREATE,
	ACTIVITIES_UPDATE,
	ACTIVITIES_APPROVE,
	CALCULATIONS_READ,
	CALCULATIONS_CREATE,
	FOOTPRINTS_READ,
	FOOTPRINTS_CREATE,
	MATERIALS_READ,
	MATERIALS_UPDATE,
	SUPPLIERS_READ,
	SUPPLIERS_CREATE,
	SUPPLIERS_DELETE,
)

_READ = tuple(str(permission) for permission in ALL if permission.reads)
_CONTRIBUTES = (
	FACTORS_CREATE,
	MEASUREMENTS_CREATE,
	ACTIVITIES_CREATE,
	ACTIVITIES_UPDATE,
	CALCULATIONS_CREATE,
)
ROLES = (
	Role("esg_viewer", "Sustainability viewer", _READ),
	Role("esg_contributor", "Data contributor", (*_READ, *map(str, _CONTRIBUTES))),
	Role("esg_manager", "Sustainability manager", ("esg.*",)),
)
