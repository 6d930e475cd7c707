"""`/calibration`."""

from typing import Annotated

from apg.kernel.database import load_json
from apg.kernel.errors import Conflict, Invalid, Problem
from apg.kernel.texts import _
from apg.kernel.web.forms import blank_as_none, checked, typed
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import ListState
from apg.kernel.web.pages import FormState
from apg.kernel.web.show import lead_to, show
from apg.kernel.work import Work
from fastapi import Request, Response

from apg_calibration.instruments import service
from apg_calibration.instruments.schemas import LIST, InstrumentIn
from apg_calibration.permissions import INSTRUMENTS_CREATE, INSTRUMENTS_READ

router = Router(include_in_schema=False)


@router.get("")
async def list_page(request: Request, work: Annotated[Work, allow(INSTRUMENTS_READ)]) -> Response:
	state = ListState.of(LIST, request)
	page = await service.listed(work, state)
	return show(
		work,
		"calibration/instruments/list.html",
		state=state,
		rows=load_json(page.body),
		total=page.total,
		may_create=work.principal.may(INSTRUMENTS_CREATE),
	)


@router.get("/new")
async def new_page(work: Annotated[Work, allow(INSTRUMENTS_CREATE)]) -> Response:
	form = FormState.of({"interval_months": 12})
	return show(work, "calibration/instruments/form.html", form=form)


@router.post("/new")
async def create(request: Request, work: Annotated[Work, allow(INSTRUMENTS_CREATE)]) -> Response:
	values = await typed(request, work)
	try:
		made = await service.create(work, checked(InstrumentIn, blank_as_none(values)))
	except (Invalid, Conflict) as refused:
		await work.close()
		form = FormState(values, refused.problems or [Problem("", refused.message)])
		return show(work, "calibration/instruments/form.html", block="form", status=422, form=form)
	return lead_to(work, "/calibration", text=_("{number} is added.", number=made.number))
