"""`/admin/reference`: exchange rates; the units stand beside them."""

from typing import Annotated, Any

from fastapi import Request, Response

from apg.kernel.database import load_json
from apg.kernel.errors import Invalid
from apg.kernel.stamps import utc_now
from apg.kernel.texts import _
from apg.kernel.web.forms import blank_as_none, checked, typed
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import ListState
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work
from apg.platform.reference.permissions import RATES_CREATE, RATES_DELETE, RATES_READ
from apg.platform.reference.rates import service
from apg.platform.reference.rates.schemas import RATES, RateIn

PLACE = "/admin/reference"
router = Router(include_in_schema=False)


@router.get("")
async def rates(request: Request, work: Annotated[Work, allow(RATES_READ)]) -> Response:
	state = ListState.of(await service.spec(work, RATES), request)
	page = await service.listed(work, state)
	files, may_delete = await service.files(work), work.principal.may(RATES_DELETE)
	return show(
		work, "reference/rates/list.html", state=state, rows=load_json(page.body), page=page,
		files=files, may_create=work.principal.may(RATES_CREATE), may_delete=may_delete,
	)  # fmt: skip


@router.get("/rates/new")
async def new_rate(work: Annotated[Work, allow(RATES_CREATE)]) -> Response:
	form = FormState.of({"date": utc_now().date().isoformat(), "source": _("own")})
	return await _form(work, form)


@router.post("/rates/new")
async def record_rate(request: Request, work: Annotated[Work, allow(RATES_CREATE)]) -> Response:
	given = await typed(request, work)
	try:
		await service.record(work, checked(RateIn, blank_as_none(given)))
	except Invalid as refused:
		return await _form(work, FormState.refused(given, refused), status=422, block="form")
	return lead_to(work, f"{PLACE}?own=true", text=_("Recorded"))


@router.post("/rates/{rate_id}/delete")
async def remove_rate(rate_id: str, work: Annotated[Work, allow(RATES_DELETE)]) -> Response:
	await service.remove(work, rate_id)
	return lead_to(work, f"{PLACE}?own=true", text=_("Removed"))


async def _form(work: Work, form: FormState, **context: Any) -> Response:
	codes = [(code, code) for code in await service.active_codes(work) if code != "EUR"]
	return show(work, "reference/rates/form.html", form=form, codes=codes, **context)
