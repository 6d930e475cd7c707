"""Entries of the navigation."""

from apg.kernel.capability import MenuEntry
from apg.platform.auth.permissions import ROLES_READ, USERS_CREATE, USERS_READ

MEMBERS = (MenuEntry("Members", "/admin/users", "people", USERS_READ, "Administration"),)
ROLES = (MenuEntry("Roles", "/admin/roles", "person-badge", ROLES_READ, "Administration"),)
INVITATIONS = (
	MenuEntry("Invitations", "/admin/invitations", "person-plus", USERS_CREATE, "Administration"),
)
