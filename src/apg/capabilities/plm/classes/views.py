"""`/plm/classes`: the tree, the attributes of a class with inherited ones, how labels are given."""

from typing import Annotated, Any

from fastapi import Request, Response

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.classes import service
from apg.capabilities.plm.classes.inheritance import unrecorded_paths
from apg.capabilities.plm.classes.schemas import (
	AttributeIn,
	ClassIn,
	ClassPatch,
	LabelSchemeIn,
)
from apg.capabilities.plm.refusals import REFUSED, as_invalid
from apg.capabilities.plm.shared.attributes import AttributeKind
from apg.capabilities.plm.shared.document_kinds import DocumentKind
from apg.capabilities.plm.shared.label_schemes import LabelScheme
from apg.capabilities.plm.shared.lifecycle import LifecyclePhase
from apg.capabilities.plm.shared.numbering import LabelSeries
from apg.kernel.database import load_json
from apg.kernel.texts import _
from apg.kernel.web.forms import blank_as_none, checked, typed
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work

router = Router(include_in_schema=False)
Reading = Annotated[Work, allow(may.PRODUCTS_READ)]
Updating = Annotated[Work, allow(may.CLASSES_UPDATE)]
HERE = "/plm/classes"
KINDS = [
	(AttributeKind.TEXT, "Text"),
	(AttributeKind.NUMBER, "Number"),
	(AttributeKind.INTEGER, "Whole number"),
	(AttributeKind.CHOICE, "Choice"),
	(AttributeKind.BOOLEAN, "Yes or no"),
	(AttributeKind.DATE, "Date"),
]
SERIES = [(LabelSeries.LETTERS, "Letters"), (LabelSeries.NUMBERS, "Numbers")]
MOST = 1_000


async def _tree(work: Work) -> list[dict[str, Any]]:
	rows: list[dict[str, Any]] = load_json((await service.page(work, number=1, size=MOST)).body)
	for row in rows:
		row["depth"] = row["path"].count("/")
	return rows


def _sample(row: dict[str, Any]) -> str:
	scheme = LabelScheme(LabelSeries(row["series"]), row["width"], row["prefix"])
	return ", ".join(scheme.label(place) for place in range(4)) + " …"


async def _index(work: Work, status: int = 200, **more: Any) -> Response:
	classes = await _tree(work)
	schemes: list[dict[str, Any]] = load_json(await service.scheme_page(work))
	for row in schemes:
		row["sample"] = _sample(row)
	context: dict[str, Any] = {
		"classes": classes,
		"unrecorded": await unrecorded_paths(work),
		"schemes": schemes,
		"may_change": work.principal.may(may.CLASSES_UPDATE),
		"form": FormState.of({}),
		"scheme_form": FormState.of({"series": "letters", "width": "1"}),
		"places": [(row["class_id"], row["path"]) for row in classes],
		"phases": [(str(one), str(one).capitalize()) for one in LifecyclePhase],
		"series": [(str(value), _(label)) for value, label in SERIES],
		**more,
	}
	return show(work, "plm/classes/index.html", status=status, **context)


@router.get("/classes")
async def classes_page(work: Reading) -> Response:
	return await _index(work)


@router.post("/classes")
async def create(request: Request, work: Updating) -> Response:
	values = await typed(request, work)
	try:
		made = await service.create(work, checked(ClassIn, blank_as_none(values)))
	except REFUSED as refused:
		await work.close()
		form = FormState.refused(values, as_invalid(refused))
		return await _index(work, 422, block="form", form=form)
	return lead_to(work, f"{HERE}/{made.id}", text=_("{name} is made.", name=made.name))


@router.post("/classes/record")
async def record(request: Request, work: Updating) -> Response:
	"""Makes the classes on the way to a path that products name already."""
	path = str((await typed(request, work)).get("path", ""))
	made = await service.record_path(work, path)
	return lead_to(work, f"{HERE}/{made}", text=_("The class is recorded."))


@router.post("/label-schemes")
async def add_scheme(request: Request, work: Updating) -> Response:
	values = await typed(request, work)
	try:
		given = {name: one for name, one in blank_as_none(values).items() if one is not None}
		await service.add_scheme(work, checked(LabelSchemeIn, given))
	except REFUSED as refused:
		await work.close()
		form = FormState.refused(values, as_invalid(refused))
		return await _index(work, 422, block="scheme_form_block", scheme_form=form)
	return lead_to(work, HERE, text=_("The labels are set."))


@router.post("/label-schemes/{scheme_id}/remove")
async def remove_scheme(scheme_id: str, work: Updating) -> Response:
	await service.remove_scheme(work, scheme_id)
	return lead_to(work, HERE, text=_("Taken away"))


# -- one class ---------------------------------------------------------------------------------


async def _detail(work: Work, class_id: str, status: int = 200, **more: Any) -> Response:
	found = await service.read(work, class_id)
	held: dict[str, Any] = load_json(found.body)
	rows: list[dict[str, Any]] = load_json(await service.template(work, class_id))
	context: dict[str, Any] = {
		"held": held,
		"etag": found.etag,
		"attributes": rows,
		"own": [row for row in rows if row["class_id"] == class_id],
		"may_change": work.principal.may(may.CLASSES_UPDATE),
		"places": [
			(row["class_id"], row["path"])
			for row in await _tree(work)
			if row["path"] != held["path"] and not row["path"].startswith(held["path"] + "/")
		],
		"kinds": [(str(value), _(label)) for value, label in KINDS],
		"form": FormState.of(
			held | {f"document_{kind}": "true" for kind in held["required_documents"]}
		),
		"documents": _documents(),
		"above": await _asked_above(work, held["path"]),
		"attribute_form": FormState.of({"kind": "text"}),
		**more,
	}
	return show(work, "plm/classes/detail.html", status=status, **context)


def _documents() -> list[tuple[str, str]]:
	return [(str(one), _(str(one).replace("_", " ").capitalize())) for one in DocumentKind]


async def _asked_above(work: Work, path: str) -> list[dict[str, Any]]:
	"""Classes above that ask for documents too."""
	return [
		row
		for row in await _tree(work)
		if row["required_documents"] and path.startswith(row["path"] + "/")
	]


@router.get("/classes/{class_id}")
async def class_page(class_id: str, work: Reading) -> Response:
	return await _detail(work, class_id)


@router.post("/classes/{class_id}/edit")
async def change(class_id: str, request: Request, work: Updating) -> Response:
	values = await typed(request, work)
	work.if_match = work.if_match or '""'
	try:
		given = {"name": "", "parent_id": "", "description": "", **values}
		kinds = [
			kind for kind, _label in _documents() if given.pop(f"document_{kind}", "") == "true"
		]
		patch = blank_as_none(given) | {"required_documents": kinds}
		await service.change(work, class_id, checked(ClassPatch, patch))
	except REFUSED as refused:
		await work.close()
		await service.read(work, class_id)
		form = FormState.refused(values, as_invalid(refused))
		return await _detail(work, class_id, 422, block="form", form=form)
	return lead_to(work, f"{HERE}/{class_id}", text=_("Saved"))


@router.post("/classes/{class_id}/remove")
async def remove(class_id: str, work: Updating) -> Response:
	await service.remove(work, class_id)
	return lead_to(work, HERE, text=_("The class is removed."))


@router.post("/classes/{class_id}/attributes")
async def add_attribute(class_id: str, request: Request, work: Updating) -> Response:
	values = await typed(request, work)
	try:
		given = {name: one for name, one in blank_as_none(values).items() if one is not None}
		given["choices"] = [
			one.strip() for one in str(values.get("choices", "")).splitlines() if one.strip()
		]
		await service.add_attribute(work, class_id, checked(AttributeIn, given))
	except REFUSED as refused:
		await work.close()
		await service.read(work, class_id)
		form = FormState.refused(values, as_invalid(refused))
		return await _detail(work, class_id, 422, block="attribute_block", attribute_form=form)
	return lead_to(work, f"{HERE}/{class_id}", text=_("The attribute is defined."))


@router.post("/classes/{class_id}/attributes/{attribute_id}/remove")
async def remove_attribute(class_id: str, attribute_id: str, work: Updating) -> Response:
	await service.remove_attribute(work, class_id, attribute_id)
	return lead_to(work, f"{HERE}/{class_id}", text=_("Taken away"))
