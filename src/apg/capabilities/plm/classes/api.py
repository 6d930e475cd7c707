"""`/api/v1/plm/classes` and `/label-schemes` for programs."""

from typing import Annotated

from fastapi import Query, Response

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.classes import service
from apg.capabilities.plm.classes.schemas import (
	AttributeIn,
	AttributeOut,
	AttributePatch,
	ClassIn,
	ClassOut,
	ClassPatch,
	LabelSchemeIn,
	LabelSchemeOut,
	LabelSchemePatch,
)
from apg.kernel.texts import _
from apg.kernel.web.envelopes import Ok, OkPage, ok, ok_page
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.work import Work

router = Router(tags=["PLM classes"])
Reading = Annotated[Work, allow(may.PRODUCTS_READ)]
Updating = Annotated[Work, allow(may.CLASSES_UPDATE)]
CLASSES, SCHEMES = "/api/v1/plm/classes", "/api/v1/plm/label-schemes"


@router.get("/classes", response_model=OkPage[ClassOut], summary="List classes")
async def list_classes(
	work: Reading,
	page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
	page_size: Annotated[int, Query(ge=1, le=1000)] = 500,
) -> Response:
	found = await service.page(work, number=page, size=page_size)
	return ok_page(work, found, number=page, size=page_size)


@router.post("/classes", response_model=Ok[ClassOut], status_code=201, summary="Create a class")
async def create_class(body: ClassIn, work: Updating) -> Response:
	made = await service.create(work, body)
	place = {"Location": f"{CLASSES}/{made.id}"}
	shown = await service.read(work, made.id)
	return ok(work, shown, status=201, message=_("Class created"), headers=place)


@router.get("/classes/{class_id}", response_model=Ok[ClassOut], summary="Read a class")
async def read_class(class_id: str, work: Reading) -> Response:
	return ok(work, await service.read(work, class_id))


@router.patch("/classes/{class_id}", response_model=Ok[ClassOut], summary="Change a class")
async def change_class(class_id: str, body: ClassPatch, work: Updating) -> Response:
	await service.change(work, class_id, body)
	return ok(work, await service.read(work, class_id))


@router.delete("/classes/{class_id}", status_code=204, summary="Remove a class")
async def remove_class(class_id: str, work: Updating) -> Response:
	await service.remove(work, class_id)
	return Response(status_code=204)


@router.get(
	"/classes/{class_id}/template",
	response_model=Ok[list[AttributeOut]],
	summary="List attributes with inherited ones",
)
async def read_template(class_id: str, work: Reading) -> Response:
	return ok(work, await service.template(work, class_id))


@router.get(
	"/classes/{class_id}/attributes",
	response_model=Ok[list[AttributeOut]],
	summary="List the attributes a class defines",
)
async def list_attributes(class_id: str, work: Reading) -> Response:
	return ok(work, await service.own_attributes(work, class_id))


@router.post(
	"/classes/{class_id}/attributes",
	response_model=Ok[AttributeOut],
	status_code=201,
	summary="Define an attribute",
)
async def add_attribute(class_id: str, body: AttributeIn, work: Updating) -> Response:
	made = await service.add_attribute(work, class_id, body)
	place = {"Location": f"{CLASSES}/{class_id}/attributes/{made.id}"}
	shown = await service.read_attribute(work, class_id, made.id)
	return ok(work, shown, status=201, message=_("Attribute defined"), headers=place)


@router.get(
	"/classes/{class_id}/attributes/{attribute_id}",
	response_model=Ok[AttributeOut],
	summary="Read an attribute",
)
async def read_attribute(class_id: str, attribute_id: str, work: Reading) -> Response:
	return ok(work, await service.read_attribute(work, class_id, attribute_id))


@router.patch(
	"/classes/{class_id}/attributes/{attribute_id}",
	response_model=Ok[AttributeOut],
	summary="Change an attribute",
)
async def change_attribute(
	class_id: str, attribute_id: str, body: AttributePatch, work: Updating
) -> Response:
	await service.change_attribute(work, class_id, attribute_id, body)
	return ok(work, await service.read_attribute(work, class_id, attribute_id))


@router.delete(
	"/classes/{class_id}/attributes/{attribute_id}", status_code=204, summary="Remove an attribute"
)
async def remove_attribute(class_id: str, attribute_id: str, work: Updating) -> Response:
	await service.remove_attribute(work, class_id, attribute_id)
	return Response(status_code=204)


@router.get("/label-schemes", response_model=Ok[list[LabelSchemeOut]], summary="List label schemes")
async def list_schemes(work: Reading) -> Response:
	return ok(work, await service.scheme_page(work))


@router.post(
	"/label-schemes", response_model=Ok[LabelSchemeOut], status_code=201, summary="Add a scheme"
)
async def add_scheme(body: LabelSchemeIn, work: Updating) -> Response:
	made = await service.add_scheme(work, body)
	place = {"Location": f"{SCHEMES}/{made.id}"}
	return ok(work, await service.read_scheme(work, made.id), status=201, headers=place)


@router.get(
	"/label-schemes/{scheme_id}", response_model=Ok[LabelSchemeOut], summary="Read a label scheme"
)
async def read_scheme(scheme_id: str, work: Reading) -> Response:
	return ok(work, await service.read_scheme(work, scheme_id))


@router.patch(
	"/label-schemes/{scheme_id}", response_model=Ok[LabelSchemeOut], summary="Change a label scheme"
)
async def change_scheme(scheme_id: str, body: LabelSchemePatch, work: Updating) -> Response:
	await service.change_scheme(work, scheme_id, body)
	return ok(work, await service.read_scheme(work, scheme_id))


@router.delete("/label-schemes/{scheme_id}", status_code=204, summary="Remove a label scheme")
async def remove_scheme(scheme_id: str, work: Updating) -> Response:
	await service.remove_scheme(work, scheme_id)
	return Response(status_code=204)
