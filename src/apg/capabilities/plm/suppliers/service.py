"""What can be done with manufacturers, their parts, suppliers and offers."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, text

from apg.capabilities.plm.products.models import Item, ItemCost
from apg.capabilities.plm.products.service import default_currency
from apg.capabilities.plm.suppliers.models import (
	ApprovedPart,
	Manufacturer,
	ManufacturerPart,
	Offer,
	Supplier,
)
from apg.capabilities.plm.suppliers.reading import (
	select_approved,
	select_manufacturers,
	select_offers,
	select_parts,
	select_suppliers,
)
from apg.capabilities.plm.suppliers.schemas import (
	ApprovedPartIn,
	ApprovedPartPatch,
	ManufacturerIn,
	ManufacturerPartIn,
	ManufacturerPartPatch,
	ManufacturerPatch,
	OfferIn,
	OfferPatch,
	PriceBreak,
	SupplierIn,
	SupplierPatch,
)
from apg.contracts.plm import ProductUpdated
from apg.contracts.reference import ExchangeRates
from apg.kernel.database import AnySelect
from apg.kernel.errors import Conflict, Invalid, NotFound, Problem
from apg.kernel.json_rows import One, Page
from apg.kernel.stamps import utc_now
from apg.kernel.texts import _
from apg.kernel.work import Work


class StillUsed(Conflict):
	"""Something still names it."""

	code = "STILL_USED"


def _set(entity: Any, patch: Any, never_empty: Sequence[str], **renamed: str) -> dict[str, Any]:
	"""Sets what the patch names. Raises Invalid for what cannot be emptied."""
	given = patch.model_dump(exclude_unset=True)
	if empty := [name for name in never_empty if name in given and given[name] is None]:
		raise Invalid(problems=[Problem(n, _("This field cannot be emptied.")) for n in empty])
	for name, value in given.items():
		if name != "prices":
			setattr(entity, str(renamed.get(name) or name), value)
	return given


async def page(work: Work, statement: AnySelect, *, number: int, size: int) -> Page:
	return await work.read_list(statement, limit=size, offset=(number - 1) * size)


# -- manufacturers and their parts -------------------------------------------------------------


async def read_manufacturer(work: Work, manufacturer_id: str) -> One:
	"""Raises NotFound."""
	found = await work.get(Manufacturer, manufacturer_id)
	return await work.read_one(
		select_manufacturers().where(Manufacturer.id == found.id), Manufacturer
	)


async def add_manufacturer(work: Work, new: ManufacturerIn) -> Manufacturer:
	"""Raises Conflict for a name that is taken."""
	made = work.add(Manufacturer(**new.model_dump()))
	await work.flush()
	return made


async def change_manufacturer(work: Work, manufacturer_id: str, patch: ManufacturerPatch) -> None:
	"""Raises NotFound, PreconditionFailed, Invalid, Conflict."""
	_set(await work.edit(Manufacturer, manufacturer_id), patch, ("name",))
	await work.flush()


async def remove_manufacturer(work: Work, manufacturer_id: str) -> None:
	"""Raises NotFound, PreconditionFailed, StillUsed while it has parts."""
	held = await work.edit(Manufacturer, manufacturer_id)
	part = await work.scalar(
		select(ManufacturerPart.number).where(ManufacturerPart.manufacturer_id == held.id).limit(1)
	)
	if part is not None:
		raise StillUsed(
			_("{number} is a part of this manufacturer; remove that first.", number=part)
		)
	await work.delete(held)
	await work.flush()


async def list_parts(work: Work, manufacturer_id: str, *, number: int, size: int) -> Page:
	"""Raises NotFound."""
	held = await work.get(Manufacturer, manufacturer_id)
	return await page(work, select_parts(held.id), number=number, size=size)


async def _part(work: Work, manufacturer_id: str, part_id: str) -> ManufacturerPart:
	found = await work.get(ManufacturerPart, part_id)
	if found.manufacturer_id != manufacturer_id:
		raise NotFound(_("{what} not found", what=_("manufacturer part")))
	return found


async def read_part(work: Work, manufacturer_id: str, part_id: str) -> One:
	"""Raises NotFound."""
	found = await _part(work, manufacturer_id, part_id)
	return await work.read_one(
		select_parts(manufacturer_id).where(ManufacturerPart.id == found.id), ManufacturerPart
	)


async def add_part(work: Work, manufacturer_id: str, new: ManufacturerPartIn) -> ManufacturerPart:
	"""Raises NotFound, Conflict for a number the manufacturer has."""
	held = await work.get(Manufacturer, manufacturer_id)
	made = work.add(
		ManufacturerPart(
			manufacturer_id=held.id,
			number=new.part_number,
			description=new.description,
			lifecycle=new.lifecycle,
		)
	)
	await work.flush()
	return made


async def change_part(
	work: Work, manufacturer_id: str, part_id: str, patch: ManufacturerPartPatch
) -> None:
	"""Raises NotFound, PreconditionFailed, Invalid, Conflict."""
	await _part(work, manufacturer_id, part_id)
	held = await work.edit(ManufacturerPart, part_id)
	_set(held, patch, ("part_number", "lifecycle"), part_number="number")
	await work.flush()


async def remove_part(work: Work, manufacturer_id: str, part_id: str) -> None:
	"""Raises NotFound, PreconditionFailed, StillUsed while a product lists it."""
	await _part(work, manufacturer_id, part_id)
	held = await work.edit(ManufacturerPart, part_id)
	for entity in (ApprovedPart, Offer):
		used = await work.scalar(
			select(Item.number)
			.join(entity, entity.item_id == Item.id)
			.where(entity.manufacturer_part_id == held.id)
			.limit(1)
		)
		if used is not None:
			raise StillUsed(_("{number} lists this part; take it away there first.", number=used))
	await work.delete(held)
	await work.flush()


# -- the approved list of a product ------------------------------------------------------------


async def approved(work: Work, product_id: str) -> bytes:
	"""As JSON. Raises NotFound."""
	await work.get(Item, product_id)
	return await work.read_json(select_approved(product_id))


async def read_approved(work: Work, product_id: str, approved_id: str) -> One:
	"""Raises NotFound."""
	found = await _approved(work, product_id, approved_id)
	return await work.read_one(
		select_approved(product_id).where(ApprovedPart.id == found.id), ApprovedPart
	)


async def _approved(work: Work, product_id: str, approved_id: str) -> ApprovedPart:
	found = await work.get(ApprovedPart, approved_id)
	if found.item_id != product_id:
		raise NotFound(_("{what} not found", what=_("approved part")))
	return found


async def approve(work: Work, product_id: str, new: ApprovedPartIn) -> ApprovedPart:
	"""Lists a manufacturer part for a product. Raises NotFound, Invalid, Conflict."""
	item = await work.get(Item, product_id)
	part_id = new.manufacturer_part_id
	if part_id is not None:
		if await work.find(ManufacturerPart, part_id) is None:
			raise Invalid.one("manufacturer_part_id", _("There is no such part."), "unknown")
	elif new.manufacturer is None or new.part_number is None:
		missing = "manufacturer" if new.manufacturer is None else "part_number"
		raise Invalid.one(missing, _("Name the maker and the number of the part."), "missing")
	else:
		part_id = await part_named(work, new.manufacturer, new.part_number)
	made = work.add(
		ApprovedPart(
			item_id=item.id,
			manufacturer_part_id=part_id,
			status=new.status,
			rank=new.rank,
			note=new.note,
		)
	)
	await work.flush()
	return made


_MAKER = text(
	"insert into plm_manufacturers (id, tenant_id, name, created_at, updated_at, created_by, "
	"updated_by) values (gen_random_uuid(), :tenant, :name, now(), now(), :user, :user) "
	"on conflict (tenant_id, name) do update set name = excluded.name returning id::text"
)
_PART = text(
	"insert into plm_manufacturer_parts (id, tenant_id, manufacturer_id, number, created_at, "
	"updated_at, created_by, updated_by) values (gen_random_uuid(), :tenant, "
	"cast(:maker as uuid), :number, now(), now(), :user, :user) "
	"on conflict (tenant_id, manufacturer_id, number) do update set number = excluded.number "
	"returning id::text"
)


async def part_named(work: Work, maker: str, number: str) -> str:
	"""The part of a maker by number; both are made where they are new, once however many ask."""
	held = await work.scalar(
		select(ManufacturerPart.id)
		.join(Manufacturer, Manufacturer.id == ManufacturerPart.manufacturer_id)
		.where(Manufacturer.name == maker, ManufacturerPart.number == number)
	)
	if held is not None:
		return held
	given = {"tenant": work.principal.tenant_id, "user": work.principal.user_id}
	found = await work.scalar(select(Manufacturer.id).where(Manufacturer.name == maker))
	maker_id = found or await work.scalar(_MAKER, {**given, "name": maker})
	return await work.scalar(_PART, {**given, "maker": maker_id, "number": number})


async def change_approved(
	work: Work, product_id: str, approved_id: str, patch: ApprovedPartPatch
) -> None:
	"""Raises NotFound, PreconditionFailed, Invalid."""
	await _approved(work, product_id, approved_id)
	_set(await work.edit(ApprovedPart, approved_id), patch, ("status", "rank"))
	await work.flush()


async def remove_approved(work: Work, product_id: str, approved_id: str) -> None:
	"""Raises NotFound, PreconditionFailed."""
	await _approved(work, product_id, approved_id)
	await work.delete(await work.edit(ApprovedPart, approved_id))
	await work.flush()


_NAMED_BY_FILES = text("""
	select distinct d.issuer, d.value from plm_identifiers d
	where d.item_id = cast(:item as uuid) and d.scheme = 'mpn' and d.issuer <> ''
	and not exists (select from plm_approved_parts a
		join plm_manufacturer_parts p on p.id = a.manufacturer_part_id
		join plm_manufacturers m on m.id = p.manufacturer_id
		where a.item_id = d.item_id and m.name = d.issuer and p.number = d.value)
	order by 1, 2
""")


async def named_by_files(work: Work, product_id: str) -> list[tuple[str, str]]:
	"""Makers and numbers that files brought as identifiers and that are not on the list yet."""
	rows = await work.execute(_NAMED_BY_FILES, {"item": product_id})
	return [(row[0], row[1]) for row in rows]


async def take_from_identifiers(work: Work, product_id: str) -> int:
	"""Lists what files named as maker and number, as potential. Raises NotFound. How many."""
	await work.get(Item, product_id)
	found = await named_by_files(work, product_id)
	for maker, number in found:
		await approve(work, product_id, ApprovedPartIn(manufacturer=maker, part_number=number))
	return len(found)


# -- suppliers and offers ----------------------------------------------------------------------


async def read_supplier(work: Work, supplier_id: str) -> One:
	"""Raises NotFound."""
	found = await work.get(Supplier, supplier_id)
	return await work.read_one(select_suppliers().where(Supplier.id == found.id), Supplier)


async def _check_currency(work: Work, code: str | None) -> None:
	if code is not None and code not in await work.port(ExchangeRates).known(work):
		raise Invalid.one("currency", _("{code} is no currency of ISO 4217.", code=code), "unknown")


async def add_supplier(work: Work, new: SupplierIn) -> Supplier:
	"""Raises Invalid, Conflict for a name that is taken."""
	await _check_currency(work, new.currency)
	made = work.add(Supplier(**new.model_dump()))
	await work.flush()
	return made


_RENAMED = (
	"update plm_item_costs set supplier = :new, version = version + 1, updated_at = now() "
	"where supplier = :old",
	"update plm_identifiers set issuer = :new, version = version + 1, updated_at = now() "
	"where scheme = 'sku' and issuer = :old",
)


async def change_supplier(work: Work, supplier_id: str, patch: SupplierPatch) -> None:
	"""Raises NotFound, PreconditionFailed, Invalid, Conflict; a new name must not be one that other
	prices are recorded under."""
	held = await work.edit(Supplier, supplier_id)
	old = held.name
	await _check_currency(work, patch.currency)
	_set(held, patch, ("name",))
	await work.flush()
	if held.name == old:
		return
	taken = await work.scalar(select(ItemCost.id).where(ItemCost.supplier == held.name).limit(1))
	if taken is not None:
		raise Conflict(
			_("Prices are recorded under {name} already.", name=held.name), code="SUPPLIER_EXISTS"
		)
	for statement in _RENAMED:
		await work.execute(text(statement), {"old": old, "new": held.name})


async def remove_supplier(work: Work, supplier_id: str) -> None:
	"""Raises NotFound, PreconditionFailed, StillUsed while it offers a product."""
	held = await work.edit(Supplier, supplier_id)
	used = await work.scalar(
		select(Item.number)
		.join(Offer, Offer.item_id == Item.id)
		.where(Offer.supplier_id == held.id)
		.limit(1)
	)
	if used is not None:
		raise StillUsed(_("It offers {number}; take that away first.", number=used))
	await work.delete(held)
	await work.flush()


async def only_priced(work: Work) -> list[str]:
	"""Suppliers that prices name and that are not recorded: files bring them."""
	return await work.scalars(
		select(ItemCost.supplier)
		.where(
			ItemCost.supplier != "",
			~select(Supplier.id).where(Supplier.name == ItemCost.supplier).exists(),
		)
		.distinct()
		.order_by(ItemCost.supplier)
		.limit(200)
	)


async def offers(work: Work, product_id: str) -> bytes:
	"""As JSON. Raises NotFound."""
	await work.get(Item, product_id)
	return await work.read_json(select_offers(product_id))


async def read_offer(work: Work, product_id: str, offer_id: str) -> One:
	"""Raises NotFound."""
	found = await _offer(work, product_id, offer_id)
	return await work.read_one(select_offers(product_id).where(Offer.id == found.id), Offer)


async def _offer(work: Work, product_id: str, offer_id: str) -> Offer:
	found = await work.get(Offer, offer_id)
	if found.item_id != product_id:
		raise NotFound(_("{what} not found", what=_("offer")))
	return found


_SUPPLIER = text(
	"insert into plm_suppliers (id, tenant_id, name, created_at, updated_at, created_by, updated_by) "
	"values (gen_random_uuid(), :tenant, :name, now(), now(), :user, :user) "
	"on conflict (tenant_id, name) do update set name = excluded.name returning id::text"
)


async def _supplier(work: Work, new: OfferIn) -> Supplier:
	if new.supplier_id is not None:
		found = await work.find(Supplier, new.supplier_id)
		if found is None:
			raise Invalid.one("supplier_id", _("There is no such supplier."), "unknown")
		return found
	if new.supplier is None:
		raise Invalid.one("supplier", _("Name the supplier."), "missing")
	held = await work.session.scalar(select(Supplier).where(Supplier.name == new.supplier))
	if held is not None:
		return held
	given = {"tenant": work.principal.tenant_id, "user": work.principal.user_id}
	made = await work.scalar(_SUPPLIER, {**given, "name": new.supplier})
	return await work.get(Supplier, made)


async def add_offer(work: Work, product_id: str, new: OfferIn) -> Offer:
	"""Records what a supplier offers, with prices. Raises NotFound, Invalid, Conflict."""
	item = await work.get(Item, product_id)
	supplier = await _supplier(work, new)
	await _check_part(work, new.manufacturer_part_id)
	made = work.add(
		Offer(
			item_id=item.id,
			supplier_id=supplier.id,
			manufacturer_part_id=new.manufacturer_part_id,
			sku=new.sku,
			lead_time_days=new.lead_time_days,
			minimum_quantity=new.minimum_quantity,
			order_multiple=new.order_multiple,
		)
	)
	await work.flush()
	await _price(work, made, supplier, new.prices)
	return made


async def _check_part(work: Work, part_id: str | None) -> None:
	if part_id is not None and await work.find(ManufacturerPart, part_id) is None:
		raise Invalid.one("manufacturer_part_id", _("There is no such part."), "unknown")


async def change_offer(work: Work, product_id: str, offer_id: str, patch: OfferPatch) -> None:
	"""Raises NotFound, PreconditionFailed, Invalid."""
	await _offer(work, product_id, offer_id)
	held = await work.edit(Offer, offer_id)
	await _check_part(work, patch.manufacturer_part_id)
	_set(held, patch, ())
	if patch.prices:
		held.updated_at = utc_now()  # prices are part of what the offer says
		await _price(work, held, await work.get(Supplier, held.supplier_id), patch.prices)
	await work.flush()


async def _price(
	work: Work, offer: Offer, supplier: Supplier, prices: Sequence[PriceBreak]
) -> None:
	"""Records price breaks as costs of the product; one for the same day and quantity is replaced."""
	if not prices:
		return
	for each in prices:
		await _check_currency(work, each.currency)
	held: list[ItemCost] = await work.scalars(
		select(ItemCost).where(
			ItemCost.item_id == offer.item_id,
			ItemCost.kind == "purchase",
			ItemCost.supplier == supplier.name,
			ItemCost.sku == offer.sku,
		)
	)
	by_place: dict[Any, ItemCost] = {(row.valid_from, row.quantity_break): row for row in held}
	for each in prices:
		day = each.valid_from or utc_now().date()
		currency = each.currency or supplier.currency or default_currency(work)
		row = by_place.get((day, each.quantity_break))
		if row is None:
			row = work.add(
				ItemCost(
					item_id=offer.item_id,
					kind="purchase",
					valid_from=day,
					quantity_break=each.quantity_break,
					supplier=supplier.name,
					sku=offer.sku,
					amount=each.amount,
					currency=currency,
				)
			)
			by_place[day, each.quantity_break] = row
		row.amount, row.currency = each.amount, currency
	await work.flush()
	work.publish(
		ProductUpdated(product_id=offer.item_id, revision_id=None, fields=["current_cost"])
	)


async def remove_offer(work: Work, product_id: str, offer_id: str) -> None:
	"""The prices stay with the product's costs. Raises NotFound, PreconditionFailed."""
	await _offer(work, product_id, offer_id)
	await work.delete(await work.edit(Offer, offer_id))
	await work.flush()


async def offered_by(work: Work, supplier_id: str) -> list[dict[str, Any]]:
	"""Products that a supplier offers, by number; at most 500."""
	rows = await work.execute(
		select(
			Item.id.label("product_id"),
			Item.number.label("product_number"),
			Offer.sku,
			Offer.lead_time_days,
			Offer.minimum_quantity,
		)
		.join(Item, Item.id == Offer.item_id)
		.where(Offer.supplier_id == supplier_id, ~Item.is_deleted)
		.order_by(Item.number, Offer.sku)
		.limit(500)
	)
	return [dict(row) for row in rows.mappings()]
