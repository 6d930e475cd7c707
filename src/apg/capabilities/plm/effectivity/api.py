"""`/api/v1/plm/products/{id}/effectivity` and `/effective` for programs."""

from typing import Annotated

from fastapi import Query, Response
from pydantic import Field

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.effectivity import service
from apg.capabilities.plm.effectivity.schemas import (
	EffectivityIn,
	EffectivityOut,
	EffectivityPatch,
	ResolvedOut,
)
from apg.capabilities.plm.structures.demands import DemandIn, rule_of
from apg.capabilities.plm.structures.reading import head_of
from apg.capabilities.plm.structures.tree import demanded
from apg.kernel.texts import _
from apg.kernel.web.envelopes import Ok, ok
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.work import Work

router = Router(prefix="/products/{product_id}", tags=["PLM effectivity"])
Reading = Annotated[Work, allow(may.PRODUCTS_READ)]
Updating = Annotated[Work, allow(may.EFFECTIVITY_UPDATE)]
Product = Annotated[str, Field(max_length=100)]


@router.get("/effectivity", response_model=Ok[list[EffectivityOut]], summary="List effectivity")
async def list_effectivity(product_id: Product, work: Reading) -> Response:
	return ok(work, await service.listed(work, product_id))


@router.post(
	"/effectivity",
	response_model=Ok[EffectivityOut],
	status_code=201,
	summary="Make a revision effective",
)
async def add_effectivity(product_id: Product, body: EffectivityIn, work: Updating) -> Response:
	made = await service.add(work, product_id, body)
	place = f"/api/v1/plm/products/{product_id}/effectivity/{made.id}"
	shown = await service.read(work, product_id, made.id)
	return ok(work, shown, status=201, message=_("Effective"), headers={"Location": place})


@router.get(
	"/effectivity/{effectivity_id}", response_model=Ok[EffectivityOut], summary="Read a range"
)
async def read_effectivity(product_id: Product, effectivity_id: str, work: Reading) -> Response:
	return ok(work, await service.read(work, product_id, effectivity_id))


@router.patch(
	"/effectivity/{effectivity_id}", response_model=Ok[EffectivityOut], summary="Move its end"
)
async def change_effectivity(
	product_id: Product, effectivity_id: str, body: EffectivityPatch, work: Updating
) -> Response:
	await service.change(work, product_id, effectivity_id, body)
	return ok(work, await service.read(work, product_id, effectivity_id))


@router.delete("/effectivity/{effectivity_id}", status_code=204, summary="Take a range away")
async def remove_effectivity(product_id: Product, effectivity_id: str, work: Updating) -> Response:
	await service.remove(work, product_id, effectivity_id)
	return Response(status_code=204)


@router.get("/effective", response_model=Ok[ResolvedOut], summary="Which revision is effective")
async def read_effective(
	product_id: Product, work: Reading, query: Annotated[DemandIn, Query()]
) -> Response:
	rule = await rule_of(work, product_id, query)
	head = await head_of(work, product_id, rule=rule)
	names = ("product_id", "product_number", "revision_id", "revision", "revision_state")
	told = demanded(rule)
	told.pop("baseline_id")
	found = {name: getattr(head, name) for name in names} | {"rule": str(rule)} | told
	return ok(work, found)
