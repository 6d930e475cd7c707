"""Every right of PLM, and the roles a tenant starts with."""

from apg.capabilities.plm.shared.approval_rules import FINANCIAL, MANAGEMENT, QUALITY, TECHNICAL
from apg.kernel.capability import Role
from apg.kernel.permissions import Permission
from apg.kernel.texts import _


def _plm(resource: str, action: str, title: str) -> Permission:
	return Permission("plm", resource, action, title)


PRODUCTS_READ = _plm("products", "read", "See products, revisions and where they are used")
PRODUCTS_CREATE = _plm("products", "create", "Create products")
PRODUCTS_UPDATE = _plm("products", "update", "Change products and working revisions")
PRODUCTS_DELETE = _plm("products", "delete", "Delete and restore products")
PRODUCTS_RELEASE = _plm("products", "release", "Release a first revision")
STRUCTURES_READ = _plm("structures", "read", "See bills of materials and their roll-up")
STRUCTURES_UPDATE = _plm("structures", "update", "Change bills of materials")
COSTS_READ = _plm("costs", "read", "See prices and costs")
COSTS_UPDATE = _plm("costs", "update", "Record prices and costs")
CLASSES_UPDATE = _plm("classes", "update", "Change classes, their attributes and labels")
SUPPLIERS_UPDATE = _plm("suppliers", "update", "Record manufacturers, suppliers and their parts")
EFFECTIVITY_UPDATE = _plm("effectivity", "update", "Decide when a released revision is effective")
BASELINES_CREATE = _plm("baselines", "create", "Make baselines of structures")
IMPORTS_READ = _plm("imports", "read", "See imports and their reports")
IMPORTS_CREATE = _plm("imports", "create", "Import parts and bills of materials")
CHANGES_READ = _plm("changes", "read", "See changes, their redlines and approvals")
CHANGES_CREATE = _plm("changes", "create", "Raise changes")
CHANGES_UPDATE = _plm(
	"changes", "update", "Write, submit, hold and cancel changes; comment on them"
)
CHANGES_APPROVE = _plm("changes", "approve", "Approve and reject changes one is asked about")
CHANGES_IMPLEMENT = _plm("changes", "implement", "Release approved changes and close them")
APPROVAL_RULES_READ = _plm("approval_rules", "read", "See who has to approve what")
APPROVAL_RULES_UPDATE = _plm("approval_rules", "update", "Decide who has to approve what")
COMPLIANCE_READ = _plm("compliance", "read", "See regulations, declarations and their status")
COMPLIANCE_UPDATE = _plm("compliance", "update", "Record declarations, status and lists")

CHANGES = (
	*(CHANGES_READ, CHANGES_CREATE, CHANGES_UPDATE, CHANGES_APPROVE, CHANGES_IMPLEMENT),
	*(APPROVAL_RULES_READ, APPROVAL_RULES_UPDATE),
)
ALL = (
	PRODUCTS_READ,
	PRODUCTS_CREATE,
	PRODUCTS_UPDATE,
	PRODUCTS_DELETE,
	PRODUCTS_RELEASE,
	STRUCTURES_READ,
	STRUCTURES_UPDATE,
	COSTS_READ,
	COSTS_UPDATE,
	CLASSES_UPDATE,
	SUPPLIERS_UPDATE,
	EFFECTIVITY_UPDATE,
	BASELINES_CREATE,
	IMPORTS_READ,
	IMPORTS_CREATE,
	*CHANGES,
	COMPLIANCE_READ,
	COMPLIANCE_UPDATE,
)

_READ = tuple(str(permission) for permission in ALL if permission.reads)
_NOT_ENGINEERS = (
	PRODUCTS_RELEASE,
	CLASSES_UPDATE,
	EFFECTIVITY_UPDATE,
	CHANGES_IMPLEMENT,
	APPROVAL_RULES_UPDATE,
)
_APPROVER = (*_READ, str(CHANGES_UPDATE), str(CHANGES_APPROVE))
ROLES = (
	Role("plm_viewer", "PLM viewer", _READ),
	Role("plm_engineer", "Design engineer", tuple(str(p) for p in ALL if p not in _NOT_ENGINEERS)),
	Role("plm_manager", "PLM manager", ("plm.*",)),
	Role(TECHNICAL, "Technical approver", _APPROVER),
	Role(FINANCIAL, "Financial approver", _APPROVER),
	Role(QUALITY, "Quality approver", _APPROVER),
	Role(MANAGEMENT, "Management approver", _APPROVER),
)


def role_title(name: str | None) -> str:
	"""What people call a role; one that a tenant made keeps its name."""
	return _(next((role.title for role in ROLES if role.name == name), name or ""))
