"""The rights over webhooks."""

from apg.kernel.capability import Role
from apg.kernel.permissions import Permission

ENDPOINTS_READ = Permission("webhooks", "endpoints", "read", "See webhooks")
ENDPOINTS_CREATE = Permission("webhooks", "endpoints", "create", "Make webhooks")
ENDPOINTS_UPDATE = Permission("webhooks", "endpoints", "update", "Change and test webhooks")
ENDPOINTS_DELETE = Permission("webhooks", "endpoints", "delete", "Remove webhooks")
DELIVERIES_READ = Permission("webhooks", "deliveries", "read", "See what webhooks were sent")
DELIVERIES_REPLAY = Permission("webhooks", "deliveries", "replay", "Send deliveries again")

ALL = (
	ENDPOINTS_READ,
	ENDPOINTS_CREATE,
	ENDPOINTS_UPDATE,
	ENDPOINTS_DELETE,
	DELIVERIES_READ,
	DELIVERIES_REPLAY,
)
ROLES: tuple[Role, ...] = ()
