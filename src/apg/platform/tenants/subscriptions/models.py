"""One row per tenant and capability that can be switched."""

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from apg.kernel.database import Base
from apg.kernel.errors import human
from apg.kernel.tenancy import TenantOwned


class TenantCapability(TenantOwned, Base):
	"""Whether a capability, by its short name, is on for the tenant; without a row it is off."""

	__tablename__ = "tenant_capabilities"
	__human__ = "capability of the company"

	capability: Mapped[str] = mapped_column()
	enabled: Mapped[bool] = mapped_column(default=True, server_default="true")

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"capability",
			info=human("CAPABILITY_TWICE", "Somebody else switched this at the same moment."),
		),
		CheckConstraint("length(capability) between 1 and 64", name="capability"),
	)
