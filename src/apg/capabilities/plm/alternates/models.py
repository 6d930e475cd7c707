"""Part-level alternates: one part may replace another everywhere, in one direction or in both."""

from sqlalchemy import Boolean, CheckConstraint, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from apg.kernel.database import Base, Id, reference
from apg.kernel.errors import human
from apg.kernel.tenancy import Protect, TenantOwned


class Alternate(TenantOwned, Base):
	"""`alternate_id` may stand in for `item_id` in every structure; two-way: and the other way round.

	`evidence` says why form, fit and function are the same.
	"""

	__tablename__ = "plm_alternates"
	__human__ = "alternate"
	__protect__ = Protect()

	item_id: Mapped[Id] = reference("plm_items")
	alternate_id: Mapped[Id] = reference("plm_items")
	is_two_way: Mapped[bool] = mapped_column(Boolean, default=False, server_default=text("false"))
	evidence: Mapped[str | None] = mapped_column()

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"item_id",
			"alternate_id",
			name="uq_plm_alternates_pair",
			info=human("ALTERNATE_EXISTS", "The product already has this alternate.", "product_id"),
		),
		CheckConstraint("item_id <> alternate_id", name="not_itself"),
	)
