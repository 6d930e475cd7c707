"""A place where the company works; its country chooses the factors of what is used there."""

from sqlalchemy import Boolean, CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from apg.kernel.database import Base, Id, id_type
from apg.kernel.errors import Conflict, human
from apg.kernel.tenancy import Protect, TenantOwned


class SiteInUse(Conflict):
	"""A site with records stays; it can be set inactive."""

	code = "SITE_IN_USE"


class Site(TenantOwned, Base):
	"""`country` is ISO 3166-1 alpha-2, `region` ISO 3166-2 where a part of it matters."""

	__tablename__ = "esg_sites"
	__human__ = "site"
	__protect__ = Protect()

	code: Mapped[str] = mapped_column()
	name: Mapped[str] = mapped_column()
	country: Mapped[str] = mapped_column()
	region: Mapped[str | None] = mapped_column()
	city: Mapped[str | None] = mapped_column()
	description: Mapped[str | None] = mapped_column()
	is_active: Mapped[bool] = mapped_column(Boolean, default=True)
	scope_id: Mapped[Id] = mapped_column(id_type)

	__table_args__ = (
		Index(
			"uq_esg_sites_code",
			"tenant_id",
			"code",
			unique=True,
			info=human("SITE_CODE_TAKEN", "Another site has this code.", "code"),
		),
		CheckConstraint("country ~ '^[A-Z]{2}$'", name="country"),
		CheckConstraint("left(region, 3) = country || '-'", name="region"),
		Index("ix_esg_sites_name", "tenant_id", "name", "id"),
	)

	@property
	def place(self) -> str:
		"""The region whose factors are meant."""
		return self.region or self.country
