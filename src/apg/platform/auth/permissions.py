"""Every right of auth, and the roles a new tenant starts with."""

from apg.kernel.capability import Role
from apg.kernel.permissions import Permission

USERS_READ = Permission("auth", "users", "read", "See members and their roles")
USERS_CREATE = Permission("auth", "users", "create", "Invite and create members")
USERS_UPDATE = Permission("auth", "users", "update", "Change members, their roles and access")
USERS_DELETE = Permission("auth", "users", "delete", "Remove members and erase accounts")
ROLES_READ = Permission("auth", "roles", "read", "See roles and their rights")
ROLES_CREATE = Permission("auth", "roles", "create", "Make roles")
ROLES_UPDATE = Permission("auth", "roles", "update", "Change the rights of roles")
ROLES_DELETE = Permission("auth", "roles", "delete", "Remove roles")
ROLES_ASSIGN = Permission(
	"auth",
	"roles",
	"assign",
	"Give members roles with rights one does not hold, but for the platform's",
)
KEYS_READ = Permission("auth", "api_keys", "read", "See API keys")
KEYS_CREATE = Permission("auth", "api_keys", "create", "Make API keys for oneself")
KEYS_DELETE = Permission("auth", "api_keys", "delete", "Revoke API keys of anybody")

ALL = (
	USERS_READ,
	USERS_CREATE,
	USERS_UPDATE,
	USERS_DELETE,
	ROLES_READ,
	ROLES_CREATE,
	ROLES_UPDATE,
	ROLES_DELETE,
	ROLES_ASSIGN,
	KEYS_READ,
	KEYS_CREATE,
	KEYS_DELETE,
)

ROLES = (
	Role("tenant_admin", "Administrator", ("*",)),
	Role(
		"user_admin", "User administrator", ("auth.users.*", "auth.roles.read", "auth.roles.assign")
	),
	Role("integrator", "API keys", ("auth.api_keys.read", "auth.api_keys.create")),
)
