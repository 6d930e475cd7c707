"""`/api/v1/calibration/instruments`."""

from typing import Annotated

from apg.kernel.web.envelopes import bare, bare_page
from apg.kernel.web.guarded_route import Router, allow
from apg.kernel.web.lists import ListState
from apg.kernel.web.wire import IdText
from apg.kernel.work import Work
from fastapi import Request, Response

from apg_calibration.instruments import service
from apg_calibration.instruments.schemas import (
	LIST_API,
	CalibrationIn,
	InstrumentIn,
	InstrumentOut,
)
from apg_calibration.permissions import INSTRUMENTS_CREATE, INSTRUMENTS_READ, INSTRUMENTS_UPDATE

router = Router(prefix="/instruments", tags=["Calibration"])


@router.get("", response_model=list[InstrumentOut])
async def list_instruments(
	request: Request, work: Annotated[Work, allow(INSTRUMENTS_READ)]
) -> Response:
	"""The company's instruments, those that are due first. Filter: search."""
	state = ListState.of(LIST_API, request)
	page = await service.listed(work, state)
	return bare_page(request, page, limit=state.page_size, offset=state.offset)


@router.post("", response_model=InstrumentOut, status_code=201)
async def create_instrument(
	body: InstrumentIn, work: Annotated[Work, allow(INSTRUMENTS_CREATE)]
) -> Response:
	"""Adds an instrument."""
	made = await service.create(work, body)
	place = {"Location": f"/api/v1/calibration/instruments/{made.id}"}
	return bare(work, await service.read(work, made.id), status=201, headers=place)


@router.get("/{instrument_id}", response_model=InstrumentOut)
async def read_instrument(
	instrument_id: IdText, work: Annotated[Work, allow(INSTRUMENTS_READ)]
) -> Response:
	"""One instrument."""
	return bare(work, await service.read(work, instrument_id))


@router.post("/{instrument_id}/calibrations", response_model=InstrumentOut)
async def calibrate_instrument(
	instrument_id: IdText, body: CalibrationIn, work: Annotated[Work, allow(INSTRUMENTS_UPDATE)]
) -> Response:
	"""Notes a calibration; the next one is due after the interval."""
	await service.calibrate(work, instrument_id, body)
	return bare(work, await service.read(work, instrument_id))
