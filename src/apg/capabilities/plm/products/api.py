"""`/api/v1/plm/products` for programs."""

from decimal import Decimal
from typing import Annotated

from fastapi import Query, Response

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.products import reading, revising, service
from apg.capabilities.plm.products.schemas import (
	CostIn,
	CostOut,
	IdentifierIn,
	IdentifierOut,
	ProductIn,
	ProductOut,
	ProductPatch,
	ProductPut,
)
from apg.capabilities.plm.shared.lifecycle import LifecyclePhase, ProductType
from apg.kernel.errors import Invalid
from apg.kernel.stamps import utc_now
from apg.kernel.texts import _
from apg.kernel.web.envelopes import Ok, OkPage, ok, ok_page
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.wire import Amount, moment_text
from apg.kernel.work import Work

router = Router(prefix="/products", tags=["PLM products"])
Reading = Annotated[Work, allow(may.PRODUCTS_READ)]
Creating = Annotated[Work, allow(may.PRODUCTS_CREATE)]
Updating = Annotated[Work, allow(may.PRODUCTS_UPDATE)]
Deleting = Annotated[Work, allow(may.PRODUCTS_DELETE)]


@router.get("", response_model=OkPage[ProductOut], summary="List products")
@router.get("/", response_model=OkPage[ProductOut], include_in_schema=False)
async def list_products(
	work: Reading,
	page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
	page_size: Annotated[int, Query(ge=1, le=100)] = 20,
	search: Annotated[str | None, Query(max_length=200)] = None,
	product_type: ProductType | None = None,
	lifecycle_phase: LifecyclePhase | None = None,
	status: Annotated[str | None, Query(pattern="^(active|inactive|deleted)$")] = None,
	tags: Annotated[list[str] | None, Query(max_length=20)] = None,
	attribute: Annotated[list[str] | None, Query(max_length=20)] = None,
	cost_min: Annotated[Amount | None, Query()] = None,
	cost_max: Annotated[Amount | None, Query()] = None,
	sort_by: Annotated[
		str, Query(json_schema_extra={"enum": list(reading.SORTABLE)})
	] = "created_at",
	sort_order: Annotated[str, Query(pattern="^(asc|desc)$")] = "desc",
) -> Response:
	if sort_by not in reading.SORTABLE:
		raise Invalid.one("sort_by", _("Choose one of {names}.", names=", ".join(reading.SORTABLE)))
	found = await service.listed(
		work,
		status=status,
		sort=((sort_by, sort_order == "desc"),),
		number=page,
		size=page_size,
		criteria=criteria_of(search, tags, attribute, cost_min, cost_max),
		product_type=product_type,
		lifecycle_phase=lifecycle_phase,
	)
	return ok_page(work, found, number=page, size=page_size)


def criteria_of(
	search: str | None,
	tags: list[str] | None,
	attribute: list[str] | None,
	cost_min: Decimal | None,
	cost_max: Decimal | None,
) -> dict[str, object]:
	"""What the search function is asked; bounds of cost are independent of each other."""
	criteria: dict[str, object] = {}
	if search and search.strip():
		criteria["q"] = search.strip()
	if tags:
		criteria["tags"] = tags
	if attribute:
		pairs = [part.partition(":") for part in attribute]
		if any(not colon or not name for name, colon, _value in pairs):
			raise Invalid.one("attribute", _("Write an attribute as name:value."))
		criteria["attributes"] = {name: value for name, _colon, value in pairs}
	if cost_min is not None:
		criteria["cost_min"] = cost_min
	if cost_max is not None:
		criteria["cost_max"] = cost_max
	return criteria


@router.post("", response_model=Ok[ProductOut], status_code=201, summary="Create a product")
@router.post("/", response_model=Ok[ProductOut], status_code=201, include_in_schema=False)
async def create_product(body: ProductIn, work: Creating) -> Response:
	item = await service.create(work, body)
	return ok(
		work,
		await service.read(work, item.id),
		status=201,
		message=_("Product created successfully"),
		headers={"Location": f"/api/v1/plm/products/{item.id}"},
		meta={"created_at": moment_text(utc_now())},
	)


@router.get("/{product_id}", response_model=Ok[ProductOut], summary="Read a product")
async def read_product(
	product_id: str, work: Reading, revision: str | None = None, view: str | None = None
) -> Response:
	chosen = None
	if revision is not None or view is not None:
		chosen = await service.revision_of(work, product_id, label=revision, view=view)
	return ok(work, await service.read(work, product_id, revision_id=chosen))


@router.put("/{product_id}", response_model=Ok[ProductOut], summary="Replace a product")
async def put_product(product_id: str, body: ProductPut, work: Updating) -> Response:
	shown = await service.change(work, product_id, body)
	return ok(work, await service.read(work, product_id, revision_id=shown))


@router.patch("/{product_id}", response_model=Ok[ProductOut], summary="Change a product")
async def patch_product(
	product_id: str,
	body: ProductPatch,
	work: Updating,
	revision: Annotated[
		str | None,
		Query(max_length=40, description="label or id of a working revision, also of an order's"),
	] = None,
) -> Response:
	"""With `?revision=` the fields of that revision alone: name, description, attributes, mass,
	material."""
	shown = (
		await service.change(work, product_id, body)
		if revision is None
		else await revising.change_revision(work, product_id, revision, body)
	)
	return ok(work, await service.read(work, product_id, revision_id=shown))


@router.delete("/{product_id}", response_model=Ok[ProductOut], summary="Delete a product")
async def delete_product(product_id: str, work: Deleting) -> Response:
	await service.remove(work, product_id)
	return ok(
		work, await service.read(work, product_id, deleted=True), message=_("Product deleted")
	)


@router.post("/{product_id}/restore", response_model=Ok[ProductOut], summary="Restore a product")
async def restore_product(product_id: str, work: Deleting) -> Response:
	await service.restore(work, product_id)
	return ok(work, await service.read(work, product_id), message=_("Product restored"))


@router.get("/{product_id}/costs", response_model=Ok[list[CostOut]], summary="List costs")
async def list_costs(product_id: str, work: Annotated[Work, allow(may.COSTS_READ)]) -> Response:
	await service.read(work, product_id)
	return ok(work, await work.read_json(reading.select_costs(product_id)))


@router.post(
	"/{product_id}/costs", response_model=Ok[CostOut], status_code=201, summary="Record a cost"
)
async def add_cost(
	product_id: str, body: CostIn, work: Annotated[Work, allow(may.COSTS_UPDATE)]
) -> Response:
	cost = await service.add_cost(work, product_id, body)
	return ok(work, await service.read_cost(work, product_id, cost.id), status=201)


@router.delete("/{product_id}/costs/{cost_id}", status_code=204, summary="Take a cost away")
async def remove_cost(
	product_id: str, cost_id: str, work: Annotated[Work, allow(may.COSTS_UPDATE)]
) -> Response:
	await service.remove_cost(work, product_id, cost_id)
	return Response(status_code=204)


@router.get(
	"/{product_id}/identifiers", response_model=Ok[list[IdentifierOut]], summary="List identifiers"
)
async def list_identifiers(product_id: str, work: Reading) -> Response:
	await service.read(work, product_id)
	return ok(work, await work.read_json(reading.select_identifiers(product_id)))


@router.post(
	"/{product_id}/identifiers",
	response_model=Ok[list[IdentifierOut]],
	status_code=201,
	summary="Add an identifier",
)
async def add_identifier(product_id: str, body: IdentifierIn, work: Updating) -> Response:
	await service.add_identifier(work, product_id, body)
	await work.flush()
	return ok(work, await work.read_json(reading.select_identifiers(product_id)), status=201)


@router.delete(
	"/{product_id}/identifiers/{identifier_id}", status_code=204, summary="Take an identifier away"
)
async def remove_identifier(product_id: str, identifier_id: str, work: Updating) -> Response:
	await service.remove_identifier(work, product_id, identifier_id)
	return Response(status_code=204)
