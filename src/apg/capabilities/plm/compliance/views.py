"""`/plm/compliance`: the matrix, and what is known of one product."""

from typing import Annotated, Any

from fastapi import Query, Request, Response

from apg.capabilities.plm import permissions as may
from apg.capabilities.plm.compliance import matrix, service
from apg.capabilities.plm.compliance.evaluating import STANDINGS
from apg.capabilities.plm.compliance.schemas import DeclarationIn, StatusIn
from apg.capabilities.plm.compliance.seeding import seed_regulations
from apg.capabilities.plm.products import framing as products
from apg.capabilities.plm.shared.compliance_math import Basis
from apg.kernel.database import load_json
from apg.kernel.errors import Conflict, Invalid, Problem
from apg.kernel.texts import _
from apg.kernel.web.forms import blank_as_none, checked, typed
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work

router = Router(include_in_schema=False)
Reading = Annotated[Work, allow(may.COMPLIANCE_READ)]
Updating = Annotated[Work, allow(may.COMPLIANCE_UPDATE)]
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


async def _page(
	work: Work, product_id: str, form: FormState | None = None, status: int = 200
) -> Response:
	product = await products.product_of(work, product_id)
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
		product=product,
		statuses=statuses,
		declared=declared,
		tones=STANDINGS,
		form=form or FormState.of({}),
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
		return await _page(work, product_id, _refused(values, refused), 422)
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
		return await _page(work, product_id, _refused(values, refused), 422)
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
