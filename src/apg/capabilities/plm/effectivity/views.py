"""`/plm/products/{id}/effectivity`: which revision stands when, for which unit and lot."""

from typing import Annotated, Any

from fastapi import Request, Response

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.effectivity import service
from apg.capabilities.plm.effectivity.schemas import EffectivityIn, EffectivityPatch
from apg.capabilities.plm.products import framing
from apg.capabilities.plm.refusals import REFUSED, as_invalid
from apg.capabilities.plm.structures.demands import DemandIn, rule_of
from apg.capabilities.plm.structures.reading import HeadRow, head_of
from apg.kernel.database import load_json
from apg.kernel.errors import Invalid, NotFound, Problem
from apg.kernel.texts import _
from apg.kernel.web.forms import blank_as_none, checked, typed
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work

router = Router(prefix="/products/{product_id}/effectivity", include_in_schema=False)
Reading = Annotated[Work, allow(may.PRODUCTS_READ)]
Updating = Annotated[Work, allow(may.EFFECTIVITY_UPDATE)]
KINDS = [("dates", "Dates"), ("units", "Units (serial numbers)"), ("lots", "Lots")]
ASKED = ("at", "serial", "lot_number", "context")


async def _page(work: Work, product_id: str, status: int = 200, **more: Any) -> Response:
	frame = await framing.frame(work, product_id, "effectivity")
	rows: list[dict[str, Any]] = load_json(await service.listed(work, product_id))
	context: dict[str, Any] = {
		**frame,
		"rows": rows,
		"revisions": await service.released_ones(work, product_id),
		"kinds": [(value, _(label)) for value, label in KINDS],
		"may_change": work.principal.may(may.EFFECTIVITY_UPDATE),
		"form": FormState.of({"kind": "dates"}),
		"ask": FormState.of({}),
		"found": None,
		**more,
	}
	return show(work, "plm/effectivity/effectivity.html", status=status, **context)


@router.get("")
async def effectivity_page(product_id: str, request: Request, work: Reading) -> Response:
	query = request.query_params
	given = {name: query[name] for name in ASKED if query.get(name, "").strip()}
	if not given:
		return await _page(work, product_id)
	try:
		found = await _found(work, product_id, given)
	except (Invalid, NotFound) as refused:
		form = FormState.refused(given, as_invalid(refused))
		return await _page(work, product_id, ask=form)
	return await _page(work, product_id, ask=FormState.of(given), found=found)


async def _found(work: Work, product_id: str, given: dict[str, str]) -> HeadRow:
	rule = await rule_of(work, product_id, checked(DemandIn, given))
	return await head_of(work, product_id, rule=rule)


@router.post("")
async def add(product_id: str, request: Request, work: Updating) -> Response:
	values = await typed(request, work)
	try:
		given = {name: one for name, one in blank_as_none(values).items() if one is not None}
		if number := given.pop("context_product_number", None):
			given["context_product_id"] = await _product_named(work, str(number))
		await service.add(work, product_id, checked(EffectivityIn, given))
	except REFUSED as refused:
		await work.close()
		await framing.product_of(work, product_id)
		form = FormState.refused(values, as_invalid(refused))
		return await _page(work, product_id, 422, block="form", form=form)
	return lead_to(work, f"/plm/products/{product_id}/effectivity", text=_("Effective"))


async def _product_named(work: Work, number: str) -> str:
	found = await service.product_numbered(work, number)
	if found is None:
		text = _("There is no product {name}.", name=number)
		raise Invalid(problems=[Problem("context_product_number", text, "unknown")])
	return found


@router.post("/{effectivity_id}/end")
async def end(product_id: str, effectivity_id: str, request: Request, work: Updating) -> Response:
	values = blank_as_none(await typed(request, work))
	await service.change(
		work, product_id, effectivity_id, checked(EffectivityPatch, {"to": values.get("to")})
	)
	return lead_to(work, f"/plm/products/{product_id}/effectivity", text=_("Saved"))


@router.post("/{effectivity_id}/remove")
async def remove(product_id: str, effectivity_id: str, work: Updating) -> Response:
	await service.remove(work, product_id, effectivity_id)
	return lead_to(work, f"/plm/products/{product_id}/effectivity", text=_("Taken away"))
