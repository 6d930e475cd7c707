"""What can be done with products: create, change, delete, restore; their costs and identifiers."""

import functools
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Text, bindparam, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import JSONB

from apg.capabilities.plm.classes.inheritance import accepted, first_label
from apg.capabilities.plm.locks import lock_structures
from apg.capabilities.plm.products import reading
from apg.capabilities.plm.products.models import (
	Identifier,
	Item,
	ItemCost,
	NumberSeries,
	Revision,
)
from apg.capabilities.plm.products.schemas import (
	CostIn,
	IdentifierIn,
	ProductIn,
	ProductPatch,
	ProductPut,
)
from apg.capabilities.plm.shared.errors import DomainError
from apg.capabilities.plm.shared.lifecycle import (
	GATED_PHASES,
	LifecyclePhase,
	RevisionState,
	check_phase,
)
from apg.capabilities.plm.shared.numbering import IdentifierScheme, NumberFormat, check_identifier
from apg.contracts.plm import ProductCreated, ProductUpdated
from apg.kernel.database import AnySelect
from apg.kernel.errors import Conflict, Invalid, NotFound, Problem
from apg.kernel.json_rows import One, Page, Prepared, Sorting
from apg.kernel.search import found_by
from apg.kernel.stamps import new_id, utc_now
from apg.kernel.texts import _
from apg.kernel.work import Work

FIRST_LABEL = "A"
NUMBER_PREFIX = "P-"
ON_REVISION = {
	"product_name": "name",
	"product_description": "description",
	"custom_attributes": "attributes",
	"material": "material",
	"mass": "mass",
	"mass_unit": "mass_unit",
	"revision": "label",
}
ON_ITEM = {
	"product_number": "number",
	"product_type": "product_type",
	"lifecycle_phase": "lifecycle_phase",
	"target_cost": "target_cost",
	"unit_of_measure": "unit_of_measure",
	"manufacturing_status": "manufacturing_status",
	"class_path": "class_path",
	"tags": "tags",
	"is_active": "is_active",
}
NEVER_EMPTY = frozenset(
	{
		"product_name",
		"product_number",
		"product_type",
		"lifecycle_phase",
		"unit_of_measure",
		"custom_attributes",
		"tags",
		"revision",
		"is_active",
	}
)


class PhaseNotAllowed(Conflict):
	"""The phase cannot follow the present one."""

	code = "PHASE_NOT_ALLOWED"


def default_currency(work: Work) -> str:
	"""The tenant's own currency; EUR where none is set."""
	return str(work.principal.settings.get("currency") or "EUR")


async def next_number(work: Work, class_path: str | None) -> str:
	"""The next number of the class's series, else of the general one; no two callers get the same.

	A number that somebody typed before is stepped over, with all below it.
	"""
	for path in dict.fromkeys((class_path or "", "")):
		row = await _counted(work, path, NumberSeries.next_number + 1)
		if row is None:
			continue
		series = NumberFormat(row.prefix, row.width)
		number = series.render(row.next_number - 1)
		if await work.scalar(select(Item.id).where(Item.number == number).limit(1)) is not None:
			typed = await work.scalars(
				select(Item.number).where(Item.number.startswith(row.prefix, autoescape=True))
			)
			free = series.counter_after(typed)
			await _counted(work, path, free + 1)
			number = series.render(free)
		return number
	await work.execute(
		text(
			"insert into plm_number_series (id, tenant_id, class_path, prefix, width, next_number, "
			"created_at, updated_at) values (:id, :tenant, '', :prefix, 6, 1, now(), now()) "
			"on conflict (tenant_id, class_path) do nothing"
		),
		{"id": new_id(), "tenant": work.principal.tenant_id, "prefix": NUMBER_PREFIX},
	)
	return await next_number(work, None)


async def _counted(work: Work, path: str, counter: Any) -> Any:
	"""Moves a series on, locking it until the transaction ends; None where there is no series."""
	moved = await work.execute(
		update(NumberSeries)
		.where(NumberSeries.class_path == path)
		.values(next_number=counter)
		.returning(NumberSeries.prefix, NumberSeries.width, NumberSeries.next_number)
		.execution_options(bulk=True, synchronize_session=False)
	)
	return moved.one_or_none()


async def create(work: Work, new: ProductIn) -> Item:
	"""A new product with its first working revision. Raises Invalid, Conflict."""
	check_identity(work, new)
	check_mass(new.mass, new.mass_unit)
	attributes = await accepted(work, new.class_path, new.custom_attributes)
	label = new.revision or await first_label(work, new.class_path, new.lifecycle_phase)
	number = new.product_number or await next_number(work, new.class_path)
	item_id, revision_id = new_id(), new_id()
	item = work.add(
		Item(
			id=item_id,
			number=number,
			product_type=new.product_type,
			class_path=new.class_path,
			unit_of_measure=new.unit_of_measure,
			lifecycle_phase=new.lifecycle_phase,
			manufacturing_status=new.manufacturing_status,
			target_cost=new.target_cost,
			target_currency=_currency(work, new) if new.target_cost is not None else None,
			tags=list(dict.fromkeys(new.tags)),
			current_revision_id=revision_id,
			scope_id=work.principal.tenant_id,
		)
	)
	await work.flush()
	work.add(
		Revision(
			id=revision_id,
			item_id=item_id,
			ordinal=1,
			label=label,
			name=new.product_name,
			description=new.product_description,
			attributes=attributes,
			mass=new.mass,
			mass_unit=new.mass_unit,
			material=new.material,
		)
	)
	if new.current_cost is not None:
		_cost_by_hand(work, item_id, new.current_cost, _currency(work, new))
	work.publish(ProductCreated(product_id=item_id, revision_id=revision_id))
	await work.flush()
	return item


def check_identity(work: Work, new: ProductIn) -> None:
	"""Tenant and author may be named when they are the caller's own. Raises Invalid."""
	problems: list[Problem] = []
	if new.tenant_id not in (None, work.principal.tenant_id, work.principal.tenant_slug):
		problems.append(Problem("tenant_id", _("This is not your tenant; leave the field out.")))
	if new.created_by not in (None, work.principal.user_id, work.principal.username):
		problems.append(Problem("created_by", _("This is not you; leave the field out.")))
	if problems:
		raise Invalid(problems=problems)


def check_mass(mass: Decimal | None, unit: str | None) -> None:
	"""A mass needs its unit, and a unit its mass. Raises Invalid."""
	if mass is not None and unit is None:
		raise Invalid.one("mass_unit", _("Give the unit of the mass, for example g or kg."))
	if mass is None and unit is not None:
		raise Invalid.one("mass", _("Give the mass, or leave its unit out."))


def _currency(work: Work, new: Any) -> str:
	return new.currency or default_currency(work)


def _cost_by_hand(work: Work, item_id: str, amount: Decimal, currency: str) -> None:
	work.add(
		ItemCost(
			item_id=item_id,
			kind="manual",
			valid_from=utc_now().date(),
			amount=amount,
			currency=currency,
		)
	)


async def editable_revision(work: Work, item: Item) -> Revision:
	"""The revision that content changes go to, locked. Raises RevisionNotWorking when none is open."""
	found = await work.session.scalar(reading.latest_working(item.id).with_for_update())
	revision = found or await work.get(Revision, item.current_revision_id)
	revision.must_be_working()
	return revision


async def _shown_revision(work: Work, item: Item) -> Revision:
	found = await work.session.scalar(reading.latest_working(item.id))
	return found or await work.get(Revision, item.current_revision_id)


async def change(work: Work, product_id: str, patch: ProductPatch | ProductPut) -> str:
	"""Changes what the patch names (a PUT names all); answers the revision that now shows it.

	Raises NotFound, PreconditionFailed, RevisionNotWorking, PhaseNotAllowed, Invalid.
	"""
	item = await work.edit(Item, product_id, compare=False)
	shown = await _shown_revision(work, item)
	current = await work.get(Revision, item.current_revision_id)
	_expect(work, item, shown, current)
	whole = isinstance(patch, ProductPut)
	if isinstance(patch, ProductPut):
		check_identity(work, patch)
	given = patch.model_dump(exclude_unset=not whole)
	if empty := [
		name for name in given if name in NEVER_EMPTY and given[name] is None and not whole
	]:
		raise Invalid(
			problems=[Problem(name, _("This field cannot be emptied.")) for name in empty]
		)
	if given.get("custom_attributes") is not None:
		class_path = given.get("class_path", item.class_path)
		given["custom_attributes"] = await accepted(work, class_path, given["custom_attributes"])
	if whole and given.get("revision") is None:
		given.pop("revision", None)
	if "lifecycle_phase" in given:
		_move_phase(item, LifecyclePhase(given["lifecycle_phase"]))
		await _gate_phase(work, item, LifecyclePhase(given["lifecycle_phase"]))
	for name, attribute in ON_ITEM.items():
		if name in given and getattr(item, attribute) != given[name]:
			setattr(item, attribute, given[name])
	if item.target_cost is not None and (given.get("currency") or item.target_currency is None):
		item.target_currency = given.get("currency") or default_currency(work)
	content = {
		attribute: given[name]
		for name, attribute in ON_REVISION.items()
		if name in given and getattr(shown, attribute) != given[name]
	}
	if content:
		revision = await editable_revision(work, item)
		for attribute, value in content.items():
			setattr(revision, attribute, value)
		check_mass(revision.mass, revision.mass_unit)
		shown = revision
	if given.get("current_cost") is not None:
		await record_current_cost(
			work, item.id, given["current_cost"], given.get("currency") or default_currency(work)
		)
	await work.flush()
	work.publish(ProductUpdated(product_id=item.id, revision_id=shown.id, fields=sorted(given)))
	return shown.id


def _expect(work: Work, item: Item, shown: Revision, current: Revision) -> None:
	wanted = (work.if_match or "").strip().removeprefix("W/").strip('"')
	tags = [f"{item.version}-{shown.version}", f"{item.version}-{current.version}"]
	work.expect(tags[1] if wanted == tags[1] else tags[0])


def _move_phase(item: Item, wanted: LifecyclePhase) -> None:
	try:
		check_phase(LifecyclePhase(item.lifecycle_phase), wanted)
	except DomainError as error:
		raise PhaseNotAllowed(
			str(error), problems=[Problem("lifecycle_phase", str(error), "phase_not_allowed")]
		) from error


async def _gate_phase(work: Work, item: Item, wanted: LifecyclePhase) -> None:
	if not work.principal.settings.get("gate_phases") or wanted not in GATED_PHASES:
		return
	released = await work.scalar(
		select(Revision.id).where(
			Revision.item_id == item.id, Revision.state == RevisionState.RELEASED
		)
	)
	if released is None:
		raise PhaseNotAllowed(
			_(
				"The company asks for a released revision before {phase}; release one first.",
				phase=wanted,
			)
		)


async def remove(work: Work, product_id: str) -> None:
	"""Soft delete; its number is free again. Raises Conflict while a structure uses it."""
	await work.get(Item, product_id)
	await lock_structures(work)  # nobody puts it into a structure meanwhile
	item = await work.edit(Item, product_id, compare=False)
	current = await work.get(Revision, item.current_revision_id)
	_expect(work, item, await _shown_revision(work, item), current)
	used = await work.scalar(
		text(
			"select i.number from plm_lines l join plm_revisions r on r.id = l.parent_revision_id "
			"join plm_items i on i.id = r.item_id where l.child_item_id = :id and not i.is_deleted "
			"and r.state in ('working', 'in_review', 'released') limit 1"
		),
		{"id": item.id},
	)
	if used is not None:
		raise Conflict(
			_(
				"{number} still uses this product; take it out of that structure first.",
				number=used,
			),
			code="PRODUCT_IN_USE",
		)
	item.is_deleted = True
	item.deleted_at = utc_now()
	item.deleted_by = work.principal.user_id
	work.publish(ProductUpdated(product_id=item.id, revision_id=current.id, fields=["is_deleted"]))


async def restore(work: Work, product_id: str) -> None:
	"""Brings a deleted product back. Raises Conflict when its number was taken meanwhile."""
	item = await work.edit(Item, product_id, deleted=True, compare=False)
	if not item.is_deleted:
		raise Conflict(_("The product is not deleted."), code="NOT_DELETED")
	item.is_deleted, item.deleted_at, item.deleted_by = False, None, None


async def read(
	work: Work, product_id: str, *, revision_id: str | None = None, deleted: bool = False
) -> One:
	"""The product as JSON. Raises NotFound."""
	if revision_id is None and not deleted:
		return await work.read_one(reading.ONE, Item, product_id=product_id)
	statement = reading.select_products(revision_id).where(Item.id == product_id)
	if revision_id is not None:
		statement = statement.where(Revision.item_id == Item.id)
	if not deleted:
		statement = statement.where(~Item.is_deleted)
	return await work.read_one(statement, Item)


async def revision_of(
	work: Work, product_id: str, *, label: str | None = None, view: str | None = None
) -> str | None:
	"""The revision a reader asks for; None stands for the default view. Raises NotFound, Invalid."""
	if label is not None:
		found = await work.scalar(
			select(Revision.id)
			.where(
				Revision.item_id == product_id,
				(Revision.label == label) | (func.text(Revision.id) == label),
			)
			.order_by(Revision.ordinal.desc())
			.limit(1)
		)
		if found is None:
			raise NotFound(_("The product has no revision {label}.", label=label))
		return found
	if view in (None, "", "default"):
		return None
	states = {"latest_working": ("working", "in_review"), "latest_released": ("released",)}
	if view not in states:
		raise Invalid.one("view", _("Choose default, latest_working or latest_released."))
	return await work.scalar(
		select(Revision.id)
		.where(Revision.item_id == product_id, Revision.state.in_(states[view]))
		.order_by(Revision.ordinal.desc())
		.limit(1)
	)


def matching(
	*,
	criteria: Mapping[str, Any] | ColumnElement[Any] | None = None,
	product_type: str | ColumnElement[str] | None = None,
	lifecycle_phase: str | ColumnElement[str] | None = None,
	status: str | None = None,
) -> AnySelect:
	"""Products that fit; text, tags, attributes and costs go through the search function."""
	statement = reading.select_products()
	if status == "deleted":
		statement = statement.where(Item.is_deleted)
	else:
		statement = statement.where(~Item.is_deleted)
		if status in ("active", "inactive"):
			statement = statement.where(Item.is_active == (status == "active"))
	if product_type is not None:
		statement = statement.where(Item.product_type == product_type)
	if lifecycle_phase is not None:
		statement = statement.where(Item.lifecycle_phase == lifecycle_phase)
	if isinstance(criteria, ColumnElement) or criteria:
		statement = statement.where(Item.id.in_(found_by("plm_items", criteria)))
	return statement


def ordered(statement: AnySelect, sort: Sorting) -> AnySelect:
	"""The products in a total order; `sort` holds (field, descending)."""
	for name, descending in sort:
		column = reading.SORTABLE[name]
		# NULLS LAST only where there may be one: an index in plain order serves the rest.
		falling = column.desc().nulls_last() if name in reading.NULLABLE else column.desc()
		statement = statement.order_by(falling if descending else column)
	return statement.order_by(Item.id.desc() if sort and sort[-1][1] else Item.id)


async def page(work: Work, statement: AnySelect, *, sort: Sorting, number: int, size: int) -> Page:
	"""One page of a select that a page of the product made up."""
	return await work.read_list(ordered(statement, sort), limit=size, offset=(number - 1) * size)


@functools.cache  # as many as there are combinations of filters and sort keys in use
def _listing(given: frozenset[str], status: str | None, sort: Sorting) -> Prepared:
	asked: dict[str, Any] = {name: bindparam(name, type_=Text) for name in given - {"criteria"}}
	if "criteria" in given:
		asked["criteria"] = bindparam("criteria", type_=JSONB)
	return Prepared(ordered(matching(status=status, **asked), sort))


async def listed(
	work: Work, *, status: str | None, sort: Sorting, number: int, size: int, **asked: Any
) -> Page:
	"""One page of the products that fit what `matching` may be asked."""
	given = {name: value for name, value in asked.items() if value}
	prepared = _listing(frozenset(given), status, sort)
	return await work.read_list(prepared, limit=size, offset=(number - 1) * size, **given)


async def record_current_cost(work: Work, item_id: str, amount: Decimal, currency: str) -> None:
	"""Today's cost by hand; a second one on the same day replaces the first."""
	today = utc_now().date()
	held = await work.session.scalar(
		select(ItemCost).where(
			ItemCost.item_id == item_id,
			ItemCost.kind == "manual",
			ItemCost.supplier == "",
			ItemCost.valid_from == today,
			ItemCost.quantity_break == 1,
		)
	)
	if held is None:
		_cost_by_hand(work, item_id, amount, currency)
	else:
		held.amount, held.currency = amount, currency


async def add_cost(work: Work, product_id: str, new: CostIn) -> ItemCost:
	"""Records a cost. Raises NotFound, Conflict for the same kind, supplier, date and quantity."""
	await work.get(Item, product_id)
	cost = work.add(
		ItemCost(
			item_id=product_id,
			kind=new.kind,
			valid_from=new.valid_from or utc_now().date(),
			quantity_break=new.quantity_break,
			amount=new.amount,
			currency=new.currency,
			supplier=new.supplier,
			source=new.source,
		)
	)
	await work.flush()
	work.publish(ProductUpdated(product_id=product_id, revision_id=None, fields=["current_cost"]))
	return cost


async def read_cost(work: Work, product_id: str, cost_id: str) -> One:
	"""One cost as JSON. Raises NotFound."""
	return await work.read_one(
		reading.select_costs(product_id).where(ItemCost.id == cost_id), ItemCost
	)


async def remove_cost(work: Work, product_id: str, cost_id: str) -> None:
	"""Takes a cost away; the trail keeps it. Raises NotFound."""
	cost = await work.edit(ItemCost, cost_id)
	if cost.item_id != product_id:
		raise NotFound(_("cost not found"))
	await work.delete(cost)


async def add_identifier(work: Work, product_id: str, new: IdentifierIn) -> Identifier:
	"""Another name for the product. Raises NotFound, Conflict, Invalid for a bad GTIN."""
	await work.get(Item, product_id)
	try:
		value = check_identifier(new.scheme, new.value)
	except DomainError as error:
		raise Invalid.one("value", f"{error.reason}. {error.remedy}", error.code) from error
	if new.issuer and new.scheme == IdentifierScheme.GTIN:
		raise Invalid.one("issuer", _("A GTIN is the same for everybody; leave this out."))
	return work.add(
		Identifier(item_id=product_id, scheme=new.scheme, value=value, issuer=new.issuer)
	)


async def remove_identifier(work: Work, product_id: str, identifier_id: str) -> None:
	"""Takes the name away. Raises NotFound."""
	removed = await work.execute(
		delete(Identifier)
		.where(Identifier.id == identifier_id, Identifier.item_id == product_id)
		.returning(Identifier.id)
		.execution_options(bulk=True, synchronize_session=False)
	)
	if removed.one_or_none() is None:
		raise NotFound(_("identifier not found"))
