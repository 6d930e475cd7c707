"""`/plm/manufacturers`, `/plm/suppliers`, and `/plm/products/{id}/sources`."""

from typing import Annotated, Any

from fastapi import Request, Response

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.products import framing
from apg.capabilities.plm.refusals import REFUSED, as_invalid
from apg.capabilities.plm.suppliers import reading, service
from apg.capabilities.plm.suppliers.schemas import (
	Approval,
	ApprovedPartIn,
	ApprovedPartPatch,
	ManufacturerIn,
	ManufacturerPartIn,
	ManufacturerPatch,
	OfferIn,
	PartLifecycle,
	SupplierIn,
	SupplierPatch,
)
from apg.contracts.reference import ExchangeRates
from apg.kernel.database import load_json
from apg.kernel.errors import Invalid
from apg.kernel.texts import _
from apg.kernel.web.forms import blank_as_none, checked, typed
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import Column, ListSpec, ListState
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work

router = Router(include_in_schema=False)
Reading = Annotated[Work, allow(may.PRODUCTS_READ)]
Updating = Annotated[Work, allow(may.SUPPLIERS_UPDATE)]
Approving = Annotated[Work, allow(may.PRODUCTS_UPDATE)]
Pricing = Annotated[Work, allow(may.COSTS_UPDATE)]
MAKERS, SELLERS = "/plm/manufacturers", "/plm/suppliers"
SOURCES = "/products/{product_id}/sources"
MANUFACTURERS = ListSpec(
	columns=(
		Column("name", "Name"),
		Column("part_count", "Parts", kind="number"),
		Column("website", "Website"),
		Column("note", "Note"),
		Column("updated_at", "Changed", kind="datetime"),
	),
	max_page_size=100,
)
SUPPLIERS = ListSpec(
	columns=(
		Column("name", "Name"),
		Column("product_count", "Products with prices", kind="number"),
		Column("currency", "Currency"),
		Column("lead_time_days", "Lead time", kind="number", unit="d"),
		Column("website", "Website", default_visible=False),
		Column("note", "Note"),
	),
	max_page_size=100,
)
PARTS = ListSpec(
	columns=(
		Column("part_number", "Number"),
		Column("description", "Description"),
		Column("lifecycle", "Lifecycle", kind="state"),
		Column("product_count", "Products", kind="number"),
	),
	max_page_size=100,
)
LIFECYCLES = [(str(one), str(one).replace("_", " ").capitalize()) for one in PartLifecycle]
APPROVALS = [(str(one), str(one).capitalize()) for one in Approval]


def _given(values: dict[str, Any]) -> dict[str, Any]:
	return {name: one for name, one in blank_as_none(values).items() if one is not None}


async def _currencies(work: Work) -> list[tuple[str, str]]:
	return [(code, code) for code in sorted(await work.port(ExchangeRates).known(work))]


# -- manufacturers -----------------------------------------------------------------------------


async def _makers(request: Request, work: Work, status: int = 200, **more: Any) -> Response:
	state = ListState.of(MANUFACTURERS, request)
	page = await work.read_list(
		reading.select_manufacturers(), limit=state.page_size, offset=state.offset
	)
	context: dict[str, Any] = {
		"state": state,
		"rows": load_json(page.body),
		"total": page.total,
		"may_change": work.principal.may(may.SUPPLIERS_UPDATE),
		"form": FormState.of({}),
		**more,
	}
	return show(work, "plm/suppliers/manufacturers.html", status=status, **context)


@router.get("/manufacturers")
async def manufacturers_page(request: Request, work: Reading) -> Response:
	return await _makers(request, work)


@router.post("/manufacturers")
async def add_manufacturer(request: Request, work: Updating) -> Response:
	values = await typed(request, work)
	try:
		made = await service.add_manufacturer(work, checked(ManufacturerIn, _given(values)))
	except REFUSED as refused:
		await work.close()
		form = FormState.refused(values, as_invalid(refused))
		return await _makers(request, work, 422, block="form", form=form)
	return lead_to(work, f"{MAKERS}/{made.id}", text=_("Recorded"))


async def _maker(
	request: Request, work: Work, manufacturer_id: str, status: int = 200, **more: Any
) -> Response:
	found = await service.read_manufacturer(work, manufacturer_id)
	state = ListState.of(PARTS, request)
	page = await work.read_list(
		reading.select_parts(manufacturer_id), limit=state.page_size, offset=state.offset
	)
	held = load_json(found.body)
	context: dict[str, Any] = {
		"held": held,
		"etag": found.etag,
		"state": state,
		"rows": load_json(page.body),
		"total": page.total,
		"may_change": work.principal.may(may.SUPPLIERS_UPDATE),
		"lifecycles": [(value, _(label)) for value, label in LIFECYCLES],
		"form": FormState.of(held),
		"part_form": FormState.of({"lifecycle": "active"}),
		**more,
	}
	return show(work, "plm/suppliers/manufacturer.html", status=status, **context)


@router.get("/manufacturers/{manufacturer_id}")
async def manufacturer_page(manufacturer_id: str, request: Request, work: Reading) -> Response:
	return await _maker(request, work, manufacturer_id)


@router.post("/manufacturers/{manufacturer_id}/edit")
async def change_manufacturer(manufacturer_id: str, request: Request, work: Updating) -> Response:
	values = await typed(request, work)
	work.if_match = work.if_match or '""'
	try:
		patch = checked(ManufacturerPatch, blank_as_none(values))
		await service.change_manufacturer(work, manufacturer_id, patch)
	except REFUSED as refused:
		await work.close()
		form = FormState.refused(values, as_invalid(refused))
		return await _maker(request, work, manufacturer_id, 422, block="form", form=form)
	return lead_to(work, f"{MAKERS}/{manufacturer_id}", text=_("Saved"))


@router.post("/manufacturers/{manufacturer_id}/remove")
async def remove_manufacturer(manufacturer_id: str, work: Updating) -> Response:
	await service.remove_manufacturer(work, manufacturer_id)
	return lead_to(work, MAKERS, text=_("Taken away"))


@router.post("/manufacturers/{manufacturer_id}/parts")
async def add_part(manufacturer_id: str, request: Request, work: Updating) -> Response:
	values = await typed(request, work)
	try:
		await service.add_part(work, manufacturer_id, checked(ManufacturerPartIn, _given(values)))
	except REFUSED as refused:
		await work.close()
		form = FormState.refused(values, as_invalid(refused))
		return await _maker(request, work, manufacturer_id, 422, block="part_block", part_form=form)
	return lead_to(work, f"{MAKERS}/{manufacturer_id}", text=_("Recorded"))


# -- suppliers ---------------------------------------------------------------------------------


async def _sellers(request: Request, work: Work, status: int = 200, **more: Any) -> Response:
	state = ListState.of(SUPPLIERS, request)
	page = await work.read_list(
		reading.select_suppliers(), limit=state.page_size, offset=state.offset
	)
	context: dict[str, Any] = {
		"state": state,
		"rows": load_json(page.body),
		"total": page.total,
		"only_priced": await service.only_priced(work)
		if work.principal.may(may.COSTS_READ)
		else [],
		"may_change": work.principal.may(may.SUPPLIERS_UPDATE),
		"currencies": await _currencies(work),
		"form": FormState.of({}),
		**more,
	}
	return show(work, "plm/suppliers/suppliers.html", status=status, **context)


@router.get("/suppliers")
async def suppliers_page(request: Request, work: Reading) -> Response:
	return await _sellers(request, work)


@router.post("/suppliers")
async def add_supplier(request: Request, work: Updating) -> Response:
	values = await typed(request, work)
	try:
		made = await service.add_supplier(work, checked(SupplierIn, _given(values)))
	except REFUSED as refused:
		await work.close()
		form = FormState.refused(values, as_invalid(refused))
		return await _sellers(request, work, 422, block="form", form=form)
	return lead_to(work, f"{SELLERS}/{made.id}", text=_("Recorded"))


async def _seller(work: Work, supplier_id: str, status: int = 200, **more: Any) -> Response:
	found = await service.read_supplier(work, supplier_id)
	held = load_json(found.body)
	context: dict[str, Any] = {
		"held": held,
		"etag": found.etag,
		"offered": await service.offered_by(work, supplier_id),
		"may_change": work.principal.may(may.SUPPLIERS_UPDATE),
		"currencies": await _currencies(work),
		"form": FormState.of(held),
		**more,
	}
	return show(work, "plm/suppliers/supplier.html", status=status, **context)


@router.get("/suppliers/{supplier_id}")
async def supplier_page(supplier_id: str, work: Reading) -> Response:
	return await _seller(work, supplier_id)


@router.post("/suppliers/{supplier_id}/edit")
async def change_supplier(supplier_id: str, request: Request, work: Updating) -> Response:
	values = await typed(request, work)
	work.if_match = work.if_match or '""'
	try:
		await service.change_supplier(
			work, supplier_id, checked(SupplierPatch, blank_as_none(values))
		)
	except REFUSED as refused:
		await work.close()
		form = FormState.refused(values, as_invalid(refused))
		return await _seller(work, supplier_id, 422, block="form", form=form)
	return lead_to(work, f"{SELLERS}/{supplier_id}", text=_("Saved"))


@router.post("/suppliers/{supplier_id}/remove")
async def remove_supplier(supplier_id: str, work: Updating) -> Response:
	await service.remove_supplier(work, supplier_id)
	return lead_to(work, SELLERS, text=_("Taken away"))


# -- sources of a product ----------------------------------------------------------------------


async def _sources(work: Work, product_id: str, status: int = 200, **more: Any) -> Response:
	frame = await framing.frame(work, product_id, "sources")
	offers = load_json(await service.offers(work, product_id)) if frame["may"].costs else []
	context: dict[str, Any] = {
		**frame,
		"approved": load_json(await service.approved(work, product_id)),
		"offers": offers,
		"from_files": await service.named_by_files(work, product_id),
		"statuses": [(value, _(label)) for value, label in APPROVALS],
		"currencies": await _currencies(work),
		"part_form": FormState.of({"status": "potential"}),
		"offer_form": FormState.of({}),
		**more,
	}
	return show(work, "plm/suppliers/sources.html", status=status, **context)


@router.get(SOURCES)
async def sources_page(product_id: str, work: Reading) -> Response:
	return await _sources(work, product_id)


def _place(product_id: str) -> str:
	return f"/plm/products/{product_id}/sources"


@router.post(SOURCES + "/parts")
async def approve(product_id: str, request: Request, work: Approving) -> Response:
	values = await typed(request, work)
	try:
		await service.approve(work, product_id, checked(ApprovedPartIn, _given(values)))
	except REFUSED as refused:
		await work.close()
		await framing.product_of(work, product_id)
		form = FormState.refused(values, as_invalid(refused))
		return await _sources(work, product_id, 422, block="part_block", part_form=form)
	return lead_to(work, _place(product_id), text=_("Listed"))


@router.post(SOURCES + "/parts/from-identifiers")
async def take_from_identifiers(product_id: str, work: Approving) -> Response:
	count = await service.take_from_identifiers(work, product_id)
	return lead_to(work, _place(product_id), text=_("{n} parts are listed.", n=count))


@router.post(SOURCES + "/parts/{approved_id}/status")
async def change_status(
	product_id: str, approved_id: str, request: Request, work: Approving
) -> Response:
	values = await typed(request, work)
	patch = checked(ApprovedPartPatch, {"status": values.get("status")})
	await service.change_approved(work, product_id, approved_id, patch)
	return lead_to(work, _place(product_id), text=_("Saved"))


@router.post(SOURCES + "/parts/{approved_id}/remove")
async def remove_approved(product_id: str, approved_id: str, work: Approving) -> Response:
	await service.remove_approved(work, product_id, approved_id)
	return lead_to(work, _place(product_id), text=_("Taken away"))


@router.post(SOURCES + "/offers")
async def add_offer(product_id: str, request: Request, work: Pricing) -> Response:
	values = await typed(request, work)
	try:
		given = _given(values)
		given["prices"] = prices_of(str(given.pop("prices", "")), given.pop("currency", None))
		await service.add_offer(work, product_id, checked(OfferIn, given))
	except REFUSED as refused:
		await work.close()
		await framing.product_of(work, product_id)
		form = FormState.refused(values, as_invalid(refused))
		return await _sources(work, product_id, 422, block="offer_block", offer_form=form)
	return lead_to(work, _place(product_id), text=_("The offer is recorded."))


def prices_of(text: str, currency: Any) -> list[dict[str, Any]]:
	"""Price breaks as people write them: `1: 0.10`, one on each line. Raises Invalid."""
	found: list[dict[str, Any]] = []
	for line in text.splitlines():
		quantity, colon, amount = line.partition(":")
		if not line.strip():
			continue
		if not colon or not quantity.strip() or not amount.strip():
			raise Invalid.one(
				"prices", _("Write each price as quantity: price, for example 100: 0.08.")
			)
		one = {"quantity_break": quantity.strip(), "amount": amount.strip()}
		found.append({**one, "currency": currency} if currency else one)
	return found


@router.post(SOURCES + "/offers/{offer_id}/remove")
async def remove_offer(product_id: str, offer_id: str, work: Pricing) -> Response:
	await service.remove_offer(work, product_id, offer_id)
	return lead_to(work, _place(product_id), text=_("Taken away"))
