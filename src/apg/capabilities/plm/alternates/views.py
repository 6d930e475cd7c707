"""`/plm/products/{id}/alternates`, and what may stand in for the child of one line."""

from typing import Annotated, Any

from fastapi import Request, Response

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.alternates import service
from apg.capabilities.plm.alternates.schemas import AlternateIn
from apg.capabilities.plm.products import framing
from apg.capabilities.plm.refusals import REFUSED, as_invalid
from apg.capabilities.plm.structures.page_tree import plain
from apg.kernel.database import load_json
from apg.kernel.texts import _
from apg.kernel.web.forms import blank_as_none, checked, typed
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work

router = Router(include_in_schema=False)
Reading = Annotated[Work, allow(may.PRODUCTS_READ)]
Structures = Annotated[Work, allow(may.STRUCTURES_READ)]
Updating = Annotated[Work, allow(may.PRODUCTS_UPDATE)]
OF_PRODUCT = "/products/{product_id}/alternates"


async def _page(work: Work, product_id: str, status: int = 200, **more: Any) -> Response:
	frame = await framing.frame(work, product_id, "alternates")
	context: dict[str, Any] = {
		**frame,
		"rows": load_json(await service.listed(work, product_id)),
		"substitutes": plain(await service.substitutes_for(work, product_id)),
		"form": FormState.of({}),
		**more,
	}
	return show(work, "plm/alternates/alternates.html", status=status, **context)


@router.get(OF_PRODUCT)
async def alternates_page(product_id: str, work: Reading) -> Response:
	return await _page(work, product_id)


@router.post(OF_PRODUCT)
async def add(product_id: str, request: Request, work: Updating) -> Response:
	values = await typed(request, work)
	try:
		given = {name: one for name, one in blank_as_none(values).items() if one is not None}
		await service.add(work, product_id, checked(AlternateIn, given))
	except REFUSED as refused:
		await work.close()
		await framing.product_of(work, product_id)
		form = FormState.refused(values, as_invalid(refused))
		return await _page(work, product_id, 422, block="form", form=form)
	return lead_to(work, f"/plm/products/{product_id}/alternates", text=_("Added"))


@router.post(OF_PRODUCT + "/{alternate_id}/remove")
async def remove(product_id: str, alternate_id: str, work: Updating) -> Response:
	await service.remove(work, product_id, alternate_id)
	return lead_to(work, f"/plm/products/{product_id}/alternates", text=_("Taken away"))


@router.get("/lines/{parent_revision_id}/{line_uid}/substitutes")
async def substitutes_page(parent_revision_id: str, line_uid: str, work: Structures) -> Response:
	line = await service.line_with_substitutes(work, parent_revision_id, line_uid)
	return show(work, "plm/alternates/substitutes.html", block="panel_body", line=plain(line))
