"""`/plm/compliance`: the matrix, and what is known of one product."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import Query, Request, Response
from starlette.datastructures import UploadFile

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.compliance import list_files, lists, matrix, service
from apg.capabilities.plm.compliance.evaluating import STANDINGS
from apg.capabilities.plm.compliance.schemas import DeclarationIn, ListIn, StatusIn
from apg.capabilities.plm.compliance.seeding import seed_regulations
from apg.capabilities.plm.products import framing as products
from apg.capabilities.plm.shared.compliance_math import Basis
from apg.embedded.confined import Broken, Overrun, Refusal, confined
from apg.kernel.database import load_json
from apg.kernel.errors import Conflict, Invalid, NotFound, Problem
from apg.kernel.texts import _
from apg.kernel.web.forms import blank_as_none, checked, typed
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work

router = Router(include_in_schema=False)
Reading = Annotated[Work, allow(may.COMPLIANCE_READ)]
Updating = Annotated[Work, allow(may.COMPLIANCE_UPDATE)]
Uploading = Annotated[
	Work,
	allow(may.COMPLIANCE_UPDATE, body_limit=list_files.MOST_BYTES + 100_000, form=True),
]
READER_MEMORY, READER_SECONDS = 256_000_000, 10.0
STATUS_FIELDS = ("status", "evidence", "valid_until", "note")
DECLARED_FIELDS = (
	*("regulation", "substance", "material", "share", "exemption", "exempt_until"),
	*("evidence", "declared_on"),
)


@router.get("/compliance")
async def matrix_page(
	work: Reading,
	page: Annotated[int, Query(ge=1, le=100_000)] = 1,
	search: Annotated[str, Query(max_length=100)] = "",
) -> Response:
	regulations = load_json(await work.read_json(service.select_regulations()))
	return show(
		work,
		"plm/compliance/matrix.html",
		tones=STANDINGS,
		regulations=regulations,
		may_update=work.principal.may(may.COMPLIANCE_UPDATE),
		**await matrix.page_of(work, page, search.strip()),
	)


@router.post("/compliance/start")
async def start(request: Request, work: Updating) -> Response:
	await typed(request, work)
	await seed_regulations(work)
	return lead_to(work, "/plm/compliance", text=_("The regulations are there."))


@router.get("/compliance/lists/new")
async def list_page(
	work: Updating, regulation: Annotated[str, Query(max_length=100)] = ""
) -> Response:
	return await _list_form(work, FormState.of({"regulation": regulation}))


@router.post("/compliance/lists/new")
async def take_list(request: Request, work: Uploading) -> Response:
	async with request.form(max_files=1, max_fields=20) as sent:
		values = {name: str(sent.get(name) or "") for name in ("regulation", "list_version")}
		try:
			taken, wrong, unused = await _read_file(sent.get("file"))
			if wrong:
				problem = Problem("file", _("The file has {n} rows to mend.", n=len(wrong)))
				form = FormState(values, [problem])
				return await _list_form(
					work, form, 422, block="form", wrong=wrong, right=len(taken)
				)
			given = checked(
				ListIn, {"list_version": values["list_version"].strip(), "substances": taken}
			)
			found = await lists.load_list(work, values["regulation"], given)
		except (Invalid, Conflict, NotFound) as refused:
			await work.close()
			return await _list_form(work, _at_fields(values, refused), 422, block="form")
	text = _("{n} substances are in force for {name}.", n=len(taken), name=found.name)
	if unused:
		text += " " + _("Not used: {names}.", names=", ".join(unused[:8]))
	return lead_to(work, "/plm/compliance", text=text)


async def _read_file(file: object) -> list_files.Found:
	"""Raises Invalid at the field, with the remedy."""
	if not isinstance(file, UploadFile) or not file.filename:
		raise Invalid.one("file", _("Choose a file."), "missing")
	content = await file.read(list_files.MOST_BYTES + 1)
	if len(content) > list_files.MOST_BYTES:
		raise Invalid.one(
			"file", _("The file is larger than 2 MB. Leave columns out."), "too_large"
		)
	try:
		return await confined(list_files.read_list, READER_MEMORY, READER_SECONDS, content)
	except Refusal as refused:
		raise Invalid.one("file", f"{refused.reason} {refused.remedy}", "unreadable") from refused
	except (Overrun, Broken) as broken:
		raise Invalid.one(
			"file", _("The file could not be read. Save it as CSV and try again."), "unreadable"
		) from broken


def _at_fields(values: dict[str, str], error: Invalid | Conflict | NotFound) -> FormState:
	field = {"NO_LIST": "regulation", "LIST_EXISTS": "list_version"}.get(
		error.code, "regulation" if isinstance(error, NotFound) else ""
	)
	problems = error.problems or (Problem(field, error.message, error.code.lower()),)
	return FormState(values, list(problems))


async def _list_form(work: Work, form: FormState, status: int = 200, **more: Any) -> Response:
	regulations = load_json(await work.read_json(service.select_regulations()))
	return show(
		work,
		"plm/compliance/list_file.html",
		status=status,
		**{"form": form, "wrong": [], "right": 0, **more},
		lists=[
			(one["regulation_id"], one["name"])
			for one in regulations
			if one["is_active"] and one["basis"] != Basis.NONE
		],
	)


async def _page(work: Work, product_id: str, status: int = 200, **forms: FormState) -> Response:
	frame = await products.frame(work, product_id, "compliance")
	product = frame["product"]
	statuses = await service.of_product(work, product["product_id"])
	declared = load_json(
		await work.read_json(service.select_declarations(product["product_id"]).limit(500))
	)
	regulations = load_json(await work.read_json(service.select_regulations()))
	active = [one for one in regulations if one["is_active"]]
	return show(
		work,
		"plm/compliance/product.html",
		status=status,
		**frame,
		statuses=statuses,
		declared=declared,
		tones=STANDINGS,
		form=forms.get("form") or FormState.of({}),
		declaring=replace(forms.get("declaring") or FormState.of({}), prefix="declared-"),
		codes=[(one["code"], one["name"]) for one in active],
		lists=[(one["code"], one["name"]) for one in active if one["basis"] != Basis.NONE],
		words=[
			("pending", _("Pending")),
			("compliant", _("Compliant")),
			("exempt", _("Exempt until a day")),
			("non_compliant", _("Not compliant")),
		],
		may_update=work.principal.may(may.COMPLIANCE_UPDATE),
	)


@router.get("/products/{product_id}/compliance")
async def product_page(product_id: str, work: Reading) -> Response:
	return await _page(work, product_id)


@router.post("/products/{product_id}/compliance")
async def record(product_id: str, request: Request, work: Updating) -> Response:
	values = await typed(request, work)
	try:
		given = blank_as_none({name: values.get(name, "") for name in STATUS_FIELDS})
		code = str(values.get("code") or "")
		await service.record(work, product_id, code, checked(StatusIn, given))
	except (Invalid, Conflict) as refused:
		await work.close()
		return await _page(work, product_id, 422, form=_refused(values, refused))
	return lead_to(work, f"/plm/products/{product_id}/compliance", text=_("Recorded."))


@router.post("/products/{product_id}/declarations")
async def declare(product_id: str, request: Request, work: Updating) -> Response:
	values = await typed(request, work)
	try:
		given = blank_as_none({name: values.get(name, "") for name in DECLARED_FIELDS})
		given["material"] = given["material"] or ""
		await service.declare(work, product_id, checked(DeclarationIn, given))
	except (Invalid, Conflict) as refused:
		await work.close()
		return await _page(work, product_id, 422, declaring=_refused(values, refused))
	return lead_to(work, f"/plm/products/{product_id}/compliance", text=_("Declared."))


@router.post("/products/{product_id}/declarations/{declaration_id}/remove")
async def withdraw(
	product_id: str, declaration_id: str, request: Request, work: Updating
) -> Response:
	await typed(request, work)
	work.if_match = None
	await service.withdraw(work, product_id, declaration_id)
	return lead_to(work, f"/plm/products/{product_id}/compliance", text=_("Withdrawn."))


def _refused(values: dict[str, Any], error: Invalid | Conflict) -> FormState:
	problems = error.problems or (Problem("", error.message, error.code.lower()),)
	return FormState.refused(values, Invalid(error.message, problems=problems))
