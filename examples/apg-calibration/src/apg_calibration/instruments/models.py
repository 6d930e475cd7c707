"""The table of instruments."""

from datetime import date

from apg.kernel.database import Base, Id, id_type
from apg.kernel.errors import human
from apg.kernel.tenancy import Protect, TenantOwned
from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column


class Instrument(TenantOwned, Base):
	"""A measuring instrument. `keeper_id` is a person of the company, empty once they left."""

	__tablename__ = "calibration_instruments"
	__human__ = "instrument"
	__protect__ = Protect()

	number: Mapped[str] = mapped_column()
	name: Mapped[str] = mapped_column()
	keeper_id: Mapped[Id | None] = mapped_column(id_type, index=True)
	interval_months: Mapped[int] = mapped_column()
	calibrated_on: Mapped[date | None] = mapped_column()
	due_on: Mapped[date | None] = mapped_column()

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"number",
			info=human("NUMBER_TAKEN", "There is an instrument with this number.", "number"),
		),
		CheckConstraint("length(number) between 1 and 50", name="number"),
		CheckConstraint("length(name) between 1 and 200", name="name"),
		CheckConstraint("interval_months between 1 and 120", name="interval_months"),
		CheckConstraint("(calibrated_on is null) = (due_on is null)", name="due_on"),
	)
