"""Regulations, what is declared about parts, and the status of revisions with its evidence."""

from datetime import date
from decimal import Decimal

from sqlalchemy import Boolean, CheckConstraint, Date, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from apg.capabilities.plm.shared.compliance_math import Basis, Declared
from apg.kernel.database import Base, Id, reference
from apg.kernel.errors import human
from apg.kernel.tenancy import Protect, TenantOwned

KINDS = ("regulation", "standard")


class Regulation(TenantOwned, Base):
	"""What products are held against. `basis` says how substances count: not at all, in each
	homogeneous material, or in each article; `list_version` is the list that is in force."""

	__tablename__ = "plm_regulations"
	__human__ = "regulation"
	__protect__ = Protect()

	code: Mapped[str] = mapped_column()
	name: Mapped[str] = mapped_column()
	kind: Mapped[str] = mapped_column(default="regulation")
	source: Mapped[str | None] = mapped_column()
	basis: Mapped[str] = mapped_column(default=Basis.NONE)
	list_version: Mapped[str | None] = mapped_column()
	is_active: Mapped[bool] = mapped_column(Boolean, default=True, server_default=text("true"))

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"code",
			name="uq_plm_regulations_code",
			info=human("REGULATION_EXISTS", "There is a regulation of this code.", "code"),
		),
		CheckConstraint(f"kind in {KINDS}", name="kind"),
		CheckConstraint(f"basis in {tuple(str(b) for b in Basis)}", name="basis"),
		CheckConstraint("code ~ '^[a-z][a-z0-9_]{1,39}$'", name="code"),
		CheckConstraint("basis = 'none' or list_version is not null", name="list_version"),
	)


class ListedSubstance(TenantOwned, Base):
	"""A substance on one version of a regulation's list, with the share it may reach (0 to 1)."""

	__tablename__ = "plm_listed_substances"
	__human__ = "listed substance"
	__protect__ = Protect()

	regulation_id: Mapped[Id] = reference("plm_regulations", ondelete="CASCADE")
	list_version: Mapped[str] = mapped_column()
	substance: Mapped[str] = mapped_column()
	cas: Mapped[str] = mapped_column(default="", server_default="")
	limit_share: Mapped[Decimal] = mapped_column()

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"regulation_id",
			"list_version",
			"substance",
			name="uq_plm_listed_substances_substance",
			info=human("SUBSTANCE_LISTED", "The list names this substance already.", "substance"),
		),
		CheckConstraint("limit_share between 0 and 1", name="limit_share"),
	)


class Declaration(TenantOwned, Base):
	"""What somebody says of the substances in a part, against one version of a list.

	Without a substance it says that none of the list is in it above its limit. `share` is by mass, in
	the homogeneous `material` or in the article, whichever the regulation asks for.
	"""

	__tablename__ = "plm_substance_declarations"
	__human__ = "declaration of substances"
	__protect__ = Protect()

	item_id: Mapped[Id] = reference("plm_items")
	manufacturer_part_id: Mapped[Id | None] = reference("plm_manufacturer_parts", nullable=True)
	regulation_id: Mapped[Id] = reference("plm_regulations")
	list_version: Mapped[str] = mapped_column()
	substance: Mapped[str | None] = mapped_column()
	material: Mapped[str] = mapped_column(default="", server_default="")
	share: Mapped[Decimal | None] = mapped_column()
	exemption: Mapped[str | None] = mapped_column()
	exempt_until: Mapped[date | None] = mapped_column(Date)
	evidence: Mapped[str] = mapped_column()
	declared_on: Mapped[date] = mapped_column(Date)

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"item_id",
			"manufacturer_part_id",
			"regulation_id",
			"list_version",
			"substance",
			"material",
			name="uq_plm_substance_declarations_once",
			postgresql_nulls_not_distinct=True,
			info=human("DECLARED_ALREADY", "This is declared already.", "substance"),
		),
		CheckConstraint("share between 0 and 1", name="share"),
		CheckConstraint("(substance is null) = (share is null)", name="substance"),
		CheckConstraint("(exemption is null) = (exempt_until is null)", name="exemption"),
		Index("ix_plm_substance_declarations_item", "tenant_id", "item_id", "regulation_id"),
	)


class ComplianceRecord(TenantOwned, Base):
	"""The status of one revision under one regulation, with evidence and the day it ends.

	A new revision has none: its status is pending until somebody looks at it.
	"""

	__tablename__ = "plm_compliance_records"
	__human__ = "compliance record"
	__protect__ = Protect()

	item_id: Mapped[Id] = reference("plm_items")
	revision_id: Mapped[Id] = reference("plm_revisions", ondelete="CASCADE")
	regulation_id: Mapped[Id] = reference("plm_regulations")
	status: Mapped[str] = mapped_column()
	evidence: Mapped[str | None] = mapped_column()
	valid_until: Mapped[date | None] = mapped_column(Date)
	note: Mapped[str | None] = mapped_column()

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"revision_id",
			"regulation_id",
			name="uq_plm_compliance_records_status",
			info=human("STATUS_EXISTS", "The revision has a status here already.", "regulation"),
		),
		CheckConstraint(f"status in {tuple(str(d) for d in Declared)}", name="status"),
		CheckConstraint("status = 'pending' or evidence is not null", name="evidence"),
		CheckConstraint("status <> 'exempt' or valid_until is not null", name="valid_until"),
		Index("ix_plm_compliance_records_valid", "tenant_id", "valid_until"),
	)
