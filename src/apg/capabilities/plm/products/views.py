"""`/plm/products`: the list, the forms of a product, its facts, costs, identifiers and history."""

from typing import Annotated, Any

from fastapi import Request, Response

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.exports import as_file
from apg.capabilities.plm.products import forms, framing, history, listing, reading, service
from apg.capabilities.plm.products.schemas import CostIn, IdentifierIn, ProductIn, ProductPatch
from apg.contracts.reference import ExchangeRates
from apg.kernel.database import load_json
from apg.kernel.errors import Conflict, Invalid, PreconditionFailed, Problem
from apg.kernel.stamps import utc_now
from apg.kernel.tabular import write_csv
from apg.kernel.texts import _
from apg.kernel.web.forms import blank_as_none, checked, typed
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import ListState
from apg.kernel.web.pages import FormState, local_path
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work

router = Router(prefix="/products", include_in_schema=False)
Reading = Annotated[Work, allow(may.PRODUCTS_READ)]
Creating = Annotated[Work, allow(may.PRODUCTS_CREATE)]
Updating = Annotated[Work, allow(may.PRODUCTS_UPDATE)]
Deleting = Annotated[Work, allow(may.PRODUCTS_DELETE)]
CostsReading = Annotated[Work, allow(may.COSTS_READ)]
CostsUpdating = Annotated[Work, allow(may.COSTS_UPDATE)]

COST_KINDS = [("purchase", "Purchase"), ("manual", "By hand"), ("internal", "Own work")]
SCHEMES = ["gtin", "mpn", "sku", "erp", "customer"]


def as_invalid(error: Invalid | Conflict) -> Invalid:
	"""A refusal in the form that forms show; without a field it stands in the summary."""
	if isinstance(error, Invalid) and error.problems:
		return error
	problems = error.problems or (Problem("", error.message, error.code.lower()),)
	return Invalid(error.message, problems=problems)


# -- the list ----------------------------------------------------------------------------------


@router.get("")
async def list_page(request: Request, work: Reading) -> Response:
	state = ListState.of(listing.offered(work), request)
	page = await listing.listed(work, state)
	return show(
		work,
		"plm/products/list.html",
		state=state,
		rows=load_json(page.body),
		total=page.total,
		estimated=page.estimated,
		may=framing.May.of(work),
		may_import=work.principal.may(may.IMPORTS_CREATE),
	)


@router.get("/export.csv")
async def export(request: Request, work: Reading) -> Response:
	state = ListState.of(listing.offered(work), request)
	headings, rows = await listing.exported(work, state)
	name = f"products-{utc_now():%Y-%m-%d}.csv"
	content = "".join(write_csv(rows, headings))
	return await as_file(work, request, name, content, "text/csv; charset=utf-8")


@router.get("/choices")
async def choices(work: Reading, product_number: str = "") -> Response:
	"""Products whose number or name holds a text, as options of a field that names a product."""
	rows = await listing.choices(work, product_number.strip()[:100])
	return show(work, "plm/products/choices.html", block="choices", rows=rows)


# -- new and changed ---------------------------------------------------------------------------


async def _form(
	work: Work, form: FormState, product: Any = None, *, status: int = 200, **more: Any
) -> Response:
	released = product is not None and product["revision_state"] != "working"
	return show(
		work,
		"plm/products/form.html",
		status=status,
		form=form,
		product=product,
		locked=forms.OF_REVISION if released else frozenset[str](),
		types=[(value, _(label)) for value, label in listing.TYPES],
		phases=[(value, _(label)) for value, label in listing.PHASES],
		currencies=[(code, code) for code in sorted(await work.port(ExchangeRates).known(work))],
		**more,
	)


@router.get("/new")
async def new_page(work: Creating) -> Response:
	start = {
		"product_type": "manufactured",
		"lifecycle_phase": "concept",
		"unit_of_measure": "each",
		"mass_unit": "kg",
		"currency": service.default_currency(work),
	}
	return await _form(work, FormState.of(start))


@router.post("/new")
async def create(request: Request, work: Creating) -> Response:
	values = await typed(request, work)
	try:
		given = {name: one for name, one in forms.given(values).items() if one is not None}
		given |= blank_as_none({"current_cost": values.get("current_cost", "")})
		if "mass" not in given:
			given.pop("mass_unit", None)
		item = await service.create(work, checked(ProductIn, given))
	except (Invalid, Conflict) as refused:
		await work.close()
		form = FormState.refused(values, as_invalid(refused))
		return await _form(work, form, status=422, block="form")
	return lead_to(
		work, f"/plm/products/{item.id}", text=_("{number} is made.", number=item.number)
	)


@router.get("/{product_id}/edit")
async def edit_page(product_id: str, work: Updating) -> Response:
	product = await framing.open_product(work, product_id)
	return await _form(work, FormState.of(forms.with_seen(product)), product)


@router.post("/{product_id}/edit")
async def change(product_id: str, request: Request, work: Updating) -> Response:
	values = await typed(request, work)
	work.if_match = work.if_match or '""'  # a page always says what it saw
	try:
		await service.change(work, product_id, checked(ProductPatch, forms.changed(values)))
		await work.flush()
	except PreconditionFailed:
		await work.close()
		return await _conflict(work, product_id, values)
	except (Invalid, Conflict) as refused:
		await work.close()
		product = await framing.open_product(work, product_id)
		form = FormState.refused({**forms.with_seen(product), **values}, as_invalid(refused))
		return await _form(work, form, product, status=422, block="form")
	return lead_to(work, await framing.open_place(work, product_id, "facts"), text=_("Saved"))


async def _conflict(work: Work, product_id: str, values: dict[str, Any]) -> Response:
	"""Somebody saved meanwhile: what both changed is asked, what only this person changed is kept."""
	product = await framing.open_product(work, product_id)
	rows = forms.conflicts(values, product)
	kept = forms.kept(values, product)
	latest = await history.history_of(work, product_id, costs=False)
	if not rows and not kept:
		return lead_to(
			work,
			f"/plm/products/{product_id}/facts",
			text=_("Somebody else had saved the same values already."),
			kind="info",
		)
	return show(
		work,
		"plm/products/form.html",
		block="conflict",
		status=412,
		product=product,
		rows=rows,
		kept=kept,
		labels=forms.FIELDS,
		latest=latest[0] if latest else None,
	)


# -- facts, history, deletion ------------------------------------------------------------------


@router.get("/{product_id}/facts")
async def facts_page(product_id: str, work: Reading, revision: str | None = None) -> Response:
	frame = await framing.frame(work, product_id, "facts", revision)
	return show(work, "plm/products/facts.html", **frame)


@router.get("/{product_id}/history")
async def history_page(product_id: str, work: Reading, revision: str | None = None) -> Response:
	frame = await framing.frame(work, product_id, "history", revision)
	entries = await history.history_of(work, product_id, costs=frame["may"].costs)
	return show(work, "plm/products/history.html", entries=entries, **frame)


@router.get("/{product_id}/delete")
async def delete_page(product_id: str, work: Deleting) -> Response:
	product = await framing.product_of(work, product_id)
	behind = await framing.leaves_behind(work, product_id)
	return show(work, "plm/products/delete.html", product=product, behind=behind, refused=None)


@router.post("/{product_id}/delete")
async def delete(product_id: str, request: Request, work: Deleting) -> Response:
	await typed(request, work)
	try:
		await service.remove(work, product_id)
	except (Conflict, PreconditionFailed) as refused:
		await work.close()
		return show(
			work,
			"plm/products/delete.html",
			block="question",
			status=409,
			product=await framing.product_of(work, product_id),
			behind=await framing.leaves_behind(work, product_id),
			refused=refused.message,
		)
	return lead_to(work, f"/plm/products/{product_id}/facts", text=_("The product is deleted."))


@router.post("/{product_id}/restore")
async def restore(product_id: str, work: Deleting) -> Response:
	await service.restore(work, product_id)
	await work.flush()
	return lead_to(work, f"/plm/products/{product_id}/facts", text=_("The product is back."))


# -- costs -------------------------------------------------------------------------------------


async def _costs(work: Work, product_id: str, status: int = 200, **more: Any) -> Response:
	frame = await framing.frame(work, product_id, "costs")
	return show(
		work,
		"plm/products/costs.html",
		status=status,
		**{
			**frame,
			"costs": await listing.costs_of(work, product_id),
			"kinds": [(value, _(label)) for value, label in COST_KINDS],
			"currencies": [
				(code, code) for code in sorted(await work.port(ExchangeRates).known(work))
			],
			"today": utc_now().date().isoformat(),
			**more,
		},
	)


def _back(path: str) -> str:
	"""Where the person came from, when that is a place of ours."""
	try:
		return local_path(path) if path else ""
	except Invalid:
		return ""


@router.get("/{product_id}/costs")
async def costs_page(product_id: str, work: CostsReading, back: str = "") -> Response:
	start = {
		"kind": "purchase",
		"currency": service.default_currency(work),
		"quantity_break": "1",
		"valid_from": utc_now().date().isoformat(),
		"back": _back(back),
	}
	return await _costs(work, product_id, form=FormState.of(start), back=_back(back))


@router.post("/{product_id}/costs")
async def add_cost(product_id: str, request: Request, work: CostsUpdating) -> Response:
	values = await typed(request, work)
	back = _back(str(values.pop("back", "")))
	try:
		given = {name: one for name, one in blank_as_none(values).items() if one is not None}
		await service.add_cost(work, product_id, checked(CostIn, given))
	except (Invalid, Conflict) as refused:
		await work.close()
		form = FormState.refused({**values, "back": back}, as_invalid(refused))
		return await _costs(work, product_id, 422, block="form", form=form, back=back)
	return lead_to(
		work, back or f"/plm/products/{product_id}/costs", text=_("The cost is recorded.")
	)


@router.post("/{product_id}/costs/{cost_id}/remove")
async def remove_cost(product_id: str, cost_id: str, work: CostsUpdating) -> Response:
	await service.remove_cost(work, product_id, cost_id)
	return lead_to(work, f"/plm/products/{product_id}/costs", text=_("The cost is taken away."))


# -- identifiers -------------------------------------------------------------------------------


async def _identifiers(work: Work, product_id: str, status: int = 200, **more: Any) -> Response:
	frame = await framing.frame(work, product_id, "identifiers")
	rows = load_json(await work.read_json(reading.select_identifiers(product_id)))
	context = {**frame, "rows": rows, "schemes": SCHEMES, "form": FormState.of({}), **more}
	return show(work, "plm/products/identifiers.html", status=status, **context)


@router.get("/{product_id}/identifiers")
async def identifiers_page(product_id: str, work: Reading) -> Response:
	return await _identifiers(work, product_id)


@router.post("/{product_id}/identifiers")
async def add_identifier(product_id: str, request: Request, work: Updating) -> Response:
	values = await typed(request, work)
	try:
		await service.add_identifier(work, product_id, checked(IdentifierIn, values))
		await work.flush()
	except (Invalid, Conflict) as refused:
		await work.close()
		form = FormState.refused(values, as_invalid(refused))
		return await _identifiers(work, product_id, 422, block="form", form=form)
	return lead_to(work, f"/plm/products/{product_id}/identifiers", text=_("Added"))


@router.post("/{product_id}/identifiers/{identifier_id}/remove")
async def remove_identifier(product_id: str, identifier_id: str, work: Updating) -> Response:
	await service.remove_identifier(work, product_id, identifier_id)
	return lead_to(work, f"/plm/products/{product_id}/identifiers", text=_("Taken away"))
