"""Factors in two layers of one shape: published packs without a tenant, and a company's own.

A version is never changed: a correction is a new version. A pack is loaded by the operator, and
neither web nor worker may write it; a company approves what it wants to calculate with.
"""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
	Boolean,
	CheckConstraint,
	Date,
	ForeignKey,
	Index,
	Integer,
	Numeric,
	SmallInteger,
	Text,
	UniqueConstraint,
	text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from apg.kernel.database import Base, Id, id_column, id_type, reference
from apg.kernel.errors import Conflict
from apg.kernel.stamps import utc_now
from apg.kernel.tenancy import Protect, TenantOwned
from apg.kernel.texts import _

PLATFORM, TENANT = "platform", "tenant"


class VersionState(StrEnum):
	"""staged: being checked; linted: sound; quarantined: never used; withdrawn: given up for good."""

	STAGED = "staged"
	LINTED = "linted"
	QUARANTINED = "quarantined"
	WITHDRAWN = "withdrawn"


class Verdict(StrEnum):
	APPROVED = "approved"
	WITHDRAWN = "withdrawn"


class FactorQuarantined(Conflict):
	"""A factor with open findings cannot be approved."""

	code = "FACTOR_QUARANTINED"


_STATES = ", ".join(f"'{state}'" for state in VersionState)
_BASES = "'mass', 'co2e', 'total'"


class SourceColumns:
	"""One edition of a publication, as one file gave it."""

	series: Mapped[str] = mapped_column()
	title: Mapped[str] = mapped_column()
	publisher: Mapped[str] = mapped_column()
	edition: Mapped[str] = mapped_column(default="", server_default="")
	licence: Mapped[str] = mapped_column()
	redistributable: Mapped[bool] = mapped_column(Boolean, default=False)
	url: Mapped[str] = mapped_column(default="", server_default="")
	kind: Mapped[str] = mapped_column()
	file_name: Mapped[str] = mapped_column(default="", server_default="")
	file_sha256: Mapped[str] = mapped_column(default="", server_default="")
	gas_basis: Mapped[str] = mapped_column()
	native_gwp_set: Mapped[str] = mapped_column()
	retrieved_at: Mapped[datetime] = mapped_column(default=utc_now)
	counts: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=text("'{}'"))


class FactorColumns:
	"""What a factor is for; `unit` is the denominator, a symbol of reference or a currency."""

	series: Mapped[str] = mapped_column()
	activity_code: Mapped[str] = mapped_column()
	name: Mapped[str] = mapped_column()
	labels: Mapped[list[Any]] = mapped_column(JSONB, default=list, server_default=text("'[]'"))
	region: Mapped[str] = mapped_column()
	stage: Mapped[str] = mapped_column()
	scope: Mapped[str] = mapped_column(default="", server_default="")
	unit: Mapped[str] = mapped_column()


class VersionColumns:
	"""What a factor was in one edition; figures in kg per unit, `gases` kg of each species."""

	state: Mapped[str] = mapped_column(default=VersionState.STAGED)
	valid_from: Mapped[date] = mapped_column(Date)
	valid_to: Mapped[date | None] = mapped_column(Date)
	published_on: Mapped[date | None] = mapped_column(Date)
	gases: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=text("'{}'"))
	co2e: Mapped[Decimal | None] = mapped_column(Numeric)
	native_gwp_set: Mapped[str] = mapped_column()
	biogenic_co2: Mapped[Decimal | None] = mapped_column(Numeric)
	low: Mapped[Decimal | None] = mapped_column(Numeric)
	high: Mapped[Decimal | None] = mapped_column(Numeric)
	spend_currency: Mapped[str | None] = mapped_column()
	price_year: Mapped[int | None] = mapped_column(SmallInteger)
	printed: Mapped[dict[str, Any]] = mapped_column(
		JSONB, default=dict, server_default=text("'{}'")
	)
	findings: Mapped[list[Any]] = mapped_column(JSONB, default=list, server_default=text("'[]'"))
	locator: Mapped[str] = mapped_column(default="", server_default="")
	supersedes_id: Mapped[Id | None] = mapped_column(id_type)
	sha256: Mapped[str] = mapped_column()


def _version_checks() -> tuple[CheckConstraint, ...]:
	return (
		CheckConstraint(f"state in ({_STATES})", name="state"),
		CheckConstraint("valid_to >= valid_from", name="period"),
		CheckConstraint("low <= 1 and high >= 1", name="bounds"),
		CheckConstraint(
			"state <> 'linted' or findings = '[]'::jsonb", name="linted_without_findings"
		),
	)


class Pack(SourceColumns, Base):
	"""A published pack of the installation; a file is loaded once, by its hash."""

	__tablename__ = "esg_factor_packs"
	__human__ = "factor source"

	id: Mapped[Id] = id_column()
	loaded_at: Mapped[datetime] = mapped_column(default=utc_now)

	__table_args__ = (
		CheckConstraint(f"gas_basis in ({_BASES})", name="gas_basis"),
		UniqueConstraint("file_sha256"),
	)


class PackFactor(FactorColumns, Base):
	"""A factor of the published packs."""

	__tablename__ = "esg_pack_factors"
	__human__ = "factor"

	id: Mapped[Id] = id_column()

	__table_args__ = (
		UniqueConstraint("series", "activity_code", "region", "stage", "unit"),
		Index("ix_esg_pack_factors_activity", "activity_code", "region"),
	)


class PackVersion(VersionColumns, Base):
	"""A version of a factor of the published packs."""

	__tablename__ = "esg_pack_versions"
	__human__ = "factor version"

	id: Mapped[Id] = id_column()
	factor_id: Mapped[Id] = mapped_column(id_type, ForeignKey("esg_pack_factors.id"), index=True)
	source_id: Mapped[Id] = mapped_column(id_type, ForeignKey("esg_factor_packs.id"), index=True)
	created_at: Mapped[datetime] = mapped_column(default=utc_now)

	__table_args__ = _version_checks()


class Source(SourceColumns, TenantOwned, Base):
	"""A file of factors a company brought, or (`own`) what it typed in."""

	__tablename__ = "esg_factor_sources"
	__human__ = "factor source"
	__protect__ = Protect(app="select, insert, update")

	__table_args__ = (
		CheckConstraint(f"gas_basis in ({_BASES})", name="gas_basis"),
		Index(
			"uq_esg_factor_sources_file",
			"tenant_id",
			"file_sha256",
			unique=True,
			postgresql_where=text("file_sha256 <> ''"),
		),
		Index("ix_esg_factor_sources_series", "tenant_id", "series", "created_at"),
	)


class OwnFactor(FactorColumns, TenantOwned, Base):
	"""A factor of a company's own."""

	__tablename__ = "esg_factors"
	__human__ = "factor"
	__protect__ = Protect(audited=False, app="select, insert, update")

	__table_args__ = (
		UniqueConstraint("tenant_id", "series", "activity_code", "region", "stage", "unit"),
		Index("ix_esg_factors_activity", "tenant_id", "activity_code", "region"),
	)


class Version(VersionColumns, TenantOwned, Base):
	"""A version of a factor of a company's own."""

	__tablename__ = "esg_factor_versions"
	__human__ = "factor version"
	__protect__ = Protect(audited=False, app="select, insert, update")

	factor_id: Mapped[Id] = reference("esg_factors")
	source_id: Mapped[Id] = reference("esg_factor_sources")

	__table_args__ = (
		*_version_checks(),
		Index("ix_esg_factor_versions_state", "tenant_id", "state"),
	)


class Decision(TenantOwned, Base):
	"""Who approved or withdrew what, when and why: a whole source, or (`version_id`) one version.

	The newest without an end stands; one on a version comes before one on its source.
	"""

	__tablename__ = "esg_factor_decisions"
	__human__ = "approval"
	__protect__ = Protect(app="select, insert, update")

	layer: Mapped[str] = mapped_column()
	source_id: Mapped[Id] = mapped_column(id_type)
	version_id: Mapped[Id | None] = mapped_column(id_type)
	verdict: Mapped[str] = mapped_column()
	reason: Mapped[str] = mapped_column(Text, default="", server_default="")
	decided_by: Mapped[Id | None] = mapped_column(id_type)
	decided_at: Mapped[datetime] = mapped_column(default=utc_now)
	ended_at: Mapped[datetime | None] = mapped_column()
	ended_by: Mapped[Id | None] = mapped_column(id_type)
	factors: Mapped[int] = mapped_column(Integer, default=0, server_default="0")

	__table_args__ = (
		CheckConstraint("layer in ('platform', 'tenant')", name="layer"),
		CheckConstraint("verdict in ('approved', 'withdrawn')", name="verdict"),
		Index(
			"uq_esg_factor_decisions_standing",
			"tenant_id",
			"source_id",
			"version_id",
			unique=True,
			postgresql_where=text("ended_at is null"),
			postgresql_nulls_not_distinct=True,
		),
	)


def must_be_sound(state: str) -> None:
	"""Raises FactorQuarantined for a version that may never be used."""
	if state != VersionState.LINTED:
		raise FactorQuarantined(
			_(
				"The factor is {state}: its findings must be mended in the file, and the file "
				"imported again.",
				state=_(state),
			)
		)
