"""Many products at once, for imports: found, numbered and written in a few statements each.

Nothing here decides what may change; a caller has compared, and holds the rows locked.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import and_, func, select, update
from sqlalchemy.orm import aliased

from apg.capabilities.plm.products.models import Identifier, Item, ItemCost, NumberSeries, Revision
from apg.capabilities.plm.products.service import FIRST_LABEL, next_number
from apg.capabilities.plm.shared.lifecycle import RevisionState
from apg.kernel.rows import delete_rows, ids, insert_rows, texts, update_rows, wanted
from apg.kernel.work import Work

FIXED = (RevisionState.RELEASED, RevisionState.SUPERSEDED, RevisionState.OBSOLETE)


@dataclass(slots=True)
class RecordedPart:
	"""A product with the revision that content goes to: its working one, else the current one."""

	item_id: str
	revision_id: str
	state: str
	number: str
	product_type: str
	class_path: str | None
	unit_of_measure: str
	tags: list[str]
	is_active: bool
	label: str
	name: str
	description: str | None
	attributes: dict[str, Any]
	mass: Decimal | None
	mass_unit: str | None
	identifiers: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
	prices: list["RecordedPrice"] = field(default_factory=list["RecordedPrice"])
	fixed_labels: set[str] = field(default_factory=set[str])  # of revisions that were released

	@property
	def is_working(self) -> bool:
		return self.state == RevisionState.WORKING


@dataclass(frozen=True, slots=True)
class RecordedPrice:
	"""One row of a price list; `list_key` names the list."""

	id: str
	kind: str
	supplier: str
	sku: str
	valid_from: date
	quantity_break: Decimal
	amount: Decimal
	currency: str
	source: str

	@property
	def list_key(self) -> tuple[str, str, str]:
		return self.kind, self.supplier, self.sku


async def find_parts(
	work: Work,
	*,
	numbers: Iterable[str] = (),
	names: Iterable[str] = (),
	identifiers: Iterable[str] = (),
	item_ids: Iterable[str] = (),
	lock: bool = False,
) -> list[RecordedPart]:
	"""Products by any of their numbers, names and identifiers, capitals aside, with all of them,
	and those with these ids.

	`lock` holds products and revisions until the transaction ends, in the order of their ids.
	"""
	found: set[str] = set(item_ids)
	number, name, value = wanted(numbers), wanted(names), wanted(identifiers)
	for statement in (
		select(Item.id).join(number, func.lower(Item.number) == number.c.text),
		select(Revision.item_id).join(name, func.lower(Revision.name) == name.c.text),
		select(Identifier.item_id).join(value, func.lower(Identifier.value) == value.c.text),
	):
		found.update(await work.scalars(statement))
	return await load_parts(work, sorted(found), lock=lock)


async def load_parts(
	work: Work, item_ids: Sequence[str], *, lock: bool = False
) -> list[RecordedPart]:
	"""The products with these ids that are not deleted, with identifiers and prices."""
	if not item_ids:
		return []
	working = aliased(Revision)
	target = func.coalesce(
		select(working.id)
		.where(
			working.item_id == Item.id,
			working.state == RevisionState.WORKING,
			working.change_id.is_(None),
		)
		.scalar_subquery(),
		Item.current_revision_id,
	)
	statement = (
		select(
			Item.id,
			Revision.id,
			Revision.state,
			Item.number,
			Item.product_type,
			Item.class_path,
			Item.unit_of_measure,
			Item.tags,
			Item.is_active,
			Revision.label,
			Revision.name,
			Revision.description,
			Revision.attributes,
			Revision.mass,
			Revision.mass_unit,
		)
		.join(Revision, and_(Revision.item_id == Item.id, Revision.id == target))
		.where(Item.id == ids(item_ids), ~Item.is_deleted)
		.order_by(Item.id)
	)
	if lock:
		statement = statement.with_for_update()
	rows = (await work.execute(statement)).all()
	parts = {row[0]: RecordedPart(*row) for row in rows}
	fixed = await work.execute(
		select(Revision.item_id, Revision.label).where(
			Revision.item_id == ids(parts), Revision.state == texts(FIXED)
		)
	)
	for item_id, label in fixed:
		parts[item_id].fixed_labels.add(label)
	others = await work.execute(
		select(Identifier.item_id, Identifier.scheme, Identifier.value, Identifier.issuer)
		.where(Identifier.item_id == ids(parts))
		.order_by(Identifier.id)
	)
	for item_id, *identifier in others:
		parts[item_id].identifiers.append(tuple(identifier))
	prices = await work.execute(
		select(
			ItemCost.item_id,
			ItemCost.id,
			ItemCost.kind,
			ItemCost.supplier,
			ItemCost.sku,
			ItemCost.valid_from,
			ItemCost.quantity_break,
			ItemCost.amount,
			ItemCost.currency,
			ItemCost.source,
		)
		.where(ItemCost.item_id == ids(parts))
		.order_by(ItemCost.valid_from, ItemCost.quantity_break)
	)
	for item_id, *price in prices:
		parts[item_id].prices.append(RecordedPrice(*price))
	return list(parts.values())


async def reserve_numbers(work: Work, wanted: Mapping[str, int]) -> dict[str, list[str]]:
	"""So many free numbers per class, in order; one statement a series, whoever else asks.

	A number of the series that somebody typed by hand is stepped over.
	"""
	held = await work.scalars(
		select(NumberSeries.class_path).where(NumberSeries.class_path == texts(["", *wanted]))
	)
	known = set(held)
	together: dict[str, int] = {}
	for path, count in wanted.items():
		series = path if path in known else ""
		together[series] = together.get(series, 0) + count
	free = {series: iter(await _block(work, series, n)) for series, n in together.items()}
	return {
		path: [next(free[path if path in known else ""]) for _n in range(count)]
		for path, count in wanted.items()
	}


async def _block(work: Work, series: str, count: int) -> list[str]:
	found: list[str] = []
	while len(found) < count:
		missing = count - len(found)
		row = (
			await work.execute(
				update(NumberSeries)
				.where(NumberSeries.class_path == series)
				.values(next_number=NumberSeries.next_number + missing)
				.returning(NumberSeries.prefix, NumberSeries.width, NumberSeries.next_number)
				.execution_options(bulk=True, synchronize_session=False)
			)
		).one_or_none()
		if row is None:
			# The first number of the general series also makes the series.
			block = [await next_number(work, None)]
		else:
			first = row.next_number - missing
			block = [f"{row.prefix}{n:0{row.width}d}" for n in range(first, row.next_number)]
		taken = set(
			await work.scalars(
				select(Item.number).where(Item.number == texts(block), ~Item.is_deleted)
			)
		)
		found.extend(number for number in block if number not in taken)
	return found


@dataclass(slots=True)
class PartWrites:
	"""Everything that is to be written about products; columns by their names in the record."""

	new: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
	items: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
	revisions: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
	identifiers: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
	new_prices: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
	prices: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
	gone_prices: list[str] = field(default_factory=list[str])


async def write_parts(work: Work, writes: PartWrites) -> None:
	"""Writes all of it. Rows of `new` hold `item_id`, `revision_id`, the columns of the item and, under
	`content`, those of its first revision."""
	await insert_rows(
		work,
		Item,
		[
			{
				"id": new["item_id"],
				"number": new["number"],
				"product_type": new["product_type"],
				"class_path": new["class_path"],
				"unit_of_measure": new["unit_of_measure"],
				"lifecycle_phase": new["lifecycle_phase"],
				"tags": new["tags"],
				"is_active": new["is_active"],
				"current_revision_id": new["revision_id"],
				"scope_id": work.principal.tenant_id,
			}
			for new in writes.new
		],
	)
	await insert_rows(
		work,
		Revision,
		[
			{
				"id": new["revision_id"],
				"item_id": new["item_id"],
				"ordinal": 1,
				"state": RevisionState.WORKING,
				**new["content"],
				"label": new["content"]["label"] or FIRST_LABEL,
			}
			for new in writes.new
		],
	)
	await update_rows(work, Item, writes.items)
	await update_rows(work, Revision, writes.revisions)
	await insert_rows(work, Identifier, writes.identifiers)
	await delete_rows(work, ItemCost, writes.gone_prices)
	await update_rows(work, ItemCost, writes.prices)
	await insert_rows(work, ItemCost, writes.new_prices)
