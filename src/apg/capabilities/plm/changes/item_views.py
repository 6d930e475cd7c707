"""`/plm/changes/{id}/items`: the products of a change, the lines of its revisions, rebase, replace."""

from typing import Annotated, Any

from fastapi import Request, Response

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.changes import answers, framing, service
from apg.capabilities.plm.changes.schemas import AffectedIn, AffectedPatch, RebaseIn, ReplaceIn
from apg.capabilities.plm.products import forms, revising
from apg.capabilities.plm.products import framing as products
from apg.capabilities.plm.products.schemas import ProductPatch
from apg.capabilities.plm.refusals import as_invalid
from apg.capabilities.plm.shared.change_states import Disposition, ItemAction, Place
from apg.capabilities.plm.shared.lifecycle import LifecyclePhase
from apg.capabilities.plm.structures import answers as structure
from apg.capabilities.plm.structures import service as lines
from apg.capabilities.plm.structures.schemas import LineIn, LinePatch
from apg.kernel.database import load_json
from apg.kernel.errors import Conflict, Invalid, Problem
from apg.kernel.texts import _
from apg.kernel.web.forms import blank_as_none, checked, typed
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work

router = Router(prefix="/changes/{change_id}", include_in_schema=False)
Reading = Annotated[Work, allow(may.CHANGES_READ)]
Updating = Annotated[Work, allow(may.CHANGES_UPDATE)]
Editing = Annotated[Work, allow(may.STRUCTURES_UPDATE)]
Describing = Annotated[Work, allow(may.PRODUCTS_UPDATE)]


def _refused(values: dict[str, Any], error: Invalid | Conflict) -> FormState:
	problems = error.problems or (Problem("", error.message, error.code.lower()),)
	named = [Problem(one.field.removeprefix("items.0."), one.message, one.code) for one in problems]
	return FormState.refused(values, Invalid(error.message, problems=named))


def _redline(change_id: str) -> str:
	return f"/plm/changes/{change_id}?tab=redline"


# -- products -----------------------------------------------------------------------------------


async def _adding(work: Work, change_id: str, form: FormState, status: int = 200) -> Response:
	return show(
		work,
		"plm/changes/item_new.html",
		status=status,
		block="form" if status != 200 else None,
		change=await framing.change_of(work, change_id),
		form=form,
		actions=framing.choices(ItemAction),
		phases=framing.choices(LifecyclePhase),
	)


@router.get("/items/new")
async def adding_page(change_id: str, work: Updating) -> Response:
	return await _adding(work, change_id, FormState.of({}))


@router.post("/items/new")
async def add_item(change_id: str, request: Request, work: Updating) -> Response:
	values = await typed(request, work)
	names = ("product_number", "action", "new_phase", "note")
	given = {
		name: one
		for name, one in blank_as_none({n: values.get(n, "") for n in names}).items()
		if one is not None
	}
	try:
		if number := values.get("replaces_number"):
			held = await service.product_named(work, str(number))
			given["replaces_product_id"] = held
		await service.add_items(work, change_id, [checked(AffectedIn, given)])
	except (Invalid, Conflict) as refused:
		await work.close()
		return await _adding(work, change_id, _refused(values, refused), 422)
	return lead_to(work, _redline(change_id), text=_("The product is added."))


async def _deciding(
	work: Work, change_id: str, item_id: str, form: FormState | None = None, status: int = 200
) -> Response:
	item = load_json((await answers.item(work, change_id, item_id)).body)
	held = {
		**{place: one["decision"] for place, one in item["dispositions"].items()},
		**{f"done_{place}": "done_at" in one for place, one in item["dispositions"].items()},
		"interchangeable": item["interchangeable"] or "",
		"note": item["note"] or "",
	}
	return show(
		work,
		"plm/changes/item.html",
		status=status,
		block="form" if status != 200 else None,
		change=await framing.change_of(work, change_id),
		item=item,
		form=form or FormState.of(held),
		places=framing.choices(Place),
		decisions=framing.choices(Disposition),
		interchange=[
			("yes", _("Both ways")),
			("forward", _("The new one fits for the old one")),
			("backward", _("The old one fits for the new one")),
			("no", _("Not at all")),
		],
	)


@router.get("/items/{item_id}")
async def item_page(change_id: str, item_id: str, work: Updating) -> Response:
	return await _deciding(work, change_id, item_id)


@router.post("/items/{item_id}")
async def decide_item(change_id: str, item_id: str, request: Request, work: Updating) -> Response:
	values = await typed(request, work)
	try:
		change = await service.found(work, change_id)
		if change.status == "implemented":
			done = [str(place) for place in Place if values.get(f"done_{place}") == "true"]
			patch = checked(AffectedPatch, {"done": done})
		else:
			decided = {str(place): values[place] for place in Place if values.get(place)}
			patch = checked(
				AffectedPatch,
				{
					"dispositions": decided,
					"interchangeable": values.get("interchangeable") or None,
					"note": values.get("note") or None,
				},
			)
		await service.change_item(work, change_id, item_id, patch)
	except (Invalid, Conflict) as refused:
		await work.close()
		return await _deciding(work, change_id, item_id, _refused(values, refused), 422)
	return lead_to(work, _redline(change_id), text=_("Saved."))


@router.post("/items/{item_id}/remove")
async def remove_item(change_id: str, item_id: str, request: Request, work: Updating) -> Response:
	await typed(request, work)
	await service.remove_item(work, change_id, item_id)
	return lead_to(work, _redline(change_id), text=_("The product is taken out."))


# -- lines of the order's revision --------------------------------------------------------------


async def _lines_page(
	work: Work,
	change_id: str,
	item_id: str,
	form: FormState | None = None,
	status: int = 200,
	adding: bool = False,
) -> Response:
	item = load_json((await answers.item(work, change_id, item_id)).body)
	revision = item["to_revision_id"]
	rows = load_json(await structure.lines(work, item["product_id"], revision))
	return show(
		work,
		"plm/changes/lines.html",
		status=status,
		block="adding" if adding else None,
		adding=adding,
		change=await framing.change_of(work, change_id),
		item=item,
		product=await products.product_of(work, item["product_id"], revision),
		lines=rows,
		form=form or FormState.of({"quantity": "1"}),
	)


@router.get("/items/{item_id}/lines")
async def lines_page(change_id: str, item_id: str, work: Editing) -> Response:
	return await _lines_page(work, change_id, item_id)


async def _place(work: Work, change_id: str, item_id: str) -> tuple[str, str]:
	"""Product and working revision of one item."""
	item = load_json((await answers.item(work, change_id, item_id)).body)
	if item["to_revision_id"] is None:
		raise Conflict(_("The change opens no revision of this product."))
	return item["product_id"], item["to_revision_id"]


@router.post("/items/{item_id}/lines")
async def add_line(change_id: str, item_id: str, request: Request, work: Editing) -> Response:
	values = await typed(request, work)
	names = ("product_number", "quantity", "unit", "find_number", "designators", "note")
	given = blank_as_none({name: values.get(name, "") for name in names})
	try:
		product, revision = await _place(work, change_id, item_id)
		new = checked(LineIn, {name: one for name, one in given.items() if one is not None})
		await lines.add_line(work, product, new, revision)
	except (Invalid, Conflict) as refused:
		await work.close()
		form = _refused(values, refused)
		return await _lines_page(work, change_id, item_id, form, 422, adding=True)
	path = f"/plm/changes/{change_id}/items/{item_id}/lines"
	return lead_to(work, path, text=_("The line is added."))


@router.post("/items/{item_id}/lines/{line_uid}")
async def change_line(
	change_id: str, item_id: str, line_uid: str, request: Request, work: Editing
) -> Response:
	values = await typed(request, work)
	try:
		product, revision = await _place(work, change_id, item_id)
		if values.get("remove"):
			await lines.remove_line(work, product, line_uid, revision)
			text = _("The line is taken out.")
		else:
			given = {
				name: values[name] for name in ("quantity", "product_number") if values.get(name)
			}
			await lines.change_line(work, product, line_uid, checked(LinePatch, given), revision)
			text = _("The line is saved.")
	except (Invalid, Conflict) as refused:
		await work.close()
		return await _lines_page(work, change_id, item_id, _refused({}, refused), 422)
	return lead_to(work, f"/plm/changes/{change_id}/items/{item_id}/lines", text=text)


# -- fields of the order's revision -------------------------------------------------------------


async def _fields_page(
	work: Work, change_id: str, item_id: str, values: dict[str, Any] | None = None,
	refused: Invalid | None = None,
) -> Response:  # fmt: skip
	item = load_json((await answers.item(work, change_id, item_id)).body)
	product = await products.product_of(work, item["product_id"], item["to_revision_id"])
	shown = forms.with_seen(product)
	if refused is not None:
		shown |= {name: text for name, text in (values or {}).items() if name in forms.OF_REVISION}
	return show(
		work,
		"plm/changes/fields.html",
		status=200 if refused is None else 422,
		block=None if refused is None else "form",
		change=await framing.change_of(work, change_id),
		item=item,
		form=FormState.of(shown) if refused is None else FormState.refused(shown, refused),
	)


@router.get("/items/{item_id}/fields")
async def fields_page(change_id: str, item_id: str, work: Describing) -> Response:
	await _place(work, change_id, item_id)
	return await _fields_page(work, change_id, item_id)


@router.post("/items/{item_id}/fields")
async def change_fields(
	change_id: str, item_id: str, request: Request, work: Describing
) -> Response:
	"""Only what this person changed is saved; what somebody else changed meanwhile is asked."""
	values = await typed(request, work)
	own = {name: one for name, one in values.items() if name in {*forms.OF_REVISION, forms.SEEN}}
	try:
		product_id, revision = await _place(work, change_id, item_id)
		rows = forms.conflicts(own, await products.product_of(work, product_id, revision))
		if rows:
			text = _("Somebody changed this to “{theirs}” meanwhile; save again to overwrite it.")
			problems = [
				Problem(row["name"], text.format(theirs=row["theirs"]), "conflict") for row in rows
			]
			raise Invalid(_("Somebody else saved meanwhile."), problems=problems)
		patch = checked(ProductPatch, forms.changed(own))
		await revising.change_revision(work, product_id, revision, patch)
	except (Invalid, Conflict) as refused:
		await work.close()
		told = refused if isinstance(refused, Invalid) and refused.problems else as_invalid(refused)
		return await _fields_page(work, change_id, item_id, values, told)
	return lead_to(work, _redline(change_id), text=_("The fields are saved."))


# -- rebase -------------------------------------------------------------------------------------


@router.get("/items/{item_id}/rebase")
async def rebase_page(change_id: str, item_id: str, work: Updating) -> Response:
	found = await service.look_at_rebase(work, change_id, item_id)
	item = load_json((await answers.item(work, change_id, item_id)).body)
	change = await framing.change_of(work, change_id)
	return show(work, "plm/changes/rebase.html", change=change, item=item, found=found)


@router.post("/items/{item_id}/rebase")
async def rebase(change_id: str, item_id: str, request: Request, work: Updating) -> Response:
	values = await typed(request, work)
	choices = [
		{"line_uid": uid, "field": field, "side": side}
		for name, side in values.items()
		if name.startswith("choice|") and side in ("mine", "theirs")
		for uid, field in [name.removeprefix("choice|").split("|", 1)]
	]
	done = await service.rebase(work, change_id, item_id, checked(RebaseIn, {"choices": choices}))
	if not done["rebased"]:
		text = _("Choose a side everywhere.")
		path = f"/plm/changes/{change_id}/items/{item_id}/rebase"
		return lead_to(work, path, text=text, kind="warn")
	text = _("The product stands on the released revision now.")
	return lead_to(work, _redline(change_id), text=text)


# -- replace everywhere -------------------------------------------------------------------------


async def _replacing(
	work: Work, change_id: str, form: FormState, rows: Any = None, status: int = 200
) -> Response:
	return show(
		work,
		"plm/changes/replace.html",
		status=status,
		change=await framing.change_of(work, change_id),
		form=form,
		rows=rows,
	)


@router.get("/replace")
async def replace_page(
	change_id: str, work: Updating, product: str = "", instead: str = ""
) -> Response:
	form = FormState.of({"product_number": product, "with_product_number": instead})
	if not (product and instead):
		return await _replacing(work, change_id, form)
	try:
		given = ReplaceIn(product_number=product, with_product_number=instead, preview=True)
		rows = await service.replace_everywhere(work, change_id, given)
	except Invalid as refused:
		values = {"product_number": product, "with_product_number": instead}
		return await _replacing(work, change_id, _refused(values, refused), status=422)
	return await _replacing(work, change_id, form, rows)


@router.post("/replace")
async def replace(change_id: str, request: Request, work: Updating) -> Response:
	values = await typed(request, work)
	try:
		given = {
			"product_number": values.get("product_number"),
			"with_product_number": values.get("with_product_number"),
			"parents": values.get("parents") or [],
		}
		done = await service.replace_everywhere(work, change_id, checked(ReplaceIn, given))
	except (Invalid, Conflict) as refused:
		await work.close()
		return await _replacing(work, change_id, _refused(values, refused), status=422)
	text = _("{n} lines are changed.", n=len([row for row in done if row["in_change"]]))
	return lead_to(work, _redline(change_id), text=text)
