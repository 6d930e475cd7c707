"""The tree of classes, the attributes they define, and the schemes of their labels."""

from decimal import Decimal
from typing import Any

from sqlalchemy import Boolean, CheckConstraint, Integer, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from apg.capabilities.plm.shared.attributes import AttributeKind
from apg.capabilities.plm.shared.lifecycle import LifecyclePhase
from apg.kernel.database import Base, Id, reference
from apg.kernel.errors import human
from apg.kernel.tenancy import Protect, TenantOwned

_KINDS = ", ".join(repr(str(kind)) for kind in AttributeKind)
_PHASES = ", ".join(repr(str(phase)) for phase in LifecyclePhase)


class PartClass(TenantOwned, Base):
	"""A node of the tree. `path` is the names from the root on, joined by `/`; a product names its
	class by it, so a path below a class that is not recorded itself still inherits from it.

	`documents` are the kinds that its products and those below need at release.
	"""

	__tablename__ = "plm_classes"
	__human__ = "class"
	__protect__ = Protect()

	parent_id: Mapped[Id | None] = reference("plm_classes", nullable=True)
	name: Mapped[str] = mapped_column()
	path: Mapped[str] = mapped_column()
	description: Mapped[str | None] = mapped_column()
	documents: Mapped[list[str]] = mapped_column(default=list, server_default=text("'[]'"))

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"path",
			name="uq_plm_classes_path",
			info=human("CLASS_EXISTS", "There is a class of this name in this place.", "name"),
		),
		CheckConstraint("name <> '' and strpos(name, '/') = 0", name="name"),
		CheckConstraint("parent_id <> id", name="parent"),
	)


class ClassAttribute(TenantOwned, Base):
	"""An attribute that products of the class and of all classes below have."""

	__tablename__ = "plm_class_attributes"
	__human__ = "attribute"
	__protect__ = Protect()

	class_id: Mapped[Id] = reference("plm_classes", ondelete="CASCADE")
	name: Mapped[str] = mapped_column()
	title: Mapped[str] = mapped_column(default="", server_default="")
	kind: Mapped[str] = mapped_column()
	unit: Mapped[str | None] = mapped_column()
	choices: Mapped[list[Any]] = mapped_column(JSONB, default=list, server_default=text("'[]'"))
	minimum: Mapped[Decimal | None] = mapped_column()
	maximum: Mapped[Decimal | None] = mapped_column()
	is_required: Mapped[bool] = mapped_column(Boolean, default=False, server_default=text("false"))
	position: Mapped[int] = mapped_column(Integer, default=0, server_default="0")

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"class_id",
			"name",
			name="uq_plm_class_attributes_name",
			info=human("ATTRIBUTE_EXISTS", "The class already has this attribute.", "name"),
		),
		CheckConstraint(f"kind in ({_KINDS})", name="kind"),
		CheckConstraint("(kind = 'choice') = (jsonb_array_length(choices) > 0)", name="choices"),
		CheckConstraint("minimum <= maximum", name="range"),
	)


class LabelSchemeRow(TenantOwned, Base):
	"""How revisions are labelled: for a class (none: every product) in a phase (empty: every one)."""

	__tablename__ = "plm_label_schemes"
	__human__ = "label scheme"
	__protect__ = Protect()

	class_id: Mapped[Id | None] = reference("plm_classes", nullable=True, ondelete="CASCADE")
	phase: Mapped[str] = mapped_column(default="", server_default="")
	series: Mapped[str] = mapped_column()
	width: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
	prefix: Mapped[str] = mapped_column(default="", server_default="")

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"class_id",
			"phase",
			name="uq_plm_label_schemes_place",
			postgresql_nulls_not_distinct=True,
			info=human(
				"SCHEME_EXISTS", "There is a scheme for this class and phase already.", "phase"
			),
		),
		CheckConstraint(f"phase = '' or phase in ({_PHASES})", name="phase"),
		CheckConstraint("series in ('letters', 'numbers')", name="series"),
		CheckConstraint("width between 1 and 6", name="width"),
		CheckConstraint("length(prefix) <= 4", name="prefix"),
	)
