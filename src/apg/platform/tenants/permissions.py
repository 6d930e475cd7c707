"""The rights over a tenant and its capabilities."""

from apg.kernel.capability import Role
from apg.kernel.permissions import Permission

TENANT_READ = Permission("tenants", "tenant", "read", "See the company and its settings")
TENANT_UPDATE = Permission("tenants", "tenant", "update", "Change the company and its settings")
CAPABILITIES_READ = Permission("tenants", "capabilities", "read", "See the capabilities")
CAPABILITIES_UPDATE = Permission(
	"tenants", "capabilities", "update", "Switch capabilities on and off"
)

ALL = (TENANT_READ, TENANT_UPDATE, CAPABILITIES_READ, CAPABILITIES_UPDATE)
ROLES: tuple[Role, ...] = ()
