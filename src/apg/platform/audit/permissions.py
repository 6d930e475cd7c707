"""The rights to look at the trail; nobody has one to change it."""

from apg.kernel.capability import Role
from apg.kernel.permissions import Permission

TRAIL_READ = Permission("audit", "trail", "read", "See who changed what")
TRAIL_EXPORT = Permission("audit", "trail", "export", "Take the trail out as a file")
SEAL_VERIFY = Permission("audit", "seal", "verify", "Have the trail verified")
SECURITY_READ = Permission("audit", "security_events", "read", "See what was refused")

ALL = (TRAIL_READ, TRAIL_EXPORT, SEAL_VERIFY, SECURITY_READ)
ROLES = (Role("auditor", "Auditor", ("audit.*",)),)
