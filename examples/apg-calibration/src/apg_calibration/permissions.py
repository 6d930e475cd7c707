"""The rights over instruments, and the role a company starts with."""

from apg.kernel.capability import Role
from apg.kernel.permissions import Permission

INSTRUMENTS_READ = Permission("calibration", "instruments", "read", "See measuring instruments")
INSTRUMENTS_CREATE = Permission("calibration", "instruments", "create", "Add instruments")
INSTRUMENTS_UPDATE = Permission("calibration", "instruments", "update", "Change and calibrate them")

ALL = (INSTRUMENTS_READ, INSTRUMENTS_CREATE, INSTRUMENTS_UPDATE)
ROLES = (
	Role("calibration_keeper", "Keeper of instruments", tuple(map(str, ALL))),
)  # fmt: skip
