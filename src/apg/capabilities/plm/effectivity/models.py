"""Ranges in which a revision stands for its product; the database refuses that two overlap."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.dialects.postgresql import INT8RANGE, TSTZRANGE, ExcludeConstraint, Range
from sqlalchemy.orm import Mapped, mapped_column

from apg.kernel.database import Base, Id, id_type, reference
from apg.kernel.errors import human
from apg.kernel.tenancy import Protect, TenantOwned

OVERLAP = human(
	"EFFECTIVITY_OVERLAPS",
	"Another revision of the product is effective in a part of this range; close that one first.",
	"from",
)


def _exclusive(column: str) -> ExcludeConstraint[object]:
	return ExcludeConstraint(
		("tenant_id", "="),
		("item_id", "="),
		("context_item_id", "="),
		(column, "&&"),
		name=f"ex_plm_effectivities_{column}",
		using="gist",
		where=text(f"{column} is not null"),
		info=OVERLAP,
	)


class Effectivity(TenantOwned, Base):
	"""One half-open range [from, to) of dates, units or lots in which a revision is effective.

	`context_item_id` is the end item whose dates, serial numbers or lots are meant; the product
	itself stands for every context, and a specific context beats it. Times are UTC; units and lots
	are whole numbers from 1. Exactly one of the three ranges is set.
	"""

	__tablename__ = "plm_effectivities"
	__human__ = "effectivity"
	__protect__ = Protect()

	item_id: Mapped[Id] = reference("plm_items")
	revision_id: Mapped[Id] = reference("plm_revisions")
	context_item_id: Mapped[Id] = reference("plm_items")
	dates: Mapped[Range[datetime] | None] = mapped_column(TSTZRANGE)
	units: Mapped[Range[int] | None] = mapped_column(INT8RANGE)
	lots: Mapped[Range[int] | None] = mapped_column(INT8RANGE)
	change_id: Mapped[Id | None] = mapped_column(id_type)

	__table_args__ = (
		CheckConstraint("num_nonnulls(dates, units, lots) = 1", name="one_range"),
		CheckConstraint(
			"not isempty(dates) and lower_inc(dates) and not upper_inc(dates) "
			"and lower(dates) > '-infinity' and coalesce(upper(dates) < 'infinity', true)",
			name="dates",
		),
		CheckConstraint("not isempty(units) and lower(units) >= 1", name="units"),
		CheckConstraint("not isempty(lots) and lower(lots) >= 1", name="lots"),
		_exclusive("dates"),
		_exclusive("units"),
		_exclusive("lots"),
		Index("ix_plm_effectivities_item", "tenant_id", "item_id", "context_item_id"),
	)
