"""The rights over reference data."""

from apg.kernel.capability import Role
from apg.kernel.permissions import Permission

UNITS_READ = Permission("reference", "units", "read", "See units and convert between them")
RATES_READ = Permission("reference", "rates", "read", "See currencies and exchange rates")
RATES_CREATE = Permission("reference", "rates", "create", "Record the company's own exchange rates")
RATES_DELETE = Permission("reference", "rates", "delete", "Remove the company's own exchange rates")

ALL = (UNITS_READ, RATES_READ, RATES_CREATE, RATES_DELETE)
ROLES = (
	Role("reference_viewer", "Reference data viewer", (str(UNITS_READ), str(RATES_READ))),
	Role("reference_editor", "Reference data editor", ("reference.*",)),
)
