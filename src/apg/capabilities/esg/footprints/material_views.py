"""`/esg/materials` and `/esg/supplier-footprints`: lists and forms."""

from typing import Annotated, Any

from fastapi import Request, Response

from apg.capabilities.esg import permissions as may
from apg.capabilities.esg.footprints import materials as held
from apg.capabilities.esg.footprints import suppliers
from apg.capabilities.esg.footprints.own import company_gwp_set
from apg.capabilities.esg.footprints.schemas import (
	Boundary,
	MaterialIn,
	MaterialPatch,
	SupplierFootprintIn,
	Verification,
)
from apg.capabilities.esg.shared.ghg import gwp_sets
from apg.kernel.database import load_json
from apg.kernel.errors import Conflict, Invalid, Problem
from apg.kernel.stamps import utc_now
from apg.kernel.texts import N_, _
from apg.kernel.web.forms import checked, typed
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import Column, Filter, ListSpec, ListState
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work

materials = Router(prefix="/materials", include_in_schema=False)
statements = Router(prefix="/supplier-footprints", include_in_schema=False)
Reading = Annotated[Work, allow(may.MATERIALS_READ)]
Naming = Annotated[Work, allow(may.MATERIALS_UPDATE)]
MATERIALS = ListSpec(
	columns=(
		Column("name", "Material"),
		Column("aliases", "Also written"),
		Column("activity_code", "Stands for"),
		Column("region", "Region"),
		Column("is_estimate", "Standing"),
	),
	filters=(Filter("search", "Search materials"),),
)
STATEMENTS = ListSpec(
	columns=(
		Column("product_number", "Product"),
		Column("supplier", "Supplier"),
		Column("carbon", "Stated", kind="number"),
		Column("validity", "In force"),
		Column("verification", "Verified"),
		Column("evidence", "Evidence"),
	),
)
BOUNDARIES = (
	(Boundary.CRADLE_TO_GATE, N_("Cradle to gate")),
	(Boundary.CRADLE_TO_GRAVE, N_("Cradle to grave")),
	(Boundary.GATE_TO_GATE, N_("Gate to gate")),
)
VERIFICATIONS = (
	(Verification.NONE, N_("Not verified")),
	(Verification.SUPPLIER, N_("By the supplier itself")),
	(Verification.THIRD_PARTY, N_("By a third party")),
)


@materials.get("")
async def list_page(request: Request, work: Reading) -> Response:
	state = ListState.of(MATERIALS, request)
	search: Any = state["search"]
	page = await held.page(work, search=search, limit=state.page_size, offset=state.offset)
	return show(
		work,
		"esg/footprints/materials.html",
		state=state,
		rows=load_json(page.body),
		total=page.total,
		unmatched=await held.unmatched(work),
		may_update=work.principal.may(may.MATERIALS_UPDATE),
	)


async def _form(
	work: Work,
	form: FormState,
	material: Any = None,
	*,
	etag: str = "",
	status: int = 200,
	**more: Any,
) -> Response:
	return show(
		work,
		"esg/footprints/material.html",
		form=form,
		material=material,
		etag=etag,
		status=status,
		**more,
	)


def _given(values: dict[str, Any]) -> dict[str, Any]:
	given = {name: value for name, value in values.items() if value != ""}
	lines = str(values.get("aliases") or "").splitlines()
	given["aliases"] = [line.strip() for line in lines if line.strip()]
	given["is_estimate"] = values.get("is_estimate") in ("true", "on", "1")
	return given


@materials.get("/new")
async def new_page(work: Naming, name: str = "") -> Response:
	return await _form(work, FormState.of({"name": name[:200], "region": "001"}))


@materials.post("/new")
async def create(request: Request, work: Naming) -> Response:
	values = await typed(request, work)
	try:
		await held.create(work, checked(MaterialIn, _given(values)))
	except (Invalid, Conflict) as refused:
		await work.close()
		return await _form(work, _again(values, refused), status=422, block="form")
	return lead_to(work, "/esg/materials", text=_("The material is there."))


def _again(values: dict[str, Any], refused: Invalid | Conflict) -> FormState:
	problems = list(refused.problems) or [Problem("", refused.message)]
	return FormState(
		values,
		[
			Problem("aliases", one.message) if one.field.startswith("aliases") else one
			for one in problems
		],
	)


@materials.get("/{material_id}")
async def edit_page(material_id: str, work: Naming) -> Response:
	found = await held.read(work, material_id)
	material = load_json(found.body)
	form = FormState.of(material, aliases="\n".join(material["aliases"]))
	return await _form(work, form, material, etag=found.etag or "")


@materials.post("/{material_id}")
async def change(material_id: str, request: Request, work: Naming) -> Response:
	values = await typed(request, work)
	etag = work.if_match or ""
	try:
		given = _given(values)
		given.setdefault("note", None)
		await held.change(work, material_id, checked(MaterialPatch, given))
	except (Invalid, Conflict) as refused:
		await work.close()
		material = {"id": material_id, "name": values.get("name")}
		form = _again(values, refused)
		return await _form(work, form, material, etag=etag, status=422, block="form")
	return lead_to(work, "/esg/materials", text=_("Saved"))


@materials.post("/{material_id}/delete")
async def remove(material_id: str, work: Naming) -> Response:
	await held.remove(work, material_id)
	text = _("The material is removed; recorded footprints stand.")
	return lead_to(work, "/esg/materials", text=text)


# -- suppliers ---------------------------------------------------------------------------------


@statements.get("")
async def statements_page(
	request: Request, work: Annotated[Work, allow(may.SUPPLIERS_READ)]
) -> Response:
	state = ListState.of(STATEMENTS, request)
	page = await suppliers.page(work, limit=state.page_size, offset=state.offset)
	return show(
		work,
		"esg/footprints/statements.html",
		state=state,
		rows=load_json(page.body),
		total=page.total,
		verifications={str(value): _(label) for value, label in VERIFICATIONS},
		may_create=work.principal.may(may.SUPPLIERS_CREATE),
		may_withdraw=work.principal.may(may.SUPPLIERS_DELETE),
	)


async def _statement_form(
	work: Work, form: FormState, *, status: int = 200, **more: Any
) -> Response:
	return show(
		work,
		"esg/footprints/statement.html",
		form=form,
		status=status,
		boundaries=[(str(value), _(label)) for value, label in BOUNDARIES],
		verifications=[(str(value), _(label)) for value, label in VERIFICATIONS],
		sets=[(code, code) for code in gwp_sets()],
		**more,
	)


@statements.get("/new")
async def new_statement(
	work: Annotated[Work, allow(may.SUPPLIERS_CREATE)], product: str = ""
) -> Response:
	start = {
		"product_number": product[:200],
		"amount": "1",
		"unit": "each",
		"gwp_set": company_gwp_set(work),
		"boundary": "cradle_to_gate",
		"verification": "none",
		"valid_from": f"{utc_now().year}-01-01",
	}
	return await _statement_form(work, FormState.of(start))


@statements.post("/new")
async def record_statement(
	request: Request, work: Annotated[Work, allow(may.SUPPLIERS_CREATE)]
) -> Response:
	values = await typed(request, work)
	try:
		given = {name: value for name, value in values.items() if value != ""}
		await suppliers.create(work, checked(SupplierFootprintIn, given))
	except (Invalid, Conflict) as refused:
		await work.close()
		problems = list(refused.problems) or [Problem("", refused.message)]
		form = FormState(values, problems)
		return await _statement_form(work, form, status=422, block="form")
	return lead_to(work, "/esg/supplier-footprints", text=_("The statement is recorded."))


@statements.post("/{statement_id}/withdraw")
async def withdraw(
	statement_id: str, work: Annotated[Work, allow(may.SUPPLIERS_DELETE)]
) -> Response:
	await suppliers.withdraw(work, statement_id)
	text = _("The statement no longer counts; recorded footprints stand.")
	return lead_to(work, "/esg/supplier-footprints", text=text)
