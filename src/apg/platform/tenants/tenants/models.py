"""The tenant, and the tree of scopes below it."""

from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, Numeric, UniqueConstraint, select
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from apg.kernel.database import Base, Id, Versioned, id_column, reference
from apg.kernel.errors import human
from apg.kernel.tenancy import Protect, TenantOwned

# Lower-case letters, digits and single dashes between them, 2 to 128 characters: it stands in
# addresses and file names.
SLUG = "[a-z0-9]+(-[a-z0-9]+)*"


class Tenant(Versioned, Base):
	"""A company. The table has no tenant column: the id is the tenant, and a policy shows each
	tenant its own row only. New rows come from the function `tenant_create` alone."""

	__tablename__ = "tenants"
	__human__ = "company"
	__protect__ = Protect(app="select, update")

	id: Mapped[Id] = id_column()
	name: Mapped[str] = mapped_column()
	slug: Mapped[str] = mapped_column()
	description: Mapped[str | None] = mapped_column()
	industry: Mapped[str | None] = mapped_column()
	headquarters_country: Mapped[str | None] = mapped_column()
	employee_count: Mapped[int | None] = mapped_column()
	annual_revenue: Mapped[Decimal | None] = mapped_column(Numeric(20, 2))
	currency: Mapped[str] = mapped_column(default="EUR", server_default="EUR")
	locale: Mapped[str] = mapped_column(default="en", server_default="en")
	esg_frameworks: Mapped[list[str]] = mapped_column(default=list, server_default="[]")
	ai_enabled: Mapped[bool] = mapped_column(default=True, server_default="true")
	ai_configuration: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
	settings: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
	subscription_tier: Mapped[str] = mapped_column(default="standard", server_default="standard")
	is_active: Mapped[bool] = mapped_column(default=True, server_default="true")

	__table_args__ = (
		UniqueConstraint(
			"slug", info=human("SLUG_TAKEN", "This short name is taken; choose another.", "slug")
		),
		CheckConstraint("length(name) between 1 and 255", name="name"),
		CheckConstraint(f"slug ~ '^{SLUG}$' and length(slug) between 2 and 128", name="slug"),
		CheckConstraint("length(description) <= 4000", name="description"),
		CheckConstraint("length(industry) <= 128", name="industry"),
		CheckConstraint("headquarters_country ~ '^[A-Z]{2,3}$'", name="headquarters_country"),
		CheckConstraint("employee_count >= 0", name="employee_count"),
		CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
		CheckConstraint("locale ~ '^[a-z]{2,3}(_[A-Z]{2})?$'", name="locale"),
		CheckConstraint("length(subscription_tier) between 1 and 32", name="subscription_tier"),
		CheckConstraint("jsonb_typeof(settings) = 'object'", name="settings"),
		CheckConstraint("jsonb_typeof(esg_frameworks) = 'array'", name="esg_frameworks"),
	)

	@declared_attr.directive
	def __mapper_args__(cls) -> dict[str, Any]:
		return {"version_id_col": cls.version, "version_id_generator": lambda v: (v or 0) + 1}  # pyright: ignore


class Scope(TenantOwned, Base):
	"""A part of a company (site, project). The root's id is the tenant's own."""

	__tablename__ = "scopes"
	__human__ = "scope"

	name: Mapped[str] = mapped_column()
	parent_id: Mapped[Id | None] = reference("scopes", nullable=True)

	__table_args__ = (
		CheckConstraint("length(name) between 1 and 255", name="name"),
		CheckConstraint("(parent_id is null) = (id = tenant_id)", name="one_root"),
	)


def select_tenant() -> Any:
	"""The tenant in its wire form."""
	t = Tenant
	return select(
		t.id,
		t.name,
		t.slug,
		t.description,
		t.industry,
		t.headquarters_country,
		t.employee_count,
		t.annual_revenue,
		t.currency,
		t.locale,
		t.esg_frameworks,
		t.ai_enabled,
		t.ai_configuration,
		t.settings,
		t.subscription_tier,
		t.is_active,
		t.created_at,
		t.updated_at,
		t.created_by,
		t.updated_by,
		t.version,
		t.version.label("etag"),
	)
